#include "fixture.h"

#include "kernels.h"

#include <string.h>

double *fixture_doubles(size_t n)
{
    double *values = NULL;
    ck_ok(err_alloc(n, sizeof *values, "test", &values, &err));
    return values;
}

void fixture_draw(uint64_t *rng, size_t n_clusters, double side, size_t n_rows, size_t n_features,
                  double *x, int32_t *label)
{
    double *means = fixture_doubles(n_clusters * n_features);
    for (size_t i = 0; i < n_clusters * n_features; i++)
        means[i] = side * test_uniform(rng);
    for (size_t n = 0; n < n_rows; n++) {
        const size_t k = test_below(rng, n_clusters);
        if (label != NULL) label[n] = (int32_t)k;
        for (size_t d = 0; d < n_features; d++)
            x[n * n_features + d] =
                (means[k * n_features + d] + test_normal(rng)) * (double)(1 + d % 3);
    }
    free(means);
}

/* Rows need nothing else of a data set, and only read it. */
static struct data data_of(const struct ref_data *data, const int32_t *label, size_t n_classes)
{
    return (struct data){.n_rows = data->n_rows,
                         .n_features = data->n_features,
                         .x = (double *)data->x,
                         .weight = (double *)data->weight,
                         .label = (int32_t *)label,
                         .n_classes = n_classes};
}

struct rows *fixture_rows(const struct ref_data *data, const int32_t *label, size_t n_classes)
{
    struct rows *rows = NULL;
    const struct data prepared = data_of(data, label, n_classes);
    ck_ok(rows_create(&prepared, &rows, &err));
    ck_ok(rows_add_covariance(rows, 1, &err));
    return rows;
}

struct rows *fixture_heldout(const struct ref_data *data, const struct rows *like)
{
    struct rows *rows = NULL;
    struct data prepared = data_of(data, NULL, 0);
    prepared.heldout = malloc(data->n_rows);
    memset(prepared.heldout, true, data->n_rows);
    ck_ok(rows_create_heldout(&prepared, like, &rows, &err));
    free(prepared.heldout);
    return rows;
}

struct fixture fixture_create(uint64_t *rng, size_t n_clusters, double side, size_t n_rows,
                              size_t n_features)
{
    struct fixture fixture = {.x = fixture_doubles(n_rows * n_features)};
    fixture_draw(rng, n_clusters, side, n_rows, n_features, fixture.x, NULL);
    fixture.data = (struct ref_data){n_rows, n_features, fixture.x, NULL};
    fixture.rows = fixture_rows(&fixture.data, NULL, 0);
    return fixture;
}

void fixture_destroy(struct fixture *fixture)
{
    rows_destroy(&fixture->rows);
    free(fixture->x);
}

struct start_settings fixture_start_settings(size_t n_components)
{
    return (struct start_settings){.seed = test_seed(),
                                   .max_iter = 100,
                                   .tol = 1e-4,
                                   .init = INIT_kmeanspp,
                                   .n_components = n_components};
}

struct fixture_fit fixture_fit_settings(enum family_id family, size_t n_components)
{
    return (struct fixture_fit){.em = {.family = family,
                                       .n_components = n_components,
                                       .max_iter = 500,
                                       .tol = 1e-6,
                                       .criterion = CRITERION_mean,
                                       .mixing = MIXING_free,
                                       .reg = {.floor = 1e-6},
                                       .redraws = 5,
                                       .may_redraw = n_components > 1},
                                .start = fixture_start_settings(n_components)};
}

struct engine *fixture_engine(const struct rows *rows, int n_threads, size_t max_components)
{
    static const atomic_int never;
    return fixture_engine_to_stop(rows, n_threads, max_components, &never);
}

struct engine *fixture_engine_to_stop(const struct rows *rows, int n_threads, size_t max_components,
                                      const atomic_int *stop)
{
    struct engine *engine = NULL;
    size_t family_work = 0;
    kernels_lapack_init();
    for (int family = 0; family < N_FAMILIES; family++) {
        struct em_settings settings =
            fixture_fit_settings((enum family_id)family, max_components).em;
        for (int kernel = KERNEL_fast; kernel <= KERNEL_reference; kernel++) {
            settings.kernel = (enum kernel)kernel;
            const size_t wanted = em_family_work(&settings, rows->n_features);
            if (wanted > family_work) family_work = wanted;
        }
    }
    ck_ok(engine_create(rows, n_threads, max_components, family_work, stop, &engine, &err));
    return engine;
}

struct start *fixture_start(const struct rows *rows, const struct start_settings *settings,
                            int n_threads)
{
    struct start *start = NULL;
    struct engine *engine = fixture_engine(rows, n_threads, settings->n_components);
    ck_ok(start_create(rows, settings, &start, &err));
    while (!start->done) {
        struct task *task = &start->task;
        engine_tick(engine, &task, 1);
    }
    engine_destroy(&engine);
    return start;
}

