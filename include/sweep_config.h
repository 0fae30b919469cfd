/* sweep_config.h - the config of the sweep that made a result file. */
#ifndef GMMSWEEP_SWEEP_CONFIG_H
#define GMMSWEEP_SWEEP_CONFIG_H

#include "config.h"
#include "sweep_file.h"

/* *out: the config that /config/resolved of the file holds, without the texts it was made from; to
 * be released with config_destroy. ERR_DATA with path and cause if it is not there or is none;
 * *out is then NULL. */
enum status sweep_config_read(const struct sweep_file *file, struct config **out, struct err *err);

/* The same with changes [n], "dotted.key=YAML", paths in them absolute. ERR_DATA also for a change
 * that the rest does not go with. */
enum status sweep_config_read_changed(const struct sweep_file *file, size_t n,
                                      const char *const *changes, struct config **out,
                                      struct err *err);

#endif
