#include "layout.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static const struct {
    char code[3];
    enum layout_kind kind;
    size_t size;
    const char *dtype;
} types[] = {
    {"b1", LAYOUT_BOOL, 1, "bool"},       {"u1", LAYOUT_UNSIGNED, 1, "uint8"},
    {"u2", LAYOUT_UNSIGNED, 2, "uint16"}, {"u4", LAYOUT_UNSIGNED, 4, "uint32"},
    {"u8", LAYOUT_UNSIGNED, 8, "uint64"}, {"i1", LAYOUT_SIGNED, 1, "int8"},
    {"i2", LAYOUT_SIGNED, 2, "int16"},    {"i4", LAYOUT_SIGNED, 4, "int32"},
    {"i8", LAYOUT_SIGNED, 8, "int64"},    {"f2", LAYOUT_FLOAT, 2, "float16"},
    {"f4", LAYOUT_FLOAT, 4, "float32"},   {"f8", LAYOUT_FLOAT, 8, "float64"},
};

bool layout_set_type(struct layout *layout, const char *code)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (memcmp(types[i].code, code, 2) != 0) continue;
        layout->kind = types[i].kind;
        layout->size = types[i].size;
        layout->dtype = types[i].dtype;
        return true;
    }
    return false;
}

bool layout_measure(struct layout *layout, bool fortran)
{
    bool fits = true;

    layout->n_values = 1;
    for (size_t i = 0; i < layout->rank; i++)
        fits &= !__builtin_mul_overflow(layout->n_values, layout->shape[i], &layout->n_values);
    fits = fits && !__builtin_mul_overflow(layout->n_values, layout->size, &layout->n_bytes) &&
           !__builtin_add_overflow(layout->n_bytes, layout->values_at, &layout->n_bytes) &&
           layout->n_bytes < SIZE_MAX;
    size_t step = 1;
    for (size_t i = 0; i < layout->rank; i++) {
        size_t dim = fortran ? i : layout->rank - 1 - i;
        layout->stride[dim] = step;
        step *= layout->shape[dim];
    }
    return fits;
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
static void convert(const struct layout *layout, const unsigned char *at, size_t step, size_t n,
                    double *out)
{
    if (layout->kind == LAYOUT_UNSIGNED &&
        layout->size == 1) { /* pixels: worth a loop of its own */
        for (size_t i = 0; i < n; i++)
            out[i] = at[i * step];
        return;
    }
    for (size_t i = 0; i < n; i++, at += step) {
        uint64_t bits = load(at, layout->size, layout->big_endian);
        switch (layout->kind) {
        case LAYOUT_BOOL:
            out[i] = bits != 0;
            break;
        case LAYOUT_UNSIGNED:
            out[i] = (double)bits;
            break;
        case LAYOUT_SIGNED:
            out[i] = signed_value(bits, layout->size);
            break;
        case LAYOUT_FLOAT:
            out[i] = float_value(bits, layout->size);
        }
    }
}

void layout_values(const struct layout *layout, const unsigned char *bytes, size_t first, size_t n,
                   double *out)
{
    while (n > 0) { /* up to the end of the last dimension at a time */
        size_t at = 0, rest = first, run = 1, step = 1;
        for (size_t i = layout->rank; i-- > 0;) {
            size_t index = rest % layout->shape[i];
            rest /= layout->shape[i];
            at += index * layout->stride[i];
            if (i + 1 < layout->rank) continue;
            run = layout->shape[i] - index;
            step = layout->stride[i];
        }
        if (run > n) run = n;
        convert(layout, bytes + layout->values_at + at * layout->size, step * layout->size, run,
                out);
        first += run;
        n -= run;
        out += run;
    }
}
