#include "start.h"

#include "fixture.h"

#include <float.h>
#include <string.h>

static struct start_settings settings_for(enum init init, size_t n_components)
{
    struct start_settings settings = fixture_start_settings(n_components);
    settings.init = init;
    return settings;
}

/* Only the seeds, without Lloyd. */
static struct start_settings seeds_for(size_t n_components)
{
    struct start_settings settings = settings_for(INIT_kmeanspp, n_components);
    settings.max_iter = 0;
    return settings;
}

/* The row whose value mean k of a start has to the last bit, or N. */
static size_t row_of_mean(const struct rows *rows, const struct start *start, size_t k)
{
    double *row = fixture_doubles(rows->n_features);
    const double *mean = start->means + k * rows->n_features;
    size_t n = 0;
    for (; n < rows->n_rows; n++) {
        rows_get(rows, n, row);
        if (memcmp(row, mean, rows->n_features * sizeof *row) == 0) break;
    }
    free(row);
    return n;
}

/* Asserts that the means are rows of different value. */
static void check_distinct_rows(const struct rows *rows, const struct start *start)
{
    for (size_t k = 0; k < start->settings.n_components; k++) {
        const size_t n = row_of_mean(rows, start, k);
        ck_assert_uint_lt(n, rows->n_rows);
        for (size_t j = 0; j < k; j++)
            ck_assert_uint_ne(n, row_of_mean(rows, start, j)); /* the first row of that value */
    }
}

/* A data set in which most rows repeat: `values` values in each of two features. */
static struct fixture repeating(uint64_t *rng, size_t n_rows, size_t values)
{
    struct fixture f = {.x = fixture_doubles(2 * n_rows)};
    for (size_t i = 0; i < 2 * n_rows; i++)
        f.x[i] = (double)test_below(rng, values);
    f.data = (struct ref_data){n_rows, 2, f.x, NULL};
    f.rows = fixture_rows(&f.data, NULL, 0);
    return f;
}

/* Initialisers whose means, before any Lloyd, are rows. */
static const enum init row_inits[] = {INIT_points, INIT_kmeanspp, INIT_kmeans, INIT_identity,
                                      INIT_small_em};
enum { N_ROW_INITS = sizeof row_inits / sizeof *row_inits };

/* Starts are rows of different value, even if most rows repeat and all values are needed. */
START_TEST(means_are_distinct_rows)
{
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 3, 10, 2000, 3), g = repeating(&rng, 3000, 4);
    ck_assert_uint_eq(g.rows->n_distinct, 16);
    for (size_t i = 0; i < N_ROW_INITS; i++) {
        for (uint64_t restart = 0; restart < 3; restart++) {
            struct start_settings settings = seeds_for(20);
            settings.init = row_inits[i];
            settings.restart = restart;
            struct start *a = fixture_start(f.rows, &settings, 1);
            settings.n_components = 16;
            struct start *b = fixture_start(g.rows, &settings, 1);
            check_distinct_rows(f.rows, a);
            check_distinct_rows(g.rows, b);
            ck_assert(!a->short_of_rows && !b->short_of_rows);
            start_destroy(&b);
            start_destroy(&a);
        }
    }
    fixture_destroy(&g);
    fixture_destroy(&f);
}
END_TEST

/* Naive twin of k-means++: plain D^2 sampling (Arthur & Vassilvitskii 2007, section 2.2) with the
 * stream's numbers in order. picks [K]. */
static void naive_seeds(const struct ref_data *data, const struct rng_stream *stream,
                        size_t n_components, size_t *picks)
{
    long double *share = malloc(data->n_rows * sizeof *share), total = 0;
    long double *nearest = malloc(data->n_rows * sizeof *nearest);
    for (size_t n = 0; n < data->n_rows; n++) {
        total += share[n] = ref_weight(data, n);
        nearest[n] = HUGE_VALL;
    }
    for (size_t k = 0; k < n_components; k++) {
        picks[k] = ref_pick(data->n_rows, share, rng_uniform(stream, k) * total);
        total = 0;
        for (size_t n = 0; n < data->n_rows; n++) {
            long double distance = 0;
            for (size_t d = 0; d < data->n_features; d++) {
                const long double t = (long double)data->x[n * data->n_features + d] -
                                      data->x[picks[k] * data->n_features + d];
                distance += t * t;
            }
            nearest[n] = fminl(nearest[n], distance);
            total += share[n] = ref_weight(data, n) * nearest[n];
        }
    }
    free(nearest);
    free(share);
}

