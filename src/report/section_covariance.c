/* section_covariance.c - a model's only covariance, as an image: of one component with full
 * covariance, or the one that is common to all. */
#include "report_parts.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_PIXELS = 512 /* of a side; more features are averaged */ };

bool report_has_covariance_image(const struct report *report)
{
    const struct model *model = report->model.model;
    return model != NULL && model->n_features > 2 &&
           (model->family == FAMILY_tied ||
            (model->family == FAMILY_full && model->n_components == 1));
}

/* Blue below 0, white at 0, vermilion above: told apart whatever colours one sees. */
static void colour(double share, unsigned char rgb[3])
{
    static const double ends[2][3] = {{0, 84, 150}, {200, 76, 0}};
    const double *end = ends[share > 0.0];
    const double size = fmin(fabs(share), 1.0);
    for (size_t c = 0; c < 3; c++)
        rgb[c] = (unsigned char)lround(255.0 + size * (end[c] - 255.0));
}

/* The mean over a block of the matrix, as covariance or as correlation. */
static double block_mean(const struct model *model, size_t block, size_t row, size_t column,
                         bool correlation)
{
    const size_t n = model->n_features;
    double sum = 0.0;
    size_t count = 0;
    for (size_t i = row * block; i < n && i < (row + 1) * block; i++)
        for (size_t j = column * block; j < n && j < (column + 1) * block; j++) {
            const double scale = sqrt(report_variance(model, 0, i) * report_variance(model, 0, j));
            const double value = report_covariance(model, 0, i, j);
            sum += !correlation ? value : scale > 0.0 ? value / scale : 0.0;
            count++;
        }
    return sum / (double)count;
}

static enum status write_matrix(const struct model *model, bool correlation, FILE *out,
                                struct err *err)
{
    enum status rc = OK;
    const size_t n = model->n_features, block = (n + MOST_PIXELS - 1) / MOST_PIXELS;
    const size_t side = (n + block - 1) / block;
    double *values = NULL, *sizes = NULL;
    unsigned char *rgb = NULL;
    char text[HTML_NUMBER];
    TRY_ALLOC(values, side * side, err);
    TRY_ALLOC(sizes, side * side, err);
    TRY_ALLOC(rgb, 3 * side * side, err);
    for (size_t i = 0; i < side * side; i++) {
        values[i] = block_mean(model, block, i / side, i % side, correlation);
        sizes[i] = fabs(values[i]);
    }
    qsort(sizes, side * side, sizeof *sizes, report_compare_reals);
    const double most = correlation ? 1.0 : report_quantile(sizes, side * side, 0.99);
    for (size_t i = 0; i < side * side; i++)
        colour(most > 0.0 ? values[i] / most : 0.0, rgb + 3 * i);
    const struct png_pixels pixels = {side, side, 3, rgb};
    fprintf(out, "<figure><b>%s</b>", correlation ? "Correlation" : "Covariance");
    TRY(report_image(&pixels, side < MOST_PIXELS ? MOST_PIXELS / side : 1, "pixels",
                     correlation ? "Correlations of the features as a matrix"
                                 : "Covariances of the features as a matrix",
                     out, err));
    fprintf(out,
            "<figcaption>%zu features, from the top left; blue \xE2\x88\x92%s, white 0, red %s", n,
            html_real(most, "", text), text);
    if (!correlation) fprintf(out, " and beyond");
    if (block > 1) fprintf(out, "; means over %zu \xC3\x97 %zu", block, block);
    fprintf(out, "</figcaption></figure>\n");
done:
    free(rgb);
    free(sizes);
    free(values);
    return rc;
}

enum status section_covariance(const struct report *report, FILE *out, struct err *err)
{
    enum status rc = OK;
    const struct model *model = report->model.model;
    fprintf(out, "<p>%s.</p>\n<div class=\"charts\">\n",
            model->family == FAMILY_tied ? "The covariance that all components have in common"
                                         : "The covariance of the only component");
    TRY(write_matrix(model, false, out, err));
    TRY(write_matrix(model, true, out, err));
    fprintf(out, "</div>\n");
done:
    return rc;
}
