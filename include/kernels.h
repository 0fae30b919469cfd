/* kernels.h - arithmetic on raw arrays: serial, no allocation, no branches on options.
 *
 * Every kernel takes one chunk of ROWS_CHUNK rows in the layout of rows.h, `y`
 * [ROWS_CHUNK_BLOCKS, D, ROWS_BLOCK], and works in a fixed order. Per-row values of all components
 * stand as [K, ROWS_CHUNK]. Arrays are 64-byte aligned where they come from err_alloc.
 *
 * Those of kernels.def are compiled for AVX-512, for AVX2 with FMA and for any CPU, and chosen at
 * run time (kernels_set.h). The first two give the same bits; the portable ones, without fma, agree
 * with them to rounding.
 *
 * Each has a naive twin in tests/ref.c that follows the formula line by line.
 */
#ifndef GMMSWEEP_KERNELS_H
#define GMMSWEEP_KERNELS_H

#include "rows.h"

/* A whole number of vectors that holds n. */
static inline size_t kernels_padded(size_t n)
{
    return (n + ROWS_BLOCK - 1) / ROWS_BLOCK * ROWS_BLOCK;
}

/* distance[k, n] = sum_d (y[n, d] scale[k, d] + shift[k, d])^2.
 *
 * scale [K, D] if scale_stride is D, [D] for all components if it is 0; shift [K, D], the means
 * times -scale; distance [K, ROWS_CHUNK]. 4 K D flops a row. */
void kernels_distance(size_t n_features, const double *y, size_t n_components, const double *scale,
                      size_t scale_stride, const double *shift, double *distance);

/* The same in steps, of features in `order` [D], with early ends (staged_diag.c).
 *
 * kernels_head:    distance[k, n] = sum_i<n (y[n, order[i]] scale[k, i] + shift[k, i])^2; scale and
 *                  shift [K, n]
 * kernels_tails:   tail [ROWS_CHUNK, kernels_padded(n)], row by row: y[n, order[i]], i < n, and 0
 * kernels_finish:  distance[row] += sum_i<n (tail[row, i] scale[i] + shift[i])^2 of one component
 *                  and n_rows rows; scale and shift [kernels_padded(n)], 0 behind n
 * kernels_near:    distance [ROWS_CHUNK] of one component becomes HUGE_VAL where
 *                  constant - distance / 2 < lowest; the other rows are listed in row. Returns
 *                  their number. */
void kernels_head(size_t n_features, const double *y, const size_t *order, size_t n,
                  size_t n_components, const double *scale, const double *shift, double *distance);
void kernels_tails(size_t n_features, const double *y, const size_t *order, size_t n, double *tail);
void kernels_finish(size_t n, const double *tail, const double *scale, const double *shift,
                    size_t n_rows, const unsigned char *row, double *distance);
size_t kernels_near(double constant, const double *lowest, double *distance, unsigned char *row);

/* From squared distances to responsibilities, in log space with log-sum-exp.
 *
 * log_joint[k, n] = constant[k] - distance[k, n] / 2
 * lse[n] = ln sum_k exp(log_joint[k, n])
 * On return work [K, ROWS_CHUNK], which held the distances, holds weight[n] exp(log_joint -
 * lse), the weighted responsibilities; 0 where log_joint is more than -least (at most 708) below
 * the row's largest. scratch [2, ROWS_CHUNK].
 * Returns sum_n weight[n] lse[n]. (Bishop 2006, eq. 9.13 and 9.28) */
double kernels_posterior(size_t n_components, const double *constant, const double *weight,
                         double least, double *work, double *scratch);

/* Adds the chunk's statistics to count [K], first [K, D] and second [K, D]:
 *
 * count[k] += sum_n resp[k, n]
 * first[k, d] += sum_n resp[k, n] (y[n, d] - mean[k, d])
 * second[k, d] += sum_n resp[k, n] (y[n, d] - mean[k, d])^2
 *
 * Moments about the current mean lose nothing to cancellation. resp [K, ROWS_CHUNK] holds
 * weighted responsibilities; blocks of rows without any are passed over, from KERNELS_ROWWISE
 * features on single rows. work [kernels_sums_work]. 6 K D flops a row. */
#define KERNELS_ROWWISE 16
void kernels_moments(size_t n_features, const double *y, size_t n_components, const double *mean,
                     const double *resp, double *count, double *first, double *second,
                     double *work);

/* Where no second moments are wanted, about the centre, which first moments lose nothing by:
 *
 * count[k] += sum_n resp[k, n]
 * total[k, d] += sum_n resp[k, n] y[n, d]
 * square[k] += sum_n resp[k, n] norm[n], unless norm [ROWS_CHUNK] is NULL; 2 K D flops a row. */
void kernels_totals(size_t n_features, const double *y, size_t n_components, const double *resp,
                    const double *norm, double *count, double *total, double *square, double *work);

/* Statistics of one component with its covariance: mean [D], resp [ROWS_CHUNK]. In sums [D + 1, S],
 * S = kernels_stride(D), lower triangle:
 *
 * count += sum_n resp[n]
 * sums[i, j] += sum_n resp[n] (y[n, i] - mean[i]) (y[n, j] - mean[j])   for j <= i < D
 * sums[D, j] += sum_n resp[n] (y[n, j] - mean[j])
 *
 * Elements above the diagonal are not to be used. kernels_pack lists the rows that have a
 * responsibility: packed [ROWS_CHUNK, S], each sqrt(resp) (y - mean, 1); it adds to count and
 * returns their number. kernels_scatter adds the products of these rows to rows i0 <= i < i1 of
 * sums, row after row: D^2 flops for a packed row and all i. */
