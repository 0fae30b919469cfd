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

/* --- distances --- */

/* How many of the n that are left to take next, so that tiles are alike: of 5 first 3, then 2. */
INLINE size_t next_tile(size_t n)
{
    const size_t n_tiles = (n + TILE - 1) / TILE;
    return (n + n_tiles - 1) / n_tiles;
}

/* Of `tile` components and AT_ONCE blocks, y and out at the first; constants once inlined. */
INLINE void distance_tile(const size_t tile, size_t n_features, const double *restrict y,
                          const double *restrict scale, size_t scale_stride,
                          const double *restrict shift, double *restrict out)
{
    enum { AT_ONCE = BLOCKS > 1 ? 2 : 1 };
    vec sum[TILE][AT_ONCE];
    for (size_t i = 0; i < tile; i++)
        for (size_t h = 0; h < AT_ONCE; h++)
            sum[i][h] = vec_set(0.0);
    for (size_t d = 0; d < n_features; d++)
        for (size_t i = 0; i < tile; i++) {
            const vec s = vec_set(scale[i * scale_stride + d]);
            const vec b = vec_set(shift[i * n_features + d]);
            for (size_t h = 0; h < AT_ONCE; h++) {
                const vec t = vec_fma(vec_load(y + (h * n_features + d) * VEC), s, b);
                sum[i][h] = vec_fma(t, t, sum[i][h]);
            }
        }
    for (size_t i = 0; i < tile; i++)
        for (size_t h = 0; h < AT_ONCE; h++)
            vec_store(out + i * ROWS_CHUNK + h * VEC, sum[i][h]);
}

/* All components of a few blocks while these are in the nearest cache. */
static void distance(size_t n_features, const double *restrict y, size_t n_components,
                     const double *restrict scale, size_t scale_stride,
                     const double *restrict shift, double *restrict out)
{
    enum { AT_ONCE = BLOCKS > 1 ? 2 : 1 };
    for (size_t b = 0; b < ROWS_CHUNK_BLOCKS; b += AT_ONCE)
        for (size_t k = 0, tile; k < n_components; k += tile) {
            tile = next_tile(n_components - k);
            CASES(tile, distance_tile, n_features, y + b * n_features * VEC,
                  scale + k * scale_stride, scale_stride, shift + k * n_features,
                  out + k * ROWS_CHUNK + b * VEC)
        }
}

INLINE void linear_tile(const size_t tile, size_t n_features, const double *restrict y,
                        const double *restrict direction, const double *restrict length,
                        const double *restrict norm, const double *restrict precision,
                        double *restrict out)
{
    vec sum[TILE][BLOCKS];
    for (size_t i = 0; i < tile; i++)
        for (size_t h = 0; h < BLOCKS; h++)
            sum[i][h] = vec_set(0.0);
    for (size_t d = 0; d < n_features; d++)
        for (size_t i = 0; i < tile; i++) {
            const vec w = vec_set(direction[i * n_features + d]);
            for (size_t h = 0; h < BLOCKS; h++)
                sum[i][h] = vec_fma(vec_load(y + (h * n_features + d) * VEC), w, sum[i][h]);
        }
    for (size_t i = 0; i < tile; i++)
        for (size_t h = 0; h < BLOCKS; h++) {
            vec result = vec_fma(sum[i][h], vec_set(-2.0), vec_set(length[i]));
            if (norm != NULL)
                result = vec_fma(vec_load(norm + h * VEC), vec_set(precision[i]), result);
            vec_store(out + i * ROWS_CHUNK + h * VEC, result);
        }
}

static void linear(size_t n_features, const double *restrict y, size_t n_components,
                   const double *restrict direction, const double *restrict length,
                   const double *restrict norm, const double *restrict precision,
                   double *restrict out)
{
    for (size_t b = 0; b < ROWS_CHUNK_BLOCKS; b += BLOCKS)
        for (size_t k = 0, tile; k < n_components; k += tile) {
            tile = next_tile(n_components - k);
            CASES(tile, linear_tile, n_features, y + b * n_features * VEC,
                  direction + k * n_features, length + k, norm != NULL ? norm + b * VEC : NULL,
                  norm != NULL ? precision + k : NULL, out + k * ROWS_CHUNK + b * VEC)
        }
}

