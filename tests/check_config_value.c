/* check_config_value.c - single values: what arrives in struct config, what is refused. */
#include "check_config.h"

/* A config of LEAST and one `section: {key: value}` must be refused, with a message that begins
 * with the key and `message`. */
static void check_value_refused(const char *section, const char *key, const char *value,
                                const char *message)
{
    char text[1024], begin[512];
    struct config *config;
    struct err err;
    snprintf(text, sizeof text, LEAST "%s:\n  %s: %s\n", section, key, value);
    ck_assert_msg(read_yaml(text, NULL, &config, &err) == ERR_CONFIG, "accepted: %s", text);
    snprintf(begin, sizeof begin, "c.yaml:6:%zu: %s.%s: %s", strlen(key) + 5, section, key,
             message);
    ck_assert_msg(strncmp(err.text, begin, strlen(begin)) == 0, "%s\nexpected %s", err.text, begin);
}

/* Keys that are not given, or given as nothing, have params.def's defaults. */
START_TEST(defaults)
{
    const char *const texts[] = {
        LEAST, LEAST "em: {tol: ~, floor: null, max_iter: }\nrun:\nkmeans: ~\n",
        LEAST "  covariance: ~\n  init: null\n  restarts:\n  seed: ~\nem:\n  criterion: ~\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct config *config = read_good(texts[i], NULL);
        ck_assert_ptr_null(config->data_labels.name);
        ck_assert_ptr_null(config->data_labels.path);
        ck_assert_uint_eq(config->data_columns.n, 0);
        ck_assert_int_eq(config->data_pool, 1);
        ck_assert_uint_eq(config->sweep_covariance.n, N_FAMILIES);
        for (int f = 0; f < N_FAMILIES; f++)
            ck_assert_int_eq(config->sweep_covariance.v[f], f);
        ck_assert_uint_eq(config->sweep_init.n, 1);
        ck_assert_int_eq(config->sweep_init.v[0], INIT_kmeanspp);
        ck_assert_int_eq(config->sweep_restarts, 10);
        ck_assert_int_eq(config->em_max_iter, 500);
        ck_assert(config->em_tol == 1e-6 && config->em_floor == 1e-6);
        ck_assert_int_eq(config->em_criterion, CRITERION_mean);
        ck_assert_str_eq(config->given_text, texts[i]);
        ck_assert_str_eq(config->overrides, "");
        config_destroy(&config);
        ck_assert_ptr_null(config);
    }
}
END_TEST

/* Every type arrives in its field. */
START_TEST(types)
{
    struct config *config = read_good("data:\n"
                                      "  path: \"x y.csv\"\n"
                                      "  columns: [Sepal.Length, 2, \"3\", 02, 1e2]\n"
                                      "  limit: +5\n"
                                      "  scale: .5e1\n"
                                      "sweep:\n"
                                      "  components: [7, 1..3, 10..31:10]\n"
                                      "  init: [kmeans++, points]\n"
                                      "  seed: 9007199254740992\n"
                                      "em: {criterion: relative, \"mixing\": 'equal'}\n"
                                      "output: {path: /no/where}\n",
                                      NULL);
    const int64_t components[] = {7, 1, 2, 3, 10, 20, 30};
    const bool quoted[] = {true, false, true, true, false};
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/x y.csv", folder);
    ck_assert_str_eq(config->data_path, path);
    ck_assert_uint_eq(config->data_columns.n, 5);
    ck_assert_str_eq(config->data_columns.v[0], "Sepal.Length");
    ck_assert_str_eq(config->data_columns.v[3], "02");
    ck_assert_mem_eq(config->data_columns.quoted, quoted, sizeof quoted);
    ck_assert_int_eq(config->data_limit, 5);
    ck_assert(config->data_scale == 5.0);
    ck_assert_uint_eq(config->sweep_components.n, 7);
    ck_assert_mem_eq(config->sweep_components.v, components, sizeof components);
    ck_assert_uint_eq(config->sweep_init.n, 2);
    ck_assert_int_eq(config->sweep_init.v[0], INIT_kmeanspp);
    ck_assert_int_eq(config->sweep_init.v[1], INIT_points);
    ck_assert_int_eq(config->sweep_seed, INT64_C(1) << 53);
    ck_assert_int_eq(config->em_criterion, CRITERION_relative);
    ck_assert_int_eq(config->em_mixing, MIXING_equal);
    ck_assert_str_eq(config->output_path, "/no/where");
    config_destroy(&config);
}
END_TEST

