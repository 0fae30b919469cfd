/* section_summary.c - what has been found, in words, and what to beware of. */
#include "report_parts.h"

#include "progress.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

/* What the table of winners has a row for. */
static const struct winner_by {
    const char *column;
    const char *label;
    bool higher_is_better;
} criteria[] = {{"bic", "BIC", false},
                {"icl", "ICL", false},
                {"aic", "AIC", false},
                {"heldout", "held-out log-likelihood", true},
                {"loglik", "log-likelihood", true},
                {"inertia", "inertia", false},
                {"error_rate", "error rate", false},
                {"ari", "adjusted Rand index", true}};
enum { N_CRITERIA = sizeof criteria / sizeof criteria[0] };

/* The best fit of another family or K, by the winner's column; NULL without one. */
static const struct fit_row *runner_up(const struct report *report)
{
    const struct fit_column *column = fit_column(report->best_by);
    const struct fit_row *second = NULL;
    for (size_t i = 0; i < report->seen.n_fits; i++) {
        const struct fit_row *row = &report->seen.fits[i];
        const double value = fit_row_real(row, column);
        if (row->flagged || isnan(value)) continue;
        if (row->k == report->best->k && report_series(row) == report_series(report->best))
            continue;
        if (second == NULL || value < fit_row_real(second, column)) second = row;
    }
    return second;
}

/* "20 components with diag covariances" and the like. */
static void write_kind(const struct fit_row *best, FILE *out)
{
    const size_t series = report_series(best);
    if (series == N_FAMILIES)
        fprintf(out, "The best k-means clustering has <strong>%lld cluster%s</strong>: ",
                (long long)best->k, best->k == 1 ? "" : "s");
    else if (series > N_FAMILIES)
        fprintf(out,
                "The best is <strong>one Gaussian for each class</strong>, %lld in all, with "
                "<strong>%s</strong> covariances: ",
                (long long)best->k, best->covariance);
    else
        fprintf(out,
                "The best mixture has <strong>%lld component%s</strong> with "
                "<strong>%s</strong> covariances: ",
                (long long)best->k, best->k == 1 ? "" : "s", best->covariance);
}

static void write_lead(const struct report *report, FILE *out)
{
    const struct fit_row *best = report->best;
    const struct fit_column *by = fit_column(report->best_by);
    const struct fit_row *second = runner_up(report);
    char value[HTML_NUMBER], lead[HTML_NUMBER];
    fprintf(out, "<p class=\"lead\">");
    if (best->flagged) {
        fprintf(out,
                "<strong>No fit can be called the best</strong>: all are flagged. What follows "
                "shows ");
        report_name(out, best);
        fprintf(out, ", the likeliest, whose figures mean little.</p>\n");
        return;
    }
    write_kind(best, out);
    report_name(out, best);
    fprintf(out, ", %s %s.", strcmp(by->name, "bic") == 0 ? "BIC" : by->name,
            html_real(fit_row_real(best, by), by->units, value));
    if (second != NULL) {
        const double ahead = fabs(fit_row_real(second, by) - fit_row_real(best, by));
        const bool equal = ahead <= 1e-9 * fabs(fit_row_real(best, by));
        if (equal)
            fprintf(out, " Another combination of family and K is as good, ");
        else
            fprintf(out, " It is %s ahead of the next combination of family and K, ",
                    html_real(ahead, by->units, lead));
        report_name(out, second);
        fprintf(out, ".");
    }
    fprintf(out, "</p>\n");
}

