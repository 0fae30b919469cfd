#include "data.h"

#include "files.h"

static const char IRIS[] = "tests/data/iris.csv";
static const char IMAGES[] = "tests/data/t2k-images-idx3-ubyte.gz";
static const char DIGITS[] = "tests/data/t2k-labels-idx1-ubyte.gz";

enum { MOST_TEXTS = 12 };

/* A config as config_read would give it, with room for lists. */
struct setup {
    struct config config;
    char *columns[MOST_TEXTS], *classes[MOST_TEXTS];
    bool quoted[2][MOST_TEXTS];
};

static struct setup setup_for(const char *path)
{
    struct setup setup = {.config = {.data_path = (char *)path, .data_pool = 1, .data_scale = 1}};
    return setup;
}

/* Sets labels or weights; the path is `name`'s in the test's folder unless it has one. */
static void set_name(struct name_or_path *out, const char *name)
{
    out->name = (char *)name;
    out->path = (char *)(strchr(name, '/') != NULL ? name : file_path(name));
}

/* Adds an entry to data.columns; a leading ' stands for quotes around it. */
static void add_column(struct setup *setup, const char *entry)
{
    struct text_list *list = &setup->config.data_columns;
    list->v = setup->columns;
    list->quoted = setup->quoted[0];
    list->quoted[list->n] = entry[0] == '\'';
    list->v[list->n++] = (char *)(entry[0] == '\'' ? entry + 1 : entry);
}

static void add_class(struct setup *setup, const char *entry)
{
    struct text_list *list = &setup->config.data_classes;
    list->v = setup->classes;
    list->quoted = setup->quoted[1];
    list->v[list->n++] = (char *)entry;
}

static struct data *loaded(const struct setup *setup)
{
    struct err err = {0};
    struct data *data = NULL;
    ck_assert_msg(data_load(&setup->config, SIZE_MAX, &data, &err) == OK, "%s", err.text);
    return data;
}

static void refuses_within(const struct setup *setup, size_t limit, enum status status,
                           const char *part)
{
    struct err err = {0};
    struct data *data = (struct data *)&err;
    const enum status rc = data_load(&setup->config, limit, &data, &err);
    ck_assert_ptr_null(data);
    ck_assert_msg(rc == status, "status %d, expected %d: %s", rc, status, err.text);
    ck_assert_msg(strstr(err.text, part) != NULL, "'%s' lacks '%s'", err.text, part);
}

static void refuses(const struct setup *setup, enum status status, const char *part)
{
    refuses_within(setup, SIZE_MAX, status, part);
}

static void refuses_text(const char *text, enum status status, const char *part)
{
    const struct setup setup = setup_for(file_text("text.csv", text));
    refuses(&setup, status, part);
}

/* Texts [n] joined by spaces, to compare lists in one line. */
static const char *joined(char *const *texts, size_t n)
{
    static char out[512];
    out[0] = '\0';
    for (size_t i = 0; i < n; i++)
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s%s", i > 0 ? " " : "", texts[i]);
    return out;
}

/* iris with species as labels is the table that R has; digests are Python hashlib's. */
START_TEST(iris)
{
    struct setup setup = setup_for(IRIS);
    set_name(&setup.config.data_labels, "Species");
    struct data *data = loaded(&setup);
    static const double first[] = {5.1, 3.5, 1.4, 0.2}, last[] = {5.9, 3, 5.1, 1.8};
    ck_assert_uint_eq(data->n_rows, 150);
    ck_assert_uint_eq(data->n_features, 4);
    ck_assert_mem_eq(data->x, first, sizeof first);
    ck_assert_mem_eq(data->x + (size_t)149 * 4, last, sizeof last);
    ck_assert_str_eq(joined(data->feature_names, 4),
                     "Sepal.Length Sepal.Width Petal.Length Petal.Width");
    ck_assert_uint_eq(data->n_classes, 3);
    ck_assert_str_eq(joined(data->class_names, 3), "setosa versicolor virginica");
    for (int n = 0; n < 150; n++) {
        ck_assert_int_eq(data->label[n], n / 50);
        ck_assert_int_eq(data->source_row[n], n);
    }
    ck_assert_ptr_null(data->weight);
    ck_assert_str_eq(data->format, "CSV");
    ck_assert_str_eq(data->dtype, "float64");
    ck_assert_str_eq(data->sha256,
                     "78ac7575ab4d9d480b837a3b90a79ee0294d429a0c22858fb4b9ba6fe5fefffa");
    ck_assert_str_eq(data->labels_sha256,
                     "b8f0ddb0cc513f1a99e4a90519b13c0ecf1640e9dba8b9809abaa4a42acc4772");
    ck_assert_str_eq(data->weights_sha256, "");
    data_destroy(&data);
    ck_assert_ptr_null(data);
    data_destroy(&data);
}
END_TEST

