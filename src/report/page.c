/* page.c - the page around the sections. Its style and script stand beside this file; the Makefile
 * makes C of them, line by line. */
#include "report_parts.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char *const style[] = {
#include "page.css.h"
};
static const char *const script[] = {
#include "page.js.h"
};

static const struct section {
    const char *name;
    const char *title;
    bool (*condition)(const struct report *report);
    enum status (*write)(const struct report *report, FILE *out, struct err *err);
} sections[] = {
#define SECTION(name, title, condition) {#name, title, condition, section_##name},
#include "report.def"
#undef SECTION
};
enum { N_SECTIONS = sizeof sections / sizeof sections[0] };

static void write_lines(FILE *out, const char *const *lines, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fputs(lines[i], out);
}

/* Of the path of a result: the folder's name, which is what people call the sweep by. */
static void sweep_name(const char *given, char *name, size_t size)
{
    char resolved[PATH_MAX];
    const char *path = realpath(given, resolved) != NULL ? resolved : given;
    size_t end = strlen(path);
    const char *file = "/sweep.h5";
    if (end > strlen(file) && strncmp(path + end - strlen(file), file, strlen(file)) == 0)
        end -= strlen(file);
    size_t first = end;
    while (first > 0 && path[first - 1] != '/')
        first--;
    snprintf(name, size, "%.*s", (int)(end - first), path + first);
    if (name[0] == '\0') snprintf(name, size, "sweep");
}

static void write_head(const struct report *report, const char *name, FILE *out)
{
    fprintf(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                 "<meta name=\"generator\" content=\"gmmsweep\">\n<link rel=\"icon\" "
                 "href=\"data:,\">\n<title>");
    html_textf(out, "%s - gmmsweep", name);
    fprintf(out, "</title>\n<style>\n");
    write_lines(out, style, sizeof style / sizeof style[0]);
    fprintf(out, "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#summary\">To the "
                 "summary</a>\n<header>\n<h1>");
    html_text(out, name);
    fprintf(out, "</h1>\n<p class=\"soft\">Gaussian mixtures fitted to ");
    html_text(out, report->about.path);
    fprintf(out, "</p>\n<nav aria-label=\"Sections\"><ul>");
    for (size_t i = 0; i < N_SECTIONS; i++)
        if (sections[i].condition(report))
            fprintf(out, "<li><a href=\"#%s\">%s</a></li>", sections[i].name, sections[i].title);
    fprintf(out, "</ul></nav>\n</header>\n<main>\n");
}

enum status report_write(const struct report *report, FILE *out, struct err *err)
{
    enum status rc = OK;
    char name[256];
    sweep_name(report->path, name, sizeof name);
    write_head(report, name, out);
    for (size_t i = 0; i < N_SECTIONS; i++) {
        if (!sections[i].condition(report)) continue;
        fprintf(out, "<section id=\"%s\" aria-labelledby=\"%s-h\">\n<h2 id=\"%s-h\">%s</h2>\n",
                sections[i].name, sections[i].name, sections[i].name, sections[i].title);
        TRY(sections[i].write(report, out, err));
        fprintf(out, "</section>\n");
    }
    fprintf(out, "</main>\n<footer>Made by gmmsweep from ");
    html_text(out, report->path);
    fprintf(out, ". Nothing here is loaded from elsewhere.</footer>\n<script>\n");
    write_lines(out, script, sizeof script / sizeof script[0]);
    fprintf(out, "</script>\n</body>\n</html>\n");
done:
    return rc;
}
