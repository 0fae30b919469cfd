/* config_parts.h - what the files of the config module share; no other module needs it.
 *
 * config_params.c   the table of params.def, looking a key up in it
 * config_mistake.c  collecting all mistakes of one reading
 * config_yaml.c     YAML text -> values (see config_yaml.h)
 * config_value.c    value -> the field of struct config, by the key's type
 * config_scan.c     text -> number or null
 * config_path.c     relative path -> absolute path
 * config_reader.c   YAML text of sections and keys, overrides -> struct config
 * config.c          the stages of reading; what must hold between keys
 * config_text.c     struct config -> YAML, params.def -> table
 */
#ifndef GMMSWEEP_CONFIG_PARTS_H
#define GMMSWEEP_CONFIG_PARTS_H

#include "config.h"
#include "err.h"
#include "shown.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum param_type {
    PARAM_TEXT,
    PARAM_PATH,
    PARAM_NAME_OR_PATH,
    PARAM_INT,
    PARAM_FLOAT,
    PARAM_BYTES,
    PARAM_DURATION,
    PARAM_CHOICE,
    PARAM_SIZE,
    PARAM_KEEP,
    PARAM_INTS,
    PARAM_CHOICES,
    PARAM_TEXTS,
    PARAM_ARRAY
};

enum param_id {
#define PARAM(section, key, ...) ID_##section##_##key,
#include "params.def"
#undef PARAM
    N_PARAMS
};

/* One row of params.def. */
struct param {
    const char *name; /* "section.key" */
    const char *section;
    const char *key; /* in a group "group.key" */
    enum param_type type;
    const char *default_text;
    double lowest, highest;
    const char *const *choices;
    const char *unit;
    const char *meaning;
    size_t offset; /* of the field in struct config */
};

extern const struct param config_params[N_PARAMS]; /* indexed by enum param_id */

/* The key's row, or NULL. */
const struct param *config_params_find(const char *section, const char *key);

/* The first row of the section, or NULL. */
const struct param *config_params_section(const char *section);

/* The first row of the group [length] inside the section, or NULL. */
const struct param *config_params_group(const char *section, const char *group, size_t length);

/* How much of the row's key is its group's name; 0: it is in none. */
size_t config_params_group_length(const struct param *param);

/* The key's field. */
void *config_params_field(const struct param *param, struct config *config);

/* Whether the value may be a list; a scalar may stand for one. */
bool config_params_is_list(enum param_type type);

/* `out` [size]: what a value of this key must be, to follow "expected". */
void config_params_expected(const struct param *param, char *out, size_t size);

/* `out` [size]: what the writer of an unknown key may have meant ("did you mean ...?"), else what
 * could stand there. `section` is "" for a key of the top level. */
void config_params_hint(const char *section, const char *key, char *out, size_t size);

/* Where a value stands. */
struct place {
    const char *source; /* the file's path, or the text of the override */
    bool is_override;
    size_t line, col; /* from 1; line 0: somewhere in the source */
};

/* The mistakes of one reading, one line each. */
struct mistakes {
    struct err err;
    bool full; /* no room for more; reading may stop */
};

/* Adds the line `place: name: format...`. */
void config_mistake(struct mistakes *mistakes, struct place place, const char *name,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));

struct scalar {
    char *text; /* as long as `length`, then 0; a text with 0 bytes inside is refused */
    size_t length;
    bool quoted;
    struct place place;
};

/* What stands behind a key: a scalar (n = 1) or a list of scalars, nested for an ARRAY. */
struct value {
    bool is_list;
    bool usable;              /* false if a mistake was found */
    size_t rank;              /* of a list */
    size_t shape[ARRAY_DIMS]; /* [rank] */
    size_t n;
    struct scalar *items; /* [n] row-major */
    struct place place;
};

/* Whether the value stands for the key's default. */
bool config_value_is_null(const struct value *value);

/* Fills the zeroed `field` of type param->type; paths are taken against the folder `base`.
 * OK; or ERR_CONFIG with what is wrong added to `mistakes`; or ERR_INTERNAL with `err`. After a
 * failure the field is zeroed again. */
enum status config_value_read(const struct param *param, const struct value *value,
                              const char *base, void *field, struct mistakes *mistakes,
                              struct err *err);

/* Frees what the field holds and zeroes it. */
void config_value_clear(const struct param *param, void *field);

/* Frees the items. */
void config_value_destroy(struct value *value);

/* Whether the scalar stands for the key's default: empty, ~ or null. */
bool config_scan_null(const char *text, bool quoted);

/* Each scan returns NULL, or what is wrong with the text; *out is then not to be used. Decimal
 * only, no leading zeros, no blanks. */
const char *config_scan_int(const char *text, int64_t *out);
const char *config_scan_float(const char *text, double *out);
const char *config_scan_bytes(const char *text, int64_t *out);     /* "16G" */
const char *config_scan_duration(const char *text, double *out_s); /* "7h50m", "90" seconds */

struct range {
    int64_t first, last, step; /* first <= last, step >= 1 */
};
const char *config_scan_range(const char *text, struct range *out); /* "5", "1..9", "10..50:10" */

/* *out: `path` against the absolute folder `base`, without `.`, `..` and symbolic links as far as
 * it exists, so that it stays the same once the rest of it is made. Release with free().
 * ERR_CONFIG if it is too long or no UTF-8. */
enum status config_path_resolve(const char *base, const char *path, char **out, struct err *err);

/* *out: a copy of text [length], with a final 0. */
enum status config_value_copy(const char *text, size_t length, char **out, struct err *err);

/* What is read in turn: defaults, the file, the overrides. Set config (zeroed) and base. */
struct reader {
    struct config *config;
    struct mistakes mistakes;
    const char *base;              /* the folder that relative paths start from */
    struct place given[N_PARAMS];  /* where the value that holds stands; no source: the default */
    size_t key_line[N_PARAMS];     /* of the key in the file, 0: not yet seen */
    size_t section_line[N_PARAMS]; /* likewise, of a section or group: by its first key */
};

/* Each returns OK, with mistakes noted; or ERR_INTERNAL with `err`. */
enum status config_reader_defaults(struct reader *reader, struct err *err);
enum status config_reader_override(struct reader *reader, const char *override, struct err *err);

/* Reads text [length], the file at `path`. Also ERR_CONFIG, noted, if it could not be read to its
 * end. */
enum status config_reader_text(struct reader *reader, const char *text, size_t length,
                               const char *path, struct err *err);

#endif
