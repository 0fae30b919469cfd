/* result.h - one finished fit as it is kept: its row, its trace, its model, its confusion. */
#ifndef GMMSWEEP_RESULT_H
#define GMMSWEEP_RESULT_H

#include "fit_row.h"
#include "plan.h"

struct result {
    int64_t max_iter; /* the limit under which it was fitted */
    struct fit_row row;
    size_t n_entries;
    struct em_entry *trace; /* [n_entries]; none for k-means */
    struct model *model;    /* user's units, canonical order */
    size_t n_classes;       /* C; 0 without labels */
    double *confusion;      /* [K, C] or NULL */
};

/* Judges a finished fit: criteria, label scores, flags; and brings its model to the user's units
 * and canonical order. ERR_INTERNAL without memory; *out is then NULL. */
enum status result_create(const struct config *config, const struct rows *rows,
                          const struct plan_fit *fit, const struct em *em, struct result **out,
                          struct err *err);

/* The same of a k-means fit: its clusters' weights and means, inertia and label scores. */
enum status result_create_kmeans(const struct config *config, const struct rows *rows,
                                 const struct plan_fit *fit, const struct start *clusters,
                                 struct result **out, struct err *err);

void result_destroy(struct result **result);

/* The payload of a LOG_FINISHED record, and back. result_unpack: ERR_DATA if the payload does not
 * hold a result; *out is then NULL. */
void result_pack(const struct result *result, struct pack *pack);
enum status result_unpack(struct unpack *unpack, struct result **out, struct err *err);

#endif
