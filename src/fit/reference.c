#include "reference.h"

#include <float.h>
#include <math.h>
#include <string.h>

static size_t n_factors(size_t n_components, size_t n_features)
{
    return n_components * n_features * n_features;
}

static size_t n_sums(size_t n_components, size_t n_features)
{
    return n_components * n_features * (1 + n_features);
}

/* Two matrices of ours, and what regularise() wants of the family. */
static size_t n_work(size_t n_components, size_t n_features)
{
    (void)n_components;
    return 2 * n_features * n_features + floor_work(n_features);
}

/* Element d of row n of a chunk, in the blocked layout of rows.h. */
static double element(const double *y, size_t n_features, size_t n, size_t d)
{
    return y[(n / ROWS_BLOCK * n_features + d) * ROWS_BLOCK + n % ROWS_BLOCK];
}

/* Component k's covariance as a full matrix [D, D]. */
static void expand(const struct rows *rows, const struct model *model, size_t k, double *out)
{
    const size_t n = model->n_features;
    const double *covariances = model->covariances;
    memset(out, 0, n * n * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        if (model->family == FAMILY_spherical)
            out[i * n + i] = covariances[k] / (rows->unit[i] * rows->unit[i]);
        else if (model->family == FAMILY_diag)
            out[i * n + i] = covariances[k * n + i];
        else
            for (size_t j = 0; j < n; j++)
                out[i * n + j] =
                    covariances[((model->family == FAMILY_full ? k * n : 0) + i) * n + j];
    }
}

/* The Cholesky factor of component k's covariance, by the textbook. */
static bool factorise(const struct rows *rows, const struct regularisation *reg,
                      const struct model *model, size_t k, double *factors, double *log_norm,
                      double *work)
{
    const size_t n = model->n_features;
    const bool correlated = families[model->family]->correlated;
    const bool bare = floor_is_bare(reg);
    const double eps = (model->family == FAMILY_tied ? 64.0 : 1.0) * (double)n * DBL_EPSILON;
    double *factor = factors + k * n * n, log_det = 0.0;
    expand(rows, model, k, work);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = work[i * n + j];
            for (size_t l = 0; l < j; l++)
                sum -= factor[i * n + l] * factor[j * n + l];
            if (i > j) {
                factor[i * n + j] = sum / factor[j * n + j];
                continue;
            }
            double least = bare && correlated ? eps * rows->floor_unit[i] : 0.0;
            if (!(sum > least)) return false;
            factor[i * n + i] = sqrt(sum);
            log_det += log(sum);
        }
    *log_norm = -0.5 * (log_det + (double)n * log(2.0 * acos(-1.0)));
    return isfinite(log_det);
}

/* x [D] becomes the solution of L x = x, L [D, D] lower triangular. */
static void solve_lower(size_t n, const double *factor, double *x)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++)
            x[i] -= factor[i * n + j] * x[j];
        x[i] /= factor[i * n + i];
    }
}

static void distance(const struct model *model, const double *factors, const struct rows *rows,
                     size_t chunk, const struct bound *bound, double *out, double *work)
{
    const double *y = rows_chunk(rows, chunk);
    (void)bound;
    const size_t n_features = model->n_features;
    for (size_t n = 0; n < ROWS_CHUNK; n++)
        for (size_t k = 0; k < model->n_components; k++) {
            double sum = 0.0;
            for (size_t d = 0; d < n_features; d++)
                work[d] = element(y, n_features, n, d) - model->means[k * n_features + d];
            solve_lower(n_features, factors + k * n_features * n_features, work);
            for (size_t d = 0; d < n_features; d++)
                sum += work[d] * work[d];
            out[k * ROWS_CHUNK + n] = sum;
        }
}

static double posterior(size_t n_components, const double *constant, const double *weight,
                        double least, double *work, double *scratch)
{
    (void)least;
    (void)scratch;
    double total = 0.0;
    for (size_t n = 0; n < ROWS_CHUNK; n++) {
        double largest = -HUGE_VAL, sum = 0.0;
        for (size_t k = 0; k < n_components; k++)
            largest = fmax(largest, constant[k] - 0.5 * work[k * ROWS_CHUNK + n]);
        for (size_t k = 0; k < n_components; k++)
            sum += exp(constant[k] - 0.5 * work[k * ROWS_CHUNK + n] - largest);
        double lse = largest + log(sum);
        for (size_t k = 0; k < n_components; k++) {
            double *resp = &work[k * ROWS_CHUNK + n];
            *resp = weight[n] * exp(constant[k] - 0.5 * *resp - lse);
        }
        total += weight[n] * lse;
    }
    return total;
}

