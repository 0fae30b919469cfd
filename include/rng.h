/* rng.h - counter-based random numbers: no state, so nothing to save and no order to keep.
 *
 * Philox4x64-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), from the
 * Random123 library. The key is (sweep seed, initialiser's name); the counter is (index,
 * restart, redraw). A number depends on these five and on nothing else: not on K, family,
 * thread, shard or what else is in the sweep.
 */
#ifndef GMMSWEEP_RNG_H
#define GMMSWEEP_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng_stream {
    uint64_t seed;
    uint64_t name; /* rng_name of the initialiser */
    uint64_t restart;
    uint64_t redraw;
};

/* A 64-bit number for a name (FNV-1a), so that tables of names may be reordered. */
uint64_t rng_name(const char *text);

/* The index-th number of the stream, uniform in [0, 1) with 53 bits. */
double rng_uniform(const struct rng_stream *stream, uint64_t index);

/* out [n]: numbers of the standard normal distribution, from the stream's numbers at `index` on;
 * the next unused index is returned. By the polar method (Marsaglia & Bray 1964), in operations
 * that IEEE 754 rounds exactly, so that they are the same on every machine. */
uint64_t rng_normals(const struct rng_stream *stream, uint64_t index, size_t n, double *out);

#endif
