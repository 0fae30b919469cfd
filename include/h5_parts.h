/* h5_parts.h - between the files that call HDF5, and the only one that includes its header: h5io.c
 * writes and reads files of our own, h5array.c reads anybody's, h5type.c knows types of numbers.
 * Not for others. */
#ifndef GMMSWEEP_H5_PARTS_H
#define GMMSWEEP_H5_PARTS_H

#include "err.h"
#include "layout.h"

#include <hdf5.h>

enum { H5_KIND = 80 /* bytes that hold any text of h5_describe_type */ };

/* How to open any file: without HDF5's lock on it. Release with H5Pclose. */
hid_t h5_access(void);

/* Sets "WHERE: cannot WHAT OBJECT: the library's cause" and returns `status`. To be called right
 * after the call that failed: the next one into the library, be it a close, forgets the cause. */
enum status h5_failed(enum status status, const char *where, const char *what, const char *object,
                      struct err *err);

/* Fills the layout's type and byte order. False if the type is none that h5array.h reads. */
bool h5_number_type(hid_t type, struct layout *layout);

/* kind: what an array of the type holds, for people: "texts". */
void h5_describe_type(hid_t type, char kind[H5_KIND]);

#endif
