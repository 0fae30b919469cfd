"""What the whole-program tests share: running gmmsweep, writing its inputs, reading its results.

A test is a script tests/cli/NAME.py that ends with harness.main(). Exit status, as tests/run.sh
counts it: 0 passed, 77 something was skipped (its name and what it lacks are printed), else failed.
"""
import gzip
import hashlib
import functools
import importlib
import io
import json
import os
import pathlib
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAM = os.environ.get("GMMSWEEP", str(ROOT / "build" / "gmmsweep"))
DATA = ROOT / "tests" / "data"
IRIS, FAITHFUL = DATA / "iris.csv", DATA / "faithful.csv"
DIGITS, DIGIT_LABELS = DATA / "t2k-images-idx3-ubyte.gz", DATA / "t2k-labels-idx1-ubyte.gz"
TIMEOUT_S = 120
SKIPPED = 77

# Before the judges are imported: threads of theirs only disturb, on data of this size.
JUDGES_THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
os.environ.update(JUDGES_THREADS)


def need(name):
    """The module, or a skip that names it. Under CI=true tests/run.sh makes a skip a failure."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise unittest.SkipTest(f"needs the Python module {name}: {error}") from None


@functools.cache
def params():
    """The table of `gmmsweep params`: key -> row."""
    text = subprocess.run([PROGRAM, "params", "--json"], capture_output=True, check=True).stdout
    return {row["key"]: row for row in json.loads(text)}


def commands():
    """The commands that this program lists."""
    text = subprocess.run([PROGRAM, "help"], capture_output=True, check=True, text=True).stdout
    return re.findall(r"^  (\w+)", text.split("Commands:\n")[1].split("\n\n")[0], re.M)


def families():
    """The covariance families that this program knows."""
    return params()["sweep.covariance"]["choices"]


def initialisers():
    """The initialisers that need nothing beside the data."""
    return [name for name in params()["sweep.init"]["choices"] if name not in ("labels", "file")]


def environment(**changes):
    """The environment without what would choose threads or memory for the program. Threads wait
    without spinning: on a shared machine hundreds of short runs take a third of the time so."""
    choosing = ("OMP_", "GOMP_", "OPENBLAS_", "SLURM_")
    env = {k: v for k, v in os.environ.items() if not k.startswith(choosing)}
    return {**env, "OMP_WAIT_POLICY": "passive", **changes}


def yaml(config):
    """A config of sections of keys as YAML; values in flow style, one key a line."""
    lines = []
    for section, keys in config.items():
        lines.append(f"{section}:")
        lines += [f"  {key}: {flow(value)}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def flow(value):
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(v) for v in value) + "]"
    if isinstance(value, os.PathLike):
        return json.dumps(str(value))
    return value if isinstance(value, Plain) else json.dumps(value)


class Plain(str):
    """A text that stands in the config without quotes, such as a range 2..10."""


def tree(folder):
    """Path and content of everything in the folder, to see that nothing changed."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(pathlib.Path(folder).rglob("*"))
    }


def end(process):
    """Kills a process that has not ended, and closes its pipes."""
    if process.poll() is None:
        process.kill()
    process.wait()
    for pipe in (process.stdout, process.stderr):
        pipe.close()


