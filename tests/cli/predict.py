"""predict: scikit-learn as the judge of densities, responsibilities and labels; what the sweep did
to its own rows is done to others; what cannot be scored is refused."""
import csv
import io
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness
from mixtures import known_mixture

USAGE, DATA = 2, 4
SAME = 1e-10  # relative, and absolute for what is about 1
NAMES = ["height", "width", "depth"]


def table(text):
    """CSV as columns of numbers."""
    np = harness.need("numpy")
    rows = list(csv.DictReader(io.StringIO(text)))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


class Predict(harness.Case):
    def swept(self, name="out", x=None, header=NAMES, sweep=None, **sections):
        """A sweep over blobs: its folder, its result, its rows."""
        if x is None:
            x, _ = harness.blobs(3, n=700)
        data = {"path": self.write_csv(f"{name}.csv", x, header), **sections.pop("data", {})}
        sweep = {"covariance": harness.families(), "restarts": 1, **(sweep or {})}
        folder = self.sweep(data, name, sweep=sweep, **sections)
        return folder, harness.Result(folder), x

    def predicted(self, *args, **options):
        return table(self.gmmsweep("predict", "-q", *args, **options).stdout)

    # --- what is said of a row

    def test_as_sklearn(self):
        """Rows that the sweep has not seen have scikit-learn's log-density, responsibilities and
        labels, in all families."""
        np = harness.need("numpy")
        harness.need("sklearn.mixture")
        folder, result, _ = self.swept()
        new = np.random.default_rng(8).uniform(-15, 15, (300, 3))
        data = self.write_csv("new.csv", new, NAMES)
        for fit in result.names:
            with self.subTest(fit):
                self.gmmsweep("predict", folder, data, "--fit", fit, "-o", "p.npz")
                got = np.load(self.dir / "p.npz")
                judge = known_mixture(result.models[fit], result.row(fit)["covariance"])
                self.close_enough(got["log_density"], judge.score_samples(new), SAME, fit)
                resp = judge.predict_proba(new)
                self.close_enough(got["responsibilities"], resp, 0, fit, absolute=SAME)
                clear = np.sort(resp, axis=1)[:, -1] - np.sort(resp, axis=1)[:, -2] > 1e-6
                self.assertTrue(np.array_equal(got["label"][clear], judge.predict(new)[clear]))

    def test_sum_is_the_trace(self):
        """The log-densities of the sweep's own rows add up to the last entry of its trace; so with
        weights and held-out rows."""
        np = harness.need("numpy")
        x, _ = harness.blobs(5, n=500)
        weight = np.random.default_rng(1).uniform(0.5, 2, len(x))
        data = {"weights": "w", "heldout": 0.2}
        rows = np.column_stack([x, weight])
        folder, result, _ = self.swept(x=rows, header=[*NAMES, "w"], data=data)
        kept = result.data["heldout"] == 0
        for fit in result.names:
            got = self.predicted(folder, "out.csv", "--fit", fit)["log_density"]
            loglik = np.sum((weight * got)[kept])
            self.close_enough(loglik, result.row(fit)["loglik"], SAME, fit)
            heldout = np.average(got[~kept], weights=weight[~kept])
            self.close_enough(heldout, result.row(fit)["heldout"], SAME, fit)

    def test_far_and_odd_units(self):
        """An offset of 1e8 and units of 1e-150 and 1e150 do no harm."""
        np = harness.need("numpy")
        x, _ = harness.blobs(6, n=300)
        folder, result, _ = self.swept(x=x * [1e-150, 1.0, 1e150] + np.array([0, 1e8, 0]))
        for fit in result.names:
            got = self.predicted(folder, "out.csv", "--fit", fit)["log_density"]
            self.assertTrue(np.all(np.isfinite(got)), fit)
            self.close_enough(got.sum(), result.row(fit)["loglik"], SAME, fit)

    def test_kmeans(self):
        """k-means labels by the nearest mean, in the space in which it measured, and has neither
        densities nor responsibilities."""
        np = harness.need("numpy")
        x, _ = harness.blobs(4, n=400)
        x *= [1, 10, 0.1]
        sweep = {"method": "kmeans", "covariance": "diag"}
        for whiten in ("none", "scale"):
            folder, result, _ = self.swept(whiten, x=x, sweep=sweep, kmeans={"whiten": whiten})
            for fit in result.names:
                z = x / x.std(axis=0) if whiten == "scale" else x
                means = result.models[fit]["means"] / (x.std(axis=0) if whiten == "scale" else 1)
                nearest = ((z[:, None] - means[None]) ** 2).sum(-1).argmin(1)
                done = self.gmmsweep("predict", folder, f"{whiten}.csv", "--fit", fit)
                got = table(done.stdout)
                self.assertEqual(list(got), ["label"])
                self.assertTrue(np.array_equal(got["label"], nearest), fit)
                self.assertIn("no densities", done.stderr)
        folder, result, _ = self.swept("full", x=x, sweep=sweep, kmeans={"whiten": "full"})
        done = self.gmmsweep("predict", folder, "full.csv", "--fit", result.names[0], expect=DATA)
        self.assertIn("kmeans.whiten", done.stderr)

    def test_same_on_any_threads(self):
        """One thread and many give the same bits."""
        x, _ = harness.blobs(9, n=3000)
        folder, _, _ = self.swept(x=x)
        one = self.gmmsweep("predict", folder, "out.csv", "--threads", 1).stdout
        for n in (2, 5):
            self.assertEqual(self.gmmsweep("predict", folder, "out.csv", "--threads", n).stdout, one)

    # --- where it goes

    def test_forms(self):
        """Standard output, CSV, NPY, NPZ and HDF5 hold the same numbers."""
        np, h5py = harness.need("numpy"), harness.need("h5py")
        folder, result, x = self.swept()
        shown = self.predicted(folder, "out.csv")
        for name in ("p.csv", "p.npy", "p.npz", "p.h5"):
            self.gmmsweep("predict", "-q", folder, "out.csv", "-o", name)
        self.assertTrue(np.array_equal(np.load(self.dir / "p.npy"), shown["label"]))
        npz = np.load(self.dir / "p.npz")
        written = table((self.dir / "p.csv").read_text())
        with h5py.File(self.dir / "p.h5") as f:
            for name in ("label", "log_density"):
                for values in (npz[name], f[name][()], written[name]):
                    self.assertTrue(np.array_equal(values, shown[name]), name)
            n_components = result.row(result.best["bic"])["k"]
            self.assertEqual(f["responsibilities"].shape, (len(x), n_components))
            self.assertTrue(np.array_equal(f["responsibilities"][()], npz["responsibilities"]))
        columns = [written[f"responsibilities_{k}"] for k in range(n_components)]
        self.assertTrue(np.array_equal(np.stack(columns, 1), npz["responsibilities"]))
        self.close_enough(npz["responsibilities"].sum(1), np.ones(len(x)), 1e-12, "sum")

    def test_refused_output(self):
        """An ending that is no format, or the file that is read: exit 2, and nothing is made."""
        self.swept()
        before = harness.tree(self.dir)
        for name in ("p.txt", "p", "out.csv", "out/sweep.h5"):
            words = ["out/sweep.h5", "out.csv", "-o", name]
            done = self.gmmsweep("predict", *words, expect=USAGE)
            self.assertIn(name, done.stderr)
        self.assertEqual(harness.tree(self.dir), before)

    # --- what is done to the rows

    def test_columns_by_name(self):
        """Where the sweep's columns have names, others are found by them, wherever they stand."""
        np = harness.need("numpy")
        folder, _, x = self.swept()
        expected = self.predicted(folder, "out.csv")
        noise = np.arange(len(x))[:, None]
        mixed = np.column_stack([noise, x[:, 2], x[:, 0], noise, x[:, 1]])
        data = self.write_csv("mixed.csv", mixed, ["a", "depth", "height", "b", "width"])
        got = self.predicted(folder, data)
        self.assertTrue(np.array_equal(got["log_density"], expected["log_density"]))
        lacks = self.write_csv("lacks.csv", mixed[:, :3], ["a", "depth", "height"])
        done = self.gmmsweep("predict", folder, lacks, expect=DATA)
        self.assertIn("width", done.stderr)
        bare = self.write("bare.npy", harness.npy(x))
        self.assertTrue(np.array_equal(self.predicted(folder, bare)["label"], expected["label"]))

    def test_columns_by_number(self):
        """A sweep of columns 2 and 0 takes these of a file as wide as its own, and the two of a
        file that has no others."""
        np = harness.need("numpy")
        x, _ = harness.blobs(3, n=200)
        folder, _, _ = self.swept(x=x, header=None, data={"columns": [2, 0]})
        expected = self.predicted(folder, "out.csv")["log_density"]
        wide = self.write("wide.npy", harness.npy(x))
        narrow = self.write("narrow.npy", harness.npy(x[:, [2, 0]]))
        for data in (wide, narrow):
            self.assertTrue(np.array_equal(self.predicted(folder, data)["log_density"], expected))

    def test_labels_are_no_feature(self):
        """A column that held the sweep's labels is passed over, there or not; rows that classes
        and limit left out are scored."""
        np = harness.need("numpy")
        data = {"path": harness.IRIS, "labels": "Species", "limit": 80, "classes": ["setosa"]}
        folder = self.sweep(data, sweep={"components": 2, "covariance": "diag", "restarts": 1})
        whole = self.predicted(folder, harness.IRIS)
        self.assertEqual(len(whole["label"]), 150)
        bare = self.write("bare.npy", harness.npy(harness.iris()))
        self.assertTrue(np.array_equal(self.predicted(folder, bare)["label"], whole["label"]))

    def test_images(self):
        """Images are pooled, resized and scaled as the sweep's were."""
        np = harness.need("numpy")
        kinds = ("pool", {"pool": 4, "scale": 255}, 49), ("resize", {"resize": [6, 5]}, 30)
        for name, steps, width in kinds:
            data = {"path": harness.DIGITS, "limit": 300, **steps}
            sweep = {"components": 3, "covariance": "diag", "restarts": 1}
            folder = self.sweep(data, name, sweep=sweep, em={"floor": 1e-2})
            result = harness.Result(folder)
            fit = result.best["bic"]
            self.assertEqual(result.models[fit]["means"].shape[1], width)
            got = self.predicted(folder, harness.DIGITS)
            self.assertEqual(len(got["label"]), 2000)
            self.close_enough(got["log_density"][:300].sum(), result.row(fit)["loglik"], SAME, fit)
        small = self.write("small.idx", harness.idx(np.zeros((5, 12, 12), np.uint8)))
        done = self.gmmsweep("predict", self.dir / "pool", small, expect=DATA)
        self.assertRegex(done.stderr, r"has 9 features, .* have 49")

    def test_arrays(self):
        """Of NPZ and HDF5 the array that the sweep has named is taken, else the only one there is;
        of several others none."""
        np, h5py = harness.need("numpy"), harness.need("h5py")
        x, label = harness.blobs(3, n=200)
        np.savez(self.dir / "sweep.npz", X=x, y=label)
        data = {"path": "sweep.npz", "dataset": "X", "labels": "y"}
        folder = self.sweep(data, sweep={"components": 3, "restarts": 1})
        expected = self.predicted(folder, "sweep.npz")["log_density"]
        np.savez(self.dir / "other.npz", Z=x)
        np.savez(self.dir / "both.npz", X=x, Z=x)
        np.savez(self.dir / "neither.npz", Y=x, Z=x)
        with h5py.File(self.dir / "other.h5", "w") as f:
            f["some/where"] = x
        self.write("other.npy", harness.npy(x))
        for name in ("other.npz", "both.npz", "other.h5", "other.npy"):
            got = self.predicted(folder, name)["log_density"]
            self.assertTrue(np.array_equal(got, expected), name)
        done = self.gmmsweep("predict", folder, "neither.npz", expect=DATA)
        self.assertIn("2 arrays", done.stderr)

    def test_picture(self):
        """Every pixel of a picture is a row; one of another number of channels is refused."""
        np, image = harness.need("numpy"), harness.need("PIL.Image")
        rng = np.random.default_rng(1)
        pixels = (rng.integers(0, 3, (40, 50, 1)) * 90 + rng.integers(0, 20, (40, 50, 3)))
        colours = image.fromarray(pixels.astype(np.uint8))
        colours.save(self.dir / "a.png")
        colours.crop((5, 5, 25, 15)).save(self.dir / "b.bmp")
        colours.convert("L").save(self.dir / "grey.png")
        folder = self.sweep("a.png", sweep={"components": 3, "restarts": 1})
        whole = self.predicted(folder, "a.png")["label"].reshape(40, 50)
        part = self.predicted(folder, "b.bmp")["label"].reshape(10, 20)
        self.assertTrue(np.array_equal(part, whole[5:15, 5:25]))
        done = self.gmmsweep("predict", folder, "grey.png", expect=DATA)
        self.assertIn("has 1 feature, but the sweep's models have 3", done.stderr)

    def test_missing_values(self):
        """Rows with missing values are refused, or, where the sweep dropped them, left out and the
        others numbered."""
        x, _ = harness.blobs(3, n=100)
        strict, _, _ = self.swept("strict", x=x)
        lenient, _, _ = self.swept("lenient", x=x, data={"on_missing": "drop"})
        lines = (self.dir / "strict.csv").read_text().splitlines()
        lines[5] = ",1,2"
        data = self.write("holes.csv", "\n".join(lines) + "\n")
        done = self.gmmsweep("predict", strict, data, expect=DATA)
        self.assertIn("missing", done.stderr)
        got = self.predicted(lenient, data)
        self.assertEqual(got["source_row"].tolist(), [*range(4), *range(5, 100)])

    # --- which model

    def test_which_model(self):
        """--best takes the fit that /best names, --fit any; what is not there is told, with what
        is near."""
        folder, result, _ = self.swept(sweep={"components": [1, 2, 3, 4]}, data={"heldout": 0.3})
        for criterion, fit in result.best.items():
            named = self.gmmsweep("predict", folder, "out.csv", "--fit", fit).stdout
            best = self.gmmsweep("predict", folder, "out.csv", "--best", criterion)
            self.assertEqual(best.stdout, named)
            self.assertIn(fit, best.stderr)
        self.assertEqual(
            self.gmmsweep("predict", folder, "out.csv").stdout,
            self.gmmsweep("predict", folder, "out.csv", "--best", "bic").stdout,
        )
        for args, expect, says in (
            (["--fit", "diag-k003-kmeans++-r00"], DATA, "did you mean diag-k003-kmeans++-r000"),
            (["--fit", "x"], DATA, "expected one of its 16 fits"),
            (["--best", "bicc"], USAGE, "expected one of bic"),
            (["--fit", result.names[0], "--best", "aic"], USAGE, "one of them"),
        ):
            done = self.gmmsweep("predict", folder, "out.csv", *args, expect=expect)
            self.assertIn(says, done.stderr)

    def test_far_rows(self):
        """A few rows of small weight, ten thousand deviations off, have their densities to the last
        digits, in every family."""
        np = harness.need("numpy")
        rng = np.random.default_rng(self.seeded(5).randrange(10**6))
        near, far = rng.standard_normal((2000, 2)), 1e6 + 3 * rng.standard_normal((4, 2))
        x = np.concatenate([near, far])
        weight = np.where(np.arange(len(x)) < len(near), 1e6, 1.0)
        np.save(self.dir / "far.npy", x)
        np.save(self.dir / "w.npy", weight)
        data = {"path": self.dir / "far.npy", "weights": self.dir / "w.npy"}
        sweep = {"components": 2, "covariance": ["spherical", "diag"]}
        out = self.sweep(data, "far", sweep=sweep, em={"floor": 1e-12})
        result = harness.Result(out)
        for fit in result.names:
            self.gmmsweep("predict", out, self.dir / "far.npy", "--fit", fit, "-o", "far.npz")
            model = result.models[fit]
            square = model["covariances"].reshape(2, -1) * np.ones((2, 2))
            log_joint = np.log(model["weights"]) - 0.5 * (
                ((x[:, None] - model["means"]) ** 2 / square).sum(2)
                + np.log(2 * np.pi * square).sum(1)
            )
            expected = np.logaddexp.reduce(log_joint, axis=1)
            told = np.load(self.dir / "far.npz")["log_density"]
            self.close_enough(told, expected, 1e-9, fit)

    def test_repeated_names(self):
        """A file that names two columns alike is taken by position, as it was for the sweep."""
        x, _ = harness.blobs(8, n=60, n_features=3)
        lines = ["a,a,b"] + [",".join(map(repr, row)) for row in x.tolist()]
        data = self.write("twice.csv", "\n".join(lines) + "\n")
        out = self.sweep(data, "twice", sweep={"components": 2, "covariance": "diag"})
        self.assertEqual(self.gmmsweep("predict", out, data).stdout.count("\n"), 61)

    def test_flagged(self):
        """Where all fits are flagged none is the best, unless --flagged lets them."""
        x, _ = harness.blobs(7, n=40, n_features=2)
        sweep = {"components": 30, "covariance": "full", "init": "points"}
        folder, result, _ = self.swept(x=x, header=None, sweep=sweep)
        self.assertTrue(result.fits["flagged"].all())
        done = self.gmmsweep("predict", folder, "out.csv", expect=DATA)
        self.assertIn("--flagged", done.stderr)
        self.gmmsweep("predict", folder, "out.csv", "--flagged")
        done = self.gmmsweep("predict", folder, "out.csv", "--best", "heldout", expect=DATA)
        self.assertIn("heldout", done.stderr)

    # --- what cannot be scored

    def test_bad_data(self):
        """Data that are missing, none, of another width, or beyond all numbers: exit 4, with what
        was expected."""
        np = harness.need("numpy")
        folder, _, x = self.swept(header=None)
        cases = {
            "none.csv": (None, "No such file"),
            "wide.csv": (np.zeros((3, 7)), "has 7 features, but the sweep's models have 3"),
            "narrow.csv": (np.zeros((3, 1)), "has 1 feature, but the sweep's models have 3"),
            "far.csv": (np.array([[0, 0, 0], [1e300, 0, 0]]), "row 1"),
            "text.csv": (b"a b c\nd e f\n", "text.csv"),
            "empty.csv": (b"", "empty.csv"),
        }
        for name, (content, says) in cases.items():
            with self.subTest(name):
                if isinstance(content, bytes):
                    self.write(name, content)
                elif content is not None:
                    self.write_csv(name, content)
                done = self.gmmsweep("predict", folder, name, "-o", "p.csv", expect=DATA)
                self.assertIn(says, done.stderr)
                self.assertIn(name, done.stderr)
                self.assertFalse((self.dir / "p.csv").exists())
        for args in ([], [folder]):
            self.assertIn("missing", self.gmmsweep("predict", *args, expect=USAGE).stderr)
        done = self.gmmsweep("predict", "out.csv", "out.csv", expect=DATA)
        self.assertIn("no HDF5 file", done.stderr)

    def test_unfinished(self):
        """Of a folder without sweep.h5 it is said how to make it."""
        folder, _, _ = self.swept()
        (folder / "sweep.h5").unlink()
        done = self.gmmsweep("predict", folder, "out.csv", expect=DATA)
        self.assertIn("gmmsweep merge", done.stderr)


if __name__ == "__main__":
    harness.main()
