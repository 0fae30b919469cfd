#include "resume.h"

#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- changes --- */

/* Whether keys of the section change no fit. */
static bool is_indifferent(const char *section)
{
    return strcmp(section, "run") == 0 || strcmp(section, "output") == 0 ||
           strcmp(section, "slurm") == 0;
}

/* The lines in which two resolved configs differ, as "key: was old, now new". They have the same
 * keys, line by line. */
static void tell_changes(const char *before, const char *now, struct err *err)
{
    char section[64] = "";
    while (*before != '\0' && *now != '\0') {
        int n = (int)strcspn(before, "\n"), m = (int)strcspn(now, "\n");
        if (before[0] != ' ')
            snprintf(section, sizeof section, "%.*s", (int)strcspn(before, ":"), before);
        if (!is_indifferent(section) && (n != m || strncmp(before, now, (size_t)n) != 0))
            err_add(err, ERR_CONFIG, "  %s: was%.*s, now%.*s", section, n, before, m, now);
        before += n + (before[n] == '\n');
        now += m + (now[m] == '\n');
    }
}

enum status resume_check(const struct sweep_setup *setup, const struct shards *shards,
                         size_t n_dropped, struct err *err)
{
    if (n_dropped == 0) return OK;
    err_set(err, ERR_CONFIG,
            "%s: the folder holds %zu finished fits that this config would drop; expected a "
            "config that only adds fits, another output folder, or --replace, which keeps the old "
            "result in previous-N/. Changed since:",
            setup->config->output_path, n_dropped);
    if (!shards->any) return ERR_CONFIG;
    tell_changes(shards->identity.resolved, setup->resolved, err);
    if (strcmp(shards->identity.data_sha256, setup->data->sha256) != 0)
        err_add(err, ERR_CONFIG, "  the data: was %.16s..., now %.16s...",
                shards->identity.data_sha256, setup->data->sha256);
    return ERR_CONFIG;
}

static bool exists(const char *path)
{
    struct stat about;
    return lstat(path, &about) == 0;
}

enum status resume_check_fresh(const char *output, const struct shards *shards, struct err *err)
{
    char path[DISK_PATH];
    enum status rc = disk_join(output, "sweep.h5", path, err);
    if (rc == OK && (shards->any || exists(path)))
        rc = err_set(err, ERR_OUTPUT,
                     "%s: holds a sweep already; expected with --fresh a folder without one",
                     output);
    return rc;
}

/* --- replacing --- */

/* Nobody else may be at work where everything is moved. */
static enum status check_alone(const struct shards *shards, const char *folder, struct err *err)
{
    enum status rc = OK;
    char path[DISK_PATH], holder[LOCK_HOLDER];
    for (size_t i = 0; i < shards->n_logs; i++) {
        if (strcmp(shards->logs[i].folder, folder) == 0) continue; /* that is ours */
        TRY(disk_join(shards->logs[i].folder, "lock", path, err));
        lock_holder(path, holder);
        if (holder[0] != '\0')
            FAIL(err, ERR_OUTPUT, "%s: held by %s; expected with --replace no other run", path,
                 holder);
    }
done:
    return rc;
}

/* The first previous-N that has no shards: a move that was cut short goes on. */
static enum status choose_previous(const char *output, char *out, struct err *err)
{
    enum status rc = OK;
    char name[32], shards[DISK_PATH];
    for (int n = 1;; n++) {
        snprintf(name, sizeof name, "previous-%d", n);
        TRY(disk_join(output, name, out, err));
        TRY(disk_join(out, "shards", shards, err));
        if (!exists(shards)) break;
    }
done:
    return rc;
}

/* Writes the log of a folder that is to take the place of shards/: the finished fits, at place
 * [n_fits] >= 0, that the new config has too. */
static enum status carry_over(const struct shards *shards, size_t n_fits, const ptrdiff_t *place,
                              const char *staged, struct err *err)
{
    enum status rc = OK;
    char folder[DISK_PATH], path[DISK_PATH];
    struct log *log = NULL;
    struct err closing;
    TRY(disk_join(staged, "1-of-1", folder, err));
    TRY(disk_make_folder(folder, err));
    TRY(disk_join(folder, "log", path, err));
    TRY(log_create(path, &log, err));
    for (size_t i = 0; i < n_fits; i++) {
        struct pack payload = {0};
        if (place[i] < 0) continue;
        const struct shard_fit *fit = &shards->fits[place[i]];
        rc = log_read(shards->logs[fit->log].path, fit->offset, &payload, err);
        if (rc == OK) rc = log_append(log, LOG_FINISHED, &payload, err);
        free(payload.bytes);
        if (rc != OK) break;
    }
done:;
    enum status closed = log_close(&log, &closing);
    if (rc == OK && closed != OK) rc = err_set(err, closed, "%s", closing.text);
    return rc;
}

/* Moves output/name to folder/other, if it is there. */
static enum status move(const char *output, const char *name, const char *folder, const char *other,
                        struct err *err)
{
    enum status rc = OK;
    char from[DISK_PATH], to[DISK_PATH];
    TRY(disk_join(output, name, from, err));
    TRY(disk_join(folder, other, to, err));
    if (rename(from, to) != 0 && errno != ENOENT)
        FAIL(err, ERR_OUTPUT, "%s: cannot move it to %s: %s", from, to, strerror(errno));
done:
    return rc;
}

#define STAGED "shards.new"

enum status resume_replace(const char *output, const char *folder, const struct shards *shards,
                           size_t n_fits, const ptrdiff_t *place, const atomic_int *stop,
                           struct lock **lock, struct err *err)
{
    enum status rc = OK;
    char previous[DISK_PATH], path[DISK_PATH];
    TRY(check_alone(shards, folder, err));
    TRY(disk_join(output, STAGED, path, err));
    TRY(carry_over(shards, n_fits, place, path, err));
    TRY(choose_previous(output, previous, err));
    TRY(disk_make_folder(previous, err));
    lock_release(lock);
    /* The logs last: until they have gone, the sweep is where it was. */
    TRY(move(output, "sweep.h5", previous, "sweep.h5", err));
    TRY(move(output, "config.resolved.yaml", previous, "config.resolved.yaml", err));
    TRY(move(output, "shards", previous, "shards", err));
    TRY(resume_recover(output, err));
    TRY(disk_sync(output, err));
    TRY(disk_join(folder, "lock", path, err));
    TRY(lock_take(path, stop, lock, err));
done:
    return rc;
}

enum status resume_recover(const char *output, struct err *err)
{
    char path[DISK_PATH];
    enum status rc = disk_join(output, "shards", path, err);
    return rc != OK || exists(path) ? rc : move(output, STAGED, output, "shards", err);
}
