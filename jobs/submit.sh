#!/bin/bash
# Written by gmmsweep 0.1.0: submits the tasks, and the merge for when all have ended.
set -eu
cd '/home/me/gmmsweep/results/demo/slurm'
array=$(sbatch --parsable array.sh)
array=${array%%;*}
merge=$(sbatch --parsable --dependency="afterany:$array" merge.sh)
echo "array $array, merge ${merge%%;*}"
