#include "kernels.h"
#include "kernels_set.h"

#include "fixture.h"

#include <float.h>
#include <string.h>

/* Shapes around the tiles of 4 components, the blocks of 8 rows, and large ones. */
static const size_t all_features[] = {1, 2, 3, 4, 7, 8, 9, 16, 31, 65, 300};
static const size_t all_components[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 31, 64, 70};
enum {
    N_FEATURES = sizeof all_features / sizeof *all_features,
    N_COMPONENTS = sizeof all_components / sizeof *all_components
};

/* One chunk with everything that a kernel may want. The last rows are filling: 0, weight 0. */
struct chunk {
    size_t n_features, n_components;
    double *y;      /* [ROWS_CHUNK_BLOCKS, D, ROWS_BLOCK] */
    double *mean;   /* [K, D] */
    double *scale;  /* [K, D] */
    double *weight; /* [ROWS_CHUNK] */
    double *value;  /* [K, ROWS_CHUNK] distances or responsibilities */
    double *out;    /* [K, ROWS_CHUNK] */
    double *expected;
};

static double symmetric(uint64_t *rng)
{
    return 2 * test_uniform(rng) - 1;
}

static struct chunk chunk_create(size_t n_features, size_t n_components)
{
    const size_t n = n_components * n_features;
    return (struct chunk){n_features,
                          n_components,
                          fixture_doubles(n_features * ROWS_CHUNK),
                          fixture_doubles(n),
                          fixture_doubles(n),
                          fixture_doubles(ROWS_CHUNK),
                          fixture_doubles(n_components * ROWS_CHUNK),
                          fixture_doubles(n_components * ROWS_CHUNK),
                          fixture_doubles(n_components * ROWS_CHUNK)};
}

static void chunk_destroy(struct chunk *chunk)
{
    free(chunk->expected);
    free(chunk->out);
    free(chunk->value);
    free(chunk->weight);
    free(chunk->scale);
    free(chunk->mean);
    free(chunk->y);
}

/* A chunk whose y and means are `size` large and whose scales are about 1 / size; weights whole,
 * fractional or all 1. */
static struct chunk chunk_draw(uint64_t *rng, size_t n_features, size_t n_components, double size)
{
    struct chunk chunk = chunk_create(n_features, n_components);
    const size_t n_rows = 1 + test_below(rng, ROWS_CHUNK), kind = test_below(rng, 3);
    for (size_t n = 0; n < n_rows; n++) {
        chunk.weight[n] = kind == 0   ? 1
                          : kind == 1 ? (double)test_below(rng, 3)
                                      : test_uniform(rng);
        for (size_t d = 0; d < chunk.n_features; d++)
            chunk.y[(n / ROWS_BLOCK * chunk.n_features + d) * ROWS_BLOCK + n % ROWS_BLOCK] =
                size * symmetric(rng);
    }
    for (size_t i = 0; i < chunk.n_components * chunk.n_features; i++) {
        chunk.mean[i] = size * symmetric(rng);
        chunk.scale[i] = exp(4 * symmetric(rng)) / size;
    }
    return chunk;
}

/* The generator of a loop test's round. */
static uint64_t rng_of(int round)
{
    return test_seed() + 1000u * (uint64_t)round;
}

/* Calls `check` for each number of components with one of all_features. */
static void for_shapes(int round,
                       void (*check)(uint64_t *rng, size_t n_features, size_t n_components))
{
    uint64_t rng = rng_of(round);
    for (size_t i = 0; i < N_COMPONENTS; i++)
        check(&rng, all_features[round], all_components[i]);
}

static const double sizes[] = {1, 1e-140, 1e140};

static void check_distance(uint64_t *rng, size_t n_features, size_t n_components)
{
    for (size_t i = 0; i < 3; i++) {
        struct chunk c = chunk_draw(rng, n_features, n_components, sizes[i]);
        for (size_t stride = 0; stride <= c.n_features; stride += c.n_features) {
            for (size_t k = 0; k < n_components; k++)
                for (size_t d = 0; d < n_features; d++)
                    c.mean[k * n_features + d] = 50 * symmetric(rng); /* as a shift */
            kernels_distance(n_features, c.y, n_components, c.scale, stride, c.mean, c.out);
            ref_distance(n_features, c.y, n_components, c.scale, stride, c.mean, c.expected);
            /* a sum of D positive terms, each the square of a number up to 105 from a product up to
             * 55, which is rounded where there is no fma */
            const double rounding = (double)(n_features + 5) * DBL_EPSILON;
            ck_all_close(n_components * ROWS_CHUNK, c.out, c.expected, rounding,
                         (double)n_features * 2 * 105 * 55 * DBL_EPSILON);
        }
        chunk_destroy(&c);
    }
}

/* Distances are the formula's, for every shape and for one scale per feature or per component and
 * feature, also where values are far from 1. */
START_TEST(distance_equals_twin)
{
    for_shapes(_i, check_distance);
}
END_TEST

