/* Arrays to files of each format, read back by the readers of data where there are some; a file
 * that cannot be written leaves the old one. (What numpy and h5py make of them: tests/cli.) */
#include "array_file.h"

#include "files.h"
#include "fixture.h"
#include "h5io.h"
#include "npy.h"

#include <signal.h>
#include <sys/resource.h>

enum { ROWS = 3, COLS = 2 };

static const double samples[ROWS * COLS] = {0.1, -1.0 / 3.0, 1e300, 5e-324, -0.5, 12345678901.0};
static const int64_t labels[ROWS] = {2, -1, INT64_MAX};
static const char *const words[ROWS] = {"a", "b,\"c\"", "d\xc3\xa9"};
static const char *const features[COLS] = {"length", "width, cm"};
static const struct array_axis row_axis = {"row", ROWS, NULL};
static const struct array_axis feature_axis = {"feature", COLS, features};
static const struct array_axis number_axis = {"number", COLS, NULL};

static const struct named_array arrays[] = {
    {"samples", ARRAY_REAL, 2, {&row_axis, &feature_axis}, samples, "points", "1"},
    {"label", ARRAY_INT, 1, {&row_axis}, labels, "labels", "1"},
    {"word", ARRAY_TEXT, 1, {&row_axis}, words, "words", NULL},
    {"plain", ARRAY_REAL, 2, {&row_axis, &number_axis}, samples, "points again", "1"},
};
enum { N_ARRAYS = sizeof arrays / sizeof arrays[0] };

/* Asserts that the file has this text. */
static void check_text(const char *path, const char *text)
{
    size_t n;
    char *found = (char *)file_read(path, &n);
    ck_assert_msg(n == strlen(text) && memcmp(found, text, n) == 0, "%.*s\nexpected\n%s", (int)n,
                  found, text);
    free(found);
}

/* CSV: labels or numbers name the columns of a table, texts are quoted where they must be, and a
 * number has the fewest digits that bring it back. */
START_TEST(csv)
{
    const char *path = file_path("out.csv");
    ck_ok(array_file_write(path, N_ARRAYS, arrays, &err));
    check_text(path,
               "length,\"width, cm\",label,word,plain_0,plain_1\n"
               "0.1,-0.3333333333333333,2,a,0.1,-0.3333333333333333\n"
               "1e+300,4.94065645841247e-324,-1,\"b,\"\"c\"\"\",1e+300,4.94065645841247e-324\n"
               "-0.5,12345678901,9223372036854775807,d\xc3\xa9,-0.5,12345678901\n");
}
END_TEST

/* JSON: nested lists, single values, and null for what is no number. */
START_TEST(json)
{
    const char *path = file_path("out.json");
    const double single = NAN;
    const double cube[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const char *quoted = "a \"b\"";
    const struct array_axis other = {"other", 2, NULL}, another = {"another", 2, NULL};
    const struct array_axis none = {"none", 0, NULL};
    const struct named_array some[] = {
        {"cube", ARRAY_REAL, 3, {&number_axis, &other, &another}, cube, "", "1"},
        {"single", ARRAY_REAL, 0, {NULL}, &single, "", "1"},
        {"text", ARRAY_TEXT, 0, {NULL}, &quoted, "", NULL},
        {"empty", ARRAY_INT, 1, {&none}, labels, "", "1"},
        {"word", ARRAY_TEXT, 1, {&row_axis}, words, "", NULL},
    };
    ck_ok(array_file_write(path, 5, some, &err));
    check_text(path, "{\n \"cube\": [[[1, 2], [3, 4]], [[5, 6], [7, 8]]],\n \"single\": null,\n"
                     " \"text\": \"a \\\"b\\\"\",\n \"empty\": [],\n"
                     " \"word\": [\"a\", \"b,\\\"c\\\"\", \"d\xc3\xa9\"]\n}\n");
}
END_TEST

/* NPZ: each array comes back with its name, shape and bits; texts are none that our reader takes.
 */
START_TEST(npz)
{
    const char *path = file_path("out.npz");
    ck_ok(array_file_write(path, N_ARRAYS, arrays, &err));
    struct npy_array *read = NULL;
    ck_ok(npz_read(path, "key", "samples", SIZE_MAX, &read, &err));
    ck_assert_str_eq(read->dtype, "float64");
    ck_assert_uint_eq(read->rank, 2);
    ck_assert(read->shape[0] == ROWS && read->shape[1] == COLS);
    ck_assert(memcmp(read->values, samples, sizeof samples) == 0);
    npy_destroy(&read);
    ck_ok(npz_read(path, "key", "label", SIZE_MAX, &read, &err));
    ck_assert_str_eq(read->dtype, "int64");
    ck_assert_uint_eq(read->rank, 1);
    ck_assert(read->values[0] == 2.0 && read->values[1] == -1.0);
    npy_destroy(&read);
    struct err failure = {OK, ""};
    ck_assert_int_eq(npz_read(path, "key", "word", SIZE_MAX, &read, &failure), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(failure.text, "texts"));
}
END_TEST

/* NPY: the first array alone, behind a header that ends at a multiple of 64 bytes. */
START_TEST(npy)
{
    size_t n;
    struct layout header;
    const char *path = file_path("out.npy");
    ck_ok(array_file_write(path, N_ARRAYS, arrays, &err));
    unsigned char *bytes = file_read(path, &n);
    ck_ok(npy_read_header(path, bytes, n, &header, &err));
    ck_assert_uint_eq(header.values_at % 64, 0);
    ck_assert_uint_eq(n, header.values_at + sizeof samples);
    ck_assert(memcmp(bytes + header.values_at, samples, sizeof samples) == 0);
    free(bytes);
}
END_TEST

/* Twice the same arrays are twice the same bytes, so that results can be compared by checksum. */
START_TEST(equal_arrays_equal_files)
{
    static const char *const names[] = {"a.csv", "a.npy", "a.npz", "a.json"};
    for (size_t i = 0; i < 4; i++) {
        size_t n, m;
        ck_ok(array_file_write(file_path(names[i]), N_ARRAYS, arrays, &err));
        unsigned char *one = file_read(file_path(names[i]), &n);
        ck_ok(array_file_write(file_path(names[i]), N_ARRAYS, arrays, &err));
        unsigned char *other = file_read(file_path(names[i]), &m);
        ck_assert_msg(n == m && memcmp(one, other, n) == 0, "%s", names[i]);
        free(one);
        free(other);
    }
}
END_TEST

/* -o is refused if it is missing, of another ending, or names a file that is read, by whatever
 * path; the message tells what was expected. */
START_TEST(output_is_checked)
{
    const char *input = file_text("in.csv", "x"), *link = file_path("link.csv");
    const char *result = file_text("sweep.h5", "x");
    ck_assert_int_eq(symlink(input, link), 0);
    const struct {
        const char *path, *says;
    } bad[] = {{NULL, ".csv .npz"},      {"out.txt", ".csv .npz"}, {"out", ".csv .npz"},
               {"out.npy", ".csv .npz"}, {".csv", ".csv .npz"},    {"out.csvx", ".csv .npz"},
               {"", ".csv .npz"},        {input, "is read"},       {link, "is read"},
               {result, "is read"}};
    const char *const inputs[] = {NULL, input, files_folder, file_path("none")};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err failure = {OK, ""};
        ck_assert_int_eq(array_file_check(bad[i].path, ".csv .npz .h5", 4, inputs, &failure),
                         ERR_USAGE);
        ck_assert_msg(strstr(failure.text, bad[i].says) != NULL, "%s", failure.text);
    }
    ck_ok(array_file_check("out.csv", ".csv .npz", 4, inputs, &err));
    ck_ok(array_file_check("OUT.NPZ", ".csv .npz", 4, inputs, &err));
    ck_ok(array_file_check(file_text("other.csv", ""), ".csv .npz", 4, inputs, &err));
}
END_TEST

