/* store_keep.c - which models the file keeps (output.keep). */
#include "store_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A fit among those that it is measured against. */
struct rival {
    const struct fit_row *row;
    bool by_cell; /* against those of its K, family and initialiser alone */
    size_t fit;
    double value; /* BIC, of k-means inertia: lower is better; NaN comes last */
};

static bool is_kmeans(const struct fit_row *row)
{
    return strcmp(row->method, method_names[METHOD_kmeans]) == 0;
}

/* 0 if both are of one method, K, family and initialiser. */
static int compare_cells(const struct fit_row *p, const struct fit_row *q)
{
    int order = strcmp(p->method, q->method);
    if (order == 0) order = (p->k > q->k) - (p->k < q->k);
    if (order == 0) order = strcmp(p->covariance, q->covariance);
    if (order == 0) order = strcmp(p->init, q->init);
    return order;
}

/* By field, then the best first: those that are flagged after the others, equal ones in order. */
static int compare_rivals(const void *a, const void *b)
{
    const struct rival *p = a, *q = b;
    int order = p->by_cell ? compare_cells(p->row, q->row) : is_kmeans(p->row) - is_kmeans(q->row);
    if (order == 0) order = p->row->flagged - q->row->flagged;
    if (order == 0) order = isnan(p->value) - isnan(q->value);
    if (order == 0) order = (p->value > q->value) - (p->value < q->value);
    return order != 0 ? order : (p->fit > q->fit) - (p->fit < q->fit);
}

/* Whether two neighbours in that order are measured against each other. */
static bool are_rivals(const struct rival *p, const struct rival *q)
{
    return p->by_cell ? compare_cells(p->row, q->row) == 0 : is_kmeans(p->row) == is_kmeans(q->row);
}

enum status store_choose(const struct store *store, const struct keep_rule *rule, bool *chosen,
                         struct err *err)
{
    enum status rc = OK;
    struct rival *rivals = NULL;
    int64_t n = 0;
    TRY_ALLOC(rivals, store->n_fits, err);
    for (size_t i = 0; i < store->n_fits; i++) {
        const struct fit_row *row = &store->fits[i];
        const double value = is_kmeans(row) ? row->inertia : row->bic;
        rivals[i] = (struct rival){row, rule->kind == KEEP_best, i, value};
    }
    if (store->n_fits > 0) qsort(rivals, store->n_fits, sizeof *rivals, compare_rivals);
    const int64_t most = rule->kind == KEEP_best ? 1 : rule->kind == KEEP_top ? rule->n : INT64_MAX;
    for (size_t i = 0; i < store->n_fits; i++) {
        n = i > 0 && are_rivals(&rivals[i - 1], &rivals[i]) ? n + 1 : 1;
        chosen[rivals[i].fit] = n <= most;
    }
done:
    free(rivals);
    return rc;
}
