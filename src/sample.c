/* sample.c - `gmmsweep sample`: points drawn from a model, as a table, arrays, or images. */
#include "array_file.h"
#include "chosen.h"
#include "commands.h"
#include "levels.h"
#include "machine.h"
#include "png_write.h"
#include "sampler.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ENDINGS ".csv .npy .npz .h5 .png"
#define DEFAULT_POINTS 100
#define DEFAULT_SEED 1
#define STRETCH 1024 /* points that are on their way to standard output */
#define GAP 1        /* pixels between the images of a grid */
#define GAP_LEVEL 128

struct sample {
    struct chosen chosen;
    struct sampler *sampler;
    size_t n_points, n_features;
    double *points;     /* [n_points, D], or of the stretch being printed */
    int64_t *component; /* [n_points] likewise */
};

static enum status parse_seed(const char *text, uint64_t *seed, struct err *err)
{
    char *end;
    *seed = DEFAULT_SEED;
    if (text == NULL) return OK;
    errno = 0;
    *seed = strtoull(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0) return OK;
    return err_set(err, ERR_USAGE, "--seed: '%s' is not a whole number from 0 to %llu", text,
                   (unsigned long long)UINT64_MAX);
}

static enum status open_sample(const struct cli *cli, struct sample *sample, struct err *err)
{
    enum status rc = OK;
    struct chosen *chosen = &sample->chosen;
    uint64_t seed;
    TRY(parse_seed(cli->seed, &seed, err));
    if (cli->out_file != NULL) TRY(array_file_check(cli->out_file, ENDINGS, 1, &cli->target, err));
    TRY(chosen_read(cli, chosen, err));
    TRY(sampler_create(chosen->model, chosen->row->name, seed, &sample->sampler, err));
    sample->n_points = cli->points > 0 ? (size_t)cli->points : DEFAULT_POINTS;
    sample->n_features = chosen->model->n_features;
done:
    return rc;
}

/* Room for `n` points. */
static enum status make_room(struct sample *sample, size_t n, struct err *err)
{
    enum status rc = OK;
    const double bytes = 8.0 * (double)n * (1.0 + (double)sample->n_features);
    const double allowed = machine_memory(0);
    if (bytes > allowed)
        FAIL(err, ERR_CONFIG,
             "-n: %zu points of %zu features take %.0f MiB of memory, the machine allows %.0f; "
             "without -o they are printed as they are drawn",
             n, sample->n_features, bytes / 0x1p20, allowed / 0x1p20);
    TRY_ALLOC(sample->points, n * sample->n_features, err);
    TRY_ALLOC(sample->component, n, err);
done:
    return rc;
}

/* Draws points first .. first + n - 1 to the room that there is. */
static void draw(struct sample *sample, size_t first, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sample->component[i] = (int64_t)sampler_draw(sample->sampler, first + i,
                                                     sample->points + i * sample->n_features);
}

/* --- arrays --- */

enum { N_ARRAYS = 2 };

struct sample_axes {
    struct array_axis row, feature;
};

/* arrays [N_ARRAYS]: the n points that have been drawn. */
static void describe(const struct sample *sample, size_t n, struct sample_axes *axes,
                     struct named_array *arrays)
{
    axes->row = (struct array_axis){"row", n, NULL};
    axes->feature = (struct array_axis){"feature", sample->n_features,
                                        (const char *const *)sample->chosen.data.feature_names};
    arrays[0] = (struct named_array){.name = "samples",
                                     .type = ARRAY_REAL,
                                     .rank = 2,
                                     .axes = {&axes->row, &axes->feature},
                                     .values = sample->points,
                                     .long_name = "points drawn from the model",
                                     .units = "feature unit"};
    arrays[1] = (struct named_array){.name = "component",
                                     .type = ARRAY_INT,
                                     .rank = 1,
                                     .axes = {&axes->row},
                                     .values = sample->component,
                                     .long_name = "component that the point was drawn from",
                                     .units = "1"};
}

static enum status print_points(struct sample *sample, struct err *err)
{
    enum status rc = OK;
    struct sample_axes axes;
    struct named_array arrays[N_ARRAYS];
    TRY(make_room(sample, sample->n_points < STRETCH ? sample->n_points : STRETCH, err));
    describe(sample, 0, &axes, arrays);
    array_file_csv_head(stdout, N_ARRAYS, arrays);
    for (size_t first = 0; first < sample->n_points; first += axes.row.n) {
        const size_t left = sample->n_points - first;
        axes.row.n = left < STRETCH ? left : STRETCH;
        draw(sample, first, axes.row.n);
        array_file_csv_rows(stdout, N_ARRAYS, arrays);
        if (ferror(stdout))
            FAIL(err, ERR_OUTPUT, "standard output: cannot write: %s", strerror(errno));
    }
done:
    return rc;
}

