/* family_spherical.c - one variance per component, the same for all features.
 *
 * The one variance is in the unit common to all features, rows->unit: it is the variance of
 * unit_d y_d for every d.
 *
 * covariances [K] variances
 * factors     [K, D] unit_d / deviation
 * sums        as in family_diag.c
 */
#include "family.h"

#include "kernels.h"

#include <math.h>

static const double log_2pi = 1.83787706640934548356;

static size_t per_component(size_t n_components, size_t n_features)
{
    (void)n_features;
    return n_components;
}

static size_t n_own(size_t n_features)
{
    (void)n_features;
    return 1;
}

/* The mean over features of values [D] given in each feature's own unit. */
static double mean_of(const struct rows *rows, const double *values)
{
    double sum = 0.0;
    for (size_t d = 0; d < rows->n_features; d++)
        sum += values[d] * rows->unit[d] * rows->unit[d];
    return sum / (double)rows->n_features;
}

/* A number in the user's units, in the common unit. */
static double common_unit(const struct rows *rows, double value)
{
    return ldexp(value, -2 * rows->max_exponent);
}

static double least(const struct rows *rows, const struct regularisation *reg)
{
    return reg->floor * mean_of(rows, rows->floor_unit) + common_unit(rows, reg->floor_absolute);
}

static void from_covariance(const struct rows *rows, const double *covariance, size_t k,
                            struct model *model)
{
    model->covariances[k] = mean_of(rows, covariance);
}

static bool regularise(const struct rows *rows, const struct regularisation *reg, size_t k,
                       struct model *model, double *work)
{
    (void)work;
    return floor_variance(least(rows, reg), common_unit(rows, reg->ridge),
                          mean_of(rows, rows->floor_unit), &model->covariances[k]);
}

/* Sum over rows and features of responsibility times squared offset, in the common unit. */
static double scatter_of(const struct rows *rows, const double *count, const double *sums,
                         size_t n_components, size_t k, bool recentred)
{
    double scatter = 0.0;
    for (size_t d = 0; d < rows->n_features; d++)
        scatter += family_scatter(count, sums, n_components, rows->n_features, k, d, recentred) *
                   rows->unit[d] * rows->unit[d];
    return scatter;
}

static bool maximise(const struct rows *rows, const struct regularisation *reg,
                     const struct model *now, const double *count, const double *sums, size_t k,
                     double ddof, struct model *next, double *work)
{
    family_move_mean(now, count, sums + k * now->n_features, k, next);
    next->covariances[k] = scatter_of(rows, count, sums, now->n_components, k, true) /
                           ((count[k] - ddof) * (double)now->n_features);
    return regularise(rows, reg, k, next, work);
}

static bool factorise(const struct rows *rows, const struct regularisation *reg,
                      const struct model *model, size_t k, double *factors, double *log_norm,
                      double *work)
{
    (void)reg;
    (void)work;
    const size_t n_features = model->n_features;
    const double deviation = sqrt(model->covariances[k]);
    double log_units = 0.0;
    for (size_t d = 0; d < n_features; d++) {
        factors[k * n_features + d] = rows->unit[d] / deviation;
        log_units += (rows->exponent[d] - rows->max_exponent) * log(2.0);
    }
    *log_norm = log_units - (double)n_features * (log(deviation) + 0.5 * log_2pi);
    return isfinite(*log_norm);
}

static double total_distance(const struct rows *rows, const struct model *now, const double *count,
                             const double *sums, const struct model *model, const double *factors,
                             size_t k, double *work)
{
    (void)factors;
    (void)work;
    return scatter_of(rows, count, sums, now->n_components, k, model != now) /
           model->covariances[k];
}

static size_t count_floored(const struct rows *rows, const struct regularisation *reg,
                            const struct model *model, size_t k, double *work)
{
    (void)work;
    return model->covariances[k] <= least(rows, reg);
}

static double least_eigenvalue(const struct rows *rows, const struct model *model, size_t k,
                               double *work)
{
    (void)work;
    return ldexp(model->covariances[k], 2 * rows->max_exponent);
}

static void rescale(const struct rows *rows, int direction, struct model *model)
{
    for (size_t k = 0; k < model->n_components; k++)
        model->covariances[k] = ldexp(model->covariances[k], 2 * direction * rows->max_exponent);
}

const struct family family_spherical = {
    .n_covariances = per_component,
    .n_factors = family_per_component_feature,
    .n_sums = family_moments,
    .n_work = family_no_work,
    .n_own = n_own,
    .n_parameters = per_component,
    .is_determined = family_has_two_rows,
    .flops = family_moments_flops,
    .from_covariance = from_covariance,
    .regularise = regularise,
    .maximise = maximise,
    .factorise = factorise,
    .distance = family_scaled_distance,
    .complete_distance = family_scaled_distance,
    .posterior = kernels_posterior,
    .accumulate = family_accumulate_moments,
    .total_distance = total_distance,
    .count_floored = count_floored,
    .rescale = rescale,
    .least_eigenvalue = least_eigenvalue,
    .axes = "component",
};