/* Seeds are those of the naive algorithm, in features of different units, with weights, and where
 * equal rows are merged: there the numbers pick from the rows as given too. */
START_TEST(seeds_equal_twin)
{
    enum { N = 5000, D = 4, K = 12 };
    const bool repeats = _i == 1;
    uint64_t rng = test_seed();
    double *x = fixture_doubles(N * D), *weight = fixture_doubles(N);
    fixture_draw(&rng, 6, 20, N, D, x, NULL);
    for (size_t i = 0; repeats && i < N * D; i++)
        x[i] = floor(x[i] / 8);
    for (size_t n = 0; n < N; n++) {
        weight[n] = 0.5 + test_uniform(&rng);
        x[n * D + 3] *= 1e-3;
    }
    for (int weighted = 0; weighted < 2; weighted++) {
        const struct ref_data data = {N, D, x, weighted ? weight : NULL};
        struct rows *rows = fixture_rows(&data, NULL, 0);
        ck_assert_int_eq(rows->n_rows < N / 2, repeats);
        for (uint64_t restart = 0; restart < 4; restart++) {
            struct start_settings settings = seeds_for(K);
            settings.restart = restart;
            settings.redraw = restart / 2;
            const struct rng_stream stream = {settings.seed, rng_name("kmeans++"), restart,
                                              restart / 2};
            size_t picks[K];
            naive_seeds(&data, &stream, K, picks);
            struct start *start = fixture_start(rows, &settings, 2);
            for (size_t k = 0; k < K; k++)
                ck_assert_uint_eq(row_of_mean(rows, start, k), rows_place(rows, picks[k]));
            start_destroy(&start);
        }
        rows_destroy(&rows);
    }
    free(weight);
    free(x);
}
END_TEST

/* The seeds for K are the first K of any larger K. */
START_TEST(seeds_ignore_n_components)
{
    enum { MOST = 40 };
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 5, 10, 3000, 3);
    for (size_t i = 0; i < N_ROW_INITS; i++) {
        struct start_settings settings = seeds_for(MOST);
        settings.init = row_inits[i];
        struct start *most = fixture_start(f.rows, &settings, 1);
        for (size_t k = 1; k < MOST; k += 6) {
            settings.n_components = k;
            struct start *start = fixture_start(f.rows, &settings, 1);
            ck_assert_mem_eq(start->means, most->means, k * 3 * sizeof *start->means);
            start_destroy(&start);
        }
        start_destroy(&most);
    }
    fixture_destroy(&f);
}
END_TEST

/* Another seed, initialiser, restart or redraw gives another start; the same ones the same. */
START_TEST(starts_differ_by_key)
{
    enum { K = 4, N_KEYS = 6 };
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 5, 10, 3000, 3);
    struct start_settings settings[N_KEYS];
    struct start *starts[N_KEYS];
    for (size_t i = 0; i < N_KEYS; i++)
        settings[i] = seeds_for(K);
    settings[1].seed++;
    settings[2].init = INIT_points;
    settings[3].restart = 1;
    settings[4].redraw = 1;
    settings[5].restart = 2;
    for (size_t i = 0; i < N_KEYS; i++)
        starts[i] = fixture_start(f.rows, &settings[i], 1);
    for (size_t i = 0; i < N_KEYS; i++) {
        struct start *again = fixture_start(f.rows, &settings[i], 1);
        for (size_t j = 0; j < N_KEYS; j++) {
            const bool equal =
                memcmp(again->means, starts[j]->means, K * 3 * sizeof *again->means) == 0;
            ck_assert_int_eq(equal, i == j);
        }
        start_destroy(&again);
    }
    for (size_t i = 0; i < N_KEYS; i++)
        start_destroy(&starts[i]);
    fixture_destroy(&f);
}
END_TEST

