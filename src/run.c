/* run.c - the stages of a sweep: config -> data -> plan -> fit -> store. */
#include "commands.h"
#include "keeper.h"
#include "kernels.h"
#include "progress.h"
#include "publish.h"
#include "resume.h"

#include "clock.h"
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One start of the program on a shard of a sweep. */
struct run {
    const struct cli *cli;
    double began_s;
    size_t shard, n_shards; /* from 1 */
    struct sweep_setup setup;
    struct watch *watch;
    struct lock *lock;
    char folder[DISK_PATH], stop_path[DISK_PATH];
    struct shards *shards;
    struct rows *rows, *heldout;
    ptrdiff_t *place;      /* [n_fits] of each fit in shards, or -1 */
    bool *wanted;          /* [n_fits] ours, and not finished */
    size_t n_ours, n_left; /* fits of the shard: in all, and not finished */
    bool out_of_time;
};

/* --- what is to be done --- */

static enum status take_shard(const struct cli *cli, size_t *shard, size_t *n_shards,
                              struct err *err)
{
    int end = 0;
    *shard = *n_shards = 1;
    if (cli->shard == NULL) return OK;
    if (strspn(cli->shard, "0123456789/") != strlen(cli->shard) ||
        sscanf(cli->shard, "%5zu/%5zu%n", shard, n_shards, &end) != 2 || cli->shard[end] != '\0' ||
        *shard < 1 || *shard > *n_shards)
        return err_set(err, ERR_USAGE, "--shard: '%s', expected I/N with I from 1 to N",
                       cli->shard);
    if ((cli->replace || cli->fresh) && *n_shards > 1)
        return err_set(err, ERR_USAGE,
                       "--shard: '%s' beside --fresh or --replace, which mean the whole sweep; "
                       "expected one of them",
                       cli->shard);
    return OK;
}

/* Takes the shard's lock and reads what is there already. */
static enum status enter_folder(struct run *run, struct err *err)
{
    enum status rc = OK;
    const char *output = run->setup.config->output_path;
    char path[DISK_PATH];
    TRY(disk_join(output, "STOP", run->stop_path, err));
    if (access(run->stop_path, F_OK) == 0)
        FAIL(err, ERR_OUTPUT, "%s: not begun while this file is there, expected it to be removed",
             run->stop_path);
    TRY(shards_folder(output, run->shard, run->n_shards, run->folder, err));
    TRY(disk_join(run->folder, "lock", path, err));
    TRY(resume_recover(output, err));
    TRY(disk_make_folder(run->folder, err));
    TRY(lock_take(path, watch_stop(run->watch), &run->lock, err));
    TRY(shards_read(output, &run->shards, err));
    if (run->cli->fresh) TRY(resume_check_fresh(output, run->shards, err));
done:
    return rc;
}

/* Which fits the shard has to do. */
static enum status choose_fits(struct run *run, struct err *err)
{
    enum status rc = OK;
    const struct plan *plan = run->setup.plan;
    const char *output = run->setup.config->output_path;
    size_t *owner = NULL;
    TRY_ALLOC(run->place, plan->n_fits, err);
    TRY_ALLOC(run->wanted, plan->n_fits, err);
    TRY_ALLOC(owner, plan->n_fits, err);
    TRY(plan_shards(run->setup.data, plan, run->n_shards, owner, err));
    size_t n_dropped = shards_match(run->shards, plan, run->place);
    if (n_dropped > 0 && run->cli->replace) {
        TRY(resume_replace(output, run->folder, run->shards, plan->n_fits, run->place,
                           watch_stop(run->watch), &run->lock, err));
        shards_destroy(&run->shards);
        TRY(shards_read(output, &run->shards, err));
        n_dropped = shards_match(run->shards, plan, run->place);
    }
    TRY(resume_check(&run->setup, run->shards, n_dropped, err));
    for (size_t i = 0; i < plan->n_fits; i++) {
        bool ours = owner[i] == run->shard - 1;
        run->wanted[i] = ours && run->place[i] < 0;
        run->n_ours += ours;
        run->n_left += run->wanted[i];
    }
done:
    free(owner);
    return rc;
}

