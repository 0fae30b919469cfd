#include "features.h"
#include "number.h"
#include "shown.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cells that cannot be used: the first of them, and how many. */
struct bad {
    size_t count, row, d;
};

static const char *why_no_images(const struct source *src)
{
    if (src->image_shape[0] > 0) return "data.columns leaves single pixels, no images";
    if (src->picture_shape[0] > 0) return "the rows are pixels of a picture, not images";
    return "the rows of this file are no images";
}

/* The shape after the step pool. */
static enum status plan_pool(struct features *out, struct err *err)
{
    const size_t *shape = out->src->image_shape;

    if (out->pool == 1) return OK;
    if (out->image_shape[0] == 0)
        return err_set(err, ERR_CONFIG, "data.pool: %zu, but %s", out->pool,
                       why_no_images(out->src));
    if (shape[0] % out->pool != 0 || shape[1] % out->pool != 0)
        return err_set(err, ERR_CONFIG, "data.pool: %zu does not divide images of %zu x %zu pixels",
                       out->pool, shape[0], shape[1]);
    for (int i = 0; i < 2; i++)
        out->image_shape[i] /= out->pool;
    out->n_features = out->image_shape[0] * out->image_shape[1];
    return OK;
}

/* The shape after the step resize, which config_read allows only without pool. */
static enum status plan_resize(const struct image_size *size, struct features *out, struct err *err)
{
    enum status rc = OK;
    const size_t to[2] = {(size_t)size->height, (size_t)size->width};
    const size_t *from = out->src->image_shape;

    if (size->height == 0) goto done;
    if (out->image_shape[0] == 0)
        FAIL(err, ERR_CONFIG, "data.resize: [%zu, %zu], but %s", to[0], to[1],
             why_no_images(out->src));
    TRY(resize_create(from, to, &out->resize, err));
    out->scratch_bytes = resize_scratch(from, to);
    memcpy(out->image_shape, to, sizeof to);
    out->n_features = to[0] * to[1];
done:
    return rc;
}

enum status features_plan(const struct config *config, const struct source *src,
                          const struct column *labels, const struct column *weights,
                          struct features *out, struct err *err)
{
    enum status rc = OK;
    const bool image = src->image_shape[0] > 0 && config->data_columns.n == 0;

    *out = (struct features){
        .src = src, .pool = (size_t)config->data_pool, .scale = config->data_scale};
    TRY(column_pick_features(src, &config->data_columns, labels, weights, &out->picked,
                             &out->n_picked, err));
    out->n_features = out->n_picked;
    if (image) memcpy(out->image_shape, src->image_shape, sizeof out->image_shape);
    TRY(plan_pool(out, err));
    TRY(plan_resize(&config->data_resize, out, err));
done:
    if (rc != OK) features_free(out);
    return rc;
}

void features_free(struct features *features)
{
    resize_destroy(&features->resize);
    free(features->picked);
    *features = (struct features){.src = NULL};
}

enum status features_name(const struct features *features, char ***names, struct err *err)
{
    enum status rc = OK;
    char **col_names = features->src->col_names;
    char number[NUMBER_TEXT];

    TRY_ALLOC(*names, features->n_features, err);
    for (size_t i = 0; i < features->n_features; i++) {
        bool made = features->pool > 1 || features->resize != NULL;
        size_t d = made ? i : features->picked[i];
        snprintf(number, sizeof number, "%zu", d);
        bool named = col_names != NULL && col_names[d][0] != '\0';
        (*names)[i] = strdup(named ? col_names[d] : number);
        if ((*names)[i] == NULL)
            FAIL(err, ERR_INTERNAL, "out of memory: names of %zu features", features->n_features);
    }
done:
    return rc;
}

bool features_complete(const struct features *features, const double *raw)
{
    for (size_t i = 0; i < features->n_picked; i++)
        if (!isfinite(raw[features->picked[i]])) return false;
    return true;
}

