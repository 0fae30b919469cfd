/* What a fit computes: against a naive EM, and by the properties that every EM has. How fits end is
 * in check_outcome.c. */
#include "em.h"

#include "fixture.h"

#include <float.h>
#include <string.h>

/* --- a naive fit --- */

enum { MOST_ENTRIES = 32 };

struct naive {
    const struct ref_data *data;
    struct ref_rules rules;
    struct ref_mixture *mixture;
    long double *resp;  /* [N, K] of the last E-step */
    long double *count; /* [K] */
    double loglik[MOST_ENTRIES], elbo[MOST_ENTRIES];
    size_t n_entries;
};

static void naive_m_step(struct naive *naive)
{
    ref_m_step(naive->data, &naive->rules, naive->resp, naive->mixture, naive->count);
}

/* resp [N, K] of a start. */
static void naive_responsibilities(struct naive *naive, const struct start *start)
{
    const size_t n_components = start->settings.n_components;
    double *resp = fixture_doubles(n_components * ROWS_CHUNK);
    for (size_t n = 0; n < naive->data->n_rows; n++) {
        if (n % ROWS_CHUNK == 0) start_responsibilities(start, n / ROWS_CHUNK, resp);
        for (size_t k = 0; k < n_components; k++)
            naive->resp[n * n_components + k] = start->assignment != NULL
                                                    ? (size_t)start->assignment[n] == k
                                                    : resp[k * ROWS_CHUNK + n % ROWS_CHUNK] /
                                                          (long double)ref_weight(naive->data, n);
    }
    free(resp);
}

/* The covariance that a start gives component k, in the user's units. */
static void naive_covariance(const struct start *start, size_t k, long double *covariance)
{
    const struct rows *rows = start->rows;
    const size_t n = rows->n_features;
    double *work = fixture_doubles(start_covariance_work(n, true));
    const double *given = start_covariance(start, k, true, work);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            covariance[i * n + j] =
                ldexpl(given[i > j ? i * n + j : j * n + i], rows->exponent[i] + rows->exponent[j]);
    free(work);
}

/* The start's model: an M-step from its responsibilities, or its means with the covariances that it
 * gives and equal weights. */
static void naive_begin(struct naive *naive, const struct start *start)
{
    const size_t n_components = start->settings.n_components;
    const size_t n_features = naive->data->n_features, size = n_features * n_features;
    struct ref_mixture *mixture = naive->mixture;
    if (start_has_responsibilities(start)) {
        struct ref_rules rules = naive->rules;
        if (start->assignment == NULL) naive->rules.ddof = 0;
        naive_responsibilities(naive, start);
        naive_m_step(naive);
        naive->rules = rules;
        return;
    }
    double *means = fixture_user_means(start->rows, n_components, start->means);
    for (size_t k = 0; k < n_components; k++) {
        mixture->weights[k] = 1 / (long double)n_components;
        for (size_t d = 0; d < n_features; d++)
            mixture->means[k * n_features + d] = means[k * n_features + d];
        naive_covariance(start, naive->rules.family == FAMILY_tied ? 0 : k,
                         mixture->covariances + k * size);
        ref_restrict(naive->data, &naive->rules, mixture->covariances + k * size);
    }
    free(means);
}

static struct naive *naive_fit(const struct ref_data *data, const struct ref_rules *rules,
                               const struct start *start, size_t n_steps)
{
    const size_t n_components = start->settings.n_components;
    struct naive *naive = calloc(1, sizeof *naive);
    naive->data = data;
    naive->rules = *rules;
    naive->mixture = ref_mixture_create(n_components, data->n_features);
    naive->resp = malloc(data->n_rows * n_components * sizeof *naive->resp);
    naive->count = malloc(n_components * sizeof *naive->count);
    naive_begin(naive, start);
    if (n_components > 1) naive->rules.ddof = 0; /* only groups that are hard have it */
    for (size_t t = 0; t <= n_steps; t++) {
        if (t > 0) {
            naive_m_step(naive);
            naive->elbo[t] = (double)ref_elbo(data, naive->resp, naive->mixture);
        }
        naive->loglik[t] = (double)ref_e_step(data, naive->mixture, naive->resp);
    }
    naive->elbo[0] = naive->loglik[0];
    naive->n_entries = n_steps + 1;
    return naive;
}

static void naive_destroy(struct naive **naive)
{
    free((*naive)->count);
    free((*naive)->resp);
    ref_mixture_destroy(&(*naive)->mixture);
    free(*naive);
    *naive = NULL;
}

/* Asserts that two mixtures agree: weights relatively, means and covariances against the data's
 * deviations. */
static void check_mixture(const struct ref_data *data, const struct ref_mixture *actual,
                          const struct ref_mixture *expected, double tolerance)
{
    const size_t n = expected->n_features;
    double deviation[n];
    for (size_t d = 0; d < n; d++)
        deviation[d] = sqrt((double)ref_variance(data, d));
    for (size_t k = 0; k < expected->n_components; k++) {
        const size_t at = k * n;
        ck_close((double)actual->weights[k], (double)expected->weights[k], tolerance, 0);
        for (size_t d = 0; d < n; d++)
            ck_close((double)actual->means[at + d], (double)expected->means[at + d], 0,
                     tolerance * deviation[d]);
        for (size_t i = 0; i < n * n; i++)
            ck_close((double)actual->covariances[at * n + i],
                     (double)expected->covariances[at * n + i], 0,
                     tolerance * deviation[i / n] * deviation[i % n]);
    }
}

/* --- against the naive fit --- */