/* A published table of distances. */
START_TEST(distance_equals_known_pairs)
{
    const double x[2][2] = {{1.62434536, -0.61175641}, {-0.52817175, -1.07296862}};
    const double expected[3][2] = {
        {1.85239052, 1.85780729}, {0.19195729, 2.29426447}, {1.35467638, 1.18155842}};
    struct chunk c = chunk_create(2, 3);
    const double means[] = {0.86540763, -2.3015387, 1.74481176, -0.7612069, 0.3190391, -0.24937038};
    for (size_t i = 0; i < 6; i++)
        c.mean[i] = -means[i];
    c.scale[0] = c.scale[1] = 1;
    for (size_t n = 0; n < 2; n++)
        for (size_t d = 0; d < 2; d++)
            c.y[d * ROWS_BLOCK + n] = x[n][d];
    kernels_distance(2, c.y, 3, c.scale, 0, c.mean, c.out);
    for (size_t k = 0; k < 3; k++)
        for (size_t n = 0; n < 2; n++)
            ck_close(sqrt(c.out[k * ROWS_CHUNK + n]), expected[k][n], 0,
                     2e-8); /* all of 8 decimals */
    chunk_destroy(&c);
}
END_TEST

/* Distances for posteriors: some rows near several components, some far from all. */
static void draw_distances(uint64_t *rng, struct chunk *c, double *constant)
{
    for (size_t k = 0; k < c->n_components; k++)
        constant[k] = 50 * symmetric(rng);
    for (size_t n = 0; n < ROWS_CHUNK; n++) {
        const double spread = exp(12 * test_uniform(rng)), base = 100 * test_uniform(rng);
        for (size_t k = 0; k < c->n_components; k++)
            c->value[k * ROWS_CHUNK + n] = base + spread * test_uniform(rng);
    }
}

static void check_posterior(uint64_t *rng, size_t n_features, size_t n_components)
{
    struct chunk c = chunk_draw(rng, n_features, n_components, 1);
    double *constant = fixture_doubles(n_components), *scratch = fixture_doubles(2 * ROWS_CHUNK);
    double *sum = fixture_doubles(ROWS_CHUNK);
    draw_distances(rng, &c, constant);
    memcpy(c.out, c.value, c.n_components * ROWS_CHUNK * sizeof *c.out);
    const double total =
        kernels_posterior(c.n_components, constant, c.weight, -708, c.out, scratch);
    const long double expected =
        ref_posterior(c.n_components, constant, c.weight, c.value, c.expected);
    /* logarithms up to 1e5 are rounded to 1e-11, which is then a relative error; below e^-708
     * there is nothing */
    ck_all_close(n_components * ROWS_CHUNK, c.out, c.expected, 5e-11, 1e-300);
    /* 256 terms of up to 1e5, of both signs */
    ck_close(total, (double)expected, 1e-14, 1e-8);
    for (size_t i = 0; i < n_components * ROWS_CHUNK; i++)
        sum[i % ROWS_CHUNK] += c.out[i];
    ck_all_close(ROWS_CHUNK, sum, c.weight, 1e-12, 0); /* the promise of truth.md */
    free(sum);
    free(scratch);
    free(constant);
    chunk_destroy(&c);
}

/* Responsibilities and log-likelihood are the formula's, and each row's responsibilities sum to
 * its weight. */
START_TEST(posterior_equals_twin)
{
    for_shapes(_i, check_posterior);
}
END_TEST

/* The posterior of one row of weight 1 with constants [2] and no distance; the rest is filling. */
static double two_components(double a, double b, double resp[2])
{
    struct chunk c = chunk_create(1, 2);
    double *constant = fixture_doubles(2), *scratch = fixture_doubles(2 * ROWS_CHUNK);
    constant[0] = a;
    constant[1] = b;
    c.weight[0] = 1;
    const double lse = kernels_posterior(2, constant, c.weight, -708, c.value, scratch);
    resp[0] = c.value[0];
    resp[1] = c.value[ROWS_CHUNK];
    for (size_t n = 1; n < ROWS_CHUNK; n++)
        ck_assert(c.value[n] == 0 && c.value[ROWS_CHUNK + n] == 0);
    free(scratch);
    free(constant);
    chunk_destroy(&c);
    return lse;
}

/* Log-sum-exp and softmax of the numbers that everybody tests, far from where exp overflows too. */
START_TEST(posterior_equals_known_figures)
{
    const double ln_2 = 0.69314718055994530942;
    double resp[2];
    ck_close(two_components(1000, 1000, resp), 1000.6931472, 0, 6e-8); /* 7 decimals */
    ck_close(two_components(1000, 1000, resp), 1000 + ln_2, 2 * DBL_EPSILON, 0);
    ck_close(two_components(-1e5, -1e5, resp), -1e5 + ln_2, 2 * DBL_EPSILON, 0);
    ck_assert(resp[0] == 0.5 && resp[1] == 0.5);
    ck_close(two_components(1, 2, resp), 2.3132617, 0, 6e-8);
    ck_close(resp[0], 0.26894142, 0, 6e-9); /* 8 decimals */
    ck_close(resp[1], 0.73105858, 0, 6e-9);
    two_components(0, 800, resp);
    ck_assert(resp[0] == 0 && resp[1] == 1); /* e^-800 is cut, not a denormal */
}
END_TEST

