#include "labels.h"
#include "number.h"
#include "shown.h"

#include <math.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

struct class
{
    double number;
    char *text;    /* NULL if labels are numbers */
    int32_t found; /* order of first occurrence */
};

/* The classes as they are found. */
struct classes {
    size_t n;
    size_t capacity;
    struct class **list; /* [n] owns them */
    void *tree;          /* tsearch's, over the same */
};

static int compare(const void *a, const void *b)
{
    const struct class *p = a, *q = b;

    if (p->text != NULL) return strcmp(p->text, q->text);
    return (p->number > q->number) - (p->number < q->number);
}

static int compare_entries(const void *a, const void *b)
{
    struct class *const *p = a, *const *q = b;

    return compare(*p, *q);
}

static void keep_class(void *class)
{
    (void)class; /* the list owns it */
}

static void classes_free(struct classes *classes)
{
    tdestroy(classes->tree, keep_class);
    for (size_t i = 0; i < classes->n; i++) {
        free(classes->list[i]->text);
        free(classes->list[i]);
    }
    free(classes->list);
}

/* *found: the order of first occurrence of `wanted`, which is added if it is new. */
static enum status classes_find(struct classes *classes, const struct class *wanted, int32_t *found,
                                struct err *err)
{
    struct class *const *known = tfind(wanted, &classes->tree, compare);
    if (known != NULL) {
        *found = (*known)->found;
        return OK;
    }
    if (classes->n == INT32_MAX)
        return err_set(err, ERR_DATA, "data.labels: more than %d classes", INT32_MAX);
    if (classes->n == classes->capacity) {
        size_t capacity = classes->capacity == 0 ? 16 : 2 * classes->capacity;
        struct class **list = realloc(classes->list, capacity * sizeof *list);
        if (list == NULL) return err_set(err, ERR_INTERNAL, "out of memory: classes");
        classes->list = list;
        classes->capacity = capacity;
    }
    struct class *added = malloc(sizeof *added);
    if (added == NULL) return err_set(err, ERR_INTERNAL, "out of memory: classes");
    *added = (struct class){.number = wanted->number, .found = (int32_t)classes->n};
    classes->list[classes->n++] = added;
    if (wanted->text != NULL) added->text = strdup(wanted->text);
    if ((wanted->text != NULL && added->text == NULL) ||
        tsearch(added, &classes->tree, compare) == NULL)
        return err_set(err, ERR_INTERNAL, "out of memory: classes");
    *found = added->found;
    return OK;
}

static enum status read_label(const struct column *column, size_t n, bool numeric,
                              char text[SOURCE_CELL], struct class *out, struct err *err)
{
    char place[SOURCE_PLACE];
    size_t length = column_cell(column, n, text, SOURCE_CELL);
    const char *fault = NULL;

    *out = (struct class){.text = numeric ? NULL : text};
    if (number_missing(text, length))
        fault = "is missing";
    else if (length >= SOURCE_CELL)
        fault = "is too long for a label (at most 255 bytes)";
    else if (numeric && !(number_parse(text, length, &out->number) && isfinite(out->number)))
        fault = "is no finite number";
    if (fault == NULL) return OK;
    column_place(column, n, place);
    return err_set(err, ERR_DATA, "%s: data.labels: %s: '%s' %s", column->src->path, place,
                   shown(text).text, fault);
}

/* Sorts the classes: names [n], and rank [n] from order of occurrence to place in names. */
static enum status sort_classes(struct classes *classes, struct labels *labels, int32_t *rank,
                                struct err *err)
{
    enum status rc = OK;
    char number[NUMBER_TEXT];

    TRY_ALLOC(labels->names, classes->n, err);
    labels->n_classes = classes->n;
    if (classes->n > 0) qsort(classes->list, classes->n, sizeof *classes->list, compare_entries);
    for (size_t c = 0; c < classes->n; c++) {
        const struct class *class = classes->list[c];
        rank[class->found] = (int32_t)c;
        if (labels->numeric) number_print(class->number, number);
        labels->names[c] = strdup(labels->numeric ? number : class->text);
        if (labels->names[c] == NULL) FAIL(err, ERR_INTERNAL, "out of memory: classes");
    }
done:
    return rc;
}

