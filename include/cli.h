/* cli.h - commands, options and help. */
#ifndef GMMSWEEP_CLI_H
#define GMMSWEEP_CLI_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

struct cli_texts {
    size_t n;
    const char **v;
};

typedef bool cli_NONE;
typedef const char *cli_TEXT;
typedef int64_t cli_COUNT;   /* 0: not given */
typedef int64_t cli_THREADS; /* likewise */
typedef struct cli_texts cli_TEXTS;

struct cli_command;

struct cli {
#define OPTION(field, letter, name, ARGUMENT, commands, argument, meaning) cli_##ARGUMENT field;
#include "options.def"
#undef OPTION
    const char *target; /* the operand: CONFIG, FILE or DIR; NULL for a command without one */
    const char *second; /* the second operand, of commands that have one: DATA, IMAGE */
    const struct cli_command *commands; /* all of the program's */
    int argc;
    char *const *argv;
};

struct cli_command {
    const char *name;
    const char *operand; /* "CONFIG", "FILE|DIR", "FILE DATA" or NULL; "[...]" may be left out */
    const char *summary;
    const char *example;
    enum status (*run)(const struct cli *cli, struct err *err);
};

/* Parses argv and runs the command of `commands`, which end with a NULL name. --help and
 * --version print and succeed. ERR_USAGE with what is wrong and what was expected. */
enum status cli_main(const struct cli_command *commands, int argc, char *const *argv,
                     struct err *err);

#endif