/* Rows i to i + tile - 1 of project, for `blocks` blocks; both constants once inlined. */
INLINE void project_tile(const size_t tile, const size_t blocks, size_t n_features, size_t i,
                         const double *restrict inverse_factor, const double *restrict offset,
                         double *restrict sum)
{
    const double *rows = inverse_factor + i * n_features;
    vec product[TILE][BLOCKS];
    for (size_t t = 0; t < tile; t++)
        for (size_t b = 0; b < blocks; b++)
            product[t][b] = vec_set(0.0);
    for (size_t j = 0; j < i + tile;
         j++) /* the zeros in the tile's corner cost less than a branch */
        for (size_t t = 0; t < tile; t++) {
            const vec l = vec_set(rows[t * n_features + j]);
            for (size_t b = 0; b < blocks; b++)
                product[t][b] =
                    vec_fma(l, vec_load(offset + (b * n_features + j) * VEC), product[t][b]);
        }
    for (size_t b = 0; b < blocks; b++) {
        vec total = vec_load(sum + b * VEC);
        for (size_t t = 0; t < tile; t++)
            total = vec_fma(product[t][b], product[t][b], total);
        vec_store(sum + b * VEC, total);
    }
}

INLINE void project_blocks(const size_t blocks, size_t n_features, size_t i0, size_t i1,
                           const double *restrict inverse_factor, const double *restrict offset,
                           double *restrict sum)
{
    for (size_t i = i0; i < i1; i += TILE)
        CASES(i1 - i, project_tile, blocks, n_features, i, inverse_factor, offset, sum)
}

static void project(size_t n_features, size_t n_blocks, size_t i0, size_t i1,
                    const double *restrict inverse_factor, const double *restrict offset,
                    double *restrict sum)
{
    size_t b = 0;
    for (; b + BLOCKS <= n_blocks; b += BLOCKS)
        project_blocks(BLOCKS, n_features, i0, i1, inverse_factor, offset + b * n_features * VEC,
                       sum + b * VEC);
    for (; b < n_blocks; b++)
        project_blocks(1, n_features, i0, i1, inverse_factor, offset + b * n_features * VEC,
                       sum + b * VEC);
}

static void offsets(size_t n_features, const double *restrict y, const double *restrict mean,
                    const double *restrict order, size_t n_blocks, size_t d0, size_t d1,
                    double *restrict offset)
{
    for (size_t d = d0; d < d1; d++) {
        const size_t from = (size_t)order[d];
        const vec m = vec_set(mean[from]);
        for (size_t b = 0; b < n_blocks; b++)
            vec_store(offset + (b * n_features + d) * VEC,
                      vec_sub(vec_load(y + (b * n_features + from) * VEC), m));
    }
}

static void gather(size_t n_features, const double *restrict y, const double *restrict mean,
                   const double *restrict order, size_t n, const size_t *restrict row, size_t d0,
                   size_t d1, double *restrict offset)
{
    for (size_t s = 0; s < n; s++) {
        const double *from = y + row[s] / VEC * n_features * VEC + row[s] % VEC;
        double *to = offset + s / VEC * n_features * VEC + s % VEC;
        for (size_t d = d0; d < d1; d++) {
            const size_t feature = (size_t)order[d];
            to[d * VEC] = from[feature * VEC] - mean[feature];
        }
    }
}

/* The same in registers, for a D that is a constant once inlined. */
INLINE void small_mahalanobis(const size_t n_features, const double *restrict y,
                              const double *restrict mean, const double *restrict inverse_factor,
                              double *restrict out)
{
    for (size_t b = 0; b < ROWS_CHUNK_BLOCKS; b++) {
        vec offset[TILE], total = vec_set(0.0);
        for (size_t d = 0; d < n_features; d++)
            offset[d] = vec_sub(vec_load(y + (b * n_features + d) * VEC), vec_set(mean[d]));
        for (size_t i = 0; i < n_features; i++) {
            vec sum = vec_set(0.0);
            for (size_t j = 0; j <= i; j++)
                sum = vec_fma(vec_set(inverse_factor[i * n_features + j]), offset[j], sum);
            total = vec_fma(sum, sum, total);
        }
        vec_store(out + b * VEC, total);
    }
}

