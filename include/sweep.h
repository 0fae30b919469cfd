/* sweep.h - works through a plan's unfinished fits on the engine. */
#ifndef GMMSWEEP_SWEEP_H
#define GMMSWEEP_SWEEP_H

#include "plan.h"

/* Takes one finished fit; called from one thread, between ticks. `em`, or of a k-means fit
 * `clusters`, is the caller's no longer than the call; the other is NULL. A status other than OK
 * ends the sweep with it. */
typedef enum status sweep_sink(void *context, const struct plan_fit *fit, const struct em *em,
                               const struct start *clusters, struct err *err);

/* Called between ticks, so that what is due by the clock can be done. */
typedef enum status sweep_pulse(void *context, struct err *err);

/* Runs the fits of `plan` for which finished [n_fits] is false, oldest first, plan->n_live at a
 * time; which fits run together changes no bit of any. Hands each to `sink` as it ends. heldout:
 * rows to be scored only, or NULL. */
enum status sweep_run(const struct config *config, const struct rows *rows,
                      const struct rows *heldout, const struct plan *plan, const bool *finished,
                      sweep_sink *sink, sweep_pulse *pulse, void *context, struct err *err);

#endif
