#include "data.h"
#include "images.h"

enum { CORE = 12, INFO = 40, WITH_MASKS = 52, WITH_ALPHA = 56, V4 = 108, V5 = 124 };

/* A BMP and how it lies: what is 0 is made to fit. */
struct spec {
    uint32_t header;
    int32_t width, height;
    uint32_t bits, compression;
    const void *palette; /* as it stands in the file */
    size_t palette_n;
    uint32_t mask[4];
    size_t n_masks;
    const void *pixels;
    size_t n;
    uint32_t n_colours, planes, offset, promised;
};

static struct image make(const struct spec *spec)
{
    struct image image = {.n = 0};
    const bool core = spec->header == CORE;
    const size_t start = 14 + spec->header;
    const size_t masks_end = spec->n_masks > 0 ? 14 + INFO + 4 * spec->n_masks : 0;
    const size_t headers = masks_end > start ? masks_end : start;
    const size_t offset = headers + spec->palette_n;
    image_add(&image, "BM", 2);
    image_number(&image, spec->promised > 0 ? spec->promised : offset + spec->n, 4, false);
    image_number(&image, 0, 4, false);
    image_number(&image, spec->offset > 0 ? spec->offset : offset, 4, false);
    image_number(&image, spec->header, 4, false);
    image_number(&image, (uint32_t)spec->width, core ? 2 : 4, false);
    image_number(&image, (uint32_t)spec->height, core ? 2 : 4, false);
    image_number(&image, spec->planes > 0 ? spec->planes : 1, 2, false);
    image_number(&image, spec->bits, 2, false);
    if (!core) {
        image_number(&image, spec->compression, 4, false);
        for (int i = 0; i < 3; i++) /* size of the pixels, resolution */
            image_number(&image, 0, 4, false);
        image_number(&image, spec->n_colours, 4, false);
        image_number(&image, 0, 4, false);
    }
    for (size_t i = 0; i < spec->n_masks; i++)
        image_number(&image, spec->mask[i], 4, false);
    while (image.n < headers)
        image_number(&image, 0, 1, false);
    image_add(&image, spec->palette, spec->palette_n);
    image_add(&image, spec->pixels, spec->n);
    return image;
}

static void reads(const struct spec *spec, size_t channels, const unsigned *expected)
{
    const struct image image = make(spec);
    image_reads(&image, (size_t)abs(spec->height), (size_t)spec->width, channels, expected);
}

static void refuses(const struct spec *spec, const char *part)
{
    const struct image image = make(spec);
    image_refuses(&image, part);
}

/* Blue, green, red and 0, as a file has them. */
static const unsigned char colours[] = {30, 20, 10, 0, 60, 50, 40, 0, 90, 80, 70, 0};
static const unsigned char greys[] = {7, 7, 7, 0, 200, 200, 200, 0, 0, 0, 0, 0};

/* Rows from the bottom up, each filled up to four bytes. */
START_TEST(palettes)
{
    static const unsigned char one[] = {0x40, 0, 0, 0, 0xa0, 0, 0, 0};
    static const unsigned char four[] = {0x10, 0x20, 0, 0, 0x02, 0x10, 0, 0};
    static const unsigned char eight[] = {1, 0, 2, 0, 0, 2, 1, 0};
    static const unsigned coloured[] = {10, 20, 30, 70, 80, 90, 40, 50, 60,
                                        40, 50, 60, 10, 20, 30, 70, 80, 90};
    static const unsigned grey[] = {7, 0, 200, 200, 7, 0};
    static const unsigned bits[] = {200, 7, 200, 7, 200, 7};
    const struct spec cases[] = {
        {.bits = 4, .pixels = four, .n = 8},
        {.bits = 8, .pixels = eight, .n = 8},
    };
    for (size_t i = 0; i < 2; i++) {
        struct spec spec = cases[i];
        spec.width = 3;
        spec.height = 2;
        spec.n_colours = 3;
        static const uint32_t headers[] = {INFO, WITH_MASKS, WITH_ALPHA, V4, V5};
        for (size_t h = 0; h < 5; h++) {
            spec.header = headers[h];
            spec.palette_n = 12;
            spec.palette = colours;
            reads(&spec, 3, coloured);
            spec.palette = greys;
            reads(&spec, 1, grey);
        }
    }
    const struct spec black = {.header = INFO,
                               .width = 3,
                               .height = 2,
                               .bits = 1,
                               .palette = greys,
                               .palette_n = 8,
                               .pixels = one,
                               .n = 8};
    reads(&black, 1, bits);
    struct spec core = black;
    core.header = CORE;
    core.palette = "\7\7\7\310\310\310";
    core.palette_n = 6;
    reads(&core, 1, bits);
    core.palette = "\7\7\7\310\311\310";
    reads(
        &core, 3,
        (const unsigned[]){200, 201, 200, 7, 7, 7, 200, 201, 200, 7, 7, 7, 200, 201, 200, 7, 7, 7});
}
END_TEST

