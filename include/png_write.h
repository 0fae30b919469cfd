/* png_write.h - pictures of 8 bits, grey or RGB, as PNG. Equal pixels make equal bytes. */
#ifndef GMMSWEEP_PNG_WRITE_H
#define GMMSWEEP_PNG_WRITE_H

#include "err.h"

struct png_pixels {
    size_t height, width;        /* each from 1 to 2^31 - 1, a row below 2^31 bytes */
    size_t channels;             /* 1: grey, 3: red, green, blue */
    const unsigned char *values; /* [height, width, channels] */
};

/* *bytes [*n]: the picture as a PNG file (release with free). ERR_INTERNAL without memory or for
 * sizes that PNG cannot have; *bytes is then NULL. */
enum status png_write_memory(const struct png_pixels *pixels, unsigned char **bytes, size_t *n,
                             struct err *err);

/* Writes it to `path`, whole or not at all. Also ERR_OUTPUT with path and cause, and then `path`
 * stands as it was. */
enum status png_write_file(const char *path, const struct png_pixels *pixels, struct err *err);

#endif
