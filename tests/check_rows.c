#include "rows.h"

#include "fixture.h"

#include <float.h>
#include <string.h>

/* Row n of `rows` (release with free). */
static double *row_of(const struct rows *rows, size_t n)
{
    double *row = fixture_doubles(rows->n_features);
    rows_get(rows, n, row);
    return row;
}

/* Asserts that a stored row n is (x - centre) 2^-exponent, computed here in the same way. */
static void check_row(const struct rows *rows, size_t n, const double *x)
{
    double *row = row_of(rows, n), *expected = fixture_doubles(rows->n_features);
    for (size_t d = 0; d < rows->n_features; d++)
        expected[d] = ldexp(x[d] - rows->centre[d], -rows->exponent[d]);
    ck_all_close(rows->n_features, row, expected, 0, 0);
    free(expected);
    free(row);
}

/* Largest |y| of feature d. */
static double reach_of(const struct rows *rows, size_t d)
{
    double reach = 0;
    for (size_t n = 0; n < rows->n_rows; n++) {
        double *row = row_of(rows, n);
        reach = fmax(reach, fabs(row[d]));
        free(row);
    }
    return reach;
}

/* Rows are centred and scaled by powers of two, with nothing lost beyond the centring's rounding;
 * variances are those of the data; the filling is zero and weighs nothing. */
START_TEST(rows_are_centred_and_scaled)
{
    static const size_t shapes[][2] = {{1, 1}, {7, 3}, {256, 1}, {257, 5}, {1500, 17}, {300, 100}};
    uint64_t rng = test_seed();
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct fixture f = fixture_create(&rng, 3, 10, shapes[i][0], shapes[i][1]);
        const struct rows *rows = f.rows;
        ck_assert_uint_eq(rows->n_rows, f.data.n_rows);
        ck_assert_uint_eq(rows->n_features, f.data.n_features);
        ck_assert_uint_eq(rows->n_chunks, (f.data.n_rows + ROWS_CHUNK - 1) / ROWS_CHUNK);
        ck_assert(!rows->weighted && rows->total_weight == (double)f.data.n_rows);
        for (size_t n = 0; n < rows->n_rows; n++)
            check_row(rows, n, f.x + n * rows->n_features);
        for (size_t d = 0; d < rows->n_features; d++) {
            const double variance =
                (double)ldexpl(ref_variance(&f.data, d), -2 * rows->exponent[d]);
            /* sums of 1500 terms of magnitude 1 */
            ck_close(rows->variance[d], variance, 1e-13, 1e-15);
            ck_close(rows->centre[d], (double)ref_mean(&f.data, d), 1e-14, 1e-13);
            const double reach = reach_of(rows, d);
            ck_assert(rows->n_rows == 1 ? reach == 0 : reach >= 0.5 && reach < 1);
        }
        double filling = 0;
        for (size_t n = rows->n_rows; n < rows->n_chunks * ROWS_CHUNK; n++) {
            double *row = row_of(rows, n);
            for (size_t d = 0; d < rows->n_features; d++)
                filling += fabs(row[d]);
            filling += fabs(rows->weight[n]);
            free(row);
        }
        ck_assert(filling == 0);
        fixture_destroy(&f);
    }
}
END_TEST

/* Rows that use the data up, a few MiB at a time, are those that leave them; with rows without a
 * weight between them, and features in descending order of variance. */
START_TEST(rows_take_their_data)
{
    enum { N = 150000, D = 10 };
    uint64_t rng = test_seed();
    double *x, *weight = fixture_doubles(N);
    struct rows *kept = NULL, *taken = NULL;
    ck_ok(err_alloc(N * D, sizeof *x, "x", &x, &err));
    for (size_t i = 0; i < N * D; i++)
        x[i] = (double)(1 + i * 7 % D) * test_normal(&rng);
    for (size_t n = 0; n < N; n++)
        weight[n] = (double)test_below(&rng, 3);
    struct data data = {.n_rows = N, .n_features = D, .x = x, .weight = weight};
    ck_ok(rows_create(&data, &kept, &err));
    ck_ok(rows_take(&data, &taken, &err));
    ck_assert_ptr_null(data.x);
    ck_assert_uint_eq(kept->n_chunks, taken->n_chunks);
    ck_assert_mem_eq(kept->y, taken->y, kept->n_chunks * ROWS_CHUNK * D * sizeof *kept->y);
    ck_assert_mem_eq(kept->variance, taken->variance, D * sizeof *kept->variance);
    for (size_t i = 0; i < D; i++) /* feature d has the deviation 1 + 7 d mod 10 */
        ck_assert_uint_eq(taken->by_variance[i] * 7 % D, D - 1 - i);
    rows_destroy(&taken);
    rows_destroy(&kept);
    free(weight);
}
END_TEST

