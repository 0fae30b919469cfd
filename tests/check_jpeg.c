#include "images.h"

#include <jpeglib.h>

enum { W = 21, H = 13 };

/* How a picture is written; sampling: of the first component, 1 or more. */
struct kind {
    J_COLOR_SPACE space;
    int sampling;
    bool progressive, arithmetic;
};

static size_t n_channels(const struct kind *kind)
{
    return kind->space == JCS_GRAYSCALE ? 1 : kind->space == JCS_CMYK ? 4 : 3;
}

/* Channel c at row i, column j of a picture without edges, which JPEG hardly changes. */
static unsigned value_of(size_t i, size_t j, size_t c)
{
    return (unsigned)(20 + 4 * i + 4 * j + 40 * c);
}

static struct image write_with(const struct kind *kind, size_t height, size_t width,
                               const jpeg_scan_info *scans, int n_scans)
{
    struct image image = {.n = 0};
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL, row[W * 4];
    JSAMPROW rows[] = {row};
    unsigned long n = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, &n);
    jpeg.image_width = (JDIMENSION)width;
    jpeg.image_height = (JDIMENSION)height;
    jpeg.input_components = (int)n_channels(kind);
    jpeg.in_color_space = kind->space;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 100, TRUE);
    for (int c = 0; c < jpeg.num_components; c++)
        jpeg.comp_info[c].h_samp_factor = jpeg.comp_info[c].v_samp_factor =
            c == 0 ? kind->sampling : 1;
    if (kind->progressive) jpeg_simple_progression(&jpeg);
    jpeg.arith_code = kind->arithmetic;
    if (scans != NULL) jpeg.scan_info = scans;
    if (scans != NULL) jpeg.num_scans = n_scans;
    jpeg_start_compress(&jpeg, TRUE);
    for (size_t i = 0; i < height; i++) {
        for (size_t j = 0; j < width; j++)
            for (size_t c = 0; c < n_channels(kind); c++)
                row[j * n_channels(kind) + c] = (unsigned char)value_of(i, j, c);
        jpeg_write_scanlines(&jpeg, rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    image_add(&image, bytes, n);
    free(bytes);
    return image;
}

static struct image make(const struct kind *kind)
{
    return write_with(kind, H, W, NULL, 0);
}

/* Where the nth marker of this kind begins (0xff included). */
static size_t find_marker(const struct image *image, unsigned char marker, size_t nth)
{
    for (size_t i = 0; i + 1 < image->n; i++)
        if (image->v[i] == 0xff && image->v[i + 1] == marker && nth-- == 0) return i;
    ck_abort_msg("no marker %02x", marker);
    return 0;
}

static const struct kind grey = {JCS_GRAYSCALE, 1, false, false};
static const struct kind colour = {JCS_RGB, 2, false, false};
static const struct kind progressive = {JCS_RGB, 2, true, false};

/* Grey and colour, subsampled or not, in one scan or many: the picture, but for rounding. */
START_TEST(kinds)
{
    /* At quality 100 coefficients are rounded to integers; chroma is wide only where the picture
     * has edges, and the conversion to YCbCr and back rounds once more. Subsampled chroma of a
     * ramp is off at the borders alone, where the last pixel is repeated. */
    static const unsigned rounding = 3;
    unsigned expected[H * W * 3];
    for (int i = 0; i < 16; i++) {
        const struct kind kind = {i % 2 == 0 ? JCS_GRAYSCALE : JCS_RGB, i / 2 % 2 + 1,
                                  i / 4 % 2 == 1, i / 8 == 1};
        const size_t channels = n_channels(&kind);
        for (size_t n = 0; n < H * W; n++)
            for (size_t c = 0; c < channels; c++)
                expected[n * channels + c] = value_of(n / W, n % W, c);
        const struct image image = make(&kind);
        image_reads_near(&image, H, W, channels, expected, rounding);
        image_notes(&image, NULL);
        struct source *src = image_open(&image);
        ck_assert_str_eq(src->dtype, "uint8");
        ck_assert_str_eq(src->reader->name, "JPEG");
        source_close(&src);
    }
}
END_TEST

/* What follows the end is left alone: cameras put previews there. */
START_TEST(tail)
{
    struct image image = make(&grey);
    ck_assert_int_eq(image_try(image.v, image.n), OK);
    image_add(&image, "preview\0\0\0", 10);
    ck_assert_int_eq(image_try(image.v, image.n), OK);
}
END_TEST

/* Colours of print, and numbers of components that have no meaning. */
START_TEST(colours)
{
    const struct kind cmyk = {JCS_CMYK, 1, false, false};
    struct image image = make(&cmyk);
    image_refuses(&image, "a JPEG in CMYK, for print; expected grey or RGB");
}
END_TEST

/* Sets the size in the frame's header. */
static void set_size(struct image *image, unsigned char frame, unsigned height, unsigned width)
{
    unsigned char *at = image->v + find_marker(image, frame, 0) + 5;
    at[0] = (unsigned char)(height >> 8);
    at[1] = (unsigned char)height;
    at[2] = (unsigned char)(width >> 8);
    at[3] = (unsigned char)width;
}

START_TEST(lies)
{
    struct image image = make(&colour);
    set_size(&image, 0xc0, 65500, 65500);
    image_refuses(&image, "header promises 65500 x 65500 pixels, more than can be in a file of");
    set_size(&image, 0xc0, 65535, 65535);
    image_refuses(&image, "bad JPEG data: Maximum supported image dimension is 65500 pixels");
    set_size(&image, 0xc0, 0, W);
    image_refuses(&image, "bad JPEG data: Empty JPEG image");
    set_size(&image, 0xc0, H + 16, W);
    image_refuses(&image, "JPEG data");
    image = make(&progressive);
    set_size(&image, 0xc2, 65500, 65500);
    image_refuses(&image, "header promises 65500 x 65500 pixels");
    image = make(&colour);
    image_refuses_within(&image, image.n - 1, ERR_CONFIG, "bytes allowed");
    image.n -= 2;
    image_refuses(&image, "truncated: Premature end of JPEG file");
    memcpy(image.v + find_marker(&image, 0xda, 0) + 40, "\xff\xd9", 2);
    image_refuses(&image, "bad JPEG data: Corrupt JPEG data");
    image.n = find_marker(&image, 0xda, 0);
    image_add(&image, "\xff\xd9", 2);
    image_refuses(&image, "bad JPEG data: Invalid JPEG file structure: missing SOS marker");
}
END_TEST

/* A picture of one colour, as small as JPEG gets it, is read; of several scans, coefficients count
 * for the limit too. */
START_TEST(smallest)
{
    static const jpeg_scan_info scans[] = {{1, {0, 0, 0, 0}, 0, 0, 0, 0},
                                           {1, {0, 0, 0, 0}, 1, 63, 0, 0}};
    struct image image = write_with(&grey, H, W, scans, 2);
    /* of H x W: 819 bytes of pixels' coefficients, in 3 x 2 blocks, and the pixels */
    image_refuses_within(&image, 6 * 128 + H * W - 1, ERR_CONFIG, "pixels take 1041 bytes");
    const size_t from = find_marker(&image, 0xda, 1), scan = image.n - 2 - from;
    unsigned char *bytes = malloc(scan);
    memcpy(bytes, image.v + from, scan);
    for (int i = 2; i <= 100; i++) {
        image.n -= 2;
        image_add(&image, bytes, scan);
        image_add(&image, "\xff\xd9", 2);
        if (i == 99) ck_assert_int_eq(image_try(image.v, image.n), OK);
    }
    image_refuses(&image, "bad JPEG data: more than 100 scans");
    free(bytes);
}
END_TEST

static struct image sample(size_t i)
{
    const struct kind some[] = {grey, colour, progressive, {JCS_RGB, 1, false, true}};
    return make(&some[i]);
}

START_TEST(truncation)
{
    const struct image image = sample((size_t)_i);
    image_truncate(&image);
}
END_TEST

/* JPEG has no checksum, so most damage gives another picture; none makes the reader fail. */
START_TEST(mutation)
{
    const struct image image = sample((size_t)_i);
    const size_t n_read = image_damage(&image, 2000);
    ck_assert_uint_gt(n_read, 0);
    ck_assert_uint_lt(n_read, 2000 + 8 * image.n);
}
END_TEST

static Suite *jpeg_suite(void)
{
    Suite *suite = suite_create("jpeg");
    TCase *format = tcase_create("format");
    tcase_add_checked_fixture(format, files_setup, files_teardown);
    tcase_add_test(format, kinds);
    tcase_add_test(format, tail);
    tcase_add_test(format, colours);
    suite_add_tcase(suite, format);
    TCase *hostile = tcase_create("hostile");
    tcase_add_checked_fixture(hostile, files_setup, files_teardown);
    tcase_add_test(hostile, lies);
    tcase_add_test(hostile, smallest);
    tcase_add_loop_test(hostile, truncation, 0, 4);
    tcase_add_loop_test(hostile, mutation, 0, 4);
    suite_add_tcase(suite, hostile);
    return suite;
}

CHECK_MAIN(jpeg_suite)
