/* chosen.h - the model that a command line asks for (--fit, --best, --flagged), and what its file
 * says of the data that it was fitted to. */
#ifndef GMMSWEEP_CHOSEN_H
#define GMMSWEEP_CHOSEN_H

#include "cli.h"
#include "config.h"
#include "scorer.h"
#include "sweep_file.h"

struct chosen {
    struct sweep_file *file;
    const struct fit_row *row; /* of the fit, in file->fits */
    struct model *model;       /* in the user's units */
    struct sweep_data data;
    struct config *config; /* the sweep's */
};

/* Reads it from cli->target. As sweep_file.h and sweep_config.h; release *out with chosen_free in
 * any case. That a sweep is unfinished is said on standard error. */
enum status chosen_read(const struct cli *cli, struct chosen *out, struct err *err);

void chosen_free(struct chosen *chosen);

/* What a scorer of the model needs; points into `chosen`. */
struct scorer_data chosen_scorer_data(const struct chosen *chosen);

#endif
