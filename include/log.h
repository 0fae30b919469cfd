/* log.h - a shard's log: the truth about what is finished. Append-only, one writer. Checkpoints are
 * files of the same kind.
 *
 * A record is: magic u32, type u32, length u64, payload, CRC-32 of all that u32; little-endian.
 * A record counts once it is whole; what a crash left behind the last whole record is cut off
 * when the log is next opened for appending.
 */
#ifndef GMMSWEEP_LOG_H
#define GMMSWEEP_LOG_H

#include "err.h"
#include "pack.h"

#include <stdint.h>

#define LOG_SYNC_S 5.0 /* longest that a finished fit may be unsafe; the promise is 10 s */

enum log_type {
    LOG_IDENTITY = 1,   /* what the sweep is: formats, data, resolved config */
    LOG_SESSION = 2,    /* who ran it, where, with what */
    LOG_FINISHED = 3,   /* one finished fit */
    LOG_STARTED = 4,    /* a fit goes live */
    LOG_CHECKPOINT = 5, /* the first record of a checkpoint (see checkpoint.h) */
    LOG_RUNNING = 6     /* the state of a live fit, in a checkpoint */
};

struct log;

/* Opens the log at `path` for appending, made if missing. ERR_OUTPUT with path and cause. */
enum status log_open(const char *path, struct log **out, struct err *err);

/* The same with an empty log, whatever was at `path`. */
enum status log_create(const char *path, struct log **out, struct err *err);

/* Appends a record and syncs it if the last sync is LOG_SYNC_S ago. ERR_OUTPUT; what had been
 * appended before stays readable. */
enum status log_append(struct log *log, enum log_type type, const struct pack *payload,
                       struct err *err);

/* Where the next record will begin. */
uint64_t log_end(const struct log *log);

/* Syncs what is older than LOG_SYNC_S, or all of it if `all`. */
enum status log_sync(struct log *log, bool all, struct err *err);

/* Syncs and closes; *log is NULL afterwards either way. Accepts NULL. */
enum status log_close(struct log **log, struct err *err);

/* What log_scan hands over: `payload` lives until the visitor returns. */
typedef enum status log_visitor(void *context, enum log_type type, struct unpack *payload,
                                uint64_t offset, struct err *err);

/* Visits the whole records of the log at `path` in order. A missing log has none. ERR_DATA if it
 * cannot be read or a visitor fails. */
enum status log_scan(const char *path, log_visitor *visit, void *context, struct err *err);

/* Reads the record at `offset` that log_scan told: *payload to be freed by its `bytes`. */
enum status log_read(const char *path, uint64_t offset, struct pack *payload, struct err *err);

#endif
