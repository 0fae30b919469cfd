#include "sweep.h"

#include <stdlib.h>
#include <string.h>

/* A start and how to find it again; served to all fits that ask for the same. */
struct shared_start {
    struct start *start;
    bool wanted; /* by a live fit, or by the next one in the queue */
};

struct sweep {
    const struct config *config;
    const struct rows *rows;
    const struct rows *heldout;
    struct model *given[N_FAMILIES]; /* of the plan, in the units of rows */
    struct whitened *whitened;       /* NULL unless kmeans.whiten asks for it */
    const struct plan *plan;
    const bool *wanted;
    const struct sweep_hooks *hooks;
    struct engine *engine;
    size_t next; /* first fit of the plan that has not been live */
    size_t n_live;
    struct live_fit *live; /* [plan->n_live] oldest first */
    size_t n_starts;
    struct shared_start *starts; /* [plan->n_live + 1] */
    struct task **tasks;         /* [ENGINE_MAX_TASKS] */
};

static bool same_start(const struct start_settings *a, const struct start_settings *b)
{
    return a->init == b->init && a->n_components == b->n_components && a->restart == b->restart &&
           a->redraw == b->redraw && a->trial == b->trial && a->given == b->given;
}

/* The start with these settings, begun if nobody has asked for it before: from where it was in an
 * earlier session, if that is known. */
static enum status share_start(struct sweep *sweep, const struct start_settings *settings,
                               const struct lloyd *lloyd, struct start **out, struct err *err)
{
    enum status rc = OK;
    for (size_t i = 0; i < sweep->n_starts; i++)
        if (same_start(&sweep->starts[i].start->settings, settings)) {
            *out = sweep->starts[i].start;
            return OK;
        }
    struct shared_start *shared = &sweep->starts[sweep->n_starts];
    TRY(start_create(sweep->rows, settings, &shared->start, err));
    if (lloyd != NULL && !shared->start->done) kmeans_resume(shared->start, lloyd);
    sweep->n_starts++;
    *out = shared->start;
done:
    return rc;
}

static void skip_unwanted(struct sweep *sweep)
{
    while (sweep->next < sweep->plan->n_fits && !sweep->wanted[sweep->next])
        sweep->next++;
}

/* The next fit to begin, or NULL if there is none or there shall be none. */
static const struct plan_fit *next_fit(struct sweep *sweep)
{
    const struct plan *plan = sweep->plan;
    skip_unwanted(sweep);
    if (sweep->next == plan->n_fits) return NULL;
    const struct plan_fit *fit = &plan->fits[sweep->next];
    if (sweep->hooks->may_begin(sweep->hooks->context, fit)) return fit;
    sweep->next = plan->n_fits;
    return NULL;
}

/* Fills the free places with the next fits of the plan. */
static enum status admit(struct sweep *sweep, struct err *err)
{
    enum status rc = OK;
    const struct plan_fit *fit;
    while (sweep->n_live < sweep->plan->n_live && (fit = next_fit(sweep)) != NULL) {
        struct live_fit *live = &sweep->live[sweep->n_live];
        *live = (struct live_fit){.fit = fit};
        if (fit->method != METHOD_kmeans)
            TRY(em_create(sweep->rows, sweep->heldout, &fit->em, &live->em, err));
        sweep->n_live++;
        sweep->next++;
        TRY(sweep->hooks->begin(sweep->hooks->context, live, err));
    }
done:
    return rc;
}

static struct start_settings start_for(const struct sweep *sweep, const struct plan_fit *fit,
                                       uint64_t redraw, uint64_t trial)
{
    struct start_settings settings = plan_start(sweep->config, fit, redraw, trial);
    if (plan_whitens(sweep->config, fit->init)) settings.whitened = sweep->whitened;
    if (fit->init == INIT_file) settings.given = sweep->given[fit->em.family];
    return settings;
}

static struct start_settings start_of(const struct sweep *sweep, const struct live_fit *live)
{
    return live->em == NULL ? start_for(sweep, live->fit, 0, 0)
                            : start_for(sweep, live->fit, live->em->redraw, live->em->trial);
}

static bool uses_start(const struct live_fit *live)
{
    if (live->em == NULL) return !live->done;
    enum em_phase phase = live->em->phase;
    return phase == EM_WANTS_START || phase == EM_SETUP || phase == EM_MOMENTS;
}

/* Gives a fit the start it waits for, if that is finished. */
static enum status serve(struct sweep *sweep, struct live_fit *live, struct err *err)
{
    enum status rc = OK;
    struct start *start;
    struct start_settings settings = start_of(sweep, live);
    live->awaited = NULL;
    if (live->em != NULL && live->em->phase != EM_WANTS_START) return OK;
    TRY(share_start(sweep, &settings, live->lloyd, &start, err));
    kmeans_forget(&live->lloyd);
    if (!start->done) live->awaited = start;
    if (start->done && live->em != NULL) em_begin(live->em, start);
    if (start->done && live->em == NULL) live->clusters = start;
done:
    return rc;
}

/* Serves the fits that wait, and lists what is to be ticked. A fit that gives its start up at once
 * asks for the next one in the next tick. */
