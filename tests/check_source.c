#include "digest.h"
#include "files.h"
#include "number.h"
#include "source.h"

#include <sys/stat.h>

enum { MOST = 16 }; /* cells in a small table */

/* How an open ends that must not succeed: its status, and what the message says. */
static void refuses_within(const char *path, size_t limit, enum status status, const char *part)
{
    struct err err = {0};
    struct source *src = (struct source *)&err;
    const enum status rc = source_open(path, limit, &src, &err);
    ck_assert_ptr_null(src);
    ck_assert_int_eq(rc, status);
    ck_assert_int_eq(err.status, status);
    ck_assert_msg(strstr(err.text, part) != NULL, "'%s' lacks '%s'", err.text, part);
    ck_assert_msg(strstr(err.text, path) != NULL, "'%s' lacks the path", err.text);
}

static void refuses(const char *path, const char *part)
{
    refuses_within(path, SIZE_MAX, ERR_DATA, part);
}

static struct source *opened(const char *path)
{
    struct err err = {0};
    struct source *src = NULL;
    ck_assert_msg(source_open(path, SIZE_MAX, &src, &err) == OK, "%s", err.text);
    return src;
}

/* Reads all that there is to read, for the sanitizers; rows and cells must agree. */
static void read_all(const struct source *src)
{
    char text[SOURCE_CELL], place[SOURCE_PLACE];
    double *row = malloc(src->n_cols * sizeof *row);
    ck_assert_uint_gt(src->n_rows, 0);
    ck_assert_uint_gt(src->n_cols, 0);
    for (size_t n = 0; n < src->n_rows; n++) {
        source_row(src, n, row);
        for (size_t d = 0; d < src->n_cols; d++) {
            source_cell(src, n, d, text, sizeof text);
            source_place(src, n, d, place);
            double value = NAN;
            const bool number = number_parse(text, strlen(text), &value);
            if (source_is_numeric(src, d)) ck_assert(number || number_missing(text, strlen(text)));
            ck_assert(isnan(row[d]) ? !number : number && value == row[d]);
        }
    }
    free(row);
}

/* Opens bytes [n] as a file and reads it if that succeeds. Any way to fail is allowed but ours. */
static enum status try_bytes(const void *bytes, size_t n)
{
    struct err err = {0};
    struct source *src = NULL;
    const enum status rc = source_open(file_write("tried", bytes, n), 1 << 20, &src, &err);
    ck_assert_msg(rc == OK || rc == ERR_DATA || rc == ERR_CONFIG, "%s", err.text);
    ck_assert_int_eq(rc == OK, src != NULL);
    if (rc == OK) read_all(src);
    source_close(&src);
    return rc;
}

/* The table in `text` must be shape n_rows x n_cols with these values (NaN: no number). */
static void reads_as(const char *text, size_t n_rows, size_t n_cols, const double *expected)
{
    double row[MOST];
    struct source *src = opened(file_text("table", text));
    ck_assert_msg(src->n_rows == n_rows && src->n_cols == n_cols, "%zu x %zu:\n%s", src->n_rows,
                  src->n_cols, text);
    for (size_t n = 0; n < n_rows; n++) {
        source_row(src, n, row);
        for (size_t d = 0; d < n_cols; d++) {
            const double want = expected[n * n_cols + d];
            ck_assert_msg(row[d] == want || (isnan(row[d]) && isnan(want)),
                          "%zu, %zu: %g not %g\n%s", n, d, row[d], want, text);
        }
    }
    source_close(&src);
}

