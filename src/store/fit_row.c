#include "fit_row.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const struct fit_column fit_columns[] = {
#define FIT(name, TYPE, units, long_name)                                                          \
    {#name, FIT_##TYPE, offsetof(struct fit_row, name), units, long_name},
#include "fits.def"
#undef FIT
};
const size_t n_fit_columns = sizeof fit_columns / sizeof fit_columns[0];

const struct fit_column *fit_column(const char *name)
{
    for (size_t i = 0; i < n_fit_columns; i++)
        if (strcmp(fit_columns[i].name, name) == 0) return &fit_columns[i];
    return NULL;
}

static void *field(struct fit_row *row, const struct fit_column *column)
{
    return (char *)row + column->offset;
}

const char *fit_row_text(const struct fit_row *row, const struct fit_column *column)
{
    return (const char *)row + column->offset;
}

int64_t fit_row_int(const struct fit_row *row, const struct fit_column *column)
{
    const char *at = (const char *)row + column->offset;
    if (column->type == FIT_FLAG) return *(const int8_t *)at;
    int64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

double fit_row_real(const struct fit_row *row, const struct fit_column *column)
{
    if (column->type != FIT_REAL) return (double)fit_row_int(row, column);
    double value;
    memcpy(&value, (const char *)row + column->offset, sizeof value);
    return value;
}

void fit_row_set(struct fit_row *row, const struct fit_column *column, const void *value)
{
    switch (column->type) {
    case FIT_TEXT:
        snprintf(field(row, column), sizeof(fit_TEXT), "%s", *(const char *const *)value);
        break;
    case FIT_FLAG:
        memcpy(field(row, column), value, sizeof(fit_FLAG));
        break;
    case FIT_INT:
        memcpy(field(row, column), value, sizeof(fit_INT));
        break;
    case FIT_REAL:
        memcpy(field(row, column), value, sizeof(fit_REAL));
        break;
    }
}

void fit_row_init(struct fit_row *row)
{
    memset(row, 0, sizeof *row);
    const fit_INT none = -1;
    const fit_REAL nan_value = NAN;
    for (size_t i = 0; i < n_fit_columns; i++) {
        if (fit_columns[i].type == FIT_INT) fit_row_set(row, &fit_columns[i], &none);
        if (fit_columns[i].type == FIT_REAL) fit_row_set(row, &fit_columns[i], &nan_value);
    }
}

bool fit_row_applies(const struct fit_row *row, const struct fit_column *column)
{
    switch (column->type) {
    case FIT_TEXT:
        return fit_row_text(row, column)[0] != '\0';
    case FIT_INT:
        return fit_row_int(row, column) != -1;
    case FIT_REAL:
        return !isnan(fit_row_real(row, column));
    case FIT_FLAG:
        break;
    }
    return true;
}

void fit_row_pack(const struct fit_row *row, struct pack *pack)
{
    pack_text(pack, row->name);
    for (size_t i = 0; i < n_fit_columns; i++) {
        const struct fit_column *column = &fit_columns[i];
        if (column->type == FIT_TEXT)
            pack_text(pack, fit_row_text(row, column));
        else if (column->type == FIT_REAL)
            pack_double(pack, fit_row_real(row, column));
        else
            pack_u64(pack, (uint64_t)fit_row_int(row, column));
    }
}

void fit_row_unpack(struct fit_row *row, struct unpack *unpack)
{
    unpack_text(unpack, row->name, sizeof row->name);
    for (size_t i = 0; i < n_fit_columns; i++) {
        const struct fit_column *column = &fit_columns[i];
        if (column->type == FIT_TEXT) {
            unpack_text(unpack, field(row, column), sizeof(fit_TEXT));
        } else if (column->type == FIT_REAL) {
            double value = unpack_double(unpack);
            fit_row_set(row, column, &value);
        } else {
            int64_t value = (int64_t)unpack_u64(unpack);
            int8_t flag = (int8_t)value;
            fit_row_set(row, column, column->type == FIT_FLAG ? (void *)&flag : (void *)&value);
        }
    }
}
