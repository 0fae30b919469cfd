#!/bin/bash
#SBATCH --job-name=gmmsweep
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=16
#SBATCH --mem=16G
#SBATCH --time=08:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
# One sweep on one node: sbatch jobs/one-node.sh CONFIG. Submitting it again goes on.
set -eu
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK
export OMP_PROC_BIND=close OMP_PLACES=cores
srun build/gmmsweep run "$1"
