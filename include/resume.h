/* resume.h - whether, and how, a config goes on in a folder that holds a sweep already. */
#ifndef GMMSWEEP_RESUME_H
#define GMMSWEEP_RESUME_H

#include "lock.h"
#include "shards.h"
#include "sweep_setup.h"

/* OK if the config only adds to what `shards` hold. ERR_CONFIG if finished fits, n_dropped of them,
 * serve it no more: which keys have changed, how many fits. */
enum status resume_check(const struct sweep_setup *setup, const struct shards *shards,
                         size_t n_dropped, struct err *err);

/* For --fresh: ERR_OUTPUT if the folder `output` holds a sweep. */
enum status resume_check_fresh(const char *output, const struct shards *shards, struct err *err);

/* For --replace: moves what `output` holds to output/previous-N and takes the lock of `folder` in
 * it anew. Finished fits that the new config has too, at place [n_fits] >= 0 of `shards`, come
 * along; at no moment is one of them lost. ERR_OUTPUT if another process works there, or with path
 * and cause; *lock may then be NULL. */
enum status resume_replace(const char *output, const char *folder, const struct shards *shards,
                           size_t n_fits, const ptrdiff_t *place, const atomic_int *stop,
                           struct lock **lock, struct err *err);

/* Ends a resume_replace that was cut short. */
enum status resume_recover(const char *output, struct err *err);

#endif