/* Values 1, 2, .. 9 times `size` plus offset, row by row. */
static struct rows *ladder(double size, double offset, double *x)
{
    for (size_t n = 0; n < 9; n++)
        x[n] = (double)(n + 1) * size + offset;
    const struct ref_data data = {9, 1, x, NULL};
    return fixture_rows(&data, NULL, 0);
}

/* The same rows from 1e-150 to 1e150 and with an offset of 1e8: what is stored is as good, and the
 * log-determinant of the scaling is known. */
START_TEST(rows_bear_scales_and_offsets)
{
    const double sizes[] = {1e-150, 1e-30, 1, 1e30, 1e150};
    double x[9];
    for (size_t i = 0; i < 5; i++) {
        struct rows *rows = ladder(sizes[i], 0, x);
        const double unit = ldexp(1, rows->exponent[0]);
        ck_close(rows->variance[0] * (unit / sizes[i]) * (unit / sizes[i]), 60.0 / 9, 1e-14, 0);
        ck_close(exp(rows->log_scale - log(sizes[i])), unit / sizes[i], 1e-12, 0);
        ck_close(rows->centre[0], 5 * sizes[i], 1e-15, 0);
        rows_destroy(&rows);
    }
    struct rows *rows = ladder(1, 1e8, x); /* all of these are whole numbers: exact */
    ck_assert(rows->centre[0] == 1e8 + 5);
    ck_close(ldexp(rows->variance[0], 2 * rows->exponent[0]), 60.0 / 9, 1e-15, 0);
    rows_destroy(&rows);
}
END_TEST

/* Features of very different units in one table: each is scaled by itself, and `unit` brings them
 * back to a common one. */
START_TEST(units_are_common)
{
    const double x[] = {1, 1e-150, 3e150, 2, 5e-150, -1e150, 4, 2e-150, 0};
    const struct ref_data data = {3, 3, x, NULL};
    struct rows *rows = fixture_rows(&data, NULL, 0);
    double log_scale = 0;
    for (size_t d = 0; d < 3; d++) {
        ck_assert(rows->variance[d] > 0.01 && rows->variance[d] <= 1);
        ck_assert(rows->unit[d] == ldexp(1, rows->exponent[d] - rows->exponent[2]));
        log_scale += rows->exponent[d] * log(2);
    }
    ck_close(rows->log_scale, log_scale, 1e-15, 1e-12); /* 500 ln 2 twice, of opposite sign */
    rows_destroy(&rows);
}
END_TEST

/* A constant feature is exactly zero about its value, and its floor is the others' mean variance
 * in the user's units, or 1 if there are no others. */
START_TEST(constant_features_borrow_a_floor)
{
    const double third = 1.0 / 3;
    const double x[] = {1, third, 10, 2, third, 40, 3, third, 70, 4, third, 10};
    const struct ref_data data = {4, 3, x, NULL};
    struct rows *rows = fixture_rows(&data, NULL, 0);
    ck_assert(rows->centre[1] == third && rows->variance[1] == 0);
    ck_assert(reach_of(rows, 1) == 0);
    const double mean = (double)(ref_variance(&data, 0) + ref_variance(&data, 2)) / 2;
    ck_close(ldexp(rows->floor_unit[1], 2 * rows->exponent[1]), mean, 1e-14, 0);
    ck_assert(rows->floor_unit[0] == rows->variance[0]);
    rows_destroy(&rows);

    const double equal[] = {5, -7, 5, -7, 5, -7};
    const struct ref_data constant = {3, 2, equal, NULL};
    rows = fixture_rows(&constant, NULL, 0);
    for (size_t d = 0; d < 2; d++) {
        ck_assert(rows->variance[d] == 0 && rows->centre[d] == equal[d]);
        ck_assert(ldexp(rows->floor_unit[d], 2 * rows->exponent[d]) == 1);
    }
    ck_assert_uint_eq(rows->n_distinct, 1);
    rows_destroy(&rows);
}
END_TEST

