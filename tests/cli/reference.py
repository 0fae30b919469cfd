"""`em.kernel: reference`, plain and dense, judges the fast kernels: the same start, the same number
of steps, in all families; and fits so large that their statistics are gathered in another way.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

EPSILON = 2.0**-52
PARAMETERS = 1e-9  # of each feature's deviation: rounding times what a few steps of EM add to it
STEPS = 5  # enough for one step's error to show in the next; few, since the reference is slow
HEAVY_BYTES = 64 * 2**20  # design.md: statistics of all lanes over this are gathered by component
LANE_ROWS = 1024  # design.md: rows in a lane, while there are few lanes

# What the M-step may be told. Floors and ridges are large enough to be felt.
VARIANTS = {
    "bare": {"floor": 0.0},
    "floor": {"floor": 0.2},
    "floor-absolute": {"floor_absolute": 1.0},
    "ridge": {"floor": 0.0, "ridge": 0.1},
    "equal": {"floor": 1e-3, "mixing": "equal"},
    "ddof": {"floor": 1e-3, "ddof": 1},
}


def magnified(x, model, family):
    """What multiplies rounding in the family's sums: q of truth.md; for full the condition, which
    is at most what truth.md takes."""
    np = harness.need("numpy")
    y, means = x - x.mean(0), model["means"] - x.mean(0)
    if family == "tied":
        return max(m @ np.linalg.solve(model["covariances"], m) for m in means)
    if family == "spherical":
        return (y**2).sum(1).max() / model["covariances"].min()
    if family == "full":
        unit = deviations(x)
        values = [np.linalg.eigvalsh(s / np.outer(unit, unit)) for s in model["covariances"]]
        return max(v[-1] / v[0] for v in values)
    return 0.0


def deviations(x):
    """Each feature's deviation; of a constant one, what the others have on average."""
    np = harness.need("numpy")
    variance = x.var(0)
    if not (variance > 0).any():
        return np.ones(x.shape[1])
    return np.sqrt(np.where(variance > 0, variance, variance[variance > 0].mean()))


