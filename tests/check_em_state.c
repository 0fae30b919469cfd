/* A fit goes on from a packed state with the same bits, whenever it was packed and however the tick
 * before ended. */
#include "clock.h"
#include "em.h"

#include "fixture.h"

#include <string.h>

/* --- fits of all kinds --- */

enum { N = 600, N_HELDOUT = 300, D = 3, N_CLASSES = 3 };
enum kind { CLUSTERS, POINT_AND_CLOUD, FEW_POINTS };

/* Data that fits are made on. */
struct ground {
    double *x, *weight; /* [N + N_HELDOUT, D] and their weights */
    int32_t label[N + N_HELDOUT];
    struct rows *rows, *heldout;
    struct model *given; /* of `init: file` */
};

struct variant {
    enum init init;
    size_t n_components;
    int64_t max_iter;
    double floor, ridge;
    enum kind kind;
    bool weighted, labelled, heldout, start_only;
    enum kernel kernel;
};

static const struct variant variants[] = {
    {INIT_points, 3, 25, 1e-6, 0, CLUSTERS, false, false, false, false, KERNEL_fast},
    {INIT_identity, 3, 25, 0, 0, CLUSTERS, true, false, true, false, KERNEL_fast},
    {INIT_parameters, 5, 25, 0, 0, CLUSTERS, false, false, false, false, KERNEL_fast},
    {INIT_random_resp, 3, 25, 0.2, 0, CLUSTERS, true, true, false, false, KERNEL_fast},
    {INIT_kmeans, 4, 25, 0, 0, CLUSTERS, false, false, true, false, KERNEL_reference},
    {INIT_kmeanspp, 5, 25, 0.5, 0, CLUSTERS, true, true, true, false, KERNEL_fast},
    {INIT_small_em, 4, 15, 1e-6, 0, CLUSTERS, false, true, true, false, KERNEL_fast},
    {INIT_labels, N_CLASSES, 25, 1e-6, 0, CLUSTERS, true, true, false, false, KERNEL_fast},
    {INIT_labels, N_CLASSES, 25, 1e-6, 0, CLUSTERS, false, true, false, true, KERNEL_fast},
    {INIT_file, 2, 25, 1e-6, 0, CLUSTERS, false, false, true, false, KERNEL_fast},
    {INIT_file, 3, 10, 0, 0.3, CLUSTERS, false, false, false, false, KERNEL_fast},
    {INIT_points, 1, 25, 1e-6, 0, CLUSTERS, false, false, true, false, KERNEL_fast},
    {INIT_kmeanspp, 3, 0, 1e-6, 0, CLUSTERS, false, true, false, false, KERNEL_fast},
    {INIT_kmeanspp, 3, 1, 0, 0, CLUSTERS, true, false, false, false, KERNEL_fast},
    {INIT_points, 3, 60, 0, 0, POINT_AND_CLOUD, false, true, true, false, KERNEL_fast},
    {INIT_small_em, 3, 20, 0, 0, POINT_AND_CLOUD, false, false, false, false, KERNEL_fast},
    {INIT_points, 9, 25, 0, 0, FEW_POINTS, false, false, true, false, KERNEL_fast},
    {INIT_parameters, 9, 25, 1e-6, 0, FEW_POINTS, true, false, false, false, KERNEL_fast},
};
enum { N_VARIANTS = sizeof variants / sizeof *variants };

static struct ground lay_ground(const struct variant *variant)
{
    uint64_t rng = test_seed() + variant->init;
    const size_t n = N + N_HELDOUT;
    struct ground ground = {.x = fixture_doubles(n * D), .weight = fixture_doubles(n)};
    fixture_draw(&rng, N_CLASSES, 5, n, D, ground.x, ground.label);
    for (size_t i = 0; i < n; i++)
        ground.weight[i] = 0.25 + test_uniform(&rng);
    for (size_t i = 0; i < n * D && variant->kind == POINT_AND_CLOUD; i++)
        if (i / D % 2 == 0) ground.x[i] = 20;
    for (size_t i = 0; i < n * D && variant->kind == FEW_POINTS; i++)
        ground.x[i] = (double)(i / D % 4);
    const double *weight = variant->weighted ? ground.weight : NULL;
    const struct ref_data fitted = {N, D, ground.x, weight};
    const struct ref_data others = {N_HELDOUT, D, ground.x + N * D, weight};
    ground.rows = fixture_rows(&fitted, variant->labelled ? ground.label : NULL,
                               variant->labelled ? N_CLASSES : 0);
    ground.heldout = variant->heldout ? fixture_heldout(&others, ground.rows) : NULL;
    return ground;
}