/* All restarts start from different points. */
START_TEST(restarts_differ)
{
    enum { N_RESTARTS = 20, K = 3 };
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 5, 10, 3000, 2);
    for (size_t i = 0; i < N_ROW_INITS; i++) {
        struct start *starts[N_RESTARTS];
        for (uint64_t r = 0; r < N_RESTARTS; r++) {
            struct start_settings settings = seeds_for(K);
            settings.init = row_inits[i];
            settings.restart = r;
            starts[r] = fixture_start(f.rows, &settings, 1);
            for (uint64_t q = 0; q < r; q++)
                ck_assert_mem_ne(starts[r]->means, starts[q]->means, K * 2 * sizeof(double));
        }
        for (size_t r = 0; r < N_RESTARTS; r++)
            start_destroy(&starts[r]);
    }
    fixture_destroy(&f);
}
END_TEST

static double inertia_of(const struct fixture *f, const struct start *start)
{
    double *means = fixture_user_means(f->rows, start->settings.n_components, start->means);
    const double inertia = (double)ref_inertia(&f->data, start->settings.n_components, means);
    free(means);
    return inertia;
}

/* Lloyd never makes the inertia larger, iteration after iteration, and settles. */
START_TEST(lloyd_never_rises)
{
    uint64_t rng = test_seed();
    for (size_t i = 0; i < 6; i++) {
        struct fixture f = fixture_create(&rng, 4 + i, 6, 500 + 700 * i, 1 + i);
        struct start_settings settings =
            settings_for(i % 2 == 0 ? INIT_kmeanspp : INIT_kmeans, 3 + 2 * i);
        settings.tol = 0;
        double before = HUGE_VAL, first = 0;
        size_t n_iterations = 0;
        for (settings.max_iter = 0; settings.max_iter < 40; settings.max_iter++) {
            struct start *start = fixture_start(f.rows, &settings, 1);
            const double inertia = inertia_of(&f, start);
            ck_close(start->inertia, inertia / (double)f.data.n_rows, 1e-12, 0);
            ck_assert_int_le((int64_t)start->n_iterations, settings.max_iter);
            /* rounding of the means */
            ck_assert_double_le(inertia, before * (1 + 1e-13));
            if (settings.max_iter == 0) first = inertia;
            before = inertia;
            n_iterations = start->n_iterations;
            start_destroy(&start);
        }
        ck_assert_double_lt(before, first);
        ck_assert_uint_gt(n_iterations, 1);
        fixture_destroy(&f);
    }
}
END_TEST

/* The component whose mean is nearest to row n, and in *gap by how much the next one is farther, in
 * squared distance; all in the user's units. */
static size_t nearest_of(const struct ref_data *data, size_t n_components, const double *means,
                         size_t n, double *gap)
{
    size_t best = 0;
    double least = HUGE_VAL, second = HUGE_VAL;
    for (size_t k = 0; k < n_components; k++) {
        const struct ref_data row = {1, data->n_features, data->x + n * data->n_features, NULL};
        const double distance = (double)ref_inertia(&row, 1, means + k * data->n_features);
        if (distance < least) {
            second = least;
            least = distance;
            best = k;
        } else {
            second = fmin(second, distance);
        }
    }
    *gap = second - least;
    return best;
}

/* Asserts that every row is with the nearest mean; rows in the middle may be with either. */
static void check_assignment(const struct fixture *f, const struct start *start)
{
    const size_t n_components = start->settings.n_components;
    double *means = fixture_user_means(f->rows, n_components, start->means);
    size_t n_wrong = 0;
    for (size_t n = 0; n < f->data.n_rows; n++) {
        double gap;
        const size_t k = nearest_of(&f->data, n_components, means, n, &gap);
        n_wrong += gap > 1e-9 && (size_t)start->assignment[n] != k;
    }
    ck_assert_uint_eq(n_wrong, 0);
    free(means);
}

/* Where Lloyd ends of itself, each mean is that of its rows and each row is with its nearest mean;
 * the distances it keeps are theirs. */
