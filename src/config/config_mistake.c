#include "config_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int put_place(char *out, size_t size, const struct place *place)
{
    if (place->is_override)
        return snprintf(out, size, "--set '%s':%zu", shown(place->source).text, place->col);
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
        n += (size_t)snprintf(line + n, sizeof line - n, ": %s: ", shown(name).text);
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
