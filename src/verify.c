/* verify.c - `gmmsweep verify`: whether a result file is what was written, and says what is so. */
#include "commands.h"
#include "data.h"
#include "machine.h"
#include "scorer.h"
#include "shown.h"
#include "store.h"
#include "sweep_config.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAME 1e-10 /* relative: a score that is made in another order of rows */

struct verify {
    const struct cli *cli;
    struct sweep_file *file;
    size_t n_wrong;
    struct err found; /* a line for each thing that is wrong */
};

/* --- what is told --- */

__attribute__((format(printf, 3, 4))) static void tell(const struct verify *verify,
                                                       const char *what, const char *format, ...)
{
    va_list args;
    if (verify->cli->quiet) return;
    printf("%-10s  ", what);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

__attribute__((format(printf, 3, 4))) static void wrong(struct verify *verify, const char *what,
                                                        const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    verify->n_wrong++;
    tell(verify, what, "WRONG: %s", text);
    err_add(&verify->found, ERR_DATA, "  %s: %s", what, text);
}

/* --- digests --- */

static bool is_beside(const char *path)
{
    return !store_is_content(path);
}

/* Whether a digest that was made again is the one that the file tells. */
static void compare_digest(struct verify *verify, const char *what, const char *attribute,
                           const char *made)
{
    char *told = NULL;
    struct err why = {OK, ""};
    if (sweep_file_read_attr(verify->file, attribute, &told, &why) != OK)
        wrong(verify, what, "%s", why.text);
    else if (strcmp(told, made) != 0)
        wrong(verify, what, "%s is %.16s..., but the file tells %.16s...: it has been changed",
              attribute, made, shown(told).text);
    else
        tell(verify, what, "%s %s", attribute, made);
    free(told);
}

/* Reading all values is what looks at their checksums. */
static void check_content(struct verify *verify)
{
    char made[DIGEST_HEX];
    struct err why = {OK, ""};
    if (h5_digest(verify->file->h5, store_is_content, made, &why) != OK)
        wrong(verify, "content", "%s", why.text);
    else
        compare_digest(verify, "content", "content_sha256", made);
    if (h5_digest(verify->file->h5, is_beside, made, &why) != OK)
        wrong(verify, "times", "%s", why.text);
    else
        tell(verify, "times", "read, and provenance, which the digest does not cover");
}

static void check_config(struct verify *verify)
{
    char *resolved = NULL, made[DIGEST_HEX];
    struct config *config = NULL;
    struct err why = {OK, ""};
    if (sweep_config_read(verify->file, &config, &why) != OK ||
        sweep_file_read_config(verify->file, "resolved", &resolved, &why) != OK ||
        store_config_sha256(resolved, made, &why) != OK)
        wrong(verify, "config", "%s", why.text);
    else
        compare_digest(verify, "config", "config_sha256", made);
    config_destroy(&config);
    free(resolved);
}

/* --- whether its parts agree --- */

static void check_fits(struct verify *verify)
{
    const struct sweep_file *file = verify->file;
    const char *expected = file->n_fits == file->n_planned ? "complete" : "partial";
    char *status = NULL;
    size_t n_kept = 0;
    struct err why = {OK, ""};
    for (size_t i = 0; i < file->n_fits; i++)
        n_kept += file->place[i] >= 0;
    if (sweep_file_read_attr(file, "status", &status, &why) != OK)
        wrong(verify, "fits", "%s", why.text);
    else if (strcmp(status, expected) != 0)
        wrong(verify, "fits", "the file tells '%s', but %zu of %zu fits make it '%s'",
              shown(status).text, file->n_fits, file->n_planned, expected);
    else
        tell(verify, "fits", "%zu of %zu, %s; %zu models kept", file->n_fits, file->n_planned,
             expected, n_kept);
    free(status);
}

static void check_best(struct verify *verify)
{
    const struct sweep_file *file = verify->file;
    const size_t before = verify->n_wrong;
    size_t n = 0;
    for (const struct store_criterion *c = store_criteria; c->name != NULL; c++) {
        const size_t best = store_best(c, file->fits, file->n_fits, false);
        const char *made = best < file->n_fits ? file->fits[best].name : "none";
        char *told = NULL;
        struct err why = {OK, ""};
        if (h5_has_attr(file->h5, "/best", c->name) &&
            h5_read_attr(file->h5, "/best", c->name, &told, &why) != OK)
            wrong(verify, "best", "%s", why.text);
        else if (strcmp(told != NULL ? told : "none", made) != 0)
            wrong(verify, "best", "by %s the file tells %s, but /fits makes it %s", c->name,
                  told != NULL ? shown(told).text : "none", made);
        n += told != NULL;
        free(told);
    }
    if (verify->n_wrong == before) tell(verify, "best", "by %zu criteria, as /fits has them", n);
}

/* The trace of a fit: as long as its iterations, without gaps, ending in the fit's likelihood. */
static void check_trace(struct verify *verify, const struct fit_row *row,
                        const struct em_entry *entries, size_t *next)
{
    const size_t n_entries = verify->file->n_entries, first = *next;
    if (row->history_count < 0 || (size_t)row->history_count > n_entries - first ||
        row->history_first != (int64_t)first) {
        wrong(verify, "history", "%s: %lld entries from %lld, expected them from %zu of %zu",
              row->name, (long long)row->history_count, (long long)row->history_first, first,
              n_entries);
        return;
    }
    *next += (size_t)row->history_count;
    if (row->history_count == 0) return;
    const double last = entries[*next - 1].loglik;
    if (row->history_count != row->iterations + 1 || last != row->loglik)
        wrong(verify, "history",
              "%s: %lld entries that end in %.17g, expected %lld that end in its loglik %.17g",
              row->name, (long long)row->history_count, last, (long long)row->iterations + 1,
              row->loglik);
    for (size_t t = first; t < *next; t++)
        if (!isfinite(entries[t].loglik) || !isfinite(entries[t].elbo)) {
            wrong(verify, "history", "%s: entry %zu is %g, expected finite numbers", row->name,
                  t - first, entries[t].loglik);
            break;
        }
}

static enum status check_history(struct verify *verify, struct err *err)
{
    enum status rc = OK;
    const struct sweep_file *file = verify->file;
    const size_t before = verify->n_wrong;
    struct em_entry *entries = NULL;
    struct err why = {OK, ""};
    size_t next = 0;
    TRY_ALLOC(entries, file->n_entries, err);
    if (sweep_file_read_history(file, 0, file->n_entries, entries, &why) != OK) {
        wrong(verify, "history", "%s", why.text);
        goto done;
    }
    for (size_t i = 0; i < file->n_fits; i++)
        check_trace(verify, &file->fits[i], entries, &next);
    if (verify->n_wrong == before && next != file->n_entries)
        wrong(verify, "history", "has %zu entries, the fits have %zu", file->n_entries, next);
    if (verify->n_wrong == before) tell(verify, "history", "%zu entries", file->n_entries);
done:
    free(entries);
    return rc;
}

/* --- scores --- */

/* The rows that the models were fitted to, prepared anew. */
struct rescore {
    struct config *config;
    struct data *data;
    struct sweep_data like;
    int n_threads;
    double *log_density; /* [N] */
    size_t n_scored, n_passed_over;
    double worst; /* largest relative difference */
};

/* The labels are of no use here unless they pick rows, and a file of theirs may be elsewhere now.
 */
static enum status read_rows(struct verify *verify, struct rescore *rescore, struct err *err)
{
    enum status rc = OK;
    const char *changes[2];
    size_t n = 0;
    char *path = NULL, *absolute = NULL;
    TRY(sweep_config_read(verify->file, &rescore->config, err));
    const char *labels = rescore->config->data_labels.name;
    if (labels != NULL && labels[0] == '/' && rescore->config->data_classes.n == 0 &&
        rescore->config->data_on_missing == ON_MISSING_error)
        changes[n++] = "data.labels=";
    if (rescore->config->data_path == NULL) {
        if (strcmp(verify->cli->data, "data.synthetic") != 0)
            FAIL(
                err, ERR_DATA,
                "%s: the sweep's rows were drawn, expected --data data.synthetic, which draws them "
                "again",
                verify->cli->data);
    } else {
        absolute = realpath(verify->cli->data, NULL);
        if (absolute == NULL)
            FAIL(err, ERR_DATA, "%s: %s, expected the sweep's data file", verify->cli->data,
                 strerror(errno));
        TRY(config_override("data.path", absolute, &path, err));
        changes[n++] = path;
    }
    config_destroy(&rescore->config);
    TRY(sweep_config_read_changed(verify->file, n, changes, &rescore->config, err));
    rc = data_load(rescore->config, (size_t)machine_memory(0), &rescore->data, err);
    if (rc == ERR_CONFIG) err->status = rc = ERR_DATA; /* the config has run with other data */
done:
    free(absolute);
    free(path);
    return rc;
}

/* Weighted means or sums over the rows that were fitted, or held out. */
static double total(const struct data *data, const double *values, bool heldout, double *weight)
{
    double sum = 0.0;
    *weight = 0.0;
    for (size_t n = 0; n < data->n_rows; n++) {
        const double w = data->weight != NULL ? data->weight[n] : 1.0;
        if (w == 0.0 || (data->heldout != NULL && data->heldout[n]) != heldout) continue;
        sum += w * values[n];
        *weight += w;
    }
    return sum;
}

/* Against its size, or where it is near 0 against 1 nat for each unit of weight. */
static void compare_score(struct verify *verify, struct rescore *rescore, const char *fit,
                          const char *what, double weight, double made, double told)
{
    const double off = fabs(made - told) / fmax(fabs(told), weight);
    if (off > rescore->worst) rescore->worst = off;
    if (!(off <= SAME))
        wrong(verify, "scores", "%s: %s is %.17g by the model, but %.17g in /fits", fit, what, made,
              told);
}

static enum status rescore_fit(struct verify *verify, struct rescore *rescore, size_t fit,
                               struct err *err)
{
    enum status rc = OK;
    const struct fit_row *row = &verify->file->fits[fit];
    const struct data *data = rescore->data;
    const struct scorer_data like = {data->n_features, rescore->like.mean, rescore->like.variance,
                                     WHITEN_none};
    struct model *model = NULL;
    struct scorer *scorer = NULL;
    double weight;
    TRY(sweep_file_read_model(verify->file, fit, &model, err));
    if (model->family == FAMILY_none) {
        rescore->n_passed_over++;
        goto done;
    }
    TRY(scorer_create(&like, model, &scorer, err));
    TRY(scorer_run(scorer, data->n_rows, data->x, rescore->n_threads, NULL, rescore->log_density,
                   NULL, err));
    const double loglik = total(data, rescore->log_density, false, &weight);
    compare_score(verify, rescore, row->name, "loglik", weight, loglik, row->loglik);
    if (!isnan(row->heldout)) {
        const double sum = total(data, rescore->log_density, true, &weight);
        compare_score(verify, rescore, row->name, "heldout", 1.0, sum / weight, row->heldout);
    }
    rescore->n_scored++;
done:
    scorer_destroy(&scorer);
    model_destroy(&model);
    return rc;
}

/* What is told of all scores together. */
static void tell_scores(const struct verify *verify, const struct rescore *rescore)
{
    char passed_over[80] = "";
    if (rescore->n_passed_over > 0)
        snprintf(passed_over, sizeof passed_over, "; %zu of k-means have no likelihood",
                 rescore->n_passed_over);
    tell(verify, "scores", "%zu models on %zu rows, off by %.1e at most%s", rescore->n_scored,
         rescore->data->n_rows, rescore->worst, passed_over);
}

/* Scores all kept models anew. What is wrong with one does not stop the others. */
static enum status check_scores(struct verify *verify, struct err *err)
{
    enum status rc = OK;
    struct rescore rescore = {.n_threads = machine_threads(verify->cli->threads)};
    struct err why = {OK, ""};
    const size_t before = verify->n_wrong;
    if (read_rows(verify, &rescore, &why) != OK ||
        sweep_file_read_data(verify->file, &rescore.like, &why) != OK) {
        wrong(verify, "data", "%s", why.text);
        goto done;
    }
    compare_digest(verify, "data", "data_sha256", rescore.data->sha256);
    if (verify->n_wrong > before) goto done; /* other rows have other scores */
    TRY_ALLOC(rescore.log_density, rescore.data->n_rows, err);
    for (size_t i = 0; i < verify->file->n_fits; i++) {
        if (verify->file->place[i] < 0) continue;
        rc = rescore_fit(verify, &rescore, i, &why);
        if (rc == ERR_INTERNAL) FAIL(err, rc, "%s", why.text);
        if (rc != OK) wrong(verify, "scores", "%s: %s", verify->file->fits[i].name, why.text);
    }
    rc = OK;
    if (verify->n_wrong == before) tell_scores(verify, &rescore);
done:
    free(rescore.log_density);
    sweep_data_free(&rescore.like);
    data_destroy(&rescore.data);
    config_destroy(&rescore.config);
    return rc;
}

/* Without data to score, the models are read all the same. */
static enum status check_models(struct verify *verify, struct err *err)
{
    const struct sweep_file *file = verify->file;
    const size_t before = verify->n_wrong;
    size_t n = 0;
    for (size_t i = 0; i < file->n_fits; i++) {
        struct model *model = NULL;
        struct err why = {OK, ""};
        if (file->place[i] < 0) continue;
        enum status rc = sweep_file_read_model(file, i, &model, &why);
        model_destroy(&model);
        if (rc == ERR_INTERNAL) return err_set(err, rc, "%s", why.text);
        if (rc != OK) wrong(verify, "models", "%s", why.text);
        n++;
    }
    if (verify->n_wrong == before) tell(verify, "models", "%zu, all finite", n);
    return OK;
}

enum status command_verify(const struct cli *cli, struct err *err)
{
    enum status rc = OK;
    struct verify verify = {.cli = cli};
    TRY(sweep_file_open(cli->target, &verify.file, err));
    tell(&verify, "file", "%s", verify.file->path);
    check_content(&verify);
    check_config(&verify);
    check_fits(&verify);
    check_best(&verify);
    TRY(check_history(&verify, err));
    TRY(cli->data != NULL ? check_scores(&verify, err) : check_models(&verify, err));
    if (verify.n_wrong > 0)
        FAIL(err, ERR_DATA, "%s: %zu thing%s wrong:\n%s", verify.file->path, verify.n_wrong,
             verify.n_wrong == 1 ? "" : "s", verify.found.text);
    tell(&verify, "verdict", "sound%s",
         cli->data == NULL ? "; --data PATH would score the models anew" : "");
done:
    sweep_file_close(&verify.file);
    return rc;
}
