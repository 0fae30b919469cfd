/* family_spherical.c - one variance per component, the same for all features.
 *
 * The one variance is in the unit common to all features, rows->unit: it is the variance of
 * unit_d y_d for every d. Lengths |y| are meant in that unit too.
 *
 * |y - m|^2 = |y|^2 - 2 y.m + |m|^2 with |y|^2 = rows->norm known: the E-step is one product with
 * the means, and the M-step needs the totals of y and of |y|^2. That is good to rounding of |y|^2,
 * too little for a component that is narrow beside the data: its offsets are taken one by one.
 *
 * covariances [K] variances
 * factors     [K, D] unit_d^2 mean_d / variance, then [K] |mean|^2 / variance, then [K] 1 /
 * variance; of a narrow component -unit_d mean_d, 0, 0 sums        [K, D] totals of y, then [K] of
 * |y|^2; of a narrow component those of y - m
 */
#include "family.h"

#include "kernels.h"

#include <math.h>
#include <string.h>

static const double log_2pi = 1.83787706640934548356;

static size_t per_component(size_t n_components, size_t n_features)
{
    (void)n_features;
    return n_components;
}

static size_t n_factors(size_t n_components, size_t n_features)
{
    return n_components * (n_features + 2);
}

static size_t n_sums(size_t n_components, size_t n_features)
{
    return n_components * (n_features + 1);
}

static double flops(size_t n_features)
{
    return 4.0 * (double)n_features + 40.0; /* 40 for the exponential */
}

static size_t n_work(size_t n_components, size_t n_features)
{
    return n_features + kernels_sums_work(n_components, n_features);
}

/* A feature's y^2 is at most 1 among the rows of a fit, about that of the mean among a component's
 * own: 2^12 times the variance costs a distance four of its sixteen digits. A component without a
 * covariance yet, of which the start knows the mean alone, counts as narrow. */
