/* slurm.c - `gmmsweep slurm`: the batch scripts of a sweep, for Slurm 22.05 and later. */
#include "commands.h"
#include "disk.h"
#include "progress.h"
#include "sweep_setup.h"
#include "version.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define USUAL_CPUS 16
#define MOST_TASKS 1000 /* Slurm's MaxArraySize is 1001 unless a site has changed it */

/* A task is to be done in this share of its time: estimates are rough, and a task that is not done
 * runs again. */
#define TIME_SHARE 0.5

/* The signal comes so long before the end, and up to 60 s earlier (Slurm looks every 30 s); then
 * the program's own limit, in case it does not come. Of a short limit no more than a quarter is
 * given away. */
#define SIGNAL_S 120.0
#define MAX_TIME_S 90.0

/* A task that got further is started again, so often at most. */
#define MOST_RESTARTS 50

/* Beside what the plan predicts: it is right within 10 % or 64 MiB. */
#define MEMORY_SHARE 1.15
#define MEMORY_MORE (128.0 * 1048576.0)

#define CONFIG_NAME "config.yaml"

/* What the scripts say. */
struct job {
    const struct config *config;
    char folder[DISK_PATH]; /* where they are written */
    char program[DISK_PATH], config_path[DISK_PATH];
    size_t n_tasks, n_cpus;
    unsigned long long mem_mib;
    double time_s;
};

/* --- quoting --- */

/* As one word of the shell. */
static void print_word(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else
            fputc(*text, out);
    }
    fputc('\'', out);
}

/* "#SBATCH --name=value" as sbatch reads it, which is no shell: quotes group, and a backslash takes
 * what follows as it is. */
static void print_option(FILE *out, const char *name, const char *value)
{
    fprintf(out, "#SBATCH --%s=\"", name);
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\') fputc('\\', out);
        fputc(*value, out);
    }
    fprintf(out, "\"\n");
}

/* A line break would end a comment or an option, and what follows be run. */
static enum status check_line(const char *what, const char *text, struct err *err)
{
    if (text == NULL || strpbrk(text, "\r\n") == NULL) return OK;
    return err_set(err, ERR_CONFIG, "%s: a line break in it, expected one line", what);
}

static enum status check_lines(const struct job *job, struct err *err)
{
    enum status rc = OK;
    const struct config *config = job->config;
    TRY(check_line("slurm.account", config->slurm_account, err));
    TRY(check_line("slurm.partition", config->slurm_partition, err));
    TRY(check_line("output.path", config->output_path, err));
    for (size_t i = 0; i < config->slurm_setup.n; i++)
        TRY(check_line("slurm.setup", config->slurm_setup.v[i], err));
    for (size_t i = 0; i < config->slurm_extra.n; i++) {
        TRY(check_line("slurm.extra", config->slurm_extra.v[i], err));
        if (config->slurm_extra.v[i][0] != '-')
            FAIL(err, ERR_CONFIG,
                 "slurm.extra: '%s', expected options of sbatch such as --qos=long",
                 config->slurm_extra.v[i]);
    }
done:
    return rc;
}

/* --- scripts --- */

/* "1-08:30:00" */
static void print_time(FILE *out, double seconds)
{
    long minutes = (long)ceil(seconds / 60.0);
    fprintf(out, "#SBATCH --time=%ld-%02ld:%02ld:00\n", minutes / 1440, minutes / 60 % 24,
            minutes % 60);
}

/* What both jobs have in common, up to the first command. Their logs are named by Slurm, in the
 * folder of the scripts: in the name of an --output some folders' % and \ could not be told from
 * patterns. */
static void print_head(FILE *out, const struct job *job, const char *name)
{
    const struct config *config = job->config;
    fprintf(out, "#SBATCH --job-name=%s\n#SBATCH --ntasks=1\n#SBATCH --mem=%lluM\n", name,
            job->mem_mib);
    print_option(out, "chdir", job->folder);
    fprintf(out, "#SBATCH --open-mode=append\n#SBATCH --requeue\n");
    if (config->slurm_account != NULL) print_option(out, "account", config->slurm_account);
    if (config->slurm_partition != NULL) print_option(out, "partition", config->slurm_partition);
    for (size_t i = 0; i < config->slurm_extra.n; i++)
        fprintf(out, "#SBATCH %s\n", config->slurm_extra.v[i]);
    fprintf(out, "\n");
    for (size_t i = 0; i < config->slurm_setup.n; i++)
        fprintf(out, "%s\n", config->slurm_setup.v[i]);
}