static void note_bad(struct bad *bad, size_t row, size_t d)
{
    if (bad->count++ > 0) return;
    bad->row = row;
    bad->d = d;
}

static enum status report_bad(const struct source *src, const struct bad *bad, struct err *err)
{
    char text[SOURCE_CELL], place[SOURCE_PLACE];

    source_cell(src, bad->row, bad->d, text, sizeof text);
    source_place(src, bad->row, bad->d, place);
    return err_set(err, ERR_DATA,
                   "%s: %s: '%s' is missing or not finite, expected a number; "
                   "%zu such value%s in all",
                   src->path, place, shown(text).text, bad->count, bad->count == 1 ? "" : "s");
}

/* x [D]: means over blocks of raw, an image whose pooled shape is `shape`. */
static void pool_row(const double *raw, const size_t shape[2], size_t pool, double *x)
{
    size_t width = shape[1] * pool;

    for (size_t i = 0; i < shape[0]; i++)
        for (size_t j = 0; j < shape[1]; j++) {
            const double *block = raw + (i * width + j) * pool;
            double sum = 0;
            for (size_t h = 0; h < pool; h++)
                for (size_t w = 0; w < pool; w++)
                    sum += block[h * width + w];
            x[i * shape[1] + j] = sum / (double)(pool * pool);
        }
}

/* x [D]: raw, an image, in its new size. */
static enum status resize_row(const struct features *features, size_t row, const double *raw,
                              unsigned char *scratch, double *x, struct err *err)
{
    char text[NUMBER_TEXT];

    for (size_t d = 0; d < features->src->n_cols; d++) {
        if (raw[d] >= 0 && raw[d] <= 255 && raw[d] == floor(raw[d])) continue;
        number_print(raw[d], text);
        return err_set(err, ERR_CONFIG,
                       "data.resize: row %zu of %s has %s, expected whole numbers from 0 to 255, "
                       "as in 8-bit images",
                       row, features->src->path, text);
    }
    resize_image(features->resize, raw, scratch, x);
    return OK;
}

/* x [D]: row `row` of the file, whose values are raw [n_cols], after all steps. */
static enum status apply_steps(const struct features *features, size_t row, const double *raw,
                               unsigned char *scratch, double *x, struct err *err)
{
    enum status rc = OK;

    if (features->resize != NULL)
        TRY(resize_row(features, row, raw, scratch, x, err));
    else if (features->pool > 1)
        pool_row(raw, features->image_shape, features->pool, x);
    else
        for (size_t i = 0; i < features->n_picked; i++)
            x[i] = raw[features->picked[i]];
    for (size_t d = 0; d < features->n_features; d++) {
        x[d] = x[d] / features->scale + 0.0; /* -0 becomes +0, as in the digest */
        if (!isfinite(x[d]))
            FAIL(err, ERR_CONFIG,
                 "data.scale: row %zu of %s exceeds the largest double once "
                 "pooled and divided by %g",
                 row, features->src->path, features->scale);
    }
done:
    return rc;
}

enum status features_fill(const struct features *features, const int64_t *rows, size_t n_rows,
                          double *x, struct err *err)
{
    enum status rc = OK;
    const struct source *src = features->src;
    double *raw = NULL;
    unsigned char *scratch = NULL;
    struct bad bad = {.count = 0};

    TRY_ALLOC(raw, src->n_cols, err);
    TRY_ALLOC(scratch, features->scratch_bytes, err);
    for (size_t n = 0; n < n_rows; n++) {
        size_t row = (size_t)rows[n];
        source_row(src, row, raw);
        for (size_t i = 0; i < features->n_picked; i++)
            if (!isfinite(raw[features->picked[i]])) note_bad(&bad, row, features->picked[i]);
        if (bad.count == 0) /* else x is of no use any more */
            TRY(apply_steps(features, row, raw, scratch, x + n * features->n_features, err));
    }
    if (bad.count > 0) TRY(report_bad(src, &bad, err));
done:
    free(scratch);
    free(raw);
    return rc;
}
