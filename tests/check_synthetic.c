/* check_synthetic.c - rows drawn from a mixture of the config. */
#include "config.h"
#include "source.h"

#include "check_util.h"

#include <string.h>

enum { K = 3, D = 2, N = 40000 };

static double weights[K] = {3, 1, 0}, means[K * D] = {1, -2, 30, 40, 500, 600};
static double deviations[K * D] = {0.5, 2, 3, 0, 1, 1};
static double covariances[K * D * D] = {4, 1.2, 1.2, 1, 1, 0, 0, 9, 1, 0, 0, 1};

static struct number_array array(size_t rank, size_t n, double *values)
{
    return (struct number_array){rank, {K, D, D}, n, values};
}

static struct config mixture(bool correlated)
{
    struct config config = {.data_synthetic_samples = N, .data_synthetic_seed = 7};
    config.data_synthetic_weights = array(1, K, weights);
    config.data_synthetic_means = array(2, K * D, means);
    if (correlated)
        config.data_synthetic_covariances = array(3, K * D * D, covariances);
    else
        config.data_synthetic_deviations = array(2, K * D, deviations);
    return config;
}

static struct source *opened(const struct config *config)
{
    struct err err = {0};
    struct source *src = NULL;
    ck_assert_msg(source_open_synthetic(config, SIZE_MAX, &src, &err) == OK, "%s", err.text);
    return src;
}

static void refuses(const struct config *config, const char *message)
{
    struct err err = {0};
    struct source *src = (struct source *)&err;
    ck_assert_int_eq(source_open_synthetic(config, 1 << 20, &src, &err), ERR_CONFIG);
    ck_assert_ptr_null(src);
    ck_assert_msg(strstr(err.text, message) != NULL, "'%s' lacks '%s'", err.text, message);
}

/* Each component has its share, means, deviations and correlation, to 6 standard errors. */
START_TEST(moments)
{
    const struct config config = mixture(_i == 1);
    struct source *src = opened(&config);
    double count[K] = {0}, sum[K][D] = {{0}}, square[K][D] = {{0}}, product[K] = {0};
    double row[D + 1];
    for (size_t n = 0; n < N; n++) {
        source_row(src, n, row);
        const size_t k = (size_t)row[D];
        double y[D];
        count[k]++;
        for (size_t d = 0; d < D; d++) {
            y[d] = row[d] - means[k * D + d];
            sum[k][d] += y[d];
            square[k][d] += y[d] * y[d];
        }
        product[k] += y[0] * y[1];
    }
    ck_assert(count[2] == 0); /* a weight of 0 */
    ck_close(count[0], 0.75 * N, 0, 6 * sqrt(N * 0.75 * 0.25));
    for (size_t k = 0; k < 2; k++) {
        const double *c = covariances + k * D * D, *s = deviations + k * D;
        double variance[D], covariance = _i == 1 ? c[1] : 0;
        for (size_t d = 0; d < D; d++) {
            variance[d] = _i == 1 ? c[d * D + d] : s[d] * s[d];
            ck_close(sum[k][d] / count[k], 0, 0, 6 * sqrt(variance[d] / count[k]));
            ck_close(square[k][d] / count[k], variance[d], 6 * sqrt(2 / count[k]), 0);
        }
        const double error = sqrt(variance[0] * variance[1] + covariance * covariance);
        ck_close(product[k] / count[k], covariance, 0, 6 * error / sqrt(count[k]));
    }
    source_close(&src);
}
END_TEST

/* A row depends on seed and number alone: any order, fewer rows, single cells give the same. */
START_TEST(rows_are_functions)
{
    struct config config = mixture(true);
    struct source *src = opened(&config);
    config.data_synthetic_samples = 10;
    struct source *few = opened(&config);
    config.data_synthetic_seed++;
    struct source *other = opened(&config);
    double row[D + 1], again[D + 1], different[D + 1];
    char cell[SOURCE_CELL];
    ck_assert_uint_eq(few->n_rows, 10);
    for (size_t n = 10; n-- > 0;) {
        source_row(src, n, row);
        source_row(few, n, again);
        source_row(other, n, different);
        ck_assert_mem_eq(row, again, sizeof row);
        ck_assert(row[0] != different[0]);
        for (size_t d = 0; d <= D; d++) {
            source_cell(few, n, d, cell, sizeof cell);
            ck_assert(strtod(cell, NULL) == row[d]);
        }
    }
    source_close(&src);
    source_close(&few);
    source_close(&other);
}
END_TEST

/* Without weights they are equal, whatever the means' number. */
START_TEST(equal_weights)
{
    struct config config = mixture(false);
    config.data_synthetic_weights = (struct number_array){0};
    struct source *src = opened(&config);
    double row[D + 1], count[K] = {0};
    for (size_t n = 0; n < N; n++) {
        source_row(src, n, row);
        count[(size_t)row[D]]++;
    }
    for (size_t k = 0; k < K; k++)
        ck_close(count[k], N / 3.0, 0, 6 * sqrt(N * 2 / 9.0));
    source_close(&src);
}
END_TEST

/* What is no mixture is refused with the key and what was found. */
START_TEST(refusals)
{
    struct config config = mixture(false);
    config.data_synthetic_samples = 1 << 20;
    refuses(&config,
            "data.synthetic.samples: 1048576 rows of 3 numbers take more than the 1048576");
    config = mixture(false);
    config.data_synthetic_means.rank = 1;
    refuses(&config, "data.synthetic.means: 1 lists deep, expected one list of D numbers");
    config = mixture(false);
    config.data_synthetic_weights.shape[0] = 2;
    refuses(&config, "data.synthetic.weights: shape [2], expected [K = 3]");
    config = mixture(false);
    config.data_synthetic_deviations.rank = 3;
    refuses(&config, "data.synthetic.deviations: shape [3, 2, 2], expected [K = 3, D = 2]");
    double bad[K * D * D], none[K] = {0};
    config = mixture(false);
    config.data_synthetic_weights.v = none;
    refuses(&config, "data.synthetic.weights: their sum is 0");
    config = mixture(true);
    config.data_synthetic_covariances.v = memcpy(bad, covariances, sizeof bad);
    bad[6] = 0.5;
    refuses(&config, "data.synthetic.covariances: [1, 1, 0] is 0.5 and [1, 0, 1] is 0, expected");
    bad[6] = bad[5] = 3;
    refuses(&config, "data.synthetic.covariances: that of component 1 is not positive definite");
}
END_TEST

static Suite *synthetic_suite(void)
{
    Suite *suite = suite_create("synthetic");
    TCase *tcase = tcase_create("synthetic");
    tcase_add_loop_test(tcase, moments, 0, 2);
    tcase_add_test(tcase, rows_are_functions);
    tcase_add_test(tcase, equal_weights);
    tcase_add_test(tcase, refusals);
    suite_add_tcase(suite, tcase);
    return suite;
}

CHECK_MAIN(synthetic_suite)
