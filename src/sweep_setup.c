#include "sweep_setup.h"

#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status read_config(const struct cli *cli, struct config **config, struct err *err)
{
    enum status rc = OK;
    const char **overrides = NULL;
    char *output = NULL, *max_time = NULL;
    size_t n = cli->set.n;
    /* As YAML, what an unset variable leaves, null or a comment would mean no limit. */
    if (cli->max_time != NULL && !config_is_duration(cli->max_time))
        FAIL(err, ERR_USAGE, "--max-time: '%s', expected a time such as 7h50m, or seconds",
             cli->max_time);
    TRY_ALLOC(overrides, n + 2, err);
    if (n > 0) memcpy(overrides, cli->set.v, n * sizeof *overrides);
    if (cli->max_time != NULL) {
        const char *key = "run.max_time=";
        TRY(err_alloc(strlen(key) + strlen(cli->max_time) + 1, 1, "--max-time", &max_time, err));
        sprintf(max_time, "%s%s", key, cli->max_time);
        overrides[n++] = max_time;
    }
    if (cli->output != NULL) {
        TRY(config_override("output.path", cli->output, &output, err));
        overrides[n++] = output;
    }
    TRY(config_read(cli->target, n, overrides, config, err));
done:
    free(max_time);
    free(output);
    free(overrides);
    return rc;
}

enum status sweep_setup_config(const struct cli *cli, struct sweep_setup *setup, struct err *err)
{
    enum status rc = OK;
    *setup = (struct sweep_setup){0};
    TRY(read_config(cli, &setup->config, err));
done:
    if (rc != OK) sweep_setup_free(setup);
    return rc;
}

/* The name is not that of a file, whatever files there are. */
static void forget_path(struct name_or_path *name)
{
    free(name->path);
    name->path = NULL;
}

enum status sweep_setup_plan(int n_threads, double memory_limit, bool quiet,
                             struct sweep_setup *setup, struct err *err)
{
    enum status rc = OK;
    const double memory = machine_memory(setup->config->run_memory);
    TRY(data_load(setup->config, (size_t)memory, &setup->data, err));
    if (setup->data->labels_inside) forget_path(&setup->config->data_labels);
    if (setup->data->weights_inside) forget_path(&setup->config->data_weights);
    TRY(config_resolve(setup->config, &setup->resolved, err));
    if (setup->data->left_out[0] != '\0' && !quiet)
        fprintf(stderr, "gmmsweep: %s: left out: %s\n", setup->data->path, setup->data->left_out);
    if (setup->data->numbers_rows && !quiet)
        fprintf(stderr,
                "gmmsweep: %s: column 0 has no name and only numbers the rows, yet is fitted as a "
                "feature; data.columns picks others\n",
                setup->data->path);
    TRY(plan_create(setup->config, setup->data, n_threads, memory_limit, &setup->plan, err));
done:
    if (rc != OK) sweep_setup_free(setup);
    return rc;
}

enum status sweep_setup_for_machine(const struct cli *cli, struct sweep_setup *setup,
                                    struct err *err)
{
    const int64_t wanted = cli->threads > 0 ? cli->threads : setup->config->run_threads;
    return sweep_setup_plan(machine_threads(wanted), machine_memory(setup->config->run_memory),
                            cli->quiet, setup, err);
}

void sweep_setup_free(struct sweep_setup *setup)
{
    plan_destroy(&setup->plan);
    data_destroy(&setup->data);
    free(setup->resolved);
    config_destroy(&setup->config);
    *setup = (struct sweep_setup){0};
}
