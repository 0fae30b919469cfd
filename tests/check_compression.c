/* Pictures in the colours of a model's means: pixels, rate, PSNR; and values as levels. */
#include "compression.h"

#include "files.h"
#include "fixture.h"
#include "levels.h"

enum { H = 2, W = 3, CHANNELS = 3, PIXELS = H * W };

static char *names[] = {"0", "1", "2"};
static char *turned[] = {"2", "0", "1"};

/* Pixels near black and near a colour. */
static double pixels[PIXELS * CHANNELS] = {1, 0, 2, 200, 100, 50, 199, 104, 50,
                                           0, 0, 0, 3,   3,   3,  201, 96,  53};

static struct data picture(char **feature_names)
{
    return (struct data){.n_rows = PIXELS,
                         .n_features = CHANNELS,
                         .x = pixels,
                         .picture_shape = {H, W},
                         .feature_names = feature_names,
                         .path = (char *)"photo",
                         .format = "PNG",
                         .dtype = "uint8"};
}

/* k-means of two colours, one of which is beyond what a picture can have. */
static struct model *two_colours(void)
{
    struct model *model = NULL;
    const double means[] = {1.4, -0.6, 2.5, 200, 100, 255.6};
    ck_ok(model_create(FAMILY_none, 2, CHANNELS, &model, &err));
    memcpy(model->means, means, sizeof means);
    return model;
}

static const double centre[CHANNELS] = {100, 50, 25}, variance[CHANNELS] = {1e4, 1e4, 1e4};
static const struct scorer_data like = {CHANNELS, centre, variance, WHITEN_none};

/* Each pixel gets its mean, cut and rounded; rate and PSNR follow their formulas. */
START_TEST(pixels_become_means)
{
    static const unsigned char colours[2][CHANNELS] = {{1, 0, 3}, {200, 100, 255}};
    static const size_t of_pixel[PIXELS] = {0, 1, 1, 0, 0, 1};
    struct model *model = two_colours();
    const struct data photo = picture(names);
    struct compression got;
    double squares = 0.0;
    ck_ok(compression_make(model, &like, &photo, 1.0, 1, &got, &err));
    ck_assert(got.compressed.height == H && got.compressed.width == W);
    ck_assert_uint_eq(got.compressed.channels, CHANNELS);
    for (size_t n = 0; n < PIXELS; n++)
        for (size_t c = 0; c < CHANNELS; c++) {
            const size_t i = n * CHANNELS + c;
            ck_assert_uint_eq(got.compressed.values[i], colours[of_pixel[n]][c]);
            ck_assert_double_eq(got.original.values[i], pixels[i]);
            const double off = pixels[i] - colours[of_pixel[n]][c];
            squares += off * off;
        }
    /* 96 bits a pixel to 1 a pixel and 96 a mean. */
    ck_close(got.rate, 96.0 * PIXELS / (PIXELS + 2 * 96.0), 1e-14, 0);
    ck_close(got.psnr, 10 * log10(65025.0 * PIXELS * CHANNELS / squares), 1e-14, 0);
    compression_free(&got);
    compression_free(&got);
    model_destroy(&model);
}
END_TEST

/* Channels that the sweep has in another order are put back in that of the picture. */
START_TEST(channels_are_put_back)
{
    struct model *model = two_colours();
    const struct data photo = picture(turned);
    struct compression got;
    ck_ok(compression_make(model, &like, &photo, 1.0, 1, &got, &err));
    /* Features 0, 1, 2 are blue, red and green. */
    ck_assert_uint_eq(got.original.values[2], 1);
    ck_assert_uint_eq(got.original.values[0], 0);
    ck_assert_uint_eq(got.compressed.values[CHANNELS + 2], 200);
    ck_assert_uint_eq(got.compressed.values[CHANNELS + 0], 100);
    ck_assert_uint_eq(got.compressed.values[CHANNELS + 1], 255);
    compression_free(&got);
    model_destroy(&model);
}
END_TEST

/* What is no whole picture of the model's channels is refused, and nothing is left to free. */
START_TEST(refusals)
{
    struct model *model = two_colours();
    struct data bad[3] = {picture(names), picture(names), picture(names)};
    static const char *const says[] = {"no picture", "2 of its channels", "pixels are used"};
    bad[0].picture_shape[0] = bad[0].picture_shape[1] = 0;
    bad[1].n_features = 2;
    bad[2].n_rows = PIXELS - 1;
    for (size_t i = 0; i < 3; i++) {
        struct err failure = {OK, ""};
        struct compression got;
        ck_assert_int_eq(compression_make(model, &like, &bad[i], 1.0, 1, &got, &failure), ERR_DATA);
        ck_assert_msg(strstr(failure.text, says[i]) != NULL, "%s", failure.text);
        ck_assert_ptr_null(got.values);
    }
    model_destroy(&model);
}
END_TEST

/* Levels are rounded, cut, and may run backwards; no range and no number are black. */
START_TEST(levels)
{
    const struct levels plain = {0, 255}, unit = {0, 1}, backwards = {1, 0}, none = {3, 3};
    ck_assert_uint_eq(levels_of(&plain, 0.49), 0);
    ck_assert_uint_eq(levels_of(&plain, 0.51), 1);
    ck_assert_uint_eq(levels_of(&plain, -7), 0);
    ck_assert_uint_eq(levels_of(&plain, 1e300), 255);
    ck_assert_uint_eq(levels_of(&unit, 0.2), 51);
    ck_assert_uint_eq(levels_of(&backwards, 0.2), 204);
    ck_assert_uint_eq(levels_of(&none, 3), 0);
    ck_assert_uint_eq(levels_of(&plain, NAN), 0);
    ck_assert_double_eq(levels_peak("uint8"), 255);
    ck_assert_double_eq(levels_peak("uint16"), 65535);
    ck_assert_double_eq(levels_peak("float64"), 0);
}
END_TEST

static Suite *compression_suite(void)
{
    Suite *suite = suite_create("compression");
    TCase *compression = tcase_create("compression");
    tcase_add_test(compression, pixels_become_means);
    tcase_add_test(compression, channels_are_put_back);
    tcase_add_test(compression, refusals);
    tcase_add_test(compression, levels);
    suite_add_tcase(suite, compression);
    return suite;
}

CHECK_MAIN(compression_suite)
