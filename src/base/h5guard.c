/* h5guard.c - what to do when the HDF5 library crashes or does not come back.
 *
 * Texts stand in a part of the file that has no checksums, and HDF5 1.10 believes what it finds
 * there: a wrong byte can send it beyond its memory, at once or when the file is closed, or round
 * in a circle. After that nothing in the process is to be trusted, so that all that is left is to
 * say which file it was, and to end. */
#include "h5_parts.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    LEAST_S = 10,            /* of processor time for a call, and */
    BYTES_A_SECOND = 1 << 20 /* of the file that are waited for besides: a hundredth of its speed */
};

static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGALRM};
enum { N_SIGNALS = sizeof signals / sizeof *signals };

/* Prepared beforehand: a handler may hardly do more than to write it out. */
static char message[1024];
static struct sigaction before[N_SIGNALS];
static char stack[1 << 14]; /* the usual one may be what has run out */
static int n_guarded;
static timer_t timer;
static bool has_timer;

static void tell_and_end(int number)
{
    (void)number;
    ssize_t told = write(STDERR_FILENO, message, strlen(message));
    _exit(told < 0 ? ERR_INTERNAL : ERR_DATA);
}

static void prepare(const char *path, const char *object)
{
    snprintf(
        message, sizeof message,
        "gmmsweep: %.400s: the HDF5 library has crashed in or after reading %.400s, or does not "
        "come back: the file is damaged, or memory has run out\n",
        path, object);
}

void h5_guard(const char *path)
{
    struct sigaction action = {.sa_handler = tell_and_end, .sa_flags = SA_ONSTACK};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    prepare(path, "the file");
    if (n_guarded++ > 0) return;
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    for (size_t i = 0; i < N_SIGNALS; i++)
        sigaction(signals[i], &action, &before[i]);
    has_timer = timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer) == 0;
}

void h5_unguard(void)
{
    if (--n_guarded > 0) return;
    if (has_timer) timer_delete(timer);
    has_timer = false;
    for (size_t i = 0; i < N_SIGNALS; i++)
        sigaction(signals[i], &before[i], NULL);
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
}

void h5_begin(const char *path, const char *object, size_t n_file_bytes)
{
    const struct itimerspec limit = {.it_value.tv_sec =
                                         LEAST_S + (time_t)(n_file_bytes / BYTES_A_SECOND)};
    prepare(path, object);
    if (has_timer) timer_settime(timer, 0, &limit, NULL);
}

void h5_end(void)
{
    if (has_timer) timer_settime(timer, 0, &(struct itimerspec){0}, NULL);
}
