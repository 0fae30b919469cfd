/* The log and the bytes in it: what a crash at any byte leaves, and what no byte may do. */
#include "log.h"

#include "files.h"
#include "fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* --- pack --- */

static const double awkward[] = {
    0.0, -0.0, 1.0 / 3, -1e308, 5e-324, 0x1p-1022, INFINITY, -INFINITY, 1.7976931348623157e308};

static void pack_everything(struct pack *pack)
{
    pack_u64(pack, 0x0123456789abcdefu);
    pack_u64(pack, UINT64_MAX);
    pack_double(pack, NAN);
    pack_doubles(pack, awkward, sizeof awkward / sizeof *awkward);
    pack_text(pack, "");
    pack_text(pack, "gmmsweep \xc3\xa9\n");
    ck_assert(!pack->failed);
}

/* What was packed comes back to the bit. */
START_TEST(pack_round_trip)
{
    struct pack pack = {0};
    double values[sizeof awkward / sizeof *awkward];
    char text[32], shortest[1];
    pack_everything(&pack);
    struct unpack unpack = {.bytes = pack.bytes, .n = pack.n};
    ck_assert_uint_eq(unpack_u64(&unpack), 0x0123456789abcdefu);
    ck_assert_uint_eq(unpack_u64(&unpack), UINT64_MAX);
    ck_assert(isnan(unpack_double(&unpack)));
    unpack_doubles(&unpack, values, sizeof awkward / sizeof *awkward);
    ck_assert_mem_eq(values, awkward, sizeof awkward);
    unpack_text(&unpack, shortest, sizeof shortest);
    ck_assert_str_eq(shortest, "");
    unpack_text(&unpack, text, sizeof text);
    ck_assert_str_eq(text, "gmmsweep \xc3\xa9\n");
    ck_assert(!unpack.failed && unpack.at == unpack.n);
    free(pack.bytes);
}
END_TEST

/* The bytes are little-endian and texts have their length before them, so that any machine reads
 * another's log. */
START_TEST(pack_is_little_endian)
{
    const unsigned char expected[] = {0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01, 0,
                                      0,    0,    0,    0,    0,    0xf0, 0x3f, 2,    0,
                                      0,    0,    0,    0,    0,    0,    'h',  'i'};
    struct pack pack = {0};
    pack_u64(&pack, 0x0123456789abcdefu);
    pack_double(&pack, 1);
    pack_text(&pack, "hi");
    ck_assert_uint_eq(pack.n, sizeof expected);
    ck_assert_mem_eq(pack.bytes, expected, sizeof expected);
    free(pack.bytes);
}
END_TEST

/* Bytes that end early fail once and for all: what is missing reads as 0, "" and NULL, and nothing
 * behind the end is touched (the bytes are in a block of just their size, for the sanitizers). */
START_TEST(unpack_ends_early)
{
    struct pack pack = {0};
    pack_everything(&pack);
    for (size_t n = 0; n < pack.n; n++) {
        unsigned char *bytes = malloc(n + 1);
        memcpy(bytes, pack.bytes, n);
        bytes = realloc(bytes, n > 0 ? n : 1);
        struct unpack unpack = {.bytes = bytes, .n = n};
        double values[2 + sizeof awkward / sizeof *awkward];
        char text[32];
        unpack_u64(&unpack);
        unpack_u64(&unpack);
        unpack_doubles(&unpack, values, 1 + sizeof awkward / sizeof *awkward);
        unpack_text(&unpack, text, sizeof text);
        char *copy = unpack_text_copy(&unpack);
        ck_assert(unpack.failed && copy == NULL && unpack.at <= n);
        ck_assert(unpack_u64(&unpack) == 0 && unpack_double(&unpack) == 0);
        unpack_text(&unpack, text, sizeof text);
        ck_assert_str_eq(text, "");
        free(bytes);
    }
    free(pack.bytes);
}
END_TEST

/* A text that claims to be longer than its place, or than everything, fails and leaves "". */
START_TEST(unpack_refuses_long_texts)
{
    const uint64_t lengths[] = {4, 5, 9, 1u << 20, UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 63};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct pack pack = {0};
        char text[4];
        pack_u64(&pack, lengths[i]);
        pack_u64(&pack, 0x6868686868686868u);
        struct unpack unpack = {.bytes = pack.bytes, .n = pack.n};
        unpack_text(&unpack, text, sizeof text);
        ck_assert(unpack.failed);
        ck_assert_str_eq(text, "");
        unpack = (struct unpack){.bytes = pack.bytes, .n = pack.n};
        char *copy = unpack_text_copy(&unpack);
        ck_assert_int_eq(copy == NULL, lengths[i] > 8);
        ck_assert_int_eq(unpack.failed, lengths[i] > 8);
        free(copy);
        free(pack.bytes);
    }
}
END_TEST

