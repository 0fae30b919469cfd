/* h5array.h - arrays of numbers out of an HDF5 file of any origin.
 *
 * Read are booleans as h5py stores them, integers of 8, 16, 32 or 64 bits and floats of 16, 32 or
 * 64, in either byte order, of 1 to LAYOUT_DIMS dimensions, none being 0. The bytes are those of
 * the file. Anything else (texts, compounds, references, ...) is refused, as are values that are
 * in other files (external, virtual datasets) or nowhere (never written).
 *
 * What a file promises is compared with the bytes it has before memory is asked for; beyond that a
 * hostile file is as safe as the HDF5 library. To be called from one thread.
 */
#ifndef GMMSWEEP_H5ARRAY_H
#define GMMSWEEP_H5ARRAY_H

#include "err.h"
#include "layout.h"

struct h5array_file;

/* What an array is like. */
struct h5array {
    struct layout layout; /* values_at 0. MATLAB's arrays are as MATLAB shows them */
    bool is_scale;        /* no data, but the coordinates of some */
    const char *note;     /* what reading does not heed, as in "its scale_factor"; or NULL */
};

/* Opens the HDF5 file at `path` and lists its arrays of any type: names [n_names], paths without
 * the leading '/'. Links to other places, in the file or out of it, are not followed.
 * Returns OK and *out (release with h5array_close); ERR_DATA with path and cause, also for more
 * objects than are listed; ERR_INTERNAL without memory. *out is then NULL. *names (each name and
 * the list to be freed) is the caller's in any case, as far as it came. */
enum status h5array_open(const char *path, struct h5array_file **out, char ***names,
                         size_t *n_names, struct err *err);

/* Accepts NULL; sets NULL. */
void h5array_close(struct h5array_file **file);

/* Fills *out for one of the names. OK, or ERR_DATA if it is no array that is read: with path, name,
 * what it is and what was expected. */
enum status h5array_look(const struct h5array_file *file, const char *name, struct h5array *out,
                         struct err *err);

/* Likewise, and *bytes [out->layout.n_bytes + 1]: its values (release with free; the last is a
 * NUL). Also ERR_DATA for values that are damaged, cannot be unpacked or are not all there;
 * ERR_CONFIG for more than `limit` bytes; ERR_INTERNAL without memory. *bytes is then NULL. */
enum status h5array_read(const struct h5array_file *file, const char *name, size_t limit,
                         struct h5array *out, unsigned char **bytes, struct err *err);

#endif
