#include "source.h"
#include "content.h"
#include "number.h"
#include "shown.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In the order of asking: text has no signature and so comes last. */
static const struct source_reader *const readers[] = {&source_idx,  &source_npy, &source_npz,
                                                      &source_hdf5, &source_png, &source_jpeg,
                                                      &source_bmp,  &source_csv};

enum {
    N_READERS = sizeof readers / sizeof *readers,
    START = 1 << 19 /* bytes by which each knows its format: HDF5 may stand behind a user's block */
};

static const struct source_reader *find_reader(const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < N_READERS && n > 0; i++)
        if (readers[i]->probe(bytes, n)) return readers[i];
    return NULL;
}

/* Nothing, once it is seen that no reader knows it: a bomb of such bytes is not read on. */
static size_t promised(const unsigned char *bytes, size_t n)
{
    const struct source_reader *reader = find_reader(bytes, n);

    if (reader == NULL) return n < START ? SIZE_MAX : 0;
    return reader->promise != NULL ? reader->promise(bytes, n) : SIZE_MAX;
}

static enum status unknown_format(const struct source *src, struct err *err)
{
    char known[128] = "", start[3 * 8 + 1] = "";
    const unsigned char *nul = memchr(src->bytes, 0, src->n_bytes + 1); /* else it were text */

    for (size_t i = 0; i < N_READERS; i++)
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i > 0 ? ", " : "",
                 readers[i]->name);
    for (size_t i = 0; i < 8 && i < src->n_bytes; i++)
        snprintf(start + 3 * i, sizeof start - 3 * i, " %02x", src->bytes[i]);
    return err_set(err, ERR_DATA,
                   "%s: unknown format (it starts with%s, and byte 0 at offset %zu is no UTF-8 "
                   "text); expected %s; in gzip any but HDF5",
                   src->path, start, (size_t)(nul - src->bytes), known);
}

static void adopt_layout(struct source *src)
{
    const struct layout *layout = &src->layout;

    src->dtype = layout->dtype;
    src->n_rows = layout->shape[0];
    src->n_cols = layout->n_values / layout->shape[0];
    if (layout->rank == 3) memcpy(src->image_shape, layout->shape + 1, sizeof src->image_shape);
}

enum status source_open(const char *path, size_t limit, struct source **out, struct err *err)
{
    return source_open_dataset(path, NULL, limit, out, err);
}

enum status source_open_dataset(const char *path, const char *dataset, size_t limit,
                                struct source **out, struct err *err)
{
    enum status rc = OK;
    struct source *src = NULL;

    TRY_ALLOC(src, 1, err);
    TRY(content_read(path, limit, promised, &src->bytes, &src->n_bytes, err));
    src->path = strdup(path);
    if (src->path == NULL) FAIL(err, ERR_INTERNAL, "%s: out of memory", path);
    src->wanted = dataset;
    src->limit = limit;
    src->reader = find_reader(src->bytes, src->n_bytes);
    if (src->reader == NULL) TRY(unknown_format(src, err));
    TRY(src->reader->open(src, err));
    if (src->reader->row == NULL) adopt_layout(src);
    if (dataset != NULL && src->dataset == NULL)
        FAIL(err, ERR_CONFIG, "data.dataset: '%s', but %s is %s, a format without named arrays",
             dataset, path, src->reader->name);
done:
    if (rc != OK) source_close(&src);
    *out = src;
    return rc;
}

void source_close(struct source **out)
{
    struct source *src = *out;

    if (src == NULL) return;
    if (src->reader != NULL && src->reader->close != NULL) src->reader->close(src);
    for (size_t d = 0; src->col_names != NULL && d < src->n_cols; d++)
        free(src->col_names[d]);
    free(src->col_names);
    for (size_t a = 0; a < src->n_arrays; a++)
        free(src->arrays[a]);
    free(src->arrays);
    free(src->first_text);
    free(src->bytes);
    free(src->dataset);
    free(src->path);
    free(src);
    *out = NULL;
}

void source_row(const struct source *src, size_t n, double *out)
{
    if (src->reader->row != NULL)
        src->reader->row(src, n, out);
    else
        layout_values(&src->layout, src->bytes, n * src->n_cols, src->n_cols, out);
}

size_t source_cell(const struct source *src, size_t n, size_t d, char *text, size_t size)
{
    char number[NUMBER_TEXT];
    double value;

    if (src->reader->cell != NULL) return src->reader->cell(src, n, d, text, size);
    layout_values(&src->layout, src->bytes, n * src->n_cols + d, 1, &value);
    number_print(value, number);
    snprintf(text, size, "%s", number);
    return strlen(number);
}

void source_place(const struct source *src, size_t n, size_t d, char text[SOURCE_PLACE])
{
    bool lines = src->reader->line != NULL;
    size_t where = lines ? src->reader->line(src, n) : n;
    int used = snprintf(text, SOURCE_PLACE, "%s %zu, column ", lines ? "line" : "row", where);

    if (src->col_names != NULL && src->col_names[d][0] != '\0')
        snprintf(text + used, SOURCE_PLACE - (size_t)used, "'%s'", shown(src->col_names[d]).text);
    else
        snprintf(text + used, SOURCE_PLACE - (size_t)used, "%zu (%sfrom 0)", d,
                 lines ? "" : "both ");
}

bool source_is_numeric(const struct source *src, size_t d)
{
    return src->first_text == NULL || src->first_text[d] == src->n_rows;
}

size_t source_find(const struct source *src, const char *name, size_t *d)
{
    size_t n_found = 0;

    for (size_t i = 0; src->col_names != NULL && i < src->n_cols; i++) {
        if (strcmp(src->col_names[i], name) != 0) continue;
        if (n_found++ == 0) *d = i;
    }
    return n_found;
}

void source_list(char *const *names, size_t n, char text[SOURCE_LIST])
{
    const size_t most = 20; /* more would not be read */
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < n && i < most; i++)
        used += (size_t)snprintf(text + used, SOURCE_LIST - used, "%s%s", i > 0 ? ", " : "",
                                 shown(names[i]).text);
    if (n > most) snprintf(text + used, SOURCE_LIST - used, " and %zu more", n - most);
}

enum status source_no_array(const char *path, const char *key, const char *wanted,
                            char *const *names, size_t n, struct err *err)
{
    char list[SOURCE_LIST];

    source_list(names, n, list);
    return err_set(err, ERR_CONFIG, "%s: no array '%s' in %s, which has: %s", key, wanted, path,
                   list);
}

enum status source_which_array(const char *path, const char *key, char *const *names, size_t n,
                               struct err *err)
{
    char list[SOURCE_LIST];

    source_list(names, n, list);
    return err_set(err, ERR_CONFIG,
                   "%s: has %zu arrays that may be meant: %s; expected one, or for data.path its "
                   "name in %s",
                   path, n, list, key);
}
