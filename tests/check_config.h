/* check_config.h - what the tests of the config module share: a folder of their own, and configs
 * written, read and compared there. */
#ifndef GMMSWEEP_CHECK_CONFIG_H
#define GMMSWEEP_CHECK_CONFIG_H

#include "config.h"

#include "check_util.h"

#include <ftw.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a config must have at least; tests put more behind it. */
#define LEAST "data: {path: x.csv}\noutput: {path: out}\nsweep:\n  components: 3\n"

/* Fresh folder of each test, which is also its working folder; and one beside it. */
static char folder[PATH_MAX];
static char elsewhere[PATH_MAX + 8];

static inline void make_folder(void)
{
    char template[] = "/tmp/check_config_XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(template));
    ck_assert_ptr_nonnull(realpath(template, folder));
    ck_assert_int_eq(chdir(folder), 0);
    snprintf(elsewhere, sizeof elsewhere, "%s/else", folder);
    ck_assert_int_eq(mkdir(elsewhere, 0700), 0);
}

static inline int remove_entry(const char *path, const struct stat *info, int type,
                               struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

static inline void remove_folder(void)
{
    const int most_open = 8;
    ck_assert_int_eq(nftw(folder, remove_entry, most_open, FTW_DEPTH | FTW_PHYS), 0);
}

static inline void put_bytes(const char *path, const char *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, n, file), n);
    ck_assert_int_eq(fclose(file), 0);
}

static inline void put(const char *path, const char *text)
{
    put_bytes(path, text, strlen(text));
}

/* Reads the text as c.yaml, with at most one override (or NULL). */
static inline enum status read_yaml(const char *text, const char *override, struct config **out,
                                    struct err *err)
{
    *err = (struct err){0};
    put("c.yaml", text);
    return config_read("c.yaml", override != NULL, &override, out, err);
}

static inline struct config *read_good(const char *text, const char *override)
{
    struct config *config;
    struct err err;
    ck_assert_msg(read_yaml(text, override, &config, &err) == OK, "%s\n%s", text, err.text);
    return config;
}

/* The text must be refused with this message. It may end with a `*` for anything, where the rest
 * lists what a new row of a table adds to. */
static inline void check_refused(const char *text, const char *override, const char *message)
{
    struct config *config;
    struct err err;
    size_t n = strlen(message);
    ck_assert_msg(read_yaml(text, override, &config, &err) == ERR_CONFIG, "accepted: %s%s", text,
                  override != NULL ? override : "");
    ck_assert_int_eq(err.status, ERR_CONFIG);
    ck_assert_ptr_null(config);
    if (message[n - 1] != '*')
        ck_assert_str_eq(err.text, message);
    else
        ck_assert_msg(strncmp(err.text, message, n - 1) == 0, "%s\nexpected %s", err.text, message);
}

static inline char *resolve(const struct config *config)
{
    char *text;
    struct err err = {0};
    ck_assert_msg(config_resolve(config, &text, &err) == OK, "%s", err.text);
    return text;
}

/* The resolved text, read from another folder, resolves to itself. */
static inline void check_round_trip(const struct config *config)
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

/* A suite of these tests [n], each in a folder of its own. */
static inline Suite *config_tests(const char *name, const TTest *const *tests, size_t n)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, make_folder, remove_folder);
    for (size_t i = 0; i < n; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite;
}

#endif
