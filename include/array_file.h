/* array_file.h - named arrays to a file, whose name's ending chooses the format.
 *
 *   .csv   a column for each 1-D array, for 2-D ones a column for each label of their second axis,
 *          or NAME_0, NAME_1, ...; all arrays have the first axis in common
 *   .npy   the first array alone
 *   .npz   all arrays, as numpy.savez_compressed writes them; texts as numpy's, not as objects
 *   .h5    all arrays with long_name, units and dimension scales, the layout of sweep.h5
 *   .json  one object, an array as nested lists
 *
 * Numbers come back with the same bits from each. A number that is not finite is nan, inf or -inf
 * in CSV, and null in JSON, which has no other. Equal arrays make equal files, but for .h5.
 *
 * The file appears whole or not at all: it is written beside its place, synced and renamed.
 */
#ifndef GMMSWEEP_ARRAY_FILE_H
#define GMMSWEEP_ARRAY_FILE_H

#include "err.h"

#include <stdbool.h>
#include <stdio.h>

enum { ARRAY_RANK = 3 };

enum array_type {
    ARRAY_REAL, /* double */
    ARRAY_INT,  /* int64_t */
    ARRAY_TEXT  /* const char *, UTF-8; of rank 0 or 1 */
};

struct array_axis {
    const char *name; /* "row"; each axis of a file has another, also the two of a square matrix */
    size_t n;
    const char *const *labels; /* [n] what stands along it, as the features' names; NULL: 0, 1, ...
                                */
};

struct named_array {
    const char *name;
    enum array_type type;
    size_t rank;                               /* 0: a single value */
    const struct array_axis *axes[ARRAY_RANK]; /* [rank] */
    const void *values;                        /* [product of the axes] row-major */
    const char *long_name;
    const char *units; /* "1" for a number without one; not looked at for texts */
};

/* Whether `path` ends in `ending` (".png"), in any case of letters. */
bool array_file_is(const char *path, const char *ending);

/* Checks what -o was given before the work is done: that there is a path, that it ends in one of
 * `endings` (".csv .npy"), and that it is not one of the files `inputs` [n] that are read (of a
 * sweep's folder the result in it; NULL: none). ERR_USAGE with what was expected. */
enum status array_file_check(const char *path, const char *endings, size_t n,
                             const char *const *inputs, struct err *err);

/* Writes arrays [n] to `path`, whose ending must be one of those above. ERR_OUTPUT with path and
 * cause, and then `path` stands as it was; ERR_INTERNAL without memory. */
enum status array_file_write(const char *path, size_t n, const struct named_array *arrays,
                             struct err *err);

/* What .csv holds, piece by piece: the line of names, and the lines of the rows that the arrays
 * hold. Errors stay with the stream. */
void array_file_csv_head(FILE *out, size_t n, const struct named_array *arrays);
void array_file_csv_rows(FILE *out, size_t n, const struct named_array *arrays);

#endif
