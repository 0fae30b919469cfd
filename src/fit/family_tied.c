/* family_tied.c - one covariance for all components.
 *
 * With P the inverse of the covariance, x'Px is common to all components: it cancels in the
 * responsibilities, and the log-likelihood needs only its sum W tr(P C), C = rows->covariance. So
 * the E-step is one product with w_k = P mu_k per row and component, and the M-step
 * Sigma = C - sum N_k mu_k mu_k' / W needs no second moments.
 *
 * covariances [D, D]
 * factors     [D, D] inverse Cholesky factor, then [K, D] w_k, then [K] mu_k'P mu_k, then
 *             W tr(P C) and the log of the normalising constant
 * sums        [K, D] totals of y
 */
#include "family.h"

#include "kernels.h"

#include <float.h>
#include <math.h>
#include <string.h>

static size_t one_matrix(size_t n_components, size_t n_features)
{
    (void)n_components;
    return n_features * n_features;
}

static size_t n_factors(size_t n_components, size_t n_features)
{
    return n_features * n_features + n_components * (n_features + 1) + 2;
}

static size_t n_sums(size_t n_components, size_t n_features)
{
    return n_components * n_features;
}

static size_t n_work(size_t n_components, size_t n_features)
{
    return floor_work(n_features) + n_features * (n_features + KERNELS_OFFSETS) +
           kernels_sums_work(n_components, n_features);
}

static size_t n_own(size_t n_features)
{
    (void)n_features;
    return 0;
}

static size_t n_parameters(size_t n_components, size_t n_features)
{
    (void)n_components;
    return n_features * (n_features + 1) / 2;
}

static bool is_determined(double least, double total_weight, size_t n_components, size_t n_features)
{
    return least >= 2.0 && total_weight - (double)n_components >= (double)n_features;
}

static double flops(size_t n_features)
{
    return 4.0 * (double)n_features + 40.0; /* 40 for the exponential */
}

/* Where the parts of `factors` begin. */
static double *directions(const struct model *model, const double *factors)
{
    return (double *)factors + model->n_features * model->n_features;
}

static double *lengths(const struct model *model, const double *factors)
{
    return directions(model, factors) + model->n_components * model->n_features;
}

static double *trace(const struct model *model, const double *factors)
{
    return lengths(model, factors) + model->n_components;
}

static void from_covariance(const struct rows *rows, const double *covariance, size_t k,
                            struct model *model)
{
    const size_t n = rows->n_features;
    if (k == 0) memcpy(model->covariances, covariance, n * n * sizeof *covariance);
}

static bool regularise(const struct rows *rows, const struct regularisation *reg, size_t k,
                       struct model *model, double *work)
{
    return k > 0 || floor_matrix(rows, reg, model->covariances, work);
}

static bool maximise(const struct rows *rows, const struct regularisation *reg,
                     const struct model *now, const double *count, const double *sums, size_t k,
                     double ddof, struct model *next, double *work)
{
    (void)rows;
    (void)reg;
    (void)ddof;
    (void)work;
    const size_t n = now->n_features;
    for (size_t d = 0; d < n; d++)
        next->means[k * n + d] = sums[k * n + d] / count[k];
    return true;
}

static bool maximise_common(const struct rows *rows, const struct regularisation *reg,
                            const struct model *now, const double *count, const double *sums,
                            double ddof, struct model *next, double *work)
{
    (void)now;
    (void)sums;
    const size_t n = next->n_features;
    const double all = rows->total_weight;
    double *covariance = next->covariances;
    memcpy(covariance, rows->covariance, n * n * sizeof *covariance);
    for (size_t k = 0; k < next->n_components; k++) {
        const double *mean = next->means + k * n;
        for (size_t i = 0; i < n; i++) {
            double step = count[k] / all * mean[i];
            for (size_t j = 0; j <= i; j++)
                covariance[i * n + j] -= step * mean[j];
        }
    }
    for (size_t i = 0; i < n * n; i++)
        covariance[i] *= all / (all - ddof);
    return floor_matrix(rows, reg, covariance, work);
}

