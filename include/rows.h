/* rows.h - the fitted rows as the arithmetic wants them: centred, scaled, merged, blocked, cut in
 * lanes.
 *
 * Feature d is stored as y = (x - centre_d) 2^-exponent_d, so that far offsets and odd units do
 * no harm: |y| is at most about 1. Everything inside a fit is in these units; model_to_user in
 * model.h brings a fitted model back. Powers of two make the scaling itself exact.
 *
 * Where many rows are equal they are merged (rows_merge.h): N counts what is left, and a row's
 * weight is that of all rows as given that went into it. Centre, scale, variances and W are those
 * of the rows as given. Who picks a row picks one of those, so that merging changes no pick.
 *
 * Layout: blocks of ROWS_BLOCK rows, one vector per feature, y [block, D, ROWS_BLOCK], so that
 * kernels work on ROWS_BLOCK rows at once whatever D is. Rows that fill up the last chunk are
 * zero and weigh nothing.
 *
 * A chunk is the unit of arithmetic. A lane is a run of whole chunks, and the unit of work and
 * of summation: every sum over rows is taken within lanes, then over lanes in ascending order.
 * The cut depends on N alone, so the bits of a sum depend on nothing that varies between runs.
 */
#ifndef GMMSWEEP_ROWS_H
#define GMMSWEEP_ROWS_H

#include "data.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>

#define ROWS_BLOCK 8
#define ROWS_CHUNK 256
#define ROWS_CHUNK_BLOCKS (ROWS_CHUNK / ROWS_BLOCK)
#define ROWS_MAX_LANES 256
#define ROWS_LANE_TARGET 1024 /* rows per lane while there are fewer than ROWS_MAX_LANES */

struct rows {
    size_t n_rows;         /* N, at most n_given */
    size_t n_given;        /* rows before equal ones were merged */
    size_t n_features;     /* D */
    size_t n_chunks;       /* ceil(N / ROWS_CHUNK) */
    size_t n_lanes;        /* min(ROWS_MAX_LANES, ceil(N / ROWS_LANE_TARGET)) */
    size_t n_classes;      /* C of label; 0 without labels */
    double *y;             /* [n_chunks * ROWS_CHUNK_BLOCKS, D, ROWS_BLOCK] */
    double *weight;        /* [n_chunks * ROWS_CHUNK]; 0 in the filling */
    double *norm;          /* [n_chunks * ROWS_CHUNK] squared length of each row, steps of y_d being
                              unit_d long */
    double total_weight;   /* W, sum of weight */
    bool weighted;         /* weights of the rows as given differ from 1 */
    double *given_weight;  /* [n_given] what they are, if rows are merged and weighted; or NULL */
    size_t *place;         /* [n_given] the row that each went into; NULL if none are merged */
    int32_t *label;        /* [n_chunks * ROWS_CHUNK] or NULL */
    size_t n_distinct;     /* rows that differ in value */
    double *centre;        /* [D] mean; the value itself of a constant feature; user's units */
    int *exponent;         /* [D] */
    double *low, *high;    /* [D] range of y */
    double *variance;      /* [D] of y */
    size_t *by_variance;   /* [D] features in descending order of rows_spread */
    double *floor_unit;    /* [D] variance; for a constant feature what the others have on average
                              (in the user's units; 1 if all are constant) */
    int max_exponent;      /* largest exponent of a feature */
    double *unit;          /* [D] 2^(exponent_d - max_exponent): the length of a step of y_d in
                              Euclidean distances, in a unit common to all features */
    double *covariance;    /* [D, D] lower triangle, of y about the centre; NULL before
                              rows_add_covariance */
    double least_log_resp; /* a responsibility below its exp() adds nothing to a sum over all rows,
                              nor does its row's likelihood without it differ, but for rounding */
    double log_scale;      /* sum of exponent_d ln 2: a log-density in the user's units is ours
                              minus this */
};

/* Variance of feature d in the unit common to all features. */
static inline double rows_spread(const struct rows *rows, size_t d)
{
    return rows->variance[d] * rows->unit[d] * rows->unit[d];
}

/* Prepares the rows of `data` that are to be fitted: those with a weight that are not held out.
 * `data` is only read and may be freed afterwards.
 * Returns OK and *out; ERR_DATA if a feature's range overflows; ERR_INTERNAL without memory. *out
 * is then NULL. */
enum status rows_create(const struct data *data, struct rows **out, struct err *err);

/* The same, but data->x is used up, so that it and the rows do not both take memory: NULL
 * afterwards, whatever is returned. */
enum status rows_take(struct data *data, struct rows **out, struct err *err);

/* The held-out rows, centred and scaled like the fitted rows `like`; *out is NULL if there are
 * none. */
enum status rows_create_heldout(const struct data *data, const struct rows *like, struct rows **out,
                                struct err *err);

/* Computes rows->covariance on n_threads threads: sum of weight y y' / W. ERR_INTERNAL without
 * memory. */
enum status rows_add_covariance(struct rows *rows, int n_threads, struct err *err);

void rows_destroy(struct rows **rows);

/* The chunks of `lane` are first <= chunk < end. */
void rows_lane(const struct rows *rows, size_t lane, size_t *first, size_t *end);

/* The blocks of a chunk, [ROWS_CHUNK_BLOCKS, D, ROWS_BLOCK]. */
static inline const double *rows_chunk(const struct rows *rows, size_t chunk)
{
    return rows->y + chunk * ROWS_CHUNK * rows->n_features;
}

/* Copies row n to out [D]. */
void rows_get(const struct rows *rows, size_t n, double *out);

/* Where feature d of row n stands in y. */
static inline size_t rows_index(const struct rows *rows, size_t n, size_t d)
{
    return (n / ROWS_BLOCK * rows->n_features + d) * ROWS_BLOCK + n % ROWS_BLOCK;
}

/* Whether rows a and b have equal values. */
bool rows_equal(const struct rows *rows, size_t a, size_t b);

/* Of row n of those as given: the row that it went into, and its own weight. */
static inline size_t rows_place(const struct rows *rows, size_t n)
{
    return rows->place != NULL ? rows->place[n] : n;
}
static inline double rows_given_weight(const struct rows *rows, size_t n)
{
    if (rows->place == NULL) return rows->weight[n];
    return rows->given_weight != NULL ? rows->given_weight[n] : 1.0;
}

/* The row that u in [0, 1) picks: of the rows as given, in their order, each has a chance in
 * proportion to its weight, and the row that it went into is returned. */
size_t rows_pick(const struct rows *rows, double u);

/* Lanes that n_rows are cut into. */
size_t rows_n_lanes(size_t n_rows);

/* Sets n_rows, and n_chunks and n_lanes by it. */
void rows_cut(struct rows *rows, size_t n_rows);

/* Bytes that rows_create will hold for n_rows x n_features, all but what weighted rows that are
 * merged add. */
double rows_bytes(size_t n_rows, size_t n_features);

#endif
