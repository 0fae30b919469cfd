#include "start.h"

#include "kernels.h"
#include "kmeans.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A duplicate of an earlier pick is drawn again. After this many draws per component the rows
 * are taken in order instead, so that the loop ends on any data. */
#define DRAWS_PER_COMPONENT 64

/* --- points: K different rows --- */

/* Whether row n has the value of one of the first k picks. */
static bool is_picked(const struct rows *rows, const size_t *picks, size_t k, size_t n)
{
    for (size_t i = 0; i < k; i++)
        if (rows_equal(rows, picks[i], n)) return true;
    return false;
}

static size_t pick_new(struct start *start, const size_t *picks, size_t k)
{
    const struct rows *rows = start->rows;
    size_t n = rows_pick(rows, start_draw(start));
    for (int i = 1; i < DRAWS_PER_COMPONENT && is_picked(rows, picks, k, n); i++)
        n = rows_pick(rows, start_draw(start));
    for (size_t i = 0; i < rows->n_rows && is_picked(rows, picks, k, n); i++)
        n = (n + 1) % rows->n_rows;
    return n;
}

static enum status pick_points(struct start *start, struct err *err)
{
    enum status rc = OK;
    size_t *picks = NULL;
    const size_t n_components = start->settings.n_components;
    TRY_ALLOC(picks, n_components, err);
    for (size_t k = 0; k < n_components; k++) {
        picks[k] = start->short_of_rows ? rows_pick(start->rows, start_draw(start))
                                        : pick_new(start, picks, k);
        rows_get(start->space, picks[k], start_mean(start, k));
    }
done:
    free(picks);
    return rc;
}

static enum status start_points(struct start *start, struct err *err)
{
    enum status rc = pick_points(start, err);
    if (rc == OK) start_finish(start);
    return rc;
}

/* --- by k-means --- */

static enum status prepare_kmeans(struct start *start, bool lloyd, struct err *err)
{
    enum status rc = OK;
    const size_t n_padded = start->rows->n_chunks * ROWS_CHUNK;
    const size_t n_sums = kmeans_sums(start->settings.n_components, start->rows->n_features);
    TRY_ALLOC(start->nearest, n_padded, err);
    if (lloyd) {
        TRY_ALLOC(start->assignment, n_padded, err);
        TRY_ALLOC(start->before, start->settings.n_components * start->rows->n_features, err);
    }
    for (size_t n = 0; n < n_padded; n++)
        start->nearest[n] = HUGE_VAL;
    TRY(engine_task_create(start->rows, n_sums, n_sums, &start->task, err));
done:
    return rc;
}

static enum status start_kmeanspp(struct start *start, struct err *err)
{
    enum status rc = OK;
    if (start->short_of_rows) return start_points(start, err);
    TRY(prepare_kmeans(start, true, err));
    kmeans_seed(start);
done:
    return rc;
}

/* As with k-means++, but the first means are different rows. */
static enum status start_kmeans(struct start *start, struct err *err)
{
    enum status rc = OK;
    TRY(pick_points(start, err));
    if (start->short_of_rows) {
        start_finish(start);
        return OK;
    }
    TRY(prepare_kmeans(start, true, err));
    kmeans_lloyd(start);
done:
    return rc;
}

static enum status start_identity(struct start *start, struct err *err)
{
    enum status rc = OK;
    start->shape = START_IDENTITY;
    if (start->short_of_rows) return start_points(start, err);
    TRY(prepare_kmeans(start, false, err));
    kmeans_seed(start);
done:
    return rc;
}

/* --- at random --- */

static enum status start_small_em(struct start *start, struct err *err)
{
    return start_points(start, err);
}

static enum status start_parameters(struct start *start, struct err *err)
{
    (void)err;
    const struct rows *rows = start->rows;
    for (size_t k = 0; k < start->settings.n_components; k++)
        for (size_t d = 0; d < rows->n_features; d++)
            start_mean(start, k)[d] =
                rows->low[d] + start_draw(start) * (rows->high[d] - rows->low[d]);
    start->shape = START_RANDOM;
    start->done = true;
    return OK;
}