START_TEST(lloyd_ends_at_a_fixed_point)
{
    enum { K = 6, D = 3 };
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 5, 8, 3000, D);
    struct start_settings settings = settings_for(INIT_kmeanspp, K);
    settings.tol = 0;
    settings.max_iter = 1000;
    struct start *start = fixture_start(f.rows, &settings, 2);
    ck_assert_uint_lt(start->n_iterations, 1000);
    check_assignment(&f, start);
    double *means = fixture_user_means(f.rows, K, start->means);
    long double sum[K][D] = {{0}}, count[K] = {0};
    for (size_t n = 0; n < f.data.n_rows; n++) {
        count[start->assignment[n]]++;
        for (size_t d = 0; d < D; d++)
            sum[start->assignment[n]][d] += f.x[n * D + d];
    }
    for (size_t k = 0; k < K; k++)
        for (size_t d = 0; d < D; d++)
            ck_close(means[k * D + d], (double)(sum[k][d] / count[k]), 1e-13, 1e-13);
    free(means);
    start_destroy(&start);
    fixture_destroy(&f);
}
END_TEST

/* A start that stops at max_iter or at its tolerance is consistent too: the rows are with the
 * means that are given, and a larger tolerance stops earlier. */
START_TEST(lloyd_stops_where_told)
{
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 9, 6, 3000, 2);
    size_t n_iterations[4];
    const double tols[] = {0, 1e-4, 1e-2, 10};
    for (size_t i = 0; i < 4; i++) {
        struct start_settings settings = settings_for(INIT_kmeanspp, 7);
        settings.tol = tols[i];
        struct start *start = fixture_start(f.rows, &settings, 1);
        check_assignment(&f, start);
        n_iterations[i] = start->n_iterations;
        start_destroy(&start);
    }
    ck_assert(n_iterations[0] > n_iterations[1] && n_iterations[1] > n_iterations[2]);
    ck_assert_uint_eq(n_iterations[3], 1); /* no shift is ten times the variance */
    struct start_settings settings = settings_for(INIT_kmeanspp, 7);
    settings.max_iter = 2;
    struct start *start = fixture_start(f.rows, &settings, 1);
    ck_assert_uint_eq(start->n_iterations, 2);
    check_assignment(&f, start);
    start_destroy(&start);
    fixture_destroy(&f);
}
END_TEST

/* Rows of each cluster. */
static void count_clusters(const struct start *start, size_t *count)
{
    memset(count, 0, start->settings.n_components * sizeof *count);
    for (size_t n = 0; n < start->rows->n_rows; n++)
        count[start->assignment[n]]++;
}

/* A start whose first two means are moved far off as soon as all seeds are there. */
static struct start *start_with_empty_clusters(const struct rows *rows,
                                               const struct start_settings *settings)
{
    struct engine *engine = fixture_engine(rows, 1, settings->n_components);
    struct start *start = NULL;
    ck_ok(start_create(rows, settings, &start, &err));
    struct task *task = &start->task;
    while (start->n_seeds < settings->n_components)
        engine_tick(engine, &task, 1);
    for (size_t i = 0; i < 2 * rows->n_features; i++)
        start->means[i] = 100;
    while (!start->done)
        engine_tick(engine, &task, 1);
    engine_destroy(&engine);
    return start;
}

/* Clusters that lose all their rows are moved to rows that are far from their means. */
START_TEST(empty_clusters_are_refilled)
{
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 6, 10, 2000, 2);
    for (int64_t max_iter = 1; max_iter < 60; max_iter = 3 * max_iter + 1) {
        struct start_settings settings = settings_for(INIT_kmeanspp, 6);
        settings.max_iter = max_iter;
        struct start *start = start_with_empty_clusters(f.rows, &settings);
        size_t count[6];
        count_clusters(start, count);
        for (size_t k = 0; k < 6; k++)
            ck_assert_uint_gt(count[k], 0);
        check_assignment(&f, start);
        start_destroy(&start);
    }
    fixture_destroy(&f);
}
END_TEST

/* The smallest data: one row; as many rows as components; rows all alike. */
START_TEST(tiny_data)
{
    const double one[] = {3, -1}, three[] = {1, 2, 5}, alike[] = {4, 4, 4, 4};
    const struct ref_data data[] = {{1, 2, one, NULL}, {3, 1, three, NULL}, {4, 1, alike, NULL}};
    const size_t n_components[] = {1, 3, 1};
    for (size_t i = 0; i < 3; i++) {
        struct rows *rows = fixture_rows(&data[i], NULL, 0);
        for (size_t j = 0; j < N_ROW_INITS; j++) {
            struct start_settings settings = settings_for(row_inits[j], n_components[i]);
            struct start *start = fixture_start(rows, &settings, 2);
            ck_assert(!start->short_of_rows);
            check_distinct_rows(rows, start);
            start_destroy(&start);
            settings.n_components = rows->n_distinct + 2;
            start = fixture_start(rows, &settings, 2);
            ck_assert(start->short_of_rows && start->done);
            for (size_t k = 0; k < settings.n_components; k++)
                ck_assert_uint_lt(row_of_mean(rows, start, k), rows->n_rows);
            start_destroy(&start);
        }
        rows_destroy(&rows);
    }
}
END_TEST

