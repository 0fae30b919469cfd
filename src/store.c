#include "store.h"

#include "clock.h"
#include "digest.h"
#include "h5io.h"
#include "version.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The arrays of a model group; axes NULL: the family's own, behind `fit`. */
static const struct model_array {
    const char *name;
    const char *axes;
    const char *units;
    const char *long_name;
} model_arrays[] = {
    {"weights", "fit component", "1", "mixing weights"},
    {"means", "fit component feature", "feature unit", "means"},
    {"covariances", NULL, "feature unit^2", "covariances, as scikit-learn's covariances_"},
    {"confusion", "fit component class", "1", "weight of the rows of a class given to a component"},
};
enum { N_MODEL_ARRAYS = sizeof model_arrays / sizeof model_arrays[0] };

const struct store_criterion store_criteria[] = {{"bic", false},    {"aic", false},
                                                 {"icl", false},    {"loglik", true},
                                                 {"heldout", true}, {NULL, false}};

/* What is being written. */
struct store {
    struct h5 *h5;
    const struct config *config;
    const struct data *data;
    const struct rows *rows;
    const struct plan *plan;
    const struct shards *shards;
    const char *resolved;
    size_t n_fits;
    size_t *source;       /* [n_fits] place in shards->fits, in the plan's order */
    struct fit_row *fits; /* [n_fits] with history_first filled in */
    size_t n_entries;     /* of /history */
    size_t n_groups;
    struct model_group *groups; /* [n_groups] */
    size_t *group_of;           /* [n_fits] */
    size_t *place_in;           /* [n_fits] index along `fit` in its group */
};

struct model_group {
    char path[128]; /* "/models/diag-k005" */
    enum family_id family;
    size_t n_components;
    size_t n_fits;
    const char **names; /* [n_fits] */
};

/* Sizes of the axes of the group being written. */
struct axes {
    size_t fit, component, feature, class, entry, row, session;
};

static size_t axis_size(const struct axes *axes, const char *name)
{
    if (strcmp(name, "fit") == 0) return axes->fit;
    if (strcmp(name, "component") == 0) return axes->component;
    if (strcmp(name, "class") == 0) return axes->class;
    if (strcmp(name, "entry") == 0) return axes->entry;
    if (strcmp(name, "row") == 0) return axes->row;
    if (strcmp(name, "session") == 0) return axes->session;
    return axes->feature; /* feature, feature_2 */
}

/* --- arrays and their axes -------------------------------------------------------------------- */

/* Makes group/name over `axes_text` ("fit component feature") and ties each axis to its scale.
 * data NULL: to be filled with h5_put, one index of the first axis at a time. */
static enum status put_array(struct h5 *h5, const char *group, const char *name, enum h5_type type,
                             const struct axes *axes, const char *axes_text, const char *units,
                             const char *long_name, const void *data, struct err *err)
{
    enum status rc = OK;
    char path[256], scale[H5_MAX_RANK][64], scale_path[256];
    struct h5_array array = {.path = path,
                             .type = type,
                             .by_row = data == NULL,
                             .long_name = long_name,
                             .units = type == H5_TEXT ? NULL : units};
    snprintf(path, sizeof path, "%s/%s", group, name);
    for (const char *at = axes_text; *at != '\0'; array.rank++) {
        size_t length = strcspn(at, " ");
        snprintf(scale[array.rank], sizeof scale[0], "%.*s", (int)length, at);
        array.dims[array.rank] = axis_size(axes, scale[array.rank]);
        at += length + (at[length] == ' ');
    }
    /* Entries of a history belong to fits of very different length; whole chunks serve them. */
    if (strcmp(axes_text, "entry") == 0) array.by_row = false;
    TRY(h5_write(h5, &array, data, err));
    for (int i = 0; i < array.rank; i++) {
        snprintf(scale_path, sizeof scale_path, "%s/%s", group, scale[i]);
        TRY(h5_attach_scale(h5, path, i, scale_path, err));
    }
done:
    return rc;
}

