/* The header of an NPY file: a magic, a version, a length, then a Python dict as text, such as
 * {'descr': '<f8', 'fortran_order': False, 'shape': (280, 2), } (NumPy Enhancement Proposal 1;
 * numpy/lib/format.py). It is read by a parser of just that, never as Python. */
#include "npy.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { MAGIC = 6, LENGTH = 8, FIRST = 12 /* bytes that tell where the header ends */ };

static const char magic[MAGIC] = "\x93NUMPY"; /* without a NUL */

struct parser {
    const char *where;
    const unsigned char *bytes;
    size_t at, end;
    struct err *err;
};

struct text {
    const char *v; /* [n], inside the header */
    size_t n;
};

bool npy_probe(const unsigned char *bytes, size_t n)
{
    return memcmp(bytes, magic, n < MAGIC ? n : MAGIC) == 0;
}

static enum status wrong(const struct parser *p, const char *expected)
{
    if (p->at == p->end)
        return err_set(p->err, ERR_DATA, "%s: NPY header ends at byte %zu, expected %s", p->where,
                       p->at, expected);
    return err_set(p->err, ERR_DATA, "%s: NPY header, byte %zu: '%c', expected %s", p->where, p->at,
                   p->bytes[p->at], expected);
}

static void skip_blanks(struct parser *p)
{
    while (p->at < p->end && (p->bytes[p->at] == ' ' || p->bytes[p->at] == '\n'))
        p->at++;
}

/* Whether the next character is `wanted`, which is then passed. */
static bool take(struct parser *p, char wanted)
{
    skip_blanks(p);
    if (p->at == p->end || p->bytes[p->at] != wanted) return false;
    p->at++;
    return true;
}

static bool take_word(struct parser *p, const char *word)
{
    size_t n = strlen(word);

    skip_blanks(p);
    if (p->end - p->at < n || memcmp(p->bytes + p->at, word, n) != 0) return false;
    p->at += n;
    return true;
}

/* How many of n characters a message shows. */
static int shown(size_t n)
{
    return n < 40 ? (int)n : 40;
}

static bool text_is(const struct text *text, const char *other)
{
    return text->n == strlen(other) && memcmp(text->v, other, text->n) == 0;
}

/* A Python text without escapes. */
static enum status read_text(struct parser *p, const char *expected, struct text *out)
{
    skip_blanks(p);
    size_t quote = p->at;
    if (!take(p, '\'') && !take(p, '"')) return wrong(p, expected);
    out->v = (const char *)p->bytes + p->at;
    while (p->at < p->end && p->bytes[p->at] != p->bytes[quote] && p->bytes[p->at] != '\\')
        p->at++;
    out->n = p->at - quote - 1;
    if (p->at == p->end || p->bytes[p->at] == '\\') return wrong(p, "a closing quote");
    p->at++;
    return OK;
}

/* What the letter of another type stands for (NumPy, "The array interface protocol"). */
static const char *other_kind(char letter)
{
    switch (letter) {
    case 'O':
        return "Python objects (a pickle), which only Python can read";
    case 'U':
    case 'S':
        return "texts";
    case 'V':
        return "structures or raw bytes";
    case 'M':
        return "dates";
    case 'm':
        return "time spans";
    case 'c':
        return "complex numbers";
    default:
        return "no type that is read here";
    }
}

/* Fills in what a dtype such as "<f8" means. Returns NULL, or what is wrong with it. */
static const char *apply_dtype(const struct text *text, struct layout *out)
{
    if (text->n < 2 || (text->v[0] != '<' && text->v[0] != '>' && text->v[0] != '|'))
        return "does not start with a byte order < > or |";
    if (text->n != 3 || !layout_set_type(out, text->v + 1)) return other_kind(text->v[1]);
    if (text->v[0] == '|' && out->size > 1) return "does not tell its byte order";
    out->big_endian = text->v[0] == '>';
    return NULL;
}

static enum status read_dtype(struct parser *p, struct layout *out)
{
    struct text text = {0};

