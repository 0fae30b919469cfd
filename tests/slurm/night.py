"""A night under a real Slurm: generated scripts, a signal before the time limit, requeues, a node that
fails, and the merge, which has the bits of a plain run. Takes about three minutes.

    make check-slurm
"""
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "cli" / "lib")]
import cluster
import harness

N_TASKS = 2
TIME_LIMIT_S = 60  # Slurm's shortest; it signals at its first look, about 28 s after the start
WORK_S = 55  # of each task: two sessions at least
END_S = 1200  # on a machine that is busy with other work
AWKWARD = "a night's \"results\" 100%j $HOME #1 \\ ü"  # a folder's name


def config(folder, max_iter, output):
    """One-lane fits of the same length: iterations are all there is to them."""
    return {
        "data": {"path": harness.DIGITS, "pool": 2, "scale": 255, "limit": 1000},
        "sweep": {"components": 12, "covariance": "full", "init": "points", "restarts": 8},
        "em": {"max_iter": max_iter, "tol": 0, "floor": 1e-2},
        "run": {"checkpoint": 5},
        "slurm": {
            "tasks": N_TASKS,
            "cpus": 1,
            "mem": harness.Plain("1G"),
            "time": TIME_LIMIT_S,
            "setup": ["export FROM_SETUP='it is here'", "echo \"setup: $FROM_SETUP\""],
            "extra": ["--comment='one night'"],
        },
        "output": {"path": folder / output},
    }


def gmmsweep(*args, status=0):
    done = subprocess.run(
        [harness.PROGRAM, *map(str, args)], env=harness.environment(), capture_output=True, text=True
    )
    if done.returncode != status:
        sys.exit(f"gmmsweep {args}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def write(folder, name, sections):
    path = folder / name
    path.write_text(harness.yaml(sections))
    return path


def plain_run(folder):
    """A run without Slurm, with as many iterations as keep each task busy; its config's folder."""
    few = 6
    began = time.monotonic()
    gmmsweep("run", "-q", "--threads", 1, write(folder, "few.yaml", config(folder, few, "few")))
    each_s = (time.monotonic() - began) / few
    max_iter = int(N_TASKS * WORK_S / each_s)
    path = write(folder, "plain.yaml", config(folder, max_iter, "plain"))
    gmmsweep("run", "-q", "--threads", N_TASKS, path)
    print(f"plain run: {max_iter} iterations a fit, {time.monotonic() - began:.0f} s")
    return max_iter, harness.Result(folder / "plain").content


def fail_node(slurm, array):
    """The node goes down once while a task is in its second session."""
    tasks = [f"{array}_{i}" for i in range(1, N_TASKS + 1)]
    running = lambda: any(
        slurm.state(t) == "RUNNING" and slurm.field(t, "Restarts") == "1" for t in tasks
    )
    slurm.wait(running, END_S, "a task's second session")
    time.sleep(8)  # in the midst of it
    slurm.run("scontrol", "update", "nodename=localhost", "state=down", "reason=test")
    return {task: int(slurm.field(task, "Restarts")) for task in tasks}


def night(slurm, folder, max_iter):
    """Submits the generated scripts and waits for the merge; the folder of the result."""
    out = folder / AWKWARD
    path = write(folder, "night.yaml", config(folder, max_iter, AWKWARD))
    print(gmmsweep("slurm", path).stdout.strip())
    began = time.monotonic()
    said = slurm.run("bash", str(out / "slurm" / "submit.sh")).strip()
    print(said)
    array, merge = said.replace(",", "").split()[1::2]
    print("restarts when the node failed:", fail_node(slurm, array))
    ended = lambda: slurm.state(merge) not in ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING")
    slurm.wait(ended, END_S, "the merge")
    logs = {p.name: p.read_text() for p in sorted((out / "slurm").glob("slurm-*.out"))}
    for name, text in logs.items():
        print(f"--- {name}\n{text.strip()}")
    restarts = [int(slurm.field(f"{array}_{i}", "Restarts")) for i in range(1, N_TASKS + 1)]
    print(f"night: {time.monotonic() - began:.0f} s, restarts {restarts}")
    check(slurm.state(merge) == "COMPLETED", f"the merge is {slurm.state(merge)}")
    check(set(slurm.states(array).values()) == {"COMPLETED"}, f"tasks: {slurm.states(array)}")
    check(len(logs) == N_TASKS + 1, f"one log for each task and the merge: {list(logs)}")
    tasks = [text for name, text in logs.items() if merge not in name]
    check(all("stopped (SIGUSR1)" in text for text in tasks), "each task got its signal")
    check(min(restarts) >= 2, "each task was requeued by its script and by the node's failure")
    check(all("setup: it is here" in text for text in logs.values()), "setup lines ran")
    return out


n_checks = {True: 0, False: 0}


def check(true, what):
    n_checks[bool(true)] += 1
    print("ok" if true else "FAILED", what)


def main():
    if lacking := cluster.missing():
        print(f"SKIPPED: needs slurm-wlm and munge: no {', '.join(lacking)}")
        sys.exit(harness.SKIPPED)
    with tempfile.TemporaryDirectory(prefix="gmmsweep-") as name:
        folder = pathlib.Path(name)
        max_iter, content = plain_run(folder)
        (folder / "slurm").mkdir()
        with cluster.Cluster(folder / "slurm") as slurm:
            out = night(slurm, folder, max_iter)
        check(not slurm.processes(), "no process is left")
        result = harness.Result(out)
        check(result.attrs["status"] == "complete", "the file is complete")
        check(result.content == content, f"content_sha256 is that of the plain run: {content}")
        walls = [result.trace(fit)["wall_s"] for fit in result.names]
        check(all((wall[1:] >= wall[:-1]).all() for wall in walls), "fits' times go on over sessions")
        print(f"sessions: {len(result.provenance['session'])}")
    print(f"{n_checks[True]} passed, {n_checks[False]} failed")
    sys.exit(n_checks[False] > 0)


if __name__ == "__main__":
    main()
