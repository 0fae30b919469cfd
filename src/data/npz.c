/* NPZ: a zip archive of NPY files, each named after its array, as numpy.savez and savez_compressed
 * write it. libzip reads it from memory, where the time that its directory may cost is bounded. */
#include "content.h"
#include "npy.h"
#include "source.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

enum {
    /* libzip tries every place at the file's end that looks like the end of a directory, and looks
     * names up in a table that can be made to degenerate. Four such bytes come up by chance in
     * one of 65,000 files; so many entries have no use here. */
    MOST_ENDS = 4,
    MOST_ENTRIES = 10000,
    TAIL = 65535 + 22 + 20, /* bytes in which the end may be: comment, record, zip64's locator */
    HEAD = 1024             /* bytes that hold most NPY headers */
};

struct archive {
    const char *path;
    const char *key; /* the config key that names an array */
    size_t n_bytes;
    zip_t *zip;
    size_t n_arrays;
    char **names;        /* [n_arrays] without .npy */
    zip_uint64_t *entry; /* [n_arrays] */
};

bool npz_probe(const unsigned char *bytes, size_t n)
{
    return n >= 4 && (memcmp(bytes, "PK\3\4", 4) == 0 || memcmp(bytes, "PK\5\6", 4) == 0);
}

/* How often the four bytes of `magic` come, no more than `most` + 1. */
static size_t count_magic(const unsigned char *bytes, size_t n, const char *magic, size_t most)
{
    const unsigned char *at = bytes, *end = bytes + n;
    size_t count = 0;

    while (count <= most && (at = memmem(at, (size_t)(end - at), magic, 4)) != NULL) {
        count++;
        at++;
    }
    return count;
}

static enum status zip_failed(const char *where, zip_error_t *error, struct err *err)
{
    enum status status = zip_error_code_zip(error) == ZIP_ER_MEMORY ? ERR_INTERNAL : ERR_DATA;

    return err_set(err, status, "%s: bad zip archive: %s", where, zip_error_strerror(error));
}

/* The arrays: entries whose name ends in .npy. */
static enum status list_arrays(struct archive *archive, struct err *err)
{
    enum status rc = OK;
    static const char suffix[] = ".npy";
    size_t n_entries = (size_t)zip_get_num_entries(archive->zip, 0);

    TRY_ALLOC(archive->names, n_entries, err);
    TRY_ALLOC(archive->entry, n_entries, err);
    for (size_t i = 0; i < n_entries; i++) {
        const char *name = zip_get_name(archive->zip, i, 0);
        if (name == NULL) TRY(zip_failed(archive->path, zip_get_error(archive->zip), err));
        for (const char *c = name; *c != '\0'; c++)
            if ((unsigned char)*c < ' ' || *c == 0x7f)
                FAIL(err, ERR_DATA, "%s: the name of entry %zu has a control character",
                     archive->path, i);
        size_t n = strlen(name);
        if (n < strlen(suffix) || strcmp(name + n - strlen(suffix), suffix) != 0) continue;
        archive->entry[archive->n_arrays] = i;
        archive->names[archive->n_arrays] = strndup(name, n - strlen(suffix));
        if (archive->names[archive->n_arrays++] == NULL)
            FAIL(err, ERR_INTERNAL, "%s: out of memory", archive->path);
    }
    if (archive->n_arrays == 0)
        FAIL(err, ERR_DATA, "%s: zip archive without arrays, expected entries named *.npy",
             archive->path);
done:
    return rc;
}

/* Opens the archive of bytes [archive->n_bytes]; archive_close is called in any case. */
static enum status archive_open(struct archive *archive, const unsigned char *bytes,
                                struct err *err)
{
    enum status rc = OK;
    zip_source_t *source = NULL;
    zip_error_t error;
    size_t n = archive->n_bytes, tail = n < TAIL ? n : TAIL;

    zip_error_init(&error);
    if (count_magic(bytes + n - tail, tail, "PK\5\6", MOST_ENDS) > MOST_ENDS)
        FAIL(err, ERR_DATA, "%s: bad zip archive: has more than %d ends", archive->path, MOST_ENDS);
    if (count_magic(bytes, n, "PK\1\2", MOST_ENTRIES) > MOST_ENTRIES)
        FAIL(err, ERR_DATA, "%s: zip archive of more than %d entries", archive->path, MOST_ENTRIES);
    source = zip_source_buffer_create(bytes, n, 0, &error);
    if (source == NULL) TRY(zip_failed(archive->path, &error, err));
    archive->zip = zip_open_from_source(source, ZIP_RDONLY, &error);
    if (archive->zip == NULL) TRY(zip_failed(archive->path, &error, err));
    source = NULL; /* the archive owns it */
    TRY(list_arrays(archive, err));
done:
    zip_source_free(source);
    zip_error_fini(&error);
    return rc;
}

