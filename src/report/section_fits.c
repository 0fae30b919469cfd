/* section_fits.c - the table of fits: all columns, best first. */
#include "report_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What is compared most, in this order; all that a printed page has room for (page.css). The others
 * follow in the order of fits.def. */
static const char *const first_columns[] = {
    "k",   "covariance", "init",    "restart", "status",  "flagged",   "iterations",
    "bic", "icl",        "heldout", "loglik",  "inertia", "error_rate"};
enum { N_FIRST = sizeof first_columns / sizeof first_columns[0] };

/* Whether the column stands behind the first ones. Those that only say where in the file something
 * stands are left out. */
static bool is_other(const struct fit_column *column)
{
    for (size_t i = 0; i < N_FIRST; i++)
        if (strcmp(first_columns[i], column->name) == 0) return false;
    return strncmp(column->name, "history_", 8) != 0;
}

static bool any_applies(const struct report *report, const struct fit_column *column)
{
    for (size_t i = 0; i < report->seen.n_fits; i++)
        if (fit_row_applies(&report->seen.fits[i], column)) return true;
    return false;
}

static size_t choose_columns(const struct report *report, const struct fit_column **columns)
{
    size_t n = 0;
    for (size_t i = 0; i < N_FIRST; i++)
        if (any_applies(report, fit_column(first_columns[i])))
            columns[n++] = fit_column(first_columns[i]);
    for (size_t c = 0; c < n_fit_columns; c++)
        if (is_other(&fit_columns[c]) && any_applies(report, &fit_columns[c]))
            columns[n++] = &fit_columns[c];
    return n;
}

static int compare_rows(const void *a, const void *b)
{
    const struct fit_row *p = *(const struct fit_row *const *)a;
    const struct fit_row *q = *(const struct fit_row *const *)b;
    if (p->flagged != q->flagged) return p->flagged - q->flagged;
    if (isnan(p->bic) != isnan(q->bic)) return isnan(p->bic) - isnan(q->bic);
    if (p->bic != q->bic && !isnan(p->bic)) return p->bic < q->bic ? -1 : 1;
    if (p->inertia != q->inertia && isnan(p->bic)) return p->inertia < q->inertia ? -1 : 1;
    return strcmp(p->name, q->name);
}

static void write_head(const struct fit_column **columns, size_t n, FILE *out)
{
    fprintf(out, "<thead><tr><th scope=\"col\" class=\"text\" data-name=\"fit\" title=\"name of "
                 "the fit\">fit</th>");
    for (size_t c = 0; c < n; c++) {
        fprintf(out, "<th scope=\"col\"%s data-name=\"%s\" title=\"",
                columns[c]->type == FIT_TEXT ? " class=\"text\"" : "", columns[c]->name);
        html_text(out, columns[c]->long_name);
        if (strlen(columns[c]->units) > 1) html_textf(out, " (%s)", columns[c]->units);
        fprintf(out, "\">%s</th>", columns[c]->name);
    }
    fprintf(out, "</tr></thead>\n");
}

static void write_row(const struct fit_row *row, bool is_best, const struct fit_column **columns,
                      size_t n, FILE *out)
{
    char text[HTML_NUMBER];
    fprintf(out, "<tr%s><th scope=\"row\">", is_best ? " class=\"winner\"" : "");
    html_text(out, row->name);
    fprintf(out, "</th>");
    for (size_t c = 0; c < n; c++) {
        const bool flag = columns[c]->type == FIT_FLAG && fit_row_int(row, columns[c]) != 0;
        fprintf(out, flag                           ? "<td class=\"flag\">"
                     : columns[c]->type == FIT_TEXT ? "<td class=\"text\">"
                                                    : "<td>");
        html_text(out, report_value(row, columns[c], text));
        fprintf(out, "</td>");
    }
    fprintf(out, "</tr>\n");
}

/* The script shows this form and fills its lists. */
static void write_filter(FILE *out)
{
    static const char *const lists[][2] = {{"covariance", "family"}, {"k", "K"},
                                           {"init", "start"},        {"status", "outcome"},
                                           {"flagged", "flagged"},   {"method", "method"}};
    fprintf(out, "<form class=\"filter\" id=\"filter\" hidden><label>any text<input name=\"word\" "
                 "type=\"search\"></label>");
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        fprintf(out, "<label>%s<select name=\"%s\"><option>all</option></select></label>",
                lists[i][1], lists[i][0]);
    fprintf(out, "<output id=\"filter-said\" class=\"soft\"></output></form>\n");
}

enum status section_fits(const struct report *report, FILE *out, struct err *err)
{
    enum status rc = OK;
    const struct fit_row **rows = NULL;
    const struct fit_column **columns = NULL;
    const size_t n = report->seen.n_fits;
    TRY_ALLOC(rows, n, err);
    TRY_ALLOC(columns, n_fit_columns, err);
    const size_t n_columns = choose_columns(report, columns);
    for (size_t i = 0; i < n; i++)
        rows[i] = &report->seen.fits[i];
    qsort(rows, n, sizeof *rows, compare_rows);
    const size_t shown = n < REPORT_FITS ? n : REPORT_FITS;
    fprintf(out, "<p>Flagged fits last, else by BIC; figures are rounded, the file has them in "
                 "full.");
    if (shown < n)
        fprintf(out,
                " <strong>Only the best %zu of %zu fits are listed</strong>; <code>gmmsweep show "
                "--all</code> lists all.",
                shown, n);
    fprintf(out, "</p>\n");
    write_filter(out);
    fprintf(out,
            "<div class=\"scroll tall\" tabindex=\"0\" role=\"region\" aria-label=\"Fits\">"
            "<table class=\"sortable\" id=\"fits-table\"><caption>Fits, one row each</caption>\n");
    write_head(columns, n_columns, out);
    fprintf(out, "<tbody>\n");
    for (size_t i = 0; i < shown; i++)
        write_row(rows[i], rows[i] == report->best, columns, n_columns, out);
    fprintf(out, "</tbody></table></div>\n");
done:
    free(columns);
    free(rows);
    return rc;
}