static void mahalanobis(size_t n_features, const double *restrict y, const double *restrict mean,
                        const double *restrict inverse_factor, double *restrict work,
                        double *restrict out)
{
    if (n_features <= TILE) {
        CASES(n_features, small_mahalanobis, y, mean, inverse_factor, out)
        return;
    }
    memset(out, 0, ROWS_CHUNK * sizeof *out);
    for (size_t b = 0; b < ROWS_CHUNK_BLOCKS; b += BLOCKS) {
        for (size_t d = 0; d < n_features; d++)
            for (size_t i = d; i < BLOCKS * n_features; i += n_features)
                vec_store(work + i * VEC,
                          vec_sub(vec_load(y + (b * n_features + i) * VEC), vec_set(mean[d])));
        project_blocks(BLOCKS, n_features, 0, n_features, inverse_factor, work, out + b * VEC);
    }
}

/* --- posteriors --- */

/* exp by x = n ln 2 + r, |r| <= ln 2 / 2: ln 2 in two parts (Cody & Waite 1980), a Taylor
 * polynomial of degree 13 (rest below 2^-57), and n added to the exponent. */
INLINE vec exp_of(vec x)
{
    static const double inverse_factorial[] = {
        1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0,
        1.0 / 362880.0,     1.0 / 40320.0,     1.0 / 5040.0,     1.0 / 720.0,
        1.0 / 120.0,        1.0 / 24.0,        1.0 / 6.0,        0.5};
    const vec shift = vec_set(0x1.8p52); /* adding it rounds to an integer in the low bits */
    const vec rounded = vec_fma(x, vec_set(0x1.71547652b82fep0), shift);
    const vec n = vec_sub(rounded, shift);
    vec r = vec_fma(n, vec_set(-0x1.62e42fefa3800p-1), x);
    r = vec_fma(n, vec_set(-0x1.ef35793c76730p-45), r);
    vec p = vec_set(inverse_factorial[0]);
    for (size_t i = 1; i < sizeof inverse_factorial / sizeof *inverse_factorial; i++)
        p = vec_fma(p, r, vec_set(inverse_factorial[i]));
    /* 1 + r + r^2 p, with what rounding takes from 1 + r */
    const vec one = vec_set(1.0), high = vec_add(one, r), low = vec_add(vec_sub(one, high), r);
    const vec result = vec_add(high, vec_fma(vec_mul(r, r), p, low));
    return vec_bits_add(result, vec_bits_left(rounded, 52));
}

static void exp_all(size_t n, double *x)
{
    for (size_t i = 0; i < n; i += VEC) {
        double part[VEC] = {0};
        const size_t size = (n - i < VEC ? n - i : VEC) * sizeof *part;
        memcpy(part, x + i, size);
        const vec v = vec_load(part);
        vec_store(part, vec_pick_less(v, vec_set(-708.0), vec_set(0.0), exp_of(v)));
        memcpy(x + i, part, size);
    }
}

/* The natural logarithm of finite x >= 1. With x = m 2^e, m in [sqrt(1/2), sqrt(2)):
 * ln m = 2 artanh((m - 1) / (m + 1)), whose series ends below 2^-57. */
INLINE vec log_of(vec x)
{
    enum { TERMS = 11 };
    const vec root_half = vec_set(0x1.6a09e667f3bcdp-1), shift = vec_set(0x1p52);
    const vec exponent = vec_bits_right(vec_bits_sub(x, root_half), 52);
    const vec m = vec_bits_sub(x, vec_bits_left(exponent, 52));
    const vec e = vec_sub(vec_bits_add(exponent, shift), shift);
    const vec s = vec_div(vec_sub(m, vec_set(1.0)), vec_add(m, vec_set(1.0)));
    const vec square = vec_mul(s, s);
    vec p = vec_set(1.0 / (2 * TERMS + 1));
    for (int i = TERMS - 1; i > 0; i--)
        p = vec_fma(p, square, vec_set(1.0 / (2 * i + 1)));
    const vec twice = vec_add(s, s);
    const vec log_m = vec_fma(vec_mul(twice, square), p, twice);
    return vec_fma(e, vec_set(0x1.62e42fefa39efp-1), log_m);
}

