#include "cli_parts.h"

#include "names.h"
#include "store.h"

#include <string.h>

const struct cli_option cli_options[] = {
#define OPTION(field, letter, name, ARGUMENT, commands, argument, meaning)                         \
    {letter, name, CLI_##ARGUMENT, commands, argument, meaning, offsetof(struct cli, field)},
#include "options.def"
#undef OPTION
    {0, NULL, CLI_NONE, NULL, NULL, NULL, 0}};

bool cli_is_global(const struct cli_option *option)
{
    return strcmp(option->commands, "*") == 0;
}

bool cli_takes(const struct cli_command *command, const struct cli_option *option)
{
    char word[64];
    snprintf(word, sizeof word, " %s ", command->name);
    return cli_is_global(option) || strstr(option->commands, word) != NULL;
}

void cli_takers(const struct cli_option *option, char out[CLI_TAKERS])
{
    size_t at = 0;
    out[0] = '\0';
    if (cli_is_global(option)) return;
    for (const char *c = option->commands + 1; *c != '\0' && at + 3 < CLI_TAKERS; c++) {
        const bool is_end = *c == ' ';
        if (is_end && c[1] != '\0') out[at++] = ',';
        if (!is_end || c[1] != '\0') out[at++] = *c;
    }
    out[at] = '\0';
}

const char *cli_choice(const struct cli_option *option, size_t i)
{
    if (strcmp(option->argument_name, "CRITERION") == 0) return store_criteria[i].name;
    if (strcmp(option->argument_name, "FAMILY") != 0) return NULL;
    return i < N_FAMILIES ? family_names[i] : i == N_FAMILIES ? "none" : NULL; /* k-means */
}

void cli_value_usage(const struct cli_option *option, char out[CLI_USAGE])
{
    size_t at = 0;
    snprintf(out, CLI_USAGE, "%s", option->argument_name);
    for (size_t i = 0; cli_choice(option, i) != NULL && at < CLI_USAGE; i++)
        at += (size_t)snprintf(out + at, CLI_USAGE - at, "%s%s", i > 0 ? "|" : "",
                               cli_choice(option, i));
}
