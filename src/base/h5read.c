/* h5read.c - reads files of our own, which may be damaged or somebody else's work. */
#include "h5io.h"

#include "digest.h"
#include "h5_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool h5_is_of_type(hid_t type, enum h5_type kind)
{
    switch (kind) {
    case H5_TEXT:
        return H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) > 0;
    case H5_REAL:
        return H5Tget_class(type) == H5T_FLOAT;
    case H5_INT:
        return H5Tget_class(type) == H5T_INTEGER && H5Tget_size(type) == 8;
    case H5_FLAG:
        break;
    }
    return H5Tget_class(type) == H5T_INTEGER && H5Tget_size(type) == 1;
}

enum status h5_fill_in(char **texts, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++)
        if (texts[i] == NULL && (texts[i] = calloc(1, 1)) == NULL)
            return err_set(err, ERR_INTERNAL, "out of memory: a text of a result file");
    return OK;
}

bool h5_exists(struct h5 *h5, const char *path)
{
    h5_begin(h5->path, path, h5->n_bytes);
    const bool exists = H5Lexists(h5->file, path, H5P_DEFAULT) > 0;
    h5_end();
    return exists;
}

/* A dataset that is read. */
struct set {
    hid_t id, space;
    enum h5_type type;
    int rank;
    hsize_t dims[H5_MAX_RANK];
    size_t row; /* values of an index of the first axis */
};

static void set_close(struct set *set)
{
    if (set->space >= 0) H5Sclose(set->space);
    if (set->id >= 0) H5Dclose(set->id);
}

static enum status set_type(struct h5 *h5, const char *path, struct set *set, struct err *err)
{
    static const enum h5_type types[] = {H5_TEXT, H5_REAL, H5_INT, H5_FLAG};
    const size_t n = sizeof types / sizeof *types;
    char kind[H5_KIND];
    size_t i = 0;
    hid_t type = H5Dget_type(set->id);
    if (type < 0) return h5_cannot(h5, "open dataset", path, err);
    while (i < n && !h5_is_of_type(type, types[i]))
        i++;
    h5_describe_type(type, kind);
    H5Tclose(type);
    if (i == n)
        return err_set(err, ERR_DATA, "%s: %s holds %s, which is nothing that gmmsweep writes",
                       h5->path, path, kind);
    set->type = types[i];
    return OK;
}

/* set_close is called in any case. */
static enum status set_open(struct h5 *h5, const char *path, struct set *set, struct err *err)
{
    enum status rc = OK;
    *set = (struct set){.space = -1, .dims = {1, 1, 1, 1}, .row = 1};
    h5_begin(h5->path, path, h5->n_bytes);
    set->id = H5Dopen2(h5->file, path, H5P_DEFAULT);
    if (set->id >= 0) set->space = H5Dget_space(set->id);
    if (set->space < 0) rc = h5_cannot(h5, "open dataset", path, err);
    h5_end();
    TRY(rc);
    set->rank = H5Sget_simple_extent_ndims(set->space);
    if (H5Sget_simple_extent_type(set->space) == H5S_NULL || set->rank < 0 ||
        set->rank > H5_MAX_RANK)
        FAIL(err, ERR_DATA, "%s: %s has %d axes, expected up to %d", h5->path, path, set->rank,
             H5_MAX_RANK);
    H5Sget_simple_extent_dims(set->space, set->dims, NULL);
    for (int i = 1; i < set->rank; i++)
        if (__builtin_mul_overflow(set->row, (size_t)set->dims[i], &set->row))
            FAIL(err, ERR_DATA, "%s: %s promises more values than any file can have", h5->path,
                 path);
    TRY(set_type(h5, path, set, err));
done:
    return rc;
}

/* Whether the file proves these indices. */
static enum status set_check(struct h5 *h5, const char *path, const struct set *set, size_t first,
                             size_t count, struct err *err)
{
    char where[512];
    size_t chunk_bytes;
    snprintf(where, sizeof where, "%.380s: %.120s", h5->path, path);
    return h5_check_stored(set->id, where, h5->n_bytes, first, count, &chunk_bytes, err);
}

