/* section_criteria.c - the criteria, and scores against known classes, against K. */
#include "report_parts.h"

bool report_has_fits(const struct report *report)
{
    return report->seen.n_fits > 0;
}

bool report_has_choice(const struct report *report)
{
    return report->n_cells > 1;
}

enum status section_criteria(const struct report *report, FILE *out, struct err *err)
{
    static const struct against_k charts[] = {
        {"bic", "BIC (lower is better)", "BIC (nats)", false, false},
        {"icl", "ICL (lower is better)", "ICL (nats)", false, false},
        {"aic", "AIC (lower is better)", "AIC (nats)", false, false},
        {"heldout", "Held-out log-likelihood (higher is better)", "nats per row", true, false},
        {"mean_loglik", "Log-likelihood (higher is better)", "nats per row", true, false},
        {"inertia", "Inertia (lower is better)", "mean squared distance", false, false},
        {"error_rate", "Error rate (lower is better)", "share of rows", false, false},
        {"ari", "Adjusted Rand index (higher is better)", "adjusted Rand index", true, false}};
    enum status rc = OK;
    fprintf(out,
            "<p>Each point is the best fit of a family at that K, the whisker the range of its "
            "fits from all starts; a hollow point has flagged fits only. The ring marks the best "
            "of all fits that are not flagged.</p>\n");
    report_legend(report, out);
    fprintf(out, "<div class=\"charts\">\n");
    for (size_t i = 0; i < sizeof charts / sizeof charts[0]; i++)
        TRY(report_against_k(report, &charts[i], out, err));
    fprintf(out, "</div>\n");
done:
    return rc;
}