static const struct {
    size_t n_rows, n_features, n_components, n_steps;
    enum init init;
    bool weighted;
    enum mixing mixing;
    double floor, floor_absolute, ridge, ddof;
} cases[] = {
    {20, 1, 1, 3, INIT_points, false, MIXING_free, 0, 0, 0, 0},
    {200, 2, 3, 20, INIT_points, false, MIXING_free, 0, 0, 0, 0},
    {257, 3, 2, 20, INIT_kmeanspp, false, MIXING_free, 0, 0, 0, 0},
    {1500, 4, 5, 12, INIT_kmeanspp, false, MIXING_free, 1e-6, 0, 0, 0},
    {3000, 2, 9, 12, INIT_points, true, MIXING_free, 1e-6, 0, 0, 0},
    {2500, 3, 4, 12, INIT_kmeans, true, MIXING_equal, 0, 0, 0, 0},
    {900, 17, 3, 6, INIT_kmeanspp, false, MIXING_free, 1e-6, 0, 0, 0},
    {400, 40, 2, 4, INIT_points, false, MIXING_free, 1e-6, 0, 0, 0},
    {800, 3, 3, 12, INIT_identity, false, MIXING_free, 1e-6, 0, 0, 0},
    {800, 3, 3, 12, INIT_parameters, true, MIXING_free, 1e-6, 0, 0, 0},
    {800, 3, 3, 12, INIT_random_resp, true, MIXING_free, 1e-6, 0, 0, 0},
    /* floors and ridge that bind */
    {700, 3, 4, 12, INIT_points, false, MIXING_free, 0.3, 0, 0, 0},
    {700, 3, 4, 12, INIT_points, true, MIXING_free, 0, 3, 0, 0},
    {700, 3, 4, 12, INIT_kmeanspp, false, MIXING_equal, 0, 0, 0.7, 0},
    {700, 3, 4, 12, INIT_points, false, MIXING_free, 0.2, 0, 0.5, 0},
    /* divisors N_k - 1 and N_k - 3 */
    {60, 3, 4, 5, INIT_kmeanspp, false, MIXING_free, 0, 0, 0, 1},
    {60, 3, 1, 3, INIT_points, true, MIXING_free, 0, 0, 0, 3},
};
enum { N_CASES = sizeof cases / sizeof *cases };

/* Data and fit of a case. */
static struct fixture case_data(size_t i, double *weight, struct rows **rows)
{
    uint64_t rng = test_seed() + i;
    struct fixture f =
        fixture_create(&rng, cases[i].n_components, 6, cases[i].n_rows, cases[i].n_features);
    for (size_t n = 0; n < f.data.n_rows; n++)
        weight[n] = 0.25 + test_uniform(&rng);
    if (cases[i].weighted) f.data.weight = weight;
    *rows = fixture_rows(&f.data, NULL, 0);
    return f;
}

static struct fixture_fit case_fit(size_t i, enum family_id family)
{
    struct fixture_fit fit = fixture_fit_settings(family, cases[i].n_components);
    fit.start.init = cases[i].init;
    fit.em.reg.floor = cases[i].floor;
    fit.em.reg.floor_absolute = cases[i].floor_absolute;
    fit.em.reg.ridge = cases[i].ridge;
    fit.em.ddof = cases[i].ddof;
    fit.em.mixing = cases[i].mixing;
    fit.em.tol = 0;
    fit.em.max_iter = (int64_t)cases[i].n_steps;
    return fit;
}

/* Asserts that a fit is the naive one: every entry of the trace, its bound, the final model and its
 * counts. Tied fits sum the distances in another way: they lose what the condition takes. */
static void check_fit(const struct ref_data *data, const struct rows *rows, size_t i,
                      const struct fixture_fit *fit)
{
    const struct regularisation reg = fit->em.reg;
    const struct ref_rules rules = {fit->em.family, reg.floor,    reg.floor_absolute,
                                    reg.ridge,      fit->em.ddof, fit->em.mixing == MIXING_equal};
    struct start_settings settings = fit->start;
    struct em *em = fixture_fit(rows, fit);
    settings.redraw = em->redraw; /* random parameters may leave a component without rows */
    struct start *start = fixture_start(rows, &settings, 1);
    struct naive *naive = naive_fit(data, &rules, start, cases[i].n_steps);
    ck_assert_uint_eq(em->n_entries, naive->n_entries);
    for (size_t t = 0; t < em->n_entries; t++) {
        ck_close(em->trace[t].loglik, naive->loglik[t], 1e-10, 0); /* as truth.md asks */
        ck_close(em->trace[t].elbo, naive->elbo[t], 1e-10, 0);
    }
    struct ref_mixture *mixture = fixture_mixture(rows, em->model);
    check_mixture(data, mixture, naive->mixture, 1e-10);
    naive_m_step(naive); /* for the counts under the final model */
    for (size_t k = 0; k < fit->em.n_components; k++)
        ck_close(em->count[k], (double)naive->count[k], 1e-10, 0);
    ref_mixture_destroy(&mixture);
    em_destroy(&em);
    naive_destroy(&naive);
    start_destroy(&start);
}

/* A fit is the naive EM from the same start, for each family, in all variants of start and M-step;
 * so is one by the reference kernels. */
START_TEST(fit_equals_twin)
{
    const enum family_id family = (enum family_id)_i;
    double *weight = fixture_doubles(3000);
    for (size_t i = 0; i < N_CASES; i++) {
        struct rows *rows;
        struct fixture f = case_data(i, weight, &rows);
        struct fixture_fit fit = case_fit(i, family);
        check_fit(&f.data, rows, i, &fit);
        if (i % 3 == 0) {
            fit.em.kernel = KERNEL_reference;
            check_fit(&f.data, rows, i, &fit);
        }
        rows_destroy(&rows);
        fixture_destroy(&f);
    }
    free(weight);
}
END_TEST

/* --- properties of the trace --- */