/* out [count, row]; of a scalar, first is 0 and count 1. */
static enum status set_read(struct h5 *h5, const char *path, const struct set *set, size_t first,
                            size_t count, void *out, struct err *err)
{
    enum status rc = OK;
    hsize_t start[H5_MAX_RANK] = {first}, dims[H5_MAX_RANK];
    memcpy(dims, set->dims, sizeof dims);
    if (count == 0 || set->row == 0) return OK;
    dims[0] = count;
    hid_t memory = set->rank > 0 ? H5Screate_simple(set->rank, dims, NULL) : H5Screate(H5S_SCALAR);
    hid_t type = h5_type_of(set->type, false);
    h5_begin(h5->path, path, h5->n_bytes);
    if ((set->rank > 0 &&
         H5Sselect_hyperslab(set->space, H5S_SELECT_SET, start, NULL, dims, NULL) < 0) ||
        H5Dread(set->id, type, memory, set->space, H5P_DEFAULT, out) < 0)
        rc = h5_cannot(h5, "read dataset", path, err);
    h5_end();
    if (rc == OK && set->type == H5_TEXT) rc = h5_fill_in(out, count * set->row, err);
    H5Tclose(type);
    H5Sclose(memory);
    return rc;
}

enum status h5_shape(struct h5 *h5, const char *path, int *rank, size_t dims[H5_MAX_RANK],
                     struct err *err)
{
    struct set set;
    enum status rc = set_open(h5, path, &set, err);
    if (rc == OK) {
        *rank = set.rank;
        for (int i = 0; i < H5_MAX_RANK; i++)
            dims[i] = (size_t)set.dims[i];
    }
    set_close(&set);
    return rc;
}

/* "[3, 4, 4]" */
static void print_shape(int rank, const size_t *dims, char out[128])
{
    size_t at = 0;
    out[at++] = '[';
    for (int i = 0; i < rank; i++)
        at += (size_t)snprintf(out + at, 128 - at, "%s%zu", i > 0 ? ", " : "", dims[i]);
    snprintf(out + at, 128 - at, "]");
}

static enum status set_expect(struct h5 *h5, const struct h5_array *array, size_t first,
                              size_t count, struct set *set, struct err *err)
{
    enum status rc = OK;
    static const char *const kinds[] = {
        [H5_TEXT] = "texts", [H5_REAL] = "reals", [H5_INT] = "integers", [H5_FLAG] = "flags"};
    char shape[128], expected[128];
    size_t dims[H5_MAX_RANK];
    bool same = true;
    TRY(set_open(h5, array->path, set, err));
    if (set->type != array->type)
        FAIL(err, ERR_DATA, "%s: %s holds %s, expected %s", h5->path, array->path, kinds[set->type],
             kinds[array->type]);
    for (int i = 0; i < set->rank; i++)
        dims[i] = (size_t)set->dims[i];
    for (int i = 0; i < set->rank && i < array->rank; i++)
        same &= dims[i] == array->dims[i];
    if (!same || set->rank != array->rank) {
        print_shape(set->rank, dims, shape);
        print_shape(array->rank, array->dims, expected);
        FAIL(err, ERR_DATA, "%s: %s has shape %s, expected %s", h5->path, array->path, shape,
             expected);
    }
    const size_t n = array->rank > 0 ? array->dims[0] : 1;
    if (first > n || count > n - first)
        FAIL(err, ERR_DATA, "%s: %s has %zu entries, expected %zu from %zu", h5->path, array->path,
             n, count, first);
    TRY(set_check(h5, array->path, set, first, count, err));
done:
    return rc;
}

enum status h5_expect(struct h5 *h5, const struct h5_array *array, size_t first, size_t count,
                      struct err *err)
{
    struct set set;
    enum status rc = set_expect(h5, array, first, count, &set, err);
    set_close(&set);
    return rc;
}

enum status h5_get(struct h5 *h5, const struct h5_array *array, size_t first, size_t count,
                   void *out, struct err *err)
{
    struct set set;
    enum status rc = set_expect(h5, array, first, count, &set, err);
    if (rc == OK) rc = set_read(h5, array->path, &set, first, count, out, err);
    set_close(&set);
    return rc;
}

enum status h5_read(struct h5 *h5, const char *path, enum h5_type type, size_t *n, void *out,
                    struct err *err)
{
    enum status rc = OK;
    struct h5_array array = {.path = path, .type = type, .rank = 1};
    size_t dims[H5_MAX_RANK];
    void *data = NULL;
    int rank;
    TRY(h5_shape(h5, path, &rank, dims, err));
    array.dims[0] = dims[0];
    TRY(h5_expect(h5, &array, 0, dims[0], err));
    TRY(err_alloc(dims[0], h5_size_of(type), path, &data, err));
    TRY(h5_get(h5, &array, 0, dims[0], data, err));
    *n = dims[0];
    memcpy(out, &data, sizeof data);
    data = NULL;
done:
    free(data);
    return rc;
}

