/* Lloyd's iterations that are cut short and go on from what a checkpoint keeps of them. */
#include "kmeans.h"

#include "fixture.h"

/* What the start is given up for: a new one, brought to where it was. */
static void go_on(struct start **start)
{
    struct pack state = {0};
    struct lloyd *lloyd = NULL;
    struct start *next = NULL;
    const size_t n = (*start)->settings.n_components * (*start)->rows->n_features;
    kmeans_pack(*start, &state);
    struct unpack reader = {.bytes = state.bytes, .n = state.n};
    ck_ok(kmeans_unpack(&reader, n, &lloyd, &err));
    ck_assert(!reader.failed && reader.at == reader.n);
    ck_assert_int_eq(lloyd != NULL, (*start)->n_iterations > 0);
    if (lloyd != NULL) {
        ck_ok(start_create((*start)->rows, &(*start)->settings, &next, &err));
        kmeans_resume(next, lloyd);
        start_destroy(start);
        *start = next;
    }
    kmeans_forget(&lloyd);
    free(state.bytes);
}

/* Runs a start to its end. every > 0: it is given up after so many ticks, again and again. */
static struct start *run(const struct rows *rows, const struct start_settings *settings, int every)
{
    struct engine *engine = fixture_engine(rows, 2, settings->n_components);
    struct start *start = NULL;
    ck_ok(start_create(rows, settings, &start, &err));
    for (int tick = 1; !start->done; tick++) {
        struct task *task = &start->task;
        engine_tick(engine, &task, 1);
        if (every > 0 && tick % every == 0 && !start->done) go_on(&start);
    }
    engine_destroy(&engine);
    return start;
}

/* However often it is given up: the same means, clusters, inertia, iterations and end. */
START_TEST(lloyd_goes_on_with_the_same_bits)
{
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 7, 6, 3000, 3);
    size_t n_ended[2] = {0};
    for (int64_t max_iter = 0; max_iter < 40; max_iter += 13)
        for (int every = 2; every < 30; every += 3) {
            struct start_settings settings = fixture_start_settings(7);
            settings.max_iter = max_iter;
            settings.init = every % 2 == 0 ? INIT_kmeans : INIT_kmeanspp;
            settings.restart = (uint64_t)every;
            settings.tol = every % 4 == 0 ? 0 : 1e-4;
            struct start *whole = run(f.rows, &settings, 0), *torn = run(f.rows, &settings, every);
            ck_assert_mem_eq(torn->means, whole->means, 7 * 3 * sizeof *whole->means);
            ck_assert_mem_eq(torn->assignment, whole->assignment,
                             f.rows->n_rows * sizeof *whole->assignment);
            ck_assert(torn->inertia == whole->inertia);
            ck_assert_uint_eq(torn->n_iterations, whole->n_iterations);
            ck_assert_int_eq(torn->converged, whole->converged);
            n_ended[whole->converged]++;
            start_destroy(&torn);
            start_destroy(&whole);
        }
    ck_assert(n_ended[0] > 0 && n_ended[1] > 0); /* both ends were tried */
    fixture_destroy(&f);
}
END_TEST

/* Nothing, and no failure, comes of no start, of a start of other sizes and of bytes that end
 * early. */
START_TEST(other_states_are_left_alone)
{
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 3, 6, 500, 2);
    const struct start_settings settings = fixture_start_settings(3);
    struct engine *engine = fixture_engine(f.rows, 1, 3);
    struct start *start = NULL;
    struct lloyd *lloyd = NULL;
    struct pack none = {0}, state = {0};
    ck_ok(start_create(f.rows, &settings, &start, &err));
    struct task *task = &start->task;
    while (start->n_iterations == 0)
        engine_tick(engine, &task, 1);
    kmeans_pack(NULL, &none);
    kmeans_pack(start, &state);
    struct unpack reader = {.bytes = none.bytes, .n = none.n};
    ck_ok(kmeans_unpack(&reader, 6, &lloyd, &err));
    ck_assert(lloyd == NULL && !reader.failed && reader.at == reader.n);
    for (size_t n = 0; n < state.n; n++) {
        reader = (struct unpack){.bytes = state.bytes, .n = n};
        ck_ok(kmeans_unpack(&reader, 6, &lloyd, &err));
        ck_assert_ptr_null(lloyd);
    }
    reader = (struct unpack){.bytes = state.bytes, .n = state.n};
    ck_ok(kmeans_unpack(&reader, 8, &lloyd, &err));
    ck_assert_ptr_null(lloyd);
    free(state.bytes);
    free(none.bytes);
    start_destroy(&start);
    engine_destroy(&engine);
    fixture_destroy(&f);
}
END_TEST

static Suite *lloyd_suite(void)
{
    Suite *suite = suite_create("lloyd");
    TCase *lloyd = tcase_create("lloyd");
    tcase_add_test(lloyd, lloyd_goes_on_with_the_same_bits);
    tcase_add_test(lloyd, other_states_are_left_alone);
    suite_add_tcase(suite, lloyd);
    return suite;
}

CHECK_MAIN(lloyd_suite)
