#include "data.h"
#include "files.h"
#include "heldout.h"
#include "rng.h"

static bool *chosen(double share, uint64_t seed, size_t n_rows, const double *weight)
{
    struct err err = {0};
    bool *taken = NULL;
    ck_assert_msg(heldout_choose(share, seed, n_rows, weight, &taken, &err) == OK, "%s", err.text);
    return taken;
}

static void refuses(double share, size_t n_rows, const double *weight, const char *part)
{
    struct err err = {0};
    bool *taken = (bool *)&err;
    ck_assert_int_eq(heldout_choose(share, 1, n_rows, weight, &taken, &err), ERR_CONFIG);
    ck_assert_ptr_null(taken);
    ck_assert_msg(strstr(err.text, part) != NULL, "'%s' lacks '%s'", err.text, part);
}

static size_t count(const bool *taken, size_t n_rows)
{
    size_t n = 0;
    for (size_t i = 0; i < n_rows; i++)
        n += taken[i];
    return n;
}

/* Exactly the rounded share of the rows, but never all of them. */
START_TEST(counts)
{
    uint64_t rng = test_seed();
    for (int i = 0; i < 2000; i++) {
        const size_t n_rows = 2 + test_below(&rng, i < 1000 ? 10 : 2000);
        const double share = 0.9 * test_uniform(&rng);
        size_t expected = (size_t)floor(share * (double)n_rows + 0.5);
        if (expected == 0) {
            refuses(share, n_rows, NULL, "leaves none to be set aside");
            continue;
        }
        if (expected == n_rows) expected--;
        bool *taken = chosen(share, test_bits(&rng), n_rows, NULL);
        ck_assert_uint_eq(count(taken, n_rows), expected);
        free(taken);
    }
    ck_assert_ptr_null(chosen(0, 1, 10, NULL));
    refuses(0.9, 1, NULL, "data.heldout: 0.9 of 1 rows leaves none to be set aside");
}
END_TEST

/* The rows with the smallest numbers of the stream: as NumPy's Philox has them, and as a naive
 * twin ranks them. */
START_TEST(choice)
{
    static const struct {
        uint64_t seed;
        size_t n_rows, rows[3];
    } cases[] = {{1, 12, {4, 6, 11}}, {7, 12, {2, 6, 11}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool *taken = chosen(0.25, cases[i].seed, cases[i].n_rows, NULL);
        ck_assert_uint_eq(count(taken, cases[i].n_rows), 3);
        for (size_t j = 0; j < 3; j++)
            ck_assert(taken[cases[i].rows[j]]);
        free(taken);
    }
    enum { N = 700 };
    uint64_t rng = test_seed();
    for (int i = 0; i < 10; i++) {
        const struct rng_stream stream = {.seed = test_bits(&rng), .name = rng_name("heldout")};
        bool *taken = chosen(0.3, stream.seed, N, NULL);
        for (size_t n = 0; n < N; n++) {
            size_t rank = 0;
            for (size_t m = 0; m < N; m++)
                rank += rng_uniform(&stream, m) < rng_uniform(&stream, n);
            ck_assert_int_eq(taken[n], rank < 210);
        }
        free(taken);
    }
}
END_TEST

/* Every row has the same chance; a larger share takes more rows beside the same. */
START_TEST(fairness)
{
    enum { N = 40, SEEDS = 4000 };
    size_t times[N] = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        bool *small = chosen(0.2, seed, N, NULL), *large = chosen(0.5, seed, N, NULL);
        for (size_t n = 0; n < N; n++) {
            ck_assert(!small[n] || large[n]);
            times[n] += small[n];
        }
        free(small);
        free(large);
    }
    /* Binomial with mean 800 and deviation 25.3; 5 deviations are seen once in 1.7 million. */
    for (size_t n = 0; n < N; n++)
        ck_close((double)times[n], 800, 0, 5 * 25.3);
}
END_TEST

/* Both sides must have a row that counts. */
START_TEST(weights)
{
    double weight[12];
    bool *taken = chosen(0.25, 1, 12, NULL);
    for (size_t n = 0; n < 12; n++)
        weight[n] = taken[n] ? 0.5 : 0;
    refuses(0.25, 12, weight, "all rows that are left to be fitted have the weight 0");
    for (size_t n = 0; n < 12; n++)
        weight[n] = taken[n] ? 0 : 2;
    refuses(0.25, 12, weight, "all rows that are set aside have the weight 0");
    for (size_t n = 0; n < 12; n++)
        if (taken[n]) weight[n] = 1;
    bool *again = chosen(0.25, 1, 12, weight);
    ck_assert_mem_eq(taken, again, 12);
    free(again);
    free(taken);
}
END_TEST

/* data_load draws after its other steps and leaves x, labels and digests as they are. */
START_TEST(loading)
{
    struct config config = {
        .data_path = "tests/data/iris.csv",
        .data_labels = {"Species", "Species"},
        .data_pool = 1,
        .data_scale = 1,
        .data_limit = 120,
        .sweep_seed = 3,
    };
    struct err err = {0};
    struct data *all = NULL, *split = NULL;
    ck_assert_int_eq(data_load(&config, SIZE_MAX, &all, &err), OK);
    ck_assert_ptr_null(all->heldout);
    ck_assert(all->heldout_share == 0);
    config.data_heldout = 0.1;
    ck_assert_int_eq(data_load(&config, SIZE_MAX, &split, &err), OK);
    ck_assert(split->heldout_share == 0.1);
    bool *expected = chosen(0.1, 3, 120, NULL);
    ck_assert_mem_eq(split->heldout, expected, 120);
    ck_assert_uint_eq(count(split->heldout, 120), 12);
    ck_assert_uint_eq(split->n_rows, 120);
    ck_assert_mem_eq(split->x, all->x, sizeof *all->x * 120 * 4);
    ck_assert_mem_eq(split->label, all->label, sizeof *all->label * 120);
    ck_assert_str_eq(split->sha256, all->sha256);
    ck_assert_str_eq(split->labels_sha256, all->labels_sha256);
    free(expected);
    data_destroy(&split);
    data_destroy(&all);
    config.data_limit = 4;
    ck_assert_int_eq(data_load(&config, SIZE_MAX, &split, &err), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "data.heldout: 0.1 of 4 rows leaves none"));
}
END_TEST

static Suite *heldout_suite(void)
{
    Suite *suite = suite_create("heldout");
    TCase *rows = tcase_create("rows");
    tcase_add_test(rows, counts);
    tcase_add_test(rows, choice);
    tcase_add_test(rows, fairness);
    tcase_add_test(rows, weights);
    tcase_add_test(rows, loading);
    suite_add_tcase(suite, rows);
    return suite;
}

CHECK_MAIN(heldout_suite)
