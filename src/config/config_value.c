#include "config_parts.h"

#include <stdlib.h>
#include <string.h>

/* More numbers of components than anybody fits; a bound for hostile ranges. */
enum { MOST_INTS = 10000 };

/* What a reader of one type is given and where it puts its findings. */
struct reading {
    const struct param *param;
    const struct value *value;
    const char *base;
    struct mistakes *mistakes;
    bool failed; /* whether a mistake was noted */
};

enum status config_value_copy(const char *text, size_t length, char **out, struct err *err)
{
    enum status rc = err_alloc(length + 1, 1, "text", out, err);
    if (rc == OK) memcpy(*out, text, length);
    return rc;
}

bool config_value_is_null(const struct value *value)
{
    return !value->is_list && value->n == 1 &&
           config_scan_null(value->items[0].text, value->items[0].quoted);
}

static void note(struct reading *in, const struct scalar *item, const char *what)
{
    char expected[512];
    config_params_expected(in->param, expected, sizeof expected);
    config_mistake(in->mistakes, item->place, in->param->name, "%s (%s), expected %s", what,
                   shown(item->text).text, expected);
    in->failed = true;
}

/* Whether the item may be a number: it has no quotes, and is there. */
static bool is_bare(struct reading *in, const struct scalar *item)
{
    if (item->quoted)
        config_mistake(in->mistakes, item->place, in->param->name,
                       "quoted (\"%s\"), expected a number without quotes", shown(item->text).text);
    in->failed = in->failed || item->quoted;
    return !item->quoted;
}

static bool is_in_range(const struct param *param, double value)
{
    return value >= param->lowest && value <= param->highest;
}

/* Notes what a scan found, else a value out of range. Returns whether all is well. */
static bool check(struct reading *in, const struct scalar *item, const char *wrong, double value)
{
    if (wrong == NULL && !is_in_range(in->param, value)) wrong = "out of range";
    if (wrong != NULL) note(in, item, wrong);
    return wrong == NULL;
}

static void read_whole(struct reading *in, const struct scalar *item,
                       const char *(*scan)(const char *, int64_t *), int64_t *out)
{
    if (!is_bare(in, item)) return;
    const char *wrong = scan(item->text, out);
    check(in, item, wrong, (double)*out);
}

static void read_real(struct reading *in, const char *(*scan)(const char *, double *), double *out)
{
    const struct scalar *item = &in->value->items[0];
    if (!is_bare(in, item)) return;
    const char *wrong = scan(item->text, out);
    check(in, item, wrong, *out);
}

static void read_size(struct reading *in, struct image_size *out)
{
    const struct scalar *items = in->value->items;
    if (in->value->n > 2) {
        note(in, &items[2], "more than two numbers");
        return;
    }
    read_whole(in, &items[0], config_scan_int, &out->height);
    out->width = out->height;
    if (in->value->n == 2) read_whole(in, &items[1], config_scan_int, &out->width);
}

/* "all", "best", "top:5" */
static void read_keep(struct reading *in, struct keep_rule *out)
{
    const struct scalar *item = &in->value->items[0];
    const size_t length = strlen(keep_names[KEEP_top]);
    for (out->kind = KEEP_all; out->kind < KEEP_top; out->kind++)
        if (strcmp(item->text, keep_names[out->kind]) == 0) return;
    if (strncmp(item->text, keep_names[KEEP_top], length) != 0 || item->text[length] != ':') {
        note(in, item, "unknown");
        return;
    }
    const char *wrong = config_scan_int(item->text + length + 1, &out->n);
    check(in, item, wrong, (double)out->n);
}

/* The index of the choice, or -1 with a mistake noted. */
static int find_choice(struct reading *in, const struct scalar *item)
{
    const char *const *choices = in->param->choices;
    for (int i = 0; choices[i] != NULL; i++)
        if (strcmp(choices[i], item->text) == 0) return i;
    note(in, item, "unknown");
    return -1;
}

