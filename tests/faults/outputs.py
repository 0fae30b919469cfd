"""Commands that write one file: whatever fails or kills them, the old file or the new one stands
there, and what did not succeed says so."""
import os
import pathlib
import re
import subprocess
import tempfile

import attempts
from attempts import CAUSES, OUTCOMES, SHIM, attempt, ended, harness, last_line

WRITES = [  # command, file's name
    *(("export", f"out.{ending}") for ending in ("npz", "json", "h5")),
    *(("sample", f"out.{ending}") for ending in ("csv", "npy", "npz", "h5")),
    ("predict", "out.csv"),
    ("report", "out.html"),
]  # fmt: skip
FAULTS = [("write", "ENOSPC"), ("write", "full"), ("write", "kill-half"), ("sync", "EIO"),
          ("sync", "kill"), ("rename", "ENOSPC"), ("rename", "kill")]  # fmt: skip


def write(sweep, command, path, **fault):
    """Exit status and standard error of the command."""
    env = {f"FAULT_{name.upper()}": str(value) for name, value in fault.items()}
    env |= {"LD_PRELOAD": SHIM, "FAULT_UNDER": str(path.parent)}
    data = [harness.IRIS] if command == "predict" else []
    return ended(subprocess.Popen(
        [harness.PROGRAM, command, sweep.grown, *data, "-o", path],
        env=harness.environment(OMP_NUM_THREADS="1", **env), text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    ))  # fmt: skip


def output_fault(command, name, call, at, do):
    """One fault at the `at`-th call."""
    with attempt(f"{command} {name}: {do} at {call}", "small", at) as this:
        this.out.mkdir()
        path = this.out / name
        assert write(this.sweep, command, path)[0] == 0
        whole = path.read_bytes()
        path.write_bytes(b"old")
        status, text = write(this.sweep, command, path, call=call, at=at, do=do)
        this.counts["tried"] += 1
        killed = "kill" in do
        found, left = path.read_bytes(), sorted(os.listdir(this.out))
        # HDF5 writes times. A name whose syncing failed is there all the same.
        is_new = found == whole or (name.endswith(".h5") and found.startswith(b"\x89HDF"))
        if not is_new and (status == 0 or found != b"old"):
            this.wrong("false" if status == 0 else "lost", f"{len(found)} bytes after {status}")
        if status not in (OUTCOMES["kill"] if killed else (5,)):
            this.wrong("other", f"exit status {status}: {last_line(text)}")
        if not killed and (str(this.out) not in text or not re.search(CAUSES[do], text, re.I)):
            this.wrong("other", f"no path or no cause: {last_line(text)}")
        if not killed and left != [name]:
            this.wrong("other", f"left behind: {left}")
        return this


def output_files():
    """Every write, sync and rename of a command that writes a file fails or kills it."""
    jobs = []
    for command, name in WRITES:
        with tempfile.TemporaryDirectory(prefix="gmmsweep-faults-") as folder:
            path, counts = pathlib.Path(folder).resolve() / "out" / name, f"{folder}/counts"
            path.parent.mkdir()
            assert write(attempts.SWEEPS["small"], command, path, count=counts)[0] == 0
            n = dict(line.split() for line in open(counts))
        jobs += [(output_fault, (command, name, call, at, do))
                 for call, do in FAULTS for at in range(1, int(n[call]) + 1)]  # fmt: skip
    return jobs
