/* The kernels for CPUs with AVX2 and FMA; the Makefile has the compiler's options for it. */
#if defined(__x86_64__)
#define KERNEL_SET kernels_avx2
#include "kernels_simd.h"
#endif
