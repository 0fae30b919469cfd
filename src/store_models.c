/* store_models.c - /models and /history: the parts that are as large as the sweep. */
#include "store_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Fits whose models have one shape stand together. */
static void group_path(const struct fit_row *row, char *path, size_t size)
{
    if (strcmp(row->method, method_names[METHOD_labelled]) == 0)
        snprintf(path, size, "/models/labelled-%s", row->covariance);
    else if (strcmp(row->method, method_names[METHOD_kmeans]) == 0)
        snprintf(path, size, "/models/kmeans-k%03lld", (long long)row->k);
    else
        snprintf(path, size, "/models/%s-k%03lld", row->covariance, (long long)row->k);
}

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
        group_path(row, path, sizeof path);
        while (g < store->n_groups && strcmp(store->groups[g].path, path) != 0)
            g++;
        struct model_group *group = &store->groups[g];
        if (g == store->n_groups) {
            store->n_groups++;
            snprintf(group->path, sizeof group->path, "%s", path);
            group->n_components = (size_t)row->k;
            while (group->family != FAMILY_none &&
                   strcmp(family_names[group->family], row->covariance) != 0)
                group->family++;
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
    const bool has_covariances = group->family != FAMILY_none;
    const char *family_axes = has_covariances ? families[group->family]->axes : "";
    char axes_text[128];
    const struct axes axes = {.fit = group->n_fits,
                              .component = group->n_components,
                              .feature = store->data->n_features,
                              .class = store->data->n_classes};
    TRY(h5_group(h5, group->path, err));
    TRY(store_put_axis(h5, group->path, "fit", H5_TEXT, axes.fit, "name of the fit", group->names,
                       err));
    TRY(store_put_index_axis(h5, group->path, "component", axes.component,
                             "component, by weight descending", err));
    TRY(store_put_axis(h5, group->path, "feature", H5_TEXT, axes.feature, "feature",
                       store->data->feature_names, err));
    if (strstr(family_axes, "feature_2") != NULL)
        TRY(store_put_axis(h5, group->path, "feature_2", H5_TEXT, axes.feature, "feature",
                           store->data->feature_names, err));
    if (axes.class > 0)
        TRY(store_put_axis(h5, group->path, "class", H5_TEXT, axes.class, "class",
                           store->data->class_names, err));
    for (size_t a = 0; a < N_MODEL_ARRAYS; a++) {
        const struct model_array *array = &model_arrays[a];
        if (array->axes != NULL && strstr(array->axes, "class") != NULL && axes.class == 0)
            continue;
        if (array->axes == NULL && !has_covariances) continue;
        snprintf(axes_text, sizeof axes_text, "%s%s", array->axes != NULL ? "" : "fit ",
                 array->axes != NULL ? array->axes : family_axes);
        TRY(store_put_array(h5, group->path, array->name, H5_REAL, &axes, axes_text, array->units,
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
    const double *const values[N_MODEL_ARRAYS] = {
        model->weights, model->means, model->n_covariances > 0 ? model->covariances : NULL,
        result->confusion};
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

static const struct history_array {
    const char *name;
    enum h5_type type;
    const char *units;
    const char *long_name;
} history_arrays[] = {
    {"fit", H5_INT, "1", "row of the fit in /fits"},
    {"iteration", H5_INT, "1", "M-steps before this entry"},
    {"loglik", H5_REAL, "nats", "log-likelihood of all rows"},
    {"elbo", H5_REAL, "nats",
     "lower bound: the previous entry's responsibilities, this one's parameters"},
    {"wall_s", H5_REAL, "s", "wall time since the fit's start, over all sessions"},
};
enum { N_HISTORY_ARRAYS = sizeof history_arrays / sizeof history_arrays[0] };

static enum status create_history(struct store *store, struct err *err)
{
    enum status rc = OK;
    const struct axes axes = {.entry = store->n_entries};
    TRY(h5_group(store->h5, "/history", err));
    TRY(store_put_index_axis(store->h5, "/history", "entry", store->n_entries, "entry", err));
    for (size_t i = 0; i < N_HISTORY_ARRAYS; i++)
        TRY(store_put_array(store->h5, "/history", history_arrays[i].name, history_arrays[i].type,
                            &axes, "entry", history_arrays[i].units, history_arrays[i].long_name,
                            NULL, err));
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

/* Models and history: each finished fit is read once from the log. */
enum status store_write_results(struct store *store, struct err *err)
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
    for (size_t i = 0; traces != NULL && i < store->n_fits; i++)
        free(traces[i]);
    free(traces);
    return rc;
}
