#include "em.h"

#include "clock.h"
#include "em_pass.h"
#include "em_step.h"
#include "kmeans.h"
#include "reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of a trace, for the prediction of memory. */
#define USUAL_ENTRIES 1000.0

/* Iterations of a trial of small-em (Biernacki, Celeux & Govaert 2003). */
#define TRIAL_ITERATIONS 10

/* --- transitions --- */

void em_enter(struct em *em, enum em_phase phase)
{
    const size_t n_components = em->settings.n_components, n_features = em->rows->n_features;
    struct task *task = &em->task;
    const bool steps = phase == EM_STEP || phase == EM_MOMENTS;
    const size_t n_step_sums = em_pass_step_sums(em->ops, n_components, n_features);
    em->phase = phase;
    task->heavy = steps && em->batch != NULL;
    task->n_parts = n_components;
    task->n_sums = n_step_sums;
    task->n_lane_sums = n_step_sums;
    if (phase == EM_SETUP) task->n_lane_sums = 0;
    if (phase == EM_SCORE) {
        task->n_lane_sums = em_pass_score_sums(n_components, em->rows->n_classes);
        if (em->heldout_rows != NULL && em->heldout_rows->n_chunks > n_components)
            task->n_parts = em->heldout_rows->n_chunks;
    }
}

/* The fit has collapsed: a new start if one is left that could do better, else its last finite
 * model is scored and stored. Without one, that is the start's means with the features' own
 * variances. */
static void give_up(struct em *em)
{
    bool hopeless = em->rows->n_distinct < em->settings.n_components;
    if (em->settings.may_redraw && !hopeless && (int64_t)em->redraw < em->settings.redraws) {
        em->redraw++;
        em->trial = 0;
        em->best_loglik = -HUGE_VAL;
        em->phase = EM_WANTS_START;
        return;
    }
    em->outcome = OUTCOME_degenerate;
    if (em->is_fallback) { /* not even that is finite: all components at the centre are */
        memset(em->model->means, 0,
               em->settings.n_components * em->rows->n_features * sizeof *em->model->means);
        for (size_t k = 0; k < em->settings.n_components; k++)
            em->model->weights[k] = 1.0 / (double)em->settings.n_components;
    }
    em->is_fallback = em->n_entries == 0;
    em_enter(em, em->is_fallback ? EM_SETUP : EM_SCORE);
}

void em_begin(struct em *em, const struct start *start)
{
    const size_t n_components = em->settings.n_components;
    em->n_entries = 0;
    em->max_drop = 0.0;
    em->is_fallback = false;
    if (em->began_s == 0.0) em->began_s = clock_monotonic_s();
    em->start = start;
    if (start->settings.given != NULL) {
        model_copy(start->settings.given, em->model);
    } else {
        memcpy(em->model->means, start->means,
               n_components * em->rows->n_features * sizeof *start->means);
        memset(em->model->covariances, 0,
               em->model->n_covariances * sizeof *em->model->covariances);
        for (size_t k = 0; k < n_components; k++)
            em->model->weights[k] = 1.0 / (double)n_components;
    }
    if (start->short_of_rows)
        give_up(em);
    else
        em_enter(em, start_has_responsibilities(start) ? EM_MOMENTS : EM_SETUP);
}

/* --- small-em --- */

static bool in_trial(const struct em *em)
{
    return em->trial < em->settings.n_trials;
}

/* Ends a trial: its model is kept if it is the best so far. After the last one the best goes on,
 * through EM_SETUP so that its factors are made again. */
static void end_trial(struct em *em, bool collapsed)
{
    double loglik = em->n_entries > 0 ? em->trace[em->n_entries - 1].loglik : -HUGE_VAL;
    if (!collapsed && loglik > em->best_loglik) {
        struct model *keep = em->best;
        em->best = em->model;
        em->model = keep;
        em->best_loglik = loglik;
    }
    em->trial++;
    if (in_trial(em)) {
        em->phase = EM_WANTS_START;
        return;
    }
    if (em->best_loglik == -HUGE_VAL) {
        give_up(em);
        return;
    }
    struct model *keep = em->best;
    em->best = em->model;
    em->model = keep;
    em->n_entries = 0;
    em->max_drop = 0.0;
    em->start = NULL;
    em_enter(em, EM_SETUP);
}

