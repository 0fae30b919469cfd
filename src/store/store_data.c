/* store_data.c - /config, /provenance and /data: what was fitted, as what, by whom. */
#include "store_parts.h"

#include <math.h>
#include <stdlib.h>

enum status store_write_config(struct store *store, struct err *err)
{
    enum status rc = OK;
    struct h5 *h5 = store->h5;
    TRY(h5_group(h5, "/config", err));
    TRY(store_put_text(h5, "/config/given", "config file as given", store->config->given_text,
                       err));
    TRY(store_put_text(h5, "/config/resolved", "every key with its value", store->resolved, err));
    TRY(store_put_text(h5, "/config/overrides", "--set arguments, one a line",
                       store->config->overrides, err));
done:
    return rc;
}

enum status store_write_provenance(struct store *store, struct err *err)
{
    enum status rc = OK;
    const char **texts = NULL;
    const size_t n = store->shards->n_sessions;
    const struct axes axes = {.session = n};
    char cpus[SHARDS_CPUS];
    const int64_t cpu_types = (int64_t)shards_cpu_types(store->shards, cpus);
    TRY_ALLOC(texts, n, err);
    TRY(h5_group(store->h5, "/provenance", err));
    TRY(store_put_index_axis(store->h5, "/provenance", "session", n, "session", err));
    TRY(h5_attr_ints(store->h5, "/provenance", "cpu_types", 1, &cpu_types, err));
    for (size_t i = 0; i < n_session_fields; i++) {
        for (size_t s = 0; s < n; s++)
            texts[s] = session_text(&store->shards->sessions[s], &session_fields[i]);
        TRY(store_put_array(store->h5, "/provenance", session_fields[i].name, H5_TEXT, &axes,
                            "session", NULL, session_fields[i].long_name, texts, err));
    }
done:
    free(texts);
    return rc;
}

static enum status write_features(struct store *store, const struct axes *axes, struct err *err)
{
    enum status rc = OK;
    const struct rows *rows = store->rows;
    double *variance = NULL;
    int8_t *constant = NULL;
    TRY_ALLOC(variance, axes->feature, err);
    TRY_ALLOC(constant, axes->feature, err);
    for (size_t d = 0; d < axes->feature; d++) {
        variance[d] = ldexp(rows->variance[d], 2 * rows->exponent[d]);
        constant[d] = rows->variance[d] == 0.0;
    }
    TRY(store_put_axis(store->h5, "/data", "feature", H5_TEXT, axes->feature, "feature",
                       store->data->feature_names, err));
    TRY(store_put_array(store->h5, "/data", "mean", H5_REAL, axes, "feature", "feature unit",
                        "mean of the fitted rows", rows->centre, err));
    TRY(store_put_array(store->h5, "/data", "variance", H5_REAL, axes, "feature", "feature unit^2",
                        "variance of the fitted rows", variance, err));
    TRY(store_put_array(store->h5, "/data", "constant", H5_FLAG, axes, "feature", "1",
                        "whether all fitted rows have one value", constant, err));
    TRY(store_mark_flag(store->h5, "/data/constant", err));
done:
    free(constant);
    free(variance);
    return rc;
}

static enum status write_labels(struct store *store, const struct axes *axes, struct err *err)
{
    enum status rc = OK;
    const struct data *data = store->data;
    int64_t *label = NULL;
    TRY_ALLOC(label, axes->row, err);
    for (size_t n = 0; n < axes->row; n++)
        label[n] = data->label[n];
    TRY(store_put_axis(store->h5, "/data", "class", H5_TEXT, axes->class, "class",
                       data->class_names, err));
    TRY(store_put_array(store->h5, "/data", "label", H5_INT, axes, "row", "1",
                        "true class of the row, as index in class", label, err));
done:
    free(label);
    return rc;
}

static enum status write_heldout(struct store *store, const struct axes *axes, struct err *err)
{
    enum status rc = OK;
    int8_t *flag = NULL;
    TRY_ALLOC(flag, axes->row, err);
    for (size_t n = 0; n < axes->row; n++)
        flag[n] = store->data->heldout[n];
    TRY(store_put_array(store->h5, "/data", "heldout", H5_FLAG, axes, "row", "1",
                        "whether the row was set aside", flag, err));
    TRY(store_mark_flag(store->h5, "/data/heldout", err));
done:
    free(flag);
    return rc;
}

enum status store_write_data(struct store *store, struct err *err)
{
    enum status rc = OK;
    const struct data *data = store->data;
    const struct axes axes = {
        .row = data->n_rows, .feature = data->n_features, .class = data->n_classes};
    const int64_t shape[2] = {(int64_t)data->n_rows, (int64_t)data->n_features};
    const int64_t image[2] = {(int64_t)data->image_shape[0], (int64_t)data->image_shape[1]};
    const int64_t picture[2] = {(int64_t)data->picture_shape[0], (int64_t)data->picture_shape[1]};
    TRY(h5_group(store->h5, "/data", err));
    TRY(h5_attr_ints(store->h5, "/data", "shape", 2, shape, err));
    TRY(h5_attr_text(store->h5, "/data", "dtype", data->dtype, err));
    TRY(h5_attr_text(store->h5, "/data", "path", data->path, err));
    if (image[0] > 0) TRY(h5_attr_ints(store->h5, "/data", "image_shape", 2, image, err));
    if (picture[0] > 0) TRY(h5_attr_ints(store->h5, "/data", "picture_shape", 2, picture, err));
    TRY(write_features(store, &axes, err));
    TRY(store_put_axis(store->h5, "/data", "row", H5_INT, axes.row, "row of the source, from 0",
                       data->source_row, err));
    if (data->heldout != NULL) TRY(write_heldout(store, &axes, err));
    if (data->label != NULL) TRY(write_labels(store, &axes, err));
    if (data->weight != NULL)
        TRY(store_put_array(store->h5, "/data", "weight", H5_REAL, &axes, "row", "1",
                            "weight of the row", data->weight, err));
done:
    return rc;
}
