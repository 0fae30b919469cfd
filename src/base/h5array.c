#include "h5array.h"

#include "h5_parts.h"
#include "h5io.h"
#include "shown.h"

#include <hdf5_hl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    /* A file can be made to lead in circles. Listing so many takes a third of a second. */
    MOST_OBJECTS = 10000,
    MOST_DEPTH = 64 /* the library's stack grows with each */
};

struct h5array_file {
    hid_t id;
    char *path;
    size_t n_bytes;
};

/* An array that is looked at. */
struct view {
    char *where; /* "PATH: array 'NAME'", for messages */
    hid_t set, creation, type, space;
    hsize_t dims[LAYOUT_DIMS]; /* in the file's order */
};

/* --- the file and its names --- */

struct listing {
    const char *path;
    char **names;
    size_t n_names;
    size_t n_seen;
    struct err *err;
};

static enum status list_name(struct listing *listing, const char *name)
{
    enum status rc = OK;
    struct err *err = listing->err;

    for (const char *c = name; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            FAIL(err, ERR_DATA, "%s: the name of object %zu has a control character", listing->path,
                 listing->n_seen - 1);
    TRY(err_grow(listing->n_names, sizeof *listing->names, "the names of arrays", &listing->names,
                 err));
    listing->names[listing->n_names] = strdup(name);
    if (listing->names[listing->n_names] == NULL)
        FAIL(err, ERR_INTERNAL, "%s: out of memory", listing->path);
    listing->n_names++;
done:
    return rc;
}

static size_t depth_of(const char *name)
{
    size_t depth = 0;

    while ((name = strchr(name, '/')) != NULL) {
        name++;
        depth++;
    }
    return depth;
}

/* Called by the library for each link; its error is told by the caller, a mistake noted in
 * listing->err ends the visit with 1. */
static herr_t list_link(hid_t root, const char *name, const H5L_info_t *link, void *data)
{
    struct listing *listing = data;

    if (++listing->n_seen > MOST_OBJECTS) {
        err_set(listing->err, ERR_DATA, "%s: has more than %d objects", listing->path,
                MOST_OBJECTS);
        return 1;
    }
    if (depth_of(name) > MOST_DEPTH) {
        err_set(listing->err, ERR_DATA, "%s: has groups nested more than %d deep", listing->path,
                MOST_DEPTH);
        return 1;
    }
    if (link->type != H5L_TYPE_HARD) return 0;
    hid_t object = H5Oopen(root, name, H5P_DEFAULT);
    if (object < 0) return -1;
    H5I_type_t kind = H5Iget_type(object);
    H5Oclose(object);
    return kind == H5I_DATASET && list_name(listing, name) != OK;
}

enum status h5array_open(const char *path, struct h5array_file **out, char ***names,
                         size_t *n_names, struct err *err)
{
    enum status rc = OK;
    struct h5array_file *file = NULL;
    struct listing listing = {.path = path, .err = err};
    struct stat info;

    h5_init();
    TRY_ALLOC(file, 1, err);
    h5_guard(path);
    file->id = -1;
    file->path = strdup(path);
    if (file->path == NULL) FAIL(err, ERR_INTERNAL, "%s: out of memory", path);
    if (stat(path, &info) != 0) FAIL(err, ERR_DATA, "%s: cannot be examined", path);
    file->n_bytes = (size_t)info.st_size;
    hid_t access = h5_access();
    file->id = H5Fopen(path, H5F_ACC_RDONLY, access);
    if (file->id < 0) rc = h5_failed(ERR_DATA, path, "open", "the HDF5 file", err);
    H5Pclose(access);
    TRY(rc);
    h5_begin(path, "the list of its arrays", file->n_bytes);
    herr_t visited = H5Lvisit(file->id, H5_INDEX_NAME, H5_ITER_INC, list_link, &listing);
    h5_end();
    if (visited < 0) rc = h5_failed(ERR_DATA, path, "list", "what is in it", err);
    if (visited > 0) rc = err->status;
done:
    *names = listing.names;
    *n_names = listing.n_names;
    if (rc != OK) h5array_close(&file);
    *out = file;
    return rc;
}

void h5array_close(struct h5array_file **file)
{
    if (*file == NULL) return;
    if ((*file)->id >= 0) H5Fclose((*file)->id);
    h5_unguard();
    free((*file)->path);
    free(*file);
    *file = NULL;
}

/* --- looking --- */

static void view_close(struct view *view)
{
    if (view->space >= 0) H5Sclose(view->space);
    if (view->type >= 0) H5Tclose(view->type);
    if (view->creation >= 0) H5Pclose(view->creation);
    if (view->set >= 0) H5Dclose(view->set);
    h5_end();
    free(view->where);
}

/* Opens the array; view_close is called in any case. A virtual dataset is not asked for its shape,
 * which would open other files. */
static enum status view_open(const struct h5array_file *file, const char *name, struct view *view,
                             struct err *err)
{
    enum status rc = OK;

