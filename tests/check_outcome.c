/* How fits end: convergence, max_iter, degeneracy and redraws, on data that tempt them; and whether
 * they find what is there. What they compute on the way is in check_em.c. */
#include "em.h"

#include "fixture.h"

#include <float.h>
#include <string.h>

static struct fixture_fit fit_for(enum family_id family, size_t n_components, enum init init)
{
    struct fixture_fit fit = fixture_fit_settings(family, n_components);
    fit.start.init = init;
    return fit;
}

/* Every initialiser that draws. */
static const enum init inits[] = {INIT_points,      INIT_identity, INIT_parameters,
                                  INIT_random_resp, INIT_kmeans,   INIT_kmeanspp};
enum { N_DRAWING = sizeof inits / sizeof *inits };

static bool all_finite(const double *values, size_t n)
{
    bool finite = true;
    for (size_t i = 0; i < n; i++)
        finite &= isfinite(values[i]);
    return finite;
}

/* Asserts that whatever a fit would store is finite, its weights those of a mixture and its
 * covariances positive definite. */
static void check_finite(const struct em *em)
{
    const struct model *model = em->model;
    const size_t n_components = model->n_components, n_means = n_components * model->n_features;
    double weights = 0;
    ck_assert_uint_ge(em->n_entries, 1);
    for (size_t t = 0; t < em->n_entries; t++)
        ck_assert(isfinite(em->trace[t].loglik) && isfinite(em->trace[t].elbo));
    ck_assert(isfinite(em->max_drop) && isfinite(em->entropy));
    ck_assert(all_finite(em->count, n_components));
    ck_assert(all_finite(model->means, n_means));
    ck_assert(all_finite(model->covariances, model->n_covariances));
    for (size_t k = 0; k < n_components; k++) {
        weights += model->weights[k];
        ck_assert(!isnan(em->least_eigenvalue[k]));
    }
    ck_close(weights, 1, 0, 1e-14);
}

/* Asserts the same, and that the trace's last entry is the model's log-likelihood. */
static void check_sound(const struct ref_data *data, const struct rows *rows, const struct em *em)
{
    check_finite(em);
    struct ref_mixture *mixture = fixture_mixture(rows, em->model);
    const double loglik = (double)ref_loglik(data, mixture);
    /* A covariance of condition 1e9 loses so much of each row. A tied one is allowed to come near
     * 64 D eps of the features' own, and its distances, up to 1 / (64 D eps), are only summed. */
    const double of_row = em->model->family == FAMILY_tied ? 0.1 : 1e-6;
    ck_close(em->trace[em->n_entries - 1].loglik, loglik, 1e-6, of_row * rows->total_weight);
    ref_mixture_destroy(&mixture);
}

/* --- convergence --- */

/* By how much entry t differs from the one before, in the measure of a criterion. */
static double change_at(const struct em *em, const struct rows *rows, enum criterion criterion,
                        size_t t)
{
    const double change = fabs(em->trace[t].loglik - em->trace[t - 1].loglik);
    return criterion == CRITERION_mean       ? change / rows->total_weight
           : criterion == CRITERION_relative ? change / fabs(em->trace[t].loglik)
                                             : change;
}

/* A fit stops at the first pair of entries that differ by less than the tolerance, by each
 * criterion; a smaller tolerance takes it further. */
START_TEST(criteria_stop_where_told)
{
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 5, 5, 1000, 2);
    for (int criterion = CRITERION_mean; criterion <= CRITERION_absolute; criterion++) {
        size_t n_first = 0, n_before = 0;
        for (double tol = 1e-1; tol > 1e-8; tol /= 100) {
            struct fixture_fit fit = fit_for(FAMILY_full, 5, INIT_points);
            fit.em.criterion = (enum criterion)criterion;
            fit.em.tol = tol;
            fit.em.max_iter = 5000;
            struct em *em = fixture_fit(f.rows, &fit);
            ck_assert_int_eq(em->outcome, OUTCOME_converged);
            const size_t last = em->n_entries - 1;
            ck_assert_double_lt(change_at(em, f.rows, fit.em.criterion, last), tol);
            for (size_t t = 1; t < last; t++)
                ck_assert_double_ge(change_at(em, f.rows, fit.em.criterion, t), tol);
            ck_assert_uint_ge(last, n_before);
            if (n_first == 0) n_first = last;
            n_before = last;
            em_destroy(&em);
        }
        ck_assert_uint_gt(n_before, n_first);
    }
    fixture_destroy(&f);
}
END_TEST