static void print_array(FILE *out, const struct job *job)
{
    const double signal_s = fmin(SIGNAL_S, job->time_s / 4.0);
    double max_s = job->time_s - fmin(MAX_TIME_S, 0.75 * signal_s);
    if (job->config->run_max_time > 0.0) max_s = fmin(max_s, job->config->run_max_time);
    fprintf(out,
            "#!/bin/bash\n"
            "# Written by gmmsweep %s: one task for each shard of the sweep.\n"
            "#SBATCH --array=1-%zu\n#SBATCH --cpus-per-task=%zu\n#SBATCH --signal=USR1@%.0f\n",
            GMMSWEEP_VERSION, job->n_tasks, job->n_cpus, signal_s);
    print_time(out, job->time_s);
    print_head(out, job, "gmmsweep");
    fprintf(out, "export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK\n"
                 "export OMP_PLACES=cores OMP_PROC_BIND=close\n"
                 "srun ");
    print_word(out, job->program);
    fprintf(out, " run --shard \"$SLURM_ARRAY_TASK_ID/%zu\" \\\n", job->n_tasks);
    fprintf(out, "    --threads \"$SLURM_CPUS_PER_TASK\" --max-time %.0f ",
            fmax(floor(max_s), 1.0)); /* 0 would mean no limit */
    print_word(out, job->config_path);
    fprintf(out,
            "\nstatus=$?\n"
            "# 75: stopped early, and another start gets further. The job's own id could mean the "
            "whole array.\n"
            "if [ \"$status\" -eq 75 ] && [ \"${SLURM_RESTART_COUNT:-0}\" -lt %d ]; then\n"
            "    scontrol requeue \"${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID\"\n"
            "fi\n"
            "exit \"$status\"\n",
            MOST_RESTARTS);
}

static void print_merge(FILE *out, const struct job *job)
{
    fprintf(out,
            "#!/bin/bash\n"
            "# Written by gmmsweep %s: gathers what all tasks have finished.\n"
            "#SBATCH --cpus-per-task=1\n#SBATCH --time=0-01:00:00\n",
            GMMSWEEP_VERSION);
    print_head(out, job, "gmmsweep-merge");
    fprintf(out, "srun ");
    print_word(out, job->program);
    fprintf(out, " merge ");
    print_word(out, job->config->output_path);
    fprintf(out, "\n");
}

static void print_submit(FILE *out, const struct job *job)
{
    fprintf(out,
            "#!/bin/bash\n"
            "# Written by gmmsweep %s: submits the tasks, and the merge for when all have ended.\n"
            "set -eu\n"
            "cd ",
            GMMSWEEP_VERSION);
    print_word(out, job->folder);
    fprintf(out, "\n"
                 "array=$(sbatch --parsable array.sh)\n"
                 "array=${array%%%%;*}\n"
                 "merge=$(sbatch --parsable --dependency=\"afterany:$array\" merge.sh)\n"
                 "echo \"array $array, merge ${merge%%%%;*}\"\n");
}

static enum status write_file(const struct job *job, const char *name, const char *text,
                              unsigned mode, struct err *err)
{
    enum status rc = OK;
    char path[DISK_PATH], temporary[DISK_PATH];
    TRY(disk_join(job->folder, name, path, err));
    TRY(disk_join(job->folder, "script.tmp", temporary, err));
    TRY(disk_write(temporary, path, text, mode, err));
done:
    return rc;
}

static enum status write_script(const struct job *job, const char *name,
                                void (*print)(FILE *out, const struct job *job), struct err *err)
{
    enum status rc = OK;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out != NULL) print(out, job);
    TRY(err_text(out, &text, name, err));
    TRY(write_file(job, name, text, 0777, err));
