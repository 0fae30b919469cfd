#include "config_yaml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The deepest sensible config is a section with a mapping with a list of lists. */
enum { DEEPEST = 16 };

/* More list items than anybody writes; a bound for hostile files. */
enum { MOST_ITEMS = 100000 };

static struct place place_of(const struct yaml_text *yaml, yaml_mark_t mark)
{
    struct place place = yaml->start;
    if (mark.line > 0 && place.is_override) { /* libyaml puts the end on a line of its own */
        place.col += strlen(yaml->text);
        return place;
    }
    place.line += mark.line;
    place.col = mark.line == 0 ? place.col + mark.column : mark.column + 1;
    return place;
}

struct place config_yaml_place(const struct yaml_text *yaml)
{
    return place_of(yaml, yaml->event.start_mark);
}

/* The place of byte `offset`: libyaml gives no mark for bytes that are no characters. */
static struct place place_of_byte(const struct yaml_text *yaml, size_t offset)
{
    yaml_mark_t mark = {0};
    for (size_t i = 0; i < offset; i++) {
        if (yaml->text[i] == '\n') {
            mark.line++;
            mark.column = 0;
        } else if (((unsigned char)yaml->text[i] & 0xc0) != 0x80) {
            mark.column++;
        }
    }
    return place_of(yaml, mark);
}

static enum status note_syntax_error(struct yaml_text *yaml, struct err *err)
{
    const yaml_parser_t *parser = &yaml->parser;
    if (parser->error == YAML_MEMORY_ERROR)
        return err_set(err, ERR_INTERNAL, "out of memory: YAML parser");
    bool is_byte = parser->error == YAML_READER_ERROR;
    struct place place = is_byte ? place_of_byte(yaml, parser->problem_offset)
                                 : place_of(yaml, parser->problem_mark);
    bool has_context = !is_byte && parser->context != NULL;
    config_mistake(yaml->mistakes, place, "YAML", "%s%s%s, expected valid YAML", parser->problem,
                   has_context ? " " : "", has_context ? parser->context : "");
    return ERR_CONFIG;
}

enum status config_yaml_next(struct yaml_text *yaml, struct err *err)
{
    if (yaml->mistakes->full) return ERR_CONFIG;
    yaml_event_delete(&yaml->event);
    if (!yaml_parser_parse(&yaml->parser, &yaml->event)) return note_syntax_error(yaml, err);
    return OK;
}

enum status config_yaml_open(struct yaml_text *yaml, const char *text, size_t length,
                             struct place start, struct mistakes *mistakes, struct err *err)
{
    enum status rc = OK;
    memset(yaml, 0, sizeof *yaml);
    const char mark[] = "\xef\xbb\xbf"; /* which libyaml would count as a column */
    if (length >= 3 && memcmp(text, mark, 3) == 0) {
        text += 3;
        length -= 3;
    }
    yaml->text = text;
    yaml->start = start;
    yaml->mistakes = mistakes;
    if (!yaml_parser_initialize(&yaml->parser))
        FAIL(err, ERR_INTERNAL, "out of memory: YAML parser");
    yaml_parser_set_encoding(&yaml->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&yaml->parser, (const unsigned char *)text, length);
    TRY(config_yaml_next(yaml, err)); /* stream start */
    TRY(config_yaml_next(yaml, err)); /* document start or stream end */
    if (yaml->event.type == YAML_DOCUMENT_START_EVENT) TRY(config_yaml_next(yaml, err));

done:
    return rc;
}

static int change_of_depth(yaml_event_type_t type)
{
    if (type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT) return 1;
    if (type == YAML_SEQUENCE_END_EVENT || type == YAML_MAPPING_END_EVENT) return -1;
    return 0;
}

enum status config_yaml_skip(struct yaml_text *yaml, struct err *err)
{
    enum status rc = OK;
    int depth = change_of_depth(yaml->event.type);
    while (depth > 0) {
        TRY(config_yaml_next(yaml, err));
        depth += change_of_depth(yaml->event.type);
        if (depth > DEEPEST) {
            config_mistake(yaml->mistakes, config_yaml_place(yaml), "YAML",
                           "nested too deeply, expected at most %d levels", DEEPEST);
            rc = ERR_CONFIG;
            goto done;
        }
    }

done:
    return rc;
}

enum status config_yaml_end(struct yaml_text *yaml, struct err *err)
{
    enum status rc = OK;
    TRY(config_yaml_next(yaml, err)); /* document end */
    TRY(config_yaml_next(yaml, err));
    if (yaml->event.type != YAML_STREAM_END_EVENT) {
        config_mistake(yaml->mistakes, config_yaml_place(yaml), "YAML",
                       "a second document, expected one");
        rc = ERR_CONFIG;
    }

done:
    return rc;
}

bool config_yaml_is_marked(struct yaml_text *yaml, const char *name)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    const char *what = NULL;
    const char *text = "";
    switch (yaml->event.type) {
    case YAML_ALIAS_EVENT:
        what = "an alias";
        text = (const char *)yaml->event.data.alias.anchor;
        break;
    case YAML_SCALAR_EVENT:
        anchor = yaml->event.data.scalar.anchor;
        tag = yaml->event.data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = yaml->event.data.sequence_start.anchor;
        tag = yaml->event.data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = yaml->event.data.mapping_start.anchor;
        tag = yaml->event.data.mapping_start.tag;
        break;
    default:
        break;
    }
    if (anchor != NULL || tag != NULL) {
        what = anchor != NULL ? "an anchor" : "a tag";
        text = (const char *)(anchor != NULL ? anchor : tag);
    }
    if (what != NULL)
        config_mistake(yaml->mistakes, config_yaml_place(yaml), name,
                       "%s (%s), expected the plain value", what, shown(text).text);
    return what != NULL;
}