/* max_iter M-steps give max_iter + 1 entries; tolerance 0 always takes them, even where nothing
 * changes any more; convergence at the last one counts as such. */
START_TEST(max_iter_stops_where_told)
{
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 5, 5, 1000, 2);
    struct fixture_fit fit = fit_for(FAMILY_full, 5, INIT_points);
    fit.em.tol = 1e-4;
    fit.em.max_iter = 5000;
    struct em *em = fixture_fit(f.rows, &fit);
    const int64_t last = (int64_t)em->n_entries - 1;
    ck_assert_int_eq(em->outcome, OUTCOME_converged);
    em_destroy(&em);
    const int64_t limits[] = {0, 1, last / 2, last - 1, last, last + 1, 2 * last};
    for (size_t i = 0; i < 7; i++) {
        fit.em.max_iter = limits[i];
        em = fixture_fit(f.rows, &fit);
        const bool converged = limits[i] >= last;
        ck_assert_int_eq(em->outcome, converged ? OUTCOME_converged : OUTCOME_max_iter);
        ck_assert_int_eq((int64_t)em->n_entries - 1, converged ? last : limits[i]);
        em_destroy(&em);
    }
    fit = fit_for(FAMILY_full, 1, INIT_points); /* is there after one iteration */
    fit.em.tol = 0;
    fit.em.max_iter = 300;
    em = fixture_fit(f.rows, &fit);
    ck_assert_int_eq(em->outcome, OUTCOME_max_iter);
    ck_assert_uint_eq(em->n_entries, 301);
    em_destroy(&em);
    fixture_destroy(&f);
}
END_TEST

/* --- degenerate data --- */

/* Five rows of ones and five of zeros with ten components: degenerate and finite, floor or not. */
START_TEST(fewer_distinct_rows_than_components)
{
    enum { N = 10, D = 5 };
    double x[N * D] = {0};
    for (size_t i = 0; i < N * D / 2; i++)
        x[i] = 1;
    const struct ref_data data = {N, D, x, NULL};
    struct rows *rows = fixture_rows(&data, NULL, 0);
    for (size_t i = 0; i < N_DRAWING; i++) {
        struct fixture_fit fit = fit_for((enum family_id)_i, 10, inits[i]);
        struct em *with_floor = fixture_fit(rows, &fit);
        fit.em.reg.floor = 0;
        struct em *without = fixture_fit(rows, &fit);
        ck_assert_int_eq(with_floor->outcome, OUTCOME_degenerate);
        ck_assert_int_eq(without->outcome, OUTCOME_degenerate);
        check_sound(&data, rows, with_floor);
        check_sound(&data, rows, without);
        em_destroy(&without);
        em_destroy(&with_floor);
    }
    rows_destroy(&rows);
}
END_TEST

/* The smallest data there are, and data that do not vary: every fit ends, with numbers. With a
 * floor and one component it does not even degenerate. */
START_TEST(tiny_data_end)
{
    const double one[] = {3, -1}, alike[] = {7, 7, 7, 7, 7, 7}, two[] = {0, 1e9};
    const struct ref_data data[] = {{1, 2, one, NULL}, {3, 2, alike, NULL}, {2, 1, two, NULL}};
    for (size_t i = 0; i < 3 * N_DRAWING * 4; i++) {
        const struct ref_data *which = &data[i % 3];
        const size_t n_components = 1 + i / 3 % 4;
        struct rows *rows = fixture_rows(which, NULL, 0);
        struct fixture_fit fit = fit_for((enum family_id)_i, n_components, inits[i / 12]);
        struct em *em = fixture_fit(rows, &fit);
        check_sound(which, rows, em);
        if (n_components == 1) ck_assert_int_ne(em->outcome, OUTCOME_degenerate);
        if (n_components > rows->n_distinct) ck_assert_int_eq(em->outcome, OUTCOME_degenerate);
        em_destroy(&em);
        fit.em.reg.floor = 0;
        em = fixture_fit(rows, &fit);
        check_sound(which, rows, em);
        if (rows->n_distinct == 1) ck_assert_int_eq(em->outcome, OUTCOME_degenerate);
        em_destroy(&em);
        rows_destroy(&rows);
    }
}
END_TEST

