#include "chart.h"

#include "html.h"

#include <math.h>
#include <string.h>

/* --- axes --- */

void axis_include(struct axis *axis, double value)
{
    if (!isfinite(value)) return;
    if (!(axis->low <= value)) axis->low = value;
    if (!(axis->high >= value)) axis->high = value;
}

void axis_pad(struct axis *axis, double share)
{
    if (axis->log) {
        const double factor = pow(axis->high / axis->low, share);
        axis->low /= factor;
        axis->high *= factor;
        return;
    }
    const double more = (axis->high - axis->low) * share;
    axis->low -= more;
    axis->high += more;
}

void axis_loosen(struct axis *axis)
{
    const double least = 3e-5 * fmax(fabs(axis->low), fabs(axis->high));
    const double more = 0.5 * (least - (axis->high - axis->low));
    if (!(more > 0.0)) return;
    axis->low -= more;
    axis->high += more;
}

/* An axis has to have a length, also where there is but one value, or none. */
static void widen(struct axis *axis)
{
    if (!isfinite(axis->low) || !isfinite(axis->high)) axis->low = axis->high = axis->log ? 1 : 0;
    const double size = fmax(fabs(axis->low), fabs(axis->high));
    if (axis->high - axis->low > 1e-12 * size) return;
    if (axis->log) {
        axis->low /= 2.0;
        axis->high *= 2.0;
        return;
    }
    const double more = axis->whole || size == 0.0 ? 1.0 : 0.05 * size;
    axis->low -= more;
    axis->high += more;
}

static double position(const struct axis *axis, double value)
{
    if (axis->log) return log(value / axis->low) / log(axis->high / axis->low);
    return (value - axis->low) / (axis->high - axis->low);
}

/* Far outside of the frame they are held, so that no coordinate is huge. */
double chart_x(const struct chart *chart, double value)
{
    const double at = fmin(fmax(position(&chart->x, value), -9.0), 9.0);
    return chart->left + at * (chart->right - chart->left);
}
double chart_y(const struct chart *chart, double value)
{
    const double at = fmin(fmax(position(&chart->y, value), -9.0), 9.0);
    return chart->bottom - at * (chart->bottom - chart->top);
}

/* The distance of ticks: 1, 2 or 5 times a power of ten, for about n of them. */
static double tick_step(const struct axis *axis, int n)
{
    const double rough = (axis->high - axis->low) / n;
    const double power = pow(10.0, floor(log10(rough)));
    const double lead = rough / power;
    const double step = power * (lead <= 1.0 ? 1 : lead <= 2.0 ? 2 : lead <= 5.0 ? 5 : 10);
    return axis->whole && step < 1.0 ? 1.0 : step;
}