/* --- doing it --- */

static enum status prepare_rows(struct run *run, struct err *err)
{
    enum status rc = OK;
    struct data *data = run->setup.data;
    if (!run->setup.plan->keeps_x) return rows_take(data, &run->rows, err);
    TRY(rows_create(data, &run->rows, err));
    TRY(rows_create_heldout(data, run->rows, &run->heldout, err));
    if (run->setup.plan->scores_rows) goto done;
    free(data->x); /* rows hold what the fits need */
    data->x = NULL;
done:
    return rc;
}

static enum status write_resolved(const struct run *run, struct err *err)
{
    enum status rc = OK;
    char path[DISK_PATH], temporary[DISK_PATH];
    TRY(disk_join(run->setup.config->output_path, "config.resolved.yaml", path, err));
    TRY(disk_join(run->folder, "config.tmp", temporary, err)); /* other shards write theirs */
    TRY(lock_check(run->lock, err));
    TRY(disk_write(temporary, path, run->setup.resolved, 0666, err));
done:
    return rc;
}

/* Counts anew what is left, from what the logs now say. */
static enum status count_left(struct run *run, struct err *err)
{
    enum status rc = OK;
    const struct plan *plan = run->setup.plan;
    shards_destroy(&run->shards);
    TRY(shards_read(run->setup.config->output_path, &run->shards, err));
    shards_match(run->shards, plan, run->place);
    run->n_left = 0;
    for (size_t i = 0; i < plan->n_fits; i++)
        run->n_left += run->wanted[i] && run->place[i] < 0;
done:
    return rc;
}

static enum status fit_wanted(struct run *run, struct err *err)
{
    enum status rc = OK;
    const struct sweep_setup *setup = &run->setup;
    struct keeper *keeper = NULL;
    const struct keeper_setup keeping = {.cli = run->cli,
                                         .sweep = setup,
                                         .rows = run->rows,
                                         .folder = run->folder,
                                         .shards = run->shards,
                                         .watch = run->watch,
                                         .lock = run->lock,
                                         .n_wanted = run->n_ours,
                                         .n_before = run->n_ours - run->n_left};
    if (setup->plan->correlated) TRY(rows_add_covariance(run->rows, setup->plan->n_threads, err));
    TRY(write_resolved(run, err));
    TRY(keeper_open(&keeping, &keeper, err));
    const struct sweep_hooks hooks = keeper_hooks(keeper);
    TRY(sweep_run(setup->config, run->rows, run->heldout, setup->plan, run->wanted, &hooks,
                  watch_stop(run->watch), err));
    run->out_of_time = keeper_ran_out_of_time(keeper);
    if (run->cli->verbose)
        fprintf(stderr, "%.2f s in log and checkpoints, of %.2f s\n", keeper_stored_s(keeper),
                clock_monotonic_s() - run->began_s);
    TRY(keeper_close(&keeper, err));
    TRY(count_left(run, err));
done:;
    struct err closing;
    keeper_close(&keeper, &closing);
    return rc;
}

/* --- ending --- */

/* A shard's end: its part is in its log, and merge makes the result of all. */
static void summarise_shard(const struct run *run)
{
    char duration[32];
    progress_duration(clock_monotonic_s() - run->began_s, duration);
    if (!run->cli->quiet)
        printf(
            "shard %zu of %zu: its %zu fits are finished, in %s; 'gmmsweep merge %s' gathers all\n",
            run->shard, run->n_shards, run->n_ours, duration, run->setup.config->output_path);
}

