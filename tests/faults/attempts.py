"""An attempt of the fault battery: a sweep that something was done to, and what it lost by that."""
import collections
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli" / "lib"))
import harness

SHIM = os.environ.get("FAULT_SHIM", str(harness.ROOT / "build" / "tests" / "faults" / "shim.so"))
TIMEOUT_S = 90
OUTCOMES = {  # exit statuses that a fault may lead to
    "kill": (-signal.SIGKILL,), "write": (0, 5, 75), "sync": (0, 5, 75), "rename": (0, 5, 75),
    "close": (0, 4, 5, 75), "malloc": (0, 1, 4, 5, 75), "disk": (0, 5, 75),
}  # fmt: skip
# HDF5 often does not say which cause it has; a thread without memory for its stack is EAGAIN.
NO_MEMORY = r"memory|alloc|sweep\.h5(\.tmp)?: cannot|cannot make a thread"
CAUSES = {"ENOSPC": "no space left", "full": "no space left", "EIO": "input/output error",
          "EROFS": "read-only", "ENOMEM": NO_MEMORY, "exhausted": NO_MEMORY}  # fmt: skip
WRONGS = ("lost", "unreadable", "false", "differing", "crashed", "other")

IRIS = {"path": harness.IRIS, "labels": "Species"}
FAITHFUL = {"path": harness.FAITHFUL}
POINTS = {"covariance": "diag", "init": "points", "restarts": 6}
FULL = {"components": 3, "covariance": "full", "init": "points"}
CONFIGS = {  # data, sweep, em
    "small": (IRIS, POINTS, {}),  # 12 fits in a blink
    "tiny": (FAITHFUL, {"components": 2}, {}),
    "slow": (IRIS, POINTS, {"tol": 0.0, "max_iter": 6000}),  # a second
    "heavy": (IRIS, FULL, {"tol": 0.0, "max_iter": 60000}),  # two fits of seconds
    "endless": (IRIS, {**FULL, "restarts": 10}, {"tol": 0.0, "max_iter": 1000000}),
}


class Unreadable(Exception):
    """A file that a fault left behind cannot be read."""


SWEEPS = {}  # name -> Sweep, once prepared


class Sweep:
    """A config, and the result of an undisturbed run of it."""

    def __init__(self, name, folder, run):
        data, sweep, em = CONFIGS[name]
        config = {"data": data, "sweep": {"components": [2, 3], "restarts": 2, "seed": 1, **sweep}}
        config |= {"em": em} if em else {}
        config["run"] = {"checkpoint": 0.1}
        self.config = folder / f"{name}.yaml"
        self.config.write_text(harness.yaml({**config, "output": {"path": name}}))
        self.grown = folder / f"{name}-grown"  # a finished sweep of some of the fits
        self.content = self.grown_content = self.n_lines = None
        if not run:
            return
        began, whole = time.monotonic(), folder / f"{name}-whole"
        assert launch(self, whole).wait() == 0, name
        self.seconds = time.monotonic() - began
        assert launch(self, self.grown, "--set", "sweep.restarts=1").wait() == 0, name
        _, self.content, _ = read(whole)
        _, self.grown_content, _ = read(self.grown)
        self.result = harness.Result(whole)
        self.n_lines = len((whole / "config.resolved.yaml").read_text().splitlines())


