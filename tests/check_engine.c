#include "engine.h"

#include "fixture.h"

#include <string.h>

/* What an engine looks at. */
static atomic_int stop;

enum moment { NEVER, IN_PASS, IN_JUDGE, IN_SOLVE, IN_CONCLUDE };

/* A task that adds awkward numbers up and notes what is done with it. Everything that it writes
 * belongs to one lane, part or phase, as for a real task. */
struct dummy {
    struct task task;
    const struct rows *rows;
    uint64_t number;   /* tells tasks apart */
    size_t *passes;    /* [n_lanes] */
    size_t *solutions; /* [n_parts] */
    double *found;     /* [n_sums] what judge found in sums */
    double *parts;     /* [n_parts] what solve made of it */
    double *batch;     /* [ENGINE_BATCH, n_sums] of a heavy task, else NULL */
    size_t judged, concluded, at_conclude, rewound;
    enum moment stops_in; /* its first such call stops the engine */
    size_t *mixed_up;     /* [n_lanes] sums or scratch did not hold what they must */
};

enum { MOST_COMPONENTS = 5, FAMILY_WORK = 3 };

static void stop_if(const struct dummy *dummy, enum moment moment)
{
    if (dummy->stops_in == moment) atomic_store(&stop, 1);
}

/* A term of lane's sum i: signs and sizes for which every order of addition rounds differently. */
static double term(const struct dummy *dummy, size_t n, size_t i)
{
    uint64_t state = dummy->number * 1000003 + n * 10007 + i;
    return ldexp(2 * test_uniform(&state) - 1, (int)test_below(&state, 40));
}

static void dummy_pass(struct task *task, size_t lane, double *sums, struct scratch *scratch)
{
    struct dummy *dummy = (struct dummy *)task;
    const double mark = (double)(dummy->number * 1000 + lane);
    size_t first, end, mixed_up = 0;
    stop_if(dummy, IN_PASS);
    dummy->passes[lane]++;
    for (size_t i = 0; i < MOST_COMPONENTS * ROWS_CHUNK; i++)
        scratch->work[i] = mark;
    scratch->component[ROWS_CHUNK - 1] = (int32_t)lane;
    scratch->rows[2 * ROWS_CHUNK - 1] = mark;
    rows_lane(dummy->rows, lane, &first, &end);
    for (size_t i = 0; i < task->n_lane_sums; i++) {
        mixed_up += sums[i] != 0;
        for (size_t chunk = first; chunk < end; chunk++)
            sums[i] += term(dummy, chunk, i);
    }
    for (size_t i = 0; i < MOST_COMPONENTS * ROWS_CHUNK; i++)
        mixed_up += scratch->work[i] != mark;
    mixed_up += scratch->component[ROWS_CHUNK - 1] != (int32_t)lane;
    mixed_up += scratch->rows[2 * ROWS_CHUNK - 1] != mark;
    dummy->mixed_up[lane] += mixed_up;
}

/* How many sums the task has this time. */
static size_t n_sums_of(const struct task *task)
{
    return task->heavy ? task->n_sums : task->n_lane_sums;
}

static void dummy_expect(struct task *task, size_t chunk, size_t slot, struct scratch *scratch)
{
    struct dummy *dummy = (struct dummy *)task;
    stop_if(dummy, IN_PASS);
    scratch->work[0] = (double)chunk;
    for (size_t i = 0; i < task->n_sums; i++)
        dummy->batch[slot * task->n_sums + i] = term(dummy, chunk, i);
}

static void dummy_gather(struct task *task, size_t first_chunk, size_t n_chunks, size_t share,
                         struct scratch *scratch)
{
    (void)scratch;
    const struct dummy *dummy = (struct dummy *)task;
    (void)first_chunk;
    for (size_t slot = 0; slot < n_chunks; slot++)
        for (size_t i = share; i < task->n_sums; i += task->n_gathers)
            task->sums[i] += dummy->batch[slot * task->n_sums + i];
}

static void dummy_judge(struct task *task)
{
    struct dummy *dummy = (struct dummy *)task;
    stop_if(dummy, IN_JUDGE);
    dummy->judged++;
    memcpy(dummy->found, task->sums, n_sums_of(task) * sizeof *task->sums);
}

static void dummy_solve(struct task *task, size_t part, struct scratch *scratch)
{
    struct dummy *dummy = (struct dummy *)task;
    stop_if(dummy, IN_SOLVE);
    scratch->family[FAMILY_WORK - 1] = (double)part;
    dummy->solutions[part]++;
    dummy->parts[part] = (double)dummy->judged * dummy->found[part % n_sums_of(task)];
}

