#include "png_write.h"

#include "disk.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

/* What libpng has made so far, and how it failed. */
struct png_bytes {
    unsigned char *v; /* [n] of `room` */
    size_t n, room;
    struct err *err;
    png_struct *png;
    png_info *info;
};

static void give_up(png_struct *png, const char *why)
{
    struct png_bytes *bytes = png_get_error_ptr(png);

    err_set(bytes->err, ERR_INTERNAL, "PNG: %s", why);
    png_longjmp(png, 1);
}

static void ignore_warning(png_struct *png, const char *warning)
{
    (void)png;
    (void)warning;
}

static void append(png_struct *png, png_byte *more, size_t n)
{
    struct png_bytes *bytes = png_get_io_ptr(png);

    if (n > bytes->room - bytes->n) {
        const size_t room = 2 * (bytes->n + n);
        unsigned char *grown = realloc(bytes->v, room);
        if (grown == NULL) png_error(png, "out of memory");
        bytes->v = grown;
        bytes->room = room;
    }
    memcpy(bytes->v + bytes->n, more, n);
    bytes->n += n;
}

static void flush_nothing(png_struct *png)
{
    (void)png;
}

/* libpng leaves it from anywhere by a jump; all that it changes is behind `bytes`. */
static enum status write_pixels(struct png_bytes *bytes, const struct png_pixels *pixels)
{
    png_struct *png = bytes->png;
    const size_t stride = pixels->width * pixels->channels;

    if (setjmp(png_jmpbuf(png)) != 0) return ERR_INTERNAL;
    png_set_write_fn(png, bytes, append, flush_nothing);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_IHDR(png, bytes->info, (png_uint_32)pixels->width, (png_uint_32)pixels->height, 8,
                 pixels->channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, bytes->info);
    for (size_t i = 0; i < pixels->height; i++)
        png_write_row(png, pixels->values + i * stride);
    png_write_end(png, NULL);
    return OK;
}

enum status png_write_memory(const struct png_pixels *pixels, unsigned char **out, size_t *n,
                             struct err *err)
{
    enum status rc = OK;
    struct png_bytes bytes = {.err = err};

    *out = NULL;
    if (pixels->height > PNG_UINT_31_MAX || pixels->width > PNG_UINT_31_MAX / pixels->channels)
        FAIL(err, ERR_INTERNAL, "PNG: a picture cannot have %zu x %zu pixels", pixels->height,
             pixels->width);
    bytes.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &bytes, give_up, ignore_warning);
    if (bytes.png != NULL) bytes.info = png_create_info_struct(bytes.png);
    if (bytes.info == NULL)
        FAIL(err, ERR_INTERNAL, "out of memory, or libpng %s is not the one built with (%s)",
             png_get_libpng_ver(NULL), PNG_LIBPNG_VER_STRING);
    TRY(write_pixels(&bytes, pixels));
    *out = bytes.v;
    *n = bytes.n;
    bytes.v = NULL;
done:
    free(bytes.v);
    png_destroy_write_struct(&bytes.png, &bytes.info);
    return rc;
}

enum status png_write_file(const char *path, const struct png_pixels *pixels, struct err *err)
{
    enum status rc = OK;
    char temporary[DISK_PATH];
    unsigned char *bytes = NULL;
    FILE *file = NULL;
    size_t n = 0;

    TRY(png_write_memory(pixels, &bytes, &n, err));
    TRY(disk_temporary(path, temporary, err));
    TRY(disk_open(temporary, 0666, &file, err));
    fwrite(bytes, 1, n, file);
    TRY(disk_close(&file, temporary, err));
    TRY(disk_replace(temporary, path, err));
done:
    free(bytes);
    return rc;
}
