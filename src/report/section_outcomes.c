/* section_outcomes.c - how the fits ended, and which figures are to be read with care. */
#include "report_parts.h"

#include <string.h>

/* What of the fits of one series is counted. */
struct tally {
    size_t n, ended[3], flagged, floored, redrawn;
};

static void count(const struct fit_row *row, struct tally *tally)
{
    tally->n++;
    for (size_t o = 0; o < 3; o++)
        tally->ended[o] += strcmp(row->status, outcome_names[o]) == 0;
    tally->flagged += row->flagged != 0;
    tally->floored += row->floored > 0;
    tally->redrawn += row->redraws > 0;
}

static void write_cell(FILE *out, size_t n, size_t of, bool bad)
{
    if (n == 0)
        fprintf(out, "<td class=\"soft\">0</td>");
    else
        fprintf(out, "<td class=\"heat%s\" style=\"--v:%.2f\">%zu</td>", bad ? " flag" : "",
                0.4 * (double)n / (double)of, n);
}

static void write_row(FILE *out, const char *label, const struct tally *tally)
{
    fprintf(out, "<tr><th scope=\"row\">");
    html_text(out, label);
    fprintf(out, "</th><td>%zu</td>", tally->n);
    write_cell(out, tally->ended[OUTCOME_converged], tally->n, false);
    write_cell(out, tally->ended[OUTCOME_max_iter], tally->n, false);
    write_cell(out, tally->ended[OUTCOME_degenerate], tally->n, true);
    write_cell(out, tally->flagged, tally->n, true);
    write_cell(out, tally->floored, tally->n, true);
    write_cell(out, tally->redrawn, tally->n, false);
    fprintf(out, "</tr>\n");
}

enum status section_outcomes(const struct report *report, FILE *out, struct err *err)
{
    enum status rc = OK;
    struct tally all = {0}, of[N_SERIES] = {{0}};
    for (size_t i = 0; i < report->seen.n_fits; i++) {
        const struct fit_row *row = &report->seen.fits[i];
        count(row, &of[report_series(row)]);
        count(row, &all);
    }
    fprintf(out,
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Outcomes\"><table>"
            "<caption>How the fits ended</caption><thead><tr><th scope=\"col\" "
            "class=\"text\">family</th><th scope=\"col\">fits</th><th scope=\"col\">converged</th>"
            "<th scope=\"col\">max_iter</th><th scope=\"col\">degenerate</th><th "
            "scope=\"col\">flagged</th><th scope=\"col\">floored</th><th scope=\"col\">drawn "
            "again</th></tr></thead><tbody>\n");
    for (size_t s = 0; s < N_SERIES; s++)
        if (of[s].n > 0) write_row(out, report_series_describe(s).label, &of[s]);
    write_row(out, "all", &all);
    fprintf(out, "</tbody></table></div>\n");
    fprintf(out,
            "<dl><dt>max_iter</dt><dd>ended at em.max_iter before the tolerance was met</dd>"
            "<dt>degenerate</dt><dd>a component collapsed, in all redraws</dd>"
            "<dt>flagged</dt><dd>degenerate, or a component has fewer effective rows than its "
            "covariance needs; such a fit is never called the best</dd>"
            "<dt>floored</dt><dd>eigenvalues lie on the variance floor; BIC then measures the "
            "floor as well as the data</dd><dt>drawn again</dt><dd>starts given up as degenerate "
            "before the one that is kept</dd></dl>\n<div class=\"charts\">\n");
    static const struct against_k iterations = {"iterations", "Iterations of a fit", "M-steps",
                                                false, true};
    static const struct against_k floored = {"floored", "Eigenvalues on the variance floor",
                                             "eigenvalues", false, true};
    TRY(report_against_k(report, &iterations, out, err));
    if (all.floored > 0) TRY(report_against_k(report, &floored, out, err));
    fprintf(out, "</div>\n");
done:
    return rc;
}
