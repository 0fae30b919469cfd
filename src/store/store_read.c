#include "h5io.h"
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status read_column(struct h5 *h5, const struct fit_column *column, size_t n,
                               struct fit_row *rows, struct err *err)
{
    enum status rc = OK;
    char path[128];
    union {
        char **text;
        int8_t *flag;
        int64_t *whole;
        double *real;
        void *any;
    } values = {.any = NULL};
    size_t got = 0;
    snprintf(path, sizeof path, "/fits/%s", column->name);
    if (!h5_exists(h5, path)) return OK;
    static const enum h5_type types[] = {H5_TEXT, H5_INT, H5_FLAG, H5_REAL};
    TRY(h5_read(h5, path, types[column->type], &got, &values.any, err));
    if (got != n) FAIL(err, ERR_DATA, "%s has %zu values, expected %zu", path, got, n);
    for (size_t i = 0; i < n; i++) {
        const void *value = column->type == FIT_TEXT   ? (void *)&values.text[i]
                            : column->type == FIT_FLAG ? (void *)&values.flag[i]
                            : column->type == FIT_INT  ? (void *)&values.whole[i]
                                                       : (void *)&values.real[i];
        fit_row_set(&rows[i], column, value);
    }
done:
    for (size_t i = 0; column->type == FIT_TEXT && i < got; i++)
        free(values.text[i]);
    free(values.any);
    return rc;
}

enum status store_read_fits(const char *path, size_t *n, struct fit_row **rows, size_t *n_planned,
                            struct err *err)
{
    enum status rc = OK;
    struct h5 *h5 = NULL;
    char *format = NULL, **names = NULL;
    int64_t planned = 0;
    struct fit_row *list = NULL;
    *n = 0;
    TRY(h5_open(path, false, &h5, err));
    struct err cause = {OK, ""};
    if (h5_read_attr(h5, "/", "format", &format, &cause) != OK || strcmp(format, "gmmsweep") != 0)
        FAIL(err, ERR_DATA,
             "%s: not a gmmsweep result, expected the attribute format \"gmmsweep\"%s%s", path,
             cause.text[0] != '\0' ? "; " : "", cause.text);
    TRY(h5_read_attr_int(h5, "/", "planned_fits", &planned, err));
    TRY(h5_read(h5, "/fits/fit", H5_TEXT, n, &names, err));
    TRY_ALLOC(list, *n, err);
    for (size_t i = 0; i < *n; i++) {
        fit_row_init(&list[i]);
        snprintf(list[i].name, sizeof list[i].name, "%s", names[i]);
    }
    for (size_t i = 0; i < n_fit_columns; i++)
        TRY(read_column(h5, &fit_columns[i], *n, list, err));
    *n_planned = planned < (int64_t)*n ? *n : (size_t)planned;
    *rows = list;
    list = NULL;
done:
    for (size_t i = 0; names != NULL && i < *n; i++)
        free(names[i]);
    free(names);
    free(list);
    free(format);
    h5_abandon(&h5);
    return rc;
}
