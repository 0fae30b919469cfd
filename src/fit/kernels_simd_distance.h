/* kernels_simd_distance.h - of kernels_simd.h: squared distances. */

/* How many of the n that are left to take next, so that tiles are alike: of 5 first 3, then 2. */
INLINE size_t next_tile(size_t n)
{
    const size_t n_tiles = (n + TILE - 1) / TILE;
    return (n + n_tiles - 1) / n_tiles;
}

/* Asks for feature d of the n blocks behind the n at y, those that are next, to come to the second
 * cache: the CPU does not see so far ahead. To be called between other work, a burst would wait. */
INLINE void fetch_next(const double *y, size_t n, size_t n_features, size_t d)
{
    for (size_t h = n; h < 2 * n; h++)
        __builtin_prefetch(y + (h * n_features + d) * VEC, 0, 2);
}

/* Of `tile` components and AT_ONCE blocks, y and out at the first, by n features: those of `order`,
 * or, if that is NULL, the first; constants once inlined. */
INLINE void distance_tile(const size_t tile, size_t n_features, const double *restrict y,
                          const size_t *restrict order, size_t n, const double *restrict scale,
                          size_t scale_stride, const double *restrict shift, double *restrict out)
{
    enum { AT_ONCE = BLOCKS > 1 ? 2 : 1 };
    vec sum[TILE][AT_ONCE];
    for (size_t i = 0; i < tile; i++)
        for (size_t h = 0; h < AT_ONCE; h++)
            sum[i][h] = vec_set(0.0);
    for (size_t d = 0; d < n; d++) {
        const size_t feature = order != NULL ? order[d] : d;
        fetch_next(y, AT_ONCE, n_features, feature);
        for (size_t i = 0; i < tile; i++) {
            const vec s = vec_set(scale[i * scale_stride + d]);
            const vec b = vec_set(shift[i * n + d]);
            for (size_t h = 0; h < AT_ONCE; h++) {
                const vec t = vec_fma(vec_load(y + (h * n_features + feature) * VEC), s, b);
                sum[i][h] = vec_fma(t, t, sum[i][h]);
            }
        }
    }
    for (size_t i = 0; i < tile; i++)
        for (size_t h = 0; h < AT_ONCE; h++)
            vec_store(out + i * ROWS_CHUNK + h * VEC, sum[i][h]);
}

/* All components of a few blocks while these are in the nearest cache. */
INLINE void distance_blocks(size_t n_features, const double *restrict y,
                            const size_t *restrict order, size_t n, size_t n_components,
                            const double *restrict scale, size_t scale_stride,
                            const double *restrict shift, double *restrict out)
{
    enum { AT_ONCE = BLOCKS > 1 ? 2 : 1 };
    for (size_t b = 0; b < ROWS_CHUNK_BLOCKS; b += AT_ONCE)
        for (size_t k = 0, tile; k < n_components; k += tile) {
            tile = next_tile(n_components - k);
            CASES(tile, distance_tile, n_features, y + b * n_features * VEC, order, n,
                  scale + k * scale_stride, scale_stride, shift + k * n,
                  out + k * ROWS_CHUNK + b * VEC)
        }
}

static void distance(size_t n_features, const double *restrict y, size_t n_components,
                     const double *restrict scale, size_t scale_stride,
                     const double *restrict shift, double *restrict out)
{
    distance_blocks(n_features, y, NULL, n_features, n_components, scale, scale_stride, shift, out);
}

static void head(size_t n_features, const double *restrict y, const size_t *restrict order,
                 size_t n, size_t n_components, const double *restrict scale,
                 const double *restrict shift, double *restrict out)
{
    distance_blocks(n_features, y, order, n, n_components, scale, n, shift, out);
}

static void tails(size_t n_features, const double *restrict y, const size_t *restrict order,
                  size_t n, double *restrict tail)
{
    const size_t stride = kernels_padded(n);
    for (size_t b = 0; b < ROWS_CHUNK_BLOCKS; b++)
        for (size_t i = 0; i < n; i += VEC) {
            double lines[VEC * VEC] = {0};
            for (size_t j = 0; j < VEC && i + j < n; j++)
                vec_store(lines + j * VEC, vec_load(y + (b * n_features + order[i + j]) * VEC));
            vec_transpose(lines, tail + b * VEC * stride + i, stride);
        }
}

/* Of `tile` rows. */
INLINE void finish_tile(const size_t tile, size_t stride, const double *restrict tail,
                        const double *restrict scale, const double *restrict shift,
                        const unsigned char *restrict row, double *restrict out)
{
    vec sum[TILE];
    for (size_t t = 0; t < tile; t++)
        sum[t] = vec_set(0.0);
    for (size_t i = 0; i < stride; i += VEC) {
        const vec s = vec_load(scale + i), b = vec_load(shift + i);
        for (size_t t = 0; t < tile; t++) {
            const vec u = vec_fma(vec_load(tail + row[t] * stride + i), s, b);
            sum[t] = vec_fma(u, u, sum[t]);
        }
    }
    for (size_t t = 0; t < tile; t++)
        out[row[t]] += vec_sum(sum[t]);
}

static void finish(size_t n, const double *restrict tail, const double *restrict scale,
                   const double *restrict shift, size_t n_rows, const unsigned char *restrict row,
                   double *restrict out)
{
    for (size_t r = 0; r < n_rows; r += TILE)
        CASES(n_rows - r, finish_tile, kernels_padded(n), tail, scale, shift, row + r, out)
}

static size_t near(double constant, const double *restrict lowest, double *restrict distance,
                   unsigned char *restrict row)
{
    const vec c = vec_set(constant);
    size_t n = 0;
    for (size_t b = 0; b < ROWS_CHUNK; b += VEC) {
        const vec d = vec_load(distance + b), low = vec_load(lowest + b);
        const vec joint = vec_fma(d, vec_set(-0.5), c);
        vec_store(distance + b, vec_pick_less(joint, low, vec_set(HUGE_VAL), d));
        for (unsigned bits = ~vec_less(joint, low) & 0xff; bits != 0; bits &= bits - 1)
            row[n++] = (unsigned char)(b + (size_t)__builtin_ctz(bits));
    }
    return n;
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
    for (size_t d = 0; d < n_features; d++) {
        fetch_next(y, BLOCKS, n_features, d);
        for (size_t i = 0; i < tile; i++) {
            const vec w = vec_set(direction[i * n_features + d]);
            for (size_t h = 0; h < BLOCKS; h++)
                sum[i][h] = vec_fma(vec_load(y + (h * n_features + d) * VEC), w, sum[i][h]);
        }
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
    size_t from[ROWS_CHUNK];
    for (size_t s = 0; s < n; s++)
        from[s] = row[s] / VEC * n_features * VEC + row[s] % VEC;
    /* Feature by feature: rows that stand in one block have it in one cache line. */
    for (size_t d = d0; d < d1; d++) {
        const size_t feature = (size_t)order[d];
        const double *column = y + feature * VEC, m = mean[feature];
        for (size_t s = 0; s < n; s++)
            offset[(s / VEC * n_features + d) * VEC + s % VEC] = column[from[s]] - m;
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
