#include "rows.h"

#include "kernels.h"
#include "rows_merge.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

void rows_lane(const struct rows *rows, size_t lane, size_t *first, size_t *end)
{
    *first = lane * rows->n_chunks / rows->n_lanes;
    *end = (lane + 1) * rows->n_chunks / rows->n_lanes;
}

size_t rows_n_lanes(size_t n_rows)
{
    size_t n_lanes = (n_rows + ROWS_LANE_TARGET - 1) / ROWS_LANE_TARGET;
    return n_lanes < ROWS_MAX_LANES ? n_lanes : ROWS_MAX_LANES;
}

void rows_cut(struct rows *rows, size_t n_rows)
{
    rows->n_rows = n_rows;
    rows->n_chunks = (n_rows + ROWS_CHUNK - 1) / ROWS_CHUNK;
    rows->n_lanes = rows_n_lanes(n_rows);
}

void rows_get(const struct rows *rows, size_t n, double *out)
{
    for (size_t d = 0; d < rows->n_features; d++)
        out[d] = rows->y[rows_index(rows, n, d)];
}

bool rows_equal(const struct rows *rows, size_t a, size_t b)
{
    for (size_t d = 0; d < rows->n_features; d++)
        if (rows->y[rows_index(rows, a, d)] != rows->y[rows_index(rows, b, d)]) return false;
    return true;
}

size_t rows_pick(const struct rows *rows, double u)
{
    if (!rows->weighted) return rows_place(rows, (size_t)(u * (double)rows->n_given));
    double left = u * rows->total_weight;
    size_t n = 0;
    while (n + 1 < rows->n_given && left >= rows_given_weight(rows, n))
        left -= rows_given_weight(rows, n++);
    return rows_place(rows, n);
}

double rows_bytes(size_t n_rows, size_t n_features)
{
    double padded = ceil((double)n_rows / ROWS_CHUNK) * ROWS_CHUNK;
    return padded * (8.0 * (double)n_features + 16.0 + 4.0) + 8.0 * (double)n_rows;
}

/* Mean and largest deviation of feature d over the used rows; a constant feature's mean is its
 * value to the last bit. */
static void measure_feature(const struct data *data, const size_t *used, const struct rows *rows,
                            size_t d, double *centre, double *reach)
{
    const size_t stride = data->n_features;
    double low = INFINITY, high = -INFINITY, sum = 0.0;
    double origin = data->x[used[0] * stride + d];
    for (size_t n = 0; n < rows->n_rows; n++) {
        double x = data->x[used[n] * stride + d];
        if (x < low) low = x;
        if (x > high) high = x;
        sum += rows->weight[n] * (x - origin);
    }
    *centre = low == high ? low : origin + sum / rows->total_weight;
    *reach = fmax(high - *centre, *centre - low);
}

/* Row n's share in the range, sum and sum of squares of feature d. */
static void add_value(struct rows *rows, size_t n, size_t d, double y, double *sum, double *square)
{
    rows->low[d] = fmin(rows->low[d], y);
    rows->high[d] = fmax(rows->high[d], y);
    sum[d] += rows->weight[n] * y;
    square[d] += rows->weight[n] * y * y;
}

/* y, block by block, and its range and variance. x, unless it is only lent, is given back as it is
 * used: two copies of large data never stand beside each other. */
static enum status fill(const struct data *data, bool lent, const size_t *used, struct rows *rows,
                        struct err *err)
{
    enum status rc = OK;
    const size_t n_features = rows->n_features, padded = rows->n_chunks * ROWS_CHUNK;
    double *sum = NULL, *square = NULL;
    size_t given = 0;
    TRY_ALLOC(sum, n_features, err);
    TRY_ALLOC(square, n_features, err);
    TRY(err_alloc_raw(padded * n_features, sizeof *rows->y, "rows->y", &rows->y, err));
    for (size_t first = 0; first < padded; first += ROWS_BLOCK) {
        for (size_t d = 0; d < n_features; d++)
            for (size_t n = first; n < first + ROWS_BLOCK; n++) {
                double *y = &rows->y[rows_index(rows, n, d)];
                *y = 0.0;
                if (n >= rows->n_rows) continue;
                const double x = data->x[used[n] * n_features + d];
                *y = ldexp(x - rows->centre[d], -rows->exponent[d]);
                add_value(rows, n, d, *y, sum, square);
            }
        if (lent || first + ROWS_BLOCK > rows->n_rows) continue;
        const size_t n_done = used[first + ROWS_BLOCK - 1] + 1;
        given = err_give_back(data->x, given, n_done * n_features * sizeof *data->x);
    }
    for (size_t d = 0; d < n_features; d++) {
        const double mean = sum[d] / rows->total_weight;
        rows->variance[d] = fmax(0.0, square[d] / rows->total_weight - mean * mean);
    }
done:
    free(square);
    free(sum);
    return rc;
}