    skip_blanks(p);
    if (p->at < p->end && p->bytes[p->at] == '[')
        return err_set(p->err, ERR_DATA, "%s: holds structures with fields, expected numbers",
                       p->where);
    enum status rc = read_text(p, "a dtype in quotes", &text);
    if (rc != OK) return rc;
    const char *fault = apply_dtype(&text, out);
    if (fault == NULL) return OK;
    return err_set(p->err, ERR_DATA,
                   "%s: dtype '%.*s': %s, expected bool, or integers or floats of up to 64 bits",
                   p->where, shown(text.n), text.v, fault);
}

static enum status read_order(struct parser *p, bool *fortran)
{
    *fortran = take_word(p, "True");
    if (*fortran || take_word(p, "False")) return OK;
    return wrong(p, "True or False");
}

/* A whole number, which Python 2 may have written with an L. */
static enum status read_dimension(struct parser *p, size_t *out)
{
    bool fits = true;

    skip_blanks(p);
    size_t first = p->at;
    *out = 0;
    for (; p->at < p->end && p->bytes[p->at] >= '0' && p->bytes[p->at] <= '9'; p->at++)
        fits &= !__builtin_mul_overflow(*out, 10, out) &&
                !__builtin_add_overflow(*out, p->bytes[p->at] - '0', out);
    if (p->at == first) return wrong(p, "a dimension or ')'");
    if (!fits)
        return err_set(p->err, ERR_DATA,
                       "%s: NPY header, byte %zu: no file has a dimension of %.*s", p->where, first,
                       shown(p->at - first), (const char *)p->bytes + first);
    if (p->at < p->end && p->bytes[p->at] == 'L') p->at++;
    return OK;
}

static enum status read_shape(struct parser *p, struct layout *out)
{
    enum status rc = OK;
    struct err *err = p->err;

    if (!take(p, '(')) TRY(wrong(p, "a shape such as (280, 2)"));
    out->rank = 0;
    while (!take(p, ')')) {
        if (out->rank == LAYOUT_DIMS)
            FAIL(err, ERR_DATA, "%s: has more than %d dimensions", p->where, LAYOUT_DIMS);
        TRY(read_dimension(p, &out->shape[out->rank++]));
        if (take(p, ',')) continue;
        if (out->rank == 1) TRY(wrong(p, "','")); /* (3) is no tuple */
        if (!take(p, ')')) TRY(wrong(p, "',' or ')'"));
        break;
    }
done:
    return rc;
}

static enum status read_dict(struct parser *p, struct layout *out, bool *fortran)
{
    enum status rc = OK;
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    struct err *err = p->err;
    struct text key = {0};
    bool seen[3] = {false};
    size_t k;

    if (!take(p, '{')) TRY(wrong(p, "'{'"));
    while (!take(p, '}')) {
        TRY(read_text(p, "a key in quotes or '}'", &key));
        for (k = 0; k < 3 && !text_is(&key, keys[k]);)
            k++;
        if (k == 3 || seen[k])
            FAIL(err, ERR_DATA,
                 "%s: NPY header, byte %zu: '%.*s' %s, expected descr, fortran_order and shape",
                 p->where, (size_t)(key.v - (const char *)p->bytes), shown(key.n), key.v,
                 k == 3 ? "is no key of it" : "is given twice");
        seen[k] = true;
        if (!take(p, ':')) TRY(wrong(p, "':'"));
        TRY(k == 0 ? read_dtype(p, out) : k == 1 ? read_order(p, fortran) : read_shape(p, out));
        if (take(p, ',')) continue;
        if (!take(p, '}')) TRY(wrong(p, "',' or '}'"));
        break;
    }
    for (k = 0; k < 3; k++)
        if (!seen[k]) FAIL(err, ERR_DATA, "%s: NPY header lacks '%s'", p->where, keys[k]);
    skip_blanks(p);
    if (p->at < p->end) TRY(wrong(p, "nothing more"));
done:
    return rc;
}

