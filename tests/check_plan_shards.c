/* How the fits of a plan are split over shards. */
#include "plan.h"

#include "fixture.h"

#include <string.h>

/* --- plans --- */

static const struct data data = {.n_rows = 1000, .n_features = 5};

/* A plan of fits in the order of plan_create: those that share a start are neighbours. */
static struct plan *make_plan(size_t n_k, size_t n_restarts, size_t n_families, bool kmeans)
{
    struct plan *plan = calloc(1, sizeof *plan);
    plan->fits = calloc(2 * n_k * n_restarts * (n_families + 1), sizeof *plan->fits);
    for (size_t k = 1; k <= n_k; k++)
        for (int init = 0; init < 2; init++)
            for (size_t r = 0; r < n_restarts; r++)
                for (size_t family = 0; family < n_families + kmeans; family++) {
                    struct plan_fit *fit = &plan->fits[plan->n_fits++];
                    fit->method = family < n_families ? METHOD_em : METHOD_kmeans;
                    fit->init = init == 0 ? INIT_kmeanspp : INIT_points;
                    fit->restart = r;
                    fit->n_components = 3 * k;
                    fit->em = fixture_fit_settings((enum family_id)(family % N_FAMILIES), 3 * k).em;
                    snprintf(fit->id, sizeof fit->id, "%zu", plan->n_fits);
                }
    return plan;
}

static bool share_start(const struct plan_fit *a, const struct plan_fit *b)
{
    return a->init == b->init && a->restart == b->restart && a->n_components == b->n_components;
}

/* Starts of a plan, counted by comparing each fit with all before it. */
static size_t count_starts(const struct plan *plan)
{
    size_t n = 0;
    for (size_t i = 0; i < plan->n_fits; i++) {
        size_t j = 0;
        while (!share_start(&plan->fits[j], &plan->fits[i]))
            j++;
        n += j == i;
    }
    return n;
}

static const size_t shapes[][3] = {{1, 1, 1}, {1, 1, 4}, {2, 3, 2}, {4, 5, 4}, {7, 10, 3}};
static const size_t all_shards[] = {1, 2, 3, 8, 13, 64, 500};
enum { N_SHAPES = 5, N_SHARDS = 7, MOST_SHARDS = 500 };

static struct plan *shape(size_t i)
{
    return make_plan(shapes[i][0], shapes[i][1], shapes[i][2], i % 2 == 0);
}

static void destroy(struct plan *plan, size_t *owner)
{
    free(owner);
    free(plan->fits);
    free(plan);
}

static size_t *split(const struct plan *plan, size_t n_shards)
{
    size_t *owner = malloc(plan->n_fits * sizeof *owner);
    memset(owner, 0xff, plan->n_fits * sizeof *owner); /* nobody's */
    ck_ok(plan_shards(&data, plan, n_shards, owner, &err));
    return owner;
}

/* --- tests --- */

/* Groups are the plan's different starts. */
START_TEST(groups_are_starts)
{
    for (size_t i = 0; i < N_SHAPES; i++) {
        struct plan *plan = shape(i);
        ck_assert_uint_eq(plan_groups(plan), count_starts(plan));
        ck_assert_uint_eq(plan_groups(plan), 2 * shapes[i][0] * shapes[i][1]);
        destroy(plan, NULL);
    }
}
END_TEST

/* Every fit has one owner, an existing one, and the same each time; with fits enough every shard
 * has some, with more shards than fits no shard has two. */
START_TEST(every_fit_has_an_owner)
{
    for (size_t i = 0; i < N_SHAPES * N_SHARDS; i++) {
        struct plan *plan = shape(i / N_SHARDS);
        const size_t n_shards = all_shards[i % N_SHARDS];
        size_t *owner = split(plan, n_shards), *again = split(plan, n_shards);
        size_t n_of[MOST_SHARDS] = {0}, most = 0, n_idle = 0;
        for (size_t fit = 0; fit < plan->n_fits; fit++) {
            ck_assert_uint_lt(owner[fit], n_shards);
            n_of[owner[fit]]++;
        }
        for (size_t s = 0; s < n_shards; s++) {
            most = n_of[s] > most ? n_of[s] : most;
            n_idle += n_of[s] == 0;
        }
        if (plan->n_fits >= n_shards) ck_assert_uint_eq(n_idle, 0);
        if (plan->n_fits <= n_shards) ck_assert_uint_eq(most, 1);
        ck_assert_mem_eq(owner, again, plan->n_fits * sizeof *owner);
        free(again);
        destroy(plan, owner);
    }
}
END_TEST

