#include "rows_merge.h"

#include <stdlib.h>
#include <string.h>

/* Rows are merged if at most this share of them is left. What a fit takes falls with the rows; to
 * save less than a quarter is not worth a map of all rows and last bits that are not those of the
 * rows as given. Pictures are far below: photographs 0.23 to 0.35. */
#define MOST_LEFT 0.75

struct keyed_row {
    uint64_t hash;
    size_t row;
};

static int compare_keyed(const void *a, const void *b)
{
    const struct keyed_row *p = a, *q = b;
    if (p->hash != q->hash) return p->hash < q->hash ? -1 : 1;
    return p->row < q->row ? -1 : p->row > q->row;
}

static uint64_t hash_row(const struct rows *rows, size_t n)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t d = 0; d < rows->n_features; d++) {
        uint64_t bits;
        double y = rows->y[rows_index(rows, n, d)] + 0.0; /* -0 becomes +0 */
        memcpy(&bits, &y, sizeof bits);
        hash = (hash ^ bits) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    return hash;
}

/* The first row of a class that has the value looked at. */
struct first_row {
    size_t value; /* its number, from 1 */
    size_t row;
};

/* first [N]: the first row that equals each row in value and label. Rows are sorted by hash and
 * neighbours compared; of two values with one hash, were there any, some would be found anew. */
static enum status find_first(struct rows *rows, size_t *first, struct err *err)
{
    enum status rc = OK;
    struct keyed_row *keyed = NULL;
    struct first_row *of_class = NULL;
    TRY_ALLOC(keyed, rows->n_rows, err);
    TRY_ALLOC(of_class, rows->label == NULL ? 1 : rows->n_classes, err);
    for (size_t n = 0; n < rows->n_rows; n++)
        keyed[n] = (struct keyed_row){hash_row(rows, n), n};
    qsort(keyed, rows->n_rows, sizeof *keyed, compare_keyed);
    rows->n_distinct = 0;
    for (size_t i = 0; i < rows->n_rows; i++) {
        const size_t n = keyed[i].row;
        if (i == 0 || keyed[i].hash != keyed[i - 1].hash || !rows_equal(rows, n, keyed[i - 1].row))
            rows->n_distinct++;
        struct first_row *same = &of_class[rows->label == NULL ? 0 : (size_t)rows->label[n]];
        if (same->value != rows->n_distinct) *same = (struct first_row){rows->n_distinct, n};
        first[n] = same->row;
    }
done:
    free(of_class);
    free(keyed);
    return rc;
}

static void move_row(struct rows *rows, size_t from, size_t to)
{
    for (size_t d = 0; d < rows->n_features; d++)
        rows->y[rows_index(rows, to, d)] = rows->y[rows_index(rows, from, d)];
    rows->weight[to] = rows->weight[from];
    if (rows->label != NULL) rows->label[to] = rows->label[from];
}

static void clear_row(struct rows *rows, size_t n)
{
    for (size_t d = 0; d < rows->n_features; d++)
        rows->y[rows_index(rows, n, d)] = 0.0;
    rows->weight[n] = 0.0;
    if (rows->label != NULL) rows->label[n] = 0;
}

/* Gathers equal rows in the place of the first one, which is never behind it. place [N]: the first
 * row that equals each row; then the place of each. */
static void gather(struct rows *rows, size_t *place)
{
    size_t n_places = 0;
    for (size_t n = 0; n < rows->n_rows; n++) {
        if (place[n] == n) {
            move_row(rows, n, n_places);
            place[n] = n_places++;
        } else {
            place[n] = place[place[n]]; /* the first one has its place by now */
            rows->weight[place[n]] += rows->weight[n];
        }
    }
    rows_cut(rows, n_places);
    for (size_t n = n_places; n < rows->n_chunks * ROWS_CHUNK; n++)
        clear_row(rows, n);
}

enum status rows_merge(struct rows *rows, struct err *err)
{
    enum status rc = OK;
    size_t *first = NULL, n_left = 0;
    TRY_ALLOC(first, rows->n_rows, err);
    TRY(find_first(rows, first, err));
    for (size_t n = 0; n < rows->n_rows; n++)
        n_left += first[n] == n;
    if ((double)n_left > MOST_LEFT * (double)rows->n_rows) goto done;
    if (rows->weighted) {
        TRY_ALLOC(rows->given_weight, rows->n_rows, err);
        memcpy(rows->given_weight, rows->weight, rows->n_rows * sizeof *rows->weight);
    }
    gather(rows, first);
    rows->place = first;
    first = NULL;
done:
    free(first);
    return rc;
}