static void clear_ground(struct ground *ground)
{
    model_destroy(&ground->given);
    rows_destroy(&ground->heldout);
    rows_destroy(&ground->rows);
    free(ground->weight);
    free(ground->x);
}

/* A variant's fit. Of random parameters the first restart that has to be drawn again and then does
 * well, where the data allow it. */
static struct fixture_fit fit_of(const struct variant *variant, enum family_id family,
                                 struct ground *ground)
{
    struct fixture_fit fit = fixture_fit_settings(family, variant->n_components);
    struct em *em = NULL;
    fit.em.max_iter = variant->ridge > 0 ? 100 : 2; /* from its end a ridge leads down */
    if (variant->init == INIT_file) {
        em = fixture_fit(ground->rows, &fit);
        ground->given = em->model;
        em->model = NULL;
        em_destroy(&em);
    }
    fit.heldout = ground->heldout;
    fit.start.init = variant->init;
    fit.start.given = ground->given;
    fit.em.max_iter = variant->max_iter;
    fit.em.start_only = variant->start_only;
    fit.em.kernel = variant->kernel;
    fit.em.reg.floor = variant->floor;
    fit.em.reg.ridge = variant->ridge;
    fit.em.redraws = 3;
    fit.em.may_redraw = start_varies(variant->init, variant->n_components);
    fit.em.n_trials = variant->init == INIT_small_em ? 3 : 0;
    bool found = variant->init != INIT_parameters || variant->kind != CLUSTERS;
    for (; !found; fit.start.restart += !found) {
        ck_assert_uint_lt(fit.start.restart, 500);
        em = fixture_fit(ground->rows, &fit);
        found = em->redraw > 0 && em->outcome != OUTCOME_degenerate;
        em_destroy(&em);
    }
    return fit;
}

/* --- going on --- */

static size_t n_parameters(const struct model *model)
{
    return model->n_components * (1 + model->n_features) + model->n_covariances;
}

/* Asserts that two fits that are done have the same bits in all that is stored. */
static void check_same_bits(const struct em *a, const struct em *b)
{
    const size_t n = a->settings.n_components;
    bool same = a->n_entries == b->n_entries;
    for (size_t t = 0; same && t < a->n_entries; t++)
        same = a->trace[t].loglik == b->trace[t].loglik && a->trace[t].elbo == b->trace[t].elbo;
    ck_assert_msg(same, "the traces differ");
    ck_assert_int_eq(a->outcome, b->outcome);
    ck_assert_uint_eq(a->redraw, b->redraw);
    ck_assert_mem_eq(a->model->weights, b->model->weights,
                     n_parameters(a->model) * sizeof(double)); /* one block */
    ck_assert_mem_eq(a->count, b->count, n * sizeof *a->count);
    ck_assert_mem_eq(a->floored, b->floored, n * sizeof *a->floored);
    ck_assert_mem_eq(a->least_eigenvalue, b->least_eigenvalue, n * sizeof *a->least_eigenvalue);
    if (a->confusion != NULL)
        ck_assert_mem_eq(a->confusion, b->confusion, n * a->rows->n_classes * sizeof *a->confusion);
    ck_assert_mem_eq(&a->heldout, &b->heldout, sizeof a->heldout); /* may be NaN */
    ck_assert(a->entropy == b->entropy && a->max_drop == b->max_drop);
}

static struct em *new_em(const struct rows *rows, const struct fixture_fit *fit)
{
    struct em *em = NULL;
    ck_ok(em_create(rows, fit->heldout, &fit->em, &em, &err));
    return em;
}

/* Gives a fit of full covariances a heavy fit's memory, which makes it one. */
static void make_heavy(struct em *em)
{
    const size_t n_components = em->settings.n_components;
    em->batch = fixture_doubles(ENGINE_BATCH * n_components * ROWS_CHUNK);
    em->task.n_gathers = n_components * em->ops->n_stripes(em->rows->n_features);
}