/* --- the log --- */

enum { N_RECORDS = 5, HEADER = 16, CRC = 4 };

static const struct {
    enum log_type type;
    size_t n; /* bytes of payload */
} records[N_RECORDS] = {
    {LOG_IDENTITY, 40}, {LOG_SESSION, 1}, {LOG_FINISHED, 0}, {LOG_FINISHED, 77}, {LOG_SESSION, 8}};

/* Byte i of the payload of record r. */
static unsigned char byte_of(size_t r, size_t i)
{
    return (unsigned char)(r * 37 + i * 11);
}

static void append(struct log *log, size_t r)
{
    unsigned char bytes[128];
    struct pack payload = {.bytes = bytes, .n = records[r].n, .capacity = sizeof bytes};
    for (size_t i = 0; i < records[r].n; i++)
        bytes[i] = byte_of(r, i);
    ck_ok(log_append(log, records[r].type, &payload, &err));
}

/* A log with all records, and where each of them ends: end [N_RECORDS]. */
static const char *write_log(const char *name, size_t *end)
{
    const char *path = file_path(name);
    struct log *log = NULL;
    ck_ok(log_open(path, &log, &err));
    for (size_t r = 0, at = 0; r < N_RECORDS; r++) {
        append(log, r);
        end[r] = at += HEADER + records[r].n + CRC;
    }
    ck_ok(log_close(&log, &err));
    ck_assert_ptr_null(log);
    return path;
}

struct seen {
    size_t n;
    uint64_t offset[2 * N_RECORDS];
};

/* Counts records, which must be the known ones in order. */
static enum status see(void *context, enum log_type type, struct unpack *payload, uint64_t offset,
                       struct err *err)
{
    struct seen *seen = context;
    const size_t r = seen->n;
    (void)err;
    ck_assert_uint_lt(r, N_RECORDS);
    ck_assert_int_eq(type, records[r].type);
    ck_assert_uint_eq(payload->n, records[r].n);
    for (size_t i = 0; i < payload->n; i++)
        if (payload->bytes[i] != byte_of(r, i)) ck_abort_msg("byte %zu of record %zu", i, r);
    seen->offset[seen->n++] = offset;
    return OK;
}

static size_t count_records(const char *path)
{
    struct seen seen = {0};
    ck_ok(log_scan(path, see, &seen, &err));
    return seen.n;
}

static size_t size_of(const char *path)
{
    struct stat about;
    ck_assert_int_eq(stat(path, &about), 0);
    return (size_t)about.st_size;
}

/* The bytes of a file (release with free). */
static unsigned char *bytes_of(const char *path, size_t *n)
{
    *n = size_of(path);
    unsigned char *bytes = malloc(*n + 1);
    FILE *file = fopen(path, "rb");
    ck_assert(file != NULL && fread(bytes, 1, *n, file) == *n);
    fclose(file);
    return bytes;
}

/* What is appended is visited in order, with the place where it can be read again; a log that is
 * not there has no records. */
START_TEST(log_round_trip)
{
    size_t end[N_RECORDS];
    const char *path = write_log("log", end);
    struct seen seen = {0};
    ck_ok(log_scan(path, see, &seen, &err));
    ck_assert_uint_eq(seen.n, N_RECORDS);
    for (size_t r = 0; r < N_RECORDS; r++) {
        struct pack payload;
        ck_assert_uint_eq(seen.offset[r] + HEADER + records[r].n + CRC, end[r]);
        ck_ok(log_read(path, seen.offset[r], &payload, &err));
        ck_assert_uint_eq(payload.n, records[r].n);
        for (size_t i = 0; i < payload.n; i++)
            ck_assert_uint_eq(payload.bytes[i], byte_of(r, i));
        free(payload.bytes);
    }
    ck_assert_uint_eq(count_records(file_path("none")), 0);
}
END_TEST

/* A record is what log.h says, to the byte, so that other versions and programs can read it: magic,
 * type, length, payload, CRC-32 of all that. */
START_TEST(record_is_as_documented)
{
    unsigned char expected[HEADER + 77 + CRC] = {'G', 'M', 'M', 'S', 3, 0, 0, 0, 77};
    size_t end[N_RECORDS], n;
    unsigned char *bytes = bytes_of(write_log("log", end), &n);
    for (size_t i = 0; i < 77; i++)
        expected[HEADER + i] = byte_of(3, i);
    const unsigned long crc = crc32(0, expected, HEADER + 77);
    for (size_t i = 0; i < CRC; i++)
        expected[HEADER + 77 + i] = (unsigned char)(crc >> 8 * i);
    ck_assert_mem_eq(bytes + end[2], expected, sizeof expected);
    free(bytes);
}
END_TEST

