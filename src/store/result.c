#include "result.h"

#include "scores.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status allocate(enum family_id family, size_t n_components, size_t n_features,
                            size_t n_entries, size_t n_classes, struct result **out,
                            struct err *err)
{
    enum status rc = OK;
    struct result *result = NULL;
    *out = NULL;
    TRY_ALLOC(result, 1, err);
    result->n_entries = n_entries;
    result->n_classes = n_classes;
    TRY_ALLOC(result->trace, n_entries, err);
    TRY(model_create(family, n_components, n_features, &result->model, err));
    if (n_classes > 0) TRY_ALLOC(result->confusion, n_components * n_classes, err);
    *out = result;
    result = NULL;
done:
    result_destroy(&result);
    return rc;
}

/* Takes over a model in the units of rows and its confusion [K, C], in canonical order; the order
 * of classes, where the components are made from them. */
static enum status take_model(const struct rows *rows, const struct model *model,
                              const double *confusion, bool keep_order, struct result *result,
                              struct err *err)
{
    enum status rc = OK;
    const size_t n_components = model->n_components, n_classes = result->n_classes;
    struct model *user = NULL;
    size_t *order = NULL;
    TRY_ALLOC(order, n_components, err);
    TRY(model_create(model->family, n_components, rows->n_features, &user, err));
    model_copy(model, user);
    model_to_user(rows, user);
    if (keep_order)
        for (size_t k = 0; k < n_components; k++)
            order[k] = k;
    else
        model_order(user, order);
    model_permute(user, order, result->model);
    for (size_t k = 0; k < n_components && n_classes > 0; k++)
        memcpy(result->confusion + k * n_classes, confusion + order[k] * n_classes,
               n_classes * sizeof *result->confusion);
done:
    model_destroy(&user);
    free(order);
    return rc;
}

static void judge(const struct rows *rows, const struct em *em, struct fit_row *row)
{
    const struct family *ops = families[em->settings.family];
    const size_t n_components = em->settings.n_components, n_features = rows->n_features;
    size_t n_parameters = n_components * n_features + ops->n_parameters(n_components, n_features);
    if (em->settings.mixing == MIXING_free) n_parameters += n_components - 1;
    double least = em->count[0];
    for (size_t k = 1; k < n_components; k++)
        least = fmin(least, em->count[k]);
    const double p = (double)n_parameters;

    row->loglik = em->trace[em->n_entries - 1].loglik;
    row->mean_loglik = row->loglik / rows->total_weight;
    row->n_parameters = (int64_t)n_parameters;
    row->bic = -2.0 * row->loglik + p * log(rows->total_weight);
    row->aic = -2.0 * row->loglik + 2.0 * p;
    row->icl = row->bic + 2.0 * em->entropy;
    row->min_count = least;
    row->heldout = em->heldout;
    row->floored = 0;
    row->min_eigenvalue = em->least_eigenvalue[0];
    for (size_t k = 0; k < n_components; k++) {
        row->floored += (int64_t)em->floored[k];
        row->min_eigenvalue = fmin(row->min_eigenvalue, em->least_eigenvalue[k]);
    }
    row->flagged = em->outcome == OUTCOME_degenerate ||
                   !ops->is_determined(least, rows->total_weight, n_components, n_features);
}

static enum status score(struct result *result, struct err *err)
{
    struct scores scores;
    if (result->n_classes == 0) return OK;
    enum status rc = scores_compute(result->model->n_components, result->n_classes,
                                    result->confusion, &scores, err);
    if (rc != OK) return rc;
    result->row.error_rate = scores.error_rate;
    result->row.error_majority = scores.error_majority;
    result->row.ari = scores.ari;
    result->row.nmi = scores.nmi;
    return OK;
}

/* What the plan says of the fit. */
static void describe(const struct config *config, const struct plan_fit *fit, struct fit_row *row)
{
    fit_row_init(row);
    snprintf(row->name, sizeof row->name, "%s", fit->name);
    snprintf(row->id, sizeof row->id, "%s", fit->id);
    snprintf(row->method, sizeof row->method, "%s", method_names[fit->method]);
    snprintf(row->covariance, sizeof row->covariance, "%s",
             fit->method == METHOD_kmeans ? "none" : family_names[fit->em.family]);
    snprintf(row->init, sizeof row->init, "%s", init_names[fit->init]);
    row->k = (int64_t)fit->n_components;
    row->restart = (int64_t)fit->restart;
    row->seed = config->sweep_seed;
}

enum status result_create(const struct config *config, const struct rows *rows,
                          const struct plan_fit *fit, const struct em *em, struct result **out,
                          struct err *err)
{
    enum status rc = OK;
    struct result *result = NULL;
    const bool keep_order = fit->init == INIT_labels || fit->init == INIT_file;
    *out = NULL;
    TRY(allocate(em->settings.family, em->settings.n_components, rows->n_features, em->n_entries,
                 rows->n_classes, &result, err));
    struct fit_row *row = &result->row;
    result->max_iter = config->em_max_iter;
    describe(config, fit, row);
    snprintf(row->status, sizeof row->status, "%s", outcome_names[em->outcome]);
    row->iterations = (int64_t)em->n_entries - 1;
    row->redraws = (int64_t)em->redraw;
    row->history_count = (int64_t)em->n_entries;
    row->wall_s = em->trace[em->n_entries - 1].wall_s;
    row->max_drop = em->max_drop;
    memcpy(result->trace, em->trace, em->n_entries * sizeof *result->trace);
    judge(rows, em, row);
    TRY(take_model(rows, em->model, em->confusion, keep_order, result, err));
    TRY(score(result, err));
    *out = result;
    result = NULL;
done:
    result_destroy(&result);
    return rc;
}