/* Values of all six types, with their signs and byte order, become the same doubles. */
START_TEST(idx_types)
{
    static const struct {
        const char *dtype;
        size_t size;
        unsigned char bytes[8 + 16];
        double value[2];
    } cases[] = {
        {"uint8", 1, {0, 0, 8, 1, 0, 0, 0, 2, 200, 7}, {200, 7}},
        {"int8", 1, {0, 0, 9, 1, 0, 0, 0, 2, 200, 7}, {-56, 7}},
        {"int16", 2, {0, 0, 11, 1, 0, 0, 0, 2, 0xff, 0xfe, 1, 2}, {-2, 258}},
        {"int32", 4, {0, 0, 12, 1, 0, 0, 0, 2, 0x80, 0, 0, 0, 0, 1, 0, 0}, {-2147483648.0, 65536}},
        {"float32",
         4,
         {0, 0, 13, 1, 0, 0, 0, 2, 0xbf, 0x80, 0, 0, 0x40, 0x49, 0x0f, 0xdb},
         {-1, 3.14159274101257324}},
        {"float64",
         8,
         {0, 0, 14, 1, 0, 0, 0, 2, 0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a, 0xc0},
         {0.1, -2}},
    };
    double value;
    char text[SOURCE_CELL];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct source *src = opened(file_write("idx", cases[i].bytes, 8 + 2 * cases[i].size));
        ck_assert_str_eq(src->dtype, cases[i].dtype);
        ck_assert_str_eq(src->reader->name, "IDX");
        for (size_t n = 0; n < 2; n++) {
            source_row(src, n, &value);
            ck_assert(value == cases[i].value[n]);
            ck_assert_uint_eq(source_cell(src, n, 0, text, sizeof text), strlen(text));
            ck_assert(strtod(text, NULL) == value);
        }
        source_close(&src);
    }
}
END_TEST

