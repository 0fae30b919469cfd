/* chart.h - a static SVG chart: a frame with two axes, and lines, bands and markers in it.
 *
 * A chart is drawn between chart_begin and chart_end onto `out`, whose errors are its owner's. All
 * coordinates are values on the axes. Colours and widths are the style sheet's, by class: a class
 * "s2" or "i3" sets the colour, "best", "faint" and so on the weight. */
#ifndef GMMSWEEP_CHART_H
#define GMMSWEEP_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum marker {
    MARKER_circle,
    MARKER_square,
    MARKER_triangle,
    MARKER_diamond,
    MARKER_plus,
    MARKER_star,
    N_MARKERS
};

struct axis {
    const char *label;
    double low, high;
    bool log;   /* both bounds are above 0 */
    bool whole; /* ticks at whole numbers only */
    size_t n_names;
    const char *const *names; /* [n_names] of 0, 1, ... instead of numbers; or NULL */
};

struct chart {
    FILE *out;
    char id[48]; /* of the page, unique */
    double width, height;
    double left, right, top, bottom; /* the frame */
    struct axis x, y;
    bool square; /* one unit is as long on both axes; widens the shorter one */
};

/* Writes the head of the SVG, its title and description for readers of the screen, and the axes.
 * Widens an axis of no length. */
void chart_begin(struct chart *chart, FILE *out, const char *id, const char *title,
                 const char *description);

/* Where a value of an axis stands, in pixels. */
double chart_x(const struct chart *chart, double value);
double chart_y(const struct chart *chart, double value);

/* What comes between these is cut at the frame. */
void chart_begin_clip(const struct chart *chart);
void chart_end_clip(const struct chart *chart);

/* A line through n points (x, y); those that are not finite interrupt it. */
void chart_line(const struct chart *chart, size_t n, const double *x, const double *y,
                const char *class);

/* The area between two lines. */
void chart_band(const struct chart *chart, size_t n, const double *x, const double *low,
                const double *high, const char *class);

/* A marker about (x, y), of so many pixels from its middle to its rim. */
void chart_marker(const struct chart *chart, enum marker marker, double x, double y, double size,
                  const char *class, const char *title);

/* Dots of one class; many are short in bytes. */
void chart_dots(const struct chart *chart, size_t n, const double *x, const double *y,
                const char *class);

/* The ellipse on which a Gaussian of this covariance (of x, of x and y, of y) has the Mahalanobis
 * distance `radius`. */
void chart_ellipse(const struct chart *chart, const double mean[2], const double covariance[3],
                   double radius, const char *class, const char *title);

/* Text beside (x, y); `anchor` is SVG's start, middle or end. */
void chart_text(const struct chart *chart, double x, double y, double dx, double dy,
                const char *anchor, const char *class, const char *text);

void chart_end(const struct chart *chart);

/* The outline of a marker about (x, y) in pixels, for `d` of a path. */
void chart_marker_path(FILE *out, enum marker marker, double x, double y, double size);

/* Grows the axis to hold the value, if it is finite; an axis without values yet is {NAN, NAN}. */
void axis_include(struct axis *axis, double value);

/* Makes it so long that its ticks differ within the first digits of their numbers. */
void axis_loosen(struct axis *axis);

/* Adds a share of its length to both ends. */
void axis_pad(struct axis *axis, double share);

#endif
