#include "log.h"

#include "clock.h"
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define LOG_MAGIC 0x534d4d47u /* "GMMS" */
#define HEADER_BYTES 16
#define CRC_BYTES 4

struct log {
    int file;
    double synced_s; /* when the last sync was */
    bool dirty;      /* appended to since */
    char path[DISK_PATH];
};

static void put_u32(unsigned char *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
}

static uint32_t get_u32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static uint32_t crc_of(const unsigned char *header, const unsigned char *payload, size_t n)
{
    uLong crc = crc32_z(0, header, HEADER_BYTES);
    return (uint32_t)crc32_z(crc, payload, n);
}

/* --- reading --- */

/* Reads `n` bytes or up to the end of the file; returns how many, or -1. */
static ssize_t read_full(int file, unsigned char *bytes, size_t n)
{
    size_t got = 0;
    while (got < n) {
        ssize_t more = read(file, bytes + got, n - got);
        if (more < 0 && errno == EINTR) continue;
        if (more < 0) return -1;
        if (more == 0) break;
        got += (size_t)more;
    }
    return (ssize_t)got;
}

enum record { RECORD_WHOLE, RECORD_NONE, RECORD_FAILED };

/* Reads the record at the file's position, of which `left` bytes remain. RECORD_NONE: no whole
 * record is there. */
static enum record read_record(int file, uint64_t left, uint32_t *type, struct pack *payload)
{
    unsigned char header[HEADER_BYTES];
    if (left < HEADER_BYTES + CRC_BYTES) return RECORD_NONE;
    if (read_full(file, header, sizeof header) != HEADER_BYTES) return RECORD_FAILED;
    uint64_t length = get_u32(header + 8) | (uint64_t)get_u32(header + 12) << 32;
    if (get_u32(header) != LOG_MAGIC || length > left - HEADER_BYTES - CRC_BYTES)
        return RECORD_NONE;
    *type = get_u32(header + 4);
    payload->capacity = (size_t)length + CRC_BYTES;
    payload->bytes = malloc(payload->capacity);
    if (payload->bytes == NULL) return RECORD_FAILED;
    if (read_full(file, payload->bytes, payload->capacity) != (ssize_t)payload->capacity)
        return RECORD_FAILED;
    payload->n = (size_t)length;
    if (get_u32(payload->bytes + length) != crc_of(header, payload->bytes, payload->n))
        return RECORD_NONE;
    return RECORD_WHOLE;
}

/* Looks for a whole record anywhere behind byte `from` of a log of `size` bytes. A torn tail has
 * none: what stands before a whole record is damage. */
static enum record find_record(int file, uint64_t from, uint64_t size)
{
    unsigned char window[65536];
    uint64_t at = from + 1;
    while (at + HEADER_BYTES + CRC_BYTES <= size) {
        if (lseek(file, (off_t)at, SEEK_SET) < 0) return RECORD_FAILED;
        ssize_t n = read_full(file, window, sizeof window);
        if (n < HEADER_BYTES) return RECORD_FAILED;
        for (ssize_t i = 0; i + 4 <= n; i++) {
            struct pack payload = {0};
            uint32_t type;
            if (get_u32(window + i) != LOG_MAGIC) continue;
            if (lseek(file, (off_t)(at + (uint64_t)i), SEEK_SET) < 0) return RECORD_FAILED;
            enum record found = read_record(file, size - at - (uint64_t)i, &type, &payload);
            free(payload.bytes);
            if (found != RECORD_NONE) return found;
        }
        at += (uint64_t)n - 3; /* a magic may lie across two windows */
    }
    return RECORD_NONE;
}

/* Visits the whole records of an open log; *end is where the last one ends. */
static enum status scan(int file, const char *path, log_visitor *visit, void *context,
                        uint64_t *end, struct err *err)
{
    enum status rc = OK;
    struct pack payload = {0};
    struct stat about;
    *end = 0;
    if (fstat(file, &about) != 0) FAIL(err, ERR_DATA, "%s: %s", path, strerror(errno));
    const uint64_t size = (uint64_t)about.st_size;
    for (;;) {
        uint32_t type = 0;
        enum record found = read_record(file, size - *end, &type, &payload);
        enum record behind = found == RECORD_NONE ? find_record(file, *end, size) : RECORD_NONE;
        if (behind == RECORD_FAILED) found = RECORD_FAILED;
        if (behind == RECORD_WHOLE)
            FAIL(err, ERR_DATA,
                 "%s: damaged at byte %llu: no record there, but whole ones behind it; expected "
                 "the log as it was written (a copy of the folder, or a new output folder)",
                 path, (unsigned long long)*end);
        if (found == RECORD_NONE) break;
        if (found == RECORD_FAILED)
            FAIL(err, ERR_DATA, "%s: cannot read the record at byte %llu: %s", path,
                 (unsigned long long)*end, strerror(errno));
        struct unpack reader = {.bytes = payload.bytes, .n = payload.n};
        if (visit != NULL) TRY(visit(context, (enum log_type)type, &reader, *end, err));
        *end += HEADER_BYTES + payload.n + CRC_BYTES;
        free(payload.bytes);
        payload = (struct pack){0};
    }
done:
    free(payload.bytes);
    return rc;
}

