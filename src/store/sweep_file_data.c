/* sweep_file_data.c - what a result file says of its data, its config and its sessions. */
#include "sweep_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void free_texts(char **texts, size_t n)
{
    for (size_t i = 0; texts != NULL && i < n; i++)
        free(texts[i]);
    free(texts);
}

/* Reads the column `path` of n values; one that is optional and not there is NULL. */
static enum status read_column(const struct sweep_file *file, const char *path, enum h5_type type,
                               size_t n, bool optional, void *out, struct err *err)
{
    enum status rc = OK;
    const struct h5_array array = {.path = path, .type = type, .rank = 1, .dims = {n}};
    size_t got;
    if (optional && !h5_exists(file->h5, path)) return OK;
    TRY(h5_expect(file->h5, &array, 0, n, err));
    TRY(h5_read(file->h5, path, type, &got, out, err));
done:
    return rc;
}

/* A height and a width, which rows that are no images lack. */
static enum status read_shape(const struct sweep_file *file, const char *name, size_t shape[2],
                              struct err *err)
{
    enum status rc = OK;
    int64_t sides[2];
    if (!h5_has_attr(file->h5, "/data", name)) return OK;
    TRY(h5_read_attr_ints(file->h5, "/data", name, 2, sides, err));
    for (size_t i = 0; i < 2; i++) {
        if (sides[i] < 1)
            FAIL(err, ERR_DATA, "%s: %s of /data is %lld x %lld, expected sides of 1 or more",
                 file->path, name, (long long)sides[0], (long long)sides[1]);
        shape[i] = (size_t)sides[i];
    }
done:
    return rc;
}

/* Pixels in rows, or rows that are pixels, must be as many as there are. */
static enum status check_shape(const struct sweep_file *file, const char *name,
                               const size_t shape[2], size_t n, struct err *err)
{
    size_t area;
    if (shape[0] == 0) return OK;
    if (!__builtin_mul_overflow(shape[0], shape[1], &area) && area == n) return OK;
    return err_set(err, ERR_DATA, "%s: %s of /data is %zu x %zu, expected sides that make %zu",
                   file->path, name, shape[0], shape[1], n);
}

enum status sweep_file_read_data(const struct sweep_file *file, struct sweep_data *data,
                                 struct err *err)
{
    enum status rc = OK;
    struct h5 *h5 = file->h5;
    const size_t n = file->n_features;
    *data = (struct sweep_data){.n_features = n, .n_classes = file->n_classes};
    TRY(h5_read_attr(h5, "/data", "path", &data->path, err));
    TRY(h5_read_attr(h5, "/data", "dtype", &data->dtype, err));
    TRY(read_shape(file, "image_shape", data->image_shape, err));
    TRY(check_shape(file, "image_shape", data->image_shape, n, err));
    TRY(read_shape(file, "picture_shape", data->picture_shape, err));
    TRY(read_column(file, "/data/feature", H5_TEXT, n, false, &data->feature_names, err));
    if (file->n_classes > 0)
        TRY(read_column(file, "/data/class", H5_TEXT, file->n_classes, false, &data->class_names,
                        err));
    TRY(read_column(file, "/data/mean", H5_REAL, n, false, &data->mean, err));
    TRY(read_column(file, "/data/variance", H5_REAL, n, false, &data->variance, err));
    for (size_t d = 0; d < n; d++)
        if (!isfinite(data->mean[d]) || !(data->variance[d] >= 0.0) || !isfinite(data->variance[d]))
            FAIL(err, ERR_DATA,
                 "%s: feature %zu of /data has mean %g and variance %g, expected finite numbers",
                 file->path, d, data->mean[d], data->variance[d]);
    TRY(read_column(file, "/data/constant", H5_FLAG, n, false, &data->constant, err));
done:
    if (rc != OK) sweep_data_free(data);
    return rc;
}

void sweep_data_free(struct sweep_data *data)
{
    free_texts(data->feature_names, data->n_features);
    free_texts(data->class_names, data->n_classes);
    free(data->path);
    free(data->dtype);
    free(data->mean);
    free(data->variance);
    free(data->constant);
    *data = (struct sweep_data){0};
}

enum status sweep_file_read_rows(const struct sweep_file *file, struct sweep_rows *rows,
                                 struct err *err)
{
    enum status rc = OK;
    const size_t n = file->n_rows;
    *rows = (struct sweep_rows){.n_rows = n};
    TRY(read_column(file, "/data/row", H5_INT, n, false, &rows->source_row, err));
    TRY(read_column(file, "/data/label", H5_INT, n, true, &rows->label, err));
    TRY(read_column(file, "/data/weight", H5_REAL, n, true, &rows->weight, err));
    TRY(read_column(file, "/data/heldout", H5_FLAG, n, true, &rows->heldout, err));
    for (size_t i = 0; rows->label != NULL && i < n; i++)
        if (rows->label[i] < 0 || (size_t)rows->label[i] >= file->n_classes)
            FAIL(err, ERR_DATA, "%s: /data/label[%zu] is %lld, expected 0 to %zu", file->path, i,
                 (long long)rows->label[i], file->n_classes - 1);
done:
    if (rc != OK) sweep_rows_free(rows);
    return rc;
}

void sweep_rows_free(struct sweep_rows *rows)
{
    free(rows->source_row);
    free(rows->label);
    free(rows->weight);
    free(rows->heldout);
    *rows = (struct sweep_rows){0};
}

enum status sweep_file_read_config(const struct sweep_file *file, const char *name, char **out,
                                   struct err *err)
{
    char path[128];
    snprintf(path, sizeof path, "/config/%s", name);
    return h5_read_text(file->h5, path, out, err);
}

enum status sweep_file_read_attr(const struct sweep_file *file, const char *name, char **out,
                                 struct err *err)
{
    return h5_read_attr(file->h5, "/", name, out, err);
}

enum status sweep_file_read_sessions(const struct sweep_file *file, size_t *n,
                                     struct session **sessions, struct err *err)
{
    enum status rc = OK;
    struct session *list = NULL;
    char path[128], **texts = NULL;
    size_t n_texts = 0;
    int rank;
    size_t dims[H5_MAX_RANK];
    *sessions = NULL;
    TRY(h5_shape(file->h5, "/provenance/session", &rank, dims, err));
    for (size_t i = 0; i < n_session_fields; i++) {
        snprintf(path, sizeof path, "/provenance/%s", session_fields[i].name);
        TRY(read_column(file, path, H5_TEXT, dims[0], false, &texts, err));
        n_texts = dims[0];
        if (list == NULL) TRY_ALLOC(list, n_texts, err); /* the file has proved so many */
        for (size_t s = 0; s < n_texts; s++)
            snprintf((char *)&list[s] + session_fields[i].offset, sizeof list->host, "%s",
                     texts[s]);
        free_texts(texts, n_texts);
        texts = NULL;
    }
    *n = dims[0];
    *sessions = list;
    list = NULL;
done:
    free_texts(texts, n_texts);
    free(list);
    return rc;
}
