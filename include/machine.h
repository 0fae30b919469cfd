/* machine.h - what the machine, its scheduler and its limits give this process. */
#ifndef GMMSWEEP_MACHINE_H
#define GMMSWEEP_MACHINE_H

#include <stddef.h>
#include <stdint.h>

/* The variable of the environment, "" if it is not set. */
const char *machine_env(const char *name);

/* The user's name as the environment has it, else "uid 1000": asking the system could mean to wait
 * for a directory server. */
void machine_user(char *out, size_t size);

#define MACHINE_MOST_THREADS 4096 /* as run.threads has it */

/* Threads to use: `wanted` if above 0, else OMP_NUM_THREADS, else SLURM_CPUS_PER_TASK, else the
 * CPUs of the affinity mask, no more than the cgroup's quota. At least 1, at most
 * MACHINE_MOST_THREADS. */
int machine_threads(int64_t wanted);

/* Bytes to use: `wanted` if above 0, else the smallest of what Slurm, cgroup and machine allow. */
double machine_memory(int64_t wanted);

/* The most memory this process has held, in bytes; 0 where the system does not tell. */
double machine_peak_bytes(void);

/* The CPU's model name, "unknown" where the system does not tell. */
void machine_cpu(char *out, size_t size);

#endif
