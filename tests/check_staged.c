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

/* How many of the distances out [K, ROWS_CHUNK] are dropped, and whether none of these could have a
 * share, the others have all digits of `all`, and winner is the best of each row. */
static size_t check_dropped(const struct set *set, const double *expected, const double *all,
                            const double *out, const int32_t *winner)
{
    size_t n_dropped = 0;
    for (size_t n = 0; n < ROWS_CHUNK; n++) {
        size_t best = 0;
        for (size_t k = 1; k < set->n_components; k++)
            if (set->constant[k] - 0.5 * expected[k * ROWS_CHUNK + n] >
                set->constant[best] - 0.5 * expected[best * ROWS_CHUNK + n])
                best = k;
        ck_assert_uint_eq((size_t)winner[n], best);
        const double top = set->constant[best] - 0.5 * expected[best * ROWS_CHUNK + n];
        for (size_t k = 0; k < set->n_components; k++) {
            const size_t i = k * ROWS_CHUNK + n;
            if (out[i] != HUGE_VAL) {
                ck_assert(out[i] == all[i]);
                continue;
            }
            n_dropped++;
            ck_assert_double_lt(set->constant[k] - 0.5 * expected[i], top + LEAST);
        }
    }
    return n_dropped;
}

/* One of the two ways to distances of a set: winner are guesses, and the winners afterwards. */
typedef void distances(const void *of, double least, int32_t *winner, double *out);

static void full_distance(const void *of, double least, int32_t *winner, double *out)
{
    const struct set *set = of;
    const struct bound bound = {set->constant, least, winner};
    double *work = fixture_doubles(staged_work(set->n_features));
    staged_distance(set->n_components, set->n_features, set->y, set->means, set->factors,
                    set->order, &bound, out, work);
    free(work);
}

static const double far[] = {1, 10, 100};

/* A distance is the formula's, or, where it is HUGE_VAL, so large that the responsibility is 0. The
 * winner is the row's best, and without a bound nothing is dropped. */
START_TEST(equals_twin)
{
    uint64_t rng = test_seed() + (uint64_t)_i;
    const size_t K = shapes[_i][0], D = shapes[_i][1];
    size_t n_dropped = 0;
    for (size_t f = 0; f < 3; f++) {
        struct set set = draw(&rng, K, D, far[f]);
        double *out = fixture_doubles(K * ROWS_CHUNK), *expected = fixture_doubles(K * ROWS_CHUNK);
        double *all = fixture_doubles(K * ROWS_CHUNK), *work = fixture_doubles(staged_work(D));
        int32_t winner[ROWS_CHUNK] = {0};
        full_distance(&set, LEAST, winner, out);
        for (size_t k = 0; k < K; k++) {
            plain(&set, k, expected + k * ROWS_CHUNK);
            staged_complete(D, set.y, set.means + k * D, set.factors + k * D * D, set.order + k * D,
                            all + k * ROWS_CHUNK, work);
        }
        /* D products of up to D terms, rounded D times, then squared; see check_kernels.c */
        const double rounding = 8 * (double)D * DBL_EPSILON;
        ck_all_close(K * ROWS_CHUNK, all, expected, rounding, rounding * (double)D);
        n_dropped += check_dropped(&set, expected, all, out, winner);
        free(work);
        free(all);
        free(expected);
        free(out);
        set_free(&set);
    }
    ck_assert_uint_gt(n_dropped, 0);
}
END_TEST

/* The set with the diagonals of its factors alone, and the first component's order for all: scale
 * and shift as kernels_distance has them, and as staged_diag_distance wants them. */
struct diag {
    const struct set *set;
    double *scale, *shift, *arranged, *work;
    size_t *order;
};

static struct diag diag_of(const struct set *set)
{
    const size_t K = set->n_components, D = set->n_features;
    struct diag diag = {set,
                        fixture_doubles(K * D),
                        fixture_doubles(K * D),
                        fixture_doubles(staged_diag_arranged(K, D)),
                        fixture_doubles(staged_diag_work(K, D)),
                        calloc(D, sizeof(size_t))};
    for (size_t d = 0; d < D; d++)
        diag.order[d] = (size_t)set->order[d];
    for (size_t i = 0; i < K * D; i++) {
        diag.scale[i] = set->factors[i * D + i % D];
        diag.shift[i] = -set->means[i] * diag.scale[i];
    }
    for (size_t k = 0; k < K; k++)
        staged_diag_arrange(K, D, diag.order, k, diag.scale + k * D, diag.shift + k * D,
                            diag.arranged);
    return diag;
}

