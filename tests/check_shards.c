/* What the folder of a sweep says is finished. */
#include "shards.h"

#include "files.h"
#include "fixture.h"
#include "log.h"

/* A sweep's folder in the test's own. */
static const char *folder(void)
{
    return file_path("sweep");
}

static struct log *open_shard(size_t shard, size_t n_shards)
{
    struct log *log = NULL;
    char path[DISK_PATH], place[DISK_PATH];
    ck_ok(shards_folder(folder(), shard, n_shards, place, &err));
    ck_ok(disk_make_folder(place, &err));
    ck_ok(disk_join(place, "log", path, &err));
    ck_ok(log_open(path, &log, &err));
    return log;
}

static struct log *open_log(void)
{
    return open_shard(1, 1);
}

static void append(struct log *log, enum log_type type, struct pack *payload)
{
    ck_ok(log_append(log, type, payload, &err));
    free(payload->bytes);
    *payload = (struct pack){0};
}

static void append_identity(struct log *log, char *sha256, char *resolved)
{
    struct pack payload = {0};
    const struct identity identity = {sha256, resolved, "given", "set", 7};
    identity_pack(&identity, &payload);
    append(log, LOG_IDENTITY, &payload);
}

static void append_session(struct log *log, const char *host, const char *started)
{
    struct pack payload = {0};
    struct session session = {0};
    snprintf(session.started, sizeof session.started, "%s", started);
    snprintf(session.host, sizeof session.host, "%s", host);
    session_pack(&session, &payload);
    append(log, LOG_SESSION, &payload);
}

/* A finished fit: a small model that tells fits apart by their weight. */
static void append_redrawn(struct log *log, const char *id, enum outcome outcome,
                           int64_t iterations, int64_t redraws, double loglik)
{
    struct pack payload = {0};
    struct em_entry trace[1] = {{loglik, loglik, 0}};
    struct result result = {.n_entries = 1, .trace = trace};
    ck_ok(model_create(FAMILY_diag, 1, 2, &result.model, &err));
    result.model->weights[0] = 1;
    result.model->means[1] = loglik;
    fit_row_init(&result.row);
    snprintf(result.row.id, sizeof result.row.id, "%s", id);
    snprintf(result.row.status, sizeof result.row.status, "%s", outcome_names[outcome]);
    result.row.iterations = iterations;
    result.row.redraws = redraws;
    result.max_iter = outcome == OUTCOME_max_iter ? iterations : 100;
    result.row.loglik = loglik;
    result_pack(&result, &payload);
    append(log, LOG_FINISHED, &payload);
    model_destroy(&result.model);
}

static void append_fit(struct log *log, const char *id, enum outcome outcome, int64_t iterations,
                       double loglik)
{
    append_redrawn(log, id, outcome, iterations, 0, loglik);
}

static struct shards *read_folder(void)
{
    struct shards *shards = NULL;
    ck_ok(shards_read(folder(), &shards, &err));
    return shards;
}

/* A folder that is missing or empty holds nothing, and is no error. */
START_TEST(empty_folder_holds_nothing)
{
    for (int i = 0; i < 2; i++) {
        struct shards *shards = read_folder();
        ck_assert(!shards->any && shards->n_fits == 0 && shards->n_sessions == 0);
        shards_destroy(&shards);
        char place[DISK_PATH];
        ck_ok(shards_folder(folder(), 1, 1, place, &err));
        ck_ok(disk_make_folder(place, &err));
    }
}
END_TEST

/* Identity of the latest session, all sessions in order, each fit once by its latest record. */
START_TEST(folder_tells_its_sweep)
{
    enum { N_SESSIONS = 40, N_FITS = 100 };
    struct log *log = open_log();
    char text[32];
    for (int i = 0; i < N_SESSIONS; i++) {
        snprintf(text, sizeof text, "host %d", i);
        append_session(log, text, "2026-01-01T00:00:00Z");
        snprintf(text, sizeof text, "config %d", i);
        append_identity(log, "abc", text);
    }
    for (int i = 0; i < 3 * N_FITS; i++) { /* in some order, each three times */
        snprintf(text, sizeof text, "%016d", i * 37 % N_FITS);
        append_fit(log, text, OUTCOME_converged, 5, i);
    }
    ck_ok(log_close(&log, &err));
    struct shards *shards = read_folder();
    ck_assert(shards->any && shards->identity.n_fits == 7);
    ck_assert_str_eq(shards->identity.data_sha256, "abc");
    ck_assert_str_eq(shards->identity.resolved, "config 39");
    ck_assert_uint_eq(shards->n_sessions, N_SESSIONS);
    for (size_t i = 0; i < N_SESSIONS; i++) {
        snprintf(text, sizeof text, "host %zu", i);
        ck_assert_str_eq(shards->sessions[i].host, text);
    }
    ck_assert_uint_eq(shards->n_fits, N_FITS);
    for (size_t i = 0; i < N_FITS; i++) {
        struct result *result = NULL;
        snprintf(text, sizeof text, "%016zu", i);
        ck_assert_str_eq(shards->fits[i].row.id, text);
        ck_assert(shards->fits[i].row.loglik >= 2 * N_FITS);
        ck_ok(shards_result(shards, i, &result, &err));
        ck_assert_str_eq(result->row.id, text);
        ck_assert(result->model->means[1] == shards->fits[i].row.loglik);
        result_destroy(&result);
    }
    shards_destroy(&shards);
}
END_TEST

