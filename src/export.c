/* export.c - `gmmsweep export`: one model under scikit-learn's names. */
#include "array_file.h"
#include "chosen.h"
#include "commands.h"
#include "kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ENDINGS ".npz .json .h5"

/* What is exported, and the values that the file does not hold as they stand there. */
struct exported {
    struct chosen chosen;
    double *precisions_cholesky; /* like the covariances; NULL of k-means */
    int64_t n_features, converged;
    const char *fit; /* its name */
    struct array_axis component, feature, feature_2, column, side;
    struct named_array arrays[16];
    size_t n_arrays;
};

/* upper [n, n]: as scikit-learn has it, the transpose of the inverse of the covariance's Cholesky
 * factor. False if the covariance is not positive definite. */
static bool invert_factor(size_t n, const double *covariance, double *upper)
{
    memcpy(upper, covariance, n * n * sizeof *upper);
    if (!kernels_cholesky(n, upper)) return false;
    kernels_invert_lower(n, upper);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            upper[j * n + i] = upper[i * n + j];
            upper[i * n + j] = 0.0;
        }
    return true;
}

/* (sklearn.mixture's _compute_precision_cholesky) */
static enum status make_precisions(struct exported *export, struct err *err)
{
    enum status rc = OK;
    const struct model *model = export->chosen.model;
    const size_t n = model->n_features;
    if (model->family == FAMILY_none) return OK;
    TRY_ALLOC(export->precisions_cholesky, model->n_covariances, err);
    const bool correlated = families[model->family]->correlated;
    const size_t n_matrices = correlated ? model->n_covariances / (n * n) : model->n_covariances;
    for (size_t k = 0; k < n_matrices; k++) {
        const double *covariance = model->covariances + (correlated ? k * n * n : k);
        double *out = export->precisions_cholesky + (correlated ? k * n * n : k);
        if (!correlated) *out = 1.0 / sqrt(*covariance);
        if (correlated ? !invert_factor(n, covariance, out) : !(*covariance > 0.0))
            FAIL(err, ERR_DATA,
                 "%s: %s: covariance %zu is not positive definite; expected a fit "
                 "that is not degenerate",
                 export->chosen.file->path, export->chosen.row->name, k);
    }
done:
    return rc;
}

/* Adds an array over up to three axes; NULL ends them. */
static void add(struct exported *export, const char *name, enum array_type type, const void *values,
                const char *units, const char *long_name, const struct array_axis *const axes[3])
{
    struct named_array *array = &export->arrays[export->n_arrays++];
    *array = (struct named_array){
        .name = name, .type = type, .values = values, .units = units, .long_name = long_name};
    while (array->rank < ARRAY_RANK && axes[array->rank] != NULL) {
        array->axes[array->rank] = axes[array->rank];
        array->rank++;
    }
}

/* axes: those that the family's covariances have. */
static void family_axes(const struct exported *export, const struct array_axis *axes[3])
{
    const struct array_axis *const known[] = {&export->component, &export->feature,
                                              &export->feature_2};
    size_t rank = 0;
    for (const char *at = families[export->chosen.model->family]->axes; *at != '\0';
         at += *at == ' ') {
        const size_t length = strcspn(at, " ");
        for (size_t i = 0; i < 3; i++)
            if (strlen(known[i]->name) == length && strncmp(known[i]->name, at, length) == 0)
                axes[rank++] = known[i];
        at += length;
    }
}

#define AXES(...) ((const struct array_axis *const[3]){__VA_ARGS__})

