#include "arrays.h"
#include "data.h"
#include "npy.h"
#include "number.h"
#include "source.h"

#include <time.h>

/* Room for the dict of the largest header and some more. */
enum { MOST_TEXT = 1 << 17 };

static void refuses_bytes(const void *bytes, size_t n, const char *part)
{
    struct err err = {0};
    struct source *src = (struct source *)&err;
    const char *path = file_write("refused.npy", bytes, n);
    ck_assert_int_eq(source_open(path, SIZE_MAX, &src, &err), ERR_DATA);
    ck_assert_ptr_null(src);
    ck_assert_msg(strstr(err.text, part) != NULL, "'%s' lacks '%s'", err.text, part);
    ck_assert_msg(strstr(err.text, path) != NULL, "'%s' lacks the path", err.text);
}

static void refuses_text(const char *text, const char *part)
{
    static unsigned char bytes[MOST_TEXT];
    refuses_bytes(bytes, npy_from_text(bytes, text, "12345678", 8), part);
}

static struct source *opened(const char *path)
{
    struct err err = {0};
    struct source *src = NULL;
    ck_assert_msg(source_open(path, SIZE_MAX, &src, &err) == OK, "%s", err.text);
    return src;
}

/* Opens bytes [n] as a file and reads it if that succeeds. Any way to fail is allowed but ours, and
 * only within a second (sanitizers and valgrind are given more, in step with Check's own limit). */
static enum status try_bytes(const void *bytes, size_t n)
{
    struct err err = {0};
    struct source *src = NULL;
    char text[SOURCE_CELL];
    const clock_t start = clock();
    const enum status rc = source_open(file_write("tried", bytes, n), 1 << 20, &src, &err);
    ck_assert_msg(rc == OK || rc == ERR_DATA || rc == ERR_CONFIG, "%s", err.text);
    ck_assert_int_eq(rc == OK, src != NULL);
    double *row = rc == OK ? malloc(src->n_cols * sizeof *row) : NULL;
    for (size_t i = 0; rc == OK && i < src->n_rows; i++) {
        source_row(src, i, row);
        for (size_t d = 0; d < src->n_cols; d++)
            source_cell(src, i, d, text, sizeof text);
    }
    free(row);
    source_close(&src);
    const double allowed = atof(getenv("CK_DEFAULT_TIMEOUT")) / 60;
    ck_assert_double_lt((double)(clock() - start) / CLOCKS_PER_SEC, allowed);
    return rc;
}