/* "-310k", "1.25M", "0.02": to as many digits as tell ticks apart that are `step` apart. */
static void tick_text(double value, double step, char text[HTML_NUMBER])
{
    static const struct {
        double unit;
        const char *suffix;
    } units[] = {{1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
    const double size = fabs(value);
    if (value == 0.0 || size < 0.5 * step) {
        snprintf(text, HTML_NUMBER, "0");
        return;
    }
    if (size >= 1e12 || size < 1e-4) {
        const double digits = 1.0 + fmax(2.0, ceil(log10(size / step)));
        snprintf(text, HTML_NUMBER, "%.*g", (int)fmin(digits, 17.0), value);
        return;
    }
    double unit = 1.0;
    const char *suffix = "";
    for (size_t i = 0; i < sizeof units / sizeof units[0] && unit == 1.0; i++)
        if (size >= 10.0 * units[i].unit || (size >= units[i].unit && units[i].unit > 1e3)) {
            unit = units[i].unit;
            suffix = units[i].suffix;
        }
    const int decimals = (int)fmax(0.0, ceil(-log10(step / unit) - 1e-9));
    snprintf(text, HTML_NUMBER, "%s%.*f%s", value < 0.0 ? "\xE2\x88\x92" : "", decimals,
             size / unit, suffix);
}

enum { MOST_TICKS = 32 };

struct ticks {
    size_t n;
    double at[MOST_TICKS];
    char text[MOST_TICKS][HTML_NUMBER];
};

/* Text for ticks that are `step` apart. */
static void add_tick(struct ticks *ticks, double at, double step)
{
    if (ticks->n == MOST_TICKS) return;
    tick_text(at, step, ticks->text[ticks->n]);
    ticks->at[ticks->n++] = at;
}

static void log_ticks(const struct axis *axis, struct ticks *ticks)
{
    static const double leads[] = {1, 2, 5};
    const size_t n_leads = log10(axis->high / axis->low) < 3.0 ? 3 : 1;
    for (double power = pow(10.0, floor(log10(axis->low))); power <= axis->high; power *= 10.0)
        for (size_t i = 0; i < n_leads; i++) {
            const double at = leads[i] * power;
            if (at >= 0.999 * axis->low && at <= 1.001 * axis->high) add_tick(ticks, at, at);
        }
}

/* About n ticks, unless the axis has names. */
static void make_ticks(const struct axis *axis, int n, struct ticks *ticks)
{
    ticks->n = 0;
    for (size_t i = 0; i < axis->n_names && i < MOST_TICKS; i++) {
        snprintf(ticks->text[i], HTML_NUMBER, "%s", axis->names[i]);
        ticks->at[ticks->n++] = (double)i;
    }
    if (axis->n_names > 0) return;
    if (axis->log) {
        log_ticks(axis, ticks);
        return;
    }
    const double step = tick_step(axis, n), first = ceil(axis->low / step - 1e-9);
    for (int i = 0; i <= 2 * n && (first + i) * step <= axis->high + 1e-9 * step; i++)
        add_tick(ticks, (first + i) * step, step);
}

/* Where the frame begins, so that the longest text has its place beside the axis's label. */
static double left_of_frame(const struct ticks *ticks)
{
    size_t longest = 3;
    for (size_t i = 0; i < ticks->n; i++) {
        size_t length = 0;
        for (const char *c = ticks->text[i]; *c != '\0'; c++)
            length += (*c & 0xC0) != 0x80; /* characters, not bytes */
        if (length > longest) longest = length;
    }
    return 32.0 + 8.4 * (double)longest;
}

static void draw_x_ticks(const struct chart *chart, const struct ticks *ticks)
{
    for (size_t i = 0; i < ticks->n; i++) {
        const double x = chart_x(chart, ticks->at[i]);
        fprintf(chart->out,
                "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/><text x=\"%.1f\" y=\"%.1f\" "
                "text-anchor=\"middle\">%s</text>",
                x, chart->top, chart->bottom, x, chart->bottom + 20.0, ticks->text[i]);
    }
}

static void draw_y_ticks(const struct chart *chart, const struct ticks *ticks)
{
    for (size_t i = 0; i < ticks->n; i++) {
        const double y = chart_y(chart, ticks->at[i]);
        fprintf(chart->out,
                "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/><text x=\"%.1f\" y=\"%.1f\" "
                "text-anchor=\"end\">%s</text>",
                chart->left, y, chart->right, chart->left - 8.0, y + 5.0, ticks->text[i]);
    }
}

/* --- the frame --- */

static void equalise(struct chart *chart)
{
    const double width = chart->right - chart->left, height = chart->bottom - chart->top;
    const double x_unit = (chart->x.high - chart->x.low) / width;
    const double y_unit = (chart->y.high - chart->y.low) / height;
    struct axis *axis = x_unit < y_unit ? &chart->x : &chart->y;
    const double length = x_unit < y_unit ? y_unit * width : x_unit * height;
    const double more = 0.5 * (length - (axis->high - axis->low));
    axis->low -= more;
    axis->high += more;
}

/* Places the frame; the ticks of y say how much room they want. */
static void lay_out(struct chart *chart, struct ticks *y_ticks)
{
    if (chart->width == 0.0) chart->width = 460.0;
    if (chart->height == 0.0) chart->height = 300.0;
    widen(&chart->x);
    widen(&chart->y);
    chart->right = chart->width - 14.0;
    chart->top = 14.0;
    chart->bottom = chart->height - 52.0;
    chart->left = 80.0;
    if (chart->square) equalise(chart);
    make_ticks(&chart->y, 5, y_ticks);
    chart->left = left_of_frame(y_ticks);
    if (chart->square) equalise(chart);
    make_ticks(&chart->y, 5, y_ticks);
}

static void draw_axes(const struct chart *chart, const struct ticks *y_ticks)
{
    FILE *out = chart->out;
    struct ticks x_ticks;
    make_ticks(&chart->x, 6, &x_ticks);
    fprintf(out, "<g class=\"axes\">");
    draw_x_ticks(chart, &x_ticks);
    draw_y_ticks(chart, y_ticks);
    fprintf(out, "<path class=\"rim\" d=\"M%.1f %.1fV%.1fH%.1f\"/>", chart->left, chart->top,
            chart->bottom, chart->right);
    fprintf(out, "<text class=\"label\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
            0.5 * (chart->left + chart->right), chart->height - 8.0);
    html_text(out, chart->x.label);
    fprintf(out,
            "</text><text class=\"label\" transform=\"translate(13 %.1f) rotate(-90)\" "
            "text-anchor=\"middle\">",
            0.5 * (chart->top + chart->bottom));
    html_text(out, chart->y.label);
    fprintf(out, "</text></g>\n");
}

void chart_begin(struct chart *chart, FILE *out, const char *id, const char *title,
                 const char *description)
{
    struct ticks y_ticks;
    chart->out = out;
    snprintf(chart->id, sizeof chart->id, "%s", id);
    lay_out(chart, &y_ticks);
    fprintf(out,
            "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-labelledby=\"%s-t %s-d\">\n"
            "<title id=\"%s-t\">",
            chart->width, chart->height, id, id, id);
    html_text(out, title);
    fprintf(out, "</title><desc id=\"%s-d\">", id);
    html_text(out, description);
    fprintf(out, "</desc>\n");
    draw_axes(chart, &y_ticks);
}

void chart_begin_clip(const struct chart *chart)
{
    fprintf(chart->out,
            "<clipPath id=\"%s-c\"><path d=\"M%.1f %.1fH%.1fV%.1fH%.1fZ\"/></clipPath>"
            "<g clip-path=\"url(#%s-c)\">\n",
            chart->id, chart->left, chart->top, chart->right, chart->bottom, chart->left,
            chart->id);
}

void chart_end_clip(const struct chart *chart)
{
    fprintf(chart->out, "</g>\n");
}

void chart_end(const struct chart *chart)
{
    fprintf(chart->out, "</svg>\n");
}
