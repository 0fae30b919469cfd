#include "html.h"

#include "utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* Bytes of the character at `text`; 0 if it is no UTF-8 or one that HTML forbids. */
static size_t character(const char *text)
{
    uint32_t code;
    const size_t n = utf8_read(text, &code);
    const bool control =
        (code < 0x20 && code != '\t' && code != '\n') || (code >= 0x7F && code < 0xA0);
    const bool none = (code & 0xFFFE) == 0xFFFE || (code >= 0xFDD0 && code <= 0xFDEF);
    return n == 0 || control || none ? 0 : n;
}

void html_text(FILE *out, const char *text)
{
    for (const char *at = text; *at != '\0';) {
        const size_t n = character(at);
        if (n == 0)
            fputs(REPLACEMENT, out);
        else if (*at == '&')
            fputs("&amp;", out);
        else if (*at == '<')
            fputs("&lt;", out);
        else if (*at == '>')
            fputs("&gt;", out);
        else if (*at == '"')
            fputs("&quot;", out);
        else
            fwrite(at, 1, n, out);
        at += n == 0 ? 1 : n;
    }
}

void html_textf(FILE *out, const char *format, ...)
{
    char text[8192];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    html_text(out, text);
}

const char *html_count(uint64_t value, char text[HTML_NUMBER])
{
    char digits[24];
    const int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0) text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

const char *html_real(double value, const char *units, char text[HTML_NUMBER])
{
    text[0] = '\0';
    if (isnan(value)) return text;
    const bool nats = strcmp(units, "nats") == 0 && fabs(value) < 1e15;
    snprintf(text, HTML_NUMBER, nats && fabs(value) >= 10.0 ? "%.2f" : "%.4g", value);
    return text;
}

const char *html_percent(double share, char text[HTML_NUMBER])
{
    snprintf(text, HTML_NUMBER, "%.1f %%", 100.0 * share);
    return text;
}

void html_base64(FILE *out, const unsigned char *bytes, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        const size_t left = n - i;
        const unsigned word = (unsigned)bytes[i] << 16 |
                              (left > 1 ? (unsigned)bytes[i + 1] << 8 : 0u) |
                              (left > 2 ? bytes[i + 2] : 0u);
        putc(digits[word >> 18], out);
        putc(digits[word >> 12 & 63], out);
        putc(left > 1 ? digits[word >> 6 & 63] : '=', out);
        putc(left > 2 ? digits[word & 63] : '=', out);
    }
}
