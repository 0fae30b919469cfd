/* section_likelihood.c - log-likelihood against iteration, one chart for each family and K. */
#include "report_parts.h"

#include <math.h>
#include <stdlib.h>

enum { GRID = 80 /* points of a curve */ };

/* The places on the iteration axis that curves are drawn at. */
struct grid {
    size_t n, at[GRID];
    double x[GRID];
};

bool report_has_traces(const struct report *report)
{
    for (size_t i = 0; i < report->seen.n_fits; i++)
        if (report->traces[i].n > 1) return true;
    return false;
}

static const struct report_trace *trace_of(const struct report *report,
                                           const struct report_cell *cell, size_t i)
{
    return &report->traces[report->order[cell->first + i]];
}

static bool has_curves(const struct report *report, const struct report_cell *cell)
{
    for (size_t i = 0; i < cell->n; i++)
        if (trace_of(report, cell, i)->n > 1) return true;
    return false;
}

/* --- which charts --- */

static int compare_cells(const void *a, const void *b, void *report)
{
    const struct fit_row *p = report_cell_best(report, *(const struct report_cell *const *)a);
    const struct fit_row *q = report_cell_best(report, *(const struct report_cell *const *)b);
    if (p->flagged != q->flagged) return p->flagged - q->flagged;
    return (p->bic > q->bic) - (p->bic < q->bic);
}

/* Chosen cells: those with the best BIC, in the order of the page. */
static enum status choose(const struct report *report, const struct report_cell ***chosen,
                          size_t *n, size_t *n_all, struct err *err)
{
    enum status rc = OK;
    *n = 0;
    TRY_ALLOC(*chosen, report->n_cells, err);
    for (size_t c = 0; c < report->n_cells; c++)
        if (has_curves(report, &report->cells[c])) (*chosen)[(*n)++] = &report->cells[c];
    *n_all = *n;
    qsort_r(*chosen, *n, sizeof **chosen, compare_cells, (void *)report);
    if (*n > REPORT_CURVE_SETS) *n = REPORT_CURVE_SETS;
done:
    return rc;
}

/* --- one chart --- */

static void make_grid(const struct report *report, const struct report_cell *cell, bool log_axis,
                      struct grid *grid)
{
    size_t most = 1;
    *grid = (struct grid){0};
    for (size_t i = 0; i < cell->n; i++)
        if (trace_of(report, cell, i)->n > most) most = trace_of(report, cell, i)->n;
    const size_t first = log_axis, last = most - 1;
    for (size_t i = 0; i < GRID; i++) {
        const double share = (double)i / (GRID - 1);
        const size_t at = log_axis ? (size_t)llround(pow((double)last, share))
                                   : first + (size_t)llround(share * (double)(last - first));
        if (grid->n > 0 && at <= grid->at[grid->n - 1]) continue;
        grid->at[grid->n] = at;
        grid->x[grid->n++] = (double)at;
    }
}

/* y [grid->n]: the curve at the grid's places; behind its end it holds its last value if `held`,
 * else NaN. The last entry always has a place: n counts up to it. */
static size_t take_curve(const struct report_trace *trace, const struct grid *grid, bool held,
                         double *x, double *y)
{
    size_t n = 0;
    for (size_t i = 0; i < grid->n; i++) {
        const bool beyond = grid->at[i] >= trace->n;
        if (beyond && !held) {
            x[n] = (double)(trace->n - 1);
            y[n++] = trace->value[trace->n - 1];
            return n;
        }
        x[n] = grid->x[i];
        y[n++] = trace->value[beyond ? trace->n - 1 : grid->at[i]];
    }
    return n;
}

/* The frame holds all ends, of bands the middle ones, and all peaks; and half of the curves from
 * their first iteration on, or, of those that are over at once, from the start. */
