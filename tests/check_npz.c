#include "arrays.h"
#include "data.h"
#include "npy.h"
#include "source.h"

#include <time.h>

static const char SAMPLES[] = "tests/data/em-samples.npz";

enum { N_PARTS = 3, DEFLATED = 8 };

static unsigned char files[N_PARTS][NPY_ROOM];

/* An archive of x [3, 2] (float64), y [3] (int8) and names [1] (text), deflated but the last. */
static void make_parts(struct zip_part parts[N_PARTS])
{
    static const double x[] = {1, 2, 3, 4, 5, 6};
    const size_t n[] = {
        npy_make(files[0], "<f8", false, "(3, 2)", x, sizeof x),
        npy_make(files[1], "|i1", false, "(3,)", "\1\2\3", 3),
        npy_make(files[2], "<U1", false, "(1,)", "a\0\0\0", 4),
    };
    static const char *const names[] = {"x.npy", "y.npy", "names.npy"};
    for (size_t i = 0; i < N_PARTS; i++)
        parts[i] = (struct zip_part){
            .name = names[i], .bytes = files[i], .n = n[i], .method = i < 2 ? DEFLATED : 0};
}

static void refuses_within(const char *path, const char *array, size_t limit, enum status status,
                           const char *part)
{
    struct err err = {0};
    struct npy_array *read = (struct npy_array *)&err;
    ck_assert_msg(npz_read(path, "the.key", array, limit, &read, &err) == status, "%s", err.text);
    ck_assert_ptr_null(read);
    ck_assert_msg(strstr(err.text, part) != NULL, "'%s' lacks '%s'", err.text, part);
    ck_assert_msg(strstr(err.text, path) != NULL, "'%s' lacks the path", err.text);
}

static void refuses(const char *path, const char *array, const char *part)
{
    refuses_within(path, array, SIZE_MAX, ERR_DATA, part);
}

/* As refuses, for the archive of make_parts with `liar` in the place of part 0. */
static void refuses_part(const struct zip_part *liar, const char *part)
{
    struct zip_part parts[N_PARTS];
    make_parts(parts);
    parts[0] = *liar;
    refuses(zip_write("lie.npz", parts, N_PARTS), "x", part);
}

static struct npy_array *read_array(const char *path, const char *array)
{
    struct err err = {0};
    struct npy_array *read = NULL;
    ck_assert_msg(npz_read(path, "the.key", array, SIZE_MAX, &read, &err) == OK, "%s", err.text);
    return read;
}

/* Opens bytes [n] both ways and reads all of it if that succeeds; x must then be as it was. Any way
 * to fail is allowed but ours, and only within a second (sanitizers and valgrind are given more, in
 * step with Check's own limit). */
static enum status try_bytes(const void *bytes, size_t n)
{
    struct err err = {0};
    struct source *src = NULL;
    struct npy_array *read = NULL;
    double row[8];
    const clock_t start = clock();
    const char *path = file_write("tried", bytes, n);
    const enum status named = npz_read(path, "the.key", "x", 1 << 20, &read, &err);
    ck_assert_msg(named == OK || named == ERR_DATA || named == ERR_CONFIG, "%s", err.text);
    ck_assert_int_eq(named == OK, read != NULL);
    for (size_t i = 0; named == OK && i < 6; i++)
        ck_assert(read->n_values == 6 && read->values[i] == (double)(i + 1));
    npy_destroy(&read);
    const enum status opened = source_open_dataset(path, "x", 1 << 20, &src, &err);
    ck_assert_msg(opened == OK || opened == ERR_DATA || opened == ERR_CONFIG, "%s", err.text);
    for (size_t i = 0; opened == OK && i < src->n_rows && src->n_cols <= 8; i++)
        source_row(src, i, row);
    source_close(&src);
    const enum status only = source_open(path, 1 << 20, &src, &err);
    ck_assert_msg(only == OK || only == ERR_DATA || only == ERR_CONFIG, "%s", err.text);
    source_close(&src);
    const double allowed = atof(getenv("CK_DEFAULT_TIMEOUT")) / 60;
    ck_assert_double_lt((double)(clock() - start) / CLOCKS_PER_SEC, allowed);
    return named;
}

