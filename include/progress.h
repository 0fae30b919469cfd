/* progress.h - what a running sweep says on standard error. */
#ifndef GMMSWEEP_PROGRESS_H
#define GMMSWEEP_PROGRESS_H

#include "fit_row.h"

struct progress {
    bool quiet;
    bool terminal;     /* one line, rewritten; else a line per fit and now and then a summary */
    size_t n_total;    /* fits of the plan */
    size_t n_before;   /* finished in earlier sessions */
    size_t n_finished; /* in this session */
    double began_s, told_s;
};

void progress_init(struct progress *progress, bool quiet, size_t n_total, size_t n_before);

/* Tells of one finished fit. */
void progress_fit(struct progress *progress, const struct fit_row *row);

/* Ends the line on a terminal. */
void progress_end(struct progress *progress);

/* "3 h 07 min", "42 s", "0.31 s". */
void progress_duration(double seconds, char out[32]);

#endif
