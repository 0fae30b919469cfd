/* family_diag.c - one variance per component and feature.
 *
 * covariances [K, D] variances
 * factors     [K, D] 1 / deviation, then [K, D] -mean / deviation: a distance is a sum of affine
 *             squares, as good as a mean that is rounded once more; then, if many features and
 *             components have early ends, both as staged_diag_arrange has them
 * sums        [K, D] first moments, then [K, D] second moments, both about the current mean
 */
#include "family.h"

#include "kernels.h"

#include <math.h>
#include <string.h>

static const double log_2pi = 1.83787706640934548356;

static size_t per_component_feature(size_t n_components, size_t n_features)
{
    return n_components * n_features;
}

static size_t two_per_component_feature(size_t n_components, size_t n_features)
{
    return 2 * n_components * n_features;
}

static size_t n_factors(size_t n_components, size_t n_features)
{
    const bool bounded = staged_diag_pays(n_components, n_features);
    return two_per_component_feature(n_components, n_features) +
           (bounded ? staged_diag_arranged(n_components, n_features) : 0);
}

static size_t n_work(size_t n_components, size_t n_features)
{
    const size_t of_sums = kernels_sums_work(n_components, n_features);
    if (!staged_diag_pays(n_components, n_features)) return of_sums;
    const size_t of_distances = staged_diag_work(n_components, n_features);
    return of_distances > of_sums ? of_distances : of_sums;
}

static double flops(size_t n_features)
{
    return 10.0 * (double)n_features + 40.0; /* distance 4, moments 6; 40 for the exponential */
}

static size_t n_own(size_t n_features)
{
    return n_features;
}

static void from_covariance(const struct rows *rows, const double *covariance, size_t k,
                            struct model *model)
{
    (void)rows;
    memcpy(model->covariances + k * model->n_features, covariance,
           model->n_features * sizeof *covariance);
}

static bool regularise(const struct rows *rows, const struct regularisation *reg, size_t k,
                       struct model *model, double *work)
{
    (void)work;
    bool ok = true;
    double *variance = model->covariances + k * model->n_features;
    for (size_t d = 0; d < model->n_features; d++)
        ok &= floor_variance(floor_least(rows, reg, d), floor_ridge(rows, reg, d),
                             rows->floor_unit[d], &variance[d]);
    return ok;
}

/* Second moment of component k and feature d: about the mean of the statistics, or, if recentred,
 * about the mean that they make. */
static double scatter_of(const struct model *now, const double *count, const double *sums, size_t k,
                         size_t d, bool recentred)
{
    const double *first = sums + k * now->n_features;
    const double *second = first + now->n_components * now->n_features;
    double scatter = recentred ? second[d] - first[d] * first[d] / count[k] : second[d];
    return scatter > 0.0 ? scatter : 0.0;
}

static bool maximise(const struct rows *rows, const struct regularisation *reg,
                     const struct model *now, const double *count, const double *sums, size_t k,
                     double ddof, struct model *next, double *work)
{
    const size_t n_features = now->n_features;
    family_move_mean(now, count, sums + k * n_features, k, next);
    for (size_t d = 0; d < n_features; d++)
        next->covariances[k * n_features + d] =
            scatter_of(now, count, sums, k, d, true) / (count[k] - ddof);
    return regularise(rows, reg, k, next, work);
}

static double *arranged(const struct model *model, const double *factors)
{
    return (double *)factors + 2 * model->n_components * model->n_features;
}

static bool factorise(const struct rows *rows, const struct regularisation *reg,
                      const struct model *model, size_t k, double *factors, double *log_norm,
                      double *work)
{
    (void)reg;
    (void)work;
    const size_t n_features = model->n_features;
    const double *variance = model->covariances + k * n_features;
    const double *mean = model->means + k * n_features;
    double *scale = factors + k * n_features, *shift = scale + model->n_components * n_features;
    double log_det = 0.0;
    for (size_t d = 0; d < n_features; d++) {
        scale[d] = 1.0 / sqrt(variance[d]);
        shift[d] = -mean[d] * scale[d];
        log_det += log(variance[d]);
    }
    if (staged_diag_pays(model->n_components, n_features))
        staged_diag_arrange(model->n_components, n_features, rows->by_variance, k, scale, shift,
                            arranged(model, factors));
    *log_norm = -0.5 * (log_det + (double)n_features * log_2pi);
    return isfinite(log_det);
}

static void distance(const struct model *model, const double *factors, const struct rows *rows,
                     size_t chunk, const struct bound *bound, double *out, double *work)
{
    const size_t n_features = model->n_features, n_components = model->n_components;
    if (bound != NULL) {
        staged_diag_distance(n_components, n_features, rows_chunk(rows, chunk), rows->by_variance,
                             arranged(model, factors), bound, out, work);
        return;
    }
    kernels_distance(n_features, rows_chunk(rows, chunk), n_components, factors, n_features,
                     factors + n_components * n_features, out);
}

static void accumulate(const struct model *model, const struct rows *rows, size_t chunk,
                       const double *resp, double *count, double *sums, double *work)
{
    const size_t n_features = model->n_features, n_components = model->n_components;
    kernels_moments(n_features, rows_chunk(rows, chunk), n_components, model->means, resp, count,
                    sums, sums + n_components * n_features, work);
}

static double total_distance(const struct rows *rows, const struct model *now, const double *count,
                             const double *sums, const struct model *model, const double *factors,
                             size_t k, double *work)
{
    (void)rows;
    (void)work;
    const size_t n_features = now->n_features;
    double total = 0.0;
    for (size_t d = 0; d < n_features; d++) {
        double factor = factors[k * n_features + d];
        total += scatter_of(now, count, sums, k, d, model != now) * factor * factor;
    }
    return total;
}

static size_t count_floored(const struct rows *rows, const struct regularisation *reg,
                            const struct model *model, size_t k, double *work)
{
    (void)work;
    size_t floored = 0;
    for (size_t d = 0; d < model->n_features; d++)
        floored += model->covariances[k * model->n_features + d] <= floor_least(rows, reg, d);
    return floored;
}

static double least_eigenvalue(const struct rows *rows, const struct model *model, size_t k,
                               double *work)
{
    (void)work;
    double least = HUGE_VAL;
    for (size_t d = 0; d < model->n_features; d++)
        least = fmin(least,
                     ldexp(model->covariances[k * model->n_features + d], 2 * rows->exponent[d]));
    return least;
}

static void rescale(const struct rows *rows, int direction, struct model *model)
{
    for (size_t k = 0; k < model->n_components; k++)
        for (size_t d = 0; d < model->n_features; d++) {
            double *variance = &model->covariances[k * model->n_features + d];
            *variance = ldexp(*variance, 2 * direction * rows->exponent[d]);
        }
}

const struct family family_diag = {
    .n_covariances = per_component_feature,
    .n_factors = n_factors,
    .n_sums = two_per_component_feature,
    .n_work = n_work,
    .n_own = n_own,
    .n_parameters = per_component_feature,
    .is_determined = family_has_two_rows,
    .flops = flops,
    .from_covariance = from_covariance,
    .regularise = regularise,
    .maximise = maximise,
    .factorise = factorise,
    .distance = distance,
    .is_bounded = staged_diag_pays,
    .complete_distance = distance,
    .posterior = kernels_posterior,
    .accumulate = accumulate,
    .total_distance = total_distance,
    .count_floored = count_floored,
    .rescale = rescale,
    .least_eigenvalue = least_eigenvalue,
    .axes = "component feature",
};
