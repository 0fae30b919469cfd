#include "config_parts.h"
#include "config_yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHORT_NAME = 64 /* bytes that hold the name of any section, "section.group" too */ };

static enum status set_default(struct reader *reader, const struct param *param, struct err *err);

/* Gives the key the value that stands there; a mistake in it is noted. */
static enum status set_value(struct reader *reader, const struct param *param,
                             const struct value *value, struct err *err)
{
    size_t id = (size_t)(param - config_params);
    void *field = config_params_field(param, reader->config);
    config_value_clear(param, field);
    reader->given[id] = value->place;
    if (config_value_is_null(value)) {
        reader->given[id].source = NULL;
        return set_default(reader, param, err);
    }
    enum status rc = config_value_read(param, value, reader->base, field, &reader->mistakes, err);
    return rc == ERR_CONFIG ? OK : rc;
}

/* Reads one value at the current node. */
static enum status read_value(struct reader *reader, struct yaml_text *yaml,
                              const struct param *param, struct err *err)
{
    enum status rc = OK;
    struct value value = {0};
    TRY(config_yaml_value(yaml, param, &value, err));
    if (value.n > 0 || value.usable) /* of a list with mistakes, the rest may have more */
        TRY(set_value(reader, param, &value, err));
    else
        reader->given[param - config_params] = value.place; /* not missing, only wrong */

done:
    config_value_destroy(&value);
    return rc;
}

/* Reads a text that is one value: a default or an override. */
static enum status read_single(struct reader *reader, const struct param *param, const char *text,
                               struct place start, struct err *err)
{
    enum status rc = OK;
    struct yaml_text yaml;
    TRY(config_yaml_open(&yaml, text, strlen(text), start, &reader->mistakes, err));
    if (yaml.event.type == YAML_STREAM_END_EVENT) {
        struct scalar nothing = {.text = (char[]){""}, .place = start};
        struct value value = {.usable = true, .n = 1, .items = &nothing, .place = start};
        TRY(set_value(reader, param, &value, err));
    } else {
        TRY(read_value(reader, &yaml, param, err));
        TRY(config_yaml_end(&yaml, err));
    }

done:
    config_yaml_close(&yaml);
    return rc;
}

static enum status set_default(struct reader *reader, const struct param *param, struct err *err)
{
    if (param->default_text[0] == '\0') return OK; /* zeroed */
    struct place place = {.source = "params.def", .line = 1, .col = 1};
    enum status rc = read_single(reader, param, param->default_text, place, err);
    reader->given[param - config_params].source = NULL;
    return rc;
}

/* From a key's node to the node of its value. *key (release with free()) is NULL if the key is no
 * word, which is noted. */
static enum status read_key(struct reader *reader, struct yaml_text *yaml, char **key,
                            struct place *place, struct err *err)
{
    enum status rc = OK;
    *key = NULL;
    *place = config_yaml_place(yaml);
    if (yaml->event.type == YAML_SCALAR_EVENT && !config_yaml_is_marked(yaml, "YAML")) {
        const char *text = (const char *)yaml->event.data.scalar.value;
        size_t length = yaml->event.data.scalar.length;
        if (strlen(text) == length)
            TRY(config_value_copy(text, length, key, err));
        else
            config_mistake(&reader->mistakes, *place, text, "a key with a 0 byte, expected a word");
    } else if (yaml->event.type != YAML_SCALAR_EVENT) {
        config_mistake(&reader->mistakes, *place, "YAML",
                       "a key that is no scalar, expected a word");
        TRY(config_yaml_skip(yaml, err));
    }
    TRY(config_yaml_next(yaml, err));

done:
    return rc;
}

static void note_unknown(struct reader *reader, struct place place, const char *section,
                         const char *key)
{
    char hint[512];
    char name[128];
    bool is_section = section[0] == '\0';
    snprintf(name, sizeof name, "%s%s%s", section, is_section ? "" : ".", shown(key).text);
    config_params_hint(section, key, hint, sizeof hint);
    config_mistake(&reader->mistakes, place, name, "unknown key, %s", hint);
}

/* Notes that a key of the file was there before; `first_line` remembers where. */
static void note_twice(struct reader *reader, struct place place, const char *name,
                       size_t *first_line)
{
    if (*first_line > 0)
        config_mistake(&reader->mistakes, place, name,
                       "given twice, first at line %zu; expected once", *first_line);
    else
        *first_line = place.line;
}

/* From a key's node, if it is one of the section's, to the last event of its value; else nothing is
 * read. */
static enum status read_member(struct reader *reader, struct yaml_text *yaml, const char *section,
                               const char *key, struct place place, bool *found, struct err *err)
{
    const struct param *param = config_params_find(section, key);
    *found = param != NULL;
    if (param == NULL) return OK;
    note_twice(reader, place, param->name, &reader->key_line[param - config_params]);
    return read_value(reader, yaml, param, err);
}

static enum status read_node(struct reader *reader, struct yaml_text *yaml, const char *section,
                             const char *group, struct err *err);

/* As read_member, for a group of the section. */
static enum status read_group(struct reader *reader, struct yaml_text *yaml, const char *section,
                              const char *key, struct place place, bool *found, struct err *err)
{
    const struct param *first = config_params_group(section, key, strlen(key));
    *found = first != NULL;
    if (first == NULL) return OK;
    char name[SHORT_NAME];
    snprintf(name, sizeof name, "%s.%s", section, key);
    note_twice(reader, place, name, &reader->section_line[first - config_params]);
    return read_node(reader, yaml, section, key, err);
}

