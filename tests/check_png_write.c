/* Pictures written as PNG and read back by the reader of data. */
#include "png_write.h"

#include "images.h"

enum { H = 3, W = 5 };

/* The pixels of a seeded picture of n values. */
static void fill(unsigned char *values, size_t n)
{
    uint64_t rng = test_seed();
    for (size_t i = 0; i < n; i++)
        values[i] = (unsigned char)test_below(&rng, 256);
}

/* Asserts that the file is the picture. */
static void check_picture(const char *path, const struct png_pixels *pixels)
{
    struct err err = {OK, ""};
    struct source *src = NULL;
    double row[3];
    ck_assert_msg(source_open(path, SIZE_MAX, &src, &err) == OK, "%s", err.text);
    ck_assert_uint_eq(src->picture_shape[0], pixels->height);
    ck_assert_uint_eq(src->picture_shape[1], pixels->width);
    ck_assert_uint_eq(src->n_cols, pixels->channels);
    for (size_t i = 0; i < src->n_rows; i++) {
        source_row(src, i, row);
        for (size_t c = 0; c < src->n_cols; c++)
            ck_assert_double_eq(row[c], pixels->values[i * src->n_cols + c]);
    }
    source_close(&src);
}

/* Grey and RGB, to a file and to memory: the same bytes, and every pixel as it was. */
START_TEST(pixels_come_back)
{
    unsigned char values[H * W * 3], *bytes;
    fill(values, sizeof values);
    for (size_t channels = 1; channels <= 3; channels += 2) {
        const struct png_pixels pixels = {H, W, channels, values};
        struct err err = {OK, ""};
        const char *path = file_path("out.png");
        size_t n, n_file;
        ck_assert_msg(png_write_file(path, &pixels, &err) == OK, "%s", err.text);
        check_picture(path, &pixels);
        ck_assert_msg(png_write_memory(&pixels, &bytes, &n, &err) == OK, "%s", err.text);
        unsigned char *file = file_read(path, &n_file);
        ck_assert_uint_eq(n, n_file);
        ck_assert(memcmp(file, bytes, n) == 0);
        free(bytes);
        free(file);
    }
}
END_TEST

/* A picture that PNG cannot have and a place where no file can be are refused. */
START_TEST(refusals)
{
    unsigned char values[H * W * 3] = {0}, *bytes = values;
    struct err err = {OK, ""};
    const struct png_pixels large = {1, (size_t)1 << 32, 1, values};
    const struct png_pixels empty = {0, W, 1, values};
    const struct png_pixels fine = {H, W, 1, values};
    size_t n;
    ck_assert_int_eq(png_write_memory(&large, &bytes, &n, &err), ERR_INTERNAL);
    ck_assert_ptr_null(bytes);
    ck_assert_int_eq(png_write_memory(&empty, &bytes, &n, &err), ERR_INTERNAL);
    ck_assert_ptr_null(bytes);
    ck_assert_int_eq(png_write_file(file_path("none/out.png"), &fine, &err), ERR_OUTPUT);
    ck_assert_msg(strstr(err.text, "none/out.png") != NULL, "%s", err.text);
}
END_TEST

static Suite *png_suite(void)
{
    Suite *suite = suite_create("png_write");
    TCase *png = tcase_create("png_write");
    tcase_add_checked_fixture(png, files_setup, files_teardown);
    tcase_add_test(png, pixels_come_back);
    tcase_add_test(png, refusals);
    suite_add_tcase(suite, png);
    return suite;
}

CHECK_MAIN(png_suite)