/* Makes group/name a coordinate of its own dimension. */
static enum status put_axis(struct h5 *h5, const char *group, const char *name, enum h5_type type,
                            size_t n, const char *long_name, const void *values, struct err *err)
{
    enum status rc = OK;
    char path[256];
    snprintf(path, sizeof path, "%s/%s", group, name);
    struct h5_array array = {.path = path,
                             .type = type,
                             .rank = 1,
                             .dims = {n},
                             .long_name = long_name,
                             .units = type == H5_TEXT ? NULL : "1"};
    TRY(h5_write(h5, &array, values, err));
    TRY(h5_make_scale(h5, path, name, err));
done:
    return rc;
}

/* A coordinate 0, 1, ... n-1. */
static enum status put_index_axis(struct h5 *h5, const char *group, const char *name, size_t n,
                                  const char *long_name, struct err *err)
{
    enum status rc = OK;
    int64_t *index = NULL;
    TRY_ALLOC(index, n, err);
    for (size_t i = 0; i < n; i++) index[i] = (int64_t)i;
    TRY(put_axis(h5, group, name, H5_INT, n, long_name, index, err));
done:
    free(index);
    return rc;
}

static enum status put_text(struct h5 *h5, const char *path, const char *long_name,
                            const char *text, struct err *err)
{
    struct h5_array array = {.path = path, .type = H5_TEXT, .long_name = long_name};
    return h5_write(h5, &array, &text, err);
}

/* flag_values 0 1 with their meanings, as CF has it. */
static enum status mark_flag(struct h5 *h5, const char *path, struct err *err)
{
    const int8_t values[2] = {0, 1};
    enum status rc = h5_attr_flags(h5, path, "flag_values", 2, values, err);
    return rc == OK ? h5_attr_text(h5, path, "flag_meanings", "no yes", err) : rc;
}

/* --- /config, /provenance, /data ---------------------------------------------------------------- */

static enum status write_config(struct store *store, struct err *err)
{
    enum status rc = OK;
    struct h5 *h5 = store->h5;
    TRY(h5_group(h5, "/config", err));
    TRY(put_text(h5, "/config/given", "config file as given", store->config->given_text, err));
    TRY(put_text(h5, "/config/resolved", "every key with its value", store->resolved, err));
    TRY(put_text(h5, "/config/overrides", "--set arguments, one a line", store->config->overrides,
                 err));
done:
    return rc;
}

