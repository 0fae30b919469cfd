/* report.h - what a report is made of: all that is read before the first word of the page.
 *
 * report_read is the stage that reads; src/report/ has one function for each section of the page,
 * which takes this as const. */
#ifndef GMMSWEEP_REPORT_H
#define GMMSWEEP_REPORT_H

#include "config.h"
#include "inspect.h"
#include "sweep_file.h"

/* The methods and families that are told apart in pictures: EM by family, then k-means, then one
 * Gaussian per class by family. */
enum { N_SERIES = 2 * N_FAMILIES + 1 };

/* The log-likelihoods of a fit. */
struct report_trace {
    size_t n;      /* entries; 0 of k-means */
    double *value; /* [n] */
};

/* Fits of one series and K, of which only the starts differ. */
struct report_cell {
    size_t series;
    int64_t k;
    size_t first, n; /* in report->order, the best first, the flagged last */
};

/* A model as it is kept. */
struct report_model {
    const struct fit_row *row;
    struct model *model; /* user's units */
    double *confusion;   /* [K, C] or NULL */
};

struct report {
    const char *path;        /* as given */
    struct inspection seen;  /* rows of all finished fits */
    struct sweep_file *file; /* NULL: the logs of a folder, seen.shards, are what is read */

    /* Texts of the sweep, "" where there is none. */
    char *given, *resolved, *overrides;
    char *created, *version, *revision;
    char *config_sha256, *data_sha256, *content_sha256;
    struct config *config; /* NULL if this program cannot read `resolved` */
    size_t n_sessions;
    struct session *sessions; /* [n_sessions] */

    struct sweep_data about; /* of an unfinished folder only what `data` tells */
    struct data *data;       /* the rows themselves, or NULL */
    char data_note[512];     /* why not, for people */

    struct report_trace *traces; /* [seen.n_fits] */
    double *loglik;              /* of all traces */
    size_t *order;               /* [seen.n_fits] fits by cell */
    size_t n_cells;
    struct report_cell *cells;  /* [n_cells] by series, then K */
    const struct fit_row *best; /* the winner, or NULL without fits */
    const char *best_by;        /* the column that says so: "bic", ... */
    struct report_model model;  /* the winner's; model NULL if it is not kept */
};

/* Reads all that a report on `path`, a result file or a sweep's folder, needs. ERR_DATA with what
 * was expected; *out is then NULL. */
enum status report_read(const char *path, struct report **out, struct err *err);

void report_destroy(struct report **report);

/* The model of a fit, to be freed with report_model_free. out->model is NULL if it is not kept. */
enum status report_read_model(const struct report *report, const struct fit_row *row,
                              struct report_model *out, struct err *err);

void report_model_free(struct report_model *model);

/* Writes the page. Failures to write stay with `out`. */
enum status report_write(const struct report *report, FILE *out, struct err *err);

#endif
