/* What comes back from checkpoints, whatever has become of their files. */
#include "checkpoint.h"

#include "files.h"
#include "fixture.h"

/* --- fits and folders --- */

enum { N_FITS = 5, N_FOLDERS = 3, MAX_ITER = 40 };

static struct fixture f;
static struct plan_fit fits[N_FITS];
static struct shard_log logs[N_FOLDERS];
static struct shards shards = {.n_logs = N_FOLDERS, .logs = logs};

static void setup(void)
{
    uint64_t rng = test_seed();
    files_setup();
    f = fixture_create(&rng, 3, 5, 300, 2);
    for (size_t i = 0; i < N_FITS; i++) {
        fits[i].em = fixture_fit_settings(FAMILY_diag, 2).em;
        fits[i].em.tol = 0;
        fits[i].em.max_iter = MAX_ITER;
        snprintf(fits[i].id, sizeof fits[i].id, "fit%zu", i);
    }
    for (size_t i = 0; i < N_FOLDERS; i++) {
        char name[32];
        snprintf(name, sizeof name, "%zu-of-3", i + 1);
        logs[i].folder = (char *)file_path(name);
        ck_ok(disk_make_folder(logs[i].folder, &err));
    }
}

static void teardown(void)
{
    fixture_destroy(&f);
    files_teardown();
}

static struct checkpoint *open_in(size_t folder)
{
    struct checkpoint *checkpoint = NULL;
    ck_ok(checkpoint_open(&shards, logs[folder].folder, &checkpoint, &err));
    return checkpoint;
}

/* Ticks fit i until its place has so many entries, or to its end. */
static void advance(size_t i, struct em *em, size_t n_entries)
{
    const struct fixture_fit fit = {.em = fits[i].em, .start = fixture_start_settings(2)};
    struct engine *engine = fixture_engine(f.rows, 1, 2);
    struct fixture_run run = {.em = em};
    while (em->phase != EM_DONE && em_place_of(em).n_entries < n_entries) {
        struct task *task;
        if (fixture_next(f.rows, &fit, &run, &task) > 0) engine_tick(engine, &task, 1);
    }
    start_destroy(&run.start);
    engine_destroy(&engine);
}

static struct em *new_em(size_t i)
{
    struct em *em = NULL;
    ck_ok(em_create(f.rows, NULL, &fits[i].em, &em, &err));
    return em;
}

/* Writes a checkpoint of the first n fits, fit i with at[i] entries (0: a k-means fit, without a
 * state). Returns what checkpoint_write does. */
static enum status write_at(struct checkpoint *checkpoint, size_t n, const size_t *at,
                            struct err *err)
{
    struct live_fit live[N_FITS] = {0};
    uint64_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        live[i].fit = &fits[i];
        if (at[i] == 0) continue;
        live[i].em = new_em(i);
        advance(i, live[i].em, at[i]);
        ck_assert_uint_eq(em_place_of(live[i].em).n_entries, at[i]);
    }
    const enum status rc = checkpoint_write(checkpoint, live, n, &bytes, err);
    /* of a model of 10 numbers and a trace of three numbers an entry */
    for (size_t i = 0; rc == OK && i < n; i++)
        if (at[i] > 0) ck_assert_uint_gt(bytes, 8 * (10 + 3 * at[i]));
    for (size_t i = 0; i < n; i++)
        em_destroy(&live[i].em);
    return rc;
}

/* Writes one of a single fit in a folder, by a session of its own. */
static void write_one(size_t folder, size_t i, size_t n_entries)
{
    struct checkpoint *checkpoint = open_in(folder);
    size_t at[N_FITS] = {0};
    at[i] = n_entries;
    ck_ok(write_at(checkpoint, i + 1, at, &err));
    checkpoint_close(&checkpoint);
}

/* The entries with which fit i goes on; 0: from its beginning. */
static size_t resumed(struct checkpoint *checkpoint, size_t i)
{
    struct live_fit live = {.fit = &fits[i], .em = new_em(i)};
    ck_ok(checkpoint_resume(checkpoint, f.rows->n_features, &live, &err));
    const size_t n_entries = live.em->n_entries;
    ck_assert_ptr_null(live.lloyd);
    em_destroy(&live.em);
    return n_entries;
}

