#include "shards.h"

#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LOG_FORMAT 1

/* --- the folder --- */

static enum status make_folders(const char *path, struct err *err)
{
    char part[4096];
    snprintf(part, sizeof part, "%s", path);
    for (char *at = part + 1;; at++) {
        if (*at != '/' && *at != '\0') continue;
        const char keep = *at;
        *at = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return err_set(err, ERR_OUTPUT, "%s: cannot make the folder %s: %s", path, part,
                           strerror(errno));
        if (keep == '\0') return OK;
        *at = keep;
    }
}

static enum status path_under(const char *output, const char *name, char out[4096], struct err *err)
{
    if ((size_t)snprintf(out, 4096, "%s/%s", output, name) >= 4096)
        return err_set(err, ERR_OUTPUT, "%s: the path is too long", output);
    return OK;
}

enum status shards_prepare(const char *output, struct err *err)
{
    enum status rc = OK;
    char folder[4096];
    TRY(path_under(output, "shards/1-of-1", folder, err));
    TRY(make_folders(folder, err));
done:
    return rc;
}

/* --- reading --- */

void identity_pack(const char *data_sha256, const char *resolved, size_t n_fits, struct pack *pack)
{
    pack_u64(pack, LOG_FORMAT);
    pack_text(pack, data_sha256);
    pack_text(pack, resolved);
    pack_u64(pack, n_fits);
}

static void identity_free(struct identity *identity)
{
    free(identity->data_sha256);
    free(identity->resolved);
    *identity = (struct identity){0};
}

static enum status take_identity(struct shards *shards, struct unpack *payload, struct err *err)
{
    uint64_t format = unpack_u64(payload);
    if (format != LOG_FORMAT)
        return err_set(err, ERR_DATA, "%s: log format %llu, expected %d: made by another version",
                       shards->log_path, (unsigned long long)format, LOG_FORMAT);
    identity_free(&shards->identity);
    shards->identity.data_sha256 = unpack_text_copy(payload);
    shards->identity.resolved = unpack_text_copy(payload);
    shards->identity.n_fits = unpack_u64(payload);
    shards->any = true;
    return OK;
}

/* Memory for one element more of an array of `size` bytes each, which grows by doubling. */
static enum status grow(void *array, size_t n, size_t size, struct err *err)
{
    void *old, *grown;
    memcpy(&old, array, sizeof old);
    if (n > 0 && (n < 16 || (n & (n - 1)) != 0)) return OK; /* not at a power of two from 16 */
    grown = realloc(old, (n < 16 ? 16 : 2 * n) * size);
    if (grown == NULL)
        return err_set(err, ERR_INTERNAL, "out of memory for %zu records of a log", n + 1);
    memcpy(array, &grown, sizeof grown);
    return OK;
}

static enum status take_session(struct shards *shards, struct unpack *payload, struct err *err)
{
    enum status rc = grow(&shards->sessions, shards->n_sessions, sizeof *shards->sessions, err);
    if (rc == OK) session_unpack(&shards->sessions[shards->n_sessions++], payload);
    return rc;
}

static enum status take_fit(struct shards *shards, struct unpack *payload, uint64_t offset,
                            struct err *err)
{
    enum status rc = grow(&shards->fits, shards->n_fits, sizeof *shards->fits, err);
    if (rc != OK) return rc;
    struct shard_fit *fit = &shards->fits[shards->n_fits++];
    fit->max_iter = (int64_t)unpack_u64(payload);
    fit_row_unpack(&fit->row, payload);
    fit->offset = offset;
    return OK;
}

static enum status take_record(void *context, enum log_type type, struct unpack *payload,
                               uint64_t offset, struct err *err)
{
    enum status rc = OK;
    struct shards *shards = context;
    switch (type) {
    case LOG_IDENTITY:
        rc = take_identity(shards, payload, err);
        break;
    case LOG_SESSION:
        rc = take_session(shards, payload, err);
        break;
    case LOG_FINISHED:
        rc = take_fit(shards, payload, offset, err);
        break;
    }
    if (rc == OK && payload->failed)
        rc = err_set(err, ERR_DATA, "%s: the record at byte %llu is shorter than its kind",
                     shards->log_path, (unsigned long long)offset);
    return rc;
}

static int compare_fits(const void *a, const void *b)
{
    const struct shard_fit *p = a, *q = b;
    int order = strcmp(p->row.id, q->row.id);
    if (order != 0) return order;
    return p->offset < q->offset ? -1 : p->offset > q->offset;
}

/* Sorts by id; of several records of one id the latest stays. */
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
}

enum status shards_read(const char *output, struct shards **out, struct err *err)
{
    enum status rc = OK;
    struct shards *shards = NULL;
    *out = NULL;
    TRY_ALLOC(shards, 1, err);
    TRY(path_under(output, "shards/1-of-1/log", shards->log_path, err));
    TRY(log_scan(shards->log_path, take_record, shards, err));
    keep_latest(shards);
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
    *out = NULL;
    TRY(log_read(shards->log_path, shards->fits[fit].offset, &payload, err));
    struct unpack reader = {.bytes = payload.bytes, .n = payload.n};
    TRY(result_unpack(&reader, out, err));
done:
    free(payload.bytes);
    return rc;
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
        struct shard_fit key = {.offset = UINT64_MAX};
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