static void dummy_conclude(struct task *task, struct scratch *scratch)
{
    struct dummy *dummy = (struct dummy *)task;
    stop_if(dummy, IN_CONCLUDE);
    scratch->family[0] = 1;
    dummy->concluded++;
    for (size_t part = 0; part < task->n_parts; part++)
        dummy->at_conclude += dummy->solutions[part];
}

static void dummy_rewind(struct task *task)
{
    ((struct dummy *)task)->rewound++;
}

static void dummy_init(struct dummy *dummy, const struct rows *rows, uint64_t number, size_t n_sums,
                       size_t n_parts)
{
    *dummy = (struct dummy){.rows = rows, .number = number};
    dummy->task.pass = dummy_pass;
    dummy->task.judge = dummy_judge;
    dummy->task.solve = n_parts > 0 ? dummy_solve : NULL;
    dummy->task.conclude = n_parts > 0 ? dummy_conclude : NULL;
    dummy->task.rewind = n_parts > 1 ? dummy_rewind : NULL;
    dummy->task.n_parts = n_parts;
    dummy->task.n_lane_sums = n_sums;
    dummy->passes = calloc(rows->n_lanes, sizeof *dummy->passes);
    dummy->mixed_up = calloc(rows->n_lanes, sizeof *dummy->mixed_up);
    dummy->solutions = calloc(n_parts + 1, sizeof *dummy->solutions);
    dummy->found = fixture_doubles(n_sums);
    dummy->parts = fixture_doubles(n_parts + 1);
    ck_ok(engine_task_create(rows, n_sums, n_sums, &dummy->task, &err));
}

/* Makes it a heavy task whose sums are gathered in n_gathers shares. */
static void dummy_make_heavy(struct dummy *dummy, size_t n_gathers)
{
    dummy->task.heavy = true;
    dummy->task.n_sums = dummy->task.n_lane_sums;
    dummy->task.n_gathers = n_gathers;
    dummy->task.expect = dummy_expect;
    dummy->task.gather = dummy_gather;
    dummy->batch = fixture_doubles(ENGINE_BATCH * dummy->task.n_sums);
}

static void dummy_free(struct dummy *dummy)
{
    engine_task_destroy(&dummy->task);
    free(dummy->batch);
    free(dummy->parts);
    free(dummy->found);
    free(dummy->solutions);
    free(dummy->mixed_up);
    free(dummy->passes);
}

/* Ticks dummies [n] together, n_ticks times. */
static void tick(const struct rows *rows, int n_threads, struct dummy *dummies, size_t n,
                 size_t n_ticks)
{
    struct engine *engine = NULL;
    struct task **tasks = calloc(n, sizeof *tasks);
    for (size_t i = 0; i < n; i++)
        tasks[i] = &dummies[i].task;
    ck_ok(engine_create(rows, n_threads, MOST_COMPONENTS, FAMILY_WORK, &stop, &engine, &err));
    for (size_t t = 0; t < n_ticks; t++)
        engine_tick(engine, tasks, n);
    engine_destroy(&engine);
    free(tasks);
}

/* What the sums must be: within a lane chunk after chunk, then over lanes in ascending order; of a
 * heavy task chunk after chunk. */
static void expected_sums(const struct dummy *dummy, double *sums)
{
    for (size_t i = 0; dummy->task.heavy && i < dummy->task.n_sums; i++) {
        sums[i] = 0;
        for (size_t chunk = 0; chunk < dummy->rows->n_chunks; chunk++)
            sums[i] += term(dummy, chunk, i);
    }
    if (dummy->task.heavy) return;
    for (size_t i = 0; i < dummy->task.n_lane_sums; i++) {
        sums[i] = 0;
        for (size_t lane = 0; lane < dummy->rows->n_lanes; lane++) {
            double lane_sum = 0;
            size_t first, end;
            rows_lane(dummy->rows, lane, &first, &end);
            for (size_t chunk = first; chunk < end; chunk++)
                lane_sum += term(dummy, chunk, i);
            sums[i] += lane_sum;
        }
    }
}

static const int all_threads[] = {1, 2, 3, 7};

/* Sizes of sums around the engine's slice of 1024, and of parts. */
static const size_t all_sums[] = {1, 7, 1024, 1025, 3000}, all_parts[] = {0, 1, 2, 5, 40};
enum { N_KINDS = 5 };

