/* check_config_text.c - the resolved config and `gmmsweep params`. */
#include "check_config.h"

#include <regex.h>
#include <yaml.h>

/* Whether the resolved text has this line. */
static void check_has_line(const struct config *config, const char *line)
{
    char *text = resolve(config);
    size_t n = strlen(line);
    const char *at = strstr(text, line);
    ck_assert_msg(at != NULL && at > text && at[-1] == '\n' && at[n] == '\n',
                  "no line \"%s\" in %s", line, text);
    free(text);
}

/* A name stays one in the resolved config unless it has a / or a file of that name exists. */
START_TEST(name_or_path)
{
    char path[PATH_MAX + 16], line[PATH_MAX + 64];
    struct config *config = read_good(LEAST, "data.labels=Species");
    snprintf(path, sizeof path, "%s/Species", folder);
    ck_assert_str_eq(config->data_labels.name, "Species");
    ck_assert_str_eq(config->data_labels.path, path);
    ck_assert_ptr_null(config->data_weights.name);
    check_has_line(config, "  labels: Species");
    check_has_line(config, "  weights: ~");
    put("Species", "");
    snprintf(line, sizeof line, "  labels: %s", path);
    check_has_line(config, line);
    config_destroy(&config);

    config = read_good(LEAST, "data.labels=2");
    check_has_line(config, "  labels: \"2\"");
    check_round_trip(config);
    config_destroy(&config);
    config = read_good(LEAST, "data.labels=else/../l");
    snprintf(line, sizeof line, "  labels: %s/l", folder);
    check_has_line(config, line);
    config_destroy(&config);
}
END_TEST

/* The resolved config means the same from anywhere, whatever is in its texts. */
START_TEST(round_trip)
{
    struct config *config = read_good(
        "data:\n"
        "  path: 'it''s: #a \"file\"'\n"
        "  columns: [a, \"a\", 2, \"2\", 02, 1.5, -3, yes, No, \"null\", 1_000, 0x1F, 1:30, a b,\n"
        "    \"tab\\t\\x01\\x7f\\e\", \"\\N\\_\\L\\P\\uFEFF\\uFFFE\", \"\\u00e9\\U0001F600\",\n"
        "    'a: b', '#', '- x', \"line\\nline\", \"\", '~', .5, '.', =, <<, e5, y, \"\\\\\"]\n"
        "  classes: 3\n"
        "  resize: [20, 3]\n"
        "  labels: Gr\xc3\xb6\xc3\x9f"
        "e\n"
        "sweep: {components: [1, 5..9:2], init: points, seed: 9007199254740991}\n"
        "em: {tol: 1e22, ridge: 0.1, floor: 0.30000000000000004}\n"
        "kmeans: {tol: 2.2250738585072014e-308}\n"
        "run: {memory: 1.5K}\n"
        "output: {path: yes}\n",
        "em.max_iter=3");
    check_has_line(config,
                   "  columns: [a, a, 2, \"2\", \"02\", 1.5, -3, \"yes\", \"No\", \"null\", "
                   "\"1_000\", \"0x1F\", \"1:30\", \"a b\", "
                   "\"tab\\u0009\\u0001\\u007f\\u001b\", "
                   "\"\\u0085\\u00a0\\u2028\\u2029\\ufeff\\ufffe\", "
                   "\"\xc3\xa9\xf0\x9f\x98\x80\", \"a: b\", \"#\", \"- x\", "
                   "\"line\\u000aline\", \"\", \"~\", .5, \".\", \"=\", \"<<\", e5, \"y\", "
                   "\"\\\\\"]");
    check_has_line(config, "  classes: [3]");
    check_has_line(config, "  resize: [20, 3]");
    check_has_line(config, "  components: [1, 5, 7, 9]");
    check_has_line(config, "  tol: 1.0e+22");
    check_has_line(config, "  floor: 0.30000000000000004");
    check_has_line(config, "  ridge: 0.1");
    check_has_line(config, "  tol: 2.2250738585072014e-308");
    check_has_line(config, "  memory: 1536");
    check_has_line(config, "  max_iter: 3");
    check_round_trip(config);
    config_destroy(&config);
    config = read_good(LEAST, NULL);
    check_round_trip(config);
    config_destroy(&config);
}
END_TEST

/* Random floats come back with the same bits, and PyYAML's pattern sees floats. */
START_TEST(floats_resolve)
{
    uint64_t rng = test_seed();
    regex_t pyyaml; /* the first alternative of yaml/resolver.py; the others have no digit first */
    const char *pattern = "\n  ridge: [0-9][0-9_]*\\.[0-9_]*([eE][-+][0-9]+)?\n";
    ck_assert_int_eq(regcomp(&pyyaml, pattern, REG_EXTENDED | REG_NOSUB), 0);
    for (int i = 0; i < 300; i++) {
        double value = exp((test_uniform(&rng) - 0.5) * 1300);
        if (i % 3 == 0) value = floor(test_uniform(&rng) * 1e6) * 10;
        char override[64];
        snprintf(override, sizeof override, "em.ridge=%.17g", value);
        struct config *config = read_good(LEAST, override);
        ck_assert_msg(config->em_ridge == value, "%s became %.17g", override, config->em_ridge);
        char *text = resolve(config);
        ck_assert_msg(regexec(&pyyaml, text, 0, NULL, 0) == 0, "%s", text);
        free(text);
        check_round_trip(config);
        config_destroy(&config);
    }
    regfree(&pyyaml);
}
END_TEST