size_t fixture_next(const struct rows *rows, const struct fixture_fit *fit,
                    struct fixture_run *running, struct task **task)
{
    struct em *em = running->em;
    struct start_settings settings = fit->start;
    settings.redraw += em->redraw;
    settings.trial += em->trial;
    if (em->phase == EM_WANTS_START) {
        const struct start *start = running->start;
        if (start != NULL &&
            (start->settings.redraw != settings.redraw || start->settings.trial != settings.trial))
            start_destroy(&running->start);
        if (running->start == NULL) ck_ok(start_create(rows, &settings, &running->start, &err));
        if (running->start->done) em_begin(em, running->start);
    }
    ck_ok(em_prepare(em, &err));
    if (em->phase == EM_DONE) return 0;
    if (em->phase != EM_WANTS_START)
        *task = &em->task;
    else if (!running->start->done)
        *task = &running->start->task;
    else
        return 0; /* gave its start up at once; asks for another next time */
    return 1;
}

static bool all_done(const struct fixture_run *running, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (running[i].em->phase != EM_DONE) return false;
    return true;
}

void fixture_fit_all(const struct rows *rows, const struct fixture_fit *fits, size_t n,
                     int n_threads, struct em **em)
{
    struct fixture_run *running = calloc(n, sizeof *running);
    struct task **tasks = calloc(n, sizeof *tasks);
    size_t max_components = 1;
    for (size_t i = 0; i < n; i++) {
        ck_ok(em_create(rows, fits[i].heldout, &fits[i].em, &running[i].em, &err));
        if (fits[i].em.n_components > max_components) max_components = fits[i].em.n_components;
    }
    struct engine *engine = fixture_engine(rows, n_threads, max_components);
    while (!all_done(running, n)) {
        size_t n_tasks = 0;
        for (size_t i = 0; i < n; i++)
            n_tasks += fixture_next(rows, &fits[i], &running[i], &tasks[n_tasks]);
        engine_tick(engine, tasks, n_tasks);
    }
    for (size_t i = 0; i < n; i++) {
        em[i] = running[i].em;
        start_destroy(&running[i].start);
    }
    engine_destroy(&engine);
    free(tasks);
    free(running);
}

struct em *fixture_fit(const struct rows *rows, const struct fixture_fit *fit)
{
    struct em *em;
    fixture_fit_all(rows, fit, 1, 1, &em);
    return em;
}

struct em *fixture_fit_from(const struct rows *rows, const struct fixture_fit *fit,
                            const struct model *model)
{
    struct fixture_fit from = *fit;
    from.start.init = INIT_file;
    from.start.given = model;
    from.em.may_redraw = false;
    return fixture_fit(rows, &from);
}

/* Element (i, j) of component k's covariance in the user's units. */
static long double covariance_at(const struct rows *rows, const struct model *model, size_t k,
                                 size_t i, size_t j)
{
    const size_t n = model->n_features;
    const int exponent = rows->exponent[i] + rows->exponent[j];
    switch (model->family) {
    case FAMILY_spherical:
        return i == j ? ldexpl(model->covariances[k], 2 * rows->max_exponent) : 0;
    case FAMILY_diag:
        return i == j ? ldexpl(model->covariances[k * n + i], exponent) : 0;
    case FAMILY_tied:
        return ldexpl(model->covariances[i * n + j], exponent);
    case FAMILY_full:
        return ldexpl(model->covariances[(k * n + i) * n + j], exponent);
    case N_FAMILIES:
        break;
    }
    return NAN;
}

struct ref_mixture *fixture_mixture(const struct rows *rows, const struct model *model)
{
    const size_t n = model->n_features;
    struct ref_mixture *mixture = ref_mixture_create(model->n_components, n);
    for (size_t k = 0; k < model->n_components; k++) {
        mixture->weights[k] = model->weights[k];
        for (size_t d = 0; d < n; d++)
            mixture->means[k * n + d] =
                rows->centre[d] + ldexpl(model->means[k * n + d], rows->exponent[d]);
        for (size_t i = 0; i < n * n; i++)
            mixture->covariances[k * n * n + i] = covariance_at(rows, model, k, i / n, i % n);
    }
    return mixture;
}

double *fixture_user_means(const struct rows *rows, size_t n_components, const double *means)
{
    double *user = fixture_doubles(n_components * rows->n_features);
    for (size_t i = 0; i < n_components * rows->n_features; i++) {
        const size_t d = i % rows->n_features;
        user[i] = rows->centre[d] + ldexp(means[i], rows->exponent[d]);
    }
    return user;
}
