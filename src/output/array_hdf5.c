/* array_hdf5.c - arrays as HDF5: every axis has a dimension scale, as in sweep.h5. */
#include "array_parts.h"
#include "h5io.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static enum h5_type type_of(enum array_type type)
{
    return type == ARRAY_TEXT ? H5_TEXT : type == ARRAY_INT ? H5_INT : H5_REAL;
}

/* Makes the dimension scale of the axis, unless an array before has made it. */
static enum status put_axis(struct h5 *h5, const struct array_axis *axis, struct err *err)
{
    enum status rc = OK;
    int64_t *index = NULL;
    if (h5_exists(h5, axis->name)) return OK;
    struct h5_array array = {.path = axis->name,
                             .type = axis->labels != NULL ? H5_TEXT : H5_INT,
                             .rank = 1,
                             .dims = {axis->n},
                             .long_name = axis->name,
                             .units = axis->labels != NULL ? NULL : "1"};
    TRY_ALLOC(index, axis->n, err);
    for (size_t i = 0; i < axis->n; i++)
        index[i] = (int64_t)i;
    TRY(h5_write(h5, &array, axis->labels != NULL ? (const void *)axis->labels : index, err));
    TRY(h5_make_scale(h5, axis->name, axis->name, err));
done:
    free(index);
    return rc;
}

static enum status put_array(struct h5 *h5, const struct named_array *named, struct err *err)
{
    enum status rc = OK;
    struct h5_array array = {.path = named->name,
                             .type = type_of(named->type),
                             .rank = (int)named->rank,
                             .long_name = named->long_name,
                             .units = named->type == ARRAY_TEXT ? NULL : named->units};
    for (size_t i = 0; i < named->rank; i++) {
        array.dims[i] = named->axes[i]->n;
        TRY(put_axis(h5, named->axes[i], err));
    }
    TRY(h5_write(h5, &array, named->values, err));
    for (size_t i = 0; i < named->rank; i++)
        TRY(h5_attach_scale(h5, named->name, (int)i, named->axes[i]->name, err));
done:
    return rc;
}

enum status array_write_hdf5(const char *temporary, size_t n, const struct named_array *arrays,
                             struct err *err)
{
    enum status rc = OK;
    struct h5 *h5 = NULL;
    TRY(h5_create(temporary, &h5, err));
    for (size_t a = 0; a < n; a++)
        TRY(put_array(h5, &arrays[a], err));
    TRY(h5_close(&h5, err));
done:
    h5_abandon(&h5);
    return rc;
}
