"""The programs that are compared: each gives the seconds per iteration from one common start."""
import collections
import os
import pathlib
import re
import shutil
import subprocess
import time
import warnings

import cases
from machine import CORES, harness, np

ARMADILLO = pathlib.Path(os.environ.get("BUILD", harness.ROOT / "build")) / "tests/bench/armadillo"
TIMEOUT_S = 3600
START_LLOYD = 10  # k-means iterations of the common start

# One fit of ours: log-likelihood and seconds of each entry, digest, peak memory, how it ended, model.
Run = collections.namedtuple("Run", "trace wall_s content peak_mib status model")


class Failed(Exception):
    """A program failed, or two do not agree."""


def called(command, env=None):
    """Runs a command; its stdout and stderr, or Failed with the last line it said."""
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=TIMEOUT_S,
        env=env, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no word"]
        raise Failed(f"{pathlib.Path(command[0]).name}: exit status {done.returncode}: {said[-1]}")
    return done.stdout, done.stderr


def environment():
    """The environment for ours: --threads alone says how many threads there are. OPENBLAS_CORETYPE
    is for all programs."""
    choosing = ("OMP_", "OPENBLAS_NUM", "SLURM_")
    return {k: v for k, v in os.environ.items() if not k.startswith(choosing)}


# --- gmmsweep ---


def sweep(name, sections, threads=CORES, start=None):
    """Runs a config in a fresh folder of the cache: the folder and what was said on stderr."""
    out = cases.CACHE / "runs" / name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    config = out / "sweep.yaml"
    plain = {"run": {"checkpoint": 3600}, "output": {"path": out / "out"}}
    top_level = f"init_file: {harness.flow(start)}\n" if start else ""
    config.write_text(top_level + harness.yaml({**sections, **plain}))
    command = [harness.PROGRAM, "run", "-v", "--threads", threads, config]
    return out / "out", called(command, environment())[1]


def one_fit(name, sections, threads=CORES, start=None):
    """Runs a config of one fit: the result and what the table needs of it."""
    out, said = sweep(name, sections, threads, start)
    result = harness.Result(out)
    fit = result.names[0]
    trace = result.trace(fit)
    peak = re.search(r"peak memory (\d+) MiB", said)
    return result, Run(
        trace["loglik"], trace["wall_s"], result.content,
        float(peak.group(1)) if peak else float("nan"), result.row(fit)["status"],
        result.models[fit],
    )  # fmt: skip


def sections_of(case, data, max_iter, init):
    """The config of a case with one of the two starts."""
    return {
        "data": data.config,
        "sweep": {"components": case.k, "covariance": case.family, "init": init, "restarts": 1},
        "em": {**case.em, "max_iter": max_iter, "tol": 0.0, "redraws": 0},
        "kmeans": {"max_iter": START_LLOYD},
    }


class Ours:
    """gmmsweep, and the start that it makes for all."""

    def __init__(self, case, data):
        self.case, self.data = case, data
        made, run = one_fit(case.name, sections_of(case, data, 0, "kmeans++"))
        if made.attrs["data_sha256"] != harness.data_sha256(data.x):
            raise Failed("gmmsweep has read other numbers than the peers get")
        self.start = run.model
        self.start_file = cases.CACHE / f"{case.name}.npz"
        names = ("weights", "means", "covariances")
        np.savez(self.start_file, **{name: self.start[name] for name in names})
        self.content, self.peak_mib = None, 0.0

    def run(self, threads):
        """One fit from the start; that its bits are always the same is seen to here."""
        sections = sections_of(self.case, self.data, 1 + self.case.n_iter, "file")
        _, run = one_fit(self.case.name, sections, threads, self.start_file)
        if self.content not in (None, run.content):
            raise Failed("gmmsweep: two runs differ in bits")
        self.content = run.content
        self.peak_mib = max(self.peak_mib, run.peak_mib)
        return run


def iteration_s(run):
    """Seconds per iteration, without the first."""
    if run.status != "max_iter":
        raise Failed(f"gmmsweep: the fit ended as {run.status}")
    return (run.wall_s[-1] - run.wall_s[1]) / (len(run.wall_s) - 2)


# --- scikit-learn ---


def precisions(covariances, family):
    """Inverse covariances, in scikit-learn's shape for the family."""
    inverse = np.reciprocal if family in ("spherical", "diag") else np.linalg.inv
    return inverse(covariances)


class Sklearn:
    """scikit-learn's GaussianMixture."""

    def __init__(self, case, x, start):
        from sklearn.mixture import GaussianMixture

        class Traced(GaussianMixture):
            """Keeps the mean log-likelihood that each E-step finds."""

            def _e_step(self, X):
                mean_loglik, log_resp = super()._e_step(X)
                self.trace.append(mean_loglik)
                return mean_loglik, log_resp

        self.plain, self.traced = GaussianMixture, Traced
        self.case, self.x = case, x
        self.settings = {
            "n_components": case.k, "covariance_type": case.family, "tol": 0.0,
            "reg_covar": case.em["ridge"], "weights_init": start["weights"],
            "means_init": start["means"], "random_state": 0,
            "precisions_init": precisions(start["covariances"], case.family),
        }  # fmt: skip

    def fit(self, mixture):
        """Seconds of fit()."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it has not converged: tol is 0
            began = time.perf_counter()
            mixture.fit(self.x)
            return time.perf_counter() - began

    def difference(self, ours):
        """Largest relative difference of the log-likelihoods, the start's to the last model's."""
        mixture = self.traced(**self.settings, max_iter=len(ours) - 1)
        mixture.trace = []
        self.fit(mixture)
        if mixture.lower_bound_ != mixture.trace[-2] or len(mixture.trace) != len(ours):
            raise Failed("scikit-learn: its E-steps are not what they are taken for")
        theirs = len(self.x) * np.array(mixture.trace)
        return float(np.max(np.abs(ours - theirs) / np.abs(theirs)))

    def iteration_s(self):
        """Seconds per iteration: fit() with 1 + n of them less fit() with one."""
        n = self.case.n_iter
        one_s, all_s = (self.fit(self.plain(**self.settings, max_iter=m)) for m in (1, 1 + n))
        return (all_s - one_s) / n


# --- Armadillo ---


def armadillo_version():
    """Armadillo's version, or None where the program was not built for lack of it."""
    return called([ARMADILLO, "--version"])[0].strip() if ARMADILLO.exists() else None


class Armadillo:
    """Armadillo's gmm_diag and gmm_full, in the program armadillo.cc."""

    def __init__(self, case, x, start):
        data_file, start_file = (cases.CACHE / f"armadillo-{s}.f64" for s in ("data", "start"))
        x.tofile(data_file)
        parts = (start[name].ravel() for name in ("weights", "means", "covariances"))
        np.concatenate(list(parts)).tofile(start_file)
        shape = (*x.shape, case.k, case.n_iter)
        self.command = [ARMADILLO, case.family, *shape, data_file, start_file]
        self.n_iter, self.n_rows = case.n_iter, len(x)

    def run(self):
        """Seconds per iteration, and the mean log-likelihood at the end."""
        said, _ = called(self.command)
        one_s, all_s, mean_loglik = map(float, said.split())
        return (all_s - one_s) / self.n_iter, mean_loglik

    def difference(self, ours):
        """Relative difference of the last log-likelihood, the only one that it tells."""
        theirs = self.n_rows * self.run()[1]
        return abs(ours[-1] - theirs) / abs(theirs)

    def iteration_s(self):
        return self.run()[0]


PEERS = {"scikit-learn": Sklearn, "Armadillo": Armadillo}