def file_limit(n_bytes):
    """For preexec_fn: no file that the process writes may grow beyond so many bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))


class Case(unittest.TestCase):
    """A test with a folder of its own, which goes when it ends."""

    maxDiff = 2000

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="gmmsweep-cli-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    @classmethod
    def of_class(cls):
        """A case whose folder stays until all tests of the class have ended, for what they share."""
        case = cls("setUp")
        case.setUp()
        cls.addClassCleanup(case.doCleanups)
        return case

    def seeded(self, default=1):
        """A generator whose seed is printed; TEST_SEED replaces it."""
        seed = int(os.environ.get("TEST_SEED", default))
        print(f"{self.id()}: seed {seed}", file=sys.stderr)
        return random.Random(seed)

    def gmmsweep(self, *args, expect=0, **options):
        """Runs the program, which must end with the exit status `expect`."""
        options = {"env": environment(), "cwd": self.dir, "timeout": TIMEOUT_S, **options}
        if "stdout" not in options:
            options["stdout"] = subprocess.PIPE
        done = subprocess.run(
            [PROGRAM, *map(str, args)],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        if done.returncode != expect:
            self.fail(
                f"gmmsweep {' '.join(map(str, args))}: exit status {done.returncode}, "
                f"expected {expect}\n{done.stdout}{done.stderr}"
            )
        return done

    def start(self, *args, **options):
        """Starts the program and returns its process, which is killed if the test leaves it."""
        process = subprocess.Popen(
            [*options.pop("before", []), PROGRAM, *map(str, args)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **{"env": environment(), "cwd": self.dir, **options},
        )
        self.addCleanup(end, process)
        return process

    def ended(self, process, expect, within_s=TIMEOUT_S):
        """Waits for a started process, whose exit status must be expect: (stdout, stderr)."""
        since = time.monotonic()
        try:
            said = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.fail(f"{process.args} has not ended within {TIMEOUT_S} s")
        took = time.monotonic() - since
        self.assertEqual(process.returncode, expect, "".join(said))
        self.assertLessEqual(took, within_s, "".join(said))
        return said

    def wait_until(self, moment, process=None):
        """Waits until moment() is true; the process, if given, must not end before."""
        deadline = time.monotonic() + TIMEOUT_S
        while not moment():
            if process is not None and process.poll() is not None:
                self.fail("ended too soon: " + "".join(process.communicate()))
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.001)

    def write(self, name, content):
        path = self.dir / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def config(self, config, name="sweep.yaml"):
        return self.write(name, yaml(config))

    def sweep(self, data, output="out", args=(), **sections):
        """Runs a sweep over data (a path, or the data section); returns its folder."""
        config = self.sweep_config(data, output, **sections)
        self.gmmsweep("run", "-q", self.config(config, f"{output}.yaml"), *args)
        return self.dir / output

    def sweep_config(self, data, output="out", sweep=None, **sections):
        data = data if isinstance(data, dict) else {"path": data}
        plain = {"components": [2, 3], "covariance": "diag", "init": "kmeans++", "restarts": 2}
        sweep = {**plain, "seed": 1, **(sweep or {})}
        return {"data": data, "sweep": sweep, **sections, "output": {"path": output}}

    def write_csv(self, name, rows, header=None):
        """The rows as CSV, with as many digits as bring each number back."""
        lines = [",".join(header)] if header else []
        lines += [",".join(repr(float(x)) for x in row) for row in rows]
        return self.write(name, "\n".join(lines) + "\n")

    def check_same_fit(self, result, expected, fit):
        """The fit has the same bits in both results. A column that no fit has is not there."""
        ours, theirs = fit_bits(result, fit), fit_bits(expected, fit)
        for name in sorted(set(ours) & set(theirs)):
            self.assertTrue(ours[name] == theirs[name], f"{fit}: {name}")

    def close_enough(self, ours, theirs, relative, what, absolute=0.0):
        """Compares arrays; the largest deviation, in units of the tolerance, is in the message."""
        np = need("numpy")
        ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
        self.assertEqual(ours.shape, theirs.shape, what)
        allowed = relative * np.abs(theirs) + absolute
        off = np.abs(ours - theirs)
        self.assertTrue(
            bool(np.all(off <= allowed)),
            f"{what}: off by {off.max():.3g} where {relative:g} relative is allowed",
        )


class Result:
    """A sweep.h5 as arrays: fits (column -> values), models by fit's name, histories likewise."""

    def __init__(self, path):
        h5py = need("h5py")
        path = pathlib.Path(path)
        if path.is_dir():
            path = path / "sweep.h5"
        with h5py.File(path, "r") as f:
            self.attrs = dict(f.attrs)
            self.data_attrs = dict(f["data"].attrs)
            self.best = dict(f["best"].attrs)
            self.data = {name: self._values(d) for name, d in f["data"].items()}
            self.fits = {name: self._values(d) for name, d in f["fits"].items()}
            self.history = {name: self._values(d) for name, d in f["history"].items()}
            self.provenance = {name: self._values(d) for name, d in f["provenance"].items()}
            self.models = {}
            for group in f["models"].values():
                arrays = {name: self._values(d) for name, d in group.items()}
                for i, fit in enumerate(arrays["fit"]):
                    self.models[fit] = {
                        name: arrays[name][i]
                        for name in ("weights", "means", "covariances", "confusion")
                        if name in arrays
                    }
        self.names = list(self.fits["fit"])
        self.content = self.attrs["content_sha256"]

    @staticmethod
    def _values(dataset):
        string = need("h5py").check_string_dtype(dataset.dtype)
        return dataset.asstr()[()] if string else dataset[()]

    def row(self, fit):
        """The fit's row in /fits."""
        i = self.names.index(fit)
        return {name: values[i] for name, values in self.fits.items()}

    def trace(self, fit):
        """The fit's entries in /history: name -> values."""
        row = self.row(fit)
        first, count = row["history_first"], row["history_count"]
        return {
            name: values[first : first + count]
            for name, values in self.history.items()
            if name not in ("entry", "fit")
        }


