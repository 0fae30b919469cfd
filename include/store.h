/* store.h - the result file, sweep.h5: written whole, checked, and only then put in place.
 *
 * The schema is the spec's "Result"; results/README.md shows it. Every group is self-contained:
 * each axis has a dimension scale in the same group. A column of /fits is one row in fits.def, an
 * array of a model one row in store.c.
 */
#ifndef GMMSWEEP_STORE_H
#define GMMSWEEP_STORE_H

#include "digest.h"
#include "shards.h"

#define STORE_FORMAT_VERSION 1

/* Writes `output`/sweep.h5 from what `shards` hold of `plan`, status "complete" or "partial".
 * `data` may have lost its values x unless output.responsibilities asks for them. *n_missing: fits
 * of the plan that are not finished. ERR_OUTPUT with path and cause, and then an older sweep.h5
 * stands as it was. */
enum status store_write(const char *output, const struct config *config, const char *resolved,
                        const struct data *data, const struct rows *rows, const struct plan *plan,
                        const struct shards *shards, size_t *n_missing, struct err *err);

/* What fits are ranked by: columns of /fits. */
struct store_criterion {
    const char *name;
    bool higher_is_better;
};
extern const struct store_criterion store_criteria[]; /* ends with a NULL name */

/* The criterion of that name, or NULL. */
const struct store_criterion *store_criterion(const char *name);

/* The best of fits [n] by the criterion, the first of equal ones; n if it applies to none. The
 * flagged take part only if `flagged`. */
size_t store_best(const struct store_criterion *criterion, const struct fit_row *fits, size_t n,
                  bool flagged);

/* path [size]: the group of /models that the model of a fit belongs in. */
void store_model_group(const struct fit_row *row, char *path, size_t size);

/* hex: SHA-256 of the resolved config, as config_sha256 has it. ERR_INTERNAL without memory. */
enum status store_config_sha256(const char *resolved, char hex[DIGEST_HEX], struct err *err);

/* What content_sha256 covers: everything that is computed. Not the times, not who computed it
 * where, and not the config, whose paths and threads change no number. */
bool store_is_content(const char *path);

#endif
