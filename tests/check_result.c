/* What is stored of a fit, and how it comes back from the bytes in the log. */
#include "result.h"

#include "fixture.h"

#include <string.h>

enum { N = 700, D = 3, C = 3 };

/* Labelled, weighted data and their rows. */
struct labelled {
    double x[N * D], weight[N];
    int32_t label[N];
    struct ref_data data;
    struct rows *rows;
};

static struct labelled *labelled_create(void)
{
    uint64_t rng = test_seed();
    struct labelled *labelled = malloc(sizeof *labelled);
    fixture_draw(&rng, C, 9, N, D, labelled->x, labelled->label);
    for (size_t n = 0; n < N; n++)
        labelled->weight[n] = (double)(1 + test_below(&rng, 3)) / 2;
    labelled->data = (struct ref_data){N, D, labelled->x, labelled->weight};
    labelled->rows = fixture_rows(&labelled->data, labelled->label, C);
    return labelled;
}

static void labelled_destroy(struct labelled **labelled)
{
    rows_destroy(&(*labelled)->rows);
    free(*labelled);
    *labelled = NULL;
}

/* A fit of K components as the plan lists it, run, and its result. */
struct stored {
    struct plan_fit fit;
    struct em *em;
    struct result *result;
};

static struct stored stored_create(const struct rows *rows, enum family_id family,
                                   size_t n_components, enum mixing mixing)
{
    const struct config config = {.sweep_seed = 42};
    struct stored stored = {0};
    struct fixture_fit fit = fixture_fit_settings(family, n_components);
    fit.em.mixing = mixing;
    fit.start.restart = 3;
    strcpy(stored.fit.name, "diag-k004-kmeans++-r003");
    strcpy(stored.fit.id, "0123456789abcdef");
    stored.fit.init = INIT_kmeanspp;
    stored.fit.restart = 3;
    stored.fit.n_components = n_components;
    stored.fit.em = fit.em;
    stored.em = fixture_fit(rows, &fit);
    ck_ok(result_create(&config, rows, &stored.fit, stored.em, &stored.result, &err));
    return stored;
}

static void stored_destroy(struct stored *stored)
{
    result_destroy(&stored->result);
    em_destroy(&stored->em);
}

/* --- judging --- */

/* Free parameters of D = 5, K = 2 by truth.md, less the one of the weights where mixing is equal.
 */
START_TEST(parameters_are_counted)
{
    const int64_t expected[N_FAMILIES] = {
        [FAMILY_spherical] = 13, [FAMILY_diag] = 21, [FAMILY_tied] = 26, [FAMILY_full] = 41};
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 2, 10, 200, 5);
    for (int family = 0; family < N_FAMILIES; family++) {
        struct stored s = stored_create(f.rows, (enum family_id)family, 2, MIXING_free);
        ck_assert_int_eq(s.result->row.n_parameters, expected[family]);
        stored_destroy(&s);
        s = stored_create(f.rows, (enum family_id)family, 2, MIXING_equal);
        ck_assert_int_eq(s.result->row.n_parameters, expected[family] - 1);
        stored_destroy(&s);
    }
    fixture_destroy(&f);
}
END_TEST

/* The criteria are their formulas, with N the sum of weights. */
START_TEST(criteria_equal_formulas)
{
    struct labelled *labelled = labelled_create();
    const double W = (double)ref_total_weight(&labelled->data);
    for (int family = 0; family < N_FAMILIES; family++) {
        struct stored s = stored_create(labelled->rows, (enum family_id)family, 3, MIXING_free);
        const struct fit_row *row = &s.result->row;
        const double p = (double)row->n_parameters,
                     loglik = s.em->trace[s.em->n_entries - 1].loglik;
        ck_assert(row->loglik == loglik);
        /* one or two roundings */
        ck_close(row->mean_loglik, loglik / W, 1e-15, 0);
        ck_close(row->aic, 2 * p - 2 * loglik, 1e-15, 0);
        ck_close(row->bic, p * log(W) - 2 * loglik, 1e-15, 0);
        ck_close(row->icl, p * log(W) - 2 * loglik + 2 * s.em->entropy, 1e-15, 0);
        stored_destroy(&s);
    }
    labelled_destroy(&labelled);
}
END_TEST

