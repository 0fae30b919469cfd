"""Figures that are known from elsewhere: R's mclust, closed forms, an EM exercise's solution."""
import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

# To the maximum, without regularisation.
CONVERGED = {"tol": 1e-13, "criterion": "relative", "max_iter": 20000, "floor": 0.0}
FAMILIES = ["spherical", "diag", "tied", "full"]
DIGITS_GIVEN = 5e-11  # the figures have ten decimals


class Truth(harness.Case):
    def fit(self, data, args=(), em=CONVERGED, output="out", **sweep):
        return harness.Result(self.sweep(data, output, args, sweep=sweep, em=em))

    def loglik(self, result, fit):
        return result.row(fit)["loglik"]

    def test_iris_one_component(self):
        """K = 1 is a closed form: iris, three families."""
        truth = {"full": -379.9146301223, "diag": -741.0175351853, "spherical": -889.5161307078}
        result = self.fit(harness.IRIS, components=1, covariance=list(truth), init="points")
        for family, value in truth.items():
            ours = self.loglik(result, f"{family}-k001-points-r000")
            self.assertAlmostEqual(ours, value, delta=DIGITS_GIVEN * 10)

    def test_iris_from_species(self):
        """K = 3 from the species, where mclust ends: full and diag."""
        data = {"path": harness.IRIS, "labels": "Species"}
        result = self.fit(data, components=3, covariance=["full", "diag"], init="labels")
        full = result.row("full-k003-labels-r000")
        self.assertAlmostEqual(full["loglik"], -180.1854771313, delta=1e-9)
        self.assertEqual(full["n_parameters"], 44)
        self.assertAlmostEqual(full["bic"], 580.839, delta=5e-4)
        diag = self.loglik(result, "diag-k003-labels-r000")
        self.assertAlmostEqual(diag, -306.8604605064, delta=1e-9)

    def test_faithful_from_a_cut(self):
        """K = 2 from waiting > 68 or not: full and tied."""
        rows = harness.FAITHFUL.read_text().split()
        lines = [rows[0] + ",long"] + [f"{r},{int(float(r.split(',')[1]) > 68)}" for r in rows[1:]]
        data = {"path": self.write("cut.csv", "\n".join(lines) + "\n"), "labels": "long"}
        result = self.fit(data, components=2, covariance=["full", "tied"], init="labels")
        truth = {"full": -1130.2639601847, "tied": -1140.1867594371}
        for family, value in truth.items():
            ours = self.loglik(result, f"{family}-k002-labels-r000")
            self.assertAlmostEqual(ours, value, delta=1e-9)

    def test_faithful_ranking(self):
        """Of K = 1..9 and four families tied, K = 3 is best by BIC; the known values of three."""
        result = self.fit(
            harness.FAITHFUL,
            em={**CONVERGED, "tol": 1e-11, "floor": 1e-3},
            components=list(range(1, 10)),
            covariance=FAMILIES,
            init=["kmeans++", "points"],
            restarts=10,
        )
        best = {}
        for bic, k, family, flagged in zip(
            *(result.fits[c] for c in ("bic", "k", "covariance", "flagged"))
        ):
            if not flagged:
                best[family, k] = min(bic, best.get((family, k), math.inf))
        self.assertEqual(min(best, key=best.get), ("tied", 3))
        truth = {("tied", 3): 2314.296, ("full", 2): 2322.192, ("tied", 2): 2325.220}
        for model, value in truth.items():
            self.assertAlmostEqual(best[model], value, delta=1e-3)
        loglik = self.loglik(result, result.best["bic"])
        self.assertAlmostEqual(loglik, -1126.315928, delta=1e-5)

    def samples(self):
        """The exercise's 280 points, as CSV, and the arguments that give its start."""
        np = harness.need("numpy")
        path = harness.DATA / "em-samples.npz"
        x = np.load(path)["data"]
        names = {"weights": "pi0", "means": "mu0", "covariances": "sigma0"}
        args = ["--set", f"init_file={path}"]
        for array, name in names.items():
            args += ["--set", f"init_arrays.{array}={name}"]
        return self.write_csv("samples.csv", x), args

    def test_exercise_from_its_start(self):
        """The exercise's start, first iteration and maximum: log-likelihoods and lower bound."""
        data, args = self.samples()
        result = self.fit(data, args, covariance="full", init="file", components=3)
        trace = result.trace("full-k003-file-r000")
        self.close_enough(trace["loglik"][0], -2007.3549756468678, 1e-13, "start")
        self.close_enough(trace["elbo"][1], -1213.9734643060185, 1e-12, "bound")
        self.close_enough(trace["loglik"][1], -1187.0769143471423, 1e-12, "one iteration")
        self.close_enough(trace["loglik"][-1], -1128.61861014, 1e-11, "maximum")

    def test_exercise_best_of_many(self):
        """The best of many starts finds the exercise's best optimum."""
        data, _ = self.samples()
        result = self.fit(
            data, covariance="full", init=["kmeans++", "parameters"], components=3, restarts=20
        )
        best = max(ll for ll, bad in zip(result.fits["loglik"], result.fits["flagged"]) if not bad)
        self.close_enough(best, -1063.8112560125928, 1e-11, "best")

    def test_parameter_counts(self):
        """Free parameters at D = 5, K = 2."""
        x, _ = harness.blobs(3, n=60, n_features=5, n_blobs=2)
        result = self.fit(
            self.write_csv("x.csv", x), components=2, covariance=FAMILIES, restarts=1
        )
        counts = dict(zip(result.fits["covariance"], result.fits["n_parameters"]))
        self.assertEqual(counts, {"spherical": 13, "diag": 21, "tied": 26, "full": 41})

    def test_two_points(self):
        """{-1, +1} is the unit normal: one mean log-likelihood and one BIC for all families."""
        data = self.write("two.csv", "x\n-1\n1\n")
        result = self.fit(data, components=1, covariance=FAMILIES, restarts=1)
        self.close_enough(
            result.fits["mean_loglik"], [-1.418938533205] * 4, 1e-12, "mean log-likelihood"
        )
        self.close_enough(result.fits["bic"], [result.fits["bic"][0]] * 4, 1e-14, "BIC")

    def test_two_distinct_rows(self):
        """Ten rows of two kinds cannot have ten components: degenerate, and finite in every value."""
        np = harness.need("numpy")
        rows = [[1.0] * 5] * 5 + [[0.0] * 5] * 5
        data = self.write_csv("ones.csv", rows)
        for name, em in {"bare": {"floor": 0.0}, "floored": {}}.items():
            result = self.fit(
                data,
                em=em,
                output=name,
                components=10,
                covariance=FAMILIES,
                init=harness.initialisers(),
                restarts=2,
            )
            self.assertEqual(set(result.fits["status"]), {"degenerate"}, name)
            for fit, model in result.models.items():
                for array, values in model.items():
                    self.assertTrue(np.isfinite(values).all(), f"{name} {fit} {array}")
            for array in ("loglik", "elbo"):
                self.assertTrue(np.isfinite(result.history[array]).all(), f"{name} {array}")


if __name__ == "__main__":
    harness.main()
