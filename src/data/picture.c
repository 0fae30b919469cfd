#include "picture.h"

#include <stdint.h>
#include <stdlib.h>

enum status picture_too_large(const struct source *src, const struct picture *picture,
                              struct err *err)
{
    return err_set(err, ERR_DATA,
                   "%s: header promises %zu x %zu pixels, more than can be in a file of %zu bytes",
                   src->path, picture->width, picture->height, src->n_bytes);
}

static size_t n_pixels(const struct picture *picture)
{
    return picture->height * picture->width;
}

static size_t n_bytes(const struct picture *picture)
{
    return n_pixels(picture) * picture->channels * picture->value_bytes;
}

enum status picture_create(const struct source *src, struct picture *picture, size_t extra,
                           struct err *err)
{
    size_t n;

    if (picture->height == 0 || picture->width == 0)
        return err_set(err, ERR_DATA, "%s: holds no pixels: it is %zu wide and %zu high", src->path,
                       picture->width, picture->height);
    if (__builtin_mul_overflow(picture->height, picture->width, &n) ||
        __builtin_mul_overflow(n, picture->channels * picture->value_bytes, &n) ||
        __builtin_add_overflow(n, extra, &n) || n == SIZE_MAX)
        return picture_too_large(src, picture, err);
    if (n > src->limit)
        return err_set(err, ERR_CONFIG,
                       "%s: its %zu x %zu pixels take %zu bytes, more than the %zu allowed",
                       src->path, picture->width, picture->height, n, src->limit);
    picture->pixels = malloc(n_bytes(picture) + 1);
    if (picture->pixels == NULL)
        return err_set(err, ERR_INTERNAL, "%s: out of memory: %zu bytes", src->path,
                       n_bytes(picture) + 1);
    return OK;
}

/* At the end, so that a pixel is written only where the indices up to its own stood or before. */
unsigned char *picture_indices(const struct picture *picture)
{
    return picture->pixels + n_pixels(picture) * (picture->channels - 1);
}

enum status picture_look_up(const struct source *src, const struct picture *picture,
                            const struct palette *palette, struct err *err)
{
    const unsigned char *index = picture_indices(picture);
    unsigned char *pixel = picture->pixels;

    for (size_t n = 0; n < n_pixels(picture); n++, pixel += picture->channels) {
        size_t i = index[n];
        if (i >= palette->n_colours)
            return err_set(err, ERR_DATA,
                           "%s: row %zu, column %zu of the picture has colour %zu of a palette of "
                           "%zu",
                           src->path, n / picture->width, n % picture->width, i,
                           palette->n_colours);
        for (size_t c = 0; c < picture->channels; c++)
            pixel[c] = palette->colour[i][c];
    }
    return OK;
}

void picture_adopt(struct source *src, struct picture *picture)
{
    struct layout *layout = &src->layout;

    layout_set_type(layout, picture->value_bytes == 2 ? "u2" : "u1");
    layout->big_endian = true;
    layout->rank = 2;
    layout->shape[0] = n_pixels(picture);
    layout->shape[1] = picture->channels;
    layout_measure(layout, false);
    src->picture_shape[0] = picture->height;
    src->picture_shape[1] = picture->width;
    free(src->bytes);
    src->bytes = picture->pixels;
    src->n_bytes = layout->n_bytes;
    src->bytes[src->n_bytes] = '\0';
    picture->pixels = NULL;
}
