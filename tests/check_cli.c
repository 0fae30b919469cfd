#include "commands.h"

#include "check_util.h"

#include <string.h>
#include <unistd.h>

/* --- commands that note what they are given --- */

enum { MOST_TEXTS = 8 };

static struct {
    size_t n_runs;
    struct cli cli;
    const char *set[MOST_TEXTS]; /* the list does not outlive the command */
} got;

static enum status note(const struct cli *cli, struct err *err)
{
    (void)err;
    got.n_runs++;
    got.cli = *cli;
    for (size_t i = 0; i < cli->set.n && i < MOST_TEXTS; i++)
        got.set[i] = cli->set.v[i];
    return OK;
}

static enum status complain(const struct cli *cli, struct err *err)
{
    return err_set(err, ERR_DATA, "%s: no good", cli->target);
}

static const struct cli_command commands[] = {
    {"run", "CONFIG", "runs", "gmmsweep run x.yaml", note},
    {"show", "FILE|DIR", "shows", "gmmsweep show x", note},
    {"params", NULL, "lists", "gmmsweep params", note},
    {"status", "FILE|DIR", "fails", "gmmsweep status x", complain},
    {"predict", "FILE DATA",
     "predicts, which is so much that no line of eighty characters has it all",
     "gmmsweep predict x y", note},
    {"help", "[COMMAND]", "helps", "gmmsweep help run", command_help},
    {NULL, NULL, NULL, NULL, NULL}};

static struct err refusal;
static char *argv[32];
static char printed[65536];

static void forget(void)
{
    for (size_t i = 0; i < sizeof argv / sizeof *argv; i++) {
        free(argv[i]);
        argv[i] = NULL;
    }
    memset(&got, 0, sizeof got);
    memset(printed, 0, sizeof printed);
    refusal = (struct err){OK, ""};
}

/* cli_main with standard output going to `printed`. */
static enum status run_printing(int argc)
{
    FILE *file = tmpfile();
    fflush(stdout);
    const int kept = dup(STDOUT_FILENO);
    ck_assert(file != NULL && dup2(fileno(file), STDOUT_FILENO) >= 0);
    const enum status status = cli_main(commands, argc, argv, &refusal);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    rewind(file);
    ck_assert_uint_lt(fread(printed, 1, sizeof printed, file), sizeof printed);
    fclose(file);
    return status;
}

/* Runs a command line, words separated by blanks, "_" for an empty word. Each word lies in a block
 * of its own, so that the sanitizers see who reads beyond it. */
static enum status parse(const char *line)
{
    char words[256];
    int argc = 0;
    forget();
    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = strdup(strcmp(word, "_") == 0 ? "" : word);
    return run_printing(argc);
}

/* Asserts that a line is refused without running anything, and that the message has `text`. */
static void refuses(const char *line, const char *text)
{
    ck_assert_msg(parse(line) == ERR_USAGE && got.n_runs == 0, "%s: accepted", line);
    ck_assert_msg(strstr(refusal.text, text) != NULL, "%s: %s", line, refusal.text);
    ck_assert_str_eq(printed, ""); /* results only go there */
}

static void accepts(const char *line)
{
    ck_assert_msg(parse(line) == OK && got.n_runs == 1, "%s: %s", line, refusal.text);
}

/* --- tests --- */

/* Operand and options of each kind, in both forms and any order. */
START_TEST(options_reach_the_command)
{
    accepts("gmmsweep run a.yaml");
    ck_assert_str_eq(got.cli.target, "a.yaml");
    ck_assert(!got.cli.quiet && got.cli.threads == 0 && got.cli.output == NULL);
    ck_assert_int_eq(got.cli.argc, 3);
    ck_assert_str_eq(got.cli.argv[1], "run");
    accepts("gmmsweep run --threads 4 -q --output=out a.yaml --set em.tol=1 --set=em.floor=0=1");
    ck_assert_str_eq(got.cli.target, "a.yaml");
    ck_assert_str_eq(got.cli.output, "out");
    ck_assert(got.cli.quiet && !got.cli.verbose && got.cli.threads == 4);
    ck_assert_uint_eq(got.cli.set.n, 2);
    ck_assert_str_eq(got.set[0], "em.tol=1");
    ck_assert_str_eq(got.set[1], "em.floor=0=1");
    accepts("gmmsweep show x --by aic --family diag --k=3 --all --tsv");
    ck_assert_str_eq(got.cli.by, "aic");
    ck_assert_str_eq(got.cli.family, "diag");
    ck_assert(got.cli.k == 3 && got.cli.all && got.cli.tsv && !got.cli.json);
    accepts("gmmsweep params --json");
    ck_assert(got.cli.json && got.cli.target == NULL);
    accepts("gmmsweep predict a --flagged b");
    ck_assert_str_eq(got.cli.target, "a");
    ck_assert_str_eq(got.cli.second, "b");
}
END_TEST

