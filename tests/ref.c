#include "ref.h"

#include "rows.h"

#include <math.h>
#include <stdlib.h>

static const long double LOG_2PI = 1.837877066409345483560659472811235279L;

/* --- one chunk --- */

double ref_at(const double *y, size_t n_features, size_t n, size_t d)
{
    return y[(n / ROWS_BLOCK * n_features + d) * ROWS_BLOCK + n % ROWS_BLOCK];
}

void ref_distance(size_t n_features, const double *y, size_t n_components, const double *scale,
                  size_t scale_stride, const double *shift, double *distance)
{
    for (size_t k = 0; k < n_components; k++) {
        for (size_t n = 0; n < ROWS_CHUNK; n++) {
            long double sum = 0;
            for (size_t d = 0; d < n_features; d++) {
                const long double scaled =
                    (long double)ref_at(y, n_features, n, d) * scale[k * scale_stride + d] +
                    shift[k * n_features + d];
                sum += scaled * scaled;
            }
            distance[k * ROWS_CHUNK + n] = (double)sum;
        }
    }
}

/* ln sum exp of values [n]. */
static long double log_sum_exp(size_t n, const long double *values)
{
    long double top = -HUGE_VALL, sum = 0;
    for (size_t i = 0; i < n; i++)
        top = fmaxl(top, values[i]);
    for (size_t i = 0; i < n; i++)
        sum += expl(values[i] - top);
    return top + logl(sum);
}

long double ref_posterior(size_t n_components, const double *constant, const double *weight,
                          const double *distance, double *resp)
{
    long double *log_joint = malloc(n_components * sizeof *log_joint);
    long double total = 0;
    for (size_t n = 0; n < ROWS_CHUNK; n++) {
        for (size_t k = 0; k < n_components; k++)
            log_joint[k] = constant[k] - (long double)distance[k * ROWS_CHUNK + n] / 2;
        const long double lse = log_sum_exp(n_components, log_joint);
        for (size_t k = 0; k < n_components; k++)
            resp[k * ROWS_CHUNK + n] = (double)(weight[n] * expl(log_joint[k] - lse));
        total += weight[n] * lse;
    }
    free(log_joint);
    return total;
}

void ref_moments(size_t n_features, const double *y, size_t n_components, const double *mean,
                 const double *resp, double *count, double *first, double *second)
{
    for (size_t k = 0; k < n_components; k++) {
        const double *r = resp + k * ROWS_CHUNK;
        long double sum = count[k];
        for (size_t n = 0; n < ROWS_CHUNK; n++)
            sum += r[n];
        count[k] = (double)sum;
        for (size_t d = 0; d < n_features; d++) {
            const size_t i = k * n_features + d;
            long double sum1 = first[i], sum2 = second[i];
            for (size_t n = 0; n < ROWS_CHUNK; n++) {
                const long double t = (long double)ref_at(y, n_features, n, d) - mean[i];
                sum1 += r[n] * t;
                sum2 += r[n] * t * t;
            }
            first[i] = (double)sum1;
            second[i] = (double)sum2;
        }
    }
}

void ref_totals(size_t n_features, const double *y, size_t n_components, const double *resp,
                const double *norm, double *count, double *total, double *square)
{
    for (size_t k = 0; k < n_components; k++) {
        const double *r = resp + k * ROWS_CHUNK;
        long double sum = count[k], squares = square[k];
        for (size_t n = 0; n < ROWS_CHUNK; n++) {
            sum += r[n];
            squares += (long double)r[n] * norm[n];
        }
        count[k] = (double)sum;
        square[k] = (double)squares;
        for (size_t d = 0; d < n_features; d++) {
            sum = total[k * n_features + d];
            for (size_t n = 0; n < ROWS_CHUNK; n++)
                sum += (long double)r[n] * ref_at(y, n_features, n, d);
            total[k * n_features + d] = (double)sum;
        }
    }
}

void ref_cross(size_t n_features, const double *y, const double *mean, const double *resp,
               double *second)
{
    for (size_t i = 0; i < n_features; i++) {
        for (size_t j = 0; j <= i; j++) {
            long double sum = second[i * n_features + j];
            for (size_t n = 0; n < ROWS_CHUNK; n++)
                sum += resp[n] * ((long double)ref_at(y, n_features, n, i) - mean[i]) *
                       ((long double)ref_at(y, n_features, n, j) - mean[j]);
            second[i * n_features + j] = (double)sum;
        }
    }
}

