/* resize.h - images of 8 bits in another size, with the bits of Pillow's
 * Image.resize((width, height), Image.BILINEAR) on mode "L".
 *
 * First the rows become `width` wide, then the columns `height` high; after each the values are
 * rounded to whole numbers from 0 to 255. Along one axis of n values that becomes m, with
 * s = n / m, value o is the mean of the values i around c = (o + 1/2) s weighted by the triangle
 * max(0, 1 - |i + 1/2 - c| / max(s, 1)), which grows with s so that no value is passed over
 * (antialiasing). The weights add up to 1 and are then rounded to multiples of 2^-22; sums of them
 * are exact. Defined by Pillow, src/libImaging/Resample.c. */
#ifndef GMMSWEEP_RESIZE_H
#define GMMSWEEP_RESIZE_H

#include "err.h"

#include <stdint.h>

/* The weights along one axis. */
struct resize_axis {
    size_t n_out;
    size_t n_taps;   /* most values that one of the results needs */
    size_t *first;   /* [n_out] the first value that it needs */
    size_t *count;   /* [n_out] how many from there on */
    int32_t *weight; /* [n_out, n_taps] of these, in units of 2^-22 */
};

struct resize {
    size_t from[2], to[2];      /* height, width */
    struct resize_axis axis[2]; /* of the columns, of the rows */
};

/* Weights from images of from[0] x from[1] to to[0] x to[1], all at least 1. Returns OK and *out
 * (release with resize_destroy), or ERR_INTERNAL without memory; *out is then NULL. */
enum status resize_create(const size_t from[2], const size_t to[2], struct resize **out,
                          struct err *err);

/* Bytes of scratch that resize_image needs; SIZE_MAX if no machine has them. */
size_t resize_scratch(const size_t from[2], const size_t to[2]);

/* out [to[0], to[1]]: the image `in` [from[0], from[1]] of whole numbers from 0 to 255. `scratch`
 * [resize_scratch] is the caller's; so threads may share `resize`. */
void resize_image(const struct resize *resize, const double *in, unsigned char *scratch,
                  double *out);

void resize_destroy(struct resize **resize);

#endif
