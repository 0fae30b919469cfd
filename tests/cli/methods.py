"""Fits that are not EM from a random start (labelled models, k-means, EM from labels), every
initialiser as a run without iterations shows it, and what becomes of fits that collapse."""
import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

SAME = 1e-9
UNLIKELY = 5  # deviations that a correct program's sampling strays with a chance of 1e-6
# The start itself, whatever its variances are and even if a component of it has no rows.
START = {"max_iter": 0, "floor": 0.0, "redraws": 0}
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


def covariances_of(groups, family, ddof=0):
    """Covariances of the groups of rows, in the family's shape."""
    np = harness.need("numpy")
    each = np.array([np.cov(rows.T, ddof=ddof).reshape(2 * rows.shape[1:]) for rows in groups])
    counts = np.array([len(rows) - ddof for rows in groups])
    if family == "tied":
        return np.tensordot(counts, each, 1) / counts.sum()
    if family == "spherical":
        return each.trace(axis1=1, axis2=2) / each.shape[1]
    return each.diagonal(axis1=1, axis2=2) if family == "diag" else each


class KMeans(harness.Case):
    """k-means against scikit-learn's, from the same seeds, in the space where it measures."""

    def space(self, x, weight, whiten):
        """The rows where k-means measures, and the way back."""
        np = harness.need("numpy")
        mean = np.average(x, axis=0, weights=weight)
        covariance = np.cov(x.T, bias=True, aweights=weight)
        factor = {
            "none": np.eye(x.shape[1]),
            "scale": np.diag(np.sqrt(np.diag(covariance))),
            "full": np.linalg.cholesky(covariance),
        }[whiten]
        return lambda rows: np.linalg.solve(factor, (rows - mean).T).T

    def compare(self, x, weight, kmeans, what):
        """Both from the seeds that a run without Lloyd iterations shows."""
        np = harness.need("numpy")
        np.savez(self.dir / "x.npz", x=x)
        data = {"path": self.dir / "x.npz"}
        if len(set(weight)) > 1:
            np.save(self.dir / "w.npy", weight)
            data["weights"] = self.dir / "w.npy"
        sweep = {"method": "kmeans", "components": [4, 9], "init": ["kmeans++", "kmeans"]}
        seeds, ends = (
            harness.Result(self.sweep(data, f"{what}{n}", sweep=sweep, kmeans={**kmeans, **n}))
            for n in ({"max_iter": 0}, {})
        )
        to_space = self.space(x, weight, kmeans["whiten"])
        z = to_space(x)
        for fit in ends.names:
            row, model = ends.row(fit), ends.models[fit]
            seed, where = to_space(seeds.models[fit]["means"]), f"{what} {fit}"
            theirs = harness.need("sklearn.cluster").KMeans(
                len(seed), init=seed, n_init=1, tol=kmeans["tol"], algorithm="lloyd",
                max_iter=kmeans.get("max_iter", 100),
            ).fit(z, sample_weight=weight)  # fmt: skip
            self.close_enough(row["inertia"], theirs.inertia_ / weight.sum(), SAME, where)
            moved = np.abs(theirs.cluster_centers_ - seed).max()
            self.assertGreater(moved, 1e-3, f"{where}: these seeds tell nothing")
            mine = to_space(model["means"])
            order = ((mine[:, None] - theirs.cluster_centers_[None]) ** 2).sum(-1).argmin(1)
            self.assertEqual(sorted(order), list(range(len(seed))), where)
            self.close_enough(mine, theirs.cluster_centers_[order], SAME, where, SAME)
            shares = np.bincount(theirs.labels_, weight, len(seed)) / weight.sum()
            self.close_enough(model["weights"], shares[order], SAME, where)

    def rows(self):
        """Correlated groups whose features have deviations apart by 100."""
        np = harness.need("numpy")
        seed = self.seeded(31).randrange(10**6)
        x, _ = harness.blobs(seed, n=2000, n_features=3, n_blobs=7, spread=2.0)
        return (x + x[:, :1]) * [0.1, 1.0, 10.0] + 5, np.random.default_rng(seed)

    def test_against_sklearn(self):
        """From the same seeds Lloyd ends where scikit-learn's does, to convergence, to a tolerance
        and cut off after two iterations, in each space; inertia is that of the space."""
        x, rng = self.rows()
        for whiten in harness.params()["kmeans.whiten"]["choices"]:
            for how in ({"tol": 0.0}, {"tol": 0.02}, {"tol": 0.0, "max_iter": 2}):
                self.compare(x, 1.0 + 0 * x[:, 0], {"whiten": whiten, **how}, f"{whiten} {how}")
            weights = rng.uniform(0.2, 4.0, len(x))
            self.compare(x, weights, {"whiten": whiten, "tol": 0.0}, f"{whiten} weighted")

    def test_one_lloyd_run(self):
        """EM of one (init, restart, K) starts from the clusters of the k-means fit of the same
        name, also of a Lloyd run cut off before its end and in another space; ddof 1 divides by
        N_k - 1 there."""
        np = harness.need("numpy")
        x, _ = self.rows()
        np.save(self.dir / "x.npy", x)
        families = harness.families()
        sweep = {
            "method": ["kmeans", "em"],
            "components": [3, 6],
            "covariance": families,
            "init": ["kmeans", "kmeans++"],
        }
        for whiten in harness.params()["kmeans.whiten"]["choices"]:
            for ddof in (0, 1):
                result = harness.Result(
                    self.sweep(
                        self.dir / "x.npy", f"{whiten}{ddof}", sweep=sweep,
                        em={**START, "ddof": ddof}, kmeans={"max_iter": 2, "whiten": whiten},
                    )
                )  # fmt: skip
                to_space = self.space(x, None, whiten)
                z = to_space(x)
                for fit in (name for name in result.names if name.startswith("kmeans-")):
                    clusters = result.models[fit]
                    distance = z[:, None, :] - to_space(clusters["means"])[None]
                    near = (distance**2).sum(-1).argmin(1)
                    groups = [x[near == c] for c in range(len(clusters["means"]))]
                    means = np.array([rows.mean(0) for rows in groups])
                    self.assertGreater(np.abs(means - clusters["means"]).max(), 1e-3, "cut off")
                    for family in families:
                        name = fit.replace("kmeans-", f"{family}-", 1)
                        model, what = result.models[name], f"{whiten} ddof {ddof} {name}"
                        self.close_enough(model["weights"], clusters["weights"], 1e-12, what)
                        self.close_enough(model["means"], means, SAME, what)
                        expected = covariances_of(groups, family, ddof)
                        self.close_enough(model["covariances"], expected, SAME, what, SAME)


