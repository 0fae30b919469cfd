#include "images.h"

#include <png.h>

enum { W = 5, H = 3, MOST_VALUES = W * H * 4 };

/* A picture of one kind: values [H, W, channels] from a formula, packed as PNG has them. */
struct kind {
    int type, depth;
    bool interlaced, trns;
};

static size_t n_channels(const struct kind *kind)
{
    switch (kind->type) {
    case PNG_COLOR_TYPE_GRAY_ALPHA:
        return 2;
    case PNG_COLOR_TYPE_RGB:
        return 3;
    case PNG_COLOR_TYPE_RGB_ALPHA:
        return 4;
    default:
        return 1;
    }
}

/* Value i of a picture, of any depth. */
static unsigned value_of(const struct kind *kind, size_t i)
{
    return (unsigned)(i * 40503 + i / 7) % (1u << kind->depth);
}

static const png_color colours[] = {{10, 20, 30}, {40, 50, 60}, {70, 80, 90}, {5, 5, 5}};

/* Entry i of the palette. */
static png_color colour_of(unsigned i)
{
    const png_color c = colours[i % 4];
    return (png_color){(png_byte)(c.red + i), c.green, (png_byte)(c.blue ^ i)};
}

static void append(png_struct *png, png_byte *bytes, size_t n)
{
    image_add(png_get_io_ptr(png), bytes, n);
}

static void flush(png_struct *png)
{
    (void)png;
}

static void set_transparency(png_struct *png, png_info *info, const struct kind *kind)
{
    png_byte alpha[] = {0, 100};
    png_color_16 colour = {.gray = 1, .red = 1, .green = 1, .blue = 1};
    png_set_tRNS(png, info, alpha, kind->type == PNG_COLOR_TYPE_PALETTE ? 2 : 0, &colour);
}

static void write_rows(png_struct *png, const struct kind *kind)
{
    const size_t n = n_channels(kind) * W, depth = (size_t)kind->depth;
    png_byte bytes[H][W * 8] = {{0}}, *rows[H];
    for (size_t i = 0; i < H; i++) {
        rows[i] = bytes[i];
        for (size_t j = 0; j < n; j++) {
            const unsigned value = value_of(kind, i * n + j);
            if (depth == 16) bytes[i][2 * j] = (png_byte)(value >> 8);
            if (depth == 16) bytes[i][2 * j + 1] = (png_byte)value;
            if (depth < 16)
                bytes[i][j * depth / 8] |= (png_byte)(value << (8 - depth - j * depth % 8));
        }
    }
    png_write_image(png, rows);
}

