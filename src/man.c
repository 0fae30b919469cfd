/* man.c - the manual page, from the tables that the program itself goes by. */
#include "cli_parts.h"
#include "config_parts.h"
#include "version.h"

#include <string.h>

/* Characters that roff takes for its own, or that man shows as others. */
static const struct {
    char plain;
    const char *roff;
} escapes[] = {{'\\', "\\e"},  {'-', "\\-"},   {'\'', "\\(aq"}, {'`', "\\(ga"},
               {'^', "\\(ha"}, {'~', "\\(ti"}, {'"', "\\(dq"}};
enum { N_ESCAPES = sizeof escapes / sizeof escapes[0] };

static void put_character(FILE *out, char c)
{
    size_t i = 0;
    while (i < N_ESCAPES && escapes[i].plain != c)
        i++;
    if (i < N_ESCAPES)
        fputs(escapes[i].roff, out);
    else
        fputc(c, out);
}

static void put(FILE *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        put_character(out, *c);
}

/* Running text, in lines of which none begins with a point, as requests do. */
static void put_text(FILE *out, const char *text)
{
    enum { LONG = 60 };
    size_t at = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (at == 0 && *c == '.') fputs("\\&", out);
        const bool is_break = *c == ' ' && at > LONG;
        at = is_break ? 0 : at + 1;
        if (is_break)
            fputc('\n', out);
        else
            put_character(out, *c);
    }
    fputc('\n', out);
}

static void put_in(FILE *out, char font, const char *text)
{
    fprintf(out, "\\f%c", font);
    put(out, text);
    fputs("\\fR", out);
}

static void put_option_name(FILE *out, const struct cli_option *option)
{
    fputs("\\fB\\-\\-", out);
    put(out, option->name);
    fputs("\\fR", out);
}

static void put_entry(FILE *out, const char *name, const char *meaning)
{
    fputs(".TP\n", out);
    put_in(out, 'B', name);
    fputc('\n', out);
    put_text(out, meaning);
}

/* --- commands and options --- */

static void put_usage(FILE *out, const struct cli_command *command)
{
    fputs("\\fBgmmsweep ", out);
    put_in(out, 'B', command->name);
    fputs(" [\\fIoptions\\fR]", out);
    if (command->operand != NULL) {
        fputc(' ', out);
        put_in(out, 'I', command->operand);
    }
    fputc('\n', out);
}

static void put_synopsis(FILE *out, const struct cli_command *commands)
{
    fputs(".SH SYNOPSIS\n", out);
    for (const struct cli_command *c = commands; c->name != NULL; c++) {
        if (c != commands) fputs(".br\n", out);
        put_usage(out, c);
    }
}

/* Each command with the options of its own. */
static void put_commands(FILE *out, const struct cli_command *commands)
{
    fputs(".SH COMMANDS\n", out);
    for (const struct cli_command *c = commands; c->name != NULL; c++) {
        const char *separator = ".br\nOptions: ";
        fputs(".TP\n", out);
        put_usage(out, c);
        put_text(out, c->summary);
        for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
            if (cli_is_global(option) || !cli_takes(c, option)) continue;
            fputs(separator, out);
            put_option_name(out, option);
            separator = ",\n";
        }
        if (separator[0] == ',') fputc('\n', out);
    }
}

static void put_options(FILE *out)
{
    fputs(".SH OPTIONS\n", out);
    for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
        char value[CLI_USAGE], takers[CLI_TAKERS];
        fputs(".TP\n", out);
        if (option->letter != 0) fprintf(out, "\\fB\\-%c\\fR, ", option->letter);
        put_option_name(out, option);
        cli_value_usage(option, value);
        if (value[0] != '\0') {
            fputc(' ', out);
            put_in(out, 'I', value);
        }
        fputc('\n', out);
        put_text(out, option->meaning);
        cli_takers(option, takers);
        if (takers[0] == '\0') continue;
        fputs(".br\nOf ", out);
        put(out, takers);
        fputs(".\n", out);
    }
}

/* --- the config --- */

static void put_param(FILE *out, const struct param *param)
{
    char expected[512], text[1024];
    const bool has_unit = /* of those of bytes and seconds the expectation tells it */
        param->unit[0] != '\0' && param->type != PARAM_BYTES && param->type != PARAM_DURATION;
    config_params_expected(param, expected, sizeof expected);
    const size_t length = strlen(expected); /* a parenthesis leaves a comma at the end */
    if (expected[length - 1] == ',') expected[length - 1] = '\0';
    snprintf(text, sizeof text, "Expected: %s%s%s%s%s.", expected, has_unit ? "; in " : "",
             has_unit ? param->unit : "", param->default_text[0] != '\0' ? "; default: " : "",
             param->default_text);
    put_entry(out, param->name, param->meaning);
    fputs(".br\n", out);
    put_text(out, text);
}

static void put_config(FILE *out)
{
    fputs(".SH CONFIG\n", out);
    put_text(out, "A YAML file of sections that hold keys; section.key below. Relative paths are "
                  "relative to the file. A single value may stand for a list, 2..10 and 10..50:10 "
                  "for ranges. On the command line --set section.key=value overrides a key.");
    for (size_t i = 0; i < N_PARAMS; i++)
        put_param(out, &config_params[i]);
    fputs(".SS Covariance families\n", out);
#define FAMILY(name, summary) put_entry(out, #name, summary);
#include "families.def"
#undef FAMILY
    fputs(".SS Initialisers\n", out);
#define INIT(symbol, name, summary) put_entry(out, name, summary);
#include "inits.def"
#undef INIT
}

/* --- the page --- */

static void put_manual(FILE *out, const char *section)
{
    static const struct {
        const char *section, *name, *meaning;
    } rows[] = {
#define MANUAL(section, name, meaning) {#section, name, meaning},
#include "manual.def"
#undef MANUAL
    };
    fprintf(out, ".SH %s\n", section);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].section, section) == 0) put_entry(out, rows[i].name, rows[i].meaning);
}

static void put_exit_status(FILE *out)
{
    fputs(".SH EXIT STATUS\n", out);
#define STATUS(symbol, code, meaning) put_entry(out, #code, meaning);
#include "status.def"
#undef STATUS
}

static void put_examples(FILE *out, const struct cli_command *commands)
{
    fputs(".SH EXAMPLES\n", out);
    for (const struct cli_command *c = commands; c->name != NULL; c++)
        put_entry(out, c->example, c->summary);
}

void man_print(const struct cli_command *commands, FILE *out)
{
    fprintf(out, ".TH GMMSWEEP 1 \"%s\" \"gmmsweep %s\" \"User Commands\"\n", GMMSWEEP_DATE,
            GMMSWEEP_VERSION);
    fputs(".nh\n.ad l\n.SH NAME\ngmmsweep \\- sweeps of Gaussian mixture models\n", out);
    put_synopsis(out, commands);
    fputs(".SH DESCRIPTION\n", out);
    put_text(out, help_about);
    put_text(out, "Results go to standard output, all else to standard error. A run that was "
                  "stopped or killed goes on when the same command is given again.");
    put_commands(out, commands);
    put_options(out);
    put_config(out);
    put_exit_status(out);
    put_manual(out, "SIGNALS");
    put_manual(out, "ENVIRONMENT");
    put_manual(out, "FILES");
    put_examples(out, commands);
    fputs(".SH SEE ALSO\n.BR sbatch (1),\n.BR h5dump (1)\n", out);
}
