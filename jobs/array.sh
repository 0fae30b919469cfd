#!/bin/bash
# Written by gmmsweep 0.1.0: one task for each shard of the sweep.
#SBATCH --array=1-8
#SBATCH --cpus-per-task=16
#SBATCH --signal=USR1@120
#SBATCH --time=0-08:00:00
#SBATCH --job-name=gmmsweep
#SBATCH --ntasks=1
#SBATCH --mem=268M
#SBATCH --chdir="/home/me/gmmsweep/results/demo/slurm"
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --account="project"

module load hdf5 openblas
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK
export OMP_PLACES=cores OMP_PROC_BIND=close
srun '/home/me/gmmsweep/build/gmmsweep' run --shard "$SLURM_ARRAY_TASK_ID/8" \
    --threads "$SLURM_CPUS_PER_TASK" --max-time 28710 '/home/me/gmmsweep/results/demo/slurm/config.yaml'
status=$?
# 75: stopped early, and another start gets further. The job's own id could mean the whole array.
if [ "$status" -eq 75 ] && [ "${SLURM_RESTART_COUNT:-0}" -lt 50 ]; then
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
fi
exit "$status"