/* *at, *end: the dict's place in a file that starts with bytes [n], n >= FIRST. */
static void find_dict(const unsigned char *bytes, size_t *at, size_t *end)
{
    bool short_length = bytes[MAGIC] == 1;
    size_t length = (size_t)bytes[LENGTH] | (size_t)bytes[LENGTH + 1] << 8;

    if (!short_length) length |= (size_t)bytes[LENGTH + 2] << 16 | (size_t)bytes[LENGTH + 3] << 24;
    *at = LENGTH + (short_length ? 2 : 4);
    *end = *at + length;
}

/* Everything before the dict, and that the dict is there and is text. */
static enum status check_start(struct parser *p, size_t n)
{
    enum status rc = OK;
    struct err *err = p->err;
    const unsigned char *bytes = p->bytes;

    if (n == 0) FAIL(err, ERR_DATA, "%s: is empty, expected an NPY file", p->where);
    if (!npy_probe(bytes, n))
        FAIL(err, ERR_DATA, "%s: is no NPY file (it starts with byte 0x%02x)", p->where, bytes[0]);
    if (n < FIRST)
        FAIL(err, ERR_DATA, "%s: truncated: an NPY header takes more than the %zu bytes there are",
             p->where, n);
    if (bytes[MAGIC] < 1 || bytes[MAGIC] > 3 || bytes[MAGIC + 1] != 0)
        FAIL(err, ERR_DATA, "%s: NPY version %u.%u, expected 1.0, 2.0 or 3.0", p->where,
             bytes[MAGIC], bytes[MAGIC + 1]);
    find_dict(bytes, &p->at, &p->end);
    if (p->end > NPY_HEADER)
        FAIL(err, ERR_DATA, "%s: NPY header promises %zu bytes, expected at most %d", p->where,
             p->end, NPY_HEADER);
    if (p->end > n)
        FAIL(err, ERR_DATA, "%s: truncated: its NPY header takes %zu bytes, there are %zu",
             p->where, p->end, n);
    for (size_t i = p->at; i < p->end; i++)
        if ((bytes[i] < ' ' || bytes[i] > '~') && bytes[i] != '\n')
            FAIL(err, ERR_DATA, "%s: NPY header, byte %zu: 0x%02x is no text", p->where, i,
                 bytes[i]);
done:
    return rc;
}

static enum status measure(const struct parser *p, bool fortran, struct layout *out)
{
    for (size_t i = 0; i < out->rank; i++)
        if (out->shape[i] == 0)
            return err_set(p->err, ERR_DATA, "%s: holds no values: dimension %zu is 0", p->where,
                           i);
    out->values_at = p->end;
    if (layout_measure(out, fortran)) return OK;
    return err_set(p->err, ERR_DATA, "%s: NPY header promises more bytes than any file can have",
                   p->where);
}

enum status npy_read_header(const char *where, const unsigned char *bytes, size_t n,
                            struct layout *out, struct err *err)
{
    enum status rc = OK;
    struct parser p = {.where = where, .bytes = bytes, .err = err};
    bool fortran = false;

    *out = (struct layout){0};
    TRY(check_start(&p, n));
    TRY(read_dict(&p, out, &fortran));
    TRY(measure(&p, fortran, out));
done:
    return rc;
}

size_t npy_promise(const unsigned char *bytes, size_t n)
{
    struct layout header;
    struct err err;
    size_t at, end;

    if (n < FIRST) return SIZE_MAX;
    find_dict(bytes, &at, &end);
    if (end > n && end <= NPY_HEADER) return SIZE_MAX;
    return npy_read_header("", bytes, n, &header, &err) == OK ? header.n_bytes : 0;
}

enum status npy_check_size(const char *where, const struct layout *header, size_t n_bytes,
                           struct err *err)
{
    if (n_bytes < header->n_bytes)
        return err_set(err, ERR_DATA, "%s: truncated: header promises %zu bytes, there are %zu",
                       where, header->n_bytes, n_bytes);
    if (n_bytes > header->n_bytes)
        return err_set(err, ERR_DATA,
                       "%s: too long: header promises %zu bytes, there are at least %zu", where,
                       header->n_bytes, n_bytes);
    return OK;
}
