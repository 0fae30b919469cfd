/* fit_row.h - what is known of one finished fit, in one row; the columns stand in fits.def. */
#ifndef GMMSWEEP_FIT_ROW_H
#define GMMSWEEP_FIT_ROW_H

#include "pack.h"

#include <stdbool.h>

#include <stdint.h>

typedef char fit_TEXT[32];
typedef int64_t fit_INT;
typedef int8_t fit_FLAG;
typedef double fit_REAL;

struct fit_row {
    char name[64];
#define FIT(name, TYPE, units, long_name) fit_##TYPE name;
#include "fits.def"
#undef FIT
};

enum fit_type { FIT_TEXT, FIT_INT, FIT_FLAG, FIT_REAL };

struct fit_column {
    const char *name;
    enum fit_type type;
    size_t offset; /* in struct fit_row */
    const char *units;
    const char *long_name;
};

/* The columns of fits.def in order. */
extern const struct fit_column fit_columns[];
extern const size_t n_fit_columns;

/* The column of that name, or NULL. */
const struct fit_column *fit_column(const char *name);

/* A row in which nothing applies yet. */
void fit_row_init(struct fit_row *row);

/* Whether the column says something of this fit: not NaN, not -1, not "". */
bool fit_row_applies(const struct fit_row *row, const struct fit_column *column);

/* The field as its type. */
const char *fit_row_text(const struct fit_row *row, const struct fit_column *column);
int64_t fit_row_int(const struct fit_row *row, const struct fit_column *column);
double fit_row_real(const struct fit_row *row, const struct fit_column *column);

/* A FIT_TEXT, FIT_INT, FIT_FLAG or FIT_REAL from a value of that type's array. */
void fit_row_set(struct fit_row *row, const struct fit_column *column, const void *value);

void fit_row_pack(const struct fit_row *row, struct pack *pack);
void fit_row_unpack(struct fit_row *row, struct unpack *unpack);

#endif