done:
    free(text);
    return rc;
}

/* --- sizes --- */

static void size_job(const struct sweep_setup *setup, struct job *job)
{
    const struct config *config = setup->config;
    const struct plan *plan = setup->plan;
    job->time_s = config->slurm_time;
    const double core_s = plan->flops / PLAN_FLOPS_PER_S;
    double n = ceil(core_s / (TIME_SHARE * job->time_s * (double)job->n_cpus));
    n = fmin(n, fmin((double)plan_groups(plan), MOST_TASKS));
    job->n_tasks = config->slurm_tasks > 0 ? (size_t)config->slurm_tasks : (size_t)fmax(n, 1.0);
    double bytes = config->slurm_mem > 0 ? (double)config->slurm_mem
                                         : MEMORY_SHARE * plan->memory_bytes + MEMORY_MORE;
    job->mem_mib = (unsigned long long)ceil(bytes / 1048576.0);
}

static void tell(const struct sweep_setup *setup, const struct job *job)
{
    char limit[32], each[32];
    progress_duration(job->time_s, limit);
    progress_duration(setup->plan->flops / PLAN_FLOPS_PER_S / (double)(job->n_tasks * job->n_cpus),
                      each);
    printf("%zu fits in %zu task%s of %zu CPU%s, %llu MiB, limit %s; about %s each, if fits take "
           "%.0f iterations\nbash ",
           setup->plan->n_fits, job->n_tasks, job->n_tasks == 1 ? "" : "s", job->n_cpus,
           job->n_cpus == 1 ? "" : "s", job->mem_mib, limit, each,
           plan_iterations(&setup->plan->fits[0]));
    print_word(stdout, job->folder);
    printf("/submit.sh\n");
}

/* Makes the folder and finds the paths that the scripts name. */
static enum status choose_folder(const struct cli *cli, struct job *job, struct err *err)
{
    enum status rc = OK;
    char usual[DISK_PATH];
    const char *given = cli->out != NULL ? cli->out : usual;
    TRY(disk_join(job->config->output_path, "slurm", usual, err));
    TRY(check_line("the folder of the scripts", given, err));
    TRY(disk_make_folder(given, err));
    if (realpath(given, job->folder) == NULL)
        FAIL(err, ERR_OUTPUT, "%s: %s", given, strerror(errno));
    if (realpath("/proc/self/exe", job->program) == NULL)
        FAIL(err, ERR_INTERNAL, "/proc/self/exe: %s, cannot tell where this program is",
             strerror(errno));
    TRY(disk_join(job->folder, CONFIG_NAME, job->config_path, err));
    TRY(check_line("the folder of the scripts", job->folder, err));
    TRY(check_line("the program's path", job->program, err));
done:
    return rc;
}

enum status command_slurm(const struct cli *cli, struct err *err)
{
    enum status rc = OK;
    struct sweep_setup setup = {0};
    struct job job = {0};
    TRY(sweep_setup_config(cli, &setup, err));
    const struct config *config = setup.config;
    job.config = config;
    const int64_t n_threads = config->run_threads > 0 ? config->run_threads : USUAL_CPUS;
    job.n_cpus = (size_t)(config->slurm_cpus > 0 ? config->slurm_cpus : n_threads);
    double memory = config->slurm_mem > 0 ? (double)config->slurm_mem : INFINITY;
    if (config->run_memory > 0) memory = fmin(memory, (double)config->run_memory);
    TRY(sweep_setup_plan((int)job.n_cpus, memory, cli->quiet, &setup, err));
    size_job(&setup, &job);
    TRY(check_lines(&job, err));
    TRY(choose_folder(cli, &job, err));
    /* The tasks run what was planned, whatever becomes of the config meanwhile. */
    TRY(write_file(&job, CONFIG_NAME, setup.resolved, 0666, err));
    TRY(write_script(&job, "array.sh", print_array, err));
    TRY(write_script(&job, "merge.sh", print_merge, err));
    TRY(write_script(&job, "submit.sh", print_submit, err));
    if (!cli->quiet) tell(&setup, &job);
done:
    sweep_setup_free(&setup);
    return rc;
}
