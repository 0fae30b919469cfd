/* start.h - where a fit begins: the initialisers.
 *
 * A start is keyed by (initialiser, K, restart, redraw) and knows no covariance family, so one
 * start serves the fits of all families. An initialiser is one function in start.c and one row
 * in inits.def.
 */
#ifndef GMMSWEEP_START_H
#define GMMSWEEP_START_H

#include "engine.h"
#include "model.h"
#include "names.h"
#include "rng.h"
#include "whiten.h"

struct start_settings {
    uint64_t seed;    /* sweep.seed */
    int64_t max_iter; /* of Lloyd */
    double tol;       /* squared centre shift against the mean feature variance */
    enum init init;
    size_t n_components;
    uint64_t restart;
    uint64_t redraw;
    uint64_t trial;                  /* which short run of small-em */
    const struct whitened *whitened; /* the space in which k-means measures; NULL: rows' own */
    const struct model *given;       /* of `file`, in the units of rows.h; else NULL */
};

/* What covariance a start gives its components, where it gives no responsibilities. */
enum start_shape { START_DATA, START_IDENTITY, START_RANDOM };

struct start {
    struct task task; /* to be ticked until done */
    struct start_settings settings;
    bool done;
    bool short_of_rows;  /* fewer than K distinct rows: the means repeat */
    double *means;       /* [K, D] in the units of rows.h */
    int32_t *assignment; /* [n_chunks * ROWS_CHUNK] the cluster of each row, or NULL */
    bool random_responsibilities;
    enum start_shape shape;
    double inertia;      /* mean squared distance to the nearest mean, in the user's unit or, if
                            whitened, in that space */
    size_t n_iterations; /* of Lloyd */
    bool converged;      /* Lloyd did, rather than run out of iterations */

    /* How far it is. */
    const struct rows *rows;
    const struct rows *space; /* where k-means measures: rows, or the whitened ones */
    double *offset;           /* [D] for whiten_undo */
    struct rng_stream stream;
    uint64_t n_drawn; /* numbers taken from the stream */
    size_t n_seeds;   /* chosen so far */
    double *nearest;  /* [n_chunks * ROWS_CHUNK] squared distance to the nearest seed or mean */
    bool settled;     /* the last Lloyd pass only assigns */
    double *shift;    /* [K, D] the means that are measured from, times -unit */
    double *before;   /* [K, D] the means before Lloyd's last step; NULL without Lloyd */
    bool restoring;   /* Lloyd goes on from a checkpoint: the next pass assigns by `before` */
};

/* Begins a start on `rows`, which must outlive it. Simple ones are done at once; for others tick
 * start->task until start->done. ERR_INTERNAL without memory; *out is then NULL. */
enum status start_create(const struct rows *rows, const struct start_settings *settings,
                         struct start **out, struct err *err);

void start_destroy(struct start **start);

/* Whether two restarts can differ. */
bool start_varies(enum init init, size_t n_components);

/* Whether such a start is the end of Lloyd's iterations. */
bool start_is_lloyd(enum init init);

/* Whether the fit begins with an M-step from responsibilities, rather than from the start's means
 * and covariances. */
bool start_has_responsibilities(const struct start *start);

/* The start's weighted responsibilities of a chunk: resp [K, ROWS_CHUNK]. */
void start_responsibilities(const struct start *start, size_t chunk, double *resp);

/* Component k's covariance: [D, D] by its lower triangle if `correlated`, else its diagonal [D].
 * It may stand in work [start_covariance_work]. */
const double *start_covariance(const struct start *start, size_t k, bool correlated, double *work);
size_t start_covariance_work(size_t n_features, bool correlated);

/* In the same shapes the covariance that never collapses: the features' own variances. */
void start_own_variances(const struct rows *rows, bool correlated, double *out);

/* Bytes that a start holds. */
double start_bytes(size_t n_rows, size_t n_features, size_t n_components);

/* The next number of the start's stream. */
static inline double start_draw(struct start *start)
{
    return rng_uniform(&start->stream, start->n_drawn++);
}

/* Its k-th mean [D]. */
static inline double *start_mean(const struct start *start, size_t k)
{
    return start->means + k * start->rows->n_features;
}

/* Ends a start: its means leave the space where k-means measured. */
static inline void start_finish(struct start *start)
{
    for (size_t k = 0; start->space != start->rows && k < start->settings.n_components; k++)
        whiten_undo(start->settings.whitened, start_mean(start, k), start->offset);
    start->done = true;
}

#endif