/* Every type in both byte orders becomes the double that numpy makes of it, NaN included. */
START_TEST(types)
{
    static const struct {
        const char *descr, *dtype;
        unsigned char bytes[9]; /* of one value, little-endian */
        double value;
    } cases[] = {
        {"b1", "bool", {1}, 1},
        {"b1", "bool", {7}, 1},
        {"u1", "uint8", {200}, 200},
        {"u2", "uint16", {1, 0xff}, 0xff01},
        {"u4", "uint32", {1, 2, 3, 0xff}, 0xff030201},
        {"u8", "uint64", {0, 0, 0, 0, 0, 0, 0, 0x80}, 0x1p63},
        {"u8", "uint64", {1, 0, 0, 0, 0, 0, 0x20, 0}, 0x1p53}, /* rounded */
        {"i1", "int8", {200}, -56},
        {"i2", "int16", {0xfe, 0xff}, -2},
        {"i4", "int32", {0, 0, 0, 0x80}, -0x1p31},
        {"i8", "int64", {0, 0, 0, 0, 0, 0, 0, 0x80}, -0x1p63},
        {"i8", "int64", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, -1},
        {"i8", "int64", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, 0x1p63},
        {"f2", "float16", {0, 0x3e}, 1.5},
        {"f2", "float16", {0, 0xc0}, -2},
        {"f2", "float16", {1, 0}, 0x1p-24},
        {"f2", "float16", {0xff, 0x83}, -0x1.ff8p-15},
        {"f2", "float16", {0xff, 0x7b}, 65504},
        {"f2", "float16", {0x66, 0x2e}, 0x1.998p-4},
        {"f2", "float16", {0, 0xfc}, -INFINITY},
        {"f2", "float16", {0, 0x7e}, NAN},
        {"f4", "float32", {0xdb, 0x0f, 0x49, 0xc0}, -0x1.921fb6p+1},
        {"f8", "float64", {0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xb9, 0x3f}, 0.1},
    };
    unsigned char file[NPY_ROOM], values[16];
    char descr[8], text[SOURCE_CELL];
    for (size_t i = 0; i < 2 * (sizeof cases / sizeof *cases); i++) {
        const bool big = i % 2 == 1;
        const size_t c = i / 2, size = (size_t)(cases[c].descr[1] - '0');
        for (size_t j = 0; j < 2 * size; j++) /* 0 and the value */
            values[j] = j < size ? 0 : cases[c].bytes[big ? 2 * size - 1 - j : j - size];
        snprintf(descr, sizeof descr, "%c%s", size == 1 ? "|<"[big] : "<>"[big], cases[c].descr);
        struct source *src = opened(
            file_write("t.npy", file, npy_make(file, descr, false, "(2,)", values, 2 * size)));
        double value[2];
        source_row(src, 0, &value[0]);
        source_row(src, 1, &value[1]);
        ck_assert(value[0] == 0);
        ck_assert_msg(isnan(cases[c].value) ? isnan(value[1]) : value[1] == cases[c].value,
                      "%s: %.17g not %.17g", descr, value[1], cases[c].value);
        ck_assert_str_eq(src->dtype, cases[c].dtype);
        ck_assert_str_eq(src->reader->name, "NPY");
        ck_assert_uint_eq(source_cell(src, 1, 0, text, sizeof text), strlen(text));
        ck_assert(isnan(value[1]) ? strcmp(text, "nan") == 0 : strtod(text, NULL) == value[1]);
        source_close(&src);
    }
}
END_TEST

/* Both orders give the same rows; the first dimension counts them, two others make images. */
START_TEST(shapes)
{
    static const struct {
        const char *text;
        size_t rank, shape[4];
    } cases[] = {
        {"(6,)", 1, {6, 1, 1, 1}},         {"(2, 3)", 2, {2, 3, 1, 1}},
        {"(3, 4, 2)", 3, {3, 4, 2, 1}},    {"(2, 3, 4, 5)", 4, {2, 3, 4, 5}},
        {"(1, 1, 7)", 3, {1, 1, 7, 1}},    {"(5, 1)", 2, {5, 1, 1, 1}},
        {"(1, 2, 1, 3)", 4, {1, 2, 1, 3}},
    };
    unsigned char file[NPY_ROOM], values[120];
    for (size_t i = 0; i < 2 * (sizeof cases / sizeof *cases); i++) {
        const bool fortran = i % 2 == 1;
        const size_t *s = cases[i / 2].shape, rank = cases[i / 2].rank;
        const size_t n_cols = s[1] * s[2] * s[3], n = s[0] * n_cols;
        size_t at = 0;
        for (size_t a = 0; a < s[0]; a++)
            for (size_t b = 0; b < s[1]; b++)
                for (size_t c = 0; c < s[2]; c++)
                    for (size_t d = 0; d < s[3]; d++) { /* at: place in C order, the value */
                        const size_t f = a + s[0] * (b + s[1] * (c + s[2] * d));
                        values[fortran ? f : at] = (unsigned char)at;
                        at++;
                    }
        struct source *src = opened(file_write(
            "s.npy", file, npy_make(file, "|u1", fortran, cases[i / 2].text, values, n)));
        ck_assert_uint_eq(src->n_rows, s[0]);
        ck_assert_uint_eq(src->n_cols, n_cols);
        ck_assert_uint_eq(src->image_shape[0], rank == 3 ? s[1] : 0);
        ck_assert_uint_eq(src->image_shape[1], rank == 3 ? s[2] : 0);
        double row[60];
        for (size_t r = 0; r < s[0]; r++) {
            source_row(src, r, row);
            for (size_t d = 0; d < n_cols; d++)
                ck_assert_msg(row[d] == (double)(r * n_cols + d), "%s", cases[i / 2].text);
        }
        source_close(&src);
    }
}
END_TEST