/* Shapes for which EM has something to do; in the last ones with more components than clusters. */
static const size_t shapes[][3] = {{100, 1, 2},  {300, 2, 3},   {1000, 5, 4}, {3000, 3, 8},
                                   {500, 12, 3}, {2000, 2, 20}, {200, 4, 6}};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static struct fixture shape_data(size_t shape)
{
    uint64_t rng = test_seed() + shape;
    return fixture_create(&rng, 4, 5, shapes[shape][0], shapes[shape][1]);
}

/* The largest squared length of a standardised row over the smallest eigenvalue of a standardised
 * covariance: above truth.md's q for every family. */
static double largest_ratio(const struct ref_data *data, const struct ref_mixture *mixture)
{
    const size_t n = data->n_features;
    long double mean[n], deviation[n], scaled[n * n], values[n], vectors[n * n];
    long double least = HUGE_VALL, most = 0;
    for (size_t d = 0; d < n; d++) {
        mean[d] = ref_mean(data, d);
        deviation[d] = sqrtl(ref_variance(data, d));
    }
    for (size_t k = 0; k < mixture->n_components; k++) {
        for (size_t i = 0; i < n * n; i++)
            scaled[i] = mixture->covariances[k * n * n + i] / (deviation[i / n] * deviation[i % n]);
        ref_eigen(n, scaled, values, vectors);
        for (size_t d = 0; d < n; d++)
            least = fminl(least, values[d]);
    }
    for (size_t i = 0; i < data->n_rows; i++) {
        long double square = 0;
        for (size_t d = 0; d < n; d++) {
            const long double t = (data->x[i * n + d] - mean[d]) / deviation[d];
            square += t * t;
        }
        most = fmaxl(most, square);
    }
    return (double)(most / least);
}

/* What rounding may take from a log-likelihood, by truth.md; of diag fits there is no term of q. */
static double most_drop(const struct fixture *f, const struct em *em)
{
    const double n_rows = (double)f->data.n_rows, last = em->trace[em->n_entries - 1].loglik;
    struct ref_mixture *mixture = fixture_mixture(f->rows, em->model);
    const double q = em->model->family == FAMILY_diag ? 0 : largest_ratio(&f->data, mixture);
    ref_mixture_destroy(&mixture);
    return 1e-12 * (fabs(last) + n_rows * (double)f->data.n_features) +
           8 * DBL_EPSILON * n_rows * q;
}

/* Asserts what every trace without ridge obeys. */
static void check_trace(const struct fixture *f, const struct em *em)
{
    const struct em_entry *trace = em->trace;
    const double slack = most_drop(f, em);
    double largest = 0;
    ck_assert_uint_gt(em->n_entries, 2);
    ck_assert(trace[0].elbo == trace[0].loglik);
    for (size_t t = 1; t < em->n_entries; t++) {
        ck_assert_double_ge(trace[t].loglik, trace[t - 1].loglik - slack);
        ck_assert_double_ge(trace[t].elbo, trace[t - 1].loglik - slack);
        ck_assert_double_le(trace[t].elbo, trace[t].loglik + slack);
        ck_assert_double_ge(trace[t].wall_s, trace[t - 1].wall_s);
        largest = fmax(largest, trace[t - 1].loglik - trace[t].loglik);
    }
    ck_assert(em->max_drop == largest);
}

/* Without ridge the log-likelihood never falls, floor or not, and every bound lies between the
 * entry before and its own; times do not run backwards; the largest fall is told. */
START_TEST(loglik_never_falls)
{
    const double floors[] = {0, 1e-6, 0.1};
    for (size_t shape = 0; shape < N_SHAPES; shape++) {
        struct fixture f = shape_data(shape);
        for (size_t i = 0; i < 6; i++) {
            struct fixture_fit fit = fixture_fit_settings((enum family_id)_i, shapes[shape][2]);
            fit.start.init = i < 3 ? INIT_points : INIT_kmeanspp;
            fit.em.reg.floor = floors[i % 3];
            fit.em.max_iter = 100;
            fit.em.tol = 1e-12;
            struct em *em = fixture_fit(f.rows, &fit);
            check_trace(&f, em);
            em_destroy(&em);
        }
        fixture_destroy(&f);
    }
}
END_TEST

/* A ridge is no maximisation: from where a fit without has converged the log-likelihood falls, and
 * by how much is told. */
START_TEST(ridge_may_fall_and_tells)
{
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 4, 5, 500, 2);
    struct fixture_fit fit = fixture_fit_settings((enum family_id)_i, 4);
    struct em *peak = fixture_fit(f.rows, &fit);
    fit.em.reg = (struct regularisation){.ridge = 0.3};
    fit.em.tol = 0;
    fit.em.max_iter = 30;
    struct em *em = fixture_fit_from(f.rows, &fit, peak->model);
    double largest = 0;
    for (size_t t = 1; t < em->n_entries; t++)
        largest = fmax(largest, em->trace[t - 1].loglik - em->trace[t].loglik);
    ck_assert_double_gt(largest, 0.1);
    ck_assert(em->max_drop == largest);
    em_destroy(&em);
    em_destroy(&peak);
    fixture_destroy(&f);
}
END_TEST

/* Asserts that the last entry of a trace is the model's log-likelihood, to what truth.md asks, and
 * that the held-out mean is that too where the held-out rows are the fitted ones. */
static void check_last_entry(const struct ref_data *data, const struct rows *rows,
                             const struct em *em)
{
    const double last = em->trace[em->n_entries - 1].loglik;
    struct ref_mixture *mixture = fixture_mixture(rows, em->model);
    ck_close(last, (double)ref_loglik(data, mixture), 1e-10, 0);
    if (em->heldout_rows == rows) ck_close(em->heldout * rows->total_weight, last, 1e-10, 0);
    ref_mixture_destroy(&mixture);
}

