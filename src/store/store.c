#include "store_parts.h"

#include "clock.h"
#include "disk.h"
#include "version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool store_is_content(const char *path)
{
    const char *name = strrchr(path, '/');
    return strncmp(path, "/provenance/", 12) != 0 && strncmp(path, "/config/", 8) != 0 &&
           strcmp(name, "/wall_s") != 0;
}

enum status store_config_sha256(const char *resolved, char hex[DIGEST_HEX], struct err *err)
{
    enum status rc = OK;
    struct digest *digest = NULL;
    TRY(digest_create(&digest, err));
    digest_text(digest, resolved);
    TRY(digest_finish(digest, hex, err));
done:
    digest_destroy(&digest);
    return rc;
}

static enum status write_root(struct store *store, bool complete, struct err *err)
{
    enum status rc = OK;
    char created[32], config_sha256[DIGEST_HEX];
    const int64_t version = STORE_FORMAT_VERSION;
    clock_utc(created);
    TRY(store_config_sha256(store->resolved, config_sha256, err));
    const struct {
        const char *name, *value;
    } attrs[] = {{"format", "gmmsweep"},
                 {"status", complete ? "complete" : "partial"},
                 {"created", created},
                 {"software_version", GMMSWEEP_VERSION},
                 {"git_revision", GMMSWEEP_REVISION},
                 {"config_sha256", config_sha256},
                 {"data_sha256", store->data->sha256}};
    const int64_t planned = (int64_t)store->plan->n_fits;
    TRY(h5_attr_ints(store->h5, "/", "format_version", 1, &version, err));
    TRY(h5_attr_ints(store->h5, "/", "planned_fits", 1, &planned, err));
    for (size_t i = 0; i < sizeof attrs / sizeof attrs[0]; i++)
        TRY(h5_attr_text(store->h5, "/", attrs[i].name, attrs[i].value, err));
done:
    return rc;
}

/* Picks the finished fits in the plan's order and lays out /history. */
static enum status select_fits(struct store *store, struct err *err)
{
    enum status rc = OK;
    ptrdiff_t *place = NULL;
    TRY_ALLOC(place, store->plan->n_fits, err);
    TRY_ALLOC(store->source, store->plan->n_fits, err);
    TRY_ALLOC(store->fits, store->plan->n_fits, err);
    shards_match(store->shards, store->plan, place);
    for (size_t i = 0; i < store->plan->n_fits; i++) {
        if (place[i] < 0) continue;
        struct fit_row *row = &store->fits[store->n_fits];
        store->source[store->n_fits++] = (size_t)place[i];
        *row = store->shards->fits[place[i]].row;
        row->history_first = (int64_t)store->n_entries;
        store->n_entries += (size_t)row->history_count;
    }
done:
    free(place);
    return rc;
}

static enum status write_temporary(struct store *store, const char *path, struct err *err)
{
    enum status rc = OK;
    char content[DIGEST_HEX];
    TRY(h5_create(path, &store->h5, err));
    TRY(write_root(store, store->n_fits == store->plan->n_fits, err));
    TRY(store_write_config(store, err));
    TRY(store_write_provenance(store, err));
    TRY(store_write_data(store, err));
    TRY(store_write_fits(store, err));
    TRY(store_write_results(store, err));
    TRY(store_write_best(store, err));
    TRY(h5_close(&store->h5, err));
    /* Reading all of it back, with its checksums, is what makes the digest. */
    TRY(h5_open(path, true, &store->h5, err));
    TRY(h5_digest(store->h5, store_is_content, content, err));
    TRY(h5_attr_text(store->h5, "/", "content_sha256", content, err));
    TRY(h5_close(&store->h5, err));
done:
    h5_abandon(&store->h5);
    return rc;
}

enum status store_write(const char *output, const struct config *config, const char *resolved,
                        const struct data *data, const struct rows *rows, const struct plan *plan,
                        const struct shards *shards, size_t *n_missing, struct err *err)
{
    enum status rc = OK;
    char path[DISK_PATH], temporary[DISK_PATH];
    struct store store = {.config = config,
                          .data = data,
                          .rows = rows,
                          .plan = plan,
                          .shards = shards,
                          .resolved = resolved};
    TRY(disk_join(output, "sweep.h5", path, err));
    TRY(disk_join(output, "sweep.h5.tmp", temporary, err));
    TRY(select_fits(&store, err));
    TRY_ALLOC(store.kept, store.n_fits, err);
    TRY(store_choose(&store, &config->output_keep, store.kept, err));
    *n_missing = plan->n_fits - store.n_fits;
    TRY(store_choose_scored(&store, err));
    rc = write_temporary(&store, temporary, err);
    if (rc != OK) unlink(temporary);
    if (rc == OK) rc = disk_replace(temporary, path, err);
done:
    free(store.names);
    free(store.place_in);
    free(store.group_of);
    free(store.groups);
    store_destroy_row_scores(&store.row_scores);
    free(store.scored);
    free(store.kept);
    free(store.fits);
    free(store.source);
    return rc;
}
