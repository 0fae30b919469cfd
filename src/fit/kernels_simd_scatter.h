/* kernels_simd_scatter.h - of kernels_simd.h: products of two features, summed over rows. */

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