/* The split is the plan's alone: neither threads nor memory nor what fits are called changes it. */
START_TEST(split_depends_on_the_plan_alone)
{
    struct plan *plan = shape(3);
    size_t *owner = split(plan, 8);
    plan->n_threads = 17;
    plan->n_live = 5;
    plan->memory_limit = 1e9;
    for (size_t fit = 0; fit < plan->n_fits; fit++)
        snprintf(plan->fits[fit].name, sizeof plan->fits[fit].name, "%zu", fit * 37 % 11);
    size_t *other = split(plan, 8);
    ck_assert_mem_eq(owner, other, plan->n_fits * sizeof *owner);
    free(other);
    destroy(plan, owner);
}
END_TEST

/* Fits that share a start have one owner while there are starts enough for all shards. */
START_TEST(shared_starts_stay_together)
{
    size_t n_shared = 0;
    for (size_t i = 0; i < N_SHAPES * N_SHARDS; i++) {
        struct plan *plan = shape(i / N_SHARDS);
        const size_t n_shards = all_shards[i % N_SHARDS];
        size_t *owner = split(plan, n_shards);
        for (size_t fit = 0; fit + 1 < plan->n_fits && n_shards <= count_starts(plan); fit++) {
            if (!share_start(&plan->fits[fit], &plan->fits[fit + 1])) continue;
            ck_assert_uint_eq(owner[fit], owner[fit + 1]);
            n_shared += n_shards > 1;
        }
        destroy(plan, owner);
    }
    ck_assert_uint_gt(n_shared, 100);
}
END_TEST

/* The pieces of a plan, each with one owner: what shares a start, or a fit where those are split
 * too. Adds up each shard's load and notes its smallest piece; returns the largest of all. */
static double weigh(const struct plan *plan, const size_t *owner, bool by_start, double *load,
                    double *smallest)
{
    double piece = 0, largest = 0;
    for (size_t i = 0; i < plan->n_fits; i++) {
        const struct plan_fit *fit = &plan->fits[i];
        const bool joins = by_start && i > 0 && share_start(fit - 1, fit);
        const bool ends = !by_start || i + 1 == plan->n_fits || !share_start(fit, fit + 1);
        piece = joins ? piece : plan_first_flops(&data, fit);
        piece += plan_fit_flops(&data, fit);
        if (!ends) continue;
        load[owner[i]] += piece;
        smallest[owner[i]] = fmin(smallest[owner[i]], piece);
        largest = fmax(largest, piece);
    }
    return largest;
}

/* No shard has more to do than another by more than the smallest of its own pieces, as the largest
 * are dealt first; so no more than by the largest of all. */
START_TEST(loads_are_even)
{
    for (size_t i = 0; i < N_SHAPES * N_SHARDS; i++) {
        struct plan *plan = shape(i / N_SHARDS);
        const size_t n_shards = all_shards[i % N_SHARDS];
        double load[MOST_SHARDS] = {0}, smallest[MOST_SHARDS], least = HUGE_VAL;
        size_t *owner = split(plan, n_shards);
        for (size_t s = 0; s < n_shards; s++)
            smallest[s] = HUGE_VAL;
        const double largest = weigh(plan, owner, n_shards <= count_starts(plan), load, smallest);
        for (size_t s = 0; s < n_shards; s++)
            least = fmin(least, load[s]);
        for (size_t s = 0; s < n_shards; s++) /* whole numbers below 2^53 */
            ck_assert_msg(load[s] - least <= fmin(smallest[s], largest),
                          "%zu fits, shard %zu of %zu: %g, another's %g, its smallest piece %g",
                          plan->n_fits, s, n_shards, load[s], least, smallest[s]);
        destroy(plan, owner);
    }
}
END_TEST

static Suite *plan_shards_suite(void)
{
    Suite *suite = suite_create("plan_shards");
    TCase *shards = tcase_create("plan_shards");
    tcase_add_test(shards, groups_are_starts);
    tcase_add_test(shards, every_fit_has_an_owner);
    tcase_add_test(shards, split_depends_on_the_plan_alone);
    tcase_add_test(shards, shared_starts_stay_together);
    tcase_add_test(shards, loads_are_even);
    suite_add_tcase(suite, shards);
    return suite;
}

CHECK_MAIN(plan_shards_suite)
