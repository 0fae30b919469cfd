#include "edits.h"

#include <stdint.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* By Levenshtein (1966). */
size_t edits_between(const char *given, const char *known)
{
    enum { LONGEST = 64 }; /* more than the longest key, as long as the longest name of a fit */
    size_t n = strlen(given), m = strlen(known);
    size_t row[LONGEST + 1];
    if (n > LONGEST || m > LONGEST) return SIZE_MAX;

    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t replaced = diagonal + (given[i - 1] != known[j - 1]);
            diagonal = row[j];
            row[j] = least(replaced, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[m] <= (n + 2) / 3 ? row[m] : SIZE_MAX;
}
