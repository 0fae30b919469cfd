/* Text tables: RFC 4180 with commas, semicolons or tabs, in UTF-8, with or without a header.
 *
 * Beyond the RFC: any line ends, a byte order mark, blanks around cells, blank lines at the end.
 * A cell keeps its place in the file's bytes; only the start of each row is stored. */
#include "number.h"
#include "source.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct csv {
    char separator;
    size_t *row_at; /* [n_rows] where each row starts in the bytes */
};

struct cell {
    const char *text; /* [n], without quotes and blanks around it */
    size_t n;
    bool quoted; /* inside, "" stands for " */
};

enum kind { MISSING, NUMBER, TEXT };

static bool is_break(char c)
{
    return c == '\n' || c == '\r';
}

static const char *skip_blanks(const char *at, const char *end, char separator)
{
    while (at < end && (*at == ' ' || (*at == '\t' && separator != '\t')))
        at++;
    return at;
}

/* The end of a quoted text that starts at `at`, or NULL. */
static const char *closing_quote(const char *at, const char *end)
{
    while ((at = memchr(at, '"', (size_t)(end - at))) != NULL) {
        if (at + 1 == end || at[1] != '"') return at;
        at += 2;
    }
    return NULL;
}

/* Reads the cell at `at`. Returns its separator, line break or `end`; NULL if a quote is not
 * closed or is followed by more text. */
static const char *read_cell(const char *at, const char *end, char separator, struct cell *cell)
{
    at = skip_blanks(at, end, separator);
    if (at < end && *at == '"') {
        const char *close = closing_quote(at + 1, end);
        if (close == NULL) return NULL;
        *cell = (struct cell){at + 1, (size_t)(close - at - 1), true};
        at = skip_blanks(close + 1, end, separator);
        return at == end || *at == separator || is_break(*at) ? at : NULL;
    }
    const char *first = at;
    while (at < end && *at != separator && !is_break(*at))
        at++;
    const char *last = at;
    while (last > first && (last[-1] == ' ' || last[-1] == '\t'))
        last--;
    *cell = (struct cell){first, (size_t)(last - first), false};
    return at;
}

static enum kind cell_kind(const struct cell *cell, double *value)
{
    if (number_missing(cell->text, cell->n)) return MISSING;
    return number_parse(cell->text, cell->n, value) ? NUMBER : TEXT;
}

/* As source_cell, with `cell` resolved. */
static size_t copy_cell(const struct cell *cell, char *text, size_t size)
{
    size_t length = 0;

    for (size_t i = 0; i < cell->n; i++) {
        if (length + 1 < size) text[length] = cell->text[i];
        length++;
        if (cell->quoted && cell->text[i] == '"') i++;
    }
    if (size > 0) text[length < size ? length : size - 1] = '\0';
    return length;
}

static const char *next_row(const char *at, const char *end)
{
    if (at + 1 < end && at[0] == '\r' && at[1] == '\n') return at + 2;
    return at < end ? at + 1 : end;
}

/* Counts the cells of the row at `at`, no further than to SOURCE_COLUMNS + 1. Returns where the
 * next row starts, or where it stopped; NULL for bad quotes. */
static const char *count_cells(const char *at, const char *end, char separator, size_t *n)
{
    struct cell cell;

    for (*n = 1; (at = read_cell(at, end, separator, &cell)) != NULL; ++*n, at++) {
        if (at == end || is_break(*at)) return next_row(at, end);
        if (*n > SOURCE_COLUMNS) return at;
    }
    return NULL;
}

/* The separator that cuts the first lines into the same number of cells, more than one. */
static char find_separator(const char *first, const char *end)
{
    static const char candidates[] = {'\t', ';', ','};
    enum { LINES = 10 };
    char best = ',';
    size_t most = 1;

    for (size_t i = 0; i < sizeof candidates; i++) {
        size_t n_first, n;
        const char *at = count_cells(first, end, candidates[i], &n_first);
        if (at == NULL || n_first == 1) continue;
        bool same = true;
        for (int line = 1; line < LINES && at != NULL && at < end && same; line++) {
            at = count_cells(at, end, candidates[i], &n);
            same = at != NULL && n == n_first;
        }
        if (same) return candidates[i];
        if (n_first > most) { /* a broken table: read_rows will say where */
            most = n_first;
            best = candidates[i];
        }
    }
    return best;
}

static size_t line_of(const struct source *src, const char *at)
{
    size_t line = 1;

    for (const char *c = (const char *)src->bytes; c < at; c++)
        if (*c == '\n' || (*c == '\r' && c[1] != '\n')) line++;
    return line;
}

