/* plan_cost.c - what a plan will take: memory, disk, time, and how many fits go on at once. */
#include "kmeans.h"
#include "plan.h"

#include <math.h>

/* The program, its libraries and HDF5's buffers, measured with a sweep of one tiny fit. */
#define BASE_BYTES (24.0 * 1048576.0)

/* A tick should be worth this many flops per thread, beside which its barriers are small. */
#define TICK_FLOPS 4e6

/* Live fits at once: half of what the engine takes, as each may come with a start. */
#define MOST_LIVE (ENGINE_MAX_TASKS / 2)

/* Iterations of a fit that ends by its tolerance. */
#define TYPICAL_ITERATIONS 40.0

/* Iterations of a start by k-means, seeding counted as one. */
#define TYPICAL_LLOYD 20.0

/* A checkpoint of all live fits should be written in a second or two. */
#define MOST_CHECKPOINT_BYTES (256.0 * 1048576.0)

double plan_iteration_flops(const struct data *data, const struct plan_fit *fit)
{
    double flops = fit->method == METHOD_kmeans ? kmeans_flops(data->n_features)
                                                : families[fit->em.family]->flops(data->n_features);
    return (double)data->n_rows * (double)fit->n_components * flops;
}

double plan_iterations(const struct plan_fit *fit)
{
    const double most = (double)fit->em.max_iter + 1.0;
    if (fit->method == METHOD_kmeans) return TYPICAL_LLOYD;
    if (fit->em.start_only) return 1.0;
    return fit->em.tol == 0.0 ? most : fmin(TYPICAL_ITERATIONS, most);
}

double plan_fit_flops(const struct data *data, const struct plan_fit *fit)
{
    return plan_iteration_flops(data, fit) * plan_iterations(fit);
}

double plan_first_flops(const struct data *data, const struct plan_fit *fit)
{
    double start = start_is_lloyd(fit->init) ? TYPICAL_LLOYD : 1.0;
    return (double)data->n_rows * (double)fit->n_components * start *
               kmeans_flops(data->n_features) +
           plan_iteration_flops(data, fit);
}

/* Weights, means, covariances and confusion of a fit. */
static double model_bytes(const struct data *data, const struct plan_fit *fit)
{
    size_t n = fit->n_components * (1 + data->n_features + data->n_classes);
    if (fit->method != METHOD_kmeans)
        n += families[fit->em.family]->n_covariances(fit->n_components, data->n_features);
    return 8.0 * (double)n;
}

/* A fit that ends stands, for a moment, as a model of its own, in a payload and in a record of the
 * log (measured: 2.9 models more at the peak, D = 784, K = 40 and D = 400, K = 100, full). */
#define MODEL_COPIES 3.0

/* Labels and responsibilities that a fit gives to the rows. */
static double row_scores_bytes(const struct data *data, const struct plan_fit *fit)
{
    const size_t n = fit->method == METHOD_kmeans ? 0 : fit->n_components;
    return 8.0 * (double)data->n_rows * (double)(1 + n);
}

/* They stand, when they are written, in memory as they are, in the chunk, shuffled and
 * deflated (measured). */
#define ROW_SCORES_COPIES 4.0

/* What HDF5 keeps in memory for a group of models (measured with 240 of them). */
#define GROUP_BYTES 180e3

/* Groups of models: fits that differ only in initialiser and restart stand in one. */
static double count_groups(const struct plan *plan)
{
    double n = 0.0;
    const struct plan_fit *first = plan->fits; /* of its K */
    for (const struct plan_fit *fit = plan->fits; fit < plan->fits + plan->n_fits; fit++) {
        if (fit->n_components != first->n_components) first = fit;
        n += fit->restart == 0 && fit->init == first->init;
    }
    return n;
}

/* Peak of the process with n_live fits at once: while the data are read, while the rows are made of
 * them, or while the fits run. */
