/* em.h - one fit by expectation-maximisation (Dempster, Laird & Rubin 1977; Bishop 2006, 9.2).
 *
 * A fit is a task of the engine. Each tick is one pass over the rows: the E-step and the
 * statistics of the M-step together, chunk by chunk, so no N x K array exists. A pass under the
 * parameters of entry t gives loglik[t] and, from the same responsibilities, entry t+1.
 *
 *     fit is given a start -> [moments of its clusters] -> steps -> one scoring pass -> done
 *                ^                                            |
 *                +-- degenerate: em_wants_start, redraw + 1 --+
 */
#ifndef GMMSWEEP_EM_H
#define GMMSWEEP_EM_H

#include "engine.h"
#include "family.h"
#include "start.h"

struct em_settings {
    enum family_id family;
    size_t n_components;
    int64_t max_iter;
    double tol;
    enum criterion criterion;
    enum mixing mixing;
    struct regularisation reg;
    int64_t redraws;
    bool may_redraw; /* another start would differ */
};

enum em_phase { EM_WANTS_START, EM_MOMENTS, EM_STEP, EM_SCORE, EM_DONE };

/* One entry per set of parameters: the start, then after each M-step. */
struct em_entry {
    double loglik; /* total, in the user's units */
    double elbo;   /* with the previous entry's responsibilities and this one's parameters */
    double wall_s; /* since the fit began */
};

struct em {
    struct task task; /* to be ticked while the phase is neither EM_WANTS_START nor EM_DONE */
    struct em_settings settings;
    enum em_phase phase;
    uint64_t redraw; /* the start it wants or has */

    /* When done, in the units of rows.h and the order in which it was fitted. */
    enum outcome outcome;
    struct model *model;
    struct em_entry *trace; /* [n_entries] */
    size_t n_entries;
    double max_drop;   /* largest fall of loglik from one entry to the next */
    double entropy;    /* sum of weight times -sum_k r ln r */
    double *count;     /* [K] effective rows, sum of weighted responsibilities */
    double *confusion; /* [K, C] weight of the rows of class c whose component is k, or NULL */

    /* How far it is. */
    const struct rows *rows;
    const struct family *ops;
    const struct start *start; /* while in EM_MOMENTS */
    struct model *next;
    double *factors, *next_factors;
    double *constant, *next_constant; /* [K] ln weight + ln of the normalising constant */
    double *q_change;                 /* [K] */
    bool *degenerate;                 /* [K] */
    size_t capacity;                  /* of trace */
    double began_s;                   /* monotonic clock */
};

/* A fit that wants its first start. `rows` must outlive it. ERR_INTERNAL without memory; *out is
 * then NULL. */
enum status em_create(const struct rows *rows, const struct em_settings *settings, struct em **out,
                      struct err *err);

void em_destroy(struct em **em);

/* Goes on from a finished start, which must live until the phase leaves EM_MOMENTS. */
void em_begin(struct em *em, const struct start *start);

/* To be called before each tick: makes room for one more entry of the trace. ERR_INTERNAL
 * without memory. */
enum status em_reserve(struct em *em, struct err *err);

/* Bytes that a fit holds on n_lanes lanes. */
double em_bytes(size_t n_lanes, size_t n_features, size_t n_classes,
                const struct em_settings *settings);

#endif
