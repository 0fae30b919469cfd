/* em.h - one fit by expectation-maximisation (Dempster, Laird & Rubin 1977; Bishop 2006, 9.2).
 *
 * A fit is a task of the engine. Each tick is one pass over the rows: the E-step and the
 * statistics of the M-step together, chunk by chunk, so no N x K array exists. A pass under the
 * parameters of entry t gives loglik[t] and, from the same responsibilities, entry t+1.
 *
 *     wants a start --> setup (its means and covariances) ---> steps --> scoring pass --> done
 *       ^          \--> moments (of its clusters) ----------/   |
 *       +-- collapsed, redraw + 1; or the next trial of small-em --+
 *
 * src/fit/em.c has the transitions, src/fit/em_pass.c what is done to the rows.
 */
#ifndef GMMSWEEP_EM_H
#define GMMSWEEP_EM_H

#include "engine.h"
#include "family.h"
#include "pack.h"
#include "start.h"

struct em_settings {
    enum family_id family;
    size_t n_components;
    int64_t max_iter;
    bool start_only; /* the start's model is what is wanted */
    double tol;
    enum criterion criterion;
    enum mixing mixing;
    enum kernel kernel;
    struct regularisation reg;
    double ddof; /* subtracted from the counts that divide covariances of hard groups */
    int64_t redraws;
    bool may_redraw;   /* another start would differ */
    uint64_t n_trials; /* short runs of which the best goes on; 0: none */
};

enum em_phase { EM_WANTS_START, EM_SETUP, EM_MOMENTS, EM_STEP, EM_SCORE, EM_DONE };

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
    enum em_phase ticked;  /* the phase in which the present tick began */
    size_t ticked_entries; /* n_entries and max_drop as it began */
    double ticked_drop;
    uint64_t redraw; /* the start it wants or has */
    uint64_t trial;  /* of small-em; n_trials once the best goes on */

    /* When done, in the units of rows.h and the order in which it was fitted. */
    enum outcome outcome;
    struct model *model;
    struct em_entry *trace; /* [n_entries] */
    size_t n_entries;
    double max_drop;   /* largest fall of loglik from one entry to the next */
    double entropy;    /* sum of weight times -sum_k r ln r */
    double *count;     /* [K] effective rows, sum of weighted responsibilities */
    double *confusion; /* [K, C] weight of the rows of class c whose component is k, or NULL */
    double heldout;    /* mean log-likelihood of the held-out rows; NaN without any */
    size_t *floored;   /* [K] eigenvalues of the component's covariance that lie on the floor */
    double *least_eigenvalue; /* [K] in the user's units; infinite where another component's is
                                 common to both */

    /* How far it is. */
    const struct rows *rows;
    const struct rows *heldout_rows; /* NULL without any */
    const struct family *ops;        /* own_ops */
    struct family own_ops;
    const struct start *start; /* while in EM_SETUP or EM_MOMENTS */
    bool is_fallback;          /* in EM_SETUP: no covariance worked, the features' own will */
    struct model *next;
    struct model *best; /* of the trials so far, or NULL */
    double best_loglik;
    double *factors, *next_factors;
    double *constant, *next_constant; /* [K] ln weight + ln of the normalising constant */
    double *gain;                     /* [K] of the expected complete log-likelihood */
    bool *collapsed;                  /* [K] */
    double *heldout_sums;             /* [heldout n_chunks] */
    int32_t *winner; /* [n_chunks * ROWS_CHUNK] each row's best component in the last pass: a guess
                        for the next one, which saves time and changes no bit. NULL: not used */
    double *batch;   /* [ENGINE_BATCH, K, ROWS_CHUNK] of a heavy fit */
    double batch_loglik[ENGINE_BATCH];
    size_t capacity; /* of trace */
    double began_s;  /* monotonic clock */
};

/* A fit that wants its first start. `rows` and `heldout` (NULL: none) must outlive it.
 * ERR_INTERNAL without memory; *out is then NULL. */
enum status em_create(const struct rows *rows, const struct rows *heldout,
                      const struct em_settings *settings, struct em **out, struct err *err);

void em_destroy(struct em **em);

/* Goes on from a finished start, which must live until the phase leaves EM_SETUP or EM_MOMENTS. */
void em_begin(struct em *em, const struct start *start);

/* To be called before each tick; makes room for one more entry of the trace. ERR_INTERNAL
 * without memory. */
enum status em_prepare(struct em *em, struct err *err);

/* Goes from what is set up to `phase`. For em_state.c. */
void em_enter(struct em *em, enum em_phase phase);

/* Appends the state of a fit between two ticks, from which em_resume goes on with the same bits:
 * parameters, trace, and which start or trial it is at. A start that is not finished is no part of
 * it: it is made again. */
void em_pack(const struct em *em, struct pack *pack);

/* How far a fit has come: of two states of one fit the later one has more. */
struct em_place {
    uint64_t redraw, trial, n_entries;
};
bool em_place_precedes(struct em_place a, struct em_place b);

/* Where em_pack's state of `em` is. */
struct em_place em_place_of(const struct em *em);

/* Brings a fit that em_create has just made to a packed state. False if that is not a state of such
 * a fit, and then `em` is as it was. ERR_INTERNAL without memory. */
enum status em_resume(struct em *em, struct unpack *unpack, bool *resumed, struct err *err);

/* Doubles of scratch->family that such fits want. */
size_t em_family_work(const struct em_settings *settings, size_t n_features);

/* Bytes that a fit holds on n_rows. */
double em_bytes(size_t n_rows, size_t n_features, size_t n_classes,
                const struct em_settings *settings);

#endif