static bool same_place(struct em_place a, struct em_place b)
{
    return !em_place_precedes(a, b) && !em_place_precedes(b, a);
}

/* A new fit in the state of `em`, which says where it is. */
static struct em *copy_by_state(const struct fixture_fit *fit, const struct em *em)
{
    struct pack state = {0};
    bool resumed = false;
    pack_text(&state, "before");
    em_pack(em, &state);
    ck_assert(!state.failed);
    struct unpack reader = {.bytes = state.bytes, .n = state.n};
    struct em *copy = new_em(em->rows, fit);
    if (em->batch != NULL) make_heavy(copy);
    char text[8];
    unpack_text(&reader, text, sizeof text);
    ck_ok(em_resume(copy, &reader, &resumed, &err));
    ck_assert(resumed && !reader.failed && reader.at == reader.n);
    ck_assert(same_place(em_place_of(copy), em_place_of(em)));
    free(state.bytes);
    return copy;
}

/* One tick of the fit or of the start that it waits for. */
static void tick(struct engine *engine, const struct fixture_fit *fit, struct fixture_run *run)
{
    struct task *task;
    if (fixture_next(run->em->rows, fit, run, &task) > 0) engine_tick(engine, &task, 1);
}

/* Asserts that from the state of `em` the fit ends as it does undisturbed. */
static void check_end(struct engine *engine, const struct fixture_fit *fit, const struct em *em,
                      const struct em *undisturbed)
{
    struct fixture_run run = {.em = copy_by_state(fit, em)};
    while (run.em->phase != EM_DONE)
        tick(engine, fit, &run);
    check_same_bits(run.em, undisturbed);
    start_destroy(&run.start);
    em_destroy(&run.em);
}

/* A variant's fit must be of the kind that it stands for. */
static void check_kind(const struct variant *variant, const struct em *em)
{
    const bool shrinks = variant->kind == POINT_AND_CLOUD && em->settings.family != FAMILY_tied;
    const bool drawn = variant->init == INIT_parameters && variant->kind == CLUSTERS;
    if (shrinks || drawn) ck_assert_uint_gt(em->redraw, 0);
    if (variant->ridge > 0) ck_assert_double_gt(em->max_drop, 0);
    ck_assert_int_eq(em->outcome == OUTCOME_degenerate, shrinks || variant->kind == FEW_POINTS);
}

/* Packed before any tick, each of its starts' too, and resumed in a new fit, it ends with the same
 * bits; and with each step its place is a later one. */
START_TEST(any_state_leads_to_the_same_end)
{
    for (size_t i = 0; i < N_VARIANTS; i++) {
        struct ground ground = lay_ground(&variants[i]);
        const struct fixture_fit fit = fit_of(&variants[i], (enum family_id)_i, &ground);
        struct em *undisturbed = fixture_fit(ground.rows, &fit);
        struct engine *engine = fixture_engine(ground.rows, 1, fit.em.n_components);
        struct fixture_run run = {.em = new_em(ground.rows, &fit)};
        check_kind(&variants[i], undisturbed);
        while (run.em->phase != EM_DONE) {
            const struct em_place before = em_place_of(run.em);
            const bool steps = run.em->phase == EM_STEP;
            check_end(engine, &fit, run.em, undisturbed);
            tick(engine, &fit, &run);
            if (steps && run.em->phase == EM_STEP)
                ck_assert(em_place_precedes(before, em_place_of(run.em)));
        }
        check_same_bits(run.em, undisturbed);
        start_destroy(&run.start);
        em_destroy(&run.em);
        engine_destroy(&engine);
        em_destroy(&undisturbed);
        clear_ground(&ground);
    }
}
END_TEST

/* The same where it is packed and resumed whenever it has come farther. (After every tick it would
 * set its factors up for ever.) */
