/* section_density.c - of a single feature: how the rows are spread, and the winner's density. */
#include "report_parts.h"

#include <math.h>
#include <stdlib.h>

enum { BINS = 48, POINTS = 240, MOST_LINES = 20 /* components that have a line each */ };

bool report_has_density(const struct report *report)
{
    const struct model *model = report->model.model;
    return model != NULL && model->n_features == 1 && model->family != FAMILY_none;
}

static double normal(double x, double mean, double variance)
{
    return exp(-0.5 * (x - mean) * (x - mean) / variance) / sqrt(2.0 * M_PI * variance);
}

/* From three deviations below the lowest mean to three above the highest. */
static void set_range(const struct model *model, struct axis *axis)
{
    for (size_t k = 0; k < model->n_components; k++) {
        const double reach = 3.0 * sqrt(report_variance(model, k, 0));
        axis_include(axis, model->means[k] - reach);
        axis_include(axis, model->means[k] + reach);
    }
}

/* x, height [2 BINS]: the outline of the histogram, as a density. */
static void make_histogram(const struct data *data, const struct axis *axis, double *x,
                           double *height)
{
    const double width = (axis->high - axis->low) / BINS;
    double total = 0.0;
    for (size_t b = 0; b < BINS; b++) {
        x[2 * b] = axis->low + (double)b * width;
        x[2 * b + 1] = axis->low + (double)(b + 1) * width;
    }
    for (size_t n = 0; n < data->n_rows; n++) {
        const double weight = data->weight != NULL ? data->weight[n] : 1.0;
        const double at = (data->x[n] - axis->low) / width;
        total += weight;
        if (at >= 0.0 && at < BINS) height[2 * (size_t)at] += weight;
    }
    for (size_t b = 0; b < BINS; b++)
        height[2 * b + 1] = height[2 * b] /= total * width;
}

/* density [K + 1, POINTS]: of each component by its weight, then of all together. */
static void make_curves(const struct model *model, const struct axis *axis, double *x,
                        double *density)
{
    double *const all = density + model->n_components * POINTS;
    for (size_t i = 0; i < POINTS; i++) {
        x[i] = axis->low + (axis->high - axis->low) * (double)i / (POINTS - 1);
        for (size_t k = 0; k < model->n_components; k++) {
            const double variance = report_variance(model, k, 0);
            all[i] += density[k * POINTS + i] =
                model->weights[k] * normal(x[i], model->means[k], variance);
        }
    }
}

static enum status draw(const struct report *report, struct chart *chart, FILE *out,
                        struct err *err)
{
    enum status rc = OK;
    const struct model *model = report->model.model;
    double *density = NULL, x[POINTS], edge[2 * BINS], height[2 * BINS] = {0}, zero[2 * BINS] = {0};
    TRY_ALLOC(density, (model->n_components + 1) * POINTS, err);
    const double *all = density + model->n_components * POINTS;
    make_curves(model, &chart->x, x, density);
    if (report->data != NULL) make_histogram(report->data, &chart->x, edge, height);
    for (size_t i = 0; i < POINTS; i++)
        axis_include(&chart->y, 1.04 * all[i]);
    for (size_t b = 0; b < 2 * BINS; b++)
        axis_include(&chart->y, 1.04 * height[b]);
    chart_begin(chart, out, "density-chart", "Rows and density",
                "A histogram of the rows, and over it the density of the best mixture.");
    chart_begin_clip(chart);
    if (report->data != NULL) chart_band(chart, 2 * BINS, edge, zero, height, "s0");
    for (size_t k = 0; k < model->n_components && model->n_components <= MOST_LINES; k++)
        chart_line(chart, POINTS, x, density + k * POINTS, "s4 whisker");
    chart_line(chart, POINTS, x, all, "s1");
    chart_end_clip(chart);
    chart_end(chart);
done:
    free(density);
    return rc;
}

enum status section_density(const struct report *report, FILE *out, struct err *err)
{
    enum status rc = OK;
    const char *name = report_feature_name(report, 0);
    char label[128];
    snprintf(label, sizeof label, "feature %.100s", name);
    struct chart chart = {.width = 560.0,
                          .height = 360.0,
                          .x = {.label = label, .low = NAN, .high = NAN},
                          .y = {.label = "density", .low = 0.0, .high = 0.0}};
    set_range(report->model.model, &chart.x);
    fprintf(out, "<p>The density of ");
    report_name(out, report->best);
    fprintf(out, " and what each component adds to it.</p>\n<figure class=\"wide\">");
    TRY(draw(report, &chart, out, err));
    fprintf(out, "<figcaption>");
    if (report->data == NULL)
        html_textf(out, "Without the rows: %s.", report->data_note);
    else
        fprintf(out, "The area is a histogram of all %zu rows.", report->data->n_rows);
    fprintf(out, "</figcaption></figure>\n");
done:
    return rc;
}
