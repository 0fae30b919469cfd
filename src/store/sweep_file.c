#include "sweep_file.h"

#include "shown.h"
#include "store_parts.h"
#include "version.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- the file --- */

/* path: of the file that `given` means. */
static enum status find_file(const char *given, char path[DISK_PATH], struct err *err)
{
    enum status rc = OK;
    struct stat about;
    char shards[DISK_PATH];
    if (stat(given, &about) != 0)
        FAIL(err, ERR_DATA, "%s: %s; expected a result file, or a folder with sweep.h5 in it",
             given, strerror(errno));
    if (!S_ISDIR(about.st_mode)) {
        if ((size_t)snprintf(path, DISK_PATH, "%s", given) >= DISK_PATH)
            FAIL(err, ERR_DATA, "%s: the path is too long", given);
        goto done;
    }
    TRY(disk_join(given, "sweep.h5", path, err));
    TRY(disk_join(given, "shards", shards, err));
    if (stat(path, &about) == 0) goto done;
    if (stat(shards, &about) == 0)
        FAIL(err, ERR_DATA,
             "%s: no sweep.h5 yet; 'gmmsweep merge %s' makes it from what is finished", given,
             given);
    FAIL(err, ERR_DATA,
         "%s: no sweep has been run in this folder; expected sweep.h5 or shards/ in it", given);
done:
    return rc;
}

/* HDF5's own words for a file of another kind are about signatures. */
static enum status check_signature(const char *path, struct err *err)
{
    static const char signature[] = "\211HDF\r\n\032\n";
    char start[sizeof signature - 1] = "";
    FILE *file = fopen(path, "rb");
    if (file == NULL) return err_set(err, ERR_DATA, "%s: %s", path, strerror(errno));
    const size_t n = fread(start, 1, sizeof start, file);
    fclose(file);
    if (n < sizeof start || memcmp(start, signature, sizeof start) != 0)
        return err_set(err, ERR_DATA,
                       "%s: no HDF5 file, expected the sweep.h5 that 'gmmsweep run' writes", path);
    return OK;
}

static enum status check_format(struct sweep_file *file, struct err *err)
{
    enum status rc = OK;
    char *format = NULL, *version = NULL;
    int64_t number = 0, planned = 0;
    struct err cause = {OK, ""};
    if (h5_read_attr(file->h5, "/", "format", &format, &cause) != OK ||
        strcmp(format, "gmmsweep") != 0)
        FAIL(err, ERR_DATA,
             "%s: not a gmmsweep result, expected the attribute format \"gmmsweep\"%s%s",
             file->path, cause.text[0] != '\0' ? "; " : "", cause.text);
    TRY(h5_read_attr_ints(file->h5, "/", "format_version", 1, &number, err));
    if (number > STORE_FORMAT_VERSION) {
        if (h5_read_attr(file->h5, "/", "software_version", &version, &cause) != OK) version = NULL;
        FAIL(err, ERR_DATA,
             "%s: format_version %lld is newer than this gmmsweep (%s) reads, which is up to %d; "
             "expected gmmsweep %s, which wrote it, or later",
             file->path, (long long)number, GMMSWEEP_VERSION, STORE_FORMAT_VERSION,
             version != NULL ? version : "of the version");
    }
    TRY(h5_read_attr_ints(file->h5, "/", "planned_fits", 1, &planned, err));
    if (number < 1 || planned < 0)
        FAIL(err, ERR_DATA, "%s: format_version %lld, planned_fits %lld: expected 1 and 0 or more",
             file->path, (long long)number, (long long)planned);
    file->n_planned = (size_t)planned;
done:
    free(version);
    free(format);
    return rc;
}

/* --- /fits --- */

static enum status read_column(struct sweep_file *file, const struct fit_column *column,
                               struct err *err)
{
    enum status rc = OK;
    static const enum h5_type types[] = {
        [FIT_TEXT] = H5_TEXT, [FIT_INT] = H5_INT, [FIT_FLAG] = H5_FLAG, [FIT_REAL] = H5_REAL};
    char path[128];
    union {
        char **text;
        int8_t *flag;
        int64_t *whole;
        double *real;
        void *any;
    } values = {.any = NULL};
    size_t n = 0;
    snprintf(path, sizeof path, "/fits/%s", column->name);
    if (!h5_exists(file->h5, path)) return OK;
    TRY(h5_read(file->h5, path, types[column->type], &n, &values.any, err));
    if (n != file->n_fits)
        FAIL(err, ERR_DATA, "%s: %s has %zu values, expected %zu", file->path, path, n,
             file->n_fits);
    for (size_t i = 0; i < n; i++) {
        const void *value = column->type == FIT_TEXT   ? (void *)&values.text[i]
                            : column->type == FIT_FLAG ? (void *)&values.flag[i]
                            : column->type == FIT_INT  ? (void *)&values.whole[i]
                                                       : (void *)&values.real[i];
        fit_row_set(&file->fits[i], column, value);
    }
done:
    for (size_t i = 0; column->type == FIT_TEXT && i < n; i++)
        free(values.text[i]);
    free(values.any);
    return rc;
}

