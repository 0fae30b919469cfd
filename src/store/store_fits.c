/* store_fits.c - /fits and /best. */
#include "store_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct store_criterion store_criteria[] = {{"bic", false},    {"aic", false},
                                                 {"icl", false},    {"loglik", true},
                                                 {"heldout", true}, {NULL, false}};

static bool applies_to_any(const struct store *store, const struct fit_column *column)
{
    for (size_t i = 0; i < store->n_fits; i++)
        if (fit_row_applies(&store->fits[i], column)) return true;
    return false;
}

static enum status write_fit_column(struct store *store, const struct fit_column *column,
                                    void *values, struct err *err)
{
    static const enum h5_type types[] = {
        [FIT_TEXT] = H5_TEXT, [FIT_INT] = H5_INT, [FIT_FLAG] = H5_FLAG, [FIT_REAL] = H5_REAL};
    const struct axes axes = {.fit = store->n_fits};
    for (size_t i = 0; i < store->n_fits; i++) {
        const struct fit_row *row = &store->fits[i];
        if (column->type == FIT_TEXT) ((const char **)values)[i] = fit_row_text(row, column);
        if (column->type == FIT_REAL) ((double *)values)[i] = fit_row_real(row, column);
        if (column->type == FIT_INT) ((int64_t *)values)[i] = fit_row_int(row, column);
        if (column->type == FIT_FLAG) ((int8_t *)values)[i] = (int8_t)fit_row_int(row, column);
    }
    enum status rc = store_put_array(store->h5, "/fits", column->name, types[column->type], &axes,
                                     "fit", column->units, column->long_name, values, err);
    if (rc == OK && column->type == FIT_FLAG) {
        char path[128];
        snprintf(path, sizeof path, "/fits/%s", column->name);
        rc = store_mark_flag(store->h5, path, err);
    }
    return rc;
}

enum status store_write_fits(struct store *store, struct err *err)
{
    enum status rc = OK;
    union {
        const char *text;
        double real;
        int64_t whole;
    } *values = NULL; /* room for one column of any type */
    const char **names = NULL;
    TRY_ALLOC(values, store->n_fits, err);
    TRY_ALLOC(names, store->n_fits, err);
    for (size_t i = 0; i < store->n_fits; i++)
        names[i] = store->fits[i].name;
    TRY(h5_group(store->h5, "/fits", err));
    TRY(store_put_axis(store->h5, "/fits", "fit", H5_TEXT, store->n_fits, "name of the fit", names,
                       err));
    for (size_t i = 0; i < n_fit_columns; i++)
        if (applies_to_any(store, &fit_columns[i]))
            TRY(write_fit_column(store, &fit_columns[i], values, err));
done:
    free(names);
    free(values);
    return rc;
}

const struct store_criterion *store_criterion(const char *name)
{
    for (const struct store_criterion *c = store_criteria; c->name != NULL; c++)
        if (strcmp(c->name, name) == 0) return c;
    return NULL;
}

size_t store_best(const struct store_criterion *criterion, const struct fit_row *fits, size_t n,
                  bool flagged)
{
    const struct fit_column *column = fit_column(criterion->name);
    size_t best = n;
    for (size_t i = 0; i < n; i++) {
        if ((fits[i].flagged && !flagged) || !fit_row_applies(&fits[i], column)) continue;
        double value = fit_row_real(&fits[i], column);
        double leader = best == n ? NAN : fit_row_real(&fits[best], column);
        if (best == n || (criterion->higher_is_better ? value > leader : value < leader)) best = i;
    }
    return best;
}

enum status store_write_best(struct store *store, struct err *err)
{
    enum status rc = OK;
    TRY(h5_group(store->h5, "/best", err));
    for (const struct store_criterion *c = store_criteria; c->name != NULL; c++) {
        const size_t best = store_best(c, store->fits, store->n_fits, false);
        if (best < store->n_fits)
            TRY(h5_attr_text(store->h5, "/best", c->name, store->fits[best].name, err));
    }
done:
    return rc;
}
