/* reference.h - the families again, plain and dense: em.kernel: reference.
 *
 * Every covariance is expanded to a full matrix, factored by loops, and applied to one row at a
 * time; the M-step gathers full second moments about the current means. No blocking, no tricks, no
 * LAPACK, nothing shared with the kernels: a judge for them, and not fast.
 */
#ifndef GMMSWEEP_REFERENCE_H
#define GMMSWEEP_REFERENCE_H

#include "family.h"

/* What `families` has, with the arithmetic replaced. Shapes, ridge and floor are the family's own.
 */
struct family reference_family(enum family_id family);

#endif