/* The last entry of the trace is the stored model's log-likelihood; its weights sum to 1, and N
 * times a weight is the sum of the responsibilities that it was made from. */
START_TEST(trace_ends_at_the_model)
{
    for (size_t shape = 0; shape < N_SHAPES; shape++) {
        struct fixture f = shape_data(shape);
        for (int64_t max_iter = 1; max_iter < 200; max_iter *= 6) {
            struct fixture_fit fit = fixture_fit_settings((enum family_id)_i, shapes[shape][2]);
            fit.em.tol = 0;
            fit.em.max_iter = max_iter;
            fit.heldout = f.rows;
            struct em *em = fixture_fit(f.rows, &fit);
            fit.em.max_iter--;
            struct em *before = fixture_fit(f.rows, &fit);
            ck_assert_uint_eq(em->n_entries, (size_t)max_iter + 1);
            check_last_entry(&f.data, f.rows, em);
            double weights = 0;
            for (size_t k = 0; k < fit.em.n_components; k++) {
                weights += em->model->weights[k];
                /* sums of N responsibilities, each rounded in its own order */
                ck_close(em->model->weights[k] * f.rows->total_weight, before->count[k], 1e-12, 0);
            }
            ck_close(weights, 1, 0, 1e-14); /* the promise of truth.md */
            em_destroy(&before);
            em_destroy(&em);
        }
        fixture_destroy(&f);
    }
}
END_TEST

/* Asserts that two fits' models agree. */
static void check_models(const struct ref_data *data, const struct rows *rows, const struct em *a,
                         const struct em *b, double tolerance)
{
    struct ref_mixture *actual = fixture_mixture(rows, a->model);
    struct ref_mixture *expected = fixture_mixture(rows, b->model);
    check_mixture(data, actual, expected, tolerance);
    ref_mixture_destroy(&expected);
    ref_mixture_destroy(&actual);
}

/* Three round clusters of 200 rows in three dimensions, `distance` deviations from each other or
 * more, with their labels, from which a fit starts where it will stay. */
static struct fixture separated(double distance)
{
    enum { N = 600, D = 3 };
    uint64_t rng = test_seed();
    struct fixture f = {.x = fixture_doubles(N * D)};
    int32_t label[N];
    for (size_t i = 0; i < N * D; i++) {
        label[i / D] = (int32_t)(i / D % 3);
        f.x[i] = test_normal(&rng) + (i / D % 3 == i % D ? distance : 0);
    }
    f.data = (struct ref_data){N, D, f.x, NULL};
    f.rows = fixture_rows(&f.data, label, 3);
    return f;
}

/* Where a fit has converged it stays: started from there it ends at once, and many iterations more
 * change nothing but roundings. */
START_TEST(converged_model_stays)
{
    struct fixture f = separated(5);
    struct fixture_fit fit = fixture_fit_settings((enum family_id)_i, 3);
    fit.start.init = INIT_labels;
    fit.em.tol = 0;
    fit.em.max_iter = 1000;
    struct em *em = fixture_fit(f.rows, &fit);
    const double last = em->trace[1000].loglik, slack = most_drop(&f, em);
    fit.em.max_iter = 500;
    struct em *longer = fixture_fit_from(f.rows, &fit, em->model);
    for (size_t t = 0; t <= 500; t++)
        ck_assert_double_le(fabs(longer->trace[t].loglik - last), slack);
    check_models(&f.data, f.rows, longer, em, 1e-12);
    fit.em.tol = 1e-6;
    struct em *again = fixture_fit_from(f.rows, &fit, em->model);
    ck_assert_int_eq(again->outcome, OUTCOME_converged);
    ck_assert_uint_eq(again->n_entries, 2);
    em_destroy(&again);
    em_destroy(&longer);
    em_destroy(&em);
    fixture_destroy(&f);
}
END_TEST

/* Clusters so far apart that every responsibility is 0 or 1 are a fixed point: from their moments
 * nothing moves, and the fit ends after one M-step. */
START_TEST(separated_clusters_stay)
{
    struct fixture f = separated(1e3);
    struct fixture_fit fit = fixture_fit_settings((enum family_id)_i, 3);
    fit.start.init = INIT_labels;
    fit.em.tol = 1e-9;
    fit.em.reg.floor = 0; /* these variances are near 1e-6 of the features' own */
    struct em *em = fixture_fit(f.rows, &fit);
    ck_assert_int_eq(em->outcome, OUTCOME_converged);
    ck_assert_uint_eq(em->n_entries, 2);
    ck_assert(em->entropy == 0);
    fit.em.max_iter = 0;
    struct em *start = fixture_fit(f.rows, &fit);
    /* means are rounded to 1e-16 of the units of rows.h, in which deviations are 1e-3; a tied
     * covariance is a difference of terms 1e6 times as large */
    check_models(&f.data, f.rows, em, start, 1e-10);
    em_destroy(&start);
    em_destroy(&em);
    fixture_destroy(&f);
}
END_TEST

/* max_iter 0 returns the start: a given model to 2 ulp of each feature's range, as truth.md asks.
 */
