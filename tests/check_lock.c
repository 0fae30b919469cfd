/* Who gets the lock of a shard, and who is told that it has not. */
#include "lock.h"

#include "clock.h"
#include "files.h"
#include "fixture.h"

#include <pthread.h>
#include <sys/wait.h>

static atomic_int stop; /* never turned, but where a test does */

enum { TEXT_BYTES = 1024 };

/* What stands in a lock: text [TEXT_BYTES + 1]. */
static void read_lock(const char *path, char *text)
{
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, TEXT_BYTES, file)] = '\0';
    fclose(file);
}

/* Puts another value behind `key` in a lock's text [TEXT_BYTES + 1]. */
static void edit(char *text, const char *key, const char *value)
{
    char line[64], rest[TEXT_BYTES + 1];
    snprintf(line, sizeof line, "\n%s: ", key);
    char *at = strstr(text, line);
    ck_assert_ptr_nonnull(at);
    at += strlen(line);
    snprintf(rest, sizeof rest, "%s", strchr(at, '\n'));
    snprintf(at, (size_t)(text + TEXT_BYTES + 1 - at), "%s%s", value, rest);
}

/* A child that does `act` and ends with what that returns, without cleaning up. */
static pid_t child(int (*act)(void))
{
    fflush(NULL);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) _exit(act());
    return pid;
}

