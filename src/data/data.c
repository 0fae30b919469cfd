#include "data.h"
#include "digest.h"
#include "features.h"
#include "heldout.h"
#include "labels.h"
#include "number.h"
#include "shown.h"
#include "source.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the steps need until x is filled. */
struct prep {
    const struct config *config;
    struct source *src;
    struct column labels_column, weights_column;
    struct labels *labels; /* of all rows of the file, or NULL */
    struct features features;
};

/* The steps classes and limit: fills n_rows and source_row. */
static enum status pick_rows(const struct prep *prep, struct data *data, struct err *err)
{
    enum status rc = OK;
    const struct config *config = prep->config;
    size_t n = prep->src->n_rows, limit = n;
    bool *keep = NULL;

    if (config->data_classes.n > 0) {
        if (prep->labels == NULL) FAIL(err, ERR_CONFIG, "data.classes: needs data.labels");
        TRY_ALLOC(keep, prep->labels->n_classes, err);
        TRY(labels_match(prep->labels, &config->data_classes, keep, err));
    }
    if (config->data_limit > 0 && (uint64_t)config->data_limit < n)
        limit = (size_t)config->data_limit;
    TRY_ALLOC(data->source_row, keep == NULL ? limit : n, err);
    for (size_t i = 0; i < n && data->n_rows < limit; i++)
        if (keep == NULL || (prep->labels->index[i] >= 0 && keep[prep->labels->index[i]]))
            data->source_row[data->n_rows++] = (int64_t)i;
done:
    free(keep);
    return rc;
}

/* Whether row `row` of the file, whose values are raw [n_cols], lacks nothing that is used. */
static bool is_complete(const struct prep *prep, size_t row, const double *raw)
{
    if (prep->labels != NULL && prep->labels->index[row] < 0) return false;
    if (prep->weights_column.src != NULL && column_is_missing(&prep->weights_column, row))
        return false;
    return features_complete(&prep->features, raw);
}

/* The step on_missing: shortens source_row by *n_dropped. It comes before any row is filled in, at
 * the price of reading each twice, so that x takes no more than the rows that stay. */
static enum status drop_missing(const struct prep *prep, struct data *data, size_t *n_dropped,
                                struct err *err)
{
    enum status rc = OK;
    const size_t n_rows = data->n_rows;
    double *raw = NULL;

    *n_dropped = 0;
    if (prep->config->data_on_missing != ON_MISSING_drop) goto done;
    TRY_ALLOC(raw, prep->src->n_cols, err);
    data->n_rows = 0;
    for (size_t n = 0; n < n_rows; n++) {
        size_t row = (size_t)data->source_row[n];
        source_row(prep->src, row, raw);
        if (is_complete(prep, row, raw)) data->source_row[data->n_rows++] = (int64_t)row;
    }
    if (data->n_rows == 0)
        FAIL(err, ERR_DATA, "%s: data.on_missing: drop leaves no row: all %zu have missing values",
             prep->src->path, n_rows);
    *n_dropped = n_rows - data->n_rows;
done:
    free(raw);
    return rc;
}

/* What the files take while x is filled. */
static size_t content_bytes(const struct prep *prep)
{
    const struct column *columns[] = {&prep->labels_column, &prep->weights_column};
    size_t sum = prep->src->n_bytes;
    for (size_t i = 0; i < 2; i++)
        if (columns[i]->own != NULL) sum += columns[i]->own->n_bytes;
    return sum;
}

/* Before any row is converted: x and the files. */
static enum status check_memory(const struct data *data, size_t scratch, size_t mem_limit,
                                struct err *err)
{
    double needed = 8.0 * (double)data->n_rows * (double)data->n_features +
                    (double)data->content_bytes + (double)scratch;

    if (needed <= (double)mem_limit) return OK;
    return err_set(err, ERR_CONFIG,
                   "data: %zu rows x %zu features need %.0f bytes of memory, run.memory allows %zu",
                   data->n_rows, data->n_features, needed, mem_limit);
}

/* So that no sum of weights, nor of weights times values, overflows. */
#define LEAST_WEIGHT 1e-100

static enum status fill_weights(const struct column *column, struct data *data, struct err *err)
{
    enum status rc = OK;
    char text[SOURCE_CELL], place[SOURCE_PLACE];
    bool all_zero = true;

    if (column->src == NULL) goto done;
    TRY_ALLOC(data->weight, data->n_rows, err);
    for (size_t n = 0; n < data->n_rows; n++) {
        size_t row = (size_t)data->source_row[n];
        size_t length = column_cell(column, row, text, sizeof text);
        double *weight = &data->weight[n];
        if (length >= sizeof text || !number_parse(text, length, weight) ||
            !(*weight == 0.0 || (*weight >= LEAST_WEIGHT && *weight <= 1.0 / LEAST_WEIGHT))) {
            column_place(column, row, place);
            FAIL(err, ERR_DATA,
                 "%s: data.weights: %s: '%s', expected 0 or a number from 1e-100 to 1e100",
                 column->src->path, place, shown(text).text);
        }
        if (*weight > 0) all_zero = false;
    }
    if (all_zero) FAIL(err, ERR_DATA, "%s: data.weights: all are zero", column->src->path);
done:
    return rc;
}

