#include "publish.h"

#include "progress.h"
#include "store.h"
#include "sweep_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status publish_write(const char *output, const struct sweep_setup *setup,
                          const struct rows *rows, const struct shards *shards,
                          const struct lock *lock, size_t *n_missing, struct err *err)
{
    enum status rc = OK;
    char cpus[SHARDS_CPUS];
    TRY(lock_check(lock, err));
    TRY(store_write(output, setup->config, setup->resolved, setup->data, rows, setup->plan, shards,
                    n_missing, err));
    const size_t n_written = setup->plan->n_fits - *n_missing;
    if (shards->n_fits > n_written)
        fprintf(stderr,
                "gmmsweep: warning: %s: %zu finished fits are not of the latest config, and left "
                "out\n",
                output, shards->n_fits - n_written);
    if (shards_cpu_types(shards, cpus) > 1)
        fprintf(
            stderr,
            "gmmsweep: warning: %s: fitted on CPUs of different types (%s), whose last bits may "
            "differ\n",
            output, cpus);
done:
    return rc;
}

enum status publish_summary(const char *output, const struct config *config, bool quiet,
                            double wall_s, struct err *err)
{
    enum status rc = OK;
    char path[DISK_PATH], duration[32];
    struct sweep_file *file = NULL;
    size_t n_degenerate = 0;
    TRY(disk_join(output, "sweep.h5", path, err));
    TRY(sweep_file_open(path, &file, err));
    const size_t n = file->n_fits, best = store_best(store_criterion("bic"), file->fits, n, false);
    for (size_t i = 0; i < n; i++)
        n_degenerate += strcmp(file->fits[i].status, outcome_names[OUTCOME_degenerate]) == 0;
    progress_duration(wall_s, duration);
    if (!quiet) {
        printf("%zu fits in %s, %zu degenerate", n, duration, n_degenerate);
        if (best < n) printf("; best BIC: %s, %.2f", file->fits[best].name, file->fits[best].bic);
        printf("\n%s\n", path);
    }
    if (config->run_fail_on == FAIL_ON_any && n_degenerate > 0)
        FAIL(err, ERR_DEGENERATE, "%zu of %zu fits are degenerate (run.fail_on: any)", n_degenerate,
             n);
done:
    sweep_file_close(&file);
    return rc;
}