/* A pixel's bits by mask, brought to 0..255 and rounded down as Pillow does it. */
START_TEST(masks)
{
    static const unsigned char words[] = {0x21, 0x84, 0xff, 0xff, 0x1f, 0x7c, 0, 0};
    static const unsigned fives[] = {8, 8, 8, 255, 255, 255, 255, 0, 255};
    static const unsigned sixes[] = {131, 133, 8, 255, 255, 255, 123, 129, 255};
    struct spec spec = {
        .header = INFO, .width = 3, .height = 1, .bits = 16, .pixels = words, .n = 8};
    reads(&spec, 3, fives);
    const struct spec of_565 = {.header = INFO,
                                .width = 3,
                                .height = 1,
                                .bits = 16,
                                .compression = 3,
                                .n_masks = 3,
                                .mask = {0xf800, 0x07e0, 0x001f},
                                .pixels = words,
                                .n = 8};
    reads(&of_565, 3, sixes);

    static const unsigned char bytes[] = {1, 2, 3, 4, 251, 252, 253, 254};
    static const unsigned bgr[] = {3, 2, 1, 253, 252, 251}, rgb[] = {1, 2, 3, 251, 252, 253};
    spec =
        (struct spec){.header = INFO, .width = 2, .height = 1, .bits = 32, .pixels = bytes, .n = 8};
    reads(&spec, 3, bgr);
    struct image image = make(&spec);
    image_notes(&image, NULL); /* the fourth byte is padding */
    static const uint32_t headers[] = {INFO, WITH_MASKS, WITH_ALPHA, V4, V5};
    for (size_t i = 0; i < 5; i++) {
        spec = (struct spec){.header = headers[i],
                             .width = 2,
                             .height = 1,
                             .bits = 32,
                             .compression = 3,
                             .mask = {0xff, 0xff00, 0xff0000, 0xff000000},
                             .n_masks = headers[i] < WITH_ALPHA ? 3 : 4,
                             .pixels = bytes,
                             .n = 8};
        reads(&spec, 3, rgb);
        image = make(&spec);
        image_notes(&image, headers[i] < WITH_ALPHA ? NULL : "its alpha channel");
    }
    spec.header = INFO;
    spec.compression = 6;
    reads(&spec, 3, rgb);
    image = make(&spec);
    image_notes(&image, "its alpha channel");
    const struct spec tens = {.header = V4,
                              .width = 2,
                              .height = 1,
                              .bits = 32,
                              .compression = 3,
                              .n_masks = 3,
                              .mask = {0x3ff00000, 0x000ffc00, 0x000003ff},
                              .pixels = "\377\003\360\077\0\2\4\20",
                              .n = 8};
    reads(&tens, 3, (const unsigned[]){255, 0, 255, 63, 63, 127});
}
END_TEST

/* 24 bits, from the bottom up or, with a negative height, from the top down. */
START_TEST(directions)
{
    static const unsigned char bytes[] = {3, 2, 1, 0, 6, 5, 4, 0};
    static const unsigned up[] = {4, 5, 6, 1, 2, 3}, down[] = {1, 2, 3, 4, 5, 6};
    struct spec spec = {
        .header = INFO, .width = 1, .height = 2, .bits = 24, .pixels = bytes, .n = 8};
    reads(&spec, 3, up);
    spec.height = -2;
    reads(&spec, 3, down);
    spec.header = CORE;
    spec.height = 2;
    reads(&spec, 3, up);
    spec.palette = colours; /* a proposal for screens of few colours */
    spec.palette_n = 12;
    reads(&spec, 3, up);
}
END_TEST