/* Without labels, text columns are just left out; faithful has none. */
START_TEST(no_labels)
{
    const struct setup setups[] = {setup_for(IRIS), setup_for("tests/data/faithful.csv")};
    struct data *data = loaded(&setups[0]);
    ck_assert_ptr_null(data->label);
    ck_assert_uint_eq(data->n_classes, 0);
    ck_assert_str_eq(data->labels_sha256, "");
    ck_assert_uint_eq(data->n_features, 4);
    data_destroy(&data);
    data = loaded(&setups[1]);
    ck_assert_str_eq(data->sha256,
                     "4c4f4bb0f8c75e8d9b3d95b16c68dce19762761d6c29564a99444a11490cc238");
    data_destroy(&data);
}
END_TEST

/* The steps on digits agree with a naive twin: classes, then limit, then pool, then scale. */
START_TEST(digits)
{
    static const char *const kept[] = {"4", "0", "1", "3.0", "2"};
    struct setup setup = setup_for(IMAGES);
    set_name(&setup.config.data_labels, DIGITS);
    for (size_t i = 0; i < 5; i++)
        add_class(&setup, kept[i]);
    setup.config.data_limit = 1000;
    setup.config.data_pool = 2;
    setup.config.data_scale = 255;
    struct data *data = loaded(&setup);
    size_t n_bytes, row = 0;
    unsigned char *images = file_read(IMAGES, &n_bytes), *labels = file_read(DIGITS, &n_bytes);
    for (size_t n = 0; n < 2000 && row < 1000; n++) {
        const unsigned char *image = images + 16 + n * 784;
        if (labels[8 + n] > 4) continue;
        ck_assert_int_eq(data->source_row[row], (int64_t)n);
        ck_assert_int_eq(data->label[row], labels[8 + n]);
        for (size_t i = 0; i < 14; i++)
            for (size_t j = 0; j < 14; j++) {
                const int sum = image[56 * i + 2 * j] + image[56 * i + 2 * j + 1] +
                                image[56 * i + 28 + 2 * j] + image[56 * i + 28 + 2 * j + 1];
                ck_assert(data->x[row * 196 + 14 * i + j] == sum / 4.0 / 255);
            }
        row++;
    }
    ck_assert_uint_eq(row, 1000);
    ck_assert_uint_eq(data->n_rows, 1000);
    ck_assert_uint_eq(data->n_features, 196);
    ck_assert_uint_eq(data->image_shape[0], 14);
    ck_assert_uint_eq(data->image_shape[1], 14);
    ck_assert_str_eq(joined(data->class_names, data->n_classes), "0 1 2 3 4");
    ck_assert_str_eq(data->feature_names[195], "195");
    ck_assert_str_eq(data->dtype, "uint8");
    ck_assert_str_eq(data->sha256,
                     "4b5a968e4f4ae4fe390e81a78317437eec873b355de6c38c8bf7c6b5f6e92e8f");
    free(images);
    free(labels);
    data_destroy(&data);
}
END_TEST

/* Writes values [n_rows, n_cols] of 0..255 as IDX, IDX.gz, CSV and TSV.gz. */
static void write_formats(const unsigned char *values, unsigned char n_rows, unsigned char n_cols,
                          const char *paths[4])
{
    const size_t n = (size_t)n_rows * n_cols;
    unsigned char *idx = calloc(12 + n, 1);
    char *csv = malloc(16 * n), *tsv = malloc(16 * n);
    memcpy(idx, "\0\0\x08\x02", 4);
    idx[7] = n_rows;
    idx[11] = n_cols;
    memcpy(idx + 12, values, n);
    size_t csv_n = 0, tsv_n = (size_t)sprintf(tsv, "\xef\xbb\xbf");
    for (size_t i = 0; i < n; i++) {
        const bool last = (i + 1) % n_cols == 0;
        csv_n += (size_t)sprintf(csv + csv_n, "%d%s", values[i], last ? "\n" : ",");
        tsv_n += (size_t)sprintf(tsv + tsv_n, "\"%d.0e0\"%s", values[i], last ? "\r\n" : "\t");
    }
    paths[0] = file_write("x.idx", idx, 12 + n);
    paths[1] = file_gzip("x.idx.gz", "wb", idx, 12 + n);
    paths[2] = file_write("x.csv", csv, csv_n);
    paths[3] = file_gzip("x.tsv.gz", "wb", tsv, tsv_n);
    free(idx);
    free(csv);
    free(tsv);
}

/* The same data have one digest in every format, and another if one value changes. */
START_TEST(one_digest)
{
    uint64_t rng = test_seed();
    unsigned char values[60 * 5];
    char first[65];
    const char *paths[4];
    for (size_t i = 0; i < sizeof values; i++)
        values[i] = (unsigned char)test_below(&rng, 256);
    for (int changed = 0; changed < 2; changed++) {
        values[7] = (unsigned char)(values[7] + changed);
        write_formats(values, 60, 5, paths);
        for (int i = 0; i < 4; i++) {
            const struct setup setup = setup_for(paths[i]);
            struct data *data = loaded(&setup);
            ck_assert_uint_eq(data->n_rows, 60);
            if (i == 0 && changed) ck_assert_str_ne(data->sha256, first);
            if (i == 0) strcpy(first, data->sha256);
            ck_assert_str_eq(data->sha256, first);
            data_destroy(&data);
        }
    }
}
END_TEST

