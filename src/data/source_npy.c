/* Arrays of NumPy, alone (NPY) or one out of an archive (NPZ): the first dimension counts the rows,
 * the others are a row's values in C order; with two others a row is an image. */
#include "npy.h"
#include "number.h"
#include "source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* src->bytes are the NPY file of `header`. */
static enum status adopt(struct source *src, const char *where, const struct npy_header *header,
                         struct err *err)
{
    enum status rc = OK;
    struct npy_header *state = NULL;

    if (header->rank == 0)
        FAIL(err, ERR_DATA, "%s: is a single value, expected an array of rows", where);
    TRY_ALLOC(state, 1, err);
    *state = *header;
    src->state = state;
    src->dtype = state->dtype;
    src->n_rows = state->shape[0];
    src->n_cols = state->n_values / state->shape[0];
    if (state->rank == 3) memcpy(src->image_shape, state->shape + 1, sizeof src->image_shape);
done:
    return rc;
}

static enum status npy_open(struct source *src, struct err *err)
{
    enum status rc = OK;
    struct npy_header header;

    TRY(npy_read_header(src->path, src->bytes, src->n_bytes, &header, err));
    TRY(npy_check_size(src->path, &header, src->n_bytes, err));
    TRY(adopt(src, src->path, &header, err));
done:
    return rc;
}

/* Puts the array's file in the place of the archive. */
static enum status npz_open(struct source *src, struct err *err)
{
    enum status rc = OK;
    struct npz_member member = {0};

    TRY(npz_extract(src->path, src->bytes, src->n_bytes, "data.dataset", src->wanted, src->limit,
                    &member, err));
    free(src->bytes);
    src->bytes = member.bytes;
    src->n_bytes = member.n_bytes;
    src->dataset = member.name;
    member.bytes = NULL;
    member.name = NULL;
    TRY(adopt(src, member.where, &member.header, err));
done:
    npz_release(&member);
    return rc;
}

static void npy_row(const struct source *src, size_t n, double *out)
{
    npy_values(src->state, src->bytes, n * src->n_cols, src->n_cols, out);
}

static size_t npy_cell(const struct source *src, size_t n, size_t d, char *text, size_t size)
{
    char number[NUMBER_TEXT];
    double value;

    npy_values(src->state, src->bytes, n * src->n_cols + d, 1, &value);
    number_print(value, number);
    snprintf(text, size, "%s", number);
    return strlen(number);
}

static void npy_close(struct source *src)
{
    free(src->state);
}

const struct source_reader source_npy = {
    .name = "NPY",
    .probe = npy_probe,
    .promise = npy_promise,
    .open = npy_open,
    .row = npy_row,
    .cell = npy_cell,
    .close = npy_close,
};

const struct source_reader source_npz = {
    .name = "NPZ",
    .probe = npz_probe,
    .open = npz_open,
    .row = npy_row,
    .cell = npy_cell,
    .close = npy_close,
};
