/* inspect.h - the finished fits of a result file or of a sweep's folder, for commands that look. */
#ifndef GMMSWEEP_INSPECT_H
#define GMMSWEEP_INSPECT_H

#include "fit_row.h"
#include "shards.h"

struct inspection {
    size_t n_fits;
    struct fit_row *fits;  /* [n_fits] */
    size_t n_planned;      /* fits of the plan */
    struct shards *shards; /* of a folder with logs, else NULL */
};

/* Looks at `path`: a result file, or a folder, where the logs count unless sweep.h5 has all that
 * they have. ERR_DATA with what was expected; *inspection is then empty. */
enum status inspect(const char *path, struct inspection *inspection, struct err *err);

void inspection_free(struct inspection *inspection);

#endif