/* Logs of several shards, of sweeps cut in two and in three, are one: of a fit that two of them
 * hold the record under the larger limit counts; sessions come by their start; the sweep is the
 * latest session's; and each log tells how far its latest session has come. */
START_TEST(shards_are_one_sweep)
{
    static const struct {
        size_t shard, n_shards;
        char *host, *started, *resolved;
    } logs[] = {{2, 3, "c", "2026-01-03T00:00:00Z", "latest"},
                {2, 2, "b", "2026-01-02T00:00:00Z", "older"},
                {1, 2, "a", "2026-01-01T00:00:00Z", "oldest"}};
    char path[DISK_PATH], other[DISK_PATH];
    for (size_t i = 0; i < 3; i++) {
        struct log *log = open_shard(logs[i].shard, logs[i].n_shards);
        struct pack started = {0};
        append_session(log, logs[i].host, logs[i].started);
        append_identity(log, "abc", logs[i].resolved);
        for (int n = 0; n < 3; n++) {
            pack_text(&started, "x");
            append(log, LOG_STARTED, &started);
        }
        append_fit(log, "both", i == 1 ? OUTCOME_converged : OUTCOME_max_iter, 10, (double)i);
        append_fit(log, logs[i].host, OUTCOME_converged, 5, 7);
        ck_ok(log_close(&log, &err));
    }
    ck_ok(disk_join(folder(), "shards/1-of-2 copy", path, &err)); /* not one of ours */
    ck_ok(disk_make_folder(path, &err));
    ck_ok(disk_join(folder(), "shards/01-of-2", other, &err));
    ck_ok(disk_make_folder(other, &err));
    struct shards *shards = read_folder();
    ck_assert_uint_eq(shards->n_logs, 3);
    ck_assert_str_eq(shards->identity.resolved, "latest");
    ck_assert_uint_eq(shards->n_fits, 4);
    ck_assert_uint_eq(shards->n_sessions, 3);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_str_eq(shards->sessions[i].host, logs[2 - i].host);
        ck_assert_uint_eq(shards->logs[i].n_live, 1);
        ck_assert_uint_eq(shards->logs[i].n_session_fits, 2);
    }
    ck_assert_uint_eq(shards->logs[2].n_shards, 3);
    ck_assert_str_eq(shards->fits[1].row.id, "b");
    ck_assert_str_eq(shards->fits[2].row.id, "both");
    ck_assert(shards->fits[2].row.loglik == 1 && shards->fits[2].max_iter == 100);
    struct result *result = NULL;
    ck_ok(shards_result(shards, 2, &result, &err));
    ck_assert(result->model->means[1] == 1);
    result_destroy(&result);
    shards_destroy(&shards);
}
END_TEST

/* A log of another format, or a whole record that is too short for its kind, is an error that
 * names the log. */
START_TEST(foreign_logs_are_refused)
{
    for (int i = 0; i < 2; i++) {
        struct log *log = open_log();
        struct pack payload = {0};
        struct shards *shards = NULL;
        struct err refusal = {OK, ""};
        append_identity(log, "abc", "config");
        pack_u64(&payload, i == 0 ? 999 : 1);
        append(log, LOG_IDENTITY, &payload);
        ck_ok(log_close(&log, &err));
        ck_assert_int_eq(shards_read(folder(), &shards, &refusal), ERR_DATA);
        ck_assert_ptr_null(shards);
        ck_assert_ptr_nonnull(strstr(refusal.text, folder()));
        files_teardown();
        files_setup();
    }
}
END_TEST

/* --- matching --- */

/* Where fit `id` of a plan with max_iter finds its result; *n_unused as shards_match returns it. */
static ptrdiff_t place_of(const struct shards *shards, const char *id, int64_t max_iter,
                          size_t *n_unused)
{
    struct plan_fit fit = {.em.max_iter = max_iter};
    ptrdiff_t place = 99;
    const struct plan plan = {.n_fits = 1, .fits = &fit};
    snprintf(fit.id, sizeof fit.id, "%s", id);
    *n_unused = shards_match(shards, &plan, &place);
    return place;
}