static enum status read_choices(struct reading *in, struct choice_list *out, struct err *err)
{
    enum status rc = OK;
    TRY_ALLOC(out->v, in->value->n, err);
    for (size_t i = 0; i < in->value->n; i++) {
        const struct scalar *item = &in->value->items[i];
        int choice = find_choice(in, item);
        size_t j = 0;
        while (j < out->n && out->v[j] != choice)
            j++;
        if (j < out->n)
            config_mistake(in->mistakes, item->place, in->param->name,
                           "given twice (%s), expected each once", shown(item->text).text);
        in->failed = in->failed || j < out->n;
        if (choice >= 0 && j == out->n) out->v[out->n++] = choice;
    }

done:
    return rc;
}

/* Appends the numbers of a range up to one that is there; out->v has room. */
static void append_ints(struct reading *in, const struct scalar *item, const struct range *range,
                        int64_t n, struct int_list *out)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t value = range->first + i * range->step;
        for (size_t j = 0; j < out->n; j++) {
            if (out->v[j] != value) continue;
            config_mistake(in->mistakes, item->place, in->param->name,
                           "%lld given twice (%s), expected each number once", (long long)value,
                           shown(item->text).text);
            in->failed = true;
            return;
        }
        out->v[out->n++] = value;
    }
}

static enum status read_ints(struct reading *in, struct int_list *out, struct err *err)
{
    enum status rc = OK;
    int64_t total = 0;
    TRY_ALLOC(out->v, MOST_INTS, err);
    for (size_t i = 0; i < in->value->n; i++) {
        const struct scalar *item = &in->value->items[i];
        struct range range = {0};
        if (!is_bare(in, item)) continue;
        const char *wrong = config_scan_range(item->text, &range);
        if (wrong == NULL && !is_in_range(in->param, (double)range.last)) wrong = "out of range";
        if (!check(in, item, wrong, (double)range.first)) continue;
        int64_t n = (range.last - range.first) / range.step + 1; /* both ends are in range */
        total += n;
        if (total > MOST_INTS) {
            config_mistake(in->mistakes, item->place, in->param->name,
                           "%lld numbers (%s), expected at most %d in the list", (long long)total,
                           shown(item->text).text, MOST_INTS);
            in->failed = true;
            goto done;
        }
        append_ints(in, item, &range, n, out);
    }

done:
    return rc;
}

static bool is_number(const char *text)
{
    double value;
    return config_scan_float(text, &value) == NULL;
}

static enum status read_texts(struct reading *in, struct text_list *out, struct err *err)
{
    enum status rc = OK;
    TRY_ALLOC(out->v, in->value->n, err);
    TRY_ALLOC(out->quoted, in->value->n, err);
    for (; out->n < in->value->n; out->n++) {
        const struct scalar *item = &in->value->items[out->n];
        out->quoted[out->n] = item->quoted || !is_number(item->text);
        TRY(config_value_copy(item->text, item->length, &out->v[out->n], err));
    }

done:
    return rc;
}

static enum status read_array(struct reading *in, struct number_array *out, struct err *err)
{
    enum status rc = OK;
    const struct value *value = in->value;
    TRY_ALLOC(out->v, value->n, err);
    out->rank = value->is_list ? value->rank : 1;
    out->shape[0] = 1;
    if (value->is_list) memcpy(out->shape, value->shape, sizeof out->shape);
    for (; out->n < value->n; out->n++) {
        const struct scalar *item = &value->items[out->n];
        if (!is_bare(in, item)) continue;
        const char *wrong = config_scan_float(item->text, &out->v[out->n]);
        check(in, item, wrong, out->v[out->n]);
    }

done:
    return rc;
}

static enum status read_path(struct reading *in, char **out, struct err *err)
{
    const struct scalar *item = &in->value->items[0];
    struct err found = {0};
    if (item->length == 0) {
        note(in, item, "empty");
        return OK;
    }
    enum status rc = config_path_resolve(in->base, item->text, out, &found);
    if (rc == ERR_CONFIG) {
        config_mistake(in->mistakes, item->place, in->param->name, "%s", found.text);
        in->failed = true;
        return OK;
    }
    if (rc != OK) *err = found;
    return rc;
}

static enum status read_text(const struct reading *in, char **out, struct err *err)
{
    return config_value_copy(in->value->items[0].text, in->value->items[0].length, out, err);
}