static int exit_status_of(pid_t pid)
{
    int status = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static const char *path(void)
{
    return file_path("lock");
}

/* Takes a lock, asserting that this needs no watching. */
static struct lock *take_at_once(void)
{
    struct lock *lock = NULL;
    const double began_s = clock_monotonic_s();
    ck_ok(lock_take(path(), &stop, &lock, &err));
    ck_assert_ptr_nonnull(lock);
    ck_assert_double_lt(clock_monotonic_s() - began_s, LOCK_BLANK_S / 2);
    return lock;
}

/* Asserts that the lock is refused with a message that has `text` in it; within that time. */
static void check_refused(const char *text, double most_s)
{
    struct lock *lock = (struct lock *)&stop;
    struct err refusal = {OK, ""};
    const double began_s = clock_monotonic_s();
    ck_assert_int_eq(lock_take(path(), &stop, &lock, &refusal), ERR_OUTPUT);
    ck_assert_ptr_null(lock);
    ck_assert_double_lt(clock_monotonic_s() - began_s, most_s);
    ck_assert_msg(strstr(refusal.text, path()) != NULL, "%s", refusal.text);
    ck_assert_msg(strstr(refusal.text, text) != NULL, "%s\nexpected %s", refusal.text, text);
}

/* "pid 12 of root on host" without the user. */
static void check_names(const char *text, pid_t pid)
{
    char host[256] = "", name[64];
    gethostname(host, sizeof host - 1);
    snprintf(name, sizeof name, "pid %d of ", (int)pid);
    ck_assert_msg(strstr(text, name) != NULL && strstr(text, host) != NULL, "%s", text);
}

/* --- of this host --- */

/* A free lock is taken, says who holds it, changes with each beat and nowhere else, and is gone
 * once released. */
START_TEST(free_lock_is_taken)
{
    char before[TEXT_BYTES + 1], after[TEXT_BYTES + 1], holder[LOCK_HOLDER];
    ck_assert(!lock_holder(path(), holder));
    ck_assert_str_eq(holder, "");
    for (int i = 0; i < 3; i++) {
        struct lock *lock = take_at_once();
        ck_assert(lock_holder(path(), holder));
        check_names(holder, getpid());
        read_lock(path(), before);
        ck_assert_ptr_nonnull(strstr(before, "\nhost: "));
        ck_ok(lock_check(lock, &err));
        ck_assert(lock_beat(lock));
        read_lock(path(), after);
        ck_assert_uint_eq(strlen(before), TEXT_BYTES);
        ck_assert_uint_eq(strlen(after), TEXT_BYTES);
        size_t n_differ = 0;
        for (size_t at = 0; at < TEXT_BYTES; at++)
            n_differ += before[at] != after[at];
        ck_assert_uint_eq(n_differ, 1); /* 0 to 1 */
        ck_ok(lock_check(lock, &err));
        lock_release(&lock);
        ck_assert_ptr_null(lock);
        ck_assert_int_ne(access(path(), F_OK), 0);
    }
    struct lock *none = NULL;
    lock_release(&none);
}
END_TEST

/* From children; to them: begin; and end. */
static int answers[2], begin[2], finish[2];

static void make_pipes(void)
{
    ck_assert_int_eq(pipe(answers) | pipe(begin) | pipe(finish), 0);
}

/* Waits until the other side closes its end of a pipe, or for one byte. */
static char wait_at(int end)
{
    char byte = '\0';
    while (read(end, &byte, 1) < 0) {
    }
    return byte;
}

/* Takes the lock, says whether that succeeded, waits for word, and says whether it held until then.
 */
static int hold(void)
{
    struct lock *lock = NULL;
    struct err failure;
    close(answers[0]);
    close(begin[1]);
    close(finish[1]);
    wait_at(begin[0]);
    const bool taken = lock_take(path(), &stop, &lock, &failure) == OK;
    if (write(answers[1], taken ? "y" : "n", 1) != 1) return 2;
    wait_at(finish[0]);
    return taken && lock_check(lock, &failure) == OK ? 0 : 1;
}

/* The lock of a process that lives, this one or another, is refused at once with its name; once
 * that is dead it is taken, at once too, whether the process has been waited for or not. */
START_TEST(living_holder_is_refused)
{
    char name[64];
    struct lock *lock = take_at_once();
    snprintf(name, sizeof name, "held by pid %d of ", (int)getpid());
    check_refused(name, LOCK_BLANK_S / 2);
    ck_ok(lock_check(lock, &err));
    lock_release(&lock);
    make_pipes();
    const pid_t holder = child(hold);
    close(answers[1]);
    close(begin[1]);
    ck_assert_int_eq(wait_at(answers[0]), 'y');
    snprintf(name, sizeof name, "held by pid %d of ", (int)holder);
    check_refused(name, LOCK_BLANK_S / 2);
    close(finish[1]);
    siginfo_t about;
    ck_assert_int_eq(waitid(P_PID, (id_t)holder, &about, WEXITED | WNOWAIT), 0);
    lock = take_at_once();
    lock_release(&lock);
    ck_assert_int_eq(exit_status_of(holder), 0);
}
END_TEST

static int take_and_die(void)
{
    struct lock *lock = NULL;
    struct err failure;
    return lock_take(path(), &stop, &lock, &failure) == OK ? 0 : 1;
}

/* The lock of a dead process, and of one whose pid another has now, is taken over at once. */
START_TEST(dead_holder_is_followed)
{
    char text[TEXT_BYTES + 1], holder[LOCK_HOLDER];
    const pid_t dead = child(take_and_die);
    ck_assert_int_eq(exit_status_of(dead), 0);
    read_lock(path(), text);
    edit(text, "boot", "another");
    file_text("lock", text);
    ck_assert(!lock_holder(path(), holder)); /* who knows? */
    check_names(holder, dead);
    ck_assert_int_eq(unlink(path()), 0);
    ck_assert_int_eq(exit_status_of(child(take_and_die)), 0);
    ck_assert(!lock_holder(path(), holder)); /* nobody, as far as can be seen here */
    ck_assert_str_eq(holder, "");
    struct lock *lock = take_at_once();
    ck_assert(lock_holder(path(), holder));
    check_names(holder, getpid());
    read_lock(path(), text);
    lock_release(&lock);
    edit(text, "start", "1"); /* a moment after boot */
    file_text("lock", text);
    lock = take_at_once();
    ck_ok(lock_check(lock, &err));
    lock_release(&lock);
}
END_TEST

/* Of many that find the same dead lock exactly one gets it, and keeps it. */
START_TEST(one_of_many_gets_it)
{
    enum { N_ROUNDS = 25, N = 12 };
    for (int round = 0; round < N_ROUNDS; round++) {
        pid_t pids[N];
        char holder[LOCK_HOLDER];
        int n_taken = 0, n_held = 0;
        ck_assert_int_eq(exit_status_of(child(take_and_die)), 0);
        make_pipes();
        for (int i = 0; i < N; i++)
            pids[i] = child(hold);
        close(answers[1]);
        close(begin[0]);
        close(begin[1]);
        for (int i = 0; i < N; i++)
            n_taken += wait_at(answers[0]) == 'y';
        const bool is_held = lock_holder(path(), holder);
        close(answers[0]);
        close(finish[0]);
        close(finish[1]);
        for (int i = 0; i < N; i++)
            n_held += exit_status_of(pids[i]) == 0;
        ck_assert_msg(n_taken == 1 && n_held == 1 && is_held,
                      "round %d: %d took it, %d held it, now %s", round, n_taken, n_held, holder);
    }
}
END_TEST

/* --- of another host --- */

/* A lock as another host would have made it. */
static void put_foreign(const char *key, const char *value)
{
    char text[TEXT_BYTES + 1];
    struct lock *lock = take_at_once();
    read_lock(path(), text);
    lock_release(&lock);
    edit(text, "host", "elsewhere");
    edit(text, "pid", "4711");
    if (key != NULL) edit(text, key, value);
    file_text("lock", text);
}

static int beat_later(void)
{
    char text[TEXT_BYTES + 1];
    clock_sleep_s(1);
    read_lock(path(), text);
    edit(text, "beat", "0000000001");
    file_text("lock", text);
    return 0;
}

/* A lock of another host that changes while it is watched is refused with its holder's name, and
 * left as it is. */
START_TEST(beating_lock_is_refused)
{
    char text[TEXT_BYTES + 1], holder[LOCK_HOLDER];
    put_foreign("user", "somebody");
    const pid_t pid = child(beat_later);
    const double began_s = clock_monotonic_s();
    check_refused("pid 4711 of somebody on elsewhere, which is running", LOCK_WATCH_S / 2);
    ck_assert_double_gt(clock_monotonic_s() - began_s, 0.5);
    ck_assert_int_eq(exit_status_of(pid), 0);
    read_lock(path(), text);
    ck_assert_ptr_nonnull(strstr(text, "beat: 0000000001"));
    ck_assert(!lock_holder(path(), holder)); /* not known to live */
    ck_assert_str_eq(holder, "pid 4711 of somebody on elsewhere");
}
END_TEST

static int release_later(void)
{
    clock_sleep_s(1);
    return unlink(path());
}

/* One that goes meanwhile is free. */
START_TEST(released_lock_is_taken)
{
    put_foreign(NULL, NULL);
    const pid_t pid = child(release_later);
    struct lock *lock = take_at_once();
    ck_ok(lock_check(lock, &err));
    lock_release(&lock);
    ck_assert_int_eq(exit_status_of(pid), 0);
}
END_TEST

/* Our own Slurm job, started again since, is not waited for; nor is anything else taken for it. */
START_TEST(requeued_job_goes_on)
{
    static const char *const others[][2] = {{"restart", "2"},
                                            {"restart", "3"},
                                            {"slurm_job", "here/78"},
                                            {"slurm_job", "there/77"},
                                            {"slurm_job", ""}};
    setenv("SLURM_CLUSTER_NAME", "here", 1);
    setenv("SLURM_JOB_ID", "77", 1);
    setenv("SLURM_RESTART_COUNT", "2", 1);
    put_foreign("restart", "1");
    struct lock *lock = take_at_once();
    lock_release(&lock);
    atomic_store(&stop, 1); /* others would be watched */
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char text[TEXT_BYTES + 1];
        put_foreign("restart", "1");
        read_lock(path(), text);
        edit(text, others[i][0], others[i][1]);
        file_text("lock", text);
        check_refused("stopped while watching", LOCK_WATCH_S / 2);
        ck_assert_int_eq(unlink(path()), 0);
    }
    put_foreign("restart", "2");
    check_refused("on elsewhere, Slurm job here/77", LOCK_WATCH_S / 2);
}
END_TEST

