#include "inspect.h"

#include "sweep_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct fit_row *)a)->name, ((const struct fit_row *)b)->name);
}

static enum status take_file(const char *path, struct inspection *inspection, struct err *err)
{
    enum status rc = OK;
    struct sweep_file *file = NULL;
    TRY(sweep_file_open(path, &file, err));
    inspection->n_fits = file->n_fits;
    inspection->n_planned = file->n_planned;
    inspection->fits = file->fits;
    file->fits = NULL;
done:
    sweep_file_close(&file);
    return rc;
}

/* Takes the rows of sweep.h5, if it has the finished fits of all logs: it knows their order. */
static bool take_whole_file(const char *file, struct inspection *inspection)
{
    struct err none;
    struct stat about;
    if (stat(file, &about) != 0 || take_file(file, inspection, &none) != OK) return false;
    if (inspection->n_fits == inspection->n_planned &&
        inspection->n_fits == inspection->shards->n_fits &&
        inspection->n_fits == inspection->shards->identity.n_fits)
        return true;
    free(inspection->fits);
    inspection->fits = NULL;
    inspection->n_fits = 0;
    return false;
}

static enum status take_shards(struct inspection *inspection, struct err *err)
{
    enum status rc = OK;
    const struct shards *shards = inspection->shards;
    TRY_ALLOC(inspection->fits, shards->n_fits, err);
    inspection->n_fits = shards->n_fits;
    for (size_t i = 0; i < shards->n_fits; i++)
        inspection->fits[i] = shards->fits[i].row;
    if (shards->n_fits > 0)
        qsort(inspection->fits, inspection->n_fits, sizeof *inspection->fits, compare_names);
    inspection->n_planned = (size_t)shards->identity.n_fits;
done:
    return rc;
}

enum status inspect(const char *path, struct inspection *inspection, struct err *err)
{
    enum status rc = OK;
    struct stat about;
    char file[4096];
    *inspection = (struct inspection){0};
    if (stat(path, &about) != 0)
        FAIL(err, ERR_DATA, "%s: %s; expected a result file or a sweep's folder", path,
             strerror(errno));
    snprintf(file, sizeof file, "%s", path);
    if (S_ISDIR(about.st_mode)) {
        TRY(shards_read(path, &inspection->shards, err));
        if ((size_t)snprintf(file, sizeof file, "%s/sweep.h5", path) >= sizeof file)
            FAIL(err, ERR_DATA, "%s: the path is too long", path);
        if (inspection->shards->any) {
            if (!take_whole_file(file, inspection)) TRY(take_shards(inspection, err));
            goto done;
        }
        shards_destroy(&inspection->shards);
        if (stat(file, &about) != 0)
            FAIL(err, ERR_DATA,
                 "%s: no sweep has been run in this folder; expected sweep.h5 or "
                 "shards/ in it",
                 path);
    }
    TRY(take_file(file, inspection, err));
done:
    if (rc != OK) inspection_free(inspection);
    return rc;
}

void inspection_free(struct inspection *inspection)
{
    shards_destroy(&inspection->shards);
    free(inspection->fits);
    *inspection = (struct inspection){0};
}
