#include "plan.h"

#include "digest.h"
#include "given.h"
#include "kmeans.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* LAPACK counts its work in 32 bits: 2 D^2 + 6 D + 1 doubles. */
#define MOST_CORRELATED 32000

/* Short runs of small-em, as in Biernacki, Celeux & Govaert (2003). */
#define SMALL_EM_TRIALS 20

static struct em_settings em_settings_of(const struct config *config, const struct plan_fit *fit,
                                         enum family_id family)
{
    return (struct em_settings){
        .family = family,
        .n_components = fit->n_components,
        .max_iter = config->em_max_iter,
        .start_only = fit->method == METHOD_labelled,
        .tol = config->em_tol,
        .criterion = (enum criterion)config->em_criterion,
        .mixing = (enum mixing)config->em_mixing,
        .reg = {config->em_floor, config->em_floor_absolute, config->em_ridge},
        .kernel = (enum kernel)config->em_kernel,
        .ddof = (double)config->em_ddof,
        .redraws = config->em_redraws,
        .may_redraw = start_varies(fit->init, fit->n_components),
        .n_trials = fit->init == INIT_small_em && fit->n_components > 1 ? SMALL_EM_TRIALS : 0,
    };
}

bool plan_whitens(const struct config *config, enum init init)
{
    return config->kmeans_whiten != WHITEN_none &&
           (init == INIT_kmeans || init == INIT_kmeanspp || init == INIT_identity);
}

struct start_settings plan_start(const struct config *config, const struct plan_fit *fit,
                                 uint64_t redraw, uint64_t trial)
{
    return (struct start_settings){
        .seed = (uint64_t)config->sweep_seed,
        .max_iter = config->kmeans_max_iter,
        .tol = config->kmeans_tol,
        .init = fit->init,
        .n_components = fit->n_components,
        .restart = fit->restart,
        .redraw = redraw,
        .trial = trial,
    };
}

/* --- ids --- */

/* The hash of all that the fit's result depends on, and of nothing else. max_iter is left out: a
 * fit that converged before it is the same under any larger one (see shards.h). */
static enum status identify(const struct config *config, const struct data *data,
                            const struct model *given, struct plan_fit *fit, struct err *err)
{
    enum status rc = OK;
    struct digest *digest = NULL;
    char text[1024], hex[DIGEST_HEX];
    const struct em_settings *em = &fit->em;
    TRY(digest_create(&digest, err));
    snprintf(
        text, sizeof text,
        "gmmsweep numerics %d\n%s\ndata %s\nweights %s\nlabels %s\nheldout %a\nk %zu\ninit %s\n"
        "restart %llu\nseed %lld\n",
        PLAN_NUMERICS_VERSION, method_names[fit->method], data->sha256, data->weights_sha256,
        data->labels_sha256, data->heldout_share, fit->n_components, init_names[fit->init],
        (unsigned long long)fit->restart, (long long)config->sweep_seed);
    digest_text(digest, text);
    if (fit->method != METHOD_kmeans) {
        snprintf(text, sizeof text,
                 "covariance %s\ntol %a\ncriterion %s\nfloor %a %a\nridge %a\nmixing %s\n"
                 "ddof %a\nkernel %s\nredraws %lld\n",
                 family_names[em->family], em->tol, criterion_names[em->criterion], em->reg.floor,
                 em->reg.floor_absolute, em->reg.ridge, mixing_names[em->mixing], em->ddof,
                 kernel_names[em->kernel], (long long)em->redraws);
        digest_text(digest, text);
    }
    if (start_is_lloyd(fit->init) || fit->init == INIT_identity) {
        snprintf(text, sizeof text, "kmeans %lld %a %s\n", (long long)config->kmeans_max_iter,
                 config->kmeans_tol, whiten_names[config->kmeans_whiten]);
        digest_text(digest, text);
    }
    if (given != NULL)
        digest_doubles(digest, given->weights,
                       given->n_components * (1 + given->n_features) + given->n_covariances);
    TRY(digest_finish(digest, hex, err));
    snprintf(fit->id, sizeof fit->id, "%.16s", hex);
done:
    digest_destroy(&digest);
    return rc;
}

/* --- the list of fits --- */