/* Values that look like options, empty values, a lone dash, and everything behind "--". */
START_TEST(awkward_words)
{
    accepts("gmmsweep run --set --x=1 a");
    ck_assert_str_eq(got.set[0], "--x=1");
    accepts("gmmsweep run --output= a");
    ck_assert_str_eq(got.cli.output, "");
    accepts("gmmsweep run --output _ a");
    ck_assert_str_eq(got.cli.output, "");
    accepts("gmmsweep run -");
    ck_assert_str_eq(got.cli.target, "-");
    accepts("gmmsweep run -- --help");
    ck_assert_str_eq(got.cli.target, "--help");
}
END_TEST

/* What is wrong with a line is said with the word that is wrong and what was expected. */
START_TEST(mistakes_are_refused)
{
    refuses("gmmsweep", "command is missing");
    refuses("gmmsweep walk", "'walk'");
    refuses("gmmsweep -", "'-'");
    refuses("gmmsweep --", "'--'");
    refuses("gmmsweep _", "''");
    refuses("gmmsweep --quiet run a", "'--quiet': expected a command first");
    refuses("gmmsweep run", "CONFIG is missing");
    refuses("gmmsweep run -q --", "CONFIG is missing");
    refuses("gmmsweep show --all", "FILE|DIR is missing");
    refuses("gmmsweep run a b", "'b'");
    refuses("gmmsweep params a", "'a'");
    refuses("gmmsweep run a --nosuch", "--nosuch");
    refuses("gmmsweep run a --nosuch=3", "--nosuch");
    refuses("gmmsweep run a -x", "-x");
    refuses("gmmsweep run a -qv", "-qv");
    refuses("gmmsweep run a --quie", "--quie"); /* no abbreviations: they would bind the future */
    refuses("gmmsweep run a --quiett", "--quiett");
    refuses("gmmsweep run a --=1", "--=1");
    refuses("gmmsweep run a --by aic", "--by"); /* of another command */
    refuses("gmmsweep run a --by aic", "taken by show");
    refuses("gmmsweep help run a", "'a'");
    refuses("gmmsweep help run --man", "'run'");
    refuses("gmmsweep predict a", "DATA is missing");
    refuses("gmmsweep predict a b c", "'c'");
    refuses("gmmsweep show a --set x=1", "--set");
    refuses("gmmsweep run a --quiet=1", "takes no value");
    refuses("gmmsweep run a --set", "KEY=VALUE");
    refuses("gmmsweep run a --threads", "N");
}
END_TEST

/* Words that are nearly right bring the right one; those that are not, none. */
START_TEST(nearest_names_are_told)
{
    refuses("gmmsweep shwo", "did you mean show?");
    refuses("gmmsweep help parms", "did you mean params?");
    refuses("gmmsweep run a --thread=3", "did you mean --threads?");
    refuses("gmmsweep run a --max_time 3", "did you mean --max-time?");
    const char *const far[] = {"gmmsweep fit", "gmmsweep run a --nosuch", "gmmsweep run a -w"};
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        refuses(far[i], "expected one that");
        ck_assert_msg(strstr(refusal.text, "did you mean") == NULL, "%s", refusal.text);
    }
}
END_TEST

/* Values with a closed vocabulary are checked against it, whole words only, and all told. */
START_TEST(choices_are_checked)
{
    const char *const bad[] = {"bi", "bicc", "BIC", "_", "size", "bic|aic"};
    char line[128];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(line, sizeof line, "gmmsweep show a --by %s", bad[i]);
        refuses(line, "--by: '");
        refuses(line, "bic|aic|icl|loglik|heldout");
    }
    refuses("gmmsweep show a --family=round", "spherical|diag|tied|full|none");
    refuses("gmmsweep show a --family", "spherical|diag|tied|full|none");
    accepts("gmmsweep show a --family none --by heldout");
    ck_assert_str_eq(got.cli.family, "none");
}
END_TEST

