/* vec.h - eight doubles at once, for the files that are compiled once for each instruction set
 * (src/fit/kernels_*.c) and for no other.
 *
 * AVX-512 and AVX2 round alike in every function here, so that their kernels give the same bits.
 * The portable functions differ from them in vec_fma alone, which rounds twice.
 *
 * vec_less has a bit for each value: whether that of a is less.
 * vec_transpose takes `from` [VEC, VEC] to the rows of `to` [VEC, stride].
 */
#ifndef GMMSWEEP_VEC_H
#define GMMSWEEP_VEC_H

#include <stdint.h>
#include <string.h>

enum { VEC = 8 };

#if defined(__AVX512F__)
#include <immintrin.h>

typedef __m512d vec;

static inline vec vec_set(double a)
{
    return _mm512_set1_pd(a);
}
static inline vec vec_load(const double *p)
{
    return _mm512_loadu_pd(p);
}
static inline void vec_store(double *p, vec a)
{
    _mm512_storeu_pd(p, a);
}
static inline vec vec_add(vec a, vec b)
{
    return _mm512_add_pd(a, b);
}
static inline vec vec_sub(vec a, vec b)
{
    return _mm512_sub_pd(a, b);
}
static inline vec vec_mul(vec a, vec b)
{
    return _mm512_mul_pd(a, b);
}
static inline vec vec_div(vec a, vec b)
{
    return _mm512_div_pd(a, b);
}
static inline vec vec_fma(vec a, vec b, vec c)
{
    return _mm512_fmadd_pd(a, b, c);
}
static inline vec vec_pick_less(vec a, vec b, vec less, vec otherwise)
{
    return _mm512_mask_blend_pd(_mm512_cmp_pd_mask(a, b, _CMP_LT_OQ), otherwise, less);
}
static inline unsigned vec_less(vec a, vec b)
{
    return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ);
}
static inline void vec_transpose(const double *from, double *to, size_t stride)
{
    vec a[VEC], pair[VEC];
    for (int i = 0; i < VEC; i++)
        a[i] = vec_load(from + i * VEC);
    for (int i = 0; i < VEC; i += 2) {
        pair[i] = _mm512_unpacklo_pd(a[i], a[i + 1]);
        pair[i + 1] = _mm512_unpackhi_pd(a[i], a[i + 1]);
    }
    for (int i = 0; i < 2; i++) { /* even rows of the result, then odd ones */
        const vec even = _mm512_shuffle_f64x2(pair[i], pair[i + 2], 0x88);
        const vec even2 = _mm512_shuffle_f64x2(pair[i + 4], pair[i + 6], 0x88);
        const vec odd = _mm512_shuffle_f64x2(pair[i], pair[i + 2], 0xdd);
        const vec odd2 = _mm512_shuffle_f64x2(pair[i + 4], pair[i + 6], 0xdd);
        vec_store(to + (size_t)i * stride, _mm512_shuffle_f64x2(even, even2, 0x88));
        vec_store(to + (size_t)(i + 2) * stride, _mm512_shuffle_f64x2(odd, odd2, 0x88));
        vec_store(to + (size_t)(i + 4) * stride, _mm512_shuffle_f64x2(even, even2, 0xdd));
        vec_store(to + (size_t)(i + 6) * stride, _mm512_shuffle_f64x2(odd, odd2, 0xdd));
    }
}
static inline vec vec_bits_add(vec a, vec b)
{
    return _mm512_castsi512_pd(_mm512_add_epi64(_mm512_castpd_si512(a), _mm512_castpd_si512(b)));
}
static inline vec vec_bits_sub(vec a, vec b)
{
    return _mm512_castsi512_pd(_mm512_sub_epi64(_mm512_castpd_si512(a), _mm512_castpd_si512(b)));
}
static inline vec vec_bits_left(vec a, unsigned n)
{
    return _mm512_castsi512_pd(_mm512_slli_epi64(_mm512_castpd_si512(a), n));
}
static inline vec vec_bits_right(vec a, unsigned n)
{
    return _mm512_castsi512_pd(_mm512_srli_epi64(_mm512_castpd_si512(a), n));
}

