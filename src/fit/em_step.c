#include "em_step.h"

#include <math.h>

/* The features' own variances are sound, however small beside each other. */
static const struct regularisation *reg_of(const struct em *em)
{
    static const struct regularisation sound = {.floor = 1.0};
    return em->is_fallback ? &sound : &em->settings.reg;
}

/* Factors and constant of one component; false if its covariance is not positive definite. */
static bool factorise(struct em *em, struct model *model, double *factors, double *constant,
                      size_t k, double *work)
{
    double log_norm;
    if (!em->ops->factorise(em->rows, reg_of(em), model, k, factors, &log_norm, work)) return false;
    constant[k] = log(model->weights[k]) + log_norm;
    return true;
}

/* By how much the step makes component k's expected complete log-likelihood larger. */
static double gain_of(struct em *em, size_t k, double *work)
{
    const double *count = em->task.sums + 1, *sums = count + em->settings.n_components;
    double before =
        em->ops->total_distance(em->rows, em->model, count, sums, em->model, em->factors, k, work);
    double after = em->ops->total_distance(em->rows, em->model, count, sums, em->next,
                                           em->next_factors, k, work);
    return count[k] * (em->next_constant[k] - em->constant[k]) + 0.5 * (before - after);
}

/* The last part of an M-step. Without factors of the present model there is nothing to gain. */
static bool finish_component(struct em *em, size_t k, double *work)
{
    if (!factorise(em, em->next, em->next_factors, em->next_constant, k, work)) return false;
    if (em->phase == EM_STEP) em->gain[k] = gain_of(em, k, work);
    return true;
}

/* What is subtracted from a divisor of `count`: nothing where that would leave nothing, as for a
 * cluster of one row, whose scatter is zero in any case. */
static double ddof_of(const struct em *em, double ddof, double count)
{
    bool hard = em->phase == EM_MOMENTS && em->start->assignment != NULL;
    bool wanted = hard || em->settings.n_components == 1;
    return wanted && count > ddof ? ddof : 0.0;
}

bool em_step_maximise(struct em *em, size_t k, double *work)
{
    const double *count = em->task.sums + 1, *sums = count + em->settings.n_components;
    em->next->weights[k] = em->settings.mixing == MIXING_equal
                               ? 1.0 / (double)em->settings.n_components
                               : count[k] / em->rows->total_weight;
    if (!em->ops->maximise(em->rows, &em->settings.reg, em->model, count, sums, k,
                           ddof_of(em, em->settings.ddof, count[k]), em->next, work))
        return false;
    return em->ops->maximise_common != NULL || finish_component(em, k, work);
}

/* Whether the model to set up came from a file or from a trial, to be taken as it is. */
static bool is_given(const struct em *em)
{
    return em->start == NULL || em->start->settings.given != NULL;
}

bool em_step_set_up(struct em *em, size_t k, struct scratch *scratch)
{
    struct model *model = em->model;
    const bool correlated = em->ops->correlated;
    const size_t n_features = em->rows->n_features;
    double *matrix = scratch->family,
           *work = matrix + start_covariance_work(n_features, correlated);
    if (em->is_fallback) {
        start_own_variances(em->rows, correlated, matrix);
        em->ops->from_covariance(em->rows, matrix, k, model);
    } else if (!is_given(em)) {
        em->ops->from_covariance(em->rows, start_covariance(em->start, k, correlated, matrix), k,
                                 model);
    }
    if (!em->is_fallback && !is_given(em)) {
        /* The ridge belongs to covariances that come from data. */
        struct regularisation reg = em->settings.reg;
        if (em->start->shape != START_DATA) reg.ridge = 0.0;
        if (!em->ops->regularise(em->rows, &reg, k, model, work)) return false;
    }
    return em->ops->maximise_common != NULL ||
           factorise(em, model, em->factors, em->constant, k, work);
}

bool em_step_common(struct em *em, double *work)
{
    const struct family *ops = em->ops;
    const double ddof =
        ddof_of(em, em->settings.ddof * (double)em->settings.n_components, em->rows->total_weight);
    bool ok = true;
    if (ops->maximise_common == NULL) return true;
    if (em->phase == EM_SETUP) {
        ok = ops->factorise_common == NULL ||
             ops->factorise_common(em->rows, reg_of(em), em->model, em->factors, work);
        for (size_t k = 0; ok && k < em->settings.n_components; k++)
            ok = factorise(em, em->model, em->factors, em->constant, k, work);
        return ok;
    }
    const double *count = em->task.sums + 1;
    ok = ops->maximise_common(em->rows, &em->settings.reg, em->model, count,
                              count + em->settings.n_components, ddof, em->next, work) &&
         (ops->factorise_common == NULL ||
          ops->factorise_common(em->rows, reg_of(em), em->next, em->next_factors, work));
    for (size_t k = 0; ok && k < em->settings.n_components; k++)
        ok = finish_component(em, k, work);
    return ok;
}

void em_step_score(struct em *em, size_t k, double *work)
{
    const struct regularisation *reg = &em->settings.reg;
    em->floored[k] = em->ops->count_floored(em->rows, reg, em->model, k, work);
    em->least_eigenvalue[k] = em->ops->least_eigenvalue(em->rows, em->model, k, work);
}