static bool factorise_common(const struct rows *rows, const struct regularisation *reg,
                             const struct model *model, double *factors, double *work)
{
    const size_t n = model->n_features;
    /* What the differences from rows->covariance leave is not smaller than their rounding. */
    const double rounding = 64.0 * (double)n * DBL_EPSILON;
    memcpy(factors, model->covariances, n * n * sizeof *factors);
    if (!floor_factorise(rows, reg, rounding, NULL, factors, trace(model, factors) + 1))
        return false;
    *trace(model, factors) =
        rows->total_weight * kernels_trace_product(n, factors, rows->covariance, work);
    return true;
}

static bool factorise(const struct rows *rows, const struct regularisation *reg,
                      const struct model *model, size_t k, double *factors, double *log_norm,
                      double *work)
{
    (void)reg;
    (void)rows;
    const size_t n = model->n_features;
    const double *mean = model->means + k * n;
    double *direction = directions(model, factors) + k * n, length = 0.0;
    memset(direction, 0, n * sizeof *direction);
    for (size_t i = 0; i < n; i++) { /* work = L^-1 mu; direction = L^-T work */
        work[i] = 0.0;
        for (size_t j = 0; j <= i; j++)
            work[i] += factors[i * n + j] * mean[j];
        length += work[i] * work[i];
        for (size_t j = 0; j <= i; j++)
            direction[j] += factors[i * n + j] * work[i];
    }
    lengths(model, factors)[k] = length;
    *log_norm = trace(model, factors)[1];
    return isfinite(length);
}

static void distance(const struct model *model, const double *factors, const struct rows *rows,
                     size_t chunk, const struct bound *bound, double *out, double *work)
{
    (void)bound;
    (void)work;
    kernels_linear(model->n_features, rows_chunk(rows, chunk), model->n_components,
                   directions(model, factors), lengths(model, factors), NULL, NULL, out);
}

static void complete_distance(const struct model *model, const double *factors,
                              const struct rows *rows, size_t chunk, const struct bound *bound,
                              double *out, double *work)
{
    (void)bound;
    const size_t n = model->n_features;
    for (size_t k = 0; k < model->n_components; k++)
        kernels_mahalanobis(n, rows_chunk(rows, chunk), model->means + k * n, factors, work,
                            out + k * ROWS_CHUNK);
}

static double left_out(const struct model *model, const double *factors)
{
    return *trace(model, factors);
}

static void accumulate(const struct model *model, const struct rows *rows, size_t chunk,
                       const double *resp, double *count, double *sums, double *work)
{
    kernels_totals(model->n_features, rows_chunk(rows, chunk), model->n_components, resp, NULL,
                   count, sums, NULL, work);
}

static double total_distance(const struct rows *rows, const struct model *now, const double *count,
                             const double *sums, const struct model *model, const double *factors,
                             size_t k, double *work)
{
    (void)work;
    const size_t n = now->n_features;
    const double *direction = directions(model, factors) + k * n;
    double along = 0.0; /* sum of responsibility times x'P mu_k */
    for (size_t d = 0; d < n; d++)
        along += direction[d] * sums[k * n + d];
    return *trace(model, factors) * (count[k] / rows->total_weight) - 2.0 * along +
           count[k] * lengths(model, factors)[k];
}

static size_t count_floored(const struct rows *rows, const struct regularisation *reg,
                            const struct model *model, size_t k, double *work)
{
    return k == 0 ? floor_count(rows, reg, model->covariances, work) : 0;
}

static double least_eigenvalue(const struct rows *rows, const struct model *model, size_t k,
                               double *work)
{
    return k == 0 ? floor_least_eigenvalue(rows, model->covariances, work) : HUGE_VAL;
}

static void rescale(const struct rows *rows, int direction, struct model *model)
{
    const size_t n = model->n_features;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            model->covariances[i * n + j] = ldexp(
                model->covariances[i * n + j], direction * (rows->exponent[i] + rows->exponent[j]));
}

const struct family family_tied = {
    .n_covariances = one_matrix,
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
    .maximise_common = maximise_common,
    .factorise_common = factorise_common,
    .factorise = factorise,
    .distance = distance,
    .left_out = left_out,
    .complete_distance = complete_distance,
    .posterior = kernels_posterior,
    .accumulate = accumulate,
    .total_distance = total_distance,
    .count_floored = count_floored,
    .rescale = rescale,
    .least_eigenvalue = least_eigenvalue,
    .axes = "feature feature_2",
};
