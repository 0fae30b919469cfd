#include "family.h"

#define FAMILY(name, summary) extern const struct family family_##name;
#include "families.def"
#undef FAMILY

const struct family *const families[] = {
#define FAMILY(name, summary) &family_##name,
#include "families.def"
#undef FAMILY
};
