/* report_read.c - the stage that reads what a report is made of, from a result file or from the
 * logs of a sweep that is not finished. */
#include "report_parts.h"

#include "data.h"
#include "machine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Rows that take more are not read again: a report is no job of its own. */
#define MOST_BYTES 0x1p32

static enum status copy_text(const char *text, char **out, struct err *err)
{
    enum status rc = err_alloc(strlen(text) + 1, 1, "a text of the report", out, err);
    if (rc == OK) strcpy(*out, text);
    return rc;
}

/* --- from a result file --- */

static enum status read_texts(struct report *report, struct err *err)
{
    enum status rc = OK;
    const struct {
        const char *name;
        char **out;
    } attrs[] = {
        {"created", &report->created},         {"software_version", &report->version},
        {"git_revision", &report->revision},   {"config_sha256", &report->config_sha256},
        {"data_sha256", &report->data_sha256}, {"content_sha256", &report->content_sha256}};
    TRY(sweep_file_read_config(report->file, "given", &report->given, err));
    TRY(sweep_file_read_config(report->file, "resolved", &report->resolved, err));
    TRY(sweep_file_read_config(report->file, "overrides", &report->overrides, err));
    for (size_t i = 0; i < sizeof attrs / sizeof attrs[0]; i++)
        TRY(sweep_file_read_attr(report->file, attrs[i].name, attrs[i].out, err));
done:
    return rc;
}

static enum status read_traces(struct report *report, struct err *err)
{
    enum status rc = OK;
    struct em_entry *entries = NULL;
    const size_t n = report->file->n_entries;
    TRY_ALLOC(entries, n, err);
    TRY_ALLOC(report->loglik, n, err);
    TRY(sweep_file_read_history(report->file, 0, n, entries, err));
    for (size_t t = 0; t < n; t++)
        report->loglik[t] = entries[t].loglik;
    for (size_t i = 0; i < report->seen.n_fits; i++) {
        const struct fit_row *row = &report->seen.fits[i];
        const size_t first = (size_t)row->history_first, count = (size_t)row->history_count;
        if (row->history_first < 0 || row->history_count < 0 || first > n || count > n - first)
            FAIL(err, ERR_DATA,
                 "%s: /fits says that %s has entries %lld of /history, from %lld, "
                 "which has %zu",
                 report->path, row->name, (long long)row->history_count,
                 (long long)row->history_first, n);
        report->traces[i] = (struct report_trace){count, report->loglik + first};
    }
done:
    free(entries);
    return rc;
}

static enum status read_file(struct report *report, struct err *err)
{
    enum status rc = OK;
    TRY(read_texts(report, err));
    TRY(read_traces(report, err));
    TRY(sweep_file_read_sessions(report->file, &report->n_sessions, &report->sessions, err));
    TRY(sweep_file_read_data(report->file, &report->about, err));
done:
    return rc;
}

/* --- from logs --- */

/* The place of a fit in the logs; n_fits if it is in none. */
static size_t find_in_shards(const struct shards *shards, const char *id)
{
    size_t i = 0;
    while (i < shards->n_fits && strcmp(shards->fits[i].row.id, id) != 0)
        i++;
    return i;
}

