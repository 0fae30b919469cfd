/* mixture.h - points drawn from a Gaussian mixture. Point n depends on the stream's name, the seed
 * and n alone, so that fewer points are the first of more; it is the same on every machine. */
#ifndef GMMSWEEP_MIXTURE_H
#define GMMSWEEP_MIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What to draw from; the arrays are the caller's. */
struct mixture {
    uint64_t seed;
    const char *stream; /* what the points are for: another purpose, other points */
    size_t n_components, n_features;
    const double *cumulative; /* [K] mixture_accumulate's */
    const double *means;      /* [K, D] */
    const double *deviations; /* [K, D] standard deviations, or NULL: factors hold instead */
    const double *factors;    /* [K, D, D], or of all components one [D, D]: mixture_factor's */
    size_t factor_stride;     /* doubles from a component's factor to the next one's, or 0 */
};

/* cumulative [K]: the sums of weights [K] (NULL: equal ones) up to each, as shares of the sum of
 * all, which is returned; they are to be used only if it is positive and finite. */
double mixture_accumulate(size_t n_components, const double *weights, double *cumulative);

/* factor [n, n] becomes the transpose of the Cholesky factor of `matrix`, of which the lower
 * triangle is read; zeros below its diagonal. False if the matrix is not positive definite. */
bool mixture_factor(size_t n, const double *matrix, double *factor);

/* The component of point n. */
size_t mixture_component(const struct mixture *mixture, uint64_t n);

/* out [D]: point n, whose component is returned. normals [D]: work. */
size_t mixture_draw(const struct mixture *mixture, uint64_t n, double *normals, double *out);

#endif