static enum status write_points(const char *path, struct sample *sample, struct err *err)
{
    enum status rc = OK;
    struct sample_axes axes;
    struct named_array arrays[N_ARRAYS];
    TRY(make_room(sample, sample->n_points, err));
    draw(sample, 0, sample->n_points);
    describe(sample, sample->n_points, &axes, arrays);
    TRY(array_file_write(path, N_ARRAYS, arrays, err));
done:
    return rc;
}

/* --- images --- */

/* *levels: those of the data's own pictures, if its values are of a type that has such, else the
 * range of all that was drawn. */
static void choose_levels(const struct sample *sample, struct levels *levels)
{
    const struct config *config = sample->chosen.config;
    const bool resized = config->data_resize.height > 0; /* those are of 8 bits */
    const double peak = resized ? 255.0 : levels_peak(sample->chosen.data.dtype);
    *levels = (struct levels){0.0, peak / config->data_scale};
    if (peak > 0.0) return;
    *levels = (struct levels){INFINITY, -INFINITY};
    for (size_t i = 0; i < sample->n_points * sample->n_features; i++) {
        levels->black = fmin(levels->black, sample->points[i]);
        levels->white = fmax(levels->white, sample->points[i]);
    }
    fprintf(stderr,
            "the data are %s, of no known range: black is %g and white %g, the range of all "
            "images\n",
            sample->chosen.data.dtype, levels->black, levels->white);
}

/* Image i of the grid, whose pixels are `values`. */
static void place_image(const struct sample *sample, const struct levels *levels, size_t i,
                        size_t n_across, const struct png_pixels *grid, unsigned char *values)
{
    const size_t *shape = sample->chosen.data.image_shape;
    const double *point = sample->points + i * sample->n_features;
    unsigned char *corner = values + (i / n_across) * (shape[0] + GAP) * grid->width +
                            (i % n_across) * (shape[1] + GAP);
    for (size_t y = 0; y < shape[0]; y++)
        for (size_t x = 0; x < shape[1]; x++)
            corner[y * grid->width + x] = levels_of(levels, point[y * shape[1] + x]);
}

static enum status write_images(const char *path, struct sample *sample, struct err *err)
{
    enum status rc = OK;
    const size_t *shape = sample->chosen.data.image_shape;
    unsigned char *values = NULL;
    struct levels levels;
    if (shape[0] == 0)
        FAIL(err, ERR_USAGE,
             "-o: %s: the rows of this sweep are no images, expected one of .csv .npy .npz .h5",
             path);
    TRY(make_room(sample, sample->n_points, err));
    const size_t n_across = (size_t)ceil(sqrt((double)sample->n_points));
    const size_t n_down = (sample->n_points + n_across - 1) / n_across;
    struct png_pixels grid = {.height = n_down * (shape[0] + GAP) - GAP,
                              .width = n_across * (shape[1] + GAP) - GAP,
                              .channels = 1};
    TRY_ALLOC(values, grid.height * grid.width, err);
    grid.values = values;
    memset(values, GAP_LEVEL, grid.height * grid.width);
    draw(sample, 0, sample->n_points);
    choose_levels(sample, &levels);
    for (size_t i = 0; i < sample->n_points; i++)
        place_image(sample, &levels, i, n_across, &grid, values);
    TRY(png_write_file(path, &grid, err));
done:
    free(values);
    return rc;
}

enum status command_sample(const struct cli *cli, struct err *err)
{
    enum status rc = OK;
    struct sample sample = {.sampler = NULL};
    TRY(open_sample(cli, &sample, err));
    if (!cli->quiet)
        fprintf(stderr, "%zu point%s from %s\n", sample.n_points, sample.n_points == 1 ? "" : "s",
                sample.chosen.row->name);
    if (cli->out_file == NULL)
        TRY(print_points(&sample, err));
    else if (array_file_is(cli->out_file, ".png"))
        TRY(write_images(cli->out_file, &sample, err));
    else
        TRY(write_points(cli->out_file, &sample, err));
done:
    free(sample.component);
    free(sample.points);
    sampler_destroy(&sample.sampler);
    chosen_free(&sample.chosen);
    return rc;
}
