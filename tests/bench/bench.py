"""Measures gmmsweep against scikit-learn and Armadillo, and prints a table. `make bench` runs it.

    bench.py [--list] [WORD ...]

A WORD selects the cases whose names hold it. From the environment: MNIST, a folder with MNIST's
training files; BENCH_SCALE, a factor on the numbers of rows; BENCH_ROUNDS. Exit status 1 if a
program fails or log-likelihoods differ, whatever the times are; 2 if a word selects nothing."""
import math
import statistics
import sys
import unittest

import machine  # first: it sets the threads that numpy and the peers get
import cases
import extras
import programs
import table
from machine import CORES

SAME = 1e-8  # relative, of log-likelihoods

# Dense flops per row and component of an E-step and M-step.
FLOPS = {
    "spherical": lambda d: 4 * d,
    "diag": lambda d: 8 * d,
    "tied": lambda d: 4 * d,
    "full": lambda d: 2 * d * d,
}


def peers_of(case, x, start):
    """The case's peers that are here, ready to fit."""
    there = {
        "scikit-learn": machine.sklearn_version() is not None,
        "Armadillo": programs.armadillo_version() is not None,
    }
    return {name: programs.PEERS[name](case, x, start) for name in case.targets if there[name]}


class Times:
    """The seconds per iteration of a case's rounds."""

    def __init__(self, case):
        self.case, self.rows = case, []

    def add(self, round_number, program, threads, beside, s):
        """beside: the peer in turn with which the program was timed."""
        self.rows.append({"case": self.case.name, "round": round_number, "program": program,
                          "threads": threads, "beside": beside, "s": s})  # fmt: skip

    def of(self, program, threads, beside):
        wanted = (program, threads, beside)
        return [
            r["s"] for r in self.rows if (r["program"], r["threads"], r["beside"]) == wanted
        ]


def time_rounds(case, ours, peers):
    """Each round, one program after the other, ours beside every peer and by one thread."""
    times = Times(case)
    for r in range(cases.ROUNDS):
        for name in peers or ["itself"]:
            if name in peers:
                times.add(r, name, CORES, name, peers[name].iteration_s())
            times.add(r, "gmmsweep", CORES, name, programs.iteration_s(ours.run(CORES)))
        one_s = programs.iteration_s(ours.run(1)) if CORES > 1 else math.nan
        times.add(r, "gmmsweep", 1, "itself", one_s)
    return times


def memory_asked_mib(case, d):
    """64 MiB, two copies of the fit's statistics, the model: three times weights, means and
    covariances."""
    covariances = {"spherical": case.k, "diag": case.k * d, "tied": d * d, "full": case.k * d * d}
    return 64 + 3 * 8 * (case.k * (1 + d) + covariances[case.family]) / 2**20


def own_cells(case, data, ours_s, one_s, peak_mib, dgemm):
    """The cells on our program alone."""
    n, d = data.x.shape
    flops = n * case.k * FLOPS[case.family](d)
    median_s = statistics.median(ours_s)
    return {
        "case": case.name, "data": data.title, "shape": f"{n} x {d}", "k": case.k,
        "family": case.family, "ours_ms": table.number(1e3 * median_s),
        "threads": table.number(statistics.median(a / b for a, b in zip(one_s, ours_s))),
        "peak": f"{100 * flops / median_s / dgemm:.0f}%",
        "memory": f"{peak_mib - data.x.nbytes / 2**20:.0f}/{memory_asked_mib(case, d):.0f}",
        "note": "" if "floor" in case.em else "default floor",
    }  # fmt: skip


def peer_cells(name, difference, times, ours_s, at_least):
    """The cells on a peer; difference: of the log-likelihoods, None of a peer that is missing."""
    cells = {"peer": name}
    if difference is None:
        return {**cells, "note": "missing"}
    cells["difference"] = f"{difference:.0e}"
    if not difference <= SAME:
        return {**cells, "note": "not timed: log-likelihoods differ"}
    return {**cells, **table.ratio_cells(times.of(name, CORES, name), ours_s, at_least)}


def measure(case, dgemm):
    """Fits a case with all programs: lines of the table, seconds of the rounds, is all well?"""
    data = cases.data(case.data)
    ours = programs.Ours(case, data)
    trace = ours.run(CORES).trace
    peers = peers_of(case, data.x, ours.start)
    differences = {name: peer.difference(trace) for name, peer in peers.items()}
    same = {name: peer for name, peer in peers.items() if differences[name] <= SAME}
    times = time_rounds(case, ours, same)
    one_s = times.of("gmmsweep", 1, "itself")
    lines = []
    for name, at_least in case.targets.items():
        beside = name if name in same else next(iter(same), "itself")
        ours_s = times.of("gmmsweep", CORES, beside)
        line = own_cells(case, data, ours_s, one_s, ours.peak_mib, dgemm)
        theirs = peer_cells(name, differences.get(name), times, ours_s, at_least)
        note = ", ".join(filter(None, [line["note"], theirs.get("note")]))
        lines.append({**line, **theirs, "note": note})
    return lines, times.rows, len(same) == len(peers)


def measure_all(chosen, dgemm):
    """Measures, prints and keeps all chosen cases; how many are not well."""
    lines, rounds, n_bad = [], [], 0
    for case in chosen:
        try:
            new_lines, new_rounds, well = measure(case, dgemm)
        except unittest.SkipTest as reason:
            new_lines, new_rounds, well = [{"data": case.name, "note": str(reason)}], [], True
        except (programs.Failed, ValueError, OSError) as error:
            new_lines, new_rounds, well = [{"data": case.name, "note": str(error)}], [], False
        for line in new_lines:
            table.show(line)
        lines += new_lines
        rounds += new_rounds
        n_bad += not well
        table.write("table", lines)
        table.write("rounds", rounds)
    return n_bad


def main(words):
    names = [case.name for case in cases.CASES] + list(extras.EXTRAS)
    if "--list" in words:
        print("\n".join(names))
        return 0
    unknown = [word for word in words if not any(word in name for name in names)]
    if unknown:
        print(f"bench: no case has '{unknown[0]}' in its name; --list lists them", file=sys.stderr)
        return 2
    wanted = {name for name in names if not words or any(word in name for word in words)}
    dgemm = machine.dgemm_flops_per_s()
    about = {
        **machine.describe(),
        "Armadillo": programs.armadillo_version() or "missing",
        "DGEMM": f"{dgemm / 1e9:.1f} GFLOP/s",
        "rounds": str(cases.ROUNDS),
        "rows": f"times {cases.SCALE:g}",
    }
    table.write("machine", [{"what": what, "value": text} for what, text in about.items()])
    chosen = [case for case in cases.CASES if case.name in wanted]
    n_bad = 0
    if chosen:
        table.show_head(about)
        n_bad = measure_all(chosen, dgemm)
    for name, extra in extras.EXTRAS.items():
        if name in wanted:
            try:
                extra()
            except (programs.Failed, OSError) as error:
                print(f"  {error}")
                n_bad += 1
    print(f"\nkept in {table.RESULTS}")
    return 1 if n_bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
