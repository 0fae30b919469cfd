/* edits.h - how near a word is to another, for "did you mean". */
#ifndef GMMSWEEP_EDITS_H
#define GMMSWEEP_EDITS_H

#include <stddef.h>

/* Edits (one character in, out or replaced) from one word to the other, or SIZE_MAX if they are so
 * many that the one was hardly meant by the other. */
size_t edits_between(const char *given, const char *known);

#endif
