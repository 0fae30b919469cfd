/* table.h - a small table for people (aligned), spreadsheets (TSV) or programs (JSON). */
#ifndef GMMSWEEP_TABLE_H
#define GMMSWEEP_TABLE_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum table_format { TABLE_TEXT, TABLE_TSV, TABLE_JSON };

struct table;

/* A table of n_columns with these names, which must outlive it. */
enum status table_create(size_t n_columns, const char *const *names, struct table **out,
                         struct err *err);

void table_destroy(struct table **table);

/* Adds the next cell, row by row. A number is given with the digits that people see and stands
 * in JSON in full; NaN is an empty cell, and null in JSON. Memory that cannot be had is told by
 * table_print. */
void table_text(struct table *table, const char *text);
void table_int(struct table *table, int64_t value);
void table_real(struct table *table, double value, int decimals);

/* Prints it; in JSON as an array of objects. ERR_INTERNAL without memory. */
enum status table_print(const struct table *table, enum table_format format, FILE *out,
                        struct err *err);

/* Prints `text` as a JSON string with its quotes. */
void table_print_json_text(FILE *out, const char *text);

#endif