enum status h5_read_text(struct h5 *h5, const char *path, char **out, struct err *err)
{
    const struct h5_array array = {.path = path, .type = H5_TEXT};
    *out = NULL;
    return h5_get(h5, &array, 0, 1, out, err);
}

/* --- lists and digests --- */

struct path_list {
    size_t n;
    char **paths;
    struct err *err;
    bool out_of_memory;
};

static herr_t collect_dataset(hid_t root, const char *name, const H5L_info_t *link, void *data)
{
    (void)link;
    struct path_list *list = data;
    H5O_info_t info;
    char *path = NULL;
    if (H5Oget_info_by_name(root, name, &info, H5P_DEFAULT) < 0) return -1;
    if (info.type != H5O_TYPE_DATASET) return 0;
    if (err_grow(list->n, sizeof *list->paths, "the paths of datasets", &list->paths, list->err) !=
            OK ||
        asprintf(&path, "/%s", name) < 0) {
        list->out_of_memory = true;
        return -1;
    }
    list->paths[list->n++] = path;
    return 0;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum status h5_list(struct h5 *h5, size_t *n, char ***paths, struct err *err)
{
    struct path_list list = {.err = err};
    enum status rc = OK;
    h5_begin(h5->path, "the list of its datasets", h5->n_bytes);
    const herr_t visited = H5Lvisit(h5->file, H5_INDEX_NAME, H5_ITER_INC, collect_dataset, &list);
    h5_end();
    if (visited < 0)
        rc = list.out_of_memory ? err_set(err, ERR_INTERNAL, "out of memory: the paths of datasets")
                                : h5_cannot(h5, "list", "the datasets", err);
    if (list.n > 0) qsort(list.paths, list.n, sizeof *list.paths, compare_paths);
    *n = list.n;
    *paths = list.paths;
    return rc;
}

static void digest_values(struct digest *digest, enum h5_type type, size_t n, void *data)
{
    if (type == H5_REAL) digest_doubles(digest, data, n);
    if (type == H5_FLAG) digest_update(digest, data, n);
    if (type == H5_INT)
        for (size_t i = 0; i < n; i++)
            digest_u64(digest, (uint64_t)((int64_t *)data)[i]);
    if (type == H5_TEXT)
        for (size_t i = 0; i < n; i++) {
            digest_text(digest, ((char **)data)[i]);
            free(((char **)data)[i]);
            ((char **)data)[i] = NULL;
        }
}

/* Rows of the dataset are read a stretch at a time, so that a large one needs little memory. */
static enum status digest_dataset(struct h5 *h5, const char *path, struct digest *digest,
                                  struct err *err)
{
    enum status rc = OK;
    unsigned char *data = NULL;
    struct set set;
    TRY(set_open(h5, path, &set, err));
    const size_t n_rows = set.rank > 0 ? (size_t)set.dims[0] : 1;
    digest_text(digest, path);
    digest_u64(digest, (uint64_t)set.type);
    digest_u64(digest, (uint64_t)set.rank);
    for (int i = 0; i < set.rank; i++)
        digest_u64(digest, set.dims[i]);
    TRY(set_check(h5, path, &set, 0, n_rows, err));
    size_t stretch = set.row == 0 ? n_rows : H5_CHUNK_BYTES / set.row / h5_size_of(set.type);
    if (stretch == 0) stretch = 1;
    if (stretch > n_rows) stretch = n_rows;
    TRY(err_alloc(stretch * set.row, h5_size_of(set.type), path, &data, err));
    for (size_t first = 0; first < n_rows && set.row > 0; first += stretch) {
        if (first + stretch > n_rows) stretch = n_rows - first;
        TRY(set_read(h5, path, &set, first, stretch, data, err));
        digest_values(digest, set.type, stretch * set.row, data);
    }
done:
    free(data);
    set_close(&set);
    return rc;
}

enum status h5_digest(struct h5 *h5, bool (*include)(const char *path), char out[65],
                      struct err *err)
{
    enum status rc = OK;
    size_t n = 0;
    char **paths = NULL;
    struct digest *digest = NULL;
    TRY(digest_create(&digest, err));
    TRY(h5_list(h5, &n, &paths, err));
    for (size_t i = 0; i < n; i++)
        if (include(paths[i])) TRY(digest_dataset(h5, paths[i], digest, err));
    TRY(digest_finish(digest, out, err));
done:
    for (size_t i = 0; i < n; i++)
        free(paths[i]);
    free(paths);
    digest_destroy(&digest);
    return rc;
}
