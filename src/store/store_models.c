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
} model_arrays[STORE_MODEL_ARRAYS] = {
    {"weights", "fit component", "1", "mixing weights"},
    {"means", "fit component feature", "feature unit", "means"},
    {"covariances", NULL, "feature unit^2", "covariances, as scikit-learn's covariances_"},
    {"confusion", "fit component class", "1", "weight of the rows of a class given to a component"},
};

/* Whoever reads one model reads its chunk, which should be no more than this unless the model is.
 */
#define CHUNK_BYTES 65536

/* Fits whose models have one shape stand together. */
void store_model_group(const struct fit_row *row, char *path, size_t size)
{
    if (strcmp(row->method, method_names[METHOD_labelled]) == 0)
        snprintf(path, size, "/models/labelled-%s", row->covariance);
    else if (strcmp(row->method, method_names[METHOD_kmeans]) == 0)
        snprintf(path, size, "/models/kmeans-k%03lld", (long long)row->k);
    else
        snprintf(path, size, "/models/%s-k%03lld", row->covariance, (long long)row->k);
}

/* The group of the fit, made if it is the first of its kind. */
static size_t find_group(struct store *store, const struct fit_row *row)
{
    char path[128];
    size_t g = 0;
    store_model_group(row, path, sizeof path);
    while (g < store->n_groups && strcmp(store->groups[g].path, path) != 0)
        g++;
    if (g < store->n_groups) return g;
    struct model_group *group = &store->groups[store->n_groups++];
    snprintf(group->path, sizeof group->path, "%s", path);
    group->n_components = (size_t)row->k;
    while (group->family != FAMILY_none &&
           strcmp(family_names[group->family], row->covariance) != 0)
        group->family++;
    return g;
}

/* Sorts the kept fits into groups; the names of a group's fits stand together in store->names. */
static enum status group_models(struct store *store, struct err *err)
{
    enum status rc = OK;
    TRY_ALLOC(store->groups, store->n_fits, err);
    TRY_ALLOC(store->group_of, store->n_fits, err);
    TRY_ALLOC(store->place_in, store->n_fits, err);
    TRY_ALLOC(store->names, store->n_fits, err);
    for (size_t i = 0; i < store->n_fits; i++) {
        if (!store->kept[i]) continue;
        store->group_of[i] = find_group(store, &store->fits[i]);
        store->place_in[i] = store->groups[store->group_of[i]].n_fits++;
        store->groups[store->group_of[i]].n_scored += store->scored[i];
    }
    const char **next = store->names;
    for (size_t g = 0; g < store->n_groups; next += store->groups[g++].n_fits)
        store->groups[g].names = next;
    for (size_t i = 0; i < store->n_fits; i++)
        if (store->kept[i])
            store->groups[store->group_of[i]].names[store->place_in[i]] = store->fits[i].name;
done:
    return rc;
}

/* Doubles of one fit in each of the model_arrays; 0 where the group has none. */
static void array_lengths(const struct store *store, const struct model_group *group,
                          size_t lengths[STORE_MODEL_ARRAYS])
{
    const size_t n_components = group->n_components, n_features = store->data->n_features;
    lengths[0] = n_components;
    lengths[1] = n_components * n_features;
    lengths[2] = group->family == FAMILY_none
                     ? 0
                     : families[group->family]->n_covariances(n_components, n_features);
    lengths[3] = n_components * store->data->n_classes;
}

static void choose_stretch(const struct store *store, struct model_group *group)
{
    size_t lengths[STORE_MODEL_ARRAYS], most = 1;
    array_lengths(store, group, lengths);
    for (size_t a = 0; a < STORE_MODEL_ARRAYS; a++)
        if (lengths[a] > most) most = lengths[a];
    group->stretch = CHUNK_BYTES / (most * sizeof(double));
    if (group->stretch < 1) group->stretch = 1;
    if (group->stretch > group->n_fits) group->stretch = group->n_fits;
}

