"""Proves that gmmsweep loses no work: kills it, fails its system calls, fills its disk, at every
instant that can be counted, and looks at what is left.

    check.py [SCENARIO ...]

Needs h5py and shim.so, which `make check-faults` builds; TEST_SEED replaces the seed. A scenario
lists attempts; after each nothing may be lost, torn, falsely complete or wrong, and the same command
must end with the bits of an undisturbed sweep. Exit status 0 if that holds and every scenario tried
something; one that cannot run here is named with its reason, and fails under CI=true."""
import collections
import concurrent.futures
import contextlib
import ctypes
import multiprocessing
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

import attempts
import locks
import outputs
from attempts import CAUSES, OUTCOMES, WRONGS, attempt, ended, harness, launch, logged

SEED = int(os.environ.get("TEST_SEED", 1))
WORKERS = 3
MALLOCS = (720, 360)  # at most, of about 27,000 of 2,100 kinds: once, for good


class Skip(Exception):
    """Why a scenario cannot run here."""


# --- attempts: what a worker does ---


def fault_at(sweep, grown, call, at, do):
    """One fault at the `at`-th call."""
    state = f"{sweep}{' grown' if grown else ''}"
    with attempt(f"{state}: {do} at {call}", sweep, at) as this:
        this.start(grown)
        counts = this.out.parent / "counts"
        done = launch(this.sweep, this.out, call=call, at=at, do=do, count=counts)
        status, text = ended(done)
        if status == 0 and read_counts(counts)[call] < at:
            return this  # the program had ended before: nothing was tried
        expected = OUTCOMES["kill" if "kill" in do else call]
        cause = None if "kill" in do else CAUSES[do]
        this.look(status, text, expected, cause)
        if status == 0 and call in ("write", "rename") and not re.search(cause, text, re.I):
            this.wrong("other", "exit status 0, and not a word of it")
        this.finish()
        return this


def kill_chain(sweep, seed):
    """kill -9 again and again, half of them early, until a run comes through."""
    with attempt(f"{sweep}: kill -9 with seed", sweep, seed) as this:
        chance = random.Random(seed)
        for _ in range(40):
            process = launch(this.sweep, this.out)
            time.sleep(chance.random() * chance.choice((0.1, 0.3 * this.sweep.seconds)))
            process.kill()
            status, text = ended(process)
            if status == 0:
                break
            this.look(status, text, OUTCOMES["kill"])
        this.finish()
        return this


def progress(sweep, every_s):
    """Killed every `every_s` seconds, which is less than a fit takes, a sweep still ends."""
    with attempt(f"{sweep}: kill -9 every {every_s} s", sweep) as this:
        for _ in range(int(8 * this.sweep.seconds / every_s)):
            process = launch(this.sweep, this.out)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(every_s)
            process.kill()
            status, text = ended(process)
            this.look(status, text, (0, *OUTCOMES["kill"]))
            if status == 0:
                break
        else:
            this.wrong("lost", "no progress: what runs is lost at every kill")
        this.finish()
        return this


def read_counts(path):
    return {name: int(n) for name, n in (line.split() for line in path.read_text().splitlines())}


def mount(out, options):
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "faults", out], check=True)


@contextlib.contextmanager
def small_disk(out, options):
    """A file system of its own at the folder, until the end."""
    out.mkdir()
    mount(out, options)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", out], check=True)


def disk_full(kib, inodes, grown):
    what = f"room for {kib} KiB, {inodes} inodes"
    with attempt(f"small{' grown' if grown else ''}: {what}", "small") as this:
        with small_disk(this.out, "size=16m,nr_inodes=1000"):
            this.start(grown)
            used = int(subprocess.check_output(["du", "-sk", this.out], text=True).split()[0])
            mount(this.out, f"remount,size={used + kib}k,nr_inodes={inodes}")
            this.look(*ended(launch(this.sweep, this.out)), OUTCOMES["disk"], CAUSES["ENOSPC"])
            mount(this.out, "remount,size=16m,nr_inodes=1000")
            this.finish()
        return this


def read_only(state):
    with attempt(f"small {state}: read-only", "small") as this:
        with small_disk(this.out, "size=16m"):
            this.start(state == "grown")
            if state == "torn":
                launch(this.sweep, this.out, call="write", at=8, do="kill-half").wait()
                this.known = logged(this.out)
            before = harness.tree(this.out)
            mount(this.out, "remount,ro")
            this.look(*ended(launch(this.sweep, this.out)), (5,), CAUSES["EROFS"])
            if harness.tree(this.out) != before:
                this.wrong("other", "something changed")
            mount(this.out, "remount,rw")
            this.finish()
        return this


# --- scenarios: each lists (function, arguments) ---


def count_calls(sweep, grown, **fault):
    with attempt("count", sweep) as this:
        this.start(grown)
        counts = this.out.parent / "counts"
        assert ended(launch(this.sweep, this.out, count=counts, **fault))[0] == 0
        return read_counts(counts)


def each(sweep, grown, faults):
    """Every call of a kind, for each (call, what is done there)."""
    n = count_calls(sweep, grown)
    return [(fault_at, (sweep, grown, call, at, do))
            for call, do in faults for at in range(1, n[call] + 1)]  # fmt: skip


def random_kills():
    """kill -9 at random moments, again and again, until the sweep is done."""
    return [(kill_chain, ("slow", SEED * 1000 + i)) for i in range(60)]


