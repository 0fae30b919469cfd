#include "resize.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* Of the weights: what 32 bits leave for fractions, beside 8 for the values and 2 that filters with
 * negative parts would need. */
enum { FRACTION_BITS = 32 - 8 - 2 };

/* Weights [count] of the values from `first` on, which fall to 0 at `reach` from `centre`; real
 * [count] is scratch. Pillow's order of arithmetic. */
static void set_weights(double centre, double reach, size_t first, size_t count, double *real,
                        int32_t *weight)
{
    const double shrink = 1.0 / reach;
    double sum = 0;

    for (size_t t = 0; t < count; t++) {
        double off = fabs(((double)(first + t) - centre + 0.5) * shrink);
        real[t] = off < 1.0 ? 1.0 - off : 0.0;
        sum += real[t];
    }
    for (size_t t = 0; t < count; t++)
        weight[t] = (int32_t)(0.5 + real[t] / sum * (1 << FRACTION_BITS));
}

static enum status axis_init(size_t n_in, size_t n_out, struct resize_axis *axis, struct err *err)
{
    enum status rc = OK;
    const double scale = (double)n_in / (double)n_out, reach = scale > 1.0 ? scale : 1.0;
    double *real = NULL;

    axis->n_out = n_out;
    axis->n_taps = 2 * (size_t)ceil(reach) + 1;
    if (axis->n_taps > n_in) axis->n_taps = n_in;
    TRY_ALLOC(real, axis->n_taps, err);
    TRY_ALLOC(axis->first, n_out, err);
    TRY_ALLOC(axis->count, n_out, err);
    TRY_ALLOC(axis->weight, n_out * axis->n_taps, err);
    for (size_t o = 0; o < n_out; o++) {
        double centre = ((double)o + 0.5) * scale;
        double low = centre - reach + 0.5;
        size_t first = low > 0 ? (size_t)low : 0, end = (size_t)(centre + reach + 0.5);
        if (end > n_in) end = n_in;
        axis->first[o] = first;
        axis->count[o] = end - first;
        set_weights(centre, reach, first, end - first, real, axis->weight + o * axis->n_taps);
    }
done:
    free(real);
    return rc;
}

static void axis_free(struct resize_axis *axis)
{
    free(axis->first);
    free(axis->count);
    free(axis->weight);
}

enum status resize_create(const size_t from[2], const size_t to[2], struct resize **out,
                          struct err *err)
{
    enum status rc = OK;
    struct resize *resize = NULL;

    TRY_ALLOC(resize, 1, err);
    for (int i = 0; i < 2; i++) {
        resize->from[i] = from[i];
        resize->to[i] = to[i];
        TRY(axis_init(from[i], to[i], &resize->axis[i], err));
    }
done:
    if (rc != OK) resize_destroy(&resize);
    *out = resize;
    return rc;
}

void resize_destroy(struct resize **resize)
{
    if (*resize == NULL) return;
    for (int i = 0; i < 2; i++)
        axis_free(&(*resize)->axis[i]);
    free(*resize);
    *resize = NULL;
}

/* The image as bytes, and the same with rows of the new width. */
size_t resize_scratch(const size_t from[2], const size_t to[2])
{
    size_t width, n;
    bool fits = !__builtin_add_overflow(from[1], to[1], &width) &&
                !__builtin_mul_overflow(from[0], width, &n);

    return fits ? n : SIZE_MAX;
}

/* One value after an axis: of `in`, values that stand `step` apart. */
static unsigned char weigh(const unsigned char *in, size_t step, const int32_t *weight,
                           size_t count)
{
    /* Rounding at most doubles a weight, so that 32 bits hold any sum. */
    int32_t sum = 1 << (FRACTION_BITS - 1);

    for (size_t t = 0; t < count; t++)
        sum += in[t * step] * weight[t];
    sum >>= FRACTION_BITS;
    return sum < 255 ? (unsigned char)sum : 255;
}

void resize_image(const struct resize *resize, const double *in, unsigned char *scratch,
                  double *out)
{
    const size_t height = resize->from[0], width = resize->from[1], new_width = resize->to[1];
    const struct resize_axis *down = &resize->axis[0], *across = &resize->axis[1];
    unsigned char *bytes = scratch, *narrow = scratch + height * width;

    for (size_t i = 0; i < height * width; i++)
        bytes[i] = (unsigned char)in[i];
    for (size_t h = 0; h < height; h++)
        for (size_t w = 0; w < new_width; w++)
            narrow[h * new_width + w] =
                weigh(bytes + h * width + across->first[w], 1, across->weight + w * across->n_taps,
                      across->count[w]);
    for (size_t h = 0; h < down->n_out; h++)
        for (size_t w = 0; w < new_width; w++)
            out[h * new_width + w] = weigh(narrow + down->first[h] * new_width + w, new_width,
                                           down->weight + h * down->n_taps, down->count[h]);
}