void ref_linear(size_t n_features, const double *y, size_t n_components, const double *direction,
                const double *length, const double *norm, const double *precision, double *distance)
{
    for (size_t k = 0; k < n_components; k++) {
        for (size_t n = 0; n < ROWS_CHUNK; n++) {
            long double sum = length[k];
            if (norm != NULL) sum += (long double)norm[n] * precision[k];
            for (size_t d = 0; d < n_features; d++)
                sum -= 2 * (long double)ref_at(y, n_features, n, d) * direction[k * n_features + d];
            distance[k * ROWS_CHUNK + n] = (double)sum;
        }
    }
}

void ref_mahalanobis(size_t n_features, const double *y, const double *mean,
                     const double *inverse_factor, double *distance)
{
    for (size_t n = 0; n < ROWS_CHUNK; n++) {
        long double square = 0;
        for (size_t i = 0; i < n_features; i++) {
            long double product = 0;
            for (size_t j = 0; j <= i; j++)
                product += inverse_factor[i * n_features + j] *
                           ((long double)ref_at(y, n_features, n, j) - mean[j]);
            square += product * product;
        }
        distance[n] = (double)square;
    }
}

long double ref_assign(size_t n_components, const double *weight, const double *resp,
                       int32_t *component)
{
    long double total = 0;
    for (size_t n = 0; n < ROWS_CHUNK; n++) {
        component[n] = 0;
        for (size_t k = 0; k < n_components; k++) {
            const double weighted = resp[k * ROWS_CHUNK + n];
            if (weighted > resp[(size_t)component[n] * ROWS_CHUNK + n]) component[n] = (int32_t)k;
            if (weighted <= 0) continue;
            const long double r = (long double)weighted / weight[n];
            total -= weight[n] * r * logl(r);
        }
    }
    return total;
}

/* --- one symmetric matrix --- */

bool ref_cholesky(size_t n, const long double *matrix, long double *lower)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            long double sum = matrix[i * n + j];
            for (size_t l = 0; l < j && j <= i; l++)
                sum -= lower[i * n + l] * lower[j * n + l];
            if (i == j && !(sum > 0)) return false;
            lower[i * n + j] = j > i ? 0 : i == j ? sqrtl(sum) : sum / lower[j * n + j];
        }
    }
    return true;
}

/* Turns rows p and q of a [n, n] by the angle of cosine c and sine s. */
static void turn_rows(size_t n, long double *a, size_t p, size_t q, long double c, long double s)
{
    for (size_t i = 0; i < n; i++) {
        const long double x = a[p * n + i], y = a[q * n + i];
        a[p * n + i] = c * x - s * y;
        a[q * n + i] = s * x + c * y;
    }
}

static void turn_columns(size_t n, long double *a, size_t p, size_t q, long double c, long double s)
{
    for (size_t i = 0; i < n; i++) {
        const long double x = a[i * n + p], y = a[i * n + q];
        a[i * n + p] = c * x - s * y;
        a[i * n + q] = s * x + c * y;
    }
}

/* The turn that makes element (p, q) zero; whether one was needed. */
static bool annihilate(size_t n, long double *a, size_t p, size_t q, long double *vectors)
{
    const long double off = a[p * n + q], difference = a[q * n + q] - a[p * n + p];
    if (fabsl(off) <= 1e-22L * sqrtl(fabsl(a[p * n + p] * a[q * n + q]))) return false;
    const long double theta = difference / (2 * off);
    const long double t = (theta < 0 ? -1 : 1) / (fabsl(theta) + sqrtl(theta * theta + 1));
    const long double c = 1 / sqrtl(t * t + 1), s = t * c;
    turn_rows(n, a, p, q, c, s);
    turn_columns(n, a, p, q, c, s);
    turn_rows(n, vectors, p, q, c, s);
    return true;
}

