#include "sampler.h"

#include "family.h"
#include "mixture.h"

#include <math.h>
#include <stdlib.h>

/* Its mixture points into the model and to the arrays behind it. */
struct sampler {
    struct mixture mixture;
    double *cumulative; /* [K] */
    double *deviations; /* [K, D] of families of independent features, or NULL */
    double *factors;    /* [K, D, D], or [D, D] if all components share one; or NULL */
    double *normals;    /* [D] work */
};

static enum status not_definite(const char *name, size_t k, struct err *err)
{
    return err_set(err, ERR_DATA,
                   "%s: the covariance of component %zu is not positive definite, so that nothing "
                   "can be drawn from it; expected a fit that is not degenerate",
                   name, k);
}

static enum status take_variances(const struct model *model, const char *name,
                                  struct sampler *sampler, struct err *err)
{
    enum status rc = OK;
    const size_t n = model->n_features, own = families[model->family]->n_own(n);
    TRY_ALLOC(sampler->deviations, model->n_components * n, err);
    for (size_t k = 0; k < model->n_components; k++)
        for (size_t d = 0; d < n; d++) {
            const double variance = model->covariances[k * own + (own > 1 ? d : 0)];
            if (!(variance >= 0.0)) TRY(not_definite(name, k, err));
            sampler->deviations[k * n + d] = sqrt(variance);
        }
    sampler->mixture.deviations = sampler->deviations;
done:
    return rc;
}

static enum status take_covariances(const struct model *model, const char *name,
                                    struct sampler *sampler, struct err *err)
{
    enum status rc = OK;
    const size_t n = model->n_features, n_matrices = model->n_covariances / (n * n);
    TRY_ALLOC(sampler->factors, model->n_covariances, err);
    for (size_t k = 0; k < n_matrices; k++)
        if (!mixture_factor(n, model->covariances + k * n * n, sampler->factors + k * n * n))
            TRY(not_definite(name, k, err));
    sampler->mixture.factors = sampler->factors;
    sampler->mixture.factor_stride = families[model->family]->n_own(n);
done:
    return rc;
}

enum status sampler_create(const struct model *model, const char *name, uint64_t seed,
                           struct sampler **out, struct err *err)
{
    enum status rc = OK;
    struct sampler *sampler = NULL;
    *out = NULL;
    if (model->family == FAMILY_none)
        FAIL(err, ERR_DATA,
             "%s: k-means has no covariances to draw from, expected a fit by em or labelled", name);
    TRY_ALLOC(sampler, 1, err);
    sampler->mixture = (struct mixture){.seed = seed,
                                        .stream = "sample",
                                        .n_components = model->n_components,
                                        .n_features = model->n_features,
                                        .means = model->means};
    TRY_ALLOC(sampler->normals, model->n_features, err);
    TRY_ALLOC(sampler->cumulative, model->n_components, err);
    const double sum = mixture_accumulate(model->n_components, model->weights, sampler->cumulative);
    if (!(sum > 0.0 && isfinite(sum)))
        FAIL(err, ERR_DATA, "%s: the weights add up to %g, expected a positive number", name, sum);
    sampler->mixture.cumulative = sampler->cumulative;
    TRY(families[model->family]->correlated ? take_covariances(model, name, sampler, err)
                                            : take_variances(model, name, sampler, err));
    *out = sampler;
    sampler = NULL;
done:
    sampler_destroy(&sampler);
    return rc;
}

void sampler_destroy(struct sampler **sampler)
{
    if (*sampler == NULL) return;
    free((*sampler)->factors);
    free((*sampler)->deviations);
    free((*sampler)->cumulative);
    free((*sampler)->normals);
    free(*sampler);
    *sampler = NULL;
}

size_t sampler_draw(const struct sampler *sampler, uint64_t n, double *point)
{
    return mixture_draw(&sampler->mixture, n, sampler->normals, point);
}