/* The dict may be written in any way that Python 2 and 3 write it; versions differ in one number.
 */
START_TEST(spellings)
{
    static const char *const texts[] = {
        "{'descr': '|u1', 'fortran_order': False, 'shape': (8,), }",
        "{\"shape\":(8,),\"fortran_order\":True,\"descr\":\"<u1\"}",
        "{ 'shape' : ( 2L , 4L ) , 'descr' : '>u1' , 'fortran_order' : False , } ",
        "{'descr': '|b1', 'fortran_order': False, 'shape': (2, 2, 2,)}\n\n",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<u2', 'fortran_order': False, 'shape': (0004, 01), }",
    };
    static unsigned char file[NPY_ROOM], later[MOST_TEXT];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const size_t n = npy_from_text(file, texts[i], "\0\1\2\3\4\5\6\7", 8);
        struct source *src = opened(file_write("a.npy", file, n));
        source_close(&src);
        for (unsigned char version = 2; version <= 3; version++) {
            memcpy(later, file, 10);
            later[6] = version;
            later[10] = later[11] = 0;
            memcpy(later + 12, file + 10, n - 10);
            src = opened(file_write("a.npy", later, n + 2));
            source_close(&src);
        }
    }
    char *longest = malloc(MOST_TEXT);
    memset(longest, ' ', MOST_TEXT);
    memcpy(longest, texts[0], strlen(texts[0]));
    longest[65500] = '\0';
    struct source *src =
        opened(file_write("a.npy", later, npy_from_text(later, longest, "", 0) + 8));
    source_close(&src);
    free(longest);
}
END_TEST

/* A header that is not exactly such a dict is refused with the place. */
START_TEST(bad_headers)
{
    static const char *const cases[][2] = {
        {"", "ends at byte 64, expected '{'"},
        {"[", "byte 10: '[', expected '{'"},
        {"{", "byte 64, expected a key in quotes or '}'"},
        {"{}", "NPY header lacks 'descr'"},
        {"{'descr': '<f8', 'shape': (1,)}", "lacks 'fortran_order'"},
        {"{'descr': '<f8', 'fortran_order': False}", "lacks 'shape'"},
        {"{'descr' '<f8'}", "byte 19: ''', expected ':'"},
        {"{'descr': <f8}", "byte 20: '<', expected a dtype in quotes"},
        {"{'descr': '<f8}", "expected a closing quote"},
        {"{'descr': '<f\\x38'}", "byte 23: '\\', expected a closing quote"},
        {"{'descr': '<f8' 'shape': (1,)}", "byte 26: ''', expected ',' or '}'"},
        {"{'descr': '<f8',, }", "expected a key in quotes or '}'"},
        {"{'descr': '<f8', 'descr': '<f8'}", "byte 28: 'descr' is given twice"},
        {"{'descr': '<f8', 'x': 1}", "byte 28: 'x' is no key of it"},
        {"{'fortran_order': 0}", "byte 28: '0', expected True or False"},
        {"{'fortran_order': Falsey}", "expected ',' or '}'"},
        {"{'shape': 8}", "expected a shape such as (280, 2)"},
        {"{'shape': (8)}", "byte 22: ')', expected ','"},
        {"{'shape': (,)}", "expected a dimension or ')'"},
        {"{'shape': (-1,)}", "byte 21: '-', expected a dimension or ')'"},
        {"{'shape': (1.5,)}", "expected ','"},
        {"{'shape': (2 3)}", "expected ','"},
        {"{'shape': (2, 3 4)}", "expected ',' or ')'"},
        {"{'shape': (2, 3", "expected ',' or ')'"},
        {"{'shape': (18446744073709551616,)}", "no file has a dimension of 18446744073709551616"},
        {"{'shape': (99999999999999999999999999999999999999999999999,)}",
         "no file has a dimension"},
        {"{'shape': (1, 1, 1, 1, 1)}", "has more than 4 dimensions"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} x", "'x', expected nothing more"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': ()}", "is a single value"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (0,)}", "dimension 0 is 0"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 0)}", "dimension 1 is 0"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
         "more bytes than any file can have"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2305843009213693951,)}",
         "more bytes than any file can have"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (18446744073709551487,)}",
         "more bytes than any file can have"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}",
         "truncated: header promises 8000000000128 bytes, there are 136"},
        {"\x01", "byte 10: 0x01 is no text"},
        {"{'\xc3\xa4'", "byte 12: 0xc3 is no text"},
        {"{'\x1b[31m'", "byte 12: 0x1b is no text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuses_text(cases[i][0], cases[i][1]);
}
END_TEST