void ref_eigen(size_t n, const long double *matrix, long double *values, long double *vectors)
{
    long double *a = malloc(n * n * sizeof *a);
    for (size_t i = 0; i < n * n; i++) {
        a[i] = matrix[i];
        vectors[i] = i % (n + 1) == 0;
    }
    bool turned = true;
    for (int sweep = 0; sweep < 60 && turned; sweep++) {
        turned = false;
        for (size_t p = 0; p < n; p++)
            for (size_t q = p + 1; q < n; q++)
                turned |= annihilate(n, a, p, q, vectors);
    }
    for (size_t i = 0; i < n; i++)
        values[i] = a[i * n + i];
    free(a);
}

/* --- a whole mixture --- */

struct ref_mixture *ref_mixture_create(size_t n_components, size_t n_features)
{
    const size_t n_means = n_components * n_features, n_matrices = n_means * n_features;
    struct ref_mixture *mixture = malloc(sizeof *mixture);
    mixture->n_components = n_components;
    mixture->n_features = n_features;
    mixture->weights = calloc(2 * n_components + n_means + 2 * n_matrices, sizeof(long double));
    mixture->means = mixture->weights + n_components;
    mixture->covariances = mixture->means + n_means;
    mixture->factors = mixture->covariances + n_matrices;
    mixture->log_norms = mixture->factors + n_matrices;
    return mixture;
}

void ref_mixture_destroy(struct ref_mixture **mixture)
{
    free((*mixture)->weights);
    free(*mixture);
    *mixture = NULL;
}

double ref_weight(const struct ref_data *data, size_t n)
{
    return data->weight == NULL ? 1 : data->weight[n];
}

long double ref_total_weight(const struct ref_data *data)
{
    long double sum = 0;
    for (size_t n = 0; n < data->n_rows; n++)
        sum += ref_weight(data, n);
    return sum;
}

/* sum_n w_n (x_nd - origin)^power / sum_n w_n */
static long double moment(const struct ref_data *data, size_t d, long double origin, int power)
{
    long double sum = 0;
    for (size_t n = 0; n < data->n_rows; n++) {
        const long double t = data->x[n * data->n_features + d] - origin;
        sum += ref_weight(data, n) * (power == 1 ? t : t * t);
    }
    return sum / ref_total_weight(data);
}

long double ref_mean(const struct ref_data *data, size_t d)
{
    return moment(data, d, 0, 1);
}

long double ref_variance(const struct ref_data *data, size_t d)
{
    return moment(data, d, ref_mean(data, d), 2);
}

static void factorise(struct ref_mixture *mixture)
{
    const size_t n = mixture->n_features;
    for (size_t k = 0; k < mixture->n_components; k++) {
        long double *lower = mixture->factors + k * n * n;
        if (!ref_cholesky(n, mixture->covariances + k * n * n, lower))
            lower[0] = NAN; /* shows in whatever is made of it */
        mixture->log_norms[k] = -LOG_2PI * (long double)n / 2;
        for (size_t d = 0; d < n; d++)
            mixture->log_norms[k] -= logl(lower[d * n + d]);
    }
}

/* ln N(x | mu_k, Sigma_k), by forward substitution. */
static long double log_normal(const struct ref_mixture *mixture, size_t k, const double *x)
{
    const size_t n = mixture->n_features;
    const long double *lower = mixture->factors + k * n * n, *mean = mixture->means + k * n;
    long double solved[n], distance = 0;
    for (size_t i = 0; i < n; i++) {
        solved[i] = x[i] - mean[i];
        for (size_t j = 0; j < i; j++)
            solved[i] -= lower[i * n + j] * solved[j];
        solved[i] /= lower[i * n + i];
        distance += solved[i] * solved[i];
    }
    return mixture->log_norms[k] - distance / 2;
}

/* ln sum_k w_k N(x | mu_k, Sigma_k) with log_joint [K], its terms' logarithms. */
static long double log_density_of(const struct ref_mixture *mixture, const double *x,
                                  long double *log_joint)
{
    for (size_t k = 0; k < mixture->n_components; k++)
        log_joint[k] = logl(mixture->weights[k]) + log_normal(mixture, k, x);
    return log_sum_exp(mixture->n_components, log_joint);
}

long double ref_e_step(const struct ref_data *data, struct ref_mixture *mixture, long double *resp)
{
    long double loglik = 0;
    factorise(mixture);
    for (size_t n = 0; n < data->n_rows; n++) {
        long double *r = resp + n * mixture->n_components;
        const long double log_density = log_density_of(mixture, data->x + n * data->n_features, r);
        loglik += ref_weight(data, n) * log_density;
        for (size_t k = 0; k < mixture->n_components; k++)
            r[k] = expl(r[k] - log_density);
    }
    return loglik;
}

