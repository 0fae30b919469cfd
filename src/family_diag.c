/* family_diag.c - one variance per component and feature.
 *
 * covariances [K, D] variances
 * factors     [K, D] 1 / deviation
 * sums        [K, D] first moments, then [K, D] second moments, both about the current mean
 */
#include "family.h"

#include "kernels.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const double log_2pi = 1.83787706640934548356;

static size_t per_component_feature(size_t n_components, size_t n_features)
{
    return n_components * n_features;
}

static size_t n_sums(size_t n_components, size_t n_features)
{
    return 2 * n_components * n_features;
}

static double rows_needed(size_t n_features)
{
    (void)n_features;
    return 2.0;
}

static double flops(size_t n_features)
{
    return 9.0 * (double)n_features + 40.0; /* distance 4, moments 5; 40 for the exponential */
}

static double floor_of(const struct rows *rows, const struct regularisation *reg, size_t d)
{
    return reg->floor * rows->floor_unit[d] + ldexp(reg->floor_absolute, -2 * rows->exponent[d]);
}

/* Ridge and floor for one variance; false if it is zero to rounding. */
static bool regularise(const struct rows *rows, const struct regularisation *reg, size_t d,
                       double *variance)
{
    double least = floor_of(rows, reg, d);
    *variance += ldexp(reg->ridge, -2 * rows->exponent[d]);
    if (least > 0.0 || reg->ridge > 0.0) {
        *variance = fmax(*variance, least);
        return *variance > 0.0;
    }
    return *variance > 8.0 * DBL_EPSILON * rows->floor_unit[d];
}

static bool from_data(const struct rows *rows, const struct regularisation *reg,
                      struct model *model)
{
    bool ok = true;
    double *v = model->covariances;
    for (size_t d = 0; d < rows->n_features; d++) {
        v[d] = rows->variance[d];
        ok &= regularise(rows, reg, d, &v[d]);
    }
    if (!ok) memcpy(v, rows->floor_unit, rows->n_features * sizeof *v);
    for (size_t k = 1; k < model->n_components; k++)
        memcpy(v + k * rows->n_features, v, rows->n_features * sizeof *v);
    return ok;
}

static double factorise(const struct model *model, size_t k, double *factors)
{
    const size_t n_features = model->n_features;
    const double *variance = model->covariances + k * n_features;
    double log_det = 0.0;
    for (size_t d = 0; d < n_features; d++) {
        factors[k * n_features + d] = 1.0 / sqrt(variance[d]);
        log_det += log(variance[d]);
    }
    return -0.5 * (log_det + (double)n_features * log_2pi);
}

static void distance(const struct model *model, const double *factors, const double *y, double *out)
{
    kernels_distance(model->n_features, y, model->n_components, model->means, factors,
                     model->n_features, out);
}

static void accumulate(const struct model *model, const double *y, const double *resp,
                       double *count, double *sums)
{
    kernels_moments(model->n_features, y, model->n_components, model->means, resp, count, sums,
                    sums + model->n_components * model->n_features);
}

static bool maximise(const struct rows *rows, const struct regularisation *reg,
                     const struct model *now, const double *count, const double *sums, size_t k,
                     struct model *next, double *q_change)
{
    const size_t n_features = rows->n_features, at = k * n_features;
    const double *first = sums + at;
    const double *second = sums + now->n_components * n_features + at;
    bool ok = true;
    double change = 0.0;
    for (size_t d = 0; d < n_features; d++) {
        double shift = first[d] / count[k];
        double scatter = fmax(0.0, second[d] - first[d] * shift); /* about the new mean */
        double before = now->covariances[at + d];
        double after = scatter / count[k];
        ok &= regularise(rows, reg, d, &after);
        next->means[at + d] = now->means[at + d] + shift;
        next->covariances[at + d] = after;
        change += count[k] * log(before / after) + second[d] / before - scatter / after;
    }
    *q_change = 0.5 * change;
    return ok;
}

static size_t count_floored(const struct rows *rows, const struct regularisation *reg,
                            const struct model *model)
{
    size_t floored = 0;
    for (size_t k = 0; k < model->n_components; k++)
        for (size_t d = 0; d < model->n_features; d++)
            floored += model->covariances[k * model->n_features + d] <= floor_of(rows, reg, d);
    return floored;
}

static void to_user(const struct rows *rows, struct model *model)
{
    for (size_t k = 0; k < model->n_components; k++)
        for (size_t d = 0; d < model->n_features; d++) {
            double *variance = &model->covariances[k * model->n_features + d];
            *variance = ldexp(*variance, 2 * rows->exponent[d]);
        }
}

static double min_eigenvalue(const struct model *model)
{
    double least = model->covariances[0];
    for (size_t i = 1; i < model->n_covariances; i++)
        least = fmin(least, model->covariances[i]);
    return least;
}

static void permute(const struct model *source, const size_t *order, struct model *target)
{
    const size_t n_features = source->n_features;
    for (size_t k = 0; k < source->n_components; k++)
        memcpy(target->covariances + k * n_features, source->covariances + order[k] * n_features,
               n_features * sizeof *target->covariances);
}

const struct family family_diag = {
    .n_covariances = per_component_feature,
    .n_factors = per_component_feature,
    .n_sums = n_sums,
    .n_parameters = per_component_feature,
    .rows_needed = rows_needed,
    .flops = flops,
    .from_data = from_data,
    .factorise = factorise,
    .distance = distance,
    .accumulate = accumulate,
    .maximise = maximise,
    .count_floored = count_floored,
    .to_user = to_user,
    .min_eigenvalue = min_eigenvalue,
    .permute = permute,
    .axes = "component feature",
};