/* The archive that numpy wrote: every array with its shape; values are those that numpy reads. */
START_TEST(samples)
{
    static const struct {
        const char *name;
        size_t rank, shape[3];
        double first, last;
    } cases[] = {
        {"data", 2, {280, 2}, 1.1722809523036684, 4.570554923002753},
        {"pi0", 1, {3}, 0.34518139755288307, 0.048200707307100077},
        {"mu0", 2, {3, 2}, -0.71336192419780786, -1.7524445239614725},
        {"sigma0", 3, {3, 2, 2}, 1.0049041347347227, 1.9839596706863498},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct npy_array *read = read_array(SAMPLES, cases[i].name);
        ck_assert_str_eq(read->dtype, "float64");
        ck_assert_uint_eq(read->rank, cases[i].rank);
        size_t n = 1;
        for (size_t d = 0; d < read->rank; d++) {
            ck_assert_uint_eq(read->shape[d], cases[i].shape[d]);
            n *= read->shape[d];
        }
        ck_assert_uint_eq(read->n_values, n);
        ck_assert(read->values[0] == cases[i].first);
        ck_assert_msg(read->values[n - 1] == cases[i].last, "%.17g", read->values[n - 1]);
        npy_destroy(&read);
        ck_assert_ptr_null(read);
        npy_destroy(&read);
    }
    refuses_within(SAMPLES, "means", SIZE_MAX, ERR_CONFIG,
                   "the.key: no array 'means' in tests/data/em-samples.npz, which has: mu0, pi0, "
                   "data, sigma0");
}
END_TEST

/* As data: one array by name, or the only one that fits, with the digest that its CSV has. */
START_TEST(as_data)
{
    struct config config = {.data_path = (char *)SAMPLES, .data_pool = 1, .data_scale = 1};
    struct err err = {0};
    struct data *data = NULL;
    ck_assert_int_eq(data_load(&config, SIZE_MAX, &data, &err), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "has 4 arrays that may be meant: mu0, pi0, data, "
                                           "sigma0; expected one, or for data.path its name in "
                                           "data.dataset"));
    config.data_dataset = "data";
    ck_assert_int_eq(data_load(&config, SIZE_MAX, &data, &err), OK);
    ck_assert_str_eq(data->format, "NPZ");
    /* sha256(struct.pack('<QQ', 280, 2) + numpy.load(...)['data'].tobytes()) */
    ck_assert_str_eq(data->sha256,
                     "b31e875cf327c38536e267e953b24a4402795eb30b890667a1b45ebc20d3fbcb");
    data_destroy(&data);

    struct zip_part parts[N_PARTS];
    make_parts(parts);
    const char *paths[] = {
        zip_write("only.npz", (struct zip_part[]){parts[2], parts[0]}, 2),
        zip_write("one.npz", parts, 1),
        file_write("x.npy", files[0], parts[0].n),
        file_text("x.csv", "1,2\n3,4\n5,6\n"),
        zip_write("both.npz", parts, N_PARTS),
    };
    char first[65];
    for (size_t i = 0; i < 5; i++) {
        config.data_path = (char *)paths[i];
        config.data_dataset = i == 4 ? "x" : NULL;
        ck_assert_msg(data_load(&config, SIZE_MAX, &data, &err) == OK, "%s", err.text);
        if (i == 0) strcpy(first, data->sha256);
        ck_assert_str_eq(data->sha256, first);
        data_destroy(&data);
    }
    config.data_dataset = "z";
    ck_assert_int_eq(data_load(&config, SIZE_MAX, &data, &err), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "data.dataset: no array 'z' in "));
    config.data_path = (char *)paths[3];
    ck_assert_int_eq(data_load(&config, SIZE_MAX, &data, &err), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "is CSV, a format without named arrays"));
}
END_TEST

/* Any rank reads as an array, a single value too; as data it must have rows. */
START_TEST(ranks)
{
    unsigned char bytes[2][NPY_ROOM];
    const struct zip_part parts[] = {
        {"k.npy", bytes[0], npy_make(bytes[0], "<i2", false, "()", "\7\0", 2), .method = 0},
        {"t.npy", bytes[1], npy_make(bytes[1], "|u1", true, "(2, 1, 3, 1)", "\0\3\1\4\2\5", 6),
         .method = DEFLATED},
    };
    const char *path = zip_write("ranks.npz", parts, 2);
    struct npy_array *read = read_array(path, "k");
    ck_assert_uint_eq(read->rank, 0);
    ck_assert_uint_eq(read->n_values, 1);
    ck_assert(read->values[0] == 7);
    ck_assert_str_eq(read->dtype, "int16");
    npy_destroy(&read);
    read = read_array(path, "t");
    ck_assert_uint_eq(read->rank, 4);
    for (size_t i = 0; i < 6; i++)
        ck_assert(read->values[i] == (double)i);
    npy_destroy(&read);
    struct source *src = NULL;
    struct err err = {0};
    ck_assert_msg(source_open(path, SIZE_MAX, &src, &err) == OK, "%s", err.text);
    ck_assert_str_eq(src->dataset, "t");
    source_close(&src);
    path = zip_write("ranks.npz", parts, 1);
    ck_assert_int_eq(source_open(path, SIZE_MAX, &src, &err), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(err.text, "array 'k': is a single value"));
}
END_TEST

