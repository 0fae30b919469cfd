#include "lock.h"

#include "clock.h"
#include "disk.h"
#include "machine.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_BYTES 1024    /* of a lock file; always the same, so that rewriting needs no room */
#define POLL_S 0.5         /* between looks at a lock that is watched */
#define MOST_TRIES 10      /* at a lock that others take and leave meanwhile */
#define BEAT_LINE "beat: " /* the last line; its digits are all that ever changes */

struct lock {
    int file;
    unsigned long beat;
    char identity[TEXT_BYTES]; /* the text up to the beat */
    char path[DISK_PATH];
};

/* --- what a lock says --- */

struct holder {
    char host[128], boot[128], user[64], job[160];
    long pid, restart;
    unsigned long long start;
};

static void read_first_line(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(out, (int)size, file) == NULL) out[0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    if (file != NULL) fclose(file);
}

/* When the process began, in ticks since boot; 0 if it is dead or there is none. */
static unsigned long long start_of(long pid)
{
    char path[64], line[1024], state;
    unsigned long long start = 0;
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    read_first_line(path, line, sizeof line);
    /* The name in parentheses may hold anything; the start is the 20th word behind the state. */
    const char *at = strrchr(line, ')');
    if (at == NULL || sscanf(at + 1, " %c", &state) != 1 || state == 'Z' || state == 'X') return 0;
    for (int word = 0; word < 20 && at != NULL; word++)
        at = strchr(at + 1, ' ');
    if (at == NULL || sscanf(at, "%llu", &start) != 1) return 0;
    return start;
}

/* Keeps a text from looking like more than one line. */
static void flatten(char *text)
{
    for (; *text != '\0'; text++)
        if (iscntrl((unsigned char)*text)) *text = '?';
}

static void describe_self(struct holder *self)
{
    char boot[64], names[64] = "";
    *self = (struct holder){.pid = getpid()};
    gethostname(self->host, sizeof self->host - 1);
    read_first_line("/proc/sys/kernel/random/boot_id", boot, sizeof boot);
    ssize_t n = readlink("/proc/self/ns/pid", names, sizeof names - 1);
    names[n > 0 ? n : 0] = '\0';
    snprintf(self->boot, sizeof self->boot, "%s %s", boot, names);
    self->start = start_of(self->pid);
    machine_user(self->user, sizeof self->user);
    if (getenv("SLURM_JOB_ID") != NULL)
        snprintf(self->job, sizeof self->job, "%s/%s", machine_env("SLURM_CLUSTER_NAME"),
                 machine_env("SLURM_JOB_ID"));
    self->restart = strtol(machine_env("SLURM_RESTART_COUNT"), NULL, 10);
    flatten(self->host);
    flatten(self->user);
    flatten(self->job);
}

static void print_identity(const struct holder *holder, char out[TEXT_BYTES])
{
    snprintf(out, TEXT_BYTES,
             "gmmsweep lock\nhost: %s\nboot: %s\npid: %ld\nstart: %llu\nuser: %s\nslurm_job: %s\n"
             "restart: %ld\n",
             holder->host, holder->boot, holder->pid, holder->start, holder->user, holder->job,
             holder->restart);
}

/* The value of `key` in a lock's text: out [size], "" if it has none. */
static void find_value(const char *text, const char *key, char *out, size_t size)
{
    char line[64];
    snprintf(line, sizeof line, "\n%s: ", key);
    const char *at = strstr(text, line);
    if (at != NULL) at += strlen(line);
    snprintf(out, size, "%.*s", at == NULL ? 0 : (int)strcspn(at, "\n"), at == NULL ? "" : at);
}

/* Whether the text is a whole lock's. */
static bool parse(const char *text, struct holder *holder)
{
    char number[32];
    *holder = (struct holder){0};
    if (strncmp(text, "gmmsweep lock\n", 14) != 0 || strstr(text, "\n" BEAT_LINE) == NULL)
        return false;
    find_value(text, "host", holder->host, sizeof holder->host);
    find_value(text, "boot", holder->boot, sizeof holder->boot);
    find_value(text, "user", holder->user, sizeof holder->user);
    find_value(text, "slurm_job", holder->job, sizeof holder->job);
    find_value(text, "pid", number, sizeof number);
    holder->pid = strtol(number, NULL, 10);
    find_value(text, "start", number, sizeof number);
    holder->start = strtoull(number, NULL, 10);
    find_value(text, "restart", number, sizeof number);
    holder->restart = strtol(number, NULL, 10);
    return true;
}

