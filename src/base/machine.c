#include "machine.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *machine_env(const char *name)
{
    const char *value = getenv(name);
    return value != NULL ? value : "";
}

void machine_user(char *out, size_t size)
{
    const char *name =
        machine_env("USER")[0] != '\0' ? machine_env("USER") : machine_env("LOGNAME");
    if (name[0] != '\0')
        snprintf(out, size, "%s", name);
    else
        snprintf(out, size, "uid %d", (int)geteuid());
}

/* A positive number from the environment, else 0. */
static double env_number(const char *name)
{
    const char *text = machine_env(name);
    char *end;
    double value = strtod(text, &end);
    /* OMP_NUM_THREADS may be a list, one number per nesting level. */
    return end != text && (*end == '\0' || *end == ',') && value > 0.0 ? value : 0.0;
}

/* The first `n` numbers of a file; how many could be read. */
static int file_numbers(const char *path, int n, double *values)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    int got = 0;
    while (got < n && fscanf(file, "%lf", &values[got]) == 1)
        got++;
    fclose(file);
    return got;
}

/* CPUs that the cgroup's quota is worth, version 2 or 1; infinity without one. */
static double cgroup_cpus(void)
{
    double quota[2];
    if (file_numbers("/sys/fs/cgroup/cpu.max", 2, quota) == 2) return quota[0] / quota[1];
    if (file_numbers("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", 1, &quota[0]) == 1 &&
        file_numbers("/sys/fs/cgroup/cpu/cpu.cfs_period_us", 1, &quota[1]) == 1 && quota[0] > 0.0)
        return quota[0] / quota[1];
    return HUGE_VAL;
}

int machine_threads(int64_t wanted)
{
    if (wanted > 0) return (int)wanted;
    double n = env_number("OMP_NUM_THREADS");
    if (n == 0.0) n = env_number("SLURM_CPUS_PER_TASK");
    if (n == 0.0) {
        cpu_set_t mask;
        n = sched_getaffinity(0, sizeof mask, &mask) == 0 ? (double)CPU_COUNT(&mask)
                                                          : (double)sysconf(_SC_NPROCESSORS_ONLN);
        n = fmin(n, ceil(cgroup_cpus()));
    }
    return n < 1.0 ? 1 : n > MACHINE_MOST_THREADS ? MACHINE_MOST_THREADS : (int)n;
}

double machine_memory(int64_t wanted)
{
    if (wanted > 0) return (double)wanted;
    const double mib = 1048576.0;
    double limit = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE), value;
    double per_node = env_number("SLURM_MEM_PER_NODE") * mib;
    double per_job = env_number("SLURM_MEM_PER_CPU") * env_number("SLURM_CPUS_ON_NODE") * mib;
    if (per_node > 0.0) limit = fmin(limit, per_node);
    if (per_job > 0.0) limit = fmin(limit, per_job);
    if (file_numbers("/sys/fs/cgroup/memory.max", 1, &value) == 1) limit = fmin(limit, value);
    if (file_numbers("/sys/fs/cgroup/memory/memory.limit_in_bytes", 1, &value) == 1)
        limit = fmin(limit, value);
    return limit;
}

double machine_peak_bytes(void)
{
    /* getrusage would also count the process that this one was forked from. */
    char line[256];
    double kib = 0.0;
    FILE *file = fopen("/proc/self/status", "r");
    if (file == NULL) return 0.0;
    while (fgets(line, sizeof line, file) != NULL && sscanf(line, "VmHWM: %lf", &kib) != 1) {
    }
    fclose(file);
    return 1024.0 * kib;
}

void machine_cpu(char *out, size_t size)
{
    char line[512];
    snprintf(out, size, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "r");
    if (file == NULL) return;
    while (fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || colon == NULL) continue;
        snprintf(out, size, "%s", colon + 2);
        out[strcspn(out, "\n")] = '\0';
        break;
    }
    fclose(file);
}
