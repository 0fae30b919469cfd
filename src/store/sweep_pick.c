/* sweep_pick.c - which fit a command line means. */
#include "sweep_file.h"

#include "edits.h"
#include "shown.h"
#include "store.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MOST_NEAREST 3

/* A name that is not there: the nearest ones, else how many there are. */
static enum status no_such_fit(const struct sweep_file *file, const char *name, struct err *err)
{
    size_t least = SIZE_MAX, n = 0, used = 0;
    char names[MOST_NEAREST * sizeof file->fits->name] = "";
    for (size_t i = 0; i < file->n_fits; i++) {
        const size_t edits = edits_between(name, file->fits[i].name);
        if (edits < least) least = edits;
    }
    for (size_t i = 0; least < SIZE_MAX && i < file->n_fits && n < MOST_NEAREST; i++) {
        if (edits_between(name, file->fits[i].name) != least) continue;
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", n++ > 0 ? " or " : "",
                                 file->fits[i].name);
    }
    if (n > 0)
        return err_set(err, ERR_DATA, "%s: --fit: no fit '%s'; did you mean %s?", file->path,
                       shown(name).text, names);
    return err_set(err, ERR_DATA, "%s: --fit: no fit '%s'; expected one of its %zu fits%s%s%s",
                   file->path, shown(name).text, file->n_fits, file->n_fits > 0 ? ", such as " : "",
                   file->n_fits > 0 ? file->fits[0].name : "",
                   file->n_fits > 1 ? "; 'gmmsweep show --all' lists them" : "");
}

/* Why no fit is the best by a criterion. */
static enum status no_best(const struct sweep_file *file, const char *criterion, bool flagged,
                           struct err *err)
{
    const struct fit_column *column = fit_column(criterion);
    size_t n_applies = 0;
    for (size_t i = 0; i < file->n_fits; i++)
        n_applies += fit_row_applies(&file->fits[i], column);
    if (file->n_fits == 0)
        return err_set(err, ERR_DATA,
                       "%s: no fit is finished yet; expected the sweep to have gone on",
                       file->path);
    if (n_applies > 0 && !flagged)
        return err_set(err, ERR_DATA,
                       "%s: all %zu fits that have %s are flagged (degenerate, or components of "
                       "too few rows); --flagged lets them win, --fit NAME takes one",
                       file->path, n_applies, criterion);
    return err_set(err, ERR_DATA,
                   "%s: none of its %zu fits has %s%s; expected another --best, or --fit NAME",
                   file->path, file->n_fits, criterion,
                   strcmp(criterion, "heldout") == 0 ? " (data.heldout was 0, or they are k-means)"
                                                     : " (k-means has none)");
}

enum status sweep_file_pick(const struct sweep_file *file, const struct cli *cli, size_t *fit,
                            struct err *err)
{
    if (cli->fit != NULL && cli->best != NULL)
        return err_set(err, ERR_USAGE, "--fit and --best: expected one of them");
    if (cli->fit != NULL) {
        for (size_t i = 0; i < file->n_fits; i++)
            if (strcmp(file->fits[i].name, cli->fit) == 0) {
                *fit = i;
                return OK;
            }
        return no_such_fit(file, cli->fit, err);
    }
    const struct store_criterion *criterion =
        store_criterion(cli->best != NULL ? cli->best : "bic");
    if (criterion == NULL)
        return err_set(err, ERR_USAGE,
                       "--best: '%s' is no criterion, expected bic, aic, icl, loglik or heldout",
                       cli->best);
    const size_t best = store_best(criterion, file->fits, file->n_fits, cli->flagged);
    if (best == file->n_fits) return no_best(file, criterion->name, cli->flagged, err);
    *fit = best;
    return OK;
}
