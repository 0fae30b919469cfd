/* section_samples.c - images drawn from the winner. */
#include "report_parts.h"

#include "sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ACROSS = 12, DOWN = 5, GAP = 1, GAP_LEVEL = 128, SEED = 1, MOST_FEATURES = 4096 };

bool report_has_samples(const struct report *report)
{
    const struct model *model = report->model.model;
    return report_has_images(report) && model->family != FAMILY_none &&
           model->n_features <= MOST_FEATURES && !report->best->flagged;
}

/* What the data's own images have, as far as that is known, else the range of the samples. */
static struct levels choose_levels(const struct report *report, const double *points, size_t n)
{
    const bool resized = report->config != NULL && report->config->data_resize.height > 0;
    const double peak = resized ? 255.0 : levels_peak(report->about.dtype);
    struct levels levels = {INFINITY, -INFINITY};
    if (peak > 0.0 && report->config != NULL)
        return (struct levels){0.0, peak / report->config->data_scale};
    for (size_t i = 0; i < n; i++) {
        levels.black = fmin(levels.black, points[i]);
        levels.white = fmax(levels.white, points[i]);
    }
    return levels;
}

enum status section_samples(const struct report *report, FILE *out, struct err *err)
{
    enum status rc = OK;
    const struct model *model = report->model.model;
    const size_t *shape = report->about.image_shape, n = (size_t)ACROSS * DOWN;
    struct sampler *sampler = NULL;
    double *points = NULL;
    unsigned char *values = NULL;
    char black[HTML_NUMBER], white[HTML_NUMBER];
    struct png_pixels grid = {.height = DOWN * (shape[0] + GAP) - GAP,
                              .width = ACROSS * (shape[1] + GAP) - GAP,
                              .channels = 1};
    TRY(sampler_create(model, report->best->name, SEED, &sampler, err));
    TRY_ALLOC(points, n * model->n_features, err);
    TRY_ALLOC(values, grid.height * grid.width, err);
    for (size_t i = 0; i < n; i++)
        sampler_draw(sampler, i, points + i * model->n_features);
    const struct levels levels = choose_levels(report, points, n * model->n_features);
    memset(values, GAP_LEVEL, grid.height * grid.width);
    for (size_t i = 0; i < n; i++)
        for (size_t y = 0; y < shape[0]; y++)
            for (size_t x = 0; x < shape[1]; x++)
                values[(i / ACROSS * (shape[0] + GAP) + y) * grid.width +
                       i % ACROSS * (shape[1] + GAP) + x] =
                    levels_of(&levels, points[i * model->n_features + y * shape[1] + x]);
    grid.values = values;
    fprintf(out, "<p>%zu images drawn from ", n);
    report_name(out, report->best);
    fprintf(out,
            ", as <code>gmmsweep sample</code> draws them with seed %d. Black is %s, white is "
            "%s.</p>\n<figure>",
            SEED, html_real(levels.black, "", black), html_real(levels.white, "", white));
    TRY(report_image(&grid, grid.width < 900 ? 900 / grid.width : 1, "pixels",
                     "Images drawn from the best model, in a grid", out, err));
    fprintf(out, "</figure>\n");
done:
    free(values);
    free(points);
    sampler_destroy(&sampler);
    return rc;
}
