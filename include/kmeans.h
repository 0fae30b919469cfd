/* kmeans.h - the two parts of a k-means start, for start.c. Both set the start's task to work; the
 * start is done when it says so. */
#ifndef GMMSWEEP_KMEANS_H
#define GMMSWEEP_KMEANS_H

#include "kernels.h"
#include "pack.h"
#include "start.h"

/* Chooses K seeds as means by plain D^2 sampling, so that the seeds of K are the first K of any
 * larger K. Goes on with kmeans_lloyd if the start has an assignment. Wants start->nearest filled
 * with infinity. */
void kmeans_seed(struct start *start);

/* Sums of a lane that they need. */
static inline size_t kmeans_sums(size_t n_components, size_t n_features)
{
    return 2 + n_components * (1 + n_features);
}

/* Doubles of a thread that they work with. */
static inline size_t kmeans_work(size_t n_components, size_t n_features)
{
    return kernels_sums_work(n_components, n_features);
}

/* Flops of an iteration per row and component, for plans. */
static inline double kmeans_flops(size_t n_features)
{
    return 6.0 * (double)n_features; /* distance 4, totals 2 */
}

/* Lloyd's iterations from the start's means until they settle. Wants start->assignment. */
void kmeans_lloyd(struct start *start);

/* Lloyd's iterations of a start as a checkpoint keeps them: the means of the last two, the earlier
 * ones so that the rows' clusters can be told again. */
struct lloyd {
    uint64_t n_iterations;
    bool settled, converged;
    size_t n;       /* K * D */
    double *means;  /* [n] */
    double *before; /* [n] */
};

/* Appends where the start's Lloyd is; of a start that has no step of it done yet, or NULL, that
 * there is nothing. */
void kmeans_pack(const struct start *start, struct pack *pack);

/* *out: what kmeans_pack appended; NULL if that is nothing, or of other sizes than n = K * D.
 * ERR_INTERNAL without memory. */
enum status kmeans_unpack(struct unpack *unpack, size_t n, struct lloyd **out, struct err *err);

void kmeans_forget(struct lloyd **lloyd);

/* Brings a start that has just been made to where its Lloyd was, with the same bits to come. */
void kmeans_resume(struct start *start, const struct lloyd *lloyd);

#endif
