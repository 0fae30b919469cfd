/* kernels_set.h - the kernels of one instruction set as a table. kernels.c picks one when it is
 * first asked; the tests compare them. */
#ifndef GMMSWEEP_KERNELS_SET_H
#define GMMSWEEP_KERNELS_SET_H

#include <stdbool.h>
#include <stddef.h>

struct kernel_set {
#define KERNEL(type, RETURN, name, parameters, arguments) type(*name) parameters;
#include "kernels.def"
};

extern const struct kernel_set kernels_portable;
#if defined(__x86_64__)
extern const struct kernel_set kernels_avx2, kernels_avx512;
#endif

/* The sets that this machine can run, the fastest first: their number. */
enum { KERNELS_SETS = 3 };
size_t kernels_sets(const struct kernel_set *sets[KERNELS_SETS]);

#endif
