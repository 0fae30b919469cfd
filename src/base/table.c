#include "table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct cell {
    char *shown;     /* for people */
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
    for (size_t i = 0; i < (*table)->n_cells; i++)
        free((*table)->cells[i].shown);
    free((*table)->cells);
    free(*table);
    *table = NULL;
}

/* Adds a cell with copies of both texts; without memory the table has failed. */
static void add_cell(struct table *table, const char *shown, const char *number)
{
    if (table->n_cells == table->capacity) {
        size_t capacity = table->capacity == 0 ? 256 : 2 * table->capacity;
        struct cell *grown = realloc(table->cells, capacity * sizeof *grown);
        if (grown == NULL) {
            table->failed = true;
            return;
        }
        table->cells = grown;
        table->capacity = capacity;
    }
    struct cell *cell = &table->cells[table->n_cells];
    cell->shown = strdup(shown);
    snprintf(cell->number, sizeof cell->number, "%s", number);
    if (cell->shown == NULL)
        table->failed = true;
    else
        table->n_cells++;
}

void table_text(struct table *table, const char *text)
{
    add_cell(table, text, "");
}

void table_int(struct table *table, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    add_cell(table, text, text);
}

void table_real(struct table *table, double value, int decimals)
{
    char shown[512], number[32];
    snprintf(shown, sizeof shown, "%.*f", decimals, value);
    snprintf(number, sizeof number, "%.17g", value);
    if (isfinite(value))
        add_cell(table, shown, number);
    else
        add_cell(table, "", "null");
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

/* A tab or line break would start another cell or row. */
static void print_tsv_text(FILE *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        fputc(strchr("\t\n\r", *c) != NULL ? ' ' : *c, out);
}

static void print_tsv(const struct table *table, FILE *out)
{
    for (size_t c = 0; c < table->n_columns; c++)
        fprintf(out, "%s%c", table->names[c], c + 1 == table->n_columns ? '\n' : '\t');
    for (size_t i = 0; i < table->n_cells; i++) {
        const struct cell *cell = &table->cells[i];
        bool full = cell->number[0] != '\0' && cell->shown[0] != '\0';
        print_tsv_text(out, full ? cell->number : cell->shown);
        fputc((i + 1) % table->n_columns == 0 ? '\n' : '\t', out);
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
