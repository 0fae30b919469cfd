/* check_staged.c - distances that end early: what is kept is complete, what is dropped is nothing.
 */
#include "staged.h"

#include "fixture.h"
#include "kernels.h"
#include "ref.h"

#include <float.h>
#include <string.h>

enum { LEAST = -45 };

static const size_t shapes[][2] = {{2, 32}, {5, 33}, {5, 64}, {12, 49}, {30, 100}, {3, 196}};

/* Components as far from each other as `apart` deviations, and rows that belong to them. */
struct set {
    size_t n_components, n_features;
    double *y, *means, *factors, *order, *constant, *weight;
};

static struct set draw(uint64_t *rng, size_t n_components, size_t n_features, double apart)
{
    const size_t n = n_features;
    struct set set = {n_components,
                      n,
                      fixture_doubles(n * ROWS_CHUNK),
                      fixture_doubles(n_components * n),
                      fixture_doubles(n_components * n * n),
                      fixture_doubles(n_components * n),
                      fixture_doubles(n_components),
                      fixture_doubles(ROWS_CHUNK)};
    for (size_t k = 0; k < n_components; k++) {
        set.constant[k] = test_normal(rng);
        for (size_t d = 0; d < n; d++) {
            set.means[k * n + d] = apart / sqrt((double)n) * test_normal(rng);
            set.order[k * n + d] = (double)((d * 7 + k) % n); /* 7 divides no n here but 49 */
            if (n % 7 == 0) set.order[k * n + d] = (double)((d * 5 + k) % n);
            for (size_t j = 0; j <= d; j++)
                set.factors[(k * n + d) * n + j] =
                    d == j ? 0.5 + test_uniform(rng) : 0.3 / sqrt((double)n) * test_normal(rng);
        }
    }
    for (size_t r = 0; r < ROWS_CHUNK; r++) {
        const size_t k = test_below(rng, n_components);
        set.weight[r] = 1;
        for (size_t d = 0; d < n; d++)
            set.y[(r / ROWS_BLOCK * n + d) * ROWS_BLOCK + r % ROWS_BLOCK] =
                set.means[k * n + d] + test_normal(rng);
    }
    return set;
}

static void set_free(struct set *set)
{
    free(set->weight);
    free(set->constant);
    free(set->order);
    free(set->factors);
    free(set->means);
    free(set->y);
}

/* The formula, on rows and means whose features stand in the component's order. */
static void plain(const struct set *set, size_t k, double *distance)
{
    const size_t n = set->n_features;
    double *y = fixture_doubles(n * ROWS_CHUNK), *mean = fixture_doubles(n);
    for (size_t d = 0; d < n; d++) {
        const size_t from = (size_t)set->order[k * n + d];
        mean[d] = set->means[k * n + from];
        for (size_t b = 0; b < ROWS_CHUNK_BLOCKS; b++)
            memcpy(y + (b * n + d) * ROWS_BLOCK, set->y + (b * n + from) * ROWS_BLOCK,
                   ROWS_BLOCK * sizeof *y);
    }
    ref_mahalanobis(n, y, mean, set->factors + k * n * n, distance);
    free(mean);
    free(y);
}

/* A distance is the formula's, or, where it is HUGE_VAL, so large that the responsibility is 0. The
 * winner is the row's best, and without a bound nothing is dropped. */