enum status labels_read(const struct column *column, size_t n_rows, bool may_miss,
                        struct labels **out, struct err *err)
{
    enum status rc = OK;
    struct labels *labels = NULL;
    struct classes classes = {.n = 0};
    struct class label;
    char text[SOURCE_CELL];
    int32_t *rank = NULL;

    TRY_ALLOC(labels, 1, err);
    TRY_ALLOC(labels->index, n_rows, err);
    labels->n_rows = n_rows;
    labels->numeric = column_is_numeric(column);
    for (size_t n = 0; n < n_rows; n++) {
        labels->index[n] = -1;
        if (may_miss && column_is_missing(column, n)) continue;
        TRY(read_label(column, n, labels->numeric, text, &label, err));
        TRY(classes_find(&classes, &label, &labels->index[n], err));
    }
    TRY_ALLOC(rank, classes.n, err);
    TRY(sort_classes(&classes, labels, rank, err));
    for (size_t n = 0; n < n_rows; n++)
        if (labels->index[n] >= 0) labels->index[n] = rank[labels->index[n]];
done:
    free(rank);
    classes_free(&classes);
    if (rc != OK) labels_destroy(&labels);
    *out = labels;
    return rc;
}

enum status labels_match(const struct labels *labels, const struct text_list *wanted, bool *keep,
                         struct err *err)
{
    char number[NUMBER_TEXT], list[SOURCE_LIST];
    double value;

    memset(keep, 0, labels->n_classes * sizeof *keep);
    for (size_t i = 0; i < wanted->n; i++) {
        const char *name = wanted->v[i];
        size_t c = 0;
        if (labels->numeric && number_parse(name, strlen(name), &value)) {
            number_print(value, number);
            name = number;
        }
        while (c < labels->n_classes && strcmp(labels->names[c], name) != 0)
            c++;
        if (c < labels->n_classes) {
            keep[c] = true;
            continue;
        }
        source_list(labels->names, labels->n_classes, list);
        return err_set(err, ERR_CONFIG, "data.classes: no row has the label '%s'; there are: %s",
                       wanted->v[i], list);
    }
    return OK;
}

enum status labels_pick(const struct labels *labels, const int64_t *rows, size_t n_rows,
                        struct labels **out, struct err *err)
{
    enum status rc = OK;
    struct labels *picked = NULL;
    int32_t *rank = NULL;

    TRY_ALLOC(picked, 1, err);
    TRY_ALLOC(picked->index, n_rows, err);
    TRY_ALLOC(picked->names, labels->n_classes, err);
    TRY_ALLOC(rank, labels->n_classes, err);
    picked->numeric = labels->numeric;
    picked->n_rows = n_rows;
    for (size_t n = 0; n < n_rows; n++)
        rank[labels->index[rows[n]]] = 1;
    for (size_t c = 0; c < labels->n_classes; c++) {
        if (rank[c] == 0) continue;
        rank[c] = (int32_t)picked->n_classes;
        char *name = strdup(labels->names[c]);
        if (name == NULL) FAIL(err, ERR_INTERNAL, "out of memory: classes");
        picked->names[picked->n_classes++] = name;
    }
    for (size_t n = 0; n < n_rows; n++)
        picked->index[n] = rank[labels->index[rows[n]]];
done:
    free(rank);
    if (rc != OK) labels_destroy(&picked);
    *out = picked;
    return rc;
}

void labels_destroy(struct labels **labels)
{
    if (*labels == NULL) return;
    for (size_t c = 0; (*labels)->names != NULL && c < (*labels)->n_classes; c++)
        free((*labels)->names[c]);
    free((*labels)->names);
    free((*labels)->index);
    free(*labels);
    *labels = NULL;
}
