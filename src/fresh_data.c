#include "fresh_data.h"

#include "machine.h"
#include "source.h"
#include "sweep_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What picks or weighs rows, and what draws them. */
static const char *const forgotten[] = {"data.labels=",
                                        "data.weights=",
                                        "data.classes=",
                                        "data.limit=",
                                        "data.heldout=",
                                        "data.synthetic.samples=",
                                        "data.synthetic.weights=",
                                        "data.synthetic.means=",
                                        "data.synthetic.deviations=",
                                        "data.synthetic.covariances="};
enum { N_FORGOTTEN = sizeof forgotten / sizeof *forgotten, MOST_CHANGES = N_FORGOTTEN + 3 };

/* What the config of the sweep is changed to. */
struct changes {
    size_t n;
    const char *v[MOST_CHANGES];
    char *path, *columns;
};

static bool is_number(const char *name)
{
    return name[0] != '\0' && strspn(name, "0123456789") == strlen(name);
}

/* *out: KEY=['a', 'b'] of names [n]; one that `src` has not, but is a number, means that column. */
static enum status list_change(const char *key, char *const *names, size_t n,
                               const struct source *src, char **out, struct err *err)
{
    size_t length, d;
    *out = NULL;
    FILE *text = open_memstream(out, &length);
    if (text != NULL) fprintf(text, "%s=[", key);
    for (size_t i = 0; text != NULL && i < n; i++) {
        if (i > 0) fputs(", ", text);
        if (is_number(names[i]) && source_find(src, names[i], &d) == 0)
            fputs(names[i], text);
        else
            config_print_quoted(text, names[i]);
    }
    if (text != NULL) fputc(']', text);
    return err_text(text, out, key, err);
}

/* Whether the file's columns are to be found by the names of the sweep's features. */
static bool has_names(const struct source *src, char *const *names, size_t n)
{
    bool named = false;
    size_t d;
    for (size_t i = 0; i < n; i++) {
        for (const char *c = names[i]; *c != '\0'; c++)
            if ((unsigned char)*c < ' ') return false; /* no line of YAML */
        const size_t n_found = src->col_names != NULL ? source_find(src, names[i], &d) : 0;
        if (n_found > 1) return false; /* by number, then */
        named |= src->col_names != NULL && (!is_number(names[i]) || n_found > 0);
    }
    return named;
}

/* Whether all columns that the config lists are numbers that the file has. */
static bool has_numbers(const struct source *src, const struct text_list *columns)
{
    for (size_t i = 0; i < columns->n; i++)
        if (columns->quoted[i] || !is_number(columns->v[i]) ||
            strtoull(columns->v[i], NULL, 10) >= src->n_cols)
            return false;
    return true;
}

static enum status wrong_width(const char *path, size_t width, size_t n_features, struct err *err)
{
    return err_set(err, ERR_DATA,
                   "%s: has %zu feature%s, but the sweep's models have %zu; expected data of the "
                   "same kind as the sweep's",
                   path, width, width == 1 ? "" : "s", n_features);
}

static enum status change_columns(const struct sweep_file *file, const struct config *config,
                                  const struct source *src, struct changes *changes,
                                  struct err *err)
{
    enum status rc = OK;
    const struct text_list *columns = &config->data_columns;
    struct sweep_data data = {0};
    TRY(sweep_file_read_data(file, &data, err));
    if (has_names(src, data.feature_names, data.n_features)) {
        TRY(list_change("data.columns", data.feature_names, data.n_features, src, &changes->columns,
                        err));
        changes->v[changes->n++] = changes->columns;
    } else if (!has_numbers(src, columns)) {
        if (src->n_cols != data.n_features)
            TRY(wrong_width(src->path, src->n_cols, data.n_features, err));
        changes->v[changes->n++] = "data.columns=";
    }
done:
    sweep_data_free(&data);
    return rc;
}

/* The array of the sweep's name, if the file has it, else the only one that fits. */
static enum status open_source(const struct config *config, const char *path, size_t limit,
                               struct changes *changes, struct source **src, struct err *err)
{
    struct err why;
    if (config->data_dataset != NULL &&
        source_open_dataset(path, config->data_dataset, limit, src, &why) == OK)
        return OK;
    changes->v[changes->n++] = "data.dataset=";
    return source_open(path, limit, src, err);
}

static enum status change_path(const char *path, struct changes *changes, struct err *err)
{
    enum status rc = OK;
    char *absolute = realpath(path, NULL);
    if (absolute == NULL)
        FAIL(err, ERR_DATA, "%s: %s, expected a data file", path, strerror(errno));
    TRY(config_override("data.path", absolute, &changes->path, err));
    changes->v[changes->n++] = changes->path;
done:
    free(absolute);
    return rc;
}

/* What a config cannot do with a file is, here, the file's fault. */
static enum status load(const struct sweep_file *file, const char *path, size_t limit,
                        struct changes *changes, struct config **config, struct data **data,
                        struct err *err)
{
    enum status rc = OK;
    struct source *src = NULL;
    TRY(change_path(path, changes, err));
    TRY(sweep_config_read(file, config, err));
    TRY(open_source(*config, path, limit, changes, &src, err));
    TRY(change_columns(file, *config, src, changes, err));
    source_close(&src); /* before it is read again */
    config_destroy(config);
    TRY(sweep_config_read_changed(file, changes->n, changes->v, config, err));
    TRY(data_load(*config, limit, data, err));
    if ((*data)->n_features != file->n_features)
        TRY(wrong_width(path, (*data)->n_features, file->n_features, err));
done:
    source_close(&src);
    return rc == ERR_CONFIG ? err->status = ERR_DATA : rc;
}

enum status fresh_data_load(const struct sweep_file *file, const char *path, struct data **out,
                            struct err *err)
{
    struct changes changes = {.n = N_FORGOTTEN};
    struct config *config = NULL;
    memcpy(changes.v, forgotten, sizeof forgotten);
    *out = NULL;
    enum status rc = load(file, path, (size_t)machine_memory(0), &changes, &config, out, err);
    if (rc != OK) data_destroy(out);
    config_destroy(&config);
    free(changes.columns);
    free(changes.path);
    return rc;
}
