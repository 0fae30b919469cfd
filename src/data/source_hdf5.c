/* HDF5: the library reads the file itself, of which only the start has been read here. An array is
 * known by its path in the file, without the leading '/'. */
#include "h5array.h"
#include "source.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the signature ends: the format lets it stand behind a user's block of 512 bytes, 1024, 2048
 * and so on (MATLAB's is 512). 0: there is none. */
static size_t signature_end(const unsigned char *bytes, size_t n)
{
    static const char signature[] = "\x89HDF\r\n\x1a\n";
    const size_t length = sizeof signature - 1;

    for (size_t at = 0; at < n && length <= n - at; at = at == 0 ? 512 : 2 * at)
        if (memcmp(bytes + at, signature, length) == 0) return at + length;
    return 0;
}

static bool hdf5_probe(const unsigned char *bytes, size_t n)
{
    return signature_end(bytes, n) > 0;
}

/* No more than the signature is wanted here. */
static size_t hdf5_promise(const unsigned char *bytes, size_t n)
{
    size_t end = signature_end(bytes, n);

    return end > 0 ? end : SIZE_MAX;
}

/* Whether the file starts otherwise than its content: it is gzip, which the library does not read.
 */
static bool is_packed(const struct source *src)
{
    unsigned char start[2];
    FILE *file = fopen(src->path, "rb");
    bool packed = file != NULL && fread(start, 1, sizeof start, file) == sizeof start &&
                  memcmp(start, src->bytes, sizeof start) != 0;

    if (file != NULL) fclose(file);
    return packed;
}

/* *name: the array that was asked for. */
static enum status find_named(const struct source *src, const char **name, struct err *err)
{
    const char *wanted = src->wanted + strspn(src->wanted, "/");

    for (size_t a = 0; a < src->n_arrays; a++) {
        if (strcmp(src->arrays[a], wanted) != 0) continue;
        *name = src->arrays[a];
        return OK;
    }
    return source_no_array(src->path, "data.dataset", src->wanted, src->arrays, src->n_arrays, err);
}

/* *name: the only array that fits. */
static enum status find_only(const struct source *src, const struct h5array_file *file,
                             const char **name, struct err *err)
{
    enum status rc = OK;
    char **fitting = NULL;
    struct err first = {.status = OK};
    size_t n_fitting = 0;

    TRY_ALLOC(fitting, src->n_arrays, err);
    for (size_t a = 0; a < src->n_arrays; a++) {
        struct h5array array;
        struct err why = {.status = OK};
        enum status looked = h5array_look(file, src->arrays[a], &array, &why);
        if (looked == OK && array.is_scale)
            looked = err_set(&why, ERR_DATA,
                             "%s: array '%.80s': is a dimension scale, which is read only if "
                             "data.dataset names it",
                             src->path, src->arrays[a]);
        if (looked == OK) *name = fitting[n_fitting++] = src->arrays[a];
        if (looked != OK && first.status == OK) first = why;
        if (looked == ERR_INTERNAL) FAIL(err, looked, "%s", why.text);
    }
    if (n_fitting == 0) FAIL(err, first.status, "%s", first.text);
    if (n_fitting > 1) TRY(source_which_array(src->path, "data.dataset", fitting, n_fitting, err));
done:
    free(fitting);
    return rc;
}

static enum status hdf5_open(struct source *src, struct err *err)
{
    enum status rc = OK;
    struct h5array_file *file = NULL;
    struct h5array array;
    const char *name = NULL;

    if (is_packed(src))
        FAIL(err, ERR_DATA, "%s: is HDF5 inside gzip, expected it unpacked", src->path);
    free(src->bytes);
    src->bytes = NULL;
    src->n_bytes = 0;
    TRY(h5array_open(src->path, &file, &src->arrays, &src->n_arrays, err));
    if (src->n_arrays == 0) FAIL(err, ERR_DATA, "%s: HDF5 file without arrays", src->path);
    TRY(src->wanted != NULL ? find_named(src, &name, err) : find_only(src, file, &name, err));
    TRY(h5array_read(file, name, src->limit, &array, &src->bytes, err));
    src->n_bytes = array.layout.n_bytes;
    src->layout = array.layout;
    src->note = array.note;
    src->dataset = strdup(name);
    if (src->dataset == NULL) FAIL(err, ERR_INTERNAL, "%s: out of memory", src->path);
done:
    h5array_close(&file);
    return rc;
}

const struct source_reader source_hdf5 = {
    .name = "HDF5",
    .probe = hdf5_probe,
    .promise = hdf5_promise,
    .open = hdf5_open,
};