/* Moves the labels of the rows that are left into `data`. */
static enum status fill_labels(const struct prep *prep, struct data *data, struct err *err)
{
    enum status rc = OK;
    struct labels *picked = NULL;

    if (prep->labels == NULL) goto done;
    TRY(labels_pick(prep->labels, data->source_row, data->n_rows, &picked, err));
    data->label = picked->index;
    data->n_classes = picked->n_classes;
    data->class_names = picked->names;
    picked->index = NULL;
    picked->names = NULL;
done:
    labels_destroy(&picked);
    return rc;
}

static enum status digest_x(struct data *data, struct err *err)
{
    enum status rc = OK;
    struct digest *digest = NULL;

    TRY(digest_create(&digest, err));
    digest_u64(digest, data->n_rows);
    digest_u64(digest, data->n_features);
    digest_doubles(digest, data->x, data->n_rows * data->n_features);
    TRY(digest_finish(digest, data->sha256, err));
done:
    digest_destroy(&digest);
    return rc;
}

static enum status digest_labels(struct data *data, struct err *err)
{
    enum status rc = OK;
    struct digest *digest = NULL;

    if (data->label == NULL) goto done;
    TRY(digest_create(&digest, err));
    digest_u64(digest, data->n_classes);
    for (size_t c = 0; c < data->n_classes; c++)
        digest_text(digest, data->class_names[c]);
    for (size_t n = 0; n < data->n_rows; n++)
        digest_u64(digest, (uint64_t)data->label[n]);
    TRY(digest_finish(digest, data->labels_sha256, err));
done:
    digest_destroy(&digest);
    return rc;
}

static enum status digest_weights(struct data *data, struct err *err)
{
    enum status rc = OK;
    struct digest *digest = NULL;

    if (data->weight == NULL) goto done;
    TRY(digest_create(&digest, err));
    digest_doubles(digest, data->weight, data->n_rows);
    TRY(digest_finish(digest, data->weights_sha256, err));
done:
    digest_destroy(&digest);
    return rc;
}

/* Adds to what was left out. A list of columns is cut before it fills the text. */
__attribute__((format(printf, 2, 3))) static void add_left_out(struct data *data,
                                                               const char *format, ...)
{
    size_t used = strlen(data->left_out), size = sizeof data->left_out;
    va_list args;

    if (used > 0) used += (size_t)snprintf(data->left_out + used, size - used, "; ");
    if (used >= size) return;
    va_start(args, format);
    vsnprintf(data->left_out + used, size - used, format, args);
    va_end(args);
}

/* The columns that are no features only because they hold text. */
static void note_text_columns(const struct prep *prep, struct data *data)
{
    const struct source *src = prep->src;
    char list[256] = "";
    size_t used = 0;

    for (size_t d = 0; d < src->n_cols && used < sizeof list; d++) {
        bool is_labels = prep->labels_column.src == src && prep->labels_column.d == d;
        bool is_weights = prep->weights_column.src == src && prep->weights_column.d == d;
        if (is_labels || is_weights || source_is_numeric(src, d)) continue;
        const char *name = src->col_names != NULL ? src->col_names[d] : "";
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%zu%s%s", used > 0 ? ", " : "",
                                 d, name[0] != '\0' ? " " : "", shown(name).text);
        char cell[SOURCE_CELL];
        source_cell(src, src->first_text[d], d, cell, sizeof cell);
        bool digits_first = isdigit((unsigned char)cell[strspn(cell, "+-.,")]);
        bool is_mistake = digits_first || src->first_text[d] > 0; /* maybe */
        if (!is_mistake || used >= sizeof list) continue;
        used += (size_t)snprintf(list + used, sizeof list - used, " with '%s' in line %zu",
                                 shown(cell).text, src->reader->line(src, src->first_text[d]));
    }
    if (used >= sizeof list) strcpy(list + sizeof list - sizeof "...", "...");
    if (used > 0) add_left_out(data, "columns with text (%s)", list);
}

static void note_left_out(const struct prep *prep, size_t n_dropped, struct data *data)
{
    if (prep->config->data_columns.n == 0) note_text_columns(prep, data);
    if (prep->src->note != NULL) add_left_out(data, "%s", prep->src->note);
    if (n_dropped > 0)
        add_left_out(data, "%zu row%s with missing values", n_dropped, n_dropped == 1 ? "" : "s");
}

