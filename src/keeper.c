#include "keeper.h"

#include "checkpoint.h"
#include "clock.h"
#include "log.h"
#include "progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A checkpoint is due no sooner than this many times what the last one took. */
#define CHECKPOINT_SHARE 50.0

/* Left for ending where the time is limited, beside what a fit's beginning is expected to take. */
#define ENDING_S 1.0

struct keeper {
    struct keeper_setup setup;
    struct log *log;
    struct checkpoint *checkpoint;
    struct progress progress;
    struct checkpoint_place *saved; /* [n_fits] where each fit is in the latest checkpoint */
    double began_s, ticked_s, checkpoint_due_s;
    double flops;    /* of the ticks so far */
    double stored_s; /* spent in log and checkpoints */
    bool out_of_time;
};

static size_t index_of(const struct keeper *keeper, const struct plan_fit *fit)
{
    return (size_t)(fit - keeper->setup.sweep->plan->fits);
}

/* --- opening --- */

static enum status append_session(struct keeper *keeper, struct err *err)
{
    enum status rc = OK;
    const struct keeper_setup *setup = &keeper->setup;
    const struct config *config = setup->sweep->config;
    struct pack described = {0}, packed = {0};
    struct session session;
    const struct identity identity = {.data_sha256 = setup->sweep->data->sha256,
                                      .resolved = setup->sweep->resolved,
                                      .given = config->given_text,
                                      .overrides = config->overrides,
                                      .n_fits = setup->sweep->plan->n_fits};
    session_describe(setup->cli->argc, setup->cli->argv, setup->sweep->plan->n_threads, &session);
    session_pack(&session, &described);
    identity_pack(&identity, &packed);
    TRY(log_append(keeper->log, LOG_SESSION, &described, err));
    TRY(log_append(keeper->log, LOG_IDENTITY, &packed, err));
done:
    free(packed.bytes);
    free(described.bytes);
    return rc;
}

enum status keeper_open(const struct keeper_setup *setup, struct keeper **out, struct err *err)
{
    enum status rc = OK;
    struct keeper *keeper = NULL;
    char path[DISK_PATH];
    *out = NULL;
    TRY_ALLOC(keeper, 1, err);
    keeper->setup = *setup;
    progress_init(&keeper->progress, setup->cli->quiet, setup->n_wanted, setup->n_before);
    TRY_ALLOC(keeper->saved, setup->sweep->plan->n_fits, err);
    TRY(disk_join(setup->folder, "log", path, err));
    TRY(checkpoint_open(setup->shards, setup->folder, &keeper->checkpoint, err));
    TRY(log_open(path, &keeper->log, err));
    TRY(append_session(keeper, err));
    keeper->began_s = keeper->ticked_s = clock_monotonic_s();
    keeper->checkpoint_due_s = keeper->began_s + setup->sweep->config->run_checkpoint;
    *out = keeper;
    keeper = NULL;
done:;
    struct err closing;
    keeper_close(&keeper, &closing);
    return rc;
}

enum status keeper_close(struct keeper **keeper, struct err *err)
{
    if (*keeper == NULL) return OK;
    const struct progress *progress = &(*keeper)->progress;
    const bool complete = progress->n_before + progress->n_finished == progress->n_total;
    progress_end(&(*keeper)->progress);
    enum status rc = log_close(&(*keeper)->log, err);
    if (rc == OK && complete && (*keeper)->checkpoint != NULL)
        checkpoint_remove((*keeper)->checkpoint);
    checkpoint_close(&(*keeper)->checkpoint);
    free((*keeper)->saved);
    free(*keeper);
    *keeper = NULL;
    return rc;
}

/* --- hooks --- */

static bool may_begin(void *context, const struct plan_fit *fit)
{
    struct keeper *keeper = context;
    const struct keeper_setup *setup = &keeper->setup;
    const struct plan *plan = setup->sweep->plan;
    const double left_s = watch_left_s(setup->watch);
    if (isinf(left_s)) return true;
    double worked_s = clock_monotonic_s() - keeper->began_s;
    double rate =
        keeper->flops > 0.0 ? keeper->flops / worked_s : PLAN_FLOPS_PER_S * (double)plan->n_threads;
    /* The fits that are worked on at once share what is done. */
    double first_s =
        plan_first_flops(setup->sweep->data, fit) / rate * (double)plan->n_live + ENDING_S;
    keeper->out_of_time = left_s < first_s;
    return !keeper->out_of_time;
}

