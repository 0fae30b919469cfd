#include "sweep_config.h"

#include <stdlib.h>

enum status sweep_config_read(const struct sweep_file *file, struct config **out, struct err *err)
{
    return sweep_config_read_changed(file, 0, NULL, out, err);
}

enum status sweep_config_read_changed(const struct sweep_file *file, size_t n,
                                      const char *const *changes, struct config **out,
                                      struct err *err)
{
    enum status rc = OK;
    char *resolved = NULL;
    struct err why = {OK, ""};
    *out = NULL;
    TRY(sweep_file_read_config(file, "resolved", &resolved, err));
    rc = config_read_resolved(resolved, file->path, "", "", n, changes, out, &why);
    if (rc == ERR_CONFIG) /* that of a result is data */
        FAIL(err, ERR_DATA, "%s: /config/resolved is none that a run has written:\n%s", file->path,
             why.text);
    if (rc != OK) FAIL(err, rc, "%s", why.text);
done:
    free(resolved);
    return rc;
}