static enum status read_fits(struct sweep_file *file, struct err *err)
{
    enum status rc = OK;
    char **names = NULL;
    TRY(h5_read(file->h5, "/fits/fit", H5_TEXT, &file->n_fits, &names, err));
    TRY_ALLOC(file->fits, file->n_fits, err);
    for (size_t i = 0; i < file->n_fits; i++) {
        fit_row_init(&file->fits[i]);
        snprintf(file->fits[i].name, sizeof file->fits[i].name, "%s", names[i]);
    }
    for (size_t i = 0; i < n_fit_columns; i++)
        TRY(read_column(file, &fit_columns[i], err));
    if (file->n_planned < file->n_fits)
        FAIL(err, ERR_DATA, "%s: has %zu fits, expected up to the %zu that are planned", file->path,
             file->n_fits, file->n_planned);
done:
    for (size_t i = 0; names != NULL && i < file->n_fits; i++)
        free(names[i]);
    free(names);
    return rc;
}

/* --- where the models are --- */

struct named_fit {
    const char *name;
    size_t fit;
};

static int compare_named(const void *a, const void *b)
{
    return strcmp(((const struct named_fit *)a)->name, ((const struct named_fit *)b)->name);
}

/* The models of one group, whose `fit` is at `path`. */
static enum status place_group(struct sweep_file *file, const char *path, size_t group_length,
                               const struct named_fit *named, struct err *err)
{
    enum status rc = OK;
    size_t n = 0;
    char **names = NULL, group[128];
    TRY(h5_read(file->h5, path, H5_TEXT, &n, &names, err));
    for (size_t i = 0; i < n; i++) {
        const struct named_fit wanted = {names[i], 0};
        const struct named_fit *found =
            bsearch(&wanted, named, file->n_fits, sizeof *named, compare_named);
        if (found != NULL) store_model_group(&file->fits[found->fit], group, sizeof group);
        if (found == NULL || strncmp(group, path, group_length) != 0 || group[group_length] != '\0')
            FAIL(err, ERR_DATA, "%s: %s names '%s', expected fits of /fits whose models are alike",
                 file->path, path, shown(names[i]).text);
        file->place[found->fit] = (ptrdiff_t)i;
    }
done:
    for (size_t i = 0; names != NULL && i < n; i++)
        free(names[i]);
    free(names);
    return rc;
}

static enum status place_models(struct sweep_file *file, struct err *err)
{
    enum status rc = OK;
    struct named_fit *named = NULL;
    size_t n_paths = 0;
    char **paths = NULL;
    TRY_ALLOC(named, file->n_fits, err);
    TRY_ALLOC(file->place, file->n_fits, err);
    for (size_t i = 0; i < file->n_fits; i++) {
        named[i] = (struct named_fit){file->fits[i].name, i};
        file->place[i] = -1;
    }
    if (file->n_fits > 0) qsort(named, file->n_fits, sizeof *named, compare_named);
    TRY(h5_list(file->h5, &n_paths, &paths, err));
    for (size_t p = 0; p < n_paths; p++) {
        const char *last = strrchr(paths[p], '/');
        if (strncmp(paths[p], "/models/", 8) == 0 && strcmp(last, "/fit") == 0)
            TRY(place_group(file, paths[p], (size_t)(last - paths[p]), named, err));
    }
done:
    for (size_t p = 0; p < n_paths; p++)
        free(paths[p]);
    free(paths);
    free(named);
    return rc;
}

/* --- opening --- */

static enum status length_of(struct sweep_file *file, const char *path, size_t *n, struct err *err)
{
    int rank;
    size_t dims[H5_MAX_RANK];
    enum status rc = h5_shape(file->h5, path, &rank, dims, err);
    if (rc == OK) *n = dims[0];
    return rc;
}

static enum status read_tables(struct sweep_file *file, struct err *err)
{
    enum status rc = OK;
    TRY(read_fits(file, err));
    TRY(place_models(file, err));
    TRY(length_of(file, "/data/row", &file->n_rows, err));
    TRY(length_of(file, "/data/feature", &file->n_features, err));
    if (h5_exists(file->h5, "/data/class"))
        TRY(length_of(file, "/data/class", &file->n_classes, err));
    TRY(length_of(file, "/history/entry", &file->n_entries, err));
done:
    return rc;
}

/* A file that cannot be read lies beside the logs that it was made from, if it has not been moved.
 */
static enum status say_damaged(const char *path, enum status rc, struct err *err)
{
    char folder[DISK_PATH], shards[DISK_PATH];
    struct err none;
    struct stat about;
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - path),
             slash == NULL ? "." : path);
    if (rc != ERR_DATA || disk_join(folder, "shards", shards, &none) != OK ||
        stat(shards, &about) != 0)
        return rc;
    return err_add(err, rc, "  'gmmsweep merge %s' makes it again from the logs beside it", folder);
}

enum status sweep_file_open(const char *path, struct sweep_file **out, struct err *err)
{
    enum status rc = OK;
    struct sweep_file *file = NULL;
    *out = NULL;
    TRY_ALLOC(file, 1, err);
    TRY(find_file(path, file->path, err));
    TRY(check_signature(file->path, err));
    rc = h5_open(file->path, false, &file->h5, err);
    if (rc != OK) TRY(say_damaged(file->path, rc, err));
    TRY(check_format(file, err));
    rc = read_tables(file, err);
    if (rc != OK) TRY(say_damaged(file->path, rc, err));
    *out = file;
    file = NULL;
done:
    sweep_file_close(&file);
    return rc;
}

void sweep_file_close(struct sweep_file **file)
{
    if (*file == NULL) return;
    free((*file)->place);
    free((*file)->fits);
    h5_abandon(&(*file)->h5);
    free(*file);
    *file = NULL;
}