static enum status write_provenance(struct store *store, struct err *err)
{
    enum status rc = OK;
    const char **texts = NULL;
    const size_t n = store->shards->n_sessions;
    const struct axes axes = {.session = n};
    TRY_ALLOC(texts, n, err);
    TRY(h5_group(store->h5, "/provenance", err));
    TRY(put_index_axis(store->h5, "/provenance", "session", n, "session", err));
    for (size_t i = 0; i < n_session_fields; i++) {
        for (size_t s = 0; s < n; s++)
            texts[s] = session_text(&store->shards->sessions[s], &session_fields[i]);
        TRY(put_array(store->h5, "/provenance", session_fields[i].name, H5_TEXT, &axes, "session",
                      NULL, session_fields[i].long_name, texts, err));
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
    TRY(put_axis(store->h5, "/data", "feature", H5_TEXT, axes->feature, "feature",
                 store->data->feature_names, err));
    TRY(put_array(store->h5, "/data", "mean", H5_REAL, axes, "feature", "feature unit",
                  "mean of the fitted rows", rows->centre, err));
    TRY(put_array(store->h5, "/data", "variance", H5_REAL, axes, "feature", "feature unit^2",
                  "variance of the fitted rows", variance, err));
    TRY(put_array(store->h5, "/data", "constant", H5_FLAG, axes, "feature", "1",
                  "whether all fitted rows have one value", constant, err));
    TRY(mark_flag(store->h5, "/data/constant", err));
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
    for (size_t n = 0; n < axes->row; n++) label[n] = data->label[n];
    TRY(put_axis(store->h5, "/data", "class", H5_TEXT, axes->class, "class", data->class_names,
                 err));
    TRY(put_array(store->h5, "/data", "label", H5_INT, axes, "row", "1",
                  "true class of the row, as index in class", label, err));
done:
    free(label);
    return rc;
}

static enum status write_data(struct store *store, struct err *err)
{
    enum status rc = OK;
    const struct data *data = store->data;
    const struct axes axes = {
        .row = data->n_rows, .feature = data->n_features, .class = data->n_classes};
    const int64_t shape[2] = {(int64_t)data->n_rows, (int64_t)data->n_features};
    const int64_t image[2] = {(int64_t)data->image_shape[0], (int64_t)data->image_shape[1]};
    TRY(h5_group(store->h5, "/data", err));
    TRY(h5_attr_ints(store->h5, "/data", "shape", 2, shape, err));
    TRY(h5_attr_text(store->h5, "/data", "dtype", data->dtype, err));
    TRY(h5_attr_text(store->h5, "/data", "path", store->config->data_path, err));
    if (image[0] > 0) TRY(h5_attr_ints(store->h5, "/data", "image_shape", 2, image, err));
    TRY(write_features(store, &axes, err));
    TRY(put_axis(store->h5, "/data", "row", H5_INT, axes.row, "row of the source, from 0",
                 data->source_row, err));
    if (data->label != NULL) TRY(write_labels(store, &axes, err));
    if (data->weight != NULL)
        TRY(put_array(store->h5, "/data", "weight", H5_REAL, &axes, "row", "1",
                      "weight of the row", data->weight, err));
done:
    return rc;
}

/* --- /fits, /history, /best ------------------------------------------------------------------------ */

static bool applies_to_any(const struct store *store, const struct fit_column *column)
{
    for (size_t i = 0; i < store->n_fits; i++)
        if (fit_row_applies(&store->fits[i], column)) return true;
    return false;
}

static enum status write_fit_column(struct store *store, const struct fit_column *column,
                                    void *values, struct err *err)
{
    static const enum h5_type types[] = {[FIT_TEXT] = H5_TEXT,
                                         [FIT_INT] = H5_INT,
                                         [FIT_FLAG] = H5_FLAG,
                                         [FIT_REAL] = H5_REAL};
    const struct axes axes = {.fit = store->n_fits};
    for (size_t i = 0; i < store->n_fits; i++) {
        const struct fit_row *row = &store->fits[i];
        if (column->type == FIT_TEXT) ((const char **)values)[i] = fit_row_text(row, column);
        if (column->type == FIT_REAL) ((double *)values)[i] = fit_row_real(row, column);
        if (column->type == FIT_INT) ((int64_t *)values)[i] = fit_row_int(row, column);
        if (column->type == FIT_FLAG) ((int8_t *)values)[i] = (int8_t)fit_row_int(row, column);
    }
    enum status rc = put_array(store->h5, "/fits", column->name, types[column->type], &axes, "fit",
                               column->units, column->long_name, values, err);
    if (rc == OK && column->type == FIT_FLAG) {
        char path[128];
        snprintf(path, sizeof path, "/fits/%s", column->name);
        rc = mark_flag(store->h5, path, err);
    }
    return rc;
}

static enum status write_fits(struct store *store, struct err *err)
{
    enum status rc = OK;
    union {
        const char *text;
        double real;
        int64_t whole;
    } *values = NULL; /* room for one column of any type */
    const char **names = NULL;
    TRY_ALLOC(values, store->n_fits, err);
    TRY_ALLOC(names, store->n_fits, err);
    for (size_t i = 0; i < store->n_fits; i++) names[i] = store->fits[i].name;
    TRY(h5_group(store->h5, "/fits", err));
    TRY(put_axis(store->h5, "/fits", "fit", H5_TEXT, store->n_fits, "name of the fit", names, err));
    for (size_t i = 0; i < n_fit_columns; i++)
        if (applies_to_any(store, &fit_columns[i]))
            TRY(write_fit_column(store, &fit_columns[i], values, err));
done:
    free(names);
    free(values);
    return rc;
}

static const struct history_array {
    const char *name;
    enum h5_type type;
    const char *units;
    const char *long_name;
} history_arrays[] = {
    {"fit", H5_INT, "1", "row of the fit in /fits"},
    {"iteration", H5_INT, "1", "M-steps before this entry"},
    {"loglik", H5_REAL, "nats", "log-likelihood of all rows"},
    {"elbo", H5_REAL, "nats", "lower bound: the previous entry's responsibilities, this one's parameters"},
    {"wall_s", H5_REAL, "s", "wall time since the fit's start, over all sessions"},
};
enum { N_HISTORY_ARRAYS = sizeof history_arrays / sizeof history_arrays[0] };

static enum status create_history(struct store *store, struct err *err)
{
    enum status rc = OK;
    const struct axes axes = {.entry = store->n_entries};
    TRY(h5_group(store->h5, "/history", err));
    TRY(put_index_axis(store->h5, "/history", "entry", store->n_entries, "entry", err));
    for (size_t i = 0; i < N_HISTORY_ARRAYS; i++)
        TRY(put_array(store->h5, "/history", history_arrays[i].name, history_arrays[i].type, &axes,
                      "entry", history_arrays[i].units, history_arrays[i].long_name, NULL, err));
done:
    return rc;
}

static double history_real(const struct em_entry *entry, size_t array)
{
    return array == 2 ? entry->loglik : array == 3 ? entry->elbo : entry->wall_s;
}

/* The history is gathered whole before it is written: entry by entry its chunks would be packed
 * and unpacked again and again. */
static enum status write_history(struct store *store, struct em_entry *const *traces,
                                 struct err *err)
{
    enum status rc = OK;
    double *reals = NULL;
    int64_t *ints = NULL;
    TRY(create_history(store, err));
    TRY_ALLOC(reals, store->n_entries, err);
    TRY_ALLOC(ints, store->n_entries, err);
    for (size_t a = 0; a < N_HISTORY_ARRAYS; a++) {
        char path[64];
        size_t entry = 0;
        for (size_t i = 0; i < store->n_fits; i++)
            for (int64_t t = 0; t < store->fits[i].history_count; t++, entry++) {
                ints[entry] = a == 0 ? (int64_t)i : t;
                reals[entry] = history_real(&traces[i][t], a);
            }
        snprintf(path, sizeof path, "/history/%s", history_arrays[a].name);
        const void *values = history_arrays[a].type == H5_INT ? (void *)ints : (void *)reals;
        if (store->n_entries > 0) TRY(h5_put(store->h5, path, 0, store->n_entries, values, err));
    }
done:
    free(ints);
    free(reals);
    return rc;
}

static enum status write_best(struct store *store, struct err *err)
{
    enum status rc = OK;
    TRY(h5_group(store->h5, "/best", err));
    for (const struct store_criterion *c = store_criteria; c->name != NULL; c++) {
        const struct fit_column *column = fit_column(c->name);
        const struct fit_row *best = NULL;
        for (size_t i = 0; i < store->n_fits; i++) {
            const struct fit_row *row = &store->fits[i];
            if (row->flagged || !fit_row_applies(row, column)) continue;
            double value = fit_row_real(row, column);
            double leader = best == NULL ? NAN : fit_row_real(best, column);
            if (best == NULL || (c->higher_is_better ? value > leader : value < leader)) best = row;
        }
        if (best != NULL) TRY(h5_attr_text(store->h5, "/best", c->name, best->name, err));
    }
done:
    return rc;
}

/* --- /models --------------------------------------------------------------------------------------- */

static enum status group_models(struct store *store, struct err *err)
{
    enum status rc = OK;
    TRY_ALLOC(store->groups, store->n_fits, err);
    TRY_ALLOC(store->group_of, store->n_fits, err);
    TRY_ALLOC(store->place_in, store->n_fits, err);
    for (size_t i = 0; i < store->n_fits; i++) {
        const struct fit_row *row = &store->fits[i];
        char path[128];
        size_t g = 0;
        snprintf(path, sizeof path, "/models/%s-k%03lld", row->covariance, (long long)row->k);
        while (g < store->n_groups && strcmp(store->groups[g].path, path) != 0) g++;
        struct model_group *group = &store->groups[g];
        if (g == store->n_groups) {
            store->n_groups++;
            snprintf(group->path, sizeof group->path, "%s", path);
            group->n_components = (size_t)row->k;
            while (strcmp(family_names[group->family], row->covariance) != 0) group->family++;
            TRY_ALLOC(group->names, store->n_fits, err);
        }
        store->group_of[i] = g;
        store->place_in[i] = group->n_fits;
        group->names[group->n_fits++] = row->name;
    }
done:
    return rc;
}

static enum status create_model_group(struct store *store, const struct model_group *group,
                                      struct err *err)
{
    enum status rc = OK;
    struct h5 *h5 = store->h5;
    const char *family_axes = families[group->family]->axes;
    char axes_text[128];
    const struct axes axes = {.fit = group->n_fits,
                              .component = group->n_components,
                              .feature = store->data->n_features,
                              .class = store->data->n_classes};
    TRY(h5_group(h5, group->path, err));
    TRY(put_axis(h5, group->path, "fit", H5_TEXT, axes.fit, "name of the fit", group->names, err));
    TRY(put_index_axis(h5, group->path, "component", axes.component,
                       "component, by weight descending", err));
    TRY(put_axis(h5, group->path, "feature", H5_TEXT, axes.feature, "feature",
                 store->data->feature_names, err));
    if (strstr(family_axes, "feature_2") != NULL)
        TRY(put_axis(h5, group->path, "feature_2", H5_TEXT, axes.feature, "feature",
                     store->data->feature_names, err));
    if (axes.class > 0)
        TRY(put_axis(h5, group->path, "class", H5_TEXT, axes.class, "class",
                     store->data->class_names, err));
    for (size_t a = 0; a < N_MODEL_ARRAYS; a++) {
        const struct model_array *array = &model_arrays[a];
        if (array->axes != NULL && strstr(array->axes, "class") != NULL && axes.class == 0)
            continue;
        snprintf(axes_text, sizeof axes_text, "%s%s", array->axes != NULL ? "" : "fit ",
                 array->axes != NULL ? array->axes : family_axes);
        TRY(put_array(h5, group->path, array->name, H5_REAL, &axes, axes_text, array->units,
                      array->long_name, NULL, err));
    }
done:
    return rc;
}

static enum status put_model(struct store *store, size_t fit, const struct result *result,
                             struct err *err)
{
    enum status rc = OK;
    const struct model *model = result->model;
    /* In the order of model_arrays. */
    const double *const values[N_MODEL_ARRAYS] = {model->weights, model->means,
                                                  model->covariances, result->confusion};
    for (size_t a = 0; a < N_MODEL_ARRAYS; a++) {
        char path[256];
        if (values[a] == NULL) continue;
        snprintf(path, sizeof path, "%s/%s", store->groups[store->group_of[fit]].path,
                 model_arrays[a].name);
        TRY(h5_put(store->h5, path, store->place_in[fit], 1, values[a], err));
    }
done:
    return rc;
}

/* Models and history: each finished fit is read once from the log. */
static enum status write_results(struct store *store, struct err *err)
{
    enum status rc = OK;
    struct em_entry **traces = NULL;
    struct result *result = NULL;
    TRY_ALLOC(traces, store->n_fits, err);
    TRY(h5_group(store->h5, "/models", err));
    TRY(group_models(store, err));
    for (size_t g = 0; g < store->n_groups; g++)
        TRY(create_model_group(store, &store->groups[g], err));
    for (size_t i = 0; i < store->n_fits; i++) {
        TRY(shards_result(store->shards, store->source[i], &result, err));
        TRY(put_model(store, i, result, err));
        traces[i] = result->trace;
        result->trace = NULL;
        result_destroy(&result);
    }
    TRY(write_history(store, traces, err));
done:
    result_destroy(&result);
    for (size_t i = 0; traces != NULL && i < store->n_fits; i++) free(traces[i]);
    free(traces);
    return rc;
}

/* --- the file ---------------------------------------------------------------------------------------- */

/* What content_sha256 covers: everything that is computed. Not the times, not who computed it
 * where, and not the config, whose paths and threads change no number. */
static bool is_content(const char *path)
{
    const char *name = strrchr(path, '/');
    return strncmp(path, "/provenance/", 12) != 0 && strncmp(path, "/config/", 8) != 0 &&
           strcmp(name, "/wall_s") != 0;
}

static enum status write_root(struct store *store, bool complete, struct err *err)
{
    enum status rc = OK;
    char created[32], config_sha256[DIGEST_HEX];
    struct digest *digest = NULL;
    const int64_t version = STORE_FORMAT_VERSION;
    clock_utc(created);
    TRY(digest_create(&digest, err));
    digest_text(digest, store->resolved);
    TRY(digest_finish(digest, config_sha256, err));
    const struct {
        const char *name, *value;
    } attrs[] = {{"format", "gmmsweep"},
                 {"status", complete ? "complete" : "partial"},
                 {"created", created},
                 {"software_version", GMMSWEEP_VERSION},
                 {"git_revision", GMMSWEEP_REVISION},
                 {"config_sha256", config_sha256},
                 {"data_sha256", store->data->sha256}};
    TRY(h5_attr_ints(store->h5, "/", "format_version", 1, &version, err));
    for (size_t i = 0; i < sizeof attrs / sizeof attrs[0]; i++)
        TRY(h5_attr_text(store->h5, "/", attrs[i].name, attrs[i].value, err));
done:
    digest_destroy(&digest);
    return rc;
}

/* Picks the finished fits in the plan's order and lays out /history. */
static enum status select_fits(struct store *store, struct err *err)
{
    enum status rc = OK;
    ptrdiff_t *place = NULL;
    TRY_ALLOC(place, store->plan->n_fits, err);
    TRY_ALLOC(store->source, store->plan->n_fits, err);
    TRY_ALLOC(store->fits, store->plan->n_fits, err);
    shards_match(store->shards, store->plan, place);
    for (size_t i = 0; i < store->plan->n_fits; i++) {
        if (place[i] < 0) continue;
        struct fit_row *row = &store->fits[store->n_fits];
        store->source[store->n_fits++] = (size_t)place[i];
        *row = store->shards->fits[place[i]].row;
        row->history_first = (int64_t)store->n_entries;
        store->n_entries += (size_t)row->history_count;
    }
done:
    free(place);
    return rc;
}

static enum status write_temporary(struct store *store, const char *path, struct err *err)
{
    enum status rc = OK;
    char content[DIGEST_HEX];
    TRY(h5_create(path, &store->h5, err));
    TRY(write_root(store, store->n_fits == store->plan->n_fits, err));
    TRY(write_config(store, err));
    TRY(write_provenance(store, err));
    TRY(write_data(store, err));
    TRY(write_fits(store, err));
    TRY(write_results(store, err));
    TRY(write_best(store, err));
    TRY(h5_close(&store->h5, err));
    /* Reading all of it back, with its checksums, is what makes the digest. */
    TRY(h5_open(path, true, &store->h5, err));
    TRY(h5_digest(store->h5, is_content, content, err));
    TRY(h5_attr_text(store->h5, "/", "content_sha256", content, err));
    TRY(h5_close(&store->h5, err));
done:
    h5_abandon(&store->h5);
    return rc;
}

static enum status sync_path(const char *path, struct err *err)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    int bad = file < 0 || fsync(file) != 0;
    if (bad) err_set(err, ERR_OUTPUT, "%s: cannot sync: %s", path, strerror(errno));
    if (file >= 0) close(file);
    return bad ? ERR_OUTPUT : OK;
}

