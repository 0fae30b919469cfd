/* against_k.c - a column of the fits against K: a point for each family and K, and a whisker over
 * its restarts. */
#include "report_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a cell says of a column. */
struct point {
    size_t series;
    double k, x; /* x: beside the other series at this K */
    double value, low, high;
    bool flagged; /* no fit of the cell is without a flag */
    size_t n;
    const double *values; /* [n] ascending */
};

enum {
    MOST_DOTS = 500, /* fits of which each is a dot */
    MOST_NAMES = 5,  /* below the axis */
    MOST_MARKERS = 400
};

/* Values of a cell's fits in the column, sorted: of those without a flag, or, if there are none, of
 * all. Returns how many. */
static size_t cell_values(const struct report *report, const struct report_cell *cell,
                          const struct fit_column *column, bool *flagged, double *values)
{
    size_t n = 0;
    for (int all = 0; all < 2 && n == 0; all++) {
        *flagged = all;
        for (size_t i = 0; i < cell->n; i++) {
            const struct fit_row *row = report_cell_fit(report, cell, i);
            if ((all || !row->flagged) && fit_row_applies(row, column))
                values[n++] = fit_row_real(row, column);
        }
    }
    if (n > 0) qsort(values, n, sizeof *values, report_compare_reals);
    return n;
}

/* points [n_cells], whose values come to stand in values [n_fits]; returns how many cells say
 * something. */
static size_t make_points(const struct report *report, const struct against_k *what,
                          struct point *points, double *values)
{
    const struct fit_column *column = fit_column(what->column);
    size_t n = 0;
    for (size_t c = 0; c < report->n_cells; c++) {
        const struct report_cell *cell = &report->cells[c];
        struct point point = {.series = cell->series, .k = (double)cell->k};
        point.n = cell_values(report, cell, column, &point.flagged, values);
        if (point.n == 0) continue;
        point.values = values;
        point.low = values[0];
        point.high = values[point.n - 1];
        point.value = what->typical            ? report_quantile(values, point.n, 0.5)
                      : what->higher_is_better ? point.high
                                               : point.low;
        values += point.n;
        points[n++] = point;
    }
    return n;
}

static bool has_series(const struct point *points, size_t n, size_t series)
{
    for (size_t i = 0; i < n; i++)
        if (points[i].series == series) return true;
    return false;
}

/* The smallest distance of two different K on the axis. */
static double least_gap(const struct point *points, size_t n, bool log_axis)
{
    double gap = HUGE_VAL;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n && points[j].series == points[i].series; j++) {
            const double d = log_axis ? log(points[j].k / points[i].k) : points[j].k - points[i].k;
            if (d > 0.0 && d < gap) gap = d;
        }
    return isfinite(gap) ? gap : 1.0;
}

/* Of one K, the series stand where their names do, if these have room. */
static void set_by_name(struct point *points, size_t n, struct axis *axis, struct series *looks,
                        const char **names)
{
    axis->label = "family";
    axis->n_names = n;
    axis->names = names;
    for (size_t i = 0; i < n; i++) {
        looks[i] = report_series_describe(points[i].series);
        names[i] = n <= MOST_NAMES ? looks[i].label : "";
        points[i].x = (double)i;
    }
    axis->low = -0.5;
    axis->high = (double)n - 0.5;
}

/* Sets the series of one K side by side. */
static void set_apart(struct point *points, size_t n, double low, double high, struct axis *axis)
{
    size_t n_series = 0, slot[N_SERIES] = {0};
    for (size_t s = 0; s < N_SERIES; s++)
        if (has_series(points, n, s)) slot[s] = n_series++;
    axis->log = high / low > 20.0;
    axis->whole = true;
    const double gap = fmin(least_gap(points, n, axis->log),
                            axis->log ? 0.1 * log(high / low) : 0.1 * (high - low) + 0.5);
    for (size_t i = 0; i < n; i++) {
        const double shift =
            gap * 0.14 * ((double)slot[points[i].series] - 0.5 * (double)(n_series - 1));
        points[i].x = axis->log ? points[i].k * exp(shift) : points[i].k + shift;
        axis_include(axis, points[i].x);
    }
    axis_pad(axis, 0.03);
}

/* The fits of a point. */
static void draw_fits(const struct chart *chart, const struct point *point, const char *class)
{
    for (size_t i = 0; i < point->n; i++)
        chart_dots(chart, 1, &point->x, &point->values[i], class);
}

/* Many points: a line through them, and the area that their fits span. */
static enum status draw_band(const struct chart *chart, const struct point *points, size_t n,
                             size_t series, struct err *err)
{
    enum status rc = OK;
    double *x = NULL;
    size_t count = 0;
    TRY_ALLOC(x, 4 * n, err);
    double *const value = x + n, *const low = x + 2 * n, *const high = x + 3 * n;
    for (size_t i = 0; i < n; i++) {
        if (points[i].series != series) continue;
        x[count] = points[i].x;
        value[count] = points[i].value;
        low[count] = points[i].low;
        high[count++] = points[i].high;
    }
    if (count == 0) goto done;
    const char *class = report_series_describe(series).class;
    chart_band(chart, count, x, low, high, class);
    chart_line(chart, count, x, value, class);
done:
    free(x);
    return rc;
}

