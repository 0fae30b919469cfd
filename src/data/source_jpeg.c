/* JPEG, by libjpeg(-turbo): grey or RGB, of 8 bits, as its defaults decode them. The orientation
 * that a camera notes is ignored, and so is what follows the end, since cameras put previews and
 * padding there. */
#include "picture.h"

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h> /* wants the above before it */

#include <jerror.h> /* wants jpeglib.h */

enum {
    /* The most values that a byte gives. A Huffman code has at least one bit, and a block of 8 x 8
     * coefficients at least one code (its DC; the rest may be told to be zero for many blocks at
     * once): 512 a byte, where every component has its full size. Subsampling adds to that: with
     * the extreme of 4 x 4, 18 blocks make 3 x 16, that is 1365 a byte. Arithmetic coding has no
     * such bound, but only a picture of one colour comes near this one. */
    VALUES_A_BYTE = 2048,
    /* A scan costs time for every block but may take a few bytes only. Ten are usual. */
    MOST_SCANS = 100
};

struct jpeg_file {
    const struct source *src;
    struct err *err;
    enum status status; /* why libjpeg gave up */
    jmp_buf leave;
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    struct picture picture;
};

static bool jpeg_probe(const unsigned char *bytes, size_t n)
{
    return n >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff;
}

static void give_up(j_common_ptr jpeg)
{
    struct jpeg_file *file = jpeg->client_data;
    int code = jpeg->err->msg_code;
    char why[JMSG_LENGTH_MAX];

    jpeg->err->format_message(jpeg, why);
    if (code == JERR_OUT_OF_MEMORY)
        file->status = err_set(file->err, ERR_INTERNAL, "%s: %s", file->src->path, why);
    else if (code == JWRN_JPEG_EOF)
        file->status = err_set(file->err, ERR_DATA, "%s: truncated: %s", file->src->path, why);
    else
        file->status = err_set(file->err, ERR_DATA, "%s: bad JPEG data: %s", file->src->path, why);
    longjmp(file->leave, 1);
}

/* Level -1: libjpeg goes on although data are damaged. Two of those only say that a header is newer
 * than the library. */
static void weigh_message(j_common_ptr jpeg, int level)
{
    int code = jpeg->err->msg_code;

    if (level < 0 && code != JWRN_JFIF_MAJOR && code != JWRN_ADOBE_XFORM) give_up(jpeg);
}

static void count_scans(j_common_ptr jpeg)
{
    struct jpeg_file *file = jpeg->client_data;

    if (file->jpeg.input_scan_number <= MOST_SCANS) return;
    file->status = err_set(file->err, ERR_DATA, "%s: bad JPEG data: more than %d scans",
                           file->src->path, MOST_SCANS);
    longjmp(file->leave, 1);
}

/* Takes a step in which libjpeg may give up: then it is left from anywhere, back to here. All that
 * a step changes is in `file`, so that nothing is lost with the registers. */
static enum status guarded(struct jpeg_file *file, void (*step)(struct jpeg_file *file))
{
    if (setjmp(file->leave) != 0) return file->status;
    step(file);
    return OK;
}

static void read_header(struct jpeg_file *file)
{
    struct jpeg_decompress_struct *jpeg = &file->jpeg;

    jpeg_create_decompress(jpeg);
    jpeg->progress = &file->progress;
    jpeg_mem_src(jpeg, file->src->bytes, file->src->n_bytes);
    jpeg_read_header(jpeg, TRUE);
    file->picture = (struct picture){
        .height = jpeg->image_height,
        .width = jpeg->image_width,
        .channels = jpeg->jpeg_color_space == JCS_GRAYSCALE ? 1 : 3,
        .value_bytes = 1,
    };
}

static enum status check_colours(const struct jpeg_file *file, struct err *err)
{
    const char *path = file->src->path;

    switch (file->jpeg.jpeg_color_space) {
    case JCS_GRAYSCALE:
    case JCS_RGB:
    case JCS_YCbCr:
        return OK;
    case JCS_CMYK:
    case JCS_YCCK:
        return err_set(err, ERR_DATA, "%s: a JPEG in CMYK, for print; expected grey or RGB", path);
    default:
        return err_set(err, ERR_DATA, "%s: a JPEG of %d unknown components; expected grey or RGB",
                       path, file->jpeg.num_components);
    }
}

/* Bytes that libjpeg takes beside the pixels: all coefficients, if they come in several scans. */
static size_t coefficient_bytes(const struct jpeg_file *file)
{
    const struct jpeg_decompress_struct *jpeg = &file->jpeg;
    size_t n_blocks = 0;

    if (!jpeg_has_multiple_scans((j_decompress_ptr)jpeg)) return 0;
    for (int c = 0; c < jpeg->num_components; c++)
        n_blocks +=
            (size_t)jpeg->comp_info[c].width_in_blocks * jpeg->comp_info[c].height_in_blocks;
    return n_blocks * sizeof(JBLOCK);
}

static enum status check_content(const struct jpeg_file *file, struct err *err)
{
    const struct picture *picture = &file->picture;
    size_t n = picture->height * picture->width * picture->channels; /* sides have 16 bits */

    if (n / VALUES_A_BYTE <= file->src->n_bytes) return OK;
    return picture_too_large(file->src, picture, err);
}

static void read_pixels(struct jpeg_file *file)
{
    struct jpeg_decompress_struct *jpeg = &file->jpeg;
    const struct picture *picture = &file->picture;

    jpeg->out_color_space = picture->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = picture->pixels + jpeg->output_scanline * picture->width * picture->channels;
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_decompress(jpeg);
}

static enum status jpeg_open(struct source *src, struct err *err)
{
    enum status rc = OK;
    struct jpeg_file *file = NULL;

    TRY_ALLOC(file, 1, err);
    file->src = src;
    file->err = err;
    file->jpeg.client_data = file;
    file->jpeg.err = jpeg_std_error(&file->errors);
    file->errors.error_exit = give_up;
    file->errors.emit_message = weigh_message;
    file->progress.progress_monitor = count_scans;
    TRY(guarded(file, read_header));
    TRY(check_colours(file, err));
    TRY(check_content(file, err));
    TRY(picture_create(src, &file->picture, coefficient_bytes(file), err));
    TRY(guarded(file, read_pixels));
    picture_adopt(src, &file->picture);
done:
    if (file != NULL) {
        free(file->picture.pixels);
        jpeg_destroy_decompress(&file->jpeg);
    }
    free(file);
    return rc;
}

const struct source_reader source_jpeg = {
    .name = "JPEG",
    .probe = jpeg_probe,
    .open = jpeg_open,
};