/* The first dimension counts rows, the others are flattened, only three dimensions are images. */
START_TEST(idx_shapes)
{
    static const struct {
        unsigned char n_dims, dims[4];
        size_t n_rows, n_cols, shape[2];
    } cases[] = {
        {1, {6, 0, 0, 0}, 6, 1, {0, 0}},
        {2, {2, 3, 0, 0}, 2, 3, {0, 0}},
        {3, {2, 3, 4, 0}, 2, 12, {3, 4}},
        {4, {2, 3, 4, 2}, 2, 24, {0, 0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char bytes[256] = {0, 0, 8, cases[i].n_dims};
        size_t n = 4;
        for (size_t d = 0; d < cases[i].n_dims; d++, n += 4)
            bytes[n + 3] = cases[i].dims[d];
        struct source *src =
            opened(file_write("idx", bytes, n + cases[i].n_rows * cases[i].n_cols));
        ck_assert_uint_eq(src->n_rows, cases[i].n_rows);
        ck_assert_uint_eq(src->n_cols, cases[i].n_cols);
        ck_assert_uint_eq(src->image_shape[0], cases[i].shape[0]);
        ck_assert_uint_eq(src->image_shape[1], cases[i].shape[1]);
        source_close(&src);
    }
}
END_TEST

/* A header that does not describe exactly the bytes that follow is refused, whatever it claims. */
START_TEST(idx_sizes)
{
    static const unsigned char table[18] = {0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6};
    static const unsigned char huge[] = {0,    0,    14,   3,    0xff, 0xff, 0xff, 0xff,
                                         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const unsigned char large[] = {0, 0, 8, 2, 0x80, 0, 0, 0, 0, 1, 0, 0};
    static const unsigned char no_rows[] = {0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0, 3};
    static const unsigned char no_cols[] = {0, 0, 8, 2, 0, 0, 0, 3, 0, 0, 0, 0};
    static const unsigned char no_dims[] = {0, 0, 8, 0};
    static const unsigned char no_type[] = {0, 0, 10, 1, 0, 0, 0, 1, 0};
    refuses(file_write("idx", table, 17), "truncated: header promises 18 bytes, file has 17");
    refuses(file_write("idx", table, 9), "truncated: a header of 2 dimensions takes 12 bytes");
    refuses(file_write("idx", huge, sizeof huge), "more bytes than any file can have");
    refuses(file_write("idx", large, sizeof large), "header promises 140737488355340 bytes");
    refuses(file_write("idx", no_rows, sizeof no_rows), "dimension 0 is 0");
    refuses(file_write("idx", no_cols, sizeof no_cols), "dimension 1 is 0");
    refuses(file_write("idx", no_dims, sizeof no_dims),
            "IDX header of 0 dimensions, expected 1 to 255");
    refuses(file_write("idx", no_type, sizeof no_type), "unknown format (it starts with 00 00 0a");
    unsigned char padded[19] = {0};
    memcpy(padded, table, sizeof table);
    refuses(file_write("idx", padded, 19),
            "too long: header promises 18 bytes, file has at least 19");
}
END_TEST

/* gzip content is what its members inflate to, in order; damage is refused with zlib's reason. */
START_TEST(gzip_members)
{
    static const double expected[] = {1, 2, 3, 4};
    double row[2];
    file_gzip("members", "wb9", "a,b\n1,2", 7);
    const char *path = file_gzip("members", "ab9", "\n3,4\n", 5);
    struct source *src = opened(path);
    for (size_t n = 0; n < 2; n++) {
        source_row(src, n, row);
        ck_assert(row[0] == expected[2 * n] && row[1] == expected[2 * n + 1]);
    }
    source_close(&src);

    unsigned char bytes[256];
    FILE *file = fopen(path, "rb");
    const size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    refuses(file_write("cut", bytes, n - 1), "truncated: its gzip data end in the middle");
    bytes[n] = 'x';
    refuses(file_write("long", bytes, n + 1), "truncated");
    memset(bytes + n, 'x', 20);
    refuses(file_write("long", bytes, n + 20), "bad gzip data: incorrect header check");
    bytes[n - 5] ^= 1;
    refuses(file_write("crc", bytes, n), "bad gzip data: incorrect data check");
    bytes[n - 5] ^= 1;
    bytes[2] = 7;
    refuses(file_write("method", bytes, n), "bad gzip data: unknown compression method");
    refuses(file_gzip("nothing", "wb", "", 0), "is empty");
    refuses(file_gzip("twice", "wb", "\x1f\x8b\x08\x00", 4), "unknown format");
}
END_TEST

/* Content that just fills or overflows the pieces in which it is inflated comes out whole. */
START_TEST(gzip_pieces)
{
    enum { PIECE = 1 << 16 }; /* as in source.c */
    static const size_t sizes[] = {PIECE - 2, PIECE, PIECE + 2, 2 * PIECE, 3 * PIECE};
    char *bytes = malloc(3 * PIECE);
    for (size_t n = 0; n < 3 * PIECE; n += 2)
        memcpy(bytes + n, "1\n", 2);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct source *src = opened(file_gzip("pieces", "wb9", bytes, sizes[i]));
        ck_assert_uint_eq(src->n_rows, sizes[i] / 2);
        source_close(&src);
    }
    free(bytes);
}
END_TEST

/* A bomb stops at the limit, and already at the header's promise where there is one, or when it is
 * seen to be of no known format. */
START_TEST(gzip_bomb)
{
    const size_t n = 64 << 20;
    unsigned char *bytes = calloc(n, 1);
    size_t at_least = 0;
    struct err err = {0};
    struct source *src = NULL;
    memcpy(bytes, "\0\0\x08\1\0\0\0\2", 8);
    const char *path = file_gzip("bomb", "wb9", bytes, n);
    ck_assert_int_eq(source_open(path, SIZE_MAX, &src, &err), ERR_DATA);
    const char *number = strstr(err.text, "at least ");
    ck_assert_msg(number != NULL, "%s", err.text);
    ck_assert_int_eq(sscanf(number, "at least %zu", &at_least), 1);
    ck_assert_uint_lt(at_least, 1 << 20);
    memset(bytes, '1', n);
    refuses_within(file_gzip("bomb", "wb9", bytes, n), 1 << 20, ERR_CONFIG,
                   "more than the 1048576 bytes allowed");
    memset(bytes, 0, n); /* of no known format: no limit is needed */
    refuses_within(file_gzip("bomb", "wb9", bytes, n), 1 << 20, ERR_DATA, "unknown format");
    free(bytes);
}
END_TEST

/* The limit is inclusive and holds for plain files too. */
START_TEST(size_limit)
{
    const char *path = file_text("plain", "1,2\n3,4\n");
    struct err err = {0};
    struct source *src = NULL;
    ck_assert_int_eq(source_open(path, 8, &src, &err), OK);
    source_close(&src);
    refuses_within(path, 7, ERR_CONFIG, "more than the 7 bytes allowed");
}
END_TEST

/* One table in every dialect reads as the same numbers. */
START_TEST(csv_dialects)
{
    static const double table[] = {1.5, -2, 3e2, 4};
    static const char *const texts[] = {
        "a,b\n1.5,-2\n3e2,4\n",
        "a;b\n1.5;-2\n3e2;4",
        "a\tb\r\n1.5\t-2\r\n3e2\t4\r\n",
        "a,b\r1.5,-2\r3e2,4\r",
        "\357\273\277a,b\n1.5,-2\n3e2,4\n",
        "\"a\",\"b\"\n\"1.5\",\"-2\"\n\"3e2\",\"4\"\n",
        "a, b\n 1.5 , -2 \n3e2,  \"4\" \n",
        "a,b\n1.5,-2\n3e2,4\n\n  \r\n\n",
        "1.5,-2\n3e2,4\n",
        "+1.5,-2.\n300,04\n",
        "a;b,c\n1.5;-2\n3e2;4\n",
        "\"a\nb\",\"c,d\"\n1.5,-2\n3e2,4\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        reads_as(texts[i], 2, 2, table);
}
END_TEST

/* The first line is a header if text stands over a number or all of it is text, else data. */
START_TEST(csv_header)
{
    static const struct {
        const char *text, *name; /* of column 0, NULL: no header */
        size_t n_rows;
    } cases[] = {
        {"a,b\n1,2\n", "a", 1},        {"1,b\n1,2\n", "1", 1},
        {"1,2\n3,4\n", NULL, 2},       {"x,y\nu,v\n", "x", 1},
        {"NA,1\n2,3\n", NULL, 2},      {"5,setosa\n6,setosa\n", NULL, 2},
        {"label\n7\n2\n", "label", 2}, {"7\n2\n", NULL, 2},
        {"\"\",x\n1,2\n", "", 1},      {"1,2\n", NULL, 1},
        {"na?me\n?\n", "na?me", 1},    {"\"a\"\"b\"\n1\n", "a\"b", 1},
        {"inf,1\n2,3\n", NULL, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct source *src = opened(file_text("csv", cases[i].text));
        ck_assert_msg((src->col_names != NULL) == (cases[i].name != NULL), "%s", cases[i].text);
        if (cases[i].name != NULL) ck_assert_str_eq(src->col_names[0], cases[i].name);
        ck_assert_msg(src->n_rows == cases[i].n_rows, "%s", cases[i].text);
        source_close(&src);
    }
}
END_TEST

/* Missing cells and text are no numbers; a column is numeric while it has no text. */
START_TEST(csv_kinds)
{
    const char *text = "n,m,t,x\n1,NA,abc,0x10\n nan ,2,inf,?\n";
    reads_as(text, 2, 4, (const double[]){1, NAN, NAN, NAN, NAN, 2, INFINITY, NAN});
    reads_as("1,-Infinity\n,\"\"\n", 2, 2, (const double[]){1, -INFINITY, NAN, NAN});
    struct source *src = opened(file_text("csv", text));
    char cell[SOURCE_CELL], place[SOURCE_PLACE], small[3];
    ck_assert(source_is_numeric(src, 0) && source_is_numeric(src, 1));
    ck_assert(!source_is_numeric(src, 2) && !source_is_numeric(src, 3));
    ck_assert_uint_eq(src->first_text[2], 0);
    ck_assert_uint_eq(source_cell(src, 0, 2, cell, sizeof cell), 3);
    ck_assert_str_eq(cell, "abc");
    ck_assert_uint_eq(source_cell(src, 0, 3, small, sizeof small), 4);
    ck_assert_str_eq(small, "0x");
    source_place(src, 1, 2, place);
    ck_assert_str_eq(place, "line 3, column 't'");
    source_close(&src);
}
END_TEST

/* Quoted cells keep separators, line breaks and quotes; lines are counted through them. */
START_TEST(csv_quotes)
{
    char cell[SOURCE_CELL], place[SOURCE_PLACE];
    struct source *src =
        opened(file_text("csv", "id,text\r\n1,\"a, \"\"b\"\"\r\nc\"\r\n2,\" d\" \r\n3,5'10\"\n"));
    static const char *const texts[] = {"a, \"b\"\r\nc", " d", "5'10\""};
    static const char *const places[] = {"line 2, column 'id'", "line 4, column 'id'",
                                         "line 5, column 'id'"};
    ck_assert_uint_eq(src->n_rows, 3);
    for (size_t n = 0; n < 3; n++) {
        source_cell(src, n, 1, cell, sizeof cell);
        ck_assert_str_eq(cell, texts[n]);
        source_place(src, n, 0, place);
        ck_assert_str_eq(place, places[n]);
    }
    source_close(&src);
}
END_TEST

/* Tables that are none are refused with the line at fault. */
START_TEST(csv_broken)
{
    refuses(file_text("csv", "a,b\n1,2\n3\n4,5\n"), "line 3 has 1 cell, the first line has 2");
    refuses(file_text("csv", "a,b\n1,2,3\n"), "line 2 has 3 cells, the first line has 2");
    refuses(file_text("csv", "a,b\n1,2\n\n4,5\n"), "line 3 has 1 cell");
    refuses(file_text("csv", "a,b\n1,\"2\n3,4\n"), "line 2: a quote is not closed");
    refuses(file_text("csv", "a,b\n1,\"2\"x\n3,4\n"), "line 2: a quote is not closed, or text");
    refuses(file_text("csv", "\"a,b\n1,2\n"), "line 1: a quote is not closed");
    refuses(file_text("csv", " \n\r\n\n"), "only blank lines");
    refuses(file_text("csv", "a,b\n"), "has a header and no rows");
    refuses(file_text("csv", "1,2\n3,\x01\n"), "line 2: byte 0x01 at offset 6 is no text");
    refuses(file_text("csv", "1,2\n3,M\xfcller\n"), "line 2: byte 0xfc");
    refuses(file_text("csv", "\xc0\xaf,1\n"), "byte 0xc0");     /* overlong */
    refuses(file_text("csv", "\xe0\x80\xaf,1\n"), "byte 0xe0"); /* overlong */
    refuses(file_text("csv", "\xed\xa0\x80,1\n"), "byte 0xed"); /* surrogate */
    refuses(file_text("csv", "1,2\n\xe2\x82"), "byte 0xe2");    /* cut */
    refuses(file_write("csv", "1,2\0\n", 5),
            "(it starts with 31 2c 32 00 0a, and byte 0 at offset 3 is no UTF-8 text)");
    char late[8000];
    memset(late, '1', sizeof late);
    late[7000] = '\0';
    refuses(file_write("csv", late, sizeof late), "byte 0x00 at offset 7000");
    reads_as("M\xc3\xbcller,\xe2\x82\xac\n1,2\n", 1, 2, (const double[]){1, 2});
    char *wide = malloc(SOURCE_COLUMNS + 2);
    memset(wide, ',', SOURCE_COLUMNS + 1);
    wide[SOURCE_COLUMNS + 1] = '\0';
    refuses(file_text("csv", wide), "line 1 has more than the 1048576 cells that are read");
    free(wide);
}
END_TEST

/* What is no readable regular file is refused at once, by name and cause; a FIFO does not block. */
START_TEST(no_files)
{
    refuses(file_path("absent"), "cannot be opened: No such file or directory");
    refuses(files_folder, "is a directory");
    ck_assert_int_eq(mkfifo(file_path("fifo"), 0600), 0);
    refuses(file_path("fifo"), "is a FIFO, expected a regular file");
    refuses("/dev/null", "is a device");
    refuses(file_text("empty", ""), "is empty");
    refuses(file_write("gif", "GIF89a\1\0\1\0\0\0\0", 13),
            "unknown format (it starts with 47 49 46 38 39 61 01 00, and byte 0 at offset 7 is no "
            "UTF-8 text); expected IDX, NPY, NPZ, HDF5, PNG, JPEG, BMP, CSV");
    if (geteuid() == 0) return; /* may read anything */
    const char *path = file_text("secret", "1\n");
    ck_assert_int_eq(chmod(path, 0), 0);
    refuses(path, "Permission denied");
}
END_TEST

/* Numbers are read as the nearest double, as strtod does, however they are written. */
START_TEST(numbers)
{
    static const char *const formats[] = {"%.17g", "%.15e", "%.6f", "%.3g",
                                          "%.20e", "%.1E",  "%.0f"};
    static const char *const refused[] = {"",      "+",   ".",  "e5",   "1e",  "1e+",  "0x10",
                                          "1_0",   "1,5", "1 ", " 1",   "nan", "infi", "--1",
                                          "1.2.3", "1d5", "NA", "1e5x", "inf1"};
    uint64_t rng = test_seed();
    char text[512];
    double value;
    for (int i = 0; i < 200000; i++) {
        const int scale = (int)test_below(&rng, i % 2 == 0 ? 600 : 40) - (i % 2 == 0 ? 300 : 20);
        const double wanted = (test_uniform(&rng) - 0.5) * pow(10, scale);
        const size_t format = test_below(&rng, sizeof formats / sizeof *formats);
        const size_t n = (size_t)snprintf(text, sizeof text, formats[format], wanted);
        ck_assert_msg(number_parse(text, n, &value), "%s", text);
        ck_assert_msg(value == strtod(text, NULL), "%s: %.17g", text, value);
        number_print(wanted, text);
        ck_assert_msg(number_parse(text, strlen(text), &value) && value == wanted, "%s", text);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        ck_assert_msg(!number_parse(refused[i], strlen(refused[i]), &value), "%s", refused[i]);
    ck_assert(number_parse("-INF", 4, &value) && value == -INFINITY);
    ck_assert(number_parse("1e999999999999999999999", 23, &value) && isinf(value));
    ck_assert(number_parse("1e-99999999999999999999", 23, &value) && value == 0);
    ck_assert(number_parse("12,", 2, &value) && value == 12);
    number_print(-0.0, text);
    ck_assert_str_eq(text, "0");
    number_print(0.1, text);
    ck_assert_str_eq(text, "0.1");
}
END_TEST

static const unsigned char small_idx[] = {0, 0, 13, 3, 0, 0,    0,    2,    0, 0,    0,
                                          1, 0, 0,  0, 2, 0x3f, 0x80, 0,    0, 0x40, 0x00,
                                          0, 0, 0,  0, 0, 0,    0x7f, 0xc0, 0, 0};
static const char small_csv[] = "\xef\xbb\xbf\"na\"\"me\";b;t\xc3\xa9xt\r\n1.5;NA;\"x;\r\ny\"\r\n"
                                " -2e3 ;4;z\r\n;inf;\"\"\r\n\r\n";

/* Every strict prefix of an IDX or gzip file is refused; of a CSV, it is refused or read. */
START_TEST(truncation)
{
    unsigned char gzipped[256];
    FILE *file = fopen(file_gzip("gz", "wb9", small_csv, sizeof small_csv - 1), "rb");
    const size_t n_gzipped = fread(gzipped, 1, sizeof gzipped, file);
    fclose(file);
    for (size_t n = 0; n < sizeof small_idx; n++)
        ck_assert_int_eq(try_bytes(small_idx, n), ERR_DATA);
    ck_assert_int_eq(try_bytes(small_idx, sizeof small_idx), OK);
    for (size_t n = 0; n < n_gzipped; n++)
        ck_assert_int_eq(try_bytes(gzipped, n), ERR_DATA);
    ck_assert_int_eq(try_bytes(gzipped, n_gzipped), OK);
    size_t n_read = 0;
    for (size_t n = 0; n < sizeof small_csv; n++)
        n_read += try_bytes(small_csv, n) == OK;
    ck_assert_uint_gt(n_read, 0);
    ck_assert_uint_lt(n_read, sizeof small_csv);
}
END_TEST

/* Random damage to small files of each kind never makes the readers fail otherwise. */
START_TEST(mutation)
{
    static const unsigned char tasty[] = {0,   1,   8,    0xff, 0x7f, '"',
                                          ',', ';', '\t', '\n', '\r', ' '};
    unsigned char gzipped[256], bytes[256];
    uint64_t rng = test_seed();
    FILE *file = fopen(file_gzip("gz", "wb9", small_csv, sizeof small_csv - 1), "rb");
    const size_t n_gzipped = fread(gzipped, 1, sizeof gzipped, file);
    fclose(file);
    const struct {
        const void *bytes;
        size_t n;
    } kinds[] = {
        {small_idx, sizeof small_idx}, {small_csv, sizeof small_csv - 1}, {gzipped, n_gzipped}};
    for (int i = 0; i < 6000; i++) {
        const size_t kind = (size_t)i % 3, n = kinds[kind].n;
        memcpy(bytes, kinds[kind].bytes, n);
        for (size_t hits = 1 + test_below(&rng, 4); hits > 0; hits--)
            bytes[test_below(&rng, n)] = test_below(&rng, 2) == 0
                                             ? tasty[test_below(&rng, sizeof tasty)]
                                             : (unsigned char)test_below(&rng, 256);
        try_bytes(bytes, test_below(&rng, 4) == 0 ? test_below(&rng, n + 1) : n);
    }
}
END_TEST

/* SHA-256 is FIPS 180-4's, whatever pieces it comes in; numbers have one byte order and one zero.
 */
START_TEST(digests)
{
    struct err err = {0};
    char hex[3][DIGEST_HEX];
    const double zeros[3] = {0.0, 1.0, 0.0}, minus[3] = {-0.0, 1.0, -0.0};
    const unsigned char bytes[24] = {[14] = 0xf0, [15] = 0x3f};
    struct digest *digest = NULL;
    ck_assert_int_eq(digest_create(&digest, &err), OK);
    digest_update(digest, "a", 1);
    digest_update(digest, "bc", 2);
    ck_assert_int_eq(digest_finish(digest, hex[0], &err), OK);
    digest_destroy(&digest);
    ck_assert_ptr_null(digest);
    digest_destroy(&digest);
    ck_assert_str_eq(hex[0], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(digest_create(&digest, &err), OK);
        if (i == 0) digest_doubles(digest, zeros, 3);
        if (i == 1) digest_doubles(digest, minus, 3);
        if (i == 2) digest_update(digest, bytes, sizeof bytes);
        ck_assert_int_eq(digest_finish(digest, hex[i], &err), OK);
        digest_destroy(&digest);
    }
    ck_assert_str_eq(hex[0], hex[1]);
    ck_assert_str_eq(hex[0], hex[2]);
}
END_TEST

static Suite *source_suite(void)
{
    Suite *suite = suite_create("source");
    TCase *formats = tcase_create("formats");
    tcase_add_checked_fixture(formats, files_setup, files_teardown);
    tcase_add_test(formats, idx_types);
    tcase_add_test(formats, idx_shapes);
    tcase_add_test(formats, idx_sizes);
    tcase_add_test(formats, gzip_members);
    tcase_add_test(formats, gzip_pieces);
    tcase_add_test(formats, gzip_bomb);
    tcase_add_test(formats, size_limit);
    tcase_add_test(formats, csv_dialects);
    tcase_add_test(formats, csv_header);
    tcase_add_test(formats, csv_kinds);
    tcase_add_test(formats, csv_quotes);
    tcase_add_test(formats, csv_broken);
    tcase_add_test(formats, no_files);
    tcase_add_test(formats, numbers);
    tcase_add_test(formats, digests);
    suite_add_tcase(suite, formats);
    TCase *hostile = tcase_create("hostile");
    tcase_add_checked_fixture(hostile, files_setup, files_teardown);
    tcase_add_test(hostile, truncation);
    tcase_add_test(hostile, mutation);
    suite_add_tcase(suite, hostile);
    return suite;
}

CHECK_MAIN(source_suite)