/* Each field of the headers against the bytes that are there. */
START_TEST(lies)
{
    static const unsigned char bytes[16] = {0, 1, 2, 3};
    const struct spec good = {.header = INFO,
                              .width = 4,
                              .height = 1,
                              .bits = 8,
                              .n_colours = 3,
                              .palette = colours,
                              .palette_n = 12,
                              .pixels = bytes,
                              .n = 4};
    struct spec lie;
#define LIE(field, value, part)                                                                    \
    do {                                                                                           \
        lie = good;                                                                                \
        lie.field = value;                                                                         \
        refuses(&lie, part);                                                                       \
    } while (0)
    refuses(&good, "row 0, column 3 of the picture has colour 3 of a palette of 3");
    LIE(header, 64, "BMP header of 64 bytes, expected 12, 40");
    LIE(header, 0, "BMP header of 0 bytes");
    LIE(width, 0, "holds no pixels");
    LIE(height, 0, "holds no pixels");
    LIE(width, -4, "BMP of -4 x 1 pixels");
    LIE(height, INT32_MIN, "BMP of 4 x -2147483648 pixels");
    LIE(height, INT32_MAX, "truncated: 4 x 2147483647 pixels of 8 bits from byte 66 on");
    LIE(height, -INT32_MAX, "truncated: 4 x 2147483647 pixels");
    LIE(width, INT32_MAX, "truncated: 2147483647 x 1 pixels");
    LIE(width, 5, "truncated: 5 x 1 pixels of 8 bits from byte 66 on, file has 70");
    LIE(planes, 2, "BMP of 2 planes, expected 1");
    LIE(bits, 2, "BMP of 2 bits a pixel, expected 1, 4, 8, 16, 24 or 32");
    LIE(bits, 0, "BMP of 0 bits a pixel");
    LIE(compression, 1, "BMP with compression 1 (RLE8), expected an uncompressed");
    LIE(compression, 2, "compression 2 (RLE4)");
    LIE(compression, 4, "compression 4 (JPEG)");
    LIE(compression, 5, "compression 5 (PNG)");
    LIE(compression, 7, "compression 7 (unknown)");
    LIE(compression, 3, "BMP of 8 bits a pixel with masks, expected 16 or 32");
    LIE(n_colours, 257, "BMP with a palette of 257 colours, expected at most 256");
    LIE(n_colours, 0xffffffff, "BMP with a palette of 4294967295 colours");
    LIE(n_colours, 200, "truncated: headers and palette take 854 bytes, file has 70");
    LIE(n_colours, 4, "BMP whose pixels begin at byte 66 of headers of 70");
    LIE(offset, 54, "BMP whose pixels begin at byte 54 of headers of 66");
    LIE(offset, 67, "truncated: 4 x 1 pixels of 8 bits from byte 67 on");
    LIE(offset, 0xffffffff, "truncated: 4 x 1 pixels of 8 bits from byte 4294967295 on");
#undef LIE
    lie = good;
    lie.width = INT32_MAX;
    lie.height = INT32_MAX;
    refuses(&lie, "truncated: 2147483647 x 2147483647 pixels");
    lie = (struct spec){
        .header = CORE, .width = 65535, .height = 65535, .bits = 24, .pixels = bytes, .n = 16};
    refuses(&lie, "truncated: 65535 x 65535 pixels of 24 bits from byte 26 on, file has 42");
    lie = good;
    lie.width = 64;
    lie.bits = 1;
    lie.n_colours = 2;
    lie.n = 8;
    const struct image wide = make(&lie);
    image_refuses_within(&wide, 191, ERR_CONFIG, "64 x 1 pixels take 192 bytes, more than the 191");
}
END_TEST

/* Masks that leave open what a pixel is. */
START_TEST(bad_masks)
{
    static const unsigned char bytes[4] = {0};
    static const struct {
        uint32_t mask[4];
        const char *part;
    } cases[] = {
        {{0xff, 0xff00, 0xffff00, 0}, "BMP whose masks overlap"},
        {{0xff, 0xff00, 0xff0000, 0x00800000}, "BMP whose masks overlap"},
        {{0xff, 0xff00, 0x00a00000, 0}, "BMP with mask 0x00a00000, expected adjacent bits"},
        {{0, 0xff00, 0xff0000, 0}, "BMP with mask 0x00000000, expected"},
    };
    struct spec spec = {.header = V4,
                        .width = 1,
                        .height = 1,
                        .bits = 32,
                        .compression = 3,
                        .n_masks = 4,
                        .pixels = bytes,
                        .n = 4};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memcpy(spec.mask, cases[i].mask, sizeof spec.mask);
        refuses(&spec, cases[i].part);
    }
    spec.bits = 16;
    memcpy(spec.mask, (const uint32_t[]){0x1f, 0x3e0, 0x17c00, 0}, sizeof spec.mask);
    refuses(&spec, "BMP with mask 0x00017c00, expected adjacent bits of a pixel's 16");
}
END_TEST

