#include "scorer.h"

#include "family.h"
#include "kernels.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_LOG_RESP (-700.0) /* kernels_posterior takes down to -708 */

struct scorer {
    struct rows *scale; /* two rows, which stand for all: they say how to centre and scale others */
    struct model *model; /* in its units */
    const struct family *ops;
    double *factors;
    double *constant; /* [K] ln weight + ln of the normalising constant */
    double *step;     /* of k-means: [D] the length of a step of y_d, where it measures */
    double *shift;    /* [K, D] means times -step; of a mixture zeros [1, D] */
};

/* What a thread works in. */
struct bench {
    struct rows chunk; /* scale, with rows of its own: y and norm of one chunk */
    double *distance;  /* [K, ROWS_CHUNK] */
    double *resp;      /* [K, ROWS_CHUNK] */
    double *rows;      /* [2, ROWS_CHUNK] */
    double *weight;    /* [ROWS_CHUNK] */
    double *family;
    int32_t *component; /* [ROWS_CHUNK] */
};

/* Rows a deviation above and below the centre have the centre, the scale and the variances of all
 * that were fitted. */
static enum status make_scale(const struct scorer_data *data, struct rows **out, struct err *err)
{
    enum status rc = OK;
    const size_t n = data->n_features;
    struct data two = {.n_rows = 2, .n_features = n};
    TRY_ALLOC(two.x, 2 * n, err);
    for (size_t d = 0; d < n; d++) {
        const double deviation = sqrt(data->variance[d]);
        two.x[d] = data->centre[d] - deviation;
        two.x[n + d] = data->centre[d] + deviation;
    }
    TRY(rows_create(&two, out, err));
done:
    free(two.x);
    return rc;
}

/* The lengths in which k-means measured. */
static enum status measure(const struct scorer_data *data, struct scorer *scorer, struct err *err)
{
    enum status rc = OK;
    const struct rows *scale = scorer->scale;
    if (data->whiten == WHITEN_full)
        FAIL(err, ERR_DATA,
             "k-means of kmeans.whiten: full measured in the whitened space of its data, which the "
             "result does not hold; expected a fit of another kind");
    const size_t n_features = scale->n_features;
    TRY_ALLOC(scorer->step, n_features, err);
    TRY_ALLOC(scorer->shift, scorer->model->n_components * n_features, err);
    for (size_t d = 0; d < n_features; d++)
        scorer->step[d] =
            data->whiten == WHITEN_scale ? 1.0 / sqrt(scale->floor_unit[d]) : scale->unit[d];
    for (size_t i = 0; i < scorer->model->n_components * n_features; i++)
        scorer->shift[i] = -scorer->model->means[i] * scorer->step[i % n_features];
done:
    return rc;
}

static enum status factorise(struct scorer *scorer, struct err *err)
{
    enum status rc = OK;
    const struct model *model = scorer->model;
    const struct family *ops = scorer->ops;
    /* A stored covariance is sound as it is: positive definite is all that is asked of it. */
    static const struct regularisation sound = {.floor = 1.0};
    double *work = NULL;
    TRY_ALLOC(work, ops->n_work(model->n_components, model->n_features), err);
    TRY_ALLOC(scorer->shift, model->n_features, err);
    TRY_ALLOC(scorer->factors, ops->n_factors(model->n_components, model->n_features), err);
    TRY_ALLOC(scorer->constant, model->n_components, err);
    if (ops->correlated) TRY(rows_add_covariance(scorer->scale, 1, err));
    bool ok = ops->factorise_common == NULL ||
              ops->factorise_common(scorer->scale, &sound, model, scorer->factors, work);
    for (size_t k = 0; ok && k < model->n_components; k++) {
        double log_norm = 0.0;
        ok = ops->factorise(scorer->scale, &sound, model, k, scorer->factors, &log_norm, work);
        scorer->constant[k] = log(model->weights[k]) + log_norm;
    }
    if (!ok)
        FAIL(err, ERR_DATA,
             "a covariance of the model is not positive definite: it has no density; expected a "
             "model that has not collapsed");
done:
    free(work);
    return rc;
}

enum status scorer_create(const struct scorer_data *data, const struct model *model,
                          struct scorer **out, struct err *err)
{
    enum status rc = OK;
    struct scorer *scorer = NULL;
    *out = NULL;
    TRY_ALLOC(scorer, 1, err);
    TRY(make_scale(data, &scorer->scale, err));
    TRY(model_create(model->family, model->n_components, model->n_features, &scorer->model, err));
    model_copy(model, scorer->model);
    model_from_user(scorer->scale, scorer->model);
    if (model->family == FAMILY_none) {
        TRY(measure(data, scorer, err));
    } else {
        scorer->ops = families[model->family];
        TRY(factorise(scorer, err));
    }
    *out = scorer;
    scorer = NULL;
done:
    scorer_destroy(&scorer);
    return rc;
}

void scorer_destroy(struct scorer **scorer)
{
    if (*scorer == NULL) return;
    free((*scorer)->shift);
    free((*scorer)->step);
    free((*scorer)->constant);
    free((*scorer)->factors);
    model_destroy(&(*scorer)->model);
    rows_destroy(&(*scorer)->scale);
    free(*scorer);
    *scorer = NULL;
}

bool scorer_has_density(const struct scorer *scorer)
{
    return scorer->ops != NULL;
}

static void bench_free(struct bench *bench)
{
    free(bench->chunk.y);
    free(bench->chunk.norm);
    free(bench->distance);
    free(bench->resp);
    free(bench->rows);
    free(bench->weight);
    free(bench->family);
    free(bench->component);
}

