/* BMP: uncompressed, of 1, 4 or 8 bits with a palette, or of 16, 24 or 32 bits with masks, under
 * OS/2's first header or any of Windows' ("Bitmap Storage", Microsoft Learn). A palette of greys
 * only gives one channel.
 *
 * Its sizes of file and image are not believed, since too many writers leave them 0 or wrong: the
 * pixels must be there, and what follows them is skipped as far as the file's size covers it (a
 * colour profile), with a few bytes of padding more. */
#include "picture.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILE_HEADER = 14,
    CORE = 12, /* sizes of the header that follows, which name its kind: OS/2's */
    INFO = 40, /* Windows' first; all later ones begin with its fields */
    WITH_MASKS = 52,
    WITH_ALPHA = 56,
    V4 = 108,
    V5 = 124,
    PADDING = 3 /* bytes after the end: some writers fill up to a multiple of 4 */
};

enum compression { RGB = 0, BITFIELDS = 3, ALPHA_BITFIELDS = 6 };

/* A channel's share of a pixel's bits. */
struct field {
    uint32_t mask, most; /* most: the mask, shifted down */
    int shift;
};

struct bmp {
    const char *path;
    const unsigned char *bytes;
    size_t n_bytes;
    size_t header_size;
    size_t headers_end; /* with masks, without the palette */
    size_t pixels_at;
    size_t stride; /* bytes of a row: a multiple of 4 */
    bool top_down;
    unsigned bits; /* of a pixel */
    uint32_t compression;
    bool alpha;
    struct field field[3]; /* red, green, blue */
    struct palette palette;
    struct picture picture;
};

static uint32_t little(const unsigned char *at, size_t size)
{
    uint32_t value = 0;

    for (size_t i = 0; i < size; i++)
        value |= (uint32_t)at[i] << 8 * i;
    return value;
}

/* Text that begins with BM, such as a name of a column, has no NUL where the header's size has. */
static bool bmp_probe(const unsigned char *bytes, size_t n)
{
    return n >= FILE_HEADER + 4 && memcmp(bytes, "BM", 2) == 0 && little(bytes + 14, 4) < 65536;
}

static enum status check_header_size(struct bmp *bmp, struct err *err)
{
    static const uint32_t known[] = {CORE, INFO, WITH_MASKS, WITH_ALPHA, V4, V5};
    bool found = false;

    bmp->header_size = little(bmp->bytes + FILE_HEADER, 4);
    bmp->headers_end = FILE_HEADER + bmp->header_size;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        found |= bmp->header_size == known[i];
    if (!found)
        return err_set(err, ERR_DATA,
                       "%s: BMP header of %zu bytes, expected 12, 40, 52, 56, 108 or 124",
                       bmp->path, bmp->header_size);
    if (bmp->headers_end > bmp->n_bytes)
        return err_set(err, ERR_DATA, "%s: truncated: its headers take %zu bytes, file has %zu",
                       bmp->path, bmp->headers_end, bmp->n_bytes);
    return OK;
}

static enum status check_compression(struct bmp *bmp, struct err *err)
{
    static const char *const names[] = {[1] = "RLE8", [2] = "RLE4", [4] = "JPEG", [5] = "PNG"};
    uint32_t kind = bmp->compression;
    bool known = kind < sizeof names / sizeof *names && names[kind] != NULL;

    if (kind == RGB) return OK;
    if (kind != BITFIELDS && kind != ALPHA_BITFIELDS)
        return err_set(err, ERR_DATA, "%s: BMP with compression %u (%s), expected an uncompressed",
                       bmp->path, kind, known ? names[kind] : "unknown");
    if (bmp->bits != 16 && bmp->bits != 32)
        return err_set(err, ERR_DATA, "%s: BMP of %u bits a pixel with masks, expected 16 or 32",
                       bmp->path, bmp->bits);
    return OK;
}

static enum status read_shape(struct bmp *bmp, struct err *err)
{
    const unsigned char *at = bmp->bytes + FILE_HEADER + 4;
    size_t size = bmp->header_size == CORE ? 2 : 4;
    uint32_t width = little(at, size), height = little(at + size, size);
    uint32_t planes = little(at + 2 * size, 2);