class Starts(harness.Case):
    """Each initialiser, by its models after no iteration."""

    def starts(self, data, output="out", **sweep):
        sweep = {"covariance": harness.families(), "components": 4, "restarts": 3, **sweep}
        return harness.Result(self.sweep(data, output, sweep=sweep, em=START))

    def rows(self, n=400, n_features=4, default=41):
        """Rows in correlated groups, features apart in scale by 1e8."""
        np = harness.need("numpy")
        seed = self.seeded(default).randrange(10**6)
        x, _ = harness.blobs(seed, n=n, n_features=n_features)
        return (x + x[:, :1]) * np.logspace(-4, 4, n_features)

    def test_one_start_for_all_families(self):
        """Streams ignore the family: weights of a start are the same in all of them, means to the
        rounding of sums that are taken about other points."""
        x = self.rows()
        unit = x.std(0)
        inits = [i for i in harness.initialisers() if i != "small-em"]  # its trials have a family
        result = self.starts(self.write_csv("x.csv", x), init=inits)
        for fit in (name for name in result.names if name.startswith("full-")):
            one = result.models[fit]
            for family in harness.families():
                other = result.models[fit.replace("full", family)]
                where = f"{family} {fit}"
                self.assertEqual(one["weights"].tolist(), other["weights"].tolist(), where)
                self.close_enough(
                    one["means"] / unit, other["means"] / unit, 1e-15, where, absolute=1e-14
                )

    def test_identity(self):
        """`identity`: different rows as means, covariance 1 in the data's own units whatever its
        scales are, equal weights."""
        np = harness.need("numpy")
        x = self.rows()
        rows = {tuple(row) for row in x}
        unit = {"spherical": np.ones(4), "diag": np.ones((4, 4)), "tied": np.eye(4),
                "full": np.repeat(np.eye(4)[None], 4, 0)}  # fmt: skip
        result = self.starts(self.write_csv("x.csv", x), init="identity")
        for fit in result.names:
            model, family = result.models[fit], fit.split("-")[0]
            self.close_enough(model["covariances"], unit[family], 1e-14, fit, 1e-14)
            self.assertEqual(model["weights"].tolist(), [0.25] * 4, fit)
            near = [x[np.abs((x - mean) / x.std(0)).sum(1).argmin()] for mean in model["means"]]
            self.assertEqual(len(set(map(tuple, near)) & rows), 4, fit)
            self.close_enough(model["means"] / x.std(0), near / x.std(0), 0, fit, 1e-13)

    def test_seeds_are_prefixes(self):
        """Streams ignore K: the means of K are among those of K + 1, for what picks rows."""
        x = self.rows(300)
        result = self.starts(
            self.write_csv("x.csv", x), components=list(range(1, 9)), covariance="diag",
            init=["identity", "points"], restarts=5,
        )  # fmt: skip
        for fit in result.names:
            row = result.row(fit)
            if row["k"] in (1, 8):  # K = 1 is run once
                continue
            more = fit.replace(f"k{row['k']:03d}", f"k{row['k'] + 1:03d}")
            means, others = ({tuple(m) for m in result.models[f]["means"]} for f in (fit, more))
            self.assertEqual(len(others - means), 1, fit)
            self.assertLess(means, others, fit)

    def test_seeding_is_plain(self):
        """k-means++ picks the next seed with chances as weight times squared distance, nothing
        greedier: of rows at 0, 1 and 2, the one at 2 four times as often as the one at 1 with
        weight 1, and equally often if the one at 1 weighs 4."""
        np = harness.need("numpy")
        n = 1000
        seed = self.seeded(42).randrange(10**6)
        for weight, share in ((1.0, 0.8), (4.0, 0.5)):
            lines = ["x,w", "1,%r" % weight, "2,1"] + ["0,30"] * 40
            data = {"path": self.write("x.csv", "\n".join(lines) + "\n"), "weights": "w"}
            result = self.starts(
                data, f"w{weight}", components=2, covariance="diag", init="identity", restarts=n,
                seed=seed,
            )  # fmt: skip
            means = np.round([model["means"][:, 0] for model in result.models.values()], 9)
            self.assertEqual(set(means.flat), {0.0, 1.0, 2.0}, "every seed is a row")
            from_zero = means[(means == 0).any(1)]
            self.assertGreater(len(from_zero), 0.98 * n)
            found = np.mean((from_zero == 2).any(1))
            stray = UNLIKELY * math.sqrt(share * (1 - share) / len(from_zero))
            self.assertLess(abs(found - share), stray, f"weight {weight}")

    def test_points_are_different_rows(self):
        """`points` and `identity` take rows that differ, even where nearly all are equal."""
        np = harness.need("numpy")
        x = np.concatenate([np.zeros((500, 2)), [[1, 2], [3, 1], [2, 5]]])
        result = self.starts(self.write_csv("x.csv", x), init=["points", "identity"])
        for fit in result.names:
            means = {tuple(mean) for mean in result.models[fit]["means"].round(12)}
            self.assertEqual(means, {tuple(row) for row in np.unique(x, axis=0)}, fit)

    def test_parameters(self):
        """`parameters`: means all over the data's box and not outside, covariances A A' with A
        uniform in units of deviation / sqrt(D), the other families' from the full one."""
        np = harness.need("numpy")
        x = self.rows()
        n_features, k, n_restarts = x.shape[1], 20, 25
        result = self.starts(
            self.write_csv("x.csv", x), init="parameters", components=k, restarts=n_restarts
        )
        low, high, unit = x.min(0), x.max(0), x.std(0)
        places, matrices = [], []
        for restart in range(n_restarts):
            model = {
                family: result.models[f"{family}-k{k:03d}-parameters-r{restart:03d}"]
                for family in harness.families()
            }
            full = model["full"]["covariances"]
            self.assertEqual(model["full"]["weights"].tolist(), [1 / k] * k)
            places.append((model["full"]["means"] - low) / (high - low))
            matrices.append(full / np.outer(unit, unit))
            diag = full.diagonal(axis1=1, axis2=2)
            self.close_enough(model["diag"]["covariances"], diag, SAME, "diag")
            self.close_enough(model["spherical"]["covariances"], diag.mean(1), SAME, "spherical")
            tied = np.abs(full / model["tied"]["covariances"] - 1).max(axis=(1, 2)).min()
            self.assertLess(tied, SAME, "tied is one of them")
        places, matrices = np.concatenate(places), np.concatenate(matrices)
        self.assertGreaterEqual(places.min(), -1e-12)
        self.assertLessEqual(places.max(), 1 + 1e-12)
        n = len(places)
        # Of n = 500 uniform numbers the chance that all are below 0.95 is 1e-11.
        self.assertLess(places.min(0).max(), 0.05, "the whole box")
        self.assertGreater(places.max(0).min(), 0.95, "the whole box")
        stray = UNLIKELY / math.sqrt(12 * n)  # of a mean of n uniform numbers
        self.assertLess(np.abs(places.mean(0) - 1 / 2).max(), stray)
        self.assertLess(np.abs(places.var(0) - 1 / 12).max(), stray)
        self.assertGreater(np.linalg.eigvalsh(matrices).min(), 0)
        # E a^2 = 1/3 and E a b = 1/4; both have a variance below 1/9, D of them make an element.
        stray = UNLIKELY / 3 / math.sqrt(n * n_features)
        expected = 1 / 4 + np.eye(n_features) / 12
        self.assertLess(np.abs(matrices.mean(0) - expected).max(), stray)

    def test_responsibilities(self):
        """`responsibilities`: an M-step from random ones that sum to 1 for each row, so weights,
        means and covariances add up to the data's own, and no two components are the same."""
        np = harness.need("numpy")
        x = self.rows()
        mean, unit = x.mean(0), x.std(0)
        total = np.cov(x.T, bias=True) / np.outer(unit, unit)
        result = self.starts(self.write_csv("x.csv", x), init="responsibilities", components=5)
        for fit in result.names:
            model, family = result.models[fit], fit.split("-")[0]
            weights, offsets = model["weights"], (model["means"] - mean) / unit
            self.assertAlmostEqual(weights.sum(), 1, delta=1e-14)
            # Shares of uniform numbers vary by less than 1/K.
            self.assertLess(np.abs(weights - 1 / 5).max(), UNLIKELY / 5 / math.sqrt(len(x)), fit)
            self.assertGreater(np.abs(weights - 1 / 5).min(), 0, fit)
            self.close_enough(weights @ offsets, 0 * mean, 0, f"{fit}: means", 1e-12)
            self.assertGreater(np.abs(offsets).max(), 1e-3, fit)
            self.assertLess(np.abs(offsets).max(), UNLIKELY * 2 / math.sqrt(len(x)), fit)
            between = np.einsum("k,ki,kj->ij", weights, offsets, offsets)
            if family in ("full", "tied"):
                within = model["covariances"] / np.outer(unit, unit)
                within = np.tensordot(weights, within, 1) if family == "full" else within
                self.close_enough(within + between, total, 0, f"{fit}: covariances", 1e-11)
            elif family == "diag":
                within = weights @ model["covariances"] / unit**2
                self.close_enough(within + np.diag(between), 0 * mean + 1, 1e-11, fit)
            else:
                within = weights @ model["covariances"] * len(mean)
                spread = np.diag(between) @ unit**2
                self.close_enough(within + spread, (unit**2).sum(), 1e-11, fit)

    def test_small_em_is_best_of_twenty(self):
        """Among single runs of ten iterations from `points`, small-em's starts rank as the best of
        twenty do: on average above 20/21 of them."""
        np = harness.need("numpy")
        seed = self.seeded(43).randrange(10**6)
        x, _ = harness.blobs(seed, n=300, n_features=3, n_blobs=9, spread=2.0)
        data = self.write_csv("x.csv", x)
        n_starts = 60
        runs, starts = (
            harness.Result(
                self.sweep(
                    data, init, em={"tol": 0.0, "max_iter": n_iter},
                    sweep={"components": 8, "covariance": "diag", "init": init, "restarts": n},
                )
            )
            for init, n, n_iter in (("points", 600, 10), ("small-em", n_starts, 0))
        )  # fmt: skip
        single = np.sort(runs.fits["loglik"])
        self.assertGreater(len(set(single.round(6))), 500, "with many ties ranks tell nothing")
        rank = np.searchsorted(single, starts.fits["loglik"]) / len(single)
        # The best of n ranks as Beta(n, 1): mean n / (n + 1), deviation nearly 1 / n.
        self.assertLess(abs(rank.mean() - 20 / 21), UNLIKELY / 20 / math.sqrt(n_starts))

    def test_run_once(self):
        """Starts that cannot differ (K = 1, labels, file, labelled) run once, the others as often
        as `restarts` says."""
        np = harness.need("numpy")
        x = harness.iris()
        np.savez(self.dir / "start.npz", weights=[0.4, 0.3, 0.3], means=x[[0, 60, 120]],
                 covariances=np.ones((3, 4)))  # fmt: skip
        sweep = {
            "method": ["em", "kmeans", "labelled"],
            "components": [1, 3],
            "init": ["points", "kmeans++", "labels", "file"],
            "covariance": "diag",
            "restarts": 3,
        }
        config = self.sweep_config(LABELLED, sweep={**sweep, "method": ["em", "labelled"]})
        config["sweep"]["components"] = 3
        text = "init_file: start.npz\n" + harness.yaml(config)
        self.gmmsweep("run", "-q", self.write("file.yaml", text))
        names = [f"diag-k003-{i}-r00{r}" for i in ("points", "kmeans++") for r in range(3)]
        names += ["diag-k003-file-r000", "diag-k003-labels-r000", "labelled-diag"]
        self.assertEqual(sorted(harness.Result(self.dir / "out").names), sorted(names))
        methods = {**sweep, "method": ["em", "kmeans"], "init": ["kmeans", "kmeans++"]}
        result = harness.Result(self.sweep(harness.IRIS, "once", sweep=methods))
        counts = {k: int((result.fits["k"] == k).sum()) for k in (1, 3)}
        self.assertEqual(counts, {1: 4, 3: 12})

    def refused_file(self, arrays, expect, says, **sections):
        """A start file that cannot be taken: the exit status, its words, nothing written."""
        np = harness.need("numpy")
        np.savez(self.dir / "start.npz", **arrays)
        config = self.sweep_config(
            harness.IRIS, sweep={"components": 3, "init": "file", "covariance": "full"}
        )
        text = "init_file: start.npz\n" + harness.yaml({**config, **sections})
        done = self.gmmsweep("run", "-q", self.write("file.yaml", text), expect=expect)
        for words in ("start.npz", *says):
            self.assertIn(words, done.stderr)
        self.assertFalse((self.dir / "out" / "sweep.h5").exists())

    def test_file_mistakes(self):
        """A start file without an array, of another shape, of values that are no mixture: exit 3
        or 4, with the file, the array and what was wrong."""
        np = harness.need("numpy")
        good = {
            "weights": np.array([0.5, 0.25, 0.25]),
            "means": harness.iris()[[0, 60, 120]],
            "covariances": np.repeat(np.eye(4)[None], 3, 0),
        }
        for name in good:
            others = {key: value for key, value in good.items() if key != name}
            self.refused_file(others, 3, [f"init_arrays.{name}", f"'{name}'"])
            renamed = {**others, "mine": good[name][..., None]}
            self.refused_file(renamed, 3, ["mine", "shape"], init_arrays={name: "mine"})
        self.refused_file({**good, "means": good["means"][:, :3]}, 3, ["means", "[3, 3]", "[3, 4]"])
        flat = np.ones((3, 4))  # of a diag model
        self.refused_file({**good, "covariances": flat}, 3, ["covariances", "[3, 4, 4]"])
        self.refused_file({**good, "weights": good["weights"] * 2}, 4, ["weights", "2", "1"])
        negative = np.array([1.5, -0.25, -0.25])
        self.refused_file({**good, "weights": negative}, 4, ["weight", "-0.25"])
        for name in good:
            spoilt = good[name].copy()
            spoilt.flat[-1] = np.nan
            self.refused_file({**good, name: spoilt}, 4, ["nan", "finite"])
        done = self.gmmsweep(
            "run", "-q", self.config(self.sweep_config(harness.IRIS, sweep={"init": "file"})),
            expect=3,
        )  # fmt: skip
        self.assertIn("init_file", done.stderr)

    def test_file_not_symmetric(self):
        """A given covariance that is not symmetric is no covariance: refused, not halved."""
        np = harness.need("numpy")
        skew = np.eye(4)
        skew[0, 3] = 0.5
        arrays = {
            "weights": np.full(3, 1 / 3),
            "means": harness.iris()[[0, 60, 120]],
            "covariances": np.array([np.eye(4), skew, np.eye(4)]),
        }
        self.refused_file(arrays, 4, ["covariances"])

    def test_file_not_positive_definite(self):
        """From a covariance that is not positive definite no fit comes: refused with the array's
        name, or degenerate and finite."""
        np = harness.need("numpy")
        good = {"weights": np.full(3, 1 / 3), "means": harness.iris()[[0, 60, 120]]}
        sweep = {"components": 3, "init": "file", "covariance": "full"}
        config = self.sweep_config(harness.IRIS, sweep=sweep, run={"fail_on": "any"})
        text = "init_file: start.npz\n" + harness.yaml(config)
        path = self.write("file.yaml", text)
        indefinite = np.ones((4, 4)) - np.diag([0, 0, 0, 2.0])
        for i, spoilt in enumerate((-np.eye(4), indefinite, np.zeros((4, 4)))):
            covariances = np.array([np.eye(4), spoilt, np.eye(4)])
            np.savez(self.dir / "start.npz", **good, covariances=covariances)
            self.gmmsweep("run", "-q", path, "--output", f"out{i}", expect=6)
            result = harness.Result(self.dir / f"out{i}")
            self.assertEqual(list(result.fits["status"]), ["degenerate"])
            for values in result.models["full-k003-file-r000"].values():
                self.assertTrue(np.isfinite(values).all())


