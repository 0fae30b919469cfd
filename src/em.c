#include "em.h"

#include "clock.h"
#include "kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Sums of a step: [0] log-likelihood in scaled units, count [K], the family's sums.
 * Sums of the scoring pass: [0] log-likelihood, count [K], entropy, confusion [K, C]. */
static size_t step_sums(const struct family *ops, size_t n_components, size_t n_features)
{
    return 1 + n_components + ops->n_sums(n_components, n_features);
}

static size_t score_sums(size_t n_components, size_t n_classes)
{
    return 2 + n_components + n_components * n_classes;
}

static size_t most_sums(const struct family *ops, size_t n_components, size_t n_features,
                        size_t n_classes)
{
    size_t step = step_sums(ops, n_components, n_features);
    size_t score = score_sums(n_components, n_classes);
    return step > score ? step : score;
}

/* --- the pass ------------------------------------------------------------------------------- */

static void score_chunk(struct em *em, size_t chunk, double *sums, struct scratch *scratch)
{
    const struct rows *rows = em->rows;
    const size_t n_components = em->settings.n_components;
    const double *weight = rows->weight + chunk * ROWS_CHUNK;
    double *count = sums + 1, *confusion = sums + 2 + n_components;
    for (size_t k = 0; k < n_components; k++)
        for (size_t n = 0; n < ROWS_CHUNK; n++)
            count[k] += scratch->work[k * ROWS_CHUNK + n];
    sums[1 + n_components] +=
        kernels_assign(n_components, weight, scratch->work, scratch->component);
    if (rows->label == NULL) return;
    const int32_t *label = rows->label + chunk * ROWS_CHUNK;
    for (size_t n = 0; n < ROWS_CHUNK; n++)
        confusion[(size_t)scratch->component[n] * rows->n_classes + (size_t)label[n]] += weight[n];
}

static void em_pass(struct task *task, size_t lane, double *sums, struct scratch *scratch)
{
    struct em *em = (struct em *)task;
    const struct rows *rows = em->rows;
    const size_t n_components = em->settings.n_components;
    size_t chunk, end;
    for (rows_lane(rows, lane, &chunk, &end); chunk < end; chunk++) {
        const double *y = rows_chunk(rows, chunk);
        const double *weight = rows->weight + chunk * ROWS_CHUNK;
        if (em->phase == EM_MOMENTS) {
            kernels_one_hot(n_components, em->start->assignment + chunk * ROWS_CHUNK, weight,
                            scratch->work);
        } else {
            em->ops->distance(em->model, em->factors, y, scratch->work);
            sums[0] +=
                kernels_posterior(n_components, em->constant, weight, scratch->work, scratch->rows);
        }
        if (em->phase == EM_SCORE)
            score_chunk(em, chunk, sums, scratch);
        else
            em->ops->accumulate(em->model, y, scratch->work, sums + 1, sums + 1 + n_components);
    }
}

/* --- between passes ------------------------------------------------------------------------- */

static void enter(struct em *em, enum em_phase phase)
{
    const size_t n_components = em->settings.n_components;
    em->phase = phase;
    em->task.n_parts = phase == EM_SCORE ? 0 : n_components;
    em->task.n_sums = phase == EM_SCORE ? score_sums(n_components, em->rows->n_classes)
                                        : step_sums(em->ops, n_components, em->rows->n_features);
}

static void factorise(struct em *em, struct model *model, double *factors, double *constant,
                      size_t k)
{
    constant[k] = log(model->weights[k]) + em->ops->factorise(model, k, factors);
}

/* Equal weights and the data's covariance around the start's means; false if that covariance is
 * degenerate. */
static bool take_means(struct em *em, const double *means)
{
    const size_t n_components = em->settings.n_components;
    struct model *model = em->model;
    memcpy(model->means, means, n_components * em->rows->n_features * sizeof *means);
    for (size_t k = 0; k < n_components; k++)
        model->weights[k] = 1.0 / (double)n_components;
    bool ok = em->ops->from_data(em->rows, &em->settings.reg, model);
    for (size_t k = 0; k < n_components; k++)
        factorise(em, model, em->factors, em->constant, k);
    return ok;
}

/* The fit has collapsed: a new start if one is left that could do better, else its last finite
 * model is scored and stored. */
