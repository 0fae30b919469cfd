/* sampler.h - points drawn from a fitted model, as `gmmsweep sample` draws them. */
#ifndef GMMSWEEP_SAMPLER_H
#define GMMSWEEP_SAMPLER_H

#include "err.h"
#include "model.h"

struct sampler;

/* *out: draws from `model`, which is in the user's units and must outlive it; `name`, for messages,
 * tells whose it is. ERR_DATA for a model without covariances (k-means) or with one that is not
 * positive definite; ERR_INTERNAL without memory. *out is then NULL. */
enum status sampler_create(const struct model *model, const char *name, uint64_t seed,
                           struct sampler **out, struct err *err);

/* Accepts NULL; sets NULL. */
void sampler_destroy(struct sampler **sampler);

/* point [D]: point n, whose component is returned. It depends on model, seed and n alone. To be
 * called from one thread. */
size_t sampler_draw(const struct sampler *sampler, uint64_t n, double *point);

#endif