/* The means stay zero, the centre of the data; they are where the moments are taken about. */
static enum status start_random_resp(struct start *start, struct err *err)
{
    (void)err;
    start->random_responsibilities = true;
    start->done = true;
    return OK;
}

/* --- given --- */

/* The moments of the classes are taken about their means, so that tight classes lose nothing. */
static enum status take_class_means(struct start *start, struct err *err)
{
    enum status rc = OK;
    const struct rows *rows = start->rows;
    double *count = NULL, *y = NULL;
    TRY_ALLOC(count, start->settings.n_components, err);
    TRY_ALLOC(y, rows->n_features, err);
    for (size_t n = 0; n < rows->n_rows; n++) {
        double *mean = start_mean(start, (size_t)start->assignment[n]);
        double total = count[start->assignment[n]] += rows->weight[n];
        rows_get(rows, n, y);
        for (size_t d = 0; d < rows->n_features; d++)
            mean[d] += rows->weight[n] / total * (y[d] - mean[d]);
    }
done:
    free(y);
    free(count);
    return rc;
}

static enum status start_labels(struct start *start, struct err *err)
{
    enum status rc = OK;
    const size_t n_padded = start->rows->n_chunks * ROWS_CHUNK;
    TRY_ALLOC(start->assignment, n_padded, err);
    memcpy(start->assignment, start->rows->label, n_padded * sizeof *start->assignment);
    TRY(take_class_means(start, err));
    start->done = true;
done:
    return rc;
}

static enum status start_file(struct start *start, struct err *err)
{
    (void)err;
    const struct model *given = start->settings.given;
    memcpy(start->means, given->means,
           given->n_components * given->n_features * sizeof *given->means);
    start->done = true;
    return OK;
}

/* --- what a fit asks of a start --- */

bool start_has_responsibilities(const struct start *start)
{
    return start->assignment != NULL || start->random_responsibilities;
}

/* Where the random responsibilities of row n begin in the stream: no K comes near 2^20. Rows that
 * were merged share them. */
static uint64_t row_index(size_t n)
{
    return (uint64_t)n << 20;
}

void start_responsibilities(const struct start *start, size_t chunk, double *resp)
{
    const size_t n_components = start->settings.n_components;
    const double *weight = start->rows->weight + chunk * ROWS_CHUNK;
    if (start->assignment != NULL) {
        kernels_one_hot(n_components, start->assignment + chunk * ROWS_CHUNK, weight, resp);
        return;
    }
    for (size_t n = 0; n < ROWS_CHUNK; n++) {
        double sum = 0.0;
        for (size_t k = 0; k < n_components; k++) {
            double u = rng_uniform(&start->stream, row_index(chunk * ROWS_CHUNK + n) + k);
            resp[k * ROWS_CHUNK + n] = u;
            sum += u;
        }
        for (size_t k = 0; k < n_components; k++)
            resp[k * ROWS_CHUNK + n] *= weight[n] / sum;
    }
}

size_t start_covariance_work(size_t n_features, bool correlated)
{
    return correlated ? 2 * n_features * n_features : n_features;
}

/* Element (i, j) of component k's A, behind the draws of the means. */
static double random_element(const struct start *start, size_t k, size_t i, size_t j)
{
    const size_t n = start->rows->n_features;
    return rng_uniform(&start->stream, ((uint64_t)1 << 40) + (k * n + i) * n + j);
}