    *view = (struct view){.set = -1, .creation = -1, .type = -1, .space = -1};
    if (asprintf(&view->where, "%s: array '%.80s'", file->path, name) < 0) {
        view->where = NULL;
        FAIL(err, ERR_INTERNAL, "%s: out of memory", file->path);
    }
    h5_begin(file->path, name, file->n_bytes);
    view->set = H5Dopen2(file->id, name, H5P_DEFAULT);
    if (view->set >= 0) view->creation = H5Dget_create_plist(view->set);
    if (view->creation >= 0 && H5Pget_layout(view->creation) == H5D_VIRTUAL)
        FAIL(err, ERR_DATA, "%s: is a virtual dataset, expected its values in the file",
             view->where);
    if (view->creation >= 0 && H5Pget_external_count(view->creation) > 0)
        FAIL(err, ERR_DATA, "%s: its values are in another file, expected them in this one",
             view->where);
    if (view->creation >= 0) view->type = H5Dget_type(view->set);
    if (view->type >= 0) view->space = H5Dget_space(view->set);
    if (view->space < 0) TRY(h5_failed(ERR_DATA, view->where, "open", "it", err));
done:
    return rc;
}

/* MATLAB varies the first dimension fastest, and so stores them in reverse. */
static enum status view_shape(struct view *view, struct layout *layout, struct err *err)
{
    enum status rc = OK;
    bool matlab = H5Aexists(view->set, "MATLAB_class") > 0;

    if (H5Sget_simple_extent_type(view->space) == H5S_SCALAR)
        FAIL(err, ERR_DATA, "%s: is a single value, expected an array of rows", view->where);
    if (H5Sget_simple_extent_type(view->space) != H5S_SIMPLE ||
        (matlab && H5Aexists(view->set, "MATLAB_empty") > 0))
        FAIL(err, ERR_DATA, "%s: is empty, expected an array of rows", view->where);
    int rank = H5Sget_simple_extent_ndims(view->space);
    if (rank < 1 || rank > LAYOUT_DIMS)
        FAIL(err, ERR_DATA, "%s: has %d dimensions, expected 1 to %d", view->where, rank,
             LAYOUT_DIMS);
    H5Sget_simple_extent_dims(view->space, view->dims, NULL);
    layout->rank = (size_t)rank;
    for (size_t i = 0; i < layout->rank; i++) {
        if (view->dims[i] == 0)
            FAIL(err, ERR_DATA, "%s: dimension %zu is 0, expected 1 or more", view->where, i);
        layout->shape[matlab ? layout->rank - 1 - i : i] = (size_t)view->dims[i];
    }
    if (!layout_measure(layout, matlab))
        FAIL(err, ERR_DATA, "%s: promises more bytes than any file can have", view->where);
done:
    return rc;
}

static enum status view_look(struct view *view, struct h5array *out, struct err *err)
{
    enum status rc = OK;
    char kind[H5_KIND];

    *out = (struct h5array){.is_scale = H5DSis_scale(view->set) > 0};
    if (!h5_number_type(view->type, &out->layout)) {
        h5_describe_type(view->type, kind);
        FAIL(err, ERR_DATA,
             "%s: holds %s, expected booleans, integers of 8, 16, 32 or 64 bits or floats of 16, "
             "32 or 64",
             view->where, kind);
    }
    TRY(view_shape(view, &out->layout, err));
    /* netCDF's and HDF5's conventions for packed values */
    bool factor = H5Aexists(view->set, "scale_factor") > 0;
    bool offset = H5Aexists(view->set, "add_offset") > 0;
    if (factor || offset)
        out->note = !offset  ? "its scale_factor"
                    : factor ? "its scale_factor and add_offset"
                             : "its add_offset";
done:
    return rc;
}

enum status h5array_look(const struct h5array_file *file, const char *name, struct h5array *out,
                         struct err *err)
{
    enum status rc = OK;
    struct view view;

    TRY(view_open(file, name, &view, err));
    TRY(view_look(&view, out, err));
done:
    view_close(&view);
    return rc;
}

/* --- reading --- */

/* Whether the library has all filters that the values went through: its own message would be about
 * folders of plugins. */
static enum status check_filters(const struct view *view, struct err *err)
{
    enum status rc = OK;
    int n_filters = H5Pget_nfilters(view->creation);

    for (int i = 0; i < n_filters; i++) {
        char name[64] = "";
        unsigned flags;
        size_t n_values = 0;
        H5Z_filter_t filter = H5Pget_filter2(view->creation, (unsigned)i, &flags, &n_values, NULL,
                                             sizeof name, name, NULL);
        if (filter >= 0 && H5Zfilter_avail(filter) > 0) continue;
        FAIL(err, ERR_DATA,
             "%s: is packed by filter %d '%s', which the HDF5 library here lacks; expected gzip "
             "or none, or its plugin in HDF5_PLUGIN_PATH",
             view->where, (int)filter, shown(name).text);
    }
done:
    return rc;
}

enum status h5array_read(const struct h5array_file *file, const char *name, size_t limit,
                         struct h5array *out, unsigned char **bytes, struct err *err)
{
    enum status rc = OK;
    struct view view;
    unsigned char *read = NULL;
    size_t chunk_bytes;

    TRY(view_open(file, name, &view, err));
    TRY(view_look(&view, out, err));
    TRY(check_filters(&view, err));
    TRY(h5_check_stored(view.set, view.where, file->n_bytes, 0, view.dims[0], &chunk_bytes, err));
    size_t n = out->layout.n_bytes, most = n > chunk_bytes ? n : chunk_bytes;
    if (most > limit)
        FAIL(err, ERR_CONFIG, "%s: takes %zu bytes, more than the %zu allowed", view.where, most,
             limit);
    read = malloc(n + 1); /* not zeroed: touched only as bytes come */
    if (read == NULL) FAIL(err, ERR_INTERNAL, "%s: out of memory: %zu bytes", view.where, n + 1);
    /* In the file's own type nothing is converted, and nothing can be lost. */
    if (H5Dread(view.set, view.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, read) < 0)
        TRY(h5_failed(ERR_DATA, view.where, "read", "its values", err));
    read[n] = '\0';
    *bytes = read;
    read = NULL;
done:
    view_close(&view);
    free(read);
    if (rc != OK) *bytes = NULL;
    return rc;
}