static void diag_free(struct diag *diag)
{
    free(diag->order);
    free(diag->work);
    free(diag->arranged);
    free(diag->shift);
    free(diag->scale);
}

static void diag_distance(const void *of, double least, int32_t *winner, double *out)
{
    const struct diag *diag = of;
    const struct set *set = diag->set;
    const struct bound bound = {set->constant, least, winner};
    staged_diag_distance(set->n_components, set->n_features, set->y, diag->order, diag->arranged,
                         &bound, out, diag->work);
}

static const size_t diag_shapes[][2] = {{1, 1}, {2, 5}, {8, 64}, {30, 100}, {9, 196}, {70, 33}};

/* The same of diagonal covariances. */
START_TEST(diag_equals_twin)
{
    uint64_t rng = test_seed() + (uint64_t)_i;
    const size_t K = diag_shapes[_i][0], D = diag_shapes[_i][1];
    size_t n_dropped = 0;
    for (size_t f = 0; f < 3; f++) {
        struct set set = draw(&rng, K, D, far[f]);
        struct diag diag = diag_of(&set);
        double *out = fixture_doubles(K * ROWS_CHUNK), *expected = fixture_doubles(K * ROWS_CHUNK);
        double *all = fixture_doubles(K * ROWS_CHUNK);
        int32_t winner[ROWS_CHUNK] = {0};
        ref_distance(D, set.y, K, diag.scale, D, diag.shift, expected);
        diag_distance(&diag, -HUGE_VAL, winner, all);
        /* sums of D squares, of numbers that lose as many digits as the mean is larger */
        ck_all_close(K * ROWS_CHUNK, all, expected, ((double)D + 8) * DBL_EPSILON,
                     8 * (double)D * far[f] * DBL_EPSILON);
        memset(winner, 0, sizeof winner);
        diag_distance(&diag, LEAST, winner, out);
        n_dropped += check_dropped(&set, expected, all, out, winner);
        free(all);
        free(expected);
        free(out);
        diag_free(&diag);
        set_free(&set);
    }
    ck_assert(n_dropped > 0 || K == 1);
}
END_TEST

/* Responsibilities and likelihood have the same bits whatever the guesses of the winners are, be
 * they wrong or right. */
static void check_guesses(uint64_t *rng, const struct set *set, distances *distance, const void *of)
{
    const size_t K = set->n_components;
    double *first = fixture_doubles(K * ROWS_CHUNK), *out = fixture_doubles(K * ROWS_CHUNK);
    double scratch[2 * ROWS_CHUNK], loglik = 0;
    for (int round = 0; round < 6; round++) {
        int32_t winner[ROWS_CHUNK];
        for (size_t n = 0; n < ROWS_CHUNK; n++)
            winner[n] = round == 0 ? 0 : (int32_t)test_below(rng, K);
        double *resp = round == 0 ? first : out;
        for (int again = 0; again < 1 + round % 2; again++) /* with the right guesses, too */
            distance(of, LEAST, winner, resp);
        const double now = kernels_posterior(K, set->constant, set->weight, LEAST, resp, scratch);
        if (round == 0) loglik = now;
        ck_assert(now == loglik);
        ck_assert_mem_eq(resp, first, K * ROWS_CHUNK * sizeof *resp);
    }
    free(out);
    free(first);
}

/* Guesses change nothing with full covariances. */
START_TEST(guesses_change_nothing)
{
    uint64_t rng = test_seed() + (uint64_t)_i;
    struct set set = draw(&rng, shapes[_i][0], shapes[_i][1], 10);
    check_guesses(&rng, &set, full_distance, &set);
    set_free(&set);
}
END_TEST

/* Nor with diagonal ones. */
START_TEST(diag_guesses_change_nothing)
{
    uint64_t rng = test_seed() + (uint64_t)_i;
    struct set set = draw(&rng, diag_shapes[_i][0], diag_shapes[_i][1], 10);
    struct diag diag = diag_of(&set);
    check_guesses(&rng, &set, diag_distance, &diag);
    diag_free(&diag);
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
    tcase_add_loop_test(tcase, diag_equals_twin, 0, sizeof diag_shapes / sizeof *diag_shapes);
    tcase_add_loop_test(tcase, diag_guesses_change_nothing, 0,
                        sizeof diag_shapes / sizeof *diag_shapes);
    tcase_add_test(tcase, order_by_contrast);
    suite_add_tcase(suite, tcase);
    return suite;
}

CHECK_MAIN(staged_suite)
