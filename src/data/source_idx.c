/* IDX, the format of MNIST: 0, 0, a type, the number of dimensions, the dimensions as big-endian
 * 32-bit numbers, then the values, big-endian, the last dimension fastest (LeCun, Cortes and
 * Burges, "The MNIST database of handwritten digits"). */
#include "number.h"
#include "source.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum idx_code { UBYTE = 0x08, SBYTE = 0x09, SHORT = 0x0b, INT = 0x0c, FLOAT = 0x0d, DOUBLE = 0x0e };

static const struct idx_type {
    enum idx_code code;
    size_t size;
    const char *dtype;
} types[] = {
    {UBYTE, 1, "uint8"}, {SBYTE, 1, "int8"},    {SHORT, 2, "int16"},
    {INT, 4, "int32"},   {FLOAT, 4, "float32"}, {DOUBLE, 8, "float64"},
};

static const struct idx_type *find_type(unsigned char code)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].code == code) return &types[i];
    return NULL;
}

static size_t header_size(const unsigned char *bytes)
{
    return 4 + 4 * (size_t)bytes[3];
}

static uint32_t big_u32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static size_t dimension(const unsigned char *bytes, size_t i)
{
    return big_u32(bytes + 4 + 4 * i);
}

static bool idx_probe(const unsigned char *bytes, size_t n)
{
    return n >= 4 && bytes[0] == 0 && bytes[1] == 0 && find_type(bytes[2]) != NULL;
}

/* SIZE_MAX also where the product is too large for any file. */
static size_t idx_promise(const unsigned char *bytes, size_t n)
{
    size_t total = find_type(bytes[2])->size;

    if (n < header_size(bytes)) return SIZE_MAX;
    for (size_t i = 0; i < bytes[3]; i++) {
        if (dimension(bytes, i) == 0) return header_size(bytes);
        if (__builtin_mul_overflow(total, dimension(bytes, i), &total)) return SIZE_MAX;
    }
    if (__builtin_add_overflow(total, header_size(bytes), &total)) return SIZE_MAX;
    return total;
}

static enum status check_size(const struct source *src, struct err *err)
{
    size_t promised = idx_promise(src->bytes, src->n_bytes);

    if (src->n_bytes < header_size(src->bytes))
        return err_set(err, ERR_DATA,
                       "%s: truncated: a header of %u dimensions takes %zu bytes, file has %zu",
                       src->path, src->bytes[3], header_size(src->bytes), src->n_bytes);
    if (promised == SIZE_MAX)
        return err_set(err, ERR_DATA,
                       "%s: header promises more bytes than any file can have, file has %zu",
                       src->path, src->n_bytes);
    if (src->n_bytes < promised)
        return err_set(err, ERR_DATA, "%s: truncated: header promises %zu bytes, file has %zu",
                       src->path, promised, src->n_bytes);
    if (src->n_bytes > promised)
        return err_set(err, ERR_DATA,
                       "%s: too long: header promises %zu bytes, file has at least %zu", src->path,
                       promised, src->n_bytes);
    return OK;
}

static enum status idx_open(struct source *src, struct err *err)
{
    enum status rc = OK;
    size_t n_dims = src->bytes[3];

    if (n_dims == 0) FAIL(err, ERR_DATA, "%s: IDX header without dimensions", src->path);
    TRY(check_size(src, err));
    for (size_t i = 0; i < n_dims; i++)
        if (dimension(src->bytes, i) == 0)
            FAIL(err, ERR_DATA, "%s: holds no values: dimension %zu is 0", src->path, i);
    const struct idx_type *type = find_type(src->bytes[2]);
    src->dtype = type->dtype;
    src->n_rows = dimension(src->bytes, 0);
    src->n_cols = (src->n_bytes - header_size(src->bytes)) / type->size / src->n_rows;
    if (n_dims == 3) {
        src->image_shape[0] = dimension(src->bytes, 1);
        src->image_shape[1] = dimension(src->bytes, 2);
    }
done:
    return rc;
}

static double value_at(const unsigned char *at, enum idx_code code)
{
    uint32_t u32;
    uint64_t u64;
    float f;
    double value = 0;

    switch (code) {
    case UBYTE:
        return at[0];
    case SBYTE:
        return (int8_t)at[0];
    case SHORT:
        return (int16_t)(uint16_t)(at[0] << 8 | at[1]);
    case INT:
        return (int32_t)big_u32(at);
    case FLOAT:
        u32 = big_u32(at);
        memcpy(&f, &u32, sizeof f);
        return f;
    case DOUBLE:
        u64 = (uint64_t)big_u32(at) << 32 | big_u32(at + 4);
        memcpy(&value, &u64, sizeof value);
    }
    return value;
}

static void idx_row(const struct source *src, size_t n, double *out)
{
    const struct idx_type *type = find_type(src->bytes[2]);
    const unsigned char *at = src->bytes + header_size(src->bytes) + n * src->n_cols * type->size;

    if (type->code == UBYTE) { /* the usual case, worth a loop that vectorises */
        for (size_t d = 0; d < src->n_cols; d++)
            out[d] = at[d];
        return;
    }
    for (size_t d = 0; d < src->n_cols; d++)
        out[d] = value_at(at + d * type->size, type->code);
}

static size_t idx_cell(const struct source *src, size_t n, size_t d, char *text, size_t size)
{
    const struct idx_type *type = find_type(src->bytes[2]);
    size_t at = header_size(src->bytes) + (n * src->n_cols + d) * type->size;
    char number[NUMBER_TEXT];

    number_print(value_at(src->bytes + at, type->code), number);
    snprintf(text, size, "%s", number);
    return strlen(number);
}

const struct source_reader source_idx = {
    .name = "IDX",
    .probe = idx_probe,
    .promise = idx_promise,
    .open = idx_open,
    .row = idx_row,
    .cell = idx_cell,
};
