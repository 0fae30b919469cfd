/* section_plane.c - rows and the winner's covariance ellipses in the plane: of two features these,
 * of more the first two principal components of the mixture. */
#include "report_parts.h"

#include "kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_FEATURES = 1600, /* whose principal components are looked for; some seconds */
    MOST_COLOURS = 10,    /* classes that colours tell apart */
    MOST_OUTER = 12       /* components of which two ellipses are drawn */
};

/* The plane in the space of the features. */
struct plane {
    size_t n_features;
    double *centre;  /* [D] */
    double *axes[2]; /* [D] each, orthonormal */
    double share[2]; /* of the variance */
    bool given;      /* the features themselves */
};

/* Rows in the plane, and the class of each. */
struct dots {
    size_t n;
    double *x, *y;
    int32_t *class; /* [n], 0 without labels */
};

bool report_has_plane(const struct report *report)
{
    const struct model *model = report->model.model;
    return model != NULL && model->n_features >= 2 && model->n_features <= MOST_FEATURES &&
           (model->family != FAMILY_none || report->data != NULL);
}

/* --- the plane --- */

static void free_plane(struct plane *plane)
{
    free(plane->centre);
    free(plane->axes[0]);
    free(plane->axes[1]);
}

/* The lower triangle of the covariance of the whole mixture, in matrix [D, D]; of k-means, that of
 * its means. */
static void total_covariance(const struct model *model, const double *centre, double *matrix)
{
    const size_t n = model->n_features;
    for (size_t k = 0; k < model->n_components; k++)
        for (size_t i = 0; i < n; i++) {
            const double off = model->means[k * n + i] - centre[i];
            for (size_t j = 0; j <= i; j++) {
                const double own =
                    model->family == FAMILY_none ? 0.0 : report_covariance(model, k, i, j);
                matrix[i * n + j] +=
                    model->weights[k] * (own + off * (model->means[k * n + j] - centre[j]));
            }
        }
}

/* An eigenvector's sign means nothing: its largest element becomes positive. */
static void take_axis(const double *vector, size_t n, double *axis)
{
    size_t largest = 0;
    for (size_t d = 0; d < n; d++)
        if (fabs(vector[d]) > fabs(vector[largest])) largest = d;
    for (size_t d = 0; d < n; d++)
        axis[d] = vector[largest] < 0.0 ? -vector[d] : vector[d];
}

static enum status find_axes(const struct model *model, struct plane *plane, struct err *err)
{
    enum status rc = OK;
    const size_t n = model->n_features;
    double *matrix = NULL, *values = NULL, *work = NULL, sum = 0.0;
    TRY_ALLOC(matrix, n * n, err);
    TRY_ALLOC(values, n, err);
    TRY_ALLOC(work, kernels_eigen_work(n), err);
    total_covariance(model, plane->centre, matrix);
    if (!kernels_eigen(n, matrix, values, work))
        FAIL(err, ERR_INTERNAL, "the principal components of the best model cannot be found");
    for (size_t d = 0; d < n; d++)
        sum += values[d];
    for (size_t a = 0; a < 2; a++) {
        take_axis(matrix + (n - 1 - a) * n, n, plane->axes[a]);
        plane->share[a] = sum > 0.0 ? values[n - 1 - a] / sum : 0.0;
    }
done:
    free(work);
    free(values);
    free(matrix);
    return rc;
}

static enum status make_plane(const struct model *model, struct plane *plane, struct err *err)
{
    enum status rc = OK;
    const size_t n = model->n_features;
    *plane = (struct plane){.n_features = n, .given = n == 2};
    TRY_ALLOC(plane->centre, n, err);
    TRY_ALLOC(plane->axes[0], n, err);
    TRY_ALLOC(plane->axes[1], n, err);
    if (plane->given) {
        plane->axes[0][0] = plane->axes[1][1] = 1.0;
        goto done;
    }
    for (size_t k = 0; k < model->n_components; k++)
        for (size_t d = 0; d < n; d++)
            plane->centre[d] += model->weights[k] * model->means[k * n + d];
    TRY(find_axes(model, plane, err));
done:
    return rc;
}

static void project(const struct plane *plane, const double *x, double out[2])
{
    for (size_t a = 0; a < 2; a++) {
        out[a] = 0.0;
        for (size_t d = 0; d < plane->n_features; d++)
            out[a] += (x[d] - plane->centre[d]) * plane->axes[a][d];
    }
}

