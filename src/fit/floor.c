#include "floor.h"

#include "kernels.h"

#include <float.h>
#include <math.h>
#include <string.h>

double floor_least(const struct rows *rows, const struct regularisation *reg, size_t d)
{
    return reg->floor * rows->floor_unit[d] + ldexp(reg->floor_absolute, -2 * rows->exponent[d]);
}

double floor_ridge(const struct rows *rows, const struct regularisation *reg, size_t d)
{
    return ldexp(reg->ridge, -2 * rows->exponent[d]);
}

bool floor_variance(double least, double ridge, double natural, double *variance)
{
    *variance = fmax(*variance + ridge, least);
    if (least > 0.0 || ridge > 0.0) return *variance > 0.0 && isfinite(*variance);
    return *variance > 8.0 * DBL_EPSILON * natural && isfinite(*variance);
}

size_t floor_work(size_t n_features)
{
    return 2 * n_features * n_features + n_features + kernels_eigen_work(n_features);
}

static void mirror(size_t n, double *matrix)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            matrix[j * n + i] = matrix[i * n + j];
}

/* Whether the covariance less the floor is positive definite; work [D, D]. */
static bool is_above(const struct rows *rows, const struct regularisation *reg,
                     const double *covariance, double *work)
{
    const size_t n = rows->n_features;
    memcpy(work, covariance, n * n * sizeof *work);
    for (size_t d = 0; d < n; d++)
        work[d * n + d] -= floor_least(rows, reg, d);
    return kernels_cholesky(n, work);
}

/* Eigenvalues [D] and, in the rows of vectors [D, D], eigenvectors of f^-1/2 S f^-1/2. */
static bool decompose(const struct rows *rows, const struct regularisation *reg,
                      const double *covariance, double *vectors, double *values, double *work)
{
    const size_t n = rows->n_features;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            vectors[i * n + j] =
                covariance[i * n + j] / sqrt(floor_least(rows, reg, i) * floor_least(rows, reg, j));
    return kernels_eigen(n, vectors, values, work);
}

bool floor_matrix(const struct rows *rows, const struct regularisation *reg, double *covariance,
                  double *work)
{
    const size_t n = rows->n_features;
    for (size_t d = 0; d < n; d++)
        covariance[d * n + d] += floor_ridge(rows, reg, d);
    mirror(n, covariance);
    if (floor_least(rows, reg, 0) == 0.0 || is_above(rows, reg, covariance, work)) return true;

    double *vectors = work, *scaled = vectors + n * n, *values = scaled + n * n;
    if (!decompose(rows, reg, covariance, vectors, values, values + n)) return false;
    /* S = f^1/2 (sum_e clipped_e v_e v_e') f^1/2, as W'W with the rows of W scaled by sqrt. */
    for (size_t e = 0; e < n; e++) {
        double root = sqrt(fmax(values[e], 1.0));
        for (size_t d = 0; d < n; d++)
            scaled[e * n + d] = root * vectors[e * n + d] * sqrt(floor_least(rows, reg, d));
    }
    kernels_gram(n, scaled, covariance);
    mirror(n, covariance);
    return true;
}

size_t floor_count(const struct rows *rows, const struct regularisation *reg,
                   const double *covariance, double *work)
{
    const size_t n = rows->n_features;
    struct regularisation above = *reg;
    above.floor *= 1.0 + 1e-6;
    above.floor_absolute *= 1.0 + 1e-6;
    if (floor_least(rows, reg, 0) == 0.0 || is_above(rows, &above, covariance, work)) return 0;
    double *vectors = work, *values = work + 2 * n * n;
    if (!decompose(rows, &above, covariance, vectors, values, values + n)) return n;
    size_t count = 0;
    for (size_t d = 0; d < n; d++)
        count += values[d] <= 1.0;
    return count;
}

bool floor_factorise(const struct rows *rows, const struct regularisation *reg, double rounding,
                     const double *order, double *factor, double *log_norm)
{
    const size_t n = rows->n_features;
    const bool bare = floor_is_bare(reg);
    double log_det = 0.0;
    if (!kernels_cholesky(n, factor)) return false;
    for (size_t d = 0; d < n; d++) {
        double pivot = factor[d * n + d] * factor[d * n + d];
        const size_t feature = order != NULL ? (size_t)order[d] : d;
        if (bare && !(pivot > rounding * rows->floor_unit[feature])) return false;
        log_det += log(pivot);
    }
    kernels_invert_lower(n, factor);
    *log_norm = -0.5 * (log_det + (double)n * 1.83787706640934548356 /* ln 2 pi */);
    return isfinite(log_det);
}

double floor_least_eigenvalue(const struct rows *rows, const double *covariance, double *work)
{
    const size_t n = rows->n_features;
    double *inverse = work, *gram = inverse + n * n, *values = gram + n * n;
    int least = rows->exponent[0];
    for (size_t d = 1; d < n; d++)
        if (rows->exponent[d] < least) least = rows->exponent[d];
    memcpy(inverse, covariance, n * n * sizeof *inverse);
    if (!kernels_cholesky(n, inverse)) return 0.0; /* none above rounding */
    kernels_invert_lower(n, inverse);
    /* One over the largest eigenvalue of the inverse, which features of unlike scale cannot hide;
     * in the unit of the smallest feature. */
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            inverse[i * n + j] =
                j <= i ? ldexp(inverse[i * n + j], least - rows->exponent[j]) : 0.0;
    kernels_gram(n, inverse, gram);
    for (size_t d = 0; d < n; d++)
        if (!isfinite(gram[d * n + d])) return 0.0; /* so small that its inverse overflows */
    if (!kernels_eigen(n, gram, values, values + n)) return 0.0;
    return ldexp(1.0 / values[n - 1], 2 * least);
}