/* Exponents so that |y| <= 1; a constant feature gets the largest exponent of the others. */
static void choose_exponents(struct rows *rows, const double *reach)
{
    bool any = false;
    for (size_t d = 0; d < rows->n_features; d++) {
        if (reach[d] == 0.0) continue;
        frexp(reach[d], &rows->exponent[d]);
        if (!any || rows->exponent[d] > rows->max_exponent) rows->max_exponent = rows->exponent[d];
        any = true;
    }
    rows->log_scale = 0.0;
    for (size_t d = 0; d < rows->n_features; d++) {
        if (reach[d] == 0.0) rows->exponent[d] = rows->max_exponent;
        rows->unit[d] = ldexp(1.0, rows->exponent[d] - rows->max_exponent);
        rows->log_scale += rows->exponent[d] * 0.693147180559945309417;
    }
}

static void choose_floor_units(struct rows *rows)
{
    /* unit^2 brings variances to the common unit, where they can be averaged; constant features
     * have the unit 1. */
    double sum = 0.0;
    size_t varying = 0;
    for (size_t d = 0; d < rows->n_features; d++) {
        if (rows->variance[d] == 0.0) continue;
        sum += rows_spread(rows, d);
        varying++;
    }
    double mean = varying > 0 ? sum / (double)varying : 1.0;
    for (size_t d = 0; d < rows->n_features; d++)
        rows->floor_unit[d] = rows->variance[d] > 0.0 ? rows->variance[d] : mean;
}

static int by_variance(const void *a, const void *b, void *of)
{
    const struct rows *rows = of;
    const size_t i = *(const size_t *)a, j = *(const size_t *)b;
    const double of_i = rows_spread(rows, i), of_j = rows_spread(rows, j);
    return of_i != of_j ? (of_i < of_j ? 1 : -1) : i < j ? -1 : 1;
}

static void sort_features(struct rows *rows)
{
    for (size_t d = 0; d < rows->n_features; d++)
        rows->by_variance[d] = d;
    qsort_r(rows->by_variance, rows->n_features, sizeof *rows->by_variance, by_variance, rows);
}

static enum status allocate(struct rows *rows, const struct data *data, struct err *err)
{
    enum status rc = OK;
    const size_t padded = rows->n_chunks * ROWS_CHUNK;
    TRY_ALLOC(rows->weight, padded, err);
    if (data->label != NULL) TRY_ALLOC(rows->label, padded, err);
    TRY_ALLOC(rows->centre, rows->n_features, err);
    TRY_ALLOC(rows->exponent, rows->n_features, err);
    TRY_ALLOC(rows->low, rows->n_features, err);
    TRY_ALLOC(rows->high, rows->n_features, err);
    TRY_ALLOC(rows->variance, rows->n_features, err);
    TRY_ALLOC(rows->by_variance, rows->n_features, err);
    TRY_ALLOC(rows->floor_unit, rows->n_features, err);
    TRY_ALLOC(rows->unit, rows->n_features, err);
done:
    return rc;
}

/* Lists the rows that have a weight and are held out or not: used [*n]. */
static void choose_rows(const struct data *data, bool heldout, size_t *used, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < data->n_rows; i++) {
        bool has_weight = data->weight == NULL || data->weight[i] > 0.0;
        bool is_heldout = data->heldout != NULL && data->heldout[i];
        if (has_weight && is_heldout == heldout) used[(*n)++] = i;
    }
}

static void fill_weights(const struct data *data, const size_t *used, struct rows *rows)
{
    for (size_t n = 0; n < rows->n_rows; n++) {
        rows->weight[n] = data->weight == NULL ? 1.0 : data->weight[used[n]];
        rows->weighted |= rows->weight[n] != 1.0;
        rows->total_weight += rows->weight[n];
        if (rows->label != NULL) rows->label[n] = data->label[used[n]];
    }
}

static enum status add_norms(struct rows *rows, struct err *err)
{
    enum status rc = OK;
    double *zero = NULL; /* [D] */
    TRY_ALLOC(zero, rows->n_features, err);
    TRY_ALLOC(rows->norm, rows->n_chunks * ROWS_CHUNK, err);
    for (size_t chunk = 0; chunk < rows->n_chunks; chunk++)
        kernels_distance(rows->n_features, rows_chunk(rows, chunk), 1, rows->unit, 0, zero,
                         rows->norm + chunk * ROWS_CHUNK);
done:
    free(zero);
    return rc;
}

static enum status create(const struct data *data, bool lent, const struct rows *like,
                          struct rows **out, struct err *err)
{
    enum status rc = OK;
    struct rows *rows = NULL;
    size_t *used = NULL; /* [N] rows of the data */
    double *reach = NULL;
    size_t n_used;
    const size_t n_features = data->n_features;
    *out = NULL;