/* Weights and confusion [K, C] of hard clusters; without clusters (too few rows) nothing. */
static void count_clusters(const struct rows *rows, const struct start *clusters, double *weights,
                           double *confusion)
{
    if (clusters->assignment == NULL) return;
    for (size_t n = 0; n < rows->n_rows; n++) {
        size_t k = (size_t)clusters->assignment[n];
        weights[k] += rows->weight[n];
        if (rows->label != NULL)
            confusion[k * rows->n_classes + (size_t)rows->label[n]] += rows->weight[n];
    }
    for (size_t k = 0; k < clusters->settings.n_components; k++)
        weights[k] /= rows->total_weight;
}

enum status result_create_kmeans(const struct config *config, const struct rows *rows,
                                 const struct plan_fit *fit, const struct start *clusters,
                                 struct result **out, struct err *err)
{
    enum status rc = OK;
    struct result *result = NULL;
    struct model *model = NULL;
    double *confusion = NULL;
    *out = NULL;
    TRY(allocate(FAMILY_none, fit->n_components, rows->n_features, 0, rows->n_classes, &result,
                 err));
    TRY(model_create(FAMILY_none, fit->n_components, rows->n_features, &model, err));
    if (rows->n_classes > 0) TRY_ALLOC(confusion, fit->n_components * rows->n_classes, err);
    struct fit_row *row = &result->row;
    result->max_iter = config->em_max_iter;
    describe(config, fit, row);
    const enum outcome outcome = clusters->short_of_rows ? OUTCOME_degenerate
                                 : clusters->converged   ? OUTCOME_converged
                                                         : OUTCOME_max_iter;
    snprintf(row->status, sizeof row->status, "%s", outcome_names[outcome]);
    row->flagged = outcome == OUTCOME_degenerate;
    row->iterations = (int64_t)clusters->n_iterations;
    row->history_count = 0;
    if (clusters->assignment != NULL) row->inertia = clusters->inertia;
    memcpy(model->means, clusters->means,
           fit->n_components * rows->n_features * sizeof *model->means);
    count_clusters(rows, clusters, model->weights, confusion);
    TRY(take_model(rows, model, confusion, false, result, err));
    if (clusters->assignment != NULL) TRY(score(result, err));
    *out = result;
    result = NULL;
done:
    free(confusion);
    model_destroy(&model);
    result_destroy(&result);
    return rc;
}

void result_destroy(struct result **result)
{
    if (*result == NULL) return;
    free((*result)->confusion);
    model_destroy(&(*result)->model);
    free((*result)->trace);
    free(*result);
    *result = NULL;
}

void result_pack(const struct result *result, struct pack *pack)
{
    const struct model *model = result->model;
    pack_u64(pack, (uint64_t)result->max_iter);
    fit_row_pack(&result->row, pack);
    pack_u64(pack, (uint64_t)model->family);
    pack_u64(pack, model->n_components);
    pack_u64(pack, model->n_features);
    pack_u64(pack, result->n_entries);
    pack_u64(pack, result->n_classes);
    for (size_t t = 0; t < result->n_entries; t++) {
        pack_double(pack, result->trace[t].loglik);
        pack_double(pack, result->trace[t].elbo);
        pack_double(pack, result->trace[t].wall_s);
    }
    pack_doubles(pack, model->weights, model->n_components);
    pack_doubles(pack, model->means, model->n_components * model->n_features);
    pack_doubles(pack, model->covariances, model->n_covariances);
    pack_doubles(pack, result->confusion, model->n_components * result->n_classes);
}

enum status result_unpack(struct unpack *unpack, struct result **out, struct err *err)
{
    enum status rc = OK;
    struct result *result = NULL;
    struct fit_row row;
    *out = NULL;
    int64_t max_iter = (int64_t)unpack_u64(unpack);
    fit_row_unpack(&row, unpack);
    uint64_t family = unpack_u64(unpack), n_components = unpack_u64(unpack);
    uint64_t n_features = unpack_u64(unpack), n_entries = unpack_u64(unpack);
    uint64_t n_classes = unpack_u64(unpack), most = unpack->n / sizeof(double);
    if (unpack->failed || family > FAMILY_none || n_components == 0 || n_components > most ||
        n_features == 0 || n_features > most / n_components || n_entries > most ||
        n_classes > most / n_components ||
        (family != FAMILY_none &&
         families[family]->n_covariances((size_t)n_components, (size_t)n_features) > most))
        FAIL(err, ERR_DATA, "a finished fit in the log has an impossible shape");
    TRY(allocate((enum family_id)family, (size_t)n_components, (size_t)n_features,
                 (size_t)n_entries, (size_t)n_classes, &result, err));
    result->max_iter = max_iter;
    result->row = row;
    for (size_t t = 0; t < result->n_entries; t++) {
        result->trace[t].loglik = unpack_double(unpack);
        result->trace[t].elbo = unpack_double(unpack);
        result->trace[t].wall_s = unpack_double(unpack);
    }
    unpack_doubles(unpack, result->model->weights, result->model->n_components);
    unpack_doubles(unpack, result->model->means, (size_t)(n_components * n_features));
    unpack_doubles(unpack, result->model->covariances, result->model->n_covariances);
    unpack_doubles(unpack, result->confusion, (size_t)(n_components * n_classes));
    if (unpack->failed || unpack->at != unpack->n)
        FAIL(err, ERR_DATA, "%s: the record in the log has another length than its shape",
             row.name);
    *out = result;
    result = NULL;
done:
    result_destroy(&result);
    return rc;
}