static enum status begin(void *context, struct live_fit *live, struct err *err)
{
    enum status rc = OK;
    struct keeper *keeper = context;
    const struct keeper_setup *setup = &keeper->setup;
    struct pack payload = {0};
    const double from_s = clock_monotonic_s();
    pack_text(&payload, live->fit->id);
    TRY(log_append(keeper->log, LOG_STARTED, &payload, err));
    TRY(checkpoint_resume(keeper->checkpoint, setup->rows->n_features, live, err));
    keeper->saved[index_of(keeper, live->fit)] = checkpoint_place(live);
    keeper->stored_s += clock_monotonic_s() - from_s;
done:
    free(payload.bytes);
    return rc;
}

static enum status finish(void *context, const struct live_fit *live, struct err *err)
{
    enum status rc = OK;
    struct keeper *keeper = context;
    const struct keeper_setup *setup = &keeper->setup;
    const struct config *config = setup->sweep->config;
    struct result *result = NULL;
    struct pack payload = {0};
    TRY(live->em != NULL
            ? result_create(config, setup->rows, live->fit, live->em, &result, err)
            : result_create_kmeans(config, setup->rows, live->fit, live->clusters, &result, err));
    const double from_s = clock_monotonic_s();
    result_pack(result, &payload);
    TRY(lock_check(setup->lock, err));
    TRY(log_append(keeper->log, LOG_FINISHED, &payload, err));
    keeper->stored_s += clock_monotonic_s() - from_s;
    keeper->flops += plan_iteration_flops(setup->sweep->data, live->fit);
    watch_progress(setup->watch);
    progress_fit(&keeper->progress, &result->row);
done:
    free(payload.bytes);
    result_destroy(&result);
    return rc;
}

/* Whether some live fit is farther than in the latest checkpoint. */
static bool has_advanced(const struct keeper *keeper, const struct live_fit *live, size_t n_live)
{
    for (size_t i = 0; i < n_live; i++)
        if (checkpoint_precedes(keeper->saved[index_of(keeper, live[i].fit)],
                                checkpoint_place(&live[i])))
            return true;
    return false;
}

/* Writes a checkpoint if that saves anything. One that cannot be written is no reason to stop: a
 * warning. */
static enum status write_checkpoint(struct keeper *keeper, const struct live_fit *live,
                                    size_t n_live, struct err *err)
{
    const struct keeper_setup *setup = &keeper->setup;
    const double from_s = clock_monotonic_s();
    struct err failure;
    uint64_t bytes;
    if (!has_advanced(keeper, live, n_live)) return OK;
    enum status rc = lock_check(setup->lock, err);
    if (rc != OK) return rc;
    rc = checkpoint_write(keeper->checkpoint, live, n_live, &bytes, &failure);
    const double now_s = clock_monotonic_s(), took_s = now_s - from_s;
    keeper->checkpoint_due_s =
        now_s + fmax(setup->sweep->config->run_checkpoint, CHECKPOINT_SHARE * took_s);
    if (rc != OK) {
        fprintf(stderr, "gmmsweep: warning: no checkpoint: %s\n", failure.text);
        return OK;
    }
    watch_progress(setup->watch);
    for (size_t i = 0; i < n_live; i++)
        keeper->saved[index_of(keeper, live[i].fit)] = checkpoint_place(&live[i]);
    if (setup->cli->verbose)
        fprintf(stderr, "checkpoint: %zu fits, %llu bytes, %.3f s\n", n_live,
                (unsigned long long)bytes, took_s);
    return OK;
}

static enum status pulse(void *context, const struct live_fit *live, size_t n_live, bool last,
                         struct err *err)
{
    enum status rc = OK;
    struct keeper *keeper = context;
    const double now_s = clock_monotonic_s(), tick_s = now_s - keeper->ticked_s;
    for (size_t i = 0; i < n_live; i++)
        keeper->flops += plan_iteration_flops(keeper->setup.sweep->data, live[i].fit);
    /* The next tick may take as long again, and nothing is synced during it. */
    TRY(log_sync(keeper->log, last || tick_s > 0.5 * LOG_SYNC_S, err));
    if (n_live > 0 && (last || now_s >= keeper->checkpoint_due_s))
        TRY(write_checkpoint(keeper, live, n_live, err));
    keeper->ticked_s = clock_monotonic_s();
    keeper->stored_s += keeper->ticked_s - now_s;
done:
    return rc;
}

struct sweep_hooks keeper_hooks(struct keeper *keeper)
{
    return (struct sweep_hooks){.context = keeper,
                                .may_begin = may_begin,
                                .begin = begin,
                                .finish = finish,
                                .pulse = pulse};
}

bool keeper_ran_out_of_time(const struct keeper *keeper)
{
    return keeper->out_of_time;
}

double keeper_stored_s(const struct keeper *keeper)
{
    return keeper->stored_s;
}