    TRY_ALLOC(rows, 1, err);
    TRY_ALLOC(used, data->n_rows, err);
    TRY_ALLOC(reach, n_features, err);
    choose_rows(data, like != NULL, used, &n_used);
    if (n_used == 0) goto done;
    rows->n_features = n_features;
    rows->n_classes = data->n_classes;
    rows_cut(rows, n_used);
    rows->n_given = n_used;
    TRY(allocate(rows, data, err));
    fill_weights(data, used, rows);
    rows->least_log_resp = -(37.0 + log((double)rows->n_rows)); /* exp(-37) < 2^-53 */
    if (like == NULL) {
        for (size_t d = 0; d < n_features; d++)
            measure_feature(data, used, rows, d, &rows->centre[d], &reach[d]);
        for (size_t d = 0; d < n_features; d++)
            if (!isfinite(rows->centre[d]) || !isfinite(reach[d]))
                FAIL(err, ERR_DATA, "feature '%s': its values are too far apart to be subtracted",
                     data->feature_names[d]);
        choose_exponents(rows, reach);
    } else {
        memcpy(rows->centre, like->centre, n_features * sizeof *rows->centre);
        memcpy(rows->exponent, like->exponent, n_features * sizeof *rows->exponent);
        memcpy(rows->unit, like->unit, n_features * sizeof *rows->unit);
    }
    TRY(fill(data, lent, used, rows, err));
    if (like == NULL) {
        choose_floor_units(rows);
        sort_features(rows);
    }
    free(used);
    used = NULL;
    TRY(rows_merge(rows, err));
    TRY(add_norms(rows, err));
    *out = rows;
    rows = NULL;
done:
    free(reach);
    free(used);
    rows_destroy(&rows);
    return rc;
}

enum status rows_create(const struct data *data, struct rows **out, struct err *err)
{
    return create(data, true, NULL, out, err);
}

enum status rows_take(struct data *data, struct rows **out, struct err *err)
{
    enum status rc = create(data, false, NULL, out, err);
    free(data->x);
    data->x = NULL;
    return rc;
}

enum status rows_create_heldout(const struct data *data, const struct rows *like, struct rows **out,
                                struct err *err)
{
    return create(data, true, like, out, err);
}

/* The stripe of the covariance from row i0 on, over the chunks in order. packed [ROWS_CHUNK, S] and
 * sums [D + 1, S] are scratch, sums of zeros. */
static void add_stripe(struct rows *rows, size_t i0, const double *zero, double *packed,
                       double *sums)
{
    const size_t n = rows->n_features, end = i0 + KERNELS_STRIPE < n ? i0 + KERNELS_STRIPE : n;
    double count = 0.0;
    for (size_t chunk = 0; chunk < rows->n_chunks; chunk++) {
        const size_t n_packed = kernels_pack(n, rows_chunk(rows, chunk), zero,
                                             rows->weight + chunk * ROWS_CHUNK, &count, packed);
        kernels_scatter(n, n_packed, packed, i0, end, sums);
    }
    for (size_t i = i0; i < end; i++)
        for (size_t j = 0; j <= i; j++)
            rows->covariance[i * n + j] = sums[i * kernels_stride(n) + j] / rows->total_weight;
}

enum status rows_add_covariance(struct rows *rows, int n_threads, struct err *err)
{
    enum status rc = OK;
    const size_t n = rows->n_features, n_packed = ROWS_CHUNK * kernels_stride(n);
    double *zero = NULL, *packed = NULL, *sums = NULL;
    TRY_ALLOC(zero, n, err);
    TRY_ALLOC(packed, (size_t)n_threads * n_packed, err);
    TRY_ALLOC(sums, (n + 1) * kernels_stride(n), err);
    TRY_ALLOC(rows->covariance, n * n, err);
#pragma omp parallel for schedule(dynamic) num_threads(n_threads)
    for (size_t i0 = 0; i0 < n; i0 += KERNELS_STRIPE)
        add_stripe(rows, i0, zero, packed + (size_t)omp_get_thread_num() * n_packed, sums);
done:
    free(sums);
    free(packed);
    free(zero);
    return rc;
}

void rows_destroy(struct rows **rows)
{
    if (*rows == NULL) return;
    free((*rows)->covariance);
    free((*rows)->unit);
    free((*rows)->floor_unit);
    free((*rows)->by_variance);
    free((*rows)->variance);
    free((*rows)->high);
    free((*rows)->low);
    free((*rows)->exponent);
    free((*rows)->centre);
    free((*rows)->place);
    free((*rows)->given_weight);
    free((*rows)->label);
    free((*rows)->norm);
    free((*rows)->weight);
    free((*rows)->y);
    free(*rows);
    *rows = NULL;
}
