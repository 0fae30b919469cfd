/* PNG, by libpng: grey, RGB and palettes of all depths, of animations the first image. Whatever
 * libpng takes for damage is refused, down to a wrong checksum in a chunk that is not needed, and
 * so is anything after the end, as in the other formats. */
#include "content.h"
#include "picture.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIGNATURE = 8 /* bytes */ };

struct png_file {
    const struct source *src;
    struct err *err;
    enum status status; /* why libpng gave up */
    bool no_memory;
    char warning[80]; /* libpng's last; often the reason why it gave up */
    png_struct *png;
    png_info *info;
    size_t at;           /* bytes that libpng has read */
    size_t packed_bytes; /* of a row as it is packed */
    bool alpha;
    bool indexed; /* values are indices of `palette` */
    struct palette palette;
    struct picture picture;
};

static bool png_probe(const unsigned char *bytes, size_t n)
{
    return n >= SIGNATURE && png_sig_cmp(bytes, 0, SIGNATURE) == 0;
}

static void *allocate(png_struct *png, png_alloc_size_t n)
{
    struct png_file *file = png_get_mem_ptr(png);
    void *memory = malloc(n);

    if (memory == NULL) file->no_memory = true;
    return memory;
}

static void release(png_struct *png, void *memory)
{
    (void)png;
    free(memory);
}

static void give_up(png_struct *png, const char *why)
{
    struct png_file *file = png_get_error_ptr(png);

    if (file->no_memory)
        file->status = err_set(file->err, ERR_INTERNAL, "%s: out of memory", file->src->path);
    else
        file->status = err_set(file->err, ERR_DATA, "%s: bad PNG data before byte %zu: %s%s%s%s",
                               file->src->path, file->at, why, file->warning[0] != '\0' ? " (" : "",
                               file->warning, file->warning[0] != '\0' ? ")" : "");
    png_longjmp(png, 1);
}

static void note_warning(png_struct *png, const char *warning)
{
    struct png_file *file = png_get_error_ptr(png);

    snprintf(file->warning, sizeof file->warning, "%s", warning);
}

static void read_bytes(png_struct *png, unsigned char *out, size_t n)
{
    struct png_file *file = png_get_io_ptr(png);

    if (n > file->src->n_bytes - file->at) png_error(png, "truncated: the file ends in the middle");
    memcpy(out, file->src->bytes + file->at, n);
    file->at += n;
}

/* Takes a step in which libpng may give up: then it is left from anywhere, back to here. All that
 * a step changes is in `file`, so that nothing is lost with the registers. */
static enum status guarded(struct png_file *file, void (*step)(struct png_file *file))
{
    if (setjmp(png_jmpbuf(file->png)) != 0) return file->status;
    step(file);
    return OK;
}

/* Strict on checksums and on what libpng would let pass; our own checks of size replace its. Chunks
 * that pixels do not need are skipped, so that none is inflated. */
static void set_rules(struct png_file *file)
{
    png_struct *png = file->png;

    png_set_read_fn(png, file, read_bytes);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_benign_errors(png, 0);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
}

static void copy_palette(struct png_file *file)
{
    png_color *colours = NULL;
    int n = 0;

    png_get_PLTE(file->png, file->info, &colours, &n);
    file->palette.n_colours = (size_t)n;
    for (int i = 0; i < n; i++) {
        file->palette.colour[i][0] = colours[i].red;
        file->palette.colour[i][1] = colours[i].green;
        file->palette.colour[i][2] = colours[i].blue;
    }
}

/* Indices are looked up by us, since libpng takes those beyond the palette for black. */
static void read_header(struct png_file *file)
{
    png_struct *png = file->png;

    set_rules(file);
    png_read_info(png, file->info);
    unsigned depth = png_get_bit_depth(png, file->info);
    unsigned type = png_get_color_type(png, file->info);
    file->indexed = type == PNG_COLOR_TYPE_PALETTE;
    if (file->indexed) copy_palette(file);
    if (file->indexed) png_set_packing(png);
    if (type == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png);
    if (type & PNG_COLOR_MASK_ALPHA) png_set_strip_alpha(png);
    file->alpha = type & PNG_COLOR_MASK_ALPHA || png_get_valid(png, file->info, PNG_INFO_tRNS);
    file->packed_bytes = png_get_rowbytes(png, file->info);
    file->picture = (struct picture){
        .height = png_get_image_height(png, file->info),
        .width = png_get_image_width(png, file->info),
        .channels = type & PNG_COLOR_MASK_COLOR ? 3 : 1,
        .value_bytes = depth == 16 ? 2 : 1,
    };
}

/* A row takes one byte more than its values; interlaced, it is in at least one pass. */
static enum status check_content(const struct png_file *file, struct err *err)
{
    size_t n;

    if (!__builtin_mul_overflow(file->picture.height, file->packed_bytes + 1, &n) &&
        n / DEFLATE_RATIO <= file->src->n_bytes)
        return OK;
    return picture_too_large(file->src, &file->picture, err);
}

static void read_pixels(struct png_file *file)
{
    const struct picture *picture = &file->picture;
    unsigned char *rows = file->indexed ? picture_indices(picture) : picture->pixels;
    size_t channels = file->indexed ? 1 : picture->channels;
    size_t stride = picture->width * channels * picture->value_bytes;
    int n_passes = png_set_interlace_handling(file->png);

    png_read_update_info(file->png, file->info);
    if (png_get_rowbytes(file->png, file->info) != stride)
        png_error(file->png, "its rows have another size than expected");
    for (int pass = 0; pass < n_passes; pass++)
        for (size_t i = 0; i < picture->height; i++)
            png_read_row(file->png, rows + i * stride, NULL);
    png_read_end(file->png, NULL);
}

static enum status png_open(struct source *src, struct err *err)
{
    enum status rc = OK;
    struct png_file file = {.src = src, .err = err};

    file.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &file, give_up, note_warning, &file,
                                        allocate, release);
    if (file.png != NULL) file.info = png_create_info_struct(file.png);
    if (file.info == NULL)
        FAIL(err, ERR_INTERNAL, "%s: out of memory, or libpng %s is not the one built with (%s)",
             src->path, png_get_libpng_ver(NULL), PNG_LIBPNG_VER_STRING);
    TRY(guarded(&file, read_header));
    TRY(check_content(&file, err));
    TRY(picture_create(src, &file.picture, 0, err));
    TRY(guarded(&file, read_pixels));
    if (file.at < src->n_bytes)
        FAIL(err, ERR_DATA, "%s: too long: its PNG data end after %zu bytes, file has %zu",
             src->path, file.at, src->n_bytes);
    if (file.indexed) TRY(picture_look_up(src, &file.picture, &file.palette, err));
    if (file.alpha) src->note = PICTURE_ALPHA;
    picture_adopt(src, &file.picture);
done:
    free(file.picture.pixels);
    png_destroy_read_struct(&file.png, &file.info, NULL);
    return rc;
}

const struct source_reader source_png = {
    .name = "PNG",
    .probe = png_probe,
    .open = png_open,
};
