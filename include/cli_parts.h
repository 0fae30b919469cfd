/* cli_parts.h - what the files of the command line share; no other module needs it.
 *
 * cli.c          words -> struct cli, running the command
 * cli_options.c  the table of options.def
 * help.c         what help, --help and --version print
 * man.c          the manual page
 */
#ifndef GMMSWEEP_CLI_PARTS_H
#define GMMSWEEP_CLI_PARTS_H

#include "cli.h"

#include <stdio.h>

enum cli_argument { CLI_NONE, CLI_TEXT, CLI_COUNT, CLI_THREADS, CLI_TEXTS };

/* One row of options.def. */
struct cli_option {
    char letter;
    const char *name;
    enum cli_argument argument;
    const char *commands;
    const char *argument_name;
    const char *meaning;
    size_t offset; /* of the field in struct cli */
};

extern const struct cli_option cli_options[]; /* ends with a NULL name */

/* Whether every command takes the option. */
bool cli_is_global(const struct cli_option *option);

/* Whether the command does. */
bool cli_takes(const struct cli_command *command, const struct cli_option *option);

enum { CLI_TAKERS = 128 };

/* The commands that take the option, "run, plan"; "" if all do. */
void cli_takers(const struct cli_option *option, char out[CLI_TAKERS]);

/* The i-th word that the option's value has to be one of; NULL behind the last one, and always if
 * the value may be any. */
const char *cli_choice(const struct cli_option *option, size_t i);

enum { CLI_USAGE = 160 };

/* How the option's value is shown: its name, or its choices as "a|b|c"; "" without a value. */
void cli_value_usage(const struct cli_option *option, char out[CLI_USAGE]);

/* The command of that name. ERR_USAGE, with the nearest name, if there is none. */
enum status cli_find(const struct cli_command *commands, const char *name,
                     const struct cli_command **out, struct err *err);

/* What the program is, in one sentence. */
extern const char help_about[];

void help_print_command(const struct cli_command *command);
void help_print_version(void);

/* The manual page, for man(7) macros: all commands, options, config keys and exit codes. */
void man_print(const struct cli_command *commands, FILE *out);

#endif