/* A constant whose multiples round: centring leaves no trace of it. */
START_TEST(constant_feature_of_many_rows)
{
    enum { N = 3000 };
    double *x = fixture_doubles(N), *weight = fixture_doubles(N);
    uint64_t rng = test_seed();
    for (size_t n = 0; n < N; n++) {
        x[n] = 0.1;
        weight[n] = 0.1 + test_uniform(&rng);
    }
    const struct ref_data data = {N, 1, x, weight};
    struct rows *rows = fixture_rows(&data, NULL, 0);
    ck_assert(rows->centre[0] == 0.1 && rows->variance[0] == 0);
    rows_destroy(&rows);
    free(weight);
    free(x);
}
END_TEST

/* Lanes hold each chunk once, in order, whole and even; their number is a function of N. */
START_TEST(lanes_cover_all_chunks)
{
    const size_t more[] = {65535, 65536, 65537, 261121, 262144, 262145, 1000003, 60000000};
    const size_t n_more = sizeof more / sizeof *more;
    for (size_t i = 1; i < 5000 + n_more; i++) {
        const size_t n_rows = i < 5000 ? i : more[i - 5000];
        const size_t n_lanes = rows_n_lanes(n_rows), wanted = (n_rows + 1023) / 1024;
        const struct rows rows = {.n_rows = n_rows,
                                  .n_chunks = (n_rows + ROWS_CHUNK - 1) / ROWS_CHUNK,
                                  .n_lanes = n_lanes};
        size_t next = 0, least = SIZE_MAX, most = 0, first, end;
        for (size_t lane = 0; lane < n_lanes; lane++, next = end) {
            rows_lane(&rows, lane, &first, &end);
            if (first != next || end <= first)
                ck_abort_msg("%zu rows: lane %zu is %zu to %zu", n_rows, lane, first, end);
            least = end - first < least ? end - first : least;
            most = end - first > most ? end - first : most;
        }
        if (n_lanes != (wanted < 256 ? wanted : 256) || next != rows.n_chunks || most > least + 1)
            ck_abort_msg("%zu rows: %zu lanes of %zu to %zu chunks", n_rows, n_lanes, least, most);
    }
}
END_TEST

/* Rows that differ in value, counted by comparing all pairs. */
static size_t count_distinct(const struct ref_data *data)
{
    size_t distinct = 0;
    for (size_t n = 0; n < data->n_rows; n++) {
        bool seen = false;
        for (size_t m = 0; m < n && !seen; m++) {
            seen = true;
            for (size_t d = 0; d < data->n_features; d++)
                seen &= data->x[m * data->n_features + d] == data->x[n * data->n_features + d];
        }
        distinct += !seen;
    }
    return distinct;
}

/* Distinct rows are counted as comparing all pairs counts them; -0 is 0. */
START_TEST(distinct_rows_are_counted)
{
    enum { N = 400, D = 3 };
    uint64_t rng = test_seed();
    for (size_t values = 1; values <= 12; values++) {
        double x[N * D];
        for (size_t i = 0; i < N * D; i++)
            x[i] = (double)test_below(&rng, values) * (test_below(&rng, 2) == 0 ? 1 : -1);
        const struct ref_data data = {N, D, x, NULL};
        struct rows *rows = fixture_rows(&data, NULL, 0);
        ck_assert_uint_eq(rows->n_distinct, count_distinct(&data));
        rows_destroy(&rows);
    }
}
END_TEST

/* Rows are equal if all their values are. */
START_TEST(equal_rows_are_equal)
{
    const double x[] = {1, 2, 1, 3, 1, 2, 2, 2, 0, 0}; /* too few of them to be merged */
    const struct ref_data data = {5, 2, x, NULL};
    struct rows *rows = fixture_rows(&data, NULL, 0);
    ck_assert(rows_equal(rows, 0, 2) && rows_equal(rows, 1, 1));
    ck_assert(!rows_equal(rows, 0, 1) && !rows_equal(rows, 0, 3));
    rows_destroy(&rows);
}
END_TEST

