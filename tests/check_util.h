/* check_util.h - what every tests/check_*.c shares: a comparison of doubles, a small seeded
 * generator for test data, and a main.
 *
 * A test file includes this header, writes its tests and a function that makes the suite, and ends
 * with CHECK_MAIN(that function). The Makefile finds tests/check_*.c by itself. Set CK_FORK=no to
 * debug, CK_RUN_CASE=name to run one case, CHECK_SEED=number for other random data.
 */
#ifndef GMMSWEEP_CHECK_UTIL_H
#define GMMSWEEP_CHECK_UTIL_H

#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Whether |actual - expected| <= abs + rel |expected|. An infinity is close to itself
 * only, NaN to nothing. */
static inline bool test_is_close(double actual, double expected, double rel, double abs)
{
    if (actual == expected) return true;
    return isfinite(expected) && fabs(actual - expected) <= abs + rel * fabs(expected);
}

/* Fails, printing both values, unless test_is_close. Say at the call why rel and abs are enough. */
#define ck_close(actual, expected, rel, abs)                                                       \
    do {                                                                                           \
        const double actual_ = (actual), expected_ = (expected);                                   \
        ck_assert_msg(test_is_close(actual_, expected_, (rel), (abs)),                             \
                      "%s is %.17g, expected %s = %.17g (off by %.3g; rel %g, abs %g)", #actual,   \
                      actual_, #expected, expected_, actual_ - expected_, (double)(rel),           \
                      (double)(abs));                                                              \
    } while (0)

/* The seed of this run: CHECK_SEED, else 1. */
static inline uint64_t test_seed(void)
{
    const char *text = getenv("CHECK_SEED");
    return text != NULL ? strtoull(text, NULL, 10) : 1;
}

/* The next 64 random bits; *state is the generator, start it from test_seed().
 * SplitMix64 (Steele, Lea & Flood 2014, fig. 17). */
static inline uint64_t test_bits(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Uniform in 0 .. n-1. */
static inline size_t test_below(uint64_t *state, size_t n)
{
    return (size_t)(test_bits(state) % n);
}

/* Uniform in [0, 1). */
static inline double test_uniform(uint64_t *state)
{
    return (double)(test_bits(state) >> 11) * 0x1p-53;
}

/* Standard normal (Box & Muller 1958). */
static inline double test_normal(uint64_t *state)
{
    const double two_pi = 6.283185307179586;
    const double radius = sqrt(-2 * log(1 - test_uniform(state)));
    return radius * cos(two_pi * test_uniform(state));
}

/* Runs the suite in the order of its tests; exit status 0 if all pass and there is at least one.
 * Check's default limit of 4 s a test is too short under sanitizers and valgrind. */
static inline int test_run(Suite *(*make_suite)(void))
{
    setenv("CK_DEFAULT_TIMEOUT", "60", 0);
    printf("seed %llu\n", (unsigned long long)test_seed());
    fflush(stdout); /* the tests are forked */
    SRunner *runner = srunner_create(make_suite());
    srunner_run_all(runner, CK_ENV);
    const bool passed = srunner_ntests_failed(runner) == 0 && srunner_ntests_run(runner) > 0;
    srunner_free(runner);
    return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define CHECK_MAIN(suite_function)                                                                 \
    int main(void)                                                                                 \
    {                                                                                              \
        return test_run(suite_function);                                                           \
    }

#endif
