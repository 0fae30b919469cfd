#include "edits.h"

#include "check_util.h"

#include <string.h>

/* Known distances, from either side, where they are small enough to be told. */
START_TEST(known_edits)
{
    static const struct {
        const char *given, *known;
        size_t edits;
    } cases[] = {{"", "", 0},
                 {"seed", "seed", 0},
                 {"sed", "seed", 1},
                 {"seeds", "seed", 1},
                 {"sead", "seed", 1},
                 {"kitten", "sitting", SIZE_MAX},
                 {"saturday", "sunday", 3},
                 {"a", "b", 1},
                 {"ab", "cd", SIZE_MAX},
                 {"diag-k003-points-r00", "diag-k003-points-r000", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(edits_between(cases[i].given, cases[i].known) == cases[i].edits, "%s, %s",
                      cases[i].given, cases[i].known);
}
END_TEST

/* Words beyond the longest that is known are near to nothing, however long. */
START_TEST(long_words)
{
    char word[1000], same[65];
    memset(word, 'a', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    memset(same, 'a', sizeof same - 1);
    same[sizeof same - 1] = '\0';
    ck_assert_uint_eq(edits_between(word, "a"), SIZE_MAX);
    ck_assert_uint_eq(edits_between("a", word), SIZE_MAX);
    ck_assert_uint_eq(edits_between(same, same), 0);
}
END_TEST

static Suite *edits_suite(void)
{
    Suite *suite = suite_create("edits");
    TCase *edits = tcase_create("edits");
    tcase_add_test(edits, known_edits);
    tcase_add_test(edits, long_words);
    suite_add_tcase(suite, edits);
    return suite;
}

CHECK_MAIN(edits_suite)