/* S A A' S with A uniform in [0, 1) and S = diag(deviation / sqrt(D)). */
static void random_covariance(const struct start *start, size_t k, bool correlated, double *out)
{
    const struct rows *rows = start->rows;
    const size_t n = rows->n_features;
    double *a = out + n * n;
    for (size_t i = 0; i < n; i++) {
        double square = 0.0;
        for (size_t j = 0; j < n; j++) {
            double element = random_element(start, k, i, j);
            /* a holds A', so that kernels_gram gives A A'. */
            if (correlated) a[j * n + i] = element * sqrt(rows->floor_unit[i] / (double)n);
            square += element * element;
        }
        if (!correlated) out[i] = square * rows->floor_unit[i] / (double)n;
    }
    if (correlated) kernels_gram(n, a, out);
}

/* Where the variance of feature d stands in a covariance [D, D] or in its diagonal [D]. */
static size_t diagonal_at(size_t n, bool correlated, size_t d)
{
    return correlated ? d * n + d : d;
}

static void clear_covariance(size_t n, bool correlated, double *out)
{
    memset(out, 0, (correlated ? n * n : n) * sizeof *out);
}

void start_own_variances(const struct rows *rows, bool correlated, double *out)
{
    const size_t n = rows->n_features;
    clear_covariance(n, correlated, out);
    for (size_t d = 0; d < n; d++)
        out[diagonal_at(n, correlated, d)] = rows->floor_unit[d];
}

const double *start_covariance(const struct start *start, size_t k, bool correlated, double *work)
{
    const struct rows *rows = start->rows;
    const size_t n = rows->n_features;
    switch (start->shape) {
    case START_DATA:
        return correlated ? rows->covariance : rows->variance;
    case START_RANDOM:
        random_covariance(start, k, correlated, work);
        break;
    case START_IDENTITY:
        clear_covariance(n, correlated, work);
        for (size_t d = 0; d < n; d++)
            work[diagonal_at(n, correlated, d)] = ldexp(1.0, -2 * rows->exponent[d]);
        break;
    }
    return work;
}

/* --- all of them --- */

typedef enum status start_function(struct start *start, struct err *err);

static start_function *const start_functions[] = {
#define INIT(symbol, name, summary) [INIT_##symbol] = start_##symbol,
#include "inits.def"
#undef INIT
};

enum status start_create(const struct rows *rows, const struct start_settings *settings,
                         struct start **out, struct err *err)
{
    enum status rc = OK;
    struct start *start = NULL;
    *out = NULL;
    TRY_ALLOC(start, 1, err);
    start->rows = rows;
    start->settings = *settings;
    start->space = settings->whitened != NULL ? &settings->whitened->rows : rows;
    start->stream = (struct rng_stream){settings->seed, rng_name(init_names[settings->init]),
                                        settings->restart, settings->redraw};
    start->n_drawn = settings->trial << 32;
    start->short_of_rows = rows->n_distinct < settings->n_components;
    TRY_ALLOC(start->offset, rows->n_features, err);
    TRY_ALLOC(start->means, settings->n_components * rows->n_features, err);
    TRY_ALLOC(start->shift, settings->n_components * rows->n_features, err);
    TRY(start_functions[settings->init](start, err));
    *out = start;
    start = NULL;
done:
    start_destroy(&start);
    return rc;
}

void start_destroy(struct start **start)
{
    if (*start == NULL) return;
    engine_task_destroy(&(*start)->task);
    free((*start)->before);
    free((*start)->shift);
    free((*start)->nearest);
    free((*start)->assignment);
    free((*start)->means);
    free((*start)->offset);
    free(*start);
    *start = NULL;
}

bool start_varies(enum init init, size_t n_components)
{
    return n_components > 1 && init != INIT_labels && init != INIT_file;
}

bool start_is_lloyd(enum init init)
{
    return init == INIT_kmeans || init == INIT_kmeanspp;
}

double start_bytes(size_t n_rows, size_t n_features, size_t n_components)
{
    size_t n_sums = kmeans_sums(n_components, n_features);
    return engine_task_bytes(rows_n_lanes(n_rows), n_sums, n_sums) + 12.0 * (double)n_rows +
           24.0 * (double)(n_components * n_features);
}
