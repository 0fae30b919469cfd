/* report_cells.c - which fits belong together, and which of them is best. */
#include "report_parts.h"
#include "store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t family_of(const struct fit_row *row)
{
    size_t family = 0;
    while (family < N_FAMILIES && strcmp(family_names[family], row->covariance) != 0)
        family++;
    return family;
}

size_t report_series(const struct fit_row *row)
{
    const size_t family = family_of(row);
    if (family == N_FAMILIES) return N_FAMILIES;
    const bool labelled = strcmp(row->method, method_names[METHOD_labelled]) == 0;
    return labelled ? N_FAMILIES + 1 + family : family;
}

struct series report_series_describe(size_t series)
{
    static const char *const classes[] = {"s0", "s1", "s2", "s3"};
    static const enum marker markers[] = {MARKER_circle, MARKER_square, MARKER_triangle,
                                          MARKER_diamond};
    struct series out = {"k-means", "s4", MARKER_plus};
    if (series == N_FAMILIES) return out;
    const bool labelled = series > N_FAMILIES;
    const size_t family = labelled ? series - N_FAMILIES - 1 : series;
    snprintf(out.label, sizeof out.label, "%s%s", labelled ? "labelled, " : "",
             family_names[family]);
    out.class = classes[family % 4];
    out.marker = labelled ? MARKER_star : markers[family % 4];
    return out;
}

size_t report_init(const struct fit_row *row)
{
    size_t init = 0;
    while (init < N_INITS && strcmp(init_names[init], row->init) != 0)
        init++;
    return init;
}

double report_score(const struct fit_row *row)
{
    return report_series(row) == N_FAMILIES ? -row->inertia : row->loglik;
}

/* Fits end where an iteration gains less than a tolerance, 1e-6 per unit weight unless told
 * otherwise, and the sum of what they would still have gained is some hundred times that. */
#define AGREEMENT 1e-4

bool report_agrees(const struct fit_row *row, const struct fit_row *best)
{
    if (report_series(row) == N_FAMILIES)
        return fabs(row->inertia - best->inertia) <= AGREEMENT * fabs(best->inertia);
    return fabs(row->mean_loglik - best->mean_loglik) <= AGREEMENT;
}

const struct fit_row *report_cell_best(const struct report *report, const struct report_cell *cell)
{
    return report_cell_fit(report, cell, 0);
}

bool report_has_several_k(const struct report *report)
{
    for (size_t c = 1; c < report->n_cells; c++)
        if (report->cells[c].k != report->cells[0].k) return true;
    return false;
}

/* A fit in the order of cells. */
struct placed {
    size_t fit, series;
    const struct fit_row *row;
};

static int compare_placed(const void *a, const void *b)
{
    const struct placed *p = a, *q = b;
    if (p->series != q->series) return p->series < q->series ? -1 : 1;
    if (p->row->k != q->row->k) return p->row->k < q->row->k ? -1 : 1;
    if (p->row->flagged != q->row->flagged) return p->row->flagged - q->row->flagged;
    const double x = report_score(p->row), y = report_score(q->row);
    if (isnan(x) != isnan(y)) return isnan(x) - isnan(y);
    if (x != y && !isnan(x)) return x > y ? -1 : 1;
    return strcmp(p->row->name, q->row->name);
}

const struct fit_row *report_best_by(const struct report *report, const char *column,
                                     bool higher_is_better)
{
    const struct store_criterion criterion = {column, higher_is_better};
    const size_t n = report->seen.n_fits,
                 best = store_best(&criterion, report->seen.fits, n, false);
    return best < n ? &report->seen.fits[best] : NULL;
}

/* By BIC; of k-means alone by its own measure; if all are flagged, by likelihood, since somebody
 * has to be shown. */
static void find_best(struct report *report)
{
    report->best_by = "bic";
    report->best = report_best_by(report, "bic", false);
    if (report->best != NULL || report->seen.n_fits == 0) return;
    report->best_by = "inertia";
    report->best = report_best_by(report, "inertia", false);
    if (report->best != NULL) return;
    report->best = report_cell_fit(report, &report->cells[0], 0);
    report->best_by = isnan(report->best->loglik) ? "inertia" : "loglik";
}

enum status report_sort(struct report *report, struct err *err)
{
    enum status rc = OK;
    const size_t n = report->seen.n_fits;
    struct placed *placed = NULL;
    TRY_ALLOC(placed, n, err);
    TRY_ALLOC(report->order, n, err);
    TRY_ALLOC(report->cells, n, err);
    for (size_t i = 0; i < n; i++)
        placed[i] = (struct placed){i, report_series(&report->seen.fits[i]), &report->seen.fits[i]};
    if (n > 0) qsort(placed, n, sizeof *placed, compare_placed);
    for (size_t i = 0; i < n; i++) {
        report->order[i] = placed[i].fit;
        if (i == 0 || placed[i].series != placed[i - 1].series ||
            placed[i].row->k != placed[i - 1].row->k)
            report->cells[report->n_cells++] =
                (struct report_cell){placed[i].series, placed[i].row->k, i, 0};
        report->cells[report->n_cells - 1].n++;
    }
    find_best(report);
done:
    free(placed);
    return rc;
}