/* out: the variance along the first axis, the covariance, the variance along the second. */
static void project_covariance(const struct plane *plane, const struct model *model, size_t k,
                               double out[3])
{
    const size_t n = plane->n_features;
    const bool correlated = model->family == FAMILY_tied || model->family == FAMILY_full;
    memset(out, 0, 3 * sizeof *out);
    for (size_t i = 0; i < n; i++)
        for (size_t j = correlated ? 0 : i; j < (correlated ? n : i + 1); j++) {
            const double value = report_covariance(model, k, i, j);
            out[0] += plane->axes[0][i] * value * plane->axes[0][j];
            out[1] += plane->axes[0][i] * value * plane->axes[1][j];
            out[2] += plane->axes[1][i] * value * plane->axes[1][j];
        }
}

/* --- the rows --- */

static void free_dots(struct dots *dots)
{
    free(dots->x);
    free(dots->y);
    free(dots->class);
}

static enum status take_dots(const struct data *data, const struct plane *plane, struct dots *dots,
                             struct err *err)
{
    enum status rc = OK;
    *dots = (struct dots){0};
    if (data == NULL) goto done;
    const size_t n = data->n_rows < REPORT_DOTS ? data->n_rows : REPORT_DOTS;
    const bool coloured = data->label != NULL && data->n_classes <= MOST_COLOURS;
    TRY_ALLOC(dots->x, n, err);
    TRY_ALLOC(dots->y, n, err);
    TRY_ALLOC(dots->class, n, err);
    for (size_t i = 0; i < n; i++) {
        const size_t row = (size_t)((double)i * (double)data->n_rows / (double)n);
        double at[2];
        project(plane, data->x + row * data->n_features, at);
        dots->x[i] = at[0];
        dots->y[i] = at[1];
        dots->class[i] = coloured ? data->label[row] : 0;
    }
    dots->n = n;
done:
    return rc;
}

/* Nearly all of the values: a few far ones would make the rest small. */
static enum status include_most(const double *values, size_t n, struct axis *axis, struct err *err)
{
    enum status rc = OK;
    double *sorted = NULL;
    if (n == 0) goto done;
    TRY_ALLOC(sorted, n, err);
    memcpy(sorted, values, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, report_compare_reals);
    axis_include(axis, report_quantile(sorted, n, 0.002));
    axis_include(axis, report_quantile(sorted, n, 0.998));
done:
    free(sorted);
    return rc;
}

static enum status draw_dots(const struct chart *chart, const struct dots *dots, size_t n_classes,
                             struct err *err)
{
    enum status rc = OK;
    double *x = NULL, *y = NULL;
    TRY_ALLOC(x, dots->n, err);
    TRY_ALLOC(y, dots->n, err);
    for (size_t c = 0; c < n_classes && dots->n > 0; c++) {
        size_t n = 0;
        char class[32];
        for (size_t i = 0; i < dots->n; i++) {
            if ((size_t)dots->class[i] != c) continue;
            x[n] = dots->x[i];
            y[n++] = dots->y[i];
        }
        snprintf(class, sizeof class, "i%zu%s", c, dots->n > 1500 ? " many" : "");
        chart_dots(chart, n, x, y, class);
    }
done:
    free(y);
    free(x);
    return rc;
}

/* --- the figure --- */

static void draw_component(const struct chart *chart, const struct plane *plane,
                           const struct model *model, size_t k)
{
    char label[32], title[96];
    double mean[2], covariance[3];
    project(plane, model->means + k * plane->n_features, mean);
    snprintf(label, sizeof label, "%zu", k);
    snprintf(title, sizeof title, "component %zu, weight %.3f", k, model->weights[k]);
    if (model->family != FAMILY_none) {
        project_covariance(plane, model, k, covariance);
        chart_ellipse(chart, mean, covariance, 1.0, "", title);
        if (model->n_components <= MOST_OUTER)
            chart_ellipse(chart, mean, covariance, 2.0, "outer", title);
    }
    chart_text(chart, mean[0], mean[1], 0.0, 4.0, "middle", "strong", label);
}

