/* npy.h - NumPy's files of one array (NPY, versions 1 to 3) and archives of them (NPZ).
 *
 * Read are the numbers that layout.h knows, no dimension being 0. Anything else (Python objects,
 * texts, structures, dates, complex numbers) is refused. Every size is checked against the bytes
 * that are there.
 */
#ifndef GMMSWEEP_NPY_H
#define GMMSWEEP_NPY_H

#include "err.h"
#include "layout.h"

enum {
    NPY_HEADER = 12 + 65535 /* bytes up to the values: what version 1 can have. numpy.load itself
                               stops at 10,000 unless told otherwise */
};

/* An array as numbers. */
struct npy_array {
    const char *dtype; /* of the values in the file, numpy's name */
    size_t rank;
    size_t shape[LAYOUT_DIMS]; /* [rank] */
    size_t n_values;           /* the product of shape; 1 if rank is 0 */
    double *values;            /* [n_values] row-major */
};

/* Whether content that starts with bytes [n] (n > 0) is NPY as far as it goes. */
bool npy_probe(const unsigned char *bytes, size_t n);

/* The size that an NPY file starting with bytes [n] must have; SIZE_MAX while that is not known,
 * 0 if its header is bad. */
size_t npy_promise(const unsigned char *bytes, size_t n);

/* Reads the header of the NPY file that starts with bytes [n]; `where` names it in messages.
 * Returns OK and *out, or ERR_DATA with place and cause. */
enum status npy_read_header(const char *where, const unsigned char *bytes, size_t n,
                            struct layout *out, struct err *err);

/* Whether the file has the n_bytes that its header promises: OK or ERR_DATA. */
enum status npy_check_size(const char *where, const struct layout *header, size_t n_bytes,
                           struct err *err);

/* The NPY file of one array in an archive, its header read and its size checked. */
struct npz_member {
    char *name;   /* of the array */
    char **names; /* [n_names] of all arrays in the archive */
    size_t n_names;
    char *where; /* "PATH: array 'NAME'", for messages */
    struct layout header;
    unsigned char *bytes; /* [n_bytes + 1], the last a NUL */
    size_t n_bytes;
};

/* Whether content that starts with bytes [n] is a zip archive. */
bool npz_probe(const unsigned char *bytes, size_t n);

/* Takes the array `array` out of the archive of bytes [n] that was read from `path`; NULL: the only
 * one that npy_read_header reads and that has a dimension. `key` is the config key that names it.
 * Its file is inflated to at most `limit` bytes, never beyond what the archive's directory says or
 * its compressed bytes can hold, nor if its header says otherwise.
 * Returns OK and *out (release with npz_release); ERR_DATA for a bad archive; ERR_CONFIG for an
 * array that is not there (with the names that are), one of several or over `limit`;
 * ERR_INTERNAL without memory. *out is then empty. */
enum status npz_extract(const char *path, const unsigned char *bytes, size_t n, const char *key,
                        const char *array, size_t limit, struct npz_member *out, struct err *err);

void npz_release(struct npz_member *member);

/* Reads the array `array` of the NPZ file at `path` (or NPZ in gzip) as numbers. `key` is the
 * config key that names it, for messages; `limit` bounds the bytes of the file, of the array's file
 * and of its values, each.
 * Returns OK and *out (release with npy_destroy), else as npz_extract; *out is then NULL. */
enum status npz_read(const char *path, const char *key, const char *array, size_t limit,
                     struct npy_array **out, struct err *err);

void npy_destroy(struct npy_array **array);

#endif
