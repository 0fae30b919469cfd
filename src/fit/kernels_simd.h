/* kernels_simd.h - the bodies of the kernels of kernels.def, on vectors of one feature of a block
 * of rows. Included by one file for each instruction set, which defines KERNEL_SET, the name of
 * the table of its kernels.
 *
 * Tiles (how many components, blocks or matrix rows are worked on at once) only decide what stays
 * in registers; every number is made by the same operations in the same order in any tile. */
#include "kernels.h"
#include "kernels_set.h"
#include "vec.h"

#include <math.h>

#if defined(__AVX512F__) /* 32 registers of a vec; else 16 of half a vec */
enum { BLOCKS = 4, COLUMNS = 4 };
#else
enum { BLOCKS = 1, COLUMNS = 1 };
#endif
enum { TILE = 4 };

_Static_assert(VEC == ROWS_BLOCK, "a vector holds a block's values of one feature");

#define INLINE __attribute__((always_inline)) static inline

/* CASES(n, f, ...): f(m, ...) with the constant m of n, from 1 to TILE or more. */
#define CASES(n, f, ...)                                                                           \
    switch (n) {                                                                                   \
    case 1:                                                                                        \
        f(1, __VA_ARGS__);                                                                         \
        break;                                                                                     \
    case 2:                                                                                        \
        f(2, __VA_ARGS__);                                                                         \
        break;                                                                                     \
    case 3:                                                                                        \
        f(3, __VA_ARGS__);                                                                         \
        break;                                                                                     \
    default:                                                                                       \
        f(TILE, __VA_ARGS__);                                                                      \
    }

/* blocks [*n]: those in which the component has any responsibility; others would add 0. Returns
 * their sum. */
INLINE double list_blocks(const double *restrict resp, size_t *restrict blocks, size_t *restrict n)
{
    vec sum = vec_set(0.0);
    *n = 0;
    for (size_t b = 0; b < ROWS_CHUNK_BLOCKS; b++) {
        const double *r = resp + b * VEC;
        double any = 0.0;
        for (size_t i = 0; i < VEC; i++)
            any = r[i] > any ? r[i] : any;
        blocks[*n] = b;
        *n += any > 0.0;
        sum = vec_add(sum, vec_load(r));
    }
    return vec_sum(sum);
}

#include "kernels_simd_distance.h"
#include "kernels_simd_posterior.h"
#include "kernels_simd_scatter.h"
#include "kernels_simd_sums.h"

const struct kernel_set KERNEL_SET = {
#define KERNEL(type, RETURN, name, parameters, arguments) .name = name,
#include "kernels.def"
};
