#include "staged.h"

#include "kernels.h"

#include <math.h>
#include <string.h>

/* Features of the first stage; each further stage ends at half as many more as the last one. */
enum { FIRST_STAGE = 16 };

void staged_order(const struct rows *rows, const double *mean, const double *covariance,
                  double *order, double *score)
{
    const size_t n = rows->n_features;
    for (size_t d = 0; d < n; d++) {
        const double value = (mean[d] * mean[d] + rows->variance[d]) / covariance[d * n + d];
        size_t at = d;
        for (; at > 0 && score[at - 1] < value; at--) {
            score[at] = score[at - 1];
            order[at] = order[at - 1];
        }
        score[at] = value;
        order[at] = (double)d;
    }
}

/* A component that competes for the rows of a chunk. */
struct entrant {
    int32_t k;
    const double *mean;   /* [D] */
    const double *factor; /* [D, D], features in order */
    const double *order;  /* [D] */
    double constant;
    double *distance; /* [ROWS_CHUNK] its result */
};

/* The chunk, and the rows for which the present entrant is still in the race. */
struct race {
    size_t n_features;
    const double *y;
    double least;
    double best[ROWS_CHUNK]; /* log_joint of the best component that is complete */
    int32_t *winner;         /* [ROWS_CHUNK] that component */
    size_t n;
    size_t row[ROWS_CHUNK]; /* [n] */
    double *offset; /* [ROWS_CHUNK_BLOCKS, D, ROWS_BLOCK] of those rows, features in order */
    double *sum;    /* [ROWS_CHUNK] of their squares so far */
};

static size_t n_blocks(size_t n)
{
    return (n + ROWS_BLOCK - 1) / ROWS_BLOCK;
}

/* Moves row s, with its first `end` offsets, to place `to`. */
static void move(struct race *race, size_t s, size_t to, size_t end)
{
    const size_t block = race->n_features * ROWS_BLOCK;
    const double *source = race->offset + s / ROWS_BLOCK * block + s % ROWS_BLOCK;
    double *target = race->offset + to / ROWS_BLOCK * block + to % ROWS_BLOCK;
    for (size_t d = 0; d < end; d++)
        target[d * ROWS_BLOCK] = source[d * ROWS_BLOCK];
    race->row[to] = race->row[s];
    race->sum[to] = race->sum[s];
}

/* Keeps the rows of which the entrant may still have a share. */
static void keep_near(struct race *race, const struct entrant *entrant, size_t end)
{
    size_t n = 0;
    for (size_t s = 0; s < race->n; s++) {
        const double lowest = staged_lowest(race->best[race->row[s]], race->least);
        if (entrant->constant - 0.5 * race->sum[s] < lowest) continue;
        if (n < s) move(race, s, n, end);
        n++;
    }
    race->n = n;
}

/* From the first `end` features, whose sums are there, to the distances of all rows that stay. */
static void finish(struct race *race, const struct entrant *entrant, size_t end)
{
    const size_t n_features = race->n_features;
    while (end < n_features) {
        keep_near(race, entrant, end);
        const size_t from = end;
        end += end / 2 / 4 * 4;
        if (end > n_features) end = n_features;
        kernels_gather(n_features, race->y, entrant->mean, entrant->order, race->n, race->row, from,
                       end, race->offset);
        kernels_project(n_features, n_blocks(race->n), from, end, entrant->factor, race->offset,
                        race->sum);
    }
    for (size_t s = 0; s < race->n; s++) {
        const size_t n = race->row[s];
        const double joint = entrant->constant - 0.5 * race->sum[s];
        entrant->distance[n] = race->sum[s];
        if (joint <= race->best[n]) continue;
        race->best[n] = joint;
        race->winner[n] = entrant->k;
    }
}

/* The rows for which the entrant is the guessed winner. */
static void run_favourite(struct race *race, const struct entrant *entrant, const int32_t *guess)
{
    race->n = 0;
    for (size_t n = 0; n < ROWS_CHUNK; n++)
        if (guess[n] == entrant->k) race->row[race->n++] = n;
    memset(race->sum, 0, ROWS_CHUNK * sizeof *race->sum);
    kernels_gather(race->n_features, race->y, entrant->mean, entrant->order, race->n, race->row, 0,
                   FIRST_STAGE, race->offset);
    kernels_project(race->n_features, n_blocks(race->n), 0, FIRST_STAGE, entrant->factor,
                    race->offset, race->sum);
    finish(race, entrant, FIRST_STAGE);
}

/* All other rows. */
static void run_outsider(struct race *race, const struct entrant *entrant, const int32_t *guess)
{
    race->n = ROWS_CHUNK;
    for (size_t n = 0; n < ROWS_CHUNK; n++)
        race->row[n] = n;
    memset(race->sum, 0, ROWS_CHUNK * sizeof *race->sum);
    kernels_offsets(race->n_features, race->y, entrant->mean, entrant->order, ROWS_CHUNK_BLOCKS, 0,
                    FIRST_STAGE, race->offset);
    kernels_project(race->n_features, ROWS_CHUNK_BLOCKS, 0, FIRST_STAGE, entrant->factor,
                    race->offset, race->sum);
    for (size_t n = 0; n < ROWS_CHUNK; n++)
        if (guess[n] == entrant->k) race->sum[n] = HUGE_VAL; /* has run */
    finish(race, entrant, FIRST_STAGE);
}

size_t staged_work(size_t n_features)
{
    return ROWS_CHUNK * (n_features + 1);
}

void staged_distance(size_t n_components, size_t n_features, const double *y, const double *means,
                     const double *factors, const double *order, const struct bound *bound,
                     double *distance, double *work)
{
    int32_t guess[ROWS_CHUNK];
    struct race race = {.n_features = n_features,
                        .y = y,
                        .least = bound->least,
                        .winner = bound->winner,
                        .offset = work,
                        .sum = work + ROWS_CHUNK * n_features};
    memcpy(guess, bound->winner, sizeof guess);
    for (size_t n = 0; n < ROWS_CHUNK; n++)
        race.best[n] = -HUGE_VAL;
    for (size_t i = 0; i < n_components * ROWS_CHUNK; i++)
        distance[i] = HUGE_VAL;
    for (int favourites = 1; favourites >= 0; favourites--)
        for (size_t k = 0; k < n_components; k++) {
            const struct entrant entrant = {.k = (int32_t)k,
                                            .mean = means + k * n_features,
                                            .factor = factors + k * n_features * n_features,
                                            .order = order + k * n_features,
                                            .constant = bound->constant[k],
                                            .distance = distance + k * ROWS_CHUNK};
            (favourites ? run_favourite : run_outsider)(&race, &entrant, guess);
        }
}

void staged_complete(size_t n_features, const double *y, const double *mean, const double *factor,
                     const double *order, double *distance, double *work)
{
    memset(distance, 0, ROWS_CHUNK * sizeof *distance);
    kernels_offsets(n_features, y, mean, order, ROWS_CHUNK_BLOCKS, 0, n_features, work);
    kernels_project(n_features, ROWS_CHUNK_BLOCKS, 0, n_features, factor, work, distance);
}
