#include "em_pass.h"

#include "kernels.h"

/* Statistics of all lanes together over this make a fit heavy. */
#define HEAVY_BYTES (64.0 * 1048576.0)

size_t em_pass_step_sums(const struct family *ops, size_t n_components, size_t n_features)
{
    return 1 + n_components + ops->n_sums(n_components, n_features);
}

size_t em_pass_score_sums(size_t n_components, size_t n_classes)
{
    return 2 + n_components + n_components * n_classes;
}

bool em_pass_is_heavy(const struct family *ops, size_t n_rows, size_t n_components,
                      size_t n_features)
{
    double bytes = 8.0 * (double)em_pass_step_sums(ops, n_components, n_features);
    return ops->n_stripes != NULL && (double)rows_n_lanes(n_rows) * bytes > HEAVY_BYTES;
}

/* Weighted responsibilities of a chunk, resp [K, ROWS_CHUNK]: given by the start, or by the
 * model. Returns the chunk's log-likelihood, 0 for those of a start. */
static double expect(const struct em *em, size_t chunk, double *resp, struct scratch *scratch)
{
    const size_t n_components = em->settings.n_components;
    const double *weight = em->rows->weight + chunk * ROWS_CHUNK;
    if (em->phase == EM_MOMENTS) {
        start_responsibilities(em->start, chunk, resp);
        return 0.0;
    }
    struct bound bound = {em->constant, em->rows->least_log_resp, NULL};
    if (em->winner != NULL) bound.winner = em->winner + chunk * ROWS_CHUNK;
    em->ops->distance(em->model, em->factors, em->rows, chunk, em->winner != NULL ? &bound : NULL,
                      resp, scratch->family);
    return em->ops->posterior(n_components, em->constant, weight, em->rows->least_log_resp, resp,
                              scratch->rows);
}

static void score_chunk(const struct em *em, size_t chunk, double *sums, struct scratch *scratch)
{
    const struct rows *rows = em->rows;
    const size_t n_components = em->settings.n_components;
    const double *weight = rows->weight + chunk * ROWS_CHUNK;
    double *count = sums + 1, *confusion = sums + 2 + n_components;
    for (size_t k = 0; k < n_components; k++)
        for (size_t n = 0; n < ROWS_CHUNK; n++)
            count[k] += scratch->work[k * ROWS_CHUNK + n];
    sums[1 + n_components] +=
        kernels_assign(n_components, weight, scratch->work, scratch->component);
    if (rows->label == NULL) return;
    const int32_t *label = rows->label + chunk * ROWS_CHUNK;
    for (size_t n = 0; n < ROWS_CHUNK; n++)
        confusion[(size_t)scratch->component[n] * rows->n_classes + (size_t)label[n]] += weight[n];
}

void em_pass_lane(struct task *task, size_t lane, double *sums, struct scratch *scratch)
{
    struct em *em = (struct em *)task;
    if (em->phase == EM_SETUP) return;
    size_t chunk, end;
    for (rows_lane(em->rows, lane, &chunk, &end); chunk < end && !engine_stops(scratch); chunk++) {
        sums[0] += expect(em, chunk, scratch->work, scratch);
        if (em->phase == EM_SCORE)
            score_chunk(em, chunk, sums, scratch);
        else
            em->ops->accumulate(em->model, em->rows, chunk, scratch->work, sums + 1,
                                sums + 1 + em->settings.n_components, scratch->family);
    }
}

void em_pass_expect(struct task *task, size_t chunk, size_t slot, struct scratch *scratch)
{
    struct em *em = (struct em *)task;
    double *resp = em->batch + slot * em->settings.n_components * ROWS_CHUNK;
    em->batch_loglik[slot] = expect(em, chunk, resp, scratch);
}

/* A share is a stripe of one component; the first one adds the log-likelihoods too. */
void em_pass_gather(struct task *task, size_t first_chunk, size_t n_chunks, size_t share,
                    struct scratch *scratch)
{
    struct em *em = (struct em *)task;
    const size_t n_components = em->settings.n_components;
    const size_t n_stripes = em->ops->n_stripes(em->rows->n_features);
    const size_t k = share / n_stripes, stripe = share % n_stripes;
    double *count = task->sums + 1, *sums = count + n_components;
    for (size_t slot = 0; slot < n_chunks; slot++) {
        const double *resp = em->batch + (slot * n_components + k) * ROWS_CHUNK;
        em->ops->accumulate_stripe(em->model, em->rows, first_chunk + slot, resp, k, stripe, count,
                                   sums, scratch->family);
        if (share == 0) task->sums[0] += em->batch_loglik[slot];
    }
}

double em_pass_heldout(const struct em *em, size_t chunk, struct scratch *scratch)
{
    em->ops->complete_distance(em->model, em->factors, em->heldout_rows, chunk, NULL, scratch->work,
                               scratch->family);
    return em->ops->posterior(em->settings.n_components, em->constant,
                              em->heldout_rows->weight + chunk * ROWS_CHUNK,
                              em->rows->least_log_resp, scratch->work, scratch->rows);
}
