"""Properties of the fits, through files: what holds whatever the numbers are."""
import copy
import itertools
import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

FREE_PARAMETERS = {"spherical": 13, "diag": 21, "tied": 26, "full": 41}  # D = 5, K = 2

FLOOR = 1e-6  # em.floor where a test counts on it
EPSILON = 2.0**-52
STEPS = {"tol": 0.0, "max_iter": 30}  # the same number of steps, whatever rounding does


def magnified(x, model, family):
    """What multiplies rounding in the family's sums: q of truth.md."""
    np = harness.need("numpy")
    y, means = x - x.mean(0), model["means"] - x.mean(0)
    if family == "tied":
        return max(m @ np.linalg.solve(model["covariances"], m) for m in means)
    if family == "spherical":
        return (y**2).sum(1).max() / model["covariances"].min()
    if family == "full":
        unit = np.where(x.var(0) > 0, x.std(0), x.std(0)[x.std(0) > 0].mean())
        scaled = [s / np.outer(unit, unit) for s in model["covariances"]]
        return max(np.linalg.eigvalsh(s)[-1] for s in scaled) / FLOOR
    return 0.0


class Properties(harness.Case):
    def fitted(self, data, name, sweep=None, em=None, **sections):
        every = {"covariance": harness.families(), "init": ["kmeans++", "points"]}
        out = self.sweep(data, name, sweep={**every, **(sweep or {})}, em=em or {}, **sections)
        return harness.Result(out)

    # --- what is known beforehand (truth.py has the figures)

    def test_free_parameters(self):
        """n_parameters for D = 5 and K = 2; one less with equal mixing."""
        x, _ = harness.blobs(4, n=100, n_features=5, n_blobs=2)
        data = self.write_csv("blobs.csv", x)
        sweep = {"components": 2, "restarts": 1}
        for mixing, less in (("free", 0), ("equal", 1)):
            result = self.fitted(data, mixing, sweep, {"mixing": mixing})
            for fit in result.names:
                row = result.row(fit)
                n = FREE_PARAMETERS[row["covariance"]] - less
                self.assertEqual(row["n_parameters"], n, fit)
                self.close_enough(row["bic"], n * math.log(100) - 2 * row["loglik"], 1e-12, fit)
                self.close_enough(row["aic"], 2 * n - 2 * row["loglik"], 1e-12, fit)
                if mixing == "equal":
                    self.assertEqual(list(result.models[fit]["weights"]), [0.5, 0.5], fit)

    def test_known_mixture_found(self):
        """Rows drawn from three well-separated normals: BIC finds K = 3, the model has at least the
        likelihood of the true one, and its means and weights are those of the true groups."""
        np = harness.need("numpy")
        seed = self.seeded(6).randrange(10**6)
        x, label = harness.blobs(seed, n=2400, n_features=3)
        groups = [x[label == c] for c in range(3)]
        groups.sort(key=len, reverse=True)
        data = self.write_csv("blobs.csv", x)
        result = self.fitted(data, "blobs", {"components": [1, 2, 3, 4, 5], "restarts": 3})
        best = result.best["bic"]
        self.assertEqual(result.row(best)["k"], 3)
        means, weights = result.models[best]["means"], result.models[best]["weights"]
        for group, mean, weight in zip(groups, means, weights):
            self.assertLess(np.abs(group.mean(0) - mean).max(), 5 / math.sqrt(len(group)))
            self.assertLess(abs(len(group) / len(x) - weight), 0.01)
        centres = np.array([group.mean(0) for group in groups])
        shares = np.array([len(group) / len(x) for group in groups])
        distance = ((x[:, None, :] - centres[None]) ** 2).sum(-1)
        density = (shares * np.exp(-0.5 * distance)).sum(1) / (2 * math.pi) ** 1.5
        self.assertGreater(result.row(best)["loglik"], np.log(density).sum())

    # --- what holds for every fit

    def test_traces(self):
        """Without ridge no trace falls, and each bound lies between two log-likelihoods, but for
        the rounding that truth.md grants."""
        sets = {
            "iris": (harness.IRIS, harness.iris()),
            "faithful": (harness.FAITHFUL, harness.faithful()),
            "digits": (
                {"path": harness.DIGITS, "limit": 500, "pool": 4, "scale": 255},
                harness.digits(500, 4, 255.0),
            ),
        }
        for name, (data, x) in sets.items():
            em = {"tol": 1e-9, "max_iter": 60, "floor": FLOOR}
            result = self.fitted(data, name, {"components": [2, 6]}, em)
            for fit in result.names:
                trace = result.trace(fit)
                loglik, elbo = trace["loglik"], trace["elbo"]
                slack = 1e-12 * (abs(loglik).max() + x.size)
                slack += 8 * EPSILON * len(x) * magnified(x, result.models[fit], fit.split("-")[0])
                for before, bound, after in zip(loglik, elbo[1:], loglik[1:]):
                    self.assertLessEqual(before, bound + slack, f"{name} {fit}")
                    self.assertLessEqual(bound, after + slack, f"{name} {fit}")
                drop = max([0.0, *(loglik[:-1] - loglik[1:])])
                self.assertEqual(result.row(fit)["max_drop"], drop, f"{name} {fit}")

    def test_floor(self):
        """No variance lies under the floor, `floored` counts those on it, and a higher floor makes
        a lower likelihood."""
        x = harness.digits(400, 4, 255.0)
        data = {"path": harness.DIGITS, "limit": 400, "pool": 4, "scale": 255}
        variance = x.var(0)
        variance[variance == 0] = variance[variance > 0].mean()
        best = []
        for floor in (0.01, 0.1, 0.5):
            result = self.fitted(
                data, f"floor{floor}", {"covariance": "diag", "components": 6}, {"floor": floor}
            )
            for fit in result.names:
                relative = result.models[fit]["covariances"] / variance
                self.assertGreaterEqual(relative.min(), floor * (1 - 1e-12), fit)
                n_floored = int((relative <= floor * (1 + 1e-9)).sum())
                self.assertEqual(result.row(fit)["floored"], n_floored, fit)
                self.assertGreater(n_floored, 0, "this floor is to be felt")
            best.append(result.fits["loglik"].max())
        self.assertEqual(best, sorted(best, reverse=True))

    def test_restarts_differ(self):
        """Ten restarts start from ten different points, and the best is not below the first."""
        sweep = {"components": 4, "restarts": 10, "init": harness.initialisers()}
        starts = self.fitted(harness.IRIS, "starts", sweep, {"max_iter": 0})
        ends = self.fitted(harness.IRIS, "ends", sweep)
        for family, init in itertools.product(harness.families(), sweep["init"]):
            names = [f"{family}-k004-{init}-r{r:03d}" for r in range(10)]
            means = {starts.models[name]["means"].tobytes() for name in names}
            # Lloyd ends at few different points, the others at as many as there are starts.
            self.assertGreaterEqual(len(means), 2 if "kmeans" in init else 10, names[0])
            logliks = [ends.row(name)["loglik"] for name in names]
            self.assertGreaterEqual(max(logliks), logliks[0])

    # --- data moved, stretched, weighted

    def compare_moved(self, one, other, moved_by, relative, what):
        """Log-likelihoods of the moved data less moved_by are those of the data."""
        self.assertEqual(one.names, other.names)
        for fit in one.names:
            a, b = one.row(fit), other.row(fit)
            self.assertEqual(a["status"], b["status"], f"{what} {fit}")
            allowed = relative * (abs(a["loglik"]) + abs(moved_by))
            off = abs(b["loglik"] - moved_by - a["loglik"])
            self.assertLessEqual(off, allowed, f"{what} {fit}: off by {off:g}")
            for column in ("iterations", "n_parameters", "floored", "flagged", "redraws"):
                self.assertEqual(a[column], b[column], f"{what} {fit}: {column}")

    def test_shift(self):
        """Data shifted by c: the log-likelihood stays, to 1e-9 up to 1e4, 1e-6 at 1e6, 1e-4 at
        1e8."""
        x, _ = harness.blobs(8, n=500, n_features=3)
        given = self.fitted(self.write_csv("x.csv", x), "given", em=STEPS)
        for c, relative in ((-3.7, 1e-9), (1e4, 1e-9), (-1e6, 1e-6), (1e8, 1e-4)):
            moved = self.fitted(self.write_csv("moved.csv", x + c), f"by{c:g}", em=STEPS)
            self.compare_moved(given, moved, 0.0, relative, f"c = {c:g}:")

    def test_scale(self):
        """Data scaled by s, in the file or by data.scale: the log-likelihood changes by -N D ln s
        and the model's numbers by s, from 1e-150 to 1e150."""
        x, _ = harness.blobs(9, n=500, n_features=3)
        given = self.fitted(self.write_csv("x.csv", x), "given", em=STEPS)
        for s in (1e-150, 1e-7, 3.0, 1e9, 1e150):
            scaled = {
                "file": self.fitted(self.write_csv("s.csv", x * s), f"file{s:g}", em=STEPS),
                "key": self.fitted(
                    {"path": self.dir / "x.csv", "scale": 1 / s}, f"key{s:g}", em=STEPS
                ),
            }
            for how, other in scaled.items():
                what = f"s = {s:g} by {how}:"
                self.compare_moved(given, other, -x.size * math.log(s), 1e-9, what)
                for fit in given.names:
                    a, b = given.models[fit], other.models[fit]
                    self.close_enough(b["weights"], a["weights"], 1e-8, f"{what} {fit}")
                    self.close_enough(b["means"] / s, a["means"], 1e-8, f"{what} {fit}", 1e-8)
                    self.close_enough(
                        b["covariances"] / s / s, a["covariances"], 1e-8, f"{what} {fit}", 1e-8
                    )

    def test_scale_of_one_feature(self):
        """Features scaled apart, by 1e-100 to 1e100: from `points` the log-likelihood changes by
        -N sum ln s (not of spherical ones, whose features share a variance)."""
        np = harness.need("numpy")
        x, _ = harness.blobs(10, n=400, n_features=3)
        s = np.array([1e-100, 1.0, 1e100])
        sweep = {
            "init": "points",
            "covariance": [f for f in harness.families() if f != "spherical"],
        }
        given = self.fitted(self.write_csv("x.csv", x), "given", sweep, STEPS)
        apart = self.fitted(self.write_csv("s.csv", x * s), "apart", sweep, STEPS)
        self.compare_moved(given, apart, -len(x) * np.log(s).sum(), 1e-9, "apart:")
        one = self.fitted(self.write_csv("t.csv", x * [1, 1e-60, 1]), "one", sweep, STEPS)
        self.compare_moved(given, one, len(x) * 60 * math.log(10), 1e-9, "one:")

    def test_rows_of_weight_zero(self):
        """Rows of weight 0 are as if they were absent: the same models, traces and scores."""
        x, label = harness.blobs(11, n=300, n_features=2)
        keep = [i % 3 != 1 for i in range(len(x))]
        lines = ["a,b,kind,w"]
        lines += [f"{r[0]!r},{r[1]!r},k{c},{k:d}" for r, c, k in zip(x.tolist(), label, keep)]
        data = self.write("w.csv", "\n".join(lines) + "\n")
        lines = [lines[0]] + [line for line in lines if line.endswith(",1")]
        fewer = self.write("fewer.csv", "\n".join(lines) + "\n")
        keys = {"labels": "kind", "weights": "w"}
        one = self.fitted({"path": data, **keys}, "zero")
        other = self.fitted({"path": fewer, **keys}, "fewer")
        self.assertEqual(list(one.data_attrs["shape"]), [300, 2])
        self.assertEqual(one.names, other.names)
        for fit in one.names:
            a, b = harness.fit_bits(one, fit), harness.fit_bits(other, fit)
            a.pop("fits/id"), b.pop("fits/id")
            self.assertEqual(a, b, fit)

    def test_rows_of_weight_two(self):
        """Rows of weight 2 are as if they stood twice, and half of all weights halves all sums: the
        same optimum and the same scores."""
        x, label = harness.blobs(12, n=240, n_features=2)
        header = "a,b,kind,w\n"
        line = [f"{r[0]!r},{r[1]!r},k{c},{{}}\n" for r, c in zip(x.tolist(), label)]
        weight = [1 + i % 2 for i in range(len(x))]
        forms = {
            "weighted": [text.format(w) for text, w in zip(line, weight)],
            "twice": [text.format(1) for text, w in zip(line, weight) for _ in range(w)],
            "halved": [text.format(w / 2) for text, w in zip(line, weight)],
        }
        em = {"tol": 1e-15, "max_iter": 2000}  # ICL still moves where the likelihood hardly does
        results = {}
        for name, lines in forms.items():
            data = self.write(f"{name}.csv", header + "".join(lines))
            keys = {"path": data, "labels": "kind", "weights": "w"}
            sweep = {"components": [1, 3], "restarts": 8}
            results[name] = self.fitted(keys, name, sweep, em)
        for family, k in itertools.product(harness.families(), (1, 3)):
            best = {}
            for name, result in results.items():
                chosen = (result.fits["covariance"] == family) & (result.fits["k"] == k)
                at = max(chosen.nonzero()[0], key=lambda i: result.fits["loglik"][i])
                best[name] = {column: values[at] for column, values in result.fits.items()}
                best[name]["confusion"] = result.models[result.names[at]]["confusion"]
            one, other, half = best["weighted"], best["twice"], best["halved"]
            for column in ("loglik", "mean_loglik", "bic", "aic", "icl", "min_count"):
                self.close_enough(one[column], other[column], 1e-7, f"{family} {k}: {column}")
            for column in ("error_rate", "error_majority", "ari", "nmi"):
                self.close_enough(
                    one[column], other[column], 1e-9, f"{family} {k}: {column}", absolute=1e-12
                )
            self.assertEqual(one["confusion"].tolist(), other["confusion"].tolist())
            self.assertEqual((half["confusion"] * 2).tolist(), one["confusion"].tolist())
            self.close_enough(2 * half["loglik"], one["loglik"], 1e-7, f"{family} {k}: halved")

    # --- options

    def test_every_number_matters(self):
        """Every option that takes a number changes the result when the number changes."""
        image = {"path": harness.DIGITS, "limit": 300, "pool": 4, "scale": 255}
        few = [[i % 7 + 0.1 * (i % 3), i % 5] for i in range(60)]
        few = {"path": self.write_csv("few.csv", few)}
        drawn = {"samples": 60, "means": [[0, 0], [3, 1]], "deviations": [[1, 1], [1, 2]], "seed": 1}
        drawn = {"synthetic": drawn}
        cases = {
            "data.synthetic.samples": (drawn, {}, 61),
            "data.synthetic.seed": (drawn, {}, 2),
            "data.limit": (image, {}, 299),
            "data.pool": (image, {}, 7),
            "data.scale": (image, {}, 254.0),
            "data.heldout": (image, {}, 0.25),
            "sweep.components": (few, {}, [2, 4]),
            "sweep.restarts": (few, {}, 3),
            "sweep.seed": (image, {}, 2),
            "em.max_iter": (image, {"em": {"max_iter": 3}}, 4),
            "em.tol": (image, {"em": {"tol": 1e-3}}, 1e-9),
            "em.floor": (image, {"em": {"floor": 0.1}}, 0.11),
            "em.floor_absolute": (image, {"em": {"floor_absolute": 0.01}}, 0.02),
            "em.ridge": (image, {"em": {"ridge": 0.01}}, 0.02),
            "em.ddof": (image, {"em": {"ddof": 0, "max_iter": 0, "floor": 0.01}}, 1),
            "em.redraws": (
                few,
                {"em": {"redraws": 0, "floor": 0.0}, "sweep": {"components": 20, "init": "points"}},
                4,
            ),
            "kmeans.max_iter": (image, {"kmeans": {"max_iter": 1}}, 2),
            "kmeans.tol": (image, {"kmeans": {"tol": 10.0}}, 1e-9),
        }
        taken = {
            key
            for key, row in harness.params().items()
            if row["type"] in ("integer", "float", "list of integers")
            and not key.startswith(("run.", "output.", "slurm."))
        }
        self.assertEqual(taken - set(cases), set(), "a number that is not tried here")
        for key in sorted(taken):
            data, sections, other = cases[key]
            section, name = key.rsplit(".", 1)
            contents = []
            for value in (None, other):
                changed = {k: dict(v) for k, v in sections.items()}
                source = copy.deepcopy(data)
                if value is not None and section == "data":
                    source[name] = value
                elif value is not None and section == "data.synthetic":
                    source["synthetic"][name] = value
                elif value is not None:
                    changed.setdefault(section, {})[name] = value
                sweep = {"covariance": "diag", **changed.pop("sweep", {})}
                em = {"max_iter": 20, **changed.pop("em", {})}
                out = f"{key}-{value is None}"
                contents.append(self.fitted(source, out, sweep, em, **changed).content)
            self.assertNotEqual(*contents, key)


if __name__ == "__main__":
    harness.main()