    bmp->top_down = size == 4 && height > INT32_MAX;
    if (bmp->top_down) height = 0 - height;
    if ((size == 4 && width > INT32_MAX) || height > INT32_MAX)
        return err_set(err, ERR_DATA, "%s: BMP of %d x %d pixels", bmp->path, (int32_t)width,
                       (int32_t)height);
    if (planes != 1)
        return err_set(err, ERR_DATA, "%s: BMP of %u planes, expected 1", bmp->path, planes);
    bmp->picture = (struct picture){.height = height, .width = width, .value_bytes = 1};
    bmp->bits = little(at + 2 * size + 2, 2);
    if (bmp->bits != 1 && bmp->bits != 4 && bmp->bits != 8 && bmp->bits != 16 && bmp->bits != 24 &&
        bmp->bits != 32)
        return err_set(err, ERR_DATA, "%s: BMP of %u bits a pixel, expected 1, 4, 8, 16, 24 or 32",
                       bmp->path, bmp->bits);
    bmp->compression = bmp->header_size == CORE ? RGB : little(bmp->bytes + FILE_HEADER + 16, 4);
    bmp->stride = (bmp->picture.width * bmp->bits + 31) / 32 * 4;
    return check_compression(bmp, err);
}

static enum status set_field(const struct bmp *bmp, uint32_t mask, struct field *field,
                             struct err *err)
{
    bool fits = mask != 0 && (bmp->bits == 32 || mask >> bmp->bits == 0);

    field->mask = mask;
    field->shift = fits ? __builtin_ctz(mask) : 0;
    field->most = mask >> field->shift;
    if (fits && (field->most & (field->most + 1)) == 0) return OK;
    return err_set(err, ERR_DATA,
                   "%s: BMP with mask 0x%08x, expected adjacent bits of a pixel's %u", bmp->path,
                   mask, bmp->bits);
}

/* The masks stand after the first of the headers, within the later ones. */
static enum status read_masks(struct bmp *bmp, struct err *err)
{
    enum status rc = OK;
    static const uint32_t of_16_bits[3] = {0x7c00, 0x03e0, 0x001f};
    static const uint32_t of_24_bits[3] = {0xff0000, 0x00ff00, 0x0000ff};
    const unsigned char *at = bmp->bytes + FILE_HEADER + INFO;
    uint32_t mask[4] = {0}, seen = 0;
    size_t n_masks = bmp->compression == ALPHA_BITFIELDS || bmp->header_size >= WITH_ALPHA ? 4 : 3;

    memcpy(mask, bmp->bits == 16 ? of_16_bits : of_24_bits, sizeof of_16_bits);
    if (bmp->compression != RGB) {
        if (bmp->headers_end < FILE_HEADER + INFO + 4 * n_masks)
            bmp->headers_end = FILE_HEADER + INFO + 4 * n_masks;
        if (bmp->headers_end > bmp->n_bytes)
            FAIL(err, ERR_DATA, "%s: truncated: its headers take %zu bytes, file has %zu",
                 bmp->path, bmp->headers_end, bmp->n_bytes);
        for (size_t i = 0; i < n_masks; i++)
            mask[i] = little(at + 4 * i, 4);
    }
    for (size_t i = 0; i < 4; i++) {
        if (mask[i] & seen) FAIL(err, ERR_DATA, "%s: BMP whose masks overlap", bmp->path);
        seen |= mask[i];
    }
    for (size_t i = 0; i < 3; i++)
        TRY(set_field(bmp, mask[i], &bmp->field[i], err));
    bmp->alpha = mask[3] != 0;
    bmp->picture.channels = 3;
done:
    return rc;
}

static enum status read_palette(struct bmp *bmp, struct err *err)
{
    struct palette *palette = &bmp->palette;
    size_t entry = bmp->header_size == CORE ? 3 : 4, most = (size_t)1 << bmp->bits, n = most;
    const unsigned char *at = bmp->bytes + bmp->headers_end;

    if (bmp->header_size != CORE && little(bmp->bytes + FILE_HEADER + 32, 4) != 0)
        n = little(bmp->bytes + FILE_HEADER + 32, 4);
    if (n > most)
        return err_set(err, ERR_DATA, "%s: BMP with a palette of %zu colours, expected at most %zu",
                       bmp->path, n, most);
    if (n * entry > bmp->n_bytes - bmp->headers_end)
        return err_set(err, ERR_DATA,
                       "%s: truncated: headers and palette take %zu bytes, file has %zu", bmp->path,
                       bmp->headers_end + n * entry, bmp->n_bytes);
    bmp->picture.channels = 1;
    for (size_t i = 0; i < n; i++, at += entry) {
        for (size_t c = 0; c < 3; c++)
            palette->colour[i][c] = at[2 - c];
        if (at[0] != at[1] || at[1] != at[2]) bmp->picture.channels = 3;
    }
    palette->n_colours = n;
    bmp->headers_end += n * entry;
    return OK;
}

