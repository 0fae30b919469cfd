/* start.h - where a fit begins: initialisers, k-means++ seeding and Lloyd's iterations.
 *
 * A start is keyed by (initialiser, K, restart, redraw) and knows no covariance family, so one
 * start serves the fits of all families. An initialiser is one function in start.c and one row
 * in inits.def.
 */
#ifndef GMMSWEEP_START_H
#define GMMSWEEP_START_H

#include "engine.h"
#include "names.h"
#include "rng.h"

struct start_settings {
    uint64_t seed;    /* sweep.seed */
    int64_t max_iter; /* of Lloyd */
    double tol;       /* squared centre shift against the mean feature variance */
    enum init init;
    size_t n_components;
    uint64_t restart;
    uint64_t redraw;
};

struct start {
    struct task task; /* to be ticked until done */
    struct start_settings settings;
    bool done;
    bool short_of_rows;  /* fewer than K distinct rows: the means repeat */
    double *means;       /* [K, D] in the units of rows.h */
    int32_t *assignment; /* [n_chunks * ROWS_CHUNK] the cluster of each row if the initialiser
                            gives clusters, else NULL: equal weights, the data's covariance */
    size_t n_iterations; /* of Lloyd */

    /* How far it is. */
    const struct rows *rows;
    struct rng_stream stream;
    uint64_t n_drawn; /* numbers taken from the stream */
    size_t n_seeds;   /* chosen so far */
    double *nearest;  /* [n_chunks * ROWS_CHUNK] squared distance to the nearest seed or mean */
    bool settled;     /* the last Lloyd pass only assigns */
};

/* Begins a start on `rows`, which must outlive it. Simple ones are done at once; for others tick
 * start->task until start->done. ERR_INTERNAL without memory; *out is then NULL. */
enum status start_create(const struct rows *rows, const struct start_settings *settings,
                         struct start **out, struct err *err);

void start_destroy(struct start **start);

/* Whether two restarts at K components can differ. */
bool start_varies(size_t n_components);

/* Bytes that a start holds. */
double start_bytes(size_t n_rows, size_t n_features, size_t n_components);

#endif
