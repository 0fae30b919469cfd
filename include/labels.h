/* labels.h - the true classes of the rows: texts or numbers become indices in a sorted list. */
#ifndef GMMSWEEP_LABELS_H
#define GMMSWEEP_LABELS_H

#include "column.h"

#include <stdint.h>

struct labels {
    bool numeric;     /* every label is a number; equal numbers are one class however written */
    size_t n_rows;    /* N */
    int32_t *index;   /* [N] in names, -1: missing */
    size_t n_classes; /* C */
    char **names;     /* [C] numbers ascending, texts in byte order; each of them occurs */
};

/* Reads the labels of rows [n_rows]. Returns OK and *out (release with labels_destroy);
 * ERR_DATA, naming the place, for a label that is infinite, too long or, unless `may_miss`,
 * missing; ERR_INTERNAL without memory. *out is then NULL. */
enum status labels_read(const struct column *column, size_t n_rows, bool may_miss,
                        struct labels **out, struct err *err);

/* keep [C]: whether the class is in `wanted`. Returns OK, or ERR_CONFIG, naming the classes that
 * there are, if one is not; `keep` is then not to be used. */
enum status labels_match(const struct labels *labels, const struct text_list *wanted, bool *keep,
                         struct err *err);

/* *out: the labels of `rows` [n_rows] alone, none of them missing, with the classes that occur in
 * them. Returns OK, or ERR_INTERNAL without memory; *out is then NULL. */
enum status labels_pick(const struct labels *labels, const int64_t *rows, size_t n_rows,
                        struct labels **out, struct err *err);

void labels_destroy(struct labels **labels);

#endif
