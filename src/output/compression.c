#include "compression.h"

#include "levels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FLOAT_BITS 32.0 /* of a channel, as the rate counts it */

static enum status check_picture(const struct model *model, const struct data *picture,
                                 struct err *err)
{
    if (picture->picture_shape[0] == 0)
        return err_set(err, ERR_DATA, "%s: %s is no picture, expected PNG, JPEG or BMP",
                       picture->path, picture->format);
    if (picture->n_features != model->n_features ||
        (picture->n_features != 1 && picture->n_features != 3))
        return err_set(err, ERR_DATA,
                       "%s: %zu of its channels are used, the model has %zu features; expected 1 "
                       "(grey) or 3 (red, green, blue) of both",
                       picture->path, picture->n_features, model->n_features);
    if (picture->n_rows != picture->picture_shape[0] * picture->picture_shape[1])
        return err_set(err, ERR_DATA, "%s: %zu of its %zu x %zu pixels are used, expected all",
                       picture->path, picture->n_rows, picture->picture_shape[0],
                       picture->picture_shape[1]);
    return OK;
}

/* The channel of the picture that feature d is: data.columns may have them in another order. */
static size_t channel_of(const struct data *picture, size_t d)
{
    return picture->n_features == 1 ? 0 : strtoul(picture->feature_names[d], NULL, 10) % 3;
}

/* levels [n, D] of values x [n, D], channels in the picture's order. */
static void to_levels(const struct data *picture, const struct levels *range, size_t n,
                      const double *x, unsigned char *levels)
{
    const size_t n_features = picture->n_features;
    for (size_t d = 0; d < n_features; d++) {
        const size_t channel = channel_of(picture, d);
        for (size_t i = 0; i < n; i++)
            levels[i * n_features + channel] = levels_of(range, x[i * n_features + d]);
    }
}

/* The mean squared difference of two pictures of n values. */
static double squared_error(size_t n, const unsigned char *one, const unsigned char *other)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += (double)((one[i] - other[i]) * (one[i] - other[i]));
    return sum / (double)n;
}

static double rate_of(double n_pixels, double n_channels, double n_components)
{
    return FLOAT_BITS * n_channels * n_pixels /
           (n_pixels * log2(n_components) + n_components * n_channels * FLOAT_BITS);
}

enum status compression_make(const struct model *model, const struct scorer_data *like,
                             const struct data *picture, double scale, int n_threads,
                             struct compression *out, struct err *err)
{
    enum status rc = OK;
    struct scorer *scorer = NULL;
    int64_t *label = NULL;
    unsigned char *mean = NULL, *values = NULL;
    const size_t n_pixels = picture->n_rows, n_channels = model->n_features;
    const struct levels range = {0.0, levels_peak(picture->dtype) / scale};
    *out = (struct compression){.rate = 0.0};
    TRY(check_picture(model, picture, err));
    TRY(scorer_create(like, model, &scorer, err));
    TRY_ALLOC(label, n_pixels, err);
    TRY(scorer_run(scorer, n_pixels, picture->x, n_threads, label, NULL, NULL, err));
    TRY_ALLOC(mean, model->n_components * n_channels, err);
    TRY_ALLOC(values, 2 * n_pixels * n_channels, err);
    unsigned char *compressed = values + n_pixels * n_channels;
    to_levels(picture, &range, n_pixels, picture->x, values);
    to_levels(picture, &range, model->n_components, model->means, mean);
    for (size_t n = 0; n < n_pixels; n++)
        memcpy(compressed + n * n_channels, mean + (size_t)label[n] * n_channels, n_channels);
    const size_t *shape = picture->picture_shape;
    out->original = (struct png_pixels){shape[0], shape[1], n_channels, values};
    out->compressed = (struct png_pixels){shape[0], shape[1], n_channels, compressed};
    out->rate = rate_of((double)n_pixels, (double)n_channels, (double)model->n_components);
    out->psnr =
        10.0 * log10(255.0 * 255.0 / squared_error(n_pixels * n_channels, values, compressed));
    out->values = values;
    values = NULL;
done:
    free(values);
    free(mean);
    free(label);
    scorer_destroy(&scorer);
    return rc;
}

void compression_free(struct compression *compression)
{
    free(compression->values);
    *compression = (struct compression){.rate = 0.0};
}