static double memory_with(const struct plan *plan, const struct data *data, size_t n_live)
{
    double values = 8.0 * (double)data->n_rows * (double)data->n_features;
    double rows = rows_bytes(data->n_rows, data->n_features);
    double before = fmax(values + (double)data->content_bytes,
                         plan->keeps_x ? values + rows : fmax(values, rows));
    double per_row = 24.0 * (double)data->n_rows; /* source row, label, key of the row */
    double largest = 0.0, largest_model = 0.0, scores = 0.0,
           results = GROUP_BYTES * count_groups(plan);
    for (size_t i = 0; i < plan->n_fits; i++) {
        const struct plan_fit *fit = &plan->fits[i];
        double bytes = start_bytes(data->n_rows, data->n_features, fit->n_components);
        if (fit->method != METHOD_kmeans)
            bytes += em_bytes(data->n_rows, data->n_features, data->n_classes, &fit->em);
        largest = fmax(largest, bytes);
        largest_model = fmax(largest_model, model_bytes(data, fit));
        scores = fmax(scores, row_scores_bytes(data, fit));
        results += sizeof(struct plan_fit) + 512.0; /* its row and place in the log */
    }
    double fits =
        (double)n_live * largest +
        (double)plan->n_threads * engine_scratch_bytes(plan->max_components, plan->family_work) +
        MODEL_COPIES * largest_model + results;
    if (plan->whitened) rows += values;
    if (plan->scores_rows) { /* the data as read stay, and are scored when the fits are done */
        rows += values;
        fits = fmax(fits, results + ROW_SCORES_COPIES * scores);
    }
    if (plan->correlated) rows += 8.0 * (double)data->n_features * (double)data->n_features;
    return BASE_BYTES + per_row + fmax(before, rows + fits);
}

static bool is_too_much(const struct plan *plan, const struct data *data, size_t n_live)
{
    double largest_model = 0.0;
    for (size_t i = 0; i < plan->n_fits; i++)
        largest_model = fmax(largest_model, model_bytes(data, &plan->fits[i]));
    return (double)n_live * largest_model > MOST_CHECKPOINT_BYTES ||
           memory_with(plan, data, n_live) > plan->memory_limit;
}

/* What HDF5 takes in the file for tables and attributes, and for a group of models (measured: 160
 * KB and 29 KB a group, with up to 16 of them). */
#define BASE_DISK 170e3
#define GROUP_DISK 32e3

/* Rows, traces and models in the log; rows and traces again in the result, with the models that are
 * kept: of `best` one of all restarts, of `top` the largest, should they be the best. */
static double disk_bytes(const struct config *config, const struct data *data,
                         const struct plan *plan)
{
    const struct keep_rule *keep = &config->output_keep;
    const int scored = config->output_responsibilities;
    double bytes = BASE_DISK + GROUP_DISK * count_groups(plan), kept = 0.0, largest = 0.0;
    for (size_t i = 0; i < plan->n_fits; i++) {
        const struct plan_fit *fit = &plan->fits[i];
        const double model = model_bytes(data, fit);
        bytes += model + 1024.0 + 64.0 * plan_iterations(fit);
        const bool has_rows = scored == RESPONSIBILITIES_all ||
                              (scored == RESPONSIBILITIES_best && fit->restart == 0);
        const double in_file = model + (has_rows ? row_scores_bytes(data, fit) : 0.0);
        largest = fmax(largest, in_file);
        if (keep->kind != KEEP_best || fit->restart == 0) kept += in_file;
    }
    /* as many of mixtures and of k-means */
    if (keep->kind == KEEP_top) kept = fmin(kept, 2.0 * (double)keep->n * largest);
    return bytes + kept;
}

void plan_estimate(const struct config *config, const struct data *data, struct plan *plan)
{
    double flops = 0.0;
    for (size_t i = 0; i < plan->n_fits; i++)
        flops += plan_iteration_flops(data, &plan->fits[i]);
    const double n_threads = (double)plan->n_threads, n_fits = (double)plan->n_fits;
    double n = fmax(4.0 * n_threads / (double)rows_n_lanes(data->n_rows),
                    TICK_FLOPS * n_threads / (flops / n_fits));
    plan->n_live = (size_t)fmin(fmin(fmax(ceil(n), 2.0), MOST_LIVE), n_fits);
    while (plan->n_live > 1 && is_too_much(plan, data, plan->n_live))
        plan->n_live--;
    plan->memory_bytes = memory_with(plan, data, plan->n_live);
    plan->flops = 0.0;
    for (size_t i = 0; i < plan->n_fits; i++)
        plan->flops += plan_fit_flops(data, &plan->fits[i]);
    plan->disk_bytes = disk_bytes(config, data, plan);
    plan->wall_s = plan->flops / (PLAN_FLOPS_PER_S * n_threads);
}
