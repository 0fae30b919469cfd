/* whiten.h - the space in which k-means measures, where that is not the data's own. */
#ifndef GMMSWEEP_WHITEN_H
#define GMMSWEEP_WHITEN_H

#include "names.h"
#include "rows.h"

struct whitened {
    struct rows rows; /* the rows in that space; what does not depend on it is the original's */
    double *factor;   /* z = factor^-1 y: [D] deviations for `scale`, [D, D] the Cholesky factor of
                         the data's covariance for `full` */
    enum whiten kind;
};

/* Rows whitened by feature (WHITEN_scale) or by the data's covariance, floored at 1e-6 of the
 * features' own variances (WHITEN_full; wants rows->covariance). `rows` must outlive it.
 * ERR_INTERNAL without memory; *out is then NULL. */
enum status whiten_create(const struct rows *rows, enum whiten kind, int n_threads,
                          struct whitened **out, struct err *err);

void whiten_destroy(struct whitened **whitened);

/* z [D] becomes y = factor z; work [D]. */
void whiten_undo(const struct whitened *whitened, double *z, double *work);

#endif
