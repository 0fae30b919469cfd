#include "config.h"

#include "config_parts.h"
#include "number.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* A text in double quotes, valid both as JSON and as YAML 1.1: what either reads as a line break or
 * refuses to see unescaped is escaped. */
static void write_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    while (*text != '\0') {
        uint32_t code = 0;
        size_t n = utf8_read(text, &code);
        bool is_control = code < 0x20 || (code >= 0x7f && code <= 0xa0);
        bool is_break = code == 0x2028 || code == 0x2029;
        if (is_control || is_break || code == 0xfeff || code == 0xfffe || code == 0xffff)
            fprintf(out, "\\u%04x", (unsigned)code);
        else
            fprintf(out, "%s%.*s", code == '"' || code == '\\' ? "\\" : "", (int)n, text);
        text += n;
    }
    fputc('"', out);
}

/* Whether the text, without quotes, is the same text to every YAML reader. */
static bool is_plain(const char *text)
{
    const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/0123456789.+-";
    const size_t n_first = 26 + 26 + 2; /* what may come first: no sign, digit or point */
    const char *const words[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
    const char *first = text[0] == '\0' ? NULL : strchr(letters, text[0]);
    if (first == NULL || (size_t)(first - letters) >= n_first) return false;
    if (text[strspn(text, letters)] != '\0') return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(words[i], text) == 0) return false;
    return true;
}

static void write_text(FILE *out, const char *text)
{
    if (text == NULL)
        fputc('~', out);
    else if (is_plain(text))
        fputs(text, out);
    else
        write_quoted(out, text);
}

/* PyYAML takes a number for a float only if it has a point. */
static void write_float(FILE *out, double value)
{
    char text[NUMBER_TEXT];
    number_print(value, text);
    int n = (int)strcspn(text, "e");
    bool has_point = strchr(text, '.') != NULL;
    fprintf(out, "%.*s%s%s", n, text, has_point ? "" : ".0", text + n);
}

/* A name that is also a file here would be another file, or none, from elsewhere. */
static void write_name_or_path(FILE *out, const struct name_or_path *value)
{
    bool is_name = value->name == NULL || value->path == NULL ||
                   (strchr(value->name, '/') == NULL && access(value->path, F_OK) != 0);
    write_text(out, is_name ? value->name : value->path);
}

static void write_size(FILE *out, const struct image_size *size)
{
    if (size->height == 0)
        fputc('~', out);
    else
        fprintf(out, "[%lld, %lld]", (long long)size->height, (long long)size->width);
}

static void write_keep(FILE *out, const struct keep_rule *rule)
{
    fputs(keep_names[rule->kind], out);
    if (rule->kind == KEEP_top) fprintf(out, ":%lld", (long long)rule->n);
}

static void write_ints(FILE *out, const struct int_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        fprintf(out, "%s%lld", i == 0 ? "[" : ", ", (long long)list->v[i]);
    fputs(list->n == 0 ? "~" : "]", out);
}

static void write_choices(FILE *out, const char *const *choices, const struct choice_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        fputs(i == 0 ? "[" : ", ", out);
        write_text(out, choices[list->v[i]]);
    }
    fputs(list->n == 0 ? "~" : "]", out);
}

static void write_texts(FILE *out, const struct text_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        fputs(i == 0 ? "[" : ", ", out);
        if (list->quoted[i])
            write_text(out, list->v[i]);
        else
            fputs(list->v[i], out);
    }
    fputs(list->n == 0 ? "~" : "]", out);
}

static void write_array(FILE *out, const struct number_array *array)
{
    if (array->rank == 0) fputc('~', out);
    for (size_t i = 0; i < array->n; i++) {
        size_t n_open = 0, n_close = 0; /* lists that begin and end with this number */
        for (size_t dim = array->rank, stride = 1; dim-- > 0;) {
            stride *= array->shape[dim];
            n_open += i % stride == 0;
            n_close += (i + 1) % stride == 0;
        }
        if (i > 0) fputs(", ", out);
        fprintf(out, "%.*s", (int)n_open, "[[[");
        write_float(out, array->v[i]);
        fprintf(out, "%.*s", (int)n_close, "]]]");
    }
}

static void write_value(FILE *out, const struct param *param, const void *field)
{
    switch (param->type) {
    case PARAM_TEXT:
    case PARAM_PATH:
        write_text(out, *(char *const *)field);
        break;
    case PARAM_NAME_OR_PATH:
        write_name_or_path(out, field);
        break;
    case PARAM_INT:
    case PARAM_BYTES:
        fprintf(out, "%lld", (long long)*(const int64_t *)field);
        break;
    case PARAM_FLOAT:
    case PARAM_DURATION:
        write_float(out, *(const double *)field);
        break;
    case PARAM_CHOICE:
        write_text(out, param->choices[*(const int *)field]);
        break;
    case PARAM_KEEP:
        write_keep(out, field);
        break;
    case PARAM_SIZE:
        write_size(out, field);
        break;
    case PARAM_INTS:
        write_ints(out, field);
        break;
    case PARAM_CHOICES:
        write_choices(out, param->choices, field);
        break;
    case PARAM_TEXTS:
        write_texts(out, field);
        break;
    case PARAM_ARRAY:
        write_array(out, field);
        break;
    }
}

