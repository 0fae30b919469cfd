/* pack.h - numbers and texts to bytes and back, little-endian, for the records of log.h.
 *
 * Neither side reports at each step: a failure is kept and asked for once at the end. */
#ifndef GMMSWEEP_PACK_H
#define GMMSWEEP_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pack {
    unsigned char *bytes; /* to be freed */
    size_t n, capacity;
    bool failed; /* memory ran out; what came after is missing */
};

void pack_u64(struct pack *pack, uint64_t value);
void pack_double(struct pack *pack, double value);
void pack_doubles(struct pack *pack, const double *values, size_t n);
void pack_text(struct pack *pack, const char *text);

struct unpack {
    const unsigned char *bytes;
    size_t n, at;
    bool failed;    /* the bytes ended early, or no_memory; values after that are 0 */
    bool no_memory; /* for a copy of a text */
};

uint64_t unpack_u64(struct unpack *unpack);
double unpack_double(struct unpack *unpack);
void unpack_doubles(struct unpack *unpack, double *values, size_t n);

/* Copies a text of less than `size` bytes to out [size]; a longer one fails. */
void unpack_text(struct unpack *unpack, char *out, size_t size);

/* A copy to be freed; NULL when failed. */
char *unpack_text_copy(struct unpack *unpack);

#endif