class Reference(harness.Case):
    def rows(self, seed, n, n_features, n_blobs=6):
        """Overlapping groups whose features have deviations of 0.3 to 3, moved from 0, and
        correlated within the groups."""
        np = harness.need("numpy")
        rng = np.random.default_rng(seed)
        x, _ = harness.blobs(seed, n=n, n_features=n_features, n_blobs=n_blobs, spread=3.0)
        x += rng.standard_normal((n, 1))
        return x * 3.0 ** rng.uniform(-1, 1, n_features) / 5 + rng.uniform(-20, 20, n_features)

    def fitted(self, data, em, sweep, args=()):
        """The same number of steps, whatever rounding does."""
        self.n_sweeps += 1
        em = {"tol": 0.0, "max_iter": STEPS, "redraws": 0, **em}
        return harness.Result(self.sweep(data, f"{self.n_sweeps}", args, sweep=sweep, em=em))

    def compare(self, x, fast, reference, what, total):
        """Outcomes are equal, traces within the rounding that truth.md grants, models within
        PARAMETERS of each feature's deviation. Returns what was compared: fit -> row."""
        np = harness.need("numpy")
        self.assertEqual(fast.names, reference.names, what)
        unit, compared = deviations(x), {}
        for fit in fast.names:
            a, b, where = fast.row(fit), reference.row(fit), f"{what} {fit}"
            for column in ("status", "iterations", "flagged", "floored", "redraws"):
                self.assertEqual(a[column], b[column], f"{where}: {column}")
            model, judge = fast.models[fit], reference.models[fit]
            q = magnified(x, judge, b["covariance"])
            size = abs(reference.trace(fit)["loglik"]).max() + x.size
            slack = 1e-12 * size + 8 * EPSILON * total * q
            for column in ("loglik", "elbo"):
                ours, theirs = fast.trace(fit)[column], reference.trace(fit)[column]
                self.close_enough(ours, theirs, 0.0, f"{where}: {column}", absolute=slack)
            # Components of equal weight may stand in another order: by their first coordinate.
            mine, its = (np.argsort(m["means"][:, 0], kind="stable") for m in (model, judge))
            self.close_enough(
                model["weights"][mine], judge["weights"][its], PARAMETERS, f"{where}: weights"
            )
            self.close_enough(
                model["means"][mine] / unit, judge["means"][its] / unit, 0.0, f"{where}: means",
                absolute=PARAMETERS,
            )  # fmt: skip
            of = {
                "spherical": lambda s, order: s[order] / (unit**2).mean(),
                "diag": lambda s, order: s[order] / unit**2,
                "tied": lambda s, order: s / np.outer(unit, unit),
                "full": lambda s, order: s[order] / np.outer(unit, unit),
            }[b["covariance"]]
            self.close_enough(
                of(model["covariances"], mine), of(judge["covariances"], its), 0.0,
                f"{where}: covariances", absolute=PARAMETERS,
            )  # fmt: skip
            compared[fit] = a
        return compared

    def judged(self, n, n_features, components, em, weighted=False, **sweep):
        """Both kernels on n rows; row weights from 0 to 3 where wanted."""
        np = harness.need("numpy")
        seed = self.seed + 1000 * n + n_features
        x = self.rows(seed, n, n_features)
        np.save(self.dir / "x.npy", x)
        data, total = {"path": self.dir / "x.npy"}, float(n)
        if weighted:
            weight = np.random.default_rng(seed).uniform(0.1, 3.0, n)
            weight[::5] = 0.0
            np.save(self.dir / "w.npy", weight)
            data["weights"] = self.dir / "w.npy"
            total, x = weight.sum(), x[weight > 0]
        sweep = {
            "components": components,
            "covariance": harness.families(),
            "init": ["points", "kmeans++"],
            "restarts": 1,
            **sweep,
        }
        results = [self.fitted(data, {**em, "kernel": k}, sweep) for k in ("fast", "reference")]
        what = f"N {n}, D {n_features}, {em}{', weighted' if weighted else ''}:"
        return self.compare(x, *results, what, total)

    def setUp(self):
        super().setUp()
        self.seed = self.seeded(21).randrange(10**6)
        self.n_sweeps = 0

    def test_variants(self):
        """Floor, ridge, equal mixing and ddof, each with and without row weights."""
        for (n, n_features, k), (name, em) in (
            (shape, variant)
            for shape in ((257, 5, [1, 2, 7]), (2500, 3, [7, 40]))
            for variant in VARIANTS.items()
        ):
            for weighted in (False, True):
                compared = self.judged(n, n_features, k, em, weighted)
                if name.startswith("floor"):
                    floored = max(row["floored"] for row in compared.values())
                    self.assertGreater(floored, 0, f"{name}: this floor is to be felt")
                ended = [row["status"] for row in compared.values()]
                self.assertGreater(ended.count("max_iter"), len(ended) // 2, f"{name}: {ended}")

    def test_shapes(self):
        """From one row to several lanes, from 1 feature to 784, from 1 component to 200; most of
        them with a row count or a feature count beside a multiple of a block."""
        for n, n_features, components, sweep in (
            (1, 1, [1], {}),
            (1, 3, [1], {}),
            (2, 1, [1, 2], {}),
            (7, 2, [1, 2, 7], {}),
            (9, 17, [2], {}),
            (255, 1, [2, 7, 40], {}),
            (255, 2, [7, 200], {}),
            (256, 3, [1, 40], {}),
            (1025, 5, [2, 40], {}),
            (1025, 2, [200], {}),
            (5000, 1, [2], {}),
            (5000, 16, [7], {}),
            (1025, 33, [2, 7], {}),
            (5000, 33, [2], {"init": "points"}),
            (300, 61, [7], {"init": "points"}),
            (300, 196, [2], {"init": "points"}),
            (1025, 70, [25], {"covariance": ["diag"]}),  # whose distances may end early
            (40, 784, [2], {"init": "points", "steps": 1}),
        ):
            em = {"floor": 1e-2, "max_iter": sweep.pop("steps", STEPS)}
            for weighted in {False, 2 < n < 5000 and n_features < 100}:
                self.judged(n, n_features, components, em, weighted, **sweep)

    def start_file(self, x, k):
        """k rows with the data's covariance, as the file that a full start is given in."""
        np = harness.need("numpy")
        picks = np.random.default_rng(self.seed).choice(len(x), k, replace=False)
        covariance = np.cov(x.T, bias=True)
        np.savez(
            self.dir / "start.npz", weights=np.full(k, 1 / k), means=x[picks],
            covariances=np.repeat(covariance[None], k, 0),
        )  # fmt: skip
        return ["--set", f"init_file={self.dir / 'start.npz'}"]

    def test_heavy(self):
        """A fit whose statistics are too many for the lanes to have their own is the same on 1 and
        3 threads, and that of half the rows with weight 2, which is not as heavy."""
        np = harness.need("numpy")
        n, n_features, k = 21 * LANE_ROWS, 61, 110
        n_bytes = 8 * (1 + k + k * n_features * (1 + n_features))
        self.assertGreater(n // LANE_ROWS * n_bytes, HEAVY_BYTES)
        self.assertLess(n // 2 // LANE_ROWS * n_bytes, HEAVY_BYTES)
        x = self.rows(self.seed, n // 2, n_features, n_blobs=20)
        np.save(self.dir / "half.npy", x)
        np.save(self.dir / "twice.npy", np.concatenate([x, x[::-1]]))
        np.save(self.dir / "two.npy", np.full(len(x), 2.0))
        sweep = {"components": k, "covariance": "full", "init": "file"}
        start, em = self.start_file(x, k), {"floor": 1e-2, "max_iter": 2}
        one, three = (
            self.fitted({"path": self.dir / "twice.npy"}, em, sweep, [*start, "--threads", t])
            for t in (1, 3)
        )
        self.assertEqual(one.content, three.content)
        half = {"path": self.dir / "half.npy", "weights": self.dir / "two.npy"}
        light = self.fitted(half, em, sweep, start)
        self.compare(np.concatenate([x, x]), three, light, "heavy:", n)


if __name__ == "__main__":
    harness.main()
