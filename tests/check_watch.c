/* Reasons to stop: the time, the file, a lost lock. (Signals are tested with the program.) */
#include "watch.h"

#include "clock.h"
#include "files.h"
#include "fixture.h"

#include <sys/wait.h>

/* Waits until the watch says stop, for at most that long; how long it took. */
static double wait_for_stop(const struct watch *watch, double most_s)
{
    const double began_s = clock_monotonic_s();
    while (atomic_load(watch_stop(watch)) == 0 && clock_monotonic_s() - began_s < most_s)
        clock_sleep_s(0.01);
    return clock_monotonic_s() - began_s;
}

/* A watch with nothing to see says nothing, and has all the time there is. */
START_TEST(nothing_to_see)
{
    struct watch *watch = NULL;
    ck_ok(watch_start(0, &watch, &err));
    watch_folder(watch, file_path("STOP"), NULL);
    ck_assert_double_ge(wait_for_stop(watch, 1.5), 1.5);
    ck_assert_str_eq(watch_reason(watch), "");
    ck_assert(isinf(watch_left_s(watch)));
    watch_end(&watch);
    ck_assert_ptr_null(watch);
    watch_end(&watch);
}
END_TEST

/* When the time is up the work is to stop, neither before nor long after; and it is worth another
 * start only if something has been saved. */
START_TEST(time_is_up)
{
    struct watch *watch = NULL;
    const double began_s = clock_monotonic_s();
    ck_ok(watch_start(0.5, &watch, &err));
    ck_assert_double_le(watch_left_s(watch), 0.5);
    const double before_s = watch_left_s(watch);
    clock_sleep_s(0.1);
    ck_assert_double_le(watch_left_s(watch), before_s - 0.1);
    wait_for_stop(watch, 30);
    ck_assert_double_ge(clock_monotonic_s() - began_s, 0.5);
    ck_assert_str_eq(watch_reason(watch), "the time is up");
    ck_assert_double_le(watch_left_s(watch), 0);
    ck_assert_int_eq(watch_status(watch), ERR_OUTPUT);
    watch_progress(watch);
    ck_assert_int_eq(watch_status(watch), ERR_PARTIAL);
    watch_end(&watch);
}
END_TEST

/* The file STOP is seen soon, whether it is there from the start or comes later. */
START_TEST(stop_file_is_seen)
{
    char reason[256];
    const char *path = file_path("STOP");
    for (int i = 0; i < 2; i++) {
        struct watch *watch = NULL;
        if (i == 0) file_text("STOP", "");
        ck_ok(watch_start(1000, &watch, &err));
        watch_folder(watch, path, NULL);
        if (i == 1) {
            ck_assert_double_ge(wait_for_stop(watch, 0.3), 0.3);
            file_text("STOP", "");
        }
        ck_assert_double_lt(wait_for_stop(watch, 30), 3); /* looks come every second */
        snprintf(reason, sizeof reason, "the file %s", path);
        ck_assert_str_eq(watch_reason(watch), reason);
        watch_end(&watch);
        ck_assert_int_eq(unlink(path), 0);
    }
}
END_TEST

/* The lock is kept alive; once it is lost the work is to stop, and nothing it has saved counts. */
START_TEST(lost_lock_is_seen)
{
    char text[2][2048] = {{0}};
    const char *path = file_path("lock");
    struct watch *watch = NULL;
    struct lock *lock = NULL;
    ck_ok(watch_start(1000, &watch, &err));
    ck_ok(lock_take(path, watch_stop(watch), &lock, &err));
    watch_folder(watch, file_path("STOP"), lock);
    watch_progress(watch);
    for (int i = 0; i < 2; i++) {
        if (i == 1) ck_assert_double_ge(wait_for_stop(watch, LOCK_BEAT_S + 1), LOCK_BEAT_S + 1);
        FILE *file = fopen(path, "r");
        ck_assert_ptr_nonnull(file);
        ck_assert_uint_gt(fread(text[i], 1, sizeof text[i] - 1, file), 100);
        fclose(file);
    }
    ck_assert_str_ne(text[0], text[1]);
    ck_assert_int_eq(watch_status(watch), ERR_PARTIAL);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_double_lt(wait_for_stop(watch, 30), LOCK_BEAT_S + 5);
    ck_assert_str_eq(watch_reason(watch), "the lock is ours no more");
    ck_assert_int_eq(watch_status(watch), ERR_OUTPUT);
    watch_end(&watch);
    lock_release(&lock);
}
END_TEST

/* Work that does not end is ended, in time, with the status that its progress deserves. */
START_TEST(endless_work_is_ended)
{
    pid_t pids[2];
    const double began_s = clock_monotonic_s();
    for (int i = 0; i < 2; i++) {
        fflush(NULL);
        pids[i] = fork();
        if (pids[i] != 0) continue;
        struct watch *watch = NULL;
        struct err failure;
        if (watch_start(0.1, &watch, &failure) != OK) _exit(99);
        if (i == 1) watch_progress(watch);
        clock_sleep_s(40);
        _exit(98);
    }
    for (int i = 0; i < 2; i++) {
        int status = 0;
        ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
        ck_assert(WIFEXITED(status));
        ck_assert_int_eq(WEXITSTATUS(status), i == 1 ? ERR_PARTIAL : ERR_OUTPUT);
    }
    const double took_s = clock_monotonic_s() - began_s;
    ck_assert(took_s >= WATCH_GRACE_S && took_s < 20);
}
END_TEST

static Suite *watch_suite(void)
{
    Suite *suite = suite_create("watch");
    TCase *watch = tcase_create("watch");
    tcase_add_checked_fixture(watch, files_setup, files_teardown);
    tcase_add_test(watch, nothing_to_see);
    tcase_add_test(watch, time_is_up);
    tcase_add_test(watch, stop_file_is_seen);
    tcase_add_test(watch, lost_lock_is_seen);
    tcase_add_test(watch, endless_work_is_ended);
    suite_add_tcase(suite, watch);
    return suite;
}

CHECK_MAIN(watch_suite)