/* A row of weight 0 leaves no trace: the rows are those of the data without it. */
START_TEST(weightless_rows_are_absent)
{
    enum { N = 700, D = 4 };
    uint64_t rng = test_seed();
    double *x = fixture_doubles(N * D), *kept_x = fixture_doubles(N * D);
    double weight[N], kept_weight[N];
    int32_t label[N], kept_label[N];
    size_t kept = 0;
    fixture_draw(&rng, 3, 5, N, D, x, label);
    for (size_t n = 0; n < N; n++) {
        weight[n] = test_below(&rng, 3) == 0 ? 0 : 0.5 + test_uniform(&rng);
        if (weight[n] == 0) {
            x[n * D] = 1e6; /* would move centre and scale */
            continue;
        }
        memcpy(kept_x + kept * D, x + n * D, D * sizeof *x);
        kept_weight[kept] = weight[n];
        kept_label[kept++] = label[n];
    }
    const struct ref_data all = {N, D, x, weight}, some = {kept, D, kept_x, kept_weight};
    struct rows *a = fixture_rows(&all, label, 3), *b = fixture_rows(&some, kept_label, 3);
    ck_assert(a->weighted && a->n_rows == kept && a->n_lanes == b->n_lanes);
    ck_assert(a->total_weight == b->total_weight && a->n_distinct == b->n_distinct);
    const size_t padded = b->n_chunks * ROWS_CHUNK;
    ck_assert_mem_eq(a->y, b->y, padded * D * sizeof *b->y);
    ck_assert_mem_eq(a->weight, b->weight, padded * sizeof *b->weight);
    ck_assert_mem_eq(a->label, b->label, padded * sizeof *b->label);
    ck_assert_mem_eq(a->centre, b->centre, D * sizeof *b->centre);
    ck_assert_mem_eq(a->variance, b->variance, D * sizeof *b->variance);
    rows_destroy(&b);
    rows_destroy(&a);
    free(kept_x);
    free(x);
}
END_TEST

/* u picks the row on which u times the total weight falls: exactly, at each row's two ends. */
START_TEST(picks_follow_weights)
{
    enum { N = 300 };
    double x[N], weight[N], before = 0, total = 0;
    uint64_t rng = test_seed();
    for (size_t n = 0; n < N; n++) {
        x[n] = (double)n;
        weight[n] = (double)(1 + test_below(&rng, 9)) / 4; /* sums are exact */
        total += weight[n];
    }
    const struct ref_data data = {N, 1, x, weight}, plain = {N, 1, x, NULL};
    struct rows *rows = fixture_rows(&data, NULL, 0), *unweighted = fixture_rows(&plain, NULL, 0);
    for (size_t n = 0; n < N; before += weight[n++]) {
        const double middle = (before + weight[n] / 2) / total;
        const double start = (before + weight[n] * 1e-9) / total;
        const double end = (before + weight[n] * (1 - 1e-9)) / total;
        ck_assert_uint_eq(rows_pick(rows, middle), n);
        ck_assert_uint_eq(rows_pick(rows, start), n);
        ck_assert_uint_eq(rows_pick(rows, end), n);
        ck_assert_uint_eq(rows_pick(unweighted, ((double)n + 0.5) / N), n);
    }
    const double most = 1 - 0x1p-53; /* the largest number that rng_uniform gives */
    ck_assert_uint_eq(rows_pick(rows, 0), 0);
    ck_assert_uint_eq(rows_pick(rows, most), N - 1);
    ck_assert_uint_eq(rows_pick(unweighted, 0), 0);
    ck_assert_uint_eq(rows_pick(unweighted, most), N - 1);
    rows_destroy(&unweighted);
    rows_destroy(&rows);
}
END_TEST

/* Weights that do not sum exactly still pick a row, and that of the sum's side. */
START_TEST(picks_end_with_the_last_row)
{
    enum { N = 1000 };
    double x[N], weight[N];
    for (size_t n = 0; n < N; n++) {
        x[n] = (double)n;
        weight[n] = 0.1;
    }
    const struct ref_data data = {N, 1, x, weight};
    struct rows *rows = fixture_rows(&data, NULL, 0);
    ck_assert_uint_eq(rows_pick(rows, 1 - 0x1p-53), N - 1);
    rows_destroy(&rows);
}
END_TEST

static Suite *rows_suite(void)
{
    Suite *suite = suite_create("rows");
    TCase *rows = tcase_create("rows");
    tcase_add_test(rows, rows_are_centred_and_scaled);
    tcase_add_test(rows, rows_take_their_data);
    tcase_add_test(rows, rows_bear_scales_and_offsets);
    tcase_add_test(rows, units_are_common);
    tcase_add_test(rows, constant_features_borrow_a_floor);
    tcase_add_test(rows, constant_feature_of_many_rows);
    tcase_add_test(rows, lanes_cover_all_chunks);
    tcase_add_test(rows, distinct_rows_are_counted);
    tcase_add_test(rows, equal_rows_are_equal);
    tcase_add_test(rows, weightless_rows_are_absent);
    tcase_add_test(rows, picks_follow_weights);
    tcase_add_test(rows, picks_end_with_the_last_row);
    suite_add_tcase(suite, rows);
    return suite;
}

CHECK_MAIN(rows_suite)