static void collapse(struct em *em)
{
    if (in_trial(em))
        end_trial(em, true);
    else
        give_up(em);
}

/* --- after the pass --- */

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

static void take_scores(struct em *em, double loglik)
{
    const size_t n_components = em->settings.n_components;
    const double *count = em->task.sums + 1;
    if (em->n_entries == 0) record(em, loglik);
    memcpy(em->count, count, n_components * sizeof *count);
    em->entropy = count[n_components];
    if (em->confusion != NULL)
        memcpy(em->confusion, count + n_components + 1,
               n_components * em->rows->n_classes * sizeof *count);
}

/* A step's sums are in: has the fit ended, collapsed, or is there another M-step? */
static void judge_step(struct em *em, double loglik, bool collapsed)
{
    record(em, loglik);
    const int64_t iterations = (int64_t)em->n_entries - 1;
    if (collapsed) return;
    if (in_trial(em)) {
        if (iterations >= TRIAL_ITERATIONS) end_trial(em, false);
        return;
    }
    const int64_t max_iter = em->settings.start_only ? 0 : em->settings.max_iter;
    if (!has_converged(em) && iterations < max_iter) return;
    bool as_wanted = has_converged(em) || em->settings.start_only;
    em->outcome = as_wanted ? OUTCOME_converged : OUTCOME_max_iter;
    em_enter(em, EM_SCORE);
}

static void em_judge(struct task *task)
{
    struct em *em = (struct em *)task;
    if (em->phase == EM_SETUP) return;
    const double *count = task->sums + 1;
    double loglik = task->sums[0] - em->rows->total_weight * em->rows->log_scale;
    if (em->ops->left_out != NULL) loglik -= 0.5 * em->ops->left_out(em->model, em->factors);
    if (em->phase == EM_SCORE) {
        if (em->n_entries == 0 && !isfinite(loglik))
            give_up(em);
        else
            take_scores(em, loglik);
        return;
    }
    double least = count[0];
    for (size_t k = 1; k < em->settings.n_components; k++)
        least = fmin(least, count[k]);
    bool collapsed = !(least >= 0.5);
    if (em->phase == EM_STEP && !isfinite(loglik)) {
        em->n_entries = 0; /* no NaN enters a trace: nothing of this start is kept */
        collapse(em);
        return;
    }
    if (em->phase == EM_STEP) judge_step(em, loglik, collapsed);
    if (collapsed) collapse(em);
}

/* --- after the pass, by component --- */

static void em_solve(struct task *task, size_t part, struct scratch *scratch)
{
    struct em *em = (struct em *)task;
    if (em->phase != em->ticked) return; /* the judge has turned elsewhere */
    if (em->phase == EM_SCORE && em->heldout_rows != NULL && part < em->heldout_rows->n_chunks)
        em->heldout_sums[part] = em_pass_heldout(em, part, scratch);
    if (part >= em->settings.n_components) return;
    if (em->phase == EM_SCORE)
        em_step_score(em, part, scratch->family);
    else if (em->phase == EM_SETUP)
        em->collapsed[part] = !em_step_set_up(em, part, scratch);
    else
        em->collapsed[part] = !em_step_maximise(em, part, scratch->family);
}

/* --- after the components --- */

static void swap(double **a, double **b)
{
    double *keep = *a;
    *a = *b;
    *b = keep;
}

static void accept_step(struct em *em)
{
    struct model *keep = em->model;
    em->model = em->next;
    em->next = keep;
    swap(&em->factors, &em->next_factors);
    swap(&em->constant, &em->next_constant);
}

/* What judge has recorded goes; where it has turned elsewhere, that stands. */
static void em_rewind(struct task *task)
{
    struct em *em = (struct em *)task;
    if (em->phase != em->ticked) return;
    em->n_entries = em->ticked_entries;
    em->max_drop = em->ticked_drop;
}

