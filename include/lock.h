/* lock.h - one process to a shard: a file made with O_EXCL that says who holds it.
 *
 * The file names host and boot (with the pid namespace), pid and its start time, user and Slurm
 * job; its holder rewrites a counter in it every LOCK_BEAT_S. A lock whose holder is dead is taken
 * over: at once if it was of this boot of this host, or of an earlier start of our own Slurm job;
 * else once it has not changed for LOCK_WATCH_S.
 */
#ifndef GMMSWEEP_LOCK_H
#define GMMSWEEP_LOCK_H

#include "err.h"

#include <stdatomic.h>
#include <stdbool.h>

#define LOCK_BEAT_S 10.0
#define LOCK_WATCH_S 60.0
#define LOCK_BLANK_S 10.0 /* of a lock that says nothing: it is written as soon as it is made */

struct lock;

/* Takes the lock at `path`. ERR_OUTPUT with path and cause: held (the message names the holder), or
 * it cannot be made; or *stop turned from 0 while it watched. *out is then NULL. */
enum status lock_take(const char *path, const atomic_int *stop, struct lock **out, struct err *err);

/* Rewrites the lock, so that others see that its holder lives. False if it is ours no more. May be
 * called by another thread than lock_check. */
bool lock_beat(struct lock *lock);

/* ERR_OUTPUT if the lock is ours no more: to be asked before anything is written under it. */
enum status lock_check(const struct lock *lock, struct err *err);

/* Removes the lock if it is still ours. Accepts NULL; *lock is NULL afterwards. */
void lock_release(struct lock **lock);

#define LOCK_HOLDER 512 /* room for a description of a holder */

/* Describes who holds the lock at `path`: out [LOCK_HOLDER], "" if nobody does or the process is
 * known to be dead. True if it is known to live. Known are processes of this boot of this host. */
bool lock_holder(const char *path, char *out);

#endif