START_TEST(many_stops_lead_to_the_same_end)
{
    for (size_t i = 0; i < N_VARIANTS; i++) {
        struct ground ground = lay_ground(&variants[i]);
        const struct fixture_fit fit = fit_of(&variants[i], (enum family_id)_i, &ground);
        struct em *undisturbed = fixture_fit(ground.rows, &fit);
        struct engine *engine = fixture_engine(ground.rows, 1, fit.em.n_components);
        struct fixture_run run = {.em = new_em(ground.rows, &fit)};
        struct em_place before = em_place_of(run.em);
        size_t n_resumed = 0;
        while (run.em->phase != EM_DONE) {
            tick(engine, &fit, &run);
            if (run.em->phase == EM_DONE || !em_place_precedes(before, em_place_of(run.em)))
                continue;
            before = em_place_of(run.em);
            struct em *copy = copy_by_state(&fit, run.em);
            em_destroy(&run.em);
            run.em = copy;
            n_resumed++;
        }
        check_same_bits(run.em, undisturbed);
        ck_assert_uint_ge(n_resumed + 2, undisturbed->n_entries);
        start_destroy(&run.start);
        em_destroy(&run.em);
        engine_destroy(&engine);
        em_destroy(&undisturbed);
        clear_ground(&ground);
    }
}
END_TEST

/* Places are ordered by redraw, then trial, then entries. */
START_TEST(places_have_an_order)
{
    for (uint64_t i = 0; i < 27; i++)
        for (uint64_t j = 0; j < 27; j++) {
            const struct em_place a = {i / 9, i / 3 % 3, i % 3}, b = {j / 9, j / 3 % 3, j % 3};
            ck_assert_int_eq(em_place_precedes(a, b), i < j);
        }
}
END_TEST

/* --- one fit --- */

/* The first variant's fit on ground of its own, after so many ticks. */
static struct em *after_ticks(struct ground *ground, struct fixture_fit *fit, size_t n)
{
    *ground = lay_ground(&variants[0]);
    *fit = fit_of(&variants[0], FAMILY_full, ground);
    struct engine *engine = fixture_engine(ground->rows, 1, fit->em.n_components);
    struct fixture_run run = {.em = new_em(ground->rows, fit)};
    while (n-- > 0)
        tick(engine, fit, &run);
    ck_assert_int_eq(run.em->phase, EM_STEP);
    start_destroy(&run.start);
    engine_destroy(&engine);
    return run.em;
}

/* Time goes on from what the fit had taken when it was packed, and what it had recorded stays. */
START_TEST(time_goes_on)
{
    struct ground ground;
    struct fixture_fit fit;
    struct em *em = after_ticks(&ground, &fit, 5);
    em->began_s -= 1000;
    const double packed_s = clock_monotonic_s();
    struct em *copy = copy_by_state(&fit, em);
    const double resumed_s = clock_monotonic_s();
    /* its age when resumed is its age when packed, at some moment between the two */
    const double shift_s = copy->began_s - em->began_s;
    ck_assert_double_ge(shift_s, -1e-6); /* roundings */
    ck_assert_double_le(shift_s, resumed_s - packed_s + 1e-6);
    ck_assert_uint_eq(copy->n_entries, em->n_entries);
    for (size_t t = 0; t < em->n_entries; t++)
        ck_assert(copy->trace[t].wall_s == em->trace[t].wall_s && em->trace[t].wall_s > 0);
    struct fixture_run run = {.em = copy};
    struct engine *engine = fixture_engine(ground.rows, 1, fit.em.n_components);
    while (run.em->phase != EM_DONE)
        tick(engine, &fit, &run);
    for (size_t t = em->n_entries; t < copy->n_entries; t++)
        ck_assert(copy->trace[t].wall_s > 1000);
    engine_destroy(&engine);
    em_destroy(&copy);
    em_destroy(&em);
    clear_ground(&ground);
}
END_TEST

/* Asserts that em_resume refuses bytes [n], and that the fit is then a new one, which ends as if
 * nothing had been. */
static void check_refused(const struct ground *ground, const struct fixture_fit *fit,
                          const void *bytes, size_t n)
{
    struct em *em = new_em(ground->rows, fit), *fresh = new_em(ground->rows, fit);
    struct unpack reader = {.bytes = bytes, .n = n};
    bool resumed = true;
    ck_ok(em_resume(em, &reader, &resumed, &err));
    ck_assert_msg(!resumed, "%zu bytes resumed", n);
    ck_assert_int_eq(em->phase, EM_WANTS_START);
    ck_assert(em->redraw == 0 && em->trial == 0 && em->n_entries == 0 && em->capacity == 0);
    ck_assert(em->began_s == 0 && em->max_drop == 0 && em->best_loglik == fresh->best_loglik);
    ck_assert_mem_eq(em->model->weights, fresh->model->weights,
                     n_parameters(em->model) * sizeof(double));
    em_destroy(&fresh);
    em_destroy(&em);
}

