/* picture.h - what the readers of photographs share: from pixels to rows.
 *
 * Each pixel is a row, from the top left in reading order, and its channels are the columns: grey,
 * or red, green and blue. Values are those of the file, of 8 bits, or of 16 where it has so many;
 * colour profiles and gamma are ignored.
 */
#ifndef GMMSWEEP_PICTURE_H
#define GMMSWEEP_PICTURE_H

#include "source.h"

enum { PICTURE_COLOURS = 256 /* the most that a palette has */ };

#define PICTURE_ALPHA "its alpha channel" /* for source->note */

struct picture {
    size_t height, width;
    size_t channels;       /* 1: grey; 3: red, green, blue */
    size_t value_bytes;    /* 1, or 2 in big-endian order */
    unsigned char *pixels; /* [height, width, channels] values, or NULL */
};

struct palette {
    size_t n_colours;
    unsigned char colour[PICTURE_COLOURS][3]; /* [n_colours] red, green, blue */
};

/* ERR_DATA: what the header of `src` says cannot be in so few bytes. */
enum status picture_too_large(const struct source *src, const struct picture *picture,
                              struct err *err);

/* Allocates the pixels of `picture`, whose other fields are set, zeroed nowhere so that no memory
 * is touched before pixels come. The reader has made sure that the file can hold them; with
 * `extra` bytes that the reader wants besides, they must not take more than src->limit.
 * Returns OK (the pixels are the caller's until picture_adopt; release with free), ERR_DATA if
 * there is no pixel, ERR_CONFIG over the limit, ERR_INTERNAL without memory. */
enum status picture_create(const struct source *src, struct picture *picture, size_t extra,
                           struct err *err);

/* Where a reader puts the indices [height, width] of a picture that has a palette: within the
 * pixels, which must be of one byte a value. */
unsigned char *picture_indices(const struct picture *picture);

/* Turns the indices into the pixels; of one channel it is the palette's red.
 * Returns OK, or ERR_DATA with the place of an index that the palette lacks. */
enum status picture_look_up(const struct source *src, const struct picture *picture,
                            const struct palette *palette, struct err *err);

/* Puts the pixels in the place of the file's content and sets layout and picture_shape. */
void picture_adopt(struct source *src, struct picture *picture);

#endif
