/* array_text.c - arrays as CSV (RFC 4180, but that lines end in \n) and as JSON (RFC 8259). */
#include "array_parts.h"
#include "disk.h"
#include "number.h"
#include "table.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* --- CSV --- */

static void print_csv_text(FILE *out, const char *text)
{
    if (text[strcspn(text, ",\"\r\n")] == '\0') {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"') fputc('"', out);
        fputc(*c, out);
    }
    fputc('"', out);
}

/* Value i of the array as CSV has it. */
static void print_csv_value(FILE *out, const struct named_array *array, size_t i)
{
    char number[NUMBER_TEXT];
    if (array->type == ARRAY_TEXT) {
        print_csv_text(out, ((const char *const *)array->values)[i]);
    } else if (array->type == ARRAY_INT) {
        fprintf(out, "%" PRId64, ((const int64_t *)array->values)[i]);
    } else {
        number_print(((const double *)array->values)[i], number);
        fputs(number, out);
    }
}

/* Columns that the array takes. */
static size_t csv_width(const struct named_array *array)
{
    return array->rank > 1 ? array->axes[1]->n : 1;
}

void array_file_csv_head(FILE *out, size_t n, const struct named_array *arrays)
{
    for (size_t a = 0; a < n; a++)
        for (size_t d = 0; d < csv_width(&arrays[a]); d++) {
            const struct named_array *array = &arrays[a];
            if (a + d > 0) fputc(',', out);
            if (array->rank == 1)
                print_csv_text(out, array->name);
            else if (array->axes[1]->labels != NULL)
                print_csv_text(out, array->axes[1]->labels[d]);
            else
                fprintf(out, "%s_%zu", array->name, d);
        }
    fputc('\n', out);
}

void array_file_csv_rows(FILE *out, size_t n, const struct named_array *arrays)
{
    for (size_t i = 0; i < arrays[0].axes[0]->n; i++) {
        for (size_t a = 0; a < n; a++) {
            const size_t width = csv_width(&arrays[a]);
            for (size_t d = 0; d < width; d++) {
                if (a + d > 0) fputc(',', out);
                print_csv_value(out, &arrays[a], i * width + d);
            }
        }
        fputc('\n', out);
    }
}

enum status array_write_csv(const char *temporary, size_t n, const struct named_array *arrays,
                            struct err *err)
{
    enum status rc = OK;
    FILE *file = NULL;
    TRY(disk_open(temporary, 0666, &file, err));
    array_file_csv_head(file, n, arrays);
    array_file_csv_rows(file, n, arrays);
    TRY(disk_close(&file, temporary, err));
done:
    return rc;
}

/* --- JSON --- */

static void print_json_value(FILE *out, const struct named_array *array, size_t i)
{
    if (array->type == ARRAY_TEXT)
        table_print_json_text(out, ((const char *const *)array->values)[i]);
    else if (array->type == ARRAY_REAL && !isfinite(((const double *)array->values)[i]))
        fputs("null", out);
    else
        print_csv_value(out, array, i);
}

/* Nested lists, of which each value opens and closes those whose first or last it is. */
static void print_json_lists(FILE *out, const struct named_array *array)
{
    const size_t n = array_size(array);
    size_t length[ARRAY_RANK]; /* values in a list of each depth */
    for (size_t d = array->rank, of_inner = 1; d-- > 0; of_inner = length[d])
        length[d] = of_inner * array->axes[d]->n;
    if (n == 0) fputs("[]", out);
    for (size_t i = 0; i < n; i++) {
        if (i > 0) fputs(", ", out);
        for (size_t d = 0; d < array->rank; d++)
            if (i % length[d] == 0) fputc('[', out);
        print_json_value(out, array, i);
        for (size_t d = 0; d < array->rank; d++)
            if ((i + 1) % length[d] == 0) fputc(']', out);
    }
}

enum status array_write_json(const char *temporary, size_t n, const struct named_array *arrays,
                             struct err *err)
{
    enum status rc = OK;
    FILE *file = NULL;
    TRY(disk_open(temporary, 0666, &file, err));
    for (size_t a = 0; a < n; a++) {
        fputs(a == 0 ? "{\n " : ",\n ", file);
        table_print_json_text(file, arrays[a].name);
        fputs(": ", file);
        print_json_lists(file, &arrays[a]);
    }
    fputs("\n}\n", file);
    TRY(disk_close(&file, temporary, err));
done:
    return rc;
}