/* own [D]: the features' variances; a constant feature takes the mean of the others. */
static void own_variances(const struct ref_data *data, long double *own)
{
    long double sum = 0;
    size_t varying = 0;
    for (size_t d = 0; d < data->n_features; d++) {
        sum += own[d] = ref_variance(data, d);
        varying += own[d] > 0;
    }
    for (size_t d = 0; d < data->n_features; d++)
        if (own[d] == 0) own[d] = varying > 0 ? sum / (long double)varying : 1;
}

/* least [D] of each feature's variance; of the one variance of a spherical family. */
static void least_variances(const struct ref_data *data, const struct ref_rules *rules,
                            long double *least)
{
    const size_t n = data->n_features;
    long double mean = 0;
    own_variances(data, least);
    for (size_t d = 0; d < n; d++)
        mean += least[d] / (long double)n;
    for (size_t d = 0; d < n; d++)
        least[d] = rules->floor * (rules->family == FAMILY_spherical ? mean : least[d]) +
                   rules->floor_absolute;
}

/* Clips the eigenvalues of f^-1/2 covariance f^-1/2 at 1, f = diag(least). */
static void clip(size_t n, const long double *least, long double *covariance)
{
    long double *scaled = calloc(n * n, sizeof *scaled), *vectors = calloc(n * n, sizeof *vectors);
    long double values[n];
    for (size_t i = 0; i < n * n; i++)
        scaled[i] = covariance[i] / sqrtl(least[i / n] * least[i % n]);
    ref_eigen(n, scaled, values, vectors);
    for (size_t i = 0; i < n * n; i++) {
        covariance[i] = 0;
        for (size_t e = 0; e < n; e++)
            covariance[i] += fmaxl(values[e], 1) * vectors[e * n + i / n] * vectors[e * n + i % n];
        covariance[i] *= sqrtl(least[i / n] * least[i % n]);
    }
    free(vectors);
    free(scaled);
}

void ref_restrict(const struct ref_data *data, const struct ref_rules *rules,
                  long double *covariance)
{
    const size_t n = data->n_features;
    const bool diagonal = rules->family == FAMILY_spherical || rules->family == FAMILY_diag;
    long double least[n], mean = 0;
    least_variances(data, rules, least);
    for (size_t d = 0; d < n; d++)
        mean += covariance[d * n + d] / (long double)n;
    for (size_t i = 0; i < n * n; i++) {
        const size_t d = i / n;
        if (d != i % n) {
            if (diagonal) covariance[i] = 0;
            continue;
        }
        if (rules->family == FAMILY_spherical) covariance[i] = mean;
        covariance[i] += rules->ridge;
        if (diagonal) covariance[i] = fmaxl(covariance[i], least[d]);
    }
    if (!diagonal && least[0] > 0) clip(n, least, covariance);
}

/* Mean of component k and its scatter about it, [D, D]; weight [N] is what each row counts. */
static void moments_of(const struct ref_data *data, const long double *weight, long double count,
                       long double *mean, long double *scatter)
{
    const size_t n_features = data->n_features;
    for (size_t i = 0; i < n_features; i++) {
        mean[i] = 0;
        for (size_t n = 0; n < data->n_rows; n++)
            mean[i] += weight[n] * data->x[n * n_features + i] / count;
    }
    for (size_t i = 0; i < n_features * n_features; i++) {
        const size_t d = i / n_features, e = i % n_features;
        scatter[i] = 0;
        for (size_t n = 0; n < data->n_rows; n++)
            scatter[i] += weight[n] * (data->x[n * n_features + d] - mean[d]) *
                          (data->x[n * n_features + e] - mean[e]);
    }
}

/* The mean of the components' covariances, by their counts, for all of them. */
static void pool(struct ref_mixture *mixture, const long double *divisor)
{
    const size_t n_components = mixture->n_components;
    const size_t size = mixture->n_features * mixture->n_features;
    for (size_t i = 0; i < size; i++) {
        long double scatter = 0, all = 0;
        for (size_t k = 0; k < n_components; k++) {
            scatter += divisor[k] * mixture->covariances[k * size + i];
            all += divisor[k];
        }
        for (size_t k = 0; k < n_components; k++)
            mixture->covariances[k * size + i] = scatter / all;
    }
}

