#include "heldout.h"
#include "rng.h"

#include <math.h>
#include <stdlib.h>

struct ticket {
    double number;
    size_t row;
};

static int compare(const void *a, const void *b)
{
    const struct ticket *p = a, *q = b;

    if (p->number != q->number) return p->number < q->number ? -1 : 1;
    return (p->row > q->row) - (p->row < q->row);
}

static enum status draw(uint64_t seed, size_t n_rows, size_t n_taken, bool *taken, struct err *err)
{
    enum status rc = OK;
    const struct rng_stream stream = {.seed = seed, .name = rng_name("heldout")};
    struct ticket *tickets = NULL;

    TRY_ALLOC(tickets, n_rows, err);
    for (size_t n = 0; n < n_rows; n++)
        tickets[n] = (struct ticket){rng_uniform(&stream, n), n};
    qsort(tickets, n_rows, sizeof *tickets, compare);
    for (size_t i = 0; i < n_taken; i++)
        taken[tickets[i].row] = true;
done:
    free(tickets);
    return rc;
}

static enum status check_weights(const bool *taken, const double *weight, size_t n_rows,
                                 struct err *err)
{
    bool weighs[2] = {weight == NULL, weight == NULL};

    for (size_t n = 0; weight != NULL && n < n_rows; n++)
        weighs[taken[n]] |= weight[n] > 0;
    if (weighs[false] && weighs[true]) return OK;
    return err_set(err, ERR_CONFIG, "data.heldout: all rows that are %s have the weight 0",
                   weighs[false] ? "set aside" : "left to be fitted");
}

enum status heldout_choose(double share, uint64_t seed, size_t n_rows, const double *weight,
                           bool **out, struct err *err)
{
    enum status rc = OK;
    bool *taken = NULL;
    size_t n_taken = (size_t)floor(share * (double)n_rows + 0.5);

    if (share == 0) goto done;
    if (n_taken >= n_rows) n_taken = n_rows - 1;
    if (n_taken == 0)
        FAIL(err, ERR_CONFIG, "data.heldout: %g of %zu rows leaves none to be set aside", share,
             n_rows);
    TRY_ALLOC(taken, n_rows, err);
    TRY(draw(seed, n_rows, n_taken, taken, err));
    TRY(check_weights(taken, weight, n_rows, err));
done:
    if (rc != OK) {
        free(taken);
        taken = NULL;
    }
    *out = taken;
    return rc;
}
