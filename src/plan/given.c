#include "given.h"

#include "family.h"
#include "npy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The largest file of parameters that is believed: a full family of 1,000 components in 1,000
 * dimensions. */
#define MOST_BYTES ((size_t)8 << 30)

/* "[3, 2, 2]" */
static void print_shape(size_t rank, const size_t *shape, char *out, size_t size)
{
    size_t at = (size_t)snprintf(out, size, "[");
    for (size_t i = 0; i < rank && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%zu", i > 0 ? ", " : "", shape[i]);
    if (at < size) snprintf(out + at, size - at, "]");
}

static enum status check_shape(const struct config *config, const char *name,
                               const struct npy_array *array, size_t rank, const size_t *shape,
                               struct err *err)
{
    char found[128], expected[128];
    bool same = array->rank == rank;
    for (size_t i = 0; same && i < rank; i++)
        same = array->shape[i] == shape[i];
    if (same) return OK;
    print_shape(array->rank, array->shape, found, sizeof found);
    print_shape(rank, shape, expected, sizeof expected);
    return err_set(err, ERR_CONFIG, "%s: array '%s': shape %s, expected %s",
                   config->top_level_init_file, name, found, expected);
}

/* Covariances with off-diagonal elements must be symmetric, to rounding. */
static enum status check_symmetry(const struct config *config, const struct model *model,
                                  struct err *err)
{
    const size_t n = model->n_features;
    if (!families[model->family]->correlated) return OK;
    for (size_t at = 0; at < model->n_covariances; at += n * n)
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < i; j++) {
                const double *matrix = model->covariances + at;
                double one = matrix[i * n + j], other = matrix[j * n + i];
                if (fabs(one - other) <= 1e-9 * sqrt(fabs(matrix[i * n + i] * matrix[j * n + j])))
                    continue;
                return err_set(err, ERR_DATA,
                               "%s: array '%s': covariance %zu has %g at [%zu, %zu] and %g at "
                               "[%zu, %zu], expected a symmetric matrix",
                               config->top_level_init_file, config->init_arrays_covariances,
                               at / (n * n), one, i, j, other, j, i);
            }
    return OK;
}

static enum status check_values(const struct config *config, const struct model *model,
                                struct err *err)
{
    const size_t n =
        model->n_components * (1 + model->n_features) + model->n_covariances; /* one block */
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        if (!isfinite(model->weights[i]))
            return err_set(err, ERR_DATA, "%s: a value is %g, expected finite numbers",
                           config->top_level_init_file, model->weights[i]);
    for (size_t k = 0; k < model->n_components; k++) {
        if (!(model->weights[k] > 0.0))
            return err_set(err, ERR_DATA, "%s: weight %zu is %g, expected a positive number",
                           config->top_level_init_file, k, model->weights[k]);
        sum += model->weights[k];
    }
    if (fabs(sum - 1.0) > 1e-6)
        return err_set(err, ERR_DATA, "%s: the weights sum to %.9g, expected 1",
                       config->top_level_init_file, sum);
    return OK;
}

/* Shape of the family's covariances, from its axes. */
static size_t covariance_shape(enum family_id family, size_t n_components, size_t n_features,
                               size_t shape[LAYOUT_DIMS])
{
    size_t rank = 0;
    for (const char *at = families[family]->axes; *at != '\0'; rank++) {
        shape[rank] = strncmp(at, "component", 9) == 0 ? n_components : n_features;
        at += strcspn(at, " ");
        at += *at == ' ';
    }
    return rank;
}

enum status given_read(const struct config *config, enum family_id family, size_t n_features,
                       struct model **out, struct err *err)
{
    enum status rc = OK;
    struct npy_array *weights = NULL, *means = NULL, *covariances = NULL;
    struct model *model = NULL;
    const char *path = config->top_level_init_file;
    size_t shape[LAYOUT_DIMS];
    *out = NULL;
    if (path == NULL)
        FAIL(err, ERR_CONFIG,
             "init_file: missing, expected the NPZ file that sweep.init 'file' "
             "starts from");
    TRY(npz_read(path, "init_arrays.weights", config->init_arrays_weights, MOST_BYTES, &weights,
                 err));
    TRY(npz_read(path, "init_arrays.means", config->init_arrays_means, MOST_BYTES, &means, err));
    TRY(npz_read(path, "init_arrays.covariances", config->init_arrays_covariances, MOST_BYTES,
                 &covariances, err));
    const size_t n_components = weights->n_values;
    shape[0] = n_components;
    TRY(check_shape(config, config->init_arrays_weights, weights, 1, shape, err));
    shape[1] = n_features;
    TRY(check_shape(config, config->init_arrays_means, means, 2, shape, err));
    size_t rank = covariance_shape(family, n_components, n_features, shape);
    TRY(check_shape(config, config->init_arrays_covariances, covariances, rank, shape, err));
    TRY(model_create(family, n_components, n_features, &model, err));
    memcpy(model->weights, weights->values, n_components * sizeof(double));
    memcpy(model->means, means->values, n_components * n_features * sizeof(double));
    memcpy(model->covariances, covariances->values, model->n_covariances * sizeof(double));
    TRY(check_values(config, model, err));
    TRY(check_symmetry(config, model, err));
    double sum = 0.0;
    for (size_t k = 0; k < n_components; k++)
        sum += model->weights[k];
    for (size_t k = 0; k < n_components; k++)
        model->weights[k] /= sum;
    *out = model;
    model = NULL;
done:
    model_destroy(&model);
    npy_destroy(&covariances);
    npy_destroy(&means);
    npy_destroy(&weights);
    return rc;
}