def launch(sweep, out, *args, **fault):
    """Starts the sweep in the folder; faults as FAULT_ variables."""
    env = {f"FAULT_{name.upper()}": str(value) for name, value in fault.items()}
    env |= {"LD_PRELOAD": SHIM, "FAULT_UNDER": str(out)} if env else {}
    return subprocess.Popen(
        [harness.PROGRAM, "run", sweep.config, "--output", out, *args],
        env=harness.environment(OMP_NUM_THREADS="2", **env), text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def ended(process, timeout_s=TIMEOUT_S):
    """Exit status and standard error of the process; killed and None if it takes too long."""
    try:
        text = process.communicate(timeout=timeout_s)[1]
        return process.returncode, text
    except subprocess.TimeoutExpired:
        process.kill()
        return None, process.communicate()[1]


def last_line(text):
    return text.strip().splitlines()[-1] if text.strip() else "no message"


def read(out):
    """Status, content (dataset -> its bits, as content_sha256 covers it) and wall times by fit."""
    h5py, content = harness.need("h5py"), {}

    def visit(name, node):
        if isinstance(node, h5py.Dataset) and not name.startswith(("provenance/", "config/")):
            values = node[()]
            content[name] = values.tobytes() if values.dtype != object else repr(values.tolist())

    try:
        with h5py.File(out / "sweep.h5", "r") as f:
            f.visititems(visit)
            walls = {}
            if "fits/wall_s" in f:  # not without fits
                walls = dict(zip(f["fits/fit"].asstr()[()], f["fits/wall_s"][()].tolist()))
            status, content["sha256"] = f.attrs["status"], f.attrs["content_sha256"]
    except Exception as error:  # whatever h5py makes of a torn file
        raise Unreadable(f"sweep.h5: {error}") from None
    return status, {k: v for k, v in content.items() if not k.endswith("/wall_s")}, walls


def logged(out):
    """The fits that the folder's logs hold: name -> wall time."""
    show = [harness.PROGRAM, "show", out, "--json"]
    done = subprocess.run(show, capture_output=True, text=True, env=harness.environment())
    if done.returncode == 0:
        return {row["fit"]: row["wall_s"] for row in json.loads(done.stdout)}
    if done.returncode == 4 and re.search("no sweep has been run|No such file", done.stderr):
        return {}
    raise Unreadable(f"show: {done.returncode} {done.stderr}")


class Attempt:
    """What one fault, or several on one folder, did: counts, and notes on all that is wrong."""

    def __init__(self, label, at, sweep, out):
        self.label, self.at, self.sweep, self.out = label, at, SWEEPS[sweep], out
        self.counts, self.notes, self.known = collections.Counter(), [], {}
        self.before = None

    def wrong(self, kind, what):
        self.counts[kind] += 1
        what = str(what).replace(str(self.out), "OUT")
        self.notes.append((f"{kind}: {self.label}: {what}", self.at))

    def start(self, grown):
        """The folder as it is before the fault."""
        if grown:
            shutil.copytree(self.sweep.grown, self.out, dirs_exist_ok=True)
            self.before, self.known = self.sweep.grown_content, logged(self.out)

    def look(self, status, text, expected, cause=None):
        """After a fault: is all there that was, and is the end as documented?"""
        self.counts["tried"] += 1
        said = last_line(text)
        if status is None:
            self.wrong("crashed", f"still runs after {TIMEOUT_S} s")
        elif "\nfault: " in text:
            self.crashed(text.partition("\nfault: ")[2].splitlines())
        elif status not in expected:
            self.wrong("other", f"exit status {status}, expected one of {expected}: {said}")
        elif status > 0 and not text.startswith(("gmmsweep: ", "libgomp: ")) and \
                "\ngmmsweep: " not in text and "\nlibgomp: " not in text:
            self.wrong("other", f"exit status {status} without a message: {said}")
        elif cause and status > 0 and not re.search(cause, text, re.I):
            self.wrong("other", f"exit status {status} without the cause: {said}")
        elif status in (4, 5) and str(self.out) not in text and cause != CAUSES["ENOMEM"]:
            self.wrong("other", f"exit status {status} without a path: {said}")
        elif status == 0 and expected != (0,):
            self.counts["unharmed"] += 1
        self.look_at_files(status)
        told = set(re.findall(r"^(\S+): (?:converged|max_iter|degenerate), ", text, re.M))
        with self.readable():
            now = logged(self.out)
            for fit in sorted((told | set(self.known)) - set(now)):
                self.wrong("lost", f"{fit} was finished")
            self.recomputed(now)
            self.known = now

    def crashed(self, told):
        """A crash: of the program or, `library`, in a library that it calls."""
        frames = [re.sub(r"\[.*|\+0x\w+\)", "", frame.split("/")[-1]) for frame in told[1:]]
        frames = [frame for frame in frames if not re.match(r"shim\.so|libc\.so", frame)]
        ours = frames[0].startswith(pathlib.Path(harness.PROGRAM).name)
        self.wrong("crashed" if ours else "library", f"{told[0]} in {' < '.join(frames[:3])}")

    @contextlib.contextmanager
    def readable(self):
        try:
            yield
        except Unreadable as error:
            self.wrong("unreadable", error)

    def recomputed(self, walls):
        for fit in self.known.keys() & walls.keys():
            if self.known[fit] != walls[fit]:
                self.wrong("lost", f"{fit} was computed again")

    def look_at_files(self, status):
        resolved = self.out / "config.resolved.yaml"
        n_lines = len(resolved.read_text().splitlines()) if resolved.exists() else None
        if n_lines not in (None, self.sweep.n_lines or n_lines):
            self.wrong("unreadable", "config.resolved.yaml is cut")
        if not (self.out / "sweep.h5").exists():
            if status == 0 or self.before:
                self.wrong("false" if status == 0 else "lost", f"{status}, but no sweep.h5")
            return
        with self.readable():
            kind, content, walls = read(self.out)
            whole = content == self.sweep.content
            if kind == "complete" and not whole and (status == 0 or content != self.before):
                self.wrong("false", f"exit status {status}, another content says complete")
            if kind != "complete" and status == 0:
                self.wrong("false", f"exit status 0, sweep.h5 is {kind}")
            if kind == "partial" and walls:
                part = harness.Result(self.out)
                for fit in part.names:
                    if harness.fit_bits(part, fit) != harness.fit_bits(self.sweep.result, fit):
                        self.wrong("differing", f"{fit} in a partial sweep.h5")

    def finish(self):
        """The same command without faults: ends with the bits of an undisturbed run."""
        status, text = ended(launch(self.sweep, self.out))
        if status != 0:
            self.wrong("differing", f"run again: exit status {status}: {last_line(text)}")
            return
        with self.readable():
            kind, content, walls = read(self.out)
            if (kind, content) != ("complete", self.sweep.content):
                self.wrong("differing", f"run again: {kind}, {content['sha256']}")
            for fit in self.known.keys() - walls.keys():
                self.wrong("lost", f"{fit} after running again")
            self.recomputed(walls)
        for path in self.out.rglob("*.tmp"):
            self.wrong("other", f"left behind: {path.name}")


@contextlib.contextmanager
def attempt(label, sweep, at=0):
    """The `at`-th attempt of the label's kind, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="gmmsweep-faults-") as folder:
        yield Attempt(label, at, sweep, pathlib.Path(folder).resolve() / "out")


def prepare(folder):
    """Runs all sweeps but the endless one undisturbed, in the folder."""
    for name in CONFIGS:
        SWEEPS[name] = Sweep(name, folder, run=name != "endless")