static enum status set_range(const struct report *report, const struct report_cell *cell,
                             struct axis *y, struct err *err)
{
    enum status rc = OK;
    double *early = NULL, *ends = NULL;
    size_t n = 0;
    TRY_ALLOC(early, cell->n, err);
    TRY_ALLOC(ends, cell->n, err);
    for (size_t i = 0; i < cell->n; i++) {
        const struct report_trace *trace = trace_of(report, cell, i);
        if (trace->n < 2) continue;
        early[n] = trace->value[trace->n > 3];
        ends[n++] = trace->value[trace->n - 1];
        for (size_t t = 1; t < trace->n; t++)
            if (!(trace->value[t] <= y->high)) y->high = trace->value[t];
    }
    qsort(early, n, sizeof *early, report_compare_reals);
    qsort(ends, n, sizeof *ends, report_compare_reals);
    axis_include(y, report_quantile(early, n, 0.5));
    axis_include(y, report_quantile(ends, n, cell->n > REPORT_CURVES ? 0.1 : 0.0));
    axis_loosen(y);
    axis_pad(y, 0.06);
done:
    free(ends);
    free(early);
    return rc;
}

/* The middle 80 % of an initialiser's curves, and their median. */
static enum status draw_band(const struct report *report, const struct report_cell *cell,
                             size_t init, const struct chart *chart, const struct grid *grid,
                             struct err *err)
{
    enum status rc = OK;
    double *curves = NULL, *column = NULL, x[GRID], bands[3][GRID];
    char class[32];
    size_t n = 0;
    TRY_ALLOC(curves, cell->n * GRID, err);
    TRY_ALLOC(column, cell->n, err);
    for (size_t i = 0; i < cell->n; i++) {
        if (report_init(report_cell_fit(report, cell, i)) != init) continue;
        const struct report_trace *trace = trace_of(report, cell, i);
        if (trace->n > 0) take_curve(trace, grid, true, x, curves + n++ * GRID);
    }
    for (size_t g = 0; g < grid->n && n > 0; g++) {
        for (size_t i = 0; i < n; i++)
            column[i] = curves[i * GRID + g];
        qsort(column, n, sizeof *column, report_compare_reals);
        for (size_t b = 0; b < 3; b++)
            bands[b][g] = report_quantile(column, n, 0.1 + 0.4 * (double)b);
    }
    if (n == 0) goto done;
    snprintf(class, sizeof class, "i%zu", init);
    chart_band(chart, grid->n, grid->x, bands[0], bands[2], class);
    chart_line(chart, grid->n, grid->x, bands[1], class);
done:
    free(column);
    free(curves);
    return rc;
}

static void draw_curves(const struct report *report, const struct report_cell *cell,
                        const struct chart *chart, const struct grid *grid)
{
    double x[GRID + 1], y[GRID + 1];
    char class[32];
    for (size_t i = cell->n; i-- > 0;) {
        const struct report_trace *trace = trace_of(report, cell, i);
        if (trace->n == 0 || (cell->n > REPORT_CURVES && i > 0)) continue;
        const struct fit_row *row = report_cell_fit(report, cell, i);
        const size_t n = take_curve(trace, grid, false, x, y);
        snprintf(class, sizeof class, "i%zu %s", report_init(row), i == 0 ? "best" : "faint");
        chart_line(chart, n, x, y, class);
        snprintf(class, sizeof class, "i%zu", report_init(row));
        chart_marker(chart, MARKER_circle, x[n - 1], y[n - 1], i == 0 ? 4.5 : 2.5, class,
                     row->name);
    }
}

