/* shim.c - LD_PRELOAD library that counts a program's calls of the system, and fails one of them or
 * kills the program there.
 *
 *   FAULT_UNDER   folder (absolute, without links) whose files count
 *   FAULT_CALL    write (write, pwrite, ftruncate, fflush), sync (fsync, fdatasync), rename (with
 *                 link), close (with fclose), malloc (all its kind, of all libraries, from main)
 *   FAULT_AT      which such call, from 1
 *   FAULT_DO      kill: SIGKILL just before the call; kill-half: a write puts half its bytes first;
 *                 ENOSPC, EIO, ENOMEM: the call fails so, once; full (ENOSPC), exhausted (ENOMEM):
 *                 a write puts half its bytes and says so, any other call fails, and so do all
 *                 later calls of its kind
 *   FAULT_COUNT   file that gets at the end a line `NAME N` for each kind of call
 *   FAULT_STACKS  file that gets a line for each malloc: a hash of the calls that led to it
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CALLERS = 6 /* of a malloc that tell it from others, with two in here */ };
enum call { WRITE, SYNC, RENAME, CLOSE, MALLOC, N_CALLS };
enum deed { NOTHING, KILL, KILL_HALF, SHORT, FAIL };

static const char *const call_names[N_CALLS] = {"write", "sync", "rename", "close", "malloc"};
static const struct {
    const char *name;
    enum deed deed;
    int error;
} deeds[] = {{"kill", KILL, 0},        {"kill-half", KILL_HALF, 0}, {"full", SHORT, ENOSPC},
             {"ENOSPC", FAIL, ENOSPC}, {"EIO", FAIL, EIO},          {"exhausted", SHORT, ENOMEM},
             {"ENOMEM", FAIL, ENOMEM}};
static const char *under;                /* set before main, as all that is not atomic */
static int fault_call = -1, fault_error; /* no call; errno */
static long fault_at;
static enum deed fault_deed;
static FILE *stacks;
static atomic_long counts[N_CALLS];
static atomic_bool counting;  /* since main began */
static atomic_int spent = -1; /* call that fails from now on */

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t n);
void *__libc_memalign(size_t align, size_t n);

/* --- what is to happen --- */

static void die(void)
{
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;)
        pause();
}

/* Counts a call and says what becomes of it; errno is set if it is to fail. */
static enum deed count(enum call call)
{
    if (!atomic_load(&counting)) return NOTHING;
    long n = atomic_fetch_add(&counts[call], 1) + 1;
    if (n != fault_at && atomic_load(&spent) != (int)call) return NOTHING;
    if ((int)call != fault_call) return NOTHING;
    if (fault_deed == KILL) die();
    if (fault_deed == SHORT) atomic_store(&spent, call);
    errno = fault_error;
    return n == fault_at ? fault_deed : FAIL;
}

/* Whether the call, which has no half, is to fail. */
static bool fails(enum call call)
{
    enum deed deed = count(call);
    if (deed == KILL_HALF) die();
    return deed != NOTHING;
}