/* A constant feature has no variance to fit: degenerate without floor, fitted with it. Spherical
 * fits share the others' variance and do not mind. */
START_TEST(constant_feature_needs_a_floor)
{
    enum { N = 300, D = 3 };
    const enum family_id family = (enum family_id)_i;
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 2, 8, N, D);
    for (size_t n = 0; n < N; n++)
        f.x[n * D + 1] = 0.1;
    struct rows *rows = fixture_rows(&f.data, NULL, 0);
    for (size_t i = 0; i < N_DRAWING; i++) {
        struct fixture_fit fit = fit_for(family, 2, inits[i]);
        struct em *em = fixture_fit(rows, &fit);
        ck_assert_int_ne(em->outcome, OUTCOME_degenerate);
        check_sound(&f.data, rows, em);
        const double others = (double)(ref_variance(&f.data, 0) + ref_variance(&f.data, 2)) / 2;
        struct ref_mixture *mixture = fixture_mixture(rows, em->model);
        for (size_t k = 0; k < 2 && family != FAMILY_spherical; k++) {
            ck_close((double)mixture->means[k * D + 1], 0.1, 1e-15, 0);
            ck_close((double)mixture->covariances[k * D * D + D + 1], 1e-6 * others, 1e-9, 0);
        }
        ref_mixture_destroy(&mixture);
        em_destroy(&em);
        fit.em.reg.floor = 0;
        em = fixture_fit(rows, &fit);
        ck_assert_int_eq(em->outcome == OUTCOME_degenerate, family != FAMILY_spherical);
        check_sound(&f.data, rows, em);
        em_destroy(&em);
    }
    rows_destroy(&rows);
    fixture_destroy(&f);
}
END_TEST

/* Two groups of n rows, one a point and one a cloud around another place. */
static struct fixture point_and_cloud(size_t n)
{
    uint64_t rng = test_seed();
    struct fixture f = {.x = fixture_doubles(4 * n)};
    for (size_t i = 0; i < 2 * n; i++) {
        f.x[i] = 5;
        f.x[2 * n + i] = test_normal(&rng);
    }
    f.data = (struct ref_data){2 * n, 2, f.x, NULL};
    f.rows = fixture_rows(&f.data, NULL, 0);
    return f;
}

/* A component that shrinks to a point collapses the fit, unless its covariance is common to all. It
 * is drawn again as often as allowed and then stored as it was: degenerate, the last finite model,
 * whose trace goes up to it. Where another start would not differ there is no redraw; with a floor
 * nothing collapses. */
START_TEST(collapsed_fits_are_redrawn)
{
    const enum init from_rows[] = {INIT_points, INIT_kmeans, INIT_kmeanspp};
    const enum family_id family = (enum family_id)_i;
    struct fixture f = point_and_cloud(100);
    for (size_t i = 0; i < 3; i++) {
        struct fixture_fit fit = fit_for(family, 2, from_rows[i]);
        struct em *em = fixture_fit(f.rows, &fit);
        ck_assert_int_eq(em->outcome, OUTCOME_converged);
        ck_assert_uint_eq(em->redraw, 0);
        em_destroy(&em);
        fit.em.reg.floor = 0;
        for (int64_t redraws = 0; redraws < 6; redraws++) {
            fit.em.redraws = redraws < 5 ? redraws : 5;
            fit.em.may_redraw = redraws < 5;
            em = fixture_fit(f.rows, &fit);
            const bool collapses = family != FAMILY_tied;
            const int64_t expected = collapses && fit.em.may_redraw ? redraws : 0;
            ck_assert_int_eq(em->outcome == OUTCOME_degenerate, collapses);
            ck_assert_int_eq((int64_t)em->redraw, expected);
            check_sound(&f.data, f.rows, em);
            em_destroy(&em);
        }
    }
    fixture_destroy(&f);
}
END_TEST

