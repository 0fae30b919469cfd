/* disk.h - folders, and files that are replaced whole: a crash leaves the old one or the new one.
 */
#ifndef GMMSWEEP_DISK_H
#define GMMSWEEP_DISK_H

#include "err.h"

#include <stdio.h>

#define DISK_PATH 4096 /* room for a path */

/* out [DISK_PATH] = folder/name. ERR_OUTPUT if that is too long. */
enum status disk_join(const char *folder, const char *name, char *out, struct err *err);

/* Makes the folder and those above it as needed, and syncs their names. ERR_OUTPUT with path and
 * cause. */
enum status disk_make_folder(const char *path, struct err *err);

/* Syncs a file or a folder. ERR_OUTPUT with path and cause. */
enum status disk_sync(const char *path, struct err *err);

/* Syncs the folder that `path` stands in, so that its name survives a crash of the machine. */
enum status disk_sync_folder_of(const char *path, struct err *err);

/* Syncs `temporary` and puts it in the place of `path`, in the same file system. ERR_OUTPUT, and
 * then `temporary` is gone and `path` stands as it was, unless only the last step failed, syncing
 * the folder's names. */
enum status disk_replace(const char *temporary, const char *path, struct err *err);

/* out [DISK_PATH]: a name beside `path` that no other process uses. ERR_OUTPUT if it is too long.
 */
enum status disk_temporary(const char *path, char *out, struct err *err);

/* Opens `temporary` anew for writing, with these permissions as far as the umask allows.
 * ERR_OUTPUT with path and cause; *out is then NULL. */
enum status disk_open(const char *temporary, unsigned mode, FILE **out, struct err *err);

/* Closes what disk_open has opened; *file is NULL afterwards. ERR_OUTPUT with path and cause if
 * anything of it could not be written, and then `temporary` is gone. */
enum status disk_close(FILE **file, const char *temporary, struct err *err);

/* Writes `text` to `path` by way of `temporary`, with these permissions (0644, 0755). */
enum status disk_write(const char *temporary, const char *path, const char *text, unsigned mode,
                       struct err *err);

#endif
