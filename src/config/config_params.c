#include "config_parts.h"
#include "edits.h"
#include "machine.h"
#include "number.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Bytes in front of "section.key" that a key outside of all sections does not have. */
#define OUTSIDE(section) (sizeof(#section) == sizeof("top_level") ? sizeof("top_level") : 0)

const struct param config_params[N_PARAMS] = {
#define PARAM_IN(section, group, key, TYPE, default_, lowest, highest, choices, unit, meaning)     \
    {#section "." #group "." #key,                                                                 \
     #section,                                                                                     \
     #group "." #key,                                                                              \
     PARAM_##TYPE,                                                                                 \
     default_,                                                                                     \
     lowest,                                                                                       \
     highest,                                                                                      \
     choices,                                                                                      \
     unit,                                                                                         \
     meaning,                                                                                      \
     offsetof(struct config, section##_##group##_##key)},
#define PARAM(section, key, TYPE, default_, lowest, highest, choices, unit, meaning)               \
    {&(#section "." #key)[OUTSIDE(section)],                                                       \
     &(#section)[OUTSIDE(section) > 0 ? OUTSIDE(section) - 1 : 0],                                 \
     #key,                                                                                         \
     PARAM_##TYPE,                                                                                 \
     default_,                                                                                     \
     lowest,                                                                                       \
     highest,                                                                                      \
     choices,                                                                                      \
     unit,                                                                                         \
     meaning,                                                                                      \
     offsetof(struct config, section##_##key)},
#include "params.def"
#undef PARAM
};

/* What scikit-learn calls our keys, where it is another word. */
static const struct {
    const char *name;
    enum param_id id;
} sklearn_names[] = {
    {"n_components", ID_sweep_components},
    {"n_clusters", ID_sweep_components},
    {"covariance_type", ID_sweep_covariance},
    {"init_params", ID_sweep_init},
    {"n_init", ID_sweep_restarts},
    {"random_state", ID_sweep_seed},
    {"reg_covar", ID_em_ridge},
};

const struct param *config_params_find(const char *section, const char *key)
{
    for (size_t i = 0; i < N_PARAMS; i++)
        if (strcmp(config_params[i].section, section) == 0 &&
            strcmp(config_params[i].key, key) == 0)
            return &config_params[i];
    return NULL;
}

const struct param *config_params_section(const char *section)
{
    for (size_t i = 0; i < N_PARAMS; i++)
        if (strcmp(config_params[i].section, section) == 0) return &config_params[i];
    return NULL;
}

const struct param *config_params_group(const char *section, const char *group, size_t length)
{
    for (size_t i = 0; i < N_PARAMS && length > 0; i++)
        if (config_params_group_length(&config_params[i]) == length &&
            strncmp(config_params[i].key, group, length) == 0 &&
            strcmp(config_params[i].section, section) == 0)
            return &config_params[i];
    return NULL;
}

size_t config_params_group_length(const struct param *param)
{
    const char *dot = strchr(param->key, '.');
    return dot == NULL ? 0 : (size_t)(dot - param->key);
}

void *config_params_field(const struct param *param, struct config *config)
{
    return (char *)config + param->offset;
}

bool config_params_is_list(enum param_type type)
{
    return type == PARAM_INTS || type == PARAM_CHOICES || type == PARAM_TEXTS ||
           type == PARAM_SIZE || type == PARAM_ARRAY;
}

/* Adds to the text in out [size]; what does not fit is cut. */
__attribute__((format(printf, 3, 4))) static void append(char *out, size_t size, const char *format,
                                                         ...)
{
    size_t used = strlen(out);
    va_list args;
    va_start(args, format);
    vsnprintf(out + used, size - used, format, args);
    va_end(args);
}

static void append_range(const struct param *param, char *out, size_t size)
{
    const double unbounded = 1e300; /* params.def's way to say "any" */
    char lowest[NUMBER_TEXT], highest[NUMBER_TEXT];
    number_print(param->lowest, lowest);
    number_print(param->highest, highest);
    if (param->lowest <= -unbounded) return;
    if (param->highest >= unbounded)
        append(out, size, " of at least %s", lowest);
    else
        append(out, size, " from %s to %s", lowest, highest);
}

void config_params_expected(const struct param *param, char *out, size_t size)
{
    const char *what[] = {
        [PARAM_TEXT] = "a text",
        [PARAM_PATH] = "a path",
        [PARAM_NAME_OR_PATH] = "the name of a column or array, or a path",
        [PARAM_INT] = "a whole number",
        [PARAM_FLOAT] = "a number",
        [PARAM_BYTES] = "bytes such as 16G or 500M",
        [PARAM_DURATION] = "a time such as 7h50m, or seconds,",
        [PARAM_CHOICE] = "one of",
        [PARAM_SIZE] = "[height, width], or a whole number for both,",
        [PARAM_KEEP] = "all, best, or top:N with N",
        [PARAM_INTS] = "whole numbers, or ranges such as 2..10 or 10..50:10,",
        [PARAM_CHOICES] = "one or more of",
        [PARAM_TEXTS] = "texts",
        [PARAM_ARRAY] = "nested lists, each of one length, of numbers",
    };
    out[0] = '\0';
    append(out, size, "%s", what[param->type]);
    if (param->highest > param->lowest) append_range(param, out, size);
    for (size_t i = 0; param->choices != NULL && param->choices[i] != NULL; i++)
        append(out, size, "%s %s", i == 0 ? "" : ",", param->choices[i]);
}

/* The name nearest to the unknown one, or NULL. At equal distance a key of the section that it was
 * written in comes first; at the top level, a section. */
static const char *nearest(const char *section, const char *key)
{
    const char *best = NULL;
    size_t shortest = SIZE_MAX;
    for (int own = 1; own >= 0; own--) {
        for (size_t i = 0; i < N_PARAMS; i++) {
            const struct param *p = &config_params[i];
            bool as_section = own && section[0] == '\0';
            if (own && !as_section && strcmp(p->section, section) != 0) continue;
            bool is_key = !as_section || p->section[0] == '\0';
            size_t edits = edits_between(key, is_key ? p->key : p->section);
            if (edits >= shortest) continue;
            shortest = edits;
            best = is_key ? p->name : p->section;
        }
    }
    return best;
}

/* What could have stood there: the keys of the section, else the sections. */
static void list_known(const char *section, char *out, size_t size)
{
    bool in_section = section[0] != '\0' && config_params_section(section) != NULL;
    append(out, size, "expected %s", in_section ? "one of" : "one of the sections");
    const char *separator = " ";
    for (size_t i = 0; i < N_PARAMS; i++) {
        const struct param *p = &config_params[i];
        if (in_section ? strcmp(p->section, section) != 0 : config_params_section(p->section) != p)
            continue;
        bool as_key = in_section || p->section[0] == '\0';
        append(out, size, "%s%s", separator, as_key ? p->name : p->section);
        separator = ", ";
    }
}

void config_params_hint(const char *section, const char *key, char *out, size_t size)
{
    const char *separator = "did you mean ";
    out[0] = '\0';
    for (size_t i = 0; i < N_PARAMS; i++) {
        const struct param *p = &config_params[i];
        if (strcmp(p->name, key) == 0)
            append(out, size, "expected %s inside %s", p->key, p->section);
        if (strcmp(p->key, key) != 0) continue;
        append(out, size, "%s%s", separator, p->name);
        separator = " or ";
    }
    for (size_t i = 0; i < sizeof sklearn_names / sizeof sklearn_names[0]; i++)
        if (strcmp(sklearn_names[i].name, key) == 0)
            append(out, size, "did you mean %s", config_params[sklearn_names[i].id].name);
    if (out[0] == '\0') {
        bool is_section = section[0] == '\0' && config_params_section(key) != NULL;
        const char *name = is_section ? NULL : nearest(section, key);
        if (name != NULL)
            append(out, size, "did you mean %s", name);
        else
            list_known(is_section ? key : section, out, size);
    }
    if (strncmp(out, "did", 3) == 0) append(out, size, "?");
}
