#include "checkpoint.h"

#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define N_SLOTS 2

/* A state that was found: where its record stands. */
struct state {
    char id[17];
    int64_t max_iter; /* the limit under which it came so far */
    struct checkpoint_place place;
    uint64_t offset, copied; /* copied: where the checkpoint being written has it */
    bool own;                /* in our own folder, in the latest slot */
    char *path;
};

struct checkpoint {
    char slots[N_SLOTS][DISK_PATH];
    uint64_t number; /* of the latest checkpoint */
    int next_slot;
    size_t n_states;
    struct state *states; /* [n_states] of fits that have not gone on; one may have several */
};

/* --- finding --- */

/* What a scan of one slot works on. */
struct reading {
    struct checkpoint *checkpoint; /* NULL: only count */
    const char *path;
    bool own;
    uint64_t number, n_promised, n_found;
};

static enum status add_state(struct checkpoint *checkpoint, const struct state *state,
                             struct err *err)
{
    enum status rc = OK;
    TRY(err_grow(checkpoint->n_states, sizeof *checkpoint->states, "states of fits",
                 &checkpoint->states, err));
    checkpoint->states[checkpoint->n_states] = *state;
    checkpoint->states[checkpoint->n_states].path = strdup(state->path);
    if (checkpoint->states[checkpoint->n_states].path == NULL)
        FAIL(err, ERR_INTERNAL, "out of memory for the path of a checkpoint");
    checkpoint->n_states++;
done:
    return rc;
}

struct checkpoint_place checkpoint_place(const struct live_fit *live)
{
    struct checkpoint_place place = {{0}, 0};
    if (live->em != NULL) place.em = em_place_of(live->em);
    if (live->awaited != NULL) place.lloyd = live->awaited->n_iterations;
    if (live->lloyd != NULL) place.lloyd = live->lloyd->n_iterations;
    return place;
}

bool checkpoint_precedes(struct checkpoint_place a, struct checkpoint_place b)
{
    if (em_place_precedes(a.em, b.em)) return true;
    return !em_place_precedes(b.em, a.em) && a.lloyd < b.lloyd;
}

/* The farthest state of a fit that came under a limit of at most max_iter; under a larger one it
 * may have gone past the end. */
static struct state *find_state(struct checkpoint *checkpoint, const char *id, int64_t max_iter)
{
    struct state *found = NULL;
    for (size_t i = 0; i < checkpoint->n_states; i++) {
        struct state *state = &checkpoint->states[i];
        if (strcmp(state->id, id) != 0 || state->max_iter > max_iter) continue;
        if (found == NULL || checkpoint_precedes(found->place, state->place)) found = state;
    }
    return found;
}

static void drop_state(struct checkpoint *checkpoint, struct state *state)
{
    free(state->path);
    *state = checkpoint->states[--checkpoint->n_states];
}

/* A record: id, limit, place; then what kmeans_pack has of the awaited start, and of EM em_pack. */
static void unpack_head(struct unpack *payload, struct state *state)
{
    unpack_text(payload, state->id, sizeof state->id);
    state->max_iter = (int64_t)unpack_u64(payload);
    state->place.em.redraw = unpack_u64(payload);
    state->place.em.trial = unpack_u64(payload);
    state->place.em.n_entries = unpack_u64(payload);
    state->place.lloyd = unpack_u64(payload);
}

static void pack_head(const struct live_fit *live, struct pack *payload)
{
    const struct checkpoint_place place = checkpoint_place(live);
    pack_text(payload, live->fit->id);
    pack_u64(payload, (uint64_t)live->fit->em.max_iter);
    pack_u64(payload, place.em.redraw);
    pack_u64(payload, place.em.trial);
    pack_u64(payload, place.em.n_entries);
    pack_u64(payload, place.lloyd);
}

static enum status take_record(void *context, enum log_type type, struct unpack *payload,
                               uint64_t offset, struct err *err)
{
    struct reading *in = context;
    if (type == LOG_CHECKPOINT) {
        in->number = unpack_u64(payload);
        in->n_promised = unpack_u64(payload);
    }
    if (type != LOG_RUNNING) return OK;
    in->n_found++;
    if (in->checkpoint == NULL) return OK;
    struct state state = {.offset = offset, .own = in->own, .path = (char *)in->path};
    unpack_head(payload, &state);
    return add_state(in->checkpoint, &state, err);
}

static enum status slot_path(const char *folder, int slot, char *out, struct err *err)
{
    char name[32];
    snprintf(name, sizeof name, "checkpoint-%d", slot);
    return disk_join(folder, name, out, err);
}

/* The number of the slot's checkpoint if all of it is there, else 0. */
static uint64_t number_of(const char *path)
{
    struct reading count = {0};
    struct err damage;
    bool read = log_scan(path, take_record, &count, &damage) == OK;
    return read && count.n_found == count.n_promised ? count.number : 0;
}

/* Takes the states of a folder's latest whole slot. */
static enum status read_folder(struct checkpoint *checkpoint, const char *folder, bool own,
                               struct err *err)
{
    enum status rc = OK;
    char path[N_SLOTS][DISK_PATH];
    uint64_t number[N_SLOTS];
    for (int slot = 0; slot < N_SLOTS; slot++) {
        TRY(slot_path(folder, slot, path[slot], err));
        number[slot] = number_of(path[slot]);
    }
    const int latest = number[1] > number[0];
    if (number[latest] == 0) goto done;
    struct reading in = {.checkpoint = checkpoint, .path = path[latest], .own = own};
    rc = log_scan(path[latest], take_record, &in, err);
    if (!own && rc == ERR_DATA) rc = OK; /* its shard has written it anew meanwhile */
    if (!own || rc != OK) goto done;
    checkpoint->number = number[latest];
    checkpoint->next_slot = 1 - latest;
done:
    return rc;
}