/* A component that is infinitely far takes nothing and changes nothing. */
START_TEST(posterior_ignores_infinite_distance)
{
    enum { K = 5 };
    uint64_t rng = test_seed();
    struct chunk c = chunk_draw(&rng, 1, K, 1);
    double *constant = fixture_doubles(K), *scratch = fixture_doubles(2 * ROWS_CHUNK);
    draw_distances(&rng, &c, constant);
    memcpy(c.out, c.value, K * ROWS_CHUNK * sizeof *c.out);
    for (size_t n = 0; n < ROWS_CHUNK; n++)
        c.out[(K - 1) * ROWS_CHUNK + n] = HUGE_VAL;
    const double with = kernels_posterior(K, constant, c.weight, -708, c.out, scratch);
    const double without = kernels_posterior(K - 1, constant, c.weight, -708, c.value, scratch);
    ck_assert(with == without);
    ck_assert_mem_eq(c.out, c.value, (K - 1) * ROWS_CHUNK * sizeof *c.out);
    for (size_t n = 0; n < ROWS_CHUNK; n++)
        ck_assert(c.out[(K - 1) * ROWS_CHUNK + n] == 0);
    free(scratch);
    free(constant);
    chunk_destroy(&c);
}
END_TEST

/* Weighted responsibilities of a chunk: a few components a row, one component with none at all. */
static void draw_resp(uint64_t *rng, struct chunk *c)
{
    for (size_t n = 0; n < ROWS_CHUNK; n++)
        for (size_t k = 0; k < c->n_components; k++)
            c->value[k * ROWS_CHUNK + n] =
                k != 1 && test_below(rng, 3) == 0 ? c->weight[n] * test_uniform(rng) : 0;
}

static double sum_of(size_t n, const double *values)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return sum;
}

/* Sums that earlier chunks left: count [K], first and second [K, D] in a row. */
static void draw_sums(uint64_t *rng, size_t n_components, size_t n_moments, double size,
                      double *sums)
{
    for (size_t i = 0; i < n_components; i++)
        sums[i] = symmetric(rng);
    for (size_t i = 0; i < n_moments; i++) {
        sums[n_components + i] = size * symmetric(rng);
        sums[n_components + n_moments + i] = size * size * symmetric(rng);
    }
}

static void check_moments(uint64_t *rng, size_t n_features, size_t n_components)
{
    const size_t n = n_components * n_features, n_sums = n_components + 2 * n;
    double *actual = fixture_doubles(n_sums), *expected = fixture_doubles(n_sums);
    double *work = fixture_doubles(kernels_sums_work(n_components, n_features));
    for (size_t i = 0; i < 3; i++) {
        const double size = sizes[i];
        struct chunk c = chunk_draw(rng, n_features, n_components, size);
        draw_resp(rng, &c);
        draw_sums(rng, n_components, n, size, actual);
        memcpy(expected, actual, n_sums * sizeof *expected);
        kernels_moments(n_features, c.y, n_components, c.mean, c.value, actual,
                        actual + n_components, actual + n_components + n, work);
        ref_moments(n_features, c.y, n_components, c.mean, c.value, expected,
                    expected + n_components, expected + n_components + n);
        for (size_t k = 0; k < n_components; k++) {
            /* 256 rows in a row, and a few roundings a term; a term is at most resp times
             * (2 size)^power */
            const double rounding =
                260 * DBL_EPSILON * (1 + sum_of(ROWS_CHUNK, c.value + k * ROWS_CHUNK));
            const size_t first = n_components + k * n_features, second = first + n;
            ck_close(actual[k], expected[k], 0, rounding);
            ck_all_close(n_features, actual + first, expected + first, 0, rounding * 2 * size);
            ck_all_close(n_features, actual + second, expected + second, 0,
                         rounding * 4 * size * size);
        }
        chunk_destroy(&c);
    }
    free(work);
    free(expected);
    free(actual);
}

/* Count, first and second moments about the mean are the formula's, added to what was there. */
START_TEST(moments_equal_twin)
{
    for_shapes(_i, check_moments);
}
END_TEST

static void check_totals(uint64_t *rng, size_t n_features, size_t n_components)
{
    const size_t n = n_components * n_features, n_sums = 2 * n_components + n;
    double *actual = fixture_doubles(n_sums), *expected = fixture_doubles(n_sums);
    double *work = fixture_doubles(kernels_sums_work(n_components, n_features));
    struct chunk c = chunk_draw(rng, n_features, n_components, 1);
    draw_resp(rng, &c);
    for (size_t i = 0; i < n_sums; i++)
        expected[i] = actual[i] = symmetric(rng);
    kernels_totals(n_features, c.y, n_components, c.value, c.weight, actual, actual + n_components,
                   actual + n_components + n, work);
    ref_totals(n_features, c.y, n_components, c.value, c.weight, expected, expected + n_components,
               expected + n_components + n);
    /* 256 rows in a row; a term is at most resp times a weight of 2 */
    ck_all_close(n_sums, actual, expected, 0,
                 2 * 260 * DBL_EPSILON * (1 + sum_of(n_components * ROWS_CHUNK, c.value)));
    chunk_destroy(&c);
    free(work);
    free(expected);
    free(actual);
}

/* Counts, totals of the rows and of their squares are the formula's, added to what was there. */
START_TEST(totals_equal_twin)
{
    for_shapes(_i, check_totals);
}
END_TEST