static enum status publish(struct run *run, struct err *err)
{
    enum status rc = OK;
    const struct sweep_setup *setup = &run->setup;
    const double from_s = clock_monotonic_s();
    size_t n_missing;
    TRY(publish_write(setup->config->output_path, setup, run->rows, run->shards, run->lock,
                      &n_missing, err));
    if (run->cli->verbose)
        fprintf(stderr, "%.2f s for sweep.h5; peak memory %.0f MiB, planned %.0f MiB\n",
                clock_monotonic_s() - from_s, machine_peak_bytes() / 1048576.0,
                setup->plan->memory_bytes / 1048576.0);
done:
    return rc;
}

/* Why there are fits left, and what that means for who started us. */
static enum status tell_left(const struct run *run, struct err *err)
{
    const enum status rc = watch_status(run->watch);
    const char *why = run->out_of_time ? "no time for another fit" : watch_reason(run->watch);
    return err_set(err, rc, "%s: stopped (%s) with %zu of %zu fits left; %s",
                   run->setup.config->output_path, why, run->n_left, run->n_ours,
                   rc == ERR_PARTIAL ? "the same command goes on"
                                     : "nothing was saved that would bring another start further");
}

/* Folders that were made for nothing go again, if they are empty. */
static void leave_folder(const struct run *run)
{
    char shards[DISK_PATH];
    struct err none;
    if (run->folder[0] == '\0') return;
    rmdir(run->folder);
    if (disk_join(run->setup.config->output_path, "shards", shards, &none) == OK) rmdir(shards);
}

static void run_free(struct run *run)
{
    watch_end(&run->watch);
    lock_release(&run->lock);
    free(run->wanted);
    free(run->place);
    shards_destroy(&run->shards);
    rows_destroy(&run->heldout);
    rows_destroy(&run->rows);
}

/* Where factorising covariances of many features is slower than it need be. */
static void advise_on_blas(const struct sweep_setup *setup)
{
    if (!setup->plan->correlated || setup->data->n_features < 64 || !kernels_lapack_is_mistaken())
        return;
    fprintf(
        stderr,
        "gmmsweep: OpenBLAS takes this CPU for an old one, '%s'; OPENBLAS_CORETYPE=Haswell in the "
        "environment makes full and tied covariances faster\n",
        kernels_lapack_core());
}

enum status command_run(const struct cli *cli, struct err *err)
{
    enum status rc = OK;
    struct run run = {.cli = cli, .began_s = clock_monotonic_s()};
    struct sweep_setup *setup = &run.setup;
    TRY(take_shard(cli, &run.shard, &run.n_shards, err));
    TRY(sweep_setup_config(cli, setup, err));
    TRY(watch_start(setup->config->run_max_time, &run.watch, err));
    TRY(sweep_setup_for_machine(cli, setup, err));
    TRY(enter_folder(&run, err));
    TRY(choose_fits(&run, err));
    watch_folder(run.watch, run.stop_path, run.lock);
    if (cli->verbose)
        fprintf(stderr, "%zu rows x %zu features, %zu of %zu fits to do, %d threads, %zu at once\n",
                setup->data->n_rows, setup->data->n_features, run.n_left, run.n_ours,
                setup->plan->n_threads, setup->plan->n_live);
    if (!cli->quiet) advise_on_blas(setup);
    TRY(prepare_rows(&run, err));
    const bool nothing_left = run.n_left == 0 && run.shards->any;
    if (!nothing_left)
        TRY(fit_wanted(&run, err));
    else if (!cli->quiet)
        fprintf(stderr, "nothing left to do\n");
    if (run.n_shards == 1) TRY(publish(&run, err));
    if (run.n_left > 0) TRY(tell_left(&run, err));
    if (run.n_shards > 1 && !nothing_left)
        summarise_shard(&run);
    else if (run.n_shards == 1)
        TRY(publish_summary(setup->config->output_path, setup->config, cli->quiet,
                            clock_monotonic_s() - run.began_s, err));
done:
    run_free(&run);
    if (rc != OK) leave_folder(&run);
    sweep_setup_free(setup);
    return rc;
}
