/* digest.h - SHA-256 over pieces, always in the same byte order.
 *
 * The functions that add bytes do not report: a failure is kept and comes out of digest_finish.
 */
#ifndef GMMSWEEP_DIGEST_H
#define GMMSWEEP_DIGEST_H

#include "err.h"

#include <stdint.h>

enum { DIGEST_HEX = 65 }; /* 64 hexadecimal digits and the final NUL */

struct digest;

/* Returns OK and *out (release with digest_destroy), or ERR_INTERNAL; *out is then NULL. */
enum status digest_create(struct digest **out, struct err *err);

void digest_update(struct digest *digest, const void *bytes, size_t n);

/* 8 bytes, little-endian. */
void digest_u64(struct digest *digest, uint64_t value);

/* `values` [n] as little-endian float64, -0 as +0. */
void digest_doubles(struct digest *digest, const double *values, size_t n);

/* The length as u64, then the bytes: texts in a row cannot run into each other. */
void digest_text(struct digest *digest, const char *text);

/* The digest of all that was added; nothing can be added after it. Returns OK and `hex`, or
 * ERR_INTERNAL; `hex` is then "". */
enum status digest_finish(struct digest *digest, char hex[DIGEST_HEX], struct err *err);

void digest_destroy(struct digest **digest);

#endif