static double posterior(size_t n_components, const double *restrict constant,
                        const double *restrict weight, double least, double *restrict work,
                        double *restrict scratch)
{
    double *restrict top = scratch, *restrict sum = scratch + ROWS_CHUNK;
    const vec lowest = vec_set(least);
    vec total = vec_set(0.0);
    for (size_t n = 0; n < ROWS_CHUNK; n++) {
        top[n] = -HUGE_VAL;
        sum[n] = 0.0;
    }
    for (size_t k = 0; k < n_components; k++) {
        double *restrict w = work + k * ROWS_CHUNK;
        const vec c = vec_set(constant[k]);
        for (size_t n = 0; n < ROWS_CHUNK; n += VEC) {
            const vec joint = vec_fma(vec_load(w + n), vec_set(-0.5), c);
            vec_store(w + n, joint);
            vec_store(top + n, vec_max(vec_load(top + n), joint));
        }
    }
    for (size_t k = 0; k < n_components; k++) {
        double *restrict w = work + k * ROWS_CHUNK;
        for (size_t n = 0; n < ROWS_CHUNK; n += VEC) {
            const vec below = vec_sub(vec_load(w + n), vec_load(top + n));
            const vec e = vec_pick_less(below, lowest, vec_set(0.0), exp_of(below));
            vec_store(w + n, e);
            vec_store(sum + n, vec_add(vec_load(sum + n), e));
        }
    }
    for (size_t n = 0; n < ROWS_CHUNK; n += VEC) {
        const vec s = vec_load(sum + n), r = vec_load(weight + n);
        total = vec_fma(r, vec_add(vec_load(top + n), log_of(s)), total);
        vec_store(sum + n, vec_div(r, s));
    }
    for (size_t k = 0; k < n_components; k++) {
        double *restrict w = work + k * ROWS_CHUNK;
        for (size_t n = 0; n < ROWS_CHUNK; n += VEC)
            vec_store(w + n, vec_mul(vec_load(w + n), vec_load(sum + n)));
    }
    return vec_sum(total);
}

/* --- statistics --- */

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

struct block_list {
    size_t n, block[ROWS_CHUNK_BLOCKS];
};

/* Of `tile` features: first and second moments about the mean, or, without `moments`, totals in
 * first; constants once inlined. */
INLINE void sums_tile(const size_t tile, const bool moments, size_t n_features,
                      const double *restrict y, const double *restrict mean,
                      const double *restrict resp, const struct block_list *list,
                      double *restrict first, double *restrict second)
{
    vec sum1[2 * TILE], sum2[2 * TILE];
    for (size_t i = 0; i < tile; i++)
        sum1[i] = sum2[i] = vec_set(0.0);
    for (size_t l = 0; l < list->n; l++) {
        const double *block = y + list->block[l] * n_features * VEC;
        const vec r = vec_load(resp + list->block[l] * VEC);
        for (size_t i = 0; i < tile; i++) {
            vec t = vec_load(block + i * VEC);
            if (moments) {
                t = vec_sub(t, vec_set(mean[i]));
                sum2[i] = vec_fma(vec_mul(r, t), t, sum2[i]);
            }
            sum1[i] = vec_fma(r, t, sum1[i]);
        }
    }
    for (size_t i = 0; i < tile; i++) {
        first[i] += vec_sum(sum1[i]);
        if (moments) second[i] += vec_sum(sum2[i]);
    }
}