static void *turn_stop(void *unused)
{
    clock_sleep_s(1);
    atomic_store(&stop, 1);
    return unused;
}

/* A stop ends the watching, and leaves the lock. */
START_TEST(stop_ends_the_watching)
{
    pthread_t thread;
    put_foreign(NULL, NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, turn_stop, NULL), 0);
    check_refused("stopped while watching", LOCK_WATCH_S / 2);
    pthread_join(thread, NULL);
    ck_assert_int_eq(access(path(), F_OK), 0);
}
END_TEST

/* --- locks that say nothing --- */

static int say_later(void)
{
    char text[TEXT_BYTES + 1];
    struct lock *lock = NULL;
    struct err failure;
    if (lock_take(file_path("other"), &stop, &lock, &failure) != OK) return 1;
    read_lock(file_path("other"), text);
    clock_sleep_s(1);
    file_text("lock", text);
    clock_sleep_s(LOCK_BLANK_S / 2);
    return 0;
}

/* One that is blank because its holder has just made it is refused once it says who that is. */
START_TEST(blank_lock_may_be_a_new_one)
{
    file_text("lock", "");
    const pid_t pid = child(say_later);
    char name[64];
    snprintf(name, sizeof name, "pid %d of", (int)pid);
    check_refused(name, LOCK_BLANK_S / 2);
    ck_assert_int_eq(exit_status_of(pid), 0);
}
END_TEST

static const char *blank_path;

/* Whether that lock is taken after LOCK_BLANK_S and not before. */
static int take_in_time(void)
{
    struct lock *lock = NULL;
    struct err failure;
    const double began_s = clock_monotonic_s();
    if (lock_take(blank_path, &stop, &lock, &failure) != OK) return 1;
    const double took_s = clock_monotonic_s() - began_s;
    return took_s >= LOCK_BLANK_S && took_s < LOCK_WATCH_S / 2 ? 0 : 2;
}

