#include "h5io.h"

#include "files.h"
#include "fixture.h"

#include <string.h>

enum { ROWS = 7, COLS = 3 };

static double value(size_t row, size_t col)
{
    return (double)(10 * row + col) / 4;
}

/* A file with a table of reals, texts, flags, nothing, a scalar text and attributes. */
static const char *make_file(void)
{
    const char *path = file_path("a.h5");
    double table[ROWS][COLS];
    const char *texts[] = {"one", "", "drei"}, *text = "all of it";
    const int8_t flags[] = {0, 1};
    const int64_t ints[] = {3, 4};
    struct h5 *h5;
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < COLS; j++)
            table[i][j] = value(i, j);
    h5_init();
    ck_ok(h5_create(path, &h5, &err));
    ck_ok(h5_write(h5, &(struct h5_array){"/table", H5_REAL, 2, {ROWS, COLS}, 2, NULL, "1"}, table,
                   &err));
    ck_ok(h5_write(h5, &(struct h5_array){"/texts", H5_TEXT, 1, {3}, 0, NULL, NULL}, texts, &err));
    ck_ok(h5_write(h5, &(struct h5_array){"/flags", H5_FLAG, 1, {2}, 0, NULL, "1"}, flags, &err));
    ck_ok(h5_write(h5, &(struct h5_array){"/none", H5_INT, 1, {0}, 0, NULL, "1"}, NULL, &err));
    ck_ok(h5_write(h5, &(struct h5_array){.path = "/text", .type = H5_TEXT}, &text, &err));
    ck_ok(h5_attr_ints(h5, "/", "pair", 2, ints, &err));
    ck_ok(h5_attr_text(h5, "/table", "empty", "", &err));
    ck_ok(h5_close(&h5, &err));
    return path;
}

static struct h5 *open_file(void)
{
    struct h5 *h5;
    ck_ok(h5_open(make_file(), false, &h5, &err));
    return h5;
}

static void free_texts(char **texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(texts[i]);
    free(texts);
}

/* Any stretch of the first axis comes back, across chunks too. */
START_TEST(stretches)
{
    struct h5 *h5 = open_file();
    const struct h5_array array = {
        .path = "/table", .type = H5_REAL, .rank = 2, .dims = {ROWS, COLS}};
    for (size_t first = 0; first <= ROWS; first++)
        for (size_t count = 0; count <= ROWS - first; count++) {
            double got[ROWS * COLS + 1];
            got[count * COLS] = -1.0;
            ck_ok(h5_get(h5, &array, first, count, got, &err));
            for (size_t i = 0; i < count * COLS; i++)
                ck_assert(got[i] == value(first + i / COLS, i % COLS));
            ck_assert(got[count * COLS] == -1.0);
        }
    h5_abandon(&h5);
}
END_TEST

/* Whole columns, texts among them that are empty, columns of nothing, scalars and attributes. */
START_TEST(whole)
{
    struct h5 *h5 = open_file();
    size_t n = 9, dims[H5_MAX_RANK];
    char **texts, *text;
    int8_t *flags;
    int64_t *none, pair[2];
    int rank;
    ck_ok(h5_read(h5, "/texts", H5_TEXT, &n, &texts, &err));
    ck_assert_uint_eq(n, 3);
    ck_assert_str_eq(texts[0], "one");
    ck_assert_str_eq(texts[1], "");
    ck_assert_str_eq(texts[2], "drei");
    free_texts(texts, n);
    ck_ok(h5_read(h5, "/flags", H5_FLAG, &n, &flags, &err));
    ck_assert(n == 2 && flags[0] == 0 && flags[1] == 1);
    free(flags);
    ck_ok(h5_read(h5, "/none", H5_INT, &n, &none, &err));
    ck_assert_uint_eq(n, 0);
    free(none);
    ck_ok(h5_read_text(h5, "/text", &text, &err));
    ck_assert_str_eq(text, "all of it");
    free(text);
    ck_ok(h5_read_attr(h5, "/table", "empty", &text, &err));
    ck_assert_str_eq(text, "");
    free(text);
    ck_ok(h5_read_attr_ints(h5, "/", "pair", 2, pair, &err));
    ck_assert(pair[0] == 3 && pair[1] == 4);
    ck_assert(h5_has_attr(h5, "/", "pair") && !h5_has_attr(h5, "/", "pairs") &&
              !h5_has_attr(h5, "/nowhere", "pair"));
    ck_ok(h5_shape(h5, "/table", &rank, dims, &err));
    ck_assert(rank == 2 && dims[0] == ROWS && dims[1] == COLS && dims[2] == 1 && dims[3] == 1);
    h5_abandon(&h5);
}
END_TEST

