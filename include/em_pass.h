/* em_pass.h - what a fit does to the rows in one tick, for em.c alone. */
#ifndef GMMSWEEP_EM_PASS_H
#define GMMSWEEP_EM_PASS_H

#include "em.h"

/* Sums of EM_MOMENTS and EM_STEP: [0] log-likelihood in scaled units (less what the family leaves
 * out), count [K], the family's sums. Of EM_SCORE: [0] likewise, count [K], entropy,
 * confusion [K, C]. */
size_t em_pass_step_sums(const struct family *ops, size_t n_components, size_t n_features);
size_t em_pass_score_sums(size_t n_components, size_t n_classes);

/* Whether a fit's statistics are too large to have once per lane. */
bool em_pass_is_heavy(const struct family *ops, size_t n_rows, size_t n_components,
                      size_t n_features);

/* The members of struct task. */
void em_pass_lane(struct task *task, size_t lane, double *sums, struct scratch *scratch);
void em_pass_expect(struct task *task, size_t chunk, size_t slot, struct scratch *scratch);
void em_pass_gather(struct task *task, size_t first_chunk, size_t n_chunks, size_t share,
                    struct scratch *scratch);

/* The log-likelihood of chunk `chunk` of the held-out rows, in scaled units. */
double em_pass_heldout(const struct em *em, size_t chunk, struct scratch *scratch);

#endif