/* Count, first moments and products of two features are the formula's, stripe after stripe, added
 * to what was there; above the diagonal nothing is promised. */
START_TEST(scatter_equals_twin)
{
    uint64_t rng = rng_of(_i);
    const size_t n = all_features[_i], stride = kernels_stride(n), n_sums = (n + 1) * stride;
    struct chunk c = chunk_draw(&rng, n, 1, 1);
    double *actual = fixture_doubles(n_sums), *small = fixture_doubles(n_sums);
    double *expected = fixture_doubles(n * n), *first = fixture_doubles(n);
    double *none = fixture_doubles(n), *packed = fixture_doubles(ROWS_CHUNK * stride);
    draw_resp(&rng, &c);
    for (size_t i = 0; i <= n; i++)
        for (size_t j = 0; j < n; j++) {
            actual[i * stride + j] = small[i * stride + j] = symmetric(&rng);
            *(i < n ? &expected[i * n + j] : &first[j]) = actual[i * stride + j];
        }
    double counts[3] = {1, 1, 1};
    const size_t n_packed = kernels_pack(n, c.y, c.mean, c.value, &counts[0], packed);
    for (size_t i = 0; i <= n; i += 3)
        kernels_scatter(n, n_packed, packed, i, i + 3 < n + 1 ? i + 3 : n + 1, actual);
    ref_cross(n, c.y, c.mean, c.value, expected);
    ref_moments(n, c.y, 1, c.mean, c.value, &counts[1], first, none);
    /* 256 terms of up to 4 in a row, with the square root's rounding in each */
    const double rounding = 260 * 4 * DBL_EPSILON * (1 + sum_of(ROWS_CHUNK, c.value));
    ck_close(counts[0], counts[1], 0, rounding);
    for (size_t i = 0; i < n; i++)
        ck_all_close(i + 1, actual + i * stride, expected + i * n, 0, rounding);
    ck_all_close(n, actual + n * stride, first, 0, rounding);
    if (n <= KERNELS_SMALL) {
        kernels_small_scatter(n, c.y, c.mean, c.value, &counts[2], small);
        ck_assert(counts[2] == counts[0]);
        for (size_t i = 0; i < n; i++)
            ck_all_close(i + 1, small + i * stride, expected + i * n, 0, rounding);
        ck_all_close(n, small + n * stride, first, 0, rounding);
    }
    free(packed);
    free(none);
    free(first);
    free(expected);
    free(small);
    free(actual);
    chunk_destroy(&c);
}
END_TEST

/* Distances through a triangular factor are the formula's. */
START_TEST(mahalanobis_equals_twin)
{
    uint64_t rng = rng_of(_i);
    const size_t n = all_features[_i];
    struct chunk c = chunk_draw(&rng, n, 1, 1);
    double *factor = fixture_doubles(n * n), *work = fixture_doubles(n * KERNELS_OFFSETS);
    for (size_t i = 0; i < n * n; i++)
        factor[i] = i % n <= i / n ? symmetric(&rng) : 0;
    kernels_mahalanobis(n, c.y, c.mean, factor, work, c.out);
    ref_mahalanobis(n, c.y, c.mean, factor, c.expected);
    /* D products of up to D terms of up to 2, rounded D times, then squared */
    const double N_D = (double)n;
    ck_all_close(ROWS_CHUNK, c.out, c.expected, 4 * N_D * DBL_EPSILON, 8 * N_D * N_D * DBL_EPSILON);
    free(work);
    free(factor);
    chunk_destroy(&c);
}
END_TEST

static void check_linear(uint64_t *rng, size_t n_features, size_t n_components)
{
    struct chunk c = chunk_draw(rng, n_features, n_components, 1);
    double *length = fixture_doubles(n_components), *precision = fixture_doubles(n_components);
    for (size_t k = 0; k < n_components; k++) {
        length[k] = 10 * symmetric(rng);
        precision[k] = 10 * test_uniform(rng);
    }
    for (size_t with_norm = 0; with_norm < 2; with_norm++) {
        const double *norm = with_norm ? c.weight : NULL, *times = with_norm ? precision : NULL;
        kernels_linear(n_features, c.y, n_components, c.mean, length, norm, times, c.out);
        ref_linear(n_features, c.y, n_components, c.mean, length, norm, times, c.expected);
        /* D products of up to 1, in any order, and one of up to 2 times 10 */
        ck_all_close(n_components * ROWS_CHUNK, c.out, c.expected, 0,
                     (30 + 2 * (double)n_features) * (double)(n_features + 3) * DBL_EPSILON);
    }
    free(precision);
    free(length);
    chunk_destroy(&c);
}

/* Distances by a product, with the rows' own lengths and without, are the formula's. */
START_TEST(linear_equals_twin)
{
    for_shapes(_i, check_linear);
}
END_TEST