static void archive_close(struct archive *archive)
{
    for (size_t i = 0; i < archive->n_arrays; i++)
        free(archive->names[i]);
    free(archive->names);
    free(archive->entry);
    if (archive->zip != NULL) zip_discard(archive->zip);
}

/* *n_bytes: what array i takes inflated, as far as the archive can be right about it. */
static enum status measure(const struct archive *archive, size_t i, const char *where,
                           size_t *n_bytes, struct err *err)
{
    enum status rc = OK;
    const zip_uint64_t needed =
        ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    zip_stat_t stat;

    if (zip_stat_index(archive->zip, archive->entry[i], 0, &stat) != 0 ||
        (stat.valid & needed) != needed)
        TRY(zip_failed(where, zip_get_error(archive->zip), err));
    if (stat.encryption_method != ZIP_EM_NONE) FAIL(err, ERR_DATA, "%s: is encrypted", where);
    if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE)
        FAIL(err, ERR_DATA, "%s: compression method %u, expected 0 (stored) or 8 (deflated)", where,
             stat.comp_method);
    zip_uint64_t ratio = stat.comp_method == ZIP_CM_STORE ? 1 : DEFLATE_RATIO;
    if (stat.comp_size > archive->n_bytes || stat.size / ratio > stat.comp_size)
        FAIL(err, ERR_DATA,
             "%s: directory promises %" PRIu64 " bytes in %" PRIu64 " compressed ones, more than "
             "can be in a file of %zu",
             where, stat.size, stat.comp_size, archive->n_bytes);
    *n_bytes = (size_t)stat.size;
done:
    return rc;
}

/* Reads up to `end` bytes in all, of which *n are there already. */
static enum status inflate_to(zip_file_t *file, const char *where, unsigned char *bytes, size_t end,
                              size_t *n, struct err *err)
{
    while (*n < end) {
        zip_int64_t got = zip_fread(file, bytes + *n, end - *n);
        if (got < 0) return zip_failed(where, zip_file_get_error(file), err);
        if (got == 0) break;
        *n += (size_t)got;
    }
    return OK;
}

static enum status read_head(zip_file_t *file, const char *where, unsigned char *bytes, size_t size,
                             size_t *n, struct layout *header, struct err *err)
{
    enum status rc = OK;
    size_t most = size < NPY_HEADER ? size : NPY_HEADER;

    *n = 0;
    TRY(inflate_to(file, where, bytes, most < HEAD ? most : HEAD, n, err));
    if (npy_promise(bytes, *n) == SIZE_MAX) TRY(inflate_to(file, where, bytes, most, n, err));
    TRY(npy_read_header(where, bytes, *n, header, err));
    TRY(npy_check_size(where, header, size, err));
done:
    return rc;
}

/* Fills all of `out` but its name: array i of the archive; only its header unless `all`. */
static enum status read_member(const struct archive *archive, size_t i, size_t limit, bool all,
                               struct npz_member *out, struct err *err)
{
    enum status rc = OK;
    zip_file_t *file = NULL;
    size_t size = 0, n;

    if (asprintf(&out->where, "%s: array '%.80s'", archive->path, archive->names[i]) < 0) {
        out->where = NULL;
        FAIL(err, ERR_INTERNAL, "%s: out of memory", archive->path);
    }
    TRY(measure(archive, i, out->where, &size, err));
    if (all && size > limit)
        FAIL(err, ERR_CONFIG, "%s: takes %zu bytes, more than the %zu allowed", out->where, size,
             limit);
    /* Not zeroed: memory is touched only as bytes come. One more byte than promised is asked for:
     * there must not be any, and libzip compares the checksum when it sees the end. */
    size_t room = (all || size < NPY_HEADER ? size : NPY_HEADER) + 1;
    out->bytes = malloc(room);
    if (out->bytes == NULL)
        FAIL(err, ERR_INTERNAL, "%s: out of memory: %zu bytes", out->where, room);
    file = zip_fopen_index(archive->zip, archive->entry[i], 0);
    if (file == NULL) TRY(zip_failed(out->where, zip_get_error(archive->zip), err));
    TRY(read_head(file, out->where, out->bytes, size, &n, &out->header, err));
    if (!all) goto done;
    TRY(inflate_to(file, out->where, out->bytes, room, &n, err));
    if (n != size)
        FAIL(err, ERR_DATA, "%s: directory promises %zu bytes, there are %s", out->where, size,
             n < size ? "less" : "more");
    out->bytes[size] = '\0';
    out->n_bytes = size;
done:
    if (file != NULL) zip_fclose(file);
    return rc;
}