enum status store_write(const char *output, const struct config *config, const char *resolved,
                        const struct data *data, const struct rows *rows, const struct plan *plan,
                        const struct shards *shards, size_t *n_missing, struct err *err)
{
    enum status rc = OK;
    char path[4096], temporary[4096 + 8];
    struct store store = {.config = config,
                          .data = data,
                          .rows = rows,
                          .plan = plan,
                          .shards = shards,
                          .resolved = resolved};
    snprintf(path, sizeof path, "%s/sweep.h5", output);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    TRY(select_fits(&store, err));
    *n_missing = plan->n_fits - store.n_fits;
    rc = write_temporary(&store, temporary, err);
    if (rc == OK) rc = sync_path(temporary, err);
    if (rc == OK && rename(temporary, path) != 0)
        rc = err_set(err, ERR_OUTPUT, "%s: cannot rename %s: %s", path, temporary, strerror(errno));
    if (rc == OK) rc = sync_path(output, err);
    if (rc != OK) unlink(temporary);
done:
    for (size_t g = 0; g < store.n_groups; g++) free(store.groups[g].names);
    free(store.place_in);
    free(store.group_of);
    free(store.groups);
    free(store.fits);
    free(store.source);
    return rc;
}

/* --- reading ------------------------------------------------------------------------------------------- */

