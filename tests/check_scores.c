#include "scores.h"

#include "check_util.h"

#include <string.h>

enum { SIDE = 6, N_TABLES = 2000 };

/* Sums of at most 36 cells, a few operations each: some 50 roundings. */
static const double ROUNDING = 1e-14;

static struct scores compute(size_t K, size_t C, const double *confusion)
{
    struct err err = {0};
    struct scores scores = {NAN, NAN, NAN, NAN};
    ck_assert_msg(scores_compute(K, C, confusion, &scores, &err) == OK, "%s", err.text);
    return scores;
}

/* Counts 0..4, some cells and now and then a whole row empty; `fraction` makes them fractional. */
static void draw_table(uint64_t *rng, size_t K, size_t C, bool fraction, double *confusion)
{
    for (size_t k = 0; k < K; k++) {
        const bool empty = test_below(rng, 8) == 0;
        for (size_t c = 0; c < C; c++) {
            double cell = (double)test_below(rng, 5);
            if (fraction) cell *= test_uniform(rng);
            confusion[k * C + c] = empty ? 0 : cell;
        }
    }
}

static double sum_of(size_t n, const double *values)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return sum;
}

/* Naive twin of the matching: component k takes each free class or none, and so on for k + 1. */
static double best_matched(size_t K, size_t C, const double *confusion, size_t k, unsigned taken)
{
    if (k == K) return 0;
    double best = best_matched(K, C, confusion, k + 1, taken);
    for (size_t c = 0; c < C; c++) {
        if (taken >> c & 1) continue;
        best = fmax(best,
                    confusion[k * C + c] + best_matched(K, C, confusion, k + 1, taken | 1u << c));
    }
    return best;
}

/* Naive twin of the adjusted Rand index: looks at every pair of rows. Integer tables only. */
static double pair_counted_ari(size_t K, size_t C, const double *confusion)
{
    size_t component[SIDE * SIDE * 4], class[SIDE * SIDE * 4], n_rows = 0;
    for (size_t i = 0; i < K * C; i++) {
        for (double left = confusion[i]; left > 0; left--) {
            component[n_rows] = i / C;
            class[n_rows++] = i % C;
        }
    }
    double pairs = 0, same_component = 0, same_class = 0, same_both = 0;
    for (size_t a = 0; a < n_rows; a++) {
        for (size_t b = 0; b < a; b++) {
            pairs++;
            same_component += component[a] == component[b];
            same_class += class[a] == class[b];
            same_both += component[a] == component[b] && class[a] == class[b];
        }
    }
    if (same_component == same_both && same_class == same_both) return 1;
    const double by_chance = same_component * same_class / pairs;
    return (same_both - by_chance) / ((same_component + same_class) / 2 - by_chance);
}

/* Naive twin of the mutual information: H(K) + H(C) - H(K, C), over the mean of the first two. */
static double entropy(size_t n, const double *weight)
{
    double total = sum_of(n, weight), sum = 0;
    for (size_t i = 0; i < n; i++)
        if (weight[i] > 0) sum -= weight[i] / total * log(weight[i] / total);
    return sum;
}

static double three_entropy_nmi(size_t K, size_t C, const double *confusion)
{
    double row[SIDE] = {0}, column[SIDE] = {0};
    for (size_t i = 0; i < K * C; i++) {
        row[i / C] += confusion[i];
        column[i % C] += confusion[i];
    }
    const double both = entropy(K, row) + entropy(C, column);
    return both == 0 ? 1 : 2 * (both - entropy(K * C, confusion)) / both;
}

/* The confusion counts each row once at (component, label), or with its weight. */
START_TEST(confusion_counts_rows)
{
    const int32_t component[] = {0, 1, 1, 0, 1}, label[] = {2, 0, 0, 2, 1};
    const double weight[] = {0.5, 2, 0, 1, 0};
    const double counts[] = {0, 0, 2, 2, 1, 0}, weights[] = {0, 0, 1.5, 2, 0, 0};
    double confusion[6] = {9, 9, 9, 9, 9, 9};
    scores_confusion(5, component, label, NULL, 2, 3, confusion);
    ck_assert_mem_eq(confusion, counts, sizeof counts);
    scores_confusion(5, component, label, weight, 2, 3, confusion);
    ck_assert_mem_eq(confusion, weights, sizeof weights);
}
END_TEST

