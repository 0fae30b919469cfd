/* status.c - `gmmsweep status`: what is finished, running and missing, and how long it will take.
 */
#include "commands.h"
#include "inspect.h"
#include "lock.h"
#include "progress.h"
#include "table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* A shard as it stands now. */
struct shard_state {
    char holder[LOCK_HOLDER]; /* who runs it; "" if nobody does */
    bool runs;                /* its log grows, or its lock's holder lives */
    double session_s;         /* that its latest session has worked */
};

/* A lock is rewritten every LOCK_BEAT_S; one older than a few of them is nobody's, unless its
 * holder can be seen to live. */
static bool is_fresh(const char *lock, time_t now)
{
    struct stat about;
    return stat(lock, &about) == 0 && difftime(now, about.st_mtime) < 3.0 * LOCK_BEAT_S;
}

static enum status look_at(const struct shard_log *log, struct shard_state *state, struct err *err)
{
    enum status rc = OK;
    static const char *const names[] = {"log", "checkpoint-0", "checkpoint-1"};
    char lock[DISK_PATH];
    struct tm parts = {0};
    const time_t now = time(NULL);
    time_t last = 0; /* when anything was saved */
    *state = (struct shard_state){0};
    TRY(disk_join(log->folder, "lock", lock, err));
    bool lives = lock_holder(lock, state->holder);
    state->runs = state->holder[0] != '\0' && (lives || is_fresh(lock, now));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[DISK_PATH];
        struct stat about;
        TRY(disk_join(log->folder, names[i], path, err));
        if (stat(path, &about) == 0 && about.st_mtime > last) last = about.st_mtime;
    }
    if (strptime(log->started, "%Y-%m-%dT%H:%M:%SZ", &parts) != NULL)
        state->session_s = fmax(0.0, difftime(state->runs ? now : last, timegm(&parts)));
done:
    return rc;
}

/* Seconds until the running shards have done what is missing, at the pace of their sessions so far;
 * NaN if none runs or none has finished a fit yet. */
static double left_s(const struct shards *shards, const struct shard_state *states,
                     size_t n_missing)
{
    double pace = 0.0;
    for (size_t i = 0; i < shards->n_logs; i++)
        if (states[i].runs && states[i].session_s > 0.0)
            pace += (double)shards->logs[i].n_session_fits / states[i].session_s;
    return n_missing == 0 ? 0.0 : pace > 0.0 ? (double)n_missing / pace : NAN;
}

/* One line for each shard that has a log. */
static enum status print_shards(const struct shards *shards, const struct shard_state *states,
                                struct err *err)
{
    enum status rc = OK;
    struct table *table = NULL;
    static const char *const names[] = {"shard",   "finished",         "live",
                                        "started", "latest_session_s", "run by"};
    TRY(table_create(sizeof names / sizeof names[0], names, &table, err));
    for (size_t i = 0; i < shards->n_logs; i++) {
        const struct shard_log *log = &shards->logs[i];
        table_text(table, strrchr(log->folder, '/') + 1);
        table_int(table, (int64_t)log->n_fits);
        table_int(table, states[i].runs ? (int64_t)log->n_live : 0);
        table_text(table, log->started);
        table_real(table, states[i].session_s, 0);
        table_text(table, states[i].runs ? states[i].holder : "");
    }
    printf("\n");
    TRY(table_print(table, TABLE_TEXT, stdout, err));
done:
    table_destroy(&table);
    return rc;
}

/* All in one line. */
static enum status print_total(const struct inspection *inspection,
                               const struct shard_state *states, bool json, struct err *err)
{
    enum status rc = OK;
    const struct shards *shards = inspection->shards;
    struct table *table = NULL;
    static const char *const names[] = {"finished",  "running",  "missing",
                                        "converged", "max_iter", "degenerate",
                                        "flagged",   "sessions", "left_s"};
    int64_t ended[3] = {0}, flagged = 0, running = 0;
    for (size_t i = 0; i < inspection->n_fits; i++) {
        flagged += inspection->fits[i].flagged;
        for (size_t o = 0; o < 3; o++)
            ended[o] += strcmp(inspection->fits[i].status, outcome_names[o]) == 0;
    }
    for (size_t i = 0; shards != NULL && i < shards->n_logs; i++)
        if (states[i].runs) running += (int64_t)shards->logs[i].n_live;
    const size_t n_missing =
        inspection->n_planned > inspection->n_fits ? inspection->n_planned - inspection->n_fits : 0;
    TRY(table_create(sizeof names / sizeof names[0], names, &table, err));
    table_int(table, (int64_t)inspection->n_fits);
    table_int(table, running);
    table_int(table, (int64_t)n_missing);
    for (size_t o = 0; o < 3; o++)
        table_int(table, ended[o]);
    table_int(table, flagged);
    table_int(table, shards != NULL ? (int64_t)shards->n_sessions : 0);
    table_real(table,
               shards != NULL   ? left_s(shards, states, n_missing)
               : n_missing == 0 ? 0
                                : NAN,
               0);
    TRY(table_print(table, json ? TABLE_JSON : TABLE_TEXT, stdout, err));
done:
    table_destroy(&table);
    return rc;
}

enum status command_status(const struct cli *cli, struct err *err)
{
    enum status rc = OK;
    struct inspection inspection = {0};
    struct shard_state *states = NULL;
    TRY(inspect(cli->target, &inspection, err));
    const struct shards *shards = inspection.shards;
    if (shards != NULL) TRY_ALLOC(states, shards->n_logs, err);
    for (size_t i = 0; shards != NULL && i < shards->n_logs; i++)
        TRY(look_at(&shards->logs[i], &states[i], err));
    TRY(print_total(&inspection, states, cli->json, err));
    if (shards != NULL && !cli->json && !cli->quiet) TRY(print_shards(shards, states, err));
done:
    free(states);
    inspection_free(&inspection);
    return rc;
}
