/* section_agreement.c - how often restarts end in the best optimum that any of them has found. */
#include "report_parts.h"

#include <math.h>

bool report_has_restarts(const struct report *report)
{
    for (size_t c = 0; c < report->n_cells; c++)
        if (report->cells[c].n > 1) return true;
    return false;
}

/* Of the fits of a cell that a start method made. */
struct agreement {
    size_t n, n_agree;
};

static struct agreement count(const struct report *report, const struct report_cell *cell,
                              size_t init)
{
    struct agreement out = {0};
    const struct fit_row *best = report_cell_best(report, cell);
    for (size_t i = 0; i < cell->n; i++) {
        const struct fit_row *row = report_cell_fit(report, cell, i);
        if (init < N_INITS && report_init(row) != init) continue;
        out.n++;
        out.n_agree += (!row->flagged || best->flagged) && report_agrees(row, best);
    }
    return out;
}

/* Beside the other families at this K. */
static double beside(const struct axis *axis, size_t series, int64_t k)
{
    const double shift = 0.012 * ((double)series - 0.5 * (N_FAMILIES - 1));
    if (axis->log) return (double)k * pow(axis->high / axis->low, shift);
    return (double)k + shift * (axis->high - axis->low);
}

static void draw(const struct report *report, FILE *out)
{
    struct chart chart = {
        .x = {.label = "number of components K", .low = NAN, .high = NAN, .whole = true},
        .y = {.label = "starts that reach the best (%)", .low = 0.0, .high = 104.0}};
    for (size_t c = 0; c < report->n_cells; c++)
        axis_include(&chart.x, (double)report->cells[c].k);
    chart.x.log = chart.x.high / chart.x.low > 20.0;
    axis_pad(&chart.x, 0.06);
    fprintf(out, "<figure><b>Starts that reach the best optimum</b>\n");
    chart_begin(&chart, out, "agreement-by-k", "Starts that reach the best optimum, against K",
                "A line for each family; the table has the same by start method.");
    for (size_t c = 0; c < report->n_cells; c++) {
        const struct report_cell *cell = &report->cells[c];
        const struct series look = report_series_describe(cell->series);
        if (cell->n < 2) continue;
        const struct agreement all = count(report, cell, N_INITS);
        const double y = 100.0 * (double)all.n_agree / (double)all.n;
        const double at = beside(&chart.x, cell->series, cell->k);
        if (c > 0 && cell[-1].series == cell->series && cell[-1].n > 1) {
            const struct agreement before = count(report, cell - 1, N_INITS);
            const double x[2] = {beside(&chart.x, cell->series, cell[-1].k), at};
            const double line[2] = {100.0 * (double)before.n_agree / (double)before.n, y};
            chart_line(&chart, 2, x, line, look.class);
        }
        char title[128];
        if (report->n_cells > REPORT_CELLS) continue;
        snprintf(title, sizeof title, "%s, K = %lld: %zu of %zu", look.label, (long long)cell->k,
                 all.n_agree, all.n);
        chart_marker(&chart, look.marker, at, y, 5.0, look.class, title);
    }
    chart_end(&chart);
    fprintf(out, "</figure>\n");
}

static void write_row(const struct report *report, const struct report_cell *cell,
                      const bool *occurs, FILE *out)
{
    const struct series look = report_series_describe(cell->series);
    char text[HTML_NUMBER];
    const double best = report_score(report_cell_fit(report, cell, 0));
    double worst = NAN;
    for (size_t i = 0; i < cell->n; i++) {
        const struct fit_row *row = report_cell_fit(report, cell, i);
        if (!row->flagged) worst = fmin(worst, report_score(row));
    }
    fprintf(out, "<tr><th scope=\"row\">");
    html_text(out, look.label);
    fprintf(out, "</th><td>%lld</td>", (long long)cell->k);
    for (size_t init = 0; init < N_INITS; init++) {
        if (!occurs[init]) continue;
        const struct agreement of = count(report, cell, init);
        if (of.n == 0)
            fprintf(out, "<td></td>");
        else
            fprintf(out, "<td class=\"heat\" style=\"--v:%.2f\">%zu of %zu</td>",
                    0.5 * (double)of.n_agree / (double)of.n, of.n_agree, of.n);
    }
    fprintf(out, "<td>%s</td></tr>\n", html_real(best - worst, "nats", text));
}

enum status section_agreement(const struct report *report, FILE *out, struct err *err)
{
    (void)err;
    bool occurs[N_INITS + 1] = {false};
    for (size_t i = 0; i < report->seen.n_fits; i++)
        occurs[report_init(&report->seen.fits[i])] = true;
    fprintf(out,
            "<p>How many starts end where the best one of their family and K ends: to within "
            "0.0001 nats of log-likelihood per row, of k-means 0.01 %% of its inertia. Where few "
            "agree, more restarts may find better.</p>\n");
    report_legend(report, out);
    fprintf(out, "<div class=\"charts\">\n");
    if (report_has_several_k(report)) draw(report, out);
    fprintf(out,
            "<div><div class=\"scroll tall\" tabindex=\"0\" role=\"region\" aria-label=\"Agreement "
            "of restarts\"><table><caption>Starts that reach the best optimum</caption><thead><tr>"
            "<th scope=\"col\" class=\"text\">family</th><th scope=\"col\">K</th>");
    for (size_t init = 0; init < N_INITS; init++)
        if (occurs[init]) fprintf(out, "<th scope=\"col\">%s</th>", init_names[init]);
    fprintf(out, "<th scope=\"col\">best ahead of worst</th></tr></thead><tbody>\n");
    size_t shown = 0, n = 0;
    for (size_t c = 0; c < report->n_cells; c++) {
        if (report->cells[c].n < 2) continue;
        n++;
        if (shown == REPORT_CELLS) continue;
        write_row(report, &report->cells[c], occurs, out);
        shown++;
    }
    fprintf(out, "</tbody></table></div>");
    if (shown < n)
        fprintf(out, "<p class=\"soft\">The first %zu of %zu combinations.</p>", shown, n);
    fprintf(out, "</div></div>\n");
    return OK;
}
