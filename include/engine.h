/* engine.h - one tick: every live task's pass over the data, spread over the threads, with sums
 * that do not depend on how it was spread.
 *
 * A task is anything that sweeps the rows again and again: an EM fit, a k-means start. In a tick
 * each task's rows are passed lane by lane, (task, lane) items in any order on any thread; then
 * the lanes' sums are added in ascending order; then the task decides, works on its components
 * in parallel, and concludes. No sum is ever formed in an order that a thread count, another task
 * or a scheduler could change.
 */
#ifndef GMMSWEEP_ENGINE_H
#define GMMSWEEP_ENGINE_H

#include "err.h"
#include "rows.h"

/* One thread's memory. */
struct scratch {
    double *work;       /* [K, ROWS_CHUNK], the largest K of the sweep */
    double *rows;       /* [2, ROWS_CHUNK] */
    int32_t *component; /* [ROWS_CHUNK] */
};

struct task {
    /* Adds the lane's rows to sums [n_sums], which are zero on entry. Any thread. */
    void (*pass)(struct task *task, size_t lane, double *sums, struct scratch *scratch);
    /* With all of task->sums in place: what comes next? One thread per task. */
    void (*judge)(struct task *task);
    /* One of n_parts independent pieces of work between judge and conclude. NULL: none. */
    void (*solve)(struct task *task, size_t part);
    /* After all parts. One thread per task. NULL: nothing to do. */
    void (*conclude)(struct task *task);
    size_t n_parts;
    size_t n_sums;
    size_t sums_stride; /* doubles between the sums of two lanes, n_sums or a little more */
    double *lane_sums;  /* [n_lanes, sums_stride] */
    double *sums;       /* [n_sums] over all lanes */
};

struct engine;

#define ENGINE_MAX_TASKS 512 /* in one tick */

/* Threads and their memory for tasks on `rows` of up to max_components. Release with
 * engine_destroy. ERR_INTERNAL without memory. */
enum status engine_create(const struct rows *rows, int n_threads, size_t max_components,
                          struct engine **out, struct err *err);

void engine_destroy(struct engine **engine);

/* Memory for the sums of a task with at most n_sums. */
enum status engine_task_create(const struct rows *rows, size_t n_sums, struct task *task,
                               struct err *err);

void engine_task_destroy(struct task *task);

/* Bytes that a task's sums and one thread's scratch take. */
double engine_task_bytes(size_t n_lanes, size_t n_sums);
double engine_scratch_bytes(size_t max_components);

/* One tick of tasks [n_tasks], n_tasks at most ENGINE_MAX_TASKS. */
void engine_tick(struct engine *engine, struct task *const *tasks, size_t n_tasks);

#endif
