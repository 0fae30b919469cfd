/* h5guard.c - what to do when the HDF5 library crashes.
 *
 * Texts stand in a part of the file that has no checksums, and HDF5 1.10 believes what it finds
 * there: a wrong byte can send it beyond its memory. After that nothing in the process is to be
 * trusted, so that all that is left is to say which file it was, and to end. */
#include "h5_parts.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT};
enum { N_SIGNALS = sizeof signals / sizeof *signals };

/* Prepared beforehand: a handler may hardly do more than to write it out. */
static char message[1024];
static struct sigaction before[N_SIGNALS];

static void tell_and_end(int number)
{
    (void)number;
    ssize_t told = write(STDERR_FILENO, message, strlen(message));
    _exit(told < 0 ? ERR_INTERNAL : ERR_DATA);
}

void h5_guard(const char *path, const char *object)
{
    struct sigaction action = {.sa_handler = tell_and_end};
    snprintf(message, sizeof message,
             "gmmsweep: %.400s: %.400s: the HDF5 library has crashed on it: the file is damaged, "
             "or memory has run out\n",
             path, object);
    for (size_t i = 0; i < N_SIGNALS; i++)
        sigaction(signals[i], &action, &before[i]);
}

void h5_unguard(void)
{
    for (size_t i = 0; i < N_SIGNALS; i++)
        sigaction(signals[i], &before[i], NULL);
}