/* Archives without the array, or with an entry that is none, are told apart. */
START_TEST(entries)
{
    struct zip_part parts[N_PARTS];
    make_parts(parts);
    refuses(zip_write("a.npz", parts, 0), "x",
            "zip archive without arrays, expected entries named *.npy");
    refuses(zip_write("a.npz", parts, N_PARTS), "names", "array 'names': dtype '<U1': texts");
    refuses(file_text("a.npz", "no zip\n"), "x", "is no NPZ archive, as the.key needs");
    refuses("/nonexistent/a.npz", "x", "No such file");
    parts[1].name = "x.npy";
    refuses(zip_write("a.npz", parts, N_PARTS), "x", "has 2 arrays named 'x'");
    parts[1].name = "a\nb.npy"; /* libzip makes pictures of others */
    refuses(zip_write("a.npz", parts, N_PARTS), "x", "control character");
    parts[1].name = "readme.txt";
    struct npy_array *read = read_array(zip_write("a.npz", parts, N_PARTS), "x");
    npy_destroy(&read);
    parts[0].name = "x";
    refuses_within(zip_write("a.npz", parts, N_PARTS), "x", SIZE_MAX, ERR_CONFIG, "has: names");
    parts[0] = (struct zip_part){.name = "x.npy", .bytes = "not NPY", .n = 7};
    refuses_part(&parts[0], "array 'x': is no NPY file (it starts with byte 0x6e)");
    parts[0].n = 0;
    refuses_part(&parts[0], "array 'x': is empty, expected an NPY file");
    make_parts(parts);
    parts[1] = parts[2];
    parts[1].name = "other.npy";
    const char *path = zip_write("a.npz", parts + 1, 2);
    struct source *src = NULL;
    struct err err = {0};
    ck_assert_int_eq(source_open(path, SIZE_MAX, &src, &err), ERR_DATA);
    ck_assert_msg(strstr(err.text, "array 'other': dtype '<U1': texts") != NULL, "%s", err.text);
}
END_TEST

/* What a directory says is compared with what comes out, down to the checksum. */
START_TEST(lies)
{
    struct zip_part parts[N_PARTS], liar;
    make_parts(parts);
#define LIE(field, value, part)                                                                    \
    do {                                                                                           \
        liar = parts[0];                                                                           \
        liar.field = value;                                                                        \
        refuses_part(&liar, part);                                                                 \
    } while (0)
    LIE(crc_xor, 1, "bad zip archive: CRC error");
    LIE(size_add, 1, "too long: header promises 176 bytes, there are at least 177");
    LIE(size_add, -1, "truncated: header promises 176 bytes, there are 175");
    LIE(size_add, 0x7fffff00, "more than can be in a file of");
    LIE(size_add, 60000, "there are at least 60176");
    LIE(comp_add, -20, "bad zip archive");
    LIE(comp_add, 0x7fffff00, "more than can be in a file of");
    LIE(method, 12, "compression method 12, expected 0 (stored) or 8 (deflated)");
    LIE(method, 99, "bad zip archive"); /* AES without its extra field */
    LIE(flags, 1, "is encrypted");
    LIE(offset_add, 1, "bad zip archive");
    LIE(offset_add, 0x7fffffff, "bad zip archive");
    for (size_t i = 0; i < 2; i++) /* stored, so that nothing shows where the bytes end */
        parts[i].method = 0;
    LIE(crc_xor, 1, "CRC error");
    LIE(size_add, 1, "more than can be in a file of");
    LIE(comp_add, 1, "array 'x'");
    LIE(comp_add, -1, "more than can be in a file of");
#undef LIE
    /* Header and directory agree on more than there is. */
    npy_make(files[0], "<f8", false, "(4, 2)", "", 0);
    parts[0].method = DEFLATED;
    parts[0].size_add = 16;
    refuses(zip_write("lie.npz", parts, N_PARTS), "x", "array 'x'");
}
END_TEST