/* A component with fewer than half a row has collapsed, with a floor too; one with more has not. */
START_TEST(half_a_row_is_too_little)
{
    enum { N = 200 };
    uint64_t rng = test_seed();
    double x[N], weight[N];
    int32_t label[N] = {1}; /* row 0 is a class by itself, far off */
    for (size_t n = 0; n < N; n++) {
        x[n] = n == 0 ? 1e6 : test_normal(&rng);
        weight[n] = 1;
    }
    const struct ref_data data = {N, 1, x, weight};
    for (size_t i = 0; i < 2; i++) {
        weight[0] = i == 0 ? 0.49 : 0.51;
        struct rows *rows = fixture_rows(&data, label, 2);
        struct fixture_fit fit = fit_for((enum family_id)_i, 2, INIT_labels);
        fit.em.may_redraw = false;
        struct em *em = fixture_fit(rows, &fit);
        ck_assert_int_eq(em->outcome == OUTCOME_degenerate, i == 0);
        check_finite(em);
        em_destroy(&em);
        rows_destroy(&rows);
    }
}
END_TEST

/* Without floor and ridge a variance has collapsed at 8 eps of the feature's own; with either it
 * has not, as long as it is positive; what is not finite always has. */
START_TEST(variances_collapse_where_told)
{
    static const struct {
        double least, ridge, natural, variance;
        bool stands;
        double becomes;
    } rules[] = {{0, 0, 3, 25 * DBL_EPSILON, true, 25 * DBL_EPSILON},
                 {0, 0, 3, 23 * DBL_EPSILON, false, 0},
                 {0, 0, 3, 0, false, 0},
                 {1e-9, 0, 3, 0, true, 1e-9},
                 {1e-9, 0, 3, 1e-8, true, 1e-8},
                 {0, 0.25, 3, 0.5, true, 0.75},
                 {1, 0.25, 3, 0.5, true, 1},
                 {0, 1e-300, 3, 0, true, 1e-300},
                 {0, 0, 3, NAN, false, 0},
                 {0, 0, 3, INFINITY, false, 0},
                 {1, 0, 3, INFINITY, false, 0}};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        double variance = rules[i].variance;
        const bool stands =
            floor_variance(rules[i].least, rules[i].ridge, rules[i].natural, &variance);
        ck_assert_msg(stands == rules[i].stands, "rule %zu", i);
        if (stands) ck_assert_msg(variance == rules[i].becomes, "rule %zu", i);
    }
}
END_TEST

/* Asserts that two fits have the same trace, means and scores to the last bit. */
static void check_same_fit(const struct em *a, const struct em *b)
{
    const size_t n_means = a->model->n_components * a->model->n_features;
    ck_assert_int_eq(a->outcome, b->outcome);
    ck_assert_uint_eq(a->n_entries, b->n_entries);
    for (size_t t = 0; t < a->n_entries; t++)
        ck_assert(a->trace[t].loglik == b->trace[t].loglik && a->trace[t].elbo == b->trace[t].elbo);
    ck_assert_mem_eq(a->model->means, b->model->means, n_means * sizeof(double));
    ck_assert(a->max_drop == b->max_drop && a->entropy == b->entropy);
}

/* Some starts collapse on a few equal rows and others do not. After a redraw the fit is the one
 * that the new start gives by itself. (Of these data, seed 1, about half of the starts collapse.)
 */
