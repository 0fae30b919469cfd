/* help.c - `gmmsweep help`, and what --help and --version print. */
#include "cli_parts.h"
#include "commands.h"
#include "version.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS = 80, MEANING_AT = 27 }; /* of the screen; where the meaning of an option begins */

const char help_about[] = "gmmsweep fits Gaussian mixtures: many numbers of components, covariance "
                          "families and starts in one parallel sweep, kept in one HDF5 file.";

/* Prints the words in lines of at most COLUMNS characters. `at` of the first line are taken;
 * the other lines begin with `indent` blanks. */
static void print_words(const char *text, int at, int indent)
{
    while (*text != '\0') {
        const int length = (int)strcspn(text, " ");
        if (at > indent && at + 1 + length > COLUMNS) {
            printf("\n%*s", indent, "");
            at = indent;
        }
        at += printf("%s%.*s", at > indent ? " " : "", length, text);
        text += length;
        text += strspn(text, " ");
    }
    printf("\n");
}

static void print_option(const struct cli_option *option)
{
    char letter[8] = "    ", value[CLI_USAGE];
    cli_value_usage(option, value);
    if (option->letter != 0) snprintf(letter, sizeof letter, "-%c, ", option->letter);
    int at = printf("  %s--%s%s%s", letter, option->name, value[0] != '\0' ? " " : "", value);
    if (at > MEANING_AT - 2) {
        printf("\n");
        at = 0;
    }
    printf("%*s", MEANING_AT - at, "");
    print_words(option->meaning, MEANING_AT, MEANING_AT);
}

static void print_options(const struct cli_command *command, bool global)
{
    for (const struct cli_option *option = cli_options; option->name != NULL; option++)
        if (cli_is_global(option) == global && (global || cli_takes(command, option)))
            print_option(option);
}

void help_print_command(const struct cli_command *command)
{
    printf("Example:\n  %s\n\nUsage: gmmsweep %s [options]%s%s\n\n%s\n\nOptions:\n",
           command->example, command->name, command->operand != NULL ? " " : "",
           command->operand != NULL ? command->operand : "", command->summary);
    print_options(command, false);
    print_options(command, true);
}

static void print_program(const struct cli_command *commands)
{
    print_words(help_about, 0, 0);
    printf("\n  gmmsweep run configs/demo.yaml\n  gmmsweep show results/demo\n\nCommands:\n");
    for (const struct cli_command *c = commands; c->name != NULL; c++) {
        const int at = printf("  %-8s  %-10s  ", c->name, c->operand != NULL ? c->operand : "");
        print_words(c->summary, at, at);
    }
    printf("\nOptions of every command:\n");
    print_options(NULL, true);
    printf("\nExit status:\n");
#define STATUS(symbol, code, meaning)                                                              \
    printf("  %4d  ", (int)symbol);                                                                \
    print_words(meaning, 8, 8);
#include "status.def"
#undef STATUS
    printf("\n");
    print_words(
        "'gmmsweep help COMMAND' tells a command's options, 'gmmsweep params' the keys of a "
        "config, and 'gmmsweep help --man | man -l -' shows all of it as one page.",
        0, 0);
}

void help_print_version(void)
{
    printf("gmmsweep %s (%s)\n", GMMSWEEP_VERSION, GMMSWEEP_REVISION);
}

enum status command_help(const struct cli *cli, struct err *err)
{
    enum status rc = OK;
    const struct cli_command *command;
    if (cli->man && cli->target != NULL)
        FAIL(err, ERR_USAGE, "'%s': unexpected beside --man, whose page has all commands",
             cli->target);
    if (cli->target != NULL) {
        TRY(cli_find(cli->commands, cli->target, &command, err));
        help_print_command(command);
    } else if (cli->man) {
        man_print(cli->commands, stdout);
    } else {
        print_program(cli->commands);
    }
done:
    return rc;
}
