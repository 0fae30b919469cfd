"""scikit-learn and scipy as judges: the same start gives the same fit, criteria and scores.

The start comes from a run with em.max_iter 0, so both programs iterate from the same numbers.
"""
import pathlib
import sys
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness
from mixtures import known_mixture

RIDGE = 1e-6  # of the starts: digits have constant pixels
NO_FLOOR = {"floor": 0.0, "tol": 0.0, "redraws": 0}
SAME = 1e-9  # relative; both iterate in float64, and EM contracts what rounding adds


def inverse(covariances, family):
    """The precisions, in scikit-learn's shape for the family."""
    if family in ("spherical", "diag"):
        return 1 / covariances
    return harness.need("numpy").linalg.inv(covariances)


def covariances_of(x, family):
    """The maximum-likelihood covariance of rows in one group."""
    np = harness.need("numpy")
    full = np.cov(x.T, bias=True)
    of_family = {"spherical": np.trace(full) / len(full), "diag": np.diag(full)}
    return of_family.get(family, full)


def squared_distances(x, means):
    """Of every row to every mean."""
    return ((x[:, None, :] - means[None]) ** 2).sum(-1)


def fitted_mixture(x, start, family, n_iter, ridge=0.0):
    """scikit-learn's EM from the start for exactly n_iter M-steps."""
    mixture = harness.need("sklearn.mixture").GaussianMixture(
        len(start["weights"]),
        covariance_type=family,
        reg_covar=ridge,
        tol=0,
        max_iter=n_iter,
        weights_init=start["weights"],
        means_init=start["means"],
        precisions_init=inverse(start["covariances"], family),
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged: tol is 0
        return mixture.fit(x)


class AgainstSklearn(harness.Case):
    def compare_fits(self, data, x, n_iter, components, ridge=0.0, restarts=2):
        """Our n_iter iterations against theirs, in all families, for two initialisers. Returns
        how many fits of each family were compared."""
        np = harness.need("numpy")
        harness.need("sklearn.mixture")
        sweep = {
            "components": components,
            "covariance": harness.families(),
            "init": ["kmeans++", "points"],
            "restarts": restarts,
        }
        em = {**NO_FLOOR, "ridge": ridge}
        start, end = (
            harness.Result(
                self.sweep(data, f"n{n}-{ridge}", sweep=sweep, em={**em, "max_iter": n})
            )
            for n in (0, n_iter)
        )
        self.assertEqual(start.attrs["data_sha256"], harness.data_sha256(x))
        self.assertEqual(start.names, end.names)
        for fit in start.names:
            row, ours = end.row(fit), end.models[fit]
            self.assertEqual((row["status"], row["iterations"]), ("max_iter", n_iter), fit)
            family = row["covariance"]
            theirs = fitted_mixture(x, start.models[fit], family, n_iter, ridge)
            self.assertEqual(theirs.n_iter_, n_iter)
            order = np.argsort(-theirs.weights_, kind="stable")
            covariances = theirs.covariances_ if family == "tied" else theirs.covariances_[order]
            self.close_enough(row["mean_loglik"], theirs.score(x), SAME, f"{fit}: log-likelihood")
            self.close_enough(ours["weights"], theirs.weights_[order], SAME, f"{fit}: weights")
            reach = np.abs(x).max()
            self.close_enough(
                ours["means"], theirs.means_[order], SAME, f"{fit}: means", absolute=SAME * reach
            )
            self.close_enough(
                ours["covariances"], covariances, SAME, f"{fit}: covariances",
                absolute=SAME * np.abs(covariances).max(),
            )  # fmt: skip
            before = end.trace(fit)["loglik"][-2] / len(x)
            self.close_enough(before, theirs.lower_bound_, SAME, f"{fit}: last E-step")
        return len(start.names) / len(harness.families())

    def test_iris(self):
        """Iris, K = 2 and 3: 25 iterations agree to 1e-9."""
        self.assertEqual(self.compare_fits(harness.IRIS, harness.iris(), 25, [2, 3]), 8)

    def test_faithful(self):
        """Old Faithful, K = 2 and 3: 40 iterations agree to 1e-9."""
        self.assertEqual(self.compare_fits(harness.FAITHFUL, harness.faithful(), 40, [2, 3]), 8)

    def test_blobs(self):
        """Six overlapping blobs in 5 dimensions, 2500 rows in 3 lanes: 30 iterations agree."""
        seed = self.seeded().randrange(10**6)
        x, _ = harness.blobs(seed, n=2500, n_features=5, n_blobs=6, spread=3.0)
        data = self.write_csv("blobs.csv", x)
        self.assertEqual(self.compare_fits(data, x, 30, [4, 6]), 8)

    def test_bound(self):
        """elbo[1] is the variational bound: the start's responsibilities, the next parameters."""
        np = harness.need("numpy")
        x = harness.faithful()
        sweep = {"components": 3, "covariance": harness.families(), "init": "points"}
        start, end = (
            harness.Result(
                self.sweep(
                    harness.FAITHFUL, f"n{n}", sweep=sweep, em={"max_iter": n, **NO_FLOOR}
                )
            )
            for n in (0, 1)
        )
        for fit in end.names:
            family = fit.split("-")[0]
            r = known_mixture(start.models[fit], family).predict_proba(x)
            after = fitted_mixture(x, start.models[fit], family, 1)
            gain = after._estimate_weighted_log_prob(x) - np.log(np.where(r > 0, r, 1))
            bound = np.sum(r * gain)
            trace = end.trace(fit)
            self.close_enough(trace["elbo"][1], bound, SAME, fit)
            self.assertGreater(bound - trace["loglik"][0], 1e-3, "else this tells nothing")
            self.assertGreater(trace["loglik"][1] - bound, 1e-6, "else this tells nothing")

    def test_ridge(self):
        """em.ridge is scikit-learn's reg_covar, on iris and on digits that have constant pixels."""
        self.compare_fits(harness.IRIS, harness.iris(), 25, [3], ridge=0.05)
        data = {"path": harness.DIGITS, "limit": 700, "pool": 4, "scale": 255}
        x = harness.digits(700, 4, 255.0)
        self.compare_fits(data, x, 12, [5], ridge=0.01)

    def test_ridge_matters(self):
        """The ridge that agrees is not one that does nothing."""
        out = [
            self.sweep(harness.IRIS, f"ridge{r}", sweep={"components": 3}, em={"ridge": r})
            for r in (0.0, 0.05)
        ]
        one, other = (harness.Result(o).fits["loglik"].max() for o in out)
        self.assertGreater(one - other, 1.0)

    def test_criteria(self):
        """log-likelihood, BIC, AIC and ICL of stored models are scikit-learn's of those models."""
        np = harness.need("numpy")
        harness.need("sklearn.mixture")
        x = harness.iris()
        sweep = {"components": [1, 2, 3, 5], "covariance": harness.families()}
        result = harness.Result(self.sweep(harness.IRIS, sweep=sweep))
        for fit in result.names:
            row = result.row(fit)
            mixture = known_mixture(result.models[fit], row["covariance"])
            self.close_enough(row["loglik"], mixture.score_samples(x).sum(), SAME, f"{fit}: LL")
            self.close_enough(row["bic"], mixture.bic(x), SAME, f"{fit}: BIC")
            self.close_enough(row["aic"], mixture.aic(x), SAME, f"{fit}: AIC")
            self.assertEqual(row["n_parameters"], mixture._n_parameters(), fit)
            r = mixture.predict_proba(x)
            entropy = -np.sum(r * np.log(np.where(r > 0, r, 1)))
            self.close_enough(row["icl"], mixture.bic(x) + 2 * entropy, SAME, f"{fit}: ICL")
            self.close_enough(row["min_count"], r.sum(0).min(), SAME, f"{fit}: rows")
            covariances = mixture.covariances_
            if row["covariance"] in ("tied", "full"):
                covariances = np.linalg.eigvalsh(covariances)
            self.close_enough(row["min_eigenvalue"], covariances.min(), SAME, fit)

    def test_heldout(self):
        """Held-out rows are told in /data, take no part in the fit, and `heldout` is their mean
        log-likelihood under it."""
        x = harness.iris()
        data = {"path": harness.IRIS, "heldout": 0.3}
        sweep = {"components": [2, 4], "covariance": harness.families()}
        result = harness.Result(self.sweep(data, sweep=sweep))
        aside = result.data["heldout"] == 1
        self.assertEqual(int(aside.sum()), 45)
        self.close_enough(result.data["mean"], x[~aside].mean(0), 1e-13, "mean")
        for fit in result.names:
            row, family = result.row(fit), fit.split("-")[0]
            mixture = known_mixture(result.models[fit], family)
            self.close_enough(row["heldout"], mixture.score(x[aside]), SAME, f"{fit}: held out")
            self.close_enough(row["mean_loglik"], mixture.score(x[~aside]), SAME, fit)
            self.close_enough(row["bic"], mixture.bic(x[~aside]), SAME, fit)
        best = max(result.names, key=lambda fit: result.row(fit)["heldout"])
        self.assertEqual(result.best["heldout"], best)

    def test_repeated_rows(self):
        """Rows that repeat, which are merged to be fitted, with weights: all likelihoods are sums
        over the rows as given."""
        np = harness.need("numpy")
        x, _ = harness.blobs(5, n=5000, spread=2.0)
        x = np.clip(np.round(x / 2 + 4), 0, 7)
        weight = np.random.default_rng(5).integers(1, 9, len(x)) / 4
        np.save(self.dir / "x.npy", x)
        np.save(self.dir / "w.npy", weight)
        data = {"path": self.dir / "x.npy", "weights": self.dir / "w.npy", "heldout": 0.2}
        sweep = {"components": [1, 3], "covariance": harness.families()}
        result = harness.Result(self.sweep(data, sweep=sweep, em={"floor": 0.01}))
        aside = result.data["heldout"] == 1
        mean = np.average(x[~aside], axis=0, weights=weight[~aside])
        self.close_enough(result.data["mean"], mean, 1e-13, "mean")
        for fit in result.names:
            row = result.row(fit)
            each = known_mixture(result.models[fit], row["covariance"]).score_samples(x)
            for column, rows in (("mean_loglik", ~aside), ("heldout", aside)):
                expected = np.average(each[rows], weights=weight[rows])
                self.close_enough(row[column], expected, SAME, f"{fit}: {column}")
            bic = row["n_parameters"] * np.log(weight[~aside].sum()) - 2 * row["loglik"]
            self.close_enough(row["bic"], bic, SAME, f"{fit}: bic")

    def compare_scores(self, result, x, label):
        np = harness.need("numpy")
        metrics = harness.need("sklearn.metrics")
        assign = harness.need("scipy.optimize").linear_sum_assignment
        for fit in result.names:
            row, model = result.row(fit), result.models[fit]
            predicted = known_mixture(model, row["covariance"]).predict(x)
            table = np.zeros_like(model["confusion"])
            np.add.at(table, (predicted, label), 1)
            self.assertEqual(table.tolist(), model["confusion"].tolist(), fit)
            matched = table[assign(table, maximize=True)].sum()
            majority = table.max(axis=1).sum()
            expected = {
                "error_rate": 1 - matched / len(label),
                "error_majority": 1 - majority / len(label),
                "ari": metrics.adjusted_rand_score(label, predicted),
                "nmi": metrics.normalized_mutual_info_score(label, predicted),
            }
            for name, value in expected.items():
                self.close_enough(row[name], value, SAME, f"{fit}: {name}", absolute=1e-12)

    def test_label_scores_iris(self):
        """Confusion, error rates, ARI and NMI on iris, fewer and more components than classes."""
        np = harness.need("numpy")
        out = self.sweep(
            {"path": harness.IRIS, "labels": "Species"},
            sweep={"components": [1, 2, 3, 4, 6], "covariance": harness.families()},
        )
        result = harness.Result(out)
        self.assertEqual(list(result.data["class"]), ["setosa", "versicolor", "virginica"])
        species = [line.split(",")[-1] for line in harness.IRIS.read_text().split()[1:]]
        _, label = np.unique(species, return_inverse=True)
        self.assertEqual(label.tolist(), result.data["label"].tolist())
        self.compare_scores(result, harness.iris(), label)

    def test_label_scores_digits(self):
        """The same on digits with ten classes, labels from a file of their own."""
        data = {"path": harness.DIGITS, "labels": harness.DIGIT_LABELS, "limit": 600, "pool": 4}
        sweep = {"components": [8, 12], "covariance": harness.families()}
        out = self.sweep(data, sweep=sweep, em={"floor": 0.05})
        result = harness.Result(out)
        label = harness.read_idx(harness.DIGIT_LABELS)[:600].astype(int)
        self.assertEqual(list(result.data["class"]), [str(c) for c in range(10)])
        self.assertEqual(label.tolist(), result.data["label"].tolist())
        self.compare_scores(result, harness.digits(600, 4), label)

    def compare_clusters(self, x, model, family, fit):
        """Weights, means and covariances are those of the rows nearest to each mean."""
        np = harness.need("numpy")
        k, n_features = model["means"].shape
        near = squared_distances(x, model["means"]).argmin(1)
        groups = [x[near == c] for c in range(k)]
        shares = np.array([len(rows) / len(x) for rows in groups])
        self.close_enough(model["weights"], shares, 1e-12, f"{fit}: weights")
        means = np.array([rows.mean(0) for rows in groups])
        self.close_enough(model["means"], means, SAME, f"{fit}: means", absolute=1e-12)
        if family == "tied":
            within = x - means[near]
            expected = within.T @ within / len(x)
        else:
            expected = np.array([covariances_of(rows, family) for rows in groups])
        ridge = RIDGE if family in ("spherical", "diag") else RIDGE * np.eye(n_features)
        self.close_enough(
            model["covariances"], expected + ridge, SAME, f"{fit}: covariances", absolute=1e-11
        )

    def test_kmeans_start(self):
        """The best of 10 k-means++ starts is within 10 % of the inertia that scikit-learn finds,
        and each start's weights and variances are those of its clusters."""
        np = harness.need("numpy")
        kmeans = harness.need("sklearn.cluster").KMeans
        x, _ = harness.blobs(11, n=1500, n_features=4, n_blobs=8, spread=1.5)
        sets = {
            "blobs": (self.write_csv("blobs.csv", x), x, 8),
            "iris": (harness.IRIS, harness.iris(), 3),
            "digits": (
                {"path": harness.DIGITS, "limit": 800, "pool": 4, "scale": 255},
                harness.digits(800, 4, 255.0),
                10,
            ),
        }
        for name, (data, x, k) in sets.items():
            out = self.sweep(
                data,
                name,
                sweep={"components": k, "covariance": harness.families(), "restarts": 10},
                em={**NO_FLOOR, "max_iter": 0, "ridge": RIDGE},
                kmeans={"tol": 0.0},
            )
            result = harness.Result(out)
            ours = min(
                squared_distances(x, model["means"]).min(1).sum()
                for model in result.models.values()
            )
            theirs = kmeans(k, n_init=10, random_state=0).fit(x).inertia_
            self.assertLessEqual(ours, 1.1 * theirs, name)
            self.assertGreaterEqual(ours, 0.9 * theirs, name)
            for fit in result.names:
                self.compare_clusters(x, result.models[fit], result.row(fit)["covariance"], fit)
            self.assertEqual(np.unique(result.fits["iterations"]).tolist(), [0])

    def test_points_start(self):
        """`points`: means are different rows, covariances the data's, weights equal."""
        x = harness.iris()
        sweep = {"covariance": harness.families(), "init": "points"}
        out = self.sweep(
            harness.IRIS, sweep={"components": 4, "restarts": 5, **sweep}, em={"max_iter": 0}
        )
        rows = {tuple(row) for row in x.round(12)}
        for fit, model in harness.Result(out).models.items():
            family = fit.split("-")[0]
            expected = covariances_of(x, family)
            each = [model["covariances"]] if family == "tied" else model["covariances"]
            self.assertEqual(list(model["weights"]), [0.25] * 4, fit)
            means = {tuple(mean) for mean in model["means"].round(12)}
            self.assertEqual(len(means), 4, fit)
            self.assertLessEqual(means, rows, fit)
            for covariance in each:
                self.close_enough(covariance, expected, 1e-12, fit)


if __name__ == "__main__":
    harness.main()