static bool has_method(const struct config *config, enum method method)
{
    for (size_t i = 0; i < config->sweep_method.n; i++)
        if (config->sweep_method.v[i] == (int)method) return true;
    return false;
}

/* Adds a fit, or only counts it while there is no list yet. */
static enum status add_fit(const struct config *config, const struct data *data,
                           const struct plan_fit *like, enum family_id family, struct plan *plan,
                           struct err *err)
{
    if (plan->fits == NULL) {
        plan->n_fits++;
        return OK;
    }
    struct plan_fit *fit = &plan->fits[plan->n_fits++];
    const char *family_name = family == FAMILY_none ? "none" : family_names[family];
    *fit = *like;
    fit->em = em_settings_of(config, fit, family);
    if (fit->method == METHOD_labelled)
        snprintf(fit->name, sizeof fit->name, "labelled-%s", family_name);
    else
        snprintf(fit->name, sizeof fit->name, "%s-k%03zu-%s-r%03llu",
                 fit->method == METHOD_kmeans ? "kmeans" : family_name, fit->n_components,
                 init_names[fit->init], (unsigned long long)fit->restart);
    if (fit->n_components > plan->max_components) plan->max_components = fit->n_components;
    const size_t work = family != FAMILY_none ? em_family_work(&fit->em, data->n_features)
                                              : kmeans_work(fit->n_components, data->n_features);
    if (work > plan->family_work) plan->family_work = work;
    if (family != FAMILY_none) plan->correlated |= families[family]->correlated;
    plan->correlated |= config->kmeans_whiten == WHITEN_full;
    plan->whitened |= plan_whitens(config, fit->init);
    const struct model *given = fit->init == INIT_file ? plan->given[family] : NULL;
    return identify(config, data, given, fit, err);
}

/* The fits of one K and initialiser; those that share a start are neighbours. */
static enum status add_fits(const struct config *config, const struct data *data,
                            size_t n_components, enum init init, struct plan *plan, struct err *err)
{
    enum status rc = OK;
    size_t n_restarts = start_varies(init, n_components) ? (size_t)config->sweep_restarts : 1;
    for (size_t r = 0; r < n_restarts; r++) {
        struct plan_fit like = {.init = init, .restart = r, .n_components = n_components};
        for (size_t f = 0; has_method(config, METHOD_em) && f < config->sweep_covariance.n; f++)
            TRY(add_fit(config, data, &like, (enum family_id)config->sweep_covariance.v[f], plan,
                        err));
        like.method = METHOD_kmeans;
        if (has_method(config, METHOD_kmeans) && start_is_lloyd(init))
            TRY(add_fit(config, data, &like, FAMILY_none, plan, err));
    }
done:
    return rc;
}

/* Goes through all fits of the sweep: once to count them, then to list them. */
static enum status add_all(const struct config *config, const struct data *data, struct plan *plan,
                           struct err *err)
{
    enum status rc = OK;
    plan->n_fits = 0;
    for (size_t i = 0; i < config->sweep_components.n; i++)
        for (size_t j = 0; j < config->sweep_init.n; j++) {
            enum init init = (enum init)config->sweep_init.v[j];
            if (init != INIT_labels && init != INIT_file)
                TRY(add_fits(config, data, (size_t)config->sweep_components.v[i], init, plan, err));
        }
    for (size_t j = 0; j < config->sweep_init.n; j++) {
        enum init init = (enum init)config->sweep_init.v[j];
        if (init == INIT_labels || init == INIT_file)
            TRY(add_fits(config, data, init == INIT_file ? plan->n_given : data->n_classes, init,
                         plan, err));
    }
    const struct plan_fit like = {
        .method = METHOD_labelled, .init = INIT_labels, .n_components = data->n_classes};
    for (size_t f = 0; has_method(config, METHOD_labelled) && f < config->sweep_covariance.n; f++)
        TRY(add_fit(config, data, &like, (enum family_id)config->sweep_covariance.v[f], plan, err));
done:
    return rc;
}