/* A crash at any byte: every record that was whole is read, the rest is cut off when the log is
 * opened again, and what is then appended follows. */
START_TEST(torn_tail_is_cut)
{
    size_t end[N_RECORDS], n;
    unsigned char *bytes = bytes_of(write_log("log", end), &n);
    ck_assert_uint_eq(n, end[N_RECORDS - 1]);
    for (size_t cut = 0; cut <= n; cut++) {
        const char *path = file_write("torn", bytes, cut);
        size_t whole = 0, left;
        while (whole < N_RECORDS && end[whole] <= cut)
            whole++;
        ck_assert_uint_eq(count_records(path), whole);
        struct log *log = NULL;
        ck_ok(log_open(path, &log, &err));
        ck_assert_uint_eq(size_of(path), whole > 0 ? end[whole - 1] : 0);
        if (whole < N_RECORDS) append(log, whole);
        ck_ok(log_close(&log, &err));
        const size_t expected = whole < N_RECORDS ? whole + 1 : whole;
        ck_assert_uint_eq(count_records(path), expected);
        unsigned char *after = bytes_of(path, &left);
        ck_assert_uint_eq(left, expected > 0 ? end[expected - 1] : 0);
        ck_assert_mem_eq(after, bytes, left);
        free(after);
    }
    free(bytes);
}
END_TEST

/* A log with whole records behind a place that holds none is not cut but refused, as it was. */
static void check_refused(const char *path, const unsigned char *bytes, size_t n)
{
    struct err refusal = {OK, ""};
    struct seen seen = {0};
    struct log *log = NULL;
    size_t left;
    ck_assert_int_eq(log_scan(path, see, &seen, &refusal), ERR_DATA);
    ck_assert_ptr_nonnull(strstr(refusal.text, "damaged at byte"));
    ck_assert_int_eq(log_open(path, &log, &refusal), ERR_DATA);
    ck_assert_ptr_null(log);
    unsigned char *after = bytes_of(path, &left);
    ck_assert(left == n && memcmp(after, bytes, n) == 0);
    free(after);
}

/* One wrong byte: in the last record it is a torn tail, before that it is damage. Zeros where a
 * file system had allocated but not written are a torn tail. */
START_TEST(damage_is_told_from_a_torn_tail)
{
    size_t end[N_RECORDS], n;
    unsigned char *bytes = bytes_of(write_log("log", end), &n);
    for (size_t at = 0; at < n; at++) {
        size_t before = 0;
        while (end[before] <= at)
            before++;
        for (unsigned bit = 0; bit < 8; bit += 7) {
            bytes[at] ^= (unsigned char)(1u << bit);
            const char *path = file_write("bad", bytes, n);
            if (before + 1 < N_RECORDS)
                check_refused(path, bytes, n);
            else
                ck_assert_uint_eq(count_records(path), before);
            bytes[at] ^= (unsigned char)(1u << bit);
        }
    }
    unsigned char zeros[300] = {0};
    memcpy(zeros, bytes, end[1]);
    ck_assert_uint_eq(count_records(file_write("zeros", zeros, sizeof zeros)), 2);
    free(bytes);
}
END_TEST

/* A last record that claims more bytes than there are is torn, and no memory is asked for it. */
START_TEST(huge_lengths_are_torn)
{
    size_t end[N_RECORDS], n;
    unsigned char *bytes = bytes_of(write_log("log", end), &n);
    for (size_t i = 8; i < HEADER; i++)
        bytes[end[N_RECORDS - 2] + i] = 0xff;
    ck_assert_uint_eq(count_records(file_write("huge", bytes, n)), N_RECORDS - 1);
    free(bytes);
}
END_TEST

/* Reading again where no record is, or not the whole of one, is an error that names the place. */
START_TEST(log_read_refuses_other_places)
{
    size_t end[N_RECORDS], n;
    const char *path = write_log("log", end);
    unsigned char *bytes = bytes_of(path, &n);
    const char *torn = file_write("torn", bytes, end[3] - 1);
    const struct {
        const char *path;
        uint64_t offset;
    } places[] = {{path, 1},          {path, end[4]}, {path, end[4] + 1},
                  {path, UINT64_MAX}, {torn, end[2]}, {file_path("none"), 0}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct err err = {OK, ""};
        struct pack payload;
        ck_assert_int_eq(log_read(places[i].path, places[i].offset, &payload, &err), ERR_DATA);
        ck_assert_ptr_null(payload.bytes);
        ck_assert_ptr_nonnull(strstr(err.text, places[i].path));
    }
    free(bytes);
}
END_TEST

