#include "array_file.h"

#include "array_parts.h"
#include "disk.h"

#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct array_format {
    const char *ending;
    enum status (*write)(const char *temporary, size_t n, const struct named_array *arrays,
                         struct err *err);
} formats[] = {
    {".csv", array_write_csv}, {".npy", array_write_npy},   {".npz", array_write_npz},
    {".h5", array_write_hdf5}, {".json", array_write_json},
};
enum { N_FORMATS = sizeof formats / sizeof formats[0] };

size_t array_size(const struct named_array *array)
{
    size_t n = 1;
    for (size_t i = 0; i < array->rank; i++)
        n *= array->axes[i]->n;
    return n;
}

bool array_file_is(const char *path, const char *ending)
{
    const size_t n = strlen(path), length = strlen(ending);
    return n > length && strcasecmp(path + n - length, ending) == 0;
}

/* Whether `path` is the file `input`, or the result in the folder `input`, by whatever names. */
static bool is_read(const char *path, const char *input)
{
    char result[DISK_PATH];
    struct stat out, in;
    struct err none;
    if (stat(path, &out) != 0 || stat(input, &in) != 0) return false;
    if (S_ISDIR(in.st_mode) &&
        (disk_join(input, "sweep.h5", result, &none) != OK || stat(result, &in) != 0))
        return false;
    return out.st_dev == in.st_dev && out.st_ino == in.st_ino;
}

enum status array_file_check(const char *path, const char *endings, size_t n,
                             const char *const *inputs, struct err *err)
{
    char ending[16];
    bool known = false;
    const char *one_of = strchr(endings, ' ') != NULL ? "one of " : "";
    if (path == NULL)
        return err_set(err, ERR_USAGE, "-o FILE is missing, expected a name that ends in %s%s",
                       one_of, endings);
    for (const char *at = endings; *at != '\0' && !known; at += strspn(at, " ")) {
        const size_t length = strcspn(at, " ");
        snprintf(ending, sizeof ending, "%.*s", (int)length, at);
        known = array_file_is(path, ending);
        at += length;
    }
    if (!known)
        return err_set(err, ERR_USAGE, "-o: %s: the ending chooses the format, expected %s%s", path,
                       one_of, endings);
    for (size_t i = 0; i < n; i++)
        if (inputs[i] != NULL && is_read(path, inputs[i]))
            return err_set(err, ERR_USAGE, "-o: %s: is what is read (%s), expected another name",
                           path, inputs[i]);
    return OK;
}

enum status array_file_write(const char *path, size_t n, const struct named_array *arrays,
                             struct err *err)
{
    enum status rc = OK;
    char temporary[DISK_PATH];
    size_t f = 0;
    while (f < N_FORMATS && !array_file_is(path, formats[f].ending))
        f++;
    if (f == N_FORMATS) return err_set(err, ERR_INTERNAL, "%s: unknown ending", path);
    TRY(disk_temporary(path, temporary, err));
    rc = formats[f].write(temporary, n, arrays, err);
    if (rc != OK) unlink(temporary);
    if (rc == OK) rc = disk_replace(temporary, path, err);
done:
    return rc;
}
