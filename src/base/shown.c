#include "shown.h"

#include <stddef.h>
#include <stdio.h>

struct shown shown(const char *text)
{
    const size_t room = 60; /* of sizeof out.text; the rest is for the last escape and "..." */
    struct shown out;
    size_t n = 0;
    const unsigned char *c = (const unsigned char *)text;
    for (; *c != '\0' && n < room; c++) {
        if (*c < 0x20 || *c == 0x7f) /* would break the line or command the terminal */
            n += (size_t)snprintf(out.text + n, sizeof out.text - n, "\\x%02x", *c);
        else
            out.text[n++] = (char)*c;
    }
    while (n > 0 && (*c & 0xc0) == 0x80) /* not half a UTF-8 character */
        c--, n--;
    snprintf(out.text + n, sizeof out.text - n, "%s", *c == '\0' ? "" : "...");
    return out;
}
