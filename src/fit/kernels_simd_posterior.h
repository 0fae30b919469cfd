/* kernels_simd_posterior.h - of kernels_simd.h: exponentials, logarithms, responsibilities. */

/* exp by x = n ln 2 + r, |r| <= ln 2 / 2: ln 2 in two parts (Cody & Waite 1980), a Taylor
 * polynomial of degree 13 (rest below 2^-57), and n added to the exponent. */
INLINE vec exp_of(vec x)
{
    static const double inverse_factorial[] = {
        1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0,
        1.0 / 362880.0,     1.0 / 40320.0,     1.0 / 5040.0,     1.0 / 720.0,
        1.0 / 120.0,        1.0 / 24.0,        1.0 / 6.0,        0.5};
    const vec shift = vec_set(0x1.8p52); /* adding it rounds to an integer in the low bits */
    const vec rounded = vec_fma(x, vec_set(0x1.71547652b82fep0), shift);
    const vec n = vec_sub(rounded, shift);
    vec r = vec_fma(n, vec_set(-0x1.62e42fefa3800p-1), x);
    r = vec_fma(n, vec_set(-0x1.ef35793c76730p-45), r);
    vec p = vec_set(inverse_factorial[0]);
    for (size_t i = 1; i < sizeof inverse_factorial / sizeof *inverse_factorial; i++)
        p = vec_fma(p, r, vec_set(inverse_factorial[i]));
    /* 1 + r + r^2 p, with what rounding takes from 1 + r */
    const vec one = vec_set(1.0), high = vec_add(one, r), low = vec_add(vec_sub(one, high), r);
    const vec result = vec_add(high, vec_fma(vec_mul(r, r), p, low));
    return vec_bits_add(result, vec_bits_left(rounded, 52));
}

static void exp_all(size_t n, double *x)
{
    for (size_t i = 0; i < n; i += VEC) {
        double part[VEC] = {0};
        const size_t size = (n - i < VEC ? n - i : VEC) * sizeof *part;
        memcpy(part, x + i, size);
        const vec v = vec_load(part);
        vec_store(part, vec_pick_less(v, vec_set(-708.0), vec_set(0.0), exp_of(v)));
        memcpy(x + i, part, size);
    }
}

/* The natural logarithm of finite x >= 1. With x = m 2^e, m in [sqrt(1/2), sqrt(2)):
 * ln m = 2 artanh((m - 1) / (m + 1)), whose series ends below 2^-57. */
INLINE vec log_of(vec x)
{
    enum { TERMS = 11 };
    const vec root_half = vec_set(0x1.6a09e667f3bcdp-1), shift = vec_set(0x1p52);
    const vec exponent = vec_bits_right(vec_bits_sub(x, root_half), 52);
    const vec m = vec_bits_sub(x, vec_bits_left(exponent, 52));
    const vec e = vec_sub(vec_bits_add(exponent, shift), shift);
    const vec s = vec_div(vec_sub(m, vec_set(1.0)), vec_add(m, vec_set(1.0)));
    const vec square = vec_mul(s, s);
    vec p = vec_set(1.0 / (2 * TERMS + 1));
    for (int i = TERMS - 1; i > 0; i--)
        p = vec_fma(p, square, vec_set(1.0 / (2 * i + 1)));
    const vec twice = vec_add(s, s);
    const vec log_m = vec_fma(vec_mul(twice, square), p, twice);
    return vec_fma(e, vec_set(0x1.62e42fefa39efp-1), log_m);
}

static double posterior(size_t n_components, const double *restrict constant,
                        const double *restrict weight, double least, double *restrict work,
                        double *restrict scratch)
{
    double *restrict top = scratch, *restrict sum = scratch + ROWS_CHUNK;
    const vec lowest = vec_set(least);
    vec total = vec_set(0.0);
    for (size_t n = 0; n < ROWS_CHUNK; n++) {
        top[n] = -HUGE_VAL;
        sum[n] = 0.0;
    }
    for (size_t k = 0; k < n_components; k++) {
        double *restrict w = work + k * ROWS_CHUNK;
        const vec c = vec_set(constant[k]);
        for (size_t n = 0; n < ROWS_CHUNK; n += VEC) {
            const vec joint = vec_fma(vec_load(w + n), vec_set(-0.5), c);
            vec_store(w + n, joint);
            vec_store(top + n, vec_max(vec_load(top + n), joint));
        }
    }
    for (size_t k = 0; k < n_components; k++) {
        double *restrict w = work + k * ROWS_CHUNK;
        for (size_t n = 0; n < ROWS_CHUNK; n += VEC) {
            const vec below = vec_sub(vec_load(w + n), vec_load(top + n));
            const vec e = vec_pick_less(below, lowest, vec_set(0.0), exp_of(below));
            vec_store(w + n, e);
            vec_store(sum + n, vec_add(vec_load(sum + n), e));
        }
    }
    for (size_t n = 0; n < ROWS_CHUNK; n += VEC) {
        const vec s = vec_load(sum + n), r = vec_load(weight + n);
        total = vec_fma(r, vec_add(vec_load(top + n), log_of(s)), total);
        vec_store(sum + n, vec_div(r, s));
    }
    for (size_t k = 0; k < n_components; k++) {
        double *restrict w = work + k * ROWS_CHUNK;
        for (size_t n = 0; n < ROWS_CHUNK; n += VEC)
            vec_store(w + n, vec_mul(vec_load(w + n), vec_load(sum + n)));
    }
    return vec_sum(total);
}