static enum status read_column(struct h5 *h5, const struct fit_column *column, size_t n,
                               struct fit_row *rows, struct err *err)
{
    enum status rc = OK;
    char path[128];
    union {
        char **text;
        int8_t *flag;
        int64_t *whole;
        double *real;
        void *any;
    } values = {.any = NULL};
    size_t got = 0;
    snprintf(path, sizeof path, "/fits/%s", column->name);
    if (!h5_exists(h5, path)) return OK;
    static const enum h5_type types[] = {H5_TEXT, H5_INT, H5_FLAG, H5_REAL};
    TRY(h5_read(h5, path, types[column->type], &got, &values.any, err));
    if (got != n) FAIL(err, ERR_DATA, "%s has %zu values, expected %zu", path, got, n);
    for (size_t i = 0; i < n; i++) {
        const void *value = column->type == FIT_TEXT   ? (void *)&values.text[i]
                            : column->type == FIT_FLAG ? (void *)&values.flag[i]
                            : column->type == FIT_INT  ? (void *)&values.whole[i]
                                                       : (void *)&values.real[i];
        fit_row_set(&rows[i], column, value);
    }
done:
    for (size_t i = 0; column->type == FIT_TEXT && i < got; i++) free(values.text[i]);
    free(values.any);
    return rc;
}

