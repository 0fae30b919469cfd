/* em_state.c - the state of a fit as a checkpoint keeps it.
 *
 * Between two ticks a fit is its parameters and its trace, and all else is made from them again.
 * What a tick would repeat is left to be repeated: a fit that is to be scored goes back to the step
 * whose pass ended it, a start that is set up to the wish for it.
 */
#include "em.h"

#include "clock.h"

#include <math.h>

/* Whether the parameters are the fit's own already, rather than its start's. */
static bool has_model(const struct em *em)
{
    if (em->is_fallback) return false;
    if (em->phase == EM_SETUP) return em->start == NULL;
    return em->phase == EM_STEP || em->phase == EM_SCORE;
}

static bool has_best(const struct em *em)
{
    return em->best_loglik > -HUGE_VAL;
}

static size_t n_parameters(const struct model *model)
{
    return model->n_components * (1 + model->n_features) + model->n_covariances;
}

bool em_place_precedes(struct em_place a, struct em_place b)
{
    if (a.redraw != b.redraw) return a.redraw < b.redraw;
    return a.trial != b.trial ? a.trial < b.trial : a.n_entries < b.n_entries;
}

struct em_place em_place_of(const struct em *em)
{
    size_t n_entries = has_model(em) ? em->n_entries : 0;
    if (em->phase == EM_SCORE && n_entries > 0) n_entries--;
    return (struct em_place){em->redraw, em->trial, n_entries};
}

void em_pack(const struct em *em, struct pack *pack)
{
    const struct em_place place = em_place_of(em);
    const size_t n = n_parameters(em->model);
    pack_u64(pack, place.redraw);
    pack_u64(pack, place.trial);
    pack_u64(pack, place.n_entries);
    pack_u64(pack, n);
    pack_u64(pack, has_model(em));
    pack_u64(pack, has_best(em));
    pack_double(pack, em->began_s == 0.0 ? 0.0 : clock_monotonic_s() - em->began_s);
    if (has_best(em)) {
        pack_double(pack, em->best_loglik);
        pack_doubles(pack, em->best->weights, n); /* one block */
    }
    if (!has_model(em)) return;
    pack_doubles(pack, em->model->weights, n);
    pack_double(pack, em->max_drop);
    /* One entry more than are complete: the elbo of the next one is known. */
    for (size_t t = 0; t <= place.n_entries; t++) {
        const bool known = t < em->capacity;
        pack_double(pack, known ? em->trace[t].loglik : 0.0);
        pack_double(pack, known ? em->trace[t].elbo : 0.0);
        pack_double(pack, known ? em->trace[t].wall_s : 0.0);
    }
}

/* What stands before the numbers of a state. */
struct head {
    struct em_place place;
    uint64_t n_parameters, has_model, has_best;
    double wall_s;
};

/* Whether the head goes with the fit and announces as many numbers as there are. */
static bool fits(const struct em *em, const struct head *head, const struct unpack *unpack)
{
    const uint64_t n = head->n_parameters, bytes = unpack->n - unpack->at, left = bytes / 8;
    if (unpack->failed || n != n_parameters(em->model) ||
        (int64_t)head->place.redraw > em->settings.redraws ||
        head->place.trial > em->settings.n_trials || head->has_model > 1 ||
        head->has_best > (em->best != NULL) || head->place.n_entries > left)
        return false;
    uint64_t wanted = head->has_best * (1 + n);
    if (head->has_model) wanted += n + 1 + 3 * (head->place.n_entries + 1);
    return 8 * wanted == bytes;
}

static enum status take_trace(struct em *em, size_t n_entries, struct unpack *unpack,
                              struct err *err)
{
    enum status rc = OK;
    TRY_ALLOC(em->trace, n_entries + 2, err);
    em->capacity = n_entries + 2;
    em->n_entries = n_entries;
    for (size_t t = 0; t <= n_entries; t++) {
        em->trace[t].loglik = unpack_double(unpack);
        em->trace[t].elbo = unpack_double(unpack);
        em->trace[t].wall_s = unpack_double(unpack);
    }
done:
    return rc;
}

enum status em_resume(struct em *em, struct unpack *unpack, bool *resumed, struct err *err)
{
    enum status rc = OK;
    struct head head;
    *resumed = false;
    head.place.redraw = unpack_u64(unpack);
    head.place.trial = unpack_u64(unpack);
    head.place.n_entries = unpack_u64(unpack);
    head.n_parameters = unpack_u64(unpack);
    head.has_model = unpack_u64(unpack);
    head.has_best = unpack_u64(unpack);
    head.wall_s = unpack_double(unpack);
    if (!fits(em, &head, unpack)) return OK;
    em->redraw = head.place.redraw;
    em->trial = head.place.trial;
    if (head.wall_s > 0.0) em->began_s = clock_monotonic_s() - head.wall_s;
    if (head.has_best) {
        em->best_loglik = unpack_double(unpack);
        unpack_doubles(unpack, em->best->weights, (size_t)head.n_parameters);
    }
    if (head.has_model) {
        unpack_doubles(unpack, em->model->weights, (size_t)head.n_parameters);
        em->max_drop = unpack_double(unpack);
        TRY(take_trace(em, (size_t)head.place.n_entries, unpack, err));
        em_enter(em, EM_SETUP); /* with its own model, so that its factors are made again */
    }
    *resumed = true;
done:
    return rc;
}