static bool is_narrow(const struct model *model, size_t k)
{
    const double *mean = model->means + k * model->n_features;
    double reach = 1.0;
    for (size_t d = 0; d < model->n_features; d++)
        reach = fmax(reach, fabs(mean[d]));
    return model->covariances[k] < 0x1p-12 * reach * reach;
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

/* Sum of responsibility times |y - m|^2, from the sums made under `now`. */
static double scatter_about(const struct rows *rows, const struct model *now, const double *count,
                            const double *sums, size_t k, const double *mean)
{
    const size_t n_features = now->n_features;
    const double *origin = is_narrow(now, k) ? now->means + k * n_features : NULL;
    double along = 0.0, square = 0.0;
    for (size_t d = 0; d < n_features; d++) {
        const double step = (mean[d] - (origin != NULL ? origin[d] : 0.0)) * rows->unit[d];
        along += step * rows->unit[d] * sums[k * n_features + d];
        square += step * step;
    }
    return fmax(0.0, sums[now->n_components * n_features + k] - 2.0 * along + count[k] * square);
}

static bool maximise(const struct rows *rows, const struct regularisation *reg,
                     const struct model *now, const double *count, const double *sums, size_t k,
                     double ddof, struct model *next, double *work)
{
    const size_t n_features = now->n_features;
    const double *origin = is_narrow(now, k) ? now->means + k * n_features : NULL;
    double *mean = next->means + k * n_features;
    for (size_t d = 0; d < n_features; d++)
        mean[d] = (origin != NULL ? origin[d] : 0.0) + sums[k * n_features + d] / count[k];
    next->covariances[k] =
        scatter_about(rows, now, count, sums, k, mean) / ((count[k] - ddof) * (double)n_features);
    return regularise(rows, reg, k, next, work);
}

static bool factorise(const struct rows *rows, const struct regularisation *reg,
                      const struct model *model, size_t k, double *factors, double *log_norm,
                      double *work)
{
    (void)reg;
    (void)work;
    const size_t n_features = model->n_features, n_components = model->n_components;
    const double variance = model->covariances[k], *mean = model->means + k * n_features;
    const bool narrow = is_narrow(model, k);
    double *direction = factors + k * n_features, *length = factors + n_components * n_features + k;
    double log_units = 0.0, square = 0.0;
    for (size_t d = 0; d < n_features; d++) {
        const double step = mean[d] * rows->unit[d];
        direction[d] = narrow ? -step : step * rows->unit[d] / variance;
        square += step * step;
        log_units += (rows->exponent[d] - rows->max_exponent) * log(2.0);
    }
    length[0] = narrow ? 0.0 : square / variance;
    length[n_components] = narrow ? 0.0 : 1.0 / variance;
    *log_norm = log_units - 0.5 * (double)n_features * (log(variance) + log_2pi);
    return isfinite(*log_norm);
}

static void distance(const struct model *model, const double *factors, const struct rows *rows,
                     size_t chunk, const struct bound *bound, double *out, double *work)
{
    (void)bound;
    (void)work;
    const size_t n_features = model->n_features, n_components = model->n_components;
    const double *y = rows_chunk(rows, chunk), *length = factors + n_components * n_features;
    kernels_linear(n_features, y, n_components, factors, length, rows->norm + chunk * ROWS_CHUNK,
                   length + n_components, out);
    for (size_t k = 0; k < n_components; k++) {
        if (!is_narrow(model, k)) continue;
        double *own = out + k * ROWS_CHUNK;
        kernels_distance(n_features, y, 1, rows->unit, 0, factors + k * n_features, own);
        for (size_t n = 0; n < ROWS_CHUNK; n++)
            own[n] /= model->covariances[k];
    }
}

static void accumulate_narrow(const struct model *model, const struct rows *rows, size_t chunk,
                              size_t k, const double *resp, double *count, double *sums,
                              double *work)
{
    const size_t n_features = model->n_features;
    double *second = work + kernels_sums_work(1, n_features);
    double *square = sums + model->n_components * n_features + k;
    memset(second, 0, n_features * sizeof *second);
    kernels_moments(n_features, rows_chunk(rows, chunk), 1, model->means + k * n_features,
                    resp + k * ROWS_CHUNK, count + k, sums + k * n_features, second, work);
    for (size_t d = 0; d < n_features; d++)
        *square += second[d] * rows->unit[d] * rows->unit[d];
}

static void accumulate(const struct model *model, const struct rows *rows, size_t chunk,
                       const double *resp, double *count, double *sums, double *work)
{
    const size_t n_features = model->n_features, n_components = model->n_components;
    double *square = sums + n_components * n_features;
    for (size_t k = 0, end; k < n_components; k = end) {
        for (end = k; end < n_components && !is_narrow(model, end); end++)
            ;
        if (end > k)
            kernels_totals(n_features, rows_chunk(rows, chunk), end - k, resp + k * ROWS_CHUNK,
                           rows->norm + chunk * ROWS_CHUNK, count + k, sums + k * n_features,
                           square + k, work);
        else
            accumulate_narrow(model, rows, chunk, end++, resp, count, sums, work);
    }
}

static double total_distance(const struct rows *rows, const struct model *now, const double *count,
                             const double *sums, const struct model *model, const double *factors,
                             size_t k, double *work)
{
    (void)factors;
    (void)work;
    return scatter_about(rows, now, count, sums, k, model->means + k * now->n_features) /
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
    .n_factors = n_factors,
    .n_sums = n_sums,
    .n_work = n_work,
    .n_own = n_own,
    .n_parameters = per_component,
    .is_determined = family_has_two_rows,
    .flops = flops,
    .from_covariance = from_covariance,
    .regularise = regularise,
    .maximise = maximise,
    .factorise = factorise,
    .distance = distance,
    .complete_distance = distance,
    .posterior = kernels_posterior,
    .accumulate = accumulate,
    .total_distance = total_distance,
    .count_floored = count_floored,
    .rescale = rescale,
    .least_eigenvalue = least_eigenvalue,
    .axes = "component",
};
