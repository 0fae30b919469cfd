/* html.h - pieces of an HTML page: texts escaped, numbers for people.
 *
 * Nothing here reports: whoever owns `out` asks it with ferror() at the end. */
#ifndef GMMSWEEP_HTML_H
#define GMMSWEEP_HTML_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { HTML_NUMBER = 64 /* bytes that hold any of the numbers below */ };

/* The text as content or as value of an attribute in double quotes. Bytes that are no UTF-8, and
 * characters that no page may have, become U+FFFD. */
void html_text(FILE *out, const char *text);

/* The same of a formatted text, cut at 8 KiB. */
void html_textf(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "12,345" */
const char *html_count(uint64_t value, char text[HTML_NUMBER]);

/* A number with as many digits as its unit deserves: nats two decimals, others four digits in all;
 * "" for NaN. */
const char *html_real(double value, const char *units, char text[HTML_NUMBER]);

/* "1.6 %" */
const char *html_percent(double share, char text[HTML_NUMBER]);

/* The bytes [n] in base64. */
void html_base64(FILE *out, const unsigned char *bytes, size_t n);

#endif