def kills():
    """kill -9 before every write, sync and rename, and in the middle of every write."""
    halves = [("write", "kill-half")]
    wholes = [("write", "kill"), ("sync", "kill"), ("rename", "kill")]
    return each("small", False, wholes + halves) + each("small", True, wholes[1:] + halves)


def failures():
    """Every write, sync, rename and close fails, one at a time; a full disk stays full."""
    other = [("sync", "EIO"), ("rename", "EIO"), ("close", "EIO")]
    full = [("write", "ENOSPC"), ("sync", "ENOSPC"), ("rename", "ENOSPC")]
    return (each("small", False, [*full, *other, ("write", "full")])
            + each("small", True, [("write", "EIO"), *full[1:], *other]))  # fmt: skip


def mallocs():
    """No memory, once or from then on: at the first of each kind of malloc, that is of those that
    the same calls led to."""
    with tempfile.TemporaryDirectory() as folder:
        stacks = pathlib.Path(folder) / "stacks"
        n = count_calls("tiny", False, stacks=stacks)["malloc"]
        kinds = {}
        for at, stack in enumerate(stacks.read_text().split(), 1):
            kinds.setdefault(stack, at)
    once, always = (sorted(kinds.values())[:: -(-len(kinds) // most)] for most in MALLOCS)
    print(f"mallocs: {n} of {len(kinds)} kinds; {len(once)} fail once, {len(always)} for good")
    return [(fault_at, ("tiny", False, "malloc", at, do))
            for do, ats in (("ENOMEM", once), ("exhausted", always)) for at in ats]  # fmt: skip


def full_disks():
    """A disk with room for a part of the result, in steps of a page; one with too few inodes."""
    need_mount()
    return [*((disk_full, (kib, 1000, grown)) for grown in (False, True)
              for kib in range(4, 300, 8)),
            *((disk_full, (16384, inodes, False)) for inodes in range(2, 9))]  # fmt: skip


def read_only_folders():
    """A folder that cannot be written: said so, and nothing in it changes."""
    need_mount()
    return [(read_only, (state,)) for state in ("empty", "torn", "grown")]


def checkpoints():
    """Running fits survive kills and failures too."""
    faults = each("slow", False, [("write", "kill-half"), ("sync", "kill"), ("rename", "kill"),
                                  ("write", "ENOSPC"), ("sync", "EIO")])  # fmt: skip
    return [(progress, ("heavy", 1.0)), *faults[:: len(faults) // 150 + 1]]


def need_mount():
    if not MOUNTS:
        raise Skip("cannot mount a tmpfs here (not root?)")


def private_mounts():
    """Whether we may mount; what is mounted goes with this process."""
    libc = ctypes.CDLL(None)
    if libc.unshare(0x00020000) != 0:  # CLONE_NEWNS
        return False
    try:
        subprocess.run(["mount", "--make-rprivate", "/"], check=True, stderr=subprocess.DEVNULL)
        with tempfile.TemporaryDirectory() as folder:
            with small_disk(pathlib.Path(folder) / "disk", "size=64k"):
                return True
    except subprocess.CalledProcessError:
        return False


def work(job):
    """Counts and notes of one attempt; one that cannot even be made counts as wrong."""
    function, arguments = job
    try:
        this = function(*arguments)
        return this.counts, this.notes
    except Exception as error:
        return {"tried": 1, "other": 1}, [(f"other: {function.__name__}: {error!r}", arguments)]


SCENARIOS = {scenario.__name__: scenario for scenario in (
    random_kills, kills, failures, mallocs, full_disks, read_only_folders, checkpoints,
    locks.two_at_once, locks.two_hosts, outputs.output_files)}  # fmt: skip


def run(name, pool):
    """Runs the scenario: its counts, and what was wrong."""
    counts, notes, began = collections.Counter(), {}, time.monotonic()
    for more, wrongs in pool.map(work, SCENARIOS[name]()):
        counts.update(more)
        for note, at in wrongs:
            notes.setdefault(note, []).append(at)
    counts["seconds"] = round(time.monotonic() - began)
    return counts, notes


def main():
    chosen = sys.argv[1:] or list(SCENARIOS)
    if not set(chosen) <= SCENARIOS.keys():
        sys.exit(f"expected scenarios of: {' '.join(SCENARIOS)}")
    print(f"seed {SEED}")
    columns = ("tried", *WRONGS, "library", "unharmed", "seconds")
    table, passed, failed = [f"{'scenario':20}" + "".join(f"{c:>11}" for c in columns)], 0, 0
    global MOUNTS
    MOUNTS = private_mounts()
    with tempfile.TemporaryDirectory(prefix="gmmsweep-faults-") as folder:
        attempts.prepare(pathlib.Path(folder).resolve())
        fork = multiprocessing.get_context("fork")
        with concurrent.futures.ProcessPoolExecutor(WORKERS, fork) as pool:
            for name in chosen:
                try:
                    counts, notes = run(name, pool)
                except Skip as why:
                    table.append(f"{name:20}    skipped: {why}")
                    failed += os.environ.get("CI") == "true"
                    continue
                for note, ats in sorted(notes.items()):
                    print(f"{name}: {note}; at {' '.join(map(str, ats[:8]))}, {len(ats)} times")
                table.append(f"{name:20}" + "".join(f"{counts[c]:11}" for c in columns))
                good = counts["tried"] > 0 and not any(counts[wrong] for wrong in WRONGS)
                passed, failed = passed + good, failed + (not good)
    print(*table, sep="\n")
    print("library: crashes inside a library; unharmed: ended with 0 all the same")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0 or passed == 0)


if __name__ == "__main__":
    main()
