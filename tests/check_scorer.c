#include "scorer.h"

#include "fixture.h"

#include <string.h>

/* N is no whole number of chunks. */
enum { N = 700, D = 5, K = 4 };

/* Sums of D squares and K exponentials, of numbers up to some hundred. */
static const double ROUNDING = 1e-12;

/* A fitted model in the user's units, what a result file says of its data, and the mixture. */
struct scene {
    struct fixture fixture;
    struct em *em;
    struct model *model;
    struct ref_mixture *mixture;
    double variance[D];
    struct scorer_data data;
};

static struct scene make_scene(uint64_t *rng, enum family_id family)
{
    struct scene scene = {.fixture = fixture_create(rng, K, 20.0, N, D)};
    const struct rows *rows = scene.fixture.rows;
    struct fixture_fit fit = fixture_fit_settings(family, K);
    fit.em.max_iter = 3;
    scene.em = fixture_fit(rows, &fit);
    ck_ok(model_create(family, K, D, &scene.model, &err));
    model_copy(scene.em->model, scene.model);
    scene.mixture = fixture_mixture(rows, scene.model);
    model_to_user(rows, scene.model);
    for (size_t d = 0; d < D; d++)
        scene.variance[d] = ldexp(rows->variance[d], 2 * rows->exponent[d]);
    scene.data = (struct scorer_data){D, rows->centre, NULL, WHITEN_none};
    return scene;
}

static void free_scene(struct scene *scene)
{
    ref_mixture_destroy(&scene->mixture);
    model_destroy(&scene->model);
    em_destroy(&scene->em);
    fixture_destroy(&scene->fixture);
}

/* What is said of each row is what the formula says, in all families; and the log-densities add up
 * to the log-likelihood of the fit. */
START_TEST(rows_by_formula)
{
    uint64_t rng = test_seed() + (uint64_t)_i;
    struct scene scene = make_scene(&rng, (enum family_id)_i);
    scene.data.variance = scene.variance;
    const struct ref_data all = {N, D, scene.fixture.x, NULL};
    static int64_t label[N];
    static double log_density[N], resp[N * K];
    static long double expected[N * K];
    struct scorer *scorer;
    double sum = 0.0;
    ck_ok(scorer_create(&scene.data, scene.model, &scorer, &err));
    ck_assert(scorer_has_density(scorer));
    ck_ok(scorer_run(scorer, N, scene.fixture.x, 1, label, log_density, resp, &err));
    ref_e_step(&all, scene.mixture, expected);
    for (size_t n = 0; n < N; n++) {
        const struct ref_data one = {1, D, scene.fixture.x + n * D, NULL};
        size_t best = 0;
        ck_close(log_density[n], (double)ref_loglik(&one, scene.mixture), ROUNDING, ROUNDING);
        for (size_t k = 0; k < K; k++) {
            if (resp[n * K + k] > resp[n * K + best]) best = k;
            ck_close(resp[n * K + k], (double)expected[n * K + k], ROUNDING, ROUNDING);
        }
        ck_assert_int_eq(label[n], (int64_t)best);
        sum += log_density[n];
    }
    ck_close(sum, scene.em->trace[scene.em->n_entries - 1].loglik, ROUNDING, 0.0);
    scorer_destroy(&scorer);
    free_scene(&scene);
}
END_TEST

/* A row has the same bits on any number of threads and in any company. */
START_TEST(rows_are_independent)
{
    uint64_t rng = test_seed() + (uint64_t)_i;
    struct scene scene = make_scene(&rng, (enum family_id)_i);
    scene.data.variance = scene.variance;
    static double all[N * K], alone[N * K], density[N], density_alone[N];
    const size_t from = 333;
    struct scorer *scorer;
    ck_ok(scorer_create(&scene.data, scene.model, &scorer, &err));
    ck_ok(scorer_run(scorer, N, scene.fixture.x, 1, NULL, density, all, &err));
    ck_ok(scorer_run(scorer, N, scene.fixture.x, 5, NULL, density_alone, alone, &err));
    ck_assert_mem_eq(alone, all, sizeof all);
    ck_assert_mem_eq(density_alone, density, sizeof density);
    ck_ok(scorer_run(scorer, N - from, scene.fixture.x + from * D, 2, NULL, density_alone, alone,
                     &err));
    ck_assert_mem_eq(alone, all + from * K, (N - from) * K * sizeof *all);
    ck_assert_mem_eq(density_alone, density + from, (N - from) * sizeof *density);
    scorer_destroy(&scorer);
    free_scene(&scene);
}
END_TEST

