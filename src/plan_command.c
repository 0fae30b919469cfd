/* plan_command.c - `gmmsweep plan`: what a sweep will be, without computing any of it. */
#include "commands.h"
#include "progress.h"
#include "sweep_setup.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fits that differ only in their restart are one line. */
static bool same_line(const struct plan_fit *a, const struct plan_fit *b)
{
    return a->method == b->method && a->em.family == b->em.family &&
           a->n_components == b->n_components && a->init == b->init;
}

static enum status print_fits(const struct plan *plan, struct err *err)
{
    enum status rc = OK;
    struct table *table = NULL;
    bool *told = NULL;
    static const char *const names[] = {"method", "k", "covariance", "init", "fits"};
    TRY(table_create(sizeof names / sizeof names[0], names, &table, err));
    TRY_ALLOC(told, plan->n_fits, err);
    for (size_t i = 0; i < plan->n_fits; i++) {
        if (told[i]) continue;
        int64_t count = 0;
        for (size_t j = i; j < plan->n_fits; j++) {
            if (!same_line(&plan->fits[i], &plan->fits[j])) continue;
            told[j] = true;
            count++;
        }
        const struct plan_fit *fit = &plan->fits[i];
        table_text(table, method_names[fit->method]);
        table_int(table, (int64_t)fit->n_components);
        table_text(table, fit->method == METHOD_kmeans ? "none" : family_names[fit->em.family]);
        table_text(table, init_names[fit->init]);
        table_int(table, count);
    }
    TRY(table_print(table, TABLE_TEXT, stdout, err));
    printf("\n");
done:
    free(told);
    table_destroy(&table);
    return rc;
}

static enum status print_json(const struct sweep_setup *setup, struct err *err)
{
    enum status rc = OK;
    struct table *table = NULL;
    static const char *const names[] = {
        "fits",         "rows",         "features",           "threads",
        "fits_at_once", "memory_bytes", "memory_limit_bytes", "disk_bytes",
        "estimated_s"};
    const struct plan *plan = setup->plan;
    TRY(table_create(sizeof names / sizeof names[0], names, &table, err));
    table_int(table, (int64_t)plan->n_fits);
    table_int(table, (int64_t)setup->data->n_rows);
    table_int(table, (int64_t)setup->data->n_features);
    table_int(table, plan->n_threads);
    table_int(table, (int64_t)plan->n_live);
    table_real(table, plan->memory_bytes, 0);
    table_real(table, plan->memory_limit, 0);
    table_real(table, plan->disk_bytes, 0);
    table_real(table, plan->wall_s, 1);
    TRY(table_print(table, TABLE_JSON, stdout, err));
done:
    table_destroy(&table);
    return rc;
}

enum status command_plan(const struct cli *cli, struct err *err)
{
    enum status rc = OK;
    struct sweep_setup setup = {0};
    char duration[32];
    const double mib = 1048576.0;
    TRY(sweep_setup_config(cli, &setup, err));
    TRY(sweep_setup_for_machine(cli, &setup, err));
    if (cli->json) {
        TRY(print_json(&setup, err));
        goto done;
    }
    const struct plan *plan = setup.plan;
    if (!cli->quiet) TRY(print_fits(plan, err));
    progress_duration(plan->wall_s, duration);
    printf("%zu fits of %zu rows x %zu features, %zu at once on %d threads\n", plan->n_fits,
           setup.data->n_rows, setup.data->n_features, plan->n_live, plan->n_threads);
    printf("memory  %.0f MiB of %.0f MiB\n", plan->memory_bytes / mib, plan->memory_limit / mib);
    printf("disk    up to %.1f MiB in %s\n", plan->disk_bytes / mib, setup.config->output_path);
    printf("time    about %s, if fits take %.0f iterations\n", duration,
           plan_iterations(&plan->fits[0]));
done:
    sweep_setup_free(&setup);
    return rc;
}