static enum status prepare(struct sweep *sweep, size_t *n_tasks, struct err *err)
{
    enum status rc = OK;
    *n_tasks = 0;
    for (size_t i = 0; i < sweep->n_live; i++) {
        struct live_fit *live = &sweep->live[i];
        TRY(serve(sweep, live, err));
        if (live->em == NULL || live->em->phase == EM_WANTS_START) continue;
        TRY(em_prepare(live->em, err));
        sweep->tasks[(*n_tasks)++] = &live->em->task;
    }
    for (size_t i = 0; i < sweep->n_starts; i++)
        if (!sweep->starts[i].start->done)
            sweep->tasks[(*n_tasks)++] = &sweep->starts[i].start->task;
done:
    return rc;
}

static void want(struct sweep *sweep, const struct start_settings *settings)
{
    for (size_t i = 0; i < sweep->n_starts; i++)
        if (same_start(&sweep->starts[i].start->settings, settings)) sweep->starts[i].wanted = true;
}

/* Frees the starts that no live fit uses or waits for, and that the next fit will not ask for. */
static void drop_starts(struct sweep *sweep)
{
    for (size_t i = 0; i < sweep->n_starts; i++)
        sweep->starts[i].wanted = false;
    for (size_t i = 0; i < sweep->n_live; i++) {
        struct start_settings settings = start_of(sweep, &sweep->live[i]);
        if (uses_start(&sweep->live[i])) want(sweep, &settings);
    }
    skip_unwanted(sweep);
    if (sweep->next < sweep->plan->n_fits) {
        struct start_settings settings = start_for(sweep, &sweep->plan->fits[sweep->next], 0, 0);
        want(sweep, &settings);
    }
    size_t kept = 0;
    for (size_t i = 0; i < sweep->n_starts; i++) {
        if (sweep->starts[i].wanted)
            sweep->starts[kept++] = sweep->starts[i];
        else
            start_destroy(&sweep->starts[i].start);
    }
    sweep->n_starts = kept;
}

/* Hands finished fits on and closes the gaps they leave. */
static enum status release(struct sweep *sweep, struct err *err)
{
    enum status rc = OK;
    size_t kept = 0;
    for (size_t i = 0; i < sweep->n_live; i++) {
        struct live_fit *live = &sweep->live[i];
        live->done = live->em != NULL ? live->em->phase == EM_DONE : live->clusters != NULL;
        if (!live->done) {
            sweep->live[kept++] = *live;
            continue;
        }
        if (rc == OK) rc = sweep->hooks->finish(sweep->hooks->context, live, err);
        em_destroy(&live->em);
        kmeans_forget(&live->lloyd);
    }
    sweep->n_live = kept;
    return rc;
}

static enum status scale_given(struct sweep *sweep, struct err *err)
{
    enum status rc = OK;
    for (size_t f = 0; f < N_FAMILIES; f++) {
        const struct model *given = sweep->plan->given[f];
        if (given == NULL) continue;
        TRY(model_create(given->family, given->n_components, given->n_features, &sweep->given[f],
                         err));
        model_copy(given, sweep->given[f]);
        model_from_user(sweep->rows, sweep->given[f]);
        if (!model_is_sound(sweep->given[f]))
            FAIL(err, ERR_DATA, "%s: the parameters are too far from the data to be fitted",
                 sweep->config->top_level_init_file);
    }
done:
    return rc;
}

enum status sweep_run(const struct config *config, const struct rows *rows,
                      const struct rows *heldout, const struct plan *plan, const bool *wanted,
                      const struct sweep_hooks *hooks, const atomic_int *stop, struct err *err)
{
    enum status rc = OK;
    struct sweep sweep = {.config = config,
                          .rows = rows,
                          .heldout = heldout,
                          .plan = plan,
                          .wanted = wanted,
                          .hooks = hooks};
    size_t n_tasks;
    bool stopped = false;
    TRY(engine_create(rows, plan->n_threads, plan->max_components, plan->family_work, stop,
                      &sweep.engine, err));
    TRY(scale_given(&sweep, err));
    if (plan->whitened)
        TRY(whiten_create(rows, (enum whiten)config->kmeans_whiten, plan->n_threads,
                          &sweep.whitened, err));
    TRY_ALLOC(sweep.live, plan->n_live, err);
    /* Each live fit asks for one start; the one that the next fit will want may be kept too. */
    TRY_ALLOC(sweep.starts, plan->n_live + 1, err);
    TRY_ALLOC(sweep.tasks, ENGINE_MAX_TASKS, err);
    while (!stopped) {
        TRY(admit(&sweep, err));
        if (sweep.n_live == 0) break;
        TRY(prepare(&sweep, &n_tasks, err));
        engine_tick(sweep.engine, sweep.tasks, n_tasks);
        TRY(release(&sweep, err));
        drop_starts(&sweep);
        stopped = atomic_load(stop) != 0;
        TRY(hooks->pulse(hooks->context, sweep.live, sweep.n_live, stopped, err));
    }
done:
    for (size_t i = 0; i < sweep.n_live; i++) {
        em_destroy(&sweep.live[i].em);
        kmeans_forget(&sweep.live[i].lloyd);
    }
    for (size_t i = 0; i < sweep.n_starts; i++)
        start_destroy(&sweep.starts[i].start);
    free(sweep.tasks);
    free(sweep.starts);
    free(sweep.live);
    whiten_destroy(&sweep.whitened);
    for (size_t f = 0; f < N_FAMILIES; f++)
        model_destroy(&sweep.given[f]);
    engine_destroy(&sweep.engine);
    return rc;
}
