/* checkpoint.h - the states of running fits, kept beside a shard's log.
 *
 * A shard has two slots, written in turn, so that a crash while one is written leaves the other. A
 * slot is a file of log.h: a record that numbers the checkpoint, then one per fit. A state serves
 * until its fit is finished, whichever shard comes to it.
 */
#ifndef GMMSWEEP_CHECKPOINT_H
#define GMMSWEEP_CHECKPOINT_H

#include "shards.h"
#include "sweep.h"

struct checkpoint;

/* Finds the states under the folder of each log in `shards`; new ones will be written to `folder`,
 * one of them. A slot that is not whole does not count. ERR_INTERNAL without memory; *out is then
 * NULL. */
enum status checkpoint_open(const struct shards *shards, const char *folder,
                            struct checkpoint **out, struct err *err);

void checkpoint_close(struct checkpoint **checkpoint);

/* How far a fit has come, its start included. */
struct checkpoint_place {
    struct em_place em;
    uint64_t lloyd; /* iterations of the start that it waits for */
};
struct checkpoint_place checkpoint_place(const struct live_fit *live);
bool checkpoint_precedes(struct checkpoint_place a, struct checkpoint_place b);

/* Brings a fit that has just gone live to the farthest state that is kept of it and did not come
 * under a larger max_iter, if there is one. */
enum status checkpoint_resume(struct checkpoint *checkpoint, size_t n_features,
                              struct live_fit *live, struct err *err);

/* Writes the states of live [n_live] and those of this folder that no fit has gone on from yet.
 * *bytes: what was written. ERR_OUTPUT with path and cause, or ERR_DATA if
 * one of the latter cannot be read again; the older checkpoint then stands. */
enum status checkpoint_write(struct checkpoint *checkpoint, const struct live_fit *live,
                             size_t n_live, uint64_t *bytes, struct err *err);

/* Removes both slots: no fit is running. */
void checkpoint_remove(struct checkpoint *checkpoint);

#endif