/* A negative zero is a zero, in the digest and in x. */
START_TEST(negative_zero)
{
    const struct setup minus = setup_for(file_text("minus.csv", "-0,1\n2,-0.0\n"));
    const struct setup plus = setup_for(file_text("plus.csv", "0,1\n2,0\n"));
    struct data *a = loaded(&minus), *b = loaded(&plus);
    ck_assert_str_eq(a->sha256, b->sha256);
    ck_assert(!signbit(a->x[0]) && !signbit(a->x[3]));
    data_destroy(&a);
    data_destroy(&b);
}
END_TEST

/* Columns come by name or number in the order given, and no longer are images. */
START_TEST(columns)
{
    struct setup setup = setup_for(file_text("c.csv", "a,7,b,7\n1,2,3,4\n5,6,7,8\n"));
    static const double by_both[] = {3, 1, 4, 7, 5, 8};
    add_column(&setup, "b");
    add_column(&setup, "0");
    add_column(&setup, "3");
    struct data *data = loaded(&setup);
    ck_assert_uint_eq(data->n_features, 3);
    ck_assert_mem_eq(data->x, by_both, sizeof by_both);
    ck_assert_str_eq(joined(data->feature_names, 3), "b a 7");
    data_destroy(&data);

    size_t n_bytes;
    unsigned char *images = file_read(IMAGES, &n_bytes);
    setup = setup_for(IMAGES);
    add_column(&setup, "203");
    add_column(&setup, "210");
    data = loaded(&setup);
    ck_assert_uint_eq(data->image_shape[0], 0);
    ck_assert_str_eq(joined(data->feature_names, 2), "203 210");
    for (size_t n = 0; n < 2000; n++) {
        ck_assert(data->x[2 * n] == images[16 + 784 * n + 203]);
        ck_assert(data->x[2 * n + 1] == images[16 + 784 * n + 210]);
    }
    free(images);
    data_destroy(&data);
}
END_TEST

/* Columns that cannot be had are refused with what there is. */
START_TEST(bad_columns)
{
    static const struct {
        const char *entries[2];
        enum status status;
        const char *part;
    } cases[] = {
        {{"'7"}, ERR_CONFIG, "2 columns of"},
        {{"4"}, ERR_CONFIG, "no column 4, "},
        {{"99999999999999999999999"}, ERR_CONFIG, "has 0 to 3"},
        {{"'0"}, ERR_CONFIG, "no column '0' in "},
        {{"c"}, ERR_CONFIG, "which has: a, 7, t, 7"},
        {{"-1"}, ERR_CONFIG, "no column '-1'"},
        {{"a", "0"}, ERR_CONFIG, "data.columns: '0' is given twice"},
        {{"t"}, ERR_DATA, "line 3, column 't': 'x' is no number, as data.columns needs"},
        {{"a", "w"}, ERR_CONFIG, "no column 'w'"},
    };
    const char *path = file_text("c.csv", "a,7,t,7\n1,2,3,4\n5,6,x,8\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct setup setup = setup_for(path);
        for (size_t j = 0; j < 2 && cases[i].entries[j] != NULL; j++)
            add_column(&setup, cases[i].entries[j]);
        refuses(&setup, cases[i].status, cases[i].part);
    }
    struct setup setup = setup_for(IMAGES);
    add_column(&setup, "'3");
    refuses(&setup, ERR_CONFIG, "have no names, only numbers");
    setup = setup_for(IRIS);
    set_name(&setup.config.data_labels, "Petal.Width");
    add_column(&setup, "Petal.Width");
    refuses(&setup, ERR_CONFIG, "holds labels or weights, never a feature");
    refuses_text("a,b\nx,y\nu,v\n", ERR_DATA, "'x' is no number, nor is there another column");
    setup = setup_for(file_text("one.csv", "w\n1\n2\n"));
    set_name(&setup.config.data_weights, "w");
    refuses(&setup, ERR_DATA, "has no column beside labels and weights");
}
END_TEST

