/* sweep.h - works through the fits of a plan on the engine. */
#ifndef GMMSWEEP_SWEEP_H
#define GMMSWEEP_SWEEP_H

#include "kmeans.h"
#include "plan.h"

/* A fit that is worked on. */
struct live_fit {
    const struct plan_fit *fit;
    struct em *em;               /* NULL for k-means, which is nothing but a start */
    struct start *clusters;      /* of k-means, once it has settled; shared */
    const struct start *awaited; /* the start that is not finished yet, or NULL; shared */
    struct lloyd *lloyd;         /* where that start was in an earlier session, or NULL */
    bool done;
};

/* What the caller does with the fits of a sweep. All are called from one thread, between ticks. A
 * status other than OK ends the sweep with it. */
struct sweep_hooks {
    void *context;
    /* Whether the fit may still be begun; once it may not, none is any more. */
    bool (*may_begin)(void *context, const struct plan_fit *fit);
    /* A fit goes live; live->em (NULL for k-means) and live->lloyd may be brought to a state of an
     * earlier session. */
    enum status (*begin)(void *context, struct live_fit *live, struct err *err);
    /* A fit has ended; it is the caller's no longer than the call. */
    enum status (*finish)(void *context, const struct live_fit *live, struct err *err);
    /* After each tick; `last`: the sweep has been stopped and ends after this. */
    enum status (*pulse)(void *context, const struct live_fit *live, size_t n_live, bool last,
                         struct err *err);
};

/* Runs the fits of `plan` for which wanted [n_fits] is true, oldest first, plan->n_live at a time;
 * which fits run together changes no bit of any. heldout: rows to be scored only, or NULL. Ends
 * when none is left, or soon after *stop turns from 0 to another value. */
enum status sweep_run(const struct config *config, const struct rows *rows,
                      const struct rows *heldout, const struct plan *plan, const bool *wanted,
                      const struct sweep_hooks *hooks, const atomic_int *stop, struct err *err);

#endif
