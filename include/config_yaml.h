/* config_yaml.h - one YAML text as a sequence of events, with the restrictions of our configs: no
 * anchors, aliases, tags or deep nesting, lists of scalars only. */
#ifndef GMMSWEEP_CONFIG_YAML_H
#define GMMSWEEP_CONFIG_YAML_H

#include "config_parts.h"

#include <yaml.h>

struct yaml_text {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
    const char *text;
    struct place start; /* of the text's first character */
    struct mistakes *mistakes;
};

/* Opens text [length], which must outlive `yaml`, and goes to the root node: event.type is then
 * that of a node, or YAML_STREAM_END_EVENT if there is none. Release with config_yaml_close, also
 * after a failure. Returned here and below: OK; ERR_CONFIG if the text cannot be read further, its
 * mistake noted; ERR_INTERNAL with `err` if memory runs out. */
enum status config_yaml_open(struct yaml_text *yaml, const char *text, size_t length,
                             struct place start, struct mistakes *mistakes, struct err *err);

/* Goes to the next event. */
enum status config_yaml_next(struct yaml_text *yaml, struct err *err);

/* From the start of a node to its last event. */
enum status config_yaml_skip(struct yaml_text *yaml, struct err *err);

/* From the last event of the root node to the end; a second document is a mistake. */
enum status config_yaml_end(struct yaml_text *yaml, struct err *err);

/* Where the current event stands. */
struct place config_yaml_place(const struct yaml_text *yaml);

/* Whether the current node is an empty scalar, ~ or null. */
bool config_yaml_is_null(const struct yaml_text *yaml);

/* The current node's kind as a user calls it: "a mapping". */
const char *config_yaml_kind(const struct yaml_text *yaml);

/* Whether the current node has an anchor or a tag or is an alias, which is noted as a mistake. */
bool config_yaml_is_marked(struct yaml_text *yaml, const char *name);

/* The value of `param` at the current node, up to its last event. Release with
 * config_value_destroy, also after a failure. */
enum status config_yaml_value(struct yaml_text *yaml, const struct param *param,
                              struct value *value, struct err *err);

void config_yaml_close(struct yaml_text *yaml);

#endif
