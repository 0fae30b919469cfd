/* Merged rows, and that fits of them are the fits of the rows as given. */
#include "rows_merge.h"

#include "fixture.h"

#include <string.h>

enum { N = 3000, D = 3, C = 4, K = 4 };

/* Rows of few whole numbers, their classes, and weights whose sums are exact. */
struct picture {
    double x[N * D], weight[N];
    int32_t label[N], own[N]; /* own: each row is a class of its own, so that none are merged */
};

static struct picture *draw_picture(uint64_t *rng)
{
    struct picture *picture = malloc(sizeof *picture);
    fixture_draw(rng, C, 6, N, D, picture->x, picture->label);
    for (size_t n = 0; n < N; n++) {
        for (size_t d = 0; d < D; d++) /* about five values for each class */
            picture->x[n * D + d] = floor(picture->x[n * D + d] / (double)(1 + d % 3));
        picture->weight[n] = (double)(1 + test_below(rng, 9)) / 4;
        picture->own[n] = (int32_t)n;
    }
    return picture;
}

static struct ref_data data_of(const struct picture *picture, bool weighted)
{
    return (struct ref_data){N, D, picture->x, weighted ? picture->weight : NULL};
}

/* What merging leaves, by comparing all pairs. */
struct merged {
    size_t n_rows, first[N], place[N];
    double weight[N];
};

static bool are_equal(const struct ref_data *data, const int32_t *label, size_t a, size_t b)
{
    return memcmp(data->x + a * D, data->x + b * D, D * sizeof *data->x) == 0 &&
           (label == NULL || label[a] == label[b]);
}

static struct merged *merge_naively(const struct ref_data *data, const int32_t *label)
{
    struct merged *merged = calloc(1, sizeof *merged);
    for (size_t n = 0; n < data->n_rows; n++) {
        size_t m = 0;
        while (m < merged->n_rows && !are_equal(data, label, merged->first[m], n))
            m++;
        if (m == merged->n_rows) merged->first[merged->n_rows++] = n;
        merged->place[n] = m;
        merged->weight[m] += (double)ref_weight(data, n);
    }
    return merged;
}

/* Whether row a of `rows` is row b of `others`, to the last bit. */
static bool is_row(const struct rows *rows, size_t a, const struct rows *others, size_t b)
{
    double y[D], z[D];
    rows_get(rows, a, y);
    rows_get(others, b, z);
    return memcmp(y, z, sizeof y) == 0;
}

static void check_filling(const struct rows *rows)
{
    double sum = 0;
    for (size_t n = rows->n_rows; n < rows->n_chunks * ROWS_CHUNK; n++) {
        double y[D];
        rows_get(rows, n, y);
        sum += fabs(y[0]) + fabs(y[1]) + fabs(y[2]) + rows->weight[n];
        sum += rows->label != NULL ? rows->label[n] : 0;
    }
    ck_assert(sum == 0);
}

/* Equal rows become one, in the order of their first ones, of the weight of all; those of another
 * class stay apart. What is said of the data is said of the rows as given. */
START_TEST(equal_rows_are_merged)
{
    const bool weighted = _i % 2 == 1, labelled = _i >= 2;
    uint64_t rng = test_seed();
    struct picture *picture = draw_picture(&rng);
    const struct ref_data data = data_of(picture, weighted);
    const int32_t *label = labelled ? picture->label : NULL;
    struct rows *rows = fixture_rows(&data, label, C);
    struct rows *apart = fixture_rows(&data, picture->own, N);
    struct merged *merged = merge_naively(&data, label);
    const size_t n_rows = merged->n_rows;
    ck_assert(apart->n_rows == N && apart->place == NULL);
    ck_assert(rows->n_rows == n_rows && rows->n_given == N && n_rows < N / 2);
    ck_assert(rows->n_chunks == (n_rows + ROWS_CHUNK - 1) / ROWS_CHUNK);
    ck_assert(rows->n_lanes == rows_n_lanes(n_rows) && rows->n_lanes < apart->n_lanes);
    ck_assert_mem_eq(rows->place, merged->place, sizeof merged->place);
    ck_assert_mem_eq(rows->weight, merged->weight, n_rows * sizeof *rows->weight);
    for (size_t m = 0; m < n_rows; m++)
        if (!is_row(rows, m, apart, merged->first[m]) ||
            (labelled && rows->label[m] != label[merged->first[m]]))
            ck_abort_msg("merged row %zu is not row %zu", m, merged->first[m]);
    check_filling(rows);
    ck_assert_uint_eq(rows->n_distinct, apart->n_distinct);
    ck_assert(rows->weighted == weighted && rows->total_weight == apart->total_weight);
    ck_assert_mem_eq(rows->centre, apart->centre, D * sizeof *rows->centre);
    ck_assert_mem_eq(rows->variance, apart->variance, D * sizeof *rows->variance);
    ck_all_close(D * D, rows->covariance, apart->covariance, 1e-13, 1e-15);
    free(merged);
    rows_destroy(&apart);
    rows_destroy(&rows);
    free(picture);
}
END_TEST

