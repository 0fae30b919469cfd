#include "plan.h"

#include "digest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The program, its libraries and HDF5's buffers, measured with a sweep of one tiny fit. */
#define BASE_BYTES (24.0 * 1048576.0)

/* A tick should be worth this many flops per thread, beside which its barriers are small. */
#define TICK_FLOPS 4e6

/* Live fits at once: half of what the engine takes, as each may come with a start. */
#define MOST_LIVE (ENGINE_MAX_TASKS / 2)

/* Flops per second and thread of the diag kernels on one core of a 2-core Zen 4 machine. */
#define TYPICAL_FLOPS_PER_S 4e9

static struct em_settings em_settings_of(const struct config *config, enum family_id family,
                                         size_t n_components)
{
    return (struct em_settings){
        .family = family,
        .n_components = n_components,
        .max_iter = config->em_max_iter,
        .tol = config->em_tol,
        .criterion = (enum criterion)config->em_criterion,
        .mixing = (enum mixing)config->em_mixing,
        .reg = {config->em_floor, config->em_floor_absolute, config->em_ridge},
        .redraws = config->em_redraws,
        .may_redraw = start_varies(n_components),
    };
}

struct start_settings plan_start(const struct config *config, const struct plan_fit *fit,
                                 uint64_t redraw)
{
    return (struct start_settings){
        .seed = (uint64_t)config->sweep_seed,
        .max_iter = config->kmeans_max_iter,
        .tol = config->kmeans_tol,
        .init = fit->init,
        .n_components = fit->em.n_components,
        .restart = fit->restart,
        .redraw = redraw,
    };
}

/* The hash of all that the fit's result depends on, and of nothing else. max_iter is left out: a
 * fit that converged before it is the same under any larger one (see shards.h). */
static enum status identify(const struct config *config, const struct data *data,
                            struct plan_fit *fit, struct err *err)
{
    enum status rc = OK;
    struct digest *digest = NULL;
    char text[1024], hex[DIGEST_HEX];
    int n =
        snprintf(text, sizeof text,
                 "gmmsweep numerics %d\nem\ndata %s\nweights %s\nlabels %s\nk %zu\n"
                 "covariance %s\ninit %s\nrestart %llu\nseed %lld\ntol %a\ncriterion %s\n"
                 "floor %a %a\nridge %a\nmixing %s\nredraws %lld\n",
                 PLAN_NUMERICS_VERSION, data->sha256, data->weights_sha256, data->labels_sha256,
                 fit->em.n_components, family_names[fit->em.family], init_names[fit->init],
                 (unsigned long long)fit->restart, (long long)config->sweep_seed, fit->em.tol,
                 criterion_names[fit->em.criterion], fit->em.reg.floor, fit->em.reg.floor_absolute,
                 fit->em.reg.ridge, mixing_names[fit->em.mixing], (long long)fit->em.redraws);
    if (fit->init == INIT_kmeanspp)
        snprintf(text + n, sizeof text - (size_t)n, "kmeans %lld %a\n",
                 (long long)config->kmeans_max_iter, config->kmeans_tol);
    TRY(digest_create(&digest, err));
    digest_text(digest, text);
    TRY(digest_finish(digest, hex, err));
    snprintf(fit->id, sizeof fit->id, "%.16s", hex);
done:
    digest_destroy(&digest);
    return rc;
}

static size_t restarts_of(const struct config *config, size_t n_components)
{
    return start_varies(n_components) ? (size_t)config->sweep_restarts : 1;
}

static enum status list_fits(const struct config *config, const struct data *data,
                             struct plan *plan, struct err *err)
{
    enum status rc = OK;
    const size_t n_families = config->sweep_covariance.n;
    for (size_t i = 0; i < config->sweep_components.n; i++) {
        size_t n_components = (size_t)config->sweep_components.v[i];
        plan->n_fits += config->sweep_init.n * restarts_of(config, n_components) * n_families;
        if (n_components > plan->max_components) plan->max_components = n_components;
    }
    TRY_ALLOC(plan->fits, plan->n_fits, err);
    struct plan_fit *fit = plan->fits;
    for (size_t i = 0; i < config->sweep_components.n; i++)
        for (size_t j = 0; j < config->sweep_init.n; j++) {
            size_t n_components = (size_t)config->sweep_components.v[i];
            for (size_t r = 0; r < restarts_of(config, n_components); r++)
                for (size_t f = 0; f < n_families; f++, fit++) {
                    enum family_id family = (enum family_id)config->sweep_covariance.v[f];
                    fit->init = (enum init)config->sweep_init.v[j];
                    fit->restart = r;
                    fit->em = em_settings_of(config, family, n_components);
                    snprintf(fit->name, sizeof fit->name, "%s-k%03zu-%s-r%03zu",
                             family_names[family], n_components, init_names[fit->init], r);
                    TRY(identify(config, data, fit, err));
                }
        }
done:
    return rc;
}

