#include "rng.h"

#include "check_util.h"
#include "ref.h"

#include <string.h>

/* Philox4x64-10 at three points: tests/kat_vectors of Random123 1.14. */
static const struct {
    uint64_t counter[4], key[2], out[4];
} known[] = {
    {{0, 0, 0, 0},
     {0, 0},
     {0x16554d9eca36314c, 0xdb20fe9d672d0fdc, 0xd7e772cee186176b, 0x7e68b68aec7ba23b}},
    {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
     {UINT64_MAX, UINT64_MAX},
     {0x87b092c3013fe90b, 0x438c3c67be8d0224, 0x9cc7d7c69cd777b6, 0xa09caebf594f0ba0}},
    {{0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89},
     {0x452821e638d01377, 0xbe5466cf34e90c6c},
     {0xa528f45403e61d95, 0x38c72dbd566e9788, 0xa5a1610e72fd18b5, 0x57bd43b5e52b7fe6}},
};

/* The twin is the Philox that its authors published. */
START_TEST(twin_equals_known_answers)
{
    uint64_t out[4];
    ref_philox(known[_i].counter, known[_i].key, out);
    ck_assert_mem_eq(out, known[_i].out, sizeof out);
}
END_TEST

/* rng.h's mapping: counter (index, restart, redraw, 0), key (seed, name), the top 53 bits. */
START_TEST(uniform_equals_twin)
{
    uint64_t rng = test_seed();
    for (int i = 0; i < 10000; i++) {
        const struct rng_stream stream = {test_bits(&rng), test_bits(&rng), test_below(&rng, 100),
                                          test_below(&rng, 6)};
        const uint64_t index = i % 2 == 0 ? test_below(&rng, 1000) : test_bits(&rng);
        const uint64_t counter[] = {index, stream.restart, stream.redraw, 0};
        const uint64_t key[] = {stream.seed, stream.name};
        uint64_t out[4];
        ref_philox(counter, key, out);
        if (rng_uniform(&stream, index) != ldexp((double)(out[0] >> 11), -53))
            ck_abort_msg("number %llu differs from Philox", (unsigned long long)index);
    }
    const struct rng_stream zero = {0};
    ck_assert(rng_uniform(&zero, 0) == ldexp((double)(known[0].out[0] >> 11), -53));
}
END_TEST

/* Names are hashed by FNV-1a: figures of its authors' test suite. */
START_TEST(name_equals_fnv)
{
    ck_assert_uint_eq(rng_name(""), 0xcbf29ce484222325u);
    ck_assert_uint_eq(rng_name("a"), 0xaf63dc4c8601ec8cu);
    ck_assert_uint_eq(rng_name("foobar"), 0x85944171f73967e8u);
}
END_TEST

enum { N_NUMBERS = 100000, N_BINS = 256, N_STREAMS = 6 };

/* Streams that differ from the first in one thing each. */
static void make_streams(struct rng_stream *streams)
{
    for (int i = 0; i < N_STREAMS; i++)
        streams[i] = (struct rng_stream){test_seed(), rng_name("points"), 0, 0};
    streams[1].seed++;
    streams[2].name = rng_name("kmeans++");
    streams[3].restart = 1;
    streams[4].redraw = 1;
    streams[5].restart = 1000000;
}

/* Numbers fill [0, 1) evenly, in each of several streams. */
START_TEST(numbers_are_uniform)
{
    struct rng_stream streams[N_STREAMS];
    make_streams(streams);
    for (int s = 0; s < N_STREAMS; s++) {
        double counts[N_BINS] = {0}, chi_square = 0;
        for (uint64_t i = 0; i < N_NUMBERS; i++)
            counts[(size_t)(rng_uniform(&streams[s], i) * N_BINS)]++;
        const double expected = (double)N_NUMBERS / N_BINS;
        for (int b = 0; b < N_BINS; b++)
            chi_square += (counts[b] - expected) * (counts[b] - expected) / expected;
        /* chi-square with 255 degrees of freedom: mean 255, deviation 22.6; 6 deviations */
        ck_close(chi_square, 255, 0, 6 * sqrt(2 * 255));
    }
}
END_TEST