static struct image make(const struct kind *kind)
{
    struct image image = {.n = 0};
    png_struct *png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_info *info = png_create_info_struct(png);
    png_color palette[256];
    for (unsigned i = 0; i < 256; i++)
        palette[i] = colour_of(i);
    png_set_write_fn(png, &image, append, flush);
    png_set_IHDR(png, info, W, H, kind->depth, kind->type,
                 kind->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (kind->type == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette, 1 << kind->depth);
    if (kind->trns) set_transparency(png, info, kind);
    png_set_gAMA(png, info, 0.5);
    png_write_info(png, info);
    write_rows(png, kind);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return image;
}

/* What must be read of the kind's picture: [H, W, *channels]. */
static void expect(const struct kind *kind, unsigned *out, size_t *channels)
{
    const size_t given = n_channels(kind);
    const bool palette = kind->type == PNG_COLOR_TYPE_PALETTE;
    const unsigned white = kind->depth < 8 ? 255 / ((1u << kind->depth) - 1) : 1;
    *channels = palette ? 3 : given < 3 ? 1 : 3;
    for (size_t n = 0; n < H * W; n++)
        for (size_t c = 0; c < *channels; c++) {
            const unsigned value = value_of(kind, n * given + (palette ? 0 : c));
            const png_color colour = colour_of(value);
            const unsigned rgb[] = {colour.red, colour.green, colour.blue};
            out[n * *channels + c] = palette ? rgb[c] : value * white;
        }
}

static const struct {
    int type;
    int depths[6];
} all_kinds[] = {
    {PNG_COLOR_TYPE_GRAY, {1, 2, 4, 8, 16}}, {PNG_COLOR_TYPE_RGB, {8, 16}},
    {PNG_COLOR_TYPE_PALETTE, {1, 2, 4, 8}},  {PNG_COLOR_TYPE_GRAY_ALPHA, {8, 16}},
    {PNG_COLOR_TYPE_RGB_ALPHA, {8, 16}},
};

enum { N_TYPES = sizeof all_kinds / sizeof *all_kinds };

/* Every colour type and depth, interlaced or not, with transparency or without. */
START_TEST(kinds)
{
    unsigned expected[MOST_VALUES];
    size_t channels;
    for (size_t t = 0; t < N_TYPES; t++)
        for (size_t d = 0; all_kinds[t].depths[d] > 0; d++)
            for (int i = 0; i < 4; i++) {
                const bool has_alpha = all_kinds[t].type & PNG_COLOR_MASK_ALPHA;
                const struct kind kind = {all_kinds[t].type, all_kinds[t].depths[d], i % 2 == 1,
                                          i >= 2 && !has_alpha};
                const struct image image = make(&kind);
                expect(&kind, expected, &channels);
                image_reads(&image, H, W, channels, expected);
                image_notes(&image, has_alpha || kind.trns ? "its alpha channel" : NULL);
                struct source *src = image_open(&image);
                ck_assert_str_eq(src->dtype, kind.depth == 16 ? "uint16" : "uint8");
                ck_assert_str_eq(src->reader->name, "PNG");
                source_close(&src);
            }
}
END_TEST

static void add_chunk(struct image *image, const char *type, const void *bytes, size_t n)
{
    const size_t start = image->n + 4;
    image_number(image, n, 4, true);
    image_add(image, type, 4);
    image_add(image, bytes, n);
    image_number(image, crc32(0, image->v + start, (unsigned)(n + 4)), 4, true);
}

static struct image start(uint32_t width, uint32_t height, int depth, int type)
{
    struct image image = {.n = 0}, header = {.n = 0};
    image_add(&image, "\x89PNG\r\n\x1a\n", 8);
    image_number(&header, width, 4, true);
    image_number(&header, height, 4, true);
    image_number(&header, (unsigned)depth, 1, true);
    image_number(&header, (unsigned)type, 1, true);
    image_number(&header, 0, 3, true);
    add_chunk(&image, "IHDR", header.v, header.n);
    return image;
}

static void add_rows(struct image *image, const void *rows, size_t n)
{
    unsigned char packed[256];
    size_t n_packed = sizeof packed;
    ck_assert_int_eq(compress(packed, &n_packed, rows, n), Z_OK);
    add_chunk(image, "IDAT", packed, n_packed);
}

/* A picture of one row of three values. */
static struct image small(int depth, int type, const char *palette, const char *row, size_t n)
{
    struct image image = start(3, 1, depth, type);
    if (palette != NULL) add_chunk(&image, "PLTE", palette, strlen(palette));
    add_rows(&image, row, n);
    return image;
}

/* Structure that is wrong although every checksum is right. */
START_TEST(lies)
{
    struct image image = small(8, PNG_COLOR_TYPE_GRAY, NULL, "\0abc", 4);
    const struct image open = image;
    add_chunk(&image, "IEND", "", 0);
    image_reads(&image, 1, 3, 1, (const unsigned[]){'a', 'b', 'c'});
    image_refuses(&open, "bad PNG data before byte 57: truncated: the file ends in the middle");
    image_add(&image, "", 1);
    image_refuses(&image, "too long: its PNG data end after 69 bytes, file has 70");
    image = small(8, PNG_COLOR_TYPE_GRAY, NULL, "\0ab", 3);
    add_chunk(&image, "IEND", "", 0);
    image_refuses(&image, "Not enough image data");
    image = small(8, PNG_COLOR_TYPE_GRAY, NULL, "\0abcdefg", 8);
    add_chunk(&image, "IEND", "", 0);
    image_refuses(&image, "IDAT: Too much image data");
    image = small(8, PNG_COLOR_TYPE_GRAY, NULL, "\7abc", 4);
    add_chunk(&image, "IEND", "", 0);
    image_refuses(&image, "bad adaptive filter value");
    image = small(8, PNG_COLOR_TYPE_PALETTE, NULL, "\0\0\0\0", 4);
    add_chunk(&image, "IEND", "", 0);
    image_refuses(&image, "IDAT: Missing PLTE before IDAT");
    image = small(2, PNG_COLOR_TYPE_PALETTE, "abc", "\0\x18", 2);
    add_chunk(&image, "IEND", "", 0);
    image_refuses(&image, "row 0, column 1 of the picture has colour 1 of a palette of 1");
    image = start(0, 1, 8, PNG_COLOR_TYPE_GRAY);
    image_refuses(&image, "Invalid IHDR data (Image width is zero in IHDR)");
    image = start(3, 1, 3, PNG_COLOR_TYPE_GRAY);
    image_refuses(&image, "Invalid bit depth in IHDR");
    image = start(3, 1, 8, PNG_COLOR_TYPE_GRAY);
    add_chunk(&image, "IEND", "", 0);
    image_refuses(&image, "bad PNG data before byte");
}
END_TEST

/* Chunks that pixels do not need are never inflated: here a profile of 32 MiB in 33 KB. */
START_TEST(ancillary)
{
    const size_t n = 32 << 20;
    unsigned char *zeros = calloc(n, 1), packed[IMAGE_ROOM] = "name";
    size_t n_packed = sizeof packed - 6;
    ck_assert_int_eq(compress2(packed + 6, &n_packed, zeros, n, 9), Z_OK);
    struct image image = start(3, 1, 8, PNG_COLOR_TYPE_GRAY);
    add_chunk(&image, "iCCP", packed, n_packed + 6);
    add_rows(&image, "\0abc", 4);
    add_chunk(&image, "zTXt", packed, 6);
    add_chunk(&image, "IEND", "", 0);
    const clock_t before = clock();
    ck_assert_int_eq(image_try(image.v, image.n), OK);
    ck_assert_double_lt((double)(clock() - before) / CLOCKS_PER_SEC,
                        0.05 * atof(getenv("CK_DEFAULT_TIMEOUT")) / 60);
    free(zeros);
}
END_TEST

/* A header may claim any size: it is compared with what so few bytes can hold. */
START_TEST(bombs)
{
    static const uint32_t sizes[][2] = {
        {0x7fffffff, 0x7fffffff}, {65535, 65535}, {0x7fffffff, 1}, {1, 0x7fffffff}, {1000, 1000}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int depth = 1; depth <= 16; depth *= 2) {
            struct image image = start(sizes[i][0], sizes[i][1], depth, PNG_COLOR_TYPE_GRAY);
            add_rows(&image, "\0abc", 4);
            add_chunk(&image, "IEND", "", 0);
            if (i == 4 && depth < 2) continue; /* as much as 69 bytes can hold */
            image_refuses(&image, "pixels, more than can be in a file of 69 bytes");
        }
    struct image image = small(8, PNG_COLOR_TYPE_GRAY, NULL, "\0abc", 4);
    add_chunk(&image, "IEND", "", 0);
    image_refuses_within(&image, 68, ERR_CONFIG, "more than the 68 bytes allowed");
    image = start(2000, 1, 1, PNG_COLOR_TYPE_PALETTE);
    add_chunk(&image, "PLTE", "abcdef", 6);
    static const char row[251];
    add_rows(&image, row, sizeof row);
    add_chunk(&image, "IEND", "", 0);
    image_refuses_within(&image, 5999, ERR_CONFIG, "2000 x 1 pixels take 6000 bytes, more than");
}
END_TEST

static struct image sample(size_t i)
{
    const struct kind some[] = {
        {PNG_COLOR_TYPE_RGB, 8, false, false},
        {PNG_COLOR_TYPE_PALETTE, 4, true, true},
        {PNG_COLOR_TYPE_GRAY_ALPHA, 16, true, false},
    };
    return make(&some[i]);
}

START_TEST(truncation)
{
    const struct image image = sample((size_t)_i);
    image_truncate(&image);
}
END_TEST

/* A checksum covers all there is, so damage is always seen. */
START_TEST(mutation)
{
    const struct image image = sample((size_t)_i);
    ck_assert_uint_eq(image_damage(&image, 1000), 0);
}
END_TEST

/* Likewise where the checksums are made right again, so that the damage reaches the decoder. */
START_TEST(deep_mutation)
{
    const struct image image = sample((size_t)_i);
    uint64_t rng = test_seed();
    for (int i = 0; i < 3000; i++) {
        struct image bent = image;
        for (size_t hits = 1 + test_below(&rng, 3); hits > 0; hits--)
            bent.v[8 + test_below(&rng, bent.n - 8)] = (unsigned char)test_below(&rng, 256);
        for (size_t at = 8; at + 12 <= bent.n;) {
            const size_t n = (size_t)bent.v[at] << 24 | (size_t)bent.v[at + 1] << 16 |
                             (size_t)bent.v[at + 2] << 8 | bent.v[at + 3];
            if (n > bent.n - at - 12) break;
            struct image crc = {.n = 0};
            image_number(&crc, crc32(0, bent.v + at + 4, (unsigned)n + 4), 4, true);
            memcpy(bent.v + at + 8 + n, crc.v, 4);
            at += 12 + n;
        }
        image_try(bent.v, bent.n);
    }
}
END_TEST

static Suite *png_suite(void)
{
    Suite *suite = suite_create("png");
    TCase *format = tcase_create("format");
    tcase_add_checked_fixture(format, files_setup, files_teardown);
    tcase_add_test(format, kinds);
    suite_add_tcase(suite, format);
    TCase *hostile = tcase_create("hostile");
    tcase_add_checked_fixture(hostile, files_setup, files_teardown);
    tcase_add_test(hostile, lies);
    tcase_add_test(hostile, ancillary);
    tcase_add_test(hostile, bombs);
    tcase_add_loop_test(hostile, truncation, 0, 3);
    tcase_add_loop_test(hostile, mutation, 0, 3);
    tcase_add_loop_test(hostile, deep_mutation, 0, 3);
    suite_add_tcase(suite, hostile);
    return suite;
}

CHECK_MAIN(png_suite)
