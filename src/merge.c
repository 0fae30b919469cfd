/* merge.c - `gmmsweep merge`: gathers what all shards have finished into one result file. */
#include "clock.h"
#include "commands.h"
#include "machine.h"
#include "publish.h"
#include "watch.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What another host has written may be seen late on a network file system (its client keeps
 * attributes for up to 60 s). */
#define LATE_S 60.0
#define LOOK_S 2.0

#define SHOWN_FITS 20 /* names of missing fits in a message */

struct merge {
    const struct cli *cli;
    const char *output;
    char folder[DISK_PATH]; /* of the lock */
    struct sweep_setup setup;
    struct watch *watch;
    struct lock *lock;
    struct shards *shards;
    struct rows *rows;
    ptrdiff_t *place; /* [n_fits] of each fit in shards, or -1 */
    size_t n_missing;
};

/* --- what is there --- */

static enum status read_logs(struct merge *merge, struct err *err)
{
    shards_destroy(&merge->shards);
    return shards_read(merge->output, &merge->shards, err);
}

static enum status open_folder(struct merge *merge, struct err *err)
{
    enum status rc = OK;
    struct stat about = {0};
    char path[DISK_PATH];
    if (stat(merge->output, &about) != 0 || !S_ISDIR(about.st_mode))
        FAIL(err, ERR_DATA, "%s: %s, expected the output folder of a sweep", merge->output,
             S_ISREG(about.st_mode) ? "a file" : strerror(errno));
    TRY(read_logs(merge, err));
    if (!merge->shards->any)
        FAIL(err, ERR_DATA, "%s: no sweep has been run in this folder, expected shards/ in it",
             merge->output);
    /* Whoever writes sweep.h5 holds the lock of a run without shards. */
    TRY(shards_folder(merge->output, 1, 1, merge->folder, err));
    TRY(disk_make_folder(merge->folder, err));
    TRY(disk_join(merge->folder, "lock", path, err));
    TRY(lock_take(path, watch_stop(merge->watch), &merge->lock, err));
    watch_folder(merge->watch, NULL, merge->lock);
done:
    return rc;
}

/* The plan again, from the config of the latest session and its data. */
static enum status make_plan(struct merge *merge, struct err *err)
{
    enum status rc = OK;
    struct sweep_setup *setup = &merge->setup;
    const struct identity *identity = &merge->shards->identity;
    TRY(config_read_resolved(identity->resolved, merge->output, identity->given,
                             identity->overrides, 0, NULL, &setup->config, err));
    TRY(sweep_setup_plan(machine_threads(0), INFINITY, true, setup, err));
    if (strcmp(setup->data->sha256, identity->data_sha256) != 0)
        FAIL(err, ERR_DATA,
             "%s: the data have changed since the sweep: digest %.16s..., expected %.16s...",
             setup->data->path, setup->data->sha256, identity->data_sha256);
    TRY(rows_create(setup->data, &merge->rows, err));
    TRY_ALLOC(merge->place, setup->plan->n_fits, err);
done:
    return rc;
}

static void count_missing(struct merge *merge)
{
    const struct plan *plan = merge->setup.plan;
    shards_match(merge->shards, plan, merge->place);
    merge->n_missing = 0;
    for (size_t i = 0; i < plan->n_fits; i++)
        merge->n_missing += merge->place[i] < 0;
}

static enum status wait_for_late_ones(struct merge *merge, struct err *err)
{
    enum status rc = OK;
    const double until_s = clock_monotonic_s() + LATE_S;
    count_missing(merge);
    if (merge->n_missing > 0 && !merge->cli->quiet)
        fprintf(stderr, "%zu of %zu fits are missing; looking again for up to %.0f s\n",
                merge->n_missing, merge->setup.plan->n_fits, LATE_S);
    while (merge->n_missing > 0 && clock_monotonic_s() < until_s) {
        if (atomic_load(watch_stop(merge->watch)) != 0)
            FAIL(err, ERR_OUTPUT, "%s: stopped (%s) while looking for missing fits", merge->output,
                 watch_reason(merge->watch));
        clock_sleep_s(LOOK_S);
        TRY(read_logs(merge, err));
        count_missing(merge);
    }
done:
    return rc;
}

/* --- what is missing --- */

