#include "rng.h"

#include <math.h>

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

/* The natural logarithm of x in (0, 1), within 2 ulp; libm's differs between CPUs. With m in
 * [sqrt(1/2), sqrt(2)): log m = 2 artanh((m - 1) / (m + 1)), whose series ends below 2^-54. */
static double natural_log(double x)
{
    enum { TERMS = 11 };
    const double ln2 = 0x1.62e42fefa39efp-1;
    int exponent;
    double m = frexp(x, &exponent);
    if (m < sqrt(0.5)) {
        m *= 2.0;
        exponent--;
    }
    const double s = (m - 1.0) / (m + 1.0);
    double sum = 0.0;
    for (int i = TERMS; i >= 0; i--)
        sum = sum * (s * s) + 1.0 / (2.0 * i + 1.0);
    return 2.0 * s * sum + ln2 * exponent;
}

uint64_t rng_normals(const struct rng_stream *stream, uint64_t index, size_t n, double *out)
{
    for (size_t i = 0; i < n; i += 2) {
        double u, v, square;
        do {
            u = 2.0 * rng_uniform(stream, index++) - 1.0;
            v = 2.0 * rng_uniform(stream, index++) - 1.0;
            square = u * u + v * v;
        } while (square >= 1.0 || square == 0.0);
        const double factor = sqrt(-2.0 * natural_log(square) / square);
        out[i] = u * factor;
        if (i + 1 < n) out[i + 1] = v * factor;
    }
    return index;
}