static void accumulate(const struct model *model, const struct rows *rows, size_t chunk,
                       const double *resp, double *count, double *sums, double *work)
{
    const double *y = rows_chunk(rows, chunk);
    (void)work;
    const size_t n_features = model->n_features, n_components = model->n_components;
    for (size_t k = 0; k < n_components; k++) {
        const double *mean = model->means + k * n_features;
        double *first = sums + k * n_features;
        double *second = sums + n_components * n_features + k * n_features * n_features;
        for (size_t n = 0; n < ROWS_CHUNK; n++) {
            double r = resp[k * ROWS_CHUNK + n];
            if (r == 0.0) continue;
            count[k] += r;
            for (size_t i = 0; i < n_features; i++) {
                double offset = r * (element(y, n_features, n, i) - mean[i]);
                first[i] += offset;
                for (size_t j = 0; j <= i; j++)
                    second[i * n_features + j] += offset * (element(y, n_features, n, j) - mean[j]);
            }
        }
    }
}

/* Adds to out [D, D] component k's second moments, as full matrix, about the mean of the
 * statistics or about the mean that they make. */
static void add_scatter(const struct model *now, const double *count, const double *sums, size_t k,
                        bool recentred, double *out)
{
    const size_t n = now->n_features;
    const double *first = sums + k * n, *second = sums + now->n_components * n + k * n * n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double moment = i >= j ? second[i * n + j] : second[j * n + i];
            out[i * n + j] += recentred ? moment - first[i] * first[j] / count[k] : moment;
        }
}

/* next's covariance k from a full scatter matrix and what divides it, in the family's shape. */
static bool take_scatter(const struct rows *rows, const struct regularisation *reg, size_t k,
                         double divisor, double *scatter, struct model *next, double *work)
{
    const struct family *ops = families[next->family];
    const size_t n = next->n_features;
    for (size_t i = 0; i < n * n; i++)
        scatter[i] /= divisor;
    for (size_t d = 0; !ops->correlated && d < n; d++)
        scatter[d] = scatter[d * n + d];
    ops->from_covariance(rows, scatter, k, next);
    return ops->regularise(rows, reg, k, next, work);
}

static bool maximise(const struct rows *rows, const struct regularisation *reg,
                     const struct model *now, const double *count, const double *sums, size_t k,
                     double ddof, struct model *next, double *work)
{
    const size_t n = now->n_features;
    family_move_mean(now, count, sums + k * n, k, next);
    if (now->family == FAMILY_tied) return true;
    memset(work, 0, n * n * sizeof *work);
    add_scatter(now, count, sums, k, true, work);
    return take_scatter(rows, reg, k, count[k] - ddof, work, next, work + n * n);
}

static bool maximise_common(const struct rows *rows, const struct regularisation *reg,
                            const struct model *now, const double *count, const double *sums,
                            double ddof, struct model *next, double *work)
{
    const size_t n = now->n_features;
    memset(work, 0, n * n * sizeof *work);
    for (size_t k = 0; k < now->n_components; k++)
        add_scatter(now, count, sums, k, true, work);
    return take_scatter(rows, reg, 0, rows->total_weight - ddof, work, next, work + n * n);
}

/* tr(Sigma^-1 S) column by column: L L' x = s. */
static double total_distance(const struct rows *rows, const struct model *now, const double *count,
                             const double *sums, const struct model *model, const double *factors,
                             size_t k, double *work)
{
    (void)rows;
    const size_t n = now->n_features;
    const double *factor = factors + k * n * n;
    double trace = 0.0, *x = work + n * n;
    memset(work, 0, n * n * sizeof *work);
    add_scatter(now, count, sums, k, model != now, work);
    for (size_t c = 0; c < n; c++) {
        for (size_t d = 0; d < n; d++)
            x[d] = work[d * n + c];
        solve_lower(n, factor, x);
        for (size_t i = n; i-- > c;) {
            for (size_t j = i + 1; j < n; j++)
                x[i] -= factor[j * n + i] * x[j];
            x[i] /= factor[i * n + i];
        }
        trace += x[c];
    }
    return trace;
}

struct family reference_family(enum family_id family)
{
    struct family ops = *families[family];
    ops.n_factors = n_factors;
    ops.n_sums = n_sums;
    ops.n_work = n_work;
    ops.maximise = maximise;
    ops.maximise_common = ops.maximise_common != NULL ? maximise_common : NULL;
    ops.factorise_common = NULL;
    ops.factorise = factorise;
    ops.distance = distance;
    ops.left_out = NULL;
    ops.complete_distance = distance;
    ops.is_bounded = NULL;
    ops.posterior = posterior;
    ops.accumulate = accumulate;
    ops.n_stripes = NULL;
    ops.accumulate_stripe = NULL;
    ops.total_distance = total_distance;
    return ops;
}