/* The row says which fit it is and how it went; what does not apply says so. */
START_TEST(row_tells_the_fit)
{
    struct labelled *labelled = labelled_create();
    struct stored s = stored_create(labelled->rows, FAMILY_diag, 4, MIXING_free);
    const struct fit_row *row = &s.result->row;
    ck_assert_str_eq(row->name, "diag-k004-kmeans++-r003");
    ck_assert_str_eq(row->id, "0123456789abcdef");
    ck_assert_str_eq(row->method, "em");
    ck_assert_str_eq(row->covariance, "diag");
    ck_assert_str_eq(row->init, "kmeans++");
    ck_assert_str_eq(row->status, outcome_names[s.em->outcome]);
    ck_assert(row->k == 4 && row->restart == 3 && row->seed == 42 && row->redraws == 0);
    ck_assert_int_eq(row->iterations, (int64_t)s.em->n_entries - 1);
    ck_assert_int_eq(row->history_count, (int64_t)s.em->n_entries);
    ck_assert(!fit_row_applies(row, fit_column("inertia")));
    ck_assert(fit_row_applies(row, fit_column("bic")) && fit_row_applies(row, fit_column("ari")));
    ck_assert_ptr_null(fit_column("no such column"));
    double least = HUGE_VAL, smallest = HUGE_VAL;
    for (size_t k = 0; k < 4; k++)
        least = fmin(least, s.em->count[k]);
    for (size_t i = 0; i < 4 * D; i++)
        smallest = fmin(smallest, s.result->model->covariances[i]);
    ck_assert(row->min_count == least && row->min_eigenvalue == smallest);
    stored_destroy(&s);
    labelled_destroy(&labelled);
}
END_TEST

/* The model is stored in the user's units, with its components by weight, and each component's row
 * of the confusion along with it. */
START_TEST(model_is_in_canonical_order)
{
    enum { K = 5 };
    struct labelled *labelled = labelled_create();
    struct stored s = stored_create(labelled->rows, FAMILY_full, K, MIXING_free);
    const struct model *model = s.result->model;
    struct ref_mixture *mixture = fixture_mixture(labelled->rows, s.em->model);
    for (size_t k = 0; k < K; k++) {
        size_t j = 0; /* where it stood in the fit */
        if (k > 0) ck_assert_double_ge(model->weights[k - 1], model->weights[k]);
        while (j < K && s.em->model->weights[j] != model->weights[k])
            j++;
        ck_assert_uint_lt(j, K);
        for (size_t d = 0; d < D; d++)
            ck_close(model->means[k * D + d], (double)mixture->means[j * D + d], 1e-15, 1e-15);
        for (size_t i = 0; i < D * D; i++)
            ck_assert(model->covariances[k * D * D + i] ==
                      (double)mixture->covariances[j * D * D + i]);
        ck_assert_mem_eq(s.result->confusion + k * C, s.em->confusion + j * C, C * sizeof(double));
    }
    const struct rows *rows = labelled->rows;
    ck_close((double)ref_loglik(&labelled->data, mixture), s.result->row.loglik, 1e-10, 0);
    ck_assert_uint_eq(s.result->n_classes, rows->n_classes);
    ref_mixture_destroy(&mixture);
    stored_destroy(&s);
    labelled_destroy(&labelled);
}
END_TEST

/* Where the user gives the components, as classes or in a file, they keep their order. */
START_TEST(given_components_keep_their_order)
{
    enum { K = 5 };
    const enum init given[] = {INIT_labels, INIT_file};
    const struct config config = {.sweep_seed = 42};
    struct labelled *labelled = labelled_create();
    struct stored s = stored_create(labelled->rows, FAMILY_diag, K, MIXING_free);
    double *weights = s.em->model->weights;
    bool descending = true;
    for (size_t k = 1; k < K; k++)
        descending &= weights[k - 1] >= weights[k];
    if (descending) weights[0] = 0; /* an order that is not the canonical one */
    for (size_t i = 0; i < 2; i++) {
        struct result *result = NULL;
        s.fit.init = given[i];
        ck_ok(result_create(&config, labelled->rows, &s.fit, s.em, &result, &err));
        ck_assert_mem_eq(result->model->weights, weights, K * sizeof *weights);
        result_destroy(&result);
    }
    stored_destroy(&s);
    labelled_destroy(&labelled);
}
END_TEST

