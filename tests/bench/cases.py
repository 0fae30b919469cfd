"""The cases of the table, and the data they are fitted to."""
import collections
import functools
import os
import pathlib

from machine import harness, np

CACHE = pathlib.Path(os.environ.get("BUILD", harness.ROOT / "build")) / "bench"
SCALE = float(os.environ.get("BENCH_SCALE", 1))  # of the numbers of rows
ROUNDS = int(os.environ.get("BENCH_ROUNDS", 5))
MNIST = os.environ.get("MNIST", "")
RIDGE = 1e-3  # of the digits: many of their pixels are constant

# What `data:` of our config says, the same rows as an array, and what the table calls them.
Data = collections.namedtuple("Data", "config x title")

# data: a key of DATA. n_iter: iterations beyond the first that are timed. targets: the peers, and
# how many times faster than each we are to be, or None.
Case = collections.namedtuple("Case", "name data k family n_iter em targets")

DIGITS_EM = {"ridge": RIDGE, "floor": 0.0}
PLAIN_EM = {"ridge": 0.0, "floor": 0.0}
DEFAULT_FLOOR_EM = {"ridge": RIDGE}


def sklearn(at_least=None):
    return {"scikit-learn": at_least}


CASES = [
    Case("mnist04-k5-spherical", "mnist04", 5, "spherical", 30, DIGITS_EM, sklearn(20)),
    Case("mnist04-k5-diag", "mnist04", 5, "diag", 30, DIGITS_EM, sklearn(25)),
    Case("mnist04-k5-diag-floor", "mnist04", 5, "diag", 30, DEFAULT_FLOOR_EM, sklearn()),
    Case("mnist04-k5-tied", "mnist04", 5, "tied", 10, DIGITS_EM, sklearn(150)),
    Case("mnist04-k5-full", "mnist04", 5, "full", 5, DIGITS_EM, sklearn(15)),
    Case("mnist-k30-diag", "mnist", 30, "diag", 10, DIGITS_EM, sklearn(15)),
    Case("mnist-k30-full", "mnist", 30, "full", 2, DIGITS_EM, sklearn(45)),
    Case("pixels-k16-diag", "pixels", 16, "diag", 10, PLAIN_EM, sklearn(80)),
    Case("pixels-k16-diag-unequal", "unequal", 16, "diag", 10, PLAIN_EM, sklearn()),
    Case("pixels-k16-full", "pixels", 16, "full", 10, PLAIN_EM,
         {"scikit-learn": 150, "Armadillo": 60}),
    Case("pixels-k16-full-unequal", "unequal", 16, "full", 10, PLAIN_EM,
         {"scikit-learn": None, "Armadillo": None}),
    Case("synthetic-k64-diag", "synthetic", 64, "diag", 4, PLAIN_EM, sklearn(12)),
    Case("synthetic-k64-full", "synthetic", 64, "full", 2, PLAIN_EM,
         {"scikit-learn": 45, "Armadillo": 22}),
]  # fmt: skip


def scaled(n):
    """A number of rows under BENCH_SCALE."""
    return max(1, round(n * SCALE))


# --- digits ---


def idx_pair():
    """Images and labels of MNIST's training set, and what they are called."""
    if not MNIST:
        stem, title = harness.DATA / "train5k", "MNIST's first 5,000"
        return f"{stem}-images-idx3-ubyte.gz", f"{stem}-labels-idx1-ubyte.gz", title
    folder = pathlib.Path(MNIST).expanduser().resolve()
    found = []
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        paths = (folder / f"{name}{end}" for end in ("", ".gz"))
        path = next((path for path in paths if path.exists()), None)
        if path is None:
            raise FileNotFoundError(f"MNIST={MNIST}: no {name} or {name}.gz in it")
        found.append(str(path))
    return *found, "MNIST"


def digits(classes, suffix):
    """Digits of these classes, pooled to 14 x 14 and divided by 255."""
    images_path, labels_path, title = idx_pair()
    wanted = np.isin(harness.read_idx(labels_path), classes)
    limit = scaled(int(wanted.sum()))
    images = harness.read_idx(images_path)[np.flatnonzero(wanted)[:limit]].astype(float)
    n, height, width = images.shape
    blocks = images.reshape(n, height // 2, 2, width // 2, 2)
    x = (blocks.sum(axis=(2, 4)) / 4).reshape(n, -1) / 255
    config = {"path": images_path, "labels": labels_path, "pool": 2, "scale": 255,
              "classes": [str(c) for c in classes], "limit": limit}  # fmt: skip
    return Data(config, x, title + suffix)


# --- the photograph ---


def photograph():
    """Its pixels [427 x 640, 3], as gmmsweep reads a picture."""
    image = harness.need("PIL.Image").open(harness.DATA / "china.jpg")
    return np.asarray(image.convert("RGB"), float).reshape(-1, 3)


def pixels():
    """The photograph; under BENCH_SCALE some of its pixels, from everywhere in it."""
    x = photograph()
    n = scaled(len(x))
    if n == len(x):
        return Data({"path": str(harness.DATA / "china.jpg")}, x, "photograph")
    x = x[np.linspace(0, len(x) - 1, n).astype(int)]
    return Data({"path": saved(f"pixels-{n}", x)}, x, "photograph")


def unequal_pixels():
    """The same with noise of a grey level, so that no two rows are equal."""
    x = pixels().x
    x = x + np.random.default_rng(0).uniform(-0.5, 0.5, x.shape)
    return Data({"path": saved(f"unequal-{len(x)}", x)}, x, "photograph, no two equal")


# --- drawn from a mixture ---


def draw(n, n_features, k, seed=0):
    """Rows of a mixture of equal weights: means 4 N(0,1), factors I + 0.3 N(0,1)."""
    rng = np.random.default_rng(seed)
    means = 4 * rng.standard_normal((k, n_features))
    factors = np.eye(n_features) + 0.3 * rng.standard_normal((k, n_features, n_features))
    component = rng.integers(0, k, n)
    x = rng.standard_normal((n, n_features))
    for c in range(k):
        rows = component == c
        x[rows] = means[c] + x[rows] @ factors[c].T
    return x


def saved(name, x):
    """Path of the array as NPY in the cache, where it is written once."""
    path = CACHE / f"{name}.npy"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".tmp.npy")
        np.save(unfinished, x)
        unfinished.rename(path)
    return str(path)


def drawn(n, n_features, k):
    """A mixture's rows, from the cache if they are there."""
    name = f"mixture-{n}-{n_features}-{k}"
    path = CACHE / f"{name}.npy"
    x = np.load(path) if path.exists() else draw(n, n_features, k)
    return Data({"path": saved(name, x)}, x, "synthetic")


DATA = {
    "mnist04": lambda: digits(range(5), ", digits 0-4"),
    "mnist": lambda: digits(range(10), ""),
    "pixels": pixels,
    "unequal": unequal_pixels,
    "synthetic": lambda: drawn(scaled(1_000_000), 16, 64),
}


@functools.lru_cache(maxsize=1)
def data(name):
    """The data of that name; of several, the last one asked for is kept."""
    return DATA[name]()
