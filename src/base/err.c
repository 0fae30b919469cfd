#include "err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static enum status put(struct err *err, size_t at, enum status status, const char *format,
                       va_list args)
{
    err->status = status;
    vsnprintf(err->text + at, sizeof err->text - at, format, args);
    return status;
}

enum status err_set(struct err *err, enum status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put(err, 0, status, format, args);
    va_end(args);
    return status;
}

enum status err_add(struct err *err, enum status status, const char *format, ...)
{
    size_t at = err->status == OK ? 0 : strlen(err->text);
    if (at > 0 && at + 2 < sizeof err->text) err->text[at++] = '\n';
    va_list args;
    va_start(args, format);
    put(err, at, status, format, args);
    va_end(args);
    return status;
}

/* Rows are read from end to end in each iteration, where pages of 4 KiB cost a tenth of the time
 * (MNIST, 48 MB). The kernel may know better. */
#define LARGE_BYTES ((size_t)4 << 20)
#define ALIGN ((size_t)64)
static void advise_huge_pages(void *memory, size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), skipped = -(uintptr_t)memory % page;
    madvise((char *)memory + skipped, (bytes - skipped) / page * page, MADV_HUGEPAGE);
}

/* Of count x size bytes, which do not overflow: whole vectors, at least one. */
static size_t whole_vectors(size_t count, size_t size)
{
    const size_t bytes = (count * size + ALIGN - 1) / ALIGN * ALIGN;
    return bytes == 0 ? ALIGN : bytes;
}

enum status err_alloc_raw(size_t count, size_t size, const char *what, void *out, struct err *err)
{
    void *memory = NULL;
    if (count <= (SIZE_MAX - ALIGN) / size) {
        const size_t bytes = whole_vectors(count, size);
        memory = aligned_alloc(ALIGN, bytes);
        if (memory != NULL && bytes >= LARGE_BYTES) advise_huge_pages(memory, bytes);
    }
    memcpy(out, &memory, sizeof memory);
    if (memory == NULL)
        return err_set(err, ERR_INTERNAL, "out of memory: %s wants %zu x %zu bytes", what, count,
                       size);
    return OK;
}

enum status err_alloc(size_t count, size_t size, const char *what, void *out, struct err *err)
{
    void *memory;
    enum status rc = err_alloc_raw(count, size, what, out, err);
    memcpy(&memory, out, sizeof memory);
    if (rc == OK) memset(memory, 0, whole_vectors(count, size));
    return rc;
}

size_t err_give_back(void *memory, size_t from, size_t to)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), skipped = -((uintptr_t)memory + from) % page;
    if (to - from < LARGE_BYTES) return from;
    madvise((char *)memory + from + skipped, (to - from - skipped) / page * page, MADV_DONTNEED);
    return to;
}

enum status err_text(FILE *file, char **text, const char *what, struct err *err)
{
    bool failed = file == NULL || ferror(file) != 0;
    if (file != NULL) failed |= fclose(file) != 0;
    if (!failed && *text != NULL) return OK; /* glibc may fail with *text alone */
    free(*text);
    *text = NULL;
    return err_set(err, ERR_INTERNAL, "out of memory: %s", what);
}

enum status err_grow(size_t n, size_t size, const char *what, void *array, struct err *err)
{
    void *old, *grown;
    const size_t least = 16;
    memcpy(&old, array, sizeof old);
    if (n > 0 && (n < least || (n & (n - 1)) != 0)) return OK; /* not at a power of two */
    size_t count = n < least ? least : 2 * n;
    grown = count <= SIZE_MAX / size ? realloc(old, count * size) : NULL;
    if (grown == NULL)
        return err_set(err, ERR_INTERNAL, "out of memory: %s want %zu x %zu bytes", what, count,
                       size);
    memcpy(array, &grown, sizeof grown);
    return OK;
}
