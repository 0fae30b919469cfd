/* check_config.c - the file and the overrides as a whole: which mistakes are found and where. */
#include "check_config.h"

/* A file with five mistakes gets five lines, each with the place and the offending value. */
START_TEST(five_mistakes)
{
    check_refused(
        "data:\n"
        "  path: x.csv\n"
        "sweep:\n"
        "  components: [2..4, x]\n"
        "  covarience: diag\n"
        "  restarts: 1_000\n"
        "em:\n"
        "  tol: -1\n"
        "output: results\n",
        NULL,
        "c.yaml:4:22: sweep.components: not a whole number (x), expected whole numbers, "
        "or ranges such as 2..10 or 10..50:10, from 1 to 1000000\n"
        "c.yaml:5:3: sweep.covarience: unknown key, did you mean sweep.covariance?\n"
        "c.yaml:6:13: sweep.restarts: not a whole number (1_000), expected a whole number "
        "from 1 to 1000000\n"
        "c.yaml:8:8: em.tol: out of range (-1), expected a number of at least 0\n"
        "c.yaml:9:9: output: a scalar, expected a mapping with keys such as path\n"
        "c.yaml: output.path: missing, expected a path");
}
END_TEST

/* The message for an unknown key ends with what was probably meant. */
START_TEST(unknown_keys)
{
    const struct {
        const char *key, *hint;
    } cases[] = {
        {"sweep.n_components", "did you mean sweep.components?"},
        {"sweep.n_init", "did you mean sweep.restarts?"},
        {"em.random_state", "did you mean sweep.seed?"},
        {"em.reg_covar", "did you mean em.ridge?"},
        {"sweep.covariance_type", "did you mean sweep.covariance?"},
        {"sweep.init_params", "did you mean sweep.init?"},
        {"max_iter", "did you mean em.max_iter or kmeans.max_iter?"},
        {"sweep.tol", "did you mean em.tol or kmeans.tol?"},
        {"em.restarts", "did you mean sweep.restarts?"},
        {"path", "did you mean data.path or output.path?"},
        {"em.redarws", "did you mean em.redraws?"},
        {"sweep.sede", "did you mean sweep.seed?"},
        {"kmeans.mxa_iter", "did you mean kmeans.max_iter?"},
        {"run.thread", "did you mean run.threads?"},
        {"em.thread", "did you mean run.threads?"},
        {"swep", "did you mean sweep?"},
        {"restart", "did you mean sweep.restarts?"},
        {"emm.ridge", "did you mean em.ridge?"},
        {"run.frobnicate", "expected one of run.threads, *"},
        {"run", "expected one of run.threads, *"},
        {"frobnicate", "expected one of the sections data, *"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char override[64], message[256];
        snprintf(override, sizeof override, "%s=1", cases[i].key);
        snprintf(message, sizeof message, "--set '%s':1: %s: unknown key, %s", override,
                 cases[i].key, cases[i].hint);
        check_refused(LEAST, override, message);
    }
    check_refused(LEAST "em.tol: 3\nsweeep: {a: {b: [c]}}\n", NULL,
                  "c.yaml:5:1: em.tol: unknown key, expected tol inside em\n"
                  "c.yaml:6:1: sweeep: unknown key, did you mean sweep?");
}
END_TEST

/* Keys and sections stand once; the message says where they stood first. */
START_TEST(given_twice)
{
    check_refused(LEAST "em: {tol: 1}\nem: {ridge: 1,\n     tol: 2}\n", NULL,
                  "c.yaml:6:1: em: given twice, first at line 5; expected once\n"
                  "c.yaml:7:6: em.tol: given twice, first at line 5; expected once");
    check_refused(LEAST "  components: 5\n", NULL,
                  "c.yaml:5:3: sweep.components: given twice, first at line 4; expected once");
}
END_TEST

/* YAML beyond mappings, lists and plain scalars is refused, and so is one where another is due. */
START_TEST(yaml_restrictions)
{
    const struct {
        const char *text, *message;
    } cases[] = {
        {"em: &a {tol: 1}\n", "5:5: em: an anchor (a), expected the plain value"},
        {"em: {tol: &a 1}\n", "5:11: em.tol: an anchor (a), expected the plain value"},
        {"em: {tol: !!float 1}\n",
         "5:11: em.tol: a tag (tag:yaml.org,2002:float), expected the plain value"},
        {"em: {tol: ! 1}\n", "5:11: em.tol: a tag (!), expected the plain value"},
        {"em: {!!str tol: 1}\n",
         "5:6: YAML: a tag (tag:yaml.org,2002:str), expected the plain value"},
        {"em: {tol: [1]}\n", "5:11: em.tol: a list, expected a number of at least 0"},
        {"em: {tol: {a: 1}}\n", "5:11: em.tol: a mapping, expected a number of at least 0"},
        {"em: [tol]\n", "5:5: em: a list, expected a mapping with keys such as max_iter"},
        {"em: {[tol]: 1}\n", "5:6: YAML: a key that is no scalar, expected a word"},
        {"em: {\"tol\\0\": 1}\n", "5:6: tol: a key with a 0 byte, expected a word"},
        {"  init: [points, [points]]\n",
         "5:18: sweep.init: a list inside a list, expected one or more of *"},
        {"  init: [points, *a]\n", "5:18: sweep.init: an alias (a), expected the plain value"},
        {"---\nem: {tol: 1}\n", "5:1: YAML: a second document, expected one"},
        {"em: {tol: 1\n", "6:1: YAML: did not find expected ',' or '}' while parsing a flow "
                          "mapping, expected valid YAML"},
        {"em:\n\ttol: 1\n", "6:1: YAML: found character that cannot start any token while "
                            "scanning for the next token, expected valid YAML"},
        {"# \xc3\xa9 \xc3(\n", "5:6: YAML: invalid trailing UTF-8 octet, expected valid YAML"},
        {"# \x01\n", "5:3: YAML: control characters are not allowed, expected valid YAML"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512], message[512];
        snprintf(text, sizeof text, LEAST "%s", cases[i].text);
        snprintf(message, sizeof message, "c.yaml:%s", cases[i].message);
        check_refused(text, NULL, message);
    }
}
END_TEST

/* A root that is no mapping of sections has no keys either; a mark of byte order is no column. */
START_TEST(roots)
{
    const char missing[] =
        "c.yaml: data.path: missing, expected a path, or data.synthetic instead\n"
        "c.yaml: sweep.components: missing, expected whole numbers, or ranges "
        "such as 2..10 or 10..50:10, from 1 to 1000000\n"
        "c.yaml: output.path: missing, expected a path";
    const struct {
        const char *text, *message;
    } cases[] = {
        {"", ""},
        {"# nothing\n", ""},
        {"~", ""},
        {"--- {}\n", ""},
        {"data: {path: ~}\n", ""},
        {"3", "c.yaml:1:1: YAML: a scalar, expected a mapping of sections\n"},
        {"[data]", "c.yaml:1:1: YAML: a list, expected a mapping of sections\n"},
        {"&a {}", "c.yaml:1:1: YAML: an anchor (a), expected the plain value\n"},
        {"\xef\xbb\xbf"
         "em: 3",
         "c.yaml:1:5: em: a scalar, expected a mapping with keys such as "
         "max_iter\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char message[1024];
        snprintf(message, sizeof message, "%s%s", cases[i].message, missing);
        check_refused(cases[i].text, NULL, message);
    }
}
END_TEST

/* An override replaces the file's value; of two, the last holds; ~ is the default again. */
START_TEST(overrides_replace)
{
    const char *const given[] = {"sweep.components=[2..3, 9]", "em.tol=1", "em.tol=2.5",
                                 "em.redraws=~", "em.ridge="};
    struct config *config;
    struct err err = {0};
    const int64_t components[] = {2, 3, 9};
    put("c.yaml", LEAST "em: {redraws: 7, ridge: 3}\n");
    ck_assert_int_eq(config_read("c.yaml", 5, given, &config, &err), OK);
    ck_assert_uint_eq(config->sweep_components.n, 3);
    ck_assert_mem_eq(config->sweep_components.v, components, sizeof components);
    ck_assert(config->em_tol == 2.5 && config->em_ridge == 0);
    ck_assert_int_eq(config->em_redraws, 5);
    ck_assert_str_eq(config->overrides, "sweep.components=[2..3, 9]\nem.tol=1\nem.tol=2.5\n"
                                        "em.redraws=~\nem.ridge=");
    config_destroy(&config);
}
END_TEST

/* What an override may get wrong: its own syntax, its value, or to hide a wrong one of the file. */
START_TEST(overrides_refused)
{
    const char *const no_pairs[] = {"em.tol", "em.tol=1\nem.tol=2", "em.tol=1", "\x1b[31m"};
    struct config *config;
    struct err err = {0};
    put("c.yaml", LEAST);
    ck_assert_int_eq(config_read("c.yaml", 4, no_pairs, &config, &err), ERR_USAGE);
    ck_assert_ptr_null(config);
    ck_assert_str_eq(err.text,
                     "--set 'em.tol': no =, expected KEY=VALUE\n"
                     "--set 'em.tol=1\\x0aem.tol=2': more than one line, expected KEY=VALUE\n"
                     "--set '\\x1b[31m': no =, expected KEY=VALUE");
    check_refused(LEAST, "em.tol= abc",
                  "--set 'em.tol= abc':9: em.tol: not a number (abc), expected a number of at "
                  "least 0");
    check_refused(LEAST, "sweep.init=[points, x]",
                  "--set 'sweep.init=[points, x]':21: sweep.init: unknown (x), expected one or "
                  "more of *");
    check_refused(LEAST, "data.columns=[[a], b, \"c\\0\"]",
                  "--set 'data.columns=[[a], b, \"c\\0\"]':15: data.columns: a list inside a list, "
                  "expected texts\n"
                  "--set 'data.columns=[[a], b, \"c\\0\"]':23: data.columns: a 0 byte in it (c), "
                  "expected texts");
    check_refused(LEAST, "sweep.init=[points",
                  "--set 'sweep.init=[points':19: YAML: did not find expected ',' or ']' while "
                  "parsing a flow sequence, expected valid YAML");
    check_refused(LEAST "em: {tol: x}\n", "em.tol=1",
                  "c.yaml:5:11: em.tol: not a number (x), expected a number of at least 0");
    check_refused("data: {path: x}\nsweep: {components: 3}\n", "output.path=[a",
                  "--set 'output.path=[a':13: output.path: a list, expected a path\n"
                  "--set 'output.path=[a':15: YAML: did not find expected ',' or ']' while parsing "
                  "a flow sequence, expected valid YAML");
}
END_TEST

/* floor and floor_absolute exclude each other; the absolute one alone switches the other off. */
START_TEST(floors)
{
    struct config *config = read_good(LEAST "em: {floor_absolute: 0.5}\n", NULL);
    ck_assert(config->em_floor == 0 && config->em_floor_absolute == 0.5);
    check_round_trip(config);
    config_destroy(&config);
    config = read_good(LEAST "em: {floor_absolute: 0.0}\n", NULL);
    ck_assert(config->em_floor == 1e-6 && config->em_floor_absolute == 0);
    config_destroy(&config);
    config = read_good(LEAST "em: {floor_absolute: 2, floor: 0}\n", NULL);
    ck_assert(config->em_floor == 0 && config->em_floor_absolute == 2);
    config_destroy(&config);
    config = read_good(LEAST "em: {floor_absolute: 2, floor: 1e-3}\n", "em.floor=~");
    ck_assert(config->em_floor == 0 && config->em_floor_absolute == 2);
    config_destroy(&config);
    check_refused(LEAST "em:\n  floor_absolute: 2\n  floor: 1.0e-06\n", NULL,
                  "c.yaml:6:19: em.floor_absolute: given beside em.floor (2 and 1e-06), expected "
                  "one of them to be 0");
    check_refused(LEAST "em: {floor: 0.1}\n", "em.floor_absolute=2",
                  "--set 'em.floor_absolute=2':19: em.floor_absolute: given beside em.floor (2 and "
                  "0.1), expected one of them to be 0");
}
END_TEST

/* Rows come from a file or from a whole data.synthetic. */
START_TEST(synthetic_or_path)
{
    const char whole[] = "output: {path: out}\nsweep: {components: 1}\n"
                         "data:\n  synthetic: {samples: 9, means: [[1]], deviations: [[1]]}\n";
    struct config *config = read_good(whole, NULL);
    ck_assert_int_eq(config->data_synthetic_samples, 9);
    config_destroy(&config);
    config = read_good(whole, "data.synthetic.samples=5");
    ck_assert_int_eq(config->data_synthetic_samples, 5);
    config_destroy(&config);
    const char *const cases[][2] = {
        {"data.path=x", "11: data.path: given beside data.synthetic, expected one of them"},
        {"data.labels=x", "13: data.labels: given beside data.synthetic, whose labels are the true "
                          "components, expected one of them"},
        {"data.synthetic.covariances=[[[1]]]", "data.synthetic.deviations: given beside "
                                               "data.synthetic.covariances, expected one of them"},
        {"data.synthetic.deviations=~", "data.synthetic.deviations: missing, expected nested "
                                        "lists, each of one length, of numbers"},
        {"data.synthetic.means=~", "data.synthetic.means: missing, expected nested lists"},
        {"data.synthetic.samples=~", "data.synthetic.samples: missing, expected a whole number"},
        {"data.synthetic.sample=5", "unknown key, did you mean data.synthetic.samples?"},
        {"data.synthetic=5", "data.synthetic: unknown key, expected one of data.path"},
        {"synthetic.samples=5", "synthetic.samples: unknown key, expected one of the sections"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err;
        ck_assert_msg(read_yaml(whole, cases[i][0], &config, &err) == ERR_CONFIG, "accepted: %s",
                      cases[i][0]);
        ck_assert_msg(strstr(err.text, cases[i][1]) != NULL, "%s\nlacks %s", err.text, cases[i][1]);
    }
    check_refused("output: {path: out}\nsweep: {components: 1}\ndata:\n  synthetic: {seed: 1}\n",
                  NULL, "c.yaml: data.path: missing, expected a path, or data.synthetic instead");
    check_refused("output: {path: out}\nsweep: {components: 1}\ndata:\n  path: x\n"
                  "  synthetic: 5\n",
                  NULL,
                  "c.yaml:5:14: data.synthetic: a scalar, expected a mapping with keys such as "
                  "samples");
    check_refused("output: {path: out}\nsweep: {components: 1}\ndata:\n"
                  "  synthetic: {samples: 9, means: [[1]], deviations: [[1]]}\n"
                  "  synthetic: {seed: 2}\n",
                  NULL, "c.yaml:5:3: data.synthetic: given twice, first at line 4; expected once");
    check_refused(whole, "data.synthetic.samples=0",
                  "c.yaml: data.synthetic.samples: missing, expected a whole number*");
    check_refused(whole, "data.synthetic.samples=1e3",
                  "--set 'data.synthetic.samples=1e3':24: data.synthetic.samples: not a whole "
                  "number (1e3), expected a whole number from 0 to 1e+15");
}
END_TEST

/* What cannot be read as a config file at all: the path and the cause. */
START_TEST(bad_files)
{
    ck_assert_int_eq(mkfifo("fifo", 0600), 0);
    put("big.yaml", "");
    ck_assert_int_eq(truncate("big.yaml", (16 << 20) + 1), 0);
    const char *const cases[][2] = {
        {"none.yaml", "none.yaml: No such file or directory, expected a config file"},
        {"", ": No such file or directory, expected a config file"},
        {"else", "else: Is a directory, expected a config file"},
        {"fifo", "fifo: not a regular file, expected a config file"},
        {"big.yaml", "big.yaml: 16777217 bytes, expected a config file of at most 16777216"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config *config;
        struct err err = {0};
        ck_assert_int_eq(config_read(cases[i][0], 0, NULL, &config, &err), ERR_CONFIG);
        ck_assert_ptr_null(config);
        ck_assert_str_eq(err.text, cases[i][1]);
    }
}
END_TEST

/* Files made to exhaust a reader: refused, soon (Check's time limit), by the line said. */
START_TEST(hostile_files)
{
    enum { SIZE = 15 << 20 };
    const struct {
        const char *begin, *repeat, *message;
    } cases[] = {
        {"", "[", "YAML: nested too deeply"},
        {"", "{a: ", "YAML: nested too deeply"},
        {"", "- ", "YAML: nested too deeply"},
        {"", "? ", "YAML: nested too deeply"},
        {"sweep: {components: 3, init: ", "[", "sweep.init: a list inside a list"},
        {"data:\n  columns: [", "a,", "list too long, expected at most 100000 items"},
        {"sweep:\n  components: ", "1", "too large a number (111"},
        {"data: {path: ", "a/", "path too long"},
        {"data:\n", "  zz:\n", "... and more"},
        {"", "---\n", "a second document"},
        {"em:\n", "  tol: 1\n", "given twice, first at line 2"},
        {"x: &a [1]\ny: [", "*a,", "y: unknown key"},
        {"# ", "x", "data.path: missing"},
    };
    char *text = malloc(SIZE + 64);
    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config *config;
        struct err err = {0};
        char *end = stpcpy(text, cases[i].begin);
        while (end < text + SIZE)
            end = stpcpy(end, cases[i].repeat);
        put_bytes("c.yaml", text, (size_t)(end - text));
        ck_assert_int_eq(config_read("c.yaml", 0, NULL, &config, &err), ERR_CONFIG);
        ck_assert_msg(strstr(err.text, cases[i].message) != NULL, "%s", err.text);
    }
    free(text);
}
END_TEST

/* More mistakes than the message holds: whole lines, and a last one that says so. */
START_TEST(many_mistakes)
{
    char text[20000] = "em:\n";
    struct config *config;
    struct err err;
    for (size_t i = 0; i < 500; i++)
        strcat(text, "  tool: 1\n");
    ck_assert_int_eq(read_yaml(text, NULL, &config, &err), ERR_CONFIG);
    const char more[] = "did you mean em.tol?\n... and more";
    ck_assert_str_eq(err.text + strlen(err.text) - strlen(more), more);
}
END_TEST

/* Mutated and cut configs: refused with a message, or accepted and then as good as any other. */
START_TEST(mutated)
{
    const char seed[] = "data:\n  path: \"x.csv\"\n  columns: [a, 2, \"3\"]\n  labels: Species\n"
                        "sweep: {components: [2..4, 10..30:10], init: kmeans++}\n"
                        "em:\n  tol: 1e-9 # why\n  floor_absolute: .5\n"
                        "run: {memory: 1.5G}\noutput: {path: ../out}\n";
    const char alphabet[] = "[]{}:,-\n \"'&*!|>#%@`~?0a.\\\t\x01\xff\xc3";
    uint64_t rng = test_seed();
    int n_good = 0;
    for (int i = 0; i < 2000; i++) {
        char text[sizeof seed];
        size_t n = sizeof seed - 1;
        memcpy(text, seed, sizeof seed);
        if (i % 4 == 0) n = test_below(&rng, n);
        for (size_t left = 1 + test_below(&rng, 3); left > 0; left--)
            text[test_below(&rng, sizeof seed)] = alphabet[test_below(&rng, sizeof alphabet)];
        struct config *config;
        struct err err = {0};
        put_bytes("c.yaml", text, n);
        enum status status = config_read("c.yaml", 0, NULL, &config, &err);
        if (status == OK) {
            n_good++;
            check_round_trip(config);
            config_destroy(&config);
        } else {
            ck_assert_int_eq(status, ERR_CONFIG);
            ck_assert_msg(strncmp(err.text, "c.yaml:", 7) == 0, "%s", err.text);
        }
    }
    ck_assert_int_gt(n_good, 50); /* else the mutants test the parser alone */
}
END_TEST

static Suite *config_suite(void)
{
    const TTest *const tests[] = {
        five_mistakes,     unknown_keys,      given_twice, yaml_restrictions, roots,
        overrides_replace, overrides_refused, floors,      synthetic_or_path, bad_files,
        hostile_files,     many_mistakes,     mutated};
    return config_tests("config", tests, sizeof tests / sizeof tests[0]);
}

CHECK_MAIN(config_suite)
