/* commands.h - the commands of the program, each in a file of its name (plan: plan_command.c). */
#ifndef GMMSWEEP_COMMANDS_H
#define GMMSWEEP_COMMANDS_H

#include "cli.h"

enum status command_run(const struct cli *cli, struct err *err);
enum status command_plan(const struct cli *cli, struct err *err);
enum status command_params(const struct cli *cli, struct err *err);
enum status command_help(const struct cli *cli, struct err *err);
enum status command_merge(const struct cli *cli, struct err *err);
enum status command_slurm(const struct cli *cli, struct err *err);
enum status command_status(const struct cli *cli, struct err *err);
enum status command_show(const struct cli *cli, struct err *err);
enum status command_report(const struct cli *cli, struct err *err);
enum status command_predict(const struct cli *cli, struct err *err);
enum status command_sample(const struct cli *cli, struct err *err);
enum status command_compress(const struct cli *cli, struct err *err);
enum status command_export(const struct cli *cli, struct err *err);
enum status command_verify(const struct cli *cli, struct err *err);

#endif