/* A full disk, a folder that is not there, a folder in the way: an error of output with the path,
 * and the old file stands alone. */
START_TEST(failed_write_leaves_the_old_file)
{
    static const char *const names[] = {"f/a.csv", "f/a.npy", "f/a.npz", "f/a.json", "f/a.h5"};
    static double noise[40000];
    uint64_t rng = test_seed();
    for (size_t i = 0; i < 40000; i++)
        noise[i] = test_uniform(&rng);
    const struct array_axis long_axis = {"long", 40000, NULL};
    const struct named_array large = {"noise", ARRAY_REAL, 1, {&long_axis}, noise, "noise", "1"};
    const char *folder = file_path("f");
    h5_init();
    signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < 5; i++) {
        struct err failure = {OK, ""};
        const char *path = file_path(names[i]);
        ck_assert_int_eq(array_file_write(path, 1, &large, &failure), ERR_OUTPUT);
        ck_assert_msg(strstr(failure.text, path) != NULL, "%s", failure.text);
        ck_assert_int_eq(mkdir(folder, 0777), 0);
        file_text(names[i], "old\n");
        struct rlimit before, small;
        getrlimit(RLIMIT_FSIZE, &before);
        small = (struct rlimit){65536, before.rlim_max};
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
        const enum status rc = array_file_write(path, 1, &large, &failure);
        setrlimit(RLIMIT_FSIZE, &before);
        ck_assert_msg(rc == ERR_OUTPUT, "%s: %d", names[i], rc);
        ck_assert_msg(strstr(failure.text, path) != NULL, "%s", failure.text);
        ck_assert_msg(strstr(failure.text, "File too large") != NULL, "%s", failure.text);
        check_text(path, "old\n");
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(mkdir(path, 0777), 0);
        ck_assert_int_eq(array_file_write(path, 1, &large, &failure), ERR_OUTPUT);
        ck_assert_int_eq(rmdir(path), 0);
        ck_assert_msg(rmdir(folder) == 0, "%s leaves something", names[i]);
    }
}
END_TEST

static Suite *array_suite(void)
{
    Suite *suite = suite_create("array_file");
    TCase *array = tcase_create("array_file");
    tcase_add_checked_fixture(array, files_setup, files_teardown);
    tcase_add_test(array, csv);
    tcase_add_test(array, json);
    tcase_add_test(array, npz);
    tcase_add_test(array, npy);
    tcase_add_test(array, equal_arrays_equal_files);
    tcase_add_test(array, output_is_checked);
    tcase_add_test(array, failed_write_leaves_the_old_file);
    suite_add_tcase(suite, array);
    return suite;
}

CHECK_MAIN(array_suite)
