/* config.h - one YAML file and the --set overrides become one checked struct config.
 *
 * The keys, their types, defaults and ranges stand in params.def and nowhere else.
 */
#ifndef GMMSWEEP_CONFIG_H
#define GMMSWEEP_CONFIG_H

#include "err.h"
#include "names.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct int_list {
    size_t n;
    int64_t *v;
};

struct choice_list {
    size_t n;
    int *v; /* indices in the key's table of names.h */
};

struct text_list {
    size_t n;
    char **v;
    bool *quoted; /* [n] false for a number without quotes; so "2" and 02 are names, 2 is none */
};

enum { ARRAY_DIMS = 3 };

/* Numbers in nested lists of one length each. */
struct number_array {
    size_t rank;              /* 0: not given */
    size_t shape[ARRAY_DIMS]; /* [rank] */
    size_t n;
    double *v; /* [n] row-major */
};

/* What may name a CSV column, an array or, if there is none of that name, a file. NULL if not
 * given; the path also where the name is known to be that of a column or an array. */
struct name_or_path {
    char *name; /* as given */
    char *path; /* the same as a path, absolute */
};

/* Of an image. 0, 0 if not given. */
struct image_size {
    int64_t height, width;
};

/* Which models are kept; n: of KEEP_top. */
struct keep_rule {
    enum keep kind;
    int64_t n;
};

typedef char *param_TEXT;
typedef char *param_PATH;
typedef struct name_or_path param_NAME_OR_PATH;
typedef int64_t param_INT;
typedef double param_FLOAT;
typedef int64_t param_BYTES;
typedef double param_DURATION; /* seconds */
typedef int param_CHOICE;
typedef struct image_size param_SIZE;
typedef struct keep_rule param_KEEP;
typedef struct int_list param_INTS;
typedef struct choice_list param_CHOICES;
typedef struct text_list param_TEXTS;
typedef struct number_array param_ARRAY;

struct config {
#define PARAM(section, key, TYPE, ...) param_##TYPE section##_##key;
#include "params.def"
#undef PARAM
    char *given_text; /* the file as read */
    char *overrides;  /* the --set arguments, one a line, "" if none */
};

/* Reads the file at `path`, then `overrides` [n_overrides] ("dotted.key=YAML", one line each; they
 * replace the file's value, the last one of a key wins), checks everything and resolves paths
 * (config: against its folder; overrides: against the working directory). em.floor is 0 if only
 * em.floor_absolute is given. Needs the C locale, which a program has that never calls setlocale.
 * Returns OK and *out (release with config_destroy); ERR_USAGE for overrides that are no KEY=VALUE;
 * ERR_CONFIG with one line per mistake, `file:line:col: key: what is wrong, what was expected`, or
 * if the file cannot be read; ERR_INTERNAL without memory. *out is then NULL. */
enum status config_read(const char *path, size_t n_overrides, const char *const *overrides,
                        struct config **out, struct err *err);

/* The config whose resolved text (see below) this is, as a sweep keeps it beside the text it was
 * made from. `source`: where it was found, for messages. changes [n_changes]: like the overrides of
 * config_read, paths in them absolute; they leave no trace in the texts. */
enum status config_read_resolved(const char *text, const char *source, const char *given,
                                 const char *overrides, size_t n_changes,
                                 const char *const *changes, struct config **out, struct err *err);

/* *text: every key with its value as YAML, paths absolute, floats so that PyYAML reads floats, ~
 * where nothing is given. Reading the text, wherever it lies, gives the same config again; but a
 * NAME_OR_PATH that has a path becomes that path if there is such a file.
 * Release with free(). ERR_INTERNAL without memory; *text is then NULL. */
enum status config_resolve(const struct config *config, char **text, struct err *err);

/* Prints the text, of one line, as YAML has it in quotes. */
void config_print_quoted(FILE *out, const char *text);

/* *out: the override that sets `key` to the text as it stands, "KEY='TEXT'". Release with free().
 * ERR_INTERNAL without memory; *out is then NULL. */
enum status config_override(const char *key, const char *text, char **out, struct err *err);

/* Whether the text is a DURATION: "7h50m", or seconds. */
bool config_is_duration(const char *text);

/* Every key: type, default, range, unit, meaning; as a table or as JSON. */
void config_print_params(FILE *out, bool json);

void config_destroy(struct config **config);

#endif