/* Figures from scikit-learn 1.2.1 and SciPy's linear_sum_assignment, rows repeated by count:
 * adjusted_rand_score(c, k), normalized_mutual_info_score(c, k), 1 - matched / sum,
 * 1 - row maxima / sum. */
static const struct {
    size_t K, C;
    double confusion[10];
    struct scores expected;
} known[] = {
    {3,
     3,
     {50, 0, 0, 0, 48, 14, 0, 2, 36},
     {0.10666666666666669, 0.10666666666666669, 0.7302382722834697, 0.7581756800057785}},
    {2,
     4,
     {30, 5, 0, 12, 1, 20, 9, 0},
     {0.35064935064935066, 0.35064935064935066, 0.3877102539322832, 0.46244453074507685}},
    {5,
     2,
     {7, 1, 0, 9, 4, 4, 6, 0, 2, 3},
     {0.5555555555555556, 0.19444444444444442, 0.1999262604848373, 0.31618884026783356}},
    /* taking the largest cell first would match 10 of 28 and not 18 */
    {2,
     2,
     {10, 9, 9, 0},
     {0.3571428571428571, 0.3214285714285714, 0.038901601830663615, 0.252462972791841}},
    /* an empty component and an empty class */
    {3,
     3,
     {10, 0, 3, 0, 0, 0, 2, 0, 11},
     {0.1923076923076923, 0.1923076923076923, 0.3529701750061622, 0.29699590070767856}},
    /* independent: the index falls below 0, the information is cut to 0 */
    {2, 2, {2, 4, 3, 6}, {0.4666666666666667, 0.33333333333333337, -0.06521739130434782, 0}},
    /* one component; one class; both; a permutation; every row alone */
    {1, 3, {5, 6, 7}, {0.6111111111111112, 0.6111111111111112, 0, 0}},
    {3, 1, {5, 6, 7}, {0.6111111111111112, 0, 0, 0}},
    {1, 1, {9}, {0, 0, 1, 1}},
    {3, 3, {0, 4, 0, 0, 0, 5, 6, 0, 0}, {0, 0, 1, 1}},
    {2, 2, {1, 0, 0, 1}, {0, 0, 1, 1}},
    /* one class and one component have weight, in a larger table */
    {2, 3, {0, 0, 0, 0, 8, 0}, {0, 0, 1, 1}},
    /* nothing has weight */
    {2, 2, {0, 0, 0, 0}, {0, 0, 1, 1}},
};

/* Each score is scikit-learn's, in the ordinary and in the degenerate cases. */
START_TEST(scores_equal_sklearn)
{
    const struct scores expected = known[_i].expected;
    const struct scores scores = compute(known[_i].K, known[_i].C, known[_i].confusion);
    ck_close(scores.error_rate, expected.error_rate, ROUNDING, ROUNDING);
    ck_close(scores.error_majority, expected.error_majority, ROUNDING, ROUNDING);
    ck_close(scores.ari, expected.ari, ROUNDING, ROUNDING);
    ck_close(scores.nmi, expected.nmi, ROUNDING, ROUNDING);
}
END_TEST

/* The matching is the best of all, for every K x C up to 6 x 6, whole and fractional weights. */
START_TEST(error_rate_equals_brute_force)
{
    uint64_t rng = test_seed();
    for (size_t i = 0; i < N_TABLES; i++) {
        const size_t K = 1 + test_below(&rng, SIDE), C = 1 + test_below(&rng, SIDE);
        double confusion[SIDE * SIDE];
        draw_table(&rng, K, C, i % 2 == 1, confusion);
        const double total = sum_of(K * C, confusion);
        if (total == 0) continue;
        ck_close(compute(K, C, confusion).error_rate,
                 1 - best_matched(K, C, confusion, 0, 0) / total, 0, ROUNDING);
    }
}
END_TEST

