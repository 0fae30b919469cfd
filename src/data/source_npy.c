/* Arrays of NumPy, alone (NPY) or one out of an archive (NPZ): the first dimension counts the rows,
 * the others are a row's values in C order; with two others a row is an image. */
#include "npy.h"
#include "source.h"

#include <stdlib.h>

/* src->bytes are the NPY file whose layout is in src. */
static enum status check_rank(const struct source *src, const char *where, struct err *err)
{
    if (src->layout.rank > 0) return OK;
    return err_set(err, ERR_DATA, "%s: is a single value, expected an array of rows", where);
}

static enum status npy_open(struct source *src, struct err *err)
{
    enum status rc = OK;

    TRY(npy_read_header(src->path, src->bytes, src->n_bytes, &src->layout, err));
    TRY(npy_check_size(src->path, &src->layout, src->n_bytes, err));
    TRY(check_rank(src, src->path, err));
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
    src->layout = member.header;
    src->dataset = member.name;
    src->arrays = member.names;
    src->n_arrays = member.n_names;
    TRY(check_rank(src, member.where, err));
done:
    free(member.where); /* the rest is the source's */
    return rc;
}

const struct source_reader source_npy = {
    .name = "NPY",
    .probe = npy_probe,
    .promise = npy_promise,
    .open = npy_open,
};

const struct source_reader source_npz = {
    .name = "NPZ",
    .probe = npz_probe,
    .open = npz_open,
};
