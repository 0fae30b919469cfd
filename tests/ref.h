/* ref.h - naive twins of the arithmetic: each follows its formula line by line, in long double and
 * with row-major data, and shares neither layout nor tricks nor code with src/. */
#ifndef GMMSWEEP_REF_H
#define GMMSWEEP_REF_H

#include "names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- one chunk, as kernels.h --- */

/* Element (n, d) of a chunk y [ROWS_CHUNK_BLOCKS, D, ROWS_BLOCK]. */
double ref_at(const double *y, size_t n_features, size_t n, size_t d);

/* Twins of kernels_distance, kernels_posterior, kernels_moments, kernels_totals and so on: the same
 * arguments and the same formulas. resp [K, ROWS_CHUNK] is apart from distance. Of ref_cross the
 * lower triangle is meant as a whole. */
void ref_distance(size_t n_features, const double *y, size_t n_components, const double *scale,
                  size_t scale_stride, const double *shift, double *distance);
long double ref_posterior(size_t n_components, const double *constant, const double *weight,
                          const double *distance, double *resp);
void ref_moments(size_t n_features, const double *y, size_t n_components, const double *mean,
                 const double *resp, double *count, double *first, double *second);
void ref_totals(size_t n_features, const double *y, size_t n_components, const double *resp,
                const double *norm, double *count, double *total, double *square);
long double ref_assign(size_t n_components, const double *weight, const double *resp,
                       int32_t *component);

void ref_cross(size_t n_features, const double *y, const double *mean, const double *resp,
               double *second);
void ref_linear(size_t n_features, const double *y, size_t n_components, const double *direction,
                const double *length, const double *norm, const double *precision,
                double *distance);
void ref_mahalanobis(size_t n_features, const double *y, const double *mean,
                     const double *inverse_factor, double *distance);

/* --- one symmetric matrix [n, n] --- */

/* The lower Cholesky factor with zeros above; false if matrix is not positive definite. */
bool ref_cholesky(size_t n, const long double *matrix, long double *lower);

/* Eigenvalues [n], unordered, and eigenvectors in the rows of vectors [n, n]. (Jacobi 1846; Golub &
 * Van Loan 2013, section 8.5) */
void ref_eigen(size_t n, const long double *matrix, long double *values, long double *vectors);

/* --- a whole mixture, in the user's units --- */

struct ref_data {
    size_t n_rows, n_features;
    const double *x;      /* [N, D] */
    const double *weight; /* [N] or NULL: all 1 */
};

/* A mixture of any family: every component has a whole covariance. */
struct ref_mixture {
    size_t n_components, n_features;
    long double *weights;     /* [K] */
    long double *means;       /* [K, D] */
    long double *covariances; /* [K, D, D] */
    long double *factors;     /* [K, D, D] lower Cholesky factors, made by what needs them */
    long double *log_norms;   /* [K] likewise: ln of the Gaussians' normalising constants */
};

/* What an M-step does. */
struct ref_rules {
    enum family_id family;
    double floor, floor_absolute, ridge, ddof;
    bool equal_weights;
};

struct ref_mixture *ref_mixture_create(size_t n_components, size_t n_features);
void ref_mixture_destroy(struct ref_mixture **mixture);

double ref_weight(const struct ref_data *data, size_t n);
long double ref_total_weight(const struct ref_data *data);

/* Mean and maximum-likelihood variance of feature d, weighted, in two passes. */
long double ref_mean(const struct ref_data *data, size_t d);
long double ref_variance(const struct ref_data *data, size_t d);

/* resp [N, K], rows summing to 1. Returns the log-likelihood. (Bishop 2006, eq. 9.13, 9.14) */
long double ref_e_step(const struct ref_data *data, struct ref_mixture *mixture, long double *resp);

/* Makes component k's covariance [D, D] what the family allows, then adds the ridge, then clips at
 * the floor (spec.md, Numerics). */
void ref_restrict(const struct ref_data *data, const struct ref_rules *rules,
                  long double *covariance);

/* (Bishop 2006, eq. 9.24 to 9.26; Celeux & Govaert 1995 for the families), then ref_restrict.
 * count [K] as a by-product. */
void ref_m_step(const struct ref_data *data, const struct ref_rules *rules, const long double *resp,
                struct ref_mixture *mixture, long double *count);

long double ref_loglik(const struct ref_data *data, struct ref_mixture *mixture);

/* The variational lower bound of `mixture` with the responsibilities resp [N, K]:
 * sum_n w_n sum_k r (ln w_k N(x_n | k) - ln r). (Bishop 2006, eq. 9.71) */
long double ref_elbo(const struct ref_data *data, const long double *resp,
                     struct ref_mixture *mixture);

/* --- starts --- */

/* Sum over rows of weight times squared distance to the nearest of means [K, D]. */
long double ref_inertia(const struct ref_data *data, size_t n_components, const double *means);

/* The row that `left` in [0, sum of share) falls on, share [N]. */
size_t ref_pick(size_t n, const long double *share, long double left);

/* --- random numbers --- */

/* Philox4x64-10 of counter [4] and key [2] to out [4]. (Salmon et al. 2011, section 3.3) */
void ref_philox(const uint64_t *counter, const uint64_t *key, uint64_t *out);

#endif
