/* h5_parts.h - between the two files that call HDF5: h5io.c, which writes and reads files of our
 * own, and h5array.c, which reads anybody's. Not for others. */
#ifndef GMMSWEEP_H5_PARTS_H
#define GMMSWEEP_H5_PARTS_H

#include "err.h"

#include <hdf5.h>

/* How to open any file: without HDF5's lock on it. Release with H5Pclose. */
hid_t h5_access(void);

/* Sets "WHERE: cannot WHAT OBJECT: the library's cause" and returns `status`. To be called right
 * after the call that failed: the next one into the library, be it a close, forgets the cause. */
enum status h5_failed(enum status status, const char *where, const char *what, const char *object,
                      struct err *err);

#endif