/* Labels from any kind of file give the same classes and digest. */
START_TEST(label_files)
{
    static const unsigned char idx[] = {0, 0, 8, 1, 0, 0, 0, 5, 10, 2, 3, 10, 0};
    static const int32_t expected[] = {3, 1, 2, 3, 0};
    const char *paths[] = {
        file_write("l.idx", idx, sizeof idx),
        file_gzip("l.gz", "wb", idx, sizeof idx),
        file_text("l.csv", "10\n2\n3.0\n1e1\n0\n"),
        file_text("m.csv", "digit\n10\n2\n3\n10.\n-0\n\n"),
        "y",
    };
    char first[65] = "";
    const char *path = file_text("x.csv", "x,y\n1,10\n2,2\n3,3\n4,10\n5,0\n");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct setup setup = setup_for(path);
        set_name(&setup.config.data_labels, paths[i]);
        struct data *data = loaded(&setup);
        ck_assert_str_eq(joined(data->class_names, data->n_classes), "0 2 3 10");
        ck_assert_mem_eq(data->label, expected, sizeof expected);
        ck_assert_uint_eq(data->n_features, i == 4 ? 1 : 2);
        if (i == 0) strcpy(first, data->labels_sha256);
        ck_assert_str_eq(data->labels_sha256, first);
        data_destroy(&data);
    }
}
END_TEST

/* Text labels sort by their bytes; a first line that looks like a header counts if it recurs. */
START_TEST(text_labels)
{
    static const struct {
        const char *text, *names, *part; /* part: of the refusal, NULL if there is none */
    } cases[] = {
        {"b\na\n\xc3\xa4\nB\n", NULL, "has 3 rows after its header 'b', "},
        {"kind\nb\na\n\xc3\xa4\nB\n", "B a b \xc3\xa4", NULL},
        {"b\na\nb\nc\n", "a b c", NULL},
        {"3\n3.0\nx\n3\n", "3 3.0 x", NULL},
        {"\"b,\"\"c\"\"\"\na\n\"b,\"\"c\"\"\"\na\n", "a b,\"c\"", NULL},
        {"b\na\n?\nb\n", NULL, "data.labels: line 3, column 'b': '?' is missing"},
        {"k\n1\n2\n3\nNA\n", NULL, "data.labels: line 5, column 'k': 'NA' is missing"},
        {"k\n1\n2\n3\ninf\n", NULL, "'inf' is no finite number"},
        {"1\n2\n3\n", NULL, "data.labels: has 3 rows, "},
        {"1\n2\n3\n4\n5\n", NULL, "data.labels: has 5 rows, "},
        {"1,1\n2,1\n3,1\n4,1\n", NULL, "data.labels: has 2 columns, expected one"},
    };
    const char *path = file_text("x.csv", "1\n2\n3\n4\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct setup setup = setup_for(path);
        set_name(&setup.config.data_labels, file_text("labels.csv", cases[i].text));
        if (cases[i].part != NULL) {
            refuses(&setup, ERR_DATA, cases[i].part);
            continue;
        }
        struct data *data = loaded(&setup);
        ck_assert_str_eq(joined(data->class_names, data->n_classes), cases[i].names);
        data_destroy(&data);
    }
    struct setup setup = setup_for(path);
    set_name(&setup.config.data_labels, "1\n2\n");
    refuses(&setup, ERR_DATA, "No such file or directory");
    char longest[400];
    memset(longest, 'x', sizeof longest);
    strcpy(longest + 300, "\na\nb\nc\nd\n");
    set_name(&setup.config.data_labels, file_text("long.csv", longest));
    struct data *data = loaded(&setup);
    data_destroy(&data);
    strcpy(longest + 300, "\na\nb\nc\n");
    memmove(longest + 2, longest, 310);
    memcpy(longest, "h\n", 2);
    set_name(&setup.config.data_labels, file_text("long.csv", longest));
    refuses(&setup, ERR_DATA, "is too long for a label");
}
END_TEST

/* A data file whose row count differs from the labels' is refused with both counts. */
START_TEST(label_counts)
{
    struct setup setup = setup_for(IRIS);
    set_name(&setup.config.data_labels, DIGITS);
    refuses(&setup, ERR_DATA, "has 2000 rows, tests/data/iris.csv has 150");
    set_name(&setup.config.data_labels, "species");
    refuses(&setup, ERR_CONFIG, "has no column 'species', and there is no file ");
    setup = setup_for(IMAGES);
    set_name(&setup.config.data_labels, IMAGES);
    refuses(&setup, ERR_DATA, "data.labels: has 784 columns, expected one");
    setup = setup_for(file_text("twice.csv", "y,y,x\n1,2,3\n"));
    set_name(&setup.config.data_labels, "y");
    refuses(&setup, ERR_CONFIG, "data.labels: 2 columns of ");
}
END_TEST

