#include "h5io.h"

#include "digest.h"
#include "h5_parts.h"

#include <hdf5_hl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFLATE_FROM_BYTES 65536
#define DEFLATE_LEVEL                                                                              \
    1 /* 4 makes the file of 10,000 small fits 1 % smaller and takes a fifth longer */
#define LARGEST_CHUNK ((size_t)1 << 30)
#define CHUNK_BYTES (1 << 20) /* of arrays not chunked by row; HDF5's chunk cache is 1 MiB */

struct h5 {
    hid_t file;
    bool writing;
    char path[4096];
};

/* --- errors --- */

struct cause {
    char text[512];
};

static herr_t keep_deepest(unsigned n, const H5E_error2_t *error, void *cause)
{
    (void)n;
    if (error->desc != NULL)
        snprintf(((struct cause *)cause)->text, sizeof((struct cause *)cause)->text, "%s",
                 error->desc);
    return 0;
}

/* Of a cause that quotes the system, the quotation is what matters. */
enum status h5_failed(enum status status, const char *where, const char *what, const char *object,
                      struct err *err)
{
    struct cause cause = {"no cause given by the HDF5 library"};
    const char *quote = "error message = '";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keep_deepest, &cause);
    const char *text = strstr(cause.text, quote);
    text = text != NULL ? text + strlen(quote) : cause.text;
    int length = (int)strcspn(text, text == cause.text ? "\n" : "'");
    return err_set(err, status, "%s: cannot %s %s: %.*s", where, what, object, length, text);
}

static enum status failed(const struct h5 *h5, const char *what, const char *object,
                          struct err *err)
{
    return h5_failed(h5->writing ? ERR_OUTPUT : ERR_DATA, h5->path, what, object, err);
}

/* --- files and groups --- */

void h5_init(void)
{
    H5dont_atexit(); /* its last clean-up crashes on files that could not be written */
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

hid_t h5_access(void)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
#if H5_VERSION_GE(1, 10, 7)
    H5Pset_file_locking(access, 0, 1); /* fails on Lustre and NFS; our own lock serves */
#endif
    return access;
}

static enum status open_file(const char *path, bool create, bool writing, struct h5 **out,
                             struct err *err)
{
    enum status rc = OK;
    struct h5 *h5 = NULL;
    *out = NULL;
    TRY_ALLOC(h5, 1, err);
    snprintf(h5->path, sizeof h5->path, "%s", path);
    h5->writing = writing;
    hid_t access = h5_access();
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V110);
    if (create) {
        hid_t creation = H5Pcreate(H5P_FILE_CREATE);
        H5Pset_link_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
        h5->file = H5Fcreate(path, H5F_ACC_TRUNC, creation, access);
        if (h5->file < 0) rc = failed(h5, "create", "the file", err);
        H5Pclose(creation);
    } else {
        h5->file = H5Fopen(path, writing ? H5F_ACC_RDWR : H5F_ACC_RDONLY, access);
        if (h5->file < 0) rc = failed(h5, "open", "the file", err);
    }
    H5Pclose(access);
    if (rc != OK) goto done;
    *out = h5;
    h5 = NULL;
done:
    free(h5);
    return rc;
}

enum status h5_create(const char *path, struct h5 **out, struct err *err)
{
    return open_file(path, true, true, out, err);
}

enum status h5_open(const char *path, bool writable, struct h5 **out, struct err *err)
{
    return open_file(path, false, writable, out, err);
}

enum status h5_close(struct h5 **h5, struct err *err)
{
    enum status rc = OK;
    if ((*h5)->writing && H5Fflush((*h5)->file, H5F_SCOPE_GLOBAL) < 0)
        rc = failed(*h5, "flush", "the file", err);
    if (H5Fclose((*h5)->file) < 0 && rc == OK) rc = failed(*h5, "close", "the file", err);
    free(*h5);
    *h5 = NULL;
    return rc;
}

void h5_abandon(struct h5 **h5)
{
    if (*h5 == NULL) return;
    /* A file that could not be written may not survive closing either; it goes with the process. */
    if (!(*h5)->writing) H5Fclose((*h5)->file);
    free(*h5);
    *h5 = NULL;
}

enum status h5_group(struct h5 *h5, const char *path, struct err *err)
{
    hid_t creation = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_link_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    hid_t group = H5Gcreate2(h5->file, path, H5P_DEFAULT, creation, H5P_DEFAULT);
    enum status rc = OK;
    if (group < 0 || H5Gclose(group) < 0) rc = failed(h5, "create group", path, err);
    H5Pclose(creation);
    return rc;
}

bool h5_exists(struct h5 *h5, const char *path)
{
    return H5Lexists(h5->file, path, H5P_DEFAULT) > 0;
}

/* --- types --- */

