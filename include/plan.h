/* plan.h - the list of fits that a config asks for on its data, and what they will take. */
#ifndef GMMSWEEP_PLAN_H
#define GMMSWEEP_PLAN_H

#include "config.h"
#include "data.h"
#include "em.h"

/* Raised whenever a change of ours changes the bits of a result, so that fits of another
 * arithmetic are never mixed. */
#define PLAN_NUMERICS_VERSION 3

/* Flops per second and thread of the diag kernels on one core of a 2-core Zen 4 machine. */
#define PLAN_FLOPS_PER_S 4e9

/* One fit to be made. */
struct plan_fit {
    char name[64]; /* "diag-k005-kmeans++-r003" */
    char id[17];   /* 16 hexadecimal digits */
    enum method method;
    enum init init;
    uint64_t restart;
    size_t n_components;
    struct em_settings em; /* of methods em and labelled */
};

struct plan {
    size_t n_fits;
    struct plan_fit *fits; /* [n_fits]; fits that share a start are neighbours */
    size_t max_components;
    size_t family_work;              /* doubles that the families want of each thread */
    bool correlated;                 /* rows->covariance is wanted */
    size_t n_given;                  /* components that init `file` gives */
    struct model *given[N_FAMILIES]; /* of init `file`, in the user's units; NULL for others */
    bool whitened;                   /* whitened rows are wanted */
    bool scores_rows;                /* what each model says of each row is wanted */
    bool keeps_x;                    /* for that, or for held-out rows, the rows' data are needed
                                        when the rows have been made */
    size_t n_live;                   /* fits worked on at once */
    int n_threads;
    double memory_bytes; /* predicted peak of the process */
    double memory_limit; /* what the config, job or machine allows */
    double disk_bytes;   /* predicted size of log and result file, before compression */
    double flops;        /* all fits at their expected number of iterations */
    double wall_s;       /* estimate from flops and threads */
};

/* Lists the fits of `config` on `data` for n_threads. Returns OK and *out; ERR_CONFIG if they
 * cannot fit in memory_limit bytes (what is needed, what is allowed, what to change) or two fits
 * have one name; *out is then NULL. */
enum status plan_create(const struct config *config, const struct data *data, int n_threads,
                        double memory_limit, struct plan **out, struct err *err);

/* Fills in what the listed fits will take, and chooses n_live to fill the threads within
 * memory_limit; memory_bytes over it means that not even one fit at a time is possible. For
 * plan_create alone. */
void plan_estimate(const struct config *config, const struct data *data, struct plan *plan);

/* For estimates before anything has run: the iterations that a fit is expected to take. */
double plan_iterations(const struct plan_fit *fit);

/* Flops of one iteration of a fit; of the fit at its expected number of iterations; and of what it
 * takes to get to where a checkpoint is worth something: its start and one iteration. */
double plan_iteration_flops(const struct data *data, const struct plan_fit *fit);
double plan_fit_flops(const struct data *data, const struct plan_fit *fit);
double plan_first_flops(const struct data *data, const struct plan_fit *fit);

/* Splits the plan in n_shards: owner [n_fits] is each fit's shard, from 0. The split evens out
 * counted flops and depends on nothing but the plan; fits that share a start stay together unless
 * there are too few such groups. ERR_INTERNAL without memory. */
enum status plan_shards(const struct data *data, const struct plan *plan, size_t n_shards,
                        size_t *owner, struct err *err);

/* The most shards that can have something to do at once without a start made twice. */
size_t plan_groups(const struct plan *plan);

void plan_destroy(struct plan **plan);

/* What a start of this fit is made from. */
struct start_settings plan_start(const struct config *config, const struct plan_fit *fit,
                                 uint64_t redraw, uint64_t trial);

/* Whether starts of this kind measure in another space than the data's. */
bool plan_whitens(const struct config *config, enum init init);

#endif