/* An archive takes bounded time and memory, whatever it consists of. */
START_TEST(bombs)
{
    const size_t n = 32 << 20;
    unsigned char *bytes = calloc(n, 1);
    struct zip_part part = {.name = "x.npy", .bytes = bytes, .n = n, .method = DEFLATED};
    npy_make(bytes, "|u1", false, "(2,)", "", 0);
    refuses(zip_write("bomb", &part, 1), "x",
            "too long: header promises 130 bytes, there are at "
            "least 33554432");
    npy_make(bytes, "|u1", false, "(33554304,)", "", 0);
    const char *path = zip_write("bomb", &part, 1);
    refuses_within(path, "x", 1 << 20, ERR_CONFIG,
                   "takes 33554432 bytes, more than the 1048576 allowed");
    refuses_within(path, "x", n, ERR_CONFIG, "33554304 values take more than the 33554432 bytes");
    struct npy_array *read = read_array(path, "x");
    npy_destroy(&read);
    refuses_within(path, "x", 1000, ERR_CONFIG, "more than the 1000 bytes allowed");

    /* Many ends: each would have libzip read the directory once more. */
    struct zip_bytes zip = {.v = bytes};
    memcpy(bytes, "PK\3\4", 4);
    for (zip.n = 4; zip.n < 60000; zip.n += 22)
        memcpy(bytes + zip.n, "PK\5\6\0\0\0\0\377\377\377\377\1\0\0\0\0\0\0\0\0\0", 22);
    ck_assert_int_eq(try_bytes(bytes, zip.n), ERR_DATA);
    refuses(file_write("ends", bytes, zip.n), "x", "has more than 4 ends");

    /* Many entries: names may be chosen so that looking one up takes as long as there are names. */
    for (zip.n = 4; zip.n < 46 * 20000; zip.n += 46)
        memcpy(bytes + zip.n, "PK\1\2", 4);
    ck_assert_int_eq(try_bytes(bytes, zip.n), ERR_DATA);
    refuses(file_write("entries", bytes, zip.n), "x", "of more than 10000 entries");
    free(bytes);
}
END_TEST

/* No strict prefix of an archive is taken for one. */
START_TEST(truncation)
{
    struct zip_part parts[N_PARTS];
    make_parts(parts);
    const struct zip_bytes zip = zip_make(parts, N_PARTS);
    ck_assert_int_eq(try_bytes(zip.v, zip.n), OK);
    for (size_t n = 0; n < zip.n; n++)
        ck_assert_int_eq(try_bytes(zip.v, n), ERR_DATA);
    free(zip.v);
}
END_TEST

/* Damage never makes the reader fail otherwise, and that to x is always seen. */
START_TEST(mutation)
{
    static const unsigned char tasty[] = {0, 1, 2, 5, 6, 8, 0x7f, 0x80, 0xff, 'P', 'K', '/'};
    struct zip_part parts[N_PARTS];
    uint64_t rng = test_seed();
    size_t n_read = 0;
    make_parts(parts);
    const struct zip_bytes zip = zip_make(parts, N_PARTS);
    unsigned char *bytes = malloc(zip.n);
    for (int i = 0; i < 3000; i++) {
        memcpy(bytes, zip.v, zip.n);
        for (size_t hits = 1 + test_below(&rng, 3); hits > 0; hits--)
            bytes[test_below(&rng, zip.n)] = test_below(&rng, 2) == 0
                                                 ? tasty[test_below(&rng, sizeof tasty)]
                                                 : (unsigned char)test_below(&rng, 256);
        n_read +=
            try_bytes(bytes, test_below(&rng, 8) == 0 ? test_below(&rng, zip.n) : zip.n) == OK;
    }
    for (size_t i = 0; i < 8 * zip.n; i++) { /* every bit */
        memcpy(bytes, zip.v, zip.n);
        bytes[i / 8] ^= (unsigned char)(1 << i % 8);
        n_read += try_bytes(bytes, zip.n) == OK;
    }
    ck_assert_uint_gt(n_read, 0);
    ck_assert_uint_lt(n_read, 3000 + 4 * zip.n);
    free(bytes);
    free(zip.v);
}
END_TEST