/* The nearest component and its distance, the lowest on a tie. */
START_TEST(nearest_equals_search)
{
    uint64_t rng = rng_of(_i);
    const size_t n_components = all_components[_i];
    struct chunk c = chunk_create(1, n_components);
    int32_t component[ROWS_CHUNK];
    for (size_t i = 0; i < n_components * ROWS_CHUNK; i++)
        c.value[i] = (double)test_below(&rng, 20); /* many ties */
    kernels_nearest(n_components, c.value, component, c.out);
    for (size_t n = 0; n < ROWS_CHUNK; n++) {
        size_t best = 0;
        for (size_t k = 1; k < n_components; k++)
            if (c.value[k * ROWS_CHUNK + n] < c.value[best * ROWS_CHUNK + n]) best = k;
        ck_assert_int_eq(component[n], (int)best);
        ck_assert(c.out[n] == c.value[best * ROWS_CHUNK + n]);
    }
    chunk_destroy(&c);
}
END_TEST

/* One-hot responsibilities: a row's weight for its component, 0 elsewhere. */
START_TEST(one_hot_puts_weight_once)
{
    enum { K = 7 };
    uint64_t rng = test_seed();
    struct chunk c = chunk_draw(&rng, 1, K, 1);
    int32_t component[ROWS_CHUNK];
    for (size_t n = 0; n < ROWS_CHUNK; n++)
        component[n] = (int32_t)test_below(&rng, K);
    for (size_t i = 0; i < K * ROWS_CHUNK; i++)
        c.out[i] = 9; /* left by an earlier use */
    kernels_one_hot(K, component, c.weight, c.out);
    for (size_t n = 0; n < ROWS_CHUNK; n++)
        for (size_t k = 0; k < K; k++)
            ck_assert(c.out[k * ROWS_CHUNK + n] == ((size_t)component[n] == k ? c.weight[n] : 0.0));
    chunk_destroy(&c);
}
END_TEST

static void check_assign(uint64_t *rng, size_t n_features, size_t n_components)
{
    struct chunk c = chunk_draw(rng, n_features, n_components, 1);
    double *constant = fixture_doubles(n_components), *scratch = fixture_doubles(2 * ROWS_CHUNK);
    int32_t component[ROWS_CHUNK], expected[ROWS_CHUNK];
    draw_distances(rng, &c, constant);
    kernels_posterior(n_components, constant, c.weight, -708, c.value, scratch);
    const double entropy = kernels_assign(c.n_components, c.weight, c.value, component);
    const long double wanted = ref_assign(c.n_components, c.weight, c.value, expected);
    ck_close(entropy, (double)wanted, 1e-13, 1e-13); /* 256 K terms, each below 1/e */
    ck_assert_mem_eq(component, expected, sizeof component);
    free(scratch);
    free(constant);
    chunk_destroy(&c);
}

/* Entropy and hard assignment are the formula's. */
START_TEST(assign_equals_twin)
{
    for_shapes(_i, check_assign);
}
END_TEST

/* Entropy of known responsibilities; ties go to the lowest component. */
START_TEST(assign_knows_ties_and_entropy)
{
    struct chunk c = chunk_create(1, 4);
    int32_t component[ROWS_CHUNK];
    c.weight[0] = 2;
    for (size_t k = 0; k < 4; k++)
        c.value[k * ROWS_CHUNK] = 0.5; /* uniform: ln 4 */
    c.weight[1] = 3;
    c.value[2 * ROWS_CHUNK + 1] = c.value[3 * ROWS_CHUNK + 1] = 1.5; /* ln 2 */
    c.weight[2] = 1;
    c.value[3 * ROWS_CHUNK + 2] = 1; /* nothing */
    ck_close(kernels_assign(4, c.weight, c.value, component), 7 * log(2), 1e-15, 0);
    ck_assert_int_eq(component[0], 0);
    ck_assert_int_eq(component[1], 2);
    ck_assert_int_eq(component[2], 3);
    chunk_destroy(&c);
}
END_TEST

/* Largest error of kernels_exp_all on x [n] (which it overwrites), in units in the last place. */
static double exp_error(size_t n, const double *x, double *out)
{
    double worst = 0;
    memcpy(out, x, n * sizeof *out);
    kernels_exp_all(n, out);
    for (size_t i = 0; i < n; i++) {
        const long double exact = expl(x[i]);
        int exponent;
        frexpl(exact, &exponent);
        const double error = (double)fabsl(ldexpl(out[i] - exact, 53 - exponent));
        if (error > worst) worst = error;
    }
    return worst;
}

/* exp is within 1 ulp over its whole range. Each kind of x looks where one part of the reduction is
 * at its worst. */
START_TEST(exp_is_within_one_ulp)
{
    enum { N = 1 << 20 };
    const double ln_2 = 0.69314718055994530942;
    uint64_t rng = test_seed();
    double *x = fixture_doubles(N), *out = fixture_doubles(N);
    for (int kind = 0; kind < 3; kind++) {
        for (size_t i = 0; i < N; i++) {
            const double u = test_uniform(&rng), whole = (double)test_below(&rng, 2000) - 1000;
            x[i] = kind == 0   ? 1417 * u - 708                              /* everywhere */
                   : kind == 1 ? (whole - 0.5) * ln_2 + 1e-3 * (u - 0.5)     /* change of n */
                               : ldexp(symmetric(&rng), -(int)(whole / 20)); /* near 0 */
            x[i] = fmin(fmax(x[i], -708), 709);
        }
        ck_assert_double_le(exp_error(N, x, out), 1.0);
    }
    free(out);
    free(x);
}
END_TEST

