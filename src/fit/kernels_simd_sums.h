/* kernels_simd_sums.h - of kernels_simd.h: sums over rows of each component and feature. */

struct block_list {
    size_t n, block[ROWS_CHUNK_BLOCKS];
};

/* r (y - mean) to sum1 and r (y - mean)^2 to sum2, or, without `moments`, r y to sum1. */
INLINE void add_terms(const bool moments, vec r, vec y, vec mean, vec *sum1, vec *sum2)
{
    const vec t = moments ? vec_sub(y, mean) : y;
    *sum1 = vec_fma(r, t, *sum1);
    if (moments) *sum2 = vec_fma(vec_mul(r, t), t, *sum2);
}

/* Of `tile` features: first and second moments about the mean, or, without `moments`, totals in
 * first; constants once inlined. */
INLINE void sums_tile(const size_t tile, const bool moments, size_t n_features,
                      const double *restrict y, const double *restrict mean,
                      const double *restrict resp, const struct block_list *list,
                      double *restrict first, double *restrict second)
{
    vec sum1[TILE], sum2[TILE];
    for (size_t i = 0; i < tile; i++)
        sum1[i] = sum2[i] = vec_set(0.0);
    for (size_t l = 0; l < list->n; l++) {
        const double *block = y + list->block[l] * n_features * VEC;
        const vec r = vec_load(resp + list->block[l] * VEC);
        for (size_t i = 0; i < tile; i++)
            add_terms(moments, r, vec_load(block + i * VEC), vec_set(moments ? mean[i] : 0.0),
                      &sum1[i], &sum2[i]);
    }
    for (size_t i = 0; i < tile; i++) {
        first[i] += vec_sum(sum1[i]);
        if (moments) second[i] += vec_sum(sum2[i]);
    }
}

/* Of few features: over the blocks of rows in which a component has any responsibility. */
INLINE void block_sums(const bool moments, size_t n_features, const double *restrict y,
                       size_t n_components, const double *restrict mean,
                       const double *restrict resp, double *restrict count, double *restrict first,
                       double *restrict second)
{
    for (size_t k = 0; k < n_components; k++) {
        const double *r = resp + k * ROWS_CHUNK;
        struct block_list list;
        count[k] += list_blocks(r, list.block, &list.n);
        for (size_t d = 0; d < n_features && list.n > 0; d += TILE) {
            const size_t at = k * n_features + d;
            const double *m = moments ? mean + at : NULL;
            double *sum2 = moments ? second + at : NULL;
            CASES(n_features - d, sums_tile, moments, n_features, y + d * VEC, m, r, &list,
                  first + at, sum2)
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

/* One row's terms of `tile` vectors of a slab. */
INLINE void add_row(const size_t tile, const bool moments, double resp, const double *restrict y,
                    const vec *mean, vec *sum1, vec *sum2)
{
    const vec r = vec_set(resp);
    for (size_t c = 0; c < tile; c++)
        add_terms(moments, r, vec_load(y + c * VEC), mean[c], &sum1[c], &sum2[c]);
}

/* Of the n features of a slab, in `tile` vectors, over the n_rows rows listed; as sums_tile, but
 * that every other row goes to sums of its own: an addition need not wait for the one before. */
INLINE void slab_tile(const size_t tile, const bool moments, size_t n, const double *restrict slab,
                      const double *restrict mean, const double *restrict resp,
                      const unsigned char *restrict row, size_t n_rows, double *restrict first,
                      double *restrict second)
{
    vec m[2], even1[2], even2[2], odd1[2], odd2[2];
    for (size_t c = 0; c < tile; c++) {
        m[c] = moments ? load_some(mean + c * VEC, n - c * VEC) : vec_set(0.0);
        even1[c] = even2[c] = odd1[c] = odd2[c] = vec_set(0.0);
    }
    for (size_t l = 0; l < n_rows; l++) {
        add_row(tile, moments, resp[row[l]], slab + row[l] * SLAB, m, even1, even2);
        if (++l == n_rows) break;
        add_row(tile, moments, resp[row[l]], slab + row[l] * SLAB, m, odd1, odd2);
    }
    for (size_t c = 0; c < tile; c++) {
        add_some(first + c * VEC, n - c * VEC, vec_add(even1[c], odd1[c]));
        if (moments) add_some(second + c * VEC, n - c * VEC, vec_add(even2[c], odd2[c]));
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
        block_sums(true, n_features, y, n_components, mean, resp, count, first, second);
    else
        row_sums(true, n_features, y, n_components, mean, resp, count, first, second, work);
}

static void totals(size_t n_features, const double *restrict y, size_t n_components,
                   const double *restrict resp, const double *restrict norm, double *restrict count,
                   double *restrict total, double *restrict square, double *restrict work)
{
    if (n_features < KERNELS_ROWWISE)
        block_sums(false, n_features, y, n_components, NULL, resp, count, total, NULL);
    else
        row_sums(false, n_features, y, n_components, NULL, resp, count, total, NULL, work);
    for (size_t k = 0; norm != NULL && k < n_components; k++) {
        vec sum = vec_set(0.0);
        for (size_t n = 0; n < ROWS_CHUNK; n += VEC)
            sum = vec_fma(vec_load(resp + k * ROWS_CHUNK + n), vec_load(norm + n), sum);
        square[k] += vec_sum(sum);
    }
}
