/* Points drawn from mixtures and models: the arithmetic, and what they depend on. */
#include "mixture.h"

#include "family.h"
#include "fixture.h"
#include "rng.h"
#include "sampler.h"

#include <string.h>

enum { K = 3, D = 4 };

/* A random covariance [D, D]: A A' + 0.1 I. */
static void draw_covariance(uint64_t *rng, double *covariance)
{
    double a[D * D];
    for (size_t i = 0; i < D * D; i++)
        a[i] = test_normal(rng);
    for (size_t i = 0; i < D; i++)
        for (size_t j = 0; j < D; j++) {
            double sum = i == j ? 0.1 : 0.0;
            for (size_t l = 0; l < D; l++)
                sum += a[i * D + l] * a[j * D + l];
            covariance[i * D + j] = sum;
        }
}

/* The factor times its transpose is the matrix, and below its diagonal are zeros; what is not
 * positive definite has none. */
START_TEST(factor)
{
    uint64_t rng = test_seed();
    double matrix[D * D], upper[D * D];
    draw_covariance(&rng, matrix);
    ck_assert(mixture_factor(D, matrix, upper));
    for (size_t i = 0; i < D; i++)
        for (size_t j = 0; j < D; j++) {
            double sum = 0.0;
            for (size_t l = 0; l < D; l++)
                sum += upper[l * D + i] * upper[l * D + j];
            ck_close(sum, matrix[i * D + j], 1e-12, 1e-12); /* D products of numbers about 1 */
            if (j < i) ck_assert(upper[i * D + j] == 0.0);
        }
    const double bad[][4] = {{1, 0, 2, 1},   {0, 0, 0, 1},   {-1, 0, 0, 1},
                             {NAN, 0, 0, 1}, {1, 0, NAN, 1}, {INFINITY, 0, 0, 1}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!mixture_factor(2, bad[i], upper), "matrix %zu", i);
}
END_TEST

/* Sums of weights as shares; a component of weight 0 is never drawn, the last one always can be. */
START_TEST(components)
{
    const double weights[] = {1, 0, 3}, means[3] = {10, 20, 30}, ones[3] = {1, 1, 1};
    double cumulative[K], normal, point;
    ck_assert_double_eq(mixture_accumulate(K, weights, cumulative), 4.0);
    ck_assert(cumulative[0] == 0.25 && cumulative[1] == 0.25 && cumulative[2] == 1.0);
    const struct mixture mixture = {.seed = test_seed(),
                                    .stream = "test",
                                    .n_components = K,
                                    .n_features = 1,
                                    .cumulative = cumulative,
                                    .means = means,
                                    .deviations = ones};
    size_t count[K] = {0};
    for (size_t n = 0; n < 4000; n++) {
        const size_t k = mixture_draw(&mixture, n, &normal, &point);
        ck_assert_uint_eq(k, mixture_component(&mixture, n));
        ck_close(point, means[k], 0, 8); /* eight deviations */
        count[k]++;
    }
    ck_assert_uint_eq(count[1], 0);
    ck_close((double)count[0], 1000, 0, 6 * sqrt(4000 * 0.25 * 0.75));
    ck_assert_double_eq(mixture_accumulate(K, NULL, cumulative), 3.0);
    ck_assert(cumulative[2] == 1.0);
}
END_TEST

/* Fills a model of the family with a random mixture. */
static struct model *draw_model(uint64_t *rng, enum family_id family)
{
    struct model *model = NULL;
    double covariance[D * D];
    ck_ok(model_create(family, K, D, &model, &err));
    for (size_t k = 0; k < K; k++)
        model->weights[k] = 1.0 / K;
    for (size_t i = 0; i < K * D; i++)
        model->means[i] = test_normal(rng);
    for (size_t i = 0; i < model->n_covariances; i += D * D) {
        draw_covariance(rng, covariance);
        const size_t left = model->n_covariances - i < D * D ? model->n_covariances - i : D * D;
        for (size_t j = 0; j < left; j++)
            model->covariances[i + j] =
                families[family]->correlated ? covariance[j] : 0.5 + test_uniform(rng);
    }
    return model;
}

/* A point of each family is its component's mean and a root of its covariance times the stream's
 * normal numbers. */
START_TEST(points)
{
    const enum family_id family = (enum family_id)_i;
    uint64_t rng = test_seed();
    struct model *model = draw_model(&rng, family);
    struct sampler *sampler = NULL;
    double point[D], normals[D], root[D * D];
    ck_ok(sampler_create(model, "model", 5, &sampler, &err));
    for (uint64_t n = 0; n < 50; n++) {
        const struct rng_stream stream = {.seed = 5, .name = rng_name("sample"), .restart = n};
        const size_t k = sampler_draw(sampler, n, point);
        const size_t own = families[family]->n_own(D);
        rng_normals(&stream, 1, D, normals);
        if (families[family]->correlated)
            ck_assert(mixture_factor(D, model->covariances + k * own, root));
        for (size_t d = 0; d < D; d++) {
            double expected = model->means[k * D + d];
            for (size_t j = 0; families[family]->correlated && j <= d; j++)
                expected += root[j * D + d] * normals[j];
            if (!families[family]->correlated)
                expected += sqrt(model->covariances[k * own + (own > 1 ? d : 0)]) * normals[d];
            ck_close(point[d], expected, 1e-13, 1e-13); /* another order of the same sum */
        }
    }
    sampler_destroy(&sampler);
    model_destroy(&model);
}
END_TEST

/* What cannot be drawn from is refused, naming the fit: k-means, weights that add up to nothing,
 * covariances that are none. */
START_TEST(refusals)
{
    uint64_t rng = test_seed();
    for (int i = 0; i < 4; i++) {
        struct err failure = {OK, ""};
        struct sampler *sampler = NULL;
        struct model *model = NULL;
        const enum family_id family = i == 0 ? FAMILY_none : i == 1 ? FAMILY_full : FAMILY_diag;
        if (i == 0)
            ck_ok(model_create(family, K, D, &model, &err));
        else
            model = draw_model(&rng, family);
        if (i == 1) model->covariances[D * D] = -1.0;
        if (i == 2) model->covariances[D] = -1.0;
        if (i == 3) memset(model->weights, 0, K * sizeof *model->weights);
        ck_assert_int_eq(sampler_create(model, "the-fit", 1, &sampler, &failure), ERR_DATA);
        ck_assert_ptr_null(sampler);
        ck_assert_msg(strstr(failure.text, "the-fit: ") != NULL, "%s", failure.text);
        if (i == 1 || i == 2)
            ck_assert_msg(strstr(failure.text, "component 1") != NULL, "%s", failure.text);
        model_destroy(&model);
    }
}
END_TEST

static Suite *mixture_suite(void)
{
    Suite *suite = suite_create("mixture");
    TCase *mixture = tcase_create("mixture");
    tcase_add_test(mixture, factor);
    tcase_add_test(mixture, components);
    tcase_add_loop_test(mixture, points, 0, N_FAMILIES);
    tcase_add_test(mixture, refusals);
    suite_add_tcase(suite, mixture);
    return suite;
}

CHECK_MAIN(mixture_suite)