enum status log_scan(const char *path, log_visitor *visit, void *context, struct err *err)
{
    uint64_t end;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 && (errno == ENOENT || errno == ENOTDIR)) return OK;
    if (file < 0) return err_set(err, ERR_DATA, "%s: %s", path, strerror(errno));
    enum status rc = scan(file, path, visit, context, &end, err);
    close(file);
    return rc;
}

enum status log_read(const char *path, uint64_t offset, struct pack *payload, struct err *err)
{
    enum status rc = OK;
    uint32_t type;
    struct stat about;
    enum record found = RECORD_FAILED;
    *payload = (struct pack){0};
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0 && fstat(file, &about) == 0 && lseek(file, (off_t)offset, SEEK_SET) >= 0)
        found = (uint64_t)about.st_size < offset
                    ? RECORD_NONE
                    : read_record(file, (uint64_t)about.st_size - offset, &type, payload);
    if (found != RECORD_WHOLE) {
        rc = err_set(err, ERR_DATA, "%s: the record at byte %llu cannot be read again: %s", path,
                     (unsigned long long)offset,
                     found == RECORD_NONE ? "it is damaged now" : strerror(errno));
        free(payload->bytes);
        *payload = (struct pack){0};
    }
    if (file >= 0) close(file);
    return rc;
}

/* --- writing --- */

static enum status open_log(const char *path, int how, struct log **out, struct err *err)
{
    enum status rc = OK;
    struct log *log = NULL;
    uint64_t end;
    *out = NULL;
    TRY_ALLOC(log, 1, err);
    snprintf(log->path, sizeof log->path, "%s", path);
    log->file = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | how, 0666);
    if (log->file < 0) FAIL(err, ERR_OUTPUT, "%s: %s", path, strerror(errno));
    TRY(scan(log->file, path, NULL, NULL, &end, err));
    if (ftruncate(log->file, (off_t)end) != 0 || lseek(log->file, (off_t)end, SEEK_SET) < 0)
        FAIL(err, ERR_OUTPUT, "%s: cannot cut a torn record: %s", path, strerror(errno));
    TRY(disk_sync_folder_of(path, err));
    log->synced_s = clock_monotonic_s();
    *out = log;
    log = NULL;
done:
    if (log != NULL && log->file >= 0) close(log->file);
    free(log);
    return rc;
}

enum status log_open(const char *path, struct log **out, struct err *err)
{
    return open_log(path, 0, out, err);
}

enum status log_create(const char *path, struct log **out, struct err *err)
{
    return open_log(path, O_TRUNC, out, err);
}

enum status log_append(struct log *log, enum log_type type, const struct pack *payload,
                       struct err *err)
{
    enum status rc = OK;
    unsigned char *record = NULL;
    const size_t n = HEADER_BYTES + payload->n + CRC_BYTES;
    if (payload->failed) FAIL(err, ERR_INTERNAL, "out of memory for a record of %s", log->path);
    TRY_ALLOC(record, n, err);
    put_u32(record, LOG_MAGIC);
    put_u32(record + 4, (uint32_t)type);
    put_u32(record + 8, (uint32_t)payload->n);
    put_u32(record + 12, (uint32_t)((uint64_t)payload->n >> 32));
    memcpy(record + HEADER_BYTES, payload->bytes, payload->n);
    put_u32(record + HEADER_BYTES + payload->n, crc_of(record, payload->bytes, payload->n));
    for (size_t put = 0; put < n;) {
        ssize_t more = write(log->file, record + put, n - put);
        if (more < 0 && errno == EINTR) continue;
        if (more <= 0) {
            rc = err_set(err, ERR_OUTPUT, "%s: cannot append %zu bytes: %s", log->path, n,
                         strerror(errno));
            /* Half a record must not stand before a whole one. */
            off_t end = lseek(log->file, -(off_t)put, SEEK_CUR);
            if (end >= 0 && ftruncate(log->file, end) != 0)
                err_add(err, ERR_OUTPUT, "%s: cannot cut the torn record: %s", log->path,
                        strerror(errno));
            goto done;
        }
        put += (size_t)more;
    }
    log->dirty = true;
    TRY(log_sync(log, false, err));
done:
    free(record);
    return rc;
}

uint64_t log_end(const struct log *log)
{
    off_t end = lseek(log->file, 0, SEEK_CUR);
    return end < 0 ? 0 : (uint64_t)end;
}

enum status log_sync(struct log *log, bool all, struct err *err)
{
    double now = clock_monotonic_s();
    if (!log->dirty || (!all && now - log->synced_s < LOG_SYNC_S)) return OK;
    if (fdatasync(log->file) != 0)
        return err_set(err, ERR_OUTPUT, "%s: cannot sync: %s", log->path, strerror(errno));
    log->dirty = false;
    log->synced_s = now;
    return OK;
}

enum status log_close(struct log **log, struct err *err)
{
    if (*log == NULL) return OK;
    enum status rc = log_sync(*log, true, err);
    if (close((*log)->file) != 0 && rc == OK)
        rc = err_set(err, ERR_OUTPUT, "%s: cannot close: %s", (*log)->path, strerror(errno));
    free(*log);
    *log = NULL;
    return rc;
}
