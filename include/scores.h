/* scores.h - how a clustering agrees with known classes.
 *
 * All functions take the contingency table, `confusion` [K, C]: the weight of rows of class c
 * assigned to component k. Rows of no weight count nothing.
 */
#ifndef GMMSWEEP_SCORES_H
#define GMMSWEEP_SCORES_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

struct scores {
    double error_rate;     /* share of weight off the best one-to-one matching of components to
                              classes (Kuhn 1955; shortest augmenting paths) */
    double error_majority; /* share of weight off each component's largest class */
    double ari;            /* adjusted Rand index (Hubert & Arabie 1985, eq. 5) */
    double nmi;            /* mutual information over the arithmetic mean of the entropies, as
                              scikit-learn's normalized_mutual_info_score */
};

/* Fills confusion [K, C] from component [N] (0..K-1), label [N] (0..C-1) and weight [N] (NULL:
 * all 1), in row order. */
void scores_confusion(size_t n_rows, const int32_t *component, const int32_t *label,
                      const double *weight, size_t n_components, size_t n_classes,
                      double *confusion);

/* All scores of confusion [K, C]. ERR_INTERNAL if memory for the matching cannot be had. */
enum status scores_compute(size_t n_components, size_t n_classes, const double *confusion,
                           struct scores *out, struct err *err);

#endif