/* A finished fit (made with at most 100 iterations, if not cut off earlier) serves a plan with
 * another limit if it would have ended the same way: one that had ended of itself serves a larger
 * one, and a smaller one that neither it nor a start given up before it could have met; one that
 * was cut off serves its own. Cut off earlier, it is known but computed again; later, it is left
 * over. */
START_TEST(max_iter_decides_what_serves)
{
    static const struct {
        enum outcome outcome;
        int64_t iterations, redraws, max_iter;
        bool serves;
        size_t n_unused;
    } rules[] = {
        {OUTCOME_converged, 10, 0, 10, true, 0},   {OUTCOME_converged, 10, 0, 11, true, 0},
        {OUTCOME_converged, 10, 0, 500, true, 0},  {OUTCOME_converged, 10, 0, 9, false, 1},
        {OUTCOME_converged, 10, 2, 100, true, 0},  {OUTCOME_converged, 10, 2, 50, false, 1},
        {OUTCOME_max_iter, 10, 0, 10, true, 0},    {OUTCOME_max_iter, 10, 0, 11, false, 0},
        {OUTCOME_max_iter, 10, 0, 500, false, 0},  {OUTCOME_max_iter, 10, 0, 9, false, 1},
        {OUTCOME_max_iter, 0, 0, 0, true, 0},      {OUTCOME_degenerate, 10, 0, 10, false, 1},
        {OUTCOME_degenerate, 10, 0, 11, true, 0},  {OUTCOME_degenerate, 10, 5, 100, true, 0},
        {OUTCOME_degenerate, 10, 0, 500, true, 0}, {OUTCOME_degenerate, 10, 0, 9, false, 1},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct log *log = open_log();
        size_t n_unused;
        append_redrawn(log, "a", rules[i].outcome, rules[i].iterations, rules[i].redraws, 1);
        ck_ok(log_close(&log, &err));
        struct shards *shards = read_folder();
        const ptrdiff_t place = place_of(shards, "a", rules[i].max_iter, &n_unused);
        ck_assert_msg(place == (rules[i].serves ? 0 : -1) && n_unused == rules[i].n_unused,
                      "rule %zu: place %td, %zu unused", i, place, n_unused);
        ck_assert(place_of(shards, "b", rules[i].max_iter, &n_unused) == -1 && n_unused == 1);
        shards_destroy(&shards);
        files_teardown();
        files_setup();
    }
}
END_TEST

/* Each fit of a plan finds its own record among many, and those of no plan are counted. */
START_TEST(plan_finds_its_fits)
{
    enum { N_FITS = 50 };
    struct log *log = open_log();
    struct plan_fit fits[N_FITS];
    ptrdiff_t place[N_FITS];
    char id[17];
    for (int i = 0; i < N_FITS; i++) {
        snprintf(id, sizeof id, "%016d", 2 * (i * 7 % N_FITS)); /* even numbers */
        append_fit(log, id, OUTCOME_converged, 5, 2 * (i * 7 % N_FITS));
    }
    ck_ok(log_close(&log, &err));
    struct shards *shards = read_folder();
    for (int i = 0; i < N_FITS; i++) { /* every third number from 147 down */
        fits[i] = (struct plan_fit){.em.max_iter = 500};
        snprintf(fits[i].id, sizeof fits[i].id, "%016d", 147 - 3 * i);
    }
    const struct plan plan = {.n_fits = N_FITS, .fits = fits};
    size_t n_found = 0;
    const size_t n_unused = shards_match(shards, &plan, place);
    for (size_t i = 0; i < N_FITS; i++) {
        const long number = strtol(fits[i].id, NULL, 10);
        const bool is_there = number % 2 == 0 && number < 2 * N_FITS;
        ck_assert_int_eq(place[i] >= 0, is_there);
        if (is_there) ck_assert(shards->fits[place[i]].row.loglik == (double)number);
        n_found += is_there;
    }
    ck_assert_uint_eq(n_found, 17); /* 0, 6, 12, .. 96 */
    ck_assert_uint_eq(n_unused, N_FITS - n_found);
    shards_destroy(&shards);
}
END_TEST

static Suite *shards_suite(void)
{
    Suite *suite = suite_create("shards");
    TCase *shards = tcase_create("shards");
    tcase_add_checked_fixture(shards, files_setup, files_teardown);
    tcase_add_test(shards, empty_folder_holds_nothing);
    tcase_add_test(shards, folder_tells_its_sweep);
    tcase_add_test(shards, shards_are_one_sweep);
    tcase_add_test(shards, foreign_logs_are_refused);
    tcase_add_test(shards, max_iter_decides_what_serves);
    tcase_add_test(shards, plan_finds_its_fits);
    suite_add_tcase(suite, shards);
    return suite;
}

CHECK_MAIN(shards_suite)