/* Appends the current scalar. The array has room for a power of two. */
static enum status append_scalar(struct yaml_text *yaml, struct value *value, struct err *err)
{
    enum status rc = OK;
    struct scalar *items = NULL;
    size_t n = value->n;
    if ((n & (n - 1)) == 0) {
        TRY_ALLOC(items, n == 0 ? 1 : 2 * n, err);
        if (n > 0) memcpy(items, value->items, n * sizeof *items);
        free(value->items);
        value->items = items;
    }
    struct scalar *item = &value->items[n];
    item->length = yaml->event.data.scalar.length;
    item->quoted = yaml->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    item->place = config_yaml_place(yaml);
    TRY(config_value_copy((const char *)yaml->event.data.scalar.value, item->length, &item->text,
                          err));
    value->n++;

done:
    return rc;
}

bool config_yaml_is_null(const struct yaml_text *yaml)
{
    if (yaml->event.type != YAML_SCALAR_EVENT) return false;
    bool quoted = yaml->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return config_scan_null((const char *)yaml->event.data.scalar.value, quoted);
}

const char *config_yaml_kind(const struct yaml_text *yaml)
{
    if (yaml->event.type == YAML_MAPPING_START_EVENT) return "a mapping";
    return yaml->event.type == YAML_SEQUENCE_START_EVENT ? "a list" : "a scalar";
}

/* Notes that a node of this kind cannot stand here, and skips it. */
static enum status refuse_kind(struct yaml_text *yaml, const struct param *param, const char *where,
                               struct err *err)
{
    char expected[256];
    config_params_expected(param, expected, sizeof expected);
    config_mistake(yaml->mistakes, config_yaml_place(yaml), param->name, "%s%s, expected %s",
                   config_yaml_kind(yaml), where, expected);
    return config_yaml_skip(yaml, err);
}

/* Takes note of a number at the depth, or of a list of n items: all must be as the first. */
static void check_shape(struct yaml_text *yaml, const struct param *param, size_t depth, size_t n,
                        struct value *value)
{
    size_t *expected = n == 0 ? &value->rank : &value->shape[depth];
    const size_t found = n == 0 ? depth + 1 : n;
    if (*expected == 0) *expected = found;
    if (*expected == found) return;
    value->usable = false;
    if (n == 0)
        config_mistake(yaml->mistakes, config_yaml_place(yaml), param->name,
                       "a number %zu lists deep, expected %zu as before", found, *expected);
    else
        config_mistake(yaml->mistakes, config_yaml_place(yaml), param->name,
                       "a list of %zu ends here, expected %zu as before", found, *expected);
}

/* From the start of a list, `depth` lists deep, to its end. */
static enum status read_list(struct yaml_text *yaml, const struct param *param, size_t depth,
                             struct value *value, struct err *err)
{
    enum status rc = OK;
    const size_t most_depth = param->type == PARAM_ARRAY ? ARRAY_DIMS : 1;
    size_t n = 0;
    for (;; n++) {
        TRY(config_yaml_next(yaml, err));
        if (yaml->event.type == YAML_SEQUENCE_END_EVENT) break;
        if (value->n == MOST_ITEMS || n == MOST_ITEMS) {
            config_mistake(yaml->mistakes, config_yaml_place(yaml), param->name,
                           "list too long, expected at most %d items", MOST_ITEMS);
            rc = ERR_CONFIG;
            goto done;
        }
        if (config_yaml_is_marked(yaml, param->name)) {
            value->usable = false;
            TRY(config_yaml_skip(yaml, err));
        } else if (yaml->event.type == YAML_SCALAR_EVENT) {
            check_shape(yaml, param, depth, 0, value);
            TRY(append_scalar(yaml, value, err));
        } else if (yaml->event.type == YAML_SEQUENCE_START_EVENT && depth + 1 < most_depth) {
            TRY(read_list(yaml, param, depth + 1, value, err));
        } else {
            value->usable = false;
            TRY(refuse_kind(yaml, param, " inside a list", err));
        }
    }
    if (n > 0 && most_depth > 1) check_shape(yaml, param, depth, n, value);
    if (n == 0 && depth > 0) {
        value->usable = false;
        config_mistake(yaml->mistakes, config_yaml_place(yaml), param->name,
                       "an empty list inside a list, expected numbers");
    }

done:
    return rc;
}

enum status config_yaml_value(struct yaml_text *yaml, const struct param *param,
                              struct value *value, struct err *err)
{
    enum status rc = OK;
    yaml_event_type_t type = yaml->event.type;
    *value = (struct value){.usable = true, .place = config_yaml_place(yaml)};
    if (config_yaml_is_marked(yaml, param->name)) {
        value->usable = false;
        TRY(config_yaml_skip(yaml, err));
    } else if (type == YAML_SCALAR_EVENT) {
        TRY(append_scalar(yaml, value, err));
    } else if (type == YAML_SEQUENCE_START_EVENT && config_params_is_list(param->type)) {
        value->is_list = true;
        TRY(read_list(yaml, param, 0, value, err));
    } else {
        value->usable = false;
        TRY(refuse_kind(yaml, param, "", err));
    }

done:
    return rc;
}

void config_yaml_close(struct yaml_text *yaml)
{
    yaml_event_delete(&yaml->event);
    yaml_parser_delete(&yaml->parser);
}