static void add_model(struct exported *export)
{
    const struct model *model = export->chosen.model;
    const struct fit_row *row = export->chosen.row;
    const struct array_axis *axes[3] = {NULL};
    add(export, "weights_", ARRAY_REAL, model->weights, "1", "mixing weights",
        AXES(&export->component));
    if (model->family == FAMILY_none) {
        add(export, "cluster_centers_", ARRAY_REAL, model->means, "feature unit", "means",
            AXES(&export->component, &export->feature));
        return;
    }
    family_axes(export, axes);
    add(export, "means_", ARRAY_REAL, model->means, "feature unit", "means",
        AXES(&export->component, &export->feature));
    add(export, "covariances_", ARRAY_REAL, model->covariances, "feature unit^2", "covariances",
        axes);
    add(export, "precisions_cholesky_", ARRAY_REAL, export->precisions_cholesky, "1 / feature unit",
        "Cholesky factors of the inverse covariances, upper triangular", axes);
    add(export, "covariance_type", ARRAY_TEXT, &family_names[model->family], NULL,
        "covariance family", AXES(NULL));
    add(export, "lower_bound_", ARRAY_REAL, &row->mean_loglik, "nats",
        "log-likelihood per unit weight of the fitted rows", AXES(NULL));
}

/* What a user of the model has to know of the fit and its units. */
static void add_story(struct exported *export)
{
    const struct config *config = export->chosen.config;
    add(export, "converged_", ARRAY_INT, &export->converged, "1", "whether the fit has converged",
        AXES(NULL));
    add(export, "n_iter_", ARRAY_INT, &export->chosen.row->iterations, "1", "iterations",
        AXES(NULL));
    add(export, "n_features_in_", ARRAY_INT, &export->n_features, "1", "number of features",
        AXES(NULL));
    add(export, "feature_names_in_", ARRAY_TEXT, export->chosen.data.feature_names, NULL,
        "names of the features", AXES(&export->feature));
    add(export, "fit", ARRAY_TEXT, &export->fit, NULL, "name of the fit", AXES(NULL));
    if (config->data_columns.n > 0)
        add(export, "data_columns", ARRAY_TEXT, config->data_columns.v, NULL,
            "columns of the data that are the features", AXES(&export->column));
    add(export, "data_pool", ARRAY_INT, &config->data_pool, "1",
        "side of the blocks of pixels whose means are the features", AXES(NULL));
    if (config->data_resize.height > 0)
        add(export, "data_resize", ARRAY_INT, &config->data_resize, "1",
            "height and width that images were brought to", AXES(&export->side));
    add(export, "data_scale", ARRAY_REAL, &config->data_scale, "1",
        "what the values of the data were divided by", AXES(NULL));
}

static void set_axes(struct exported *export)
{
    const char *const *names = (const char *const *)export->chosen.data.feature_names;
    const size_t n = export->chosen.model->n_features;
    export->component = (struct array_axis){"component", export->chosen.model->n_components, NULL};
    export->feature = (struct array_axis){"feature", n, names};
    export->feature_2 = (struct array_axis){"feature_2", n, names};
    export->column = (struct array_axis){"column", export->chosen.config->data_columns.n, NULL};
    export->side = (struct array_axis){"side", 2, NULL};
}

static enum status gather(const struct cli *cli, struct exported *export, struct err *err)
{
    enum status rc = OK;
    TRY(array_file_check(cli->out_file, ENDINGS, 1, &cli->target, err));
    TRY(chosen_read(cli, &export->chosen, err));
    TRY(make_precisions(export, err));
    const struct fit_row *row = export->chosen.row;
    export->fit = row->name;
    export->n_features = (int64_t) export->chosen.model->n_features;
    export->converged = strcmp(row->status, outcome_names[OUTCOME_converged]) == 0;
done:
    return rc;
}

enum status command_export(const struct cli *cli, struct err *err)
{
    enum status rc = OK;
    struct exported export = {.n_arrays = 0};
    TRY(gather(cli, &export, err));
    set_axes(&export);
    add_model(&export);
    add_story(&export);
    TRY(array_file_write(cli->out_file, export.n_arrays, export.arrays, err));
    const size_t k = export.chosen.model->n_components, n = export.chosen.model->n_features;
    if (!cli->quiet)
        fprintf(stderr, "%s: %s, %zu component%s, %zu feature%s\n", cli->out_file, export.fit, k,
                k == 1 ? "" : "s", n, n == 1 ? "" : "s");
done:
    free(export.precisions_cholesky);
    chosen_free(&export.chosen);
    return rc;
}