/* n_rows rows of one feature. */
static struct fixture line(size_t n_rows)
{
    uint64_t rng = test_seed();
    return fixture_create(&rng, 1, 1, n_rows, 1);
}

/* Task j of the kinds; the last ones are heavy. */
static void init_kind(struct dummy *dummy, const struct rows *rows, size_t j)
{
    dummy_init(dummy, rows, j, all_sums[j], all_parts[j]);
    if (j == 1 || j == 4) dummy_make_heavy(dummy, 3 * j);
}

/* Asserts that what a task's judge found is what it must be. */
static void check_found(const struct dummy *dummy, size_t n_sums)
{
    double *expected = fixture_doubles(n_sums);
    expected_sums(dummy, expected);
    ck_assert_mem_eq(dummy->found, expected, n_sums * sizeof *expected);
    free(expected);
}

/* Sums have the same bits for any number of threads, alone or with other tasks, of tasks that sum
 * by lanes and of heavy ones. */
START_TEST(sums_have_the_same_bits)
{
    const size_t n_rows[] = {1, 900, 5000, 40000};
    struct fixture f = line(n_rows[_i]);
    for (size_t i = 0; i < 4; i++) {
        struct dummy together[N_KINDS];
        for (size_t j = 0; j < N_KINDS; j++)
            init_kind(&together[j], f.rows, j);
        tick(f.rows, all_threads[i], together, N_KINDS, 1);
        for (size_t j = 0; j < N_KINDS; j++) {
            struct dummy alone;
            init_kind(&alone, f.rows, j);
            tick(f.rows, all_threads[i], &alone, 1, 1);
            check_found(&together[j], all_sums[j]);
            check_found(&alone, all_sums[j]);
            dummy_free(&alone);
            dummy_free(&together[j]);
        }
    }
    fixture_destroy(&f);
}
END_TEST

/* The numbers of these tests would show another order of addition. */
START_TEST(order_of_addition_matters)
{
    struct fixture f = line(40000);
    struct dummy dummy;
    dummy_init(&dummy, f.rows, 1, 100, 0);
    tick(f.rows, 1, &dummy, 1, 1);
    size_t n_differ = 0;
    for (size_t i = 0; i < 100; i++) {
        double descending = 0;
        for (size_t lane = f.rows->n_lanes; lane-- > 0;)
            descending += dummy.task.lane_sums[lane * dummy.task.sums_stride + i];
        n_differ += descending != dummy.found[i];
    }
    ck_assert_uint_gt(n_differ, 50);
    dummy_free(&dummy);
    fixture_destroy(&f);
}
END_TEST

/* Each tick passes each lane once, judges once, then solves each part once, then concludes once. */
START_TEST(everything_is_done_once)
{
    enum { TICKS = 3 };
    struct fixture f = line(5000);
    for (size_t i = 0; i < 4; i++) {
        struct dummy dummies[N_KINDS];
        for (size_t j = 0; j < N_KINDS; j++)
            init_kind(&dummies[j], f.rows, j);
        tick(f.rows, all_threads[i], dummies, N_KINDS, TICKS);
        for (size_t j = 0; j < N_KINDS; j++) {
            const struct dummy *dummy = &dummies[j];
            const size_t n_parts = all_parts[j];
            for (size_t lane = 0; lane < f.rows->n_lanes; lane++) {
                ck_assert_uint_eq(dummy->passes[lane], dummy->task.heavy ? 0 : TICKS);
                ck_assert_uint_eq(dummy->mixed_up[lane], 0);
            }
            ck_assert_uint_eq(dummy->judged, TICKS);
            check_found(dummy, all_sums[j]); /* nothing is left of earlier ticks */
            ck_assert_uint_eq(dummy->concluded, n_parts > 0 ? TICKS : 0);
            ck_assert_uint_eq(dummy->rewound, 0);
            ck_assert_uint_eq(dummy->at_conclude, n_parts * (1 + 2 + 3)); /* all parts each time */
            for (size_t part = 0; part < n_parts; part++) {
                ck_assert_uint_eq(dummy->solutions[part], TICKS);
                ck_assert(dummy->parts[part] == TICKS * dummy->found[part % all_sums[j]]);
            }
            dummy_free(&dummies[j]);
        }
    }
    fixture_destroy(&f);
}
END_TEST

