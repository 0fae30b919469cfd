/* files.h - temporary files for tests that read data. Each test has a folder of its own: add
 * files_setup and files_teardown as its case's checked fixture. */
#ifndef GMMSWEEP_FILES_H
#define GMMSWEEP_FILES_H

#include "check_util.h"

#include <ftw.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { MOST_FILES = 32 };

static char files_folder[64];
static char files_paths[MOST_FILES][128];

static inline void files_setup(void)
{
    memset(files_paths, 0, sizeof files_paths);
    strcpy(files_folder, "/tmp/gmmsweep-check-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(files_folder));
}

static inline int files_remove(const char *path, const struct stat *about, int kind,
                               struct FTW *place)
{
    (void)about;
    (void)kind;
    (void)place;
    return remove(path);
}

static inline void files_teardown(void)
{
    nftw(files_folder, files_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* The path of `name` in the folder; one for each name, valid to the end of the test. */
static inline const char *file_path(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", files_folder, name);
    size_t i = 0;
    while (i < MOST_FILES && files_paths[i][0] != '\0' && strcmp(files_paths[i], path) != 0)
        i++;
    ck_assert_uint_lt(i, MOST_FILES);
    return strcpy(files_paths[i], path);
}

/* Writes bytes [n] and returns the path. */
static inline const char *file_write(const char *name, const void *bytes, size_t n)
{
    const char *path = file_path(name);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, n, file), n);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

static inline const char *file_text(const char *name, const char *text)
{
    return file_write(name, text, strlen(text));
}

/* Writes bytes [n] as gzip, as one more member if the file exists (mode "ab"). */
static inline const char *file_gzip(const char *name, const char *mode, const void *bytes, size_t n)
{
    const char *path = file_path(name);
    gzFile file = gzopen(path, mode);
    ck_assert_ptr_nonnull(file);
    for (size_t done = 0; done < n;) {
        const unsigned piece = n - done < 1u << 20 ? (unsigned)(n - done) : 1u << 20;
        ck_assert_int_eq(gzwrite(file, (const char *)bytes + done, piece), (int)piece);
        done += piece;
    }
    ck_assert_int_eq(gzclose(file), Z_OK);
    return path;
}

/* The content of a file, inflated if it is gzip (release with free). */
static inline unsigned char *file_read(const char *path, size_t *n)
{
    const size_t most = 1 << 22;
    unsigned char *bytes = malloc(most);
    gzFile file = gzopen(path, "rb");
    ck_assert_msg(file != NULL && bytes != NULL, "%s", path);
    const int got = gzread(file, bytes, (unsigned)most);
    ck_assert_int_gt(got, 0);
    gzclose(file);
    *n = (size_t)got;
    return bytes;
}

#endif
