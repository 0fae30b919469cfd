#include "start.h"

#include "kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A duplicate of an earlier pick is drawn again. After this many draws per component the rows
 * are taken in order instead, so that the loop ends on any data. */
#define DRAWS_PER_COMPONENT 64

static double draw(struct start *start)
{
    return rng_uniform(&start->stream, start->n_drawn++);
}

static double *mean_of(const struct start *start, size_t k)
{
    return start->means + k * start->rows->n_features;
}

/* --- points: K different rows ------------------------------------------------------------- */

/* Whether row n has the value of one of the first k picks. */
static bool is_picked(const struct rows *rows, const size_t *picks, size_t k, size_t n)
{
    for (size_t i = 0; i < k; i++)
        if (rows_equal(rows, picks[i], n)) return true;
    return false;
}

static size_t pick_new(struct start *start, const size_t *picks, size_t k)
{
    const struct rows *rows = start->rows;
    size_t n = rows_pick(rows, draw(start));
    for (int i = 1; i < DRAWS_PER_COMPONENT && is_picked(rows, picks, k, n); i++)
        n = rows_pick(rows, draw(start));
    for (size_t i = 0; i < rows->n_rows && is_picked(rows, picks, k, n); i++)
        n = (n + 1) % rows->n_rows;
    return n;
}

static enum status start_points(struct start *start, struct err *err)
{
    enum status rc = OK;
    size_t *picks = NULL;
    const size_t n_components = start->settings.n_components;
    TRY_ALLOC(picks, n_components, err);
    for (size_t k = 0; k < n_components; k++) {
        picks[k] =
            start->short_of_rows ? rows_pick(start->rows, draw(start)) : pick_new(start, picks, k);
        rows_get(start->rows, picks[k], mean_of(start, k));
    }
    start->done = true;
done:
    free(picks);
    return rc;
}

/* --- k-means++ seeds, then Lloyd ----------------------------------------------------------- */

static void seed_pass(struct task *task, size_t lane, double *sums, struct scratch *scratch)
{
    struct start *start = (struct start *)task;
    const struct rows *rows = start->rows;
    const double *seed = mean_of(start, start->n_seeds - 1);
    size_t chunk, end;
    for (rows_lane(rows, lane, &chunk, &end); chunk < end; chunk++) {
        double *nearest = start->nearest + chunk * ROWS_CHUNK;
        const double *weight = rows->weight + chunk * ROWS_CHUNK;
        kernels_distance(rows->n_features, rows_chunk(rows, chunk), 1, seed, rows->unit, 0,
                         scratch->work);
        for (size_t n = 0; n < ROWS_CHUNK; n++) {
            if (scratch->work[n] < nearest[n]) nearest[n] = scratch->work[n];
            sums[0] += weight[n] * nearest[n];
        }
    }
}

/* The row that u picks with chances in proportion to weight times squared distance: first the
 * lane by the lanes' sums, then the row within it. */
static size_t pick_far(const struct start *start, double u)
{
    const struct rows *rows = start->rows;
    const struct task *task = &start->task;
    double left = u * task->sums[0];
    size_t lane = 0;
    while (lane + 1 < rows->n_lanes && left >= task->lane_sums[lane * task->sums_stride])
        left -= task->lane_sums[lane++ * task->sums_stride];
    size_t first, end, pick = 0;
    rows_lane(rows, lane, &first, &end);
    for (size_t n = first * ROWS_CHUNK; n < end * ROWS_CHUNK; n++) {
        double share = rows->weight[n] * start->nearest[n];
        if (share == 0.0) continue;
        pick = n;
        if (left < share) break;
        left -= share;
    }
    return pick;
}

static void lloyd_begin(struct start *start);

static void seed_judge(struct task *task)
{
    struct start *start = (struct start *)task;
    if (start->n_seeds == start->settings.n_components) {
        lloyd_begin(start);
        return;
    }
    rows_get(start->rows, pick_far(start, draw(start)), mean_of(start, start->n_seeds++));
}

static enum status start_kmeanspp(struct start *start, struct err *err)
{
    enum status rc = OK;
    const size_t n_padded = start->rows->n_chunks * ROWS_CHUNK;
    const size_t n_components = start->settings.n_components;
    if (start->short_of_rows) return start_points(start, err);
    TRY_ALLOC(start->nearest, n_padded, err);
    TRY_ALLOC(start->assignment, n_padded, err);
    for (size_t n = 0; n < n_padded; n++)
        start->nearest[n] = HUGE_VAL;
    const size_t n_moments = n_components * start->rows->n_features;
    TRY(engine_task_create(start->rows, 2 + n_components + 2 * n_moments, &start->task, err));
    start->task.n_sums = 1;
    start->task.pass = seed_pass;
    start->task.judge = seed_judge;
    rows_get(start->rows, rows_pick(start->rows, draw(start)), mean_of(start, start->n_seeds++));
done:
    return rc;
}

/* sums: [0] weighted squared distance, [1] rows that changed cluster, then count [K], and first
 * and second moments [K, D] about the means. */