START_TEST(max_iter_0_returns_the_start)
{
    enum { K = 5, D = 3 };
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 3, 10, 1000, D);
    for (size_t i = 0; i < 1000 * D; i++)
        f.x[i] += 1e4; /* far from where it is stored */
    struct rows *rows = fixture_rows(&f.data, NULL, 0);
    struct fixture_fit fit = fixture_fit_settings((enum family_id)_i, K);
    fit.em.max_iter = 3;
    struct em *source = fixture_fit(rows, &fit);
    struct model *given = source->model, *user = NULL;
    ck_ok(model_create(fit.em.family, K, D, &user, &err));
    model_copy(given, user);
    model_to_user(rows, user); /* as a file has it */
    model_copy(user, given);
    model_from_user(rows, given);
    fit.em.max_iter = 0;
    struct em *em = fixture_fit_from(rows, &fit, given);
    ck_assert_int_eq(em->outcome, OUTCOME_max_iter);
    ck_assert_uint_eq(em->n_entries, 1);
    model_to_user(rows, em->model);
    for (size_t i = 0; i < K * D; i++)
        ck_close(em->model->means[i], user->means[i], 0,
                 2 * ldexp(DBL_EPSILON, rows->exponent[i % D]));
    ck_all_close(user->n_covariances, em->model->covariances, user->covariances, DBL_EPSILON, 0);
    ck_all_close(K, em->model->weights, user->weights, 0, 0);
    model_destroy(&user);
    em_destroy(&em);
    em_destroy(&source);
    rows_destroy(&rows);
    fixture_destroy(&f);
}
END_TEST

/* small-em goes on from the best of its trials, each of which is a fit of ten iterations from a
 * start of its own. */
START_TEST(small_em_takes_the_best)
{
    enum { N_TRIALS = 6 };
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 6, 4, 800, 2);
    struct fixture_fit fit = fixture_fit_settings((enum family_id)_i, 6);
    fit.start.init = INIT_small_em;
    fit.em.n_trials = N_TRIALS;
    fit.em.max_iter = 5;
    fit.em.tol = 0;
    struct em *em = fixture_fit(f.rows, &fit), *best = NULL;
    double first[N_TRIALS];
    fit.em.n_trials = 0;
    fit.em.max_iter = 10;
    for (uint64_t trial = 0; trial < N_TRIALS; trial++) {
        fit.start.trial = trial;
        struct em *short_fit = fixture_fit(f.rows, &fit);
        first[trial] = short_fit->trace[0].loglik;
        for (uint64_t earlier = 0; earlier < trial; earlier++)
            ck_assert(first[earlier] != first[trial]);
        if (best == NULL || short_fit->trace[10].loglik > best->trace[10].loglik) {
            struct em *keep = best;
            best = short_fit;
            short_fit = keep;
        }
        if (short_fit != NULL) em_destroy(&short_fit);
    }
    ck_assert_uint_eq(em->n_entries, 6);
    /* its factors are made anew, by the same arithmetic */
    ck_assert(em->trace[0].loglik == best->trace[10].loglik);
    em_destroy(&best);
    em_destroy(&em);
    fixture_destroy(&f);
}
END_TEST

/* --- what may not change a fit --- */

/* Asserts that two fits have the same bits in all that is stored. */
static void check_same_bits(const struct em *a, const struct em *b)
{
    const size_t n_components = a->model->n_components, n_features = a->model->n_features;
    ck_assert_int_eq(a->outcome, b->outcome);
    ck_assert_uint_eq(a->redraw, b->redraw);
    ck_assert_uint_eq(a->n_entries, b->n_entries);
    for (size_t t = 0; t < a->n_entries; t++)
        ck_assert(a->trace[t].loglik == b->trace[t].loglik && a->trace[t].elbo == b->trace[t].elbo);
    ck_assert_mem_eq(a->model->weights, b->model->weights, n_components * sizeof(double));
    ck_assert_mem_eq(a->model->means, b->model->means, n_components * n_features * sizeof(double));
    ck_assert_mem_eq(a->model->covariances, b->model->covariances,
                     a->model->n_covariances * sizeof(double));
    ck_assert_mem_eq(a->count, b->count, n_components * sizeof(double));
    ck_assert(a->entropy == b->entropy && a->max_drop == b->max_drop);
}

/* Fits have the same bits on any number of threads, alone or in the company of others. */
START_TEST(threads_and_company_change_nothing)
{
    enum { N_FITS = 12 };
    static const enum init inits[] = {INIT_kmeanspp, INIT_points, INIT_random_resp, INIT_parameters,
                                      INIT_kmeans};
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 5, 5, 9000, 3);
    struct fixture_fit fits[N_FITS];
    struct em *alone[N_FITS], *together[N_FITS];
    for (size_t i = 0; i < N_FITS; i++) {
        fits[i] = fixture_fit_settings((enum family_id)(i % N_FAMILIES), 1 + i % 7);
        fits[i].start.init = inits[i % 5];
        fits[i].start.restart = i;
        fits[i].em.max_iter = (int64_t)(2 * i + 3);
        alone[i] = fixture_fit(f.rows, &fits[i]);
    }
    const int n_threads[] = {1, 2, 3, 7};
    for (size_t i = 0; i < 4; i++) {
        fixture_fit_all(f.rows, fits, N_FITS, n_threads[i], together);
        for (size_t j = 0; j < N_FITS; j++) {
            check_same_bits(together[j], alone[j]);
            em_destroy(&together[j]);
        }
    }
    for (size_t i = 0; i < N_FITS; i++)
        em_destroy(&alone[i]);
    fixture_destroy(&f);
}
END_TEST

/* Runs a fit that is made to be heavy, by being told while it is created that there are a million
 * rows. */
static struct em *heavy_fit(struct rows *rows, const struct fixture_fit *fit, int n_threads)
{
    struct em *em = NULL;
    struct start *start = fixture_start(rows, &fit->start, 1);
    struct engine *engine = fixture_engine(rows, n_threads, fit->em.n_components);
    const size_t n_rows = rows->n_rows;
    rows->n_rows = 1 << 20;
    ck_ok(em_create(rows, NULL, &fit->em, &em, &err));
    rows->n_rows = n_rows;
    ck_assert_ptr_nonnull(em->batch);
    while (em->phase != EM_DONE) {
        struct task *task = &em->task;
        if (em->phase == EM_WANTS_START) em_begin(em, start);
        ck_ok(em_prepare(em, &err));
        engine_tick(engine, &task, 1);
    }
    engine_destroy(&engine);
    start_destroy(&start);
    return em;
}