static enum status draw_cell(const struct report *report, const struct report_cell *cell, FILE *out,
                             struct err *err)
{
    enum status rc = OK;
    const struct series look = report_series_describe(cell->series);
    const struct fit_row *best = report_cell_best(report, cell);
    struct chart chart = {.x = {.label = "iteration", .low = NAN, .high = NAN, .whole = true},
                          .y = {.label = "log-likelihood (nats)", .low = NAN, .high = NAN}};
    struct grid grid;
    char id[48], title[128], description[256];
    make_grid(report, cell, false, &grid);
    chart.x.log = grid.at[grid.n - 1] > 60;
    if (chart.x.log) {
        make_grid(report, cell, true, &grid);
        chart.x.label = "iteration (logarithmic)";
    }
    axis_include(&chart.x, grid.x[0]);
    axis_include(&chart.x, grid.x[grid.n - 1]);
    axis_pad(&chart.x, 0.02);
    TRY(set_range(report, cell, &chart.y, err));
    snprintf(id, sizeof id, "curves-%zu-%lld", cell->series, (long long)cell->k);
    snprintf(title, sizeof title, "%s, K = %lld", look.label, (long long)cell->k);
    snprintf(description, sizeof description,
             "Log-likelihood of %zu fits against iteration. The best, %s, ends at %.2f after %lld "
             "iterations.",
             cell->n, best->name, best->loglik, (long long)best->iterations);
    fprintf(out, "<figure><b>");
    html_text(out, title);
    fprintf(out, "</b>\n");
    chart_begin(&chart, out, id, title, description);
    chart_begin_clip(&chart);
    for (size_t i = 0; i < N_INITS && cell->n > REPORT_CURVES; i++)
        TRY(draw_band(report, cell, i, &chart, &grid, err));
    draw_curves(report, cell, &chart, &grid);
    chart_end_clip(&chart);
    chart_end(&chart);
    fprintf(out, "<figcaption>%zu fit%s; best ", cell->n, cell->n == 1 ? "" : "s");
    report_name(out, best);
    html_textf(out, ", %.2f%s", best->loglik, best->flagged ? ", flagged" : "");
    fprintf(out, "</figcaption></figure>\n");
done:
    return rc;
}

/* The start methods that occur. */
static void write_legend(const struct report *report, FILE *out)
{
    bool occurs[N_INITS + 1] = {false};
    for (size_t i = 0; i < report->seen.n_fits; i++)
        if (report->traces[i].n > 1) occurs[report_init(&report->seen.fits[i])] = true;
    fprintf(out, "<ul class=\"legend\" aria-label=\"Start methods\">");
    for (size_t i = 0; i < N_INITS; i++) {
        if (!occurs[i]) continue;
        fprintf(out,
                "<li><svg viewBox=\"0 0 34 16\" aria-hidden=\"true\"><path class=\"line i%zu\" "
                "d=\"M1 8H33\"/></svg>",
                i);
        html_text(out, init_names[i]);
        fprintf(out, "</li>");
    }
    fprintf(out, "</ul>\n");
}

enum status section_likelihood(const struct report *report, FILE *out, struct err *err)
{
    enum status rc = OK;
    const struct report_cell **chosen = NULL;
    size_t n = 0, n_all = 0;
    TRY(choose(report, &chosen, &n, &n_all, err));
    fprintf(out, "<p>All starts of a family at one K; the thick line is the best. The start itself "
                 "may lie below the frame.");
    if (n < n_all)
        html_textf(out,
                   " Shown are the %zu combinations of family and K with the best BIC, of %zu; "
                   "/history in the file has all.",
                   n, n_all);
    bool banded = false;
    for (size_t i = 0; i < n; i++)
        banded |= chosen[i]->n > REPORT_CURVES;
    if (banded)
        html_textf(out,
                   " Of more than %d fits, the area holds the middle 80 %% of a start method and "
                   "the line is its median.",
                   REPORT_CURVES);
    fprintf(out, "</p>\n");
    write_legend(report, out);
    fprintf(out, "<div class=\"charts\">\n");
    for (size_t c = 0; c < report->n_cells; c++)
        for (size_t i = 0; i < n; i++)
            if (chosen[i] == &report->cells[c]) TRY(draw_cell(report, chosen[i], out, err));
    fprintf(out, "</div>\n");
done:
    free(chosen);
    return rc;
}
