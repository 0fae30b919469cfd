"""The fault battery's part on locks: two processes on one folder, on one host or on two."""
import concurrent.futures
import os
import random
import re
import socket
import time

from attempts import OUTCOMES, attempt, ended, launch

LOCK = "shards/1-of-1/lock"


def wait_for_lock(out):
    deadline = time.monotonic() + 20
    while not (out / LOCK).exists() or not (out / LOCK).read_text().strip():
        if time.monotonic() > deadline:
            raise RuntimeError(f"no {LOCK} within 20 s")
        time.sleep(0.01)
    return (out / LOCK).read_text()


def two_processes(delay_s):
    with attempt(f"slow: two processes, {delay_s:.3f} s apart", "slow") as this:
        first = launch(this.sweep, this.out)
        time.sleep(delay_s)
        second = launch(this.sweep, this.out)
        with concurrent.futures.ThreadPoolExecutor() as threads:  # so that no pipe fills
            ends = list(threads.map(ended, (first, second)))
        this.look(*min(ends, key=lambda end: end[0] or 0), (0,))
        loser = max((0, 1), key=lambda i: ends[i][0] or 0)
        names = (str((second, first)[loser].pid), socket.gethostname())
        if ends[loser][0] != 5 or not all(name in ends[loser][1] for name in names):
            this.wrong("other", f"the second: {ends[loser]}, expected 5 and {names}")
        this.finish()
        return this


def living_holder():
    """Another host's process is at work: refused as soon as its lock is seen to change."""
    with attempt("endless: holder on another host", "endless") as this:
        holder = launch(this.sweep, this.out, host="alpha")
        try:
            wait_for_lock(this.out)
            began = time.monotonic()
            status, text = ended(launch(this.sweep, this.out, host="beta"), 40)
            this.look(status, text, (5,))
            if time.monotonic() - began > 20 or "alpha" not in text or str(holder.pid) not in text:
                this.wrong("other", f"after {time.monotonic() - began:.0f} s: {text}")
            if holder.poll() is not None:
                this.wrong("other", f"the holder ended: {ended(holder)}")
        finally:
            holder.kill()
            holder.communicate()
        return this


def dead_holder(what, host, old, new, least_s, most_s):
    """The holder on host alpha was killed, its lock edited: another process takes over in time."""
    with attempt(f"slow: {what}", "slow") as this:
        holder = launch(this.sweep, this.out, host="alpha")
        lock = wait_for_lock(this.out)
        time.sleep(0.2)
        holder.kill()
        this.look(*ended(holder), OUTCOMES["kill"])
        (this.out / LOCK).write_text(re.sub(old, new, lock, flags=re.DOTALL))
        began = time.monotonic()
        this.look(*ended(launch(this.sweep, this.out, host=host), 120), (0,))
        # Going on from a checkpoint it may need less than a whole sweep does.
        took_s = max(0.0, time.monotonic() - began - this.sweep.seconds)
        if not least_s <= took_s <= most_s:
            this.wrong("other", f"took over after {took_s:.0f} s, not {least_s} to {most_s}")
        this.finish()
        return this


def robbed_holder():
    """A holder whose lock names another when it comes to publish publishes nothing."""
    with attempt("heavy: the lock was taken away", "heavy") as this:
        holder = launch(this.sweep, this.out, host="alpha")
        lock = wait_for_lock(this.out)
        (this.out / LOCK).write_text(lock.replace("alpha", "gamma"))
        this.look(*ended(holder), (5,))
        if (this.out / "sweep.h5").exists():
            this.wrong("other", "sweep.h5 was published")
        (this.out / LOCK).unlink(missing_ok=True)
        this.finish()
        return this


def two_at_once():
    """Two processes on one folder: one works, the other ends with 5 and names it."""
    chance = random.Random(1)
    return [(two_processes, (chance.choice((0.0, 0.02, 0.3)) * chance.random(),))
            for _ in range(12)]  # fmt: skip


def two_hosts():
    """Locks of other hosts and of the dead: who may take over, and when."""
    mine = f"pid: {os.getpid()}"  # lives, but began at another time
    cases = [("dead on another host", "beta", "", "", 55, 80),
             ("empty lock", "beta", ".+", "", 0, 80),
             ("garbage in the lock", "beta", ".+", "\0\xff:" * 99, 0, 80),
             ("dead on this host", "alpha", "", "", 0, 5),
             ("its pid is another's", "alpha", "pid: *[0-9]+", mine, 0, 5)]  # fmt: skip
    return [*((dead_holder, case) for case in cases), (living_holder, ()), (robbed_holder, ())]