/* A heavy fit, which gathers its statistics by component and stripe instead of by lane, is the
 * light one up to the order of addition, with the same bits on any number of threads. */
START_TEST(heavy_fit_equals_light_one)
{
    enum { D = 65, K = 8 };
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, K, 3, 20000, D);
    struct fixture_fit fit = fixture_fit_settings(FAMILY_full, K);
    fit.em.tol = 0;
    fit.em.max_iter = 2;
    fit.em.redraws = 0;
    struct em *light = fixture_fit(f.rows, &fit), *heavy = heavy_fit(f.rows, &fit, 1);
    for (size_t t = 0; t < 3; t++)
        ck_close(heavy->trace[t].loglik, light->trace[t].loglik, 1e-12, 0);
    check_models(&f.data, f.rows, heavy, light, 1e-11);
    struct em *other = heavy_fit(f.rows, &fit, 3);
    check_same_bits(other, heavy);
    em_destroy(&other);
    em_destroy(&heavy);
    em_destroy(&light);
    fixture_destroy(&f);
}
END_TEST

/* A fit of 30 iterations of the data x s + c, from the same rows. */
static struct em *moved_fit(const struct fixture *f, enum family_id family, double s, double c,
                            struct rows **rows)
{
    struct ref_data data = f->data;
    double *x = fixture_doubles(data.n_rows * data.n_features);
    for (size_t i = 0; i < data.n_rows * data.n_features; i++)
        x[i] = s * f->x[i] + c;
    data.x = x;
    *rows = fixture_rows(&data, NULL, 0);
    struct fixture_fit fit = fixture_fit_settings(family, 4);
    fit.em.tol = 0;
    fit.em.max_iter = 30;
    struct em *em = fixture_fit(*rows, &fit);
    free(x);
    return em;
}

/* Shifting the data by c and scaling them by s changes the log-likelihood by -N D ln s and moves
 * the model along, and nothing else. The tolerances are those of truth.md: x + c itself is rounded
 * to 1e-8 at 1e8. */
START_TEST(shift_and_scale_change_units_only)
{
    static const struct {
        double s, c, tolerance;
    } moves[] = {{1, 1e4, 1e-9},    {1, -1e4, 1e-9}, {1, 1e6, 1e-6},    {1, 1e8, 1e-4},
                 {1e-150, 0, 1e-9}, {1e-8, 0, 1e-9}, {3, 0, 1e-9},      {1e8, 0, 1e-9},
                 {1e150, 0, 1e-9},  {1e-3, 7, 1e-9}, {1e-100, 0, 1e-9}, {-2, 5, 1e-9}};
    const enum family_id family = (enum family_id)_i;
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 4, 6, 800, 3);
    struct rows *rows, *moved_rows;
    struct em *em = moved_fit(&f, family, 1, 0, &rows);
    const double loglik = em->trace[30].loglik, ND = (double)(f.data.n_rows * f.data.n_features);
    struct ref_mixture *mixture = fixture_mixture(rows, em->model);
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
        const double s = moves[i].s, c = moves[i].c, tolerance = moves[i].tolerance;
        struct em *moved = moved_fit(&f, family, s, c, &moved_rows);
        ck_assert_uint_eq(moved->redraw, 0);
        ck_close(moved->trace[30].loglik + ND * log(fabs(s)), loglik, tolerance, 0);
        struct ref_mixture *back = fixture_mixture(moved_rows, moved->model);
        for (size_t j = 0; j < 4 * f.data.n_features; j++)
            back->means[j] = (back->means[j] - c) / s;
        for (size_t j = 0; j < 4 * f.data.n_features * f.data.n_features; j++)
            back->covariances[j] = back->covariances[j] / s / s;
        check_mixture(&f.data, back, mixture, 10 * tolerance);
        ref_mixture_destroy(&back);
        em_destroy(&moved);
        rows_destroy(&moved_rows);
    }
    ref_mixture_destroy(&mixture);
    em_destroy(&em);
    rows_destroy(&rows);
    fixture_destroy(&f);
}
END_TEST

/* A row of weight 2 is as if it stood twice, one of weight 0 as if it were absent. */
START_TEST(weights_are_multiplicities)
{
    enum { N = 900, D = 2, K = 4 };
    uint64_t rng = test_seed();
    double *x = fixture_doubles(N * D), *repeated = fixture_doubles(2 * N * D), weight[N];
    size_t n_repeated = 0;
    fixture_draw(&rng, K, 6, N, D, x, NULL);
    for (size_t n = 0; n < N; n++) {
        weight[n] = (double)test_below(&rng, 3);
        for (size_t i = 0; i < (size_t)weight[n]; i++)
            memcpy(repeated + D * n_repeated++, x + D * n, D * sizeof *x);
    }
    const struct ref_data weighted = {N, D, x, weight}, plain = {n_repeated, D, repeated, NULL};
    struct rows *a = fixture_rows(&weighted, NULL, 0), *b = fixture_rows(&plain, NULL, 0);
    for (size_t i = 0; i < 6; i++) {
        struct fixture_fit fit = fixture_fit_settings((enum family_id)_i, K);
        fit.start.init = i % 2 == 0 ? INIT_points : INIT_kmeanspp;
        fit.start.restart = i;
        fit.em.max_iter = 40;
        fit.em.tol = 0;
        struct em *p = fixture_fit(a, &fit), *q = fixture_fit(b, &fit);
        for (size_t t = 0; t <= 40; t++)
            ck_close(p->trace[t].loglik, q->trace[t].loglik, 1e-10, 0);
        struct ref_mixture *actual = fixture_mixture(a, p->model);
        struct ref_mixture *expected = fixture_mixture(b, q->model);
        check_mixture(&plain, actual, expected, 1e-9);
        ck_close(p->entropy, q->entropy, 1e-9, 0);
        ref_mixture_destroy(&expected);
        ref_mixture_destroy(&actual);
        em_destroy(&q);
        em_destroy(&p);
    }
    rows_destroy(&b);
    rows_destroy(&a);
    free(repeated);
    free(x);
}
END_TEST

