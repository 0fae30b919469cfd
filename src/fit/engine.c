#include "engine.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define SUM_SLICE 1024 /* elements of a sum that one thread adds over all lanes at a time */

struct engine {
    const struct rows *rows;
    int n_threads;
    struct scratch *scratch; /* [n_threads] */
    /* Where each task's items start in the flat lists of a tick. */
    struct task **tasks; /* [ENGINE_MAX_TASKS] of this tick, light ones first */
    size_t *slice_start; /* [ENGINE_MAX_TASKS + 1] */
    size_t *part_start;  /* [ENGINE_MAX_TASKS + 1] */
};

enum status engine_create(const struct rows *rows, int n_threads, size_t max_components,
                          size_t family_work, const atomic_int *stop, struct engine **out,
                          struct err *err)
{
    enum status rc = OK;
    struct engine *engine = NULL;
    *out = NULL;
    TRY_ALLOC(engine, 1, err);
    engine->rows = rows;
    engine->n_threads = n_threads;
    TRY_ALLOC(engine->scratch, (size_t)n_threads, err);
    for (int t = 0; t < n_threads; t++) {
        engine->scratch[t].stop = stop;
        TRY_ALLOC(engine->scratch[t].work, max_components * ROWS_CHUNK, err);
        TRY_ALLOC(engine->scratch[t].rows, 2 * ROWS_CHUNK, err);
        TRY_ALLOC(engine->scratch[t].component, ROWS_CHUNK, err);
        TRY_ALLOC(engine->scratch[t].family, family_work, err);
    }
    TRY_ALLOC(engine->tasks, ENGINE_MAX_TASKS, err);
    TRY_ALLOC(engine->slice_start, ENGINE_MAX_TASKS + 1, err);
    TRY_ALLOC(engine->part_start, ENGINE_MAX_TASKS + 1, err);
    *out = engine;
    engine = NULL;
done:
    engine_destroy(&engine);
    return rc;
}

void engine_destroy(struct engine **engine)
{
    if (*engine == NULL) return;
    free((*engine)->part_start);
    free((*engine)->slice_start);
    free((*engine)->tasks);
    for (int t = 0; (*engine)->scratch != NULL && t < (*engine)->n_threads; t++) {
        free((*engine)->scratch[t].family);
        free((*engine)->scratch[t].component);
        free((*engine)->scratch[t].rows);
        free((*engine)->scratch[t].work);
    }
    free((*engine)->scratch);
    free(*engine);
    *engine = NULL;
}

/* Lanes' sums start on cache lines of their own, since neighbours are written by two threads. */
static size_t padded(size_t n_sums)
{
    return (n_sums + 7) / 8 * 8;
}

enum status engine_task_create(const struct rows *rows, size_t n_lane_sums, size_t n_sums,
                               struct task *task, struct err *err)
{
    enum status rc = OK;
    task->sums_stride = padded(n_lane_sums);
    TRY_ALLOC(task->lane_sums, rows->n_lanes * task->sums_stride, err);
    TRY_ALLOC(task->sums, n_sums, err);
done:
    return rc;
}

void engine_task_destroy(struct task *task)
{
    free(task->sums);
    free(task->lane_sums);
    task->sums = task->lane_sums = NULL;
}

double engine_task_bytes(size_t n_lanes, size_t n_lane_sums, size_t n_sums)
{
    return 8.0 * ((double)n_lanes * (double)padded(n_lane_sums) + (double)n_sums);
}

double engine_scratch_bytes(size_t max_components, size_t family_work)
{
    return ROWS_CHUNK * (8.0 * (double)max_components + 16.0 + 4.0) + 8.0 * (double)family_work;
}

