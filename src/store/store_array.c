#include "store_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t axis_size(const struct axes *axes, const char *name)
{
    if (strcmp(name, "fit") == 0) return axes->fit;
    if (strcmp(name, "component") == 0) return axes->component;
    if (strcmp(name, "class") == 0) return axes->class;
    if (strcmp(name, "entry") == 0) return axes->entry;
    if (strcmp(name, "row") == 0) return axes->row;
    if (strcmp(name, "session") == 0) return axes->session;
    return axes->feature; /* feature, feature_2 */
}

void store_shape(const struct axes *axes, const char *axes_text, struct h5_array *array,
                 char scale[H5_MAX_RANK][64])
{
    array->rank = 0;
    for (const char *at = axes_text; *at != '\0'; array->rank++) {
        size_t length = strcspn(at, " ");
        snprintf(scale[array->rank], sizeof scale[0], "%.*s", (int)length, at);
        array->dims[array->rank] = axis_size(axes, scale[array->rank]);
        at += length + (at[length] == ' ');
    }
}

enum status store_put_array(struct h5 *h5, const char *group, const char *name, enum h5_type type,
                            const struct axes *axes, const char *axes_text, const char *units,
                            const char *long_name, const void *data, struct err *err)
{
    enum status rc = OK;
    char path[256], scale[H5_MAX_RANK][64], scale_path[512];
    struct h5_array array = {.path = path,
                             .type = type,
                             .chunk_rows = axes->fit_chunk,
                             .long_name = long_name,
                             .units = type == H5_TEXT ? NULL : units};
    snprintf(path, sizeof path, "%s/%s", group, name);
    store_shape(axes, axes_text, &array, scale);
    TRY(h5_write(h5, &array, data, err));
    for (int i = 0; i < array.rank; i++) {
        snprintf(scale_path, sizeof scale_path, "%s/%s", group, scale[i]);
        TRY(h5_attach_scale(h5, path, i, scale_path, err));
    }
done:
    return rc;
}

enum status store_put_axis(struct h5 *h5, const char *group, const char *name, enum h5_type type,
                           size_t n, const char *long_name, const void *values, struct err *err)
{
    enum status rc = OK;
    char path[256];
    snprintf(path, sizeof path, "%s/%s", group, name);
    struct h5_array array = {.path = path,
                             .type = type,
                             .rank = 1,
                             .dims = {n},
                             .long_name = long_name,
                             .units = type == H5_TEXT ? NULL : "1"};
    TRY(h5_write(h5, &array, values, err));
    TRY(h5_make_scale(h5, path, name, err));
done:
    return rc;
}

enum status store_put_index_axis(struct h5 *h5, const char *group, const char *name, size_t n,
                                 const char *long_name, struct err *err)
{
    enum status rc = OK;
    int64_t *index = NULL;
    TRY_ALLOC(index, n, err);
    for (size_t i = 0; i < n; i++)
        index[i] = (int64_t)i;
    TRY(store_put_axis(h5, group, name, H5_INT, n, long_name, index, err));
done:
    free(index);
    return rc;
}

enum status store_put_text(struct h5 *h5, const char *path, const char *long_name, const char *text,
                           struct err *err)
{
    struct h5_array array = {.path = path, .type = H5_TEXT, .long_name = long_name};
    return h5_write(h5, &array, &text, err);
}

enum status store_mark_flag(struct h5 *h5, const char *path, struct err *err)
{
    const int8_t values[2] = {0, 1};
    enum status rc = h5_attr_flags(h5, path, "flag_values", 2, values, err);
    return rc == OK ? h5_attr_text(h5, path, "flag_meanings", "no yes", err) : rc;
}