static void write_tile(FILE *out, const char *value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void write_tile(FILE *out, const char *value, const char *format, ...)
{
    char text[256];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    fprintf(out, "<li><b>");
    html_text(out, value);
    fprintf(out, "</b><span>");
    html_text(out, text);
    fprintf(out, "</span></li>");
}

static void write_tiles(const struct report *report, FILE *out)
{
    char text[HTML_NUMBER], more[HTML_NUMBER], duration[32];
    const size_t n_rows = report->data != NULL   ? report->data->n_rows
                          : report->file != NULL ? report->file->n_rows
                                                 : 0;
    double total = 0.0;
    for (size_t i = 0; i < report->seen.n_fits; i++)
        if (isfinite(report->seen.fits[i].wall_s)) total += report->seen.fits[i].wall_s;
    progress_duration(total, duration);
    fprintf(out, "<ul class=\"tiles\">");
    write_tile(out, html_count(report->seen.n_fits, text), "of %s fits finished",
               html_count(report->seen.n_planned, more));
    if (n_rows > 0)
        write_tile(out, html_count(n_rows, text), "rows of %s feature%s",
                   html_count(report->about.n_features, more),
                   report->about.n_features == 1 ? "" : "s");
    if (report->about.n_classes > 0)
        write_tile(out, html_count(report->about.n_classes, text), "known classes");
    write_tile(out, html_count(report->n_cells, text), "combinations of family and K");
    write_tile(out, duration, "in fits, %zu session%s", report->n_sessions,
               report->n_sessions == 1 ? "" : "s");
    fprintf(out, "</ul>\n");
}

/* --- warnings --- */

static void warn(FILE *out, bool *begun, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void warn(FILE *out, bool *begun, const char *format, ...)
{
    char text[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    if (!*begun) fprintf(out, "<ul class=\"warnings\" aria-label=\"Warnings\">\n");
    *begun = true;
    fprintf(out, "<li>");
    html_text(out, text);
    fprintf(out, "</li>\n");
}

static void warn_of_winner(const struct report *report, FILE *out, bool *begun)
{
    const struct fit_row *best = report->best;
    int64_t low = best->k, high = best->k;
    for (size_t c = 0; c < report->n_cells; c++) {
        if (report->cells[c].series != report_series(best)) continue;
        if (report->cells[c].k < low) low = report->cells[c].k;
        if (report->cells[c].k > high) high = report->cells[c].k;
    }
    if (best->k == high && low < high && report_series(best) != N_FAMILIES)
        warn(out, begun,
             "The best K, %lld, is the largest of the sweep: more components may be better still.",
             (long long)high);
    if (best->k == low && low < high && low > 1)
        warn(
            out, begun,
            "The best K, %lld, is the smallest of the sweep: fewer components may be better still.",
            (long long)low);
    if (best->floored > 0)
        warn(out, begun,
             "%lld eigenvalues of the best fit's covariances lie on the variance floor: its BIC "
             "measures the floor as well as the data.",
             (long long)best->floored);
    if (strcmp(best->status, outcome_names[OUTCOME_max_iter]) == 0)
        warn(
            out, begun,
            "The best fit ended at em.max_iter before it had converged; a larger em.max_iter makes "
            "such fits anew.");
}

static size_t count_cpus(const struct report *report)
{
    size_t n = 0;
    for (size_t s = 0; s < report->n_sessions; s++) {
        size_t before = 0;
        while (before < s && strcmp(report->sessions[before].cpu, report->sessions[s].cpu) != 0)
            before++;
        n += before == s;
    }
    return n;
}

static void write_warnings(const struct report *report, FILE *out)
{
    bool begun = false;
    size_t degenerate = 0, flagged = 0, floored = 0;
    const struct inspection *seen = &report->seen;
    for (size_t i = 0; i < seen->n_fits; i++) {
        degenerate += strcmp(seen->fits[i].status, outcome_names[OUTCOME_degenerate]) == 0;
        flagged += seen->fits[i].flagged != 0;
        floored += seen->fits[i].floored > 0;
    }
    if (seen->n_fits < seen->n_planned)
        warn(out, &begun, "Unfinished: %zu of %zu fits. Run the same command again to go on.",
             seen->n_fits, seen->n_planned);
    if (report->best != NULL && !report->best->flagged) warn_of_winner(report, out, &begun);
    if (flagged > 0)
        warn(out, &begun,
             "Flagged: %zu of %zu fits, %zu of them degenerate. A component has collapsed or has "
             "fewer rows than its covariance needs; such fits are never called the best.",
             flagged, seen->n_fits, degenerate);
    if (floored > 0 && seen->n_fits > 1)
        warn(out, &begun, "On the variance floor: eigenvalues of %zu of %zu fits.", floored,
             seen->n_fits);
    if (count_cpus(report) > 1)
        warn(out, &begun,
             "Sessions ran on %zu types of CPU, on which last bits may differ; see provenance.",
             count_cpus(report));
    if (begun) fprintf(out, "</ul>\n");
}

/* --- who is best by what --- */

static void write_criteria(const struct report *report, FILE *out)
{
    char text[HTML_NUMBER];
    fprintf(out,
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Best by "
            "criterion\"><table><caption>The best fit by each criterion, of those that are "
            "not flagged</caption><thead><tr><th scope=\"col\" class=\"text\">criterion</th>"
            "<th scope=\"col\">value</th><th scope=\"col\" class=\"text\">fit</th></tr></thead>"
            "<tbody>\n");
    for (size_t i = 0; i < N_CRITERIA; i++) {
        const struct fit_column *column = fit_column(criteria[i].column);
        const struct fit_row *best =
            report_best_by(report, criteria[i].column, criteria[i].higher_is_better);
        if (best == NULL) continue;
        fprintf(out, "<tr%s><th scope=\"row\">%s</th><td>%s</td><td class=\"name text\">",
                best == report->best ? " class=\"winner\"" : "", criteria[i].label,
                report_value(best, column, text));
        html_text(out, best->name);
        fprintf(out, "</td></tr>\n");
    }
    fprintf(out, "</tbody></table></div>\n");
}

enum status section_summary(const struct report *report, FILE *out, struct err *err)
{
    (void)err;
    if (report->best == NULL)
        fprintf(out, "<p class=\"lead\">No fit is finished yet.</p>\n");
    else
        write_lead(report, out);
    write_warnings(report, out);
    write_tiles(report, out);
    if (report->best != NULL && !report->best->flagged) write_criteria(report, out);
    return OK;
}