/* Canonical order: by weight, descending; ties by the means, the first that differs, ascending. */
START_TEST(order_breaks_ties_by_mean)
{
    struct model *model = NULL, *sorted = NULL;
    const double weights[] = {0.2, 0.3, 0.2, 0.1, 0.2}, means[] = {1, 9, 0, 0, 1, 5, 7, 7, -1, 6};
    const size_t expected[] = {1, 4, 2, 0, 3};
    size_t order[5];
    ck_ok(model_create(FAMILY_diag, 5, 2, &model, &err));
    ck_ok(model_create(FAMILY_diag, 5, 2, &sorted, &err));
    memcpy(model->weights, weights, sizeof weights);
    memcpy(model->means, means, sizeof means);
    for (size_t i = 0; i < 10; i++)
        model->covariances[i] = (double)i;
    model_order(model, order);
    model_permute(model, order, sorted);
    for (size_t k = 0; k < 5; k++) {
        ck_assert_uint_eq(order[k], expected[k]);
        ck_assert(sorted->weights[k] == weights[expected[k]]);
        for (size_t d = 0; d < 2; d++) {
            ck_assert(sorted->means[2 * k + d] == means[2 * expected[k] + d]);
            ck_assert(sorted->covariances[2 * k + d] == (double)(2 * expected[k] + d));
        }
    }
    model_destroy(&sorted);
    model_destroy(&model);
}
END_TEST

/* A fit is flagged if a component has fewer effective rows than its own covariance needs, and the
 * floor tells how many variances lie on it. */
START_TEST(flags_and_floors_are_counted)
{
    const double x[] = {0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 1000};
    const struct ref_data data = {9, 1, x, NULL};
    struct rows *rows = fixture_rows(&data, NULL, 0);
    struct stored alone = stored_create(rows, FAMILY_diag, 2, MIXING_free); /* 1000 stands alone */
    ck_assert(alone.result->row.flagged && alone.result->row.floored == 1);
    ck_close(alone.result->row.min_count, 1, 1e-9, 0);
    struct stored one = stored_create(rows, FAMILY_diag, 1, MIXING_free);
    ck_assert(!one.result->row.flagged && one.result->row.floored == 0);
    ck_assert_ptr_null(one.result->confusion);
    ck_assert(isnan(one.result->row.ari));
    stored_destroy(&one);
    stored_destroy(&alone);
    rows_destroy(&rows);
}
END_TEST

/* How many rows are enough: 2 for a diagonal covariance, D + 1 for a full one, D + K in all for a
 * common one. */
START_TEST(flags_follow_the_family)
{
    static const struct {
        enum family_id family;
        size_t n_rows, n_features, n_components;
        bool flagged;
    } rules[] = {{FAMILY_full, 5, 5, 1, true},  {FAMILY_full, 6, 5, 1, false},
                 {FAMILY_diag, 2, 5, 1, false}, {FAMILY_spherical, 2, 5, 1, false},
                 {FAMILY_tied, 5, 5, 1, true},  {FAMILY_tied, 6, 5, 1, false},
                 {FAMILY_diag, 1, 5, 1, true},  {FAMILY_spherical, 1, 5, 1, true}};
    uint64_t rng = test_seed();
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct fixture f = fixture_create(&rng, 1, 1, rules[i].n_rows, rules[i].n_features);
        struct stored s =
            stored_create(f.rows, rules[i].family, rules[i].n_components, MIXING_free);
        ck_assert_msg(s.result->row.flagged == rules[i].flagged, "rule %zu", i);
        stored_destroy(&s);
        fixture_destroy(&f);
    }
}
END_TEST

/* A k-means fit: weights and means of its clusters by weight, mean squared distance, label scores,
 * and nothing of a likelihood. */
START_TEST(kmeans_is_judged)
{
    enum { K = 4 };
    struct labelled *labelled = labelled_create();
    const struct config config = {.sweep_seed = 42, .kmeans_max_iter = 100};
    struct plan_fit fit = {.name = "kmeans-k004-kmeans++-r000",
                           .method = METHOD_kmeans,
                           .init = INIT_kmeanspp,
                           .n_components = K};
    struct start_settings settings = fixture_start_settings(K);
    struct start *clusters = fixture_start(labelled->rows, &settings, 1);
    struct result *result = NULL;
    ck_ok(result_create_kmeans(&config, labelled->rows, &fit, clusters, &result, &err));
    const struct fit_row *row = &result->row;
    const struct model *model = result->model;
    ck_assert_str_eq(row->method, "kmeans");
    ck_assert_str_eq(row->covariance, "none");
    ck_assert_str_eq(row->status, "converged");
    ck_assert(isnan(row->loglik) && isnan(row->bic) && !isnan(row->ari) && !row->flagged);
    const double W = (double)ref_total_weight(&labelled->data);
    const double inertia = (double)ref_inertia(&labelled->data, K, model->means);
    ck_close(row->inertia, inertia / W, 1e-12, 0);
    double weights = 0, confused = 0;
    for (size_t k = 0; k < K; k++) {
        weights += model->weights[k];
        if (k > 0) ck_assert_double_ge(model->weights[k - 1], model->weights[k]);
        double of_cluster = 0;
        for (size_t c = 0; c < C; c++)
            of_cluster += result->confusion[k * C + c];
        ck_close(model->weights[k] * W, of_cluster, 1e-12, 0);
        confused += of_cluster;
    }
    ck_close(weights, 1, 0, 1e-14);
    ck_close(confused, W, 1e-13, 0);
    result_destroy(&result);
    start_destroy(&clusters);
    labelled_destroy(&labelled);
}
END_TEST