/* Classes keep their rows; those left out vanish, also from the names, and none may be unknown. */
START_TEST(classes)
{
    struct setup setup = setup_for(IRIS);
    add_class(&setup, "virginica");
    refuses(&setup, ERR_CONFIG, "data.classes: needs data.labels");
    set_name(&setup.config.data_labels, "Species");
    add_class(&setup, "setosa");
    setup.config.data_limit = 60;
    struct data *data = loaded(&setup);
    ck_assert_uint_eq(data->n_rows, 60);
    ck_assert_str_eq(joined(data->class_names, data->n_classes), "setosa virginica");
    ck_assert_int_eq(data->source_row[50], 100);
    ck_assert_int_eq(data->label[50], 1);
    data_destroy(&data);
    setup.config.data_limit = 50;
    data = loaded(&setup);
    ck_assert_str_eq(joined(data->class_names, data->n_classes), "setosa");
    data_destroy(&data);
    setup.config.data_limit = 1000;
    data = loaded(&setup);
    ck_assert_uint_eq(data->n_rows, 100);
    data_destroy(&data);
    add_class(&setup, "Setosa");
    refuses(&setup, ERR_CONFIG,
            "no row has the label 'Setosa'; there are: setosa, versicolor, virginica");
    setup = setup_for(IMAGES);
    set_name(&setup.config.data_labels, DIGITS);
    add_class(&setup, "10");
    refuses(&setup, ERR_CONFIG, "the label '10'; there are: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9");
}
END_TEST

/* Pooling is for images whose sides the block divides. */
START_TEST(bad_pools)
{
    struct setup setup = setup_for(IMAGES);
    setup.config.data_pool = 3;
    refuses(&setup, ERR_CONFIG, "data.pool: 3 does not divide images of 28 x 28 pixels");
    setup.config.data_pool = 56;
    refuses(&setup, ERR_CONFIG, "does not divide");
    setup.config.data_pool = 2;
    add_column(&setup, "0");
    refuses(&setup, ERR_CONFIG, "data.columns leaves single pixels");
    static const unsigned char tall[] = {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0,
                                         3, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6};
    setup = setup_for(file_write("tall.idx", tall, sizeof tall));
    setup.config.data_pool = 2;
    refuses(&setup, ERR_CONFIG, "data.pool: 2 does not divide images of 3 x 2 pixels");
    setup = setup_for(IRIS);
    setup.config.data_pool = 2;
    refuses(&setup, ERR_CONFIG, "the rows of this file are no images");
}
END_TEST

/* Writes images [2, 2, 3] of bytes as IDX. */
static const char *write_images(const unsigned char values[12])
{
    unsigned char idx[28] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3};
    memcpy(idx + 16, values, 12);
    return file_write("images.idx", idx, sizeof idx);
}

/* Resizing gives images of the new shape, after classes and limit, before scale. */
START_TEST(resize)
{
    static const unsigned char values[] = {10, 10, 10, 20, 20, 20, 0, 80, 160, 0, 16, 16};
    struct setup setup = setup_for(write_images(values));
    setup.config.data_resize = (struct image_size){1, 1};
    struct data *data = loaded(&setup);
    ck_assert_uint_eq(data->n_features, 1);
    ck_assert(data->x[0] == 15 && data->x[1] == 46); /* of 80 and 11 */
    ck_assert_uint_eq(data->image_shape[0], 1);
    ck_assert_uint_eq(data->image_shape[1], 1);
    ck_assert_str_eq(data->dtype, "uint8");
    data_destroy(&data);
    setup.config.data_resize = (struct image_size){2, 1};
    setup.config.data_scale = 2;
    data = loaded(&setup);
    ck_assert_str_eq(joined(data->feature_names, data->n_features), "0 1");
    ck_assert(data->x[0] == 5 && data->x[1] == 10 && data->x[2] == 40 && data->x[3] == 5.5);
    data_destroy(&data);
    setup.config.data_resize = (struct image_size){2, 3}; /* its own */
    setup.config.data_scale = 1;
    data = loaded(&setup);
    for (size_t i = 0; i < 12; i++)
        ck_assert(data->x[i] == values[i]);
    data_destroy(&data);
}
END_TEST

