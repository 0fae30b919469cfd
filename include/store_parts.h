/* store_parts.h - between the files that write sweep.h5: store.c the whole, store_array.c arrays
 * and their axes, store_data.c what was fitted by whom, store_fits.c the tables, store_models.c
 * the models, store_keep.c which of them, store_rows.c the
 * rows by them; sweep_file.c and sweep_model.c, which read them. Not for
 * others. */
#ifndef GMMSWEEP_STORE_PARTS_H
#define GMMSWEEP_STORE_PARTS_H

#include "h5io.h"
#include "store.h"

/* What is being written. */
struct store {
    struct h5 *h5;
    const struct config *config;
    const struct data *data;
    const struct rows *rows;
    const struct plan *plan;
    const struct shards *shards;
    const char *resolved;
    size_t n_fits;
    size_t *source;       /* [n_fits] place in shards->fits, in the plan's order */
    struct fit_row *fits; /* [n_fits] with history_first filled in */
    bool *kept;           /* [n_fits] whether the model stands in the file */
    bool *scored;         /* [n_fits] whether its labels and responsibilities of the rows do too */
    size_t n_entries;     /* of /history */
    size_t n_groups;
    struct model_group *groups;    /* [n_groups] */
    size_t *group_of;              /* [n_fits] of the kept ones */
    size_t *place_in;              /* [n_fits] index along `fit` in its group; likewise */
    const char **names;            /* of the kept ones, group by group */
    struct row_scores *row_scores; /* scratch of store_put_row_scores */
};

enum { STORE_MODEL_ARRAYS = 4 };

struct model_group {
    char path[128]; /* "/models/diag-k005" */
    enum family_id family;
    size_t n_components;
    size_t n_fits;
    size_t n_scored;    /* of these, with labels and responsibilities of the rows */
    const char **names; /* [n_fits] in store->names */
    size_t stretch;     /* fits in a chunk of its arrays, which are written together */
    size_t n_waiting;   /* fits that wait for the stretch to be full */
    double *waiting[STORE_MODEL_ARRAYS]; /* [stretch, ...] of each array */
};

/* Sizes of the axes of the group being written. */
struct axes {
    size_t fit, component, feature, class, entry, row, session;
    size_t fit_chunk; /* fits in a chunk; 0: as many as h5io likes */
};

/* The array's rank and dims over `axes_text` ("fit component feature"); scale: the axes' names. */
void store_shape(const struct axes *axes, const char *axes_text, struct h5_array *array,
                 char scale[H5_MAX_RANK][64]);

/* Makes group/name over `axes_text` ("fit component feature") and ties each axis to its scale.
 * data NULL: to be filled with h5_put. */
enum status store_put_array(struct h5 *h5, const char *group, const char *name, enum h5_type type,
                            const struct axes *axes, const char *axes_text, const char *units,
                            const char *long_name, const void *data, struct err *err);

/* Makes group/name, of n values, the coordinate of its own dimension. */
enum status store_put_axis(struct h5 *h5, const char *group, const char *name, enum h5_type type,
                           size_t n, const char *long_name, const void *values, struct err *err);

/* A coordinate 0, 1, ... n-1. */
enum status store_put_index_axis(struct h5 *h5, const char *group, const char *name, size_t n,
                                 const char *long_name, struct err *err);

/* A scalar text. */
enum status store_put_text(struct h5 *h5, const char *path, const char *long_name, const char *text,
                           struct err *err);

/* Attributes flag_values 0 1 with their meanings, as CF has it. */
enum status store_mark_flag(struct h5 *h5, const char *path, struct err *err);

/* chosen [n_fits]: the fits that a rule like output.keep's takes, by BIC, those of k-means by
 * inertia, the flagged after the others. ERR_INTERNAL without memory. */
enum status store_choose(const struct store *store, const struct keep_rule *rule, bool *chosen,
                         struct err *err);

/* Fills store->scored, from `kept`, by output.responsibilities. ERR_INTERNAL without memory. */
enum status store_choose_scored(struct store *store, struct err *err);

/* Makes the arrays of labels and responsibilities in a group that has any, and fills in those of a
 * kept fit. */
enum status store_create_row_scores(struct store *store, const struct model_group *group,
                                    struct err *err);
enum status store_put_row_scores(struct store *store, size_t fit, const struct model *model,
                                 struct err *err);
void store_destroy_row_scores(struct row_scores **scores);

/* The groups of the file, in the order in which they are written. */
enum status store_write_config(struct store *store, struct err *err);
enum status store_write_provenance(struct store *store, struct err *err);
enum status store_write_data(struct store *store, struct err *err);
enum status store_write_fits(struct store *store, struct err *err);
enum status store_write_results(struct store *store, struct err *err); /* /models, /history */
enum status store_write_best(struct store *store, struct err *err);

#endif
