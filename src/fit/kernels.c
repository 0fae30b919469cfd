/* kernels.c - what every family needs: distances, posteriors, moments.
 *
 * One of the files that may use vector types. `vec` is one feature of a block of rows; the
 * compiler lowers it to what the instruction set has. */
#include "kernels.h"

#include <math.h>
#include <string.h>

#define TILE 4 /* components per pass over a block: 4 sums, 4 means, 4 scales fit in registers */

typedef double vec __attribute__((vector_size(ROWS_BLOCK * sizeof(double))));

static inline double sum_of(const vec *v)
{
    const double *s = (const double *)v;
    return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

/* The distances of `tile` components, a constant once inlined. */
__attribute__((always_inline)) static inline void
distance_tile(const size_t tile, size_t n_features, const double *restrict y,
              const double *restrict mean, const double *restrict scale, size_t scale_stride,
              double *restrict distance)
{
    for (size_t b = 0; b < ROWS_CHUNK_BLOCKS; b++) {
        const vec *block = (const vec *)y + b * n_features;
        vec sum[TILE] = {{0}};
        for (size_t d = 0; d < n_features; d++)
            for (size_t i = 0; i < tile; i++) {
                vec t = (block[d] - mean[i * n_features + d]) * scale[i * scale_stride + d];
                sum[i] += t * t;
            }
        for (size_t i = 0; i < tile; i++)
            ((vec *)(distance + i * ROWS_CHUNK))[b] = sum[i];
    }
}

KERNEL
void kernels_distance(size_t n_features, const double *restrict y, size_t n_components,
                      const double *restrict mean, const double *restrict scale,
                      size_t scale_stride, double *restrict distance)
{
    for (size_t k = 0; k < n_components; k += TILE) {
        const double *m = mean + k * n_features, *s = scale + k * scale_stride;
        double *out = distance + k * ROWS_CHUNK;
        switch (n_components - k) {
        case 1:
            distance_tile(1, n_features, y, m, s, scale_stride, out);
            break;
        case 2:
            distance_tile(2, n_features, y, m, s, scale_stride, out);
            break;
        case 3:
            distance_tile(3, n_features, y, m, s, scale_stride, out);
            break;
        default:
            distance_tile(TILE, n_features, y, m, s, scale_stride, out);
        }
    }
}

/* kernels_moments, or without second moments kernels_first: a constant once inlined. */
__attribute__((always_inline)) static inline void
moments(const bool with_second, size_t n_features, const double *restrict y, size_t n_components,
        const double *restrict mean, const double *restrict resp, double *restrict count,
        double *restrict first, double *restrict second)
{
    for (size_t k = 0; k < n_components; k++) {
        const vec *r = (const vec *)(resp + k * ROWS_CHUNK);
        vec sum = {0};
        for (size_t b = 0; b < ROWS_CHUNK_BLOCKS; b++)
            sum += r[b];
        double chunk_count = sum_of(&sum);
        if (chunk_count == 0.0) continue; /* nothing to add */
        count[k] += chunk_count;
        for (size_t d = 0; d < n_features; d++) {
            const vec *column = (const vec *)y + d;
            double m = mean[k * n_features + d];
            vec sum1 = {0}, sum2 = {0};
            for (size_t b = 0; b < ROWS_CHUNK_BLOCKS; b++) {
                vec t = column[b * n_features] - m;
                vec rt = r[b] * t;
                sum1 += rt;
                if (with_second) sum2 += rt * t;
            }
            first[k * n_features + d] += sum_of(&sum1);
            if (with_second) second[k * n_features + d] += sum_of(&sum2);
        }
    }
}

KERNEL
void kernels_moments(size_t n_features, const double *restrict y, size_t n_components,
                     const double *restrict mean, const double *restrict resp,
                     double *restrict count, double *restrict first, double *restrict second)
{
    moments(true, n_features, y, n_components, mean, resp, count, first, second);
}

KERNEL
void kernels_first(size_t n_features, const double *restrict y, size_t n_components,
                   const double *restrict mean, const double *restrict resp, double *restrict count,
                   double *restrict first)
{
    moments(false, n_features, y, n_components, mean, resp, count, first, NULL);
}

KERNEL
void kernels_cross(size_t n_features, const double *restrict y, const double *restrict mean,
                   const double *restrict resp, size_t i0, double *restrict second)
{
    const vec *r = (const vec *)resp;
    size_t row[KERNELS_TILE], column[KERNELS_TILE];
    for (size_t i = 0; i < KERNELS_TILE; i++)
        row[i] = i0 + i < n_features ? i0 + i : n_features - 1;
    for (size_t j0 = 0; j0 <= i0; j0 += KERNELS_TILE) {
        for (size_t j = 0; j < KERNELS_TILE; j++)
            column[j] = j0 + j < n_features ? j0 + j : n_features - 1;
        vec sum[KERNELS_TILE][KERNELS_TILE] = {{{0}}};
        for (size_t b = 0; b < ROWS_CHUNK_BLOCKS; b++) {
            const vec *block = (const vec *)y + b * n_features;
            vec right[KERNELS_TILE];
            for (size_t j = 0; j < KERNELS_TILE; j++)
                right[j] = block[column[j]] - mean[column[j]];
            for (size_t i = 0; i < KERNELS_TILE; i++) {
                vec left = r[b] * (block[row[i]] - mean[row[i]]);
                for (size_t j = 0; j < KERNELS_TILE; j++)
                    sum[i][j] += left * right[j];
            }
        }
        for (size_t i = i0; i < i0 + KERNELS_TILE && i < n_features; i++)
            for (size_t j = j0; j < j0 + KERNELS_TILE && j <= i; j++)
                second[i * n_features + j] += sum_of(&sum[i - i0][j - j0]);
    }
}

KERNEL
void kernels_mahalanobis(size_t n_features, const double *restrict y, const double *restrict mean,
                         const double *restrict inverse_factor, double *restrict work,
                         double *restrict distance)
{
    vec *offset = (vec *)work;
    for (size_t b = 0; b < ROWS_CHUNK_BLOCKS; b++) {
        const vec *block = (const vec *)y + b * n_features;
        vec total = {0};
        for (size_t d = 0; d < n_features; d++)
            offset[d] = block[d] - mean[d];
        for (size_t i0 = 0; i0 < n_features; i0 += TILE) {
            size_t tile = n_features - i0 < TILE ? n_features - i0 : TILE;
            const double *rows = inverse_factor + i0 * n_features;
            vec sum[TILE] = {{0}};
            /* The triangle's zeros inside the last tile cost less than a branch. */
            if (tile == TILE)
                for (size_t j = 0; j < i0 + TILE; j++)
                    for (size_t i = 0; i < TILE; i++)
                        sum[i] += rows[i * n_features + j] * offset[j];
            else
                for (size_t i = 0; i < tile; i++)
                    for (size_t j = 0; j <= i0 + i; j++)
                        sum[i] += rows[i * n_features + j] * offset[j];
            for (size_t i = 0; i < tile; i++)
                total += sum[i] * sum[i];
        }
        ((vec *)distance)[b] = total;
    }
}

KERNEL
void kernels_linear(size_t n_features, const double *restrict y, size_t n_components,
                    const double *restrict direction, const double *restrict length,
                    double *restrict distance)
{
    for (size_t b = 0; b < ROWS_CHUNK_BLOCKS; b++) {
        const vec *block = (const vec *)y + b * n_features;
        for (size_t k0 = 0; k0 < n_components; k0 += TILE) {
            size_t tile = n_components - k0 < TILE ? n_components - k0 : TILE;
            const double *w = direction + k0 * n_features;
            vec sum[TILE] = {{0}};
            if (tile == TILE)
                for (size_t d = 0; d < n_features; d++)
                    for (size_t i = 0; i < TILE; i++)
                        sum[i] += block[d] * w[i * n_features + d];
            else
                for (size_t i = 0; i < tile; i++)
                    for (size_t d = 0; d < n_features; d++)
                        sum[i] += block[d] * w[i * n_features + d];
            for (size_t i = 0; i < tile; i++)
                ((vec *)(distance + (k0 + i) * ROWS_CHUNK))[b] = length[k0 + i] - 2.0 * sum[i];
        }
    }
}

union bits {
    double value;
    uint64_t word;
};

/* exp by x = n ln 2 + r, |r| <= ln 2 / 2: ln 2 in two parts (Cody & Waite 1980), a Taylor
 * polynomial of degree 13 (rest below 2^-57), and n added to the exponent. */
static inline double exp_one(double x)
{
    const double shift = 0x1.8p52; /* adding it rounds to an integer in the low bits */
    union bits rounded = {.value = x * 0x1.71547652b82fep0 + shift};
    double n = rounded.value - shift;
    double r = (x - n * 0x1.62e42fefa3800p-1) - n * 0x1.ef35793c76730p-45;
    double p = 1.0 / 6227020800.0;
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    union bits result = {.value = 1.0 + (r + r * r * p)};
    result.word += rounded.word << 52;
    return x < -708.0 ? 0.0 : result.value;
}

KERNEL
void kernels_exp(size_t n, double *x)
{
    for (size_t i = 0; i < n; i++)
        x[i] = exp_one(x[i]);
}

KERNEL
double kernels_posterior(size_t n_components, const double *restrict constant,
                         const double *restrict weight, double *restrict work,
                         double *restrict scratch)
{
    double *restrict top = scratch, *restrict sum = scratch + ROWS_CHUNK;
    for (size_t n = 0; n < ROWS_CHUNK; n++) {
        top[n] = -HUGE_VAL;
        sum[n] = 0.0;
    }
    for (size_t k = 0; k < n_components; k++) {
        double *restrict w = work + k * ROWS_CHUNK;
        for (size_t n = 0; n < ROWS_CHUNK; n++) {
            w[n] = constant[k] - 0.5 * w[n];
            top[n] = w[n] > top[n] ? w[n] : top[n];
        }
    }
    for (size_t k = 0; k < n_components; k++) {
        double *restrict w = work + k * ROWS_CHUNK;
        for (size_t n = 0; n < ROWS_CHUNK; n++) {
            w[n] = exp_one(w[n] - top[n]);
            sum[n] += w[n];
        }
    }
    vec total = {0};
    for (size_t n = 0; n < ROWS_CHUNK; n++) {
        top[n] = weight[n] * (top[n] + log(sum[n]));
        sum[n] = weight[n] / sum[n];
    }
    for (size_t b = 0; b < ROWS_CHUNK_BLOCKS; b++)
        total += ((const vec *)top)[b];
    for (size_t k = 0; k < n_components; k++) {
        double *restrict w = work + k * ROWS_CHUNK;
        for (size_t n = 0; n < ROWS_CHUNK; n++)
            w[n] *= sum[n];
    }
    return sum_of(&total);
}

KERNEL
void kernels_nearest(size_t n_components, const double *restrict distance,
                     int32_t *restrict component, double *restrict nearest)
{
    for (size_t n = 0; n < ROWS_CHUNK; n++) {
        nearest[n] = distance[n];
        component[n] = 0;
    }
    for (size_t k = 1; k < n_components; k++)
        for (size_t n = 0; n < ROWS_CHUNK; n++) {
            double q = distance[k * ROWS_CHUNK + n];
            component[n] = q < nearest[n] ? (int32_t)k : component[n];
            nearest[n] = q < nearest[n] ? q : nearest[n];
        }
}

void kernels_one_hot(size_t n_components, const int32_t *component, const double *weight,
                     double *resp)
{
    memset(resp, 0, n_components * ROWS_CHUNK * sizeof *resp);
    for (size_t n = 0; n < ROWS_CHUNK; n++)
        resp[(size_t)component[n] * ROWS_CHUNK + n] = weight[n];
}

double kernels_assign(size_t n_components, const double *weight, const double *resp,
                      int32_t *component)
{
    double total = 0.0;
    for (size_t n = 0; n < ROWS_CHUNK; n++) {
        size_t best = 0;
        double entropy = 0.0;
        for (size_t k = 0; k < n_components; k++) {
            double r = resp[k * ROWS_CHUNK + n];
            if (r > resp[best * ROWS_CHUNK + n]) best = k;
            if (r > 0.0) entropy -= r * log(r / weight[n]);
        }
        component[n] = (int32_t)best;
        total += entropy;
    }
    return total;
}