#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>

typedef struct {
    __m256d low, high;
} vec;

static inline vec vec_set(double a)
{
    return (vec){_mm256_set1_pd(a), _mm256_set1_pd(a)};
}
static inline vec vec_load(const double *p)
{
    return (vec){_mm256_loadu_pd(p), _mm256_loadu_pd(p + 4)};
}
static inline void vec_store(double *p, vec a)
{
    _mm256_storeu_pd(p, a.low);
    _mm256_storeu_pd(p + 4, a.high);
}
static inline vec vec_add(vec a, vec b)
{
    return (vec){_mm256_add_pd(a.low, b.low), _mm256_add_pd(a.high, b.high)};
}
static inline vec vec_sub(vec a, vec b)
{
    return (vec){_mm256_sub_pd(a.low, b.low), _mm256_sub_pd(a.high, b.high)};
}
static inline vec vec_mul(vec a, vec b)
{
    return (vec){_mm256_mul_pd(a.low, b.low), _mm256_mul_pd(a.high, b.high)};
}
static inline vec vec_div(vec a, vec b)
{
    return (vec){_mm256_div_pd(a.low, b.low), _mm256_div_pd(a.high, b.high)};
}
static inline vec vec_fma(vec a, vec b, vec c)
{
    return (vec){_mm256_fmadd_pd(a.low, b.low, c.low), _mm256_fmadd_pd(a.high, b.high, c.high)};
}
static inline __m256d vec_half_less(__m256d a, __m256d b, __m256d less, __m256d otherwise)
{
    return _mm256_blendv_pd(otherwise, less, _mm256_cmp_pd(a, b, _CMP_LT_OQ));
}
static inline vec vec_pick_less(vec a, vec b, vec less, vec otherwise)
{
    return (vec){vec_half_less(a.low, b.low, less.low, otherwise.low),
                 vec_half_less(a.high, b.high, less.high, otherwise.high)};
}
static inline unsigned vec_less(vec a, vec b)
{
    return (unsigned)_mm256_movemask_pd(_mm256_cmp_pd(a.low, b.low, _CMP_LT_OQ)) |
           (unsigned)_mm256_movemask_pd(_mm256_cmp_pd(a.high, b.high, _CMP_LT_OQ)) << 4;
}
/* Four rows of four. */
static inline void vec_half_transpose(const double *from, double *to, size_t stride)
{
    const __m256d a = _mm256_loadu_pd(from), b = _mm256_loadu_pd(from + VEC);
    const __m256d c = _mm256_loadu_pd(from + 2 * VEC), d = _mm256_loadu_pd(from + 3 * VEC);
    const __m256d ab = _mm256_unpacklo_pd(a, b), ab2 = _mm256_unpackhi_pd(a, b);
    const __m256d cd = _mm256_unpacklo_pd(c, d), cd2 = _mm256_unpackhi_pd(c, d);
    _mm256_storeu_pd(to, _mm256_permute2f128_pd(ab, cd, 0x20));
    _mm256_storeu_pd(to + stride, _mm256_permute2f128_pd(ab2, cd2, 0x20));
    _mm256_storeu_pd(to + 2 * stride, _mm256_permute2f128_pd(ab, cd, 0x31));
    _mm256_storeu_pd(to + 3 * stride, _mm256_permute2f128_pd(ab2, cd2, 0x31));
}
static inline void vec_transpose(const double *from, double *to, size_t stride)
{
    for (size_t i = 0; i < VEC; i += 4)
        for (size_t j = 0; j < VEC; j += 4)
            vec_half_transpose(from + j * VEC + i, to + i * stride + j, stride);
}
#define VEC_INTEGER(half, f, ...) _mm256_castsi256_pd(f(_mm256_castpd_si256(half), __VA_ARGS__))
static inline vec vec_bits_add(vec a, vec b)
{
    return (vec){VEC_INTEGER(a.low, _mm256_add_epi64, _mm256_castpd_si256(b.low)),
                 VEC_INTEGER(a.high, _mm256_add_epi64, _mm256_castpd_si256(b.high))};
}
static inline vec vec_bits_sub(vec a, vec b)
{
    return (vec){VEC_INTEGER(a.low, _mm256_sub_epi64, _mm256_castpd_si256(b.low)),
                 VEC_INTEGER(a.high, _mm256_sub_epi64, _mm256_castpd_si256(b.high))};
}
static inline vec vec_bits_left(vec a, int n)
{
    return (vec){VEC_INTEGER(a.low, _mm256_slli_epi64, n),
                 VEC_INTEGER(a.high, _mm256_slli_epi64, n)};
}
static inline vec vec_bits_right(vec a, int n)
{
    return (vec){VEC_INTEGER(a.low, _mm256_srli_epi64, n),
                 VEC_INTEGER(a.high, _mm256_srli_epi64, n)};
}

