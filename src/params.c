/* params.c - `gmmsweep params`: the table of config keys. */
#include "commands.h"
#include "config.h"

enum status command_params(const struct cli *cli, struct err *err)
{
    (void)err;
    config_print_params(stdout, cli->json);
    return OK;
}
