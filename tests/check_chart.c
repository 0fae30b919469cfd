/* Charts: whatever the values, numbers that a browser can draw and ticks that people can read. */
#include "chart.h"

#include "check_util.h"

#include <math.h>
#include <string.h>

/* *made: the SVG of a chart with these axes; to be freed. */
static void draw(struct axis x, struct axis y, char **made)
{
    struct chart chart = {.x = x, .y = y};
    size_t n = 0;
    FILE *out = open_memstream(made, &n);
    ck_assert_ptr_nonnull(out);
    chart_begin(&chart, out, "id", "title", "description");
    chart_begin_clip(&chart);
    chart_marker(&chart, MARKER_star, chart.x.low, chart.y.low, 4.0, "s0", "a <title>");
    chart_end_clip(&chart);
    chart_end(&chart);
    fclose(out);
}

/* Fills texts with those of the chart's ticks at the left; returns how many. */
static size_t left_ticks(const char *svg, char texts[32][64])
{
    size_t n = 0;
    for (const char *at = strstr(svg, "text-anchor=\"end\">"); at != NULL;
         at = strstr(at, "text-anchor=\"end\">")) {
        at += strlen("text-anchor=\"end\">");
        ck_assert_uint_lt(n, 32);
        snprintf(texts[n++], 64, "%.*s", (int)strcspn(at, "<"), at);
    }
    return n;
}

static void check_axis(struct axis y)
{
    const struct axis x = {.label = "x", .low = 1.0, .high = 10.0, .whole = true};
    char texts[32][64], *svg = NULL;
    draw(x, y, &svg);
    const size_t n = left_ticks(svg, texts);
    ck_assert_msg(n >= 2, "%zu ticks from %.17g to %.17g", n, y.low, y.high);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            ck_assert_msg(strcmp(texts[i], texts[j]) != 0, "two ticks '%s' from %.17g to %.17g",
                          texts[i], y.low, y.high);
    ck_assert_ptr_null(strstr(svg, "nan"));
    ck_assert_ptr_null(strstr(svg, "inf"));
    ck_assert_ptr_nonnull(strstr(svg, "a &lt;title&gt;"));
    free(svg);
}

/* Any range has at least two ticks, and no two of one text. */
START_TEST(ticks_differ)
{
    uint64_t state = test_seed();
    for (int i = 0; i < 2000; i++) {
        const double size = pow(10.0, -9.0 + 20.0 * test_uniform(&state));
        const double middle = size * (test_uniform(&state) - 0.5) * 200.0;
        check_axis((struct axis){.label = "y", .low = middle - size, .high = middle + size});
    }
}
END_TEST

/* Ranges without a length, without a value, or of one sign of infinity are drawn all the same. */
START_TEST(odd_ranges)
{
    const double ranges[][2] = {{0, 0}, {5, 5}, {-3e9, -3e9}, {NAN, NAN}, {1e-300, 1e-300}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        check_axis((struct axis){.label = "y", .low = ranges[i][0], .high = ranges[i][1]});
    check_axis((struct axis){.label = "y", .low = 3, .high = 3, .whole = true});
    check_axis((struct axis){.label = "y", .low = 7, .high = 7, .log = true});
    check_axis((struct axis){.label = "y", .low = 1, .high = 1e6, .log = true});
}
END_TEST

/* The frame's ends are the axes' ends; what is far outside stays drawable. */
START_TEST(places)
{
    struct chart chart = {.x = {.low = 0, .high = 10}, .y = {.low = -1, .high = 1}};
    char *made = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&made, &n);
    chart.x.label = chart.y.label = "";
    chart_begin(&chart, out, "id", "", "");
    ck_close(chart_x(&chart, 0.0), chart.left, 1e-12, 0.0);
    ck_close(chart_x(&chart, 10.0), chart.right, 1e-12, 0.0);
    ck_close(chart_y(&chart, -1.0), chart.bottom, 1e-12, 0.0);
    ck_close(chart_y(&chart, 0.0), 0.5 * (chart.top + chart.bottom), 1e-12, 0.0);
    ck_assert(fabs(chart_y(&chart, 1e300)) < 1e5 && fabs(chart_x(&chart, -1e300)) < 1e5);
    fclose(out);
    free(made);
}
END_TEST

/* An axis grows with the values that are numbers. */
START_TEST(axis_grows)
{
    struct axis axis = {.low = NAN, .high = NAN};
    axis_include(&axis, NAN);
    axis_include(&axis, 2.0);
    axis_include(&axis, INFINITY);
    axis_include(&axis, -1.0);
    ck_assert(axis.low == -1.0 && axis.high == 2.0);
    axis_pad(&axis, 0.1);
    ck_close(axis.low, -1.3, 1e-12, 0.0);
    axis = (struct axis){.low = 1e6, .high = 1e6 + 1e-3};
    axis_loosen(&axis);
    ck_assert(axis.low < 1e6 - 1.0 && axis.high > 1e6 + 1.0);
}
END_TEST

static Suite *chart_suite(void)
{
    Suite *suite = suite_create("chart");
    TCase *chart = tcase_create("chart");
    tcase_add_test(chart, ticks_differ);
    tcase_add_test(chart, odd_ranges);
    tcase_add_test(chart, places);
    tcase_add_test(chart, axis_grows);
    suite_add_tcase(suite, chart);
    return suite;
}

CHECK_MAIN(chart_suite)
