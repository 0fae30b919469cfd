#include "rng.h"

/* Random123's headers are not written for our warning flags. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include <Random123/philox.h>
#pragma GCC diagnostic pop

uint64_t rng_name(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *c = text; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    return hash;
}

double rng_uniform(const struct rng_stream *stream, uint64_t index)
{
    philox4x64_ctr_t counter = {{index, stream->restart, stream->redraw, 0}};
    philox4x64_key_t key = {{stream->seed, stream->name}};
    philox4x64_ctr_t bits = philox4x64(counter, key);
    return (double)(bits.v[0] >> 11) * 0x1p-53;
}
