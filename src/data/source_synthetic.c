/* Rows drawn from a mixture that the config gives (data.synthetic). Row n has a random stream of
 * its own and is made whenever it is asked for; the last column is its component. */
#include "config.h"
#include "mixture.h"
#include "number.h"
#include "source.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Its mixture points into the config and to the arrays behind it. */
struct synthetic {
    struct mixture mixture;
    double *cumulative; /* [K] */
    double *factors;    /* [K, D, D] or NULL */
    double *normals;    /* [D] scratch of a row */
    double *row;        /* [D + 1] scratch of a cell */
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

static enum status take_weights(const struct number_array *weights, struct synthetic *synthetic,
                                struct err *err)
{
    enum status rc = OK;
    const size_t n_components = synthetic->mixture.n_components;

    TRY_ALLOC(synthetic->cumulative, n_components, err);
    const double sum = mixture_accumulate(n_components, weights->rank > 0 ? weights->v : NULL,
                                          synthetic->cumulative);
    if (!(sum > 0.0 && isfinite(sum)))
        FAIL(err, ERR_CONFIG, "data.synthetic.weights: their sum is %g, expected a positive number",
             sum);
    synthetic->mixture.cumulative = synthetic->cumulative;
done:
    return rc;
}

static enum status take_covariances(const struct number_array *covariances,
                                    struct synthetic *synthetic, struct err *err)
{
    enum status rc = OK;
    const size_t n = synthetic->mixture.n_features;

    TRY_ALLOC(synthetic->factors, covariances->n, err);
    for (size_t k = 0; k < synthetic->mixture.n_components; k++) {
        const double *matrix = covariances->v + k * n * n;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < i; j++)
                if (matrix[i * n + j] != matrix[j * n + i])
                    FAIL(err, ERR_CONFIG,
                         "data.synthetic.covariances: [%zu, %zu, %zu] is %g and [%zu, %zu, %zu] is "
                         "%g, expected a symmetric matrix",
                         k, i, j, matrix[i * n + j], k, j, i, matrix[j * n + i]);
        if (!mixture_factor(n, matrix, synthetic->factors + k * n * n))
            FAIL(err, ERR_CONFIG,
                 "data.synthetic.covariances: that of component %zu is not positive definite", k);
    }
    synthetic->mixture.factors = synthetic->factors;
    synthetic->mixture.factor_stride = n * n;
done:
    return rc;
}

static enum status take_mixture(const struct config *config, struct synthetic *synthetic,
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
    synthetic->mixture = (struct mixture){.seed = (uint64_t)config->data_synthetic_seed,
                                          .stream = "synthetic",
                                          .n_components = shape[0],
                                          .n_features = shape[1],
                                          .means = means->v};
    if (config->data_synthetic_weights.rank > 0)
        TRY(check_shape("weights", &config->data_synthetic_weights, 1, shape, err));
    TRY(take_weights(&config->data_synthetic_weights, synthetic, err));
    if (deviations->rank > 0) {
        TRY(check_shape("deviations", deviations, 2, shape, err));
        synthetic->mixture.deviations = deviations->v;
    } else {
        TRY(check_shape("covariances", &config->data_synthetic_covariances, 3, shape, err));
        TRY(take_covariances(&config->data_synthetic_covariances, synthetic, err));
    }
    TRY_ALLOC(synthetic->normals, shape[1], err);
    TRY_ALLOC(synthetic->row, shape[1] + 1, err);
done:
    return rc;
}

/* --- its rows --- */

static void synthetic_row(const struct source *src, size_t n, double *out)
{
    const struct synthetic *synthetic = src->state;
    const struct mixture *mixture = &synthetic->mixture;

    out[mixture->n_features] = (double)mixture_draw(mixture, n, synthetic->normals, out);
}

static size_t synthetic_cell(const struct source *src, size_t n, size_t d, char *text, size_t size)
{
    const struct synthetic *synthetic = src->state;
    char number[NUMBER_TEXT];

    if (d == synthetic->mixture.n_features) /* as labels it is asked for alone */
        synthetic->row[d] = (double)mixture_component(&synthetic->mixture, n);
    else
        synthetic_row(src, n, synthetic->row);
    number_print(synthetic->row[d], number);
    snprintf(text, size, "%s", number);
    return strlen(number);
}

static void synthetic_close(struct source *src)
{
    struct synthetic *synthetic = src->state;

    if (synthetic == NULL) return;
    free(synthetic->cumulative);
    free(synthetic->factors);
    free(synthetic->normals);
    free(synthetic->row);
    free(synthetic);
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
    struct synthetic *synthetic = NULL;

    TRY_ALLOC(src, 1, err);
    src->reader = &reader;
    TRY_ALLOC(synthetic, 1, err);
    src->state = synthetic;
    TRY(take_mixture(config, synthetic, err));
    src->path = strdup("data.synthetic");
    if (src->path == NULL) FAIL(err, ERR_INTERNAL, "out of memory: data.synthetic");
    src->dtype = "float64";
    src->n_rows = (size_t)config->data_synthetic_samples;
    src->n_cols = synthetic->mixture.n_features + 1;
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