START_TEST(redrawn_fits_begin_anew)
{
    enum { N = 60, N_EQUAL = 4, N_RESTARTS = 40 };
    uint64_t rng = 1;
    struct fixture f = fixture_create(&rng, 2, 8, N, 1);
    for (size_t n = 1; n < N_EQUAL; n++)
        f.x[n] = f.x[0];
    struct rows *rows = fixture_rows(&f.data, NULL, 0);
    size_t n_redrawn = 0, n_kept = 0;
    for (uint64_t restart = 0; restart < N_RESTARTS; restart++) {
        struct fixture_fit fit = fit_for(FAMILY_diag, 4, INIT_points);
        fit.em.reg.floor = 0;
        fit.em.max_iter = 2000;
        fit.start.seed = 1;
        fit.start.restart = restart;
        struct em *em = fixture_fit(rows, &fit);
        check_sound(&f.data, rows, em);
        n_kept += em->redraw == 0;
        n_redrawn += em->redraw > 0 && em->outcome == OUTCOME_converged;
        fit.start.redraw = em->redraw;
        fit.em.may_redraw = false;
        struct em *direct = fixture_fit(rows, &fit);
        check_same_fit(direct, em);
        em_destroy(&direct);
        em_destroy(&em);
    }
    ck_assert_uint_gt(n_redrawn, 0);
    ck_assert_uint_gt(n_kept, 0);
    rows_destroy(&rows);
    fixture_destroy(&f);
}
END_TEST

static const double tiny[] = {1e-30, 1e-100, 1e-150, 1e-290, 1e-306, 1e-310, 1e-323};
enum { N_TINY = sizeof tiny / sizeof *tiny };

/* However small a floor or ridge somebody asks for, nothing that is not finite comes out, on data
 * that drive variances down to it. */
START_TEST(smallest_floors_stay_finite)
{
    const double points[] = {0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0, 0};
    const struct ref_data pairs = {6, 2, points, NULL};
    struct fixture f = point_and_cloud(50);
    struct rows *rows = fixture_rows(&pairs, NULL, 0);
    for (size_t i = 0; i < 3 * N_TINY; i++) {
        const double size = tiny[i / 3];
        for (size_t j = 0; j < 2; j++) {
            struct fixture_fit fit =
                fit_for((enum family_id)_i, 2, j == 0 ? INIT_points : INIT_kmeanspp);
            fit.em.reg = (struct regularisation){.floor = i % 3 == 0 ? size : 0,
                                                 .floor_absolute = i % 3 == 1 ? size : 0,
                                                 .ridge = i % 3 == 2 ? size : 0};
            struct em *em = fixture_fit(f.rows, &fit);
            check_finite(em);
            em_destroy(&em);
            em = fixture_fit(rows, &fit);
            check_finite(em);
            em_destroy(&em);
        }
    }
    rows_destroy(&rows);
    fixture_destroy(&f);
}
END_TEST

/* Data far apart in scale from feature to feature, with an outlier far from everything. */
START_TEST(outliers_stay_finite)
{
    enum { N = 500, D = 3 };
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 3, 8, N, D);
    for (size_t n = 0; n < N; n++)
        f.x[n * D + 2] *= 1e-100;
    f.x[0] = 1e12;
    f.x[2] = 1e100;
    struct rows *rows = fixture_rows(&f.data, NULL, 0);
    for (size_t i = 0; i < 2 * N_DRAWING; i++) {
        struct fixture_fit fit = fit_for((enum family_id)_i, 1 + i / 2, inits[i / 2]);
        if (i % 2 == 0) fit.em.reg.floor = 0;
        struct em *em = fixture_fit(rows, &fit);
        check_finite(em);
        em_destroy(&em);
    }
    rows_destroy(&rows);
    fixture_destroy(&f);
}
END_TEST

/* Eigenvalues of component k's covariance, each against the floor of its feature, that are not
 * above 1, by ref_eigen; of diagonal covariances the variances. */