static void finish(struct em *em)
{
    double sum = 0.0;
    em->heldout = NAN;
    for (size_t c = 0; em->heldout_rows != NULL && c < em->heldout_rows->n_chunks; c++)
        sum += em->heldout_sums[c];
    if (em->heldout_rows != NULL)
        em->heldout = sum / em->heldout_rows->total_weight - em->rows->log_scale;
    em->phase = EM_DONE;
}

static void em_conclude(struct task *task, struct scratch *scratch)
{
    struct em *em = (struct em *)task;
    if (em->phase != em->ticked) return; /* the judge has turned elsewhere */
    if (em->phase == EM_SCORE) {
        finish(em);
        return;
    }
    double gain = 0.0;
    bool collapsed = false;
    for (size_t k = 0; k < em->settings.n_components; k++)
        collapsed |= em->collapsed[k];
    if (collapsed || !em_step_common(em, scratch->family)) {
        collapse(em);
        return;
    }
    for (size_t k = 0; k < em->settings.n_components; k++)
        gain += em->gain[k];
    /* With the responsibilities r of entry t-1: elbo[t] = loglik[t-1] + Q(t; r) - Q(t-1; r). */
    if (em->phase == EM_STEP)
        em->trace[em->n_entries].elbo = em->trace[em->n_entries - 1].loglik + gain;
    if (em->phase != EM_SETUP) accept_step(em);
    if (em->phase != EM_STEP) em_enter(em, em->is_fallback ? EM_SCORE : EM_STEP);
}

/* --- life --- */

static struct family em_ops(const struct em_settings *settings)
{
    return settings->kernel == KERNEL_reference ? reference_family(settings->family)
                                                : *families[settings->family];
}

/* The most sums that a fit has in one lane and in all; a heavy fit steps without lanes. */
struct sizes {
    size_t n_lane_sums, n_sums;
    bool heavy;
};

static struct sizes sizes_of(const struct family *ops, size_t n_rows, size_t n_features,
                             size_t n_classes, size_t n_components)
{
    const size_t n_step = em_pass_step_sums(ops, n_components, n_features);
    const size_t n_score = em_pass_score_sums(n_components, n_classes);
    const size_t most = n_step > n_score ? n_step : n_score;
    const bool heavy = em_pass_is_heavy(ops, n_rows, n_components, n_features);
    return (struct sizes){heavy ? n_score : most, most, heavy};
}

static bool is_bounded(const struct family *ops, size_t n_components, size_t n_features)
{
    return ops->is_bounded != NULL && ops->is_bounded(n_components, n_features);
}

static enum status allocate(struct em *em, struct err *err)
{
    enum status rc = OK;
    const struct family *ops = em->ops;
    const struct rows *rows = em->rows;
    const size_t n_components = em->settings.n_components, n_features = rows->n_features;
    const size_t n_factors = ops->n_factors(n_components, n_features);
    const struct sizes sizes =
        sizes_of(ops, rows->n_rows, n_features, rows->n_classes, n_components);
    TRY(engine_task_create(rows, sizes.n_lane_sums, sizes.n_sums, &em->task, err));
    if (sizes.heavy) {
        TRY_ALLOC(em->batch, ENGINE_BATCH * n_components * ROWS_CHUNK, err);
        em->task.n_gathers = n_components * ops->n_stripes(n_features);
    }
    if (is_bounded(ops, n_components, n_features))
        TRY_ALLOC(em->winner, rows->n_chunks * ROWS_CHUNK, err);
    TRY(model_create(em->settings.family, n_components, n_features, &em->model, err));
    TRY(model_create(em->settings.family, n_components, n_features, &em->next, err));
    if (em->settings.n_trials > 0)
        TRY(model_create(em->settings.family, n_components, n_features, &em->best, err));
    TRY_ALLOC(em->factors, n_factors, err);
    TRY_ALLOC(em->next_factors, n_factors, err);
    TRY_ALLOC(em->constant, n_components, err);
    TRY_ALLOC(em->next_constant, n_components, err);
    TRY_ALLOC(em->gain, n_components, err);
    TRY_ALLOC(em->collapsed, n_components, err);
    TRY_ALLOC(em->count, n_components, err);
    TRY_ALLOC(em->floored, n_components, err);
    TRY_ALLOC(em->least_eigenvalue, n_components, err);
    if (rows->label != NULL) TRY_ALLOC(em->confusion, n_components * rows->n_classes, err);
    if (em->heldout_rows != NULL) TRY_ALLOC(em->heldout_sums, em->heldout_rows->n_chunks, err);
done:
    return rc;
}