/* exp at the ends of its range and at 0, and exactly 0 below. */
START_TEST(exp_knows_its_ends)
{
    const double x[] = {0, -0.0, -708, 709, 1, -1};
    double y[6];
    ck_assert_double_le(exp_error(6, x, y), 1.0);
    ck_assert(y[0] == 1 && y[1] == 1 && isfinite(y[3]));
    double below[] = {nextafter(-708, -1000), -709, -745, -746, -1e5, -1e300, -HUGE_VAL};
    kernels_exp_all(sizeof below / sizeof *below, below);
    for (size_t i = 0; i < sizeof below / sizeof *below; i++)
        ck_assert(below[i] == 0 && !signbit(below[i]));
}
END_TEST

/* exp never falls from one x to a larger one: steps of 64 ulp or more, which 1 ulp cannot hide. */
START_TEST(exp_rises)
{
    enum { N = 1 << 18 };
    uint64_t rng = test_seed();
    double *x = fixture_doubles(N);
    for (int round = 0; round < 16; round++) {
        double start = 1417 * test_uniform(&rng) - 708;
        const double step = 64 * DBL_EPSILON * fmax(1, fabs(start));
        if (start + N * step > 709) start -= 1;
        for (size_t i = 0; i < N; i++)
            x[i] = start + (double)i * step;
        kernels_exp_all(N, x);
        size_t rising = 1;
        while (rising < N && x[rising] >= x[rising - 1])
            rising++;
        ck_assert_uint_eq(rising, N);
    }
    free(x);
}
END_TEST

/* --- one covariance --- */

/* A symmetric matrix a'a / n + 0.1 I, above whose diagonal there is nothing to be looked at, and in
 * full as long double. */
static double *draw_matrix(uint64_t *rng, size_t n, long double *full)
{
    double *a = fixture_doubles(n * n), *matrix = fixture_doubles(n * n);
    for (size_t i = 0; i < n * n; i++)
        a[i] = symmetric(rng);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = i == j ? 0.1 : 0;
            for (size_t l = 0; l < n; l++)
                sum += a[l * n + i] * a[l * n + j] / (double)n;
            matrix[i * n + j] = j > i ? NAN : sum;
            full[i * n + j] = sum;
        }
    }
    free(a);
    return matrix;
}

static const size_t sizes_of_matrix[] = {1, 2, 3, 8, 17, 50};
enum { N_MATRICES = sizeof sizes_of_matrix / sizeof *sizes_of_matrix };

/* Factor and inverse factor are the naive ones; zeros stand above the diagonal. */
START_TEST(cholesky_equals_twin)
{
    uint64_t rng = rng_of(_i);
    const size_t n = sizes_of_matrix[_i];
    long double full[n * n], lower[n * n];
    double *matrix = draw_matrix(&rng, n, full), *expected = fixture_doubles(n * n);
    kernels_lapack_init();
    ck_assert(ref_cholesky(n, full, lower));
    for (size_t i = 0; i < n * n; i++)
        expected[i] = (double)lower[i];
    ck_assert(kernels_cholesky(n, matrix));
    const double rounding = 30 * (double)n * DBL_EPSILON; /* the condition is about 30 */
    ck_all_close(n * n, matrix, expected, 0, rounding);
    kernels_invert_lower(n, matrix);
    for (size_t i = 0; i < n; i++) { /* times the factor, it is the identity */
        for (size_t j = 0; j < n; j++) {
            long double sum = 0;
            for (size_t l = 0; l < n; l++)
                sum += matrix[i * n + l] * lower[l * n + j];
            expected[i * n + j] = (double)sum;
            matrix[i * n + j] = j > i ? 0 : matrix[i * n + j];
        }
        expected[i * n + i] -= 1;
    }
    double *zeros = fixture_doubles(n * n);
    ck_all_close(n * n, expected, zeros, 0, 10 * rounding);
    free(zeros);
    free(expected);
    free(matrix);
}
END_TEST

/* What is not positive definite, or not finite, is refused. */
START_TEST(cholesky_refuses)
{
    double bad[][4] = {{1, NAN, 2, 1},   {0, NAN, 0, 1},   {-1, NAN, 0, 1},  {1, NAN, 1, 1},
                       {NAN, NAN, 0, 1}, {1, NAN, 0, NAN}, {1, NAN, NAN, 1}, {1, NAN, 0, INFINITY}};
    kernels_lapack_init();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!kernels_cholesky(2, bad[i]), "matrix %zu", i);
}
END_TEST

static int ascending(const void *a, const void *b)
{
    const long double p = *(const long double *)a, q = *(const long double *)b;
    return p < q ? -1 : p > q;
}

