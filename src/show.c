/* show.c - `gmmsweep show`: the ranked table of fits. */
#include "commands.h"
#include "inspect.h"
#include "store.h"
#include "table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_FITS 20

/* The columns of the short table. */
static const char *const shown_columns[] = {
    "status",  "iterations", "loglik",         "bic", "icl",    "heldout",
    "inertia", "error_rate", "error_majority", "ari", "wall_s", NULL};

/* What to sort by: the flagged last, and those without the value behind them. */
struct ranked {
    double value; /* lower is better */
    const struct fit_row *row;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *p = a, *q = b;
    if (p->row->flagged != q->row->flagged) return p->row->flagged - q->row->flagged;
    if (isnan(p->value) != isnan(q->value)) return isnan(p->value) - isnan(q->value);
    if (p->value != q->value && !isnan(p->value)) return p->value < q->value ? -1 : 1;
    return strcmp(p->row->name, q->row->name);
}

static void put_field(struct table *table, const struct fit_row *row,
                      const struct fit_column *column)
{
    if (!fit_row_applies(row, column))
        column->type == FIT_TEXT ? table_text(table, "") : table_real(table, NAN, 0);
    else if (column->type == FIT_TEXT)
        table_text(table, fit_row_text(row, column));
    else if (column->type == FIT_REAL)
        table_real(table, fit_row_real(row, column), strcmp(column->units, "nats") == 0 ? 2 : 4);
    else
        table_int(table, fit_row_int(row, column));
}

/* Why a fit's figures are to be read with care; short. */
static void describe_warning(const struct fit_row *row, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    if (row->flagged) at += (size_t)snprintf(out, size, "flagged");
    if (row->floored > 0)
        snprintf(out + at, size - at, "%s%lld floored", at > 0 ? ", " : "",
                 (long long)row->floored);
}

static bool any_applies(const struct ranked *ranked, size_t n, const struct fit_column *column)
{
    for (size_t i = 0; i < n; i++)
        if (fit_row_applies(ranked[i].row, column)) return true;
    return false;
}

/* The chosen columns: of the short table those that apply, or all. */
static size_t choose_columns(bool all, const struct ranked *ranked, size_t n,
                             const struct fit_column **columns)
{
    size_t chosen = 0;
    for (size_t i = 0; all && i < n_fit_columns; i++)
        columns[chosen++] = &fit_columns[i];
    for (size_t i = 0; !all && shown_columns[i] != NULL; i++) {
        const struct fit_column *column = fit_column(shown_columns[i]);
        if (any_applies(ranked, n, column)) columns[chosen++] = column;
    }
    return chosen;
}

static enum status print_fits(const struct cli *cli, const struct ranked *ranked, size_t n,
                              struct err *err)
{
    enum status rc = OK;
    struct table *table = NULL;
    const struct fit_column **columns = NULL;
    const char **names = NULL;
    const bool all_columns = cli->json || cli->tsv;
    TRY_ALLOC(columns, n_fit_columns, err);
    TRY_ALLOC(names, n_fit_columns + 3, err);
    size_t n_columns = choose_columns(all_columns, ranked, n, columns), c = 0;
    names[c++] = "rank";
    names[c++] = "fit";
    for (size_t i = 0; i < n_columns; i++)
        names[c++] = columns[i]->name;
    if (!all_columns) names[c++] = "warning";
    TRY(table_create(c, names, &table, err));
    for (size_t i = 0; i < n; i++) {
        char warning[64];
        table_int(table, (int64_t)i + 1);
        table_text(table, ranked[i].row->name);
        for (size_t j = 0; j < n_columns; j++)
            put_field(table, ranked[i].row, columns[j]);
        describe_warning(ranked[i].row, warning, sizeof warning);
        if (!all_columns) table_text(table, warning);
    }
    TRY(table_print(table,
                    cli->json  ? TABLE_JSON
                    : cli->tsv ? TABLE_TSV
                               : TABLE_TEXT,
                    stdout, err));
done:
    table_destroy(&table);
    free(names);
    free(columns);
    return rc;
}

static bool is_wanted(const struct cli *cli, const struct fit_row *row)
{
    return (cli->family == NULL || strcmp(cli->family, row->covariance) == 0) &&
           (cli->k == 0 || cli->k == row->k);
}

enum status command_show(const struct cli *cli, struct err *err)
{
    enum status rc = OK;
    struct inspection inspection = {0};
    struct ranked *ranked = NULL;
    size_t n = 0;
    const char *by = cli->by != NULL ? cli->by : "bic";
    const struct store_criterion *criterion = store_criterion(by);
    TRY(inspect(cli->target, &inspection, err));
    TRY_ALLOC(ranked, inspection.n_fits, err);
    for (size_t i = 0; i < inspection.n_fits; i++) {
        const struct fit_row *row = &inspection.fits[i];
        if (!is_wanted(cli, row)) continue;
        double value = fit_row_real(row, fit_column(by));
        ranked[n++] = (struct ranked){criterion->higher_is_better ? -value : value, row};
    }
    if (n > 0) qsort(ranked, n, sizeof *ranked, compare_ranked);
    const bool all = cli->all || cli->json || cli->tsv;
    const size_t shown = all || n < SHOWN_FITS ? n : SHOWN_FITS;
    TRY(print_fits(cli, ranked, shown, err));
    if (n > 0 && isnan(ranked[0].value) && !cli->quiet)
        fprintf(stderr, "none of these fits has %s: they stand by name\n", by);
    if (shown < n && !cli->quiet) fprintf(stderr, "%zu more fits; --all shows them\n", n - shown);
    if (inspection.n_fits < inspection.n_planned && !cli->quiet)
        fprintf(stderr, "unfinished: %zu of %zu fits\n", inspection.n_fits, inspection.n_planned);
done:
    free(ranked);
    inspection_free(&inspection);
    return rc;
}
