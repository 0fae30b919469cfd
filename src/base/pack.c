#include "pack.h"

#include <stdlib.h>
#include <string.h>

static void put(struct pack *pack, const void *bytes, size_t n)
{
    if (pack->failed || n == 0) return;
    if (pack->capacity - pack->n < n) {
        size_t capacity = 2 * (pack->n + n) + 256;
        unsigned char *grown = realloc(pack->bytes, capacity);
        if (grown == NULL) {
            pack->failed = true;
            return;
        }
        pack->bytes = grown;
        pack->capacity = capacity;
    }
    memcpy(pack->bytes + pack->n, bytes, n);
    pack->n += n;
}

void pack_u64(struct pack *pack, uint64_t value)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    put(pack, bytes, sizeof bytes);
}

void pack_double(struct pack *pack, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    pack_u64(pack, bits);
}

void pack_doubles(struct pack *pack, const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        pack_double(pack, values[i]);
}

void pack_text(struct pack *pack, const char *text)
{
    size_t length = strlen(text);
    pack_u64(pack, length);
    put(pack, text, length);
}

/* The next n bytes, or NULL if there are fewer. */
static const unsigned char *take(struct unpack *unpack, size_t n)
{
    if (unpack->failed || unpack->n - unpack->at < n) {
        unpack->failed = true;
        return NULL;
    }
    const unsigned char *bytes = unpack->bytes + unpack->at;
    unpack->at += n;
    return bytes;
}

uint64_t unpack_u64(struct unpack *unpack)
{
    const unsigned char *bytes = take(unpack, 8);
    uint64_t value = 0;
    for (int i = 0; bytes != NULL && i < 8; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

double unpack_double(struct unpack *unpack)
{
    uint64_t bits = unpack_u64(unpack);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void unpack_doubles(struct unpack *unpack, double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        values[i] = unpack_double(unpack);
}

void unpack_text(struct unpack *unpack, char *out, size_t size)
{
    uint64_t length = unpack_u64(unpack);
    if (length >= size) unpack->failed = true;
    const unsigned char *bytes = take(unpack, (size_t)length);
    if (bytes != NULL) memcpy(out, bytes, (size_t)length);
    out[bytes != NULL ? length : 0] = '\0';
}

char *unpack_text_copy(struct unpack *unpack)
{
    uint64_t length = unpack_u64(unpack);
    const unsigned char *bytes = take(unpack, (size_t)length);
    if (bytes == NULL) return NULL;
    char *text = malloc((size_t)length + 1);
    if (text == NULL) {
        unpack->failed = unpack->no_memory = true;
        return NULL;
    }
    memcpy(text, bytes, (size_t)length);
    text[length] = '\0';
    return text;
}
