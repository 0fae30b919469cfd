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

bool family_has_two_rows(double least, double total_weight, size_t n_components, size_t n_features)
{
    (void)total_weight;
    (void)n_components;
    (void)n_features;
    return least >= 2.0;
}

void family_move_mean(const struct model *now, const double *count, const double *first, size_t k,
                      struct model *next)
{
    const size_t n_features = now->n_features, at = k * n_features;
    for (size_t d = 0; d < n_features; d++)
        next->means[at + d] = now->means[at + d] + first[d] / count[k];
}