/* A few features of a chunk stay in the nearest cache for up to TILE components. */
INLINE void sums(const bool moments, size_t n_features, const double *restrict y,
                 size_t n_components, const double *restrict mean, const double *restrict resp,
                 double *restrict count, double *restrict first, double *restrict second)
{
    const size_t wide = !moments && BLOCKS > 1 ? 2 * TILE : TILE;
    for (size_t k0 = 0, tile; k0 < n_components; k0 += tile) {
        struct block_list lists[TILE];
        tile = next_tile(n_components - k0);
        for (size_t i = 0; i < tile; i++)
            count[k0 + i] += list_blocks(resp + (k0 + i) * ROWS_CHUNK, lists[i].block, &lists[i].n);
        for (size_t d = 0, step; d < n_features; d += step) {
            step = n_features - d >= wide ? wide : TILE;
            for (size_t i = 0; i < tile; i++) {
                const size_t at = (k0 + i) * n_features + d;
                const double *m = moments ? mean + at : NULL, *r = resp + (k0 + i) * ROWS_CHUNK;
                double *sum2 = moments ? second + at : NULL;
                if (lists[i].n == 0) continue;
                if (step > TILE)
                    sums_tile(2 * TILE, moments, n_features, y + d * VEC, m, r, &lists[i],
                              first + at, sum2);
                else
                    CASES(n_features - d, sums_tile, moments, n_features, y + d * VEC, m, r,
                          &lists[i], first + at, sum2)
            }
        }
    }
}

/* row [*n]: the rows of a chunk in which the component has any responsibility, in order. Returns
 * their sum. */
INLINE double list_rows(const double *restrict resp, unsigned char *restrict row, size_t *n)
{
    struct block_list list;
    const double sum = list_blocks(resp, list.block, &list.n);
    size_t n_rows = 0;
    for (size_t l = 0; l < list.n; l++)
        for (size_t i = list.block[l] * VEC; i < (list.block[l] + 1) * VEC; i++) {
            row[n_rows] = (unsigned char)i;
            n_rows += resp[i] > 0.0;
        }
    *n = n_rows;
    return sum;
}

/* slab [ROWS_CHUNK, SLAB]: the next n features of a chunk, up to SLAB, row by row; zeros behind. */
enum { SLAB = 2 * VEC };
INLINE void take_slab(size_t n_features, const double *restrict y, size_t n, double *restrict slab)
{
    for (size_t b = 0; b < ROWS_CHUNK_BLOCKS; b++)
        for (size_t d = 0; d < n; d += VEC) {
            const double *from = y + (b * n_features + d) * VEC;
            double *to = slab + b * VEC * SLAB + d;
            if (n - d >= VEC) {
                vec_transpose(from, to, SLAB);
                continue;
            }
            double rest[VEC * VEC] = {0};
            memcpy(rest, from, (n - d) * VEC * sizeof *rest);
            vec_transpose(rest, to, SLAB);
        }
}

/* A vector of which the first n values count. */
INLINE vec load_some(const double *p, size_t n)
{
    double some[VEC] = {0};
    memcpy(some, p, (n < VEC ? n : VEC) * sizeof *some);
    return vec_load(some);
}

INLINE void add_some(double *p, size_t n, vec a)
{
    double some[VEC];
    vec_store(some, a);
    for (size_t i = 0; i < n && i < VEC; i++)
        p[i] += some[i];
}

/* Of the n features of a slab, in `tile` vectors, over the n_rows rows listed; as sums_tile. */
INLINE void slab_tile(const size_t tile, const bool moments, size_t n, const double *restrict slab,
                      const double *restrict mean, const double *restrict resp,
                      const unsigned char *restrict row, size_t n_rows, double *restrict first,
                      double *restrict second)
{
    vec m[2], sum1[2], sum2[2];
    for (size_t c = 0; c < tile; c++) {
        if (moments) m[c] = load_some(mean + c * VEC, n - c * VEC);
        sum1[c] = sum2[c] = vec_set(0.0);
    }
    for (size_t l = 0; l < n_rows; l++) {
        const vec r = vec_set(resp[row[l]]);
        for (size_t c = 0; c < tile; c++) {
            vec t = vec_load(slab + row[l] * SLAB + c * VEC);
            if (moments) {
                t = vec_sub(t, m[c]);
                sum2[c] = vec_fma(vec_mul(r, t), t, sum2[c]);
            }
            sum1[c] = vec_fma(r, t, sum1[c]);
        }
    }
    for (size_t c = 0; c < tile; c++) {
        add_some(first + c * VEC, n - c * VEC, sum1[c]);
        if (moments) add_some(second + c * VEC, n - c * VEC, sum2[c]);
    }
}

