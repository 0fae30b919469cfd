/* data.h - the rows to be fitted, after every step of the config's `data:` section.
 *
 * Two layers. `source_open` tells the format from the content and gives raw rows through one
 * interface; a new format is one reader file and one row in its table (source.c). `data_load`
 * applies the steps of the config in the order in which params.def lists them.
 *
 * Sizes in a file are never believed: each is checked against the bytes that are really there
 * before memory is asked for. Peak memory is the inflated file, 8 bytes per row of a CSV, and x; of
 * an NPZ, while it is opened, the archive and one array of it; of HDF5 the array and a few chunks;
 * of a picture, likewise, the file, its pixels and, if it is a JPEG of several scans, two bytes for
 * each of their values.
 */
#ifndef GMMSWEEP_DATA_H
#define GMMSWEEP_DATA_H

#include "config.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>

struct data {
    size_t n_rows;         /* N */
    size_t n_features;     /* D */
    double *x;             /* [N, D] row-major, in the user's units */
    int64_t *source_row;   /* [N] 0-based row in the file */
    double *weight;        /* [N] or NULL: every row counts once */
    bool *heldout;         /* [N] set aside, not fitted (heldout.h); NULL: no row is */
    double heldout_share;  /* the config's; with it, sweep.seed and N, heldout is given */
    int32_t *label;        /* [N] index in class_names, or NULL */
    size_t n_classes;      /* C */
    char **class_names;    /* [C] numbers ascending, else texts in byte order */
    char **feature_names;  /* [D] the CSV's names, else the column's 0-based number in the file; of
                              pooled or resized images "0", "1", ... */
    size_t image_shape[2]; /* height, width of a row after those steps; 0, 0: rows are no images */
    size_t picture_shape[2]; /* height, width, of whose pixels the rows are; 0, 0: they are not */
    size_t content_bytes;    /* of all files that were read, inflated: they stood beside x */
    char *path;              /* of the file; "data.synthetic" for rows without one */
    const char *format;      /* "IDX", "NPY", ... */
    const char *dtype;       /* of the values in the file, numpy's name: "uint8", "float64", ... */
    bool labels_inside; /* data.labels, data.weights: what the file itself has under that name */
    bool weights_inside;
    char left_out[512]; /* what of the file somebody may look for in x and not find, for people:
                           "columns with text (2 name, 5 date); 3 rows with missing values" */
    bool numbers_rows;  /* the first feature is a column without a name that only counts rows, as
                           pandas and R write one, and nobody has asked for it */
    char sha256[65];    /* of all rows, held out or not: of N, D (u64 little-endian) and x
                           (little-endian, -0 as +0) */
    char labels_sha256[65]; /* of the labels as used; "" without */
    char weights_sha256[65];
};

/* Loads and prepares the data of `config`. `mem_limit` bytes bound what x may take, and what the
 * inflated content of each file may.
 * Returns OK and *out; ERR_DATA for what is wrong with a file (file, place, cause); ERR_CONFIG
 * for a step that does not fit the data (pool on a table, resize of values beyond 8 bits, unknown
 * column or class) or for what is over mem_limit. *out is then NULL. */
enum status data_load(const struct config *config, size_t mem_limit, struct data **out,
                      struct err *err);

void data_destroy(struct data **data);

#endif
