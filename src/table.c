#include "table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct cell {
    char shown[96];  /* for people */
    char number[32]; /* in full; "" for a text, "null" for a missing number */
};

struct table {
    size_t n_columns;
    const char *const *names;
    size_t n_cells, capacity;
    struct cell *cells;
    bool failed;
};

enum status table_create(size_t n_columns, const char *const *names, struct table **out,
                         struct err *err)
{
    enum status rc = OK;
    TRY_ALLOC(*out, 1, err);
    (*out)->n_columns = n_columns;
    (*out)->names = names;
done:
    return rc;
}

void table_destroy(struct table **table)
{
    if (*table == NULL) return;
    free((*table)->cells);
    free(*table);
    *table = NULL;
}

static struct cell *next_cell(struct table *table)
{
    if (table->n_cells == table->capacity) {
        size_t capacity = table->capacity == 0 ? 256 : 2 * table->capacity;
        struct cell *grown = realloc(table->cells, capacity * sizeof *grown);
        if (grown == NULL) {
            table->failed = true;
            return NULL;
        }
        table->cells = grown;
        table->capacity = capacity;
    }
    struct cell *cell = &table->cells[table->n_cells++];
    cell->number[0] = '\0';
    return cell;
}

void table_text(struct table *table, const char *text)
{
    struct cell *cell = next_cell(table);
    if (cell != NULL) snprintf(cell->shown, sizeof cell->shown, "%s", text);
}

void table_int(struct table *table, int64_t value)
{
    struct cell *cell = next_cell(table);
    if (cell == NULL) return;
    snprintf(cell->shown, sizeof cell->shown, "%lld", (long long)value);
    snprintf(cell->number, sizeof cell->number, "%lld", (long long)value);
}

void table_real(struct table *table, double value, int decimals)
{
    struct cell *cell = next_cell(table);
    if (cell == NULL) return;
    if (!isfinite(value)) {
        cell->shown[0] = '\0';
        snprintf(cell->number, sizeof cell->number, "null");
        return;
    }
    snprintf(cell->shown, sizeof cell->shown, "%.*f", decimals, value);
    snprintf(cell->number, sizeof cell->number, "%.17g", value);
}

/* Characters, not bytes, that a UTF-8 text takes on the screen. */
static int width_of(const char *text)
{
    int width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void print_text_row(const struct table *table, const int *width, const bool *numeric,
                           size_t first_cell, bool head, FILE *out)
{
    for (size_t c = 0; c < table->n_columns; c++) {
        const char *text = head ? table->names[c] : table->cells[first_cell + c].shown;
        int blanks = width[c] - width_of(text);
        bool last = c + 1 == table->n_columns;
        if (numeric[c])
            fprintf(out, "%*s%s%s", blanks, "", text, last ? "\n" : "  ");
        else
            fprintf(out, "%s%*s%s", text, last ? 0 : blanks, "", last ? "\n" : "  ");
    }
}

static enum status print_text(const struct table *table, FILE *out, struct err *err)
{
    enum status rc = OK;
    int *width = NULL;
    bool *numeric = NULL;
    TRY_ALLOC(width, table->n_columns, err);
    TRY_ALLOC(numeric, table->n_columns, err);
    for (size_t c = 0; c < table->n_columns; c++)
        width[c] = width_of(table->names[c]);
    for (size_t i = 0; i < table->n_cells; i++) {
        size_t c = i % table->n_columns;
        int w = width_of(table->cells[i].shown);
        if (w > width[c]) width[c] = w;
        numeric[c] |= table->cells[i].number[0] != '\0';
    }
    print_text_row(table, width, numeric, 0, true, out);
    for (size_t i = 0; i < table->n_cells; i += table->n_columns)
        print_text_row(table, width, numeric, i, false, out);
done:
    free(numeric);
    free(width);
    return rc;
}

static void print_tsv(const struct table *table, FILE *out)
{
    for (size_t c = 0; c < table->n_columns; c++)
        fprintf(out, "%s%c", table->names[c], c + 1 == table->n_columns ? '\n' : '\t');
    for (size_t i = 0; i < table->n_cells; i++) {
        const struct cell *cell = &table->cells[i];
        bool full = cell->number[0] != '\0' && cell->shown[0] != '\0';
        fprintf(out, "%s%c", full ? cell->number : cell->shown,
                (i + 1) % table->n_columns == 0 ? '\n' : '\t');
    }
}

void table_print_json_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if ((unsigned char)*c < 0x20)
            fprintf(out, "\\u%04x", *c);
        else
            fputc(*c, out);
    }
    fputc('"', out);
}

static void print_json(const struct table *table, FILE *out)
{
    fprintf(out, "[");
    for (size_t i = 0; i < table->n_cells; i++) {
        const struct cell *cell = &table->cells[i];
        size_t c = i % table->n_columns;
        fprintf(out, "%s", c > 0 ? ", " : i > 0 ? ",\n {" : "\n {");
        table_print_json_text(out, table->names[c]);
        fprintf(out, ": ");
        if (cell->number[0] != '\0')
            fprintf(out, "%s", cell->number);
        else
            table_print_json_text(out, cell->shown);
        if (c + 1 == table->n_columns) fprintf(out, "}");
    }
    fprintf(out, "\n]\n");
}

enum status table_print(const struct table *table, enum table_format format, FILE *out,
                        struct err *err)
{
    if (table->failed) return err_set(err, ERR_INTERNAL, "out of memory for a table");
    if (format == TABLE_TEXT) return print_text(table, out, err);
    if (format == TABLE_TSV)
        print_tsv(table, out);
    else
        print_json(table, out);
    return OK;
}
