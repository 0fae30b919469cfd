/* kmeans.c - k-means++ seeding (Arthur & Vassilvitskii 2007) and Lloyd's iterations (Lloyd 1982).
 */
#include "kmeans.h"

#include "kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Distances are those to means [K, D] from now on. Units are powers of two, so that y unit + shift
 * is the offset to the last bit. */
static void measure_from(struct start *start, const double *means)
{
    const struct rows *rows = start->space;
    for (size_t i = 0; i < start->settings.n_components * rows->n_features; i++)
        start->shift[i] = -means[i] * rows->unit[i % rows->n_features];
}

static void seed_pass(struct task *task, size_t lane, double *sums, struct scratch *scratch)
{
    struct start *start = (struct start *)task;
    const struct rows *rows = start->space;
    const double *shift = start->shift + (start->n_seeds - 1) * rows->n_features;
    size_t chunk, end;
    for (rows_lane(rows, lane, &chunk, &end); chunk < end && !engine_stops(scratch); chunk++) {
        double *nearest = start->nearest + chunk * ROWS_CHUNK;
        const double *weight = rows->weight + chunk * ROWS_CHUNK;
        kernels_distance(rows->n_features, rows_chunk(rows, chunk), 1, rows->unit, 0, shift,
                         scratch->work);
        for (size_t n = 0; n < ROWS_CHUNK; n++) {
            if (scratch->work[n] < nearest[n]) nearest[n] = scratch->work[n];
            sums[0] += weight[n] * nearest[n];
        }
    }
}

/* The row that u picks with chances in proportion to weight times squared distance: first the
 * lane by the lanes' sums, then the row within it. Among merged rows the walk is along the rows as
 * given, whose order lanes do not follow. */
static size_t pick_far(const struct start *start, double u)
{
    const struct rows *rows = start->space;
    const struct task *task = &start->task;
    double left = u * task->sums[0];
    size_t n = 0, end = rows->n_given, pick = 0;
    if (rows->place == NULL) {
        size_t lane = 0;
        while (lane + 1 < rows->n_lanes && left >= task->lane_sums[lane * task->sums_stride])
            left -= task->lane_sums[lane++ * task->sums_stride];
        rows_lane(rows, lane, &n, &end);
        n *= ROWS_CHUNK;
        end *= ROWS_CHUNK;
    }
    for (; n < end; n++) {
        double share = rows_given_weight(rows, n) * start->nearest[rows_place(rows, n)];
        if (share == 0.0) continue;
        pick = rows_place(rows, n);
        if (left < share) break;
        left -= share;
    }
    return pick;
}

static void take_seed(struct start *start, size_t row)
{
    rows_get(start->space, row, start_mean(start, start->n_seeds++));
    measure_from(start, start->means);
}

static void seed_judge(struct task *task)
{
    struct start *start = (struct start *)task;
    if (start->n_seeds < start->settings.n_components)
        take_seed(start, pick_far(start, start_draw(start)));
    else if (start->assignment != NULL)
        kmeans_lloyd(start);
    else
        start_finish(start);
}

/* sums: [0] weighted squared distance, [1] rows that changed cluster, then count [K] and totals
 * [K, D]. */
static void lloyd_pass(struct task *task, size_t lane, double *sums, struct scratch *scratch)
{
    struct start *start = (struct start *)task;
    const struct rows *rows = start->space;
    const size_t n_components = start->settings.n_components;
    double *count = sums + 2, *total = count + n_components;
    size_t chunk, end;
    for (rows_lane(rows, lane, &chunk, &end); chunk < end && !engine_stops(scratch); chunk++) {
        const double *y = rows_chunk(rows, chunk);
        const double *weight = rows->weight + chunk * ROWS_CHUNK;
        double *nearest = start->nearest + chunk * ROWS_CHUNK;
        int32_t *assignment = start->assignment + chunk * ROWS_CHUNK;
        kernels_distance(rows->n_features, y, n_components, rows->unit, 0, start->shift,
                         scratch->work);
        kernels_nearest(n_components, scratch->work, scratch->component, nearest);
        for (size_t n = 0; n < ROWS_CHUNK; n++) {
            sums[0] += weight[n] * nearest[n];
            sums[1] += weight[n] > 0.0 && scratch->component[n] != assignment[n];
        }
        memcpy(assignment, scratch->component, ROWS_CHUNK * sizeof *assignment);
        if (start->settled || start->restoring) continue;
        kernels_one_hot(n_components, assignment, weight, scratch->work);
        kernels_totals(rows->n_features, y, n_components, scratch->work, NULL, count, total, NULL,
                       scratch->family);
    }
}

/* An empty cluster moves to the row that is farthest from its own mean, as in scikit-learn; the
 * row counts as served, so that a second empty cluster takes another. */