/* Eigenvalues are Jacobi's, in ascending order, and rows are vectors that belong to them. */
START_TEST(eigen_equals_twin)
{
    uint64_t rng = rng_of(_i);
    const size_t n = sizes_of_matrix[_i];
    long double full[n * n], vectors[n * n], values[n];
    double *matrix = draw_matrix(&rng, n, full), *actual = fixture_doubles(n);
    double *expected = fixture_doubles(n), *work = fixture_doubles(kernels_eigen_work(n));
    double *image = fixture_doubles(n), *stretched = fixture_doubles(n);
    kernels_lapack_init();
    ref_eigen(n, full, values, vectors);
    qsort(values, n, sizeof *values, ascending);
    ck_assert(kernels_eigen(n, matrix, actual, work));
    const double rounding = 10 * (double)n * DBL_EPSILON; /* of values of up to about 2 */
    for (size_t e = 0; e < n; e++) {
        long double square = 0;
        expected[e] = (double)values[e];
        for (size_t i = 0; i < n; i++) {
            long double sum = 0;
            for (size_t j = 0; j < n; j++)
                sum += full[i * n + j] * matrix[e * n + j];
            image[i] = (double)sum;
            stretched[i] = actual[e] * matrix[e * n + i];
            square += matrix[e * n + i] * matrix[e * n + i];
        }
        ck_all_close(n, image, stretched, 0, rounding);
        ck_close((double)square, 1, rounding, 0);
    }
    ck_all_close(n, actual, expected, 0, rounding);
    free(stretched);
    free(image);
    free(work);
    free(expected);
    free(actual);
    free(matrix);
}
END_TEST

/* a'a and trace(L S L') are the formulas'; of symmetric matrices the lower triangle counts. */
START_TEST(products_equal_twins)
{
    uint64_t rng = rng_of(_i);
    const size_t n = sizes_of_matrix[_i];
    long double full[n * n], trace = 0;
    double *symmetric_matrix = draw_matrix(&rng, n, full), *lower = fixture_doubles(n * n);
    double *gram = fixture_doubles(n * n), *work = fixture_doubles(n * n);
    kernels_lapack_init();
    for (size_t i = 0; i < n * n; i++)
        lower[i] = i % n <= i / n ? symmetric(&rng) : 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            for (size_t l = 0; l < n; l++)
                trace += lower[i * n + j] * full[j * n + l] * lower[i * n + l];
    const double rounding = 10 * (double)n * (double)n * DBL_EPSILON; /* n^3 terms of up to 1 / n */
    ck_close(kernels_trace_product(n, lower, symmetric_matrix, work), (double)trace, 0, rounding);
    kernels_gram(n, lower, gram);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            long double sum = 0;
            for (size_t l = 0; l < n; l++)
                sum += lower[l * n + i] * lower[l * n + j];
            ck_close(gram[i * n + j], (double)sum, 0, 2 * (double)n * DBL_EPSILON);
        }
    }
    free(work);
    free(gram);
    free(lower);
    free(symmetric_matrix);
}
END_TEST

/* Distances in steps: heads, tails, the near rows and what finishing adds to theirs, values
 * [n_components * ROWS_CHUNK + 2 ROWS_CHUNK + ROWS_CHUNK * kernels_padded(D)]. */
static void apply_steps(const struct kernel_set *set, const struct chunk *c, double *values)
{
    const size_t D = c->n_features, tail = kernels_padded(D), n_head = c->n_components * ROWS_CHUNK;
    double *scale = fixture_doubles(tail), *shift = fixture_doubles(tail);
    size_t *order = calloc(D, sizeof *order);
    unsigned char row[ROWS_CHUNK];
    for (size_t d = 0; d < D; d++)
        order[d] = D - 1 - d;
    memcpy(scale, c->scale, D * sizeof *scale);
    memcpy(shift, c->mean, D * sizeof *shift);
    set->head(D, c->y, order, D, c->n_components, c->scale, c->mean, values);
    set->tails(D, c->y, order, D, values + n_head);
    double *lowest = fixture_doubles(ROWS_CHUNK), *near = values + n_head + ROWS_CHUNK * tail;
    for (size_t n = 0; n < ROWS_CHUNK; n++) /* every other row stays */
        lowest[n] = -0.5 * values[n] + (n % 2 == 0 ? 1 : -1);
    memcpy(near, values, ROWS_CHUNK * sizeof *near);
    const size_t n_near = set->near(0, lowest, near, row);
    ck_assert_uint_eq(n_near, ROWS_CHUNK / 2);
    for (size_t i = 0; i < n_near; i++) {
        ck_assert_uint_eq(row[i], 2 * i + 1);
        ck_assert(near[row[i]] == values[row[i]] && near[row[i] - 1] == HUGE_VAL);
    }
    double *finished = near + ROWS_CHUNK;
    set->finish(D, values + n_head, scale, shift, n_near, row, finished);
    for (size_t n = 0; n < ROWS_CHUNK; n++)
        near[n] = finished[n]; /* no infinities in what is compared */
    free(lowest);
    free(order);
    free(shift);
    free(scale);
}

