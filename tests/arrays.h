/* arrays.h - NPY and NPZ files for tests, byte by byte, so that they can lie. */
#ifndef GMMSWEEP_ARRAYS_H
#define GMMSWEEP_ARRAYS_H

#include "files.h"

enum { NPY_ROOM = 512 /* bytes that hold a small NPY file */ };

/* out: an NPY file of version 1 with this header text, padded to a multiple of 64 bytes as numpy
 * does it, and values [n]. Returns its size. */
static inline size_t npy_from_text(unsigned char *out, const char *text, const void *values,
                                   size_t n)
{
    const size_t length = (10 + strlen(text) + 1 + 63) / 64 * 64 - 10;
    memcpy(out, "\x93NUMPY\1\0", 8);
    out[8] = (unsigned char)length;
    out[9] = (unsigned char)(length >> 8);
    memset(out + 10, ' ', length);
    memcpy(out + 10, text, strlen(text));
    out[9 + length] = '\n';
    if (n > 0) memcpy(out + 10 + length, values, n);
    return 10 + length + n;
}

/* Likewise, with the header that numpy writes; shape is such as "(2, 3)". */
static inline size_t npy_make(unsigned char *out, const char *descr, bool fortran,
                              const char *shape, const void *values, size_t n)
{
    char text[256];
    snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", descr,
             fortran ? "True" : "False", shape);
    return npy_from_text(out, text, values, n);
}

/* An entry of a zip archive, and how it lies. */
struct zip_part {
    const char *name;
    const void *bytes;
    size_t n;
    unsigned method;         /* 0 stored, 8 deflated; another is only claimed */
    unsigned flags;          /* 1: encrypted */
    unsigned crc_xor;        /* bits of the checksum to turn over */
    long size_add, comp_add; /* to the sizes in headers */
    unsigned offset_add;     /* to the place of the local header */
};

struct zip_bytes {
    unsigned char *v;
    size_t n;
};

/* size: 2 or 4 bytes, little-endian. */
static inline void zip_number(struct zip_bytes *zip, unsigned long value, int size)
{
    for (int i = 0; i < size; i++)
        zip->v[zip->n++] = (unsigned char)(value >> 8 * i);
}

static inline size_t zip_deflate(const struct zip_part *part, unsigned char *out, size_t room)
{
    z_stream z = {.next_in = (unsigned char *)part->bytes, .avail_in = (unsigned)part->n};
    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = out;
    z.avail_out = (unsigned)room;
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return z.total_out;
}

/* What a local header and the directory have in common, from the flags on. */
static inline void zip_common(struct zip_bytes *zip, const struct zip_part *part, size_t n_packed)
{
    zip_number(zip, part->flags, 2);
    zip_number(zip, part->method, 2);
    zip_number(zip, 0x21 << 16, 4); /* 1 January 1980 */
    zip_number(zip, crc32(0, part->bytes, (unsigned)part->n) ^ part->crc_xor, 4);
    zip_number(zip, n_packed + (unsigned long)part->comp_add, 4);
    zip_number(zip, part->n + (unsigned long)part->size_add, 4);
    zip_number(zip, strlen(part->name), 2);
    zip_number(zip, 0, 2);
}

/* The archive of `parts` [n] (release v with free; it has room for 64 KiB more). */
static inline struct zip_bytes zip_make(const struct zip_part *parts, size_t n)
{
    struct zip_bytes zip = {0};
    size_t room = 1 << 17, at[64], packed[64];
    ck_assert_uint_le(n, 64);
    for (size_t i = 0; i < n; i++)
        room += parts[i].n + 2 * strlen(parts[i].name) + 200;
    zip.v = malloc(room);
    for (size_t i = 0; i < n; i++) {
        struct zip_bytes data = {.v = malloc(parts[i].n + 100)};
        const bool deflated = parts[i].method == 8;
        if (deflated) packed[i] = zip_deflate(&parts[i], data.v, parts[i].n + 100);
        if (!deflated) memcpy(data.v, parts[i].bytes, packed[i] = parts[i].n);
        at[i] = zip.n;
        zip_number(&zip, 0x04034b50, 4);
        zip_number(&zip, 20, 2);
        zip_common(&zip, &parts[i], packed[i]);
        memcpy(zip.v + zip.n, parts[i].name, strlen(parts[i].name));
        memcpy(zip.v + zip.n + strlen(parts[i].name), data.v, packed[i]);
        zip.n += strlen(parts[i].name) + packed[i];
        free(data.v);
    }
    const size_t directory = zip.n;
    for (size_t i = 0; i < n; i++) {
        zip_number(&zip, 0x02014b50, 4);
        zip_number(&zip, 20 << 16 | 20, 4);
        zip_common(&zip, &parts[i], packed[i]);
        for (int j = 0; j < 5; j++) /* comment, disk, attributes */
            zip_number(&zip, 0, 2);
        zip_number(&zip, at[i] + parts[i].offset_add, 4);
        memcpy(zip.v + zip.n, parts[i].name, strlen(parts[i].name));
        zip.n += strlen(parts[i].name);
    }
    const size_t size = zip.n - directory;
    zip_number(&zip, 0x06054b50, 4);
    zip_number(&zip, 0, 4);
    zip_number(&zip, n << 16 | n, 4);
    zip_number(&zip, size, 4);
    zip_number(&zip, directory, 4);
    zip_number(&zip, 0, 2);
    return zip;
}

/* Writes the archive and returns the path. */
static inline const char *zip_write(const char *name, const struct zip_part *parts, size_t n)
{
    const struct zip_bytes zip = zip_make(parts, n);
    const char *path = file_write(name, zip.v, zip.n);
    free(zip.v);
    return path;
}

#endif
