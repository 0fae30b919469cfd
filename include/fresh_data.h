/* fresh_data.h - rows of any file, prepared as a sweep has prepared its own. */
#ifndef GMMSWEEP_FRESH_DATA_H
#define GMMSWEEP_FRESH_DATA_H

#include "data.h"
#include "sweep_file.h"

/* Loads the file at `path` with the sweep's columns, pool, resize, scale and on_missing, and
 * without what picked or weighed the sweep's own rows: classes, limit, labels, weights, heldout.
 * Columns are found by the names of the sweep's features where the file has names, else by their
 * numbers; a file that has just as many columns as there are features may have only those.
 * Returns OK and *out (release with data_destroy); ERR_DATA for a file that is missing, bad, or of
 * another width; ERR_INTERNAL without memory. *out is then NULL. */
enum status fresh_data_load(const struct sweep_file *file, const char *path, struct data **out,
                            struct err *err);

#endif
