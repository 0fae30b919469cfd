/* report.c - `gmmsweep report`: one page with pictures and tables of a sweep. */
#include "report.h"

#include "array_file.h"
#include "commands.h"
#include "disk.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* out [DISK_PATH]: report.html beside sweep.h5. */
static enum status default_path(const char *target, char *out, struct err *err)
{
    enum status rc = OK;
    char folder[DISK_PATH];
    struct stat about;
    if (stat(target, &about) == 0 && S_ISDIR(about.st_mode))
        return disk_join(target, "report.html", out, err);
    if (strlen(target) >= sizeof folder) FAIL(err, ERR_OUTPUT, "%s: the path is too long", target);
    strcpy(folder, target);
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        strcpy(folder, ".");
    else
        slash[slash == folder] = '\0';
    TRY(disk_join(folder, "report.html", out, err));
done:
    return rc;
}

static enum status write_page(const struct report *report, const char *path, struct err *err)
{
    enum status rc = OK;
    char temporary[DISK_PATH];
    FILE *file = NULL;
    TRY(disk_temporary(path, temporary, err));
    TRY(disk_open(temporary, 0666, &file, err));
    TRY(report_write(report, file, err));
    TRY(disk_close(&file, temporary, err));
    TRY(disk_replace(temporary, path, err));
done:
    if (file != NULL) {
        fclose(file);
        unlink(temporary);
    }
    return rc;
}

enum status command_report(const struct cli *cli, struct err *err)
{
    enum status rc = OK;
    struct report *report = NULL;
    char path[DISK_PATH];
    if (cli->out_file != NULL) {
        TRY(array_file_check(cli->out_file, ".html", 1, &cli->target, err));
        if (strlen(cli->out_file) >= sizeof path)
            FAIL(err, ERR_USAGE, "--out: the path is too long");
        strcpy(path, cli->out_file);
    } else {
        TRY(default_path(cli->target, path, err));
    }
    TRY(report_read(cli->target, &report, err));
    TRY(write_page(report, path, err));
    if (!cli->quiet) printf("%s\n", path);
done:
    report_destroy(&report);
    return rc;
}
