/* commands.h - the commands of the program: src/run.c, plan_command.c, params.c, status.c, show.c.
 */
#ifndef GMMSWEEP_COMMANDS_H
#define GMMSWEEP_COMMANDS_H

#include "cli.h"

enum status command_run(const struct cli *cli, struct err *err);
enum status command_plan(const struct cli *cli, struct err *err);
enum status command_params(const struct cli *cli, struct err *err);
enum status command_status(const struct cli *cli, struct err *err);
enum status command_show(const struct cli *cli, struct err *err);

#endif