static size_t naive_floored(const struct ref_data *data, const struct ref_mixture *mixture,
                            size_t k, const struct regularisation *reg, bool spherical)
{
    const size_t n = data->n_features;
    long double scaled[n * n], values[n], vectors[n * n], least[n], mean = 0;
    size_t count = 0;
    for (size_t d = 0; d < n; d++)
        mean += ref_variance(data, d) / (long double)n;
    for (size_t d = 0; d < n; d++)
        least[d] = reg->floor * (spherical ? mean : ref_variance(data, d));
    for (size_t i = 0; i < n * n; i++)
        scaled[i] = mixture->covariances[k * n * n + i] / sqrtl(least[i / n] * least[i % n]);
    ref_eigen(n, scaled, values, vectors);
    for (size_t d = 0; d < (spherical ? 1 : n); d++)
        count += values[d] <= 1 + 1e-9L; /* rounding of a value on the floor */
    return count;
}

/* How many eigenvalues lie on the floor: some of a component do and others do not. */
START_TEST(floored_eigenvalues_are_told)
{
    enum { K = 4 };
    const enum family_id family = (enum family_id)_i;
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, K, 6, 800, 3);
    const double floors[] = {0, 0.02, 0.1, 0.3, 0.6, 1};
    size_t last = 0;
    for (size_t i = 0; i < 6; i++) {
        struct fixture_fit fit = fit_for(family, K, INIT_kmeanspp);
        fit.em.reg.floor = floors[i];
        struct em *em = fixture_fit(f.rows, &fit);
        struct ref_mixture *mixture = fixture_mixture(f.rows, em->model);
        last = 0;
        for (size_t k = 0; k < K; k++) {
            const bool counts = floors[i] > 0 && (family != FAMILY_tied || k == 0);
            const size_t expected =
                counts ? naive_floored(&f.data, mixture, k, &fit.em.reg, family == FAMILY_spherical)
                       : 0;
            ck_assert_uint_eq(em->floored[k], expected);
            last += expected;
        }
        ref_mixture_destroy(&mixture);
        em_destroy(&em);
    }
    ck_assert_uint_gt(last, 0);
    fixture_destroy(&f);
}
END_TEST

/* The smallest eigenvalue that is told of a model is that of its covariances, also where features
 * have very different units. */
START_TEST(least_eigenvalue_is_told)
{
    enum { N = 400, D = 3 };
    const double units[] = {1, 1e3, 1e6, 1e9, 1e30};
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 2, 8, N, D);
    for (size_t i = 0; i < 5; i++) {
        for (size_t n = 0; n < N; n++)
            f.x[n * D] *= units[i];
        struct rows *rows = fixture_rows(&f.data, NULL, 0);
        struct fixture_fit fit = fit_for((enum family_id)_i, 1, INIT_points);
        struct em *em = fixture_fit(rows, &fit);
        struct ref_mixture *mixture = fixture_mixture(rows, em->model);
        long double values[D], vectors[D * D];
        ref_eigen(D, mixture->covariances, values, vectors);
        const long double least = fminl(values[0], fminl(values[1], values[2]));
        /* rounding of the correlations, which are far from 1; of the scales nothing is lost */
        ck_close(em->least_eigenvalue[0], (double)least, 1e-12, 0);
        ref_mixture_destroy(&mixture);
        em_destroy(&em);
        rows_destroy(&rows);
        for (size_t n = 0; n < N; n++)
            f.x[n * D] /= units[i];
    }
    fixture_destroy(&f);
}
END_TEST

/* --- what numbers do --- */

/* The log-likelihoods with which a fit begins and ends, and its first variance. */
static void ends_of(const struct rows *rows, const struct fixture_fit *fit, double out[3])
{
    struct em *em = fixture_fit(rows, fit);
    out[0] = em->trace[0].loglik;
    out[1] = em->trace[em->n_entries - 1].loglik;
    out[2] = em->model->covariances[0];
    em_destroy(&em);
}

