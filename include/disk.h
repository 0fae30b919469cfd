/* disk.h - folders, and files that are replaced whole: a crash leaves the old one or the new one.
 */
#ifndef GMMSWEEP_DISK_H
#define GMMSWEEP_DISK_H

#include "err.h"

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

/* Writes `text` to `path` by way of `temporary`, with these permissions (0644, 0755). */
enum status disk_write(const char *temporary, const char *path, const char *text, unsigned mode,
                       struct err *err);

#endif
