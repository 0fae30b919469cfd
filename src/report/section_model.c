/* section_model.c - the winner's components: as images, as colours or as a table. */
#include "report_parts.h"

#include <math.h>
#include <stdlib.h>

enum {
    TABLE_FEATURES = 24, /* columns of the table of components */
    TILE_PIXELS = 84     /* width of a component's image on the screen, about */
};

bool report_has_model(const struct report *report)
{
    return report->best != NULL;
}

bool report_has_images(const struct report *report)
{
    const size_t *shape = report->about.image_shape;
    if (report->model.model == NULL || shape[0] == 0) return false;
    const size_t n = report->model.model->n_features;
    return n % shape[0] == 0 && n / shape[0] == shape[1];
}

/* Rows that belong to component k, "" where weights do not tell. */
static const char *count_text(const struct report *report, size_t k, char text[HTML_NUMBER])
{
    const double total = report_total_weight(report, report->best);
    const bool equal = report->config != NULL && report->config->em_mixing == MIXING_equal;
    text[0] = '\0';
    if (!isfinite(total) || equal) return text;
    const double count = report->model.model->weights[k] * total;
    snprintf(text, HTML_NUMBER, count < 100.0 ? "%.1f" : "%.0f", count);
    return text;
}

/* --- images --- */

/* The range of all means, or from 0 to the largest of all deviations. */
static struct levels value_range(const struct model *model, bool deviations)
{
    struct levels levels = {deviations ? 0.0 : HUGE_VAL, deviations ? 0.0 : -HUGE_VAL};
    for (size_t k = 0; k < model->n_components; k++)
        for (size_t d = 0; d < model->n_features; d++) {
            const double value = deviations ? sqrt(report_variance(model, k, d))
                                            : model->means[k * model->n_features + d];
            levels.black = fmin(levels.black, value);
            levels.white = fmax(levels.white, value);
        }
    return levels;
}

static enum status write_component_image(const struct report *report, size_t k, bool deviations,
                                         const struct levels *levels, unsigned char *values,
                                         FILE *out, struct err *err)
{
    const struct model *model = report->model.model;
    const size_t *shape = report->about.image_shape;
    char alt[64];
    for (size_t d = 0; d < model->n_features; d++) {
        const double value = deviations ? sqrt(report_variance(model, k, d))
                                        : model->means[k * model->n_features + d];
        values[d] = levels_of(levels, value);
    }
    const struct png_pixels pixels = {shape[0], shape[1], 1, values};
    const size_t zoom = shape[1] < TILE_PIXELS ? (TILE_PIXELS + shape[1] / 2) / shape[1] : 1;
    snprintf(alt, sizeof alt, "%s of component %zu", deviations ? "Standard deviations" : "Mean",
             k);
    return report_image(&pixels, zoom, "pixels", alt, out, err);
}

static enum status write_images(const struct report *report, bool deviations, size_t shown,
                                FILE *out, struct err *err)
{
    enum status rc = OK;
    const struct model *model = report->model.model;
    unsigned char *values = NULL;
    char count[HTML_NUMBER], text[2][HTML_NUMBER];
    const struct levels levels = value_range(model, deviations);
    TRY_ALLOC(values, model->n_features, err);
    fprintf(out,
            "<h3>%s</h3>\n<p class=\"soft\">Black is %s, white is %s.</p>\n"
            "<div class=\"pictures\">\n",
            deviations ? "Standard deviations" : "Means", html_real(levels.black, "", text[0]),
            html_real(levels.white, "", text[1]));
    const bool common = deviations && model->family == FAMILY_tied;
    for (size_t k = 0; k < (common ? 1 : shown); k++) {
        fprintf(out, "<figure class=\"component\">");
        TRY(write_component_image(report, k, deviations, &levels, values, out, err));
        if (common)
            fprintf(out, "<figcaption>all components</figcaption>");
        else if (deviations)
            fprintf(out, "<figcaption><b>%zu</b></figcaption>", k);
        else
            fprintf(out, "<figcaption><b>%zu</b> &nbsp;%.1f&nbsp;%%%s%s</figcaption>", k,
                    100.0 * model->weights[k], count_text(report, k, count)[0] ? "<br>n " : "",
                    count);
        fprintf(out, "</figure>\n");
    }
    fprintf(out, "</div>\n");
done:
    free(values);
    return rc;
}

/* --- a table --- */

static void write_component_row(const struct report *report, size_t k, size_t n_features, FILE *out)
{
    const struct model *model = report->model.model;
    char count[HTML_NUMBER], mean[HTML_NUMBER], deviation[HTML_NUMBER];
    fprintf(out, "<tr><th scope=\"row\">%zu</th><td>%.4f</td><td>%s</td>", k, model->weights[k],
            count_text(report, k, count));
    for (size_t d = 0; d < n_features; d++) {
        const double variance = report_variance(model, k, d);
        html_real(model->means[k * model->n_features + d], "", mean);
        html_real(sqrt(variance), "", deviation);
        if (isnan(variance))
            fprintf(out, "<td>%s</td>", mean);
        else
            fprintf(out, "<td>%s <span class=\"soft\">\xC2\xB1 %s</span></td>", mean, deviation);
    }
    fprintf(out, "</tr>\n");
}

static void write_table(const struct report *report, size_t shown, FILE *out)
{
    const struct model *model = report->model.model;
    const size_t n_features =
        model->n_features < TABLE_FEATURES ? model->n_features : TABLE_FEATURES;
    fprintf(out,
            "<div class=\"scroll tall\" tabindex=\"0\" role=\"region\" "
            "aria-label=\"Components\"><table><caption>Components: weight, effective rows, "
            "means%s</caption><thead><tr><th scope=\"col\" class=\"text\">component</th><th "
            "scope=\"col\">weight</th><th scope=\"col\">rows</th>",
            model->family == FAMILY_none ? "" : " \xC2\xB1 standard deviations");
    for (size_t d = 0; d < n_features; d++) {
        fprintf(out, "<th scope=\"col\">");
        html_text(out, report_feature_name(report, d));
        fprintf(out, "</th>");
    }
    fprintf(out, "</tr></thead><tbody>\n");
    for (size_t k = 0; k < shown; k++)
        write_component_row(report, k, n_features, out);
    fprintf(out, "</tbody></table></div>\n");
    if (n_features < model->n_features)
        fprintf(out, "<p class=\"soft\">The first %zu of %zu features.</p>\n", n_features,
                model->n_features);
}

enum status section_model(const struct report *report, FILE *out, struct err *err)
{
    enum status rc = OK;
    const struct model *model = report->model.model;
    fprintf(out, "<p>");
    report_name(out, report->best);
    if (model == NULL) {
        fprintf(out, ": the file does not keep its model (output.keep).</p>\n");
        goto done;
    }
    fprintf(out, "; its components by weight, numbered from 0 as in the file.");
    const size_t n = model->n_components;
    const size_t shown = n < REPORT_COMPONENTS ? n : REPORT_COMPONENTS;
    if (shown < n) fprintf(out, " The first %zu of %zu are shown.", shown, n);
    fprintf(out, "</p>\n");
    if (!report_has_images(report)) {
        write_table(report, shown, out);
        goto done;
    }
    TRY(write_images(report, false, shown, out, err));
    if (model->family != FAMILY_none) TRY(write_images(report, true, shown, out, err));
done:
    return rc;
}
