#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* In the order of asking: text has no signature and so comes last. */
static const struct source_reader *const readers[] = {&source_idx, &source_csv};

enum {
    N_READERS = sizeof readers / sizeof *readers,
    PIECE = 1 << 16 /* bytes read or inflated at a time: a bomb is seen this soon */
};

/* What has been read of a file. The buffer grows only as content really comes. */
struct content {
    const char *path;
    size_t limit;
    unsigned char *bytes;
    size_t n;
    size_t capacity;
    bool enough; /* more than the header promises: no need to read on */
};

static const struct source_reader *find_reader(const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < N_READERS && n > 0; i++)
        if (readers[i]->probe(bytes, n)) return readers[i];
    return NULL;
}

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
    const struct source_reader *reader = find_reader(content->bytes, content->n);
    if (reader != NULL && reader->promise != NULL)
        content->enough = content->n > reader->promise(content->bytes, content->n);
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

static enum status read_content(int fd, struct content *content, struct err *err)
{
    enum status rc = OK;
    unsigned char magic[2];

    bool gzip = pread(fd, magic, 2, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
    TRY(gzip ? read_gzip(fd, content, err) : read_plain(fd, content, err));
    if (content->n == 0) FAIL(err, ERR_DATA, "%s: is empty", content->path);
    unsigned char *fitted = realloc(content->bytes, content->n + 1);
    if (fitted == NULL) FAIL(err, ERR_INTERNAL, "%s: out of memory", content->path);
    content->bytes = fitted;
    content->bytes[content->n] = '\0';
done:
    return rc;
}

static enum status unknown_format(const struct source *src, struct err *err)
{
    char known[128] = "", start[3 * 8 + 1] = "";

    for (size_t i = 0; i < N_READERS; i++)
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i > 0 ? ", " : "",
                 readers[i]->name);
    for (size_t i = 0; i < 8 && i < src->n_bytes; i++)
        snprintf(start + 3 * i, sizeof start - 3 * i, " %02x", src->bytes[i]);
    return err_set(err, ERR_DATA,
                   "%s: unknown format (it starts with%s); expected %s, or one of them in gzip",
                   src->path, start, known);
}

enum status source_open(const char *path, size_t limit, struct source **out, struct err *err)
{
    enum status rc = OK;
    struct source *src = NULL;
    struct content content = {.path = path, .limit = limit};
    int fd = -1;

    TRY(open_file(path, &fd, err));
    TRY(read_content(fd, &content, err));
    TRY_ALLOC(src, 1, err);
    src->bytes = content.bytes;
    src->n_bytes = content.n;
    content.bytes = NULL;
    src->path = strdup(path);
    if (src->path == NULL) FAIL(err, ERR_INTERNAL, "%s: out of memory", path);
    src->reader = find_reader(src->bytes, src->n_bytes);
    if (src->reader == NULL) TRY(unknown_format(src, err));
    TRY(src->reader->open(src, err));
done:
    if (fd >= 0) close(fd);
    free(content.bytes);
    if (rc != OK) source_close(&src);
    *out = src;
    return rc;
}

void source_close(struct source **out)
{
    struct source *src = *out;

    if (src == NULL) return;
    if (src->reader != NULL && src->reader->close != NULL) src->reader->close(src);
    for (size_t d = 0; src->col_names != NULL && d < src->n_cols; d++)
        free(src->col_names[d]);
    free(src->col_names);
    free(src->first_text);
    free(src->bytes);
    free(src->path);
    free(src);
    *out = NULL;
}

void source_row(const struct source *src, size_t n, double *out)
{
    src->reader->row(src, n, out);
}

size_t source_cell(const struct source *src, size_t n, size_t d, char *text, size_t size)
{
    return src->reader->cell(src, n, d, text, size);
}

void source_place(const struct source *src, size_t n, size_t d, char text[SOURCE_PLACE])
{
    bool lines = src->reader->line != NULL;
    size_t where = lines ? src->reader->line(src, n) : n;
    int used = snprintf(text, SOURCE_PLACE, "%s %zu, column ", lines ? "line" : "row", where);

    if (src->col_names != NULL)
        snprintf(text + used, SOURCE_PLACE - (size_t)used, "'%.200s'", src->col_names[d]);
    else
        snprintf(text + used, SOURCE_PLACE - (size_t)used, "%zu", d);
}

bool source_is_numeric(const struct source *src, size_t d)
{
    return src->first_text == NULL || src->first_text[d] == src->n_rows;
}

size_t source_find(const struct source *src, const char *name, size_t *d)
{
    size_t n_found = 0;

    for (size_t i = 0; src->col_names != NULL && i < src->n_cols; i++) {
        if (strcmp(src->col_names[i], name) != 0) continue;
        if (n_found++ == 0) *d = i;
    }
    return n_found;
}

void source_list(char *const *names, size_t n, char text[SOURCE_LIST])
{
    const size_t shown = 20, longest = 40; /* together within SOURCE_LIST */
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < n && i < shown; i++)
        used += (size_t)snprintf(text + used, SOURCE_LIST - used, "%s%.*s", i > 0 ? ", " : "",
                                 (int)longest, names[i]);
    if (n > shown) snprintf(text + used, SOURCE_LIST - used, " and %zu more", n - shown);
}