/* The task whose items, in the flat list that `start` describes, hold `item`. */
static size_t owner(const size_t *start, size_t n_tasks, size_t item)
{
    size_t low = 0, high = n_tasks;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (start[middle] <= item)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void pass_lane(struct task *task, size_t lane, struct scratch *scratch)
{
    double *sums = task->lane_sums + lane * task->sums_stride;
    memset(sums, 0, task->n_lane_sums * sizeof *sums);
    task->pass(task, lane, sums, scratch);
}

static void add_lanes(struct task *task, size_t n_lanes, size_t slice)
{
    size_t first = slice * SUM_SLICE, end = first + SUM_SLICE;
    if (end > task->n_lane_sums) end = task->n_lane_sums;
    memset(task->sums + first, 0, (end - first) * sizeof *task->sums);
    for (size_t lane = 0; lane < n_lanes; lane++) {
        const double *sums = task->lane_sums + lane * task->sums_stride;
        for (size_t i = first; i < end; i++)
            task->sums[i] += sums[i];
    }
}

/* A heavy task's turn, taken by all threads of the team together. */
static void pass_batches(struct task *task, const struct rows *rows, struct scratch *scratch)
{
#pragma omp single
    memset(task->sums, 0, task->n_sums * sizeof *task->sums);
    for (size_t first = 0; first < rows->n_chunks; first += ENGINE_BATCH) {
        size_t end = first + ENGINE_BATCH < rows->n_chunks ? first + ENGINE_BATCH : rows->n_chunks;
#pragma omp for schedule(dynamic)
        for (size_t chunk = first; chunk < end; chunk++)
            if (!engine_stops(scratch)) task->expect(task, chunk, chunk - first, scratch);
#pragma omp for schedule(dynamic)
        for (size_t share = 0; share < task->n_gathers; share++)
            if (!engine_stops(scratch)) task->gather(task, first, end - first, share, scratch);
    }
}

/* Orders the tasks of a tick, light ones first, and lays out the flat lists of their items. */
static size_t lay_out(struct engine *engine, struct task *const *tasks, size_t n_tasks)
{
    size_t n_light = 0, n_heavy = 0;
    for (size_t i = 0; i < n_tasks; i++)
        if (!tasks[i]->heavy) engine->tasks[n_light++] = tasks[i];
    for (size_t i = 0; i < n_tasks; i++)
        if (tasks[i]->heavy) engine->tasks[n_light + n_heavy++] = tasks[i];
    size_t *slice_start = engine->slice_start, *part_start = engine->part_start;
    slice_start[0] = part_start[0] = 0;
    for (size_t i = 0; i < n_tasks; i++) {
        const struct task *task = engine->tasks[i];
        size_t n_slices = task->heavy ? 0 : (task->n_lane_sums + SUM_SLICE - 1) / SUM_SLICE;
        slice_start[i + 1] = slice_start[i] + n_slices;
        part_start[i + 1] = part_start[i] + (task->solve != NULL ? task->n_parts : 0);
    }
    return n_light;
}

/* The sums of all tasks, by all threads of the team. */
static void pass_all(struct engine *engine, size_t n_light, size_t n_tasks, struct scratch *scratch)
{
    const size_t n_lanes = engine->rows->n_lanes;
    struct task **tasks = engine->tasks;
    /* Lane-major: one stretch of the data serves all tasks while it is in the cache. */
#pragma omp for schedule(dynamic)
    for (size_t item = 0; item < n_lanes * n_light; item++)
        if (!engine_stops(scratch)) pass_lane(tasks[item % n_light], item / n_light, scratch);
#pragma omp for schedule(dynamic)
    for (size_t item = 0; item < engine->slice_start[n_tasks]; item++) {
        size_t i = owner(engine->slice_start, n_tasks, item);
        add_lanes(tasks[i], n_lanes, item - engine->slice_start[i]);
    }
    for (size_t i = n_light; i < n_tasks; i++)
        pass_batches(tasks[i], engine->rows, scratch);
}

/* What follows from the sums up to where the tasks can conclude. */
static void decide_all(struct engine *engine, size_t n_tasks, struct scratch *scratch)
{
    struct task **tasks = engine->tasks;
    const size_t *part_start = engine->part_start;
#pragma omp for schedule(dynamic)
    for (size_t i = 0; i < n_tasks; i++)
        tasks[i]->judge(tasks[i]);
#pragma omp for schedule(dynamic)
    for (size_t item = 0; item < part_start[n_tasks]; item++) {
        size_t i = owner(part_start, n_tasks, item);
        if (!engine_stops(scratch)) tasks[i]->solve(tasks[i], item - part_start[i], scratch);
    }
}

void engine_tick(struct engine *engine, struct task *const *given, size_t n_tasks)
{
    const size_t n_light = lay_out(engine, given, n_tasks);
    struct task **tasks = engine->tasks;
    bool summed = false, solved = false;
#pragma omp parallel num_threads(engine->n_threads)
    {
        struct scratch *scratch = &engine->scratch[omp_get_thread_num()];
        pass_all(engine, n_light, n_tasks, scratch);
        /* `stop` never turns back: if it is 0 here, nobody has left anything out. */
#pragma omp single
        summed = !engine_stops(scratch);
        if (summed) {
            decide_all(engine, n_tasks, scratch);
#pragma omp single
            solved = !engine_stops(scratch);
#pragma omp for schedule(dynamic)
            for (size_t i = 0; i < n_tasks; i++) {
                if (solved && tasks[i]->conclude != NULL) tasks[i]->conclude(tasks[i], scratch);
                if (!solved && tasks[i]->rewind != NULL) tasks[i]->rewind(tasks[i]);
            }
        }
    }
}
