/* Rows drawn from a mixture that the config gives (data.synthetic). Row n has a random stream of
 * its own and is made whenever it is asked for; the last column is its component. */
#include "config.h"
#include "number.h"
#include "rng.h"
#include "source.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Points into the config, but for its own arrays. */
struct mixture {
    uint64_t seed;
    size_t n_components, n_features;
    double *cumulative;       /* [K] of the weights */
    const double *means;      /* [K, D] */
    const double *deviations; /* [K, D], or NULL: factors hold instead */
    double *factors;          /* [K, D, D] lower Cholesky factors, or NULL */
    double *normals;          /* [D] scratch of a row */
    double *row;              /* [D + 1] scratch of a cell */
};

/* --- the config's mixture --- */

static enum status check_shape(const char *key, const struct number_array *array, size_t rank,
                               const size_t *shape, struct err *err)
{
    static const char *const letters[] = {"K", "D", "D"};
    char found[64] = "", expected[64] = "";

    for (size_t i = 0; i < array->rank; i++)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%zu", i > 0 ? ", " : "",
                 array->shape[i]);
    for (size_t i = 0; i < rank; i++)
        snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%s%s = %zu",
                 i > 0 ? ", " : "", letters[i], shape[i]);
    if (array->rank == rank && memcmp(array->shape, shape, rank * sizeof *shape) == 0) return OK;
    return err_set(err, ERR_CONFIG,
                   "data.synthetic.%s: shape [%s], expected [%s] as data.synthetic.means has it",
                   key, found, expected);
}

static enum status take_weights(const struct number_array *weights, struct mixture *mixture,
                                struct err *err)
{
    enum status rc = OK;
    double sum = 0.0;

    TRY_ALLOC(mixture->cumulative, mixture->n_components, err);
    for (size_t k = 0; k < mixture->n_components; k++)
        mixture->cumulative[k] = sum += weights->rank > 0 ? weights->v[k] : 1.0;
    if (!(sum > 0.0 && isfinite(sum)))
        FAIL(err, ERR_CONFIG, "data.synthetic.weights: their sum is %g, expected a positive number",
             sum);
    for (size_t k = 0; k < mixture->n_components; k++)
        mixture->cumulative[k] /= sum;
done:
    return rc;
}

/* lower [n, n]: the Cholesky factor of `matrix`, in loops and so the same on every machine. False
 * if it is not positive definite. */
static bool factor(size_t n, const double *matrix, double *lower)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = matrix[i * n + j];
            for (size_t l = 0; l < j; l++)
                sum -= lower[i * n + l] * lower[j * n + l];
            if (i == j && !(sum > 0.0)) return false;
            lower[i * n + j] = i == j ? sqrt(sum) : sum / lower[j * n + j];
        }
    return true;
}

static enum status take_covariances(const struct number_array *covariances, struct mixture *mixture,
                                    struct err *err)
{
    enum status rc = OK;
    const size_t n = mixture->n_features;

    TRY_ALLOC(mixture->factors, covariances->n, err);
    for (size_t k = 0; k < mixture->n_components; k++) {
        const double *matrix = covariances->v + k * n * n;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < i; j++)
                if (matrix[i * n + j] != matrix[j * n + i])
                    FAIL(err, ERR_CONFIG,
                         "data.synthetic.covariances: [%zu, %zu, %zu] is %g and [%zu, %zu, %zu] is "
                         "%g, expected a symmetric matrix",
                         k, i, j, matrix[i * n + j], k, j, i, matrix[j * n + i]);
        if (!factor(n, matrix, mixture->factors + k * n * n))
            FAIL(err, ERR_CONFIG,
                 "data.synthetic.covariances: that of component %zu is not positive definite", k);
    }
done:
    return rc;
}

static enum status take_mixture(const struct config *config, struct mixture *mixture,
                                struct err *err)
{
    enum status rc = OK;
    const struct number_array *means = &config->data_synthetic_means;
    const struct number_array *deviations = &config->data_synthetic_deviations;
    const size_t shape[] = {means->shape[0], means->shape[1], means->shape[1]};

    if (means->rank != 2)
        FAIL(err, ERR_CONFIG,
             "data.synthetic.means: %zu lists deep, expected one list of D numbers for each of K "
             "components",
             means->rank);
    mixture->n_components = shape[0];
    mixture->n_features = shape[1];
    mixture->means = means->v;
    if (config->data_synthetic_weights.rank > 0)
        TRY(check_shape("weights", &config->data_synthetic_weights, 1, shape, err));
    TRY(take_weights(&config->data_synthetic_weights, mixture, err));
    if (deviations->rank > 0) {
        TRY(check_shape("deviations", deviations, 2, shape, err));
        mixture->deviations = deviations->v;
    } else {
        TRY(check_shape("covariances", &config->data_synthetic_covariances, 3, shape, err));
        TRY(take_covariances(&config->data_synthetic_covariances, mixture, err));
    }
    TRY_ALLOC(mixture->normals, mixture->n_features, err);
    TRY_ALLOC(mixture->row, mixture->n_features + 1, err);
done:
    return rc;
}