/* Whether the first feature is such a column as data->numbers_rows says. */
static bool numbers_rows(const struct prep *prep, const struct data *data)
{
    const struct features *features = &prep->features;
    char **names = prep->src->col_names;

    if (prep->config->data_columns.n > 0 || names == NULL || features->picked[0] != 0 ||
        names[0][0] != '\0' || data->n_rows == 1)
        return false;
    for (size_t n = 1; n < data->n_rows; n++) {
        double rows = (double)(data->source_row[n] - data->source_row[0]);
        double step = (data->x[n * data->n_features] - data->x[0]) * features->scale;
        if (!(fabs(step - rows) < 0.5))
            return false; /* both are whole but for the scale's rounding */
    }
    return true;
}

/* The rows, and which column or file has their labels. */
static enum status open_source(struct prep *prep, size_t mem_limit, struct data *data,
                               struct err *err)
{
    enum status rc = OK;
    const struct config *config = prep->config;
    struct name_or_path labels = config->data_labels;
    char component[] = SOURCE_COMPONENT;

    if (config->data_path != NULL) {
        TRY(source_open_dataset(config->data_path, config->data_dataset, mem_limit, &prep->src,
                                err));
    } else {
        TRY(source_open_synthetic(config, mem_limit, &prep->src, err));
        labels.name = component;
    }
    data->path = strdup(prep->src->path);
    if (data->path == NULL) FAIL(err, ERR_INTERNAL, "out of memory: path of the data");
    data->format = prep->src->reader->name;
    data->dtype = prep->src->dtype;
    memcpy(data->picture_shape, prep->src->picture_shape, sizeof data->picture_shape);
    TRY(column_open("data.labels", &labels, prep->src, mem_limit, &prep->labels_column, err));
done:
    return rc;
}

static enum status prepare(struct prep *prep, size_t mem_limit, struct data *data, struct err *err)
{
    enum status rc = OK;
    const struct config *config = prep->config;
    size_t n_dropped;

    TRY(open_source(prep, mem_limit, data, err));
    TRY(column_open("data.weights", &config->data_weights, prep->src, mem_limit,
                    &prep->weights_column, err));
    data->labels_inside = prep->labels_column.inside;
    data->weights_inside = prep->weights_column.inside;
    TRY(features_plan(config, prep->src, &prep->labels_column, &prep->weights_column,
                      &prep->features, err));
    data->n_features = prep->features.n_features;
    memcpy(data->image_shape, prep->features.image_shape, sizeof data->image_shape);
    if (prep->labels_column.src != NULL)
        TRY(labels_read(&prep->labels_column, prep->src->n_rows,
                        config->data_on_missing == ON_MISSING_drop, &prep->labels, err));
    TRY(pick_rows(prep, data, err));
    TRY(drop_missing(prep, data, &n_dropped, err));
    note_left_out(prep, n_dropped, data);
    data->content_bytes = content_bytes(prep);
    TRY(check_memory(data, prep->features.scratch_bytes, mem_limit, err));
    TRY(features_name(&prep->features, &data->feature_names, err));
    TRY_ALLOC(data->x, data->n_rows * data->n_features, err);
    TRY(features_fill(&prep->features, data->source_row, data->n_rows, data->x, err));
    data->numbers_rows = numbers_rows(prep, data);
    TRY(fill_labels(prep, data, err));
    TRY(fill_weights(&prep->weights_column, data, err));
    data->heldout_share = config->data_heldout;
    TRY(heldout_choose(config->data_heldout, (uint64_t)config->sweep_seed, data->n_rows,
                       data->weight, &data->heldout, err));
done:
    return rc;
}

enum status data_load(const struct config *config, size_t mem_limit, struct data **out,
                      struct err *err)
{
    enum status rc = OK;
    struct data *data = NULL;
    struct prep prep = {.config = config};

    TRY_ALLOC(data, 1, err);
    TRY(prepare(&prep, mem_limit, data, err));
    TRY(digest_x(data, err));
    TRY(digest_labels(data, err));
    TRY(digest_weights(data, err));
done:
    features_free(&prep.features);
    labels_destroy(&prep.labels);
    column_close(&prep.weights_column);
    column_close(&prep.labels_column);
    source_close(&prep.src);
    if (rc != OK) data_destroy(&data);
    *out = data;
    return rc;
}

static void free_texts(char **texts, size_t n)
{
    for (size_t i = 0; texts != NULL && i < n; i++)
        free(texts[i]);
    free(texts);
}

void data_destroy(struct data **out)
{
    struct data *data = *out;

    if (data == NULL) return;
    free_texts(data->feature_names, data->n_features);
    free_texts(data->class_names, data->n_classes);
    free(data->path);
    free(data->x);
    free(data->source_row);
    free(data->weight);
    free(data->heldout);
    free(data->label);
    free(data);
    *out = NULL;
}
