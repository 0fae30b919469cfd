/* kmeans.h - the two parts of a k-means start, for start.c. Both set the start's task to work; the
 * start is done when it says so. */
#ifndef GMMSWEEP_KMEANS_H
#define GMMSWEEP_KMEANS_H

#include "start.h"

/* Chooses K seeds as means by plain D^2 sampling, so that the seeds of K are the first K of any
 * larger K. Goes on with kmeans_lloyd if the start has an assignment. Wants start->nearest filled
 * with infinity. */
void kmeans_seed(struct start *start);

/* Sums of a lane that they need. */
static inline size_t kmeans_sums(size_t n_components, size_t n_features)
{
    return 2 + n_components * (1 + 2 * n_features);
}

/* Lloyd's iterations from the start's means until they settle. Wants start->assignment. */
void kmeans_lloyd(struct start *start);

#endif