static void print_holder(const struct holder *holder, char out[LOCK_HOLDER])
{
    if (holder->pid == 0) {
        snprintf(out, LOCK_HOLDER, "a process that has not said who it is");
        return;
    }
    snprintf(out, LOCK_HOLDER, "pid %ld of %s on %s%s%s", holder->pid, holder->user, holder->host,
             holder->job[0] != '\0' ? ", Slurm job " : "", holder->job);
}

/* --- files --- */

/* Reads the lock's text. False if there is none (errno tells). */
static bool read_text(const char *path, char text[TEXT_BYTES])
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return false;
    ssize_t n = read(file, text, TEXT_BYTES - 1);
    close(file);
    text[n > 0 ? n : 0] = '\0';
    return n >= 0;
}

static bool write_text(const struct lock *lock)
{
    char text[TEXT_BYTES];
    int n = snprintf(text, sizeof text, "%s" BEAT_LINE "%010lu\n", lock->identity, lock->beat);
    if (n >= TEXT_BYTES) n = TEXT_BYTES - 1;
    memset(text + n, ' ', (size_t)(TEXT_BYTES - n));
    text[TEXT_BYTES - 1] = '\n';
    return pwrite(lock->file, text, sizeof text, 0) == TEXT_BYTES;
}

static bool is_ours(const struct lock *lock)
{
    char text[TEXT_BYTES];
    return read_text(lock->path, text) &&
           strncmp(text, lock->identity, strlen(lock->identity)) == 0;
}

/* --- taking --- */

static bool is_here(const struct holder *holder, const struct holder *self)
{
    return strcmp(holder->host, self->host) == 0 && strcmp(holder->boot, self->boot) == 0;
}

static bool is_alive_here(const struct holder *holder, const struct holder *self)
{
    return is_here(holder, self) && holder->start != 0 && start_of(holder->pid) == holder->start;
}

/* Whether that is another user's process, of which /proc says nothing (its option hidepid). */
static bool is_hidden(long pid)
{
    return start_of(pid) == 0 && kill((pid_t)pid, 0) != 0 && errno == EPERM;
}

/* Whether nobody has to be waited for: the holder died here, or Slurm has started our own job again
 * since. */
static bool is_dead(const struct holder *holder, const struct holder *self)
{
    if (is_here(holder, self)) return !is_alive_here(holder, self) && !is_hidden(holder->pid);
    return self->job[0] != '\0' && strcmp(holder->job, self->job) == 0 &&
           holder->restart < self->restart;
}

static enum status refuse(const char *path, const struct holder *holder, const char *why,
                          struct err *err)
{
    char name[LOCK_HOLDER];
    print_holder(holder, name);
    return err_set(err, ERR_OUTPUT,
                   "%s: held by %s%s; expected it to end first, or another output folder or shard",
                   path, name, why);
}

/* Watches a lock of unknown state: OK if it does not change, or is to be looked at again. */
static enum status watch(const char *path, const char *text, const struct holder *holder,
                         const atomic_int *stop, struct err *err)
{
    char now[TEXT_BYTES], name[LOCK_HOLDER];
    const double watch_s = holder->pid != 0 ? LOCK_WATCH_S : LOCK_BLANK_S;
    const double until_s = clock_monotonic_s() + watch_s;
    print_holder(holder, name);
    fprintf(stderr, "gmmsweep: %s: held by %s; taken over unless it changes within %.0f s\n", path,
            name, watch_s);
    while (clock_monotonic_s() < until_s) {
        if (atomic_load(stop) != 0)
            return refuse(path, holder, ", and stopped while watching whether it lives", err);
        clock_sleep_s(POLL_S);
        if (!read_text(path, now)) return OK; /* released */
        if (strcmp(now, text) == 0) continue;
        if (holder->pid == 0) return OK; /* now it says who it is */
        return refuse(path, holder, ", which is running", err);
    }
    return OK;
}

/* Whether the open file is what stands at `path`, with this text. */
static bool still_says(const char *path, int file, const char *text)
{
    char now[TEXT_BYTES];
    struct stat there, here;
    return stat(path, &there) == 0 && fstat(file, &here) == 0 && there.st_dev == here.st_dev &&
           there.st_ino == here.st_ino && read_text(path, now) && strcmp(now, text) == 0;
}

