#include "config_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct shown config_shown(const char *text)
{
    const size_t room = 60; /* of sizeof shown.text; the rest is for the last escape and "..." */
    struct shown shown;
    size_t n = 0;
    const unsigned char *c = (const unsigned char *)text;
    for (; *c != '\0' && n < room; c++) {
        if (*c < 0x20 || *c == 0x7f) /* would break the line or command the terminal */
            n += (size_t)snprintf(shown.text + n, sizeof shown.text - n, "\\x%02x", *c);
        else
            shown.text[n++] = (char)*c;
    }
    while (n > 0 && (*c & 0xc0) == 0x80) /* not half a UTF-8 character */
        c--, n--;
    snprintf(shown.text + n, sizeof shown.text - n, "%s", *c == '\0' ? "" : "...");
    return shown;
}

static int put_place(char *out, size_t size, const struct place *place)
{
    if (place->is_override)
        return snprintf(out, size, "--set '%s':%zu", config_shown(place->source).text, place->col);
    if (place->line == 0) return snprintf(out, size, "%s", place->source);
    return snprintf(out, size, "%s:%zu:%zu", place->source, place->line, place->col);
}

void config_mistake(struct mistakes *mistakes, struct place place, const char *name,
                    const char *format, ...)
{
    const char more[] = "... and more";
    char line[sizeof mistakes->err.text];
    if (mistakes->full) return;

    size_t n = (size_t)put_place(line, sizeof line, &place);
    if (n < sizeof line)
        n += (size_t)snprintf(line + n, sizeof line - n, ": %s: ", config_shown(name).text);
    if (n < sizeof line) {
        va_list args;
        va_start(args, format);
        n += (size_t)vsnprintf(line + n, sizeof line - n, format, args);
        va_end(args);
    }
    size_t used = mistakes->err.status == OK ? 0 : strlen(mistakes->err.text);
    mistakes->full = used + n + sizeof more + 2 > sizeof mistakes->err.text;
    err_add(&mistakes->err, ERR_CONFIG, "%s", mistakes->full && used > 0 ? more : line);
}
