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

#include <stdatomic.h>
#include <stdbool.h>

/* One thread's memory. */
struct scratch {
    const atomic_int *stop; /* not 0: give the pass up at the next chunk */
    double *work;           /* [K, ROWS_CHUNK], the largest K of the sweep */
    double *rows;           /* [2, ROWS_CHUNK] */
    int32_t *component;     /* [ROWS_CHUNK] */
    double *family;         /* what the families of the sweep ask for, and one covariance [D, D] */
};

/* Chunks of a batch, after which a heavy task's statistics are gathered. Two barriers a batch; the
 * responsibilities of a batch of 30 components take 4 MiB. */
#define ENGINE_BATCH 64

struct task {
    /* Adds the lane's rows to sums [n_lane_sums], which are zero on entry. Any thread. */
    void (*pass)(struct task *task, size_t lane, double *sums, struct scratch *scratch);
    /* With all of task->sums in place: what comes next? One thread per task. */
    void (*judge)(struct task *task);
    /* One of n_parts independent pieces of work between judge and conclude. NULL: none. */
    void (*solve)(struct task *task, size_t part, struct scratch *scratch);
    /* After all parts. One thread per task. NULL: nothing to do. */
    void (*conclude)(struct task *task, struct scratch *scratch);
    /* In place of conclude, where a tick is given up after judge: the state before the tick comes
     * back. NULL: judge left a state to go on from. */
    void (*rewind)(struct task *task);
    size_t n_parts;
    size_t n_lane_sums;
    size_t sums_stride; /* doubles between the sums of two lanes, n_lane_sums or a little more */
    double *lane_sums;  /* [n_lanes, sums_stride] */
    double *sums;       /* [n_lane_sums] over all lanes; of a heavy task what it gathers */

    /* A heavy task's statistics are too large to have once per lane. In place of `pass`, batch
     * after batch of chunks: all threads take chunks (expect), then all take shares of the
     * statistics (gather), each share with the batch's chunks in order. */
    bool heavy;
    size_t n_sums;    /* that are zeroed before the first batch */
    size_t n_gathers; /* shares */
    void (*expect)(struct task *task, size_t chunk, size_t slot, struct scratch *scratch);
    void (*gather)(struct task *task, size_t first_chunk, size_t n_chunks, size_t share,
                   struct scratch *scratch);
};

struct engine;

#define ENGINE_MAX_TASKS 512 /* in one tick */

/* Threads and their memory for tasks on `rows` of up to max_components, with family_work doubles
 * of scratch->family. A `stop` that turns from 0 to another value (from any thread; it must outlive
 * the engine) makes the present tick end early. Release with engine_destroy. ERR_INTERNAL without
 * memory. */
enum status engine_create(const struct rows *rows, int n_threads, size_t max_components,
                          size_t family_work, const atomic_int *stop, struct engine **out,
                          struct err *err);

void engine_destroy(struct engine **engine);

/* Memory for the sums of a task: at most n_lane_sums in each lane, at most n_sums in all. */
enum status engine_task_create(const struct rows *rows, size_t n_lane_sums, size_t n_sums,
                               struct task *task, struct err *err);

void engine_task_destroy(struct task *task);

/* Bytes that a task's sums and one thread's scratch take. */
double engine_task_bytes(size_t n_lanes, size_t n_lane_sums, size_t n_sums);
double engine_scratch_bytes(size_t max_components, size_t family_work);

/* Whether the pass under way is to be given up. */
static inline bool engine_stops(const struct scratch *scratch)
{
    return atomic_load_explicit(scratch->stop, memory_order_relaxed) != 0;
}

/* One tick of tasks [n_tasks], n_tasks at most ENGINE_MAX_TASKS. Given up after `stop`, it leaves
 * every fit in a state to go on from: the one before the tick, or the one its judge has turned to.
 * A k-means start goes on by way of kmeans_pack and kmeans_resume only, since a pass that is given
 * up has assigned some rows anew. */
void engine_tick(struct engine *engine, struct task *const *tasks, size_t n_tasks);

#endif
