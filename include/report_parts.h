/* report_parts.h - what the sections of the report share; not for others. */
#ifndef GMMSWEEP_REPORT_PARTS_H
#define GMMSWEEP_REPORT_PARTS_H

#include "chart.h"
#include "html.h"
#include "levels.h"
#include "png_write.h"
#include "report.h"

/* What is shown of much, so that a page of any sweep opens quickly. */
enum {
    REPORT_FITS = 1000,     /* rows of the table of fits */
    REPORT_CELLS = 200,     /* rows of tables over family and K */
    REPORT_CURVE_SETS = 12, /* charts of likelihood curves */
    REPORT_CURVES = 40,     /* curves in one of them; more become a band */
    REPORT_COMPONENTS = 100,
    REPORT_SESSIONS = 100,
    REPORT_PHOTOS = 16,
    REPORT_DOTS = 6000 /* rows in a scatter plot */
};

#define SECTION(name, title, condition)                                                            \
    bool condition(const struct report *report);                                                   \
    enum status section_##name(const struct report *report, FILE *out, struct err *err);
#include "report.def"
#undef SECTION

/* --- who is who (report_cells.c) --- */

struct series {
    char label[32];    /* "diag", "k-means", "labelled, full" */
    const char *class; /* its colour */
    enum marker marker;
};

size_t report_series(const struct fit_row *row);
struct series report_series_describe(size_t series);

/* The initialiser's place in init_names, N_INITS for one that is none. */
size_t report_init(const struct fit_row *row);

/* What a start tries to make large; comparable between fits of one cell. */
double report_score(const struct fit_row *row);

/* Whether the fit's score is that of the best of its cell, as far as fits that end at a tolerance
 * can be told apart. */
bool report_agrees(const struct fit_row *row, const struct fit_row *best);

/* The fit of the cell whose score is best; flagged ones only if all are. */
const struct fit_row *report_cell_best(const struct report *report, const struct report_cell *cell);

/* The i-th fit of the cell. */
static inline const struct fit_row *report_cell_fit(const struct report *report,
                                                    const struct report_cell *cell, size_t i)
{
    return &report->seen.fits[report->order[cell->first + i]];
}

/* The best unflagged fit by a column, or NULL. */
const struct fit_row *report_best_by(const struct report *report, const char *column,
                                     bool higher_is_better);

/* Sorts into cells; finds the winner. */
enum status report_sort(struct report *report, struct err *err);

/* --- pieces of the page --- */

/* A chart of a column against K, by series. */
struct against_k {
    const char *column;
    const char *title;
    const char *label;     /* of the axis */
    bool higher_is_better; /* what the best of a cell is */
    bool typical;          /* the median counts, and nobody wins */
};

/* Draws it as a figure, if it tells fits apart; of one K by family. */
enum status report_against_k(const struct report *report, const struct against_k *what, FILE *out,
                             struct err *err);

/* What markers and colours mean: the series that occur. */
void report_legend(const struct report *report, FILE *out);

/* The value of a column as text, "" where it does not apply. */
const char *report_value(const struct fit_row *row, const struct fit_column *column,
                         char text[HTML_NUMBER]);

/* "diag-k020-kmeans++-r001" as code. */
void report_name(FILE *out, const struct fit_row *row);

/* The p-quantile of sorted values [n]. */
double report_quantile(const double *sorted, size_t n, double p);

/* For qsort: numbers ascending. */
int report_compare_reals(const void *a, const void *b);

/* The variance of feature d in component k. */
double report_variance(const struct model *model, size_t k, size_t d);

/* Covariance of features i and j in component k. */
double report_covariance(const struct model *model, size_t k, size_t i, size_t j);

/* What people call feature d. */
const char *report_feature_name(const struct report *report, size_t d);

/* Whether the winner's features are the pixels of images. */
bool report_has_images(const struct report *report);

/* Whether the sweep has more than one K. */
bool report_has_several_k(const struct report *report);

/* The weight of all fitted rows together; NaN if unknown. */
double report_total_weight(const struct report *report, const struct fit_row *row);

/* An <img> of the pixels, `zoom` times as wide and high; `class` may be "". */
enum status report_image(const struct png_pixels *pixels, size_t zoom, const char *class,
                         const char *alt, FILE *out, struct err *err);

#endif
