/* watch.h - a thread beside the work that looks for reasons to stop and keeps the shard's lock
 * alive.
 *
 * Reasons: SIGTERM, SIGINT, SIGUSR1, SIGXCPU; the file STOP in the output folder; the time is up;
 * the lock is ours no more. The work then has WATCH_GRACE_S to save its state and end; after that
 * the thread ends the process, with what has been saved until then. A second signal ends it at
 * once.
 */
#ifndef GMMSWEEP_WATCH_H
#define GMMSWEEP_WATCH_H

#include "lock.h"

#define WATCH_GRACE_S 4.5 /* the promise is 5 s */

struct watch;

/* Starts it. max_time_s: from now on; 0: no limit. To be called once in a process, since signals
 * are the process's. ERR_INTERNAL if there can be no thread; *out is then NULL. */
enum status watch_start(double max_time_s, struct watch **out, struct err *err);

/* Ends it; signals do what they did before. Accepts NULL. */
void watch_end(struct watch **watch);

/* From now on: looks for the file at `stop_path`, keeps `lock` alive. Both must outlive the watch.
 */
void watch_folder(struct watch *watch, const char *stop_path, struct lock *lock);

/* Turns from 0 when the work is to stop. */
const atomic_int *watch_stop(const struct watch *watch);

/* Why it is to stop: "SIGTERM", "the file .../STOP", "the time is up"; "" if it is not. */
const char *watch_reason(const struct watch *watch);

/* Seconds until the time is up; infinite without a limit. */
double watch_left_s(const struct watch *watch);

/* Something has been saved since the start, so that another start would get further. */
void watch_progress(struct watch *watch);

/* What a stop means for the exit status: ERR_PARTIAL after progress, else ERR_OUTPUT. */
enum status watch_status(const struct watch *watch);

#endif