/* The fit of seen.fits, sorted by name, that the row of a log is; n_fits if it is none. */
static size_t find_seen(const struct inspection *seen, const struct fit_row *row)
{
    size_t low = 0, high = seen->n_fits;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(seen->fits[middle].name, row->name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    while (low < seen->n_fits && strcmp(seen->fits[low].id, row->id) != 0)
        low++; /* fits of two configs may share a name */
    return low;
}

/* Between two looks at the folder, its result has gone. */
static enum status has_changed(const struct report *report, struct err *err)
{
    return err_set(err, ERR_DATA, "%s: has changed while it was read; try again", report->path);
}

static enum status read_shard_traces(struct report *report, struct err *err)
{
    enum status rc = OK;
    struct result *result = NULL;
    const struct shards *shards = report->seen.shards;
    size_t n_entries = 0, at = 0;
    for (size_t i = 0; i < shards->n_fits; i++)
        n_entries += (size_t)fmax(0.0, (double)shards->fits[i].row.history_count);
    TRY_ALLOC(report->loglik, n_entries, err);
    for (size_t i = 0; i < shards->n_fits; i++) {
        const struct fit_row *row = &shards->fits[i].row;
        const size_t fit = find_seen(&report->seen, row);
        if (fit == report->seen.n_fits) TRY(has_changed(report, err));
        TRY(shards_result(shards, i, &result, err));
        if (result->n_entries > n_entries - at)
            FAIL(err, ERR_DATA, "%s: the log has more of %s than its row says", report->path,
                 row->name);
        report->traces[fit] = (struct report_trace){result->n_entries, report->loglik + at};
        for (size_t t = 0; t < result->n_entries; t++)
            report->loglik[at++] = result->trace[t].loglik;
        result_destroy(&result);
    }
done:
    result_destroy(&result);
    return rc;
}

static enum status read_shards(struct report *report, struct err *err)
{
    enum status rc = OK;
    const struct shards *shards = report->seen.shards;
    const struct {
        const char *text;
        char **out;
    } texts[] = {{shards->identity.given, &report->given},
                 {shards->identity.resolved, &report->resolved},
                 {shards->identity.overrides, &report->overrides},
                 {shards->identity.data_sha256, &report->data_sha256},
                 {"", &report->created},
                 {"", &report->version},
                 {"", &report->revision},
                 {"", &report->config_sha256},
                 {"", &report->content_sha256}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        TRY(copy_text(texts[i].text != NULL ? texts[i].text : "", texts[i].out, err));
    TRY_ALLOC(report->sessions, shards->n_sessions, err);
    report->n_sessions = shards->n_sessions;
    if (shards->n_sessions > 0)
        memcpy(report->sessions, shards->sessions, shards->n_sessions * sizeof *shards->sessions);
    TRY(read_shard_traces(report, err));
done:
    return rc;
}

/* --- the rows --- */

static enum status copy_names(char *const *names, size_t n, char ***out, struct err *err)
{
    enum status rc = OK;
    TRY_ALLOC(*out, n, err);
    for (size_t i = 0; i < n; i++)
        TRY(copy_text(names[i], &(*out)[i], err));
done:
    return rc;
}

/* Mean and variance of each feature over the fitted rows, each of which counts once. */
static enum status take_moments(const struct data *data, struct sweep_data *about, struct err *err)
{
    enum status rc = OK;
    const size_t n_features = data->n_features;
    double count = 0.0;
    TRY_ALLOC(about->mean, n_features, err);
    TRY_ALLOC(about->variance, n_features, err);
    for (size_t n = 0; n < data->n_rows; n++) {
        if (data->heldout != NULL && data->heldout[n]) continue;
        count += 1.0;
        for (size_t d = 0; d < n_features; d++) {
            const double off = data->x[n * n_features + d] - about->mean[d];
            about->mean[d] += off / count;
            about->variance[d] += off * (data->x[n * n_features + d] - about->mean[d]);
        }
    }
    for (size_t d = 0; d < n_features; d++)
        about->variance[d] /= fmax(1.0, count);
done:
    return rc;
}

/* What only a result file has been told of the data is taken from the data. */
static enum status describe_data(struct report *report, struct err *err)
{
    enum status rc = OK;
    const struct data *data = report->data;
    struct sweep_data *about = &report->about;
    if (report->file != NULL) goto done;
    const char *path = report->config == NULL ? "" : report->config->data_path;
    TRY(copy_text(path != NULL ? path : "data.synthetic", &about->path, err));
    TRY(copy_text(data != NULL ? data->dtype : "", &about->dtype, err));
    if (data == NULL) goto done;
    about->n_features = data->n_features;
    about->n_classes = data->n_classes;
    TRY(take_moments(data, about, err));
    memcpy(about->image_shape, data->image_shape, sizeof about->image_shape);
    memcpy(about->picture_shape, data->picture_shape, sizeof about->picture_shape);
    TRY(copy_names(data->feature_names, data->n_features, &about->feature_names, err));
    TRY(copy_names(data->class_names, data->n_classes, &about->class_names, err));
done:
    return rc;
}

/* Reads the rows again, if they are still those that were fitted. That they are not is no error. */
static enum status read_rows(struct report *report, struct err *err)
{
    enum status rc = OK;
    struct err why = {OK, ""};
    if (config_read_resolved(report->resolved, report->path, report->given, report->overrides, 0,
                             NULL, &report->config, &why) != OK) {
        snprintf(report->data_note, sizeof report->data_note,
                 "this version of gmmsweep cannot read the sweep's config");
        goto done;
    }
    const char *path = report->config->data_path;
    const double memory = fmin(MOST_BYTES, machine_memory(report->config->run_memory));
    if (path != NULL && access(path, R_OK) != 0)
        snprintf(report->data_note, sizeof report->data_note, "%s cannot be read any more", path);
    else if (data_load(report->config, (size_t)memory, &report->data, &why) != OK)
        snprintf(report->data_note, sizeof report->data_note, "%.400s", why.text);
    else if (strcmp(report->data->sha256, report->data_sha256) != 0) {
        snprintf(report->data_note, sizeof report->data_note,
                 "%.400s is not what was fitted any more", report->data->path);
        data_destroy(&report->data);
    }
done:
    if (rc == OK) rc = describe_data(report, err);
    return rc;
}

/* --- models --- */

enum status report_read_model(const struct report *report, const struct fit_row *row,
                              struct report_model *out, struct err *err)
{
    enum status rc = OK;
    struct result *result = NULL;
    const size_t fit = (size_t)(row - report->seen.fits);
    *out = (struct report_model){.row = row};
    if (report->file != NULL) {
        if (report->file->place[fit] < 0) goto done;
        TRY(sweep_file_read_model(report->file, fit, &out->model, err));
        TRY(sweep_file_read_confusion(report->file, fit, &out->confusion, err));
    } else {
        const size_t place = find_in_shards(report->seen.shards, row->id);
        if (place == report->seen.shards->n_fits) TRY(has_changed(report, err));
        TRY(shards_result(report->seen.shards, place, &result, err));
        out->model = result->model;
        out->confusion = result->confusion;
        result->model = NULL;
        result->confusion = NULL;
    }
done:
    result_destroy(&result);
    if (rc != OK) report_model_free(out);
    return rc;
}

void report_model_free(struct report_model *model)
{
    model_destroy(&model->model);
    free(model->confusion);
    model->confusion = NULL;
}

/* --- all of it --- */

/* Whether the file has the fits that have been seen, in their order. */
static bool is_of(const struct sweep_file *file, const struct inspection *seen)
{
    bool same = file->n_fits == seen->n_fits;
    for (size_t i = 0; same && i < seen->n_fits; i++)
        same = strcmp(file->fits[i].id, seen->fits[i].id) == 0;
    return same;
}

/* Opens the result file, unless the logs know more. */
static enum status open_file(struct report *report, struct err *err)
{
    enum status rc = OK;
    struct err none;
    const struct inspection *seen = &report->seen;
    if (seen->shards != NULL && seen->n_fits < seen->n_planned) goto done;
    rc = sweep_file_open(report->path, &report->file, seen->shards == NULL ? err : &none);
    if (rc == OK && !is_of(report->file, seen)) {
        sweep_file_close(&report->file);
        rc = has_changed(report, err);
    }
    if (seen->shards != NULL) rc = OK; /* the logs have all there is */
done:
    return rc;
}

enum status report_read(const char *path, struct report **out, struct err *err)
{
    enum status rc = OK;
    struct report *report = NULL;
    *out = NULL;
    TRY_ALLOC(report, 1, err);
    report->path = path;
    TRY(inspect(path, &report->seen, err));
    TRY(open_file(report, err));
    TRY_ALLOC(report->traces, report->seen.n_fits, err);
    TRY(report->file != NULL ? read_file(report, err) : read_shards(report, err));
    TRY(report_sort(report, err));
    TRY(read_rows(report, err));
    if (report->best != NULL) TRY(report_read_model(report, report->best, &report->model, err));
    *out = report;
    report = NULL;
done:
    report_destroy(&report);
    return rc;
}

void report_destroy(struct report **report)
{
    struct report *r = *report;
    if (r == NULL) return;
    report_model_free(&r->model);
    free(r->cells);
    free(r->order);
    free(r->loglik);
    free(r->traces);
    data_destroy(&r->data);
    sweep_data_free(&r->about);
    free(r->sessions);
    config_destroy(&r->config);
    char *const texts[] = {r->given,         r->resolved,    r->overrides,
                           r->created,       r->version,     r->revision,
                           r->config_sha256, r->data_sha256, r->content_sha256};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free(texts[i]);
    sweep_file_close(&r->file);
    inspection_free(&r->seen);
    free(r);
    *report = NULL;
}