static void lloyd_pass(struct task *task, size_t lane, double *sums, struct scratch *scratch)
{
    struct start *start = (struct start *)task;
    const struct rows *rows = start->rows;
    const size_t n_components = start->settings.n_components;
    double *count = sums + 2, *first = count + n_components;
    double *second = first + n_components * rows->n_features;
    size_t chunk, end;
    for (rows_lane(rows, lane, &chunk, &end); chunk < end; chunk++) {
        const double *y = rows_chunk(rows, chunk);
        const double *weight = rows->weight + chunk * ROWS_CHUNK;
        double *nearest = start->nearest + chunk * ROWS_CHUNK;
        int32_t *assignment = start->assignment + chunk * ROWS_CHUNK;
        kernels_distance(rows->n_features, y, n_components, start->means, rows->unit, 0,
                         scratch->work);
        kernels_nearest(n_components, scratch->work, scratch->component, nearest);
        for (size_t n = 0; n < ROWS_CHUNK; n++) {
            sums[0] += weight[n] * nearest[n];
            sums[1] += weight[n] > 0.0 && scratch->component[n] != assignment[n];
        }
        memcpy(assignment, scratch->component, ROWS_CHUNK * sizeof *assignment);
        if (start->settled) continue;
        kernels_one_hot(n_components, assignment, weight, scratch->work);
        kernels_moments(rows->n_features, y, n_components, start->means, scratch->work, count,
                        first, second);
    }
}

/* An empty cluster moves to the row that is farthest from its own mean, as in scikit-learn; the
 * row counts as served, so that a second empty cluster takes another. */
static void refill(struct start *start, size_t k)
{
    const struct rows *rows = start->rows;
    size_t farthest = 0;
    for (size_t n = 1; n < rows->n_rows; n++)
        if (start->nearest[n] > start->nearest[farthest]) farthest = n;
    rows_get(rows, farthest, mean_of(start, k));
    start->nearest[farthest] = 0.0;
}

static void lloyd_judge(struct task *task)
{
    struct start *start = (struct start *)task;
    const struct rows *rows = start->rows;
    const size_t n_components = start->settings.n_components, n_features = rows->n_features;
    if (start->settled || (start->n_iterations > 0 && task->sums[1] == 0.0)) {
        start->done = true;
        return;
    }
    const double *count = task->sums + 2, *first = count + n_components;
    double shift = 0.0, spread = 0.0;
    for (size_t k = 0; k < n_components; k++) {
        if (count[k] == 0.0) {
            refill(start, k);
            shift = HUGE_VAL;
            continue;
        }
        for (size_t d = 0; d < n_features; d++) {
            double step = first[k * n_features + d] / count[k];
            mean_of(start, k)[d] += step;
            shift += step * rows->unit[d] * (step * rows->unit[d]);
        }
    }
    for (size_t d = 0; d < n_features; d++)
        spread += rows->variance[d] * rows->unit[d] * rows->unit[d];
    start->n_iterations++;
    start->settled = shift <= start->settings.tol * spread / (double)n_features ||
                     (int64_t)start->n_iterations >= start->settings.max_iter;
    task->n_sums = start->settled ? 2 : task->n_sums;
}

static void lloyd_begin(struct start *start)
{
    start->settled = start->settings.max_iter == 0;
    start->task.n_sums = 2 + start->settings.n_components * (1 + 2 * start->rows->n_features);
    start->task.pass = lloyd_pass;
    start->task.judge = lloyd_judge;
}

/* --- all of them ---------------------------------------------------------------------------- */

typedef enum status start_function(struct start *start, struct err *err);

static start_function *const start_functions[] = {
#define INIT(symbol, name, summary) [INIT_##symbol] = start_##symbol,
#include "inits.def"
#undef INIT
};

enum status start_create(const struct rows *rows, const struct start_settings *settings,
                         struct start **out, struct err *err)
{
    enum status rc = OK;
    struct start *start = NULL;
    *out = NULL;
    TRY_ALLOC(start, 1, err);
    start->rows = rows;
    start->settings = *settings;
    start->stream = (struct rng_stream){settings->seed, rng_name(init_names[settings->init]),
                                        settings->restart, settings->redraw};
    start->short_of_rows = rows->n_distinct < settings->n_components;
    TRY_ALLOC(start->means, settings->n_components * rows->n_features, err);
    TRY(start_functions[settings->init](start, err));
    *out = start;
    start = NULL;
done:
    start_destroy(&start);
    return rc;
}

void start_destroy(struct start **start)
{
    if (*start == NULL) return;
    engine_task_destroy(&(*start)->task);
    free((*start)->nearest);
    free((*start)->assignment);
    free((*start)->means);
    free(*start);
    *start = NULL;
}

bool start_varies(size_t n_components)
{
    return n_components > 1;
}

double start_bytes(size_t n_rows, size_t n_features, size_t n_components)
{
    double n_sums = 2.0 + (double)n_components * (1.0 + 2.0 * (double)n_features);
    return engine_task_bytes(rows_n_lanes(n_rows), (size_t)n_sums) + 12.0 * (double)n_rows +
           8.0 * (double)(n_components * n_features);
}
