/* Texts, numbers and bytes in a page. */
#include "html.h"

#include "check_util.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What html_text makes of a text; to be freed. */
static char *escaped(const char *text)
{
    char *made = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&made, &n);
    ck_assert_ptr_nonnull(out);
    html_text(out, text);
    fclose(out);
    return made;
}

#define CHECK_TEXT(text, expected)                                                                 \
    do {                                                                                           \
        char *made = escaped(text);                                                                \
        ck_assert_str_eq(made, expected);                                                          \
        free(made);                                                                                \
    } while (0)

/* Markup is text, in content and in an attribute. */
START_TEST(markup)
{
    CHECK_TEXT("", "");
    CHECK_TEXT("a<b>&\"c\"", "a&lt;b&gt;&amp;&quot;c&quot;");
    CHECK_TEXT("&amp;", "&amp;amp;");
    CHECK_TEXT("one\n\ttwo", "one\n\ttwo");
}
END_TEST

/* What is UTF-8 stays, of one to four bytes; what is not, and what no page may have, is replaced
 * byte by byte, and nothing behind the end is read. */
START_TEST(characters)
{
    CHECK_TEXT("\xC3\xBC \xE2\x82\x82 \xF0\x9F\x98\x80", "\xC3\xBC \xE2\x82\x82 \xF0\x9F\x98\x80");
    CHECK_TEXT("a\xFFz", "a\xEF\xBF\xBDz");
    CHECK_TEXT("a\xC3", "a\xEF\xBF\xBD");
    CHECK_TEXT("\xC0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD"); /* a long form of NUL */
    CHECK_TEXT("\x01\r\x7F", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    CHECK_TEXT("\xC2\x85", "\xEF\xBF\xBD\xEF\xBF\xBD"); /* a control character of two bytes */
}
END_TEST

/* Numbers as people read them. */
START_TEST(numbers)
{
    char text[HTML_NUMBER];
    ck_assert_str_eq(html_count(0, text), "0");
    ck_assert_str_eq(html_count(999, text), "999");
    ck_assert_str_eq(html_count(1000, text), "1,000");
    ck_assert_str_eq(html_count(1234567, text), "1,234,567");
    ck_assert_str_eq(html_real(NAN, "nats", text), "");
    ck_assert_str_eq(html_real(-564748.0912, "nats", text), "-564748.09");
    ck_assert_str_eq(html_real(0.000123456, "nats", text), "0.0001235");
    ck_assert_str_eq(html_real(1234.5678, "1", text), "1235");
    ck_assert_str_eq(html_real(1e300, "nats", text), "1e+300");
    ck_assert_str_eq(html_percent(0.4551, text), "45.5 %");
}
END_TEST

/* Base64 of each remainder of three, as RFC 4648 has it. */
START_TEST(base64)
{
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"\xFF\xFE", "//4="},
                                             {"\xFB\xEF\xBE", "++++"}};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        char *made = NULL;
        size_t n = 0;
        FILE *out = open_memstream(&made, &n);
        html_base64(out, (const unsigned char *)vectors[i][0], strlen(vectors[i][0]));
        fclose(out);
        ck_assert_str_eq(made, vectors[i][1]);
        free(made);
    }
}
END_TEST

static Suite *html_suite(void)
{
    Suite *suite = suite_create("html");
    TCase *html = tcase_create("html");
    tcase_add_test(html, markup);
    tcase_add_test(html, characters);
    tcase_add_test(html, numbers);
    tcase_add_test(html, base64);
    suite_add_tcase(suite, html);
    return suite;
}

CHECK_MAIN(html_suite)