static void draw_lines(const struct chart *chart, const struct point *points, size_t n,
                       size_t series, bool each)
{
    const struct series look = report_series_describe(series);
    const struct point *before = NULL;
    char class[32];
    snprintf(class, sizeof class, "%s whisker", look.class);
    for (size_t i = 0; i < n; i++) {
        const struct point *p = &points[i];
        if (p->series != series) continue;
        if (before != NULL)
            chart_line(chart, 2, (const double[2]){before->x, p->x},
                       (const double[2]){before->value, p->value}, look.class);
        if (p->n > 1)
            chart_line(chart, 2, (const double[2]){p->x, p->x}, (const double[2]){p->low, p->high},
                       class);
        if (p->n > 1 && each) draw_fits(chart, p, look.class);
        before = p;
    }
}

static void draw_markers(const struct chart *chart, const struct against_k *what,
                         const struct point *points, size_t n, size_t series)
{
    const struct series look = report_series_describe(series);
    const struct fit_column *column = fit_column(what->column);
    char class[32], title[384], value[HTML_NUMBER], low[HTML_NUMBER], high[HTML_NUMBER];
    for (size_t i = 0; i < n; i++) {
        const struct point *p = &points[i];
        if (p->series != series) continue;
        snprintf(class, sizeof class, "%s%s", look.class, p->flagged ? " hollow" : "");
        html_real(p->value, column->units, value);
        html_real(p->low, column->units, low);
        html_real(p->high, column->units, high);
        snprintf(title, sizeof title, "%s, K = %.0f: %s %s %s; %zu fit%s from %s to %s%s",
                 look.label, p->k, what->typical ? "median" : "best", what->column, value, p->n,
                 p->n == 1 ? "" : "s", low, high, p->flagged ? "; all flagged" : "");
        chart_marker(chart, look.marker, p->x, p->value, 5.0, class, title);
    }
}

/* Marks the point that has won. */
static void draw_winner(const struct report *report, const struct chart *chart,
                        const struct against_k *what, const struct point *points, size_t n)
{
    const struct fit_row *best = report_best_by(report, what->column, what->higher_is_better);
    if (best == NULL || what->typical) return;
    for (size_t i = 0; i < n; i++)
        if (points[i].series == report_series(best) && points[i].k == (double)best->k) {
            const bool right = points[i].x > 0.5 * (chart->x.low + chart->x.high);
            chart_marker(chart, MARKER_circle, points[i].x, points[i].value, 10.0, "ring",
                         best->name);
            chart_text(chart, points[i].x, points[i].value, right ? -14.0 : 14.0,
                       what->higher_is_better ? -8.0 : 18.0, right ? "end" : "start", "strong",
                       "best");
        }
}

/* The frame holds all points, and of their whiskers what does not make the rest small: a start that
 * failed may lie far off. */
static void set_axes(const struct against_k *what, struct point *points, size_t n,
                     struct chart *chart, struct series *looks, const char **names)
{
    double low = HUGE_VAL, high = -HUGE_VAL;
    for (size_t i = 0; i < n; i++) {
        low = fmin(low, points[i].k);
        high = fmax(high, points[i].k);
    }
    if (low < high)
        set_apart(points, n, low, high, &chart->x);
    else
        set_by_name(points, n, &chart->x, looks, names);
    for (size_t i = 0; i < n; i++) {
        const double share = what->typical ? 1.0 : 0.5;
        axis_include(&chart->y, points[i].value + share * (points[i].low - points[i].value));
        axis_include(&chart->y, points[i].value + share * (points[i].high - points[i].value));
    }
    axis_loosen(&chart->y);
    axis_pad(&chart->y, 0.09);
}

static enum status draw(const struct report *report, const struct against_k *what,
                        struct point *points, size_t n, FILE *out, struct err *err)
{
    enum status rc = OK;
    struct chart chart = {.x = {.label = "number of components K", .low = NAN, .high = NAN},
                          .y = {.label = what->label, .low = NAN, .high = NAN}};
    const struct fit_row *best = report_best_by(report, what->column, what->higher_is_better);
    struct series looks[N_SERIES];
    const char *names[N_SERIES];
    char id[48], title[128], description[256] = "One point for each family and K.";
    set_axes(what, points, n, &chart, looks, names);
    snprintf(id, sizeof id, "%s-by-k", what->column);
    snprintf(title, sizeof title, "%s against the number of components", what->title);
    if (best != NULL && !what->typical)
        snprintf(description, sizeof description,
                 "One point for each family and K: the best of its fits. The best of all is %s.",
                 best->name);
    fprintf(out, "<figure><b>%s</b>\n", what->title);
    chart_begin(&chart, out, id, title, description);
    chart_begin_clip(&chart);
    for (size_t s = 0; s < N_SERIES; s++) {
        if (n > MOST_MARKERS) {
            TRY(draw_band(&chart, points, n, s, err));
            continue;
        }
        draw_lines(&chart, points, n, s, report->seen.n_fits <= MOST_DOTS);
        draw_markers(&chart, what, points, n, s);
    }
    draw_winner(report, &chart, what, points, n);
    chart_end_clip(&chart);
    chart_end(&chart);
    fprintf(out, "<figcaption>");
    html_text(out, fit_column(what->column)->long_name);
    if (n > MOST_MARKERS)
        fprintf(out, "; the area holds all %s", what->typical ? "fits" : "starts");
    fprintf(out, "</figcaption></figure>\n");
done:
    return rc;
}

enum status report_against_k(const struct report *report, const struct against_k *what, FILE *out,
                             struct err *err)
{
    enum status rc = OK;
    struct point *points = NULL;
    double *values = NULL;
    TRY_ALLOC(points, report->n_cells, err);
    TRY_ALLOC(values, report->seen.n_fits, err);
    const size_t n = make_points(report, what, points, values);
    if (n > 1) TRY(draw(report, what, points, n, out, err));
done:
    free(values);
    free(points);
    return rc;
}
