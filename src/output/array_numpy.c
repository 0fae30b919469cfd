/* array_numpy.c - arrays as NPY (NumPy Enhancement Proposal 1, version 1.0) and as archives of
 * them. Texts are of numpy's own type, code points of four bytes, which numpy.load reads without
 * allow_pickle. */
#include "array_parts.h"
#include "disk.h"
#include "utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

enum { HEADER = 192, ALIGNMENT = 64, DEFLATE_LEVEL = 1 /* as in sweep.h5 */ };

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BYTE_ORDER_SIGN '<'
#else
#define BYTE_ORDER_SIGN '>'
#endif

/* An array as NPY: the parts of its file. */
struct image {
    char header[HEADER];
    size_t n_header;
    const void *values; /* the array's, or `points` */
    size_t n_bytes;
    uint32_t *points; /* [n, width] the code points of texts, zeros behind them */
    size_t width;     /* code points of the longest text */
};

/* The code points of a text to out (or NULL), which has room; returns how many. */
static size_t spread_text(const char *text, uint32_t *out)
{
    const uint32_t replacement = 0xfffd;
    size_t n = 0;
    while (*text != '\0') {
        uint32_t code = replacement;
        const size_t length = utf8_read(text, &code);
        if (out != NULL) out[n] = length > 0 ? code : replacement;
        n++;
        text += length > 0 ? length : 1;
    }
    return n;
}

static enum status spread_texts(const struct named_array *array, struct image *image,
                                struct err *err)
{
    enum status rc = OK;
    const char *const *texts = array->values;
    const size_t n = array_size(array);
    image->width = 1; /* numpy has no texts of no length */
    for (size_t i = 0; i < n; i++) {
        const size_t width = spread_text(texts[i], NULL);
        if (width > image->width) image->width = width;
    }
    TRY(err_alloc(n, image->width * sizeof *image->points, array->name, &image->points, err));
    for (size_t i = 0; i < n; i++)
        spread_text(texts[i], image->points + i * image->width);
    image->values = image->points;
    image->n_bytes = n * image->width * sizeof *image->points;
done:
    return rc;
}

/* Magic, version, length, and a dict of Python that blanks and a line break make end at a multiple
 * of ALIGNMENT. */
static void make_header(const struct named_array *array, struct image *image)
{
    enum { START = 10 };
    char *header = image->header, type[32], shape[96] = "";
    if (array->type == ARRAY_TEXT)
        snprintf(type, sizeof type, "U%zu", image->width);
    else
        snprintf(type, sizeof type, "%s", array->type == ARRAY_REAL ? "f8" : "i8");
    for (size_t i = 0; i < array->rank; i++)
        snprintf(shape + strlen(shape), sizeof shape - strlen(shape), "%s%zu%s", i > 0 ? " " : "",
                 array->axes[i]->n, array->rank > 1 && i + 1 == array->rank ? "" : ",");
    const int n = snprintf(header + START, HEADER - START,
                           "{'descr': '%c%s', 'fortran_order': False, 'shape': (%s), }",
                           BYTE_ORDER_SIGN, type, shape);
    image->n_header = (START + (size_t)n + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    memset(header + START + n, ' ', image->n_header - START - (size_t)n);
    header[image->n_header - 1] = '\n';
    memcpy(header, "\x93NUMPY\1\0", START - 2);
    header[START - 2] = (char)(image->n_header - START); /* below 256 */
    header[START - 1] = 0;
}

/* Release image->points with free(). */
static enum status make_image(const struct named_array *array, struct image *image, struct err *err)
{
    enum status rc = OK;
    *image = (struct image){.values = array->values, .n_bytes = 8 * array_size(array)};
    if (array->type == ARRAY_TEXT) TRY(spread_texts(array, image, err));
    make_header(array, image);
done:
    return rc;
}

enum status array_write_npy(const char *temporary, size_t n, const struct named_array *arrays,
                            struct err *err)
{
    enum status rc = OK;
    FILE *file = NULL;
    struct image image = {0};
    (void)n; /* it holds one */
    TRY(make_image(&arrays[0], &image, err));
    TRY(disk_open(temporary, 0666, &file, err));
    fwrite(image.header, 1, image.n_header, file);
    fwrite(image.values, 1, image.n_bytes, file);
    TRY(disk_close(&file, temporary, err));
done:
    free(image.points);
    return rc;
}

/* --- NPZ --- */

static enum status zip_failed(const char *path, zip_error_t *error, struct err *err)
{
    const enum status status =
        zip_error_code_zip(error) == ZIP_ER_MEMORY ? ERR_INTERNAL : ERR_OUTPUT;
    return err_set(err, status, "%s: cannot write: %s", path, zip_error_strerror(error));
}

/* Adds the array under the name and date that numpy would give it. The image must live until the
 * archive is closed. */
static enum status add_member(zip_t *zip, const char *path, const char *name,
                              const struct image *image, struct err *err)
{
    enum status rc = OK;
    enum { JANUARY_1980 = 1 << 5 | 1 };
    char member[256];
    zip_buffer_fragment_t parts[2] = {
        {.data = (zip_uint8_t *)image->header, .length = image->n_header},
        {.data = (zip_uint8_t *)image->values, .length = image->n_bytes}};
    snprintf(member, sizeof member, "%s.npy", name);
    zip_source_t *source =
        zip_source_buffer_fragment(zip, parts, image->n_bytes > 0 ? 2 : 1, false);
    const zip_int64_t at =
        source == NULL ? -1 : zip_file_add(zip, member, source, ZIP_FL_ENC_UTF_8);
    if (at < 0) zip_source_free(source);
    if (at < 0 ||
        zip_set_file_compression(zip, (zip_uint64_t)at, ZIP_CM_DEFLATE, DEFLATE_LEVEL) != 0 ||
        zip_file_set_dostime(zip, (zip_uint64_t)at, 0, JANUARY_1980, 0) != 0)
        TRY(zip_failed(path, zip_get_error(zip), err));
done:
    return rc;
}

enum status array_write_npz(const char *temporary, size_t n, const struct named_array *arrays,
                            struct err *err)
{
    enum status rc = OK;
    struct image *images = NULL;
    zip_t *zip = NULL;
    int code = 0;
    TRY_ALLOC(images, n, err);
    zip = zip_open(temporary, ZIP_CREATE | ZIP_TRUNCATE, &code);
    if (zip == NULL) {
        zip_error_t error;
        zip_error_init_with_code(&error, code);
        rc = zip_failed(temporary, &error, err);
        zip_error_fini(&error);
        goto done;
    }
    for (size_t a = 0; a < n; a++) {
        TRY(make_image(&arrays[a], &images[a], err));
        TRY(add_member(zip, temporary, arrays[a].name, &images[a], err));
    }
    if (zip_close(zip) != 0) TRY(zip_failed(temporary, zip_get_error(zip), err));
    zip = NULL;
done:
    if (zip != NULL) zip_discard(zip);
    for (size_t a = 0; images != NULL && a < n; a++)
        free(images[a].points);
    free(images);
    return rc;
}