/* As many tasks as a tick takes. */
START_TEST(most_tasks_fit)
{
    struct fixture f = line(3000);
    struct dummy *dummies = calloc(ENGINE_MAX_TASKS, sizeof *dummies);
    for (size_t i = 0; i < ENGINE_MAX_TASKS; i++)
        dummy_init(&dummies[i], f.rows, i, 1 + i % 9, i % 4);
    tick(f.rows, 3, dummies, ENGINE_MAX_TASKS, 1);
    for (size_t i = 0; i < ENGINE_MAX_TASKS; i++) {
        check_found(&dummies[i], 1 + i % 9);
        ck_assert_uint_eq(dummies[i].at_conclude, i % 4);
        dummy_free(&dummies[i]);
    }
    free(dummies);
    fixture_destroy(&f);
}
END_TEST

/* A task may sum fewer numbers than it has room for, as starts and fits do when they change what
 * they pass the rows for; and none at all. */
START_TEST(sums_may_shrink)
{
    struct fixture f = line(5000);
    struct dummy dummy;
    dummy_init(&dummy, f.rows, 3, 2000, 2);
    tick(f.rows, 2, &dummy, 1, 1);
    dummy.task.n_lane_sums = 10;
    tick(f.rows, 2, &dummy, 1, 1);
    check_found(&dummy, 10);
    dummy.task.n_lane_sums = 0;
    dummy.task.solve = NULL;
    tick(f.rows, 2, &dummy, 1, 1);
    ck_assert_uint_eq(dummy.judged, 3);
    dummy_free(&dummy);
    fixture_destroy(&f);
}
END_TEST

/* Asserts what has been done with a task when one of its company stopped the engine at some moment,
 * or had stopped it before. */
static void check_given_up(const struct dummy *dummy, enum moment moment, size_t n_parts)
{
    const bool is_through = moment == IN_CONCLUDE;
    size_t n_passes = 0, n_solutions = 0;
    for (size_t lane = 0; lane < dummy->rows->n_lanes; lane++)
        n_passes += dummy->passes[lane];
    for (size_t part = 0; part < n_parts; part++)
        n_solutions += dummy->solutions[part];
    ck_assert(moment != NEVER || n_passes == 0);
    ck_assert_uint_eq(dummy->judged, moment > IN_PASS); /* all sums are whole, or none is used */
    ck_assert(moment > IN_JUDGE || n_solutions == 0);   /* judges come first */
    ck_assert(!is_through || n_solutions == n_parts);
    ck_assert_uint_eq(dummy->concluded, is_through && n_parts > 0);
    ck_assert_uint_eq(dummy->rewound, moment > IN_PASS && !is_through && n_parts > 1);
}

/* A tick that is stopped before all sums are there judges none; one stopped after that judges all,
 * concludes none and rewinds each that can be; one stopped as it concludes is through. A stopped
 * engine does nothing. */
START_TEST(stopped_ticks_are_given_up)
{
    struct fixture f = line(20000);
    for (int moment = NEVER; moment <= IN_CONCLUDE; moment++)
        for (size_t i = 0; i < 4; i++)
            for (size_t which = 1; which < N_KINDS; which++) { /* those with parts */
                struct dummy dummies[N_KINDS];
                for (size_t j = 0; j < N_KINDS; j++)
                    init_kind(&dummies[j], f.rows, j);
                dummies[which].stops_in = (enum moment)moment;
                atomic_store(&stop, moment == NEVER);
                tick(f.rows, all_threads[i], dummies, N_KINDS, 1);
                ck_assert_int_eq(atomic_load(&stop), 1);
                for (size_t j = 0; j < N_KINDS; j++) {
                    check_given_up(&dummies[j], (enum moment)moment, all_parts[j]);
                    dummy_free(&dummies[j]);
                }
            }
    fixture_destroy(&f);
}
END_TEST

static Suite *engine_suite(void)
{
    Suite *suite = suite_create("engine");
    TCase *engine = tcase_create("engine");
    tcase_add_loop_test(engine, sums_have_the_same_bits, 0, 4);
    tcase_add_test(engine, order_of_addition_matters);
    tcase_add_test(engine, everything_is_done_once);
    tcase_add_test(engine, most_tasks_fit);
    tcase_add_test(engine, sums_may_shrink);
    tcase_add_test(engine, stopped_ticks_are_given_up);
    suite_add_tcase(suite, engine);
    return suite;
}

CHECK_MAIN(engine_suite)