/* What the config asks must go together with the data. */
static enum status check_together(const struct config *config, const struct data *data,
                                  struct err *err)
{
    bool by_labels = has_method(config, METHOD_labelled), lloyd = false;
    for (size_t j = 0; j < config->sweep_init.n; j++) {
        by_labels |= config->sweep_init.v[j] == INIT_labels;
        lloyd |= start_is_lloyd((enum init)config->sweep_init.v[j]);
    }
    if (by_labels && data->label == NULL)
        return err_set(err, ERR_CONFIG,
                       "data.labels: missing, expected the labels that sweep.init "
                       "'labels' or sweep.method 'labelled' start from");
    if (has_method(config, METHOD_kmeans) && !lloyd)
        return err_set(err, ERR_CONFIG,
                       "sweep.init: sweep.method 'kmeans' starts from 'kmeans' or "
                       "'kmeans++', expected one of them");
    return OK;
}

/* K that labels or a file give must be one of sweep.components, if those are given. */
static enum status check_components(const struct config *config, const char *giver,
                                    size_t n_components, struct err *err)
{
    const struct int_list *list = &config->sweep_components;
    for (size_t i = 0; i < list->n; i++)
        if ((size_t)list->v[i] == n_components) return OK;
    if (list->n == 0) return OK;
    return err_set(err, ERR_CONFIG,
                   "sweep.components: without %zu, the number of components that %s gives; "
                   "expected it among them, or no sweep.components",
                   n_components, giver);
}

static enum status read_given(const struct config *config, const struct data *data,
                              struct plan *plan, struct err *err)
{
    enum status rc = OK;
    for (size_t f = 0; f < config->sweep_covariance.n; f++) {
        enum family_id family = (enum family_id)config->sweep_covariance.v[f];
        TRY(given_read(config, family, data->n_features, &plan->given[family], err));
        plan->n_given = plan->given[family]->n_components;
    }
    TRY(check_components(config, "init_file", plan->n_given, err));
done:
    return rc;
}

static enum status list_fits(const struct config *config, const struct data *data,
                             struct plan *plan, struct err *err)
{
    enum status rc = OK;
    TRY(check_together(config, data, err));
    for (size_t j = 0; j < config->sweep_init.n; j++) {
        if (config->sweep_init.v[j] == INIT_file) TRY(read_given(config, data, plan, err));
        if (config->sweep_init.v[j] == INIT_labels)
            TRY(check_components(config, "data.labels", data->n_classes, err));
    }
    TRY(add_all(config, data, plan, err));
    if (plan->n_fits == 0)
        FAIL(err, ERR_CONFIG, "sweep.components: missing, expected numbers of components");
    TRY_ALLOC(plan->fits, plan->n_fits, err);
    TRY(add_all(config, data, plan, err));
    if (plan->correlated && data->n_features > MOST_CORRELATED)
        FAIL(err, ERR_CONFIG,
             "plan: %zu features are more than covariances are factored for (%d); expected "
             "sweep.covariance spherical or diag, and no kmeans.whiten: full",
             data->n_features, MOST_CORRELATED);
done:
    return rc;
}

enum status plan_create(const struct config *config, const struct data *data, int n_threads,
                        double memory_limit, struct plan **out, struct err *err)
{
    enum status rc = OK;
    struct plan *plan = NULL;
    const double mib = 1048576.0;
    *out = NULL;
    TRY_ALLOC(plan, 1, err);
    plan->n_threads = n_threads;
    plan->memory_limit = memory_limit;
    plan->scores_rows = config->output_responsibilities != RESPONSIBILITIES_none;
    plan->keeps_x = plan->scores_rows || data->heldout != NULL;
    TRY(list_fits(config, data, plan, err));
    plan_estimate(config, data, plan);
    if (plan->memory_bytes > memory_limit)
        FAIL(err, ERR_CONFIG,
             "plan: one fit at a time needs %.0f MiB (%zu rows x %zu features, up to %zu "
             "components, %d threads), but %.0f MiB are allowed; expected a smaller "
             "sweep.components, data.limit or data.pool, fewer threads, or more memory "
             "(run.memory, of a "
             "job slurm.mem)",
             ceil(plan->memory_bytes / mib), data->n_rows, data->n_features, plan->max_components,
             n_threads, floor(memory_limit / mib));
    *out = plan;
    plan = NULL;
done:
    plan_destroy(&plan);
    return rc;
}

void plan_destroy(struct plan **plan)
{
    if (*plan == NULL) return;
    for (size_t f = 0; f < N_FAMILIES; f++)
        model_destroy(&(*plan)->given[f]);
    free((*plan)->fits);
    free(*plan);
    *plan = NULL;
}
