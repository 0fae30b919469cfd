#include "whiten.h"

#include "floor.h"
#include "kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static enum status factor_full(const struct rows *rows, double *factor, struct err *err)
{
    enum status rc = OK;
    const size_t n = rows->n_features;
    const struct regularisation reg = {.floor = 1e-6};
    double *work = NULL;
    TRY_ALLOC(work, floor_work(n), err);
    memcpy(factor, rows->covariance, n * n * sizeof *factor);
    if (!floor_matrix(rows, &reg, factor, work) || !kernels_cholesky(n, factor))
        FAIL(err, ERR_CONFIG,
             "kmeans.whiten: the data's covariance cannot be factored, expected 'scale' or 'none' "
             "for such data");
done:
    free(work);
    return rc;
}

/* The block's rows solved against the factor, one feature after the other. */
static void solve_block(const struct whitened *whitened, const double *y, double *z)
{
    const size_t n = whitened->rows.n_features;
    const double *factor = whitened->factor;
    for (size_t i = 0; i < n; i++)
        for (size_t r = 0; r < ROWS_BLOCK; r++) {
            double sum = y[i * ROWS_BLOCK + r];
            if (whitened->kind == WHITEN_scale) {
                z[i * ROWS_BLOCK + r] = sum / factor[i];
                continue;
            }
            for (size_t j = 0; j < i; j++)
                sum -= factor[i * n + j] * z[j * ROWS_BLOCK + r];
            z[i * ROWS_BLOCK + r] = sum / factor[i * n + i];
        }
}

enum status whiten_create(const struct rows *rows, enum whiten kind, int n_threads,
                          struct whitened **out, struct err *err)
{
    enum status rc = OK;
    struct whitened *whitened = NULL;
    const size_t n = rows->n_features, n_blocks = rows->n_chunks * ROWS_CHUNK_BLOCKS;
    *out = NULL;
    TRY_ALLOC(whitened, 1, err);
    whitened->rows = *rows;
    whitened->rows.y = whitened->rows.norm = NULL;
    whitened->rows.unit = whitened->rows.variance = NULL;
    whitened->rows.max_exponent = 0;
    whitened->kind = kind;
    TRY_ALLOC(whitened->rows.y, n_blocks * ROWS_BLOCK * n, err);
    TRY_ALLOC(whitened->rows.unit, n, err);
    TRY_ALLOC(whitened->rows.variance, n, err);
    TRY_ALLOC(whitened->factor, kind == WHITEN_full ? n * n : n, err);
    for (size_t d = 0; d < n; d++)
        whitened->rows.unit[d] = whitened->rows.variance[d] = 1.0;
    if (kind == WHITEN_full)
        TRY(factor_full(rows, whitened->factor, err));
    else
        for (size_t d = 0; d < n; d++)
            whitened->factor[d] = sqrt(rows->floor_unit[d]);
#pragma omp parallel for num_threads(n_threads)
    for (size_t b = 0; b < n_blocks; b++)
        solve_block(whitened, rows->y + b * n * ROWS_BLOCK, whitened->rows.y + b * n * ROWS_BLOCK);
    *out = whitened;
    whitened = NULL;
done:
    whiten_destroy(&whitened);
    return rc;
}

void whiten_destroy(struct whitened **whitened)
{
    if (*whitened == NULL) return;
    free((*whitened)->factor);
    free((*whitened)->rows.variance);
    free((*whitened)->rows.unit);
    free((*whitened)->rows.y);
    free(*whitened);
    *whitened = NULL;
}

void whiten_undo(const struct whitened *whitened, double *z, double *work)
{
    const size_t n = whitened->rows.n_features;
    for (size_t i = 0; i < n; i++) {
        work[i] = whitened->kind == WHITEN_scale ? whitened->factor[i] * z[i] : 0.0;
        for (size_t j = 0; whitened->kind == WHITEN_full && j <= i; j++)
            work[i] += whitened->factor[i * n + j] * z[j];
    }
    memcpy(z, work, n * sizeof *z);
}
