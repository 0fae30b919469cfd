/* fixture.h - rows, starts and fits for tests: from arrays, in one call, failing the test on any
 * error. Everything returned is to be released as its own header says. */
#ifndef GMMSWEEP_FIXTURE_H
#define GMMSWEEP_FIXTURE_H

#include "check_util.h"
#include "em.h"
#include "ref.h"

/* Fails the test with err's text unless `call`, which takes &err, returns OK. */
#define ck_ok(call)                                                                                \
    do {                                                                                           \
        struct err err = {OK, ""};                                                                 \
        const enum status status_ = (call);                                                        \
        ck_assert_msg(status_ == OK, "%s: %s", #call, err.text);                                   \
    } while (0)

/* ck_close for each of actual [n], expected [n], with one assertion in all: Check writes a record
 * for each that it meets. */
#define ck_all_close(n, actual, expected, rel, abs)                                                \
    do {                                                                                           \
        const double *actual_of = (actual), *expected_of = (expected);                             \
        size_t i_ = 0;                                                                             \
        while (i_ < (n) && test_is_close(actual_of[i_], expected_of[i_], (rel), (abs)))            \
            i_++;                                                                                  \
        ck_assert_msg(i_ == (n),                                                                   \
                      "%s[%zu] is %.17g, expected %s[%zu] = %.17g (off by %.3g; rel %g, abs %g)",  \
                      #actual, i_, actual_of[i_], #expected, i_, expected_of[i_],                  \
                      actual_of[i_] - expected_of[i_], (double)(rel), (double)(abs));              \
    } while (0)

/* Zeroed, 64-byte aligned, as kernels want it (release with free). */
double *fixture_doubles(size_t n);

/* x [N, D] of a mixture of n_clusters round clusters of deviation 1 whose means are uniform in a
 * box of side `side`, feature d multiplied by 1 + d % 3; label [N] (or NULL) is each row's cluster.
 */
void fixture_draw(uint64_t *rng, size_t n_clusters, double side, size_t n_rows, size_t n_features,
                  double *x, int32_t *label);

/* Rows from x [N, D], weights and labels (0 .. n_classes - 1) or NULL. */
struct rows *fixture_rows(const struct ref_data *data, const int32_t *label, size_t n_classes);

/* Rows of `data` in the units of the fitted rows `like`, as held-out ones are. */
struct rows *fixture_heldout(const struct ref_data *data, const struct rows *like);

/* An unweighted data set of random clusters with its rows. */
struct fixture {
    struct ref_data data;
    struct rows *rows;
    double *x;
};
struct fixture fixture_create(uint64_t *rng, size_t n_clusters, double side, size_t n_rows,
                              size_t n_features);
void fixture_destroy(struct fixture *fixture);

/* The defaults of the config: kmeans++. */
struct start_settings fixture_start_settings(size_t n_components);

/* An engine for all families. */
struct engine *fixture_engine(const struct rows *rows, int n_threads, size_t max_components);

/* The same, whose ticks end early once *stop is not 0. */
struct engine *fixture_engine_to_stop(const struct rows *rows, int n_threads, size_t max_components,
                                      const atomic_int *stop);

/* A finished start. */
struct start *fixture_start(const struct rows *rows, const struct start_settings *settings,
                            int n_threads);

/* One fit to be run: what it is and where it starts. */
struct fixture_fit {
    struct em_settings em;
    struct start_settings start; /* of its first draw and trial */
    const struct rows *heldout;  /* or NULL */
};

/* One with the defaults of the config. */
struct fixture_fit fixture_fit_settings(enum family_id family, size_t n_components);

/* A fit on its way: em from em_create, start NULL at first. */
struct fixture_run {
    struct em *em;
    struct start *start;
};

/* Gives the fit its start if it waits for one that is done, and lists what is to be ticked next: 0
 * or 1 tasks, 0 too when it is done or has given its start up at once. */
size_t fixture_next(const struct rows *rows, const struct fixture_fit *fit,
                    struct fixture_run *running, struct task **task);

/* Runs fits [n], all of them in each tick, to their ends: em [n]. */
void fixture_fit_all(const struct rows *rows, const struct fixture_fit *fits, size_t n,
                     int n_threads, struct em **em);

/* Runs one on one thread. */
struct em *fixture_fit(const struct rows *rows, const struct fixture_fit *fit);

/* The same fit from a given model in the units of `rows`, as `init: file` does. */
struct em *fixture_fit_from(const struct rows *rows, const struct fixture_fit *fit,
                            const struct model *model);

/* A model in the units of `rows` as a mixture in the user's. */
struct ref_mixture *fixture_mixture(const struct rows *rows, const struct model *model);

/* means [K, D] of a start or model in the user's units (release with free). */
double *fixture_user_means(const struct rows *rows, size_t n_components, const double *means);

#endif