static enum status create_model_group(struct store *store, struct model_group *group,
                                      struct err *err)
{
    enum status rc = OK;
    struct h5 *h5 = store->h5;
    const bool has_covariances = group->family != FAMILY_none;
    const char *family_axes = has_covariances ? families[group->family]->axes : "";
    char axes_text[128];
    choose_stretch(store, group);
    const struct axes axes = {.fit = group->n_fits,
                              .fit_chunk = group->stretch,
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
    for (size_t a = 0; a < STORE_MODEL_ARRAYS; a++) {
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

/* Writes the waiting fits, the last of which is at place `last` of the group. */
static enum status write_models(struct store *store, struct model_group *group, size_t last,
                                struct err *err)
{
    enum status rc = OK;
    for (size_t a = 0; a < STORE_MODEL_ARRAYS; a++) {
        char path[256];
        if (group->waiting[a] == NULL) continue;
        snprintf(path, sizeof path, "%s/%s", group->path, model_arrays[a].name);
        TRY(h5_put(store->h5, path, last + 1 - group->n_waiting, group->n_waiting,
                   group->waiting[a], err));
    }
    group->n_waiting = 0;
done:
    return rc;
}

static void forget_models(struct model_group *group)
{
    for (size_t a = 0; a < STORE_MODEL_ARRAYS; a++) {
        free(group->waiting[a]);
        group->waiting[a] = NULL;
    }
}

/* The fits of a group come in their order; a group is held in memory for one stretch of it. */
static enum status put_model(struct store *store, size_t fit, const struct result *result,
                             struct err *err)
{
    enum status rc = OK;
    const struct model *model = result->model;
    struct model_group *group = &store->groups[store->group_of[fit]];
    const size_t place = store->place_in[fit];
    const double *const values[STORE_MODEL_ARRAYS] = {model->weights, model->means,
                                                      model->covariances, result->confusion};
    size_t lengths[STORE_MODEL_ARRAYS];
    array_lengths(store, group, lengths);
    for (size_t a = 0; a < STORE_MODEL_ARRAYS; a++) {
        if (lengths[a] == 0) continue;
        if (group->waiting[a] == NULL)
            TRY_ALLOC(group->waiting[a], group->stretch * lengths[a], err);
        memcpy(group->waiting[a] + group->n_waiting * lengths[a], values[a],
               lengths[a] * sizeof(double));
    }
    group->n_waiting++;
    if (group->n_waiting == group->stretch || place + 1 == group->n_fits)
        TRY(write_models(store, group, place, err));
    if (place + 1 == group->n_fits) forget_models(group);
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

/* A stretch of /history on its way to the file: entry by entry its chunks would be packed and
 * unpacked again and again, and all of it at once may not fit. */
#define STRETCH 65536
struct stretch {
    size_t first, n; /* entries in the file before it, and in it */
    int64_t *ints;   /* [2, STRETCH] fit, iteration */
    double *reals;   /* [3, STRETCH] loglik, elbo, wall_s */
};

static enum status write_stretch(struct store *store, struct stretch *stretch, struct err *err)
{
    enum status rc = OK;
    /* In the order of history_arrays. */
    const void *const values[N_HISTORY_ARRAYS] = {stretch->ints, stretch->ints + STRETCH,
                                                  stretch->reals, stretch->reals + STRETCH,
                                                  stretch->reals + 2 * STRETCH};
    for (size_t a = 0; a < N_HISTORY_ARRAYS && stretch->n > 0; a++) {
        char path[64];
        snprintf(path, sizeof path, "/history/%s", history_arrays[a].name);
        TRY(h5_put(store->h5, path, stretch->first, stretch->n, values[a], err));
    }
    stretch->first += stretch->n;
    stretch->n = 0;
done:
    return rc;
}

static enum status put_history(struct store *store, struct stretch *stretch, size_t fit,
                               const struct result *result, struct err *err)
{
    enum status rc = OK;
    for (size_t t = 0; t < result->n_entries; t++) {
        const size_t at = stretch->n++;
        stretch->ints[at] = (int64_t)fit;
        stretch->ints[STRETCH + at] = (int64_t)t;
        stretch->reals[at] = result->trace[t].loglik;
        stretch->reals[STRETCH + at] = result->trace[t].elbo;
        stretch->reals[2 * STRETCH + at] = result->trace[t].wall_s;
        if (stretch->n == STRETCH) TRY(write_stretch(store, stretch, err));
    }
done:
    return rc;
}

/* Models and history: each finished fit is read once from the log. */
enum status store_write_results(struct store *store, struct err *err)
{
    enum status rc = OK;
    struct result *result = NULL;
    struct stretch stretch = {0};
    TRY_ALLOC(stretch.ints, 2 * STRETCH, err);
    TRY_ALLOC(stretch.reals, 3 * STRETCH, err);
    TRY(h5_group(store->h5, "/models", err));
    TRY(group_models(store, err));
    for (size_t g = 0; g < store->n_groups; g++) {
        TRY(create_model_group(store, &store->groups[g], err));
        TRY(store_create_row_scores(store, &store->groups[g], err));
    }
    TRY(create_history(store, err));
    for (size_t i = 0; i < store->n_fits; i++) {
        TRY(shards_result(store->shards, store->source[i], &result, err));
        if (store->kept[i]) {
            TRY(put_model(store, i, result, err));
            TRY(store_put_row_scores(store, i, result->model, err));
        }
        TRY(put_history(store, &stretch, i, result, err));
        result_destroy(&result);
    }
    TRY(write_stretch(store, &stretch, err));
done:
    for (size_t g = 0; g < store->n_groups; g++)
        forget_models(&store->groups[g]);
    result_destroy(&result);
    free(stretch.reals);
    free(stretch.ints);
    return rc;
}
