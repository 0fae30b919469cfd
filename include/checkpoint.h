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
 * one of them. A damaged slot counts as far as it is whole. ERR_INTERNAL without memory; *out is
 * then NULL. */
enum status checkpoint_open(const struct shards *shards, const char *folder,
                            struct checkpoint **out, struct err *err);

void checkpoint_close(struct checkpoint **checkpoint);

/* Brings a fit that em_create has just made to the farthest state that is kept of it, if there is
 * one; *place: where it then is. */
enum status checkpoint_resume(struct checkpoint *checkpoint, const struct plan_fit *fit,
                              struct em *em, struct em_place *place, struct err *err);

/* Writes the states of live [n_live] and those of this folder that no fit has gone on from yet.
 * *bytes: what was written. ERR_OUTPUT with path and cause; the older checkpoint then stands. */
enum status checkpoint_write(struct checkpoint *checkpoint, const struct live_fit *live,
                             size_t n_live, uint64_t *bytes, struct err *err);

/* Removes both slots: no fit is running. */
void checkpoint_remove(struct checkpoint *checkpoint);

#endif