/* What is not the state of such a fit is refused: cut off anywhere, too long, with a head that
 * promises something else, or of a fit of another shape. */
START_TEST(other_states_are_refused)
{
    enum { N_ENTRIES = 2, HAS_BEST = 5 }; /* words of the head */
    struct ground ground;
    struct fixture_fit fit;
    struct pack state = {0};
    struct em *em = after_ticks(&ground, &fit, 5);
    em_pack(em, &state);
    for (size_t n = 0; n < state.n; n++)
        check_refused(&ground, &fit, state.bytes, n);
    unsigned char *longer = calloc(1, state.n + 8);
    memcpy(longer, state.bytes, state.n);
    for (size_t more = 1; more <= 8; more++)
        check_refused(&ground, &fit, longer, state.n + more);
    const uint64_t wrong[] = {2, 5, 1 << 20, UINT64_MAX / 24, UINT64_MAX / 3, UINT64_MAX};
    for (size_t word = N_ENTRIES; word <= HAS_BEST; word++)
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            memcpy(longer, state.bytes, state.n);
            memcpy(longer + 8 * word, &wrong[i], 8); /* of a little-endian machine */
            check_refused(&ground, &fit, longer, state.n);
        }
    struct fixture_fit fewer = fit, tied = fit;
    fewer.em.n_components = 2;
    tied.em.family = FAMILY_tied;
    check_refused(&ground, &fewer, state.bytes, state.n);
    check_refused(&ground, &tied, state.bytes, state.n);
    free(longer);
    free(state.bytes);
    em_destroy(&em);
    clear_ground(&ground);
}
END_TEST

/* --- ticks that are given up --- */

static atomic_int stop, calls_left;
static bool stops_late; /* after the call that is counted, not before it */
static struct task real;

/* Counts a call; the last one stops the tick. */
static void count_call(bool late)
{
    if (late == stops_late && atomic_fetch_sub(&calls_left, 1) == 1) atomic_store(&stop, 1);
}

static void counted_pass(struct task *task, size_t lane, double *sums, struct scratch *scratch)
{
    count_call(false);
    real.pass(task, lane, sums, scratch);
    count_call(true);
}

static void counted_expect(struct task *task, size_t chunk, size_t slot, struct scratch *scratch)
{
    count_call(false);
    real.expect(task, chunk, slot, scratch);
    count_call(true);
}

static void counted_gather(struct task *task, size_t first_chunk, size_t n_chunks, size_t share,
                           struct scratch *scratch)
{
    count_call(false);
    real.gather(task, first_chunk, n_chunks, share, scratch);
    count_call(true);
}

static void counted_judge(struct task *task)
{
    count_call(false);
    real.judge(task);
    count_call(true);
}

static void counted_solve(struct task *task, size_t part, struct scratch *scratch)
{
    count_call(false);
    real.solve(task, part, scratch);
    count_call(true);
}

static void count_calls_of(struct em *em)
{
    real = em->task;
    em->task.pass = counted_pass;
    em->task.expect = counted_expect;
    em->task.gather = counted_gather;
    em->task.judge = counted_judge;
    em->task.solve = counted_solve;
}

/* Ticks a fit, stopped by its first call, then by its second, and so on until the tick is through
 * or has been settled; each stop leaves a state that leads to the end. Returns the stops. */
static size_t tick_with_stops(struct engine *engine, struct engine *calm,
                              const struct fixture_fit *fit, struct fixture_run *run,
                              const struct em *undisturbed)
{
    const enum em_phase phase = run->em->phase;
    size_t n_stops = 0;
    do {
        atomic_store(&stop, 0);
        atomic_store(&calls_left, (int)n_stops + 1);
        tick(engine, fit, run);
        if (atomic_load(&stop) == 0) return n_stops;
        check_end(calm, fit, run->em, undisturbed);
        n_stops++;
    } while (run->em->phase == phase);
    return n_stops;
}

