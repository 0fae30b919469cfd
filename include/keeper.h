/* keeper.h - what one session does with the fits of its shard, as hooks of sweep.h: it keeps each
 * finished one in the log, the running ones in checkpoints, tells of them, and begins none that the
 * time left is too short for. */
#ifndef GMMSWEEP_KEEPER_H
#define GMMSWEEP_KEEPER_H

#include "shards.h"
#include "sweep.h"
#include "sweep_setup.h"
#include "watch.h"

/* Who keeps what, and where. All must outlive the keeper. */
struct keeper_setup {
    const struct cli *cli;
    const struct sweep_setup *sweep;
    const struct rows *rows;
    const char *folder;          /* of the shard */
    const struct shards *shards; /* as the session found them */
    struct watch *watch;
    const struct lock *lock;
    size_t n_wanted, n_before; /* fits of the shard: in all, and finished before */
};

struct keeper;

/* Opens the shard's log and begins a session in it. ERR_OUTPUT with path and cause; *out is then
 * NULL. */
enum status keeper_open(const struct keeper_setup *setup, struct keeper **out, struct err *err);

/* The hooks, with the keeper as their context. */
struct sweep_hooks keeper_hooks(struct keeper *keeper);

/* Why fits were left, other than by watch_stop: no time for another one. */
bool keeper_ran_out_of_time(const struct keeper *keeper);

/* Seconds spent in log and checkpoints. */
double keeper_stored_s(const struct keeper *keeper);

/* Ends the session; *keeper is NULL afterwards either way. Where no fit of the shard is left its
 * checkpoints go. Accepts NULL. */
enum status keeper_close(struct keeper **keeper, struct err *err);

#endif
