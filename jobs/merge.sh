#!/bin/bash
# Written by gmmsweep 0.1.0: gathers what all tasks have finished.
#SBATCH --cpus-per-task=1
#SBATCH --time=0-01:00:00
#SBATCH --job-name=gmmsweep-merge
#SBATCH --ntasks=1
#SBATCH --mem=268M
#SBATCH --chdir="/home/me/gmmsweep/results/demo/slurm"
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --account="project"

module load hdf5 openblas
srun '/home/me/gmmsweep/build/gmmsweep' merge '/home/me/gmmsweep/results/demo'
