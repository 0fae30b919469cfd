/* content.h - the bytes of a data file, inflated if it is gzip, never more than are allowed. */
#ifndef GMMSWEEP_CONTENT_H
#define GMMSWEEP_CONTENT_H

#include "err.h"

enum {
    DEFLATE_RATIO = 1032 /* the most bytes that one deflated byte gives (zlib, "Technical
                            details") */
};

/* Reads the regular file at `path`, of which at most `limit` bytes (inflated) are kept.
 * `promise` says what size content that starts with bytes [n] (n > 0) must have, SIZE_MAX while
 * that is not known; reading may end at the first byte beyond it. NULL: all is read.
 * Returns OK, *bytes [*n + 1] (release with free; the last is a NUL) and *n > 0; ERR_DATA for a
 * file that is missing, unreadable, no regular file, empty or broken gzip; ERR_CONFIG for content
 * over `limit`; ERR_INTERNAL without memory. *bytes is then NULL. */
enum status content_read(const char *path, size_t limit,
                         size_t (*promise)(const unsigned char *bytes, size_t n),
                         unsigned char **bytes, size_t *n, struct err *err);

#endif
