/* shards.h - the folder of a sweep: what its logs say is finished. */
#ifndef GMMSWEEP_SHARDS_H
#define GMMSWEEP_SHARDS_H

#include "plan.h"
#include "result.h"
#include "session.h"

/* What a sweep is; the first record of each session. */
struct identity {
    char *data_sha256;
    char *resolved;  /* the resolved config */
    uint64_t n_fits; /* of its plan */
};

/* One finished fit: its row, and where in which log the rest stands. */
struct shard_fit {
    int64_t max_iter; /* the limit under which it was fitted */
    struct fit_row row;
    uint64_t offset;
};

struct shards {
    char log_path[4096];
    bool any;                 /* a sweep has been begun in this folder */
    struct identity identity; /* of the latest session */
    size_t n_sessions;
    struct session *sessions; /* [n_sessions] */
    size_t n_fits;
    struct shard_fit *fits; /* [n_fits] the latest record of each id */
};

/* Makes the folder `output`/shards/1-of-1 as needed. ERR_OUTPUT with path and cause. */
enum status shards_prepare(const char *output, struct err *err);

/* Reads what the logs under the folder `output` hold; an empty or missing folder holds nothing.
 * ERR_DATA if a log cannot be read; *out is then NULL. */
enum status shards_read(const char *output, struct shards **out, struct err *err);

void shards_destroy(struct shards **shards);

/* Reads a finished fit whole. */
enum status shards_result(const struct shards *shards, size_t fit, struct result **out,
                          struct err *err);

/* For each fit of `plan` the place of its finished record in shards->fits, or -1: place
 * [n_fits]. A fit that ended at another max_iter than the plan's does not count unless it
 * would have ended the same way. Returns how many finished fits serve no fit of the plan. */
size_t shards_match(const struct shards *shards, const struct plan *plan, ptrdiff_t *place);

/* The payload of a LOG_IDENTITY record. */
void identity_pack(const char *data_sha256, const char *resolved, size_t n_fits, struct pack *pack);

#endif
