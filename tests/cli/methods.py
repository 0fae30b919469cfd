"""Fits that are not EM from a random start: labelled models, k-means, EM from labels."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

SAME = 1e-9
LABELLED = {"path": harness.IRIS, "labels": "Species"}


class Methods(harness.Case):
    def species(self):
        np = harness.need("numpy")
        names = [line.split(",")[-1] for line in harness.IRIS.read_text().split()[1:]]
        return np.unique(names, return_inverse=True)[1]

    def compare_scores(self, row, confusion, label, predicted, what):
        """Confusion, error rate, ARI and NMI of the predicted components."""
        np = harness.need("numpy")
        metrics = harness.need("sklearn.metrics")
        table = np.zeros_like(confusion)
        np.add.at(table, (predicted, label), 1)
        self.assertEqual(table.tolist(), confusion.tolist(), what)
        self.close_enough(row["ari"], metrics.adjusted_rand_score(label, predicted), SAME, what)
        nmi = metrics.normalized_mutual_info_score(label, predicted)
        self.close_enough(row["nmi"], nmi, SAME, what)

    def test_from_labels(self):
        """A start from labels is made once, whatever `restarts` says; without an iteration it is
        the labelled fit."""
        sweep = {"covariance": harness.families(), "method": ["em", "labelled"], "init": "labels"}
        result = harness.Result(
            self.sweep(
                LABELLED, sweep={**sweep, "components": 3, "restarts": 5}, em={"max_iter": 0}
            )
        )
        self.assertEqual(len(result.names), 2 * len(harness.families()))
        for family in harness.families():
            start = result.models[f"{family}-k003-labels-r000"]
            labelled = result.models[f"labelled-{family}"]
            for name, values in start.items():
                self.close_enough(values, labelled[name], 1e-13, f"{family}: {name}", 1e-15)

    def test_k_from_labels(self):
        """Where labels give K, components may be left out, and another K is refused."""
        config = self.sweep_config(LABELLED, sweep={"init": "labels"})
        del config["sweep"]["components"]
        self.gmmsweep("run", "-q", self.config(config))
        self.assertEqual(harness.Result(self.dir / "out").names, ["diag-k003-labels-r000"])
        config["sweep"]["components"] = 4
        refused = self.gmmsweep("run", self.config(config), "--output", "other", expect=3)
        self.assertIn("sweep.components", refused.stderr)
        self.assertFalse((self.dir / "other").exists())

    def test_labelled(self):
        """A labelled fit is each class's own weight, mean and covariance, in the order of the
        classes; ddof 1 divides by N_k - 1; its scores are those of its predictions."""
        np = harness.need("numpy")
        gaussian_mixture = harness.need("sklearn.mixture._gaussian_mixture")
        x, label = harness.iris()[:140], self.species()[:140]
        data = {**LABELLED, "limit": 140}
        families = harness.families()
        for ddof in (0, 1):
            out = self.sweep(
                data, f"ddof{ddof}", sweep={"method": "labelled", "covariance": families},
                em={"floor": 0.0, "ddof": ddof},
            )  # fmt: skip
            result = harness.Result(out)
            self.assertEqual(sorted(result.names), sorted(f"labelled-{f}" for f in families))
            groups = [x[label == c] for c in range(3)]
            for fit in result.names:
                family, model, row = fit.split("-")[1], result.models[fit], result.row(fit)
                shares = [len(rows) / len(x) for rows in groups]
                self.close_enough(model["weights"], shares, 1e-12, fit)
                self.close_enough(model["means"], [rows.mean(0) for rows in groups], 1e-12, fit)
                each = np.array([np.cov(rows.T, ddof=ddof) for rows in groups])
                counts = np.array([len(rows) - ddof for rows in groups])
                expected = {
                    "full": each,
                    "diag": each.diagonal(axis1=1, axis2=2),
                    "spherical": each.trace(axis1=1, axis2=2) / 4,
                    "tied": np.tensordot(counts, each, 1) / (len(x) - 3 * ddof),
                }[family]
                what = f"{fit}, ddof {ddof}"
                self.close_enough(model["covariances"], expected, 1e-11, what, 1e-13)
                mixture = gaussian_mixture.GaussianMixture(3, covariance_type=family)
                mixture.weights_, mixture.means_ = model["weights"], model["means"]
                mixture.precisions_cholesky_ = gaussian_mixture._compute_precision_cholesky(
                    model["covariances"], family
                )
                self.close_enough(row["mean_loglik"], mixture.score(x), SAME, fit)
                self.compare_scores(row, model["confusion"], label, mixture.predict(x), fit)

    def test_kmeans(self):
        """A k-means fit is its clusters' means and shares; inertia is the mean squared distance and
        within 10 % of scikit-learn's; nothing of a likelihood is told of it."""
        np = harness.need("numpy")
        cluster = harness.need("sklearn.cluster")
        sweep = {"method": "kmeans", "components": [3, 5], "init": ["kmeans++", "kmeans"]}
        out = self.sweep(LABELLED, sweep={**sweep, "restarts": 5}, kmeans={"tol": 0.0})
        result = harness.Result(out)
        x, label = harness.iris(), self.species()
        self.assertEqual(len(result.names), 20)
        for column in ("loglik", "bic", "aic", "icl"):
            self.assertNotIn(column, result.fits)
        self.assertEqual(result.best, {})
        for k in (3, 5):
            theirs = cluster.KMeans(k, n_init=10, random_state=0).fit(x).inertia_ / len(x)
            ours = result.fits["inertia"][result.fits["k"] == k].min()
            self.assertLessEqual(abs(ours - theirs), 0.1 * theirs, k)
        for fit in result.names:
            model, row = result.models[fit], result.row(fit)
            self.assertEqual((row["method"], row["covariance"]), ("kmeans", "none"))
            distance = ((x[:, None, :] - model["means"][None]) ** 2).sum(-1)
            near = distance.argmin(1)
            self.close_enough(row["inertia"], distance.min(1).mean(), 1e-12, fit)
            self.compare_scores(row, model["confusion"], label, near, fit)
            for c, mean in enumerate(model["means"]):
                self.close_enough(mean, x[near == c].mean(0), 1e-12, fit)
                self.close_enough(model["weights"][c], np.mean(near == c), 1e-12, fit)

    def test_from_file(self):
        """A stored model given back by `init: file` is taken as it is and in its order: max_iter 0
        returns it, its log-likelihood is the one stored, and EM from a converged one stays."""
        np = harness.need("numpy")
        em = {"tol": 1e-13, "criterion": "relative", "max_iter": 5000}
        for family in harness.families():
            sweep = {"components": 3, "covariance": family, "restarts": 1}
            given = harness.Result(self.sweep(harness.IRIS, f"{family}", sweep=sweep, em=em))
            (fit,) = given.names
            row, model = given.row(fit), given.models[fit]
            turn = [2, 0, 1]
            arrays = {name: model[name][turn] for name in ("weights", "means", "covariances")
                      if (family, name) != ("tied", "covariances")}  # fmt: skip
            np.savez(self.dir / f"{family}.npz", **{**model, **arrays})
            for n_iter in (0, 500):
                config = self.sweep_config(
                    harness.IRIS, f"{family}{n_iter}", sweep={**sweep, "init": "file"},
                    em={"max_iter": n_iter},
                )  # fmt: skip
                text = f"init_file: {family}.npz\n" + harness.yaml(config)
                self.gmmsweep("run", "-q", self.write("file.yaml", text))
                back = harness.Result(self.dir / f"{family}{n_iter}")
                (name,) = back.names
                what = f"{name}, max_iter {n_iter}"
                self.close_enough(back.row(name)["loglik"], row["loglik"], 1e-10, what)
                allowed = 1e-15 if n_iter == 0 else 1e-4
                for array in ("weights", "means"):
                    ours, theirs = back.models[name][array], model[array][turn]
                    self.close_enough(ours, theirs, allowed, what, 10 * allowed)

    def test_small_em(self):
        """A small-em start is the best of twenty runs of ten iterations from `points`: ten of ten
        are above the median of single runs."""
        np = harness.need("numpy")
        x, _ = harness.blobs(13, n=400, n_features=4, n_blobs=8, spread=2.0)
        data = self.write_csv("blobs.csv", x)
        sweep = {"components": 7, "covariance": ["diag", "full"]}
        runs, starts = (
            harness.Result(
                self.sweep(
                    data, init, sweep={**sweep, "init": init, "restarts": n_restarts},
                    em={"tol": 0.0, "max_iter": n_iter},
                )
            )
            for init, n_restarts, n_iter in (("points", 31, 10), ("small-em", 10, 0))
        )  # fmt: skip
        for family in sweep["covariance"]:
            single = runs.fits["loglik"][runs.fits["covariance"] == family]
            best = starts.fits["loglik"][starts.fits["covariance"] == family]
            self.assertGreater(best.min(), np.median(single), family)
            self.assertGreater(best.min(), single.min() + 1.0, family)

    def test_told(self):
        """What run prints and status counts of such fits has no nan in it, and times are times."""
        sweep = {"method": ["em", "kmeans", "labelled"], "components": 3, "restarts": 1}
        config = self.config(self.sweep_config(LABELLED, sweep=sweep))
        done = self.gmmsweep("run", config)
        self.assertNotRegex(done.stdout + done.stderr, r"\bnan\b")
        self.assertNotRegex(done.stderr, r"-\d+ (h|min|s)\b")
        self.assertRegex(self.gmmsweep("status", "out").stdout, r"(?m)^ +3 ")
        self.assertNotRegex(self.gmmsweep("show", "out", "--json").stdout, r"\bnan\b")

    def test_readers(self):
        """xarray opens what such fits add to the file, with both engines."""
        xarray = harness.need("xarray")
        sweep = {"method": ["em", "kmeans", "labelled"], "components": 3, "covariance": ["full"]}
        out = self.sweep(LABELLED, sweep=sweep)
        with harness.need("h5py").File(out / "sweep.h5") as f:
            groups = [f"models/{name}" for name in f["models"]] + ["fits", "history"]
        self.assertLessEqual({"models/kmeans-k003", "models/labelled-full"}, set(groups))
        for engine, module in (("netcdf4", "netCDF4"), ("h5netcdf", "h5netcdf")):
            harness.need(module)
            for group in groups:
                with xarray.open_dataset(out / "sweep.h5", group=group, engine=engine) as opened:
                    self.assertGreater(len(opened.load().variables), 3, group)


if __name__ == "__main__":
    harness.main()
