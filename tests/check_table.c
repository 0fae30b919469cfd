#include "table.h"

#include "fixture.h"

#include <string.h>

/* *text: what a table prints (release with free). */
static void print(const struct table *table, enum table_format format, char **text)
{
    size_t n;
    FILE *out = open_memstream(text, &n);
    ck_ok(table_print(table, format, out, &err));
    fclose(out);
}

/* Asserts what `table` prints in one format. */
static void check_print(const struct table *table, enum table_format format, const char *expected)
{
    char *text;
    print(table, format, &text);
    ck_assert_str_eq(text, expected);
    free(text);
}

static struct table *sample(void)
{
    static const char *const names[] = {"fit", "k", "bic"};
    struct table *table = NULL;
    ck_ok(table_create(3, names, &table, &err));
    table_text(table, "diag");
    table_int(table, -12);
    table_real(table, 1.0 / 3, 2);
    table_text(table, "\xc3\xa9t\xc3\xa9");
    table_int(table, INT64_MAX);
    table_real(table, NAN, 2);
    return table;
}

/* For people: aligned in characters, numbers to the right, rounded as asked, nothing for NaN. */
START_TEST(text_is_aligned)
{
    struct table *table = sample();
    char *text;
    print(table, TABLE_TEXT, &text);
    size_t n_lines = 0, width = 0;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"), n_lines++) {
        if (n_lines == 1) {
            ck_assert_ptr_nonnull(strstr(line, " 0.33"));
            ck_assert_ptr_null(strstr(line, "0.333"));
            width = strlen(line);
        }
        /* two characters of two bytes, and no number at the end */
        if (n_lines == 2) ck_assert_uint_le(strlen(line), width + 2);
        if (n_lines == 2) ck_assert_ptr_nonnull(strstr(line, "9223372036854775807"));
    }
    ck_assert_uint_eq(n_lines, 3);
    free(text);
    table_destroy(&table);
    ck_assert_ptr_null(table);
    table_destroy(&table);
}
END_TEST

/* For spreadsheets: one tab between cells, numbers in full, nothing for NaN. */
START_TEST(tsv_is_in_full)
{
    struct table *table = sample();
    check_print(table, TABLE_TSV,
                "fit\tk\tbic\ndiag\t-12\t0.33333333333333331\n"
                "\xc3\xa9t\xc3\xa9\t9223372036854775807\t\n");
    table_destroy(&table);
}
END_TEST

/* For programs: an array of objects, numbers in full, null for what is no number. */
START_TEST(json_is_in_full)
{
    struct table *table = sample();
    check_print(
        table, TABLE_JSON,
        "[\n {\"fit\": \"diag\", \"k\": -12, \"bic\": 0.33333333333333331},\n"
        " {\"fit\": \"\xc3\xa9t\xc3\xa9\", \"k\": 9223372036854775807, \"bic\": null}\n]\n");
    table_destroy(&table);
}
END_TEST

/* JSON has no infinity, and a number must read back as the same double. */
START_TEST(json_numbers_read_back)
{
    const double values[] = {0.1, -0.0, 1e308, 5e-324, 123456789.123456789, -1e-9};
    const char *const names[] = {"x"};
    struct table *table = NULL;
    ck_ok(table_create(1, names, &table, &err));
    for (size_t i = 0; i < 6; i++)
        table_real(table, values[i], 1);
    table_real(table, INFINITY, 1);
    table_real(table, -INFINITY, 1);
    char *text;
    print(table, TABLE_JSON, &text);
    const char *at = text;
    for (size_t i = 0; i < 6; i++) {
        at = strstr(at, ": ") + 2;
        const double back = strtod(at, NULL);
        ck_assert(back == values[i] && signbit(back) == signbit(values[i]));
    }
    for (size_t i = 0; i < 2; i++) {
        at = strstr(at, ": ") + 2;
        ck_assert(strncmp(at, "null", 4) == 0);
    }
    free(text);
    table_destroy(&table);
}
END_TEST

/* Texts are escaped as RFC 8259, section 7 asks: quotes, backslashes and all control characters;
 * other bytes of UTF-8 pass. */
