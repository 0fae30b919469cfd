/* model.h - the parameters of one mixture, and nothing else.
 *
 * A model is either in the scaled units of rows.h, as fits use it, or in the user's units and
 * canonical order, as it is stored. Scratch is never part of it: many threads may read one. */
#ifndef GMMSWEEP_MODEL_H
#define GMMSWEEP_MODEL_H

#include "err.h"
#include "names.h"
#include "rows.h"

struct model {
    enum family_id family;
    size_t n_components;  /* K */
    size_t n_features;    /* D */
    size_t n_covariances; /* doubles in covariances; the shape is the family's (family.h) */
    double *weights;      /* [K] sum to 1 */
    double *means;        /* [K, D] */
    double *covariances;  /* spherical [K], diag [K, D], tied [D, D], full [K, D, D] */
};

/* A model of zeros in one block. ERR_INTERNAL without memory; *out is then NULL. */
enum status model_create(enum family_id family, size_t n_components, size_t n_features,
                         struct model **out, struct err *err);

void model_destroy(struct model **model);

/* target = source; same family and sizes. */
void model_copy(const struct model *source, struct model *target);

/* Brings a model from the units of `rows` to the user's, and back. */
void model_to_user(const struct rows *rows, struct model *model);
void model_from_user(const struct rows *rows, struct model *model);

/* Whether a model in the units of rows.h is of a size that squares without overflow. */
bool model_is_sound(const struct model *model);

/* order [K]: the canonical order of components, by weight descending, ties by mean ascending. */
void model_order(const struct model *model, size_t *order);

/* target = source with its components in `order` [K]; same family and sizes. */
void model_permute(const struct model *source, const size_t *order, struct model *target);

#endif