/* The adjusted Rand index is what counting pairs of rows gives. */
START_TEST(ari_equals_pair_counting)
{
    uint64_t rng = test_seed();
    for (size_t i = 0; i < N_TABLES; i++) {
        const size_t K = 1 + test_below(&rng, SIDE), C = 1 + test_below(&rng, SIDE);
        double confusion[SIDE * SIDE];
        draw_table(&rng, K, C, false, confusion);
        ck_close(compute(K, C, confusion).ari, pair_counted_ari(K, C, confusion), 0, ROUNDING);
    }
}
END_TEST

/* The normalised mutual information is what the three entropies give. */
START_TEST(nmi_equals_three_entropies)
{
    uint64_t rng = test_seed();
    for (size_t i = 0; i < N_TABLES; i++) {
        const size_t K = 1 + test_below(&rng, SIDE), C = 1 + test_below(&rng, SIDE);
        double confusion[SIDE * SIDE];
        draw_table(&rng, K, C, i % 2 == 1, confusion);
        /* an entropy near 0 in the denominator magnifies roundings */
        ck_close(compute(K, C, confusion).nmi, three_entropy_nmi(K, C, confusion), 0, 1e-12);
    }
}
END_TEST

/* Renaming components and classes changes no score. */
START_TEST(scores_ignore_order)
{
    enum { K = 40, C = 30 };
    static double confusion[K * C], renamed[K * C];
    uint64_t rng = test_seed();
    for (size_t i = 0; i < K * C; i++)
        confusion[i] = (double)test_below(&rng, 1000);
    for (size_t k = 0; k < K; k++)
        for (size_t c = 0; c < C; c++)
            renamed[(k * 7 + 3) % K * C + (c * 11 + 5) % C] = confusion[k * C + c];
    const struct scores a = compute(K, C, confusion), b = compute(K, C, renamed);
    ck_assert(a.error_rate == b.error_rate); /* sums of whole numbers are exact */
    ck_assert(a.error_majority == b.error_majority);
    /* 1200 cells; these nearly independent tables lose 4 digits to cancellation */
    ck_close(a.ari, b.ari, 1e-9, 0);
    ck_close(a.nmi, b.nmi, 1e-9, 0);
}
END_TEST

/* A large table with a known answer: a hidden permutation outweighs everything else. */
START_TEST(matching_finds_hidden_permutation)
{
    enum { K = 300, C = 200 };
    static double confusion[K * C];
    uint64_t rng = test_seed();
    double total = 0;
    for (size_t k = 0; k < K; k++) {
        for (size_t c = 0; c < C; c++) {
            confusion[k * C + c] = (double)test_below(&rng, 100);
            if (k == c * 7 % K) confusion[k * C + c] = 1e6; /* 7 c mod 300 differ for c < 200 */
            total += confusion[k * C + c];
        }
    }
    ck_close(compute(K, C, confusion).error_rate, 1 - C * 1e6 / total, 0, ROUNDING);
}
END_TEST

/* A table that no sum of weights makes is refused, not looped over. */
START_TEST(infinite_weights_are_refused)
{
    const double confusion[] = {1, INFINITY, 1, 1}, nan[] = {NAN, 1, 1, 1};
    struct err err = {0};
    struct scores scores;
    ck_assert_int_eq(scores_compute(2, 2, confusion, &scores, &err), ERR_INTERNAL);
    ck_assert_int_eq(scores_compute(2, 2, nan, &scores, &err), ERR_INTERNAL);
    ck_assert_ptr_nonnull(strstr(err.text, "confusion"));
}
END_TEST

static Suite *scores_suite(void)
{
    Suite *suite = suite_create("scores");
    TCase *scores = tcase_create("scores");
    tcase_add_test(scores, confusion_counts_rows);
    tcase_add_loop_test(scores, scores_equal_sklearn, 0, sizeof known / sizeof *known);
    tcase_add_test(scores, error_rate_equals_brute_force);
    tcase_add_test(scores, ari_equals_pair_counting);
    tcase_add_test(scores, nmi_equals_three_entropies);
    tcase_add_test(scores, scores_ignore_order);
    tcase_add_test(scores, matching_finds_hidden_permutation);
    tcase_add_test(scores, infinite_weights_are_refused);
    suite_add_tcase(suite, scores);
    return suite;
}

CHECK_MAIN(scores_suite)
