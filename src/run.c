/* run.c - the stages of a sweep: config -> data -> plan -> fit -> store. */
#include "commands.h"
#include "log.h"
#include "progress.h"
#include "shards.h"
#include "store.h"
#include "sweep.h"
#include "sweep_setup.h"

#include "clock.h"
#include "machine.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the sweep's sink needs. */
struct run {
    const struct config *config;
    const struct rows *rows;
    struct log *log;
    struct progress progress;
};

static enum status keep_fit(void *context, const struct plan_fit *fit, const struct em *em,
                            const struct start *clusters, struct err *err)
{
    enum status rc = OK;
    struct run *run = context;
    struct result *result = NULL;
    struct pack payload = {0};
    TRY(em != NULL ? result_create(run->config, run->rows, fit, em, &result, err)
                   : result_create_kmeans(run->config, run->rows, fit, clusters, &result, err));
    result_pack(result, &payload);
    TRY(log_append(run->log, LOG_FINISHED, &payload, err));
    progress_fit(&run->progress, &result->row);
done:
    free(payload.bytes);
    result_destroy(&result);
    return rc;
}

static enum status keep_safe(void *context, struct err *err)
{
    return log_sync(((struct run *)context)->log, false, err);
}

/* --- resuming --- */

/* The lines of `text` from which `other` differs, as "key: old, now new"; both are resolved
 * configs, so line by line the same keys. */
static void tell_changes(const char *before, const char *now, struct err *err)
{
    char section[64] = "";
    while (*before != '\0' && *now != '\0') {
        int n = (int)strcspn(before, "\n"), m = (int)strcspn(now, "\n");
        if (before[0] != ' ')
            snprintf(section, sizeof section, "%.*s", (int)strcspn(before, ":"), before);
        bool kept = strcmp(section, "run") == 0 || strcmp(section, "output") == 0;
        if (!kept && (n != m || strncmp(before, now, (size_t)n) != 0))
            err_add(err, ERR_CONFIG, "  %s: was%.*s, now%.*s", section, n, before, m, now);
        before += n + (before[n] == '\n');
        now += m + (now[m] == '\n');
    }
}

static enum status check_resumable(const struct sweep_setup *setup, const struct shards *shards,
                                   size_t n_dropped, struct err *err)
{
    if (n_dropped == 0) return OK;
    err_set(err, ERR_CONFIG,
            "%s: the folder holds %zu finished fits that this config would drop; expected a "
            "config that only adds fits, or another output folder. Changed since:",
            setup->config->output_path, n_dropped);
    tell_changes(shards->identity.resolved, setup->resolved, err);
    if (strcmp(shards->identity.data_sha256, setup->data->sha256) != 0)
        err_add(err, ERR_CONFIG, "  the data: was %.16s..., now %.16s...",
                shards->identity.data_sha256, setup->data->sha256);
    return ERR_CONFIG;
}

/* --- stages --- */

static enum status write_resolved(const char *output, const char *resolved, struct err *err)
{
    char path[4096], temporary[4096 + 8];
    snprintf(path, sizeof path, "%s/config.resolved.yaml", output);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    FILE *file = fopen(temporary, "w");
    if (file == NULL) return err_set(err, ERR_OUTPUT, "%s: %s", temporary, strerror(errno));
    bool good = fputs(resolved, file) >= 0 && fflush(file) == 0 && fsync(fileno(file)) == 0;
    if (fclose(file) != 0) good = false;
    if (good && rename(temporary, path) == 0) return OK;
    err_set(err, ERR_OUTPUT, "%s: %s", path, strerror(errno));
    unlink(temporary);
    return ERR_OUTPUT;
}

static enum status open_log(const struct cli *cli, const struct sweep_setup *setup,
                            const struct shards *shards, struct log **log, struct err *err)
{
    enum status rc = OK;
    struct pack identity = {0}, described = {0};
    struct session session;
    session_describe(cli->argc, cli->argv, setup->plan->n_threads, &session);
    session_pack(&session, &described);
    identity_pack(setup->data->sha256, setup->resolved, setup->plan->n_fits, &identity);
    TRY(log_open(shards->log_path, log, err));
    TRY(log_append(*log, LOG_IDENTITY, &identity, err));
    TRY(log_append(*log, LOG_SESSION, &described, err));
done:
    free(described.bytes);
    free(identity.bytes);
    return rc;
}