/* Rules of what is kept, which the resolved config gives back. */
START_TEST(keeps)
{
    const struct {
        const char *text;
        struct keep_rule rule;
    } good[] = {{"all", {KEEP_all, 0}},
                {"best", {KEEP_best, 0}},
                {"top:1", {KEEP_top, 1}},
                {"'top:250'", {KEEP_top, 250}},
                {"~", {KEEP_all, 0}}};
    const char *const bad[] = {"top",    "top:",           "top:0",  "top:1.5",
                               "top:01", "top:2000000000", "tops:1", "[all, best]"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char text[256];
        snprintf(text, sizeof text, "output.keep=%s", good[i].text);
        struct config *config = read_good(LEAST, text);
        ck_assert_int_eq(config->output_keep.kind, good[i].rule.kind);
        ck_assert_int_eq(config->output_keep.n, good[i].rule.n);
        check_round_trip(config);
        config_destroy(&config);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[256];
        snprintf(text, sizeof text, "output.keep=%s", bad[i]);
        check_refused(LEAST, text, "--set 'output.keep=*");
    }
}
END_TEST

/* Sizes: suffixes are powers of 1024, fractions only with a suffix. */
START_TEST(bytes)
{
    const struct {
        const char *text;
        int64_t bytes;
    } good[] = {{"0", 0},
                {"16G", INT64_C(16) << 30},
                {"1.5G", INT64_C(3) << 29},
                {"500M", INT64_C(500) << 20},
                {"2KiB", 2048},
                {"2KB", 2048},
                {"100B", 100},
                {"3TiB", INT64_C(3) << 40},
                {"123456789012345678", INT64_C(123456789012345678)}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, LEAST "run: {memory: %s}\n", good[i].text);
        struct config *config = read_good(text, NULL);
        ck_assert_int_eq(config->run_memory, good[i].bytes);
        config_destroy(&config);
    }
    const char *const bad[] = {"16X", "-1G", "1e9", "G", "1.5", "1 G", "16iB", "1.2.3G", "16GG"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        check_value_refused("run", "memory", bad[i], "not a ");
    check_value_refused("run", "memory", "016G", "leading zero (016G)");
    check_value_refused("run", "memory", "9000000T",
                        "too large a number (9000000T)"); /* over 2^63 */
    check_value_refused("run", "memory", "1000000T", "out of range (1000000T)");
}
END_TEST

/* Times: whole and broken numbers of days, hours, minutes and seconds, from the largest down; a
 * bare number is seconds. The resolved config says seconds. */
START_TEST(durations)
{
    const struct {
        const char *text;
        double seconds;
    } good[] = {{"0", 0},         {"90", 90},      {"1.5", 1.5},
                {"1e3", 1000},    {"0s", 0},       {"2.5s", 2.5},
                {"7h50m", 28200}, {"1d2h", 93600}, {"1d2h3m4.25s", 93784.25},
                {"0.5h", 1800},   {"100m", 6000},  {"1d1s", 86401}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, LEAST "run: {max_time: %s, checkpoint: %s}\n", good[i].text,
                 good[i].text);
        struct config *config = read_good(text, NULL);
        ck_assert(config->run_max_time == good[i].seconds);
        ck_assert(config->run_checkpoint == good[i].seconds);
        char *resolved = resolve(config), *line = strstr(resolved, "  max_time: ");
        ck_assert_ptr_nonnull(line);
        ck_assert(strtod(line + strlen("  max_time: "), NULL) == good[i].seconds);
        free(resolved);
        check_round_trip(config);
        config_destroy(&config);
    }
    const char *const bad[] = {
        "7h50", "50m7h", "h",      "5 m",   "7H",     "1e400",
        "-5m",  "7h7h",  "1:30",   "7h-5m", "7h 50m", "5min",
        "1w",   ".s",    "1.2.3s", "1e3s",  "07h",    "0x10s",
        "s5",   "5m5",   "nan",    "inf",   "5,5s",   "12345678901234567890123456789012s"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        check_value_refused("run", "max_time", bad[i], "not a time (");
    check_value_refused("run", "max_time", "-5", "out of range (-5)");
    check_value_refused("run", "checkpoint", "11575d", "out of range (11575d)"); /* over 1e9 s */
    check_value_refused("slurm", "time", "59s", "out of range (59s)");
    struct config *config = read_good(LEAST, NULL);
    ck_assert(config->run_max_time == 0 && config->run_checkpoint == 60);
    ck_assert(config->slurm_time == 28800);
    config_destroy(&config);
    config = read_good(LEAST, "slurm.time=1m");
    ck_assert(config->slurm_time == 60);
    config_destroy(&config);
}
END_TEST

