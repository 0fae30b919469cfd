#include "scores.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* The table with the weight of each component and each class, and of all. */
struct table {
    size_t n_components;     /* K */
    size_t n_classes;        /* C */
    const double *confusion; /* [K, C] */
    double *of_component;    /* [K] */
    double *of_class;        /* [C] */
    double total;
};

void scores_confusion(size_t n_rows, const int32_t *component, const int32_t *label,
                      const double *weight, size_t n_components, size_t n_classes,
                      double *confusion)
{
    for (size_t i = 0; i < n_components * n_classes; i++)
        confusion[i] = 0;
    for (size_t n = 0; n < n_rows; n++)
        confusion[(size_t)component[n] * n_classes + (size_t)label[n]] += weight ? weight[n] : 1;
}

static void sum_margins(struct table *table)
{
    const double *cell = table->confusion;
    for (size_t k = 0; k < table->n_components; k++) {
        for (size_t c = 0; c < table->n_classes; c++, cell++) {
            table->of_component[k] += *cell;
            table->of_class[c] += *cell;
        }
        table->total += table->of_component[k];
    }
}

/* The assignment problem by shortest augmenting paths (Kuhn 1955; Jonker & Volgenant 1987).
 * Works on the table with its shorter side as rows (m <= p); the cost of a cell is minus its
 * weight. Rows enter one by one; each is matched along the cheapest path, in reduced costs
 * cost - u - v, to a free column. Fills class_of [K], SIZE_MAX where a component has no class. */
static enum status match(const struct table *table, size_t *class_of, struct err *err)
{
    enum status rc = OK;
    const bool flip = table->n_components > table->n_classes;
    const size_t m = flip ? table->n_classes : table->n_components;
    const size_t p = flip ? table->n_components : table->n_classes;
    const size_t row_step = flip ? 1 : table->n_classes, col_step = flip ? table->n_classes : 1;
    double *u = NULL, *v = NULL, *distance = NULL;
    size_t *row_of = NULL, *before = NULL;
    bool *seen = NULL;
    TRY_ALLOC(u, m, err);
    TRY_ALLOC(v, p + 1, err); /* column p stands for the row that is entering */
    TRY_ALLOC(distance, p, err);
    TRY_ALLOC(row_of, p + 1, err);
    TRY_ALLOC(before, p, err);
    TRY_ALLOC(seen, p + 1, err);

    for (size_t j = 0; j <= p; j++)
        row_of[j] = SIZE_MAX;
    for (size_t entering = 0; entering < m; entering++) {
        for (size_t j = 0; j < p; j++)
            distance[j] = INFINITY;
        for (size_t j = 0; j <= p; j++)
            seen[j] = false;
        row_of[p] = entering;
        size_t col = p;
        while (row_of[col] != SIZE_MAX) {
            const size_t row = row_of[col];
            seen[col] = true;
            size_t nearest = p;
            for (size_t j = 0; j < p; j++) {
                if (seen[j]) continue;
                double reduced = -table->confusion[row * row_step + j * col_step] - u[row] - v[j];
                if (reduced < distance[j]) {
                    distance[j] = reduced;
                    before[j] = col;
                }
                if (nearest == p || distance[j] < distance[nearest]) nearest = j;
            }
            const double step = distance[nearest];
            for (size_t j = 0; j <= p; j++) {
                if (seen[j]) {
                    u[row_of[j]] += step;
                    v[j] -= step;
                } else {
                    distance[j] -= step;
                }
            }
            col = nearest;
        }
        for (; col != p; col = before[col])
            row_of[col] = row_of[before[col]];
    }

    for (size_t k = 0; k < table->n_components; k++)
        class_of[k] = SIZE_MAX;
    for (size_t j = 0; j < p; j++) {
        if (row_of[j] == SIZE_MAX) continue;
        if (flip)
            class_of[j] = row_of[j];
        else
            class_of[row_of[j]] = j;
    }
done:
    free(u);
    free(v);
    free(distance);
    free(row_of);
    free(before);
    free(seen);
    return rc;
}

/* Share of weight outside the cells (k, class_of[k]). Summed over those outside, so that a small
 * share keeps its digits and none is negative. */
