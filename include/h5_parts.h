/* h5_parts.h - between the files that call HDF5, and the only one that includes its header: h5io.c
 * writes files of our own, h5read.c reads them, h5attr.c does both with attributes, h5array.c reads
 * anybody's, h5type.c knows types of numbers, h5stored.c whether there are values at all, h5guard.c
 * what to do when the library crashes. Not for others. */
#ifndef GMMSWEEP_H5_PARTS_H
#define GMMSWEEP_H5_PARTS_H

#include "err.h"
#include "h5io.h"
#include "layout.h"

#include <hdf5.h>

#define H5_CHUNK_BYTES (1 << 20) /* of arrays not chunked by row; HDF5's chunk cache is 1 MiB */

struct h5 {
    hid_t file;
    bool writing;
    size_t n_bytes; /* of the file when it was opened */
    char path[4096];
};

enum { H5_KIND = 80 /* bytes that hold any text of h5_describe_type */ };

/* How to open any file: without HDF5's lock on it. Release with H5Pclose. */
hid_t h5_access(void);

/* Sets "WHERE: cannot WHAT OBJECT: the library's cause" and returns `status`. To be called right
 * after the call that failed: the next one into the library, be it a close, forgets the cause. */
enum status h5_failed(enum status status, const char *where, const char *what, const char *object,
                      struct err *err);

/* h5_failed for one of our own files: ERR_OUTPUT while it is written, else ERR_DATA. */
enum status h5_cannot(const struct h5 *h5, const char *what, const char *object, struct err *err);

/* The type in memory or, little-endian, in the file; to be closed. */
hid_t h5_type_of(enum h5_type type, bool in_file);

size_t h5_size_of(enum h5_type type);

/* Whether a type in a file is the one that is written for `kind`. */
bool h5_is_of_type(hid_t type, enum h5_type kind);

/* The library may give NULL for an empty text: texts [n] get one. ERR_INTERNAL without memory. */
enum status h5_fill_in(char **texts, size_t n, struct err *err);

/* Whether a file of n_file_bytes proves `count` indices, from `first`, of the first axis of a
 * dataset. *chunk_bytes: what the library wants at a time to read it. ERR_DATA, with `where`, what
 * is promised and what is there. */
enum status h5_check_stored(hid_t set, const char *where, size_t n_file_bytes, size_t first,
                            size_t count, size_t *chunk_bytes, struct err *err);

/* From before a file is opened for reading until it is closed, a crash ends the process with
 * ERR_DATA and a word about the file. Such pairs may enclose each other. */
void h5_guard(const char *path);
void h5_unguard(void);

/* Around the calls that read an object of a guarded file: that word names it, and calls that do not
 * come back within a generous processor time end like a crash. */
void h5_begin(const char *path, const char *object, size_t n_file_bytes);
void h5_end(void);

/* Fills the layout's type and byte order. False if the type is none that h5array.h reads. */
bool h5_number_type(hid_t type, struct layout *layout);

/* kind: what an array of the type holds, for people: "texts". */
void h5_describe_type(hid_t type, char kind[H5_KIND]);

#endif
