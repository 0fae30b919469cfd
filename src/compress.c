/* compress.c - `gmmsweep compress`: a picture in the colours of a model's means. */
#include "array_file.h"
#include "chosen.h"
#include "commands.h"
#include "compression.h"
#include "fresh_data.h"
#include "levels.h"
#include "machine.h"
#include "table.h"

#include <math.h>

struct compress {
    struct chosen chosen;
    struct data *picture;
    struct compression compression;
};

/* The model's means are colours of the picture only if both count in the same levels. */
static enum status check_depth(const struct compress *compress, struct err *err)
{
    const char *of_sweep = compress->chosen.data.dtype, *of_picture = compress->picture->dtype;
    const double peak = levels_peak(of_sweep);
    const bool is_picture = compress->picture->picture_shape[0] > 0; /* else it is told later */
    if (!is_picture || peak == 0.0 || peak == levels_peak(of_picture)) return OK;
    return err_set(err, ERR_DATA, "%s: its values are %s, those of the sweep %s; expected the same",
                   compress->picture->path, of_picture, of_sweep);
}

static enum status make(const struct cli *cli, struct compress *compress, struct err *err)
{
    enum status rc = OK;
    struct err why = {OK, ""};
    const struct chosen *chosen = &compress->chosen;
    const struct scorer_data like = chosen_scorer_data(chosen);
    TRY(fresh_data_load(chosen->file, cli->second, &compress->picture, err));
    TRY(check_depth(compress, err));
    rc = compression_make(chosen->model, &like, compress->picture, chosen->config->data_scale,
                          machine_threads(cli->threads), &compress->compression, &why);
    if (rc != OK) FAIL(err, rc, "%s: %s", chosen->row->name, why.text);
done:
    return rc;
}

static enum status print(const struct cli *cli, const struct compress *compress, struct err *err)
{
    enum status rc = OK;
    static const char *const names[] = {"fit", "components", "rate", "psnr_db"};
    struct table *table = NULL;
    TRY(table_create(sizeof names / sizeof *names, names, &table, err));
    table_text(table, compress->chosen.row->name);
    table_int(table, compress->chosen.row->k);
    table_real(table, compress->compression.rate, 2);
    if (isinf(compress->compression.psnr) && !cli->json) /* null in JSON */
        table_text(table, "inf");
    else
        table_real(table, compress->compression.psnr, 2);
    TRY(table_print(table, cli->json ? TABLE_JSON : TABLE_TEXT, stdout, err));
done:
    table_destroy(&table);
    return rc;
}

enum status command_compress(const struct cli *cli, struct err *err)
{
    enum status rc = OK;
    struct compress compress = {.picture = NULL};
    const char *const inputs[] = {cli->target, cli->second};
    TRY(array_file_check(cli->out_file, ".png", 2, inputs, err));
    TRY(chosen_read(cli, &compress.chosen, err));
    TRY(make(cli, &compress, err));
    TRY(png_write_file(cli->out_file, &compress.compression.compressed, err));
    TRY(print(cli, &compress, err));
done:
    compression_free(&compress.compression);
    data_destroy(&compress.picture);
    chosen_free(&compress.chosen);
    return rc;
}
