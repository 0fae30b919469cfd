/* family.h - what a covariance family must know how to do. One file and one row in
 * families.def make a family; src/fit/family_diag.c is the one to copy.
 *
 * All functions work in the units of rows.h, serially, without allocation, on one chunk or one
 * component at a time; the engine spreads them over threads. Shapes are row-major:
 *
 *   model->covariances   the family's own shape, n_covariances doubles
 *   factors              what the E-step needs of the covariances, n_factors doubles
 *   sums                 the statistics of the M-step beyond the counts, n_sums doubles, taken
 *                        about the means of the model under which the responsibilities were made
 *   work                 n_work doubles of the calling thread
 *
 * Where a comment names `now` and `next`: the model before and after an M-step.
 */
#ifndef GMMSWEEP_FAMILY_H
#define GMMSWEEP_FAMILY_H

#include "floor.h"
#include "model.h"
#include "rows.h"
#include "staged.h"

#include <stdbool.h>

struct family {
    size_t (*n_covariances)(size_t n_components, size_t n_features);
    size_t (*n_factors)(size_t n_components, size_t n_features);
    size_t (*n_sums)(size_t n_components, size_t n_features);
    size_t (*n_work)(size_t n_components, size_t n_features);

    /* Free parameters of the covariances, for AIC and BIC. */
    size_t (*n_parameters)(size_t n_components, size_t n_features);

    /* Whether rows suffice to determine the covariances: `least` effective rows in the smallest
     * component, total_weight in all. */
    bool (*is_determined)(double least, double total_weight, size_t n_components,
                          size_t n_features);

    /* Flops of one EM iteration per row and component, for plans. */
    double (*flops)(size_t n_features);

    /* It knows covariances between features, and reads rows->covariance. */
    bool correlated;

    /* Component k's covariance as near as the family comes to the one given: [D, D] by its lower
     * triangle if the family is correlated, else its diagonal [D]. */
    void (*from_covariance)(const struct rows *rows, const double *covariance, size_t k,
                            struct model *model);

    /* Ridge and floor on component k's covariance (component 0: a covariance common to all);
     * false if it has collapsed. */
    bool (*regularise)(const struct rows *rows, const struct regularisation *reg, size_t k,
                       struct model *model, double *work);

    /* M-step of component k: next's mean and covariance, ridge and floor applied. ddof is
     * subtracted from the count that divides the covariance. False if it has collapsed. */
    bool (*maximise)(const struct rows *rows, const struct regularisation *reg,
                     const struct model *now, const double *count, const double *sums, size_t k,
                     double ddof, struct model *next, double *work);

    /* What all components have in common of the M-step, once next has its means and weights; NULL
     * if nothing. False if the covariance has collapsed. */
    bool (*maximise_common)(const struct rows *rows, const struct regularisation *reg,
                            const struct model *now, const double *count, const double *sums,
                            double ddof, struct model *next, double *work);

    /* Derives from the model what all components share of `factors`: NULL if nothing. */
    bool (*factorise_common)(const struct rows *rows, const struct regularisation *reg,
                             const struct model *model, double *factors, double *work);

    /* Derives component k's own share of `factors`, after the common part. *log_norm: the log of
     * its Gaussian's normalising constant, -(ln |Sigma_k| + D ln 2 pi) / 2. False if Sigma_k is not
     * positive definite to rounding. */
    bool (*factorise)(const struct rows *rows, const struct regularisation *reg,
                      const struct model *model, size_t k, double *factors, double *log_norm,
                      double *work);

    /* Squared Mahalanobis distances of a chunk's rows to all components, distance
     * [K, ROWS_CHUNK]; all of a row's may lack a term that does not depend on the component. Those
     * beyond the bound, if there is one (else NULL), may be HUGE_VAL. */
    void (*distance)(const struct model *model, const double *factors, const struct rows *rows,
                     size_t chunk, const struct bound *bound, double *distance, double *work);

    /* Whether distance() makes use of a bound, which asks for memory of each row's winner; NULL:
     * never. */
    bool (*is_bounded)(size_t n_components, size_t n_features);

    /* The sum over all rows of weight times the term that distance() leaves out; NULL: none. */
    double (*left_out)(const struct model *model, const double *factors);

    /* As distance() without a bound, with nothing left out, for rows that the fit has not seen. */
    void (*complete_distance)(const struct model *model, const double *factors,
                              const struct rows *rows, size_t chunk, const struct bound *bound,
                              double *distance, double *work);

    /* From distances to weighted responsibilities: kernels_posterior, see there. */
    double (*posterior)(size_t n_components, const double *constant, const double *weight,
                        double least, double *work, double *scratch);

    /* Adds a chunk's statistics to count [K] and sums, from weighted responsibilities resp
     * [K, ROWS_CHUNK]. */
    void (*accumulate)(const struct model *model, const struct rows *rows, size_t chunk,
                       const double *resp, double *count, double *sums, double *work);

    /* For families whose statistics are large, the same in shares that threads can take in turns:
     * component k's share `stripe` of n_stripes; resp [ROWS_CHUNK]. NULL otherwise. */
    size_t (*n_stripes)(size_t n_features);
    void (*accumulate_stripe)(const struct model *model, const struct rows *rows, size_t chunk,
                              const double *resp, size_t k, size_t stripe, double *count,
                              double *sums, double *work);

    /* Sum over rows of responsibility times complete squared distance to component k, from the
     * statistics about `now`; `model` with its factors is `now`, or the `next` made of them. */
    double (*total_distance)(const struct rows *rows, const struct model *now, const double *count,
                             const double *sums, const struct model *model, const double *factors,
                             size_t k, double *work);

    /* How many eigenvalues of component k's covariance lie on the floor; a common covariance is
     * component 0's. */
    size_t (*count_floored)(const struct rows *rows, const struct regularisation *reg,
                            const struct model *model, size_t k, double *work);

    /* Smallest eigenvalue of component k's covariance, in the user's units; of a common one
     * infinity for k > 0. */
    double (*least_eigenvalue)(const struct rows *rows, const struct model *model, size_t k,
                               double *work);

    /* Covariances to the user's units (direction 1) or back (direction -1). */
    void (*rescale)(const struct rows *rows, int direction, struct model *model);

    /* Doubles of one component's covariance, 0 if it is common to all. */
    size_t (*n_own)(size_t n_features);

    /* Axes of the covariances in the result file behind `fit`, outermost first. */
    const char *axes;
};

/* The same member of several families. */
bool family_has_two_rows(double least, double total_weight, size_t n_components, size_t n_features);

/* next's mean of component k from now's and its first moments [D] about it. */
void family_move_mean(const struct model *now, const double *count, const double *first, size_t k,
                      struct model *next);

/* Indexed by enum family_id. */
extern const struct family *const families[];

#endif
