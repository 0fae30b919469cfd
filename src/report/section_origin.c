/* section_origin.c - the config as it was given and read, and who ran it where. */
#include "report_parts.h"

bool report_any(const struct report *report)
{
    (void)report;
    return true;
}

static void write_text(FILE *out, const char *title, const char *text, bool open)
{
    if (text[0] == '\0') return;
    fprintf(out, "<details%s><summary>%s</summary><pre tabindex=\"0\">", open ? " open" : "",
            title);
    html_text(out, text);
    fprintf(out, "</pre></details>\n");
}

enum status section_config(const struct report *report, FILE *out, struct err *err)
{
    (void)err;
    write_text(out, "As it was given", report->given, true);
    write_text(out, "Overridden on the command line", report->overrides, true);
    write_text(out, "Every key with its value", report->resolved, false);
    return OK;
}

static void write_fact(FILE *out, const char *name, const char *value)
{
    if (value[0] == '\0') return;
    fprintf(out, "<dt>%s</dt><dd><code>", name);
    html_text(out, value);
    fprintf(out, "</code></dd>");
}

static void write_sessions(const struct report *report, FILE *out)
{
    const size_t n = report->n_sessions;
    const size_t shown = n < REPORT_SESSIONS ? n : REPORT_SESSIONS;
    fprintf(out,
            "<div class=\"scroll tall\" tabindex=\"0\" role=\"region\" aria-label=\"Sessions\">"
            "<table><caption>Sessions that worked on the sweep</caption><thead><tr>");
    for (size_t f = 0; f < n_session_fields; f++) {
        fprintf(out, "<th scope=\"col\" class=\"text\" title=\"");
        html_text(out, session_fields[f].long_name);
        fprintf(out, "\">%s</th>", session_fields[f].name);
    }
    fprintf(out, "</tr></thead><tbody>\n");
    for (size_t s = 0; s < shown; s++) {
        fprintf(out, "<tr>");
        for (size_t f = 0; f < n_session_fields; f++) {
            fprintf(out, f > 2 ? "<td class=\"wrap\">" : "<td class=\"text\">");
            html_text(out, session_text(&report->sessions[s], &session_fields[f]));
            fprintf(out, "</td>");
        }
        fprintf(out, "</tr>\n");
    }
    fprintf(out, "</tbody></table></div>\n");
    if (shown < n) fprintf(out, "<p class=\"soft\">The first %zu of %zu sessions.</p>\n", shown, n);
}

enum status section_provenance(const struct report *report, FILE *out, struct err *err)
{
    (void)err;
    fprintf(out, "<dl>");
    write_fact(out, "data", report->about.path);
    write_fact(out, "data_sha256", report->data_sha256);
    write_fact(out, "config_sha256", report->config_sha256);
    write_fact(out, "content_sha256", report->content_sha256);
    write_fact(out, "written", report->created);
    write_fact(out, "by gmmsweep", report->version);
    write_fact(out, "git revision", report->revision);
    fprintf(out, "</dl>\n");
    if (report->content_sha256[0] != '\0')
        fprintf(out,
                "<p class=\"soft\">content_sha256 covers every number but times: equal digests "
                "mean the same bits.</p>\n");
    if (report->n_sessions > 0) write_sessions(report, out);
    return OK;
}
