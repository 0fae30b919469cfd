/* sweep_file.h - a result file, read: its fits, and of each what is kept of it.
 *
 * Nothing that the file says is believed before the file proves it. Failures to read are ERR_DATA
 * with path, dataset and cause; ERR_INTERNAL without memory. Outputs are then NULL or as they were.
 */
#ifndef GMMSWEEP_SWEEP_FILE_H
#define GMMSWEEP_SWEEP_FILE_H

#include "cli.h"
#include "disk.h"
#include "em.h"
#include "fit_row.h"
#include "h5io.h"
#include "model.h"
#include "session.h"

#include <stdbool.h>

struct sweep_file {
    char path[DISK_PATH]; /* of the file itself, also where its folder was named */
    struct h5 *h5;
    size_t n_planned;     /* fits of the plan */
    size_t n_fits;        /* of these, finished */
    struct fit_row *fits; /* [n_fits] in the plan's order */
    ptrdiff_t *place;     /* [n_fits] index along `fit` in its group of /models; -1: its model is
                             not kept */
    size_t n_rows;        /* N, of the data, held out or not */
    size_t n_features;    /* D */
    size_t n_classes;     /* C; 0 without labels */
    size_t n_entries;     /* of /history, all fits together */
};

/* Opens the result file at `path`, or sweep.h5 in the folder `path`, and reads /fits. ERR_DATA for
 * one that is missing, not ours, damaged, or of a format newer than STORE_FORMAT_VERSION. */
enum status sweep_file_open(const char *path, struct sweep_file **out, struct err *err);

/* Accepts NULL; sets NULL. */
void sweep_file_close(struct sweep_file **file);

/* *fit: the one that the command line asks for, by --fit or as the best by --best (default bic),
 * where flagged fits take part with --flagged only. ERR_USAGE for both options or an unknown
 * criterion; ERR_DATA for a fit that is not there (with the nearest names) or if none qualifies. */
enum status sweep_file_pick(const struct sweep_file *file, const struct cli *cli, size_t *fit,
                            struct err *err);

/* The model of a fit in the user's units and in the order in which it is stored: *out, to be
 * released with model_destroy. That of a k-means fit has FAMILY_none and no covariances. ERR_DATA,
 * with what to do, if it is not kept. */
enum status sweep_file_read_model(const struct sweep_file *file, size_t fit, struct model **out,
                                  struct err *err);

/* *out [K, C]: its weight of rows of each class given to each component, to be freed. NULL without
 * labels. */
enum status sweep_file_read_confusion(const struct sweep_file *file, size_t fit, double **out,
                                      struct err *err);

/* entries [count]: entries of /history from `first`. Those of a fit begin at its history_first and
 * are history_count (none of k-means); first 0 and count n_entries are all. */
enum status sweep_file_read_history(const struct sweep_file *file, size_t first, size_t count,
                                    struct em_entry *entries, struct err *err);

/* What /data says of the features and classes. */
struct sweep_data {
    char *path;  /* of the data file; "data.synthetic" for rows without one */
    char *dtype; /* of its values, numpy's name */
    size_t n_features, n_classes;
    size_t image_shape[2];   /* height, width of a row; 0, 0: rows are no images */
    size_t picture_shape[2]; /* height, width, of whose pixels the rows are; 0, 0: they are not */
    char **feature_names;    /* [D] */
    char **class_names;      /* [C] or NULL */
    double *mean, *variance; /* [D] of the fitted rows, in the user's units */
    int8_t *constant;        /* [D] whether all fitted rows have one value */
};

/* What it says of the rows. */
struct sweep_rows {
    size_t n_rows;
    int64_t *source_row; /* [N] 0-based row in the data file */
    int64_t *label;      /* [N] index in class_names, or NULL */
    double *weight;      /* [N] or NULL: every row counts once */
    int8_t *heldout;     /* [N] whether the row was set aside, or NULL: none was */
};

/* On failure *data and *rows are empty; free them in any case. */
enum status sweep_file_read_data(const struct sweep_file *file, struct sweep_data *data,
                                 struct err *err);
enum status sweep_file_read_rows(const struct sweep_file *file, struct sweep_rows *rows,
                                 struct err *err);
void sweep_data_free(struct sweep_data *data);
void sweep_rows_free(struct sweep_rows *rows);

/* *out: the text of /config/NAME (given, resolved, overrides), to be freed. */
enum status sweep_file_read_config(const struct sweep_file *file, const char *name, char **out,
                                   struct err *err);

/* *out: a text attribute of the file (status, created, software_version, git_revision,
 * config_sha256, data_sha256, content_sha256), to be freed. */
enum status sweep_file_read_attr(const struct sweep_file *file, const char *name, char **out,
                                 struct err *err);

/* *sessions [*n], to be freed: who worked on the sweep, from /provenance. */
enum status sweep_file_read_sessions(const struct sweep_file *file, size_t *n,
                                     struct session **sessions, struct err *err);

#endif
