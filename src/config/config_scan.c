#include "config_parts.h"
#include "number.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char digits[] = "0123456789";

bool config_scan_null(const char *text, bool quoted)
{
    return !quoted && (text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

static bool has_leading_zero(const char *text)
{
    text += strspn(text, "+-");
    return text[0] == '0' && strspn(text, digits) > 1;
}

const char *config_scan_int(const char *text, int64_t *out)
{
    const char *first = text + (text[0] == '-' || text[0] == '+');
    size_t n = strspn(first, digits);
    if (n == 0 || first[n] != '\0') return "not a whole number";
    if (has_leading_zero(text)) return "leading zero";
    errno = 0;
    *out = strtoll(text, NULL, 10);
    return errno == ERANGE ? "too large a number" : NULL;
}

const char *config_scan_float(const char *text, double *out)
{
    size_t n = strlen(text);
    if (strspn(text, "+-.0123456789eE") != n || !number_parse(text, n, out)) return "not a number";
    if (has_leading_zero(text)) return "leading zero";
    if (isinf(*out)) return "too large a number";
    bool is_zero = strspn(text, "+-.0") == strcspn(text, "eE");
    return *out == 0 && !is_zero ? "too small a number" : NULL;
}

const char *config_scan_bytes(const char *text, int64_t *out)
{
    const char *const suffixes = "KMGT";
    size_t n = strspn(text, "0123456789.");
    const char *unit = text + n;
    char number[64];
    double value;

    if (n == 0 || n >= sizeof number) return "not a number of bytes";
    memcpy(number, text, n);
    number[n] = '\0';
    const char *suffix = *unit == '\0' ? NULL : strchr(suffixes, *unit);
    if (suffix != NULL) unit += strncmp(unit + 1, "iB", 2) == 0 ? 2 : 1;
    if (*unit == 'B') unit++;
    if (*unit != '\0') return "not a number of bytes";
    if (suffix == NULL) return config_scan_int(number, out);

    const char *wrong = config_scan_float(number, &value);
    if (wrong != NULL) return wrong;
    value = ldexp(value, 10 * (int)(suffix - suffixes + 1));
    if (value >= 0x1p63) return "too large a number";
    *out = (int64_t)value;
    return NULL;
}

bool config_is_duration(const char *text)
{
    double seconds;
    return config_scan_duration(text, &seconds) == NULL && text[0] != '\0' && seconds >= 0.0;
}

const char *config_scan_duration(const char *text, double *out_s)
{
    static const struct {
        char letter;
        double seconds;
    } units[] = {{'d', 86400.0}, {'h', 3600.0}, {'m', 60.0}, {'s', 1.0}};
    const char *const format = "not a time";
    size_t unit = 0, n_units = sizeof units / sizeof units[0];
    const char *wrong = config_scan_float(text, out_s);
    if (wrong == NULL) return NULL; /* seconds */
    *out_s = 0.0;
    while (*text != '\0') {
        char number[32];
        double value;
        size_t n = strspn(text, "0123456789.");
        if (n == 0 || n >= sizeof number) return format;
        memcpy(number, text, n);
        number[n] = '\0';
        while (unit < n_units && units[unit].letter != text[n])
            unit++;
        if (unit == n_units || config_scan_float(number, &value) != NULL) return format;
        *out_s += value * units[unit++].seconds;
        text += n + 1;
    }
    return NULL;
}

const char *config_scan_range(const char *text, struct range *out)
{
    const char *const format = "not a whole number or range";
    char first[32] = "", last[32] = "", step[32] = "1";
    const char *dots = strstr(text, "..");
    if (dots == NULL) {
        out->step = 1;
        const char *wrong = config_scan_int(text, &out->first);
        out->last = out->first;
        return wrong;
    }
    const char *colon = strchr(dots, ':');
    const char *end = colon != NULL ? colon : dots + strlen(dots);
    size_t n_first = (size_t)(dots - text), n_last = (size_t)(end - dots - 2);
    if (n_first >= sizeof first || n_last >= sizeof last) return format;
    if (colon != NULL && strlen(colon + 1) >= sizeof step) return format;
    memcpy(first, text, n_first);
    memcpy(last, dots + 2, n_last);
    if (colon != NULL) memcpy(step, colon + 1, strlen(colon + 1) + 1);
    if (config_scan_int(first, &out->first) != NULL || config_scan_int(last, &out->last) != NULL ||
        config_scan_int(step, &out->step) != NULL)
        return format;
    if (out->first > out->last) return "range that ends before it begins";
    return out->step < 1 ? "range with a step below 1" : NULL;
}
