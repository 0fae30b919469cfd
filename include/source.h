/* source.h - the raw rows of a data file, whatever its format.
 *
 * source_open reads the file once (inflating gzip), tells the format from the content and lets
 * its reader check everything; afterwards rows are converted on demand and cannot fail.
 *
 * A new format is one file with a `const struct source_reader` and one line in the table in
 * source.c.
 */
#ifndef GMMSWEEP_SOURCE_H
#define GMMSWEEP_SOURCE_H

#include "err.h"
#include "layout.h"

enum {
    SOURCE_CELL = 256,       /* bytes that hold a cell's text in a message, cut if need be */
    SOURCE_PLACE = 320,      /* bytes that hold any source_place */
    SOURCE_LIST = 2048,      /* bytes that hold any source_list */
    SOURCE_COLUMNS = 1 << 20 /* more separators on a line of text are taken for garbage: names and
                                types of columns cost up to 50 times the bytes that make them */
};

struct config;

struct source {
    char *path;
    const struct source_reader *reader;
    const char *wanted; /* while it is opened: the array asked for, or NULL */
    size_t limit;       /* while it is opened: bytes that its content may take */
    char *dataset;      /* the array's name in the file; NULL: the format has no names */
    char **arrays;      /* [n_arrays] names of all arrays in the file; NULL: likewise */
    size_t n_arrays;
    const char *dtype;       /* numpy's name of the values in the file */
    size_t n_rows;           /* at least 1 */
    size_t n_cols;           /* at least 1 */
    size_t image_shape[2];   /* height, width of a row; 0, 0: rows are no images */
    size_t picture_shape[2]; /* height, width, of whose pixels the rows are; 0, 0: they are not */
    const char *note;        /* what was left out of it, as in "its alpha channel"; or NULL */
    char **col_names;        /* [n_cols] or NULL */
    size_t *first_text;      /* [n_cols] first row whose cell is no number, else n_rows; or NULL:
                                all cells are numbers */
    unsigned char *bytes;    /* [n_bytes + 1] the content, inflated, and a NUL; of what is unpacked
                                when it is opened, the unpacked array */
    size_t n_bytes;
    struct layout layout; /* of the values in bytes, unless the reader has its own way to them */
    void *state;          /* the reader's own */
};

struct source_reader {
    const char *name; /* of the format, for people: "IDX" */

    /* Whether content that starts with bytes [n] (n > 0) is of this format. */
    bool (*probe)(const unsigned char *bytes, size_t n);

    /* The size that content starting with bytes [n] must have by its own header; SIZE_MAX while
     * that is not known. NULL: the format does not tell. */
    size_t (*promise)(const unsigned char *bytes, size_t n);

    /* Checks the content of `src` (path, bytes, n_bytes, wanted and limit are set; reading may have
     * ended at the first byte beyond `promise`) and fills the rest: either `layout`, from which
     * shapes and dtype follow (the first dimension counts rows; with two more, a row is an image),
     * or everything. Returns OK; ERR_DATA with path, place and cause; ERR_CONFIG for an array that
     * is not there, is one of several or is over `limit`; or ERR_INTERNAL. `close` is called in any
     * case. */
    enum status (*open)(struct source *src, struct err *err);

    /* out [n_cols]: row n. A cell that is missing or no number gives NaN. NULL, as the next two:
     * `layout` says where the values are. */
    void (*row)(const struct source *src, size_t n, double *out);

    /* As source_cell. */
    size_t (*cell)(const struct source *src, size_t n, size_t d, char *text, size_t size);

    /* The line, from 1, where row n starts. NULL: the format has no lines. */
    size_t (*line)(const struct source *src, size_t n);

    /* Frees `state`, which may be NULL or half-built. NULL: there is none. */
    void (*close)(struct source *src);
};

extern const struct source_reader source_idx;
extern const struct source_reader source_npy;
extern const struct source_reader source_npz;
extern const struct source_reader source_hdf5;
extern const struct source_reader source_png;
extern const struct source_reader source_jpeg;
extern const struct source_reader source_bmp;
extern const struct source_reader source_csv;

/* Opens the regular file at `path`, of which at most `limit` bytes (inflated) are kept.
 * Returns OK and *out (release with source_close); ERR_DATA for a file that is missing,
 * unreadable, of unknown format or broken; ERR_CONFIG for content over `limit`; ERR_INTERNAL
 * without memory. *out is then NULL. */
enum status source_open(const char *path, size_t limit, struct source **out, struct err *err);

/* As source_open, for the array `dataset` (data.dataset) of a file that holds several. NULL: the
 * only one that fits. ERR_CONFIG also if there is none of that name or the format has no names. */
enum status source_open_dataset(const char *path, const char *dataset, size_t limit,
                                struct source **out, struct err *err);

/* The rows that data.synthetic of `config`, which has to outlive them, asks for; their last column,
 * SOURCE_COMPONENT, is the component that a row comes from. Returns OK and *out; ERR_CONFIG for a
 * mixture whose shapes do not fit each other, that is none, or for rows over `limit` bytes;
 * ERR_INTERNAL without memory. *out is then NULL. */
#define SOURCE_COMPONENT "component"
enum status source_open_synthetic(const struct config *config, size_t limit, struct source **out,
                                  struct err *err);

void source_close(struct source **src);

/* out [n_cols]: row n of the file. A cell that is missing or no number gives NaN. */
void source_row(const struct source *src, size_t n, double *out);

/* The text of row n, column d, cut to `size` bytes with the NUL. Returns its full length. */
size_t source_cell(const struct source *src, size_t n, size_t d, char *text, size_t size);

/* Where row n, column d stands, for people: "line 3, column 'Sepal.Width'"; of a column without a
 * name "line 3, column 2 (from 0)" or "row 3, column 2 (both from 0)". */
void source_place(const struct source *src, size_t n, size_t d, char text[SOURCE_PLACE]);

/* Whether every cell of column d is a number or missing. */
bool source_is_numeric(const struct source *src, size_t d);

/* How many columns have this name; *d is the first of them. */
size_t source_find(const struct source *src, const char *name, size_t *d);

/* names [n] for a message: "a, b, c", of many the first. */
void source_list(char *const *names, size_t n, char text[SOURCE_LIST]);

/* ERR_CONFIG of a file whose arrays are names [n]: the one that `key` asks for is not among them.
 */
enum status source_no_array(const char *path, const char *key, const char *wanted,
                            char *const *names, size_t n, struct err *err);

/* ERR_CONFIG of a file of which none is asked for by `key`, and names [n] may be meant. */
enum status source_which_array(const char *path, const char *key, char *const *names, size_t n,
                               struct err *err);

#endif