/* k-means labels by the nearest mean, in the data's space or with each feature by its deviation. */
START_TEST(nearest_means)
{
    uint64_t rng = test_seed();
    struct scene scene = make_scene(&rng, FAMILY_spherical);
    static int64_t label[N];
    struct model *means;
    ck_ok(model_create(FAMILY_none, K, D, &means, &err));
    memcpy(means->means, scene.model->means, K * D * sizeof *means->means);
    scene.data.variance = scene.variance;
    for (int scaled = 0; scaled < 2; scaled++) {
        struct scorer *scorer;
        scene.data.whiten = scaled ? WHITEN_scale : WHITEN_none;
        ck_ok(scorer_create(&scene.data, means, &scorer, &err));
        ck_assert(!scorer_has_density(scorer));
        ck_ok(scorer_run(scorer, N, scene.fixture.x, 2, label, NULL, NULL, &err));
        for (size_t n = 0; n < N; n++) {
            double nearest = INFINITY;
            int64_t best = -1;
            for (size_t k = 0; k < K; k++) {
                double sum = 0.0;
                for (size_t d = 0; d < D; d++) {
                    const double off = scene.fixture.x[n * D + d] - means->means[k * D + d];
                    sum += off * off / (scaled ? scene.variance[d] : 1.0);
                }
                if (sum < nearest) best = (int64_t)k;
                nearest = fmin(nearest, sum);
            }
            ck_assert_int_eq(label[n], best);
        }
        scorer_destroy(&scorer);
    }
    model_destroy(&means);
    free_scene(&scene);
}
END_TEST

/* What has no density, or none that can be told: a covariance that is not positive definite, a
 * space that the model does not say, a row whose distances overflow. */
START_TEST(refused)
{
    uint64_t rng = test_seed();
    struct scene scene = make_scene(&rng, FAMILY_full);
    struct scorer *scorer;
    struct err why = {OK, ""};
    struct model *means;
    scene.data.variance = scene.variance;
    scene.fixture.x[17 * D + 2] = 1e200;
    ck_ok(scorer_create(&scene.data, scene.model, &scorer, &err));
    ck_assert_int_eq(scorer_run(scorer, N, scene.fixture.x, 3, NULL, NULL, NULL, &why), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(why.text, "row 17"));
    scorer_destroy(&scorer);

    scene.model->covariances[0] = -1.0;
    ck_assert_int_eq(scorer_create(&scene.data, scene.model, &scorer, &why), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(why.text, "not positive definite"));
    ck_assert_ptr_null(scorer);

    ck_ok(model_create(FAMILY_none, K, D, &means, &err));
    scene.data.whiten = WHITEN_full;
    ck_assert_int_eq(scorer_create(&scene.data, means, &scorer, &why), ERR_DATA);
    ck_assert_ptr_null(scorer);
    model_destroy(&means);
    free_scene(&scene);
}
END_TEST

static Suite *scorer_suite(void)
{
    Suite *suite = suite_create("scorer");
    TCase *scorer = tcase_create("scorer");
    tcase_add_loop_test(scorer, rows_by_formula, 0, N_FAMILIES);
    tcase_add_loop_test(scorer, rows_are_independent, 0, N_FAMILIES);
    tcase_add_test(scorer, nearest_means);
    tcase_add_test(scorer, refused);
    suite_add_tcase(suite, scorer);
    return suite;
}

CHECK_MAIN(scorer_suite)
