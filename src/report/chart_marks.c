/* chart_marks.c - what stands in the frame of a chart. */
#include "chart.h"

#include "html.h"

#include <math.h>

void chart_line(const struct chart *chart, size_t n, const double *x, const double *y,
                const char *class)
{
    bool begun = false;
    fprintf(chart->out, "<path class=\"line %s\" d=\"", class);
    for (size_t i = 0; i < n; i++) {
        const bool finite = isfinite(x[i]) && isfinite(y[i]);
        if (finite)
            fprintf(chart->out, "%c%.1f %.1f", begun ? 'L' : 'M', chart_x(chart, x[i]),
                    chart_y(chart, y[i]));
        begun = finite;
    }
    fprintf(chart->out, "\"/>\n");
}

void chart_band(const struct chart *chart, size_t n, const double *x, const double *low,
                const double *high, const char *class)
{
    fprintf(chart->out, "<path class=\"band %s\" d=\"", class);
    for (size_t i = 0; i < n; i++)
        fprintf(chart->out, "%c%.1f %.1f", i > 0 ? 'L' : 'M', chart_x(chart, x[i]),
                chart_y(chart, low[i]));
    for (size_t i = n; i-- > 0;)
        fprintf(chart->out, "L%.1f %.1f", chart_x(chart, x[i]), chart_y(chart, high[i]));
    fprintf(chart->out, "Z\"/>\n");
}

/* Outlines about the origin, of the size 1, each to look as large as the others. */
static const struct {
    int n;
    double at[10][2];
} outlines[N_MARKERS] = {
    [MARKER_square] = {4, {{-.85, -.85}, {.85, -.85}, {.85, .85}, {-.85, .85}}},
    [MARKER_triangle] = {3, {{0, -1.15}, {1.05, .75}, {-1.05, .75}}},
    [MARKER_diamond] = {4, {{0, -1.25}, {1.05, 0}, {0, 1.25}, {-1.05, 0}}},
    [MARKER_star] = {10,
                     {{0, -1.3},
                      {.32, -.42},
                      {1.24, -.4},
                      {.5, .16},
                      {.76, 1.05},
                      {0, .52},
                      {-.76, 1.05},
                      {-.5, .16},
                      {-1.24, -.4},
                      {-.32, -.42}}},
};

void chart_marker_path(FILE *out, enum marker marker, double x, double y, double size)
{
    if (marker == MARKER_circle) {
        fprintf(out, "M%.1f %.1fa%.1f %.1f 0 1 0 %.1f 0a%.1f %.1f 0 1 0 %.1f 0z", x - size, y, size,
                size, 2 * size, size, size, -2 * size);
    } else if (marker == MARKER_plus) {
        const double arm = size * 1.15, half = size * 0.38, side = arm - half;
        fprintf(out, "M%.1f %.1fh%.1fv%.1fh%.1fv%.1fh%.1fv%.1fh%.1fv%.1fh%.1fv%.1fh%.1fz", x - half,
                y - arm, 2 * half, side, side, 2 * half, -side, side, -2 * half, -side, -side,
                -2 * half, side);
    } else {
        for (int i = 0; i < outlines[marker].n; i++)
            fprintf(out, "%c%.1f %.1f", i > 0 ? 'L' : 'M', x + size * outlines[marker].at[i][0],
                    y + size * outlines[marker].at[i][1]);
        putc('z', out);
    }
}

void chart_marker(const struct chart *chart, enum marker marker, double x, double y, double size,
                  const char *class, const char *title)
{
    if (!isfinite(x) || !isfinite(y)) return;
    fprintf(chart->out, "<path class=\"mark %s\" d=\"", class);
    chart_marker_path(chart->out, marker, chart_x(chart, x), chart_y(chart, y), size);
    fprintf(chart->out, "\">");
    if (title != NULL) {
        fprintf(chart->out, "<title>");
        html_text(chart->out, title);
        fprintf(chart->out, "</title>");
    }
    fprintf(chart->out, "</path>\n");
}

void chart_dots(const struct chart *chart, size_t n, const double *x, const double *y,
                const char *class)
{
    fprintf(chart->out, "<path class=\"dots %s\" d=\"", class);
    for (size_t i = 0; i < n; i++)
        if (isfinite(x[i]) && isfinite(y[i]))
            fprintf(chart->out, "M%.1f %.1fh0", chart_x(chart, x[i]), chart_y(chart, y[i]));
    fprintf(chart->out, "\"/>\n");
}

void chart_ellipse(const struct chart *chart, const double mean[2], const double covariance[3],
                   double radius, const char *class, const char *title)
{
    const double x_unit = (chart->right - chart->left) / (chart->x.high - chart->x.low);
    const double y_unit = (chart->bottom - chart->top) / (chart->y.high - chart->y.low);
    const double a = covariance[0] * x_unit * x_unit, d = covariance[2] * y_unit * y_unit;
    const double b = -covariance[1] * x_unit * y_unit; /* y goes down on the screen */
    const double middle = 0.5 * (a + d), half = hypot(0.5 * (a - d), b);
    const double angle = 0.5 * atan2(2.0 * b, a - d) * 180.0 / M_PI;
    fprintf(chart->out,
            "<ellipse class=\"ellipse %s\" rx=\"%.2f\" ry=\"%.2f\" transform=\"translate(%.1f "
            "%.1f) rotate(%.1f)\"><title>",
            class, radius * sqrt(fmax(0.0, middle + half)), radius * sqrt(fmax(0.0, middle - half)),
            chart_x(chart, mean[0]), chart_y(chart, mean[1]), angle);
    html_text(chart->out, title);
    fprintf(chart->out, "</title></ellipse>\n");
}

void chart_text(const struct chart *chart, double x, double y, double dx, double dy,
                const char *anchor, const char *class, const char *text)
{
    fprintf(chart->out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", class,
            chart_x(chart, x) + dx, chart_y(chart, y) + dy, anchor);
    html_text(chart->out, text);
    fprintf(chart->out, "</text>\n");
}