/* Weights of many rows sum to 1 too. */
START_TEST(kmeans_weights_sum_to_1)
{
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 3, 10, 100000, 1);
    const struct config config = {.kmeans_max_iter = 100};
    const struct plan_fit fit = {.method = METHOD_kmeans, .init = INIT_kmeanspp, .n_components = 3};
    struct start_settings settings = fixture_start_settings(3);
    struct start *clusters = fixture_start(f.rows, &settings, 1);
    struct result *result = NULL;
    ck_ok(result_create_kmeans(&config, f.rows, &fit, clusters, &result, &err));
    const double *weights = result->model->weights;
    ck_close(weights[0] + weights[1] + weights[2], 1, 0, 1e-14); /* the promise of truth.md */
    result_destroy(&result);
    start_destroy(&clusters);
    fixture_destroy(&f);
}
END_TEST

/* --- bytes --- */

static struct pack pack_of(const struct result *result)
{
    struct pack pack = {0};
    result_pack(result, &pack);
    ck_assert(!pack.failed);
    return pack;
}

/* A result comes back from its bytes in all its parts: packed again it gives the same bytes. */
START_TEST(result_round_trip)
{
    struct labelled *labelled = labelled_create();
    struct stored s = stored_create(labelled->rows, FAMILY_diag, 4, MIXING_free);
    struct pack pack = pack_of(s.result);
    struct unpack unpack = {.bytes = pack.bytes, .n = pack.n};
    struct result *back = NULL;
    ck_ok(result_unpack(&unpack, &back, &err));
    ck_assert_uint_eq(back->n_entries, s.result->n_entries);
    ck_assert_uint_eq(back->n_classes, C);
    for (size_t i = 0; i < n_fit_columns; i++) {
        const struct fit_column *column = &fit_columns[i];
        ck_assert_int_eq(fit_row_applies(&back->row, column),
                         fit_row_applies(&s.result->row, column));
        if (column->type == FIT_TEXT)
            ck_assert_str_eq(fit_row_text(&back->row, column),
                             fit_row_text(&s.result->row, column));
    }
    struct pack again = pack_of(back);
    ck_assert_uint_eq(again.n, pack.n);
    ck_assert_mem_eq(again.bytes, pack.bytes, pack.n);
    ck_assert_mem_eq(back->model->means, s.result->model->means, 4 * D * sizeof(double));
    ck_assert(back->row.bic == s.result->row.bic && back->row.flagged == s.result->row.flagged);
    free(again.bytes);
    result_destroy(&back);
    free(pack.bytes);
    stored_destroy(&s);
    labelled_destroy(&labelled);
}
END_TEST

/* Whether bytes [n], in a block of just their size, are refused. */
static bool refused(const unsigned char *bytes, size_t n)
{
    unsigned char *copy = malloc(n > 0 ? n : 1);
    memcpy(copy, bytes, n);
    struct unpack unpack = {.bytes = copy, .n = n};
    struct result *result = (struct result *)copy;
    struct err err = {OK, ""};
    const enum status status = result_unpack(&unpack, &result, &err);
    const bool consistent =
        status == OK ? result != NULL : status == ERR_DATA && result == NULL && err.text[0] != '\0';
    if (!consistent) ck_abort_msg("status %d, %s", (int)status, err.text);
    result_destroy(&result);
    free(copy);
    return status != OK;
}

