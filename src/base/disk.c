#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum status disk_join(const char *folder, const char *name, char *out, struct err *err)
{
    if ((size_t)snprintf(out, DISK_PATH, "%s/%s", folder, name) >= DISK_PATH)
        return err_set(err, ERR_OUTPUT, "%s/%s: the path is too long, expected at most %d bytes",
                       folder, name, DISK_PATH - 1);
    return OK;
}

/* Makes the folder `part` of `path`, in one that is there. */
static enum status make_part(const char *path, const char *part, struct err *err)
{
    struct stat about;
    if (mkdir(part, 0777) == 0) return disk_sync_folder_of(part, err);
    int cause = errno;
    if (cause == EEXIST && stat(part, &about) == 0 && S_ISDIR(about.st_mode)) return OK;
    return err_set(err, ERR_OUTPUT, "%s: cannot make the folder %s: %s", path, part,
                   strerror(cause == EEXIST ? ENOTDIR : cause));
}

enum status disk_make_folder(const char *path, struct err *err)
{
    char part[DISK_PATH];
    if (strlen(path) >= sizeof part)
        return err_set(err, ERR_OUTPUT, "%s: the path is too long, expected at most %d bytes", path,
                       DISK_PATH - 1);
    strcpy(part, path);
    for (char *slash = strchr(path[0] == '/' ? part + 1 : part, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        enum status rc = make_part(path, part, err);
        if (rc != OK) return rc;
        *slash = '/';
    }
    return make_part(path, part, err);
}

enum status disk_sync(const char *path, struct err *err)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    int bad = file < 0 || fsync(file) != 0;
    if (bad) err_set(err, ERR_OUTPUT, "%s: cannot sync: %s", path, strerror(errno));
    if (file >= 0) close(file);
    return bad ? ERR_OUTPUT : OK;
}

enum status disk_sync_folder_of(const char *path, struct err *err)
{
    char folder[DISK_PATH];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL) return disk_sync(".", err);
    slash[slash == folder] = '\0';
    return disk_sync(folder, err);
}

enum status disk_replace(const char *temporary, const char *path, struct err *err)
{
    enum status rc = OK;
    TRY(disk_sync(temporary, err));
    if (rename(temporary, path) != 0)
        FAIL(err, ERR_OUTPUT, "%s: cannot rename %s: %s", path, temporary, strerror(errno));
    TRY(disk_sync_folder_of(path, err));
done:
    if (rc != OK) unlink(temporary);
    return rc;
}

enum status disk_temporary(const char *path, char *out, struct err *err)
{
    if ((size_t)snprintf(out, DISK_PATH, "%s.%ld.tmp", path, (long)getpid()) >= DISK_PATH)
        return err_set(err, ERR_OUTPUT, "%s: the path is too long", path);
    return OK;
}

enum status disk_open(const char *temporary, unsigned mode, FILE **out, struct err *err)
{
    unlink(temporary); /* one that a crash left may have other permissions */
    int descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    *out = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    if (*out != NULL) return OK;
    err_set(err, ERR_OUTPUT, "%s: %s", temporary, strerror(errno));
    if (descriptor >= 0) close(descriptor);
    return ERR_OUTPUT;
}

enum status disk_close(FILE **file, const char *temporary, struct err *err)
{
    bool bad = ferror(*file) != 0;
    int cause = errno; /* of a write that failed, unless flushing meets the cause again */
    if (fflush(*file) != 0) {
        bad = true;
        cause = errno;
    }
    if (fclose(*file) != 0 && !bad) {
        bad = true;
        cause = errno;
    }
    *file = NULL;
    if (!bad) return OK;
    unlink(temporary);
    return err_set(err, ERR_OUTPUT, "%s: cannot write: %s", temporary, strerror(cause));
}

enum status disk_write(const char *temporary, const char *path, const char *text, unsigned mode,
                       struct err *err)
{
    enum status rc = OK;
    FILE *file = NULL;
    TRY(disk_open(temporary, mode, &file, err));
    fputs(text, file);
    TRY(disk_close(&file, temporary, err));
    TRY(disk_replace(temporary, path, err));
done:
    return rc;
}