/* Counts are whole numbers from 1, and nothing else. */
START_TEST(counts_are_checked)
{
    static const char *const bad[] = {
        "0", "-1", "1x", "x", "1.5", "_", "1e3", "0x4", "99999999999999999999", "nan"};
    char line[128];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(line, sizeof line, "gmmsweep run a --threads %s", bad[i]);
        refuses(line, "--threads");
    }
    accepts("gmmsweep run a --threads 1");
    ck_assert_int_eq(got.cli.threads, 1);
    accepts("gmmsweep show a --k=9223372036854775807");
    ck_assert_int_eq(got.cli.k, INT64_MAX);
    accepts("gmmsweep run a --threads 4096"); /* what run.threads takes */
    refuses("gmmsweep run a --threads 4097", "from 1 to 4096");
    accepts("gmmsweep run a --threads 3 --threads 5"); /* the last one counts */
    ck_assert_int_eq(got.cli.threads, 5);
}
END_TEST

/* --help prints and runs nothing, with the example first and the command's own options only. */
START_TEST(help_is_printed)
{
    char first[sizeof printed];
    ck_assert_int_eq(parse("gmmsweep run --help"), OK);
    ck_assert_uint_eq(got.n_runs, 0);
    ck_assert_ptr_nonnull(strstr(printed, "gmmsweep run x.yaml"));
    ck_assert(strstr(printed, "x.yaml") < strstr(printed, "--set"));
    ck_assert_ptr_nonnull(strstr(printed, "-q, --quiet"));
    ck_assert_ptr_nonnull(strstr(printed, "--threads N"));
    ck_assert_ptr_null(strstr(printed, "--tsv"));
    strcpy(first, printed);
    const char *const same[] = {"gmmsweep run a -h", "gmmsweep help run", "gmmsweep --help run",
                                "gmmsweep -h run"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        ck_assert_int_eq(parse(same[i]), OK);
        ck_assert_str_eq(printed, first);
    }
    const char *const all[] = {"gmmsweep --help", "gmmsweep -h", "gmmsweep help"};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(parse(all[i]), OK);
        for (const struct cli_command *c = commands; c->name != NULL; c++)
            ck_assert_ptr_nonnull(strstr(printed, c->name));
    }
}
END_TEST

/* No line of a help is wider than a terminal, however long the meanings in the table are. */
START_TEST(help_fits_the_screen)
{
    const char *const lines[] = {"gmmsweep help", "gmmsweep help run", "gmmsweep help show"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        ck_assert_int_eq(parse(lines[i]), OK);
        for (char *line = strtok(printed, "\n"); line != NULL; line = strtok(NULL, "\n"))
            ck_assert_msg(strlen(line) <= 80, "%s: %s", lines[i], line);
    }
}
END_TEST

/* --version prints one line, alone or behind a command. */
START_TEST(version_is_printed)
{
    const char *const lines[] = {"gmmsweep --version", "gmmsweep run --version"};
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(parse(lines[i]), OK);
        ck_assert_uint_eq(got.n_runs, 0);
        ck_assert(strncmp(printed, "gmmsweep ", 9) == 0);
        ck_assert_ptr_eq(strchr(printed, '\n'), printed + strlen(printed) - 1);
    }
}
END_TEST

/* What a command returns is handed on with its message. */
START_TEST(failure_is_handed_on)
{
    ck_assert_int_eq(parse("gmmsweep status x"), ERR_DATA);
    ck_assert_str_eq(refusal.text, "x: no good");
}
END_TEST

static Suite *cli_suite(void)
{
    Suite *suite = suite_create("cli");
    TCase *cli = tcase_create("cli");
    tcase_add_checked_fixture(cli, forget, forget);
    tcase_add_test(cli, options_reach_the_command);
    tcase_add_test(cli, awkward_words);
    tcase_add_test(cli, mistakes_are_refused);
    tcase_add_test(cli, nearest_names_are_told);
    tcase_add_test(cli, choices_are_checked);
    tcase_add_test(cli, counts_are_checked);
    tcase_add_test(cli, help_is_printed);
    tcase_add_test(cli, help_fits_the_screen);
    tcase_add_test(cli, version_is_printed);
    tcase_add_test(cli, failure_is_handed_on);
    suite_add_tcase(suite, cli);
    return suite;
}

CHECK_MAIN(cli_suite)