/* Bytes that end anywhere early, or go on, are refused. */
START_TEST(truncated_results_are_refused)
{
    struct labelled *labelled = labelled_create();
    struct stored s = stored_create(labelled->rows, FAMILY_full, 2, MIXING_free);
    struct pack pack = pack_of(s.result);
    size_t n_accepted = 0;
    for (size_t n = 0; n < pack.n; n++)
        n_accepted += !refused(pack.bytes, n);
    ck_assert_uint_eq(n_accepted, 0);
    ck_assert(!refused(pack.bytes, pack.n));
    pack_u64(&pack, 0);
    ck_assert(refused(pack.bytes, pack.n));
    free(pack.bytes);
    stored_destroy(&s);
    labelled_destroy(&labelled);
}
END_TEST

/* Bytes changed anywhere are refused or give a result, but never a crash; and the five sizes, which
 * say how much memory to ask for, are refused with any wrong value. */
START_TEST(damaged_results_do_no_harm)
{
    uint64_t rng = test_seed();
    struct labelled *labelled = labelled_create();
    struct stored s = stored_create(labelled->rows, FAMILY_full, 2, MIXING_free);
    struct pack pack = pack_of(s.result), row = {0};
    fit_row_pack(&s.result->row, &row);
    for (int i = 0; i < 20000; i++) {
        const size_t at = test_below(&rng, pack.n);
        const unsigned char keep = pack.bytes[at];
        pack.bytes[at] = (unsigned char)test_bits(&rng);
        refused(pack.bytes, pack.n);
        pack.bytes[at] = keep;
    }
    for (size_t i = 1; i < 5; i++) { /* sizes behind the family */
        unsigned char *size = pack.bytes + row.n + 8 * i;
        unsigned char keep[8];
        memcpy(keep, size, 8);
        for (unsigned bit = 0; bit < 64; bit++) {
            size[bit / 8] ^= (unsigned char)(1u << bit % 8);
            ck_assert(refused(pack.bytes, pack.n));
            memcpy(size, keep, 8);
        }
        memset(size, 0xff, 8);
        ck_assert(refused(pack.bytes, pack.n));
        memset(size, 0, 8);
        ck_assert(refused(pack.bytes, pack.n));
        memcpy(size, keep, 8);
    }
    ck_assert(!refused(pack.bytes, pack.n));
    free(row.bytes);
    free(pack.bytes);
    stored_destroy(&s);
    labelled_destroy(&labelled);
}
END_TEST

/* A row of which nothing is known says so in every column, also after a round trip. */
START_TEST(empty_row_applies_to_nothing)
{
    struct fit_row row, back;
    struct pack pack = {0};
    fit_row_init(&row);
    fit_row_pack(&row, &pack);
    struct unpack unpack = {.bytes = pack.bytes, .n = pack.n};
    memset(&back, 0x55, sizeof back);
    fit_row_unpack(&back, &unpack);
    ck_assert(!unpack.failed && unpack.at == unpack.n);
    for (size_t i = 0; i < n_fit_columns; i++) {
        const bool is_flag = fit_columns[i].type == FIT_FLAG;
        ck_assert_int_eq(fit_row_applies(&row, &fit_columns[i]), is_flag);
        ck_assert_int_eq(fit_row_applies(&back, &fit_columns[i]), is_flag);
        ck_assert_ptr_eq(fit_column(fit_columns[i].name), &fit_columns[i]);
    }
    free(pack.bytes);
}
END_TEST

static Suite *result_suite(void)
{
    Suite *suite = suite_create("result");
    TCase *judge = tcase_create("judge"), *bytes = tcase_create("bytes");
    tcase_add_test(judge, parameters_are_counted);
    tcase_add_test(judge, criteria_equal_formulas);
    tcase_add_test(judge, row_tells_the_fit);
    tcase_add_test(judge, model_is_in_canonical_order);
    tcase_add_test(judge, given_components_keep_their_order);
    tcase_add_test(judge, order_breaks_ties_by_mean);
    tcase_add_test(judge, flags_and_floors_are_counted);
    tcase_add_test(judge, flags_follow_the_family);
    tcase_add_test(judge, kmeans_is_judged);
    tcase_add_test(judge, kmeans_weights_sum_to_1);
    tcase_add_test(bytes, result_round_trip);
    tcase_add_test(bytes, truncated_results_are_refused);
    tcase_add_test(bytes, damaged_results_do_no_harm);
    tcase_add_test(bytes, empty_row_applies_to_nothing);
    suite_add_tcase(suite, judge);
    suite_add_tcase(suite, bytes);
    return suite;
}

CHECK_MAIN(result_suite)
