/* given.h - parameters that the user gives for `init: file`. */
#ifndef GMMSWEEP_GIVEN_H
#define GMMSWEEP_GIVEN_H

#include "config.h"
#include "model.h"

/* Reads weights, means and covariances from the NPZ file init_file, by the names in init_arrays,
 * shaped as the family stores them, for n_features. Returns OK and *out in the user's units;
 * ERR_CONFIG if no file is named or an array is missing or of another shape; ERR_DATA if the file
 * is bad, a value not finite, a covariance not symmetric, or the weights are not positive with the
 * sum 1 (to 1e-6). *out is then NULL. */
enum status given_read(const struct config *config, enum family_id family, size_t n_features,
                       struct model **out, struct err *err);

#endif