/* Resizing is for images of 8 bits: what is none is refused, with the row and the value. */
START_TEST(bad_resizes)
{
    struct setup setup = setup_for(IRIS);
    setup.config.data_resize = (struct image_size){16, 8};
    refuses(&setup, ERR_CONFIG, "data.resize: [16, 8], but the rows of this file are no images");
    setup = setup_for(IMAGES);
    setup.config.data_resize = (struct image_size){16, 8};
    add_column(&setup, "0");
    refuses(&setup, ERR_CONFIG, "[16, 8], but data.columns leaves single pixels, no images");
    static const struct {
        const char *bits, *text; /* of a float32 */
    } bad[] = {{"\x3f\0\0\0", "0.5"}, {"\xbf\x80\0\0", "-1"}, {"\x43\x80\0\0", "256"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char idx[24] = {0, 0, 13, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1}, part[128];
        memcpy(idx + 20, bad[i].bits, 4);
        setup = setup_for(file_write("float.idx", idx, sizeof idx));
        setup.config.data_resize = (struct image_size){2, 2};
        snprintf(part, sizeof part,
                 "data.resize: row 1 of %s has %s, expected whole numbers from "
                 "0 to 255",
                 file_path("float.idx"), bad[i].text);
        refuses(&setup, ERR_CONFIG, part);
        setup.config.data_limit = 1;
        struct data *data = loaded(&setup);
        data_destroy(&data);
    }
    setup = setup_for(IMAGES);
    setup.config.data_limit = 1;
    setup.config.data_resize = (struct image_size){4096, 4096};
    refuses_within(&setup, 1 << 24, ERR_CONFIG,
                   "1 rows x 16777216 features need 135901216 bytes of memory");
}
END_TEST

/* What is missing or infinite in a used cell is refused: the first place, and how many. */
START_TEST(missing)
{
    unsigned char idx[] = {0, 0, 13, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0x7f, 0xc0, 0, 0};
    struct setup setup;
    refuses_text("a,b\n1,2\n3,NA\n?,4\n", ERR_DATA,
                 "line 3, column 'b': 'NA' is missing or not finite, expected a number; 2 such");
    refuses_text("1,2\n3,\n", ERR_DATA, "line 2, column 1 (from 0): '' is missing");
    refuses_text("a\n1\ninf\n", ERR_DATA, "line 3, column 'a': 'inf'");
    refuses_text("a\n1\n-1e999\n", ERR_DATA, "'-1e999' is missing or not finite");
    setup = setup_for(file_write("nan.idx", idx, sizeof idx));
    refuses(&setup, ERR_DATA, "row 1, column 0 (both from 0): 'nan' is missing");
    idx[17] = 0x80;
    setup = setup_for(file_write("inf.idx", idx, sizeof idx));
    refuses(&setup, ERR_DATA, "row 1, column 0 (both from 0): 'inf' is missing");

    setup = setup_for(file_text("used.csv", "a,b,c\n1,NA,x\n2,5,y\nNA,6,x\n"));
    set_name(&setup.config.data_labels, "c");
    add_column(&setup, "a");
    setup.config.data_limit = 2;
    struct data *data = loaded(&setup);
    ck_assert_uint_eq(data->n_rows, 2);
    data_destroy(&data);
    setup.config.data_limit = 0;
    refuses(&setup, ERR_DATA, "line 4, column 'a': 'NA'");
}
END_TEST

/* Sets on_missing to drop. */
static struct setup dropping(const char *path)
{
    struct setup setup = setup_for(path);
    setup.config.data_on_missing = ON_MISSING_drop;
    return setup;
}

/* Rows that lack a used feature, label or weight are dropped after limit has counted them; source
 * rows, labels and weights stay in step. */
START_TEST(dropped)
{
    static const double x[] = {1, 7, 8}, w[] = {.5, 0, 2};
    static const int64_t row[] = {0, 6, 7};
    static const int32_t label[] = {1, 0, 1};
    struct setup setup =
        dropping(file_text("drop.csv", "x,y,w,t\n1,b,.5,u\nNA,b,1,\n3,,1,u\n4,a,?,u\n"
                                       "inf,c,1,u\n6,nan,,u\n7,a,0,NA\n8,b,2,u\n"));
    set_name(&setup.config.data_labels, "y");
    set_name(&setup.config.data_weights, "w");
    struct data *data = loaded(&setup);
    ck_assert_uint_eq(data->n_rows, 3);
    ck_assert_mem_eq(data->x, x, sizeof x);
    ck_assert_mem_eq(data->weight, w, sizeof w);
    ck_assert_mem_eq(data->source_row, row, sizeof row);
    ck_assert_mem_eq(data->label, label, sizeof label);
    ck_assert_str_eq(joined(data->class_names, data->n_classes), "a b"); /* c has no row left */
    ck_assert_str_eq(data->left_out, "columns with text (3 t); 5 rows with missing values");
    data_destroy(&data);

    setup.config.data_limit = 7;
    add_class(&setup, "a");
    add_class(&setup, "b");
    data = loaded(&setup); /* of the 5 with such labels, which limit does not reach */
    ck_assert_uint_eq(data->n_rows, 3);
    ck_assert_str_eq(data->left_out, "columns with text (3 t); 2 rows with missing values");
    data_destroy(&data);
    setup.config.data_limit = 4;
    data = loaded(&setup);
    ck_assert_uint_eq(data->n_rows, 2);
    ck_assert_int_eq(data->source_row[1], 6);
    data_destroy(&data);

    setup = dropping(file_path("drop.csv")); /* what is not used may be missing */
    data = loaded(&setup);
    ck_assert_uint_eq(data->n_rows, 4);
    data_destroy(&data);
    add_column(&setup, "x");
    data = loaded(&setup);
    ck_assert_uint_eq(data->n_rows, 6);
    ck_assert_str_eq(data->left_out, "2 rows with missing values");
    data_destroy(&data);
    const struct setup whole = dropping(IRIS);
    data = loaded(&whole);
    ck_assert_uint_eq(data->n_rows, 150);
    ck_assert_str_eq(data->left_out, "columns with text (4 Species)");
    data_destroy(&data);
}
END_TEST

/* Dropping forgives nothing but what is missing, and must leave a row. */
START_TEST(bad_drops)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"x,y,w\nNA,a,1\n2,b,-1\n", "data.weights: line 3, column 'w': '-1'"},
        {"x,y,w\nNA,a,1\n2,b,inf\n", "data.weights: line 3, column 'w': 'inf'"},
        {"x,y,w\nNA,a,1\n2,b,z\n", "data.weights: line 3, column 'w': 'z'"},
        {"x,y,w\nNA,1,1\n2,inf,1\n", "data.labels: line 3, column 'y': 'inf' is no finite number"},
        {"x,y,w\nNA,a,1\n2,a,0\n", "data.weights: all are zero"},
        {"x,y,w\nNA,a,1\n2,,1\n3,a,\n", "drop leaves no row: all 3 have missing values"},
        {"x,y,w\n1,,1\n2,NaN,1\n", "drop leaves no row: all 2 have missing values"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct setup setup = dropping(file_text("bad.csv", cases[i].text));
        set_name(&setup.config.data_labels, "y");
        set_name(&setup.config.data_weights, "w");
        refuses(&setup, ERR_DATA, cases[i].part);
    }
    struct setup setup = dropping(file_text("text.csv", "x,y\n1,2\nNA,z\n"));
    add_column(&setup, "x");
    add_column(&setup, "y");
    refuses(&setup, ERR_DATA, "line 3, column 'y': 'z' is no number, as data.columns needs");
    setup = dropping(file_text("rest.csv", "x\n1\nNA\n"));
    setup.config.data_limit = 1;
    struct data *data = loaded(&setup);
    ck_assert_str_eq(data->left_out, "");
    data_destroy(&data);
    setup = dropping(file_text("first.csv", "x\nNA\n1\n"));
    setup.config.data_limit = 1;
    refuses(&setup, ERR_DATA, "drop leaves no row: all 1 have");
}
END_TEST

