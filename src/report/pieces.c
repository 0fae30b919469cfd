/* pieces.c - what several sections of the report put on the page. */
#include "report_parts.h"

#include <math.h>
#include <stdlib.h>

int report_compare_reals(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double report_quantile(const double *sorted, size_t n, double p)
{
    const double at = p * (double)(n - 1);
    const size_t i = (size_t)at;
    return i + 1 < n ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

const char *report_value(const struct fit_row *row, const struct fit_column *column,
                         char text[HTML_NUMBER])
{
    text[0] = '\0';
    if (!fit_row_applies(row, column)) return text;
    if (column->type == FIT_REAL) return html_real(fit_row_real(row, column), column->units, text);
    if (column->type == FIT_TEXT)
        snprintf(text, HTML_NUMBER, "%s", fit_row_text(row, column));
    else
        snprintf(text, HTML_NUMBER, "%lld", (long long)fit_row_int(row, column));
    return text;
}

void report_name(FILE *out, const struct fit_row *row)
{
    fprintf(out, "<code>");
    html_text(out, row->name);
    fprintf(out, "</code>");
}

void report_legend(const struct report *report, FILE *out)
{
    fprintf(out, "<ul class=\"legend\" aria-label=\"Marks in the charts\">");
    for (size_t c = 0; c < report->n_cells; c++) {
        if (c > 0 && report->cells[c].series == report->cells[c - 1].series) continue;
        const struct series look = report_series_describe(report->cells[c].series);
        fprintf(out,
                "<li><svg viewBox=\"0 0 34 16\" aria-hidden=\"true\"><path class=\"line %s\" "
                "d=\"M1 8H33\"/><path class=\"mark %s\" d=\"",
                look.class, look.class);
        chart_marker_path(out, look.marker, 17.0, 8.0, 5.0);
        fprintf(out, "\"/></svg>");
        html_text(out, look.label);
        fprintf(out, "</li>");
    }
    fprintf(out, "</ul>\n");
}

/* --- models --- */

const char *report_feature_name(const struct report *report, size_t d)
{
    static const char *const colours[] = {"red", "green", "blue"};
    if (report->about.feature_names == NULL) return ""; /* neither a file nor the rows */
    if (report->about.picture_shape[0] > 0 && report->about.n_features == 3) return colours[d];
    return report->about.feature_names[d];
}

double report_covariance(const struct model *model, size_t k, size_t i, size_t j)
{
    const size_t n = model->n_features;
    switch (model->family) {
    case FAMILY_spherical:
        return i == j ? model->covariances[k] : 0.0;
    case FAMILY_diag:
        return i == j ? model->covariances[k * n + i] : 0.0;
    case FAMILY_tied:
        return model->covariances[i * n + j];
    case FAMILY_full:
        return model->covariances[(k * n + i) * n + j];
    case FAMILY_none:
        break;
    }
    return NAN;
}

double report_variance(const struct model *model, size_t k, size_t d)
{
    return report_covariance(model, k, d, d);
}

double report_total_weight(const struct report *report, const struct fit_row *row)
{
    if (row->mean_loglik != 0.0 && isfinite(row->loglik / row->mean_loglik))
        return row->loglik / row->mean_loglik;
    return report->data != NULL && report->data->weight == NULL && report->data->heldout == NULL
               ? (double)report->data->n_rows
               : NAN;
}

/* --- pictures --- */

enum status report_image(const struct png_pixels *pixels, size_t zoom, const char *class,
                         const char *alt, FILE *out, struct err *err)
{
    enum status rc = OK;
    unsigned char *bytes = NULL;
    size_t n = 0;
    TRY(png_write_memory(pixels, &bytes, &n, err));
    fprintf(out, "<img class=\"%s\" width=\"%zu\" height=\"%zu\" alt=\"", class,
            pixels->width * zoom, pixels->height * zoom);
    html_text(out, alt);
    fprintf(out, "\" src=\"data:image/png;base64,");
    html_base64(out, bytes, n);
    fprintf(out, "\">");
done:
    free(bytes);
    return rc;
}
