/* kernels_lapack.c - the only file that calls BLAS and LAPACK: factorisations of one covariance.
 *
 * A row-major lower triangle is a column-major upper one, so 'U' stands where the header says
 * lower. The _work forms of LAPACKE allocate nothing. OpenBLAS is held to one thread per call:
 * the threads are ours. */
#include "kernels.h"

#include "kernels_set.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

void kernels_lapack_init(void)
{
    openblas_set_num_threads(1);
}

const char *kernels_lapack_core(void)
{
    return openblas_get_corename();
}

bool kernels_lapack_is_mistaken(void)
{
    const struct kernel_set *sets[KERNELS_SETS];
    return kernels_sets(sets) > 1 && strcmp(kernels_lapack_core(), "Prescott") == 0;
}

bool kernels_cholesky(size_t n, double *matrix)
{
    const lapack_int order = (lapack_int)n;
    if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', order, matrix, order) != 0) return false;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            matrix[i * n + j] = 0.0;
    return isfinite(matrix[n * n - 1]);
}

void kernels_invert_lower(size_t n, double *matrix)
{
    const lapack_int order = (lapack_int)n;
    LAPACKE_dtrtri_work(LAPACK_COL_MAJOR, 'U', 'N', order, matrix, order);
}

size_t kernels_eigen_work(size_t n)
{
    /* dsyevd with vectors: 1 + 6 n + 2 n^2 doubles and 3 + 5 n integers. */
    return 1 + 6 * n + 2 * n * n + (3 + 5 * n);
}

bool kernels_eigen(size_t n, double *matrix, double *values, double *work)
{
    const lapack_int order = (lapack_int)n;
    const lapack_int n_work = (lapack_int)(1 + 6 * n + 2 * n * n), n_ints = (lapack_int)(3 + 5 * n);
    lapack_int *ints = (lapack_int *)(void *)(work + n_work);
    return LAPACKE_dsyevd_work(LAPACK_COL_MAJOR, 'V', 'U', order, matrix, order, values, work,
                               n_work, ints, n_ints) == 0;
}

void kernels_gram(size_t n, const double *a, double *out)
{
    const int order = (int)n;
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, order, order, 1.0, a, order, 0.0, out,
                order);
}

double kernels_trace_product(size_t n, const double *lower, const double *symmetric, double *work)
{
    const int order = (int)n;
    cblas_dsymm(CblasRowMajor, CblasRight, CblasLower, order, order, 1.0, symmetric, order, lower,
                order, 0.0, work, order);
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            sum += work[i * n + j] * lower[i * n + j];
    return sum;
}