/* What is no number is refused as what it is, above all pickles. */
START_TEST(bad_dtypes)
{
    static const char *const cases[][2] = {
        {"'|O'",
         "dtype '|O': Python objects (a pickle), which only Python can read, expected bool"},
        {"'O'", "dtype 'O': does not start with a byte order"},
        {"'<U12'", "dtype '<U12': texts"},
        {"'|S5'", "texts"},
        {"'|V8'", "structures or raw bytes"},
        {"[('a', '<f4'), ('b', '<i4')]", "holds structures with fields, expected numbers"},
        {"'<M8[ns]'", "dates"},
        {"'<m8[s]'", "time spans"},
        {"'<c16'", "complex numbers"},
        {"'<f16'", "no type that is read here"},
        {"'<f1'", "no type that is read here"},
        {"'<i3'", "no type that is read here"},
        {"'<f'", "no type that is read here"},
        {"'<'", "does not start with a byte order"},
        {"''", "does not start with a byte order"},
        {"'f8'", "does not start with a byte order"},
        {"'=f8'", "does not start with a byte order"},
        {"'|f8'", "does not tell its byte order"},
    };
    char text[256];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text, "{'descr': %s, 'fortran_order': False, 'shape': (1,), }",
                 cases[i][0]);
        refuses_text(text, cases[i][1]);
    }
    refuses_bytes("\x80\4\x95\12\0\0\0\0\0\0\0}\x94\x8c\1a\x94K\1s.", 20, "unknown format");
}
END_TEST

/* Versions, lengths and sizes that are not what is there. */
START_TEST(bad_sizes)
{
    static unsigned char file[NPY_ROOM], bytes[NPY_ROOM];
    const size_t n = npy_make(file, "<f8", false, "(1,)", "12345678", 8);
    refuses_bytes(file, n - 1, "truncated: header promises 136 bytes, there are 135");
    refuses_bytes(file, n + 1, "too long: header promises 136 bytes, there are at least 137");
    refuses_bytes(file, 100, "truncated: its NPY header takes 128 bytes, there are 100");
    refuses_bytes(file, 11, "truncated: an NPY header takes more than the 11 bytes there are");
    refuses_bytes(file, 3, "truncated: an NPY header takes more than the 3 bytes there are");
    memcpy(bytes, file, n);
    bytes[6] = 4;
    refuses_bytes(bytes, n, "NPY version 4.0, expected 1.0, 2.0 or 3.0");
    bytes[6] = 1;
    bytes[7] = 1;
    refuses_bytes(bytes, n, "NPY version 1.1");
    memcpy(bytes + 6, "\2\0\377\377\377\377", 6);
    refuses_bytes(bytes, n, "NPY header promises 4294967307 bytes, expected at most 65547");
    memcpy(bytes + 6, "\3\0\0\0\1\0", 6);
    refuses_bytes(bytes, n, "NPY header promises 65548 bytes, expected at most 65547");
    memcpy(bytes + 6, "\3\0\377\377\0\0", 6);
    refuses_bytes(bytes, n, "truncated: its NPY header takes 65547 bytes, there are 136");
}
END_TEST

