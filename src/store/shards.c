#include "shards.h"

#include "log.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_FORMAT 2

/* --- the folder --- */

enum status shards_folder(const char *output, size_t shard, size_t n_shards, char *out,
                          struct err *err)
{
    char name[64];
    snprintf(name, sizeof name, "shards/%zu-of-%zu", shard, n_shards);
    return disk_join(output, name, out, err);
}

/* "3-of-8" and nothing else. */
static bool parse_name(const char *name, size_t *shard, size_t *n_shards)
{
    char again[64];
    if (sscanf(name, "%zu-of-%zu", shard, n_shards) != 2) return false;
    snprintf(again, sizeof again, "%zu-of-%zu", *shard, *n_shards);
    return strcmp(name, again) == 0;
}

static enum status add_log(struct shards *shards, const char *output, const char *name,
                           struct err *err)
{
    enum status rc = OK;
    struct shard_log log = {0};
    char folder[DISK_PATH], path[DISK_PATH];
    if (!parse_name(name, &log.shard, &log.n_shards)) return OK;
    TRY(shards_folder(output, log.shard, log.n_shards, folder, err));
    TRY(disk_join(folder, "log", path, err));
    TRY(err_grow(shards->n_logs, sizeof *shards->logs, "logs", &shards->logs, err));
    log.folder = strdup(folder);
    log.path = strdup(path);
    shards->logs[shards->n_logs++] = log;
    if (log.folder == NULL || log.path == NULL)
        FAIL(err, ERR_INTERNAL, "out of memory for the path of a log");
done:
    return rc;
}

static int compare_logs(const void *a, const void *b)
{
    const struct shard_log *p = a, *q = b;
    if (p->n_shards != q->n_shards) return p->n_shards < q->n_shards ? -1 : 1;
    return p->shard < q->shard ? -1 : p->shard > q->shard;
}

static enum status list_logs(const char *output, struct shards *shards, struct err *err)
{
    enum status rc = OK;
    char path[DISK_PATH];
    struct dirent *entry;
    DIR *folder = NULL;
    TRY(disk_join(output, "shards", path, err));
    folder = opendir(path);
    if (folder == NULL && (errno == ENOENT || errno == ENOTDIR)) goto done;
    if (folder == NULL) FAIL(err, ERR_DATA, "%s: %s", path, strerror(errno));
    while ((entry = readdir(folder)) != NULL)
        TRY(add_log(shards, output, entry->d_name, err));
    if (shards->n_logs > 0) qsort(shards->logs, shards->n_logs, sizeof *shards->logs, compare_logs);
done:
    if (folder != NULL) closedir(folder);
    return rc;
}

/* --- reading --- */

/* What a scan of one log works on. */
struct reading {
    struct shards *shards;
    struct shard_log *log;
};

void identity_pack(const struct identity *identity, struct pack *pack)
{
    pack_u64(pack, LOG_FORMAT);
    pack_text(pack, identity->data_sha256);
    pack_text(pack, identity->resolved);
    pack_text(pack, identity->given);
    pack_text(pack, identity->overrides);
    pack_u64(pack, identity->n_fits);
}

static void identity_free(struct identity *identity)
{
    free(identity->data_sha256);
    free(identity->resolved);
    free(identity->given);
    free(identity->overrides);
    *identity = (struct identity){0};
}

/* The identity follows its session's record; that of the latest session of all logs stays. */
static enum status take_identity(struct reading *in, struct unpack *payload, struct err *err)
{
    struct shards *shards = in->shards;
    uint64_t format = unpack_u64(payload);
    if (format != LOG_FORMAT)
        return err_set(err, ERR_DATA, "%s: log format %llu, expected %d: made by another version",
                       in->log->path, (unsigned long long)format, LOG_FORMAT);
    struct identity identity = {.data_sha256 = unpack_text_copy(payload),
                                .resolved = unpack_text_copy(payload),
                                .given = unpack_text_copy(payload),
                                .overrides = unpack_text_copy(payload),
                                .n_fits = unpack_u64(payload)};
    for (size_t i = 0; shards->any && i < shards->n_logs; i++)
        if (strcmp(shards->logs[i].started, in->log->started) > 0) {
            identity_free(&identity);
            return OK;
        }
    identity_free(&shards->identity);
    shards->identity = identity;
    shards->any = true;
    return OK;
}

