/* predict.c - `gmmsweep predict`: labels, log-densities and responsibilities of new rows. */
#include "array_file.h"
#include "chosen.h"
#include "commands.h"
#include "fresh_data.h"
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>

#define ENDINGS ".npy .csv .npz .h5"

struct predict {
    const struct cli *cli;
    struct chosen chosen;
    struct data *data; /* the new rows */
    struct scorer *scorer;
    int64_t *label;      /* [N] */
    double *log_density; /* [N]; NULL of k-means */
    double *resp;        /* [N, K]; likewise, and where nobody asks */
};

static enum status read_model(struct predict *predict, struct err *err)
{
    enum status rc = OK;
    struct err why = {OK, ""};
    const struct chosen *chosen = &predict->chosen;
    TRY(chosen_read(predict->cli, &predict->chosen, err));
    const struct scorer_data like = chosen_scorer_data(chosen);
    rc = scorer_create(&like, chosen->model, &predict->scorer, &why);
    if (rc != OK) FAIL(err, rc, "%s: %s: %s", chosen->file->path, chosen->row->name, why.text);
done:
    return rc;
}

static enum status score(struct predict *predict, struct err *err)
{
    enum status rc = OK;
    struct err why = {OK, ""};
    const struct data *data = predict->data;
    const char *out = predict->cli->out_file;
    TRY_ALLOC(predict->label, data->n_rows, err);
    if (scorer_has_density(predict->scorer)) {
        TRY_ALLOC(predict->log_density, data->n_rows, err);
        if (out != NULL && !array_file_is(out, ".npy"))
            TRY_ALLOC(predict->resp, data->n_rows * predict->chosen.model->n_components, err);
    }
    rc = scorer_run(predict->scorer, data->n_rows, data->x, machine_threads(predict->cli->threads),
                    predict->label, predict->log_density, predict->resp, &why);
    if (rc != OK) FAIL(err, rc, "%s: %s", predict->cli->second, why.text);
done:
    return rc;
}

/* Whether some rows of the file are left out, so that the others need their numbers. */
static bool has_gaps(const struct data *data)
{
    for (size_t n = 0; n < data->n_rows; n++)
        if (data->source_row[n] != (int64_t)n) return true;
    return false;
}

/* Lists what there is; the labels come first, or behind the numbers of the rows. */
static enum status write(const struct predict *predict, struct err *err)
{
    const struct array_axis row = {"row", predict->data->n_rows, NULL};
    const struct array_axis component = {"component", predict->chosen.model->n_components, NULL};
    const char *out = predict->cli->out_file;
    struct named_array arrays[4];
    size_t n = 0;
    if (has_gaps(predict->data) && (out == NULL || !array_file_is(out, ".npy")))
        arrays[n++] = (struct named_array){"source_row",
                                           ARRAY_INT,
                                           1,
                                           {&row},
                                           predict->data->source_row,
                                           "row of the data file, from 0",
                                           "1"};
    arrays[n++] = (struct named_array){
        "label", ARRAY_INT, 1, {&row}, predict->label, "component, from 0, as in the model", "1"};
    if (predict->log_density != NULL)
        arrays[n++] = (struct named_array){
            "log_density", ARRAY_REAL,           1,
            {&row},        predict->log_density, "ln of the density at the row",
            "nats"};
    if (predict->resp != NULL)
        arrays[n++] = (struct named_array){"responsibilities",
                                           ARRAY_REAL,
                                           2,
                                           {&row, &component},
                                           predict->resp,
                                           "probability of each component, given the row",
                                           "1"};
    if (out != NULL) return array_file_write(out, n, arrays, err);
    array_file_csv_head(stdout, n, arrays);
    array_file_csv_rows(stdout, n, arrays);
    return OK;
}

/* What somebody who looks at the numbers should know, on standard error. */
static void tell(const struct predict *predict)
{
    const struct data *data = predict->data;
    if (predict->cli->quiet) return;
    if (data->left_out[0] != '\0')
        fprintf(stderr, "gmmsweep: %s: left out: %s\n", data->path, data->left_out);
    fprintf(stderr, "%zu rows by %s%s\n", data->n_rows, predict->chosen.row->name,
            predict->log_density == NULL ? "; k-means has labels, but no densities" : "");
}

static void predict_free(struct predict *predict)
{
    free(predict->resp);
    free(predict->log_density);
    free(predict->label);
    scorer_destroy(&predict->scorer);
    data_destroy(&predict->data);
    chosen_free(&predict->chosen);
}

enum status command_predict(const struct cli *cli, struct err *err)
{
    enum status rc = OK;
    struct predict predict = {.cli = cli};
    const char *const inputs[] = {cli->target, cli->second};
    if (cli->out_file != NULL) TRY(array_file_check(cli->out_file, ENDINGS, 2, inputs, err));
    TRY(read_model(&predict, err));
    TRY(fresh_data_load(predict.chosen.file, cli->second, &predict.data, err));
    TRY(score(&predict, err));
    tell(&predict);
    TRY(write(&predict, err));
done:
    predict_free(&predict);
    return rc;
}
