/* staged.h - squared Mahalanobis distances that end early, for many features.
 *
 * The distance grows with each row of the inverse Cholesky factor, with a diagonal covariance each
 * feature, so that after the first few a component can be told to have no share in a row: it is
 * dropped as soon as its density has fallen exp(-least) below the row's best. The best is known
 * early if the row's last winner goes first; a wrong guess costs time and changes nothing, since
 * whatever is kept is complete and whatever is dropped would get the responsibility 0 from
 * kernels_posterior.
 */
#ifndef GMMSWEEP_STAGED_H
#define GMMSWEEP_STAGED_H

#include "rows.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* What a distance need not exceed. */
struct bound {
    const double *constant; /* [K] of kernels_posterior */
    double least;           /* likewise */
    int32_t *winner;        /* [ROWS_CHUNK] guesses of the best component; the true one on return */
};

/* What a log_joint must not fall short of beside the best of its row, with a slack far over its
 * rounding. */
static inline double staged_lowest(double best, double least)
{
    const double lowest = best + least;
    return lowest - 1e-9 * (1.0 + fabs(lowest));
}

/* Of full covariances, from how many features on: twice those of the first stage, before which
 * nothing is dropped. */
enum { STAGED_FEATURES = 32 };

/* order [D]: the features of a component by how much each tells it from the others, descending:
 * (mean^2 + variance of all rows) / own variance. covariance [D, D] is the component's; score [D]
 * is scratch. */
void staged_order(const struct rows *rows, const double *mean, const double *covariance,
                  double *order, double *score);

/* distance [K, ROWS_CHUNK] of chunk y to all components, HUGE_VAL where one is dropped. factors
 * [K, D, D]: inverse Cholesky factors of covariances whose features stand in `order` [K, D].
 * work [staged_work]. */
void staged_distance(size_t n_components, size_t n_features, const double *y, const double *means,
                     const double *factors, const double *order, const struct bound *bound,
                     double *distance, double *work);

size_t staged_work(size_t n_features);

/* The same of one component, of which nothing is dropped. */
void staged_complete(size_t n_features, const double *y, const double *mean, const double *factor,
                     const double *order, double *distance, double *work);

/* --- diagonal covariances (staged_diag.c) --- */

/* Whether it pays: the rows are turned round for it. */
bool staged_diag_pays(size_t n_components, size_t n_features);

/* Doubles of `arranged`, which has each component's scale and shift as kernels_head and
 * kernels_finish want them, and of work. */
size_t staged_diag_arranged(size_t n_components, size_t n_features);
size_t staged_diag_work(size_t n_components, size_t n_features);

/* Component k's share of `arranged`, from scale [D] and shift [D] of kernels_distance. order [D] of
 * the features, the same for all components. */
void staged_diag_arrange(size_t n_components, size_t n_features, const size_t *order, size_t k,
                         const double *scale, const double *shift, double *arranged);

/* As staged_distance. */
void staged_diag_distance(size_t n_components, size_t n_features, const double *y,
                          const size_t *order, const double *arranged, const struct bound *bound,
                          double *distance, double *work);

#endif
