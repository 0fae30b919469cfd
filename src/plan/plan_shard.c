/* plan_shard.c - which fits of a plan are whose. */
#include "plan.h"

#include <stdlib.h>

/* Neighbouring fits that go to one shard together. */
struct group {
    size_t first, n;
    double flops;
};

static bool share_start(const struct plan_fit *a, const struct plan_fit *b)
{
    return a->n_components == b->n_components && a->init == b->init && a->restart == b->restart;
}

/* Fills groups [at most n_fits]; returns how many. */
static size_t make_groups(const struct data *data, const struct plan *plan, bool single,
                          struct group *groups)
{
    size_t n = 0;
    for (size_t i = 0; i < plan->n_fits; i++) {
        const struct plan_fit *fit = &plan->fits[i];
        if (i == 0 || single || !share_start(fit - 1, fit))
            groups[n++] = (struct group){.first = i, .flops = plan_first_flops(data, fit)};
        groups[n - 1].n++;
        groups[n - 1].flops += plan_fit_flops(data, fit);
    }
    return n;
}

size_t plan_groups(const struct plan *plan)
{
    size_t n = 0;
    for (size_t i = 0; i < plan->n_fits; i++)
        n += i == 0 || !share_start(&plan->fits[i - 1], &plan->fits[i]);
    return n;
}

static int compare_groups(const void *a, const void *b)
{
    const struct group *p = a, *q = b;
    if (p->flops != q->flops) return p->flops > q->flops ? -1 : 1;
    return p->first < q->first ? -1 : p->first > q->first;
}

/* Largest groups first, each to the shard that has least (Graham 1969). */
enum status plan_shards(const struct data *data, const struct plan *plan, size_t n_shards,
                        size_t *owner, struct err *err)
{
    enum status rc = OK;
    struct group *groups = NULL;
    double *load = NULL;
    TRY_ALLOC(groups, plan->n_fits, err);
    TRY_ALLOC(load, n_shards, err);
    size_t n_groups = make_groups(data, plan, false, groups);
    if (n_groups < n_shards) n_groups = make_groups(data, plan, true, groups);
    qsort(groups, n_groups, sizeof *groups, compare_groups);
    for (size_t g = 0; g < n_groups; g++) {
        size_t least = 0;
        for (size_t s = 1; s < n_shards; s++)
            if (load[s] < load[least]) least = s;
        load[least] += groups[g].flops;
        for (size_t i = 0; i < groups[g].n; i++)
            owner[groups[g].first + i] = least;
    }
done:
    free(load);
    free(groups);
    return rc;
}
