/* h5io.h - our own HDF5 files: typed arrays with names, units and dimension scales. (Those of
 * others: h5array.h.)
 *
 * To be called from one thread, outside parallel regions. After any failure the file is to be
 * given up (h5_abandon); nothing here repairs. Failures to write are ERR_OUTPUT, failures to
 * read ERR_DATA, with the path and the library's own cause.
 */
#ifndef GMMSWEEP_H5IO_H
#define GMMSWEEP_H5IO_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

#define H5_MAX_RANK 4

enum h5_type {
    H5_TEXT, /* const char *, variable-length UTF-8 */
    H5_REAL, /* double */
    H5_INT,  /* int64_t */
    H5_FLAG  /* int8_t */
};

/* A dataset to be made. Numeric arrays get a Fletcher32 checksum, those over 64 KiB are
 * shuffled and deflated too. */
struct h5_array {
    const char *path;
    enum h5_type type;
    int rank; /* 0: a scalar */
    size_t dims[H5_MAX_RANK];
    size_t chunk_rows; /* indices of the first axis in a chunk; 0: as many as fill 1 MiB */
    const char *long_name;
    const char *units; /* NULL: none (texts) */
};

struct h5;

/* Before anything else; again does no harm. Errors are ours to tell. */
void h5_init(void);

/* Makes a new file, or empties the one at `path`. */
enum status h5_create(const char *path, struct h5 **out, struct err *err);

/* Opens for reading; with `writable` for reading and writing. */
enum status h5_open(const char *path, bool writable, struct h5 **out, struct err *err);

/* Closes and reports what closing could not write; *h5 is NULL afterwards either way. */
enum status h5_close(struct h5 **h5, struct err *err);

/* Closes without a word, for files that are given up. Accepts NULL. */
void h5_abandon(struct h5 **h5);

enum status h5_group(struct h5 *h5, const char *path, struct err *err);

/* Makes the dataset; `data` [product of dims] of the type, or NULL to fill it with h5_put. */
enum status h5_write(struct h5 *h5, const struct h5_array *array, const void *data,
                     struct err *err);

/* Writes `count` indices of the first axis, from `first`, of an existing dataset. */
enum status h5_put(struct h5 *h5, const char *path, size_t first, size_t count, const void *data,
                   struct err *err);

/* Makes the dataset at `path` the scale of dimension `name` in its group. */
enum status h5_make_scale(struct h5 *h5, const char *path, const char *name, struct err *err);

/* Ties axis `axis` of `array` to the scale at `scale`. */
enum status h5_attach_scale(struct h5 *h5, const char *array, int axis, const char *scale,
                            struct err *err);

/* Attributes of the group or dataset at `object`. An existing one is replaced. */
enum status h5_attr_text(struct h5 *h5, const char *object, const char *name, const char *value,
                         struct err *err);
enum status h5_attr_ints(struct h5 *h5, const char *object, const char *name, size_t n,
                         const int64_t *values, struct err *err);
enum status h5_attr_flags(struct h5 *h5, const char *object, const char *name, size_t n,
                          const int8_t *values, struct err *err);

bool h5_exists(struct h5 *h5, const char *path);

/* Reads a one-dimensional dataset whole: *out is `*n` elements of `type` (texts: char *, each
 * and the array to be freed). A dataset of another kind is ERR_DATA; *out is then not touched. */
enum status h5_read(struct h5 *h5, const char *path, enum h5_type type, size_t *n, void *out,
                    struct err *err);

/* The dataset's number of axes and its shape: dims [H5_MAX_RANK], 1 behind the last. ERR_DATA if
 * there is none or it has more. */
enum status h5_shape(struct h5 *h5, const char *path, int *rank, size_t dims[H5_MAX_RANK],
                     struct err *err);

/* Checks that the dataset has the type, rank and dims of `array`, and that the file proves `count`
 * indices of its first axis, from `first`. ERR_DATA with what was expected. After this, memory for
 * them may be asked for. */
enum status h5_expect(struct h5 *h5, const struct h5_array *array, size_t first, size_t count,
                      struct err *err);

/* Reads those `count` indices into out [count, dims[1], ...], after the same checks. Texts are
 * char *, each to be freed. */
enum status h5_get(struct h5 *h5, const struct h5_array *array, size_t first, size_t count,
                   void *out, struct err *err);

/* *out: the scalar text at `path`, to be freed. */
enum status h5_read_text(struct h5 *h5, const char *path, char **out, struct err *err);

bool h5_has_attr(struct h5 *h5, const char *object, const char *name);

/* *out: the text attribute, to be freed. */
enum status h5_read_attr(struct h5 *h5, const char *object, const char *name, char **out,
                         struct err *err);

/* out [n]: the integers of an attribute that has so many. */
enum status h5_read_attr_ints(struct h5 *h5, const char *object, const char *name, size_t n,
                              int64_t *out, struct err *err);

/* *paths [*n] (each and the list to be freed): of all datasets in the file, in byte order. */
enum status h5_list(struct h5 *h5, size_t *n, char ***paths, struct err *err);

/* SHA-256 over all datasets of the file for which include(path) holds, in the byte order of their
 * paths: path, type, shape and values. Reading them verifies every checksum on the way. */
enum status h5_digest(struct h5 *h5, bool (*include)(const char *path), char out[65],
                      struct err *err);

/* The version of the library, "1.10.8". */
void h5_version(char out[32]);

#endif
