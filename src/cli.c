#include "cli_parts.h"

#include "edits.h"
#include "machine.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* --- options --- */

/* The option that `word` ("--name", "--name=value" or "-n") means for the command, or NULL. */
static const struct cli_option *find_option(const struct cli_command *command, const char *word)
{
    if (word[0] != '-' || word[1] == '\0') return NULL;
    for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
        const char *name = word + 2;
        size_t length = strcspn(name, "=");
        bool is_long = word[1] == '-' && strlen(option->name) == length &&
                       strncmp(name, option->name, length) == 0;
        bool is_short = option->letter != 0 && word[1] == option->letter && word[2] == '\0';
        if ((is_long || is_short) && (command == NULL || cli_takes(command, option))) return option;
    }
    return NULL;
}

/* The command's option whose name is nearest to that of "--name" or "--name=value", or NULL. */
static const struct cli_option *nearest_option(const struct cli_command *command, const char *word)
{
    const struct cli_option *best = NULL;
    size_t shortest = SIZE_MAX;
    char name[CLI_USAGE];
    if (word[1] != '-') return NULL;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
        size_t edits = cli_takes(command, option) ? edits_between(name, option->name) : SIZE_MAX;
        if (edits >= shortest) continue;
        shortest = edits;
        best = option;
    }
    return best;
}

static enum status refuse_option(const struct cli_command *command, const char *word,
                                 struct err *err)
{
    const struct cli_option *elsewhere = find_option(NULL, word);
    const struct cli_option *nearest = nearest_option(command, word);
    char hint[CLI_USAGE] = "", takers[CLI_TAKERS];
    if (elsewhere != NULL) {
        cli_takers(elsewhere, takers);
        snprintf(hint, sizeof hint, "; taken by %s", takers);
    } else if (nearest != NULL) {
        snprintf(hint, sizeof hint, "; did you mean --%s?", nearest->name);
    }
    return err_set(err, ERR_USAGE,
                   "%s: unknown option of '%s', expected one that 'gmmsweep %s --help' lists%s",
                   word, command->name, command->name, hint);
}

static enum status check_choice(const struct cli_option *option, const char *value, struct err *err)
{
    char choices[CLI_USAGE];
    for (size_t i = 0; cli_choice(option, i) != NULL; i++)
        if (strcmp(cli_choice(option, i), value) == 0) return OK;
    cli_value_usage(option, choices);
    return err_set(err, ERR_USAGE, "--%s: '%s', expected one of %s", option->name, value, choices);
}

/* Takes a whole number from 1 to `most`. */
static enum status take_count(const struct cli_option *option, const char *value, long long most,
                              int64_t *out, struct err *err)
{
    char *end, range[32] = "", letter[8] = "";
    errno = 0;
    const long long number = strtoll(value, &end, 10);
    if (end != value && *end == '\0' && errno == 0 && number >= 1 && number <= most) {
        *out = number;
        return OK;
    }
    if (most < LLONG_MAX) snprintf(range, sizeof range, " to %lld", most);
    if (option->letter != 0) snprintf(letter, sizeof letter, "-%c, ", option->letter);
    return err_set(err, ERR_USAGE, "%s--%s: '%s' is not a whole number from 1%s", letter,
                   option->name, value, range);
}

static enum status take_value(const struct cli_option *option, const char *value, struct cli *cli,
                              struct err *err)
{
    enum status rc = OK;
    void *field = (char *)cli + option->offset;
    if (cli_choice(option, 0) != NULL) TRY(check_choice(option, value, err));
    if (option->argument == CLI_TEXT) *(const char **)field = value;
    if (option->argument == CLI_TEXTS) {
        struct cli_texts *texts = field;
        texts->v[texts->n++] = value;
    }
    if (option->argument == CLI_COUNT) TRY(take_count(option, value, LLONG_MAX, field, err));
    if (option->argument == CLI_THREADS)
        TRY(take_count(option, value, MACHINE_MOST_THREADS, field, err));
done:
    return rc;
}

static enum status take_option(const struct cli_command *command, int argc, char *const *argv,
                               int *at, struct cli *cli, struct err *err)
{
    const char *word = argv[*at], *value = NULL;
    const struct cli_option *option = find_option(command, word);
    if (option == NULL) return refuse_option(command, word, err);
    if (word[1] == '-' && strchr(word, '=') != NULL) value = strchr(word, '=') + 1;
    if (option->argument == CLI_NONE) {
        if (value != NULL)
            return err_set(err, ERR_USAGE, "--%s takes no value, but '%s' was given", option->name,
                           value);
        *(bool *)((char *)cli + option->offset) = true;
        return OK;
    }
    if (value == NULL && *at + 1 >= argc) {
        char usage[CLI_USAGE];
        cli_value_usage(option, usage);
        return err_set(err, ERR_USAGE, "%s: expected %s behind it", word, usage);
    }
    if (value == NULL) value = argv[++*at];
    return take_value(option, value, cli, err);
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

/* What is not there, or NULL. An operand in brackets may be left out. */
static const char *missing_operand(const struct cli_command *command, const struct cli *cli)
{
    const char *first = command->operand;
    if (first != NULL && first[0] != '[' && cli->target == NULL) return first;
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

/* --- commands --- */

enum status cli_find(const struct cli_command *commands, const char *name,
                     const struct cli_command **out, struct err *err)
{
    const char *nearest = NULL;
    size_t shortest = SIZE_MAX;
    *out = NULL;
    if (name[0] == '-')
        return err_set(err, ERR_USAGE,
                       "'%s': expected a command first, its options behind it; 'gmmsweep --help' "
                       "lists them",
                       name);
    for (const struct cli_command *c = commands; c->name != NULL; c++) {
        size_t edits = edits_between(name, c->name);
        if (edits == 0) *out = c;
        if (edits >= shortest) continue;
        shortest = edits;
        nearest = c->name;
    }
    if (*out != NULL) return OK;
    return err_set(err, ERR_USAGE,
                   "'%s': unknown command, expected one that 'gmmsweep --help' lists%s%s%s", name,
                   nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
                   nearest != NULL ? "?" : "");
}

enum status cli_main(const struct cli_command *commands, int argc, char *const *argv,
                     struct err *err)
{
    enum status rc = OK;
    struct cli cli = {.argc = argc, .argv = argv, .commands = commands};
    const struct cli_command *command = NULL;
    if (argc < 2) FAIL(err, ERR_USAGE, "a command is missing; 'gmmsweep --help' lists them");
    const struct cli_option *first = find_option(NULL, argv[1]);
    const bool is_version = first != NULL && strcmp(first->name, "version") == 0;
    const bool is_help = first != NULL && strcmp(first->name, "help") == 0;
    if (!is_version) TRY(cli_find(commands, is_help ? "help" : argv[1], &command, err));
    TRY_ALLOC(cli.set.v, (size_t)argc, err);
    if (command != NULL) TRY(parse(command, argc, argv, &cli, err));
    if (is_version || cli.version)
        help_print_version();
    else if (cli.help)
        help_print_command(command);
    else
        TRY(command->run(&cli, err));
done:
    free(cli.set.v);
    return rc;
}