/* Bytes of the UTF-8 character at `at`, 0 if it is none (RFC 3629) or a control character. The
 * NUL after the content ends every sequence that is cut. */
static size_t character_size(const unsigned char *at)
{
    static const unsigned lowest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned code = *at;

    if (code < 0x80) return code >= 0x20 || code == '\t' || is_break((char)code);
    size_t n = code >= 0xf0 ? 4 : code >= 0xe0 ? 3 : 2;
    code &= 0x7fu >> n;
    for (size_t i = 1; i < n; i++) {
        if ((at[i] & 0xc0) != 0x80) return 0;
        code = code << 6 | (at[i] & 0x3fu);
    }
    bool surrogate = code >= 0xd800 && code <= 0xdfff;
    bool valid = *at >= 0xc2 && *at <= 0xf4 && code >= lowest[n] && code <= 0x10ffff && !surrogate;
    return valid ? n : 0;
}

static enum status check_text(const struct source *src, struct err *err)
{
    size_t at = 0;

    while (at < src->n_bytes) {
        size_t n = character_size(src->bytes + at);
        if (n == 0)
            return err_set(err, ERR_DATA,
                           "%s: line %zu: byte 0x%02x at offset %zu is no text; "
                           "expected a table in UTF-8",
                           src->path, line_of(src, (const char *)src->bytes + at), src->bytes[at],
                           at);
        at += n;
    }
    return OK;
}

/* kinds [n_cols]: of the row's cells, as far as there are any. */
static void row_kinds(const char *at, const char *end, char separator, size_t n_cols,
                      unsigned char *kinds)
{
    struct cell cell;
    double value;

    for (size_t d = 0; d < n_cols; d++) {
        at = read_cell(at, end, separator, &cell);
        if (at == NULL) return; /* read_row reports it */
        kinds[d] = (unsigned char)cell_kind(&cell, &value);
        if (at == end || is_break(*at)) return;
        at++;
    }
}

/* Whether the first row names the columns: some text stands over a number, or all of it is text. */
static enum status find_header(const struct source *src, const char *first, const char *second,
                               const char *end, bool *header, struct err *err)
{
    enum status rc = OK;
    const struct csv *csv = src->state;
    unsigned char *kinds = NULL;
    size_t n_text = 0;
    bool over_number = false;

    TRY_ALLOC(kinds, 2 * src->n_cols, err);
    row_kinds(first, end, csv->separator, src->n_cols, kinds);
    if (second < end) row_kinds(second, end, csv->separator, src->n_cols, kinds + src->n_cols);
    for (size_t d = 0; d < src->n_cols; d++) {
        n_text += kinds[d] == TEXT;
        over_number |= kinds[d] == TEXT && kinds[src->n_cols + d] == NUMBER;
    }
    *header = over_number || n_text == src->n_cols;
done:
    free(kinds);
    return rc;
}

static enum status read_header(struct source *src, const char *at, const char *end, struct err *err)
{
    enum status rc = OK;
    const struct csv *csv = src->state;
    struct cell cell;

    TRY_ALLOC(src->col_names, src->n_cols, err);
    for (size_t d = 0; d < src->n_cols; d++, at++) {
        at = read_cell(at, end, csv->separator, &cell);
        TRY_ALLOC(src->col_names[d], cell.n + 1, err);
        copy_cell(&cell, src->col_names[d], cell.n + 1);
    }
done:
    return rc;
}

/* Checks the row at `at` and notes columns whose first text it has. */
static enum status read_row(struct source *src, const char *at, const char *end, const char **next,
                            struct err *err)
{
    const struct csv *csv = src->state;
    const char *row = at;
    struct cell cell;
    double value;
    size_t d = 0;

    for (bool more = true; more; d++) {
        at = read_cell(at, end, csv->separator, &cell);
        if (at == NULL)
            return err_set(err, ERR_DATA,
                           "%s: line %zu: a quote is not closed, or text follows the closing one",
                           src->path, line_of(src, row));
        if (d < src->n_cols && src->first_text[d] > src->n_rows && cell_kind(&cell, &value) == TEXT)
            src->first_text[d] = src->n_rows;
        more = at < end && *at == csv->separator;
        if (more) at++;
    }
    if (d != src->n_cols)
        return err_set(err, ERR_DATA, "%s: line %zu has %zu cell%s, the first line has %zu",
                       src->path, line_of(src, row), d, d == 1 ? "" : "s", src->n_cols);
    *next = next_row(at, end);
    return OK;
}

