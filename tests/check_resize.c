/* check_resize.c - images in another size against the formula of resize.h and cases by hand. That
 * the bits are Pillow's, tests/cli/row_steps.py sees. */
#include "resize.h"

#include "check_util.h"

#include <string.h>

static const size_t sides[][4] = {{28, 28, 16, 16}, {28, 28, 14, 14}, {28, 28, 27, 27},
                                  {5, 7, 16, 3},    {3, 4, 9, 11},    {1, 1, 5, 2},
                                  {40, 1, 1, 40},   {9, 9, 9, 9},     {9, 5, 9, 2},
                                  {6, 8, 3, 8},     {64, 200, 1, 1}};

enum { N_SIDES = sizeof sides / sizeof *sides, MOST = 64 * 200 };

/* out: the image from [side[0], side[1]] to [side[2], side[3]]. */
static void resized(const size_t side[4], const double *in, double *out)
{
    struct resize *resize = NULL;
    struct err err = {0};
    ck_assert_msg(resize_create(side, side + 2, &resize, &err) == OK, "%s", err.text);
    unsigned char *scratch = malloc(resize_scratch(side, side + 2));
    resize_image(resize, in, scratch, out);
    free(scratch);
    resize_destroy(&resize);
    ck_assert_ptr_null(resize);
    resize_destroy(&resize);
}

/* The weight of value i of n in value o of m, before they are made to add up to 1. */
static double triangle(size_t i, size_t n, size_t o, size_t m)
{
    const double s = (double)n / (double)m, c = ((double)o + 0.5) * s;
    return fmax(0, 1 - fabs((double)i + 0.5 - c) / fmax(s, 1));
}

/* Value (h, w) of the result by the formula in double arithmetic, nothing rounded. */
static double naive(const size_t side[4], const double *in, size_t h, size_t w)
{
    double sum = 0, total = 0;
    for (size_t i = 0; i < side[0]; i++)
        for (size_t j = 0; j < side[1]; j++) {
            const double weight =
                triangle(i, side[0], h, side[2]) * triangle(j, side[1], w, side[3]);
            sum += weight * in[i * side[1] + j];
            total += weight;
        }
    return sum / total;
}

/* Random images are where the formula has them: rounding twice may add up to 1, the weights'
 * last bits at most 2 x 200 taps x 255 x 2^-23. */
START_TEST(formula)
{
    static double in[MOST], out[MOST];
    uint64_t rng = test_seed();
    for (size_t k = 0; k < N_SIDES; k++) {
        const size_t *side = sides[k];
        for (size_t i = 0; i < side[0] * side[1]; i++)
            in[i] =
                (double)(test_below(&rng, 2) ? test_below(&rng, 256) : 255 * test_below(&rng, 2));
        resized(side, in, out);
        for (size_t h = 0; h < side[2]; h++)
            for (size_t w = 0; w < side[3]; w++)
                ck_close(out[h * side[3] + w], naive(side, in, h, w), 0, 1.013);
    }
}
END_TEST

/* An image of one value keeps it, and one that has its size already keeps all of them. */
START_TEST(kept)
{
    static double in[MOST], out[MOST];
    static const double values[] = {0, 1, 127, 254, 255};
    for (size_t k = 0; k < N_SIDES; k++)
        for (size_t v = 0; v < 5; v++) {
            const size_t *side = sides[k];
            for (size_t i = 0; i < side[0] * side[1]; i++)
                in[i] = values[v];
            resized(side, in, out);
            for (size_t i = 0; i < side[2] * side[3]; i++)
                ck_assert(out[i] == values[v]);
        }
    const size_t same[] = {16, 16, 16, 16};
    for (size_t i = 0; i < 256; i++)
        in[i] = (double)i;
    resized(same, in, out);
    ck_assert_mem_eq(in, out, 256 * sizeof *in);
}
END_TEST

/* Small ones by hand; the last two tell which axis comes first, and that it is rounded. */
START_TEST(by_hand)
{
    static const struct {
        size_t side[4];
        double in[8], out[8];
    } cases[] = {
        {{1, 2, 1, 1}, {0, 10}, {5}},
        {{1, 2, 1, 1}, {0, 1}, {1}},                /* halves go up */
        {{1, 3, 1, 2}, {0, 80, 160}, {30, 130}},    /* weights 5/8, 3/8 */
        {{3, 1, 1, 1}, {70, 0, 35}, {30}},          /* weights 2/7, 3/7, 2/7 */
        {{1, 2, 1, 4}, {0, 100}, {0, 25, 75, 100}}, /* weights 3/4, 1/4 */
        {{2, 1, 4, 1}, {100, 0}, {100, 75, 25, 0}},
        {{1, 1, 2, 3}, {9}, {9, 9, 9, 9, 9, 9}},
        {{2, 2, 1, 1}, {0, 1, 0, 0}, {1}},       /* 1/4, but 1/2 across is 1 */
        {{3, 2, 1, 1}, {0, 2, 0, 0, 0, 0}, {0}}, /* down first it would be 4/7, so 1, so 1 */
    };
    double out[8];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        resized(cases[i].side, cases[i].in, out);
        for (size_t o = 0; o < cases[i].side[2] * cases[i].side[3]; o++)
            ck_assert_msg(out[o] == cases[i].out[o], "case %zu: value %zu is %g, expected %g", i, o,
                          out[o], cases[i].out[o]);
    }
}
END_TEST

/* So many weights that their rounding adds up: sums stay within 32 bits and the result within 8. */
START_TEST(longest)
{
    enum { N = (1 << 22) + (1 << 21) };
    double *in = malloc(N * sizeof *in), out;
    const size_t side[] = {1, N, 1, 1};
    ck_assert_ptr_nonnull(in);
    for (size_t i = 0; i < N; i++)
        in[i] = 255;
    resized(side, in, &out);
    ck_assert(out == 255);
    for (size_t i = 0; i < N; i++)
        in[i] = 0;
    resized(side, in, &out);
    ck_assert(out == 0);
    free(in);
}
END_TEST

/* No size is so large that the bytes for it are miscounted. */
START_TEST(scratch)
{
    ck_assert_uint_eq(resize_scratch((size_t[]){3, 5}, (size_t[]){7, 2}), 3 * 5 + 3 * 2);
    ck_assert_uint_eq(resize_scratch((size_t[]){SIZE_MAX / 4, 3}, (size_t[]){1, 2}), SIZE_MAX);
    ck_assert_uint_eq(resize_scratch((size_t[]){1, SIZE_MAX}, (size_t[]){1, 1}), SIZE_MAX);
}
END_TEST

static Suite *resize_suite(void)
{
    Suite *suite = suite_create("resize");
    TCase *images = tcase_create("images");
    tcase_add_test(images, formula);
    tcase_add_test(images, kept);
    tcase_add_test(images, by_hand);
    tcase_add_test(images, longest);
    tcase_add_test(images, scratch);
    suite_add_tcase(suite, images);
    return suite;
}

CHECK_MAIN(resize_suite)