enum status config_resolve(const struct config *config, char **text, struct err *err)
{
    size_t length = 0;
    *text = NULL;
    FILE *out = open_memstream(text, &length);
    for (size_t i = 0; out != NULL && i < N_PARAMS; i++) {
        const struct param *param = &config_params[i];
        const bool inside = param->section[0] != '\0';
        if (inside && config_params_section(param->section) == param)
            fprintf(out, "%s:\n", param->section);
        const size_t n_group = config_params_group_length(param);
        if (config_params_group(param->section, param->key, n_group) == param)
            fprintf(out, "  %.*s:\n", (int)n_group, param->key);
        const int indent = n_group > 0 ? 4 : inside ? 2 : 0;
        fprintf(out, "%*s%s: ", indent, "", param->key + (n_group > 0 ? n_group + 1 : 0));
        write_value(out, param, (const char *)config + param->offset);
        fputc('\n', out);
    }
    return err_text(out, text, "resolved config", err);
}

static const char *const type_names[] = {
    [PARAM_TEXT] = "text",
    [PARAM_PATH] = "path",
    [PARAM_NAME_OR_PATH] = "name or path",
    [PARAM_INT] = "integer",
    [PARAM_FLOAT] = "float",
    [PARAM_BYTES] = "bytes",
    [PARAM_DURATION] = "duration",
    [PARAM_CHOICE] = "choice",
    [PARAM_SIZE] = "size",
    [PARAM_KEEP] = "rule",
    [PARAM_INTS] = "list of integers",
    [PARAM_CHOICES] = "list of choices",
    [PARAM_TEXTS] = "list of texts",
    [PARAM_ARRAY] = "array of floats",
};

enum column { COLUMN_KEY, COLUMN_TYPE, COLUMN_DEFAULT, COLUMN_RANGE, COLUMN_UNIT, N_COLUMNS };

/* The text of one cell in out [size]; returns its width. */
static int format_cell(const struct param *param, int column, char *out, size_t size)
{
    const char *const cells[N_COLUMNS] = {
        [COLUMN_KEY] = param->name,
        [COLUMN_TYPE] = type_names[param->type],
        [COLUMN_DEFAULT] = param->default_text,
        [COLUMN_RANGE] = "",
        [COLUMN_UNIT] = param->unit,
    };
    if (column == COLUMN_RANGE && param->lowest < param->highest) {
        char lowest[NUMBER_TEXT], highest[NUMBER_TEXT];
        number_print(param->lowest, lowest);
        number_print(param->highest, highest);
        return snprintf(out, size, "%s .. %s", lowest, highest);
    }
    return snprintf(out, size, "%s", cells[column][0] == '\0' ? "-" : cells[column]);
}

static void print_table(FILE *out)
{
    const char *const heads[N_COLUMNS] = {"key", "type", "default", "range", "unit"};
    char cell[128];
    int widths[N_COLUMNS];
    for (int column = 0; column < N_COLUMNS; column++) {
        widths[column] = (int)strlen(heads[column]);
        for (size_t i = 0; i < N_PARAMS; i++) {
            int width = format_cell(&config_params[i], column, cell, sizeof cell);
            if (width > widths[column]) widths[column] = width;
        }
        fprintf(out, "%-*s  ", widths[column], heads[column]);
    }
    fputs("meaning\n", out);
    for (size_t i = 0; i < N_PARAMS; i++) {
        const struct param *param = &config_params[i];
        for (int column = 0; column < N_COLUMNS; column++) {
            format_cell(param, column, cell, sizeof cell);
            fprintf(out, "%-*s  ", widths[column], cell);
        }
        fputs(param->meaning, out);
        for (size_t j = 0; param->choices != NULL && param->choices[j] != NULL; j++)
            fprintf(out, "%s%s", j == 0 ? " (one of: " : ", ", param->choices[j]);
        fputs(param->choices != NULL ? ")\n" : "\n", out);
    }
}

/* A member of an object; NULL is null. */
static void print_json_text(FILE *out, const char *name, const char *value)
{
    fprintf(out, "\"%s\": ", name);
    if (value != NULL)
        write_quoted(out, value);
    else
        fputs("null", out);
    fputs(", ", out);
}

static void print_json(FILE *out)
{
    for (size_t i = 0; i < N_PARAMS; i++) {
        const struct param *param = &config_params[i];
        char lowest[NUMBER_TEXT] = "null", highest[NUMBER_TEXT] = "null";
        if (param->lowest < param->highest) {
            number_print(param->lowest, lowest);
            number_print(param->highest, highest);
        }
        fputs(i == 0 ? "[\n  {" : ",\n  {", out);
        print_json_text(out, "key", param->name);
        print_json_text(out, "type", type_names[param->type]);
        fputs("\"choices\": ", out);
        for (size_t j = 0; param->choices != NULL && param->choices[j] != NULL; j++) {
            fputs(j == 0 ? "[" : ", ", out);
            write_quoted(out, param->choices[j]);
        }
        fputs(param->choices != NULL ? "], " : "null, ", out);
        bool has_default = param->default_text[0] != '\0';
        print_json_text(out, "default", has_default ? param->default_text : NULL);
        fprintf(out, "\"lowest\": %s, \"highest\": %s, ", lowest, highest);
        print_json_text(out, "unit", param->unit);
        fputs("\"meaning\": ", out);
        write_quoted(out, param->meaning);
        fputs("}", out);
    }
    fputs("\n]\n", out);
}

void config_print_params(FILE *out, bool json)
{
    if (json)
        print_json(out);
    else
        print_table(out);
}

void config_print_quoted(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text != '\0'; text++) {
        if (*text == '\'') fputc('\'', out);
        fputc(*text, out);
    }
    fputc('\'', out);
}

enum status config_override(const char *key, const char *text, char **out, struct err *err)
{
    size_t length;
    *out = NULL;
    FILE *file = open_memstream(out, &length);
    if (file != NULL) {
        fprintf(file, "%s=", key);
        config_print_quoted(file, text);
    }
    return err_text(file, out, key, err);
}
