#include "config_parts.h"
#include "utf8.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_utf8(const char *text)
{
    uint32_t code;
    while (*text != '\0') {
        size_t n = utf8_read(text, &code);
        if (n == 0) return false;
        text += n;
    }
    return true;
}

/* Adds the parts of `rest` to `path`, an absolute path without `.` and `..`. There is room. */
static void append_parts(char *path, const char *rest)
{
    size_t length = strcmp(path, "/") == 0 ? 0 : strlen(path);
    while (*rest != '\0') {
        size_t n = strcspn(rest, "/");
        if (n == 2 && strncmp(rest, "..", 2) == 0) {
            while (length > 0 && path[--length] != '/')
                ;
        } else if (n > 0 && !(n == 1 && rest[0] == '.')) {
            path[length++] = '/';
            memcpy(path + length, rest, n);
            length += n;
        }
        rest += n;
        rest += strspn(rest, "/");
    }
    if (length == 0) path[length++] = '/';
    path[length] = '\0';
}

enum status config_path_resolve(const char *base, const char *path, char **out, struct err *err)
{
    enum status rc = OK;
    char joined[PATH_MAX];
    char head[PATH_MAX];
    char *result = NULL;
    int n = snprintf(joined, sizeof joined, "%s/%s", path[0] == '/' ? "" : base, path);
    if (n < 0 || (size_t)n >= sizeof joined)
        FAIL(err, ERR_CONFIG, "path too long (%s), expected less than %d bytes", shown(path).text,
             PATH_MAX);
    if (!is_utf8(joined))
        FAIL(err, ERR_CONFIG, "path is not UTF-8 (%s), expected a folder and file that are",
             shown(joined).text);

    /* What realpath() fills and what is appended are at most PATH_MAX bytes each. */
    TRY(err_alloc(2 * PATH_MAX, 1, "path", &result, err));
    size_t cut = (size_t)n; /* joined[0..cut) is the longest head that exists; "/" always does */
    memcpy(head, joined, cut + 1);
    while (realpath(head, result) == NULL && cut > 1) {
        while (cut > 1 && head[cut - 1] != '/')
            cut--;
        while (cut > 1 && head[cut - 1] == '/')
            cut--;
        head[cut] = '\0';
    }
    if (cut == 1) memcpy(result, "/", 2);
    append_parts(result, joined + cut);
    *out = result;
    result = NULL;

done:
    free(result);
    return rc;
}