enum status em_create(const struct rows *rows, const struct rows *heldout,
                      const struct em_settings *settings, struct em **out, struct err *err)
{
    enum status rc = OK;
    struct em *em = NULL;
    *out = NULL;
    TRY_ALLOC(em, 1, err);
    em->settings = *settings;
    em->rows = rows;
    em->heldout_rows = heldout;
    em->own_ops = em_ops(settings);
    em->ops = &em->own_ops;
    em->best_loglik = -HUGE_VAL;
    em->task.pass = em_pass_lane;
    em->task.expect = em_pass_expect;
    em->task.gather = em_pass_gather;
    em->task.judge = em_judge;
    em->task.solve = em_solve;
    em->task.conclude = em_conclude;
    em->task.rewind = em_rewind;
    TRY(allocate(em, err));
    *out = em;
    em = NULL;
done:
    em_destroy(&em);
    return rc;
}

void em_destroy(struct em **em)
{
    if (*em == NULL) return;
    free((*em)->heldout_sums);
    free((*em)->confusion);
    free((*em)->least_eigenvalue);
    free((*em)->floored);
    free((*em)->count);
    free((*em)->collapsed);
    free((*em)->gain);
    free((*em)->next_constant);
    free((*em)->constant);
    free((*em)->next_factors);
    free((*em)->factors);
    model_destroy(&(*em)->best);
    model_destroy(&(*em)->next);
    model_destroy(&(*em)->model);
    free((*em)->batch);
    free((*em)->winner);
    free((*em)->trace);
    engine_task_destroy(&(*em)->task);
    free(*em);
    *em = NULL;
}

enum status em_prepare(struct em *em, struct err *err)
{
    enum status rc = OK;
    em->ticked = em->phase;
    em->ticked_entries = em->n_entries;
    em->ticked_drop = em->max_drop;
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

size_t em_family_work(const struct em_settings *settings, size_t n_features)
{
    const struct family ops = em_ops(settings);
    const size_t of_start = kmeans_work(settings->n_components, n_features);
    const size_t own = start_covariance_work(n_features, ops.correlated) +
                       ops.n_work(settings->n_components, n_features);
    return own > of_start ? own : of_start;
}

double em_bytes(size_t n_rows, size_t n_features, size_t n_classes,
                const struct em_settings *settings)
{
    const struct family own = em_ops(settings), *ops = &own;
    const size_t n_components = settings->n_components;
    const struct sizes sizes = sizes_of(ops, n_rows, n_features, n_classes, n_components);
    const double n_models = settings->n_trials > 0 ? 3.0 : 2.0;
    double n_model = (double)(n_components + n_components * n_features +
                              ops->n_covariances(n_components, n_features));
    double batch = sizes.heavy ? 8.0 * ENGINE_BATCH * ROWS_CHUNK * (double)n_components : 0.0;
    if (is_bounded(ops, n_components, n_features)) batch += 4.0 * (double)(n_rows + ROWS_CHUNK);
    return engine_task_bytes(rows_n_lanes(n_rows), sizes.n_lane_sums, sizes.n_sums) +
           8.0 * n_models * n_model + 16.0 * (double)ops->n_factors(n_components, n_features) +
           8.0 * (double)(n_components * n_classes) + batch + sizeof(struct em) +
           2.0 * sizeof(struct em_entry) * fmin((double)settings->max_iter + 1.0, USUAL_ENTRIES);
}