/* Where a log cannot be opened, the error names its path and nothing is left open. */
START_TEST(log_open_says_what_is_wrong)
{
    struct err refusal = {OK, ""};
    struct log *log = (struct log *)&refusal;
    const char *path = file_path("no-such-folder/log");
    ck_assert_int_eq(log_open(path, &log, &refusal), ERR_OUTPUT);
    ck_assert_ptr_null(log);
    ck_assert_ptr_nonnull(strstr(refusal.text, path));
    refusal = (struct err){OK, ""};
    ck_assert_int_eq(log_open(files_folder, &log, &refusal), ERR_OUTPUT);
    ck_assert_ptr_nonnull(strstr(refusal.text, files_folder));
    ck_assert_int_eq(log_scan(files_folder, NULL, NULL, &refusal), ERR_DATA);
    ck_ok(log_close(&log, &err)); /* accepts NULL */
}
END_TEST

static enum status refuse(void *context, enum log_type type, struct unpack *payload,
                          uint64_t offset, struct err *err)
{
    size_t *n = context;
    (void)type;
    (void)payload;
    (void)offset;
    return ++*n == 3 ? err_set(err, ERR_DATA, "third") : OK;
}

/* A visitor's failure ends the scan and is handed on. */
START_TEST(visitor_ends_the_scan)
{
    size_t end[N_RECORDS], n = 0;
    struct err err = {OK, ""};
    ck_assert_int_eq(log_scan(write_log("log", end), refuse, &n, &err), ERR_DATA);
    ck_assert_uint_eq(n, 3);
    ck_assert_str_eq(err.text, "third");
}
END_TEST

/* A disk that has no room in the middle of a record: the error names the log, what was appended
 * before is whole, and the log can be gone on with once there is room. */
START_TEST(full_disk_is_told)
{
    size_t end[N_RECORDS];
    const char *whole = write_log("whole", end), *path = file_path("log");
    ck_assert_uint_eq(count_records(whole), N_RECORDS);
    struct log *log = NULL;
    ck_ok(log_open(path, &log, &err));
    for (size_t r = 0; r < 3; r++)
        append(log, r);
    const struct rlimit room = {end[2] + HEADER + 5, RLIM_INFINITY};
    const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &room), 0);
    struct err refusal = {OK, ""};
    const struct pack payload = {.bytes = (unsigned char *)"0123456789", .n = 10};
    ck_assert_int_eq(log_append(log, LOG_SESSION, &payload, &refusal), ERR_OUTPUT);
    ck_assert_ptr_nonnull(strstr(refusal.text, path));
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
    ck_ok(log_close(&log, &err));
    ck_assert_uint_eq(count_records(path), 3);
    ck_ok(log_open(path, &log, &err));
    append(log, 3);
    ck_ok(log_close(&log, &err));
    ck_assert_uint_eq(count_records(path), 4);
}
END_TEST

/* A payload for which memory ran out is not written as if it were whole. */
START_TEST(failed_payload_is_refused)
{
    struct log *log = NULL;
    struct err refusal = {OK, ""};
    const char *path = file_path("log");
    const struct pack payload = {.failed = true};
    ck_ok(log_open(path, &log, &err));
    ck_assert_int_eq(log_append(log, LOG_SESSION, &payload, &refusal), ERR_INTERNAL);
    ck_ok(log_close(&log, &err));
    ck_assert_uint_eq(count_records(path), 0);
}
END_TEST

static Suite *log_suite(void)
{
    Suite *suite = suite_create("log");
    TCase *pack = tcase_create("pack"), *log = tcase_create("log");
    tcase_add_test(pack, pack_round_trip);
    tcase_add_test(pack, pack_is_little_endian);
    tcase_add_test(pack, unpack_ends_early);
    tcase_add_test(pack, unpack_refuses_long_texts);
    tcase_add_checked_fixture(log, files_setup, files_teardown);
    tcase_add_test(log, log_round_trip);
    tcase_add_test(log, record_is_as_documented);
    tcase_add_test(log, torn_tail_is_cut);
    tcase_add_test(log, damage_is_told_from_a_torn_tail);
    tcase_add_test(log, huge_lengths_are_torn);
    tcase_add_test(log, log_read_refuses_other_places);
    tcase_add_test(log, log_open_says_what_is_wrong);
    tcase_add_test(log, visitor_ends_the_scan);
    tcase_add_test(log, full_disk_is_told);
    tcase_add_test(log, failed_payload_is_refused);
    suite_add_tcase(suite, pack);
    suite_add_tcase(suite, log);
    return suite;
}

CHECK_MAIN(log_suite)
