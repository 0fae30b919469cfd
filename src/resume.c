#include "resume.h"

#include <errno.h>
#include <stdio.h>
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
                     "%s: holds a sweep of %zu finished fits; expected with --fresh a folder "
                     "without one",
                     output, shards->n_fits);
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

enum status resume_replace(const char *output, const char *folder, const struct shards *shards,
                           const atomic_int *stop, struct lock **lock, struct shards **old,
                           struct err *err)
{
    enum status rc = OK;
    static const char *const names[] = {"sweep.h5", "config.resolved.yaml", "shards"};
    char previous[DISK_PATH], from[DISK_PATH], to[DISK_PATH];
    *old = NULL;
    TRY(check_alone(shards, folder, err));
    TRY(choose_previous(output, previous, err));
    TRY(disk_make_folder(previous, err));
    lock_release(lock);
    /* The logs last: until they have gone, the sweep is where it was. */
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        TRY(disk_join(output, names[i], from, err));
        TRY(disk_join(previous, names[i], to, err));
        if (rename(from, to) != 0 && errno != ENOENT)
            FAIL(err, ERR_OUTPUT, "%s: cannot move it to %s: %s", from, to, strerror(errno));
    }
    TRY(disk_sync(output, err));
    TRY(disk_make_folder(folder, err));
    TRY(disk_join(folder, "lock", to, err));
    TRY(lock_take(to, stop, lock, err));
    TRY(shards_read(previous, old, err));
done:
    return rc;
}
