#include "utf8.h"

#include <stdbool.h>

size_t utf8_read(const char *text, uint32_t *code)
{
    const unsigned char *c = (const unsigned char *)text;
    static const struct {
        unsigned char mask, lead;
        uint32_t least; /* smaller code points have a shorter form */
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    for (size_t n = 0; n < 4; n++) {
        if ((c[0] & forms[n].mask) != forms[n].lead) continue;
        *code = c[0] & (unsigned char)~forms[n].mask;
        for (size_t i = 1; i <= n; i++) {
            if ((c[i] & 0xc0) != 0x80) return 0;
            *code = *code << 6 | (c[i] & 0x3fU);
        }
        bool is_surrogate = *code >= 0xd800 && *code < 0xe000;
        return *code < forms[n].least || *code > 0x10ffff || is_surrogate ? 0 : n + 1;
    }
    return 0;
}
