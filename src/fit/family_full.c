/* family_full.c - one covariance per component.
 *
 * covariances [K, D, D]
 * factors     [K, D, D] inverse Cholesky factors, lower triangular
 * sums        [K, D] first moments, then [K, D, D] lower triangles of second moments, both about
 *             the current mean
 */
#include "family.h"

#include "kernels.h"

#include <float.h>
#include <math.h>
#include <string.h>

static size_t n_matrices(size_t n_components, size_t n_features)
{
    return n_components * n_features * n_features;
}

static size_t n_sums(size_t n_components, size_t n_features)
{
    return n_components * n_features * (1 + n_features);
}

static size_t n_work(size_t n_features)
{
    size_t eigen = floor_work(n_features), offsets = n_features * ROWS_BLOCK;
    return (eigen > offsets ? eigen : offsets) + n_features * n_features;
}

static size_t n_own(size_t n_features)
{
    return n_features * n_features;
}

static size_t n_parameters(size_t n_components, size_t n_features)
{
    return n_components * (n_features * (n_features + 1) / 2);
}

static bool is_determined(double least, double total_weight, size_t n_components, size_t n_features)
{
    (void)total_weight;
    (void)n_components;
    return least >= (double)n_features + 1.0;
}

static double flops(size_t n_features)
{
    double d = (double)n_features;
    return 2.0 * d * d + 6.0 * d + 40.0;
}

static void from_covariance(const struct rows *rows, const double *covariance, size_t k,
                            struct model *model)
{
    const size_t n = rows->n_features;
    memcpy(model->covariances + k * n * n, covariance, n * n * sizeof *covariance);
}

static bool regularise(const struct rows *rows, const struct regularisation *reg, size_t k,
                       struct model *model, double *work)
{
    const size_t n = rows->n_features;
    return floor_matrix(rows, reg, model->covariances + k * n * n, work);
}

/* Lower triangle of the second moments about the mean of the statistics, or about the mean they
 * make, times `scale`. */
static void scatter_of(const struct model *now, const double *count, const double *sums, size_t k,
                       bool recentred, double scale, double *out)
{
    const size_t n = now->n_features;
    const double *first = sums + k * n, *second = sums + now->n_components * n + k * n * n;
    for (size_t i = 0; i < n; i++) {
        double shift = recentred ? first[i] / count[k] : 0.0;
        for (size_t j = 0; j <= i; j++)
            out[i * n + j] = scale * (second[i * n + j] - shift * first[j]);
    }
}

static bool maximise(const struct rows *rows, const struct regularisation *reg,
                     const struct model *now, const double *count, const double *sums, size_t k,
                     double ddof, struct model *next, double *work)
{
    const size_t n = now->n_features;
    family_move_mean(now, count, sums, k, next);
    scatter_of(now, count, sums, k, true, 1.0 / (count[k] - ddof), next->covariances + k * n * n);
    return regularise(rows, reg, k, next, work);
}

static bool factorise(const struct rows *rows, const struct regularisation *reg,
                      const struct model *model, size_t k, double *factors, double *log_norm,
                      double *work)
{
    (void)work;
    const size_t n = model->n_features;
    double *factor = factors + k * n * n;
    memcpy(factor, model->covariances + k * n * n, n * n * sizeof *factor);
    return floor_factorise(rows, reg, (double)n * DBL_EPSILON, factor, log_norm);
}

static void distance(const struct model *model, const double *factors, const double *y, double *out,
                     double *work)
{
    const size_t n = model->n_features;
    for (size_t k = 0; k < model->n_components; k++)
        kernels_mahalanobis(n, y, model->means + k * n, factors + k * n * n, work,
                            out + k * ROWS_CHUNK);
}

static size_t n_stripes(size_t n_features)
{
    return (n_features + KERNELS_TILE - 1) / KERNELS_TILE;
}

/* Stripes of rows of the covariance; the first brings count and first moments too. */
static void accumulate_stripe(const struct model *model, const double *y, const double *resp,
                              size_t k, size_t stripe, double *count, double *sums)
{
    const size_t n = model->n_features;
    const double *mean = model->means + k * n;
    if (stripe == 0) kernels_first(n, y, 1, mean, resp, count + k, sums + k * n);
    kernels_cross(n, y, mean, resp, stripe * KERNELS_TILE,
                  sums + model->n_components * n + k * n * n);
}

static void accumulate(const struct model *model, const double *y, const double *resp,
                       double *count, double *sums)
{
    for (size_t k = 0; k < model->n_components; k++)
        for (size_t stripe = 0; stripe < n_stripes(model->n_features); stripe++)
            accumulate_stripe(model, y, resp + k * ROWS_CHUNK, k, stripe, count, sums);
}

static double total_distance(const struct rows *rows, const struct model *now, const double *count,
                             const double *sums, const struct model *model, const double *factors,
                             size_t k, double *work)
{
    (void)rows;
    const size_t n = now->n_features;
    scatter_of(now, count, sums, k, model != now, 1.0, work);
    return kernels_trace_product(n, factors + k * n * n, work, work + n * n);
}

static size_t count_floored(const struct rows *rows, const struct regularisation *reg,
                            const struct model *model, size_t k, double *work)
{
    const size_t n = model->n_features;
    return floor_count(rows, reg, model->covariances + k * n * n, work);
}

static double least_eigenvalue(const struct rows *rows, const struct model *model, size_t k,
                               double *work)
{
    const size_t n = model->n_features;
    return floor_least_eigenvalue(rows, model->covariances + k * n * n, work);
}

static void rescale(const struct rows *rows, int direction, struct model *model)
{
    const size_t n = model->n_features;
    for (size_t k = 0; k < model->n_components; k++)
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++) {
                double *entry = &model->covariances[(k * n + i) * n + j];
                *entry = ldexp(*entry, direction * (rows->exponent[i] + rows->exponent[j]));
            }
}

const struct family family_full = {
    .n_covariances = n_matrices,
    .n_factors = n_matrices,
    .n_sums = n_sums,
    .n_work = n_work,
    .n_own = n_own,
    .n_parameters = n_parameters,
    .is_determined = is_determined,
    .flops = flops,
    .correlated = true,
    .from_covariance = from_covariance,
    .regularise = regularise,
    .maximise = maximise,
    .factorise = factorise,
    .distance = distance,
    .complete_distance = distance,
    .posterior = kernels_posterior,
    .accumulate = accumulate,
    .n_stripes = n_stripes,
    .accumulate_stripe = accumulate_stripe,
    .total_distance = total_distance,
    .count_floored = count_floored,
    .rescale = rescale,
    .least_eigenvalue = least_eigenvalue,
    .axes = "component feature feature_2",
};
