#include "number.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* A decimal number as read: digits x 10^exponent, unless there were too many digits. */
struct decimal {
    uint64_t digits;
    int64_t exponent;
    bool exact; /* digits < 2^53 holds all of them */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *read_digits(const char *at, const char *end, bool fraction, struct decimal *out)
{
    const uint64_t most = ((UINT64_C(1) << 53) - 10) / 10;

    for (; at < end && is_digit(*at); at++) {
        if (out->digits > most) out->exact = false;
        if (out->exact) out->digits = out->digits * 10 + (uint64_t)(*at - '0');
        if (fraction) out->exponent--;
    }
    return at;
}

/* Reads [e[+-]digits]. Returns where it ends, or NULL if digits are lacking. */
static const char *read_exponent(const char *at, const char *end, struct decimal *out)
{
    const int64_t enough = 100000; /* beyond any double; keeps the sum from overflowing */
    int64_t value = 0;

    if (at == end || (*at != 'e' && *at != 'E')) return at;
    at++;
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    if (at == end || !is_digit(*at)) return NULL;
    for (; at < end && is_digit(*at); at++)
        if (value < enough) value = value * 10 + (*at - '0');
    out->exponent += negative ? -value : value;
    return at;
}

/* digits < 2^53 and a power of ten up to 10^22 are doubles, so that one multiplication or division
 * rounds correctly (Clinger, "How to read floating point numbers accurately", 1990). */
static bool small_decimal(const struct decimal *in, double *value)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

    if (!in->exact || in->exponent < -22 || in->exponent > 22) return false;
    *value = in->exponent < 0 ? (double)in->digits / power[-in->exponent]
                              : (double)in->digits * power[in->exponent];
    return true;
}

bool number_parse(const char *text, size_t n, double *value)
{
    const char *at = text, *end = text + n;
    struct decimal read = {.exact = true};

    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    size_t left = (size_t)(end - at);
    if ((left == 3 && strncasecmp(at, "inf", 3) == 0) ||
        (left == 8 && strncasecmp(at, "infinity", 8) == 0)) {
        *value = negative ? -INFINITY : INFINITY;
        return true;
    }
    const char *whole = at;
    at = read_digits(at, end, false, &read);
    size_t n_digits = (size_t)(at - whole);
    if (at < end && *at == '.') {
        const char *fraction = at + 1;
        at = read_digits(fraction, end, true, &read);
        n_digits += (size_t)(at - fraction);
    }
    if (n_digits == 0) return false;
    at = read_exponent(at, end, &read);
    if (at != end) return false;
    if (small_decimal(&read, value)) {
        if (negative) *value = -*value;
    } else {
        *value = strtod(text, NULL); /* in the C locale: the program never calls setlocale */
    }
    return true;
}

bool number_missing(const char *text, size_t n)
{
    return n == 0 || (n == 1 && text[0] == '?') || (n == 2 && text[0] == 'N' && text[1] == 'A') ||
           (n == 3 && strncasecmp(text, "nan", 3) == 0);
}

void number_print(double value, char text[NUMBER_TEXT])
{
    const double whole = 1e15; /* below it every whole number prints exactly */

    if (isnan(value)) {
        snprintf(text, NUMBER_TEXT, "nan"); /* without the sign that printf shows */
        return;
    }
    if (fabs(value) < whole && value == floor(value)) {
        snprintf(text, NUMBER_TEXT, "%lld", (long long)value);
        return;
    }
    for (int digits = DBL_DIG; digits <= DBL_DECIMAL_DIG; digits++) {
        snprintf(text, NUMBER_TEXT, "%.*g", digits, value);
        if (strtod(text, NULL) == value) return;
    }
}