/* Rows are merged if that leaves three quarters of them, not if it leaves one more. */
START_TEST(few_equal_rows_stay)
{
    enum { MANY = 400 };
    double x[MANY];
    for (size_t n_left = MANY / 4; n_left <= MANY; n_left += n_left < MANY * 3 / 4 ? 20 : 1) {
        for (size_t n = 0; n < MANY; n++)
            x[n] = (double)(n % n_left);
        const struct ref_data data = {MANY, 1, x, NULL};
        struct rows *rows = fixture_rows(&data, NULL, 0);
        ck_assert_uint_eq(rows->n_distinct, n_left);
        ck_assert_uint_eq(rows->n_rows, n_left <= MANY * 3 / 4 ? n_left : MANY);
        ck_assert((rows->place == NULL) == (rows->n_rows == MANY) && rows->n_given == MANY);
        rows_destroy(&rows);
    }
}
END_TEST

/* A number picks the same value whether rows are merged or not: the rows as given are drawn from.
 */
START_TEST(picks_ignore_merging)
{
    uint64_t rng = test_seed();
    struct picture *picture = draw_picture(&rng);
    const struct ref_data data = data_of(picture, _i == 1);
    struct rows *rows = fixture_rows(&data, picture->label, C);
    struct rows *apart = fixture_rows(&data, picture->own, N);
    for (size_t i = 0; i < 20000; i++) {
        const double u = i == 0 ? 0 : i == 1 ? 1 - 0x1p-53 : test_uniform(&rng);
        const size_t n = rows_pick(apart, u), m = rows_pick(rows, u);
        if (!is_row(rows, m, apart, n) || rows->label[m] != picture->label[n])
            ck_abort_msg("%.17g picks row %zu, merged row %zu", u, n, m);
    }
    rows_destroy(&apart);
    rows_destroy(&rows);
    free(picture);
}
END_TEST

/* --- fits --- */

/* Rounding of sums over N rows, through the iterations of a fit. A floor of FLOOR keeps it from
 * being magnified by covariances that are all but singular, as those of whole numbers tend to be.
 */
static const double LOGLIK = 1e-12, MODEL = 1e-9, FLOOR = 1e-2;

static void check_same_fit(const struct em *em, const struct em *expected)
{
    const size_t n_components = em->settings.n_components;
    ck_assert_int_eq(em->outcome, expected->outcome);
    ck_assert_uint_eq(em->redraw, expected->redraw);
    ck_assert_uint_eq(em->n_entries, expected->n_entries);
    for (size_t t = 0; t < em->n_entries; t++)
        ck_close(em->trace[t].loglik, expected->trace[t].loglik, LOGLIK, 0);
    ck_all_close(n_components, em->count, expected->count, MODEL, 0);
    ck_all_close(n_components, em->model->weights, expected->model->weights, MODEL, 0);
    ck_all_close(n_components * D, em->model->means, expected->model->means, 0, MODEL);
    ck_all_close(em->model->n_covariances, em->model->covariances, expected->model->covariances, 0,
                 MODEL);
    ck_close(em->entropy, expected->entropy, MODEL, 0);
}

/* Confusion of a fit whose rows were classes of their own, summed by `label`. */
static void check_confusion(const struct em *em, const struct em *apart, const int32_t *label)
{
    double confusion[K * C] = {0};
    for (size_t k = 0; k < K; k++)
        for (size_t n = 0; n < N; n++)
            confusion[k * C + (size_t)label[n]] += apart->confusion[k * N + n];
    ck_assert_mem_eq(em->confusion, confusion, sizeof confusion);
}

