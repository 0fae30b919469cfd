#include "config.h"

#include "check_util.h"

#include <dirent.h>
#include <limits.h>
#include <regex.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

/* What a config must have at least; tests put more behind it. */
#define LEAST "data: {path: x.csv}\noutput: {path: out}\nsweep:\n  components: 3\n"

/* Fresh folder of each test, which is also its working folder; and one beside it. */
static char folder[PATH_MAX];
static char elsewhere[PATH_MAX + 8];

static void make_folder(void)
{
    char template[] = "/tmp/check_config_XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(template));
    ck_assert_ptr_nonnull(realpath(template, folder));
    ck_assert_int_eq(chdir(folder), 0);
    snprintf(elsewhere, sizeof elsewhere, "%s/else", folder);
    ck_assert_int_eq(mkdir(elsewhere, 0700), 0);
}

static void empty_folder(const char *path)
{
    DIR *dir = opendir(path);
    ck_assert_ptr_nonnull(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char inside[2 * PATH_MAX];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        if (unlink(inside) == 0) continue;
        empty_folder(inside);
        ck_assert_int_eq(rmdir(inside), 0);
    }
    closedir(dir);
}

static void remove_folder(void)
{
    empty_folder(folder);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void put_bytes(const char *path, const char *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, n, file), n);
    ck_assert_int_eq(fclose(file), 0);
}

static void put(const char *path, const char *text)
{
    put_bytes(path, text, strlen(text));
}

/* Reads the text as c.yaml, with at most one override (or NULL). */
static enum status read_yaml(const char *text, const char *override, struct config **out,
                             struct err *err)
{
    *err = (struct err){0};
    put("c.yaml", text);
    return config_read("c.yaml", override != NULL, &override, out, err);
}

static struct config *read_good(const char *text, const char *override)
{
    struct config *config;
    struct err err;
    ck_assert_msg(read_yaml(text, override, &config, &err) == OK, "%s\n%s", text, err.text);
    return config;
}

/* The text must be refused with exactly this message. */
static void check_refused(const char *text, const char *override, const char *message)
{
    struct config *config;
    struct err err;
    ck_assert_msg(read_yaml(text, override, &config, &err) == ERR_CONFIG, "accepted: %s%s", text,
                  override != NULL ? override : "");
    ck_assert_int_eq(err.status, ERR_CONFIG);
    ck_assert_ptr_null(config);
    ck_assert_str_eq(err.text, message);
}

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

static char *resolve(const struct config *config)
{
    char *text;
    struct err err = {0};
    ck_assert_msg(config_resolve(config, &text, &err) == OK, "%s", err.text);
    return text;
}

/* The resolved text, read from another folder, resolves to itself. */
static void check_round_trip(const struct config *config)
{
    struct config *again;
    struct err err = {0};
    char path[PATH_MAX + 32];
    char *text = resolve(config);
    snprintf(path, sizeof path, "%s/resolved.yaml", elsewhere);
    put(path, text);
    ck_assert_msg(config_read(path, 0, NULL, &again, &err) == OK, "%s\n%s", err.text, text);
    char *text_again = resolve(again);
    ck_assert_str_eq(text_again, text);
    config_destroy(&again);
    free(text_again);
    free(text);
}

/* Whether the resolved text has this line. */
static void check_has_line(const struct config *config, const char *line)
{
    char *text = resolve(config);
    size_t n = strlen(line);
    const char *at = strstr(text, line);
    ck_assert_msg(at != NULL && at > text && at[-1] == '\n' && at[n] == '\n', "no line \"%s\" in %s",
                  line, text);
    free(text);
}

/* A file with five mistakes gets five lines, each with the place and the offending value. */
START_TEST(five_mistakes)
{
    check_refused("data:\n"
                  "  path: x.csv\n"
                  "sweep:\n"
                  "  components: [2..4, x]\n"
                  "  covarience: diag\n"
                  "  restarts: 1_000\n"
                  "em:\n"
                  "  tol: -1\n"
                  "output: results\n",
                  NULL,
                  "c.yaml:4:22: sweep.components: not a whole number (x), expected whole numbers, "
                  "or ranges such as 2..10 or 10..50:10, from 1 to 1000000\n"
                  "c.yaml:5:3: sweep.covarience: unknown key, did you mean sweep.covariance?\n"
                  "c.yaml:6:13: sweep.restarts: not a whole number (1_000), expected a whole number "
                  "from 1 to 1000000\n"
                  "c.yaml:8:8: em.tol: out of range (-1), expected a number of at least 0\n"
                  "c.yaml:9:9: output: a scalar, expected a mapping with keys such as path\n"
                  "c.yaml: output.path: missing, expected a path");
}
END_TEST

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
        ck_assert_uint_eq(config->sweep_covariance.n, 1);
        ck_assert_int_eq(config->sweep_covariance.v[0], FAMILY_diag);
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
    check_value_refused("run", "memory", "9999999999T", "too large a number (9999999999T)");
    check_value_refused("run", "memory", "1000000T", "out of range (1000000T)");
}
END_TEST

/* What YAML 1.1 or C would read as a number is refused where it is no plain decimal one. */
START_TEST(no_yaml_1_1_numbers)
{
    const char *const not_whole[] = {"1_000", "1:30", "0x10", "0b1", "0o7", "3.5", "1e3", "3 ,",
                                     "three", "1e", "--3", "true", "Null", "3 4"};
    for (size_t i = 0; i < sizeof not_whole / sizeof not_whole[0]; i++)
        check_value_refused("em", "redraws", not_whole[i], "not a whole number (");
    const char *const not_number[] = {"nan", ".nan", "inf", ".inf", "infinity", "0x1p3", "1.2.3",
                                      "1e",  "e5",   ".",   "1,5",  "1_0.0",    "1e-", "1 2"};
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
    check_value_refused("data2", "x", "1", ""); /* reached only if the next line is wrong */
}
END_TEST