/* Flops of one iteration of a fit. */
static double iteration_flops(const struct data *data, const struct plan_fit *fit)
{
    return (double)data->n_rows * (double)fit->em.n_components *
           families[fit->em.family]->flops(data->n_features);
}

/* Peak of the process with n_live fits at once: either while the rows are prepared beside the
 * data as read, or while the fits run. */
static double memory_with(const struct plan *plan, const struct data *data, size_t n_live)
{
    const size_t n_lanes = rows_n_lanes(data->n_rows);
    double values = 8.0 * (double)data->n_rows * (double)data->n_features;
    double rows = rows_bytes(data->n_rows, data->n_features);
    double per_row = 24.0 * (double)data->n_rows; /* source row, label, key of the row */
    double largest = 0.0, results = 0.0;
    for (size_t i = 0; i < plan->n_fits; i++) {
        const struct em_settings *em = &plan->fits[i].em;
        largest = fmax(largest, em_bytes(n_lanes, data->n_features, data->n_classes, em) +
                                    start_bytes(data->n_rows, data->n_features, em->n_components));
        results += sizeof(struct plan_fit) + 512.0; /* its row and place in the log */
    }
    double fits = (double)n_live * largest +
                  (double)plan->n_threads * engine_scratch_bytes(plan->max_components) + results;
    return BASE_BYTES + rows + per_row + fmax(values, fits);
}

static void choose_live(const struct data *data, struct plan *plan)
{
    double flops = 0.0;
    for (size_t i = 0; i < plan->n_fits; i++)
        flops += iteration_flops(data, &plan->fits[i]);
    const double n_threads = (double)plan->n_threads, n_fits = (double)plan->n_fits;
    double n = fmax(4.0 * n_threads / (double)rows_n_lanes(data->n_rows),
                    TICK_FLOPS * n_threads / (flops / n_fits));
    plan->n_live = (size_t)fmin(fmin(fmax(ceil(n), 2.0), MOST_LIVE), n_fits);
    while (plan->n_live > 1 && memory_with(plan, data, plan->n_live) > plan->memory_limit)
        plan->n_live--;
    plan->memory_bytes = memory_with(plan, data, plan->n_live);
    plan->flops = 0.0;
    for (size_t i = 0; i < plan->n_fits; i++) {
        const struct em_settings *em = &plan->fits[i].em;
        plan->flops += iteration_flops(data, &plan->fits[i]) *
                       fmin(PLAN_TYPICAL_ITERATIONS, (double)em->max_iter + 1.0);
    }
    plan->wall_s = plan->flops / (TYPICAL_FLOPS_PER_S * n_threads);
}

/* Rows, traces and models, each kept in the log and again in the result. */
static double disk_bytes(const struct data *data, const struct plan *plan)
{
    double bytes = 65536.0;
    for (size_t i = 0; i < plan->n_fits; i++) {
        const struct em_settings *em = &plan->fits[i].em;
        size_t n_model = em->n_components * (1 + data->n_features + data->n_classes) +
                         families[em->family]->n_covariances(em->n_components, data->n_features);
        bytes += 16.0 * (double)n_model + 1024.0 +
                 64.0 * fmin(PLAN_TYPICAL_ITERATIONS, (double)em->max_iter + 1.0);
    }
    return bytes;
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
    TRY(list_fits(config, data, plan, err));
    choose_live(data, plan);
    plan->disk_bytes = disk_bytes(data, plan);
    if (plan->memory_bytes > memory_limit)
        FAIL(err, ERR_CONFIG,
             "plan: one fit at a time needs %.0f MiB (%zu rows x %zu features, up to %zu "
             "components, %d threads), but %.0f MiB are allowed; expected a smaller "
             "sweep.components, data.limit or data.pool, fewer threads, or a larger run.memory",
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
    free((*plan)->fits);
    free(*plan);
    *plan = NULL;
}
