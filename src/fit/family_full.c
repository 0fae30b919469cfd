/* family_full.c - one covariance per component.
 *
 * covariances [K, D, D]
 * factors     [K, D, D] inverse Cholesky factors, lower triangular; then [K, D] in which order of
 *             the features (as numbers): their own, or for many features staged_order's
 * sums        [K, D + 1, S] lower triangles of second moments, then a row of first moments, both
 *             about the current mean, as kernels_scatter has them
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

static size_t n_factors(size_t n_components, size_t n_features)
{
    return n_components * n_features * (n_features + 1);
}

static size_t n_component_sums(size_t n_features)
{
    return (n_features + 1) * kernels_stride(n_features);
}

static size_t n_sums(size_t n_components, size_t n_features)
{
    return n_components * n_component_sums(n_features);
}

static size_t n_work(size_t n_components, size_t n_features)
{
    (void)n_components;
    const size_t eigen = floor_work(n_features) + n_features * n_features;
    const size_t packed = ROWS_CHUNK * kernels_stride(n_features); /* at least staged_work */
    return eigen > packed ? eigen : packed;
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
    const size_t n = now->n_features, stride = kernels_stride(n);
    const double *second = sums + k * n_component_sums(n), *first = second + n * stride;
    for (size_t i = 0; i < n; i++) {
        double shift = recentred ? first[i] / count[k] : 0.0;
        for (size_t j = 0; j <= i; j++)
            out[i * n + j] = scale * (second[i * stride + j] - shift * first[j]);
    }
}

static bool maximise(const struct rows *rows, const struct regularisation *reg,
                     const struct model *now, const double *count, const double *sums, size_t k,
                     double ddof, struct model *next, double *work)
{
    const size_t n = now->n_features;
    const double *first = sums + k * n_component_sums(n) + n * kernels_stride(n);
    family_move_mean(now, count, first, k, next);
    scatter_of(now, count, sums, k, true, 1.0 / (count[k] - ddof), next->covariances + k * n * n);
    return regularise(rows, reg, k, next, work);
}

static double *orders(const struct model *model, double *factors)
{
    return factors + n_matrices(model->n_components, model->n_features);
}

static const double *order_of(const struct model *model, const double *factors, size_t k)
{
    const size_t n = model->n_features;
    return factors + n_matrices(model->n_components, n) + k * n;
}

static bool is_staged(size_t n_features)
{
    return n_features >= STAGED_FEATURES;
}

static bool is_bounded(size_t n_components, size_t n_features)
{
    return n_components > 1 && is_staged(n_features);
}

/* out [D, D]: the symmetric matrix given by its lower triangle, with its features in order. */
static void reorder(size_t n, const double *matrix, const double *order, double *out)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            const size_t a = (size_t)order[i], b = (size_t)order[j];
            out[i * n + j] = a > b ? matrix[a * n + b] : matrix[b * n + a];
        }
}

static bool factorise(const struct rows *rows, const struct regularisation *reg,
                      const struct model *model, size_t k, double *factors, double *log_norm,
                      double *work)
{
    const size_t n = model->n_features;
    const double *covariance = model->covariances + k * n * n;
    double *factor = factors + k * n * n, *order = orders(model, factors) + k * n;
    for (size_t d = 0; d < n; d++)
        order[d] = (double)d;
    if (is_staged(n)) staged_order(rows, model->means + k * n, covariance, order, work);
    reorder(n, covariance, order, factor);
    return floor_factorise(rows, reg, (double)n * DBL_EPSILON, order, factor, log_norm);
}

static void distance(const struct model *model, const double *factors, const struct rows *rows,
                     size_t chunk, const struct bound *bound, double *out, double *work)
{
    const double *y = rows_chunk(rows, chunk);
    const size_t n = model->n_features, n_components = model->n_components;
    if (bound != NULL) {
        staged_distance(n_components, n, y, model->means, factors, order_of(model, factors, 0),
                        bound, out, work);
        return;
    }
    for (size_t k = 0; k < n_components; k++)
        if (is_staged(n))
            staged_complete(n, y, model->means + k * n, factors + k * n * n,
                            order_of(model, factors, k), out + k * ROWS_CHUNK, work);
        else
            kernels_mahalanobis(n, y, model->means + k * n, factors + k * n * n, work,
                                out + k * ROWS_CHUNK);
}

static size_t n_stripes(size_t n_features)
{
    return n_features / KERNELS_STRIPE + 1;
}

/* The first stripe brings the count, the last one the first moments. */
static void accumulate_stripe(const struct model *model, const struct rows *rows, size_t chunk,
                              const double *resp, size_t k, size_t stripe, double *count,
                              double *sums, double *work)
{
    const double *y = rows_chunk(rows, chunk);
    const size_t n = model->n_features, i0 = stripe * KERNELS_STRIPE;
    const size_t i1 = i0 + KERNELS_STRIPE < n + 1 ? i0 + KERNELS_STRIPE : n + 1;
    double not_counted = 0.0;
    const size_t n_packed = kernels_pack(n, y, model->means + k * n, resp,
                                         stripe == 0 ? count + k : &not_counted, work);
    kernels_scatter(n, n_packed, work, i0, i1, sums + k * n_component_sums(n));
}

static void accumulate(const struct model *model, const struct rows *rows, size_t chunk,
                       const double *resp, double *count, double *sums, double *work)
{
    const double *y = rows_chunk(rows, chunk);
    const size_t n = model->n_features;
    for (size_t k = 0; k < model->n_components; k++) {
        const double *mean = model->means + k * n, *r = resp + k * ROWS_CHUNK;
        double *own = sums + k * n_component_sums(n);
        if (n <= KERNELS_SMALL)
            kernels_small_scatter(n, y, mean, r, count + k, own);
        else
            kernels_scatter(n, kernels_pack(n, y, mean, r, count + k, work), work, 0, n + 1, own);
    }
}

static double total_distance(const struct rows *rows, const struct model *now, const double *count,
                             const double *sums, const struct model *model, const double *factors,
                             size_t k, double *work)
{
    (void)rows;
    const size_t n = now->n_features;
    double *scatter = work + n * n;
    scatter_of(now, count, sums, k, model != now, 1.0, scatter);
    reorder(n, scatter, order_of(model, factors, k), work);
    return kernels_trace_product(n, factors + k * n * n, work, scatter);
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
    .n_factors = n_factors,
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
    .is_bounded = is_bounded,
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
