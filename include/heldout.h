/* heldout.h - which rows are set aside for the held-out likelihood. */
#ifndef GMMSWEEP_HELDOUT_H
#define GMMSWEEP_HELDOUT_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

/* *out [n_rows] (release with free): whether the row is set aside. Row n draws number n of the
 * stream (seed, "heldout", restart 0, redraw 0) of rng.h, and the floor(share n_rows + 0.5) rows
 * with the smallest numbers are taken (of equal ones the first), at most n_rows - 1. So the choice
 * depends on seed, share and n_rows alone, and a larger share takes rows beside those of a smaller.
 * NULL if share is 0. weight [n_rows] or NULL: every row counts once.
 * Returns OK; ERR_CONFIG if no row is taken, or if those taken or those left all weigh 0;
 * ERR_INTERNAL without memory. *out is then NULL. */
enum status heldout_choose(double share, uint64_t seed, size_t n_rows, const double *weight,
                           bool **out, struct err *err);

#endif
