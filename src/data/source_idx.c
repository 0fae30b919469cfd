/* IDX, the format of MNIST: 0, 0, a type, the number of dimensions, the dimensions as big-endian
 * 32-bit numbers, then the values, big-endian, the last dimension fastest (LeCun, Cortes and
 * Burges, "The MNIST database of handwritten digits"). */
#include "source.h"

#include <stdint.h>

static const struct idx_type {
    unsigned char code;
    char numpy[3];
} types[] = {{0x08, "u1"}, {0x09, "i1"}, {0x0b, "i2"}, {0x0c, "i4"}, {0x0d, "f4"}, {0x0e, "f8"}};

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

/* Fills `out` from a header that is all there: rows, or with three dimensions images; more than
 * three are a row's values. False if no file can have so many bytes. */
static bool read_layout(const unsigned char *bytes, struct layout *out)
{
    size_t n_dims = bytes[3];

    layout_set_type(out, find_type(bytes[2])->numpy);
    out->big_endian = true;
    out->values_at = header_size(bytes);
    out->rank = n_dims < 3 ? n_dims : n_dims == 3 ? 3 : 2;
    for (size_t i = 0; i < out->rank; i++)
        out->shape[i] = dimension(bytes, i);
    for (size_t i = out->rank; i < n_dims; i++)
        if (__builtin_mul_overflow(out->shape[1], dimension(bytes, i), &out->shape[1]))
            return false;
    return layout_measure(out, false);
}

static bool any_zero(const unsigned char *bytes)
{
    for (size_t i = 0; i < bytes[3]; i++)
        if (dimension(bytes, i) == 0) return true;
    return false;
}

/* SIZE_MAX also where the product is too large for any file. */
static size_t idx_promise(const unsigned char *bytes, size_t n)
{
    struct layout layout = {0};

    if (n < header_size(bytes)) return SIZE_MAX;
    if (any_zero(bytes)) return header_size(bytes);
    return read_layout(bytes, &layout) ? layout.n_bytes : SIZE_MAX;
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

    if (n_dims == 0)
        FAIL(err, ERR_DATA, "%s: IDX header of 0 dimensions, expected 1 to 255", src->path);
    TRY(check_size(src, err));
    for (size_t i = 0; i < n_dims; i++)
        if (dimension(src->bytes, i) == 0)
            FAIL(err, ERR_DATA, "%s: holds no values: dimension %zu is 0", src->path, i);
    read_layout(src->bytes, &src->layout);
done:
    return rc;
}

const struct source_reader source_idx = {
    .name = "IDX",
    .probe = idx_probe,
    .promise = idx_promise,
    .open = idx_open,
};
