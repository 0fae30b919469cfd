/* section_time.c - time per fit, and where the night went. */
#include "report_parts.h"

#include "progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A share of the time. */
struct share {
    const struct report_cell *cell;
    double wall_s;
};

static int compare_shares(const void *a, const void *b)
{
    const struct share *p = a, *q = b;
    if (p->wall_s != q->wall_s) return p->wall_s > q->wall_s ? -1 : 1;
    return p->cell < q->cell ? -1 : p->cell > q->cell;
}

enum { SHARES = 15 /* rows of the table */ };

static void write_shares(const struct share *shares, size_t n, double total, FILE *out)
{
    char duration[32], percent[HTML_NUMBER];
    double rest = total;
    fprintf(out, "<div><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Time by "
                 "family and K\"><table><caption>Where the time went</caption><thead><tr><th "
                 "scope=\"col\" class=\"text\">family</th><th scope=\"col\">K</th><th "
                 "scope=\"col\">fits</th><th scope=\"col\">time</th><th scope=\"col\">share</th>"
                 "</tr></thead><tbody>\n");
    for (size_t i = 0; i < n && i < SHARES; i++) {
        const struct share *share = &shares[i];
        const double part = total > 0.0 ? share->wall_s / total : 0.0;
        progress_duration(share->wall_s, duration);
        rest -= share->wall_s;
        fprintf(out, "<tr><th scope=\"row\">");
        html_text(out, report_series_describe(share->cell->series).label);
        fprintf(out,
                "</th><td>%lld</td><td>%zu</td><td>%s</td><td class=\"heat\" style=\"--v:%.2f\">"
                "%s</td></tr>\n",
                (long long)share->cell->k, share->cell->n, duration, 0.6 * part,
                html_percent(part, percent));
    }
    if (n > SHARES) {
        progress_duration(fmax(0.0, rest), duration);
        fprintf(out,
                "<tr><th scope=\"row\">%zu others</th><td></td><td></td><td>%s</td><td>%s</td>"
                "</tr>\n",
                n - SHARES, duration, html_percent(fmax(0.0, rest) / total, percent));
    }
    fprintf(out, "</tbody></table></div></div>\n");
}

enum status section_time(const struct report *report, FILE *out, struct err *err)
{
    enum status rc = OK;
    struct share *shares = NULL;
    const struct fit_row *longest = NULL;
    double total = 0.0;
    char all[32], most[32];
    TRY_ALLOC(shares, report->n_cells, err);
    for (size_t c = 0; c < report->n_cells; c++) {
        shares[c].cell = &report->cells[c];
        for (size_t i = 0; i < report->cells[c].n; i++) {
            const struct fit_row *row = report_cell_fit(report, &report->cells[c], i);
            if (!isfinite(row->wall_s)) continue;
            shares[c].wall_s += row->wall_s;
            if (longest == NULL || row->wall_s > longest->wall_s) longest = row;
        }
        total += shares[c].wall_s;
    }
    qsort(shares, report->n_cells, sizeof *shares, compare_shares);
    progress_duration(total, all);
    fprintf(out, "<p>From start to end, the fits took %s together", all);
    if (longest != NULL) {
        progress_duration(longest->wall_s, most);
        fprintf(out, ", the longest, ");
        report_name(out, longest);
        fprintf(out, ", %s", most);
    }
    fprintf(out,
            ". Fits that are worked on at once share the threads, so that the sum is more than "
            "the sweep took.</p>\n");
    report_legend(report, out);
    fprintf(out, "<div class=\"charts\">\n");
    static const struct against_k time = {"wall_s", "Time of a fit", "seconds", false, true};
    TRY(report_against_k(report, &time, out, err));
    write_shares(shares, report->n_cells, total, out);
    fprintf(out, "</div>\n");
done:
    free(shares);
    return rc;
}