/* --- known figures --- */

/* The first n_features numbers of each line of a table with a header: x [N, D]. */
static void read_table(const char *path, size_t n_rows, size_t n_features, double *x)
{
    char line[256];
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s: run from the repository's root", path);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
    for (size_t n = 0; n < n_rows; n++) {
        char *at = fgets(line, sizeof line, file);
        ck_assert_ptr_nonnull(at);
        for (size_t d = 0; d < n_features; d++, at++) /* over the comma */
            x[n * n_features + d] = strtod(at, &at);
    }
    fclose(file);
}

/* The log-likelihood at the end of a fit from labels, converged as truth.md says. */
static double fit_from_labels(const struct ref_data *data, const int32_t *label,
                              size_t n_components, enum family_id family)
{
    struct rows *rows = fixture_rows(data, label, n_components);
    struct fixture_fit fit = fixture_fit_settings(family, n_components);
    fit.start.init = INIT_labels;
    fit.em.may_redraw = false;
    fit.em.reg.floor = 0;
    fit.em.criterion = CRITERION_relative;
    fit.em.tol = 1e-13;
    fit.em.max_iter = 10000;
    struct em *em = fixture_fit(rows, &fit);
    ck_assert_int_eq(em->outcome, OUTCOME_converged);
    const double loglik = em->trace[em->n_entries - 1].loglik;
    em_destroy(&em);
    rows_destroy(&rows);
    return loglik;
}

/* Figures of truth.md have 10 decimals; that far a relative change of 1e-13 converges. */
static const double KNOWN = 6e-11, CONVERGED = 1e-8;

/* Iris: one component of each family, and three from the species. */
START_TEST(iris_equals_known_figures)
{
    double x[600];
    int32_t species[150], one[150] = {0};
    read_table("tests/data/iris.csv", 150, 4, x);
    const struct ref_data data = {150, 4, x, NULL};
    for (int32_t n = 0; n < 150; n++)
        species[n] = n / 50;
    ck_close(fit_from_labels(&data, one, 1, FAMILY_full), -379.9146301223, 0, KNOWN);
    ck_close(fit_from_labels(&data, one, 1, FAMILY_tied), -379.9146301223, 0, KNOWN);
    ck_close(fit_from_labels(&data, one, 1, FAMILY_diag), -741.0175351853, 0, KNOWN);
    ck_close(fit_from_labels(&data, one, 1, FAMILY_spherical), -889.5161307078, 0, KNOWN);
    ck_close(fit_from_labels(&data, species, 3, FAMILY_full), -180.1854771313, 0, CONVERGED);
    ck_close(fit_from_labels(&data, species, 3, FAMILY_diag), -306.8604605064, 0, CONVERGED);
}
END_TEST

/* Old Faithful in two components that begin with long waits and short ones. */
START_TEST(faithful_equals_known_figures)
{
    double x[2 * 272];
    int32_t is_long[272];
    read_table("tests/data/faithful.csv", 272, 2, x);
    const struct ref_data data = {272, 2, x, NULL};
    for (size_t n = 0; n < 272; n++)
        is_long[n] = x[2 * n + 1] > 68;
    ck_close(fit_from_labels(&data, is_long, 2, FAMILY_full), -1130.2639601847, 0, CONVERGED);
    ck_close(fit_from_labels(&data, is_long, 2, FAMILY_tied), -1140.1867594371, 0, CONVERGED);
}
END_TEST

/* {-1, +1} with one component of any family: mean log-likelihood -(1 + ln 2 pi) / 2. */
START_TEST(two_points_of_one_component)
{
    const double x[] = {-1, 1};
    const struct ref_data data = {2, 1, x, NULL};
    struct rows *rows = fixture_rows(&data, NULL, 0);
    struct fixture_fit fit = fixture_fit_settings((enum family_id)_i, 1);
    struct em *em = fixture_fit(rows, &fit);
    ck_close(em->trace[em->n_entries - 1].loglik / 2, -1.418938533205, 0, 6e-13);
    ck_assert(em->model->weights[0] == 1 && em->count[0] == 2);
    em_destroy(&em);
    rows_destroy(&rows);
}
END_TEST

/* Two overlapping components on {-1, +1}, by hand: means -1 and 1 and variance 1 make the
 * responsibilities 1 / (1 + e^-2) and the rest, and these the next means and variances. */
START_TEST(one_iteration_by_hand)
{
    const double x[] = {-1, 1}, log_2pi = 1.83787706640934548356;
    const struct ref_data data = {2, 1, x, NULL};
    struct rows *rows = fixture_rows(&data, NULL, 0);
    struct fixture_fit fit = fixture_fit_settings((enum family_id)_i, 2);
    fit.start.init = INIT_points;
    fit.em.max_iter = 1;
    fit.em.tol = 0;
    struct em *em = fixture_fit(rows, &fit);
    model_to_user(rows, em->model);
    const double near = 1 / (1 + exp(-2)), mean = 2 * near - 1;
    /* a handful of operations on numbers near 1 */
    ck_close(em->trace[0].loglik, 2 * log(0.5 / near) - log_2pi, 1e-15, 0);
    for (size_t k = 0; k < 2; k++) {
        ck_close(em->model->weights[k], 0.5, 1e-15, 0);
        ck_close(fabs(em->model->means[k]), mean, 1e-15, 0);
    }
    for (size_t i = 0; i < em->model->n_covariances; i++)
        ck_close(em->model->covariances[i], 1 - mean * mean, 2e-15, 0);
    em_destroy(&em);
    rows_destroy(&rows);
}
END_TEST