/* A start has the same bits for any number of threads. */
START_TEST(threads_change_nothing)
{
    enum { K = 9 };
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 7, 5, 20000, 3);
    struct start_settings settings = settings_for(INIT_kmeanspp, K);
    settings.max_iter = 12;
    struct start *start = fixture_start(f.rows, &settings, 1);
    for (int n_threads = 2; n_threads < 8; n_threads += 1 + n_threads % 2 * 3) {
        struct start *other = fixture_start(f.rows, &settings, n_threads);
        ck_assert_mem_eq(other->means, start->means, K * 3 * sizeof *start->means);
        ck_assert_mem_eq(other->assignment, start->assignment,
                         f.rows->n_rows * sizeof *start->assignment);
        start_destroy(&other);
    }
    start_destroy(&start);
    fixture_destroy(&f);
}
END_TEST

/* Which starts give clusters, which responsibilities at random, and which neither; and for which
 * another restart can differ. */
START_TEST(kinds_of_start)
{
    static const struct {
        enum init init;
        bool clusters, random;
        enum start_shape shape;
    } kinds[] = {{INIT_points, false, false, START_DATA},
                 {INIT_identity, false, false, START_IDENTITY},
                 {INIT_parameters, false, false, START_RANDOM},
                 {INIT_random_resp, false, true, START_DATA},
                 {INIT_kmeans, true, false, START_DATA},
                 {INIT_kmeanspp, true, false, START_DATA},
                 {INIT_small_em, false, false, START_DATA}};
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 2, 5, 300, 2);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct start_settings settings = settings_for(kinds[i].init, 3);
        struct start *start = fixture_start(f.rows, &settings, 1);
        ck_assert_int_eq(start->assignment != NULL, kinds[i].clusters);
        ck_assert_int_eq(start_has_responsibilities(start), kinds[i].clusters || kinds[i].random);
        if (!kinds[i].clusters && !kinds[i].random) ck_assert_int_eq(start->shape, kinds[i].shape);
        ck_assert(!start_varies(kinds[i].init, 1) && start_varies(kinds[i].init, 2));
        start_destroy(&start);
    }
    ck_assert(!start_varies(INIT_labels, 3) && !start_varies(INIT_file, 3));
    fixture_destroy(&f);
}
END_TEST

/* Random responsibilities: positive, each row's summing to its weight, of every size, and another
 * restart's are others; a row's do not depend on the other rows. */
START_TEST(responsibilities_are_random)
{
    enum { K = 4, N = 600 };
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 2, 5, N, 2), half = f;
    half.data.n_rows = N / 2;
    half.rows = fixture_rows(&half.data, NULL, 0);
    struct start_settings settings = settings_for(INIT_random_resp, K);
    struct start *start = fixture_start(f.rows, &settings, 1);
    struct start *of_half = fixture_start(half.rows, &settings, 1);
    settings.restart = 1;
    struct start *other = fixture_start(f.rows, &settings, 1);
    double *resp = fixture_doubles(K * ROWS_CHUNK), *others = fixture_doubles(K * ROWS_CHUNK);
    double *sum = fixture_doubles(ROWS_CHUNK), least = 1, most = 0;
    start_responsibilities(start, 0, resp);
    start_responsibilities(of_half, 0, others);
    ck_assert_mem_eq(resp, others, K * ROWS_CHUNK * sizeof *resp);
    start_responsibilities(other, 0, others);
    for (size_t i = 0; i < K * ROWS_CHUNK; i++) {
        sum[i % ROWS_CHUNK] += resp[i];
        least = fmin(least, resp[i]);
        most = fmax(most, resp[i]);
    }
    ck_all_close(ROWS_CHUNK, sum, f.rows->weight, 4 * DBL_EPSILON, 0);
    ck_assert(least >= 0 && least < 0.01 && most > 0.6);
    ck_assert_mem_ne(resp, others, ROWS_CHUNK * sizeof *resp);
    start_responsibilities(start, 2, resp); /* of N = 600 the last chunk has 88 rows */
    for (size_t i = 0; i < K * ROWS_CHUNK; i++)
        if (i % ROWS_CHUNK >= 88) ck_assert(resp[i] == 0);
    free(sum);
    free(others);
    free(resp);
    start_destroy(&other);
    start_destroy(&of_half);
    start_destroy(&start);
    rows_destroy(&half.rows);
    fixture_destroy(&f);
}
END_TEST