/* *i: the array of that name. */
static enum status find_named(const struct archive *archive, const char *array, size_t *i,
                              struct err *err)
{
    size_t n_found = 0;

    for (size_t a = 0; a < archive->n_arrays; a++) {
        if (strcmp(archive->names[a], array) != 0) continue;
        n_found++;
        *i = a;
    }
    if (n_found == 1) return OK;
    if (n_found > 1)
        return err_set(err, ERR_DATA, "%s: has %zu arrays named '%s'", archive->path, n_found,
                       array);
    return source_no_array(archive->path, archive->key, array, archive->names, archive->n_arrays,
                           err);
}

/* *i: the only array that fits. */
static enum status find_only(const struct archive *archive, size_t *i, struct err *err)
{
    enum status rc = OK;
    char **fitting = NULL;
    struct err first = {.status = OK};
    size_t n_fitting = 0;

    TRY_ALLOC(fitting, archive->n_arrays, err);
    for (size_t a = 0; a < archive->n_arrays; a++) {
        struct npz_member member = {0};
        struct err why = {.status = OK};
        enum status read = read_member(archive, a, 0, false, &member, &why);
        if (read == OK && member.header.rank == 0)
            read = err_set(&why, ERR_DATA, "%s: is a single value", member.where);
        if (read == OK) fitting[n_fitting++] = archive->names[ *i = a];
        if (read != OK && first.status == OK) first = why;
        npz_release(&member);
        if (read == ERR_INTERNAL) FAIL(err, read, "%s", why.text);
    }
    if (n_fitting == 0) FAIL(err, first.status, "%s", first.text);
    if (n_fitting > 1)
        TRY(source_which_array(archive->path, archive->key, fitting, n_fitting, err));
done:
    free(fitting);
    return rc;
}

enum status npz_extract(const char *path, const unsigned char *bytes, size_t n, const char *key,
                        const char *array, size_t limit, struct npz_member *out, struct err *err)
{
    enum status rc = OK;
    struct archive archive = {.path = path, .key = key, .n_bytes = n};
    size_t i = 0;

    *out = (struct npz_member){0};
    TRY(archive_open(&archive, bytes, err));
    if (array != NULL)
        TRY(find_named(&archive, array, &i, err));
    else if (archive.n_arrays > 1)
        TRY(find_only(&archive, &i, err));
    TRY(read_member(&archive, i, limit, true, out, err));
    out->name = strdup(archive.names[i]);
    if (out->name == NULL) FAIL(err, ERR_INTERNAL, "%s: out of memory", path);
    out->names = archive.names;
    out->n_names = archive.n_arrays;
    archive.names = NULL;
    archive.n_arrays = 0;
done:
    archive_close(&archive);
    if (rc != OK) npz_release(out);
    return rc;
}

void npz_release(struct npz_member *member)
{
    for (size_t i = 0; i < member->n_names; i++)
        free(member->names[i]);
    free(member->names);
    free(member->name);
    free(member->where);
    free(member->bytes);
    *member = (struct npz_member){0};
}

enum status npz_read(const char *path, const char *key, const char *array, size_t limit,
                     struct npy_array **out, struct err *err)
{
    enum status rc = OK;
    unsigned char *bytes = NULL;
    struct npz_member member = {0};
    struct npy_array *read = NULL;
    size_t n;

    TRY(content_read(path, limit, NULL, &bytes, &n, err));
    if (!npz_probe(bytes, n)) FAIL(err, ERR_DATA, "%s: is no NPZ archive, as %s needs", path, key);
    TRY(npz_extract(path, bytes, n, key, array, limit, &member, err));
    free(bytes);
    bytes = NULL;
    const struct layout *header = &member.header;
    if (header->n_values > limit / sizeof *read->values)
        FAIL(err, ERR_CONFIG, "%s: %zu values take more than the %zu bytes allowed", member.where,
             header->n_values, limit);
    TRY_ALLOC(read, 1, err);
    TRY_ALLOC(read->values, header->n_values, err);
    read->dtype = header->dtype;
    read->rank = header->rank;
    memcpy(read->shape, header->shape, sizeof read->shape);
    read->n_values = header->n_values;
    layout_values(header, member.bytes, 0, header->n_values, read->values);
done:
    free(bytes);
    npz_release(&member);
    if (rc != OK) npy_destroy(&read);
    *out = read;
    return rc;
}

void npy_destroy(struct npy_array **array)
{
    if (*array == NULL) return;
    free((*array)->values);
    free(*array);
    *array = NULL;
}