/* --- beside the fit --- */

/* The confusion counts each row's weight at its most responsible component and its label; entropy
 * and counts are the naive ones. */
START_TEST(scoring_pass_equals_twin)
{
    enum { N = 2500, D = 2, K = 5, C = 3 };
    uint64_t rng = test_seed();
    double *x = fixture_doubles(N * D), *weight = fixture_doubles(N);
    int32_t label[N];
    fixture_draw(&rng, C, 4, N, D, x, label);
    for (size_t n = 0; n < N; n++)
        weight[n] = (double)(1 + test_below(&rng, 3));
    const struct ref_data data = {N, D, x, weight};
    struct rows *rows = fixture_rows(&data, label, C);
    struct fixture_fit fit = fixture_fit_settings((enum family_id)_i, K);
    struct em *em = fixture_fit(rows, &fit);
    struct ref_mixture *mixture = fixture_mixture(rows, em->model);
    long double *resp = malloc(N * K * sizeof *resp), entropy = 0, count[K] = {0};
    double confusion[K * C] = {0};
    ref_e_step(&data, mixture, resp);
    for (size_t n = 0; n < N; n++) {
        const long double *r = resp + n * K;
        size_t best = 0;
        for (size_t k = 0; k < K; k++) {
            if (r[k] > r[best]) best = k;
            count[k] += weight[n] * r[k];
            if (r[k] > 0) entropy -= weight[n] * r[k] * logl(r[k]);
        }
        confusion[best * C + (size_t)label[n]] += weight[n];
    }
    ck_close(em->entropy, (double)entropy, 1e-10, 0);
    for (size_t k = 0; k < K; k++)
        ck_close(em->count[k], (double)count[k], 1e-10, 0);
    ck_assert_mem_eq(em->confusion, confusion, sizeof confusion); /* whole weights: exact */
    free(resp);
    ref_mixture_destroy(&mixture);
    em_destroy(&em);
    rows_destroy(&rows);
    free(weight);
    free(x);
}
END_TEST

/* The held-out likelihood is the naive one of rows that the fit has not seen, per unit weight; and
 * they change nothing of the fit. */
START_TEST(heldout_equals_twin)
{
    enum { N = 700, D = 3, K = 4 };
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, K, 6, 1200, D);
    double weight[N];
    for (size_t n = 0; n < N; n++)
        weight[n] = (double)test_below(&rng, 4); /* and 500 rows that are fitted */
    const struct ref_data fitted = {500, D, f.x, NULL}, others = {N, D, f.x + 500 * D, weight};
    struct rows *rows = fixture_rows(&fitted, NULL, 0), *heldout = fixture_heldout(&others, rows);
    struct fixture_fit fit = fixture_fit_settings((enum family_id)_i, K);
    struct em *without = fixture_fit(rows, &fit);
    fit.heldout = heldout;
    struct em *em = fixture_fit(rows, &fit);
    struct ref_mixture *mixture = fixture_mixture(rows, em->model);
    const double expected = (double)(ref_loglik(&others, mixture) / ref_total_weight(&others));
    ck_close(em->heldout, expected, 1e-11, 0);
    ck_assert(isnan(without->heldout));
    check_same_bits(em, without);
    ref_mixture_destroy(&mixture);
    em_destroy(&em);
    em_destroy(&without);
    rows_destroy(&heldout);
    rows_destroy(&rows);
    fixture_destroy(&f);
}
END_TEST

static Suite *em_suite(void)
{
    Suite *suite = suite_create("em");
    TCase *em = tcase_create("em");
    tcase_add_loop_test(em, fit_equals_twin, 0, N_FAMILIES);
    tcase_add_loop_test(em, loglik_never_falls, 0, N_FAMILIES);
    tcase_add_loop_test(em, ridge_may_fall_and_tells, 0, N_FAMILIES);
    tcase_add_loop_test(em, trace_ends_at_the_model, 0, N_FAMILIES);
    tcase_add_loop_test(em, converged_model_stays, 0, N_FAMILIES);
    tcase_add_loop_test(em, separated_clusters_stay, 0, N_FAMILIES);
    tcase_add_loop_test(em, max_iter_0_returns_the_start, 0, N_FAMILIES);
    tcase_add_loop_test(em, small_em_takes_the_best, 0, N_FAMILIES);
    tcase_add_test(em, threads_and_company_change_nothing);
    tcase_add_test(em, heavy_fit_equals_light_one);
    tcase_add_loop_test(em, shift_and_scale_change_units_only, 0, N_FAMILIES);
    tcase_add_loop_test(em, weights_are_multiplicities, 0, N_FAMILIES);
    tcase_add_test(em, iris_equals_known_figures);
    tcase_add_test(em, faithful_equals_known_figures);
    tcase_add_loop_test(em, two_points_of_one_component, 0, N_FAMILIES);
    tcase_add_loop_test(em, one_iteration_by_hand, 0, N_FAMILIES);
    tcase_add_loop_test(em, scoring_pass_equals_twin, 0, N_FAMILIES);
    tcase_add_loop_test(em, heldout_equals_twin, 0, N_FAMILIES);
    suite_add_tcase(suite, em);
    return suite;
}

CHECK_MAIN(em_suite)