/* Each number in the settings changes the result when it changes. */
START_TEST(every_number_matters)
{
    enum { N_CHANGES = 9 };
    double x[600] = {0}, ends[N_CHANGES][3];
    struct fixture f = point_and_cloud(100);
    struct fixture_fit fits[N_CHANGES];
    for (size_t i = 0; i < 400; i++)
        x[i / 2 * 3 + i % 2] = f.x[i]; /* and a constant, which the floor holds for every family */
    const struct ref_data data = {200, 3, x, NULL};
    struct rows *rows = fixture_rows(&data, NULL, 0);
    for (size_t i = 0; i < N_CHANGES; i++) {
        fits[i] = fit_for((enum family_id)_i, 3, INIT_points);
        fits[i].em.tol = 1e-9;
    }
    fits[1].em.max_iter = 1;
    fits[2].em.tol = 1e-1;
    fits[3].em.reg.floor = 2e-6;
    fits[4].em.reg = (struct regularisation){.floor_absolute = 1e-3};
    fits[5].em.reg.ridge = 1e-3;
    fits[6].em.mixing = MIXING_equal;
    fits[7].start.seed++;
    fits[8].start.restart++;
    for (size_t i = 0; i < N_CHANGES; i++) {
        ends_of(rows, &fits[i], ends[i]);
        if (i > 0)
            ck_assert_msg(memcmp(ends[i], ends[0], sizeof ends[i]) != 0,
                          "change %zu ends at %.17g as before", i, ends[i][1]);
    }
    rows_destroy(&rows);
    fixture_destroy(&f);
}
END_TEST

/* --- finding what is there --- */

/* A mixture of three components that overlap a little, of a family: what a family cannot have, all
 * of its components have alike. */
static struct ref_mixture *truth_of(enum family_id family)
{
    const double weights[] = {0.5, 0.3, 0.2}, means[] = {0, 0, 6, 1, -2, 7};
    const double deviations[] = {1, 2, 1.5, 0.5, 1, 1};
    const double correlations[] = {0.5, -0.7, 0};
    struct ref_mixture *truth = ref_mixture_create(3, 2);
    for (size_t k = 0; k < 3; k++) {
        const double *own = deviations + (family == FAMILY_tied ? 0 : 2 * k);
        const double a = own[0], b = family == FAMILY_spherical ? own[0] : own[1];
        const double correlation = family == FAMILY_full   ? correlations[k]
                                   : family == FAMILY_tied ? correlations[0]
                                                           : 0;
        const double covariance[] = {a * a, correlation * a * b, correlation * a * b, b * b};
        truth->weights[k] = weights[k];
        for (size_t d = 0; d < 2; d++)
            truth->means[2 * k + d] = means[2 * k + d];
        for (size_t i = 0; i < 4; i++)
            truth->covariances[4 * k + i] = covariance[i];
        ck_assert(ref_cholesky(2, truth->covariances + 4 * k, truth->factors + 4 * k));
    }
    return truth;
}

static void draw_from(uint64_t *rng, const struct ref_mixture *truth, size_t n_rows, double *x)
{
    for (size_t n = 0; n < n_rows; n++) {
        const size_t k = ref_pick(3, truth->weights, test_uniform(rng));
        const long double *lower = truth->factors + 4 * k, *mean = truth->means + 2 * k;
        const double a = test_normal(rng), b = test_normal(rng);
        x[2 * n] = (double)(mean[0] + lower[0] * a);
        x[2 * n + 1] = (double)(mean[1] + lower[2] * a + lower[3] * b);
    }
}

/* The component of `mixture` whose mean is nearest to that of component k of `truth`. */
static size_t match(const struct ref_mixture *mixture, const struct ref_mixture *truth, size_t k)
{
    size_t best = 0;
    long double least = HUGE_VALL;
    for (size_t j = 0; j < 3; j++) {
        const long double a = mixture->means[2 * j] - truth->means[2 * k];
        const long double b = mixture->means[2 * j + 1] - truth->means[2 * k + 1];
        if (a * a + b * b < least) best = j;
        least = fminl(least, a * a + b * b);
    }
    return best;
}

/* The best of ten restarts, since one may end in a lesser optimum. */
static struct em *best_of(const struct rows *rows, const struct fixture_fit *fit)
{
    struct fixture_fit fits[10];
    struct em *em[10], *best;
    for (uint64_t restart = 0; restart < 10; restart++) {
        fits[restart] = *fit;
        fits[restart].start.restart = restart;
    }
    fixture_fit_all(rows, fits, 10, 2, em);
    best = em[0];
    for (size_t i = 1; i < 10; i++) {
        const bool better =
            em[i]->trace[em[i]->n_entries - 1].loglik > best->trace[best->n_entries - 1].loglik;
        em_destroy(better ? &best : &em[i]);
        if (better) best = em[i];
    }
    return best;
}