/* What the set makes of one chunk, as one list of numbers [n_values]. */
static void apply_set(const struct kernel_set *set, const struct chunk *c, double *values)
{
    const size_t n_features = c->n_features, n_components = c->n_components;
    const size_t n = n_components * n_features, n_work = n_components * ROWS_CHUNK;
    const size_t stride = kernels_stride(n_features);
    double *work = fixture_doubles(2 * ROWS_CHUNK + n_features * KERNELS_OFFSETS);
    double *packed = fixture_doubles(ROWS_CHUNK * stride);
    set->distance(n_features, c->y, n_components, c->scale, n_features, c->mean, values);
    memcpy(values + n_work, values, n_work * sizeof *values);
    double *resp = values + n_work, *at = resp + n_work;
    *at++ = set->posterior(n_components, c->scale, c->weight, -20, resp, work);
    double *sums_work = fixture_doubles(kernels_sums_work(n_components, n_features));
    set->moments(n_features, c->y, n_components, c->mean, resp, at, at + n_components,
                 at + n_components + n, sums_work);
    at += n_components + 2 * n;
    set->totals(n_features, c->y, n_components, resp, c->weight, at, at + n_components,
                at + n_components + n, sums_work);
    free(sums_work);
    at += 2 * n_components + n;
    const size_t n_packed = set->pack(n_features, c->y, c->mean, resp, at, packed);
    set->scatter(n_features, n_packed, packed, 0, n_features + 1, at + 1);
    at += 1 + (n_features + 1) * stride;
    if (n_features <= KERNELS_SMALL)
        set->small_scatter(n_features, c->y, c->mean, resp, at, at + 1);
    at += 1 + (n_features + 1) * stride;
    /* the packed rows stand for a factor; numbers above its diagonal must not matter */
    double *factor = fixture_doubles(n_features * n_features);
    for (size_t i = 0; i < n_features; i++)
        for (size_t j = 0; j <= i; j++)
            factor[i * n_features + j] = c->y[(i * 7 + j * 3) % (n_features * ROWS_CHUNK)];
    set->mahalanobis(n_features, c->y, c->mean, factor, work, at);
    at += ROWS_CHUNK;
    set->linear(n_features, c->y, n_components, c->mean, c->scale, c->weight, c->scale, at);
    apply_steps(set, c, at + n_work);
    free(factor);
    free(packed);
    free(work);
}

/* AVX-512 and AVX2 have the same bits in every kernel; the portable ones agree to rounding. Without
 * such a CPU there is less to compare. */
START_TEST(sets_agree)
{
    uint64_t rng = rng_of(_i);
    const struct kernel_set *sets[KERNELS_SETS];
    const size_t n_sets = kernels_sets(sets), n_features = all_features[_i];
    for (size_t i = 0; i < N_COMPONENTS; i++) {
        struct chunk c = chunk_draw(&rng, n_features, all_components[i], 1);
        const size_t n = c.n_components * n_features, n_work = c.n_components * ROWS_CHUNK;
        const size_t n_values = 4 * n_work + 3 * ROWS_CHUNK + 1 + 3 * c.n_components + 3 * n +
                                2 * (1 + (n_features + 1) * kernels_stride(n_features)) +
                                ROWS_CHUNK * kernels_padded(n_features);
        double *values[KERNELS_SETS] = {NULL};
        for (size_t s = 0; s < n_sets; s++) {
            values[s] = fixture_doubles(n_values);
            apply_set(sets[s], &c, values[s]);
        }
        for (size_t s = 1; s + 1 < n_sets; s++)
            ck_assert_mem_eq(values[s], values[0], n_values * sizeof **values);
        /* sums of up to 256 terms or 300 features; factors and scales are below e^4 */
        ck_all_close(n_values, values[n_sets - 1], values[0], 1e-9, 1e-9);
        for (size_t s = 0; s < n_sets; s++)
            free(values[s]);
        chunk_destroy(&c);
    }
}
END_TEST

static Suite *kernels_suite(void)
{
    Suite *suite = suite_create("kernels");
    TCase *kernels = tcase_create("kernels"), *lapack = tcase_create("lapack");
    tcase_add_loop_test(kernels, distance_equals_twin, 0, N_FEATURES);
    tcase_add_test(kernels, distance_equals_known_pairs);
    tcase_add_loop_test(kernels, posterior_equals_twin, 0, N_FEATURES);
    tcase_add_test(kernels, posterior_equals_known_figures);
    tcase_add_test(kernels, posterior_ignores_infinite_distance);
    tcase_add_loop_test(kernels, moments_equal_twin, 0, N_FEATURES);
    tcase_add_loop_test(kernels, totals_equal_twin, 0, N_FEATURES);
    tcase_add_loop_test(kernels, scatter_equals_twin, 0, N_FEATURES);
    tcase_add_loop_test(kernels, mahalanobis_equals_twin, 0, N_FEATURES);
    tcase_add_loop_test(kernels, linear_equals_twin, 0, N_FEATURES);
    tcase_add_loop_test(kernels, nearest_equals_search, 0, N_COMPONENTS);
    tcase_add_test(kernels, one_hot_puts_weight_once);
    tcase_add_loop_test(kernels, assign_equals_twin, 0, N_FEATURES);
    tcase_add_test(kernels, assign_knows_ties_and_entropy);
    tcase_add_test(kernels, exp_is_within_one_ulp);
    tcase_add_test(kernels, exp_knows_its_ends);
    tcase_add_test(kernels, exp_rises);
    tcase_add_loop_test(kernels, sets_agree, 0, N_FEATURES);
    tcase_add_loop_test(lapack, cholesky_equals_twin, 0, N_MATRICES);
    tcase_add_test(lapack, cholesky_refuses);
    tcase_add_loop_test(lapack, eigen_equals_twin, 0, N_MATRICES);
    tcase_add_loop_test(lapack, products_equal_twins, 0, N_MATRICES);
    suite_add_tcase(suite, kernels);
    suite_add_tcase(suite, lapack);
    return suite;
}

CHECK_MAIN(kernels_suite)