/* Fits what is missing and appends it to the log. */
static enum status fit_missing(const struct cli *cli, const struct sweep_setup *setup,
                               const struct shards *shards, const ptrdiff_t *place,
                               struct rows *rows, const struct rows *heldout, struct err *err)
{
    enum status rc = OK;
    bool *finished = NULL;
    size_t n_finished = 0;
    struct run run = {.config = setup->config, .rows = rows};
    TRY_ALLOC(finished, setup->plan->n_fits, err);
    for (size_t i = 0; i < setup->plan->n_fits; i++) {
        finished[i] = place[i] >= 0;
        n_finished += finished[i];
    }
    if (setup->plan->correlated) TRY(rows_add_covariance(rows, setup->plan->n_threads, err));
    TRY(open_log(cli, setup, shards, &run.log, err));
    progress_init(&run.progress, cli->quiet, setup->plan->n_fits, n_finished);
    rc = sweep_run(setup->config, rows, heldout, setup->plan, finished, keep_fit, keep_safe, &run,
                   err);
    progress_end(&run.progress);
done:;
    struct err closing;
    enum status closed = log_close(&run.log, &closing);
    if (rc == OK && closed != OK) rc = err_set(err, closed, "%s", closing.text);
    free(finished);
    return rc;
}

/* Ranks and failures in two lines; ERR_DEGENERATE if run.fail_on asks for it. */
static enum status summarise(const struct config *config, bool quiet, double wall_s,
                             struct err *err)
{
    enum status rc = OK;
    char path[4096 + 16], duration[32];
    struct fit_row *rows = NULL, *best = NULL;
    size_t n = 0, n_degenerate = 0;
    bool complete;
    snprintf(path, sizeof path, "%s/sweep.h5", config->output_path);
    TRY(store_read_fits(path, &n, &rows, &complete, err));
    for (size_t i = 0; i < n; i++) {
        n_degenerate += strcmp(rows[i].status, outcome_names[OUTCOME_degenerate]) == 0;
        if (rows[i].flagged || isnan(rows[i].bic)) continue; /* k-means has no BIC */
        if (best == NULL || rows[i].bic < best->bic) best = &rows[i];
    }
    progress_duration(wall_s, duration);
    if (!quiet) {
        printf("%zu fits in %s, %zu degenerate", n, duration, n_degenerate);
        if (best != NULL) printf("; best BIC: %s, %.2f", best->name, best->bic);
        printf("\n%s\n", path);
    }
    if (config->run_fail_on == FAIL_ON_any && n_degenerate > 0)
        FAIL(err, ERR_DEGENERATE, "%zu of %zu fits are degenerate (run.fail_on: any)", n_degenerate,
             n);
done:
    free(rows);
    return rc;
}

enum status command_run(const struct cli *cli, struct err *err)
{
    enum status rc = OK;
    const double began_s = clock_monotonic_s();
    struct sweep_setup setup = {0};
    struct rows *rows = NULL, *heldout = NULL;
    struct shards *shards = NULL;
    ptrdiff_t *place = NULL;
    size_t n_missing = 0;

    TRY(sweep_setup_init(cli, &setup, err));
    const char *output = setup.config->output_path;
    TRY(shards_read(output, &shards, err));
    TRY_ALLOC(place, setup.plan->n_fits, err);
    TRY(check_resumable(&setup, shards, shards_match(shards, setup.plan, place), err));
    for (size_t i = 0; i < setup.plan->n_fits; i++)
        n_missing += place[i] < 0;
    if (cli->verbose)
        fprintf(stderr, "%zu rows x %zu features, %zu of %zu fits to do, %d threads, %zu at once\n",
                setup.data->n_rows, setup.data->n_features, n_missing, setup.plan->n_fits,
                setup.plan->n_threads, setup.plan->n_live);

    TRY(rows_create(setup.data, &rows, err));
    TRY(rows_create_heldout(setup.data, rows, &heldout, err));
    free(setup.data->x); /* rows hold what the fits need */
    setup.data->x = NULL;
    TRY(shards_prepare(output, err));
    if (n_missing > 0) {
        TRY(write_resolved(output, setup.resolved, err));
        TRY(fit_missing(cli, &setup, shards, place, rows, heldout, err));
        shards_destroy(&shards);
        TRY(shards_read(output, &shards, err));
    } else if (!cli->quiet) {
        fprintf(stderr, "nothing left to do\n");
    }
    TRY(store_write(output, setup.config, setup.resolved, setup.data, rows, setup.plan, shards,
                    &n_missing, err));
    if (cli->verbose)
        fprintf(stderr, "peak memory %.0f MiB, planned %.0f MiB\n",
                machine_peak_bytes() / 1048576.0, setup.plan->memory_bytes / 1048576.0);
    if (n_missing > 0)
        FAIL(err, ERR_PARTIAL,
             "%s: %zu of %zu fits are missing; expected the same command to be run again", output,
             n_missing, setup.plan->n_fits);
    TRY(summarise(setup.config, cli->quiet, clock_monotonic_s() - began_s, err));
done:
    free(place);
    shards_destroy(&shards);
    rows_destroy(&heldout);
    rows_destroy(&rows);
    sweep_setup_free(&setup);
    return rc;
}
