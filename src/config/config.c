#include "config.h"

#include "config_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A config is written by hand; a file beyond this is something else. */
enum { MOST_BYTES = 16 << 20 };

static enum status read_file(const char *path, char **text, size_t *length, struct err *err)
{
    enum status rc = OK;
    struct stat info;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a FIFO must not make us wait */
    if (fd < 0 || fstat(fd, &info) != 0)
        FAIL(err, ERR_CONFIG, "%s: %s, expected a config file", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        FAIL(err, ERR_CONFIG, "%s: %s, expected a config file", path,
             S_ISDIR(info.st_mode) ? strerror(EISDIR) : "not a regular file");
    if (info.st_size > MOST_BYTES)
        FAIL(err, ERR_CONFIG, "%s: %lld bytes, expected a config file of at most %d", path,
             (long long)info.st_size, MOST_BYTES);
    TRY_ALLOC(*text, (size_t)info.st_size + 1, err);
    *length = 0;
    while (*length < (size_t)info.st_size) {
        ssize_t n = read(fd, *text + *length, (size_t)info.st_size - *length);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) FAIL(err, ERR_CONFIG, "%s: %s, expected a config file", path, strerror(errno));
        if (n == 0) break;
        *length += (size_t)n;
    }

done:
    if (fd >= 0) close(fd);
    return rc;
}

/* Refuses what is no KEY=VALUE; else *out holds the overrides, one a line. */
static enum status join_overrides(size_t n, const char *const *overrides, char **out,
                                  struct err *err)
{
    enum status rc = OK;
    struct err found = {0};
    size_t length = 0;
    for (size_t i = 0; i < n; i++) {
        length += strlen(overrides[i]) + 1;
        bool is_line = strpbrk(overrides[i], "\r\n") == NULL;
        if (strchr(overrides[i], '=') == NULL || !is_line)
            err_add(&found, ERR_USAGE, "--set '%s': %s, expected KEY=VALUE",
                    shown(overrides[i]).text, is_line ? "no =" : "more than one line");
    }
    if (found.status != OK) {
        *err = found;
        return ERR_USAGE;
    }
    TRY_ALLOC(*out, length + 1, err);
    char *end = *out;
    for (size_t i = 0; i < n; i++) {
        end = stpcpy(end, overrides[i]);
        if (i + 1 < n) *end++ = '\n';
    }

done:
    return rc;
}

/* Whether some fit has a number of components that neither labels nor a file give. */
static bool wants_components(const struct config *config)
{
    bool unlabelled = false, free_init = false;
    for (size_t i = 0; i < config->sweep_method.n; i++)
        unlabelled |= config->sweep_method.v[i] != METHOD_labelled;
    for (size_t i = 0; i < config->sweep_init.n; i++)
        free_init |= config->sweep_init.v[i] != INIT_labels && config->sweep_init.v[i] != INIT_file;
    return unlabelled && free_init;
}

static bool is_given(const struct reader *reader, enum param_id id)
{
    return reader->given[id].source != NULL;
}

static void note_missing(struct reader *reader, const char *path, enum param_id id)
{
    char expected[256];
    if (is_given(reader, id)) return;
    config_params_expected(&config_params[id], expected, sizeof expected);
    config_mistake(&reader->mistakes, (struct place){.source = path}, config_params[id].name,
                   "missing, expected %s%s", expected,
                   id == ID_data_path ? ", or data.synthetic instead" : "");
}

/* Notes that `id` is given beside `other`, which has no sense with it. */
static void note_beside(struct reader *reader, enum param_id id, const char *other)
{
    if (is_given(reader, id))
        config_mistake(&reader->mistakes, reader->given[id], config_params[id].name,
                       "given beside %s, expected one of them", other);
}

/* Rows are drawn or read from a file. */
static void check_synthetic(struct reader *reader, const char *path)
{
    const struct config *config = reader->config;
    const size_t ranks = config->data_synthetic_weights.rank + config->data_synthetic_means.rank +
                         config->data_synthetic_deviations.rank +
                         config->data_synthetic_covariances.rank;
    if (config->data_synthetic_samples == 0 && ranks == 0) {
        note_missing(reader, path, ID_data_path);
        return;
    }
    note_beside(reader, ID_data_path, "data.synthetic");
    note_beside(reader, ID_data_dataset, "data.synthetic");
    note_beside(reader, ID_data_labels, "data.synthetic, whose labels are the true components");
    if (config->data_synthetic_samples == 0 && reader->mistakes.err.status == OK)
        reader->given[ID_data_synthetic_samples].source = NULL; /* 0 is as none */
    note_missing(reader, path, ID_data_synthetic_samples);
    note_missing(reader, path, ID_data_synthetic_means);
    if (!is_given(reader, ID_data_synthetic_covariances))
        note_missing(reader, path, ID_data_synthetic_deviations);
    else
        note_beside(reader, ID_data_synthetic_deviations, "data.synthetic.covariances");
}