static double share_outside(const struct table *table, const size_t *class_of)
{
    double outside = 0;
    for (size_t k = 0; k < table->n_components; k++)
        for (size_t c = 0; c < table->n_classes; c++)
            if (c != class_of[k]) outside += table->confusion[k * table->n_classes + c];
    return outside / table->total;
}

static void find_majorities(const struct table *table, size_t *class_of)
{
    for (size_t k = 0; k < table->n_components; k++) {
        const double *row = table->confusion + k * table->n_classes;
        class_of[k] = 0;
        for (size_t c = 1; c < table->n_classes; c++)
            if (row[c] > row[class_of[k]]) class_of[k] = c;
    }
}

/* Hubert & Arabie 1985, eq. 5, in scikit-learn's form: pairs of rows by whether they share the
 * component, the class, both or none; here as shares of all total^2 ordered pairs. */
static double adjusted_rand(const struct table *table)
{
    double both = 0, only_component = 0, only_class = 0, none = 0;
    for (size_t k = 0; k < table->n_components; k++) {
        for (size_t c = 0; c < table->n_classes; c++) {
            const double cell = table->confusion[k * table->n_classes + c];
            const double row = table->of_component[k], column = table->of_class[c];
            const double share = cell / table->total;
            both += share * ((cell - 1) / table->total);
            only_component += share * ((row - cell) / table->total);
            only_class += share * ((column - cell) / table->total);
            none += share * ((table->total - row - column + cell) / table->total);
        }
    }
    if (only_component == 0 && only_class == 0) return 1;
    const double denominator = (both + only_component) * (only_component + none) +
                               (both + only_class) * (only_class + none);
    if (denominator == 0) return 0;
    return 2 * (both * none - only_component * only_class) / denominator;
}

/* -sum p ln p; *n_present: how many have any weight. */
static double entropy(size_t n, const double *weight, double total, size_t *n_present)
{
    double sum = 0;
    *n_present = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(weight[i] > 0)) continue;
        sum -= weight[i] / total * log(weight[i] / total);
        ++*n_present;
    }
    return sum;
}

static double normalized_mutual_info(const struct table *table)
{
    size_t components_present, classes_present;
    const double of_components =
        entropy(table->n_components, table->of_component, table->total, &components_present);
    const double of_classes =
        entropy(table->n_classes, table->of_class, table->total, &classes_present);
    if (components_present <= 1 && classes_present <= 1) return 1;
    double mutual = 0;
    for (size_t k = 0; k < table->n_components; k++) {
        for (size_t c = 0; c < table->n_classes; c++) {
            const double cell = table->confusion[k * table->n_classes + c];
            if (!(cell > 0)) continue;
            mutual += cell / table->total *
                      log(cell / table->of_component[k] / (table->of_class[c] / table->total));
        }
    }
    /* Independent up to rounding, as scikit-learn cuts it; a lone class or component is, too. */
    if (mutual <= DBL_EPSILON) return 0;
    return fmin(1, 2 * mutual / (of_components + of_classes));
}

enum status scores_compute(size_t n_components, size_t n_classes, const double *confusion,
                           struct scores *out, struct err *err)
{
    enum status rc = OK;
    struct table table = {n_components, n_classes, confusion, NULL, NULL, 0};
    size_t *class_of = NULL;
    TRY_ALLOC(table.of_component, n_components, err);
    TRY_ALLOC(table.of_class, n_classes, err);
    TRY_ALLOC(class_of, n_components, err);
    sum_margins(&table);

    if (table.total == 0) { /* no rows: as scikit-learn scores empty label lists */
        *out = (struct scores){.ari = 1, .nmi = 1};
        goto done;
    }
    if (!(table.total <= 1e300))
        FAIL(err, ERR_INTERNAL, "confusion table: the weights sum to %g, at most 1e300 expected",
             table.total);
    TRY(match(&table, class_of, err));
    out->error_rate = share_outside(&table, class_of);
    find_majorities(&table, class_of);
    out->error_majority = share_outside(&table, class_of);
    out->ari = adjusted_rand(&table);
    out->nmi = normalized_mutual_info(&table);
done:
    free(table.of_component);
    free(table.of_class);
    free(class_of);
    return rc;
}
