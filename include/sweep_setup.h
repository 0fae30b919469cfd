/* sweep_setup.h - what the commands that know a config have in common: from a command line to a
 * checked plan. */
#ifndef GMMSWEEP_SWEEP_SETUP_H
#define GMMSWEEP_SWEEP_SETUP_H

#include "cli.h"
#include "plan.h"

struct sweep_setup {
    struct config *config;
    char *resolved; /* the resolved config as YAML, once the data have told what is in their file */
    struct data *data;
    struct plan *plan;
};

/* Reads the config of the command line, with its overrides. On failure `setup` is empty. */
enum status sweep_setup_config(const struct cli *cli, struct sweep_setup *setup, struct err *err);

/* Reads the data of setup->config and makes the plan. On failure `setup` is empty. */
enum status sweep_setup_plan(int n_threads, double memory_limit, bool quiet,
                             struct sweep_setup *setup, struct err *err);

/* The same with the threads and the memory that this machine gives. */
enum status sweep_setup_for_machine(const struct cli *cli, struct sweep_setup *setup,
                                    struct err *err);

void sweep_setup_free(struct sweep_setup *setup);

#endif