class Outcomes(harness.Case):
    """Floors as they are defined, fits that collapse, fits that are flagged."""

    def test_floor_and_ridge_as_defined(self):
        """Labelled fits with floor and ridge: every covariance is the classes' own plus the ridge,
        its eigenvalues relative to the features' variances clipped at the floor; `floored` counts
        them, min_eigenvalue is the model's."""
        np = harness.need("numpy")
        x = harness.iris() * [1e-3, 1.0, 1e3, 1.0]  # what a floor relative to units would miss
        label = Methods.species(self)
        lines = [",".join(map(repr, row)) + f",{c}" for row, c in zip(x.tolist(), label)]
        data = {"path": self.write("x.csv", "\n".join(["a,b,c,d,kind", *lines]) + "\n")}
        groups = [x[label == c] for c in range(3)]
        families = harness.families()
        for floor, absolute, ridge in (
            (0.3, 0.0, 0.0), (0.1, 0.0, 1e-3), (0.0, 0.5, 0.0), (0.0, 0.5, 0.1), (0.0, 0.0, 0.2),
        ):  # fmt: skip
            out = self.sweep(
                {**data, "labels": "kind"}, f"{floor}-{absolute}-{ridge}",
                sweep={"method": "labelled", "covariance": families},
                em={"floor": floor, "floor_absolute": absolute, "ridge": ridge},
            )  # fmt: skip
            result = harness.Result(out)
            least, floored = floor * x.var(0) + absolute, []
            for family in families:
                fit = f"labelled-{family}"
                row, model = result.row(fit), result.models[fit]
                what = f"{fit}, floor {floor}, absolute {absolute}, ridge {ridge}"
                own = covariances_of(groups, family)
                if family in ("spherical", "diag"):
                    limit = least.mean() if family == "spherical" else least
                    expected = np.maximum(own + ridge, limit)
                    n_floored = int((own + ridge <= limit).sum())
                    smallest = expected.min()
                else:
                    unit = np.sqrt(least) if least.any() else np.ones(4)
                    scaled = (own + ridge * np.eye(4)) / np.outer(unit, unit)
                    values, vectors = np.linalg.eigh(scaled)
                    clip = np.maximum(values, 1) if least.any() else values
                    expected = vectors @ (clip[..., None] * np.swapaxes(vectors, -1, -2))
                    expected = expected * np.outer(unit, unit)
                    n_floored = int((values <= 1).sum()) if least.any() else 0
                    smallest = np.linalg.eigvalsh(expected).min()
                scale = model["covariances"].max()
                ours = model["covariances"] / scale
                self.close_enough(ours, expected / scale, SAME, what, 1e-12)
                self.assertEqual(row["floored"], n_floored, what)
                self.close_enough(row["min_eigenvalue"], smallest, 1e-6, what)
                floored.append(n_floored)
            self.assertEqual(max(floored) > 0, least.any(), f"{what}: this floor is to be felt")

    def collapsing(self):
        """Two groups of 20 rows in 2 dimensions, and two that lie on a line each."""
        np = harness.need("numpy")
        rng = np.random.default_rng(self.seeded(51).randrange(10**6))
        line = np.linspace(0, 1, 6)[:, None]
        parts = [rng.standard_normal((20, 2)), rng.standard_normal((20, 2)) + 6,
                 [12.0, 0.0] + line * [1, 2], [0.0, 12.0] + line * [2, -1]]  # fmt: skip
        return self.write_csv("x.csv", np.concatenate(parts))

    def test_redraws(self):
        """A fit that collapses is started anew, at most `redraws` times: it ends sound, or
        degenerate after all of them; one that did not collapse has the same bits."""
        data = self.collapsing()
        sweep = {"components": 3, "covariance": "full", "init": "points", "restarts": 40}
        em = {"floor": 0.0, "max_iter": 100}
        none, few, many = (
            harness.Result(self.sweep(data, f"r{n}", sweep=sweep, em={**em, "redraws": n}))
            for n in (0, 2, 12)
        )
        collapsed = {
            n: {fit for fit in r.names if r.row(fit)["status"] == "degenerate"}
            for n, r in ((0, none), (2, few), (12, many))
        }
        self.assertLess(collapsed[12], collapsed[2])
        self.assertLess(collapsed[2], collapsed[0])
        self.assertLess(len(collapsed[0]), len(none.names))
        for n, result in ((2, few), (12, many)):
            for fit in result.names:
                row = result.row(fit)
                if fit not in collapsed[0]:
                    self.assertEqual(row["redraws"], 0, fit)
                    a, b = (harness.fit_bits(r, fit) for r in (none, result))
                    a.pop("fits/id"), b.pop("fits/id")
                    self.assertEqual(a, b, fit)
                elif fit in collapsed[n]:
                    self.assertEqual(row["redraws"], n, fit)
                else:
                    self.assertTrue(1 <= row["redraws"] <= n, fit)
        for fit in collapsed[2] - collapsed[12]:
            self.assertGreater(many.row(fit)["redraws"], 2, fit)
            for fit in result.names:
                row = result.row(fit)
                flagged = fit in collapsed[n] or row["min_count"] < 3  # D + 1
                self.assertEqual(row["flagged"], int(flagged), fit)

    def test_no_hope(self):
        """Fewer different rows than components, and starts that are given: no redraw."""
        np = harness.need("numpy")
        data = self.write_csv("few.csv", [[1.0, 2.0], [2.0, 1.0]] * 10)
        sweep = {"components": 3, "restarts": 2, "covariance": "diag"}
        result = harness.Result(self.sweep(data, "few", sweep=sweep))
        self.assertEqual(set(result.fits["status"]), {"degenerate"})
        self.assertEqual(set(result.fits["redraws"]), {0})
        flat = self.write("flat.csv", "a,b,kind\n" + "1,2,u\n2,4,u\n3,6,u\n0,1,v\n5,0,v\n2,2,v\n")
        result = harness.Result(
            self.sweep(
                {"path": flat, "labels": "kind"}, "flat", em={"floor": 0.0},
                sweep={"init": "labels", "components": 2, "covariance": ["full", "diag"]},
            )
        )  # fmt: skip
        self.assertEqual(result.row("full-k002-labels-r000")["status"], "degenerate")
        self.assertEqual(result.row("diag-k002-labels-r000")["status"] != "degenerate", True)
        self.assertEqual(set(result.fits["redraws"]), {0})
        for values in result.models["full-k002-labels-r000"].values():
            self.assertTrue(np.isfinite(values).all())

    def flags(self, sizes, n_features, families):
        """Which labelled families are flagged, of far classes of the sizes."""
        np = harness.need("numpy")
        rng = np.random.default_rng(self.seed)
        groups = [rng.standard_normal((n, n_features)) + 1e4 * c for c, n in enumerate(sizes)]
        lines = [
            ",".join(map(repr, row)) + f",k{c}"
            for c, rows in enumerate(groups)
            for row in rows.tolist()
        ]
        header = ",".join(f"f{d}" for d in range(n_features)) + ",kind"
        data = self.write("x.csv", "\n".join([header, *lines]) + "\n")
        out = self.sweep(
            {"path": data, "labels": "kind"}, "-".join(map(str, [*sizes, n_features])),
            sweep={"method": "labelled", "covariance": families}, em={"floor": 1e-12},
        )  # fmt: skip
        result = harness.Result(out)
        self.assertEqual(result.fits["min_count"].round(6).tolist(), [min(sizes)] * len(families))
        self.assertEqual(set(result.fits["status"]), {"converged"})
        return {fit.split("-")[1]: bool(result.row(fit)["flagged"]) for fit in result.names}

    def test_flagged_by_rows(self):
        """Flagged: a component with fewer effective rows than its own covariance needs: D + 1 for
        full, 2 for the others."""
        self.seed = self.seeded(52).randrange(10**6)
        every = harness.families()
        for smallest, flagged in ((1, set(every)), (2, {"full"}), (3, {"full"}), (4, set())):
            flags = self.flags((30, smallest), 3, every)
            self.assertEqual({f for f in every if flags[f]}, flagged, f"{smallest} rows")

    def test_flagged_tied(self):
        """Flagged: a tied fit with N - K < D, whose common covariance has no full rank."""
        self.seed = self.seeded(53).randrange(10**6)
        self.assertEqual(self.flags((5, 5), 8, ["tied"]), {"tied": False}, "N - K = D")
        self.assertEqual(self.flags((5, 5), 9, ["tied"]), {"tied": True}, "N - K < D")

    def test_ddof_of_one_row(self):
        """A class of one row has no variance, whatever ddof is: with a floor it stands on it, in
        every family alike, and no fit is degenerate."""
        rows = [f"{i % 3},{i % 4},u" for i in range(12)] + ["50,60,v"]
        data = self.write("x.csv", "\n".join(["a,b,kind", *rows]) + "\n")
        for ddof in (0, 1):
            result = harness.Result(
                self.sweep(
                    {"path": data, "labels": "kind"}, f"ddof{ddof}", em={"ddof": ddof},
                    sweep={"method": "labelled", "covariance": harness.families()},
                )
            )  # fmt: skip
            ended = {row: result.row(row)["status"] for row in result.names}
            self.assertEqual(set(ended.values()), {"converged"}, f"ddof {ddof}: {ended}")

    def test_one_component_ddof(self):
        """K = 1 is the data's mean and covariance; ddof 1 divides by N - 1, in all families."""
        x, families = harness.iris(), harness.families()
        for ddof in (0, 1):
            result = harness.Result(
                self.sweep(
                    harness.IRIS, f"ddof{ddof}", em={"floor": 0.0, "ddof": ddof},
                    sweep={"components": 1, "covariance": families, "init": "points"},
                )
            )  # fmt: skip
            for family in families:
                model = result.models[f"{family}-k001-points-r000"]
                expected = covariances_of([x], family, ddof)
                self.close_enough(model["covariances"], expected, 1e-12, f"{family} {ddof}", 1e-14)
                self.close_enough(model["means"], [x.mean(0)], 1e-13, family)


if __name__ == "__main__":
    harness.main()
