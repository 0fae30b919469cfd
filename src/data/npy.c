#include "npy.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum status npy_check_size(const char *where, const struct npy_header *header, size_t n_bytes,
                           struct err *err)
{
    if (n_bytes < header->n_bytes)
        return err_set(err, ERR_DATA, "%s: truncated: header promises %zu bytes, there are %zu",
                       where, header->n_bytes, n_bytes);
    if (n_bytes > header->n_bytes)
        return err_set(err, ERR_DATA,
                       "%s: too long: header promises %zu bytes, there are at least %zu", where,
                       header->n_bytes, n_bytes);
    return OK;
}

static uint64_t load(const unsigned char *at, size_t size, bool big_endian)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < size; i++)
        bits |= (uint64_t)at[i] << 8 * (big_endian ? size - 1 - i : i);
    return bits;
}

/* IEEE 754's binary16. */
static double half(uint64_t bits)
{
    int exponent = (int)(bits >> 10 & 0x1f), fraction = (int)(bits & 0x3ff);
    double value = exponent == 0 ? ldexp(fraction, -24) : ldexp(fraction + 0x400, exponent - 25);

    if (exponent == 0x1f) value = fraction == 0 ? INFINITY : NAN;
    return bits >> 15 != 0 ? -value : value;
}

static double float_value(uint64_t bits, size_t size)
{
    uint32_t low = (uint32_t)bits;
    float single;
    double value;

    if (size == 2) return half(bits);
    memcpy(&single, &low, sizeof single);
    memcpy(&value, &bits, sizeof value);
    return size == 4 ? single : value;
}

/* Two's complement of 8 size bits. */
static double signed_value(uint64_t bits, size_t size)
{
    uint64_t sign = UINT64_C(1) << (8 * size - 1);
    bool negative = (bits & sign) != 0;

    if (!negative) return (double)bits;
    return -(double)(sign - (bits & (sign - 1)));
}

/* out [n]: values that stand `step` bytes apart. */
static void convert(const struct npy_header *header, const unsigned char *at, size_t step, size_t n,
                    double *out)
{
    for (size_t i = 0; i < n; i++, at += step) {
        uint64_t bits = load(at, header->size, header->big_endian);
        switch (header->kind) {
        case NPY_BOOL:
            out[i] = bits != 0;
            break;
        case NPY_UNSIGNED:
            out[i] = (double)bits;
            break;
        case NPY_SIGNED:
            out[i] = signed_value(bits, header->size);
            break;
        case NPY_FLOAT:
            out[i] = float_value(bits, header->size);
        }
    }
}

void npy_values(const struct npy_header *header, const unsigned char *bytes, size_t first, size_t n,
                double *out)
{
    while (n > 0) { /* up to the end of the last dimension at a time */
        size_t at = 0, rest = first, run = 1, step = 1;
        for (size_t i = header->rank; i-- > 0;) {
            size_t index = rest % header->shape[i];
            rest /= header->shape[i];
            at += index * header->stride[i];
            if (i + 1 < header->rank) continue;
            run = header->shape[i] - index;
            step = header->stride[i];
        }
        if (run > n) run = n;
        convert(header, bytes + header->values_at + at * header->size, step * header->size, run,
                out);
        first += run;
        n -= run;
        out += run;
    }
}

void npy_destroy(struct npy_array **array)
{
    if (*array == NULL) return;
    free((*array)->values);
    free(*array);
    *array = NULL;
}
