#include "mixture.h"

#include "rng.h"

#include <math.h>

double mixture_accumulate(size_t n_components, const double *weights, double *cumulative)
{
    double sum = 0.0;

    for (size_t k = 0; k < n_components; k++)
        cumulative[k] = sum += weights != NULL ? weights[k] : 1.0;
    for (size_t k = 0; k < n_components; k++)
        cumulative[k] /= sum;
    return sum;
}

/* In loops, and so the same on every machine; row j of the transpose is the factor's column j. */
bool mixture_factor(size_t n, const double *matrix, double *factor)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            factor[j * n + i] = j <= i ? matrix[i * n + j] : 0.0;
    for (size_t l = 0; l < n; l++) {
        double *column = factor + l * n;
        if (!(column[l] > 0.0 && isfinite(column[l]))) return false;
        column[l] = sqrt(column[l]);
        for (size_t i = l + 1; i < n; i++)
            column[i] /= column[l];
        for (size_t j = l + 1; j < n; j++)
            for (size_t i = j; i < n; i++)
                factor[j * n + i] -= column[i] * column[j];
    }
    return true;
}

static struct rng_stream stream_of(const struct mixture *mixture, uint64_t n)
{
    return (struct rng_stream){
        .seed = mixture->seed, .name = rng_name(mixture->stream), .restart = n};
}

static size_t component_of(const struct mixture *mixture, const struct rng_stream *stream)
{
    const double ticket = rng_uniform(stream, 0);
    size_t k = 0;

    while (k + 1 < mixture->n_components && ticket >= mixture->cumulative[k])
        k++;
    return k;
}

size_t mixture_component(const struct mixture *mixture, uint64_t n)
{
    const struct rng_stream stream = stream_of(mixture, n);

    return component_of(mixture, &stream);
}

size_t mixture_draw(const struct mixture *mixture, uint64_t n, double *normals, double *out)
{
    const size_t n_features = mixture->n_features;
    const struct rng_stream stream = stream_of(mixture, n);
    const size_t k = component_of(mixture, &stream);
    const double *mean = mixture->means + k * n_features;

    rng_normals(&stream, 1, n_features, normals);
    for (size_t d = 0; d < n_features; d++)
        out[d] = mixture->deviations != NULL ? mixture->deviations[k * n_features + d] * normals[d]
                                             : 0.0;
    for (size_t j = 0; mixture->deviations == NULL && j < n_features; j++) {
        const double *column = mixture->factors + k * mixture->factor_stride + j * n_features;
        for (size_t d = j; d < n_features; d++)
            out[d] += column[d] * normals[j];
    }
    for (size_t d = 0; d < n_features; d++)
        out[d] = mean[d] + out[d];
    return k;
}
