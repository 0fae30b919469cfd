#include "cli.h"

#include "version.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum argument { NONE, TEXT, COUNT, TEXTS };

static const struct option_row {
    char letter;
    const char *name;
    enum argument argument;
    const char *commands;
    const char *argument_name;
    const char *meaning;
    size_t offset; /* in struct cli */
} option_rows[] = {
#define OPTION(field, letter, name, ARGUMENT, commands, argument, meaning)                         \
    {letter, name, ARGUMENT, commands, argument, meaning, offsetof(struct cli, field)},
#include "options.def"
#undef OPTION
};
enum { N_OPTIONS = sizeof option_rows / sizeof option_rows[0] };

static bool takes(const struct cli_command *command, const struct option_row *row)
{
    char word[64];
    snprintf(word, sizeof word, " %s ", command->name);
    return strcmp(row->commands, "*") == 0 || strstr(row->commands, word) != NULL;
}

/* --- help --- */

static void print_program_help(const struct cli_command *commands)
{
    printf("gmmsweep fits Gaussian mixtures: many numbers of components, covariance families and\n"
           "starts in one parallel sweep, kept in one HDF5 file.\n\n"
           "  gmmsweep run configs/demo.yaml\n\nCommands:\n");
    for (const struct cli_command *c = commands; c->name != NULL; c++)
        printf("  %-8s %-10s %s\n", c->name, c->operand != NULL ? c->operand : "", c->summary);
    printf("\n'gmmsweep COMMAND --help' tells a command's options.\n");
}

static void print_command_help(const struct cli_command *command)
{
    printf("Example:\n  %s\n\nUsage: gmmsweep %s [options]%s%s\n\n%s\n\nOptions:\n",
           command->example, command->name, command->operand != NULL ? " " : "",
           command->operand != NULL ? command->operand : "", command->summary);
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const struct option_row *row = &option_rows[i];
        char letter[8] = "    ", usage[64];
        if (!takes(command, row)) continue;
        if (row->letter != 0) snprintf(letter, sizeof letter, "-%c, ", row->letter);
        snprintf(usage, sizeof usage, "%s--%s%s%s", letter, row->name,
                 row->argument != NONE ? " " : "", row->argument_name);
        printf("  %-24s %s\n", usage, row->meaning);
    }
}

/* --- parsing --- */

/* The option that `word` ("--name", "--name=value" or "-n") means for the command, or NULL. */
static const struct option_row *find_option(const struct cli_command *command, const char *word)
{
    if (word[0] != '-' || word[1] == '\0') return NULL;
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const struct option_row *row = &option_rows[i];
        const char *name = word + 2;
        size_t length = strcspn(name, "=");
        bool is_long =
            word[1] == '-' && strlen(row->name) == length && strncmp(name, row->name, length) == 0;
        bool is_short = row->letter != 0 && word[1] == row->letter && word[2] == '\0';
        if ((is_long || is_short) && (command == NULL || takes(command, row))) return row;
    }
    return NULL;
}

static enum status take_value(const struct option_row *row, const char *value, struct cli *cli,
                              struct err *err)
{
    void *field = (char *)cli + row->offset;
    if (row->argument == TEXT) *(const char **)field = value;
    if (row->argument == TEXTS) {
        struct cli_texts *texts = field;
        texts->v[texts->n++] = value;
    }
    if (row->argument == COUNT) {
        char *end;
        errno = 0;
        long long number = strtoll(value, &end, 10);
        if (end == value || *end != '\0' || errno != 0 || number < 1)
            return err_set(err, ERR_USAGE, "--%s: '%s' is not a whole number from 1", row->name,
                           value);
        *(int64_t *)field = number;
    }
    return OK;
}

