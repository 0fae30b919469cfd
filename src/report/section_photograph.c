/* section_photograph.c - a picture beside itself in the colours of the models' means. */
#include "report_parts.h"

#include "compression.h"
#include "machine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PIXELS = 640 /* of a side, in the page; rates are those of all pixels */ };

bool report_has_photograph(const struct report *report)
{
    const struct data *data = report->data;
    return data != NULL && data->picture_shape[0] > 0 && report->best != NULL &&
           (data->n_features == 1 || data->n_features == 3) &&
           data->n_rows == data->picture_shape[0] * data->picture_shape[1] &&
           levels_peak(data->dtype) > 0.0;
}

/* --- which models --- */

/* The best fit of each K, of mixtures by BIC and of k-means: chosen [n_cells]; returns how many. */
static size_t choose(const struct report *report, const struct fit_row **chosen)
{
    size_t n = 0;
    for (size_t c = 0; c < report->n_cells; c++) {
        const struct fit_row *row = report_cell_best(report, &report->cells[c]);
        const bool is_kmeans = report->cells[c].series == N_FAMILIES;
        size_t same = 0; /* place of the fit of this K and kind, if there is one already */
        while (same < n && (chosen[same]->k != row->k ||
                            (report_series(chosen[same]) == N_FAMILIES) != is_kmeans))
            same++;
        if (row->flagged) continue;
        if (same == n)
            chosen[n++] = row;
        else if (row->bic < chosen[same]->bic)
            chosen[same] = row;
    }
    return n;
}

static int compare_chosen(const void *a, const void *b)
{
    const struct fit_row *p = *(const struct fit_row *const *)a;
    const struct fit_row *q = *(const struct fit_row *const *)b;
    if (p->k != q->k) return p->k < q->k ? -1 : 1;
    return strcmp(p->name, q->name);
}

/* --- pictures --- */

/* Writes the picture, every step-th pixel of it. */
static enum status write_picture(const struct png_pixels *picture, const char *alt, FILE *out,
                                 struct err *err)
{
    enum status rc = OK;
    unsigned char *values = NULL;
    const size_t larger = picture->height > picture->width ? picture->height : picture->width;
    const size_t step = (larger + MOST_PIXELS - 1) / MOST_PIXELS, channels = picture->channels;
    const size_t height = (picture->height + step - 1) / step;
    const size_t width = (picture->width + step - 1) / step;
    TRY_ALLOC(values, height * width * channels, err);
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            memcpy(values + (y * width + x) * channels,
                   picture->values + (y * picture->width + x) * step * channels, channels);
    const struct png_pixels small = {height, width, channels, values};
    TRY(report_image(&small, 1, "", alt, out, err));
done:
    free(values);
    return rc;
}

/* The colours of the means, as wide as their weights. */
static void write_palette(const struct model *model, double peak, FILE *out)
{
    const struct levels levels = {0.0, peak};
    const size_t n = model->n_features;
    fprintf(out, "<div class=\"palette\" aria-hidden=\"true\">");
    for (size_t k = 0; k < model->n_components; k++) {
        const double *mean = model->means + k * n;
        fprintf(out, "<span style=\"flex:%.4f;background:rgb(%d,%d,%d)\"></span>",
                model->weights[k], levels_of(&levels, mean[0]), levels_of(&levels, mean[n / 2]),
                levels_of(&levels, mean[n - 1]));
    }
    fprintf(out, "</div>");
}

/* One fit's picture, of those written the n-th, behind the original if it is the first; nothing of
 * a model that is not kept. */
static enum status write_compressed(const struct report *report, const struct fit_row *row,
                                    size_t *n_written, FILE *out, struct err *err)
{
    enum status rc = OK;
    struct err why = {OK, ""};
    struct report_model model = {.row = row};
    struct compression made = {.rate = 0.0};
    const struct scorer_data like = {report->about.n_features, report->about.mean,
                                     report->about.variance,
                                     (enum whiten)report->config->kmeans_whiten};
    const double scale = report->config->data_scale;
    char alt[64];
    TRY(report_read_model(report, row, &model, err));
    if (model.model == NULL) goto done;
    if (compression_make(model.model, &like, report->data, scale, machine_threads(0), &made,
                         &why) != OK) {
        fprintf(out, "<p class=\"soft\">");
        html_textf(out, "%s: %s", row->name, why.text);
        fprintf(out, "</p>\n");
        goto done;
    }
    if (*n_written == 0) {
        fprintf(out, "<figure><b>Original</b>");
        TRY(write_picture(&made.original, "The original", out, err));
        fprintf(out, "<figcaption>%zu \xC3\x97 %zu pixels</figcaption></figure>\n",
                made.original.height, made.original.width);
    }
    (*n_written)++;
    snprintf(alt, sizeof alt, "In %lld colours", (long long)row->k);
    fprintf(out, "<figure%s><b>%lld colours, %s</b>",
            row == report->best ? " class=\"winner\"" : "", (long long)row->k,
            report_series_describe(report_series(row)).label);
    TRY(write_picture(&made.compressed, alt, out, err));
    write_palette(model.model, levels_peak(report->data->dtype) / scale, out);
    fprintf(out, "<figcaption>rate %.1f : 1, PSNR %.2f dB<br>", made.rate, made.psnr);
    report_name(out, row);
    fprintf(out, "</figcaption></figure>\n");
done:
    compression_free(&made);
    report_model_free(&model);
    return rc;
}

enum status section_photograph(const struct report *report, FILE *out, struct err *err)
{
    enum status rc = OK;
    const struct fit_row **chosen = NULL;
    TRY_ALLOC(chosen, report->n_cells, err);
    const size_t n = choose(report, chosen);
    if (n > 0) qsort(chosen, n, sizeof *chosen, compare_chosen);
    const size_t shown = n < REPORT_PHOTOS ? n : REPORT_PHOTOS;
    fprintf(out,
            "<p>Each pixel has the mean of its component as its colour, in the best mixture of "
            "each K and in the best k-means clustering. The rate compares 32 bits a channel "
            "with the component's number, log\xE2\x82\x82 K bits, and the means, 32 bits a "
            "channel.");
    if (shown < n) fprintf(out, " %zu of %zu are shown.", shown, n);
    fprintf(out, "</p>\n<div class=\"photos\">\n");
    size_t n_written = 0;
    for (size_t i = 0; i < shown; i++)
        TRY(write_compressed(report, chosen[i * n / shown], &n_written, out, err));
    fprintf(out, "</div>\n");
    if (n_written < shown)
        fprintf(out,
                "<p class=\"soft\">%zu more are not shown: the file does not keep their models "
                "(output.keep), or they cannot be applied.</p>\n",
                shown - n_written);
done:
    free(chosen);
    return rc;
}