static enum status take_session(struct reading *in, struct unpack *payload, struct err *err)
{
    struct shards *shards = in->shards;
    enum status rc =
        err_grow(shards->n_sessions, sizeof *shards->sessions, "sessions", &shards->sessions, err);
    if (rc != OK) return rc;
    struct session *session = &shards->sessions[shards->n_sessions++];
    session_unpack(session, payload);
    snprintf(in->log->started, sizeof in->log->started, "%.31s", session->started);
    in->log->n_live = in->log->n_session_fits = 0;
    return OK;
}

static enum status take_fit(struct reading *in, struct unpack *payload, uint64_t offset,
                            struct err *err)
{
    struct shards *shards = in->shards;
    enum status rc =
        err_grow(shards->n_fits, sizeof *shards->fits, "finished fits", &shards->fits, err);
    if (rc != OK) return rc;
    struct shard_fit *fit = &shards->fits[shards->n_fits++];
    fit->max_iter = (int64_t)unpack_u64(payload);
    fit_row_unpack(&fit->row, payload);
    fit->log = (size_t)(in->log - shards->logs);
    fit->offset = offset;
    in->log->n_session_fits++;
    if (in->log->n_live > 0) in->log->n_live--;
    return OK;
}

static enum status take_record(void *context, enum log_type type, struct unpack *payload,
                               uint64_t offset, struct err *err)
{
    enum status rc = OK;
    struct reading *in = context;
    switch (type) {
    case LOG_IDENTITY:
        rc = take_identity(in, payload, err);
        break;
    case LOG_SESSION:
        rc = take_session(in, payload, err);
        break;
    case LOG_FINISHED:
        rc = take_fit(in, payload, offset, err);
        break;
    case LOG_STARTED:
        in->log->n_live++;
        break;
    case LOG_CHECKPOINT:
    case LOG_RUNNING: /* of another kind of file */
        break;
    }
    if (rc == OK && payload->no_memory)
        return err_set(err, ERR_INTERNAL, "out of memory for a text of %s", in->log->path);
    if (rc == OK && payload->failed)
        rc = err_set(err, ERR_DATA, "%s: the record at byte %llu is shorter than its kind",
                     in->log->path, (unsigned long long)offset);
    return rc;
}

/* By id; of one id the record that stays comes last. */
static int compare_fits(const void *a, const void *b)
{
    const struct shard_fit *p = a, *q = b;
    int order = strcmp(p->row.id, q->row.id);
    if (order != 0) return order;
    if (p->max_iter != q->max_iter) return p->max_iter < q->max_iter ? -1 : 1;
    if (p->log != q->log) return p->log < q->log ? -1 : 1;
    return p->offset < q->offset ? -1 : p->offset > q->offset;
}

/* Sorts by id, and leaves one record of each. */
static void keep_latest(struct shards *shards)
{
    if (shards->n_fits == 0) return;
    qsort(shards->fits, shards->n_fits, sizeof *shards->fits, compare_fits);
    size_t kept = 0;
    for (size_t i = 0; i < shards->n_fits; i++) {
        if (kept > 0 && strcmp(shards->fits[kept - 1].row.id, shards->fits[i].row.id) == 0) kept--;
        shards->fits[kept++] = shards->fits[i];
    }
    shards->n_fits = kept;
    for (size_t i = 0; i < kept; i++)
        shards->logs[shards->fits[i].log].n_fits++;
}

/* By their start; those of one log stay in its order. Logs are long in order, so few are moved. */
static void sort_sessions(struct shards *shards)
{
    struct session *sessions = shards->sessions;
    for (size_t i = 1; i < shards->n_sessions; i++) {
        size_t at = i;
        while (at > 0 && strcmp(sessions[at - 1].started, sessions[i].started) > 0)
            at--;
        if (at == i) continue;
        struct session moved = sessions[i];
        memmove(&sessions[at + 1], &sessions[at], (i - at) * sizeof moved);
        sessions[at] = moved;
    }
}

