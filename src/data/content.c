#include "content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { PIECE = 1 << 16 /* bytes read or inflated at a time: a bomb is seen this soon */ };

/* What has been read of a file. The buffer grows only as content really comes. */
struct content {
    const char *path;
    size_t limit;
    size_t (*promise)(const unsigned char *bytes, size_t n);
    unsigned char *bytes;
    size_t n;
    size_t capacity;
    bool enough; /* more than the header promises: no need to read on */
};

static const char *file_kind(mode_t mode)
{
    if (S_ISDIR(mode)) return "a directory";
    if (S_ISFIFO(mode)) return "a FIFO";
    if (S_ISSOCK(mode)) return "a socket";
    return "a device";
}

static enum status open_file(const char *path, int *out, struct err *err)
{
    enum status rc = OK;
    struct stat info;

    /* O_NONBLOCK: opening a FIFO must not wait for its writer. */
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) FAIL(err, ERR_DATA, "%s: cannot be opened: %s", path, strerror(errno));
    if (fstat(fd, &info) != 0)
        FAIL(err, ERR_DATA, "%s: cannot be examined: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        FAIL(err, ERR_DATA, "%s: is %s, expected a regular file", path, file_kind(info.st_mode));
done:
    if (rc != OK && fd >= 0) {
        close(fd);
        fd = -1;
    }
    *out = fd;
    return rc;
}

/* Up to PIECE bytes of the file; *got is 0 at its end. */
static enum status read_piece(int fd, const char *path, unsigned char *bytes, size_t *got,
                              struct err *err)
{
    ssize_t n;

    do
        n = read(fd, bytes, PIECE);
    while (n < 0 && errno == EINTR);
    if (n < 0) return err_set(err, ERR_DATA, "%s: cannot be read: %s", path, strerror(errno));
    *got = (size_t)n;
    return OK;
}

/* Room for one more piece. */
static enum status content_reserve(struct content *content, struct err *err)
{
    if (content->capacity - content->n >= PIECE) return OK;
    size_t capacity = content->capacity < PIECE ? PIECE : 2 * content->capacity;
    unsigned char *bytes = realloc(content->bytes, capacity);
    if (bytes == NULL)
        return err_set(err, ERR_INTERNAL, "%s: out of memory: its content wants %zu bytes",
                       content->path, capacity);
    content->bytes = bytes;
    content->capacity = capacity;
    return OK;
}

/* Takes note of `got` more bytes. */
static enum status content_add(struct content *content, size_t got, struct err *err)
{
    content->n += got;
    if (content->n > content->limit)
        return err_set(err, ERR_CONFIG, "%s: its content takes more than the %zu bytes allowed",
                       content->path, content->limit);
    if (content->promise != NULL && content->n > 0)
        content->enough = content->n > content->promise(content->bytes, content->n);
    return OK;
}

static enum status read_plain(int fd, struct content *content, struct err *err)
{
    enum status rc = OK;
    size_t got = 1;

    while (got > 0 && !content->enough) {
        TRY(content_reserve(content, err));
        TRY(read_piece(fd, content->path, content->bytes + content->n, &got, err));
        TRY(content_add(content, got, err));
    }
done:
    return rc;
}

/* One or more gzip members (RFC 1952). */
static enum status read_gzip(int fd, struct content *content, struct err *err)
{
    enum status rc = OK;
    unsigned char in[PIECE];
    z_stream z = {.avail_out = PIECE};
    const int gzip_only = 16 + MAX_WBITS;

    int step = inflateInit2(&z, gzip_only);
    if (step != Z_OK) FAIL(err, ERR_INTERNAL, "zlib: %s", zError(step));
    while (!content->enough) {
        /* A full output may hide more of it: ask again before feeding. */
        if (z.avail_in == 0 && (z.avail_out > 0 || step == Z_STREAM_END)) {
            size_t got = 0;
            TRY(read_piece(fd, content->path, in, &got, err));
            if (got == 0) break;
            z.next_in = in;
            z.avail_in = (uInt)got;
        }
        if (step == Z_STREAM_END) inflateReset(&z);
        TRY(content_reserve(content, err));
        z.next_out = content->bytes + content->n;
        z.avail_out = PIECE;
        step = inflate(&z, Z_NO_FLUSH);
        if (step != Z_OK && step != Z_STREAM_END && step != Z_BUF_ERROR)
            FAIL(err, step == Z_MEM_ERROR ? ERR_INTERNAL : ERR_DATA, "%s: bad gzip data: %s",
                 content->path, z.msg != NULL ? z.msg : zError(step));
        TRY(content_add(content, PIECE - z.avail_out, err));
    }
    if (!content->enough && step != Z_STREAM_END)
        FAIL(err, ERR_DATA, "%s: truncated: its gzip data end in the middle (%s)", content->path,
             zError(Z_BUF_ERROR));
done:
    inflateEnd(&z);
    return rc;
}

enum status content_read(const char *path, size_t limit,
                         size_t (*promise)(const unsigned char *bytes, size_t n),
                         unsigned char **bytes, size_t *n, struct err *err)
{
    enum status rc = OK;
    struct content content = {.path = path, .limit = limit, .promise = promise};
    unsigned char magic[2];
    int fd = -1;

    *bytes = NULL;
    TRY(open_file(path, &fd, err));
    bool gzip = pread(fd, magic, 2, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
    TRY(gzip ? read_gzip(fd, &content, err) : read_plain(fd, &content, err));
    if (content.n == 0) FAIL(err, ERR_DATA, "%s: is empty", path);
    unsigned char *fitted = realloc(content.bytes, content.n + 1);
    if (fitted == NULL) FAIL(err, ERR_INTERNAL, "%s: out of memory", path);
    fitted[content.n] = '\0';
    content.bytes = NULL;
    *bytes = fitted;
    *n = content.n;
done:
    if (fd >= 0) close(fd);
    free(content.bytes);
    return rc;
}
