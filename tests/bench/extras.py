"""What is measured beside single fits: how time grows with the sizes, and a whole sweep."""
import concurrent.futures
import itertools
import math
import multiprocessing
import statistics
import time
import warnings

import cases
import programs
import table
from machine import CORES, np, sklearn_version

BASE = {"N": cases.scaled(100_000), "D": 16, "K": 16}
SIZES = {
    "N": [cases.scaled(n) for n in (50_000, 100_000, 200_000, 400_000)],
    "D": [8, 16, 32, 64],
    "K": [8, 16, 32, 64],
}
GROWTH_ITERATIONS = 5
GROWTH_ROUNDS = SWEEP_ROUNDS = min(3, cases.ROUNDS)

SWEEP_K = (2, 5, 10)
FAMILIES = ("full", "tied", "diag", "spherical")  # the longest first: the processes end together
SWEEP_STARTS, SWEEP_ITERATIONS, SWEEP_AT_LEAST = 4, 20, 15


# --- growth ---


def growth_s(family, size):
    """Our seconds per iteration on a mixture of this size, median of the rounds."""
    data = cases.drawn(size["N"], size["D"], size["K"])
    case = cases.Case("growth", "", size["K"], family, GROWTH_ITERATIONS, cases.DIGITS_EM, {})
    sections = programs.sections_of(case, data, 1 + GROWTH_ITERATIONS, "kmeans++")
    runs = (programs.one_fit(case.name, sections)[1] for _ in range(GROWTH_ROUNDS))
    return statistics.median(programs.iteration_s(run) for run in runs)


def growth():
    """Slopes of log time against log size, and the times that they are of."""
    rows = []
    base = ", ".join(f"{axis} = {size}" for axis, size in BASE.items())
    print(f"\nour time per iteration as one of {base} changes, synthetic:")
    for family, axis in itertools.product(("diag", "full"), SIZES):
        times = [growth_s(family, {**BASE, axis: size}) for size in SIZES[axis]]
        slope = np.polyfit(np.log(SIZES[axis]), np.log(times), 1)[0]
        listed = ", ".join(table.number(1e3 * t) for t in times)
        print(f"  {family:5} {axis} = {SIZES[axis]}: {listed} ms, slope {slope:.2f}", flush=True)
        rows += [
            {"family": family, "axis": axis, "size": size, "s": t, "slope": slope}
            for size, t in zip(SIZES[axis], times)
        ]
    table.write("growth", rows)


# --- a whole sweep ---


def prepare_worker(x):
    """In a process of its own: one thread, and the data at hand."""
    import threadpoolctl

    prepare_worker.x = x
    prepare_worker.limits = threadpoolctl.threadpool_limits(1)


def fit_there(job):
    """One fit of scikit-learn in such a process, as a sweep written with it would do."""
    from sklearn.mixture import GaussianMixture

    family, k, start = job
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return GaussianMixture(
            k, covariance_type=family, tol=0.0, reg_covar=cases.RIDGE,
            max_iter=SWEEP_ITERATIONS, random_state=start,
        ).fit(prepare_worker.x).n_iter_  # fmt: skip


def their_sweep_s(pool):
    """Wall time of all fits, spread over processes that are ready."""
    began = time.perf_counter()
    jobs = itertools.product(FAMILIES, sorted(SWEEP_K, reverse=True), range(SWEEP_STARTS))
    n_done = len(list(pool.map(fit_there, jobs)))
    assert n_done == len(FAMILIES) * len(SWEEP_K) * SWEEP_STARTS
    return time.perf_counter() - began


def our_sweep_s(data, max_iter):
    """Wall time of our program from its start to its end."""
    sections = {
        "data": data.config,
        "sweep": {"components": SWEEP_K, "covariance": FAMILIES, "init": "kmeans++",
                  "restarts": SWEEP_STARTS},
        "em": {**cases.DIGITS_EM, "tol": 0.0, "max_iter": max_iter, "redraws": 0},
    }  # fmt: skip
    began = time.perf_counter()
    programs.sweep("sweep", sections)
    return time.perf_counter() - began


def sweep_rounds(data, pool):
    """One row of seconds a round; NaN for scikit-learn where it is missing."""
    for _ in range(SWEEP_ROUNDS):
        yield {
            "theirs_s": their_sweep_s(pool) if pool else math.nan,
            "ours_s": our_sweep_s(data, SWEEP_ITERATIONS),
            "ours_without_em_s": our_sweep_s(data, 0),
        }


def whole_sweep():
    """Prints and writes the line on a whole sweep."""
    data = cases.data("mnist04")
    n, d = data.x.shape
    n_fits = len(FAMILIES) * len(SWEEP_K) * SWEEP_STARTS
    print(
        f"\nwhole sweep: {data.title}, {n} x {d}, K = {SWEEP_K}, {len(FAMILIES)} families, "
        f"{SWEEP_STARTS} k-means++ starts, {SWEEP_ITERATIONS} iterations: {n_fits} fits"
    )
    if sklearn_version() is None:
        rows = list(sweep_rounds(data, None))
    else:
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(
            CORES, context, initializer=prepare_worker, initargs=(data.x,)
        ) as pool:
            list(pool.map(fit_there, [("diag", 1, 0)] * 4 * CORES))  # so that they are ready
            rows = list(sweep_rounds(data, pool))
    table.write("sweep", rows)
    theirs, ours, starts = (statistics.median(r[key] for r in rows) for key in rows[0])
    print(f"  gmmsweep {ours:.2f} s, of which the same sweep without EM (reading, starts, writing) "
          f"takes {100 * starts / ours:.0f} %")  # fmt: skip
    if math.isnan(theirs):
        print("  scikit-learn is missing")
        return
    ratios = sorted(r["theirs_s"] / r["ours_s"] for r in rows)
    print(
        f"  scikit-learn in {CORES} processes {theirs:.2f} s, "
        f"ratio {statistics.median(ratios):.1f}x ({ratios[0]:.1f}..{ratios[-1]:.1f}), "
        f"asked {SWEEP_AT_LEAST}x",
        flush=True,
    )


EXTRAS = {"growth": growth, "sweep": whole_sweep}
