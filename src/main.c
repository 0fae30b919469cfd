/* main.c - the list of commands; the only place that prints errors and exits. */
#include "commands.h"
#include "h5io.h"
#include "kernels.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct cli_command commands[] = {
    {"run", "CONFIG", "start the sweep or go on with it", "gmmsweep run configs/demo.yaml",
     command_run},
    {"plan", "CONFIG", "check config and data; list fits, memory, disk and time",
     "gmmsweep plan configs/demo.yaml", command_plan},
    {"params", NULL, "every config key: type, default, range, meaning", "gmmsweep params",
     command_params},
    {"help", "[COMMAND]", "what the program, or a command, does", "gmmsweep help run",
     command_help},
    {"status", "FILE|DIR", "what is finished, running and missing; time left",
     "gmmsweep status results/demo", command_status},
    {"merge", "DIR", "gather what all shards finished into DIR/sweep.h5",
     "gmmsweep merge results/night", command_merge},
    {"slurm", "CONFIG", "write array.sh, merge.sh, submit.sh for this sweep",
     "gmmsweep slurm night.yaml && bash results/night/slurm/submit.sh", command_slurm},
    {"show", "FILE|DIR", "ranked table of fits", "gmmsweep show results/demo --by icl",
     command_show},
    {"report", "FILE|DIR", "one HTML page with pictures and tables: report.html beside sweep.h5",
     "gmmsweep report results/demo", command_report},
    {"predict", "FILE DATA", "labels, responsibilities and log-densities of new rows",
     "gmmsweep predict results/demo new.csv -o labels.csv", command_predict},
    {"sample", "FILE", "points drawn from a model: CSV, NPY, NPZ, HDF5, or images as PNG",
     "gmmsweep sample results/demo -n 100 --seed 1 -o digits.png", command_sample},
    {"compress", "FILE IMAGE", "a picture of which each pixel has its component's mean; as PNG",
     "gmmsweep compress results/photo-colours photo.jpg -o photo.png", command_compress},
    {"export", "FILE", "a model under scikit-learn's names: NPZ, JSON or HDF5",
     "gmmsweep export results/demo -o model.npz", command_export},
    {"verify", "FILE", "read every checksum and digest again; with --data score all models anew",
     "gmmsweep verify results/demo --data tests/data/t2k-images-idx3-ubyte.gz", command_verify},
    {NULL, NULL, NULL, NULL, NULL}};

/* HDF5 calls exit() where it cannot even tell an error any more. */
static bool ended;
static void on_exit_by_library(void)
{
    if (ended) return;
    fprintf(stderr,
            "gmmsweep: a library has ended the program, as HDF5 does when memory runs out\n");
    _exit(ERR_INTERNAL);
}

/* A file that is opened as number 0 to 2 would get what is read or printed. Writing to what stands
 * in for a closed standard output still fails. */
static void occupy_standard_files(void)
{
    int file;
    do
        file = open("/dev/null", O_RDONLY);
    while (file >= 0 && file <= STDERR_FILENO);
    if (file > STDERR_FILENO) close(file);
}

int main(int argc, char **argv)
{
    struct err err = {OK, ""};
    occupy_standard_files();
    signal(SIGXFSZ, SIG_IGN); /* a limit on files is an error of write(), with path and cause */
    atexit(on_exit_by_library);
    kernels_lapack_init();
    h5_init();
    enum status rc = cli_main(commands, argc, argv, &err);
    if (rc != OK && err.text[0] != '\0') fprintf(stderr, "gmmsweep: %s\n", err.text);
    if (fflush(stdout) != 0 && rc == OK) {
        fprintf(stderr, "gmmsweep: standard output: cannot write\n");
        rc = ERR_OUTPUT;
    }
    ended = true;
    return (int)rc;
}
