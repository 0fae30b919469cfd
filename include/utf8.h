/* utf8.h - texts as code points. */
#ifndef GMMSWEEP_UTF8_H
#define GMMSWEEP_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The code point at `text` and its length in bytes, 0 if it is no UTF-8. */
size_t utf8_read(const char *text, uint32_t *code);

#endif