/* *full: the key as params.def has it, "group.key" in a group. */
static enum status full_key(const char *group, const char *key, char **full, struct err *err)
{
    enum status rc = OK;
    TRY(err_alloc(strlen(group) + strlen(key) + 2, 1, "key", full, err));
    sprintf(*full, "%s%s%s", group, group[0] != '\0' ? "." : "", key);

done:
    return rc;
}

/* From the start of the mapping of a section, or of a group ("": none) in it, to its end. */
static enum status read_section(struct reader *reader, struct yaml_text *yaml, const char *section,
                                const char *group, struct err *err)
{
    enum status rc = OK;
    char *key = NULL, *full = NULL;
    for (;;) {
        struct place place;
        bool found = false;
        TRY(config_yaml_next(yaml, err));
        if (yaml->event.type == YAML_MAPPING_END_EVENT) break;
        TRY(read_key(reader, yaml, &key, &place, err));
        if (key != NULL) {
            TRY(full_key(group, key, &full, err));
            TRY(read_member(reader, yaml, section, full, place, &found, err));
            if (!found && group[0] == '\0')
                TRY(read_group(reader, yaml, section, key, place, &found, err));
            if (!found) note_unknown(reader, place, section, full);
        }
        if (!found) TRY(config_yaml_skip(yaml, err));
        free(full);
        free(key);
        full = key = NULL;
    }

done:
    free(full);
    free(key);
    return rc;
}

/* From the node behind the name of a section, or of a group in it, to its last event. */
static enum status read_node(struct reader *reader, struct yaml_text *yaml, const char *section,
                             const char *group, struct err *err)
{
    const size_t n_group = strlen(group);
    const struct param *first =
        n_group > 0 ? config_params_group(section, group, n_group) : config_params_section(section);
    char name[SHORT_NAME];
    snprintf(name, sizeof name, "%s%s%s", section, n_group > 0 ? "." : "", group);
    if (config_yaml_is_marked(yaml, name)) return config_yaml_skip(yaml, err);
    if (yaml->event.type == YAML_MAPPING_START_EVENT)
        return read_section(reader, yaml, section, group, err);
    if (!config_yaml_is_null(yaml))
        config_mistake(&reader->mistakes, config_yaml_place(yaml), name,
                       "%s, expected a mapping with keys such as %s", config_yaml_kind(yaml),
                       first->key + (n_group > 0 ? n_group + 1 : 0));
    return config_yaml_skip(yaml, err);
}

/* From the start of the root mapping to its end. */
static enum status read_root(struct reader *reader, struct yaml_text *yaml, struct err *err)
{
    enum status rc = OK;
    char *key = NULL;
    for (;;) {
        struct place place;
        TRY(config_yaml_next(yaml, err));
        if (yaml->event.type == YAML_MAPPING_END_EVENT) break;
        TRY(read_key(reader, yaml, &key, &place, err));
        bool named = key != NULL && key[0] != '\0', found = false;
        const struct param *first = named ? config_params_section(key) : NULL;
        if (named) TRY(read_member(reader, yaml, "", key, place, &found, err));
        if (found) {
            /* a key outside of all sections, and its value is read */
        } else if (first != NULL) {
            note_twice(reader, place, key, &reader->section_line[first - config_params]);
            TRY(read_node(reader, yaml, first->section, "", err));
        } else {
            if (key != NULL) note_unknown(reader, place, "", key);
            TRY(config_yaml_skip(yaml, err));
        }
        free(key);
        key = NULL;
    }

done:
    free(key);
    return rc;
}

enum status config_reader_text(struct reader *reader, const char *text, size_t length,
                               const char *path, struct err *err)
{
    enum status rc = OK;
    struct yaml_text yaml;
    struct place start = {.source = path, .line = 1, .col = 1};
    TRY(config_yaml_open(&yaml, text, length, start, &reader->mistakes, err));
    if (yaml.event.type == YAML_STREAM_END_EVENT) goto done;
    if (config_yaml_is_marked(&yaml, "YAML")) {
        TRY(config_yaml_skip(&yaml, err));
    } else if (yaml.event.type == YAML_MAPPING_START_EVENT) {
        TRY(read_root(reader, &yaml, err));
    } else {
        if (!config_yaml_is_null(&yaml))
            config_mistake(&reader->mistakes, config_yaml_place(&yaml), "YAML",
                           "%s, expected a mapping of sections", config_yaml_kind(&yaml));
        TRY(config_yaml_skip(&yaml, err));
    }
    TRY(config_yaml_end(&yaml, err));

done:
    config_yaml_close(&yaml);
    return rc;
}

enum status config_reader_override(struct reader *reader, const char *override, struct err *err)
{
    enum status rc = OK;
    char *section = NULL;
    const char *equals = strchr(override, '=');
    struct place place = {.source = override, .is_override = true, .line = 1, .col = 1};
    TRY(config_value_copy(override, (size_t)(equals - override), &section, err));
    char *dot = strchr(section, '.');
    if (dot != NULL) *dot = '\0';
    const char *key = dot != NULL ? dot + 1 : section;
    const struct param *param = config_params_find(dot != NULL ? section : "", key);
    if (param == NULL) {
        note_unknown(reader, place, dot != NULL ? section : "", key);
    } else {
        reader->given[param - config_params] = place;
        place.col += (size_t)(equals + 1 - override);
        rc = read_single(reader, param, equals + 1, place, err);
        if (rc == ERR_CONFIG) rc = OK; /* noted; the other overrides can still be read */
    }

done:
    free(section);
    return rc;
}

enum status config_reader_defaults(struct reader *reader, struct err *err)
{
    enum status rc = OK;
    for (size_t i = 0; i < N_PARAMS; i++)
        TRY(set_default(reader, &config_params[i], err));

done:
    return rc;
}
