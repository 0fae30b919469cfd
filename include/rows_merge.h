/* rows_merge.h - equal rows become one that weighs as much as they do together.
 *
 * Pictures of 8 bits repeat their colours, many a table its rows; a fit then has that much less to
 * do, and ends where it would have ended but for rounding.
 */
#ifndef GMMSWEEP_ROWS_MERGE_H
#define GMMSWEEP_ROWS_MERGE_H

#include "rows.h"

/* Counts rows->n_distinct and, if it saves enough, merges rows that are equal in every feature, as
 * y has it, and, where there are labels, in label. Merged rows stand in the order of their first
 * ones. Whether rows are merged is decided by them alone, so no bits depend on memory or threads.
 * The arrays of `rows` keep their size: nothing is copied while the data as read are still there,
 * which is when memory is shortest.
 * Returns OK, or ERR_INTERNAL without memory; `rows` is then only to be destroyed. */
enum status rows_merge(struct rows *rows, struct err *err);

#endif
