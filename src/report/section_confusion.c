/* section_confusion.c - which classes the winner's components hold. */
#include "report_parts.h"

enum { MOST_CLASSES = 60 /* columns of the table */ };

bool report_has_confusion(const struct report *report)
{
    return report->model.confusion != NULL && report->about.n_classes > 0;
}

static void write_row(const double *counts, size_t n_classes, size_t shown, size_t k, FILE *out)
{
    double sum = 0.0;
    for (size_t c = 0; c < n_classes; c++)
        sum += counts[c];
    fprintf(out, "<tr><th scope=\"row\">%zu</th>", k);
    for (size_t c = 0; c < shown; c++) {
        if (counts[c] == 0.0)
            fprintf(out, "<td></td>");
        else
            fprintf(out, "<td class=\"heat\" style=\"--v:%.2f\">%.6g</td>", 0.75 * counts[c] / sum,
                    counts[c]);
    }
    fprintf(out, "<td>%.6g</td></tr>\n", sum);
}

enum status section_confusion(const struct report *report, FILE *out, struct err *err)
{
    (void)err;
    const struct model *model = report->model.model;
    const size_t n_classes = report->about.n_classes;
    const size_t columns = n_classes < MOST_CLASSES ? n_classes : MOST_CLASSES;
    const size_t rows =
        model->n_components < REPORT_COMPONENTS ? model->n_components : REPORT_COMPONENTS;
    const struct fit_row *best = report->best;
    char text[3][HTML_NUMBER];
    fprintf(out, "<p>Rows of each known class that ");
    report_name(out, best);
    fprintf(
        out,
        " gives to each component. Off the best one-to-one matching of components and classes: "
        "<strong>%s</strong>; off each component's largest class: <strong>%s</strong>; adjusted "
        "Rand index <strong>%s</strong>.</p>\n",
        html_percent(best->error_rate, text[0]), html_percent(best->error_majority, text[1]),
        html_real(best->ari, "", text[2]));
    fprintf(out,
            "<div class=\"scroll tall\" tabindex=\"0\" role=\"region\" aria-label=\"Components "
            "and classes\"><table><caption>Components (rows) and classes (columns); the shade "
            "is the share of the component</caption><thead><tr><th scope=\"col\" "
            "class=\"text\">component</th>");
    for (size_t c = 0; c < columns; c++) {
        fprintf(out, "<th scope=\"col\">");
        html_text(out, report->about.class_names[c]);
        fprintf(out, "</th>");
    }
    fprintf(out, "<th scope=\"col\">all</th></tr></thead><tbody>\n");
    for (size_t k = 0; k < rows; k++)
        write_row(report->model.confusion + k * n_classes, n_classes, columns, k, out);
    fprintf(out, "</tbody></table></div>\n");
    if (columns < n_classes || rows < model->n_components)
        fprintf(out,
                "<p class=\"soft\">The first %zu of %zu components and %zu of %zu classes.</p>\n",
                rows, model->n_components, columns, n_classes);
    return OK;
}