static enum status set_axes(const struct plane *plane, const struct model *model,
                            const struct dots *dots, struct chart *chart, struct err *err)
{
    enum status rc = OK;
    struct axis *const axes[2] = {&chart->x, &chart->y};
    TRY(include_most(dots->x, dots->n, &chart->x, err));
    TRY(include_most(dots->y, dots->n, &chart->y, err));
    for (size_t k = 0; k < model->n_components; k++) {
        double mean[2], covariance[3] = {0};
        project(plane, model->means + k * plane->n_features, mean);
        if (model->family != FAMILY_none) project_covariance(plane, model, k, covariance);
        for (size_t a = 0; a < 2; a++) {
            const double reach = sqrt(fmax(0.0, covariance[2 * a]));
            axis_include(axes[a], mean[a] - reach);
            axis_include(axes[a], mean[a] + reach);
        }
    }
    axis_pad(&chart->x, 0.05);
    axis_pad(&chart->y, 0.05);
done:
    return rc;
}

static void write_caption(const struct report *report, const struct dots *dots, FILE *out)
{
    const struct model *model = report->model.model;
    fprintf(out, "<figcaption>Numbers stand at the means");
    if (model->family != FAMILY_none)
        fprintf(out, "; ellipses at one%s",
                model->n_components <= MOST_OUTER ? " and two standard deviations"
                                                  : " standard deviation");
    fprintf(out, ". ");
    if (report->data == NULL)
        html_textf(out, "Without the rows: %s.", report->data_note);
    else if (dots->n < report->data->n_rows)
        fprintf(out, "%zu of %zu rows, evenly picked. ", dots->n, report->data->n_rows);
    else
        fprintf(out, "All %zu rows. ", dots->n);
    fprintf(out, "</figcaption>");
}

static void write_class_legend(const struct data *data, FILE *out)
{
    if (data == NULL || data->label == NULL || data->n_classes > MOST_COLOURS) return;
    fprintf(out, "<ul class=\"legend\" aria-label=\"Classes\">");
    for (size_t c = 0; c < data->n_classes; c++) {
        fprintf(out,
                "<li><svg viewBox=\"0 0 34 16\" aria-hidden=\"true\"><path class=\"mark i%zu\" "
                "d=\"",
                c);
        chart_marker_path(out, MARKER_circle, 17.0, 8.0, 5.0);
        fprintf(out, "\"/></svg>class ");
        html_text(out, data->class_names[c]);
        fprintf(out, "</li>");
    }
    fprintf(out, "</ul>\n");
}

enum status section_plane(const struct report *report, FILE *out, struct err *err)
{
    enum status rc = OK;
    const struct model *model = report->model.model;
    const struct data *data = report->data;
    struct plane plane = {0};
    struct dots dots = {0};
    char labels[2][128];
    TRY(make_plane(model, &plane, err));
    TRY(take_dots(data, &plane, &dots, err));
    for (size_t a = 0; a < 2; a++)
        if (plane.given)
            snprintf(labels[a], sizeof labels[a], "feature %.100s", report_feature_name(report, a));
        else
            snprintf(labels[a], sizeof labels[a], "%s principal component (%.0f %% of variance)",
                     a == 0 ? "first" : "second", 100.0 * plane.share[a]);
    struct chart chart = {.width = 560.0,
                          .height = 460.0,
                          .square = !plane.given,
                          .x = {.label = labels[0], .low = NAN, .high = NAN},
                          .y = {.label = labels[1], .low = NAN, .high = NAN}};
    TRY(set_axes(&plane, model, &dots, &chart, err));
    fprintf(out, "<p>Components of ");
    report_name(out, report->best);
    fprintf(out, "%s.</p>\n",
            plane.given ? ""
                        : ", seen along the two directions in which the "
                          "mixture varies most");
    write_class_legend(data, out);
    fprintf(out, "<figure class=\"wide\">");
    chart_begin(&chart, out, "plane-chart", "Rows and components in the plane",
                "Each component's mean with its number and covariance ellipse, over the rows.");
    chart_begin_clip(&chart);
    const bool coloured = data != NULL && data->label != NULL && data->n_classes <= MOST_COLOURS;
    TRY(draw_dots(&chart, &dots, coloured ? data->n_classes : 1, err));
    for (size_t k = 0; k < model->n_components && k < REPORT_COMPONENTS; k++)
        draw_component(&chart, &plane, model, k);
    chart_end_clip(&chart);
    chart_end(&chart);
    write_caption(report, &dots, out);
    fprintf(out, "</figure>\n");
done:
    free_dots(&dots);
    free_plane(&plane);
    return rc;
}