static enum status read_name_or_path(struct reading *in, struct name_or_path *out, struct err *err)
{
    enum status rc = read_text(in, &out->name, err);
    return rc == OK ? read_path(in, &out->path, err) : rc;
}

static enum status read_typed(struct reading *in, void *field, struct err *err)
{
    switch (in->param->type) {
    case PARAM_TEXT:
        return read_text(in, field, err);
    case PARAM_PATH:
        return read_path(in, field, err);
    case PARAM_NAME_OR_PATH:
        return read_name_or_path(in, field, err);
    case PARAM_INTS:
        return read_ints(in, field, err);
    case PARAM_CHOICES:
        return read_choices(in, field, err);
    case PARAM_TEXTS:
        return read_texts(in, field, err);
    case PARAM_ARRAY:
        return read_array(in, field, err);
    case PARAM_INT:
        read_whole(in, &in->value->items[0], config_scan_int, field);
        break;
    case PARAM_FLOAT:
        read_real(in, config_scan_float, field);
        break;
    case PARAM_BYTES:
        read_whole(in, &in->value->items[0], config_scan_bytes, field);
        break;
    case PARAM_DURATION:
        read_real(in, config_scan_duration, field);
        break;
    case PARAM_CHOICE:
        *(int *)field = find_choice(in, &in->value->items[0]);
        break;
    case PARAM_SIZE:
        read_size(in, field);
        break;
    case PARAM_KEEP:
        read_keep(in, field);
        break;
    }
    return OK;
}

enum status config_value_read(const struct param *param, const struct value *value,
                              const char *base, void *field, struct mistakes *mistakes,
                              struct err *err)
{
    struct reading in = {param, value, base, mistakes, false};
    enum status rc = OK;
    struct scalar whole = {.text = "[]", .place = value->place};
    for (size_t i = 0; i < value->n; i++) {
        const struct scalar *item = &value->items[i];
        if (strlen(item->text) != item->length) note(&in, item, "a 0 byte in it");
        if (value->is_list && config_scan_null(item->text, item->quoted))
            note(&in, item, "empty item");
    }
    if (value->n == 0 && param->type != PARAM_TEXTS) note(&in, &whole, "empty list");
    if (!in.failed && value->n > 0) rc = read_typed(&in, field, err);
    if (rc == OK && in.failed) rc = ERR_CONFIG;
    if (rc != OK) config_value_clear(param, field);
    return rc;
}

void config_value_clear(const struct param *param, void *field)
{
    switch (param->type) {
    case PARAM_TEXT:
    case PARAM_PATH:
        free(*(char **)field);
        *(char **)field = NULL;
        break;
    case PARAM_NAME_OR_PATH:
        free(((struct name_or_path *)field)->name);
        free(((struct name_or_path *)field)->path);
        *(struct name_or_path *)field = (struct name_or_path){0};
        break;
    case PARAM_INTS:
        free(((struct int_list *)field)->v);
        *(struct int_list *)field = (struct int_list){0};
        break;
    case PARAM_CHOICES:
        free(((struct choice_list *)field)->v);
        *(struct choice_list *)field = (struct choice_list){0};
        break;
    case PARAM_TEXTS:
        for (size_t i = 0; i < ((struct text_list *)field)->n; i++)
            free(((struct text_list *)field)->v[i]);
        free(((struct text_list *)field)->v);
        free(((struct text_list *)field)->quoted);
        *(struct text_list *)field = (struct text_list){0};
        break;
    case PARAM_ARRAY:
        free(((struct number_array *)field)->v);
        *(struct number_array *)field = (struct number_array){0};
        break;
    case PARAM_INT:
    case PARAM_BYTES:
        *(int64_t *)field = 0;
        break;
    case PARAM_FLOAT:
    case PARAM_DURATION:
        *(double *)field = 0;
        break;
    case PARAM_CHOICE:
        *(int *)field = 0;
        break;
    case PARAM_SIZE:
        *(struct image_size *)field = (struct image_size){0};
        break;
    case PARAM_KEEP:
        *(struct keep_rule *)field = (struct keep_rule){0};
        break;
    }
}

void config_value_destroy(struct value *value)
{
    for (size_t i = 0; i < value->n; i++)
        free(value->items[i].text);
    free(value->items);
    *value = (struct value){0};
}
