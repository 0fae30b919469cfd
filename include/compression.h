/* compression.h - a picture of which each pixel has the mean of its component: vector quantisation
 * with the components as its colours. */
#ifndef GMMSWEEP_COMPRESSION_H
#define GMMSWEEP_COMPRESSION_H

#include "data.h"
#include "png_write.h"
#include "scorer.h"

struct compression {
    struct png_pixels original, compressed; /* of 8 bits, in `values` */
    double rate; /* bits of the pixels, 32 a channel, to those of the components' numbers, log2 K a
                    pixel, and of the means, 32 a channel */
    double psnr; /* peak signal-to-noise ratio of the compressed picture in dB; infinite if it is
                    the original */
    unsigned char *values;
};

/* Compresses `picture`, data whose rows are the pixels of a picture, by `model` in the user's units
 * (a mixture, where each pixel belongs to its likeliest component, or k-means, where to the
 * nearest). `like`: of the data that the model was fitted to; `scale`: what the picture's values
 * have been divided by (data.scale).
 * ERR_DATA for what is no whole picture of the model's channels, 1 or 3, and else as scorer.h;
 * ERR_INTERNAL without memory. *out is then empty; else release it with compression_free. */
enum status compression_make(const struct model *model, const struct scorer_data *like,
                             const struct data *picture, double scale, int n_threads,
                             struct compression *out, struct err *err);

/* Accepts an empty one, and empties. */
void compression_free(struct compression *compression);

#endif
