/* publish.h - the last stage of a sweep: sweep.h5, and a few words on what is in it. For run and
 * merge. */
#ifndef GMMSWEEP_PUBLISH_H
#define GMMSWEEP_PUBLISH_H

#include "lock.h"
#include "shards.h"
#include "sweep_setup.h"

/* Writes output/sweep.h5 under `lock` from what `shards` hold of the plan; warns of sessions on
 * CPUs of different types. *n_missing: fits of the plan that are not finished. ERR_OUTPUT with path
 * and cause, and then an older sweep.h5 stands as it was. */
enum status publish_write(const char *output, const struct sweep_setup *setup,
                          const struct rows *rows, const struct shards *shards,
                          const struct lock *lock, size_t *n_missing, struct err *err);

/* Tells how many fits the file has, how many failed, and which is best. ERR_DEGENERATE if
 * run.fail_on asks for it. */
enum status publish_summary(const char *output, const struct config *config, bool quiet,
                            double wall_s, struct err *err);

#endif