static void give_up(struct em *em)
{
    bool hopeless = em->rows->n_distinct < em->settings.n_components;
    if (em->settings.may_redraw && !hopeless && (int64_t)em->redraw < em->settings.redraws) {
        em->redraw++;
        em->phase = EM_WANTS_START;
        return;
    }
    em->outcome = OUTCOME_degenerate;
    enter(em, EM_SCORE);
}

void em_begin(struct em *em, const struct start *start)
{
    em->n_entries = 0;
    em->max_drop = 0.0;
    if (em->began_s == 0.0) em->began_s = clock_monotonic_s();
    bool ok = take_means(em, start->means) && !start->short_of_rows;
    if (start->assignment != NULL && !start->short_of_rows) {
        em->start = start;
        enter(em, EM_MOMENTS);
    } else if (ok) {
        enter(em, EM_STEP);
    } else {
        give_up(em);
    }
}

static bool has_converged(const struct em *em)
{
    if (em->n_entries < 2) return false;
    double last = em->trace[em->n_entries - 1].loglik;
    double change = fabs(last - em->trace[em->n_entries - 2].loglik);
    switch (em->settings.criterion) {
    case CRITERION_mean:
        return change < em->settings.tol * em->rows->total_weight;
    case CRITERION_relative:
        return change < em->settings.tol * fabs(last);
    case CRITERION_absolute:
        break;
    }
    return change < em->settings.tol;
}

/* Completes the newest entry, whose elbo was known before its log-likelihood. */
static void record(struct em *em, double loglik)
{
    struct em_entry *entry = &em->trace[em->n_entries++];
    entry->loglik = loglik;
    entry->wall_s = clock_monotonic_s() - em->began_s;
    if (em->n_entries == 1)
        entry->elbo = loglik;
    else
        em->max_drop = fmax(em->max_drop, entry[-1].loglik - loglik);
}

static void score_judge(struct em *em, double loglik)
{
    const size_t n_components = em->settings.n_components;
    const double *count = em->task.sums + 1;
    if (em->n_entries == 0) record(em, loglik);
    memcpy(em->count, count, n_components * sizeof *count);
    em->entropy = count[n_components];
    if (em->confusion != NULL)
        memcpy(em->confusion, count + n_components + 1,
               n_components * em->rows->n_classes * sizeof *count);
    em->phase = EM_DONE;
}

static void em_judge(struct task *task)
{
    struct em *em = (struct em *)task;
    const double *count = task->sums + 1;
    double loglik = task->sums[0] - em->rows->total_weight * em->rows->log_scale;
    if (em->phase == EM_SCORE) {
        score_judge(em, loglik);
        return;
    }
    double least = count[0];
    for (size_t k = 1; k < em->settings.n_components; k++)
        least = fmin(least, count[k]);
    bool collapsed = !(least >= 0.5);
    if (em->phase == EM_STEP) {
        record(em, loglik);
        if (!collapsed && (has_converged(em) || (int64_t)em->n_entries > em->settings.max_iter)) {
            em->outcome = has_converged(em) ? OUTCOME_converged : OUTCOME_max_iter;
            enter(em, EM_SCORE);
        }
    }
    if (collapsed) give_up(em);
}

static bool in_m_step(const struct em *em)
{
    return em->phase == EM_STEP || em->phase == EM_MOMENTS;
}

static void em_solve(struct task *task, size_t k)
{
    struct em *em = (struct em *)task;
    if (!in_m_step(em)) return; /* the judge has ended the steps */
    const double *count = task->sums + 1;
    const double *sums = count + em->settings.n_components;
    struct model *next = em->next;
    next->weights[k] = em->settings.mixing == MIXING_equal ? 1.0 / (double)em->settings.n_components
                                                           : count[k] / em->rows->total_weight;
    em->degenerate[k] = !em->ops->maximise(em->rows, &em->settings.reg, em->model, count, sums, k,
                                           next, &em->q_change[k]);
    if (em->degenerate[k]) return;
    em->q_change[k] += count[k] * log(next->weights[k] / em->model->weights[k]);
    factorise(em, next, em->next_factors, em->next_constant, k);
}

static void swap(double **a, double **b)
{
    double *keep = *a;
    *a = *b;
    *b = keep;
}

