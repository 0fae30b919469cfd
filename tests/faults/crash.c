/* crash.c - part of the LD_PRELOAD library: a crash (SIGSEGV and its kind), or a library that ends
 * the program by exit(-1), prints `fault: NAME` and the calls that led to it to standard error. */
#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char handler_stack[65536]; /* the program's own may be what ran out */

static void tell(const char *what)
{
    void *frames[24];
    const char *parts[] = {"\nfault: ", what, "\n"}; /* stdio may want memory, and never get it */
    for (int i = 0; i < 3; i++)
        syscall(SYS_write, STDERR_FILENO, parts[i], strlen(parts[i]));
    backtrace_symbols_fd(frames, backtrace(frames, 24), STDERR_FILENO);
}

static void on_crash(int number)
{
    tell(sigdescr_np(number));
    signal(number, SIG_DFL);
    raise(number);
}

_Noreturn void exit(int status)
{
    void (*next)(int) __attribute__((noreturn));
    void *found = dlsym(RTLD_NEXT, "exit");
    memcpy(&next, &found, sizeof next);
    if (status < 0) tell("exit(-1)");
    next(status);
}

__attribute__((constructor)) static void begin(void)
{
    const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    const stack_t stack = {.ss_sp = handler_stack, .ss_size = sizeof handler_stack};
    const struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK};
    void *frame;
    backtrace(&frame, 1); /* loads what it needs, while memory can be had */
    sigaltstack(&stack, NULL);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaction(signals[i], &action, NULL);
}