/* What YAML 1.1 or C would read as a number is refused where it is no plain decimal one. */
START_TEST(no_yaml_1_1_numbers)
{
    const char *const not_whole[] = {"1_000", "1:30",  "0x10", "0b1", "0o7",  "3.5",  "1e3",
                                     "3 ,",   "three", "1e",   "--3", "true", "Null", "3 4"};
    for (size_t i = 0; i < sizeof not_whole / sizeof not_whole[0]; i++)
        check_value_refused("em", "redraws", not_whole[i], "not a whole number (");
    const char *const not_number[] = {"nan", ".nan", "inf", ".inf", "infinity", "0x1p3", "1.2.3",
                                      "1e",  "e5",   ".",   "1,5",  "1_0.0",    "1e-",   "1 2"};
    for (size_t i = 0; i < sizeof not_number / sizeof not_number[0]; i++)
        check_value_refused("em", "tol", not_number[i], "not a number (");
    check_value_refused("em", "redraws", "010", "leading zero (010)");
    check_value_refused("em", "tol", "-00.5", "leading zero (-00.5)");
    check_value_refused("em", "redraws", "99999999999999999999", "too large a number (9999");
    check_value_refused("em", "tol", "1e999", "too large a number (1e999)");
    check_value_refused("em", "tol", "1e-999", "too small a number (1e-999)");
    check_value_refused("em", "redraws", "\"3\"",
                        "quoted (\"3\"), expected a number without quotes");
    check_value_refused("em", "tol", "'3'", "quoted (\"3\"), expected a number without quotes");
    check_value_refused("em", "tol", "|\n    3", "quoted (\"3");
    check_value_refused("run", "memory", "\"3\"", "quoted (\"3\")");
}
END_TEST

/* Bounds are inclusive, one beyond is refused. */
START_TEST(bounds)
{
    struct config *config = read_good(LEAST "em: {redraws: 1000, floor: 1}\n", NULL);
    ck_assert_int_eq(config->em_redraws, 1000);
    config_destroy(&config);
    check_value_refused("em", "redraws", "1001",
                        "out of range (1001), expected a whole number from 0 to 1000");
    check_value_refused("em", "redraws", "-1", "out of range (-1)");
    check_value_refused("em", "floor", "1.0000001", "out of range (1.0000001)");
}
END_TEST