enum status checkpoint_open(const struct shards *shards, const char *folder,
                            struct checkpoint **out, struct err *err)
{
    enum status rc = OK;
    struct checkpoint *checkpoint = NULL;
    *out = NULL;
    TRY_ALLOC(checkpoint, 1, err);
    for (int slot = 0; slot < N_SLOTS; slot++)
        TRY(slot_path(folder, slot, checkpoint->slots[slot], err));
    for (size_t i = 0; i < shards->n_logs; i++)
        TRY(read_folder(checkpoint, shards->logs[i].folder,
                        strcmp(shards->logs[i].folder, folder) == 0, err));
    *out = checkpoint;
    checkpoint = NULL;
done:
    checkpoint_close(&checkpoint);
    return rc;
}

void checkpoint_close(struct checkpoint **checkpoint)
{
    if (*checkpoint == NULL) return;
    for (size_t i = 0; i < (*checkpoint)->n_states; i++)
        free((*checkpoint)->states[i].path);
    free((*checkpoint)->states);
    free(*checkpoint);
    *checkpoint = NULL;
}

/* --- going on --- */

enum status checkpoint_resume(struct checkpoint *checkpoint, size_t n_features,
                              struct live_fit *live, struct err *err)
{
    enum status rc = OK;
    struct pack payload = {0};
    const struct plan_fit *fit = live->fit;
    struct state head = {0}, *state = find_state(checkpoint, fit->id, fit->em.max_iter);
    struct err unreadable;
    if (state != NULL && log_read(state->path, state->offset, &payload, &unreadable) == OK) {
        struct unpack reader = {.bytes = payload.bytes, .n = payload.n};
        bool resumed = true;
        unpack_head(&reader, &head);
        /* The file of another shard may have been written anew since. */
        if (strcmp(head.id, fit->id) == 0 && head.max_iter <= fit->em.max_iter) {
            TRY(kmeans_unpack(&reader, fit->n_components * n_features, &live->lloyd, err));
            if (live->em != NULL) TRY(em_resume(live->em, &reader, &resumed, err));
            if (!resumed) kmeans_forget(&live->lloyd);
        }
    }
    for (size_t i = checkpoint->n_states; i-- > 0;)
        if (strcmp(checkpoint->states[i].id, fit->id) == 0)
            drop_state(checkpoint, &checkpoint->states[i]);
done:
    free(payload.bytes);
    return rc;
}

/* --- writing --- */

static enum status append_state(struct log *log, const struct live_fit *live, uint64_t *bytes,
                                struct err *err)
{
    struct pack payload = {0};
    pack_head(live, &payload);
    kmeans_pack(live->awaited, &payload);
    if (live->em != NULL) em_pack(live->em, &payload);
    enum status rc = log_append(log, LOG_RUNNING, &payload, err);
    *bytes += payload.n;
    free(payload.bytes);
    return rc;
}

/* A state that waits for its fit is copied from the other slot, the next to be overwritten. */
static enum status copy_state(struct log *log, struct state *state, uint64_t *bytes,
                              struct err *err)
{
    struct pack payload = {0};
    enum status rc = log_read(state->path, state->offset, &payload, err);
    state->copied = log_end(log);
    if (rc == OK) rc = log_append(log, LOG_RUNNING, &payload, err);
    *bytes += payload.n;
    free(payload.bytes);
    return rc;
}

static enum status write_slot(struct checkpoint *checkpoint, struct log *log,
                              const struct live_fit *live, size_t n_live, uint64_t *bytes,
                              struct err *err)
{
    enum status rc = OK;
    struct pack head = {0};
    uint64_t n = n_live;
    for (size_t i = 0; i < checkpoint->n_states; i++)
        n += checkpoint->states[i].own;
    pack_u64(&head, checkpoint->number + 1);
    pack_u64(&head, n);
    TRY(log_append(log, LOG_CHECKPOINT, &head, err));
    for (size_t i = 0; i < n_live; i++)
        TRY(append_state(log, &live[i], bytes, err));
    for (size_t i = 0; i < checkpoint->n_states; i++)
        if (checkpoint->states[i].own) TRY(copy_state(log, &checkpoint->states[i], bytes, err));
done:
    free(head.bytes);
    return rc;
}

enum status checkpoint_write(struct checkpoint *checkpoint, const struct live_fit *live,
                             size_t n_live, uint64_t *bytes, struct err *err)
{
    enum status rc = OK;
    struct log *log = NULL;
    struct err closing;
    char *path = checkpoint->slots[checkpoint->next_slot];
    *bytes = 0;
    TRY(log_create(path, &log, err));
    rc = write_slot(checkpoint, log, live, n_live, bytes, err);
done:;
    enum status closed = log_close(&log, &closing);
    if (rc == OK && closed != OK) rc = err_set(err, closed, "%s", closing.text);
    for (size_t i = 0; rc == OK && i < checkpoint->n_states; i++) {
        struct state *state = &checkpoint->states[i];
        if (!state->own) continue;
        state->offset = state->copied;
        memcpy(state->path, path, strlen(path) + 1); /* the slots' names are equally long */
    }
    if (rc != OK) return rc;
    checkpoint->number++;
    checkpoint->next_slot = 1 - checkpoint->next_slot;
    return OK;
}

void checkpoint_remove(struct checkpoint *checkpoint)
{
    for (int slot = 0; slot < N_SLOTS; slot++)
        unlink(checkpoint->slots[slot]);
}