# What a fit's row says of where it stands and when it was made; all else is its result.
PLACES_AND_TIMES = ("wall_s", "history_first")


def fit_bits(result, fit):
    """All numbers of one fit as bytes, without its place in the file and its times."""
    parts = {f"fits/{k}": v for k, v in result.row(fit).items() if k not in PLACES_AND_TIMES}
    parts.update({f"models/{k}": v for k, v in result.models[fit].items()})
    parts.update({f"history/{k}": v for k, v in result.trace(fit).items() if k != "wall_s"})
    return {k: v if isinstance(v, str) else v.tobytes() for k, v in parts.items()}


def read_idx(path):
    """The array in an IDX file of bytes, plain or gzipped."""
    np = need("numpy")
    content = pathlib.Path(path).read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    assert content[:3] == b"\0\0\x08", "IDX of unsigned bytes"
    n_axes = content[3]
    shape = [int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(n_axes)]
    return np.frombuffer(content, np.uint8, offset=4 + 4 * n_axes).reshape(shape)


def idx(array):
    """The array of bytes as an IDX file."""
    head = b"\0\0\x08" + bytes([array.ndim])
    return head + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def npy(array):
    """The array as an NPY file."""
    content = io.BytesIO()
    need("numpy").save(content, array)
    return content.getvalue()


def digits(limit=None, pool=1, scale=1.0):
    """The digits as gmmsweep prepares them with data.limit, data.pool and data.scale."""
    images = read_idx(DIGITS)[:limit].astype(float)
    n, height, width = images.shape
    blocks = images.reshape(n, height // pool, pool, width // pool, pool)
    return (blocks.sum(axis=(2, 4)) / (pool * pool)).reshape(n, -1) / scale


def read_csv(path, columns):
    """The columns of numbers, by 0-based number, of a CSV file with a header."""
    np = need("numpy")
    lines = [line.split(",") for line in pathlib.Path(path).read_text().split()[1:]]
    return np.array([[float(line[c]) for c in columns] for line in lines])


def iris():
    return read_csv(IRIS, [0, 1, 2, 3])


def faithful():
    return read_csv(FAITHFUL, [0, 1])


def blobs(seed, n=600, n_features=3, n_blobs=3, spread=1.0):
    """Rows from well-known normal distributions, rows shuffled: (x, label)."""
    np = need("numpy")
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-8, 8, (n_blobs, n_features))
    label = rng.integers(0, n_blobs, n)
    return centres[label] + spread * rng.standard_normal((n, n_features)), label


def data_sha256(x):
    """The digest of the prepared data, as the specification words it."""
    np = need("numpy")
    shape = np.array(x.shape, "<u8").tobytes()
    rows = (np.ascontiguousarray(x, "<f8") + 0.0).tobytes()  # -0 as +0
    return hashlib.sha256(shape + rows).hexdigest()


def main():
    """Runs the script's tests. A skip is named, and makes the exit status 77 unless one failed."""
    program = unittest.main(module="__main__", exit=False, verbosity=1)
    for test, reason in program.result.skipped:
        print(f"skipped {test.id()}: {reason}")
    if not program.result.wasSuccessful():
        sys.exit(1)
    if program.result.testsRun == 0:
        sys.exit("no test was run")
    sys.exit(SKIPPED if program.result.skipped else 0)
