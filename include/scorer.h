/* scorer.h - rows against a stored model: their components, densities and responsibilities.
 *
 * What is said of a row depends on the row and the model alone, not on threads or other rows.
 */
#ifndef GMMSWEEP_SCORER_H
#define GMMSWEEP_SCORER_H

#include "model.h"

struct scorer;

/* Of the rows that a model was fitted to: what brings others to their scale. */
struct scorer_data {
    size_t n_features;
    const double *centre, *variance; /* [D] mean and variance in the user's units */
    enum whiten whiten;              /* the space in which k-means measured */
};

/* A scorer for `model`, in the user's units, of which it keeps a copy. ERR_DATA if a covariance is
 * not positive definite, or for k-means that measured in the whitened space of its data
 * (WHITEN_full), which cannot be told from the model; ERR_INTERNAL without memory. *out is then
 * NULL. */
enum status scorer_create(const struct scorer_data *data, const struct model *model,
                          struct scorer **out, struct err *err);

void scorer_destroy(struct scorer **scorer);

/* Whether rows have densities and responsibilities: not with k-means. */
bool scorer_has_density(const struct scorer *scorer);

/* For rows x [n_rows, D] in the user's units on n_threads threads, each where not NULL: label
 * [n_rows], the component that most likely made the row (of k-means the nearest mean), the first on
 * a tie; log_density [n_rows], ln of the mixture's density at the row; resp [n_rows, K], 0 where it
 * is below exp(-700). The latter two must be NULL without densities. ERR_DATA, naming the row, for
 * one so far off that its distances overflow; ERR_INTERNAL without memory. */
enum status scorer_run(const struct scorer *scorer, size_t n_rows, const double *x, int n_threads,
                       int64_t *label, double *log_density, double *resp, struct err *err);

#endif
