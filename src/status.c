/* status.c - `gmmsweep status`: what is finished, what is missing, how long it will take. */
#include "commands.h"
#include "inspect.h"
#include "progress.h"
#include "table.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* Seconds that the latest session has worked, by the clock of the log's file: from its first
 * record to its last. 0 without a log. */
static double latest_session_s(const struct shards *shards)
{
    struct stat about;
    struct tm parts = {0};
    if (shards == NULL || shards->n_sessions == 0 || stat(shards->log_path, &about) != 0) return 0;
    const char *started = shards->sessions[shards->n_sessions - 1].started;
    if (strptime(started, "%Y-%m-%dT%H:%M:%SZ", &parts) == NULL) return 0;
    double worked = difftime(about.st_mtime, timegm(&parts));
    return worked > 0.0 ? worked : 0.0;
}

enum status command_status(const struct cli *cli, struct err *err)
{
    enum status rc = OK;
    struct inspection inspection = {0};
    struct table *table = NULL;
    static const char *const names[] = {"finished",   "missing", "converged", "max_iter",
                                        "degenerate", "flagged", "sessions",  "latest_session_s"};
    int64_t ended[3] = {0}, flagged = 0;
    TRY(inspect(cli->target, &inspection, err));
    for (size_t i = 0; i < inspection.n_fits; i++) {
        flagged += inspection.fits[i].flagged;
        for (size_t o = 0; o < 3; o++)
            ended[o] += strcmp(inspection.fits[i].status, outcome_names[o]) == 0;
    }
    size_t n_missing =
        inspection.n_planned > inspection.n_fits ? inspection.n_planned - inspection.n_fits : 0;
    TRY(table_create(sizeof names / sizeof names[0], names, &table, err));
    table_int(table, (int64_t)inspection.n_fits);
    table_int(table, (int64_t)n_missing);
    for (size_t o = 0; o < 3; o++)
        table_int(table, ended[o]);
    table_int(table, flagged);
    table_int(table, inspection.shards != NULL ? (int64_t)inspection.shards->n_sessions : 0);
    table_real(table, latest_session_s(inspection.shards), 0);
    TRY(table_print(table, cli->json ? TABLE_JSON : TABLE_TEXT, stdout, err));
done:
    table_destroy(&table);
    inspection_free(&inspection);
    return rc;
}