#else

typedef struct {
    double v[VEC];
} vec;

/* A function of vec from the expression for one of its values, `i`. */
#define VEC_EACH(expression)                                                                       \
    vec r;                                                                                         \
    for (int i = 0; i < VEC; i++)                                                                  \
        r.v[i] = (expression);                                                                     \
    return r

static inline vec vec_set(double a)
{
    VEC_EACH(a);
}
static inline vec vec_load(const double *p)
{
    VEC_EACH(p[i]);
}
static inline void vec_store(double *p, vec a)
{
    memcpy(p, a.v, sizeof a.v);
}
static inline vec vec_add(vec a, vec b)
{
    VEC_EACH(a.v[i] + b.v[i]);
}
static inline vec vec_sub(vec a, vec b)
{
    VEC_EACH(a.v[i] - b.v[i]);
}
static inline vec vec_mul(vec a, vec b)
{
    VEC_EACH(a.v[i] * b.v[i]);
}
static inline vec vec_div(vec a, vec b)
{
    VEC_EACH(a.v[i] / b.v[i]);
}
static inline vec vec_fma(vec a, vec b, vec c)
{
    VEC_EACH(a.v[i] * b.v[i] + c.v[i]);
}
static inline vec vec_pick_less(vec a, vec b, vec less, vec otherwise)
{
    VEC_EACH(a.v[i] < b.v[i] ? less.v[i] : otherwise.v[i]);
}
static inline unsigned vec_less(vec a, vec b)
{
    unsigned bits = 0;
    for (int i = 0; i < VEC; i++)
        bits |= (unsigned)(a.v[i] < b.v[i]) << i;
    return bits;
}
static inline void vec_transpose(const double *from, double *to, size_t stride)
{
    for (size_t i = 0; i < VEC; i++)
        for (size_t j = 0; j < VEC; j++)
            to[i * stride + j] = from[j * VEC + i];
}
static inline uint64_t vec_word(double a)
{
    uint64_t word;
    memcpy(&word, &a, sizeof word);
    return word;
}
static inline double vec_double(uint64_t word)
{
    double a;
    memcpy(&a, &word, sizeof a);
    return a;
}
static inline vec vec_bits_add(vec a, vec b)
{
    VEC_EACH(vec_double(vec_word(a.v[i]) + vec_word(b.v[i])));
}
static inline vec vec_bits_sub(vec a, vec b)
{
    VEC_EACH(vec_double(vec_word(a.v[i]) - vec_word(b.v[i])));
}
static inline vec vec_bits_left(vec a, unsigned n)
{
    VEC_EACH(vec_double(vec_word(a.v[i]) << n));
}
static inline vec vec_bits_right(vec a, unsigned n)
{
    VEC_EACH(vec_double(vec_word(a.v[i]) >> n));
}

#endif

/* a < b ? b : a, where b is NaN a. */
static inline vec vec_max(vec a, vec b)
{
    return vec_pick_less(a, b, b, a);
}

/* Always in this order. */
static inline double vec_sum(vec a)
{
    double s[VEC];
    vec_store(s, a);
    return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

#endif