/* Random parameters: means in the data's box and different; covariances A A' that are positive
 * definite, of the features' size, and the same on the diagonal whatever the family reads. */
START_TEST(parameters_are_random)
{
    enum { K = 6, D = 3 };
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 2, 5, 900, D);
    struct start_settings settings = settings_for(INIT_parameters, K);
    struct start *start = fixture_start(f.rows, &settings, 1);
    double *work = fixture_doubles(start_covariance_work(D, true)), diagonal[3 * D];
    for (size_t k = 0; k < K; k++) {
        long double full[D * D], lower[D * D];
        const double *covariance = start_covariance(start, k, true, work);
        for (size_t i = 0; i < D * D; i++)
            full[i] = covariance[i % D <= i / D ? i : i % D * D + i / D];
        ck_assert(ref_cholesky(D, full, lower));
        const double *own = start_covariance(start, k, false, diagonal);
        for (size_t d = 0; d < D; d++) {
            const double mean = start->means[k * D + d];
            ck_assert(mean >= f.rows->low[d] && mean <= f.rows->high[d]);
            ck_close(own[d], (double)full[d * (D + 1)], 1e-15, 0);
            ck_assert(own[d] > 0 && own[d] <= f.rows->variance[d]);
            for (size_t j = 0; j < k; j++)
                ck_assert(mean != start->means[j * D + d]);
        }
    }
    free(work);
    start_destroy(&start);
    fixture_destroy(&f);
}
END_TEST

/* The identity is that of the user's units. */
START_TEST(identity_is_in_the_users_units)
{
    enum { D = 3 };
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 2, 500, 900, D);
    struct start_settings settings = settings_for(INIT_identity, 2);
    struct start *start = fixture_start(f.rows, &settings, 1);
    double *work = fixture_doubles(start_covariance_work(D, true));
    const double *covariance = start_covariance(start, 1, true, work);
    for (size_t i = 0; i < D; i++)
        for (size_t j = 0; j <= i; j++)
            ck_assert(ldexp(covariance[i * D + j], f.rows->exponent[i] + f.rows->exponent[j]) ==
                      (i == j));
    covariance = start_covariance(start, 0, false, work);
    for (size_t d = 0; d < D; d++)
        ck_assert(ldexp(covariance[d], 2 * f.rows->exponent[d]) == 1);
    free(work);
    start_destroy(&start);
    fixture_destroy(&f);
}
END_TEST

static Suite *start_suite(void)
{
    Suite *suite = suite_create("start");
    TCase *start = tcase_create("start");
    tcase_add_test(start, means_are_distinct_rows);
    tcase_add_loop_test(start, seeds_equal_twin, 0, 2);
    tcase_add_test(start, seeds_ignore_n_components);
    tcase_add_test(start, starts_differ_by_key);
    tcase_add_test(start, restarts_differ);
    tcase_add_test(start, lloyd_never_rises);
    tcase_add_test(start, lloyd_ends_at_a_fixed_point);
    tcase_add_test(start, lloyd_stops_where_told);
    tcase_add_test(start, empty_clusters_are_refilled);
    tcase_add_test(start, tiny_data);
    tcase_add_test(start, threads_change_nothing);
    tcase_add_test(start, kinds_of_start);
    tcase_add_test(start, responsibilities_are_random);
    tcase_add_test(start, parameters_are_random);
    tcase_add_test(start, identity_is_in_the_users_units);
    suite_add_tcase(suite, start);
    return suite;
}

CHECK_MAIN(start_suite)
