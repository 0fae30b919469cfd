/* images.h - what the tests of the readers of pictures share: opening, refusing, damaging. */
#ifndef GMMSWEEP_IMAGES_H
#define GMMSWEEP_IMAGES_H

#include "files.h"
#include "source.h"

#include <sys/resource.h>
#include <time.h>

enum {
    IMAGE_ROOM = 1 << 16, /* bytes that hold a small image file */
    IMAGE_LIMIT = 1 << 20 /* bytes that image_try allows */
};

struct image {
    unsigned char v[IMAGE_ROOM];
    size_t n;
};

static inline void image_add(struct image *image, const void *bytes, size_t n)
{
    ck_assert_uint_le(image->n + n, IMAGE_ROOM);
    if (n > 0) memcpy(image->v + image->n, bytes, n);
    image->n += n;
}

static inline void image_number(struct image *image, unsigned long value, int size, bool big_endian)
{
    for (int i = 0; i < size; i++) {
        const int shift = 8 * (big_endian ? size - 1 - i : i);
        const unsigned char byte = (unsigned char)(value >> shift);
        image_add(image, &byte, 1);
    }
}

/* How an open ends that must not succeed: its status, and what the message says. */
static inline void image_refuses_within(const struct image *image, size_t limit, enum status status,
                                        const char *part)
{
    struct err err = {0};
    struct source *src = (struct source *)&err;
    const char *path = file_write("refused", image->v, image->n);
    const enum status rc = source_open(path, limit, &src, &err);
    ck_assert_msg(rc == status, "%d instead of '%s': %s", rc, part, err.text);
    ck_assert_ptr_null(src);
    ck_assert_msg(strstr(err.text, part) != NULL, "'%s' lacks '%s'", err.text, part);
    ck_assert_msg(strstr(err.text, path) != NULL, "'%s' lacks the path", err.text);
}

static inline void image_refuses(const struct image *image, const char *part)
{
    image_refuses_within(image, SIZE_MAX, ERR_DATA, part);
}

static inline struct source *image_open(const struct image *image)
{
    struct err err = {0};
    struct source *src = NULL;
    const char *path = file_write("image", image->v, image->n);
    ck_assert_msg(source_open(path, SIZE_MAX, &src, &err) == OK, "%s", err.text);
    return src;
}

/* The image must be read as these rows, off by at most `off`. */
static inline void image_reads_near(const struct image *image, size_t height, size_t width,
                                    size_t channels, const unsigned *expected, unsigned off)
{
    double row[3];
    struct source *src = image_open(image);
    ck_assert_uint_eq(src->n_rows, height * width);
    ck_assert_uint_eq(src->n_cols, channels);
    ck_assert_uint_eq(src->picture_shape[0], height);
    ck_assert_uint_eq(src->picture_shape[1], width);
    ck_assert_uint_eq(src->image_shape[0], 0);
    ck_assert_uint_eq(src->bytes[src->n_bytes], 0);
    for (size_t n = 0; n < src->n_rows; n++) {
        source_row(src, n, row);
        for (size_t c = 0; c < channels; c++)
            ck_assert_msg(fabs(row[c] - expected[n * channels + c]) <= off,
                          "pixel %zu, channel %zu: %g, expected %u", n, c, row[c],
                          expected[n * channels + c]);
    }
    source_close(&src);
}

static inline void image_reads(const struct image *image, size_t height, size_t width,
                               size_t channels, const unsigned *expected)
{
    image_reads_near(image, height, width, channels, expected, 0);
}

/* Whether opening the image makes this note; NULL: none. */
static inline void image_notes(const struct image *image, const char *note)
{
    struct source *src = image_open(image);
    ck_assert_int_eq(src->note != NULL, note != NULL);
    if (note != NULL) ck_assert_str_eq(src->note, note);
    source_close(&src);
}

/* Opens bytes [n] and reads all of it if that succeeds. Any way to fail is allowed but ours, and
 * only within a second (sanitizers and valgrind are given more, in step with Check's own limit) and
 * without much memory (which a sanitizer keeps for itself). */
static inline enum status image_try(const void *bytes, size_t n)
{
    struct err err = {0};
    struct source *src = NULL;
    double row[3];
    struct rusage usage;
    const clock_t start = clock();
    remove(file_path("tried")); /* ext4 writes a file that is written over to disk at once */
    const enum status rc = source_open(file_write("tried", bytes, n), IMAGE_LIMIT, &src, &err);
    ck_assert_msg(rc == OK || rc == ERR_DATA || rc == ERR_CONFIG, "%s", err.text);
    ck_assert_int_eq(rc == OK, src != NULL);
    for (size_t i = 0; rc == OK && i < src->n_rows && src->n_cols <= 3; i++)
        source_row(src, i, row);
    source_close(&src);
    const double allowed = atof(getenv("CK_DEFAULT_TIMEOUT")) / 60;
    ck_assert_double_lt((double)(clock() - start) / CLOCKS_PER_SEC, allowed);
    getrusage(RUSAGE_SELF, &usage);
#ifndef __SANITIZE_ADDRESS__
    ck_assert_int_lt(usage.ru_maxrss, 128 << 10); /* KiB */
#endif
    return rc;
}

/* Every strict prefix is refused. */
static inline void image_truncate(const struct image *image)
{
    ck_assert_int_eq(image_try(image->v, image->n), OK);
    for (size_t n = 1; n < image->n; n++)
        ck_assert_msg(image_try(image->v, n) == ERR_DATA, "%zu bytes of %zu", n, image->n);
}

/* Tries every bit and `n_tries` random damages. How many of these
 * were read all the same. */
static inline size_t image_damage(const struct image *image, size_t n_tries)
{
    static const unsigned char tasty[] = {0, 1, 2, 4, 8, 0x10, 0x7f, 0x80, 0xff, 0xd8, 0xd9, 0xc4};
    struct image bent;
    uint64_t rng = test_seed();
    size_t n_read = 0;
    for (size_t i = 0; i < 8 * image->n; i++) {
        bent = *image;
        bent.v[i / 8] ^= (unsigned char)(1 << i % 8);
        n_read += image_try(bent.v, bent.n) == OK;
    }
    for (size_t i = 0; i < n_tries; i++) {
        bent = *image;
        for (size_t hits = 1 + test_below(&rng, 3); hits > 0; hits--)
            bent.v[test_below(&rng, bent.n)] = test_below(&rng, 2) == 0
                                                   ? tasty[test_below(&rng, sizeof tasty)]
                                                   : (unsigned char)test_below(&rng, 256);
        if (test_below(&rng, 8) == 0) bent.n = 1 + test_below(&rng, bent.n);
        const bool same = bent.n == image->n && memcmp(bent.v, image->v, bent.n) == 0;
        n_read += image_try(bent.v, bent.n) == OK && !same;
    }
    return n_read;
}

#endif
