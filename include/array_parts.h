/* array_parts.h - between the files that write arrays: array_file.c chooses, array_text.c has CSV
 * and JSON, array_numpy.c NPY and NPZ, array_hdf5.c HDF5. Not for others. */
#ifndef GMMSWEEP_ARRAY_PARTS_H
#define GMMSWEEP_ARRAY_PARTS_H

#include "array_file.h"

/* Numbers, or texts, of the whole array. */
size_t array_size(const struct named_array *array);

/* One of the formats: writes arrays [n] to the new file `temporary`. ERR_OUTPUT with path and
 * cause, ERR_INTERNAL without memory; the caller removes what there may be of it then. */
enum status array_write_csv(const char *temporary, size_t n, const struct named_array *arrays,
                            struct err *err);
enum status array_write_npy(const char *temporary, size_t n, const struct named_array *arrays,
                            struct err *err);
enum status array_write_npz(const char *temporary, size_t n, const struct named_array *arrays,
                            struct err *err);
enum status array_write_hdf5(const char *temporary, size_t n, const struct named_array *arrays,
                             struct err *err);
enum status array_write_json(const char *temporary, size_t n, const struct named_array *arrays,
                             struct err *err);

#endif