/* Whether the pixels are where the header says, and end where the file does. */
static enum status check_extent(struct bmp *bmp, struct err *err)
{
    size_t promised = little(bmp->bytes + 2, 4), n, end;

    bmp->pixels_at = little(bmp->bytes + 10, 4);
    if (bmp->pixels_at < bmp->headers_end)
        return err_set(err, ERR_DATA, "%s: BMP whose pixels begin at byte %zu of headers of %zu",
                       bmp->path, bmp->pixels_at, bmp->headers_end);
    if (__builtin_mul_overflow(bmp->stride, bmp->picture.height, &n) ||
        __builtin_add_overflow(bmp->pixels_at, n, &end) || end > bmp->n_bytes)
        return err_set(err, ERR_DATA,
                       "%s: truncated: %zu x %zu pixels of %u bits from byte %zu on, file has %zu",
                       bmp->path, bmp->picture.width, bmp->picture.height, bmp->bits,
                       bmp->pixels_at, bmp->n_bytes);
    if (end < promised) end = promised;
    if (bmp->n_bytes > end + PADDING)
        return err_set(err, ERR_DATA, "%s: too long: header promises %zu bytes, file has %zu",
                       bmp->path, end, bmp->n_bytes);
    return OK;
}

/* out [width]: the indices of a row. */
static void unpack_indices(const struct bmp *bmp, const unsigned char *row, unsigned char *out)
{
    unsigned per_byte = 8 / bmp->bits;

    for (size_t j = 0; j < bmp->picture.width; j++) {
        unsigned shift = 8 - bmp->bits * ((unsigned)(j % per_byte) + 1);
        out[j] = (unsigned char)((unsigned)row[j / per_byte] >> shift & ((1u << bmp->bits) - 1));
    }
}

/* out [width, 3]: the colours of a row, brought to 0..255 as Pillow does it, rounded down. */
static void unpack_colours(const struct bmp *bmp, const unsigned char *row, unsigned char *out)
{
    size_t size = bmp->bits / 8;

    for (size_t j = 0; j < bmp->picture.width; j++) {
        uint32_t pixel = little(row + size * j, size);
        for (size_t c = 0; c < 3; c++) {
            const struct field *field = &bmp->field[c];
            uint64_t value = (pixel & field->mask) >> field->shift;
            out[3 * j + c] = (unsigned char)(value * 255 / field->most);
        }
    }
}

static enum status read_pixels(struct source *src, struct bmp *bmp, struct err *err)
{
    struct picture *picture = &bmp->picture;
    bool indexed = bmp->bits <= 8;
    unsigned char *out = indexed ? picture_indices(picture) : picture->pixels;
    size_t n_out = picture->width * (indexed ? 1 : 3);

    for (size_t i = 0; i < picture->height; i++, out += n_out) {
        size_t line = bmp->top_down ? i : picture->height - 1 - i;
        const unsigned char *row = bmp->bytes + bmp->pixels_at + line * bmp->stride;
        if (indexed)
            unpack_indices(bmp, row, out);
        else
            unpack_colours(bmp, row, out);
    }
    return indexed ? picture_look_up(src, picture, &bmp->palette, err) : OK;
}

static enum status bmp_open(struct source *src, struct err *err)
{
    enum status rc = OK;
    struct bmp bmp = {.path = src->path, .bytes = src->bytes, .n_bytes = src->n_bytes};

    TRY(check_header_size(&bmp, err));
    TRY(read_shape(&bmp, err));
    TRY(bmp.bits <= 8 ? read_palette(&bmp, err) : read_masks(&bmp, err));
    TRY(check_extent(&bmp, err));
    TRY(picture_create(src, &bmp.picture, 0, err));
    TRY(read_pixels(src, &bmp, err));
    if (bmp.alpha) src->note = PICTURE_ALPHA;
    picture_adopt(src, &bmp.picture);
done:
    free(bmp.picture.pixels);
    return rc;
}

const struct source_reader source_bmp = {
    .name = "BMP",
    .probe = bmp_probe,
    .open = bmp_open,
};