/* What looks like a number and is none is shown. */
START_TEST(left_out_cells)
{
    const char *text = "a;b;c;d\n1;1,5;x;2\n2;2,5;y;NULL\n";
    const struct setup setup = setup_for(file_text("odd.csv", text));
    struct data *data = loaded(&setup);
    ck_assert_str_eq(
        data->left_out,
        "columns with text (1 b with '1,5' in line 2, 2 c, 3 d with 'NULL' in line 3)");
    data_destroy(&data);
}
END_TEST

/* A list of columns that is too long to be told is cut; what follows is still there. */
START_TEST(long_left_out)
{
    char text[2048] = "";
    for (int d = 0; d < 60; d++)
        sprintf(text + strlen(text), "%sname-%d", d > 0 ? "," : "x,", d);
    for (int n = 0; n < 3; n++) {
        strcat(text, n == 0 ? "\nNA" : "\n1");
        for (int d = 0; d < 60; d++)
            strcat(text, ",t");
    }
    const struct setup setup = dropping(file_text("wide.csv", text));
    struct data *data = loaded(&setup);
    ck_assert_msg(strstr(data->left_out, "columns with text (1 name-0, 2 name-1, ") ==
                      data->left_out,
                  "%s", data->left_out);
    ck_assert_msg(strstr(data->left_out, "...); 1 row with missing values") != NULL, "%s",
                  data->left_out);
    data_destroy(&data);
}
END_TEST

/* A quotient that no double holds is the config's fault. */
START_TEST(scale)
{
    struct setup setup = setup_for(file_text("big.csv", "1\n1e300\n"));
    setup.config.data_scale = 1e-10;
    refuses(&setup, ERR_CONFIG, "data.scale: row 1 of ");
    setup.config.data_scale = 1e100;
    struct data *data = loaded(&setup);
    ck_assert(data->x[0] == 1 / 1e100 && data->x[1] == 1e300 / 1e100);
    data_destroy(&data);
}
END_TEST

/* Weights come like labels, for the rows that are left, finite, not negative and not all zero. */
START_TEST(weights)
{
    static const char *const bad[] = {"-1", "inf", "NA", "x", "1e999"};
    static const double expected[] = {0, 0.5};
    char text[128];
    struct setup setup = setup_for(file_text("w.csv", "x,w,y\n1,0,a\n2,-3,b\n3,.5,a\n"));
    set_name(&setup.config.data_weights, "w");
    set_name(&setup.config.data_labels, "y");
    refuses(&setup, ERR_DATA, "data.weights: line 3, column 'w': '-3', expected 0 or a number");
    add_class(&setup, "a");
    struct data *data = loaded(&setup);
    ck_assert_uint_eq(data->n_features, 1);
    ck_assert_mem_eq(data->weight, expected, sizeof expected);
    /* sha256(struct.pack('<2d', 0, 0.5)) */
    ck_assert_str_eq(data->weights_sha256,
                     "dd3f62a13e54965a853ba877cbe55d9fff781697c07bece50e762c600ca0b672");
    data_destroy(&data);
    setup = setup_for(file_text("x.csv", "1\n2\n3\n"));
    set_name(&setup.config.data_weights, file_text("own.csv", "0\n0\n0.0\n"));
    refuses(&setup, ERR_DATA, "data.weights: all are zero");
    set_name(&setup.config.data_weights, file_text("own.csv", "1\n2\n"));
    refuses(&setup, ERR_DATA, "has 2 rows, ");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, "1\n%s\n3\n", bad[i]);
        set_name(&setup.config.data_weights, file_text("own.csv", text));
        refuses(&setup, ERR_DATA, "line 2, column 0");
    }
}
END_TEST