static void name_missing(const struct merge *merge, struct err *err)
{
    const struct plan *plan = merge->setup.plan;
    size_t n = 0;
    for (size_t i = 0; i < plan->n_fits && n < SHOWN_FITS; i++) {
        if (merge->place[i] >= 0) continue;
        err_add(err, ERR_PARTIAL, "  missing: %s", plan->fits[i].name);
        n++;
    }
    if (n < merge->n_missing) err_add(err, ERR_PARTIAL, "  and %zu more", merge->n_missing - n);
}

/* The log of the shard, or NULL if it has none. */
static const struct shard_log *find_log(const struct shards *shards, size_t shard, size_t n_shards)
{
    for (size_t i = 0; i < shards->n_logs; i++)
        if (shards->logs[i].shard == shard && shards->logs[i].n_shards == n_shards &&
            shards->logs[i].started[0] != '\0')
            return &shards->logs[i];
    return NULL;
}

/* How the latest session has cut the sweep. */
static size_t latest_cut(const struct shards *shards)
{
    const struct shard_log *latest = &shards->logs[0];
    for (size_t i = 1; i < shards->n_logs; i++)
        if (strcmp(shards->logs[i].started, latest->started) > 0) latest = &shards->logs[i];
    return latest->n_shards;
}

static enum status name_shards(const struct merge *merge, struct err *message, struct err *err)
{
    enum status rc = OK;
    const struct plan *plan = merge->setup.plan;
    const size_t n_shards = latest_cut(merge->shards);
    size_t *owner = NULL, *n_missing = NULL;
    TRY_ALLOC(owner, plan->n_fits, err);
    TRY_ALLOC(n_missing, n_shards, err);
    TRY(plan_shards(merge->setup.data, plan, n_shards, owner, err));
    for (size_t i = 0; i < plan->n_fits; i++)
        n_missing[owner[i]] += merge->place[i] < 0;
    for (size_t s = 0; s < n_shards; s++) {
        if (n_missing[s] == 0) continue;
        const struct shard_log *log = find_log(merge->shards, s + 1, n_shards);
        char path[DISK_PATH], holder[LOCK_HOLDER] = "";
        if (log != NULL && disk_join(log->folder, "lock", path, err) == OK)
            lock_holder(path, holder);
        err_add(message, ERR_PARTIAL, "  shard %zu of %zu: %zu missing, %s%s%s%s", s + 1, n_shards,
                n_missing[s], log == NULL ? "never begun" : "last begun ",
                log == NULL ? "" : log->started, holder[0] == '\0' ? "" : ", held by ", holder);
    }
done:
    free(n_missing);
    free(owner);
    return rc;
}

static enum status tell_missing(const struct merge *merge, struct err *err)
{
    struct err trouble;
    err_set(err, ERR_PARTIAL,
            "%s: %zu of %zu fits are missing; sweep.h5 has the others. Run the shards again, then "
            "merge:",
            merge->output, merge->n_missing, merge->setup.plan->n_fits);
    enum status rc = name_shards(merge, err, &trouble);
    if (rc != OK) return err_set(err, rc, "%s", trouble.text);
    name_missing(merge, err);
    return ERR_PARTIAL;
}

enum status command_merge(const struct cli *cli, struct err *err)
{
    enum status rc = OK;
    const double began_s = clock_monotonic_s();
    struct merge merge = {.cli = cli, .output = cli->target};
    TRY(watch_start(0.0, &merge.watch, err));
    TRY(open_folder(&merge, err));
    TRY(make_plan(&merge, err));
    TRY(wait_for_late_ones(&merge, err));
    TRY(publish_write(merge.output, &merge.setup, merge.rows, merge.shards, merge.lock,
                      &merge.n_missing, err));
    if (merge.n_missing > 0) TRY(tell_missing(&merge, err));
    TRY(publish_summary(merge.output, merge.setup.config, cli->quiet, clock_monotonic_s() - began_s,
                        err));
done:
    watch_end(&merge.watch);
    lock_release(&merge.lock);
    rmdir(merge.folder); /* unless it holds a log */
    free(merge.place);
    rows_destroy(&merge.rows);
    shards_destroy(&merge.shards);
    sweep_setup_free(&merge.setup);
    return rc;
}