/* Most rows of many features belong to one or two components: row by row that is fewer steps than
 * over the blocks that have such a row. work [kernels_sums_work]. */
INLINE void row_sums(const bool moments, size_t n_features, const double *restrict y,
                     size_t n_components, const double *restrict mean, const double *restrict resp,
                     double *restrict count, double *restrict first, double *restrict second,
                     double *restrict work)
{
    double *n_rows = work + ROWS_CHUNK * SLAB;
    unsigned char *rows = (unsigned char *)(n_rows + n_components);
    for (size_t k = 0; k < n_components; k++) {
        size_t n;
        count[k] += list_rows(resp + k * ROWS_CHUNK, rows + k * ROWS_CHUNK, &n);
        n_rows[k] = (double)n;
    }
    for (size_t d = 0; d < n_features; d += SLAB) {
        const size_t n = n_features - d < SLAB ? n_features - d : SLAB;
        take_slab(n_features, y + d * VEC, n, work);
        for (size_t k = 0; k < n_components; k++) {
            const size_t at = k * n_features + d, in_list = (size_t)n_rows[k];
            const double *m = moments ? mean + at : NULL, *r = resp + k * ROWS_CHUNK;
            const unsigned char *row = rows + k * ROWS_CHUNK;
            double *sum1 = first + at, *sum2 = moments ? second + at : NULL;
            if (in_list == 0) continue;
            if (n > VEC)
                slab_tile(2, moments, n, work, m, r, row, in_list, sum1, sum2);
            else
                slab_tile(1, moments, n, work, m, r, row, in_list, sum1, sum2);
        }
    }
}

static void moments(size_t n_features, const double *restrict y, size_t n_components,
                    const double *restrict mean, const double *restrict resp,
                    double *restrict count, double *restrict first, double *restrict second,
                    double *restrict work)
{
    if (n_features < KERNELS_ROWWISE)
        sums(true, n_features, y, n_components, mean, resp, count, first, second);
    else
        row_sums(true, n_features, y, n_components, mean, resp, count, first, second, work);
}

static void totals(size_t n_features, const double *restrict y, size_t n_components,
                   const double *restrict resp, const double *restrict norm, double *restrict count,
                   double *restrict total, double *restrict square, double *restrict work)
{
    if (n_features < KERNELS_ROWWISE)
        sums(false, n_features, y, n_components, NULL, resp, count, total, NULL);
    else
        row_sums(false, n_features, y, n_components, NULL, resp, count, total, NULL, work);
    for (size_t k = 0; norm != NULL && k < n_components; k++) {
        vec sum = vec_set(0.0);
        for (size_t n = 0; n < ROWS_CHUNK; n += VEC)
            sum = vec_fma(vec_load(resp + k * ROWS_CHUNK + n), vec_load(norm + n), sum);
        square[k] += vec_sum(sum);
    }
}

static size_t pack(size_t n_features, const double *restrict y, const double *restrict mean,
                   const double *restrict resp, double *restrict count, double *restrict packed)
{
    const size_t stride = kernels_stride(n_features);
    size_t blocks[ROWS_CHUNK_BLOCKS], n_blocks, n_packed = 0;
    *count += list_blocks(resp, blocks, &n_blocks);
    for (size_t l = 0; l < n_blocks; l++)
        for (size_t i = 0; i < VEC; i++) {
            const double *row = y + blocks[l] * n_features * VEC + i;
            const double root = sqrt(resp[blocks[l] * VEC + i]);
            double *restrict out = packed + n_packed * stride;
            if (root == 0.0) continue;
            for (size_t d = 0; d < n_features; d++)
                out[d] = root * (row[d * VEC] - mean[d]);
            out[n_features] = root;
            n_packed++;
        }
    return n_packed;
}

