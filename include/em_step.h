/* em_step.h - what a fit does to its components between two passes, for em.c alone. All work on
 * the task's sums. work: the families' scratch. */
#ifndef GMMSWEEP_EM_STEP_H
#define GMMSWEEP_EM_STEP_H

#include "em.h"

/* EM_SETUP: component k's covariance as the start gives it, or, as fallback, the one that always
 * works, and its factors. False if it has collapsed. */
bool em_step_set_up(struct em *em, size_t k, struct scratch *scratch);

/* EM_STEP, EM_MOMENTS: component k of the next model, its factors, and by how much it makes the
 * expected complete log-likelihood larger. False if it has collapsed. */
bool em_step_maximise(struct em *em, size_t k, double *work);

/* After all components, what a family with a common covariance has left to do. False if that has
 * collapsed. */
bool em_step_common(struct em *em, double *work);

/* EM_SCORE: component k's smallest eigenvalue and how many lie on the floor. */
void em_step_score(struct em *em, size_t k, double *work);

#endif