/* x and the file beside it are measured before x is made: exactly the limit passes, a byte less is
 * refused. */
START_TEST(memory_limit)
{
    const struct setup setup = setup_for(IRIS);
    struct err err = {0};
    struct data *data = NULL;
    struct stat info;
    char says[128];
    ck_assert_int_eq(stat(IRIS, &info), 0);
    const size_t needed = 150 * 4 * 8 + (size_t)info.st_size;
    ck_assert_int_eq(data_load(&setup.config, needed, &data, &err), OK);
    ck_assert_uint_eq(data->content_bytes, (size_t)info.st_size);
    data_destroy(&data);
    snprintf(says, sizeof says,
             "150 rows x 4 features need %zu bytes of memory, run.memory allows %zu", needed,
             needed - 1);
    refuses_within(&setup, needed - 1, ERR_CONFIG, says);
    refuses_within(&setup, 100, ERR_CONFIG, "more than the 100 bytes allowed");
}
END_TEST

/* No truncation or random damage of data, labels and weights makes the pipeline fail otherwise. */
START_TEST(hostile)
{
    static const char table[] = "x;y;w\n1;a;1\n2;\"b\";0\n3;a;2.5\n-4e1;c;1\n";
    static const unsigned char images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2,
                                           0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8};
    uint64_t rng = test_seed();
    char bytes[64];
    size_t n_loaded = 0;
    for (int i = 0; i < 4000; i++) {
        const bool image = i % 2 == 0;
        size_t n = image ? sizeof images : sizeof table - 1;
        memcpy(bytes, image ? (const char *)images : table, n);
        for (size_t hits = test_below(&rng, 3); hits > 0; hits--)
            bytes[test_below(&rng, n)] = (char)test_below(&rng, test_below(&rng, 2) ? 128 : 256);
        if (test_below(&rng, 3) == 0) n = test_below(&rng, n + 1);
        struct setup setup = setup_for(file_write("x", bytes, n));
        struct err err = {0};
        struct data *data = NULL;
        const bool resizes = image && test_below(&rng, 2) != 0;
        setup.config.data_pool = image && !resizes ? 2 : 1;
        if (resizes) setup.config.data_resize = (struct image_size){3, 1};
        if (test_below(&rng, 2) != 0) setup.config.data_on_missing = ON_MISSING_drop;
        if (!image) set_name(&setup.config.data_labels, "y");
        if (!image) set_name(&setup.config.data_weights, "w");
        const enum status rc = data_load(&setup.config, 1 << 16, &data, &err);
        ck_assert_msg(rc == OK || rc == ERR_DATA || rc == ERR_CONFIG, "%s", err.text);
        for (size_t j = 0; rc == OK && j < data->n_rows * data->n_features; j++)
            ck_assert(isfinite(data->x[j]));
        n_loaded += rc == OK;
        data_destroy(&data);
    }
    ck_assert_uint_gt(n_loaded, 0);
    ck_assert_uint_lt(n_loaded, 4000);
}
END_TEST

static Suite *data_suite(void)
{
    Suite *suite = suite_create("data");
    TCase *steps = tcase_create("steps");
    tcase_add_checked_fixture(steps, files_setup, files_teardown);
    tcase_add_test(steps, iris);
    tcase_add_test(steps, no_labels);
    tcase_add_test(steps, digits);
    tcase_add_test(steps, one_digest);
    tcase_add_test(steps, negative_zero);
    tcase_add_test(steps, columns);
    tcase_add_test(steps, bad_columns);
    tcase_add_test(steps, label_files);
    tcase_add_test(steps, text_labels);
    tcase_add_test(steps, label_counts);
    tcase_add_test(steps, classes);
    tcase_add_test(steps, bad_pools);
    tcase_add_test(steps, resize);
    tcase_add_test(steps, bad_resizes);
    tcase_add_test(steps, missing);
    tcase_add_test(steps, dropped);
    tcase_add_test(steps, bad_drops);
    tcase_add_test(steps, left_out_cells);
    tcase_add_test(steps, long_left_out);
    tcase_add_test(steps, scale);
    tcase_add_test(steps, weights);
    tcase_add_test(steps, memory_limit);
    tcase_add_test(steps, hostile);
    suite_add_tcase(suite, steps);
    return suite;
}

CHECK_MAIN(data_suite)