START_TEST(json_texts_are_escaped)
{
    static const char *const texts[][2] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"\n\t\r\x01\x1f", "\"\\u000a\\u0009\\u000d\\u0001\\u001f\""},
        {"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x99\x82", "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x99\x82\""},
        {"</script>\x7f", "\"</script>\x7f\""},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *text;
        size_t n;
        FILE *out = open_memstream(&text, &n);
        table_print_json_text(out, texts[i][0]);
        fclose(out);
        ck_assert_str_eq(text, texts[i][1]);
        free(text);
    }
}
END_TEST

/* Names and texts that need escaping are escaped in tables too, and a text that looks like a number
 * stays a text. */
START_TEST(json_tables_escape)
{
    const char *const names[] = {"a\"b"};
    struct table *table = NULL;
    ck_ok(table_create(1, names, &table, &err));
    table_text(table, "1\n2");
    table_text(table, "3");
    table_text(table, "");
    check_print(
        table, TABLE_JSON,
        "[\n {\"a\\\"b\": \"1\\u000a2\"},\n {\"a\\\"b\": \"3\"},\n {\"a\\\"b\": \"\"}\n]\n");
    table_destroy(&table);
}
END_TEST

/* A table without rows is its header, or an empty array. */
START_TEST(empty_table)
{
    const char *const names[] = {"a", "b"};
    struct table *table = NULL;
    ck_ok(table_create(2, names, &table, &err));
    check_print(table, TABLE_TSV, "a\tb\n");
    check_print(table, TABLE_JSON, "[\n]\n");
    table_destroy(&table);
}
END_TEST

/* A long text is not cut where programs read it. */
START_TEST(long_texts_are_whole)
{
    char text[1001] = {0};
    const char *const names[] = {"path"};
    struct table *table = NULL;
    memset(text, 'x', 1000);
    ck_ok(table_create(1, names, &table, &err));
    table_text(table, text);
    char *json, *tsv;
    print(table, TABLE_JSON, &json);
    print(table, TABLE_TSV, &tsv);
    ck_assert_ptr_nonnull(strstr(json, text));
    ck_assert_ptr_nonnull(strstr(tsv, text));
    free(tsv);
    free(json);
    table_destroy(&table);
}
END_TEST

/* A tab or line break in a text makes no new cell or row in TSV. */
START_TEST(tsv_keeps_its_shape)
{
    const char *const names[] = {"a", "b"};
    struct table *table = NULL;
    ck_ok(table_create(2, names, &table, &err));
    table_text(table, "one\ttwo\nthree\rfour");
    table_text(table, "b");
    char *text;
    print(table, TABLE_TSV, &text);
    size_t n_tabs = 0, n_lines = 0;
    for (const char *c = text; *c != '\0'; c++) {
        n_tabs += *c == '\t';
        n_lines += *c == '\n' || *c == '\r';
    }
    ck_assert_uint_eq(n_tabs, 2);
    ck_assert_uint_eq(n_lines, 2);
    free(text);
    table_destroy(&table);
}
END_TEST

/* Many rows: all of them, in order. */
START_TEST(table_grows)
{
    enum { N_ROWS = 5000 };
    const char *const names[] = {"n", "square"};
    struct table *table = NULL;
    ck_ok(table_create(2, names, &table, &err));
    for (int64_t i = 0; i < N_ROWS; i++) {
        table_int(table, i);
        table_int(table, i * i);
    }
    char *text;
    print(table, TABLE_TSV, &text);
    char *at = strchr(text, '\n') + 1;
    size_t n_wrong = 0;
    for (long i = 0; i < N_ROWS; i++) {
        n_wrong += strtol(at, &at, 10) != i;
        n_wrong += strtol(at, &at, 10) != i * i;
    }
    ck_assert_uint_eq(n_wrong, 0);
    ck_assert_str_eq(at, "\n");
    free(text);
    table_destroy(&table);
}
END_TEST

static Suite *table_suite(void)
{
    Suite *suite = suite_create("table");
    TCase *table = tcase_create("table");
    tcase_add_test(table, text_is_aligned);
    tcase_add_test(table, tsv_is_in_full);
    tcase_add_test(table, json_is_in_full);
    tcase_add_test(table, json_numbers_read_back);
    tcase_add_test(table, json_texts_are_escaped);
    tcase_add_test(table, json_tables_escape);
    tcase_add_test(table, empty_table);
    tcase_add_test(table, long_texts_are_whole);
    tcase_add_test(table, tsv_keeps_its_shape);
    tcase_add_test(table, table_grows);
    suite_add_tcase(suite, table);
    return suite;
}

CHECK_MAIN(table_suite)