/* What the rows of params.def cannot say. */
static void check_together(struct reader *reader, const char *path)
{
    check_synthetic(reader, path);
    if (wants_components(reader->config)) note_missing(reader, path, ID_sweep_components);
    note_missing(reader, path, ID_output_path);

    struct config *config = reader->config;
    if (config->data_resize.height > 0 && config->data_pool > 1)
        config_mistake(
            &reader->mistakes, reader->given[ID_data_resize], config_params[ID_data_resize].name,
            "given beside data.pool (%lld), expected one of them", (long long)config->data_pool);

    struct place absolute = reader->given[ID_em_floor_absolute];
    if (absolute.source == NULL || config->em_floor_absolute == 0) return;
    if (reader->given[ID_em_floor].source == NULL) config->em_floor = 0;
    if (config->em_floor != 0)
        config_mistake(&reader->mistakes, absolute, config_params[ID_em_floor_absolute].name,
                       "given beside em.floor (%g and %g), expected one of them to be 0",
                       config->em_floor_absolute, config->em_floor);
}

/* *out: the folder that the file at `path` stands in. */
static enum status folder_of(const char *path, const char *working_folder, char **out,
                             struct err *err)
{
    enum status rc = OK;
    char *folder = NULL;
    const char *slash = strrchr(path, '/');
    TRY(config_value_copy(path, slash == NULL ? 0 : (size_t)(slash + 1 - path), &folder, err));
    TRY(config_path_resolve(working_folder, folder, out, err));

done:
    free(folder);
    return rc;
}

/* Reads config->given_text [length], told as `source`, and the overrides; gives *out away. */
static enum status read_text(struct reader *reader, const char *source, size_t length,
                             const char *working_folder, size_t n_overrides,
                             const char *const *overrides, struct config **out, struct err *err)
{
    enum status rc = OK;
    TRY(config_reader_defaults(reader, err));
    enum status file = config_reader_text(reader, reader->config->given_text, length, source, err);
    if (file != ERR_CONFIG) TRY(file);
    reader->base = working_folder;
    for (size_t i = 0; i < n_overrides; i++)
        TRY(config_reader_override(reader, overrides[i], err));
    if (file == OK)
        check_together(reader, source); /* else what is missing may stand further down */
    if (reader->mistakes.err.status != OK) {
        *err = reader->mistakes.err;
        rc = ERR_CONFIG;
        goto done;
    }
    *out = reader->config;
    reader->config = NULL;

done:
    return rc;
}

enum status config_read(const char *path, size_t n_overrides, const char *const *overrides,
                        struct config **out, struct err *err)
{
    enum status rc = OK;
    struct reader reader = {0};
    char working_folder[PATH_MAX];
    char *folder = NULL;
    size_t length = 0;
    *out = NULL;
    TRY_ALLOC(reader.config, 1, err);
    TRY(join_overrides(n_overrides, overrides, &reader.config->overrides, err));
    TRY(read_file(path, &reader.config->given_text, &length, err));
    if (getcwd(working_folder, sizeof working_folder) == NULL)
        FAIL(err, ERR_CONFIG, "working folder: %s, expected one that exists", strerror(errno));
    TRY(folder_of(path, working_folder, &folder, err));
    reader.base = folder;
    TRY(read_text(&reader, path, length, working_folder, n_overrides, overrides, out, err));

done:
    free(folder);
    config_destroy(&reader.config);
    return rc;
}

enum status config_read_resolved(const char *text, const char *source, const char *given,
                                 const char *overrides, size_t n_changes,
                                 const char *const *changes, struct config **out, struct err *err)
{
    enum status rc = OK;
    struct reader reader = {.base = "/"};
    const size_t length = strlen(text);
    struct config *config = NULL;
    *out = NULL;
    TRY_ALLOC(reader.config, 1, err);
    TRY(config_value_copy(text, length, &reader.config->given_text, err));
    TRY(read_text(&reader, source, length, "/", n_changes, changes, &config, err));
    free(config->given_text);
    config->given_text = NULL;
    TRY(config_value_copy(given, strlen(given), &config->given_text, err));
    TRY(config_value_copy(overrides, strlen(overrides), &config->overrides, err));
    *out = config;
    config = NULL;

done:
    config_destroy(&config);
    config_destroy(&reader.config);
    return rc;
}

void config_destroy(struct config **config)
{
    if (*config == NULL) return;
    for (size_t i = 0; i < N_PARAMS; i++)
        config_value_clear(&config_params[i], config_params_field(&config_params[i], *config));
    free((*config)->given_text);
    free((*config)->overrides);
    free(*config);
    *config = NULL;
}