/* The same in a session of its own. */
static size_t resumed_in(size_t folder, size_t i)
{
    struct checkpoint *checkpoint = open_in(folder);
    const size_t n_entries = resumed(checkpoint, i);
    checkpoint_close(&checkpoint);
    return n_entries;
}

static const char *slot_path(size_t folder, int slot)
{
    char name[64];
    snprintf(name, sizeof name, "%zu-of-3/checkpoint-%d", folder + 1, slot);
    return file_path(name);
}

/* The bytes of a slot (release with free); NULL and 0 of one that is not there. */
static unsigned char *read_slot(size_t folder, int slot, size_t *n)
{
    *n = 0;
    return access(slot_path(folder, slot), F_OK) != 0 ? NULL
                                                      : file_read(slot_path(folder, slot), n);
}

static void write_slot(size_t folder, int slot, const unsigned char *bytes, size_t n)
{
    FILE *file = fopen(slot_path(folder, slot), "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, n, file), n);
    ck_assert_int_eq(fclose(file), 0);
}

/* --- what comes back --- */

/* Every state comes back once, and leads to the end of an undisturbed fit. Nothing comes back of a
 * fit without a state, nor from folders without checkpoints. */
START_TEST(states_come_back)
{
    const size_t at[N_FITS] = {3, 1, 0, 17};
    struct checkpoint *checkpoint = open_in(0);
    for (size_t i = 0; i < N_FITS; i++)
        ck_assert_uint_eq(resumed(checkpoint, i), 0);
    ck_ok(write_at(checkpoint, 4, at, &err));
    checkpoint_close(&checkpoint);
    ck_assert_ptr_null(checkpoint);
    for (size_t folder = 0; folder < 2; folder++) { /* whichever shard comes to it */
        checkpoint = open_in(folder);
        for (size_t i = N_FITS; i-- > 0;)
            ck_assert_uint_eq(resumed(checkpoint, i), at[i]);
        for (size_t i = 0; i < N_FITS; i++)
            ck_assert_uint_eq(resumed(checkpoint, i), 0);
        checkpoint_close(&checkpoint);
    }
    struct em *em = new_em(3), *undisturbed = new_em(3);
    struct live_fit live = {.fit = &fits[3], .em = em};
    checkpoint = open_in(0);
    ck_ok(checkpoint_resume(checkpoint, f.rows->n_features, &live, &err));
    checkpoint_close(&checkpoint);
    advance(3, em, MAX_ITER + 1);
    advance(3, undisturbed, MAX_ITER + 1);
    ck_assert_uint_eq(em->n_entries, MAX_ITER + 1);
    for (size_t t = 0; t <= MAX_ITER; t++)
        ck_assert(em->trace[t].loglik == undisturbed->trace[t].loglik);
    ck_assert_mem_eq(em->model->weights, undisturbed->model->weights, 10 * sizeof(double));
    em_destroy(&undisturbed);
    em_destroy(&em);
}
END_TEST

/* Checkpoints go to two slots in turn, by one session and from one to the next, and the latest
 * counts. */
START_TEST(slots_are_written_in_turn)
{
    struct checkpoint *checkpoint = open_in(0);
    int latest = -1;
    for (size_t n = 1; n <= 9; n++) {
        unsigned char *before[2], *after[2];
        size_t n_before[2], n_after[2];
        bool changed[2];
        for (int slot = 0; slot < 2; slot++)
            before[slot] = read_slot(0, slot, &n_before[slot]);
        ck_ok(write_at(checkpoint, 1, &n, &err));
        for (int slot = 0; slot < 2; slot++) {
            after[slot] = read_slot(0, slot, &n_after[slot]);
            changed[slot] =
                n_before[slot] != n_after[slot] ||
                (n_after[slot] > 0 && memcmp(before[slot], after[slot], n_after[slot]) != 0);
            free(before[slot]);
            free(after[slot]);
        }
        ck_assert(changed[0] != changed[1]);
        ck_assert(latest < 0 || changed[1 - latest]);
        latest = changed[1];
        ck_assert_uint_eq(resumed_in(0, 0), n);
        if (n % 3 != 0) continue;
        checkpoint_close(&checkpoint);
        checkpoint = open_in(0);
        ck_assert_uint_eq(resumed(checkpoint, 0), n); /* now it is live */
    }
    checkpoint_close(&checkpoint);
}
END_TEST

/* The latest slot torn after any byte, or with any byte damaged, leaves the states of the other;
 * and so does one that was never begun. Where the older one is damaged the latest counts. */
START_TEST(damaged_slot_leaves_the_other)
{
    const size_t old[] = {3, 4}, new[] = {5, 6};
    struct checkpoint *checkpoint = open_in(0);
    ck_ok(write_at(checkpoint, 2, old, &err));
    ck_ok(write_at(checkpoint, 2, new, &err));
    checkpoint_close(&checkpoint);
    for (int slot = 0; slot < 2; slot++) {
        const size_t *left = slot == 1 ? old : new;
        size_t n;
        unsigned char *bytes = read_slot(0, slot, &n);
        ck_assert_uint_gt(n, 400);
        for (size_t at = 0; at < 2 * n; at++) {
            bytes[at / 2] ^= 0x20;
            write_slot(0, slot, bytes, at % 2 == 0 ? n : at / 2);
            bytes[at / 2] ^= 0x20;
            checkpoint = open_in(1);
            for (size_t i = 0; i < 2; i++)
                ck_assert_msg(resumed(checkpoint, i) == left[i], "slot %d, byte %zu", slot, at / 2);
            checkpoint_close(&checkpoint);
        }
        ck_assert_int_eq(unlink(slot_path(0, slot)), 0);
        ck_assert_uint_eq(resumed_in(0, 0), left[0]);
        write_slot(0, slot, bytes, n);
        free(bytes);
    }
    ck_assert_uint_eq(resumed_in(0, 1), new[1]);
}
END_TEST

/* Of states of one fit in several folders the farthest counts, in whatever order they are read. */
START_TEST(farthest_state_counts)
{
    for (size_t farthest = 0; farthest < N_FOLDERS; farthest++) {
        for (size_t folder = 0; folder < N_FOLDERS; folder++)
            write_one(folder, farthest, 4 + (folder + 2 - farthest + N_FOLDERS) % N_FOLDERS);
        for (size_t folder = 0; folder < N_FOLDERS; folder++)
            ck_assert_uint_eq(resumed_in(folder, farthest), 6);
    }
}
END_TEST

/* A state that no fit has gone on from is kept by checkpoint after checkpoint of its folder,
 * through sessions, until its fit goes live; others' states are theirs to keep. */
START_TEST(waiting_states_are_kept)
{
    const size_t first[N_FITS] = {7, 8, 0, 9};
    struct checkpoint *checkpoint = open_in(0);
    ck_ok(write_at(checkpoint, 4, first, &err));
    checkpoint_close(&checkpoint);
    write_one(1, 4, 11);
    checkpoint = open_in(0);
    ck_assert_uint_eq(resumed(checkpoint, 0), 7);
    for (size_t n = 8; n < 14; n++) {
        ck_ok(write_at(checkpoint, 1, &n, &err));
        shards.n_logs = 1; /* of this folder alone */
        ck_assert_uint_eq(resumed_in(0, 0), n);
        ck_assert_uint_eq(resumed_in(0, 1), 8);
        ck_assert_uint_eq(resumed_in(0, 3), 9);
        ck_assert_uint_eq(resumed_in(0, 4), 0);
        shards.n_logs = N_FOLDERS;
        if (n % 2 == 0) continue;
        checkpoint_close(&checkpoint);
        checkpoint = open_in(0);
        ck_assert_uint_eq(resumed(checkpoint, 0), n);
    }
    ck_assert_uint_eq(resumed(checkpoint, 1), 8); /* and is not live when the next one is written */
    const size_t last = 14;
    ck_ok(write_at(checkpoint, 1, &last, &err));
    ck_assert_uint_eq(resumed(checkpoint, 3), 9);
    ck_assert_uint_eq(resumed(checkpoint, 4), 11);
    checkpoint_close(&checkpoint);
    ck_assert_uint_eq(resumed_in(0, 1), 0);
    ck_assert_uint_eq(resumed_in(0, 3), 9);
}
END_TEST

/* One that cannot be used does not stand in the way of another: neither read before it nor after,
 * and however far. */
START_TEST(unusable_state_hides_none)
{
    for (size_t folder = 0; folder < N_FOLDERS; folder++) {
        fits[folder].em.max_iter = MAX_ITER + 1;
        write_one(folder, folder, 9);
        fits[folder].em.max_iter = MAX_ITER;
        for (size_t other = 0; other < N_FOLDERS; other++)
            if (other != folder) write_one(other, folder, 4 + other);
        for (size_t other = 0; other < N_FOLDERS; other++)
            ck_assert_uint_eq(resumed_in(other, folder), folder == 2 ? 5 : 6);
    }
}
END_TEST

/* A state that was made under a larger max_iter may lie behind the end of the fit and is not used;
 * nor is one of a fit of another shape; one under a smaller limit or the same is. */
START_TEST(other_fits_states_are_not_used)
{
    for (int64_t max_iter = MAX_ITER - 30; max_iter <= MAX_ITER + 10; max_iter += 10) {
        fits[0].em.max_iter = MAX_ITER;
        write_one(0, 0, 5);
        fits[0].em.max_iter = max_iter;
        ck_assert_uint_eq(resumed_in(0, 0), max_iter < MAX_ITER ? 0 : 5);
    }
    write_one(0, 1, 5);
    fits[1].em.n_components = 3;
    ck_assert_uint_eq(resumed_in(0, 1), 0);
    fits[1].em.n_components = 2;
    fits[1].em.family = FAMILY_full;
    ck_assert_uint_eq(resumed_in(0, 1), 0);
    fits[1].em.family = FAMILY_diag;
    ck_assert_uint_eq(resumed_in(0, 1), 5);
}
END_TEST

/* Removed, both slots are gone, and the others' are not. */
START_TEST(removed_checkpoints_are_gone)
{
    write_one(0, 0, 3);
    write_one(0, 0, 4);
    write_one(1, 1, 5);
    struct checkpoint *checkpoint = open_in(0);
    checkpoint_remove(checkpoint);
    checkpoint_close(&checkpoint);
    for (int slot = 0; slot < 2; slot++)
        ck_assert_int_ne(access(slot_path(0, slot), F_OK), 0);
    ck_assert_uint_eq(resumed_in(0, 0), 0);
    ck_assert_uint_eq(resumed_in(0, 1), 5);
    checkpoint = NULL;
    checkpoint_close(&checkpoint);
}
END_TEST

/* A checkpoint that cannot be written is an error that names it; the older one and the states that
 * wait stand, and the next attempt may succeed. */
START_TEST(failed_write_leaves_the_older_one)
{
    const size_t at[] = {3, 4}, more = 6;
    struct err failure = {OK, ""};
    struct checkpoint *checkpoint = open_in(0);
    ck_ok(write_at(checkpoint, 2, at, &err));
    checkpoint_close(&checkpoint);
    checkpoint = open_in(0);
    ck_assert_uint_eq(resumed(checkpoint, 0), 3);
    ck_ok(disk_make_folder(slot_path(0, 1), &err)); /* in the way of the next one */
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(write_at(checkpoint, 1, &more, &failure), ERR_OUTPUT);
        ck_assert_msg(strstr(failure.text, slot_path(0, 1)) != NULL, "%s", failure.text);
        for (size_t j = 0; j < 2; j++)
            ck_assert_uint_eq(resumed_in(1, j), at[j]);
    }
    ck_assert_int_eq(rmdir(slot_path(0, 1)), 0);
    ck_ok(write_at(checkpoint, 1, &more, &err));
    checkpoint_close(&checkpoint);
    ck_assert_uint_eq(resumed_in(0, 0), 6);
    ck_assert_uint_eq(resumed_in(0, 1), 4);
}
END_TEST

static Suite *checkpoint_suite(void)
{
    Suite *suite = suite_create("checkpoint");
    TCase *checkpoint = tcase_create("checkpoint");
    tcase_add_checked_fixture(checkpoint, setup, teardown);
    tcase_add_test(checkpoint, states_come_back);
    tcase_add_test(checkpoint, slots_are_written_in_turn);
    tcase_add_test(checkpoint, damaged_slot_leaves_the_other);
    tcase_add_test(checkpoint, farthest_state_counts);
    tcase_add_test(checkpoint, unusable_state_hides_none);
    tcase_add_test(checkpoint, waiting_states_are_kept);
    tcase_add_test(checkpoint, other_fits_states_are_not_used);
    tcase_add_test(checkpoint, removed_checkpoints_are_gone);
    tcase_add_test(checkpoint, failed_write_leaves_the_older_one);
    suite_add_tcase(suite, checkpoint);
    return suite;
}

CHECK_MAIN(checkpoint_suite)
