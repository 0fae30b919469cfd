#include "family.h"

#include "kernels.h"

#define FAMILY(name, summary) extern const struct family family_##name;
#include "families.def"
#undef FAMILY

const struct family *const families[] = {
#define FAMILY(name, summary) &family_##name,
#include "families.def"
#undef FAMILY
};

size_t family_per_component_feature(size_t n_components, size_t n_features)
{
    return n_components * n_features;
}

size_t family_moments(size_t n_components, size_t n_features)
{
    return 2 * n_components * n_features;
}

size_t family_no_work(size_t n_features)
{
    (void)n_features;
    return 0;
}

bool family_has_two_rows(double least, double total_weight, size_t n_components, size_t n_features)
{
    (void)total_weight;
    (void)n_components;
    (void)n_features;
    return least >= 2.0;
}

double family_moments_flops(size_t n_features)
{
    return 9.0 * (double)n_features + 40.0; /* distance 4, moments 5; 40 for the exponential */
}

void family_scaled_distance(const struct model *model, const double *factors, const double *y,
                            const struct bound *bound, double *distance, double *work)
{
    (void)bound;
    (void)work;
    kernels_distance(model->n_features, y, model->n_components, model->means, factors,
                     model->n_features, distance);
}

void family_accumulate_moments(const struct model *model, const double *y, const double *resp,
                               double *count, double *sums, double *work)
{
    (void)work;
    kernels_moments(model->n_features, y, model->n_components, model->means, resp, count, sums,
                    sums + model->n_components * model->n_features);
}

void family_move_mean(const struct model *now, const double *count, const double *first, size_t k,
                      struct model *next)
{
    const size_t n_features = now->n_features, at = k * n_features;
    for (size_t d = 0; d < n_features; d++)
        next->means[at + d] = now->means[at + d] + first[d] / count[k];
}