/* --- its rows --- */

static struct rng_stream stream_of(const struct mixture *mixture, size_t n)
{
    return (struct rng_stream){.seed = mixture->seed, .name = rng_name("synthetic"), .restart = n};
}

static size_t component_of(const struct mixture *mixture, const struct rng_stream *stream)
{
    const double ticket = rng_uniform(stream, 0);
    size_t k = 0;

    while (k + 1 < mixture->n_components && ticket >= mixture->cumulative[k])
        k++;
    return k;
}

static void synthetic_row(const struct source *src, size_t n, double *out)
{
    const struct mixture *mixture = src->state;
    const size_t n_features = mixture->n_features;
    const struct rng_stream stream = stream_of(mixture, n);
    const size_t k = component_of(mixture, &stream);
    double *normals = mixture->normals;

    rng_normals(&stream, 1, n_features, normals);
    for (size_t d = 0; d < n_features; d++) {
        double sum = 0.0;
        if (mixture->deviations != NULL) sum = mixture->deviations[k * n_features + d] * normals[d];
        for (size_t j = 0; mixture->factors != NULL && j <= d; j++)
            sum += mixture->factors[(k * n_features + d) * n_features + j] * normals[j];
        out[d] = mixture->means[k * n_features + d] + sum;
    }
    out[n_features] = (double)k;
}

static size_t synthetic_cell(const struct source *src, size_t n, size_t d, char *text, size_t size)
{
    const struct mixture *mixture = src->state;
    const struct rng_stream stream = stream_of(mixture, n);
    char number[NUMBER_TEXT];

    if (d == mixture->n_features) /* as labels it is asked for alone */
        mixture->row[d] = (double)component_of(mixture, &stream);
    else
        synthetic_row(src, n, mixture->row);
    number_print(mixture->row[d], number);
    snprintf(text, size, "%s", number);
    return strlen(number);
}

static void synthetic_close(struct source *src)
{
    struct mixture *mixture = src->state;

    if (mixture == NULL) return;
    free(mixture->cumulative);
    free(mixture->factors);
    free(mixture->normals);
    free(mixture->row);
    free(mixture);
}

static const struct source_reader reader = {
    .name = "synthetic",
    .row = synthetic_row,
    .cell = synthetic_cell,
    .close = synthetic_close,
};

static enum status name_columns(struct source *src, struct err *err)
{
    enum status rc = OK;
    char number[NUMBER_TEXT];

    TRY_ALLOC(src->col_names, src->n_cols, err);
    for (size_t d = 0; d < src->n_cols; d++) {
        snprintf(number, sizeof number, "%zu", d);
        src->col_names[d] = strdup(d + 1 < src->n_cols ? number : SOURCE_COMPONENT);
        if (src->col_names[d] == NULL) FAIL(err, ERR_INTERNAL, "out of memory: data.synthetic");
    }
done:
    return rc;
}

enum status source_open_synthetic(const struct config *config, size_t limit, struct source **out,
                                  struct err *err)
{
    enum status rc = OK;
    struct source *src = NULL;
    struct mixture *mixture = NULL;

    TRY_ALLOC(src, 1, err);
    src->reader = &reader;
    TRY_ALLOC(mixture, 1, err);
    src->state = mixture;
    mixture->seed = (uint64_t)config->data_synthetic_seed;
    TRY(take_mixture(config, mixture, err));
    src->path = strdup("data.synthetic");
    if (src->path == NULL) FAIL(err, ERR_INTERNAL, "out of memory: data.synthetic");
    src->dtype = "float64";
    src->n_rows = (size_t)config->data_synthetic_samples;
    src->n_cols = mixture->n_features + 1;
    if (src->n_rows > limit / sizeof(double) / src->n_cols)
        FAIL(err, ERR_CONFIG,
             "data.synthetic.samples: %zu rows of %zu numbers take more than the %zu bytes allowed",
             src->n_rows, src->n_cols, limit);
    if (src->n_rows == 0) FAIL(err, ERR_CONFIG, "data.synthetic.samples: 0, expected at least 1");
    TRY(name_columns(src, err));
done:
    if (rc != OK) source_close(&src);
    *out = src;
    return rc;
}