static hid_t text_type(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

/* The type in memory or, little-endian, in the file; to be closed. */
static hid_t type_of(enum h5_type type, bool in_file)
{
    switch (type) {
    case H5_REAL:
        return H5Tcopy(in_file ? H5T_IEEE_F64LE : H5T_NATIVE_DOUBLE);
    case H5_INT:
        return H5Tcopy(in_file ? H5T_STD_I64LE : H5T_NATIVE_INT64);
    case H5_FLAG:
        return H5Tcopy(in_file ? H5T_STD_I8LE : H5T_NATIVE_INT8);
    case H5_TEXT:
        break;
    }
    return text_type();
}

static size_t size_of(enum h5_type type)
{
    return type == H5_FLAG ? 1 : 8; /* a text is a pointer */
}

/* --- writing --- */

static hid_t creation_properties(const struct h5_array *array)
{
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    if (array->rank == 0) return creation;
    hsize_t chunk[H5_MAX_RANK];
    size_t row_bytes = size_of(array->type);
    for (int i = 1; i < array->rank; i++) {
        chunk[i] = array->dims[i];
        row_bytes *= array->dims[i];
    }
    /* HDF5 wants chunks under 4 GiB: a row that is larger is cut along its next axes. */
    for (int i = 1; i < array->rank && row_bytes > LARGEST_CHUNK; i++) {
        row_bytes /= array->dims[i];
        chunk[i] = 1;
    }
    size_t rows = array->chunk_rows > 0 ? array->chunk_rows : CHUNK_BYTES / row_bytes;
    if (rows > array->dims[0]) rows = array->dims[0];
    chunk[0] = rows == 0 ? 1 : rows;
    H5Pset_chunk(creation, array->rank, chunk);
    H5Pset_attr_creation_order(creation, H5P_CRT_ORDER_TRACKED);
    if (array->type == H5_TEXT) return creation;
    if (row_bytes * array->dims[0] > DEFLATE_FROM_BYTES) {
        H5Pset_shuffle(creation);
        H5Pset_deflate(creation, DEFLATE_LEVEL);
    }
    H5Pset_fletcher32(creation);
    return creation;
}

static hid_t space_of(const struct h5_array *array)
{
    hsize_t dims[H5_MAX_RANK];
    for (int i = 0; i < array->rank; i++)
        dims[i] = array->dims[i];
    return array->rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(array->rank, dims, NULL);
}

enum status h5_write(struct h5 *h5, const struct h5_array *array, const void *data, struct err *err)
{
    enum status rc = OK;
    hid_t creation = creation_properties(array);
    hid_t space = space_of(array);
    hid_t file_type = type_of(array->type, true), memory_type = type_of(array->type, false);
    hid_t set =
        H5Dcreate2(h5->file, array->path, file_type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    if (set < 0)
        rc = failed(h5, "create dataset", array->path, err);
    else if (data != NULL && H5Dwrite(set, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        rc = failed(h5, "write dataset", array->path, err);
    if (set >= 0 && H5Dclose(set) < 0 && rc == OK)
        rc = failed(h5, "close dataset", array->path, err);
    H5Tclose(memory_type);
    H5Tclose(file_type);
    H5Sclose(space);
    H5Pclose(creation);
    if (rc == OK && array->long_name != NULL)
        rc = h5_attr_text(h5, array->path, "long_name", array->long_name, err);
    if (rc == OK && array->units != NULL)
        rc = h5_attr_text(h5, array->path, "units", array->units, err);
    return rc;
}

enum status h5_put(struct h5 *h5, const char *path, size_t first, size_t count, const void *data,
                   struct err *err)
{
    enum status rc = OK;
    hsize_t dims[H5_MAX_RANK] = {0}, start[H5_MAX_RANK] = {0};
    hid_t set = H5Dopen2(h5->file, path, H5P_DEFAULT);
    if (set < 0) return failed(h5, "open dataset", path, err);
    hid_t space = H5Dget_space(set), type = H5Dget_type(set);
    hid_t memory_type = H5Tget_native_type(type, H5T_DIR_ASCEND);
    int rank = H5Sget_simple_extent_dims(space, dims, NULL);
    start[0] = first;
    dims[0] = count;
    hid_t memory = H5Screate_simple(rank, dims, NULL);
    if (H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, dims, NULL) < 0 ||
        H5Dwrite(set, memory_type, memory, space, H5P_DEFAULT, data) < 0)
        rc = failed(h5, "write dataset", path, err);
    H5Sclose(memory);
    H5Tclose(memory_type);
    H5Tclose(type);
    H5Sclose(space);
    if (H5Dclose(set) < 0 && rc == OK) rc = failed(h5, "close dataset", path, err);
    return rc;
}

enum status h5_make_scale(struct h5 *h5, const char *path, const char *name, struct err *err)
{
    hid_t set = H5Dopen2(h5->file, path, H5P_DEFAULT);
    if (set < 0) return failed(h5, "open dataset", path, err);
    enum status rc = OK;
    if (H5DSset_scale(set, name) < 0) rc = failed(h5, "make a dimension scale of", path, err);
    if (H5Dclose(set) < 0 && rc == OK) rc = failed(h5, "close dataset", path, err);
    return rc;
}

enum status h5_attach_scale(struct h5 *h5, const char *array, int axis, const char *scale,
                            struct err *err)
{
    hid_t set = H5Dopen2(h5->file, array, H5P_DEFAULT);
    hid_t scale_set = H5Dopen2(h5->file, scale, H5P_DEFAULT);
    enum status rc = OK;
    if (set < 0 || scale_set < 0 || H5DSattach_scale(set, scale_set, (unsigned)axis) < 0)
        rc = failed(h5, "attach a dimension scale to", array, err);
    if (scale_set >= 0) H5Dclose(scale_set);
    if (set >= 0) H5Dclose(set);
    return rc;
}

/* --- attributes --- */

static enum status put_attr(struct h5 *h5, const char *object, const char *name, enum h5_type type,
                            size_t n, const void *values, struct err *err)
{
    hsize_t dims[1] = {n};
    hid_t space = n == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, dims, NULL);
    hid_t file_type = type_of(type, true), memory_type = type_of(type, false);
    hid_t at = H5Oopen(h5->file, object, H5P_DEFAULT);
    if (at >= 0 && H5Aexists(at, name) > 0) H5Adelete(at, name);
    hid_t attr = at < 0 ? -1 : H5Acreate2(at, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
    enum status rc = OK;
    if (attr < 0 || H5Awrite(attr, memory_type, values) < 0)
        rc = failed(h5, "write an attribute of", object, err);
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

static enum status read_attr(struct h5 *h5, const char *object, const char *name, enum h5_type kind,
                             void *out, struct err *err)
{
    hid_t at = H5Oopen(h5->file, object, H5P_DEFAULT);
    hid_t attr = at < 0 ? -1 : H5Aopen(at, name, H5P_DEFAULT);
    hid_t type = attr < 0 ? -1 : type_of(kind, false);
    enum status rc = OK;
    if (attr < 0 || H5Aread(attr, type, out) < 0) rc = failed(h5, "read attribute", name, err);
    if (type >= 0) H5Tclose(type);
    if (attr >= 0) H5Aclose(attr);
    if (at >= 0) H5Oclose(at);
    return rc;
}

enum status h5_read_attr(struct h5 *h5, const char *object, const char *name, char **out,
                         struct err *err)
{
    *out = NULL;
    return read_attr(h5, object, name, H5_TEXT, out, err);
}

enum status h5_read_attr_int(struct h5 *h5, const char *object, const char *name, int64_t *out,
                             struct err *err)
{
    return read_attr(h5, object, name, H5_INT, out, err);
}

/* --- reading --- */

enum status h5_read(struct h5 *h5, const char *path, enum h5_type type, size_t *n, void *out,
                    struct err *err)
{
    enum status rc = OK;
    unsigned char *data = NULL;
    hsize_t dims[1] = {0};
    hid_t space = -1, memory_type = type_of(type, false);
    hid_t set = H5Dopen2(h5->file, path, H5P_DEFAULT);
    if (set < 0) {
        rc = failed(h5, "open dataset", path, err);
        goto done;
    }
    space = H5Dget_space(set);
    if (H5Sget_simple_extent_ndims(space) != 1 || H5Sget_simple_extent_dims(space, dims, NULL) < 0)
        FAIL(err, ERR_DATA, "%s: %s: expected a one-dimensional dataset", h5->path, path);
    TRY(err_alloc(dims[0], size_of(type), path, &data, err));
    if (H5Dread(set, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0) {
        rc = failed(h5, "read dataset", path, err);
        goto done;
    }
    *n = dims[0];
    memcpy(out, &data, sizeof data);
    data = NULL;
done:
    free(data);
    if (space >= 0) H5Sclose(space);
    if (set >= 0) H5Dclose(set);
    H5Tclose(memory_type);
    return rc;
}

/* --- digest --- */

struct path_list {
    size_t n, capacity;
    char **paths;
};

static herr_t collect_dataset(hid_t root, const char *name, const H5L_info_t *link, void *list)
{
    (void)link;
    struct path_list *paths = list;
    H5O_info_t info;
    if (H5Oget_info_by_name(root, name, &info, H5P_DEFAULT) < 0) return -1;
    if (info.type != H5O_TYPE_DATASET) return 0;
    if (paths->n == paths->capacity) {
        size_t capacity = paths->capacity == 0 ? 64 : 2 * paths->capacity;
        char **grown = realloc(paths->paths, capacity * sizeof *grown);
        if (grown == NULL) return -1;
        paths->paths = grown;
        paths->capacity = capacity;
    }
    char *path = malloc(strlen(name) + 2);
    if (path == NULL) return -1;
    path[0] = '/';
    memcpy(path + 1, name, strlen(name) + 1);
    paths->paths[paths->n++] = path;
    return 0;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum h5_type kind_of(hid_t type)
{
    if (H5Tget_class(type) == H5T_STRING) return H5_TEXT;
    if (H5Tget_class(type) == H5T_FLOAT) return H5_REAL;
    return H5Tget_size(type) == 1 ? H5_FLAG : H5_INT;
}

static void digest_values(struct digest *digest, enum h5_type kind, size_t n, void *data)
{
    if (kind == H5_REAL) digest_doubles(digest, data, n);
    if (kind == H5_FLAG) digest_update(digest, data, n);
    if (kind == H5_INT)
        for (size_t i = 0; i < n; i++)
            digest_u64(digest, (uint64_t)((int64_t *)data)[i]);
    if (kind == H5_TEXT)
        for (size_t i = 0; i < n; i++)
            digest_text(digest, ((char **)data)[i]);
}

/* Rows of the dataset are read a stretch at a time, so that a large one needs little memory. */
static enum status digest_dataset(struct h5 *h5, const char *path, struct digest *digest,
                                  struct err *err)
{
    enum status rc = OK;
    unsigned char *data = NULL;
    hid_t set = H5Dopen2(h5->file, path, H5P_DEFAULT);
    if (set < 0) return failed(h5, "open dataset", path, err);
    hid_t space = H5Dget_space(set), file_type = H5Dget_type(set), memory = -1;
    enum h5_type kind = kind_of(file_type);
    hid_t type = type_of(kind, false);
    hsize_t dims[H5S_MAX_RANK] = {1}, start[H5S_MAX_RANK] = {0};
    int rank = H5Sget_simple_extent_dims(space, dims, NULL);
    size_t row = 1, n_rows = rank > 0 ? dims[0] : 1;
    digest_text(digest, path);
    digest_u64(digest, (uint64_t)kind);
    digest_u64(digest, (uint64_t)rank);
    for (int i = 0; i < rank; i++)
        digest_u64(digest, dims[i]);
    for (int i = 1; i < rank; i++)
        row *= dims[i];
    size_t stretch = row == 0 ? n_rows : CHUNK_BYTES / (row * size_of(kind));
    if (stretch == 0) stretch = 1;
    if (stretch > n_rows) stretch = n_rows;
    TRY(err_alloc(stretch * row, size_of(kind), path, &data, err));
    for (size_t first = 0; first < n_rows && row > 0; first += stretch) {
        if (first + stretch > n_rows) stretch = n_rows - first;
        start[0] = first;
        dims[0] = stretch;
        if (memory >= 0) H5Sclose(memory);
        memory = rank > 0 ? H5Screate_simple(rank, dims, NULL) : H5Screate(H5S_SCALAR);
        if ((rank > 0 && H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, dims, NULL) < 0) ||
            H5Dread(set, type, memory, space, H5P_DEFAULT, data) < 0) {
            rc = failed(h5, "read dataset", path, err);
            goto done;
        }
        digest_values(digest, kind, stretch * row, data);
        if (kind == H5_TEXT) H5Dvlen_reclaim(type, memory, H5P_DEFAULT, data);
    }
done:
    free(data);
    if (memory >= 0) H5Sclose(memory);
    H5Tclose(type);
    H5Tclose(file_type);
    H5Sclose(space);
    H5Dclose(set);
    return rc;
}

enum status h5_digest(struct h5 *h5, bool (*include)(const char *path), char out[65],
                      struct err *err)
{
    enum status rc = OK;
    struct path_list list = {0};
    struct digest *digest = NULL;
    TRY(digest_create(&digest, err));
    if (H5Lvisit(h5->file, H5_INDEX_NAME, H5_ITER_INC, collect_dataset, &list) < 0) {
        rc = failed(h5, "list", "the datasets", err);
        goto done;
    }
    if (list.n > 0) qsort(list.paths, list.n, sizeof *list.paths, compare_paths);
    for (size_t i = 0; i < list.n; i++)
        if (include(list.paths[i])) TRY(digest_dataset(h5, list.paths[i], digest, err));
    TRY(digest_finish(digest, out, err));
done:
    for (size_t i = 0; i < list.n; i++)
        free(list.paths[i]);
    free(list.paths);
    digest_destroy(&digest);
    return rc;
}

void h5_version(char out[32])
{
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    snprintf(out, 32, "%u.%u.%u", major, minor, release);
}