/* Rows i to i + tile - 1 of the sums, `columns` vectors of them; both constants once inlined. */
INLINE void scatter_tile(const size_t tile, const size_t columns, size_t stride, size_t n_packed,
                         const double *restrict packed, size_t i, size_t j, double *restrict sums)
{
    vec sum[TILE][COLUMNS];
    for (size_t t = 0; t < tile; t++)
        for (size_t c = 0; c < columns; c++)
            sum[t][c] = vec_load(sums + (i + t) * stride + j + c * VEC);
    for (size_t n = 0; n < n_packed; n++) {
        const double *row = packed + n * stride;
        for (size_t t = 0; t < tile; t++)
            for (size_t c = 0; c < columns; c++)
                sum[t][c] = vec_fma(vec_set(row[i + t]), vec_load(row + j + c * VEC), sum[t][c]);
    }
    for (size_t t = 0; t < tile; t++)
        for (size_t c = 0; c < columns; c++)
            vec_store(sums + (i + t) * stride + j + c * VEC, sum[t][c]);
}

/* Rows i to i + tile - 1 up to the diagonal. */
INLINE void scatter_rows(const size_t tile, size_t stride, size_t n_packed,
                         const double *restrict packed, size_t i, double *restrict sums)
{
    size_t j = 0;
    for (; j + COLUMNS * VEC <= i + tile; j += COLUMNS * VEC)
        scatter_tile(tile, COLUMNS, stride, n_packed, packed, i, j, sums);
    for (; j < i + tile; j += VEC)
        scatter_tile(tile, 1, stride, n_packed, packed, i, j, sums);
}

static void scatter(size_t n_features, size_t n_packed, const double *restrict packed, size_t i0,
                    size_t i1, double *restrict sums)
{
    for (size_t i = i0; i < i1; i += TILE)
        CASES(i1 - i, scatter_rows, kernels_stride(n_features), n_packed, packed, i, sums)
}

/* pack and scatter in registers, for a D that is a constant once inlined. */
INLINE void small_scatter_tile(const size_t n_features, const double *restrict y,
                               const double *restrict mean, const double *restrict resp,
                               double *restrict count, double *restrict sums)
{
    const size_t stride = kernels_stride(n_features);
    size_t blocks[ROWS_CHUNK_BLOCKS], n_blocks;
    vec first[TILE], second[TILE * (TILE + 1) / 2];
    *count += list_blocks(resp, blocks, &n_blocks);
    for (size_t i = 0; i < n_features; i++)
        first[i] = vec_set(0.0);
    for (size_t i = 0; i < n_features * (n_features + 1) / 2; i++)
        second[i] = vec_set(0.0);
    for (size_t l = 0; l < n_blocks; l++) {
        const double *block = y + blocks[l] * n_features * VEC;
        const vec r = vec_load(resp + blocks[l] * VEC);
        vec offset[TILE];
        for (size_t i = 0; i < n_features; i++) {
            offset[i] = vec_sub(vec_load(block + i * VEC), vec_set(mean[i]));
            const vec weighted = vec_mul(r, offset[i]);
            first[i] = vec_fma(r, offset[i], first[i]); /* with the bits of moments() */
            for (size_t j = 0; j <= i; j++) {
                vec *sum = &second[i * (i + 1) / 2 + j];
                *sum = vec_fma(weighted, offset[j], *sum);
            }
        }
    }
    for (size_t i = 0; i < n_features; i++) {
        sums[n_features * stride + i] += vec_sum(first[i]);
        for (size_t j = 0; j <= i; j++)
            sums[i * stride + j] += vec_sum(second[i * (i + 1) / 2 + j]);
    }
}

static void small_scatter(size_t n_features, const double *restrict y, const double *restrict mean,
                          const double *restrict resp, double *restrict count,
                          double *restrict sums)
{
    CASES(n_features, small_scatter_tile, y, mean, resp, count, sums)
}

const struct kernel_set KERNEL_SET = {
#define KERNEL(type, RETURN, name, parameters, arguments) .name = name,
#include "kernels.def"
};
