/* sweep_setup.h - what run and plan have in common: from a command line to a checked plan. */
#ifndef GMMSWEEP_SWEEP_SETUP_H
#define GMMSWEEP_SWEEP_SETUP_H

#include "cli.h"
#include "plan.h"

struct sweep_setup {
    struct config *config;
    char *resolved; /* the resolved config as YAML */
    struct data *data;
    struct plan *plan;
};

/* Reads config and data and makes the plan. Changes nothing outside the process. On failure
 * `setup` is empty. */
enum status sweep_setup_init(const struct cli *cli, struct sweep_setup *setup, struct err *err);

void sweep_setup_free(struct sweep_setup *setup);

#endif
