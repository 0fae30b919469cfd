/* store_rows.c - labels and responsibilities of the rows by each model (output.responsibilities).
 */
#include "store_parts.h"

#include "scorer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is needed for one fit after the other. */
struct row_scores {
    double *variance; /* [D] of the features, in the user's units */
    int64_t *label;   /* [N] */
    double *resp;     /* [N, K], the largest K */
};

enum status store_choose_scored(struct store *store, struct err *err)
{
    enum status rc = OK;
    const enum responsibilities wanted =
        (enum responsibilities)store->config->output_responsibilities;
    const struct keep_rule rule = {wanted == RESPONSIBILITIES_best ? KEEP_best : KEEP_all, 0};
    TRY_ALLOC(store->scored, store->n_fits, err);
    /* A sweep that was stopped has to end soon. */
    if (wanted == RESPONSIBILITIES_none || store->n_fits < store->plan->n_fits) goto done;
    TRY(store_choose(store, &rule, store->scored, err));
    for (size_t i = 0; i < store->n_fits; i++)
        store->scored[i] &= store->kept[i];
done:
    return rc;
}

enum status store_create_row_scores(struct store *store, const struct model_group *group,
                                    struct err *err)
{
    enum status rc = OK;
    struct h5 *h5 = store->h5;
    const struct axes axes = {.fit = group->n_fits,
                              .fit_chunk = 1,
                              .component = group->n_components,
                              .row = store->data->n_rows};
    if (group->n_scored == 0) return OK;
    TRY(store_put_axis(h5, group->path, "row", H5_INT, axes.row, "row of the source, from 0",
                       store->data->source_row, err));
    TRY(store_put_array(h5, group->path, "labels", H5_INT, &axes, "fit row", "1",
                        "component of the row, -1 where it was not asked for", NULL, err));
    if (group->family != FAMILY_none)
        TRY(store_put_array(h5, group->path, "responsibilities", H5_REAL, &axes,
                            "fit row component", "1",
                            "probability of the component, given the row; NaN where it was not "
                            "asked for",
                            NULL, err));
done:
    return rc;
}

static enum status create(const struct store *store, struct row_scores **out, struct err *err)
{
    enum status rc = OK;
    const struct rows *rows = store->rows;
    struct row_scores *scores = NULL;
    TRY_ALLOC(scores, 1, err);
    *out = scores;
    TRY_ALLOC(scores->variance, rows->n_features, err);
    TRY_ALLOC(scores->label, store->data->n_rows, err);
    TRY_ALLOC(scores->resp, store->data->n_rows * store->plan->max_components, err);
    for (size_t d = 0; d < rows->n_features; d++)
        scores->variance[d] = ldexp(rows->variance[d], 2 * rows->exponent[d]);
done:
    return rc;
}

void store_destroy_row_scores(struct row_scores **scores)
{
    if (*scores == NULL) return;
    free((*scores)->variance);
    free((*scores)->label);
    free((*scores)->resp);
    free(*scores);
    *scores = NULL;
}

/* A fit that is not scored, or cannot be: one that has collapsed, or measured in another space. */
static void fill_in(const struct store *store, size_t n_components, struct row_scores *scores)
{
    for (size_t n = 0; n < store->data->n_rows; n++)
        scores->label[n] = -1;
    for (size_t i = 0; i < store->data->n_rows * n_components; i++)
        scores->resp[i] = NAN;
}

static enum status score(const struct store *store, const struct model *model,
                         struct row_scores *scores, struct err *err)
{
    struct scorer *scorer = NULL;
    const struct scorer_data like = {store->data->n_features, store->rows->centre, scores->variance,
                                     (enum whiten)store->config->kmeans_whiten};
    enum status rc = scorer_create(&like, model, &scorer, err);
    if (rc == OK)
        rc = scorer_run(scorer, store->data->n_rows, store->data->x, store->plan->n_threads,
                        scores->label, NULL, scorer_has_density(scorer) ? scores->resp : NULL, err);
    scorer_destroy(&scorer);
    return rc;
}

enum status store_put_row_scores(struct store *store, size_t fit, const struct model *model,
                                 struct err *err)
{
    enum status rc = OK;
    const struct model_group *group = &store->groups[store->group_of[fit]];
    char path[256];
    if (group->n_scored == 0) return OK;
    if (store->row_scores == NULL) TRY(create(store, &store->row_scores, err));
    struct row_scores *scores = store->row_scores;
    if (store->scored[fit]) rc = score(store, model, scores, err);
    if (rc == ERR_INTERNAL) goto done;
    if (rc != OK || !store->scored[fit]) fill_in(store, group->n_components, scores);
    snprintf(path, sizeof path, "%s/labels", group->path);
    TRY(h5_put(store->h5, path, store->place_in[fit], 1, scores->label, err));
    snprintf(path, sizeof path, "%s/responsibilities", group->path);
    if (group->family != FAMILY_none)
        TRY(h5_put(store->h5, path, store->place_in[fit], 1, scores->resp, err));
done:
    return rc;
}
