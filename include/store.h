/* store.h - the result file, sweep.h5: written whole, checked, and only then put in place.
 *
 * The schema is the spec's "Result"; results/README.md shows it. Every group is self-contained:
 * each axis has a dimension scale in the same group. A column of /fits is one row in fits.def, an
 * array of a model one row in store.c.
 */
#ifndef GMMSWEEP_STORE_H
#define GMMSWEEP_STORE_H

#include "shards.h"

#define STORE_FORMAT_VERSION 1

/* Writes `output`/sweep.h5 from what `shards` hold of `plan`, status "complete" or "partial".
 * `data` may have lost its values x. *n_missing: fits of the plan that are not finished.
 * ERR_OUTPUT with path and cause, and then an older sweep.h5 stands as it was. */
enum status store_write(const char *output, const struct config *config, const char *resolved,
                        const struct data *data, const struct rows *rows, const struct plan *plan,
                        const struct shards *shards, size_t *n_missing, struct err *err);

/* The names of the fits that are best by each criterion, and what rank they have. */
struct store_criterion {
    const char *name;
    bool higher_is_better;
};
extern const struct store_criterion store_criteria[]; /* ends with a NULL name */

/* Reads the rows of /fits of the result file at `path`: *rows [*n], to be freed; *n_planned: how
 * many its plan has. ERR_DATA if it is not ours, is too new or damaged. */
enum status store_read_fits(const char *path, size_t *n, struct fit_row **rows, size_t *n_planned,
                            struct err *err);

#endif