/* Renames the lock, and removes it if it has this text. */
static enum status rename_away(const char *path, const char *text, const struct holder *self,
                               struct err *err)
{
    enum status rc = OK;
    char grave[DISK_PATH], found[TEXT_BYTES] = "";
    struct holder holder;
    snprintf(grave, sizeof grave, "%.3900s.%.128s.%ld", path, self->host, self->pid);
    if (rename(path, grave) != 0) {
        if (errno == ENOENT) return OK;
        return err_set(err, ERR_OUTPUT, "%s: cannot take over the lock: %s", path, strerror(errno));
    }
    if (!read_text(grave, found) || strcmp(found, text) != 0) {
        parse(found, &holder);
        rc = refuse(path, &holder, ", which took it at this moment", err);
        if (link(grave, path) != 0)
            err_add(err, ERR_OUTPUT, "%s: cannot give it back: %s", path, strerror(errno));
    }
    unlink(grave);
    return rc;
}

/* Removes the lock with this text and no other: two that take over at once must not both succeed. A
 * taker has the old file flocked, so that none renames what another has just put in its place;
 * where a file system cannot do that, rename_away looks at what it got. */
static enum status bury(const char *path, const char *text, const struct holder *self,
                        struct err *err)
{
    enum status rc = OK;
    struct holder holder;
    int file = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK); /* NFS wants it writable */
    if (file < 0) file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return rename_away(path, text, self, err);
    if (flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        parse(text, &holder);
        rc = refuse(path, &holder, ", which another process takes over at this moment", err);
    } else if (still_says(path, file, text)) {
        rc = rename_away(path, text, self, err);
    } /* else it has to be looked at again */
    close(file);
    return rc;
}

/* Deals with the lock that is there: OK if it is gone. */
static enum status displace(const char *path, const struct holder *self, const atomic_int *stop,
                            struct err *err)
{
    char text[TEXT_BYTES];
    struct holder holder;
    if (!read_text(path, text)) {
        if (errno == ENOENT) return OK;
        return err_set(err, ERR_OUTPUT, "%s: cannot read the lock: %s", path, strerror(errno));
    }
    bool known = parse(text, &holder);
    if (known && is_alive_here(&holder, self))
        return refuse(path, &holder, ", which is running", err);
    enum status rc = known && is_dead(&holder, self) ? OK : watch(path, text, &holder, stop, err);
    return rc == OK ? bury(path, text, self, err) : rc;
}

enum status lock_take(const char *path, const atomic_int *stop, struct lock **out, struct err *err)
{
    enum status rc = OK;
    struct lock *lock = NULL;
    struct holder self;
    bool written = false;
    *out = NULL;
    describe_self(&self);
    TRY_ALLOC(lock, 1, err);
    lock->file = -1;
    snprintf(lock->path, sizeof lock->path, "%s", path);
    print_identity(&self, lock->identity);
    for (int tries = 0; lock->file < 0; tries++) {
        lock->file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (lock->file >= 0) break;
        if (errno != EEXIST || tries == MOST_TRIES)
            FAIL(err, ERR_OUTPUT, "%s: cannot make the lock: %s", path, strerror(errno));
        TRY(displace(path, &self, stop, err));
    }
    written = write_text(lock) && fsync(lock->file) == 0;
    if (!written) {
        rc = err_set(err, ERR_OUTPUT, "%s: cannot write the lock: %s", path, strerror(errno));
        unlink(path);
        goto done;
    }
    TRY(lock_check(lock, err));
    *out = lock;
    lock = NULL;
done:
    if (lock != NULL && lock->file >= 0) close(lock->file);
    free(lock);
    return rc;
}

/* --- holding --- */

bool lock_beat(struct lock *lock)
{
    if (!is_ours(lock)) return false;
    lock->beat++;
    write_text(lock); /* if that fails, others see it unchanged, as when this host is cut off */
    return true;
}

enum status lock_check(const struct lock *lock, struct err *err)
{
    if (is_ours(lock)) return OK;
    char name[LOCK_HOLDER];
    lock_holder(lock->path, name);
    return err_set(err, ERR_OUTPUT,
                   "%s: the lock is ours no more (%s); nothing more is written by this process",
                   lock->path, name[0] != '\0' ? name : "it is gone");
}

void lock_release(struct lock **lock)
{
    if (*lock == NULL) return;
    if (is_ours(*lock)) unlink((*lock)->path);
    close((*lock)->file);
    free(*lock);
    *lock = NULL;
}

bool lock_holder(const char *path, char *out)
{
    char text[TEXT_BYTES];
    struct holder holder, self;
    out[0] = '\0';
    if (!read_text(path, text)) return false;
    parse(text, &holder);
    describe_self(&self);
    if (!is_dead(&holder, &self)) print_holder(&holder, out);
    return is_alive_here(&holder, &self);
}
