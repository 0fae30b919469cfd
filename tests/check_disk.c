/* Folders, and files that are replaced whole or not at all. */
#include "disk.h"

#include "files.h"
#include "fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* Asserts that a file has this text. */
static void check_text(const char *path, const char *text)
{
    size_t n;
    char *found = (char *)file_read(path, &n);
    ck_assert_uint_eq(n, strlen(text));
    ck_assert(memcmp(found, text, n) == 0);
    free(found);
}

static bool exists(const char *path)
{
    struct stat about;
    return lstat(path, &about) == 0;
}

static bool is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/* Asserts that a call failed with a text that has both in it. */
static void check_failure(enum status rc, const struct err *failure, const char *path,
                          const char *cause)
{
    ck_assert_int_eq(rc, ERR_OUTPUT);
    ck_assert_int_eq(failure->status, ERR_OUTPUT);
    ck_assert_msg(strstr(failure->text, path) != NULL && strstr(failure->text, cause) != NULL,
                  "%s\nexpected %s and %s", failure->text, path, cause);
}

/* A path of up to DISK_PATH - 1 bytes is joined, a longer one refused. */
START_TEST(paths_are_joined)
{
    char out[DISK_PATH], folder[DISK_PATH + 8];
    struct err failure = {OK, ""};
    ck_ok(disk_join("a/b", "c", out, &err));
    ck_assert_str_eq(out, "a/b/c");
    for (int n = DISK_PATH - 4; n < DISK_PATH + 4; n++) {
        memset(folder, 'x', (size_t)n);
        folder[n] = '\0';
        const enum status rc = disk_join(folder, "y", out, &failure);
        if (n + 2 < DISK_PATH) {
            ck_assert_int_eq(rc, OK);
            ck_assert_uint_eq(strlen(out), (size_t)n + 2);
            ck_assert_str_eq(out + n, "/y");
        } else {
            check_failure(rc, &failure, "xxx", "too long");
        }
    }
}
END_TEST

/* Folders are made as far as they are missing; a file in the way, or one where the folder should
 * be, is an error, and so is a place where there can be none. */
START_TEST(folders_are_made)
{
    struct err failure = {OK, ""};
    char path[DISK_PATH];
    const char *const parts[] = {"a", "a/b/c/d", "a/b/e", "a/b/c/d", "f/"};
    for (size_t i = 0; i < 5; i++) {
        ck_ok(disk_join(files_folder, parts[i], path, &err));
        ck_ok(disk_make_folder(path, &err));
        ck_assert(is_folder(path));
    }
    file_text("file", "");
    ck_assert_int_eq(symlink("nowhere", file_path("link")), 0);
    const char *const bad[][2] = {{file_path("file/x/y"), "Not a directory"},
                                  {file_path("file"), "Not a directory"},
                                  {file_path("link"), "Not a directory"},
                                  {"/proc/none/x", "/proc/none"}};
    for (size_t i = 0; i < 4; i++)
        check_failure(disk_make_folder(bad[i][0], &failure), &failure, bad[i][0], bad[i][1]);
    ck_assert_int_eq(chdir(files_folder), 0);
    ck_ok(disk_make_folder("here/too", &err));
    ck_assert(is_folder(file_path("here/too")));
}
END_TEST

/* A file is written, and replaced whole by a shorter one, with the permissions asked for as far as
 * the umask allows, whatever the old file and a temporary one left behind have; links to the old
 * one keep it. */
START_TEST(files_are_replaced_whole)
{
    static const unsigned modes[][3] = {{0644, 022, 0644},
                                        {0755, 022, 0755},
                                        {0755, 027, 0750},
                                        {0644, 0, 0644},
                                        {0644, 077, 0600}};
    const char *path = file_path("out"), *temporary = file_path("out.tmp"), *old = file_path("old");
    for (size_t i = 0; i < 5; i++) {
        struct stat about;
        file_text("out", "an older and longer text");
        file_text("out.tmp", "left behind by a crash");
        ck_assert_int_eq(chmod(path, 0400) | chmod(temporary, 0777) | link(path, old), 0);
        umask(modes[i][1]);
        ck_ok(disk_write(temporary, path, "new\n", modes[i][0], &err));
        umask(022);
        check_text(path, "new\n");
        check_text(old, "an older and longer text");
        ck_assert_int_eq(stat(path, &about), 0);
        ck_assert_uint_eq(about.st_mode & 07777, modes[i][2]);
        ck_assert(!exists(temporary));
        ck_assert_int_eq(unlink(old) | unlink(path), 0);
    }
    ck_ok(disk_write(temporary, path, "first\n", 0644, &err)); /* where there is none */
    check_text(path, "first\n");
}
END_TEST

/* Where the temporary file cannot be made or takes no more, or cannot take the other's place, the
 * old file stands and no temporary one is left. */
START_TEST(failed_write_leaves_the_old_file)
{
    struct err failure = {OK, ""};
    const char *path = file_text("out", "old\n"), *temporary = file_path("out.tmp");
    const char *folder = file_path("folder"), *inner = file_path("folder/x");
    const char *none = file_path("none/tmp"), *absent = file_path("none/out");
    check_failure(disk_write(none, path, "new\n", 0644, &failure), &failure, none, "No such file");
    check_text(path, "old\n");
    check_failure(disk_write(temporary, absent, "new\n", 0644, &failure), &failure, absent,
                  "No such file");
    ck_assert(!exists(temporary));
    ck_ok(disk_make_folder(folder, &err));
    file_text("folder/x", "inside\n");
    check_failure(disk_write(temporary, folder, "new\n", 0644, &failure), &failure, folder,
                  "Is a directory");
    ck_assert(!exists(temporary));
    check_text(inner, "inside\n");

    char text[20000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct rlimit before, small;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){8192, before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    const enum status rc = disk_write(temporary, path, text, 0644, &failure);
    setrlimit(RLIMIT_FSIZE, &before);
    check_failure(rc, &failure, temporary, "File too large");
    check_text(path, "old\n");
    ck_assert(!exists(temporary));
}
END_TEST

/* A temporary file takes the place of another; one that is not there leaves it. */
START_TEST(replacing_takes_the_place)
{
    struct err failure = {OK, ""};
    const char *path = file_text("out", "old\n"), *temporary = file_text("tmp", "new\n");
    ck_ok(disk_replace(temporary, path, &err));
    check_text(path, "new\n");
    ck_assert(!exists(temporary));
    check_failure(disk_replace(temporary, path, &failure), &failure, temporary, "No such file");
    check_text(path, "new\n");
    ck_ok(disk_sync(path, &err));
    ck_ok(disk_sync_folder_of(path, &err));
    ck_ok(disk_sync_folder_of("name", &err));
    ck_ok(disk_sync_folder_of("/name", &err));
    check_failure(disk_sync(temporary, &failure), &failure, temporary, "No such file");
    const char *inner = file_path("none/x");
    check_failure(disk_sync_folder_of(inner, &failure), &failure, file_path("none"),
                  "No such file");
}
END_TEST

static Suite *disk_suite(void)
{
    Suite *suite = suite_create("disk");
    TCase *disk = tcase_create("disk");
    tcase_add_checked_fixture(disk, files_setup, files_teardown);
    tcase_add_test(disk, paths_are_joined);
    tcase_add_test(disk, folders_are_made);
    tcase_add_test(disk, files_are_replaced_whole);
    tcase_add_test(disk, failed_write_leaves_the_old_file);
    tcase_add_test(disk, replacing_takes_the_place);
    suite_add_tcase(suite, disk);
    return suite;
}

CHECK_MAIN(disk_suite)
