#include "progress.h"

#include "clock.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#define SUMMARY_S 30.0 /* between summaries where each fit has a line */
#define TERMINAL_S 0.1 /* between updates of the line on a terminal */

void progress_duration(double seconds, char out[32])
{
    if (seconds < 10.0)
        snprintf(out, 32, "%.2f s", seconds);
    else if (seconds < 120.0)
        snprintf(out, 32, "%.0f s", seconds);
    else if (seconds < 7200.0)
        snprintf(out, 32, "%.0f min", seconds / 60.0);
    else
        snprintf(out, 32, "%.0f h %02.0f min", (double)(long)(seconds / 3600.0),
                 (double)((long)(seconds / 60.0) % 60));
}

void progress_init(struct progress *progress, bool quiet, size_t n_total, size_t n_before)
{
    *progress = (struct progress){.quiet = quiet,
                                  .terminal = isatty(STDERR_FILENO) != 0,
                                  .n_total = n_total,
                                  .n_before = n_before};
    progress->began_s = progress->told_s = clock_monotonic_s();
}

static void print_summary(const struct progress *progress, double now, const char *end)
{
    char elapsed[32], left[32];
    size_t done = progress->n_before + progress->n_finished;
    double each = (now - progress->began_s) / (double)progress->n_finished;
    progress_duration(now - progress->began_s, elapsed);
    progress_duration(each * (double)(progress->n_total - done), left);
    fprintf(stderr, "%zu of %zu fits, %s so far, about %s left%s", done, progress->n_total, elapsed,
            left, end);
}

void progress_fit(struct progress *progress, const struct fit_row *row)
{
    double now = clock_monotonic_s();
    progress->n_finished++;
    if (progress->quiet) return;
    if (progress->terminal) {
        if (now - progress->told_s < TERMINAL_S) return;
        fprintf(stderr, "\r\033[K");
        print_summary(progress, now, "");
        progress->told_s = now;
        return;
    }
    fprintf(stderr, "%s: %s, %lld iterations", row->name, row->status, (long long)row->iterations);
    if (!isnan(row->loglik))
        fprintf(stderr, ", log-likelihood %.2f, BIC %.2f", row->loglik, row->bic);
    if (!isnan(row->inertia)) fprintf(stderr, ", inertia %.6g", row->inertia);
    fprintf(stderr, "\n");
    if (now - progress->told_s < SUMMARY_S) return;
    print_summary(progress, now, "\n");
    progress->told_s = now;
}

void progress_end(struct progress *progress)
{
    if (!progress->quiet && progress->terminal && progress->n_finished > 0)
        fprintf(stderr, "\r\033[K");
}
