/* number.h - decimal numbers as people write them in data files and configs. */
#ifndef GMMSWEEP_NUMBER_H
#define GMMSWEEP_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

enum { NUMBER_TEXT = 32 }; /* bytes that hold any number_print */

/* Whether text[0..n) is a decimal number: an optional sign, digits with an optional point, an
 * optional exponent; or inf, infinity. No hexadecimal, no NaN, no blanks. *value is the nearest
 * double. text[n] must be readable and must not go on with the number (a separator, NUL, ...). */
bool number_parse(const char *text, size_t n, double *value);

/* Whether text[0..n) stands for a missing value: nothing, NA, NaN (in any case) or ?. */
bool number_missing(const char *text, size_t n);

/* The shortest decimal number that reads back as `value`; whole numbers without a point. */
void number_print(double value, char text[NUMBER_TEXT]);

#endif
