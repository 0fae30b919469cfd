/* floor.h - what keeps covariances off zero: ridge, floor, and the test for having collapsed.
 *
 * With V = diag(floor_unit) and f = floor V (or floor_absolute I), the M-step's covariance S is
 * replaced by the nearest one for which S - f is positive semidefinite in the sense of the
 * likelihood: variances and the eigenvalues of f^-1/2 S f^-1/2 are clipped at the floor. That is
 * the constrained maximum of the M-step, so the likelihood stays monotone, and it does not depend
 * on the features' units.
 */
#ifndef GMMSWEEP_FLOOR_H
#define GMMSWEEP_FLOOR_H

#include "rows.h"

/* In the user's units. */
struct regularisation {
    double floor;          /* smallest variance relative to the feature's own */
    double floor_absolute; /* smallest variance; at most one of the two floors is not 0 */
    double ridge;          /* added before the floor */
};

/* Whether nothing keeps variances off zero, so that collapsing has to be watched for. */
static inline bool floor_is_bare(const struct regularisation *reg)
{
    return reg->floor == 0.0 && reg->floor_absolute == 0.0 && reg->ridge == 0.0;
}

/* The least variance of feature d, and the ridge on it, in the units of rows.h. */
double floor_least(const struct rows *rows, const struct regularisation *reg, size_t d);
double floor_ridge(const struct rows *rows, const struct regularisation *reg, size_t d);

/* Ridge and floor for one variance whose least value, ridge and natural size (the feature's own
 * variance) are given; false if it has collapsed: without ridge and floor at most 8 eps of its
 * natural size. */
bool floor_variance(double least, double ridge, double natural, double *variance);

/* Ridge and floor for a covariance [D, D], of which the lower triangle is read and the whole is
 * written. work [floor_work]. False if it has collapsed: no longer finite. */
bool floor_matrix(const struct rows *rows, const struct regularisation *reg, double *covariance,
                  double *work);

/* Eigenvalues of the covariance that lie on the floor (within 1e-6 of it). */
size_t floor_count(const struct rows *rows, const struct regularisation *reg,
                   const double *covariance, double *work);

/* A covariance [D, D] in `factor`, read by its lower triangle, becomes the inverse of its Cholesky
 * factor. *log_norm: -(ln |Sigma| + D ln 2 pi) / 2. False if it is not positive definite, or if,
 * without ridge and floor, a pivot is at most `rounding` times the feature's own variance. order
 * [D]: the features as they stand in it; NULL: their own order. */
bool floor_factorise(const struct rows *rows, const struct regularisation *reg, double rounding,
                     const double *order, double *factor, double *log_norm);

/* Smallest eigenvalue of the covariance [D, D] in the user's units; 0 if it is lost in
 * rounding. */
double floor_least_eigenvalue(const struct rows *rows, const double *covariance, double *work);

/* Doubles of work for floor_matrix and floor_count. */
size_t floor_work(size_t n_features);

#endif