enum status store_read_fits(const char *path, size_t *n, struct fit_row **rows, bool *complete,
                            struct err *err)
{
    enum status rc = OK;
    struct h5 *h5 = NULL;
    char *format = NULL, *state = NULL, **names = NULL;
    struct fit_row *list = NULL;
    *n = 0;
    TRY(h5_open(path, false, &h5, err));
    if (h5_read_attr(h5, "/", "format", &format, err) != OK || strcmp(format, "gmmsweep") != 0)
        FAIL(err, ERR_DATA, "%s: not a gmmsweep result, expected the attribute format \"gmmsweep\"",
             path);
    TRY(h5_read_attr(h5, "/", "status", &state, err));
    TRY(h5_read(h5, "/fits/fit", H5_TEXT, n, &names, err));
    TRY_ALLOC(list, *n, err);
    for (size_t i = 0; i < *n; i++) {
        fit_row_init(&list[i]);
        snprintf(list[i].name, sizeof list[i].name, "%s", names[i]);
    }
    for (size_t i = 0; i < n_fit_columns; i++)
        TRY(read_column(h5, &fit_columns[i], *n, list, err));
    *complete = strcmp(state, "complete") == 0;
    *rows = list;
    list = NULL;
done:
    for (size_t i = 0; names != NULL && i < *n; i++) free(names[i]);
    free(names);
    free(list);
    free(state);
    free(format);
    h5_abandon(&h5);
    return rc;
}
