/* sweep_model.c - what a result file keeps of one fit: model, confusion, history. */
#include "sweep_file.h"

#include "store_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status check_kept(const struct sweep_file *file, size_t fit, struct err *err)
{
    if (file->place[fit] >= 0) return OK;
    return err_set(err, ERR_DATA,
                   "%s: the model of %s is not kept (output.keep); its sweep has it, and 'gmmsweep "
                   "run CONFIG --set output.keep=all' writes the file again with all models",
                   file->path, file->fits[fit].name);
}

/* Describes the array `name` of the fit's group in *array, whose path is put in `path` [256], and
 * checks that the file has it in this shape. */
static enum status expect_array(const struct sweep_file *file, size_t fit, const char *name,
                                const char *axes_text, char *path, struct h5_array *array,
                                struct err *err)
{
    enum status rc = OK;
    char group[128], scale[H5_MAX_RANK][64];
    struct axes axes = {.component = (size_t)file->fits[fit].k,
                        .feature = file->n_features,
                        .class = file->n_classes};
    size_t dims[H5_MAX_RANK];
    int rank;
    store_model_group(&file->fits[fit], group, sizeof group);
    snprintf(path, 256, "%s/%s", group, name);
    *array = (struct h5_array){.path = path, .type = H5_REAL};
    TRY(h5_shape(file->h5, path, &rank, dims, err));
    axes.fit = dims[0];
    store_shape(&axes, axes_text, array, scale);
    TRY(h5_expect(file->h5, array, (size_t)file->place[fit], 1, err));
done:
    return rc;
}

static enum status check_finite(const struct sweep_file *file, const char *path,
                                const double *values, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return err_set(err, ERR_DATA, "%s: %s holds %g, expected finite numbers", file->path,
                           path, values[i]);
    return OK;
}

enum status sweep_file_read_model(const struct sweep_file *file, size_t fit, struct model **out,
                                  struct err *err)
{
    enum status rc = OK;
    const struct fit_row *row = &file->fits[fit];
    struct model *model = NULL;
    enum family_id family = 0;
    char paths[3][256], axes_text[128];
    struct h5_array arrays[3];
    *out = NULL;
    TRY(check_kept(file, fit, err));
    while (family != FAMILY_none && strcmp(family_names[family], row->covariance) != 0)
        family++;
    const size_t n_arrays = family == FAMILY_none ? 2 : 3;
    TRY(expect_array(file, fit, "weights", "fit component", paths[0], &arrays[0], err));
    TRY(expect_array(file, fit, "means", "fit component feature", paths[1], &arrays[1], err));
    if (family != FAMILY_none) {
        snprintf(axes_text, sizeof axes_text, "fit %s", families[family]->axes);
        TRY(expect_array(file, fit, "covariances", axes_text, paths[2], &arrays[2], err));
    }
    TRY(model_create(family, (size_t)row->k, file->n_features, &model, err));
    double *const values[] = {model->weights, model->means, model->covariances};
    const size_t lengths[] = {model->n_components, model->n_components * model->n_features,
                              model->n_covariances};
    for (size_t a = 0; a < n_arrays; a++) {
        TRY(h5_get(file->h5, &arrays[a], (size_t)file->place[fit], 1, values[a], err));
        TRY(check_finite(file, paths[a], values[a], lengths[a], err));
    }
    *out = model;
    model = NULL;
done:
    model_destroy(&model);
    return rc;
}

enum status sweep_file_read_confusion(const struct sweep_file *file, size_t fit, double **out,
                                      struct err *err)
{
    enum status rc = OK;
    char path[256];
    struct h5_array array;
    double *confusion = NULL;
    *out = NULL;
    if (file->n_classes == 0) return OK;
    TRY(check_kept(file, fit, err));
    TRY(expect_array(file, fit, "confusion", "fit component class", path, &array, err));
    TRY_ALLOC(confusion, array.dims[1] * array.dims[2], err);
    TRY(h5_get(file->h5, &array, (size_t)file->place[fit], 1, confusion, err));
    TRY(check_finite(file, path, confusion, array.dims[1] * array.dims[2], err));
    *out = confusion;
    confusion = NULL;
done:
    free(confusion);
    return rc;
}

enum status sweep_file_read_history(const struct sweep_file *file, size_t first, size_t count,
                                    struct em_entry *entries, struct err *err)
{
    enum status rc = OK;
    static const struct {
        const char *path;
        size_t offset; /* in struct em_entry */
    } columns[] = {{"/history/loglik", offsetof(struct em_entry, loglik)},
                   {"/history/elbo", offsetof(struct em_entry, elbo)},
                   {"/history/wall_s", offsetof(struct em_entry, wall_s)}};
    double *values = NULL;
    TRY_ALLOC(values, count, err);
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
        const struct h5_array array = {
            .path = columns[c].path, .type = H5_REAL, .rank = 1, .dims = {file->n_entries}};
        TRY(h5_get(file->h5, &array, first, count, values, err));
        for (size_t t = 0; t < count; t++)
            memcpy((char *)&entries[t] + columns[c].offset, &values[t], sizeof *values);
    }
done:
    free(values);
    return rc;
}