/* `gmmsweep params` as text: one line per key of the resolved config, columns aligned. */
START_TEST(params_table)
{
    char *text = NULL, *line = NULL;
    size_t size = 0, room = 0;
    FILE *out = open_memstream(&text, &size);
    config_print_params(out, false);
    fclose(out);
    char *floor = strstr(text, "\nem.floor "), default_text[16], lowest[8], to[8], highest[8];
    ck_assert_ptr_nonnull(floor);
    ck_assert_int_eq(
        sscanf(floor, " em.floor float %15s %7s %7s %7s", default_text, lowest, to, highest), 4);
    ck_assert_str_eq(default_text, "1.0e-06");
    ck_assert(strcmp(lowest, "0") == 0 && strcmp(to, "..") == 0 && strcmp(highest, "1") == 0);
    ck_assert_ptr_nonnull(strstr(text, "any: exit 6 if a fit is degenerate (one of: none, any)\n"));

    FILE *in = fmemopen(text, size, "r");
    ck_assert_int_gt(getline(&line, &room, in), 0);
    ck_assert_int_eq(strncmp(line, "key ", 4), 0);
    const char *const heads[] = {"type", "default", "range", "unit", "meaning"};
    size_t starts[5];
    for (size_t i = 0; i < 5; i++)
        starts[i] = (size_t)(strstr(line, heads[i]) - line);
    int n_lines = 0;
    for (; getline(&line, &room, in) > 0; n_lines++)
        for (size_t i = 0; i < 5; i++)
            ck_assert_msg(line[starts[i]] != ' ' && line[starts[i] - 1] == ' ', "%s", line);
    fclose(in);
    free(line);
    free(text);

    struct config *config = read_good(LEAST, NULL);
    text = resolve(config);
    for (const char *c = text; *c != '\0'; c++) /* a section's own line ends with a colon */
        n_lines -= c[0] == '\n' && c[-1] != ':';
    ck_assert_int_eq(n_lines, 0);
    free(text);
    config_destroy(&config);
}
END_TEST

/* The text of an object's member. */
static const char *member(yaml_document_t *document, const yaml_node_t *object, const char *name)
{
    yaml_node_pair_t *pair = object->data.mapping.pairs.start;
    for (; pair < object->data.mapping.pairs.top; pair++) {
        yaml_node_t *key = yaml_document_get_node(document, pair->key);
        if (strcmp((const char *)key->data.scalar.value, name) == 0)
            return (const char *)yaml_document_get_node(document, pair->value)->data.scalar.value;
    }
    ck_abort_msg("no member %s", name);
}

/* `gmmsweep params` as JSON, read by a YAML reader (JSON is YAML): one object per key. */
START_TEST(params_json)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    config_print_params(out, true);
    fclose(out);
    yaml_parser_t parser;
    yaml_document_t document;
    ck_assert_int_eq(yaml_parser_initialize(&parser), 1);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    ck_assert_int_eq(yaml_parser_load(&parser, &document), 1);
    const yaml_node_t *root = yaml_document_get_root_node(&document);
    ck_assert_int_eq(root->type, YAML_SEQUENCE_NODE);
    size_t n_seen = 0;
    for (yaml_node_item_t *item = root->data.sequence.items.start;
         item < root->data.sequence.items.top; item++) {
        const yaml_node_t *object = yaml_document_get_node(&document, *item);
        ck_assert_int_gt((int)strlen(member(&document, object, "meaning")), 0);
        if (strcmp(member(&document, object, "key"), "em.floor") != 0) continue;
        n_seen++;
        ck_assert_str_eq(member(&document, object, "type"), "float");
        ck_assert_str_eq(member(&document, object, "default"), "1.0e-06");
        ck_assert_str_eq(member(&document, object, "lowest"), "0");
        ck_assert_str_eq(member(&document, object, "highest"), "1");
        ck_assert_str_eq(member(&document, object, "choices"), "null");
        ck_assert_str_eq(member(&document, object, "unit"), "");
    }
    ck_assert_uint_eq(n_seen, 1);
    ck_assert_ptr_nonnull(strstr(text, "\"choices\": [\"free\", \"equal\"], \"default\": \"free\", "
                                       "\"lowest\": null"));
    ck_assert_ptr_nonnull(strstr(text, "\"key\": \"data.path\", \"type\": \"path\", \"choices\": "
                                       "null, \"default\": null"));
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
    free(text);
}
END_TEST

/* Nested numbers keep their shape, and a group its keys, through the resolved config. */
START_TEST(arrays)
{
    struct config *config =
        read_good("output: {path: out}\nsweep: {components: 3}\ndata:\n  synthetic:\n"
                  "    samples: 5\n    weights: 1\n    means: [[1, 2e3]]\n"
                  "    covariances: [[[1, -0.5],\n      [-0.5, 2]]]\n",
                  NULL);
    ck_assert_uint_eq(config->data_synthetic_weights.rank, 1);
    ck_assert_uint_eq(config->data_synthetic_covariances.rank, 3);
    ck_assert_uint_eq(config->data_synthetic_covariances.shape[2], 2);
    ck_assert(config->data_synthetic_covariances.v[3] == 2.0);
    check_has_line(config, "  synthetic:");
    check_has_line(config, "    samples: 5");
    check_has_line(config, "    weights: [1.0]");
    check_has_line(config, "    means: [[1.0, 2000.0]]");
    check_has_line(config, "    deviations: ~");
    check_has_line(config, "    covariances: [[[1.0, -0.5], [-0.5, 2.0]]]");
    check_round_trip(config);
    config_destroy(&config);
}
END_TEST

static Suite *config_text_suite(void)
{
    const TTest *const tests[] = {name_or_path, round_trip,  floats_resolve,
                                  params_table, params_json, arrays};
    return config_tests("config_text", tests, sizeof tests / sizeof tests[0]);
}

CHECK_MAIN(config_text_suite)