/* Runs a fit through stops at every moment of every tick; it ends as it does undisturbed. Its
 * starts are not stopped: they are made again in a new process. */
static void check_stops(const struct rows *rows, const struct fixture_fit *fit, int n_threads,
                        bool heavy)
{
    struct engine *engine = fixture_engine_to_stop(rows, n_threads, fit->em.n_components, &stop);
    struct engine *calm = fixture_engine(rows, 1, fit->em.n_components);
    struct fixture_run plain = {.em = new_em(rows, fit)}, run = {.em = new_em(rows, fit)};
    size_t n_stops = 0;
    if (heavy) {
        make_heavy(plain.em);
        make_heavy(run.em);
    }
    while (plain.em->phase != EM_DONE)
        tick(calm, fit, &plain);
    count_calls_of(run.em);
    atomic_store(&calls_left, 0);
    while (run.em->phase != EM_DONE) {
        if (run.em->phase == EM_WANTS_START)
            tick(calm, fit, &run);
        else
            n_stops += tick_with_stops(engine, calm, fit, &run, plain.em);
    }
    check_same_bits(run.em, plain.em);
    ck_assert_uint_ge(n_stops, plain.em->n_entries * rows->n_lanes);
    start_destroy(&run.start);
    em_destroy(&run.em);
    start_destroy(&plain.start);
    em_destroy(&plain.em);
    engine_destroy(&calm);
    engine_destroy(&engine);
}

/* A tick given up at any moment, on one thread or three, leaves the fit in a state to go on from,
 * here and by way of a packed state: in trials, in starts that collapse, and as it is scored. */
START_TEST(given_up_ticks_leave_no_trace)
{
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 3, 5, 1500, D);
    for (int i = 0; i < 6; i++) {
        struct fixture_fit fit = fixture_fit_settings((enum family_id)_i, 3);
        fit.start.init = i < 2 ? INIT_kmeanspp : i < 4 ? INIT_small_em : INIT_parameters;
        fit.em.n_components = fit.start.n_components = i < 4 ? 3 : 12; /* some without rows */
        fit.em.n_trials = fit.start.init == INIT_small_em ? 2 : 0;
        fit.em.redraws = 2;
        fit.em.tol = 0;
        fit.em.max_iter = 3;
        fit.heldout = i % 2 == 0 ? f.rows : NULL;
        stops_late = i % 2 == 0;
        check_stops(f.rows, &fit, 1 + i % 2 * 2, false);
        stops_late = !stops_late;
        check_stops(f.rows, &fit, 3 - i % 2 * 2, false);
    }
    fixture_destroy(&f);
}
END_TEST

/* The same of a heavy fit, in which threads share batches of chunks. */
START_TEST(given_up_heavy_ticks_leave_no_trace)
{
    uint64_t rng = test_seed();
    struct fixture f = fixture_create(&rng, 2, 4, (ENGINE_BATCH + 2) * ROWS_CHUNK, 2);
    struct fixture_fit fit = fixture_fit_settings(FAMILY_full, 2);
    fit.start.init = _i < 2 ? INIT_points : INIT_random_resp;
    fit.em.tol = 0;
    fit.em.max_iter = 2;
    stops_late = _i % 2 == 0;
    check_stops(f.rows, &fit, 1, true);
    check_stops(f.rows, &fit, 3, true);
    fixture_destroy(&f);
}
END_TEST

static Suite *em_state_suite(void)
{
    Suite *suite = suite_create("em_state");
    TCase *state = tcase_create("em_state");
    tcase_add_loop_test(state, any_state_leads_to_the_same_end, 0, N_FAMILIES);
    tcase_add_loop_test(state, many_stops_lead_to_the_same_end, 0, N_FAMILIES);
    tcase_add_test(state, places_have_an_order);
    tcase_add_test(state, time_goes_on);
    tcase_add_test(state, other_states_are_refused);
    tcase_add_loop_test(state, given_up_ticks_leave_no_trace, 0, N_FAMILIES);
    tcase_add_loop_test(state, given_up_heavy_ticks_leave_no_trace, 0, 4);
    suite_add_tcase(suite, state);
    return suite;
}

CHECK_MAIN(em_state_suite)