/* Lists of numbers: ranges are checked, bounded, and no number may come twice. */
START_TEST(int_lists)
{
    const struct {
        const char *value, *message;
    } bad[] = {
        {"[1, 2, 1]", "4:22: sweep.components: 1 given twice (1), expected each number once"},
        {"[1..5, 4..9:5]", "4:22: sweep.components: 4 given twice (4..9:5), expected each number "
                           "once"},
        {"1..1000000", "4:15: sweep.components: 1000000 numbers (1..1000000), expected at most "
                       "10000 in the list"},
        {"[1..10000, 10001]", "4:26: sweep.components: 10001 numbers (10001), expected at most "
                              "10000 in the list"},
        {"[\"3\"]", "4:16: sweep.components: quoted (\"3\"), expected a number without quotes"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[256], message[256];
        snprintf(text, sizeof text,
                 "data: {path: x}\noutput: {path: y}\nsweep:\n  components: %s\n", bad[i].value);
        snprintf(message, sizeof message, "c.yaml:%s", bad[i].message);
        check_refused(text, NULL, message);
    }
    const char *const wrong[][2] = {{"5..2", "range that ends before it begins (5..2)"},
                                    {"1..9:0", "range with a step below 1 (1..9:0)"},
                                    {"1..9:x", "not a whole number or range (1..9:x)"},
                                    {"1..9:2:3", "not a whole number or range (1..9:2:3)"},
                                    {"1...9", "not a whole number or range (1...9)"},
                                    {"..9", "not a whole number or range (..9)"},
                                    {"1..", "not a whole number or range (1..)"},
                                    {"1..010", "not a whole number or range (1..010)"},
                                    {"0..3", "out of range (0..3)"},
                                    {"3..1000001", "out of range (3..1000001)"},
                                    {"1..9:9223372036854775808", "not a whole number or range"},
                                    {"[]", "empty list ([])"},
                                    {"[1, ~]", "empty item (~)"},
                                    {"[1, ]x", NULL}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[256];
        struct config *config;
        struct err err;
        snprintf(text, sizeof text, "sweep: {components: %s}\n", wrong[i][0]);
        ck_assert_int_eq(read_yaml(text, NULL, &config, &err), ERR_CONFIG);
        ck_assert_msg(wrong[i][1] == NULL || strstr(err.text, wrong[i][1]) != NULL, "%s", err.text);
    }
    struct config *config = read_good(LEAST, "sweep.components=1..9:9223372036854775807");
    ck_assert_uint_eq(config->sweep_components.n, 1);
    config_destroy(&config);
    config = read_good(LEAST, "sweep.components=1..10000");
    ck_assert_uint_eq(config->sweep_components.n, 10000);
    check_round_trip(config);
    config_destroy(&config);
}
END_TEST

/* Sizes of images: height and width, or one number for both. */
START_TEST(sizes)
{
    const struct {
        const char *text, *resolved;
    } good[] = {{"[3, 4096]", "  resize: [3, 4096]\n"},
                {"16", "  resize: [16, 16]\n"},
                {"[16]", "  resize: [16, 16]\n"},
                {"[7, 7]", "  resize: [7, 7]\n"},
                {"~", "  resize: ~\n"}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char override[64];
        snprintf(override, sizeof override, "data.resize=%s", good[i].text);
        struct config *config = read_good(LEAST, override);
        char *resolved = resolve(config);
        ck_assert_msg(strstr(resolved, good[i].resolved) != NULL, "%s", resolved);
        free(resolved);
        check_round_trip(config);
        config_destroy(&config);
    }
    struct config *config = read_good(LEAST, "data.resize=[5, 9]");
    ck_assert_int_eq(config->data_resize.height, 5);
    ck_assert_int_eq(config->data_resize.width, 9);
    config_destroy(&config);
    config = read_good(LEAST, NULL);
    ck_assert(config->data_resize.height == 0 && config->data_resize.width == 0);
    config_destroy(&config);

    const char *const bad[][2] = {
        {"0", "13: data.resize: out of range (0), expected [height, width], or a whole number for "
              "both, from 1 to 4096"},
        {"[4, 4097]", "17: data.resize: out of range (4097), expected [height, width], *"},
        {"[4, 5, 6]", "20: data.resize: more than two numbers (6), expected [height, width], *"},
        {"[]", "13: data.resize: empty list ([]), expected [height, width], *"},
        {"[4, ~]", "17: data.resize: empty item (~), expected [height, width], *"},
        {"[\"4\", 5]", "14: data.resize: quoted (\"4\"), expected a number without quotes"},
        {"16x16", "13: data.resize: not a whole number (16x16), expected [height, width], *"},
        {"[2..3]", "14: data.resize: not a whole number (2..3), expected [height, width], *"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char override[64], message[256];
        snprintf(override, sizeof override, "data.resize=%s", bad[i][0]);
        snprintf(message, sizeof message, "--set '%s':%s", override, bad[i][1]);
        check_refused(LEAST, override, message);
    }
    check_refused("data: {path: x.csv, pool: 2, resize: [4, 5]}\noutput: {path: out}\n"
                  "sweep: {components: 3}\n",
                  NULL,
                  "c.yaml:1:38: data.resize: given beside data.pool (2), expected one of "
                  "them");
    config = read_good("data: {path: x.csv, pool: 1, resize: 3}\noutput: {path: out}\n"
                       "sweep: {components: 3}\n",
                       NULL);
    config_destroy(&config);
}
END_TEST

/* Choices are the names of their table, each at most once. */
START_TEST(choices)
{
    check_value_refused("run", "fail_on", "yes", "unknown (yes), expected one of none, any");
    check_refused(LEAST, "data.on_missing=skip",
                  "--set 'data.on_missing=skip':17: data.on_missing: unknown (skip), expected one "
                  "of error, drop");
    check_value_refused("em", "criterion", "[mean]",
                        "a list, expected one of mean, relative, absolute");
    check_refused(LEAST "  init: [points, points]\n", NULL,
                  "c.yaml:5:18: sweep.init: given twice (points), expected each once");
    check_refused(LEAST "  init: []\n", NULL,
                  "c.yaml:5:9: sweep.init: empty list ([]), expected one or more of *");
}
END_TEST

/* Paths become absolute and clean: the file's against its folder, overrides' against the working
 * folder, through symbolic links as far as they lead somewhere. */
START_TEST(paths)
{
    char line[3 * PATH_MAX];
    struct config *config;
    struct err err = {0};
    const char *const given = "data.path=sub/./../y.csv";
    ck_assert_int_eq(symlink(elsewhere, "link"), 0);
    put("else/c.yaml", "data: {path: ../x.csv, labels: ../link/new/../l, weights: /}\n"
                       "sweep: {components: 1}\noutput: {path: ../link/out//deep/.}\n");
    ck_assert_int_eq(config_read("link/c.yaml", 1, &given, &config, &err), OK);
    snprintf(line, sizeof line, "%s/y.csv", folder);
    ck_assert_str_eq(config->data_path, line);
    snprintf(line, sizeof line, "%s/l", elsewhere);
    ck_assert_str_eq(config->data_labels.path, line);
    ck_assert_str_eq(config->data_weights.path, "/");
    snprintf(line, sizeof line, "%s/out/deep", elsewhere);
    ck_assert_str_eq(config->output_path, line);

    char *before = resolve(config);
    config_destroy(&config);
    ck_assert_int_eq(mkdir("else/out", 0700) | mkdir("else/out/deep", 0700), 0);
    ck_assert_int_eq(config_read("link/c.yaml", 1, &given, &config, &err), OK);
    char *after = resolve(config);
    ck_assert_str_eq(after, before); /* the output folder's making changes nothing */
    free(before);
    free(after);
    config_destroy(&config);

    config = read_good(LEAST, "output.path=../../../../../../../../../..");
    ck_assert_str_eq(config->output_path, "/");
    config_destroy(&config);
    config = read_good(LEAST, "output.path=no/../../../../../../../../../such");
    ck_assert_str_eq(config->output_path, "/such");
    config_destroy(&config);
}
END_TEST

/* A path that no file can have is refused before anything is opened. */
START_TEST(paths_refused)
{
    char text[PATH_MAX + 256], message[512];
    check_refused(LEAST, "data.labels=\"\"",
                  "--set 'data.labels=\"\"':13: data.labels: empty (), expected the name of a "
                  "column or array, or a path");
    check_refused(LEAST, "output.path=\"a\\0b\"",
                  "--set 'output.path=\"a\\0b\"':13: output.path: a 0 byte in it (a), expected a "
                  "path");
    snprintf(text, sizeof text, "output.path=%0*d", PATH_MAX, 0);
    snprintf(message, sizeof message,
             "--set 'output.path=%048d...':13: output.path: path too long (%060d...), expected "
             "less than %d bytes",
             0, 0, PATH_MAX);
    check_refused(LEAST, text, message);
    ck_assert_int_eq(mkdir("caf\xe9", 0700), 0);
    ck_assert_int_eq(chdir("caf\xe9"), 0);
    struct config *config;
    struct err err;
    ck_assert_int_eq(read_yaml(LEAST, NULL, &config, &err), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "is not UTF-8"));
    ck_assert_int_eq(chdir(".."), 0);
}
END_TEST

/* Lists in lists must all have one length and depth; the first that has not is told with its place.
 */
START_TEST(arrays_refused)
{
    const char *const cases[][2] = {
        {"[[1, 2], [3]]", "16: data.synthetic.means: a list of 1 ends here, expected 2 as before"},
        {"[1, [2]]", "10: data.synthetic.means: a number 2 lists deep, expected 1 as before"},
        {"[[1], 2]", "11: data.synthetic.means: a number 1 lists deep, expected 2 as before"},
        {"[[], []]", "7: data.synthetic.means: an empty list inside a list, expected numbers"},
        {"[[a]]", "7: data.synthetic.means: not a number (a), expected nested lists"},
        {"[['1']]", "7: data.synthetic.means: quoted (\"1\"), expected a number without quotes"},
        {"[[[[1]]]]", "8: data.synthetic.means: a list inside a list, expected nested lists"},
        {"{a: 1}", "5: data.synthetic.means: a mapping, expected nested lists"},
        {"[[1e301]]", "7: data.synthetic.means: out of range (1e301), expected nested lists"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512], message[256];
        struct config *config;
        struct err err;
        snprintf(text, sizeof text,
                 "output: {path: out}\nsweep: {components: 1}\ndata:\n  synthetic:\n"
                 "   samples: 9\n   deviations: [[1]]\n   means:\n    %s\n",
                 cases[i][0]);
        snprintf(message, sizeof message, "c.yaml:8:%s", cases[i][1]);
        ck_assert_msg(read_yaml(text, NULL, &config, &err) == ERR_CONFIG, "accepted: %s", text);
        ck_assert_msg(strncmp(err.text, message, strlen(message)) == 0, "%s\nexpected %s", err.text,
                      message);
    }
}
END_TEST

static Suite *config_value_suite(void)
{
    const TTest *const tests[] = {
        defaults,  types, keeps,   bytes, durations,     no_yaml_1_1_numbers, bounds,
        int_lists, sizes, choices, paths, paths_refused, arrays_refused};
    return config_tests("config_value", tests, sizeof tests / sizeof tests[0]);
}

CHECK_MAIN(config_value_suite)