/* A known mixture is found again up to the order of its components, within the deviations that its
 * estimates have, and the fit is at least as likely as the truth. */
START_TEST(known_mixture_is_found)
{
    enum { N = 20000 };
    uint64_t rng = test_seed();
    double *x = fixture_doubles(2 * N);
    struct fixture_fit fit = fit_for((enum family_id)_i, 3, INIT_kmeanspp);
    struct ref_mixture *truth = truth_of(fit.em.family);
    draw_from(&rng, truth, N, x);
    const struct ref_data data = {N, 2, x, NULL};
    struct rows *rows = fixture_rows(&data, NULL, 0);
    struct em *em = best_of(rows, &fit);
    ck_assert_double_ge(em->trace[em->n_entries - 1].loglik, (double)ref_loglik(&data, truth));
    struct ref_mixture *found = fixture_mixture(rows, em->model);
    size_t taken = 0;
    for (size_t k = 0; k < 3; k++) {
        const size_t j = match(found, truth, k);
        taken |= (size_t)1 << j;
        /* 6 deviations of a mean of N_k rows, and half as much again for the overlap */
        const double weight = (double)truth->weights[k], reach = 9 / sqrt(N * weight);
        ck_close((double)found->weights[j], weight, 0, 9 * sqrt(weight * (1 - weight) / N));
        for (size_t i = 0; i < 4; i++) {
            const long double *covariance = truth->covariances + 4 * k;
            const double a = sqrt((double)covariance[i / 2 * 3]);
            const double b = sqrt((double)covariance[i % 2 * 3]);
            if (i < 2)
                ck_close((double)found->means[2 * j + i], (double)truth->means[2 * k + i], 0,
                         reach * sqrt((double)covariance[3 * i]));
            ck_close((double)found->covariances[4 * j + i], (double)covariance[i], 0,
                     reach * sqrt(2) * a * b);
        }
    }
    ck_assert_uint_eq(taken, 7);
    ref_mixture_destroy(&found);
    em_destroy(&em);
    rows_destroy(&rows);
    ref_mixture_destroy(&truth);
    free(x);
}
END_TEST

static Suite *outcome_suite(void)
{
    Suite *suite = suite_create("outcome");
    TCase *outcome = tcase_create("outcome");
    tcase_add_test(outcome, criteria_stop_where_told);
    tcase_add_test(outcome, max_iter_stops_where_told);
    tcase_add_loop_test(outcome, fewer_distinct_rows_than_components, 0, N_FAMILIES);
    tcase_add_loop_test(outcome, tiny_data_end, 0, N_FAMILIES);
    tcase_add_loop_test(outcome, constant_feature_needs_a_floor, 0, N_FAMILIES);
    tcase_add_loop_test(outcome, collapsed_fits_are_redrawn, 0, N_FAMILIES);
    tcase_add_loop_test(outcome, half_a_row_is_too_little, 0, N_FAMILIES);
    tcase_add_test(outcome, variances_collapse_where_told);
    tcase_add_test(outcome, redrawn_fits_begin_anew);
    tcase_add_loop_test(outcome, smallest_floors_stay_finite, 0, N_FAMILIES);
    tcase_add_loop_test(outcome, outliers_stay_finite, 0, N_FAMILIES);
    tcase_add_loop_test(outcome, floored_eigenvalues_are_told, 0, N_FAMILIES);
    tcase_add_loop_test(outcome, least_eigenvalue_is_told, 0, N_FAMILIES);
    tcase_add_loop_test(outcome, every_number_matters, 0, N_FAMILIES);
    tcase_add_loop_test(outcome, known_mixture_is_found, 0, N_FAMILIES);
    suite_add_tcase(suite, outcome);
    return suite;
}

CHECK_MAIN(outcome_suite)
