/* names.h - the closed vocabularies of config and result, as enums and as the texts users see.
 * Every table ends with NULL and is indexed by its enum. */
#ifndef GMMSWEEP_NAMES_H
#define GMMSWEEP_NAMES_H

enum family_id {
#define FAMILY(name, summary) FAMILY_##name,
#include "families.def"
#undef FAMILY
    N_FAMILIES,
    FAMILY_none = N_FAMILIES /* k-means has no covariances */
};

enum init {
#define INIT(symbol, name, summary) INIT_##symbol,
#include "inits.def"
#undef INIT
    N_INITS
};

enum on_missing { ON_MISSING_error, ON_MISSING_drop };                     /* data.on_missing */
enum method { METHOD_em, METHOD_kmeans, METHOD_labelled };                 /* sweep.method */
enum criterion { CRITERION_mean, CRITERION_relative, CRITERION_absolute }; /* em.criterion */
enum mixing { MIXING_free, MIXING_equal };                                 /* em.mixing */
enum kernel { KERNEL_fast, KERNEL_reference };                             /* em.kernel */
enum whiten { WHITEN_none, WHITEN_scale, WHITEN_full };                    /* kmeans.whiten */
enum keep { KEEP_all, KEEP_best, KEEP_top };                               /* output.keep */
enum responsibilities { RESPONSIBILITIES_none, RESPONSIBILITIES_best, RESPONSIBILITIES_all };
enum fail_on { FAIL_ON_none, FAIL_ON_any };                               /* run.fail_on */
enum outcome { OUTCOME_converged, OUTCOME_max_iter, OUTCOME_degenerate }; /* of a fit */

extern const char *const family_names[];
extern const char *const init_names[];
extern const char *const on_missing_names[];
extern const char *const method_names[];
extern const char *const criterion_names[];
extern const char *const mixing_names[];
extern const char *const kernel_names[];
extern const char *const whiten_names[];
extern const char *const keep_names[];
extern const char *const responsibilities_names[];
extern const char *const fail_on_names[];
extern const char *const outcome_names[];

#endif