/* A config of the archive's array x, with these labels and weights, if any. */
static enum status load(const char *path, const char *labels, const char *weights,
                        struct data **data, struct err *err)
{
    const struct config config = {
        .data_path = (char *)path,
        .data_dataset = (char *)"x",
        .data_labels = {(char *)labels, (char *)(labels != NULL ? file_path(labels) : NULL)},
        .data_weights = {(char *)weights, (char *)(weights != NULL ? file_path(weights) : NULL)},
        .data_pool = 1,
        .data_scale = 1,
    };
    return data_load(&config, SIZE_MAX, data, err);
}

/* Labels and weights are arrays beside the one with the features, before they are files. */
START_TEST(labels_and_weights)
{
    static const int32_t label[] = {1, 0, 1};
    static const double weight[] = {0.5, 0, 2};
    static unsigned char more[2][NPY_ROOM];
    struct zip_part parts[N_PARTS + 2];
    struct err err = {0};
    struct data *data = NULL;
    make_parts(parts);
    parts[1].n = npy_make(files[1], "|i1", false, "(3, 1)", "\7\3\7", 3);
    parts[3] = (struct zip_part){.name = "w.npy", .bytes = more[0]};
    parts[3].n = npy_make(more[0], "<f8", false, "(3,)", weight, sizeof weight);
    parts[4] = (struct zip_part){.name = "few.npy", .bytes = more[1]};
    parts[4].n = npy_make(more[1], "|u1", false, "(2,)", "\1\2", 2);
    const char *path = zip_write("many.npz", parts, N_PARTS + 2);
    file_text("y", "1\n2\n3\n");
    ck_assert_msg(load(path, "y", "w", &data, &err) == OK, "%s", err.text);
    ck_assert_uint_eq(data->n_features, 2);
    ck_assert_uint_eq(data->n_classes, 2);
    ck_assert_str_eq(data->class_names[0], "3");
    ck_assert_mem_eq(data->label, label, sizeof label);
    ck_assert_mem_eq(data->weight, weight, sizeof weight);
    data_destroy(&data);
    file_text("beside", "1\n2\n3\n");
    ck_assert_msg(load(path, "beside", NULL, &data, &err) == OK, "%s", err.text);
    ck_assert_uint_eq(data->n_classes, 3);
    data_destroy(&data);

    const struct {
        const char *labels;
        enum status status;
        const char *part;
    } bad[] = {
        {"z", ERR_CONFIG, "many.npz has no array 'z', and there is no file "},
        {"x", ERR_CONFIG, "data.labels: 'x' is the array of "},
        {"few", ERR_DATA, "many.npz: data.labels: array 'few': has 2 rows, x has 3"},
        {"names", ERR_DATA, "many.npz: array 'names': dtype '<U1': texts"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(load(path, bad[i].labels, NULL, &data, &err), bad[i].status);
        ck_assert_ptr_null(data);
        ck_assert_msg(strstr(err.text, bad[i].part) != NULL, "%s", err.text);
    }
    parts[4].n = npy_make(more[1], "|u1", false, "(3, 2)", "\1\2\3\4\5\6", 6);
    path = zip_write("many.npz", parts, N_PARTS + 2);
    ck_assert_int_eq(load(path, NULL, "few", &data, &err), ERR_DATA);
    ck_assert_msg(strstr(err.text, "data.weights: array 'few': has 2 columns, expected one") !=
                      NULL,
                  "%s", err.text);
}
END_TEST

static Suite *npz_suite(void)
{
    Suite *suite = suite_create("npz");
    TCase *archive = tcase_create("archive");
    tcase_add_checked_fixture(archive, files_setup, files_teardown);
    tcase_add_test(archive, samples);
    tcase_add_test(archive, as_data);
    tcase_add_test(archive, labels_and_weights);
    tcase_add_test(archive, ranks);
    tcase_add_test(archive, entries);
    suite_add_tcase(suite, archive);
    TCase *hostile = tcase_create("hostile");
    tcase_add_checked_fixture(hostile, files_setup, files_teardown);
    tcase_add_test(hostile, lies);
    tcase_add_test(hostile, bombs);
    tcase_add_test(hostile, truncation);
    tcase_add_test(hostile, mutation);
    suite_add_tcase(suite, hostile);
    return suite;
}

CHECK_MAIN(npz_suite)
