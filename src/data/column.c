#include "column.h"
#include "number.h"
#include "shown.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One row too few in a column of text: its first line may be a value that looks like a header,
 * since all of it is text. It is taken for one only if it occurs again: else it may as well be a
 * header and a row be missing. */
static bool header_is_value(const struct source *src, size_t n_rows)
{
    char text[SOURCE_CELL];

    if (src->col_names == NULL || src->n_rows + 1 != n_rows || source_is_numeric(src, 0))
        return false;
    for (size_t n = 0; n < src->n_rows; n++)
        if (source_cell(src, n, 0, text, sizeof text) < sizeof text &&
            strcmp(text, src->col_names[0]) == 0)
            return true;
    return false;
}

/* Opens the file at `path` or, unless `array` is NULL, that array of it. */
static enum status open_own(const char *key, const char *path, const char *array,
                            const struct source *data, size_t limit, struct column *out,
                            struct err *err)
{
    enum status rc = OK;
    char what[160];

    TRY(source_open_dataset(path, array, limit, &out->own, err));
    out->src = out->own;
    snprintf(what, sizeof what, array != NULL ? "%s: array '%.80s'" : "%s", key, array);
    if (out->own->n_cols != 1)
        FAIL(err, ERR_DATA, "%s: %s: has %zu columns, expected one", path, what, out->own->n_cols);
    out->name_is_row = header_is_value(out->own, data->n_rows);
    const char *header = out->own->col_names != NULL ? out->own->col_names[0] : NULL;
    size_t n_rows = out->own->n_rows + (out->name_is_row ? 1 : 0);
    if (n_rows != data->n_rows)
        FAIL(err, ERR_DATA, "%s: %s: has %zu rows%s%s%s, %s has %zu", path, what, n_rows,
             header != NULL ? " after its header '" : "", header != NULL ? shown(header).text : "",
             header != NULL ? "'" : "", array != NULL ? data->dataset : data->path, data->n_rows);
done:
    return rc;
}

static bool has_array(const struct source *src, const char *name)
{
    for (size_t a = 0; a < src->n_arrays; a++)
        if (strcmp(src->arrays[a], name) == 0) return true;
    return false;
}

enum status column_open(const char *key, const struct name_or_path *given,
                        const struct source *data, size_t limit, struct column *out,
                        struct err *err)
{
    enum status rc = OK;

    *out = (struct column){.src = NULL};
    if (given->name == NULL) goto done;
    size_t n_found = source_find(data, given->name, &out->d);
    if (n_found > 1)
        FAIL(err, ERR_CONFIG, "%s: %zu columns of %s are named '%s'", key, n_found, data->path,
             given->name);
    if (n_found == 1) {
        out->src = data;
        out->inside = true;
        goto done;
    }
    const char *array = given->name; /* which in HDF5 may begin with '/', as data.dataset may */
    if (data->reader == &source_hdf5) array += strspn(array, "/");
    if (has_array(data, array)) {
        if (strcmp(array, data->dataset) == 0)
            FAIL(err, ERR_CONFIG, "%s: '%s' is the array of %s that holds the features", key,
                 given->name, data->path);
        TRY(open_own(key, data->path, array, data, limit, out, err));
        out->inside = true;
        goto done;
    }
    bool has_names = data->col_names != NULL || data->arrays != NULL;
    if (has_names && access(given->path, F_OK) != 0)
        FAIL(err, ERR_CONFIG, "%s: %s has no %s '%s', and there is no file %s", key, data->path,
             data->col_names != NULL ? "column" : "array", given->name, given->path);
    TRY(open_own(key, given->path, NULL, data, limit, out, err));
done:
    if (rc != OK) column_close(out);
    return rc;
}

void column_close(struct column *column)
{
    source_close(&column->own);
    *column = (struct column){.src = NULL};
}

bool column_is_numeric(const struct column *column)
{
    return source_is_numeric(column->src, column->d);
}

size_t column_cell(const struct column *column, size_t n, char *text, size_t size)
{
    if (!column->name_is_row) return source_cell(column->src, n, column->d, text, size);
    if (n > 0) return source_cell(column->src, n - 1, column->d, text, size);
    snprintf(text, size, "%s", column->src->col_names[0]);
    return strlen(column->src->col_names[0]);
}

bool column_is_missing(const struct column *column, size_t n)
{
    char text[SOURCE_CELL];
    size_t length = column_cell(column, n, text, sizeof text);

    return number_missing(text, length);
}

void column_place(const struct column *column, size_t n, char text[SOURCE_PLACE])
{
    if (!column->name_is_row)
        source_place(column->src, n, column->d, text);
    else if (n > 0)
        source_place(column->src, n - 1, column->d, text);
    else
        snprintf(text, SOURCE_PLACE, "line 1");
}

