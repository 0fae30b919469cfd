/* h5attr.c - attributes of our own files. */
#include "h5_parts.h"

static enum status put_attr(struct h5 *h5, const char *object, const char *name, enum h5_type type,
                            size_t n, const void *values, struct err *err)
{
    hsize_t dims[1] = {n};
    hid_t space = n == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, dims, NULL);
    hid_t file_type = h5_type_of(type, true), memory_type = h5_type_of(type, false);
    hid_t at = H5Oopen(h5->file, object, H5P_DEFAULT);
    if (at >= 0 && H5Aexists(at, name) > 0) H5Adelete(at, name);
    hid_t attr = at < 0 ? -1 : H5Acreate2(at, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
    enum status rc = OK;
    if (attr < 0 || H5Awrite(attr, memory_type, values) < 0)
        rc = h5_cannot(h5, "write an attribute of", object, err);
    if (attr >= 0) H5Aclose(attr);
    if (at >= 0) H5Oclose(at);
    H5Tclose(memory_type);
    H5Tclose(file_type);
    H5Sclose(space);
    return rc;
}

enum status h5_attr_text(struct h5 *h5, const char *object, const char *name, const char *value,
                         struct err *err)
{
    return put_attr(h5, object, name, H5_TEXT, 1, &value, err);
}

enum status h5_attr_ints(struct h5 *h5, const char *object, const char *name, size_t n,
                         const int64_t *values, struct err *err)
{
    return put_attr(h5, object, name, H5_INT, n, values, err);
}

enum status h5_attr_flags(struct h5 *h5, const char *object, const char *name, size_t n,
                          const int8_t *values, struct err *err)
{
    return put_attr(h5, object, name, H5_FLAG, n, values, err);
}

/* values [n]: what an attribute of so many values of the kind has. */
static enum status read_attr(struct h5 *h5, const char *object, const char *name, enum h5_type kind,
                             size_t n, void *values, struct err *err)
{
    enum status rc = OK;
    h5_begin(h5->path, name, h5->n_bytes);
    hid_t at = H5Oopen(h5->file, object, H5P_DEFAULT);
    hid_t attr = at < 0 ? -1 : H5Aopen(at, name, H5P_DEFAULT);
    hid_t file_type = attr < 0 ? -1 : H5Aget_type(attr);
    hid_t space = file_type < 0 ? -1 : H5Aget_space(attr);
    hid_t type = -1;
    if (space < 0) {
        rc = h5_cannot(h5, "read attribute", name, err);
        goto done;
    }
    type = h5_type_of(kind, false);
    if (!h5_is_of_type(file_type, kind) || H5Sget_simple_extent_npoints(space) != (hssize_t)n)
        FAIL(err, ERR_DATA, "%s: attribute %s of %s: expected %zu %s%s", h5->path, name, object, n,
             kind == H5_TEXT ? "text" : "integer", n == 1 ? "" : "s");
    if (H5Aread(attr, type, values) < 0) rc = h5_cannot(h5, "read attribute", name, err);
done:
    h5_end();
    if (type >= 0) H5Tclose(type);
    if (space >= 0) H5Sclose(space);
    if (file_type >= 0) H5Tclose(file_type);
    if (attr >= 0) H5Aclose(attr);
    if (at >= 0) H5Oclose(at);
    return rc;
}

enum status h5_read_attr(struct h5 *h5, const char *object, const char *name, char **out,
                         struct err *err)
{
    *out = NULL;
    enum status rc = read_attr(h5, object, name, H5_TEXT, 1, out, err);
    return rc == OK ? h5_fill_in(out, 1, err) : rc;
}

enum status h5_read_attr_ints(struct h5 *h5, const char *object, const char *name, size_t n,
                              int64_t *out, struct err *err)
{
    return read_attr(h5, object, name, H5_INT, n, out, err);
}

bool h5_has_attr(struct h5 *h5, const char *object, const char *name)
{
    h5_begin(h5->path, name, h5->n_bytes);
    const bool has = H5Aexists_by_name(h5->file, object, name, H5P_DEFAULT) > 0;
    h5_end();
    return has;
}
