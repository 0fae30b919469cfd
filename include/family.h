/* family.h - what a covariance family must know how to do. One file and one row in
 * families.def make a family; src/family_diag.c is the one to copy.
 *
 * All functions work in the units of rows.h, serially, without allocation, on one chunk or one
 * component at a time; the engine spreads them over threads. Shapes are row-major:
 *
 *   model->covariances   the family's own shape, n_covariances doubles
 *   factors              what the E-step needs of the covariances, n_factors doubles
 *   sums                 second statistics of the M-step beyond the counts, n_sums doubles
 */
#ifndef GMMSWEEP_FAMILY_H
#define GMMSWEEP_FAMILY_H

#include "model.h"
#include "rows.h"

#include <stdbool.h>

/* What keeps variances off zero, in the user's units (see spec: Numerics). */
struct regularisation {
    double floor;          /* smallest variance relative to the feature's own */
    double floor_absolute; /* smallest variance; at most one of the two floors is not 0 */
    double ridge;          /* added before the floor */
};

struct family {
    size_t (*n_covariances)(size_t n_components, size_t n_features);
    size_t (*n_factors)(size_t n_components, size_t n_features);
    size_t (*n_sums)(size_t n_components, size_t n_features);

    /* Free parameters of the covariances, for AIC and BIC. */
    size_t (*n_parameters)(size_t n_components, size_t n_features);

    /* Effective rows below which a component's own covariance is not determined. */
    double (*rows_needed)(size_t n_features);

    /* Flops of one EM iteration per row and component, for plans. */
    double (*flops)(size_t n_features);

    /* Gives every component the data's own covariance, ridge and floor applied; false if that
     * is degenerate, and then the covariances are those of floor_unit, which is not. */
    bool (*from_data)(const struct rows *rows, const struct regularisation *reg,
                      struct model *model);

    /* Derives component k's share of `factors` from the model. Returns the log of the Gaussian's
     * normalising constant, -(ln |Sigma_k| + D ln 2 pi) / 2. */
    double (*factorise)(const struct model *model, size_t k, double *factors);

    /* Squared Mahalanobis distances of a chunk's rows y to all components,
     * distance [K, ROWS_CHUNK]. */
    void (*distance)(const struct model *model, const double *factors, const double *y,
                     double *distance);

    /* Adds a chunk's statistics about the model's means to count [K] and sums [n_sums], from
     * weighted responsibilities resp [K, ROWS_CHUNK]. */
    void (*accumulate)(const struct model *model, const double *y, const double *resp,
                       double *count, double *sums);

    /* M-step of component k: next's mean and covariance from now's mean and the statistics about
     * it, ridge and floor applied. *q_change: by how much count, sums make the expected complete
     * log-likelihood of component k larger under next than under now, mixing weights apart.
     * Returns false, with next's component k undefined, if the covariance is degenerate. */
    bool (*maximise)(const struct rows *rows, const struct regularisation *reg,
                     const struct model *now, const double *count, const double *sums, size_t k,
                     struct model *next, double *q_change);

    /* How many of the model's eigenvalues lie on the floor. */
    size_t (*count_floored)(const struct rows *rows, const struct regularisation *reg,
                            const struct model *model);

    /* Covariances to the user's units. */
    void (*to_user)(const struct rows *rows, struct model *model);

    /* Smallest eigenvalue of all covariances. */
    double (*min_eigenvalue)(const struct model *model);

    /* Covariances of `target` from those of `source` in another order of components. */
    void (*permute)(const struct model *source, const size_t *order, struct model *target);

    /* Rank and axes of the covariances in the result file, outermost first, as in store.c. */
    const char *axes;
};

/* Indexed by enum family_id. */
extern const struct family *const families[];

#endif
