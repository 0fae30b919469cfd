/* host.c - part of the LD_PRELOAD library: with FAULT_HOST the program believes to be on the host
 * of that name, with another boot id. What it sees of processes is still this host's. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

int uname(struct utsname *about)
{
    int rc = (int)syscall(SYS_uname, about);
    const char *host = getenv("FAULT_HOST");
    if (host != NULL) snprintf(about->nodename, sizeof about->nodename, "%s", host);
    return rc;
}

int gethostname(char *name, size_t n)
{
    struct utsname about;
    uname(&about);
    snprintf(name, n, "%s", about.nodename);
    return 0;
}

static bool is_boot_id(const char *path)
{
    return getenv("FAULT_HOST") != NULL && strcmp(path, "/proc/sys/kernel/random/boot_id") == 0;
}

static int open_boot_id(void)
{
    const char *host = getenv("FAULT_HOST");
    int file = memfd_create("boot_id", MFD_CLOEXEC);
    dprintf(file, "00000000-0000-4000-8000-%012zx\n", strlen(host) << 8 | (unsigned char)host[0]);
    lseek(file, 0, SEEK_SET);
    return file;
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return is_boot_id(path) ? open_boot_id()
                            : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

FILE *fopen(const char *path, const char *how)
{
    FILE *(*next)(const char *, const char *);
    void *found = dlsym(RTLD_NEXT, "fopen");
    memcpy(&next, &found, sizeof next);
    return is_boot_id(path) ? fdopen(open_boot_id(), how) : next(path, how);
}
