#include "names.h"

#include <stddef.h>

const char *const family_names[] = {
#define FAMILY(name, summary) #name,
#include "families.def"
#undef FAMILY
    NULL};

const char *const init_names[] = {
#define INIT(symbol, name, summary) name,
#include "inits.def"
#undef INIT
    NULL};

const char *const on_missing_names[] = {"error", "drop", NULL};
const char *const method_names[] = {"em", "kmeans", "labelled", NULL};
const char *const criterion_names[] = {"mean", "relative", "absolute", NULL};
const char *const mixing_names[] = {"free", "equal", NULL};
const char *const kernel_names[] = {"fast", "reference", NULL};
const char *const whiten_names[] = {"none", "scale", "full", NULL};
const char *const keep_names[] = {"all", "best", "top", NULL};
const char *const responsibilities_names[] = {"none", "best", "all", NULL};
const char *const fail_on_names[] = {"none", "any", NULL};
const char *const outcome_names[] = {"converged", "max_iter", "degenerate", NULL};
