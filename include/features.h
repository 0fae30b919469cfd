/* features.h - from a row of the file to a row of x: the steps columns, pool, resize and
 * scale of the config's `data:` section. */
#ifndef GMMSWEEP_FEATURES_H
#define GMMSWEEP_FEATURES_H

#include "column.h"
#include "resize.h"

#include <stdint.h>

struct features {
    const struct source *src;
    size_t n_picked;
    size_t *picked;        /* [n_picked] the columns of src that are used */
    size_t pool;           /* side of a block; 1: the values stay as they are */
    struct resize *resize; /* NULL: likewise */
    size_t scratch_bytes;  /* that it needs */
    double scale;          /* what they are divided by at last */
    size_t n_features;     /* D */
    size_t image_shape[2]; /* height, width of a row of x; 0, 0: rows are no images */
};

/* Picks the columns of `src` and works out what their steps make of them. *out (release with
 * features_free) keeps a pointer to `src`. Returns OK; what column_pick_features returns; or
 * ERR_CONFIG for a step that does not fit the data. *out is then empty. */
enum status features_plan(const struct config *config, const struct source *src,
                          const struct column *labels, const struct column *weights,
                          struct features *out, struct err *err);

/* *names [D] (each and the list: release with free): the columns' names, else their 0-based number
 * in the file; of images that a step has made, "0", "1", ... ERR_INTERNAL without memory; the list
 * is then NULL or ends early with NULLs. */
enum status features_name(const struct features *features, char ***names, struct err *err);

/* Whether the used cells of a row, raw [n_cols] as source_row gives it, are all there and finite.
 */
bool features_complete(const struct features *features, const double *raw);

/* x [n_rows, D]: the features of `rows` [n_rows] of the file. Returns OK; ERR_DATA for used cells
 * that are missing or not finite (the first place, and how many); ERR_CONFIG for a value that a
 * step cannot take; ERR_INTERNAL without memory. x is then not to be used. */
enum status features_fill(const struct features *features, const int64_t *rows, size_t n_rows,
                          double *x, struct err *err);

void features_free(struct features *features);

#endif
