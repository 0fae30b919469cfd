/* kernels.c - which instruction set's kernels run, and the kernels that need none. */
#include "kernels.h"

#include "kernels_set.h"

#include <math.h>
#include <string.h>

size_t kernels_sets(const struct kernel_set *sets[KERNELS_SETS])
{
    size_t n = 0;
#if defined(__x86_64__)
    const bool fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (fma && __builtin_cpu_supports("avx512f")) sets[n++] = &kernels_avx512;
    if (fma) sets[n++] = &kernels_avx2;
#endif
    sets[n++] = &kernels_portable;
    return n;
}

static const struct kernel_set *fastest(void)
{
    const struct kernel_set *sets[KERNELS_SETS];
    kernels_sets(sets);
    return sets[0];
}

#define KERNEL(type, RETURN, name, parameters, arguments)                                          \
    type kernels_##name parameters                                                                 \
    {                                                                                              \
        RETURN fastest()->name arguments;                                                          \
    }
#include "kernels.def"

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
