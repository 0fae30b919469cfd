#include "h5io.h"

#include "h5_parts.h"

#include <hdf5_hl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEFLATE_FROM_BYTES 65536
#define DEFLATE_LEVEL                                                                              \
    1 /* 4 makes the file of 10,000 small fits 1 % smaller and takes a fifth longer */
#define LARGEST_CHUNK ((size_t)1 << 30)

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

enum status h5_cannot(const struct h5 *h5, const char *what, const char *object, struct err *err)
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

/* What is left to do once the file is closed. Accepts NULL. */
static void forget(struct h5 **h5)
{
    if (*h5 != NULL && !(*h5)->writing) h5_unguard();
    free(*h5);
    *h5 = NULL;
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
    if (!writing) h5_guard(path);
    hid_t access = h5_access();
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V110);
    if (create) {
        hid_t creation = H5Pcreate(H5P_FILE_CREATE);
        H5Pset_link_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
        h5->file = H5Fcreate(path, H5F_ACC_TRUNC, creation, access);
        if (h5->file < 0) rc = h5_cannot(h5, "create", "the file", err);
        H5Pclose(creation);
    } else {
        struct stat about = {0};
        h5->file = H5Fopen(path, writing ? H5F_ACC_RDWR : H5F_ACC_RDONLY, access);
        if (h5->file < 0) rc = h5_cannot(h5, "open", "the file", err);
        if (stat(path, &about) == 0) h5->n_bytes = (size_t)about.st_size;
    }
    H5Pclose(access);
    if (rc != OK) goto done;
    *out = h5;
    h5 = NULL;
done:
    forget(&h5);
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
        rc = h5_cannot(*h5, "flush", "the file", err);
    if (H5Fclose((*h5)->file) < 0 && rc == OK) rc = h5_cannot(*h5, "close", "the file", err);
    forget(h5);
    return rc;
}

void h5_abandon(struct h5 **h5)
{
    if (*h5 == NULL) return;
    /* A file that could not be written may not survive closing either; it goes with the process. */
    if (!(*h5)->writing) H5Fclose((*h5)->file);
    forget(h5);
}

enum status h5_group(struct h5 *h5, const char *path, struct err *err)
{
    hid_t creation = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_link_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    hid_t group = H5Gcreate2(h5->file, path, H5P_DEFAULT, creation, H5P_DEFAULT);
    enum status rc = OK;
    if (group < 0 || H5Gclose(group) < 0) rc = h5_cannot(h5, "create group", path, err);
    H5Pclose(creation);
    return rc;
}

/* --- types --- */

static hid_t text_type(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

hid_t h5_type_of(enum h5_type type, bool in_file)
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

size_t h5_size_of(enum h5_type type)
{
    return type == H5_FLAG ? 1 : 8; /* a text is a pointer */
}

/* --- writing --- */

static hid_t creation_properties(const struct h5_array *array)
{
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    if (array->rank == 0) return creation;
    hsize_t chunk[H5_MAX_RANK];
    size_t row_bytes = h5_size_of(array->type);
    for (int i = 1; i < array->rank; i++) {
        chunk[i] = array->dims[i];
        row_bytes *= array->dims[i];
    }
    /* HDF5 wants chunks under 4 GiB: a row that is larger is cut along its next axes. */
    for (int i = 1; i < array->rank && row_bytes > LARGEST_CHUNK; i++) {
        row_bytes /= array->dims[i];
        chunk[i] = row_bytes < LARGEST_CHUNK ? LARGEST_CHUNK / row_bytes : 1;
        row_bytes *= chunk[i];
    }
    size_t rows = array->chunk_rows > 0 ? array->chunk_rows : H5_CHUNK_BYTES / row_bytes;
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
    hid_t file_type = h5_type_of(array->type, true), memory_type = h5_type_of(array->type, false);
    hid_t set =
        H5Dcreate2(h5->file, array->path, file_type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    if (set < 0)
        rc = h5_cannot(h5, "create dataset", array->path, err);
    else if (data != NULL && H5Dwrite(set, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        rc = h5_cannot(h5, "write dataset", array->path, err);
    if (set >= 0 && H5Dclose(set) < 0 && rc == OK)
        rc = h5_cannot(h5, "close dataset", array->path, err);
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
    if (set < 0) return h5_cannot(h5, "open dataset", path, err);
    hid_t space = H5Dget_space(set), type = H5Dget_type(set);
    hid_t memory_type = H5Tget_native_type(type, H5T_DIR_ASCEND);
    int rank = H5Sget_simple_extent_dims(space, dims, NULL);
    start[0] = first;
    dims[0] = count;
    hid_t memory = H5Screate_simple(rank, dims, NULL);
    if (H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, dims, NULL) < 0 ||
        H5Dwrite(set, memory_type, memory, space, H5P_DEFAULT, data) < 0)
        rc = h5_cannot(h5, "write dataset", path, err);
    H5Sclose(memory);
    H5Tclose(memory_type);
    H5Tclose(type);
    H5Sclose(space);
    if (H5Dclose(set) < 0 && rc == OK) rc = h5_cannot(h5, "close dataset", path, err);
    return rc;
}

enum status h5_make_scale(struct h5 *h5, const char *path, const char *name, struct err *err)
{
    hid_t set = H5Dopen2(h5->file, path, H5P_DEFAULT);
    if (set < 0) return h5_cannot(h5, "open dataset", path, err);
    enum status rc = OK;
    if (H5DSset_scale(set, name) < 0) rc = h5_cannot(h5, "make a dimension scale of", path, err);
    if (H5Dclose(set) < 0 && rc == OK) rc = h5_cannot(h5, "close dataset", path, err);
    return rc;
}

enum status h5_attach_scale(struct h5 *h5, const char *array, int axis, const char *scale,
                            struct err *err)
{
    hid_t set = H5Dopen2(h5->file, array, H5P_DEFAULT);
    hid_t scale_set = H5Dopen2(h5->file, scale, H5P_DEFAULT);
    enum status rc = OK;
    if (set < 0 || scale_set < 0 || H5DSattach_scale(set, scale_set, (unsigned)axis) < 0)
        rc = h5_cannot(h5, "attach a dimension scale to", array, err);
    if (scale_set >= 0) H5Dclose(scale_set);
    if (set >= 0) H5Dclose(set);
    return rc;
}

void h5_version(char out[32])
{
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    snprintf(out, 32, "%u.%u.%u", major, minor, release);
}