size_t kernels_pack(size_t n_features, const double *y, const double *mean, const double *resp,
                    double *count, double *packed);
void kernels_scatter(size_t n_features, size_t n_packed, const double *packed, size_t i0, size_t i1,
                     double *sums);

/* Rows of sums that a thread takes at a time where several share them. Each such stripe packs the
 * rows of data anew: one step a feature, against KERNELS_STRIPE / 8 vector steps. */
#define KERNELS_STRIPE 64

/* Both in one, in registers, for D up to KERNELS_SMALL. */
#define KERNELS_SMALL 4
void kernels_small_scatter(size_t n_features, const double *y, const double *mean,
                           const double *resp, double *count, double *sums);

/* S: a whole number of vectors that holds D + 1. */
static inline size_t kernels_stride(size_t n_features)
{
    return kernels_padded(n_features + 1);
}

/* Doubles that kernels_moments and kernels_totals work with. */
static inline size_t kernels_sums_work(size_t n_components, size_t n_features)
{
    if (n_features < KERNELS_ROWWISE) return 0;
    return ROWS_CHUNK * 2 * ROWS_BLOCK + n_components * (1 + ROWS_CHUNK / sizeof(double));
}

/* distance[n] = |inverse_factor (y[n] - mean)|^2 for one component: inverse_factor [D, D] lower,
 * the inverse of the covariance's Cholesky factor, with zeros above. work [D, KERNELS_OFFSETS]. D^2
 * flops a row. */
#define KERNELS_OFFSETS (4 * ROWS_BLOCK)
void kernels_mahalanobis(size_t n_features, const double *y, const double *mean,
                         const double *inverse_factor, double *work, double *distance);

/* The same in steps, on offsets [blocks, D, ROWS_BLOCK] whose features stand in `order` [D].
 *
 * kernels_offsets:  offset[n, d] = y[n, order[d]] - mean[order[d]], d0 <= d < d1, of the first
 *                   n_blocks blocks of the chunk
 * kernels_gather:   of rows row [n] of the chunk, one after the other
 * kernels_project:  sum[n] += sum_i (sum_j<=i inverse_factor[i, j] offset[n, j])^2, i0 <= i < i1,
 *                   of n_blocks blocks; inverse_factor [D, D] with its features in that order */
void kernels_offsets(size_t n_features, const double *y, const double *mean, const double *order,
                     size_t n_blocks, size_t d0, size_t d1, double *offset);
void kernels_gather(size_t n_features, const double *y, const double *mean, const double *order,
                    size_t n, const size_t *row, size_t d0, size_t d1, double *offset);
void kernels_project(size_t n_features, size_t n_blocks, size_t i0, size_t i1,
                     const double *inverse_factor, const double *offset, double *sum);

/* distance[k, n] = length[k] - 2 sum_d y[n, d] direction[k, d] + norm[n] precision[k], the last
 * unless norm [ROWS_CHUNK] is NULL; direction [K, D], length and precision [K]. 2 K D flops a
 * row. */
void kernels_linear(size_t n_features, const double *y, size_t n_components,
                    const double *direction, const double *length, const double *norm,
                    const double *precision, double *distance);

/* Sum of weight[n] times the entropy of row n's responsibilities, -sum_k r ln r in nats, from
 * the weighted responsibilities resp [K, ROWS_CHUNK]; and the component of the largest one,
 * the lowest on a tie: component [ROWS_CHUNK]. */
double kernels_assign(size_t n_components, const double *weight, const double *resp,
                      int32_t *component);

/* component[n] and nearest[n], both [ROWS_CHUNK]: the smallest of distance [K, ROWS_CHUNK] and
 * its component, the lowest on a tie. */
void kernels_nearest(size_t n_components, const double *distance, int32_t *component,
                     double *nearest);

/* resp [K, ROWS_CHUNK]: weight[n] for the row's component, 0 elsewhere. */
void kernels_one_hot(size_t n_components, const int32_t *component, const double *weight,
                     double *resp);

/* x[i] becomes exp(x[i]), of n values; within 1 ulp for x in [-708, 709], 0 below.
 * Callers keep x at or below 709. */
void kernels_exp_all(size_t n, double *x);

/* --- one covariance, by LAPACK (kernels_lapack.c). Matrices [n, n], lower triangles. --- */

/* Once, before the others: one thread per call. */
void kernels_lapack_init(void);

/* The CPU that OpenBLAS has chosen its own kernels for, "Haswell": bits depend on it. */
const char *kernels_lapack_core(void);

/* Whether that is the oldest one, on a CPU that can do far more: a virtual machine may hide what
 * OpenBLAS goes by. */
bool kernels_lapack_is_mistaken(void);

/* matrix becomes its Cholesky factor, with zeros above the diagonal; only its lower triangle is
 * read. False if it is not positive definite. */
bool kernels_cholesky(size_t n, double *matrix);

/* A lower triangular matrix becomes its inverse. */
void kernels_invert_lower(size_t n, double *matrix);

/* values [n] ascending, and matrix, of which the lower triangle is read, becomes the eigenvectors
 * in rows. work [kernels_eigen_work]. False if it does not converge. */
bool kernels_eigen(size_t n, double *matrix, double *values, double *work);
size_t kernels_eigen_work(size_t n);

/* The lower triangle of out = a' a. */
void kernels_gram(size_t n, const double *a, double *out);

/* trace(lower symmetric lower'), lower [n, n] lower triangular, symmetric by its lower triangle.
 * work [n, n]. */
double kernels_trace_product(size_t n, const double *lower, const double *symmetric, double *work);

#endif