/* What stands behind the pixels is skipped if the header has it in the file's size. */
START_TEST(tails)
{
    static const unsigned expected[] = {3, 2, 1};
    static const unsigned char bytes[16] = {1, 2, 3};
    struct spec spec = {.header = V5, .width = 1, .height = 1, .bits = 24, .pixels = bytes};
    const size_t offset = 14 + V5;
    for (spec.n = 4; spec.n <= 4 + 3; spec.n++) {
        spec.promised = (uint32_t)offset + 4;
        reads(&spec, 3, expected);
        spec.promised = 1;
        reads(&spec, 3, expected);
    }
    refuses(&spec, "too long: header promises 142 bytes, file has 146");
    spec.promised = (uint32_t)offset + 8;
    reads(&spec, 3, expected);
    spec.promised = 0xffffffff;
    reads(&spec, 3, expected);
}
END_TEST

/* As data: the picture's shape stays, whichever pixels are kept; blocks of them are no images. */
START_TEST(as_data)
{
    const struct spec spec = {.header = INFO,
                              .width = 2,
                              .height = 2,
                              .bits = 24,
                              .pixels = "\3\2\1\6\5\4\0\0\3\2\1\6\5\4\0",
                              .n = 16};
    const struct image image = make(&spec);
    struct config config = {.data_path = (char *)file_write("picture", image.v, image.n),
                            .data_limit = 3,
                            .data_pool = 1,
                            .data_scale = 1};
    struct err err = {0};
    struct data *data = NULL;
    ck_assert_msg(data_load(&config, SIZE_MAX, &data, &err) == OK, "%s", err.text);
    ck_assert_str_eq(data->format, "BMP");
    ck_assert_str_eq(data->dtype, "uint8");
    ck_assert_uint_eq(data->n_rows, 3);
    ck_assert_uint_eq(data->n_features, 3);
    ck_assert_uint_eq(data->picture_shape[0], 2);
    ck_assert_uint_eq(data->picture_shape[1], 2);
    ck_assert_uint_eq(data->image_shape[0], 0);
    ck_assert(data->x[3] == 4 && data->x[8] == 3);
    data_destroy(&data);
    config.data_pool = 2;
    ck_assert_int_eq(data_load(&config, SIZE_MAX, &data, &err), ERR_CONFIG);
    ck_assert_str_eq(err.text, "data.pool: 2, but the rows are pixels of a picture, not images");
}
END_TEST

/* Text that begins as a BMP is text. */
START_TEST(text)
{
    struct image csv = {.n = 0};
    image_add(&csv, "BMI,age\n22.5,40\n31.0,51\n", 24);
    struct source *src = image_open(&csv);
    ck_assert_str_eq(src->reader->name, "CSV");
    source_close(&src);
}
END_TEST

static const unsigned char noise[] = {0, 1, 2, 0, 2, 1, 0, 0, 1, 1, 2, 2, 0, 0, 0, 0};

static struct image sample(size_t i)
{
    const struct spec specs[] = {
        {.header = INFO,
         .width = 3,
         .height = 4,
         .bits = 8,
         .n_colours = 3,
         .palette = colours,
         .palette_n = 12,
         .pixels = noise,
         .n = 16},
        {.header = V4,
         .width = 2,
         .height = -2,
         .bits = 32,
         .compression = 3,
         .n_masks = 4,
         .mask = {0xff, 0xff00, 0xff0000, 0xff000000},
         .pixels = noise,
         .n = 16},
        {.header = CORE, .width = 2, .height = 2, .bits = 24, .pixels = noise, .n = 16},
    };
    return make(&specs[i]);
}

START_TEST(truncation)
{
    const struct image image = sample((size_t)_i);
    image_truncate(&image);
}
END_TEST

/* Most damage to so simple a format cannot be seen; none makes the reader fail otherwise. */
START_TEST(mutation)
{
    const struct image image = sample((size_t)_i);
    const size_t n_read = image_damage(&image, 2000);
    ck_assert_uint_gt(n_read, 0);
    ck_assert_uint_lt(n_read, 2000 + 8 * image.n);
}
END_TEST

static Suite *bmp_suite(void)
{
    Suite *suite = suite_create("bmp");
    TCase *format = tcase_create("format");
    tcase_add_checked_fixture(format, files_setup, files_teardown);
    tcase_add_test(format, palettes);
    tcase_add_test(format, masks);
    tcase_add_test(format, directions);
    tcase_add_test(format, tails);
    tcase_add_test(format, as_data);
    tcase_add_test(format, text);
    suite_add_tcase(suite, format);
    TCase *hostile = tcase_create("hostile");
    tcase_add_checked_fixture(hostile, files_setup, files_teardown);
    tcase_add_test(hostile, lies);
    tcase_add_test(hostile, bad_masks);
    tcase_add_loop_test(hostile, truncation, 0, 3);
    tcase_add_loop_test(hostile, mutation, 0, 3);
    suite_add_tcase(suite, hostile);
    return suite;
}

CHECK_MAIN(bmp_suite)