static void refill(struct start *start, size_t k)
{
    const struct rows *rows = start->space;
    size_t farthest = 0;
    for (size_t n = 1; n < rows->n_rows; n++)
        if (start->nearest[n] > start->nearest[farthest]) farthest = n;
    rows_get(rows, farthest, start_mean(start, k));
    start->nearest[farthest] = 0.0;
}

static void lloyd_judge(struct task *task)
{
    struct start *start = (struct start *)task;
    if (start->restoring) {
        start->restoring = false;
        measure_from(start, start->means);
        return;
    }
    const struct rows *rows = start->space;
    const size_t n_components = start->settings.n_components, n_features = rows->n_features;
    start->inertia = ldexp(task->sums[0], 2 * rows->max_exponent) / rows->total_weight;
    const bool unchanged = start->n_iterations > 0 && task->sums[1] == 0.0;
    if (start->settled || unchanged) {
        start->converged |= unchanged;
        start_finish(start);
        return;
    }
    const double *count = task->sums + 2, *total = count + n_components;
    double shift = 0.0, spread = 0.0;
    memcpy(start->before, start->means, n_components * n_features * sizeof *start->before);
    for (size_t k = 0; k < n_components; k++) {
        if (count[k] == 0.0) {
            refill(start, k);
            shift = HUGE_VAL;
            continue;
        }
        for (size_t d = 0; d < n_features; d++) {
            double *mean = start_mean(start, k) + d, before = *mean;
            *mean = total[k * n_features + d] / count[k];
            shift += (*mean - before) * rows->unit[d] * ((*mean - before) * rows->unit[d]);
        }
    }
    measure_from(start, start->means);
    for (size_t d = 0; d < n_features; d++)
        spread += rows_spread(rows, d);
    start->n_iterations++;
    start->converged = shift <= start->settings.tol * spread / (double)n_features;
    start->settled = start->converged || (int64_t)start->n_iterations >= start->settings.max_iter;
    task->n_lane_sums = start->settled ? 2 : task->n_lane_sums;
}

void kmeans_lloyd(struct start *start)
{
    start->settled = start->settings.max_iter == 0;
    start->task.n_lane_sums = kmeans_sums(start->settings.n_components, start->rows->n_features);
    start->task.pass = lloyd_pass;
    start->task.judge = lloyd_judge;
    measure_from(start, start->means);
}

void kmeans_seed(struct start *start)
{
    start->task.n_lane_sums = 1;
    start->task.pass = seed_pass;
    start->task.judge = seed_judge;
    take_seed(start, rows_pick(start->rows, start_draw(start)));
}

/* --- checkpoints --- */

void kmeans_pack(const struct start *start, struct pack *pack)
{
    if (start == NULL || start->done || start->n_iterations == 0) {
        pack_u64(pack, 0);
        return;
    }
    const size_t n = start->settings.n_components * start->rows->n_features;
    pack_u64(pack, start->n_iterations);
    pack_u64(pack, start->settled);
    pack_u64(pack, start->converged);
    pack_u64(pack, n);
    pack_doubles(pack, start->means, n);
    pack_doubles(pack, start->before, n);
}

enum status kmeans_unpack(struct unpack *unpack, size_t n, struct lloyd **out, struct err *err)
{
    enum status rc = OK;
    struct lloyd *lloyd = NULL;
    *out = NULL;
    TRY_ALLOC(lloyd, 1, err);
    lloyd->n_iterations = unpack_u64(unpack);
    if (lloyd->n_iterations == 0) goto done;
    lloyd->settled = unpack_u64(unpack) != 0;
    lloyd->converged = unpack_u64(unpack) != 0;
    lloyd->n = (size_t)unpack_u64(unpack);
    if (lloyd->n != n) goto done;
    TRY_ALLOC(lloyd->means, n, err);
    TRY_ALLOC(lloyd->before, n, err);
    unpack_doubles(unpack, lloyd->means, n);
    unpack_doubles(unpack, lloyd->before, n);
    if (unpack->failed) goto done;
    *out = lloyd;
    lloyd = NULL;
done:
    kmeans_forget(&lloyd);
    return rc;
}

void kmeans_forget(struct lloyd **lloyd)
{
    if (*lloyd == NULL) return;
    free((*lloyd)->before);
    free((*lloyd)->means);
    free(*lloyd);
    *lloyd = NULL;
}

void kmeans_resume(struct start *start, const struct lloyd *lloyd)
{
    memcpy(start->means, lloyd->means, lloyd->n * sizeof *lloyd->means);
    memcpy(start->before, lloyd->before, lloyd->n * sizeof *lloyd->before);
    kmeans_lloyd(start);
    start->n_iterations = (size_t)lloyd->n_iterations;
    start->settled = lloyd->settled;
    start->converged = lloyd->converged;
    start->restoring = true;
    measure_from(start, start->before);
}