/* Neighbouring streams and neighbouring numbers of one stream are not alike. */
START_TEST(streams_are_independent)
{
    struct rng_stream streams[N_STREAMS];
    make_streams(streams);
    for (int s = 0; s < N_STREAMS; s++) {
        double product = 0;
        for (uint64_t i = 0; i < N_NUMBERS; i++) {
            /* stream 0 against its own next number, and against the others' same number */
            const double a = rng_uniform(&streams[0], i);
            const double b = rng_uniform(&streams[s], s == 0 ? i + 1 : i);
            product += 12 * (a - 0.5) * (b - 0.5);
        }
        /* each term has mean 0 and deviation 1 if a and b are independent */
        ck_close(product, 0, 0, 6 * sqrt(N_NUMBERS));
    }
}
END_TEST

/* A pair of normals is the polar method of the next uniforms, libm's logarithm for ours. */
START_TEST(normals_equal_twin)
{
    uint64_t rng = test_seed();
    for (int i = 0; i < 10000; i++) {
        const struct rng_stream stream = {test_bits(&rng), rng_name("twin"), 0, 0};
        uint64_t index = 0;
        double normals[2], u, v, square;
        do {
            u = 2 * rng_uniform(&stream, index) - 1;
            v = 2 * rng_uniform(&stream, index + 1) - 1;
            square = u * u + v * v;
            index += 2;
        } while (square >= 1);
        ck_assert_uint_eq(rng_normals(&stream, 0, 2, normals), index);
        const double factor = sqrt(-2 * log(square) / square);
        /* both logarithms are within 2 ulp; near square = 1 that of the series is the closer one */
        ck_close(normals[0], u * factor, 1e-14, 0);
        ck_close(normals[1], v * factor, 1e-14, 0);
    }
}
END_TEST

/* Normals have the distribution: a bin for each 1/16 of its mass, with libm's erfc as the judge; an
 * odd number of them is the start of more. */
START_TEST(normals_are_normal)
{
    enum { BINS = 16 };
    static double normals[N_NUMBERS], fewer[N_NUMBERS - 1];
    struct rng_stream streams[N_STREAMS];
    double counts[BINS] = {0}, chi_square = 0;
    make_streams(streams);
    rng_normals(&streams[0], 0, N_NUMBERS, normals);
    rng_normals(&streams[0], 0, N_NUMBERS - 1, fewer);
    ck_assert_mem_eq(normals, fewer, sizeof fewer);
    for (size_t i = 0; i < N_NUMBERS; i++)
        counts[(size_t)(0.5 * erfc(-normals[i] * sqrt(0.5)) * BINS)]++;
    for (size_t b = 0; b < BINS; b++)
        chi_square += pow(counts[b] - N_NUMBERS / BINS, 2) / (N_NUMBERS / BINS);
    /* 15 degrees of freedom: mean 15, deviation 5.5; 6 deviations */
    ck_close(chi_square, 15, 0, 6 * sqrt(30));
}
END_TEST

static Suite *rng_suite(void)
{
    Suite *suite = suite_create("rng");
    TCase *rng = tcase_create("rng");
    tcase_add_loop_test(rng, twin_equals_known_answers, 0, sizeof known / sizeof *known);
    tcase_add_test(rng, uniform_equals_twin);
    tcase_add_test(rng, name_equals_fnv);
    tcase_add_test(rng, numbers_are_uniform);
    tcase_add_test(rng, streams_are_independent);
    tcase_add_test(rng, normals_equal_twin);
    tcase_add_test(rng, normals_are_normal);
    suite_add_tcase(suite, rng);
    return suite;
}

CHECK_MAIN(rng_suite)