static enum status take_option(const struct cli_command *command, int argc, char *const *argv,
                               int *at, struct cli *cli, struct err *err)
{
    const char *word = argv[*at], *value = NULL;
    const struct option_row *row = find_option(command, word);
    if (row == NULL)
        return err_set(err, ERR_USAGE,
                       "%s: unknown option of '%s'; 'gmmsweep %s --help' lists them", word,
                       command->name, command->name);
    if (word[1] == '-' && strchr(word, '=') != NULL) value = strchr(word, '=') + 1;
    if (row->argument == NONE) {
        if (value != NULL)
            return err_set(err, ERR_USAGE, "--%s takes no value, but '%s' was given", row->name,
                           value);
        *(bool *)((char *)cli + row->offset) = true;
        return OK;
    }
    if (value == NULL && *at + 1 >= argc)
        return err_set(err, ERR_USAGE, "%s: expected %s behind it", word, row->argument_name);
    if (value == NULL) value = argv[++*at];
    return take_value(row, value, cli, err);
}

/* The command's second operand, or NULL. */
static const char *second_operand(const struct cli_command *command)
{
    const char *blank = command->operand != NULL ? strchr(command->operand, ' ') : NULL;
    return blank != NULL ? blank + 1 : NULL;
}

/* False if the command has none left. */
static bool take_operand(const struct cli_command *command, const char *word, struct cli *cli)
{
    if (command->operand != NULL && cli->target == NULL)
        cli->target = word;
    else if (second_operand(command) != NULL && cli->second == NULL)
        cli->second = word;
    else
        return false;
    return true;
}

/* What is not there, or NULL. */
static const char *missing_operand(const struct cli_command *command, const struct cli *cli)
{
    if (command->operand != NULL && cli->target == NULL) return command->operand;
    return cli->second == NULL ? second_operand(command) : NULL;
}

static enum status parse(const struct cli_command *command, int argc, char *const *argv,
                         struct cli *cli, struct err *err)
{
    bool options_end = false;
    for (int i = 2; i < argc; i++) {
        const char *word = argv[i];
        if (!options_end && strcmp(word, "--") == 0) {
            options_end = true;
        } else if (!options_end && word[0] == '-' && word[1] != '\0') {
            enum status rc = take_option(command, argc, argv, &i, cli, err);
            if (rc != OK) return rc;
        } else if (!take_operand(command, word, cli)) {
            return err_set(err, ERR_USAGE, "'%s': unexpected; usage: gmmsweep %s [options]%s%s",
                           word, command->name, command->operand != NULL ? " " : "",
                           command->operand != NULL ? command->operand : "");
        }
    }
    const char *missing = missing_operand(command, cli);
    if (missing != NULL && !cli->help && !cli->version)
        return err_set(err, ERR_USAGE, "%s is missing; usage: gmmsweep %s [options] %s", missing,
                       command->name, command->operand);
    return OK;
}

static const struct cli_command *find_command(const struct cli_command *commands, const char *name)
{
    for (const struct cli_command *c = commands; c->name != NULL; c++)
        if (strcmp(c->name, name) == 0) return c;
    return NULL;
}

enum status cli_main(const struct cli_command *commands, int argc, char *const *argv,
                     struct err *err)
{
    enum status rc = OK;
    struct cli cli = {.argc = argc, .argv = argv};
    if (argc < 2)
        return err_set(err, ERR_USAGE, "a command is missing; 'gmmsweep --help' lists them");
    const struct option_row *global = find_option(NULL, argv[1]);
    if (global != NULL && strcmp(global->name, "version") == 0) {
        printf("gmmsweep %s (%s)\n", GMMSWEEP_VERSION, GMMSWEEP_REVISION);
        return OK;
    }
    if (strcmp(argv[1], "help") == 0 || (global != NULL && strcmp(global->name, "help") == 0)) {
        print_program_help(commands);
        return OK;
    }
    const struct cli_command *command = find_command(commands, argv[1]);
    if (command == NULL)
        return err_set(err, ERR_USAGE, "'%s': unknown command; 'gmmsweep --help' lists them",
                       argv[1]);
    TRY_ALLOC(cli.set.v, (size_t)argc, err);
    TRY(parse(command, argc, argv, &cli, err));
    if (cli.version)
        printf("gmmsweep %s (%s)\n", GMMSWEEP_VERSION, GMMSWEEP_REVISION);
    else if (cli.help)
        print_command_help(command);
    else
        TRY(command->run(&cli, err));
done:
    free(cli.set.v);
    return rc;
}