static void em_conclude(struct task *task)
{
    struct em *em = (struct em *)task;
    if (!in_m_step(em)) return;
    double q_change = 0.0;
    bool degenerate = false;
    for (size_t k = 0; k < em->settings.n_components; k++) {
        q_change += em->q_change[k];
        degenerate |= em->degenerate[k];
    }
    if (degenerate) {
        give_up(em);
        return;
    }
    struct model *keep = em->model;
    em->model = em->next;
    em->next = keep;
    swap(&em->factors, &em->next_factors);
    swap(&em->constant, &em->next_constant);
    /* With the responsibilities r of entry t-1: elbo[t] = loglik[t-1] + Q(t; r) - Q(t-1; r). */
    if (em->phase == EM_STEP)
        em->trace[em->n_entries].elbo = em->trace[em->n_entries - 1].loglik + q_change;
    else
        enter(em, EM_STEP);
}

/* --- life ------------------------------------------------------------------------------------ */

enum status em_create(const struct rows *rows, const struct em_settings *settings, struct em **out,
                      struct err *err)
{
    enum status rc = OK;
    struct em *em = NULL;
    const struct family *ops = families[settings->family];
    const size_t n_components = settings->n_components, n_features = rows->n_features;
    const size_t n_factors = ops->n_factors(n_components, n_features);
    *out = NULL;
    TRY_ALLOC(em, 1, err);
    em->settings = *settings;
    em->rows = rows;
    em->ops = ops;
    em->task.pass = em_pass;
    em->task.judge = em_judge;
    em->task.solve = em_solve;
    em->task.conclude = em_conclude;
    TRY(engine_task_create(rows, most_sums(ops, n_components, n_features, rows->n_classes),
                           &em->task, err));
    TRY(model_create(settings->family, n_components, n_features, &em->model, err));
    TRY(model_create(settings->family, n_components, n_features, &em->next, err));
    TRY_ALLOC(em->factors, n_factors, err);
    TRY_ALLOC(em->next_factors, n_factors, err);
    TRY_ALLOC(em->constant, n_components, err);
    TRY_ALLOC(em->next_constant, n_components, err);
    TRY_ALLOC(em->q_change, n_components, err);
    TRY_ALLOC(em->degenerate, n_components, err);
    TRY_ALLOC(em->count, n_components, err);
    if (rows->label != NULL) TRY_ALLOC(em->confusion, n_components * rows->n_classes, err);
    *out = em;
    em = NULL;
done:
    em_destroy(&em);
    return rc;
}

void em_destroy(struct em **em)
{
    if (*em == NULL) return;
    free((*em)->confusion);
    free((*em)->count);
    free((*em)->degenerate);
    free((*em)->q_change);
    free((*em)->next_constant);
    free((*em)->constant);
    free((*em)->next_factors);
    free((*em)->factors);
    model_destroy(&(*em)->next);
    model_destroy(&(*em)->model);
    free((*em)->trace);
    engine_task_destroy(&(*em)->task);
    free(*em);
    *em = NULL;
}

enum status em_reserve(struct em *em, struct err *err)
{
    enum status rc = OK;
    if (em->n_entries + 2 > em->capacity) {
        size_t capacity = em->capacity == 0 ? 64 : 2 * em->capacity;
        struct em_entry *trace;
        TRY_ALLOC(trace, capacity, err);
        if (em->n_entries > 0) memcpy(trace, em->trace, (em->n_entries + 1) * sizeof *trace);
        free(em->trace);
        em->trace = trace;
        em->capacity = capacity;
    }
done:
    return rc;
}

double em_bytes(size_t n_lanes, size_t n_features, size_t n_classes,
                const struct em_settings *settings)
{
    const struct family *ops = families[settings->family];
    const size_t n_components = settings->n_components;
    size_t n_sums = most_sums(ops, n_components, n_features, n_classes);
    size_t n_model =
        n_components + n_components * n_features + ops->n_covariances(n_components, n_features);
    return engine_task_bytes(n_lanes, n_sums) + 16.0 * (double)n_model +
           16.0 * (double)ops->n_factors(n_components, n_features) +
           8.0 * (double)(n_components * n_classes) + sizeof(struct em);
}