enum status shards_read(const char *output, struct shards **out, struct err *err)
{
    enum status rc = OK;
    struct shards *shards = NULL;
    *out = NULL;
    TRY_ALLOC(shards, 1, err);
    TRY(list_logs(output, shards, err));
    for (size_t i = 0; i < shards->n_logs; i++) {
        struct reading in = {shards, &shards->logs[i]};
        TRY(log_scan(in.log->path, take_record, &in, err));
    }
    keep_latest(shards);
    sort_sessions(shards);
    *out = shards;
    shards = NULL;
done:
    shards_destroy(&shards);
    return rc;
}

void shards_destroy(struct shards **shards)
{
    if (*shards == NULL) return;
    identity_free(&(*shards)->identity);
    for (size_t i = 0; i < (*shards)->n_logs; i++) {
        free((*shards)->logs[i].path);
        free((*shards)->logs[i].folder);
    }
    free((*shards)->logs);
    free((*shards)->fits);
    free((*shards)->sessions);
    free(*shards);
    *shards = NULL;
}

enum status shards_result(const struct shards *shards, size_t fit, struct result **out,
                          struct err *err)
{
    enum status rc = OK;
    struct pack payload = {0};
    const struct shard_fit *place = &shards->fits[fit];
    *out = NULL;
    TRY(log_read(shards->logs[place->log].path, place->offset, &payload, err));
    struct unpack reader = {.bytes = payload.bytes, .n = payload.n};
    TRY(result_unpack(&reader, out, err));
done:
    free(payload.bytes);
    return rc;
}

size_t shards_cpu_types(const struct shards *shards, char *out)
{
    size_t n = 0, at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < shards->n_sessions; i++) {
        const char *cpu = shards->sessions[i].cpu;
        size_t seen = 0;
        while (seen < i && strcmp(shards->sessions[seen].cpu, cpu) != 0)
            seen++;
        if (seen < i) continue;
        if (at < SHARDS_CPUS)
            at += (size_t)snprintf(out + at, SHARDS_CPUS - at, "%s%s", n > 0 ? "; " : "", cpu);
        n++;
    }
    return n;
}

/* --- matching --- */

/* Whether the fit would have ended the same way under the plan's limit of iterations. Only EM's
 * limit is left out of the ids. */
static bool serves(const struct shard_fit *done, const struct plan_fit *fit)
{
    const struct fit_row *row = &done->row;
    const int64_t max_iter = fit->em.max_iter;
    if (fit->method != METHOD_em || done->max_iter == max_iter) return true;
    if (strcmp(row->status, outcome_names[OUTCOME_max_iter]) == 0) return false;
    if (max_iter > done->max_iter) return true;
    /* Under a smaller limit a start given up earlier might have been kept. */
    if (row->redraws > 0) return false;
    bool converged = strcmp(row->status, outcome_names[OUTCOME_converged]) == 0;
    return converged ? row->iterations <= max_iter : row->iterations < max_iter;
}

size_t shards_match(const struct shards *shards, const struct plan *plan, ptrdiff_t *place)
{
    size_t n_matched = 0;
    for (size_t i = 0; i < plan->n_fits; i++) {
        struct shard_fit key = {.max_iter = INT64_MAX, .log = SIZE_MAX, .offset = UINT64_MAX};
        memcpy(key.row.id, plan->fits[i].id, sizeof plan->fits[i].id);
        size_t low = 0, high = shards->n_fits;
        while (low < high) {
            size_t middle = (low + high) / 2;
            if (compare_fits(&shards->fits[middle], &key) < 0)
                low = middle + 1;
            else
                high = middle;
        }
        /* The key sorts behind every record of its id, so its record is the one before. */
        bool found = low > 0 && strcmp(shards->fits[low - 1].row.id, plan->fits[i].id) == 0;
        place[i] = -1;
        if (!found) continue;
        const struct shard_fit *done = &shards->fits[low - 1];
        if (serves(done, &plan->fits[i])) place[i] = (ptrdiff_t)low - 1;
        /* Ended at a smaller limit: known to the plan, to be computed again. */
        if (place[i] >= 0 || done->max_iter < plan->fits[i].em.max_iter) n_matched++;
    }
    return shards->n_fits - n_matched;
}