void ref_m_step(const struct ref_data *data, const struct ref_rules *rules, const long double *resp,
                struct ref_mixture *mixture, long double *count)
{
    const size_t n_components = mixture->n_components, n_features = mixture->n_features;
    const size_t size = n_features * n_features;
    long double *weight = malloc(data->n_rows * sizeof *weight), divisor[n_components];
    for (size_t k = 0; k < n_components; k++) {
        count[k] = 0;
        for (size_t n = 0; n < data->n_rows; n++)
            count[k] += weight[n] = ref_weight(data, n) * resp[n * n_components + k];
        divisor[k] = count[k] - rules->ddof;
        mixture->weights[k] = rules->equal_weights ? 1 / (long double)n_components
                                                   : count[k] / ref_total_weight(data);
        moments_of(data, weight, count[k], mixture->means + k * n_features,
                   mixture->covariances + k * size);
        for (size_t i = 0; i < size; i++)
            mixture->covariances[k * size + i] /= divisor[k];
    }
    if (rules->family == FAMILY_tied) pool(mixture, divisor);
    for (size_t k = 0; k < n_components; k++)
        ref_restrict(data, rules, mixture->covariances + k * size);
    free(weight);
}

long double ref_loglik(const struct ref_data *data, struct ref_mixture *mixture)
{
    long double log_joint[mixture->n_components], loglik = 0;
    factorise(mixture);
    for (size_t n = 0; n < data->n_rows; n++)
        loglik += ref_weight(data, n) *
                  log_density_of(mixture, data->x + n * data->n_features, log_joint);
    return loglik;
}

long double ref_elbo(const struct ref_data *data, const long double *resp,
                     struct ref_mixture *mixture)
{
    const size_t n_components = mixture->n_components;
    long double log_joint[n_components], bound = 0;
    factorise(mixture);
    for (size_t n = 0; n < data->n_rows; n++) {
        log_density_of(mixture, data->x + n * data->n_features, log_joint);
        for (size_t k = 0; k < n_components; k++) {
            const long double r = resp[n * n_components + k];
            if (r > 0) bound += ref_weight(data, n) * r * (log_joint[k] - logl(r));
        }
    }
    return bound;
}

/* --- starts --- */

long double ref_inertia(const struct ref_data *data, size_t n_components, const double *means)
{
    long double sum = 0;
    for (size_t n = 0; n < data->n_rows; n++) {
        long double nearest = HUGE_VALL;
        for (size_t k = 0; k < n_components; k++) {
            long double distance = 0;
            for (size_t d = 0; d < data->n_features; d++) {
                const long double t = (long double)data->x[n * data->n_features + d] -
                                      means[k * data->n_features + d];
                distance += t * t;
            }
            nearest = fminl(nearest, distance);
        }
        sum += ref_weight(data, n) * nearest;
    }
    return sum;
}

size_t ref_pick(size_t n, const long double *share, long double left)
{
    for (size_t i = 0; i < n; i++) {
        if (left < share[i]) return i;
        left -= share[i];
    }
    return n;
}

/* --- random numbers --- */

__extension__ typedef unsigned __int128 wide;

void ref_philox(const uint64_t *counter, const uint64_t *key, uint64_t *out)
{
    const uint64_t multiplier[] = {0xd2e7470ee14c6c93u, 0xca5a826395121157u};
    const uint64_t weyl[] = {0x9e3779b97f4a7c15u, 0xbb67ae8584caa73bu};
    uint64_t k0 = key[0], k1 = key[1];
    for (int i = 0; i < 4; i++)
        out[i] = counter[i];
    for (int round = 0; round < 10; round++) {
        const wide p0 = (wide)multiplier[0] * out[0], p1 = (wide)multiplier[1] * out[2];
        const uint64_t next[] = {(uint64_t)(p1 >> 64) ^ out[1] ^ k0, (uint64_t)p1,
                                 (uint64_t)(p0 >> 64) ^ out[3] ^ k1, (uint64_t)p0};
        for (int i = 0; i < 4; i++)
            out[i] = next[i];
        k0 += weyl[0];
        k1 += weyl[1];
    }
}
