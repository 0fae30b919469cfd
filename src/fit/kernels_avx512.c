/* The kernels for CPUs with AVX-512; the Makefile has the compiler's options for it. */
#if defined(__x86_64__)
#define KERNEL_SET kernels_avx512
#include "kernels_simd.h"
#endif