/* never [n_cols]: the columns that hold labels or weights. */
static void mark_column(const struct source *src, const struct column *column, bool *never)
{
    if (column->src == src) never[column->d] = true;
}

/* What may have been overlooked where a cell was to be a number; it is changed and changed back. */
static const char *hint(const struct source *src, char *cell)
{
    char *comma = strchr(cell, ',');
    double value;

    if (src->n_cols == 1 && strpbrk(cell, " |:") != NULL)
        return " (expected commas, semicolons or tabs between cells)";
    if (comma == NULL) return "";
    *comma = '.';
    bool is_number = number_parse(cell, strlen(cell), &value);
    *comma = ',';
    return is_number ? " (expected a decimal point)" : "";
}

/* For columns of text: the first of its cells, as an error that ends with `text`. */
static enum status report_text(const struct source *src, size_t d, const char *text,
                               struct err *err)
{
    char cell[SOURCE_CELL], place[SOURCE_PLACE];

    source_cell(src, src->first_text[d], d, cell, sizeof cell);
    source_place(src, src->first_text[d], d, place);
    return err_set(err, ERR_DATA, "%s: %s: '%s' is no number%s%s", src->path, place,
                   shown(cell).text, hint(src, cell), text);
}

static enum status pick_numeric(const struct source *src, const bool *never, size_t *picked,
                                size_t *n_picked, struct err *err)
{
    for (size_t d = 0; d < src->n_cols; d++)
        if (source_is_numeric(src, d) && !never[d]) picked[(*n_picked)++] = d;
    if (*n_picked > 0) return OK;
    for (size_t d = 0; d < src->n_cols; d++)
        if (!never[d]) return report_text(src, d, ", nor is there another column of numbers", err);
    return err_set(err, ERR_DATA, "%s: has no column beside labels and weights", src->path);
}

/* *d: the column that an entry of data.columns means. */
static enum status find_column(const struct source *src, const char *entry, bool quoted, size_t *d,
                               struct err *err)
{
    char list[SOURCE_LIST];

    if (!quoted && entry[0] != '\0' && strspn(entry, "0123456789") == strlen(entry)) {
        errno = 0;
        unsigned long long number = strtoull(entry, NULL, 10);
        if (errno != 0 || number >= src->n_cols)
            return err_set(err, ERR_CONFIG, "data.columns: no column %s, %s has 0 to %zu", entry,
                           src->path, src->n_cols - 1);
        *d = (size_t)number;
        return OK;
    }
    if (src->col_names == NULL)
        return err_set(err, ERR_CONFIG,
                       "data.columns: no column '%s': those of %s have no names, only numbers",
                       entry, src->path);
    size_t n_found = source_find(src, entry, d);
    if (n_found == 1) return OK;
    if (n_found > 1)
        return err_set(err, ERR_CONFIG,
                       "data.columns: %zu columns of %s are named '%s'; give its 0-based number",
                       n_found, src->path, entry);
    source_list(src->col_names, src->n_cols, list);
    return err_set(err, ERR_CONFIG, "data.columns: no column '%s' in %s, which has: %s", entry,
                   src->path, list);
}

static enum status pick_given(const struct source *src, const struct text_list *given,
                              const bool *never, size_t *picked, size_t *n_picked, struct err *err)
{
    enum status rc = OK;
    bool *taken = NULL;

    TRY_ALLOC(taken, src->n_cols, err);
    for (size_t i = 0; i < given->n; i++) {
        size_t d;
        TRY(find_column(src, given->v[i], given->quoted[i], &d, err));
        if (taken[d]) FAIL(err, ERR_CONFIG, "data.columns: '%s' is given twice", given->v[i]);
        if (never[d])
            FAIL(err, ERR_CONFIG, "data.columns: '%s' holds labels or weights, never a feature",
                 given->v[i]);
        if (!source_is_numeric(src, d)) TRY(report_text(src, d, ", as data.columns needs", err));
        taken[d] = true;
        picked[(*n_picked)++] = d;
    }
done:
    free(taken);
    return rc;
}

enum status column_pick_features(const struct source *src, const struct text_list *given,
                                 const struct column *labels, const struct column *weights,
                                 size_t **picked, size_t *n_picked, struct err *err)
{
    enum status rc = OK;
    bool *never = NULL;

    *n_picked = 0;
    *picked = NULL;
    TRY_ALLOC(never, src->n_cols, err);
    mark_column(src, labels, never);
    mark_column(src, weights, never);
    TRY_ALLOC(*picked, src->n_cols, err); /* no column is picked twice */
    if (given->n > 0)
        TRY(pick_given(src, given, never, *picked, n_picked, err));
    else
        TRY(pick_numeric(src, never, *picked, n_picked, err));
done:
    free(never);
    if (rc != OK) {
        free(*picked);
        *picked = NULL;
    }
    return rc;
}