static bool path_counts(const char *path)
{
    char here[PATH_MAX];
    const size_t n = under == NULL ? 0 : strlen(under);
    if (n == 0) return false;
    if (path[0] != '/') return getcwd(here, sizeof here) != NULL && path_counts(here);
    return strncmp(path, under, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool file_counts(int file)
{
    char link[32], path[PATH_MAX];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t n = under == NULL ? -1 : readlink(link, path, sizeof path - 1);
    errno = before;
    if (n < 0) return false;
    path[n] = '\0';
    return path_counts(path);
}

/* The function of the C library that one here stands before. */
static void find_next(const char *name, void *function)
{
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(function, &found, sizeof found);
}

/* --- files --- */

static ssize_t put(int file, const void *bytes, size_t n, off_t at)
{
    return at < 0 ? syscall(SYS_write, file, bytes, n) : syscall(SYS_pwrite64, file, bytes, n, at);
}

static ssize_t counted_write(int file, const void *bytes, size_t n, off_t at)
{
    enum deed deed = file_counts(file) ? count(WRITE) : NOTHING;
    if (deed == NOTHING) return put(file, bytes, n, at);
    if (deed == FAIL || (deed == SHORT && n < 2)) return -1;
    ssize_t half = put(file, bytes, n / 2, at);
    if (deed == KILL_HALF) die();
    return half;
}

ssize_t write(int file, const void *bytes, size_t n)
{
    return counted_write(file, bytes, n, -1);
}

ssize_t pwrite(int file, const void *bytes, size_t n, off_t at)
{
    return counted_write(file, bytes, n, at);
}

#define COUNTED(name, parameters, counts, call, ...)                                               \
    int name parameters                                                                            \
    {                                                                                              \
        return counts && fails(call) ? -1 : (int)syscall(__VA_ARGS__);                             \
    }

COUNTED(ftruncate, (int file, off_t n), file_counts(file), WRITE, SYS_ftruncate, file, n)
COUNTED(fsync, (int file), file_counts(file), SYNC, SYS_fsync, file)
COUNTED(fdatasync, (int file), file_counts(file), SYNC, SYS_fdatasync, file)
COUNTED(rename, (const char *from, const char *to), path_counts(to), RENAME, SYS_renameat2,
        AT_FDCWD, from, AT_FDCWD, to, 0)
COUNTED(link, (const char *from, const char *to), path_counts(to), RENAME, SYS_linkat, AT_FDCWD,
        from, AT_FDCWD, to, 0)

/* A close that fails has closed. */
int close(int file)
{
    bool failed = file_counts(file) && fails(CLOSE);
    int closed = (int)syscall(SYS_close, file);
    if (failed) errno = fault_error;
    return failed ? -1 : closed;
}

/* The C library's own writes pass this library by: a flush stands for them. */
int fflush(FILE *stream)
{
    int (*next)(FILE *);
    struct stat about;
    find_next("fflush", &next);
    if (stream == NULL || !file_counts(fileno(stream))) return next(stream);
    enum deed deed = count(WRITE);
    if (deed == FAIL) return EOF;
    int flushed = next(stream);
    if (deed == NOTHING || fstat(fileno(stream), &about) != 0) return flushed;
    syscall(SYS_ftruncate, fileno(stream), about.st_size / 2);
    if (deed == KILL_HALF) die();
    errno = ENOSPC;
    return EOF;
}

int fclose(FILE *stream)
{
    int (*next)(FILE *);
    find_next("fclose", &next);
    bool failed = file_counts(fileno(stream)) && fails(CLOSE);
    int closed = next(stream);
    if (failed) errno = fault_error;
    return failed ? EOF : closed;
}

/* --- memory --- */

static bool denied(void)
{
    static _Thread_local bool inside; /* what tells of a malloc may need some itself */
    void *frames[CALLERS];
    if (inside) return false;
    inside = true;
    bool deny = fails(MALLOC);
    if (stacks != NULL && atomic_load(&counting)) {
        uint64_t hash = 0;
        for (int i = backtrace(frames, CALLERS); i > 0; i--)
            hash = (hash ^ (uintptr_t)frames[i - 1]) * 0x9e3779b97f4a7c15u;
        fprintf(stacks, "%016lx\n", hash);
    }
    inside = false;
    return deny;
}

#define ALLOCATOR(name, parameters, made)                                                          \
    void *name parameters                                                                          \
    {                                                                                              \
        return denied() ? NULL : made;                                                             \
    }

ALLOCATOR(malloc, (size_t n), __libc_malloc(n))
ALLOCATOR(calloc, (size_t n, size_t size), __libc_calloc(n, size))
ALLOCATOR(realloc, (void *old, size_t n), __libc_realloc(old, n))
ALLOCATOR(aligned_alloc, (size_t align, size_t n), __libc_memalign(align, n))

int posix_memalign(void **out, size_t align, size_t n)
{
    *out = denied() ? NULL : __libc_memalign(align, n);
    return *out == NULL ? ENOMEM : 0;
}

/* --- beginning and end --- */

static void begin(void)
{
    const char *call = getenv("FAULT_CALL"), *at = getenv("FAULT_AT"), *deed = getenv("FAULT_DO");
    under = getenv("FAULT_UNDER");
    if (getenv("FAULT_STACKS") != NULL) stacks = fopen(getenv("FAULT_STACKS"), "w");
    for (int i = 0; i < N_CALLS; i++)
        if (call != NULL && strcmp(call, call_names[i]) == 0) fault_call = i;
    fault_at = at == NULL ? 0 : atol(at);
    for (size_t i = 0; i < sizeof deeds / sizeof deeds[0] && deed != NULL; i++)
        if (strcmp(deed, deeds[i].name) == 0)
            fault_deed = deeds[i].deed, fault_error = deeds[i].error;
    atomic_store(&counting, true);
}

static int end(int rc)
{
    atomic_store(&counting, false);
    if (stacks != NULL) fclose(stacks);
    FILE *file = getenv("FAULT_COUNT") != NULL ? fopen(getenv("FAULT_COUNT"), "w") : NULL;
    for (int i = 0; i < N_CALLS && file != NULL; i++)
        fprintf(file, "%s %ld\n", call_names[i], atomic_load(&counts[i]));
    if (file != NULL) fclose(file);
    return rc;
}

typedef int main_function(int argc, char **argv, char **environment);
static main_function *program;

static int counted_main(int argc, char **argv, char **environment)
{
    begin();
    return end(program(argc, argv, environment));
}

int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end);
int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
    int (*next)(main_function *, int, char **, void (*)(void), void (*)(void), void (*)(void),
                void *);
    find_next("__libc_start_main", &next);
    program = main;
    return next(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}
