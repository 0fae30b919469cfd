"""Rows that repeat, as the colours of pictures do, are merged: the fits are those of all rows."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

N_ROWS, N_CLASSES = 5000, 3
LEVELS = 8  # of each of three channels, so that at most 512 rows differ
EM = {"floor": 1e-2, "max_iter": 100}  # the floor keeps rounding from being magnified
LOGLIK = 1e-12  # of sums over all rows, added in another order
PARAMETERS = 1e-9  # the same, through the iterations


class EqualRows(harness.Case):
    def setUp(self):
        super().setUp()
        np = harness.need("numpy")
        seed = self.seeded().randrange(10**6)
        x, self.label = harness.blobs(seed, n=N_ROWS, n_blobs=N_CLASSES, spread=2.0)
        self.label[::4] = 0  # equal rows of different classes
        self.x = np.clip(np.round(x / 2 + LEVELS / 2), 0, LEVELS - 1).astype("u1")
        self.weight = np.random.default_rng(seed).integers(1, 9, N_ROWS) / 4
        columns = {
            "x": self.x,
            "label": self.label,
            "weight": self.weight,
            "row": np.arange(N_ROWS),
        }
        for name, values in columns.items():
            np.save(self.dir / f"{name}.npy", values)
        self.plain = {"path": self.dir / "x.npy"}
        self.labelled = {**self.plain, "labels": self.dir / "label.npy"}
        self.weighted = {**self.labelled, "weights": self.dir / "weight.npy", "heldout": 0.2}
        self.every = {
            "components": [1, N_CLASSES],
            "covariance": harness.families(),
            "init": harness.initialisers(),
            "restarts": 2,
        }

    def fitted(self, data, name, args=(), em=None, **changes):
        sweep = {**self.every, **changes}
        out = self.sweep(data, name, args, sweep=sweep, em={**EM, **(em or {})})
        return harness.Result(out)

    def compare(self, one, other, what):
        """Every fit ends in the same way, at the same place but for rounding."""
        self.assertEqual(one.names, other.names)
        for fit in one.names:
            a, b, where = one.row(fit), other.row(fit), f"{what}: {fit}"
            for column in ("status", "iterations", "redraws", "flagged", "floored"):
                self.assertEqual(a[column], b[column], f"{where}: {column}")
            for column in ("loglik", "mean_loglik", "bic", "aic", "heldout", "icl", "inertia"):
                if column in one.fits and column in other.fits:
                    tolerance = PARAMETERS if column in ("heldout", "icl") else LOGLIK
                    self.close_enough(a[column], b[column], tolerance, f"{where}: {column}")
            mine, its = one.models[fit], other.models[fit]
            for name in ("weights", "means", "covariances"):
                self.close_enough(
                    mine[name], its[name], PARAMETERS, f"{where}: {name}", absolute=PARAMETERS
                )

    def test_kept_apart(self):
        """Labels that no two rows share keep all rows apart: the fits are the same, whatever the
        start draws, and so are the classes' shares of the components. (Random responsibilities are
        drawn for each row that is left, so they differ.)"""
        np = harness.need("numpy")
        each = {"labelled": np.ones(N_ROWS), "weighted": self.weight}
        inits = [name for name in self.every["init"] if name != "responsibilities"]
        apart = {"labels": self.dir / "row.npy"}
        for name, data in {"labelled": self.labelled, "weighted": self.weighted}.items():
            one = self.fitted(data, name, init=inits)
            other = self.fitted({**data, **apart}, f"{name}-apart", init=inits)
            self.compare(one, other, name)
            for column in ("index", "weight", "heldout"):
                if column in one.data:
                    self.assertEqual(one.data[column].tolist(), other.data[column].tolist())
            for fit in one.names:
                of_rows, row = other.models[fit]["confusion"], other.data["class"].astype(int)
                fitted = 1 - other.data.get("heldout", np.zeros(N_ROWS))[row]
                alone = each[name][row] * fitted
                self.assertTrue(np.array_equal(of_rows.sum(axis=0), alone), "not kept apart")
                table = np.zeros_like(one.models[fit]["confusion"])
                np.add.at(table.T, self.label[row], of_rows.T)
                self.assertEqual(table.tolist(), one.models[fit]["confusion"].tolist(), fit)

    def test_reference(self):
        """The plain kernel, from the labels of the rows as from other starts."""
        sweep = {"components": N_CLASSES, "init": ["labels", "kmeans++", "responsibilities"]}
        fast, plain = (
            self.fitted(self.weighted, kernel, em={"kernel": kernel}, **sweep)
            for kernel in ("fast", "reference")
        )
        self.compare(fast, plain, "reference")

    def test_threads(self):
        """The same digest for 1 and 2 threads."""
        for name, data in {"plain": self.plain, "weighted": self.weighted}.items():
            content = {
                self.fitted(data, f"{name}-{threads}", ["--threads", threads]).content
                for threads in (1, 2)
            }
            self.assertEqual(len(content), 1, name)


if __name__ == "__main__":
    harness.main()