/* Locks that stay blank, garbage or cut off are taken after a while. */
START_TEST(locks_that_say_nothing_are_taken)
{
    static const char *const texts[] = {"", "garbage", "gmmsweep lock\nhost: x\npid: 1"};
    static const char *const names[] = {"blank", "garbage", "cut off"};
    pid_t pids[3];
    for (int i = 0; i < 3; i++) {
        blank_path = file_text(names[i], texts[i]);
        pids[i] = child(take_in_time);
    }
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(exit_status_of(pids[i]), 0);
}
END_TEST

/* --- holding --- */

static void *beat_often(void *lock)
{
    for (int i = 0; i < 2000; i++)
        if (!lock_beat(lock)) return lock;
    return NULL;
}

/* One thread may keep a lock alive while another asks for it. */
START_TEST(beats_do_not_disturb)
{
    pthread_t thread;
    void *lost;
    struct lock *lock = take_at_once();
    ck_assert_int_eq(pthread_create(&thread, NULL, beat_often, lock), 0);
    for (int i = 0; i < 2000; i++)
        ck_ok(lock_check(lock, &err));
    pthread_join(thread, &lost);
    ck_assert_ptr_null(lost);
    lock_release(&lock);
}
END_TEST

/* A holder whose lock has been removed, replaced or emptied is told so and who has it, and leaves
 * the other's lock where it is. */
START_TEST(lost_lock_is_noticed)
{
    for (int i = 0; i < 3; i++) {
        char text[TEXT_BYTES + 1], after[TEXT_BYTES + 1];
        struct err loss = {OK, ""};
        put_foreign(NULL, NULL);
        read_lock(path(), text);
        ck_assert_int_eq(unlink(path()), 0);
        struct lock *lock = take_at_once();
        ck_assert_int_eq(unlink(path()), 0);
        if (i > 0) file_text("lock", i == 1 ? text : "");
        ck_assert(!lock_beat(lock));
        ck_assert_int_eq(lock_check(lock, &loss), ERR_OUTPUT);
        ck_assert_ptr_nonnull(strstr(loss.text, path()));
        ck_assert_ptr_nonnull(strstr(loss.text, i == 0   ? "it is gone"
                                                : i == 1 ? "on elsewhere"
                                                         : "has not said who it is"));
        lock_release(&lock);
        ck_assert_ptr_null(lock);
        ck_assert_int_eq(access(path(), F_OK) == 0, i > 0);
        if (i == 0) continue;
        read_lock(path(), after);
        ck_assert_str_eq(after, i == 1 ? text : "");
        ck_assert_int_eq(unlink(path()), 0);
    }
}
END_TEST

/* Where no lock can be made, or what is there is no lock, an error says where and why. */
START_TEST(impossible_lock_tells_why)
{
    const struct {
        const char *path, *cause;
    } places[] = {{file_path("file/lock"), "Not a directory"},
                  {file_path("none/lock"), "No such file or directory"},
                  {files_folder, "Is a directory"}};
    file_text("file", "");
    for (size_t i = 0; i < 3; i++) {
        struct lock *lock = NULL;
        struct err failure = {OK, ""};
        ck_assert_int_eq(lock_take(places[i].path, &stop, &lock, &failure), ERR_OUTPUT);
        ck_assert_ptr_null(lock);
        ck_assert_ptr_nonnull(strstr(failure.text, places[i].path));
        ck_assert_msg(strstr(failure.text, places[i].cause) != NULL, "%s", failure.text);
    }
}
END_TEST

/* A job around the tests must not be taken for that of a lock. */
static void setup(void)
{
    files_setup();
    unsetenv("SLURM_JOB_ID");
    unsetenv("SLURM_CLUSTER_NAME");
    unsetenv("SLURM_RESTART_COUNT");
    atomic_store(&stop, 0);
}

static Suite *lock_suite(void)
{
    Suite *suite = suite_create("lock");
    TCase *lock = tcase_create("lock");
    tcase_add_checked_fixture(lock, setup, files_teardown);
    tcase_add_test(lock, free_lock_is_taken);
    tcase_add_test(lock, living_holder_is_refused);
    tcase_add_test(lock, dead_holder_is_followed);
    tcase_add_test(lock, one_of_many_gets_it);
    tcase_add_test(lock, beating_lock_is_refused);
    tcase_add_test(lock, released_lock_is_taken);
    tcase_add_test(lock, requeued_job_goes_on);
    tcase_add_test(lock, stop_ends_the_watching);
    tcase_add_test(lock, blank_lock_may_be_a_new_one);
    tcase_add_test(lock, locks_that_say_nothing_are_taken);
    tcase_add_test(lock, beats_do_not_disturb);
    tcase_add_test(lock, lost_lock_is_noticed);
    tcase_add_test(lock, impossible_lock_tells_why);
    suite_add_tcase(suite, lock);
    return suite;
}

CHECK_MAIN(lock_suite)