/* Whatever the start that draws rows or numbers of its own, fits of merged rows go as those of the
 * rows as given, and score and hold out the same. */
START_TEST(fits_ignore_merging)
{
    static const enum init inits[] = {INIT_points,   INIT_kmeans,     INIT_kmeanspp,
                                      INIT_identity, INIT_parameters, INIT_small_em};
    uint64_t rng = test_seed();
    for (size_t i = 0; i < sizeof inits / sizeof *inits; i++) {
        struct picture *picture = draw_picture(&rng), *others = draw_picture(&rng);
        const struct ref_data data = data_of(picture, i % 2 == 1);
        const struct ref_data heldout = data_of(others, i % 3 == 1);
        struct rows *rows = fixture_rows(&data, picture->label, C);
        struct rows *apart = fixture_rows(&data, picture->own, N);
        struct rows *heldout_rows = fixture_heldout(&heldout, rows);
        ck_assert(rows->n_rows < N / 2 && heldout_rows->n_rows < N / 2 && apart->n_rows == N);
        struct fixture_fit fit = fixture_fit_settings((enum family_id)_i, K);
        fit.start.init = inits[i];
        fit.em.reg.floor = FLOOR;
        fit.em.n_trials = inits[i] == INIT_small_em ? 3 : 0;
        struct em *expected = fixture_fit(apart, &fit);
        fit.heldout = heldout_rows;
        struct em *em = fixture_fit(rows, &fit);
        check_same_fit(em, expected);
        check_confusion(em, expected, picture->label);
        struct ref_mixture *mixture = fixture_mixture(rows, em->model);
        const double mean = (double)(ref_loglik(&heldout, mixture) / ref_total_weight(&heldout));
        ck_close(em->heldout, mean, 1e-11, 0);
        ref_mixture_destroy(&mixture);
        em_destroy(&em);
        em_destroy(&expected);
        rows_destroy(&heldout_rows);
        rows_destroy(&apart);
        rows_destroy(&rows);
        free(others);
        free(picture);
    }
}
END_TEST

/* Rows that stand n times are one row of weight n, with labels to start from too. */
START_TEST(multiplicities_are_weights)
{
    uint64_t rng = test_seed();
    struct picture *picture = draw_picture(&rng);
    const struct ref_data data = data_of(picture, false);
    struct merged *merged = merge_naively(&data, picture->label);
    struct rows *rows = fixture_rows(&data, picture->label, C);
    for (size_t m = 0; m < merged->n_rows; m++) { /* first [m] is at or behind m */
        memmove(picture->x + m * D, picture->x + merged->first[m] * D, D * sizeof *picture->x);
        picture->label[m] = picture->label[merged->first[m]];
    }
    const struct ref_data once = {merged->n_rows, D, picture->x, merged->weight};
    struct rows *weighted = fixture_rows(&once, picture->label, C);
    ck_assert(weighted->place == NULL && rows->place != NULL);
    struct fixture_fit fit = fixture_fit_settings((enum family_id)_i, C);
    fit.start.init = INIT_labels;
    fit.em.may_redraw = false;
    fit.em.reg.floor = FLOOR;
    struct em *em = fixture_fit(rows, &fit), *expected = fixture_fit(weighted, &fit);
    check_same_fit(em, expected);
    ck_assert_mem_eq(em->confusion, expected->confusion, C * C * sizeof *em->confusion);
    em_destroy(&expected);
    em_destroy(&em);
    rows_destroy(&weighted);
    rows_destroy(&rows);
    free(merged);
    free(picture);
}
END_TEST

static Suite *rows_merge_suite(void)
{
    Suite *suite = suite_create("rows_merge");
    TCase *merge = tcase_create("rows_merge");
    tcase_add_loop_test(merge, equal_rows_are_merged, 0, 4);
    tcase_add_test(merge, few_equal_rows_stay);
    tcase_add_loop_test(merge, picks_ignore_merging, 0, 2);
    tcase_add_loop_test(merge, fits_ignore_merging, 0, N_FAMILIES);
    tcase_add_loop_test(merge, multiplicities_are_weights, 0, N_FAMILIES);
    suite_add_tcase(suite, merge);
    return suite;
}

CHECK_MAIN(rows_merge_suite)