static void refuses(struct h5 *h5, struct h5_array array, size_t first, size_t count,
                    const char *part)
{
    struct err err = {OK, ""};
    double untouched[ROWS * COLS];
    memset(untouched, 7, sizeof untouched);
    ck_assert_int_eq(h5_get(h5, &array, first, count, untouched, &err), ERR_DATA);
    ck_assert_msg(strstr(err.text, part) != NULL, "%s\nexpected in it: %s", err.text, part);
    for (size_t i = 0; i < sizeof untouched; i++)
        ck_assert_int_eq(((char *)untouched)[i], 7);
}

/* Another type, rank, shape, or more than there is, is refused before anything is written to. */
START_TEST(other_arrays)
{
    struct h5 *h5 = open_file();
    const struct h5_array table = {"/table", H5_REAL, 2, {ROWS, COLS}, 0, NULL, NULL};
    struct h5_array other = table;
    other.type = H5_INT;
    refuses(h5, other, 0, 1, "holds reals, expected integers");
    other = table;
    other.rank = 1;
    refuses(h5, other, 0, 1, "has shape [7, 3], expected [7]");
    other = table;
    other.dims[1] = COLS + 1;
    refuses(h5, other, 0, 1, "has shape [7, 3], expected [7, 4]");
    refuses(h5, table, 0, ROWS + 1, "has 7 entries, expected 8 from 0");
    refuses(h5, table, ROWS + 1, 0, "entries");
    refuses(h5, table, SIZE_MAX, 2, "entries");
    refuses(h5, table, 2, SIZE_MAX, "entries");
    other.path = "/nowhere";
    refuses(h5, other, 0, 1, "cannot open dataset /nowhere");
    h5_abandon(&h5);
}
END_TEST

/* Attributes of another number or type are refused, not read beyond what is given for them. */
START_TEST(other_attributes)
{
    struct h5 *h5 = open_file();
    struct err err = {OK, ""};
    int64_t guarded[3] = {-1, -1, -1};
    char *text;
    ck_assert_int_eq(h5_read_attr_ints(h5, "/", "pair", 1, guarded, &err), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(err.text, "expected 1 integer"));
    ck_assert_int_eq(h5_read_attr_ints(h5, "/", "pair", 3, guarded, &err), ERR_DATA);
    ck_assert_int_eq(h5_read_attr_ints(h5, "/table", "empty", 1, guarded, &err), ERR_DATA);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(guarded[i], -1);
    ck_assert_int_eq(h5_read_attr(h5, "/", "pair", &text, &err), ERR_DATA);
    ck_assert_ptr_null(text);
    h5_abandon(&h5);
}
END_TEST

/* The list has every dataset, in the order of bytes, and no group. */
START_TEST(list)
{
    struct h5 *h5 = open_file();
    static const char *const expected[] = {"/flags", "/none", "/table", "/text", "/texts"};
    size_t n;
    char **paths;
    ck_ok(h5_list(h5, &n, &paths, &err));
    ck_assert_uint_eq(n, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < n; i++)
        ck_assert_str_eq(paths[i], expected[i]);
    free_texts(paths, n);
    h5_abandon(&h5);
}
END_TEST

static bool all(const char *path)
{
    (void)path;
    return true;
}

static bool all_but_flags(const char *path)
{
    return strcmp(path, "/flags") != 0;
}

/* The digest rests on what it covers, and on nothing else. */
START_TEST(digests)
{
    char of_all[65], part[65], again[65];
    const int8_t changed[] = {1, 1};
    struct h5 *h5 = open_file();
    ck_ok(h5_digest(h5, all, of_all, &err));
    ck_ok(h5_digest(h5, all_but_flags, part, &err));
    ck_assert_str_ne(of_all, part);
    h5_abandon(&h5);
    ck_ok(h5_open(file_path("a.h5"), true, &h5, &err));
    ck_ok(h5_put(h5, "/flags", 0, 2, changed, &err));
    ck_ok(h5_digest(h5, all, again, &err));
    ck_assert_str_ne(again, of_all);
    ck_ok(h5_digest(h5, all_but_flags, again, &err));
    ck_assert_str_eq(again, part);
    ck_ok(h5_close(&h5, &err));
}
END_TEST

static Suite *h5read_suite(void)
{
    Suite *suite = suite_create("h5read");
    TCase *h5read = tcase_create("h5read");
    tcase_add_checked_fixture(h5read, files_setup, files_teardown);
    tcase_add_test(h5read, stretches);
    tcase_add_test(h5read, whole);
    tcase_add_test(h5read, other_arrays);
    tcase_add_test(h5read, other_attributes);
    tcase_add_test(h5read, list);
    tcase_add_test(h5read, digests);
    suite_add_tcase(suite, h5read);
    return suite;
}

CHECK_MAIN(h5read_suite)
