#include "chosen.h"

#include "sweep_config.h"

#include <stdio.h>

enum status chosen_read(const struct cli *cli, struct chosen *out, struct err *err)
{
    enum status rc = OK;
    size_t fit = 0;
    *out = (struct chosen){.file = NULL};
    TRY(sweep_file_open(cli->target, &out->file, err));
    TRY(sweep_file_pick(out->file, cli, &fit, err));
    out->row = &out->file->fits[fit];
    TRY(sweep_file_read_model(out->file, fit, &out->model, err));
    TRY(sweep_file_read_data(out->file, &out->data, err));
    TRY(sweep_config_read(out->file, &out->config, err));
    if (out->file->n_fits < out->file->n_planned && !cli->quiet)
        fprintf(stderr, "unfinished: %zu of %zu fits\n", out->file->n_fits, out->file->n_planned);
done:
    return rc;
}

void chosen_free(struct chosen *chosen)
{
    config_destroy(&chosen->config);
    sweep_data_free(&chosen->data);
    model_destroy(&chosen->model);
    sweep_file_close(&chosen->file);
}

struct scorer_data chosen_scorer_data(const struct chosen *chosen)
{
    return (struct scorer_data){chosen->data.n_features, chosen->data.mean, chosen->data.variance,
                                (enum whiten)chosen->config->kmeans_whiten};
}
