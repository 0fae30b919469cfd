#include "model.h"

#include "family.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum status model_create(enum family_id family, size_t n_components, size_t n_features,
                         struct model **out, struct err *err)
{
    enum status rc = OK;
    struct model *model = NULL;
    *out = NULL;
    const size_t n_covariances =
        family == FAMILY_none ? 0 : families[family]->n_covariances(n_components, n_features);
    TRY_ALLOC(model, 1, err);
    TRY(err_alloc(n_components + n_components * n_features + n_covariances, sizeof(double), "model",
                  &model->weights, err));
    model->family = family;
    model->n_components = n_components;
    model->n_features = n_features;
    model->n_covariances = n_covariances;
    model->means = model->weights + n_components;
    model->covariances = model->means + n_components * n_features;
    *out = model;
    model = NULL;
done:
    model_destroy(&model);
    return rc;
}

void model_destroy(struct model **model)
{
    if (*model == NULL) return;
    free((*model)->weights);
    free(*model);
    *model = NULL;
}

void model_copy(const struct model *source, struct model *target)
{
    const size_t n = source->n_components * (1 + source->n_features) + source->n_covariances;
    memcpy(target->weights, source->weights, n * sizeof *target->weights); /* one block */
}

void model_from_user(const struct rows *rows, struct model *model)
{
    const size_t n_features = model->n_features;
    for (size_t k = 0; k < model->n_components; k++)
        for (size_t d = 0; d < n_features; d++) {
            double *mean = &model->means[k * n_features + d];
            *mean = ldexp(*mean - rows->centre[d], -rows->exponent[d]);
        }
    if (model->family != FAMILY_none) families[model->family]->rescale(rows, -1, model);
}

void model_to_user(const struct rows *rows, struct model *model)
{
    const size_t n_features = model->n_features;
    for (size_t k = 0; k < model->n_components; k++)
        for (size_t d = 0; d < n_features; d++) {
            double *mean = &model->means[k * n_features + d];
            *mean = rows->centre[d] + ldexp(*mean, rows->exponent[d]);
        }
    if (model->family != FAMILY_none) families[model->family]->rescale(rows, 1, model);
}

bool model_is_sound(const struct model *model)
{
    const size_t n = model->n_components * (1 + model->n_features) + model->n_covariances;
    for (size_t i = 0; i < n; i++) /* one block */
        if (!(fabs(model->weights[i]) < 1e100)) return false;
    return true;
}

static bool precedes(const struct model *model, size_t a, size_t b)
{
    if (model->weights[a] != model->weights[b]) return model->weights[a] > model->weights[b];
    const double *p = model->means + a * model->n_features,
                 *q = model->means + b * model->n_features;
    for (size_t d = 0; d < model->n_features; d++)
        if (p[d] != q[d]) return p[d] < q[d];
    return false;
}

void model_order(const struct model *model, size_t *order)
{
    /* Insertion sort: stable, and K is small beside anything else that is done K times. */
    for (size_t k = 0; k < model->n_components; k++) {
        size_t at = k;
        for (; at > 0 && precedes(model, k, order[at - 1]); at--)
            order[at] = order[at - 1];
        order[at] = k;
    }
}

void model_permute(const struct model *source, const size_t *order, struct model *target)
{
    const size_t n_features = source->n_features;
    for (size_t k = 0; k < source->n_components; k++) {
        target->weights[k] = source->weights[order[k]];
        memcpy(target->means + k * n_features, source->means + order[k] * n_features,
               n_features * sizeof *target->means);
    }
    if (source->family == FAMILY_none) return;
    const size_t own = families[source->family]->n_own(n_features);
    for (size_t k = 0; k < source->n_components && own > 0; k++)
        memcpy(target->covariances + k * own, source->covariances + order[k] * own,
               own * sizeof *target->covariances);
    if (own == 0)
        memcpy(target->covariances, source->covariances,
               source->n_covariances * sizeof *target->covariances);
}
