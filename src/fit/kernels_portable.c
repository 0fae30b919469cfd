/* The kernels for any CPU. */
#define KERNEL_SET kernels_portable
#include "kernels_simd.h"