static enum status bench_create(const struct scorer *scorer, struct bench *bench, struct err *err)
{
    enum status rc = OK;
    const size_t n_features = scorer->model->n_features, n_components = scorer->model->n_components;
    bench->chunk = *scorer->scale;
    bench->chunk.y = bench->chunk.norm = NULL;
    TRY_ALLOC(bench->chunk.y, ROWS_CHUNK * n_features, err);
    TRY_ALLOC(bench->chunk.norm, ROWS_CHUNK, err);
    TRY_ALLOC(bench->distance, ROWS_CHUNK * n_components, err);
    TRY_ALLOC(bench->resp, ROWS_CHUNK * n_components, err);
    TRY_ALLOC(bench->rows, 2 * ROWS_CHUNK, err);
    TRY_ALLOC(bench->weight, ROWS_CHUNK, err);
    TRY_ALLOC(bench->component, ROWS_CHUNK, err);
    if (scorer->ops != NULL)
        TRY_ALLOC(bench->family, scorer->ops->n_work(n_components, n_features), err);
    for (size_t n = 0; n < ROWS_CHUNK; n++)
        bench->weight[n] = 1.0;
done:
    return rc;
}

/* y: rows x [n_rows, D] of a chunk, blocked, the rest of it zero. */
static void take_rows(const struct rows *scale, size_t n_rows, const double *x, double *y)
{
    const size_t n_features = scale->n_features;
    for (size_t n = 0; n < ROWS_CHUNK; n++)
        for (size_t d = 0; d < n_features; d++)
            y[rows_index(scale, n, d)] =
                n < n_rows ? ldexp(x[n * n_features + d] - scale->centre[d], -scale->exponent[d])
                           : 0.0;
}

/* Distances to components of the chunk, and which is the best: of a mixture by responsibilities. */
static void compare(const struct scorer *scorer, struct bench *bench)
{
    const struct model *model = scorer->model;
    const size_t n_components = model->n_components;
    if (scorer->ops == NULL) {
        kernels_distance(model->n_features, bench->chunk.y, n_components, scorer->step, 0,
                         scorer->shift, bench->distance);
        kernels_nearest(n_components, bench->distance, bench->component, bench->rows);
        return;
    }
    kernels_distance(model->n_features, bench->chunk.y, 1, bench->chunk.unit, 0, scorer->shift,
                     bench->chunk.norm);
    scorer->ops->complete_distance(model, scorer->factors, &bench->chunk, 0, NULL, bench->distance,
                                   bench->family);
    memcpy(bench->resp, bench->distance, n_components * ROWS_CHUNK * sizeof *bench->resp);
    kernels_posterior(n_components, scorer->constant, bench->weight, LEAST_LOG_RESP, bench->resp,
                      bench->rows);
    kernels_assign(n_components, bench->weight, bench->resp, bench->component);
}

/* ln of the density at row n of the chunk, by its best component: ln p = ln p_k - ln r_k, where
 * r_k is at least 1 / K and loses nothing. Of k-means, 0. Not finite if distances overflow. */
static double density_of(const struct scorer *scorer, const struct bench *bench, size_t n)
{
    const size_t at = (size_t)bench->component[n] * ROWS_CHUNK + n;
    if (scorer->ops == NULL) return bench->distance[at] * 0.0;
    return scorer->constant[bench->component[n]] - 0.5 * bench->distance[at] -
           log(bench->resp[at]) - scorer->scale->log_scale;
}

enum status scorer_run(const struct scorer *scorer, size_t n_rows, const double *x, int n_threads,
                       int64_t *label, double *log_density, double *resp, struct err *err)
{
    enum status rc = OK;
    const size_t n_components = scorer->model->n_components, n_features = scorer->model->n_features;
    const size_t n_chunks = (n_rows + ROWS_CHUNK - 1) / ROWS_CHUNK;
    struct bench *benches = NULL;
    size_t first_bad = n_rows;
    TRY_ALLOC(benches, (size_t)n_threads, err);
    for (int i = 0; i < n_threads; i++)
        TRY(bench_create(scorer, &benches[i], err));
#pragma omp parallel for schedule(dynamic) num_threads(n_threads) reduction(min : first_bad)
    for (size_t chunk = 0; chunk < n_chunks; chunk++) {
        struct bench *bench = &benches[omp_get_thread_num()];
        const size_t first = chunk * ROWS_CHUNK;
        const size_t n_here = n_rows - first < ROWS_CHUNK ? n_rows - first : ROWS_CHUNK;
        take_rows(scorer->scale, n_here, x + first * n_features, bench->chunk.y);
        compare(scorer, bench);
        for (size_t n = 0; n < n_here; n++) {
            const double density = density_of(scorer, bench, n);
            if (!isfinite(density) && first + n < first_bad) first_bad = first + n;
            if (label != NULL) label[first + n] = bench->component[n];
            if (log_density != NULL) log_density[first + n] = density;
            for (size_t k = 0; resp != NULL && k < n_components; k++)
                resp[(first + n) * n_components + k] = bench->resp[k * ROWS_CHUNK + n];
        }
    }
    if (first_bad < n_rows)
        FAIL(err, ERR_DATA,
             "row %zu is so far from all components that its distances are beyond the largest "
             "number",
             first_bad);
done:
    for (int i = 0; benches != NULL && i < n_threads; i++)
        bench_free(&benches[i]);
    free(benches);
    return rc;
}