/* An inflated file is read no further than its header promises. */
START_TEST(gzip_bomb)
{
    const size_t n = 64 << 20;
    unsigned char *bytes = calloc(n, 1);
    struct err err = {0};
    struct source *src = NULL;
    size_t at_least = 0;
    npy_make(bytes, "|u1", false, "(2,)", "", 0);
    const char *path = file_gzip("bomb", "wb9", bytes, n);
    ck_assert_int_eq(source_open(path, SIZE_MAX, &src, &err), ERR_DATA);
    const char *number = strstr(err.text, "at least ");
    ck_assert_msg(number != NULL, "%s", err.text);
    ck_assert_int_eq(sscanf(number, "at least %zu", &at_least), 1);
    ck_assert_uint_lt(at_least, 1 << 20);
    npy_from_text(bytes, "{nonsense", "", 0);
    path = file_gzip("bomb", "wb9", bytes, n);
    ck_assert_int_eq(source_open(path, 1 << 20, &src, &err), ERR_DATA);
    npy_make(bytes, "|u1", false, "(16777216,)", "", 0);
    path = file_gzip("bomb", "wb9", bytes, n);
    ck_assert_int_eq(source_open(path, 1 << 20, &src, &err), ERR_CONFIG);
    free(bytes);
}
END_TEST

static struct data *loaded(const char *path, const char *labels, const char *weights, int64_t pool)
{
    const struct config config = {
        .data_path = (char *)path,
        .data_labels = {(char *)labels, (char *)labels},
        .data_weights = {(char *)weights, (char *)weights},
        .data_pool = pool,
        .data_scale = 1,
    };
    struct err err = {0};
    struct data *data = NULL;
    ck_assert_msg(data_load(&config, 1 << 20, &data, &err) == OK, "%s", err.text);
    return data;
}

/* The same images have one digest as IDX, NPY in either order, in gzip and as text, pooled too. */
START_TEST(one_digest)
{
    uint64_t rng = test_seed();
    enum { N = 5, H = 4, W = 6, CELLS = N * H * W };
    unsigned char idx[16 + CELLS], flipped[CELLS], file[NPY_ROOM];
    char csv[4 * CELLS + 1], first[2][65];
    memcpy(idx, "\0\0\x08\3\0\0\0\5\0\0\0\4\0\0\0\6", 16);
    unsigned char *cells = idx + 16;
    size_t n_csv = 0;
    for (size_t i = 0; i < CELLS; i++) {
        const size_t n = i / (H * W), h = i / W % H, w = i % W;
        cells[i] = (unsigned char)test_below(&rng, 256);
        flipped[n + N * (h + H * w)] = cells[i];
        n_csv += (size_t)sprintf(csv + n_csv, "%d%s", cells[i],
                                 (i + 1) % (size_t)(H * W) == 0 ? "\n" : ",");
    }
    const char *paths[] = {
        file_write("x.idx", idx, sizeof idx),
        file_write("c.npy", file, npy_make(file, "|u1", false, "(5, 4, 6)", cells, CELLS)),
        file_write("f.npy", file, npy_make(file, "|u1", true, "(5, 4, 6)", flipped, CELLS)),
        file_gzip("c.npy.gz", "wb", file, npy_make(file, "|u1", true, "(5, 4, 6)", flipped, CELLS)),
        file_text("x.csv", csv),
    };
    for (int pool = 1; pool <= 2; pool++)
        for (size_t i = 0; i < (pool == 1 ? 5 : 4); i++) {
            struct data *data = loaded(paths[i], NULL, NULL, pool);
            ck_assert_uint_eq(data->image_shape[0], i < 4 ? (size_t)(H / pool) : 0);
            if (i == 0) strcpy(first[pool - 1], data->sha256);
            ck_assert_str_eq(data->sha256, first[pool - 1]);
            data_destroy(&data);
        }
    ck_assert_str_ne(first[0], first[1]);
}
END_TEST

