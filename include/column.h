/* column.h - which columns hold what: labels and weights, in the data file, in another array of it
 * or in a file of their own, and the features. */
#ifndef GMMSWEEP_COLUMN_H
#define GMMSWEEP_COLUMN_H

#include "config.h"
#include "source.h"

/* One value for each row that is no feature. */
struct column {
    const struct source *src; /* where the values are: the data's source or `own`; NULL: nowhere */
    struct source *own;
    bool inside;      /* the data's own file has them, under the name given */
    size_t d;         /* the column in src */
    bool name_is_row; /* what the reader took for a header is the value of row 0 */
};

/* Finds the values that `given` names for the rows of `data`: its column of that name if there is
 * one, else the array of that name in the same file, else the file. `key` names the config key in
 * messages; at most `limit` bytes of a file are kept. *out (release with column_close) keeps a
 * pointer to `data`; its src is NULL if nothing is given. Returns OK; ERR_CONFIG for a name that is
 * ambiguous, names nothing or the array that is `data` itself; ERR_DATA for a bad file or array, or
 * one with another number of rows. *out is then empty. */
enum status column_open(const char *key, const struct name_or_path *given,
                        const struct source *data, size_t limit, struct column *out,
                        struct err *err);

void column_close(struct column *column);

/* Whether every value is a number or missing. */
bool column_is_numeric(const struct column *column);

/* Whether row n of the data has no value. */
bool column_is_missing(const struct column *column, size_t n);

/* As source_cell and source_place, for row n of the data. */
size_t column_cell(const struct column *column, size_t n, char *text, size_t size);
void column_place(const struct column *column, size_t n, char text[SOURCE_PLACE]);

/* *picked [*n_picked] (release with free): the columns of `src` that `given` (data.columns) lists,
 * in its order, or all columns of numbers if it is empty; never those that hold labels or weights.
 * Returns OK; ERR_CONFIG for a column that is unknown, ambiguous, given twice or holds labels or
 * weights; ERR_DATA, with the first such cell, for one that holds text, or if there is no column
 * of numbers. *picked is then NULL. */
enum status column_pick_features(const struct source *src, const struct text_list *given,
                                 const struct column *labels, const struct column *weights,
                                 size_t **picked, size_t *n_picked, struct err *err);

#endif
