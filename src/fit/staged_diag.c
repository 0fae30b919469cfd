/* staged_diag.c - distances of diagonal covariances that end early.
 *
 * By the features that vary most, the head, all components are compared as kernels_distance does
 * it, eight rows in a vector. What is left of a row differs from its neighbour's: there rows are
 * taken one by one, eight features in a vector, first with the component that won last time. */
#include "staged.h"

#include "kernels.h"

#include <math.h>
#include <string.h>

/* Of few components the head and turning the rows round take as long as all of it. */
enum { LEAST_COMPONENTS = 20, LEAST_FEATURES = 64 };

bool staged_diag_pays(size_t n_components, size_t n_features)
{
    return n_components >= LEAST_COMPONENTS && n_features >= LEAST_FEATURES;
}

static size_t head_of(size_t n_features)
{
    return n_features * 2 / 5;
}

/* Where scale and shift [K, head] and [K, tail] begin. */
struct parts {
    size_t head, n_tail, tail;
    double *head_scale, *head_shift, *tail_scale, *tail_shift;
};

static struct parts parts_of(size_t n_components, size_t n_features, const double *arranged)
{
    struct parts parts = {.head = head_of(n_features), .head_scale = (double *)arranged};
    parts.n_tail = n_features - parts.head;
    parts.tail = kernels_padded(parts.n_tail);
    parts.head_shift = parts.head_scale + n_components * parts.head;
    parts.tail_scale = parts.head_shift + n_components * parts.head;
    parts.tail_shift = parts.tail_scale + n_components * parts.tail;
    return parts;
}

size_t staged_diag_arranged(size_t n_components, size_t n_features)
{
    const size_t head = head_of(n_features);
    return 2 * n_components * (head + kernels_padded(n_features - head));
}

void staged_diag_arrange(size_t n_components, size_t n_features, const size_t *order, size_t k,
                         const double *scale, const double *shift, double *arranged)
{
    const struct parts parts = parts_of(n_components, n_features, arranged);
    for (size_t i = 0; i < parts.head; i++) {
        parts.head_scale[k * parts.head + i] = scale[order[i]];
        parts.head_shift[k * parts.head + i] = shift[order[i]];
    }
    for (size_t i = 0; i < parts.tail; i++) {
        const bool any = i < parts.n_tail;
        parts.tail_scale[k * parts.tail + i] = any ? scale[order[parts.head + i]] : 0.0;
        parts.tail_shift[k * parts.tail + i] = any ? shift[order[parts.head + i]] : 0.0;
    }
}

/* The rows of each component: row [ROWS_CHUNK], component k's from first[k] to first[k + 1]. */
struct groups {
    unsigned char row[ROWS_CHUNK];
    size_t *first; /* [K + 1] */
};

static void group(const int32_t *component, size_t n_components, struct groups *groups)
{
    size_t *first = groups->first;
    memset(first, 0, (n_components + 1) * sizeof *first);
    for (size_t n = 0; n < ROWS_CHUNK; n++)
        first[component[n]]++;
    for (size_t k = 1; k <= n_components; k++)
        first[k] += first[k - 1];
    for (size_t n = ROWS_CHUNK; n-- > 0;)
        groups->row[--first[component[n]]] = (unsigned char)n;
}

size_t staged_diag_work(size_t n_components, size_t n_features)
{
    return ROWS_CHUNK * kernels_padded(n_features - head_of(n_features)) + n_components + 1;
}

/* The best components of the rows so far, and what others need not fall short of. */
struct bests {
    const struct bound *bound;
    double joint[ROWS_CHUNK], lowest[ROWS_CHUNK];
};

static void set_best(struct bests *bests, size_t n, size_t k, double joint)
{
    bests->joint[n] = joint;
    bests->lowest[n] = staged_lowest(joint, bests->bound->least);
    bests->bound->winner[n] = (int32_t)k;
}

/* From the head to the whole distance of n_rows rows to component k. */
static void complete(const struct parts *parts, size_t k, const double *tail, size_t n_rows,
                     const unsigned char *row, double *distance)
{
    kernels_finish(parts->n_tail, tail, parts->tail_scale + k * parts->tail,
                   parts->tail_shift + k * parts->tail, n_rows, row, distance + k * ROWS_CHUNK);
}

void staged_diag_distance(size_t n_components, size_t n_features, const double *y,
                          const size_t *order, const double *arranged, const struct bound *bound,
                          double *distance, double *work)
{
    const struct parts parts = parts_of(n_components, n_features, arranged);
    double *tail = work, own[ROWS_CHUNK];
    struct groups groups = {.first = (size_t *)(void *)(tail + ROWS_CHUNK * parts.tail)};
    struct bests bests = {.bound = bound};
    int32_t guess[ROWS_CHUNK];
    memcpy(guess, bound->winner, sizeof guess);
    group(guess, n_components, &groups);
    kernels_head(n_features, y, order, parts.head, n_components, parts.head_scale, parts.head_shift,
                 distance);
    kernels_tails(n_features, y, order + parts.head, parts.n_tail, tail);
    for (size_t k = 0; k < n_components; k++) {
        const size_t n_rows = groups.first[k + 1] - groups.first[k];
        complete(&parts, k, tail, n_rows, groups.row + groups.first[k], distance);
    }
    for (size_t n = 0; n < ROWS_CHUNK; n++) { /* the guessed one has run */
        double *guessed = distance + (size_t)guess[n] * ROWS_CHUNK + n;
        set_best(&bests, n, (size_t)guess[n], bound->constant[guess[n]] - 0.5 * *guessed);
        own[n] = *guessed;
        *guessed = HUGE_VAL;
    }
    for (size_t k = 0; k < n_components; k++) {
        unsigned char row[ROWS_CHUNK];
        double *d = distance + k * ROWS_CHUNK;
        const size_t n_rows = kernels_near(bound->constant[k], bests.lowest, d, row);
        complete(&parts, k, tail, n_rows, row, distance);
        for (size_t i = 0; i < n_rows; i++) {
            const double joint = bound->constant[k] - 0.5 * d[row[i]];
            if (joint > bests.joint[row[i]]) set_best(&bests, row[i], k, joint);
        }
    }
    for (size_t n = 0; n < ROWS_CHUNK; n++)
        distance[(size_t)guess[n] * ROWS_CHUNK + n] = own[n];
}