/* Labels and weights come from NPY files of one column as from CSV. */
START_TEST(labels_and_weights)
{
    static const int64_t labels[] = {7, -1, 7, 3};
    static const float weights[] = {0.5, 1, 0, 2};
    unsigned char file[NPY_ROOM];
    const char *x =
        file_write("x.npy", file, npy_make(file, "|u1", false, "(4, 1)", "\1\2\3\4", 4));
    const char *const label_files[] = {
        file_text("l.csv", "7\n-1\n7\n3\n"),
        file_write("l.npy", file, npy_make(file, "<i8", false, "(4,)", labels, sizeof labels)),
        file_gzip("l.npy.gz", "wb", file, npy_make(file, "<i8", true, "(4, 1)", labels, 32)),
    };
    const char *const weight_files[] = {
        file_text("w.csv", ".5\n1\n0\n2\n"),
        file_write("w.npy", file, npy_make(file, "<f4", false, "(4,)", weights, sizeof weights)),
        file_write("v.npy", file, npy_make(file, "<f4", false, "(4, 1)", weights, sizeof weights)),
    };
    char first[2][65];
    for (size_t i = 0; i < 3; i++) {
        struct data *data = loaded(x, label_files[i], weight_files[i], 1);
        if (i == 0) strcpy(first[0], data->labels_sha256);
        if (i == 0) strcpy(first[1], data->weights_sha256);
        ck_assert_str_eq(data->labels_sha256, first[0]);
        ck_assert_str_eq(data->weights_sha256, first[1]);
        ck_assert_uint_eq(data->n_classes, 3);
        ck_assert_str_eq(data->class_names[0], "-1");
        ck_assert_str_eq(data->feature_names[0], "0");
        data_destroy(&data);
    }
}
END_TEST

/* No strict prefix of a file is taken for one. */
START_TEST(truncation)
{
    unsigned char file[NPY_ROOM];
    const size_t n = npy_make(file, "<f4", true, "(3, 2)", "abcdefghijklmnopqrstuvwx", 24);
    ck_assert_int_eq(try_bytes(file, n), OK);
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(try_bytes(file, i), ERR_DATA);
}
END_TEST

/* Damage, most of it to what the parser reads, never makes the reader fail otherwise. */
START_TEST(mutation)
{
    static const char tasty[] = "\n '\"(){}[],:<>|=LTF0123456789-\\OU";
    unsigned char file[NPY_ROOM], bytes[NPY_ROOM];
    uint64_t rng = test_seed();
    size_t n_read = 0;
    const size_t n = npy_make(file, "<f4", true, "(3, 2)", "abcdefghijklmnopqrstuvwx", 24);
    for (int i = 0; i < 6000; i++) {
        memcpy(bytes, file, n);
        for (size_t hits = 1 + test_below(&rng, 3); hits > 0; hits--) {
            const size_t at = test_below(&rng, test_below(&rng, 4) == 0 ? n : 72);
            bytes[at] = test_below(&rng, 2) == 0
                            ? (unsigned char)tasty[test_below(&rng, sizeof tasty - 1)]
                            : (unsigned char)test_below(&rng, 256);
        }
        n_read += try_bytes(bytes, test_below(&rng, 8) == 0 ? test_below(&rng, n + 1) : n) == OK;
    }
    for (size_t i = 0; i < 8 * n; i++) { /* every bit */
        memcpy(bytes, file, n);
        bytes[i / 8] ^= (unsigned char)(1 << i % 8);
        n_read += try_bytes(bytes, n) == OK;
    }
    ck_assert_uint_gt(n_read, 0);
    ck_assert_uint_lt(n_read, 6000);
}
END_TEST

static Suite *npy_suite(void)
{
    Suite *suite = suite_create("npy");
    TCase *format = tcase_create("format");
    tcase_add_checked_fixture(format, files_setup, files_teardown);
    tcase_add_test(format, types);
    tcase_add_test(format, shapes);
    tcase_add_test(format, spellings);
    tcase_add_test(format, bad_headers);
    tcase_add_test(format, bad_dtypes);
    tcase_add_test(format, bad_sizes);
    tcase_add_test(format, gzip_bomb);
    tcase_add_test(format, one_digest);
    tcase_add_test(format, labels_and_weights);
    suite_add_tcase(suite, format);
    TCase *hostile = tcase_create("hostile");
    tcase_add_checked_fixture(hostile, files_setup, files_teardown);
    tcase_add_test(hostile, truncation);
    tcase_add_test(hostile, mutation);
    suite_add_tcase(suite, hostile);
    return suite;
}

CHECK_MAIN(npy_suite)
