/* shards.h - the folder of a sweep: what the logs of all its shards say is finished. */
#ifndef GMMSWEEP_SHARDS_H
#define GMMSWEEP_SHARDS_H

#include "disk.h"
#include "plan.h"
#include "result.h"
#include "session.h"

/* What a sweep is; told by each session. */
struct identity {
    char *data_sha256;
    char *resolved;  /* the resolved config */
    char *given;     /* the config file as given */
    char *overrides; /* --set arguments, one a line */
    uint64_t n_fits; /* of its plan */
};

/* The log of one shard. */
struct shard_log {
    char *folder;           /* OUTPUT/shards/3-of-8 */
    char *path;             /* folder/log */
    size_t shard, n_shards; /* 3, 8 */
    size_t n_fits;          /* finished, records of one fit counted once each */
    size_t n_live;          /* begun and not finished by its latest session */
    size_t n_session_fits;  /* finished by its latest session */
    char started[32];       /* when that began, UTC; "" without one */
};

/* One finished fit: its row, and where in which log the rest stands. */
struct shard_fit {
    int64_t max_iter; /* the limit under which it was fitted */
    struct fit_row row;
    size_t log;
    uint64_t offset;
};

struct shards {
    size_t n_logs;
    struct shard_log *logs;   /* [n_logs] by number of shards, then shard */
    bool any;                 /* a sweep has been begun in this folder */
    struct identity identity; /* of the latest session */
    size_t n_sessions;
    struct session *sessions; /* [n_sessions] by their start */
    size_t n_fits;
    struct shard_fit *fits; /* [n_fits] one of each id: under the largest limit, then the latest */
};

/* out [DISK_PATH]: the folder of a shard (from 1). ERR_OUTPUT if the path is too long. */
enum status shards_folder(const char *output, size_t shard, size_t n_shards, char *out,
                          struct err *err);

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

#define SHARDS_CPUS 1024 /* room for names of CPUs */

/* On how many types of CPU sessions ran, which may differ in last bits: out [SHARDS_CPUS] names
 * them, as many as it holds. */
size_t shards_cpu_types(const struct shards *shards, char *out);

/* The payload of a LOG_IDENTITY record. */
void identity_pack(const struct identity *identity, struct pack *pack);

#endif