static enum status read_rows(struct source *src, const char *at, const char *end, struct err *err)
{
    enum status rc = OK;
    struct csv *csv = src->state;
    size_t capacity = 0;

    TRY_ALLOC(src->first_text, src->n_cols, err);
    for (size_t d = 0; d < src->n_cols; d++)
        src->first_text[d] = SIZE_MAX;
    for (; at < end; src->n_rows++) {
        if (src->n_rows == capacity) {
            capacity = capacity == 0 ? 256 : 2 * capacity;
            size_t *grown = realloc(csv->row_at, capacity * sizeof *grown);
            if (grown == NULL) FAIL(err, ERR_INTERNAL, "%s: out of memory", src->path);
            csv->row_at = grown;
        }
        csv->row_at[src->n_rows] = (size_t)(at - (const char *)src->bytes);
        TRY(read_row(src, at, end, &at, err));
    }
    for (size_t d = 0; d < src->n_cols; d++)
        if (src->first_text[d] == SIZE_MAX) src->first_text[d] = src->n_rows;
done:
    return rc;
}

static bool csv_probe(const unsigned char *bytes, size_t n)
{
    const size_t sample = 4096;

    return memchr(bytes, 0, n < sample ? n : sample) == NULL;
}

/* The table's end: before blank lines. */
static const char *last_line_end(const char *first, const char *end)
{
    while (end > first && (is_break(end[-1]) || end[-1] == ' '))
        end--;
    return end;
}

static enum status csv_open(struct source *src, struct err *err)
{
    enum status rc = OK;
    const char *first = (const char *)src->bytes;
    struct csv *csv = NULL;
    bool header = false;

    TRY(check_text(src, err));
    if (strncmp(first, "\xef\xbb\xbf", 3) == 0) first += 3;
    const char *end = last_line_end(first, (const char *)src->bytes + src->n_bytes);
    if (first == end) FAIL(err, ERR_DATA, "%s: holds only blank lines", src->path);
    TRY_ALLOC(csv, 1, err);
    src->state = csv;
    src->dtype = "float64";
    csv->separator = find_separator(first, end);
    const char *second = count_cells(first, end, csv->separator, &src->n_cols);
    if (second == NULL)
        FAIL(err, ERR_DATA, "%s: line 1: a quote is not closed, or text follows the closing one",
             src->path);
    if (src->n_cols > SOURCE_COLUMNS)
        FAIL(err, ERR_DATA, "%s: line 1 has more than the %d cells that are read", src->path,
             SOURCE_COLUMNS);
    TRY(find_header(src, first, second, end, &header, err));
    if (header) TRY(read_header(src, first, end, err));
    TRY(read_rows(src, header ? second : first, end, err));
    if (src->n_rows == 0) FAIL(err, ERR_DATA, "%s: has a header and no rows", src->path);
done:
    return rc;
}

static void csv_row(const struct source *src, size_t n, double *out)
{
    const struct csv *csv = src->state;
    const char *at = (const char *)src->bytes + csv->row_at[n];
    const char *end = (const char *)src->bytes + src->n_bytes;
    struct cell cell;

    for (size_t d = 0; d < src->n_cols; d++, at++) {
        at = read_cell(at, end, csv->separator, &cell);
        if (cell_kind(&cell, &out[d]) != NUMBER) out[d] = NAN;
    }
}

static size_t csv_cell(const struct source *src, size_t n, size_t d, char *text, size_t size)
{
    const struct csv *csv = src->state;
    const char *at = (const char *)src->bytes + csv->row_at[n];
    const char *end = (const char *)src->bytes + src->n_bytes;
    struct cell cell = {.text = at};

    for (size_t i = 0; i <= d; i++)
        at = read_cell(at, end, csv->separator, &cell) + 1;
    return copy_cell(&cell, text, size);
}

static size_t csv_line(const struct source *src, size_t n)
{
    const struct csv *csv = src->state;

    return line_of(src, (const char *)src->bytes + csv->row_at[n]);
}

static void csv_close(struct source *src)
{
    struct csv *csv = src->state;

    if (csv == NULL) return;
    free(csv->row_at);
    free(csv);
}

const struct source_reader source_csv = {
    .name = "CSV",
    .probe = csv_probe,
    .open = csv_open,
    .row = csv_row,
    .cell = csv_cell,
    .line = csv_line,
    .close = csv_close,
};