START_TEST(equals_twin)
{
    uint64_t rng = test_seed() + (uint64_t)_i;
    const size_t K = shapes[_i][0], D = shapes[_i][1];
    const double far[] = {1, 10, 100};
    size_t n_dropped = 0;
    for (size_t f = 0; f < 3; f++) {
        struct set set = draw(&rng, K, D, far[f]);
        double *out = fixture_doubles(K * ROWS_CHUNK), *expected = fixture_doubles(K * ROWS_CHUNK);
        double *all = fixture_doubles(K * ROWS_CHUNK), *work = fixture_doubles(staged_work(D));
        int32_t winner[ROWS_CHUNK] = {0};
        const struct bound bound = {set.constant, LEAST, winner};
        staged_distance(K, D, set.y, set.means, set.factors, set.order, &bound, out, work);
        for (size_t k = 0; k < K; k++) {
            plain(&set, k, expected + k * ROWS_CHUNK);
            staged_complete(D, set.y, set.means + k * D, set.factors + k * D * D, set.order + k * D,
                            all + k * ROWS_CHUNK, work);
        }
        /* D products of up to D terms, rounded D times, then squared; see check_kernels.c */
        const double rounding = 8 * (double)D * DBL_EPSILON;
        ck_all_close(K * ROWS_CHUNK, all, expected, rounding, rounding * (double)D);
        for (size_t n = 0; n < ROWS_CHUNK; n++) {
            size_t best = 0;
            for (size_t k = 1; k < K; k++)
                if (set.constant[k] - 0.5 * expected[k * ROWS_CHUNK + n] >
                    set.constant[best] - 0.5 * expected[best * ROWS_CHUNK + n])
                    best = k;
            ck_assert_uint_eq((size_t)winner[n], best);
            const double top = set.constant[best] - 0.5 * expected[best * ROWS_CHUNK + n];
            for (size_t k = 0; k < K; k++) {
                const size_t i = k * ROWS_CHUNK + n;
                if (out[i] != HUGE_VAL) {
                    ck_assert(out[i] == all[i]);
                    continue;
                }
                n_dropped++;
                ck_assert_double_lt(set.constant[k] - 0.5 * expected[i], top + LEAST);
            }
        }
        free(work);
        free(all);
        free(expected);
        free(out);
        set_free(&set);
    }
    ck_assert_uint_gt(n_dropped, 0);
}
END_TEST

/* Responsibilities and likelihood have the same bits whatever the guesses of the winners are. */
START_TEST(guesses_change_nothing)
{
    uint64_t rng = test_seed() + (uint64_t)_i;
    const size_t K = shapes[_i][0], D = shapes[_i][1];
    struct set set = draw(&rng, K, D, 10);
    double *first = fixture_doubles(K * ROWS_CHUNK), *out = fixture_doubles(K * ROWS_CHUNK);
    double *work = fixture_doubles(staged_work(D)), *scratch = fixture_doubles(2 * ROWS_CHUNK);
    double loglik = 0;
    for (int round = 0; round < 6; round++) {
        int32_t winner[ROWS_CHUNK];
        const struct bound bound = {set.constant, LEAST, winner};
        for (size_t n = 0; n < ROWS_CHUNK; n++)
            winner[n] = round == 0 ? 0 : (int32_t)test_below(&rng, K);
        double *resp = round == 0 ? first : out;
        for (int again = 0; again < 1 + round % 2; again++) /* with the right guesses, too */
            staged_distance(K, D, set.y, set.means, set.factors, set.order, &bound, resp, work);
        const double now = kernels_posterior(K, set.constant, set.weight, LEAST, resp, scratch);
        if (round == 0) loglik = now;
        ck_assert(now == loglik);
        ck_assert_mem_eq(resp, first, K * ROWS_CHUNK * sizeof *resp);
    }
    free(scratch);
    free(work);
    free(out);
    free(first);
    set_free(&set);
}
END_TEST

/* The order lists every feature once, those first that tell the component from the others best. */
START_TEST(order_by_contrast)
{
    double variance[] = {1, 1, 4, 1, 1}, mean[] = {0, 3, 0, 0, 0};
    double covariance[25] = {0}, order[5], score[5];
    const double own[] = {1, 1, 1, 0.1, 1};
    const struct rows rows = {.n_features = 5, .variance = variance};
    for (size_t d = 0; d < 5; d++)
        covariance[d * 5 + d] = own[d];
    staged_order(&rows, mean, covariance, order, score);
    const double expected[] = {1, 3, 2, 0, 4}; /* scores 10, 10, 4, 1, 1: ties in their order */
    ck_assert_mem_eq(order, expected, sizeof order);
}
END_TEST

static Suite *staged_suite(void)
{
    Suite *suite = suite_create("staged");
    TCase *tcase = tcase_create("staged");
    tcase_add_loop_test(tcase, equals_twin, 0, sizeof shapes / sizeof *shapes);
    tcase_add_loop_test(tcase, guesses_change_nothing, 0, sizeof shapes / sizeof *shapes);
    tcase_add_test(tcase, order_by_contrast);
    suite_add_tcase(suite, tcase);
    return suite;
}

CHECK_MAIN(staged_suite)
