#include "watch.h"

#include "clock.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_S 0.05     /* between looks at signals and clock */
#define STOP_FILE_S 1.0 /* between looks for the file */

/* What reached us at nearly the same time was sent once: `timeout` signals a process and its
 * group. */
#define SAME_SIGNAL_S 0.2

enum reason { NONE, SIGNAL, STOP_FILE, TIME_UP, LOCK_LOST };

static const int signals[] = {SIGTERM, SIGINT, SIGUSR1, SIGXCPU};
enum { N_SIGNALS = sizeof signals / sizeof signals[0] };

struct watch {
    atomic_int stop; /* enum reason */
    atomic_int progress;
    sem_t ended;
    char reason[4096 + 64]; /* written before stop turns */
    double until_s;
    _Atomic(const char *) stop_path; /* NULL: not yet */
    _Atomic(struct lock *) lock;
    pthread_t thread;
    struct sigaction before[N_SIGNALS];
};

/* A signal handler has no other place to leave word. */
static atomic_int caught;
static _Atomic double caught_s;

static void on_signal(int number)
{
    int none = 0;
    double now = clock_monotonic_s();
    if (atomic_compare_exchange_strong(&caught, &none, number))
        atomic_store(&caught_s, now);
    else if (now - atomic_load(&caught_s) > SAME_SIGNAL_S)
        _exit(128 + number);
}

/* --- the thread --- */

static void stop(struct watch *watch, enum reason reason, const char *text)
{
    if (atomic_load(&watch->stop) != NONE) return;
    snprintf(watch->reason, sizeof watch->reason, "%s", text);
    atomic_store(&watch->stop, (int)reason);
}

static void look_for_signal(struct watch *watch)
{
    char name[32];
    int number = atomic_load(&caught);
    if (number == 0) return;
    snprintf(name, sizeof name, "SIG%s", sigabbrev_np(number));
    stop(watch, SIGNAL, name);
}

static void look_for_file(struct watch *watch)
{
    char text[4096 + 16];
    const char *path = atomic_load(&watch->stop_path);
    if (path == NULL || access(path, F_OK) != 0) return;
    snprintf(text, sizeof text, "the file %s", path);
    stop(watch, STOP_FILE, text);
}

static void beat(struct watch *watch)
{
    struct lock *lock = atomic_load(&watch->lock);
    if (lock != NULL && !lock_beat(lock)) stop(watch, LOCK_LOST, "the lock is ours no more");
}

/* The work has not ended in time: what it has saved so far has to do. It may hang in writing to
 * standard error, so that is neither locked nor waited for. */
static void give_up(const struct watch *watch)
{
    char text[sizeof watch->reason + 128];
    struct pollfd errors = {.fd = STDERR_FILENO, .events = POLLOUT};
    int n = snprintf(text, sizeof text, "gmmsweep: stopped (%s), not at an end within %.0f s: %s\n",
                     watch->reason, ceil(WATCH_GRACE_S),
                     watch_status(watch) == ERR_PARTIAL
                         ? "what was saved until then stands; the same command goes on"
                         : "nothing was saved that would bring another start further");
    ssize_t written = poll(&errors, 1, 0) == 1 ? write(STDERR_FILENO, text, (size_t)n) : 0;
    (void)written; /* there is nobody to be told */
    _exit((int)watch_status(watch));
}

/* Waits for the next look, or for the end. */
static bool has_ended(struct watch *watch)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(1e9 * LOOK_S);
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return sem_clockwait(&watch->ended, CLOCK_MONOTONIC, &until) == 0;
}

static void *look(void *argument)
{
    struct watch *watch = argument;
    double file_s = 0.0, beat_s = clock_monotonic_s(), stopped_s = HUGE_VAL;
    for (double now = beat_s; !has_ended(watch); now = clock_monotonic_s()) {
        look_for_signal(watch);
        if (now >= watch->until_s) stop(watch, TIME_UP, "the time is up");
        if (now - file_s >= STOP_FILE_S) {
            look_for_file(watch);
            file_s = now;
        }
        if (now - beat_s >= LOCK_BEAT_S) {
            beat(watch);
            beat_s = now;
        }
        if (atomic_load(&watch->stop) != NONE) stopped_s = fmin(stopped_s, now);
        if (now - stopped_s >= WATCH_GRACE_S) give_up(watch);
    }
    return NULL;
}

/* --- from outside --- */

enum status watch_start(double max_time_s, struct watch **out, struct err *err)
{
    enum status rc = OK;
    struct watch *watch = NULL;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    *out = NULL;
    TRY_ALLOC(watch, 1, err);
    watch->until_s = max_time_s > 0.0 ? clock_monotonic_s() + max_time_s : HUGE_VAL;
    sem_init(&watch->ended, 0, 0);
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < N_SIGNALS; i++)
        sigaction(signals[i], &action, &watch->before[i]);
    int failed = pthread_create(&watch->thread, NULL, look, watch);
    if (failed != 0) {
        for (int i = 0; i < N_SIGNALS; i++)
            sigaction(signals[i], &watch->before[i], NULL);
        FAIL(err, ERR_INTERNAL, "cannot make a thread: %s", strerror(failed));
    }
    *out = watch;
    watch = NULL;
done:
    free(watch);
    return rc;
}

void watch_end(struct watch **watch)
{
    if (*watch == NULL) return;
    sem_post(&(*watch)->ended);
    pthread_join((*watch)->thread, NULL);
    sem_destroy(&(*watch)->ended);
    for (int i = 0; i < N_SIGNALS; i++)
        sigaction(signals[i], &(*watch)->before[i], NULL);
    free(*watch);
    *watch = NULL;
}

void watch_folder(struct watch *watch, const char *stop_path, struct lock *lock)
{
    atomic_store(&watch->stop_path, stop_path);
    atomic_store(&watch->lock, lock);
}

const atomic_int *watch_stop(const struct watch *watch)
{
    return &watch->stop;
}

const char *watch_reason(const struct watch *watch)
{
    return atomic_load(&watch->stop) == NONE ? "" : watch->reason;
}

double watch_left_s(const struct watch *watch)
{
    return watch->until_s - clock_monotonic_s();
}

void watch_progress(struct watch *watch)
{
    atomic_store(&watch->progress, 1);
}

enum status watch_status(const struct watch *watch)
{
    return atomic_load(&watch->stop) != LOCK_LOST && atomic_load(&watch->progress) ? ERR_PARTIAL
                                                                                   : ERR_OUTPUT;
}
