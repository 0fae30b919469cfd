"""gmmsweep sample: points drawn from a model, as CSV, arrays and images."""
import csv
import io
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

USAGE, CONFIG, DATA, OUTPUT = 2, 3, 4, 5
N = 20000
# How far a mean of N draws may be off, in standard errors: one in 10^9 is farther by chance.
ERRORS = 6.5


class Sample(harness.Case):
    """One sweep, run once: every family by EM and from labels, K = 1, and k-means."""

    @classmethod
    def setUpClass(cls):
        cls.case = cls.of_class()
        sweep = {
            "method": ["em", "kmeans", "labelled"],
            "components": [1, 3],
            "covariance": harness.families(),
            "restarts": 1,
        }
        data = {"path": harness.IRIS, "labels": "Species", "scale": 2.5}
        cls.out = cls.case.sweep(data, sweep=sweep, em={"max_iter": 60})
        cls.result = harness.Result(cls.out)

    def drawn(self, *args):
        """(samples, component) of an NPZ."""
        np = harness.need("numpy")
        self.gmmsweep("sample", self.out, "-o", self.dir / "drawn.npz", *args)
        with np.load(self.dir / "drawn.npz") as arrays:
            self.assertEqual(set(arrays), {"samples", "component"})
            return arrays["samples"], arrays["component"]

    def covariances(self, fit):
        """[K, D, D] of a stored model of any family."""
        np = harness.need("numpy")
        model = self.result.models[fit]
        k, d = model["means"].shape
        given = model["covariances"]
        shaped = {
            (k,): lambda: given[:, None, None] * np.eye(d),
            (k, d): lambda: given[:, :, None] * np.eye(d),
            (d, d): lambda: np.tile(given, (k, 1, 1)),
            (k, d, d): lambda: given,
        }
        return shaped[given.shape]()

    def test_moments(self):
        """Shares, means and covariances of the drawn components are those of the model, for every
        family, from EM and from labels, and for K = 1."""
        np = harness.need("numpy")
        fits = [f for f in self.result.names if not f.startswith("kmeans")]
        self.assertEqual(len(fits), 12)
        for fit in fits:
            x, component = self.drawn("--fit", fit, "-n", N, "--seed", 3)
            model, covariances = self.result.models[fit], self.covariances(fit)
            self.assertEqual(x.shape, (N, 4))
            for k, weight in enumerate(model["weights"]):
                of_k = x[component == k]
                n, covariance = len(of_k), covariances[k]
                error = (N * weight * (1 - weight)) ** 0.5
                self.assertLessEqual(abs(n - N * weight), ERRORS * error + 1e-9, f"{fit} {k}")
                variance = np.diag(covariance)
                off = abs(of_k.mean(0) - model["means"][k]) / np.sqrt(variance / n)
                self.assertLess(off.max(), ERRORS, f"{fit} {k}: mean")
                error = np.sqrt((np.outer(variance, variance) + covariance**2) / n)
                off = abs(np.cov(of_k.T, bias=True) - covariance) / error
                self.assertLess(off.max(), ERRORS, f"{fit} {k}: covariance")

    def test_scikit_learn_scores_it(self):
        """What is drawn has the mean log-density that scikit-learn's own draws have."""
        np = harness.need("numpy")
        mixture = harness.need("sklearn.mixture")
        fit = "full-k003-kmeans++-r000"
        self.gmmsweep("export", self.out, "--fit", fit, "-o", "m.npz")
        model = mixture.GaussianMixture(3, random_state=1)
        with np.load(self.dir / "m.npz") as given:
            for name in ("weights_", "means_", "covariances_", "precisions_cholesky_"):
                setattr(model, name, given[name])
        ours = model.score_samples(self.drawn("--fit", fit, "-n", N)[0])
        theirs = model.score_samples(model.sample(N)[0])
        error = (ours.var() / N + theirs.var() / N) ** 0.5
        self.assertLess(abs(ours.mean() - theirs.mean()), ERRORS * error)

    def test_point_depends_on_seed_and_number(self):
        """Fewer points are the first of more; another seed gives other points, of 0 and of 2^64 - 1
        too; the default is 100 points of seed 1; the same command gives the same bytes."""
        np = harness.need("numpy")
        many, _ = self.drawn("-n", 500)
        few, _ = self.drawn("-n", 7, "--seed", 1)
        self.assertTrue(np.array_equal(few, many[:7]))
        plain, _ = self.drawn()
        self.assertTrue(np.array_equal(plain, many[:100]))
        seen = [many[:7]]
        for seed in (0, 2, 2**32 + 1, 2**64 - 1):
            other, _ = self.drawn("-n", 7, "--seed", seed)
            for one in seen:
                self.assertFalse(np.any(one == other), seed)
            seen.append(other)
        bytes_of = (self.dir / "drawn.npz").read_bytes()
        self.drawn("-n", 7, "--seed", 2**64 - 1)
        self.assertEqual((self.dir / "drawn.npz").read_bytes(), bytes_of)

    def test_formats_agree(self):
        """CSV to standard output, and files of each format, hold the same points."""
        np = harness.need("numpy")
        x, component = self.drawn("-n", 2500)
        said = self.gmmsweep("sample", self.out, "-n", 2500)
        printed, best = said.stdout, self.result.best["bic"]
        self.assertEqual(said.stderr, f"2500 points from {best}\n")
        self.gmmsweep("sample", self.out, "-n", 2500, "-o", "drawn.csv")
        self.assertEqual((self.dir / "drawn.csv").read_text(), printed)
        head, *rows = csv.reader(io.StringIO(printed))
        names = ["Sepal.Length", "Sepal.Width", "Petal.Length", "Petal.Width", "component"]
        self.assertEqual(head, names)
        table = np.array(rows, float)
        self.assertTrue(np.array_equal(table, np.column_stack([x, component])))
        self.gmmsweep("sample", self.out, "-n", 2500, "-o", "drawn.npy")
        self.assertTrue(np.array_equal(np.load(self.dir / "drawn.npy"), x))
        self.gmmsweep("sample", self.out, "-n", 2500, "-o", "drawn.h5")
        with harness.need("xarray").open_dataset(self.dir / "drawn.h5") as given:
            self.assertEqual(given["samples"].dims, ("row", "feature"))
            self.assertTrue(np.array_equal(given["samples"].values, x))
            self.assertTrue(np.array_equal(given["component"].values, component))
            self.assertEqual(list(given["feature"].values), names[:4])

    def test_points_can_be_fitted(self):
        """The CSV is data for another sweep, whose components are those drawn from."""
        np = harness.need("numpy")
        self.gmmsweep("sample", self.out, "-n", 3000, "-o", "drawn.csv", "--fit", "labelled-diag")
        data = {"path": self.dir / "drawn.csv", "labels": "component"}
        again = self.sweep(data, "again", sweep={"method": "labelled", "components": None})
        model = harness.Result(again).models["labelled-diag"]
        means = self.result.models["labelled-diag"]["means"]
        self.close_enough(model["means"], means, 0.05, "means")

    # --- images

    def grid(self, data, n, *args, **sections):
        """The grid's pixels, its images [n, height, width], and the points, [n, height, width]."""
        np = harness.need("numpy")
        image = harness.need("PIL.Image")
        out = self.sweep(data, "images", sweep={"components": 2}, **sections)
        said = self.gmmsweep("sample", "-q", out, "-n", n, *args, "-o", "grid.png")
        self.gmmsweep("sample", out, "-n", n, *args, "-o", "grid.npy")
        height, width = harness.Result(out).data_attrs["image_shape"]
        points = np.load(self.dir / "grid.npy").reshape(n, height, width)
        with image.open(self.dir / "grid.png") as picture:
            self.assertEqual(picture.mode, "L")
            grid = np.asarray(picture)
        across = int(np.ceil(n**0.5))
        down = -(-n // across)
        self.assertEqual(grid.shape, (down * (height + 1) - 1, across * (width + 1) - 1))
        cut = [
            grid[i // across * (height + 1) :][:height, i % across * (width + 1) :][:, :width]
            for i in range(n)
        ]
        return grid, np.array(cut), points, said

    def test_grid_of_images(self):
        """-o .png: the points as images, in the grey levels of the data, cut and rounded, with a
        line of grey between them; where the last row of images is short there is none."""
        np = harness.need("numpy")
        data = {"path": harness.DIGITS, "limit": 200, "pool": 4, "scale": 255}
        grid, images, points, _ = self.grid(data, 7, "--seed", 5)
        levels = np.floor(np.clip(points * 255, 0, 255) + 0.5)
        self.assertTrue(np.array_equal(images, levels))
        self.assertTrue((levels == 0).any() and (levels > 200).any())
        self.assertEqual(set(grid[7].tolist()) | set(grid[:, 7].tolist()), {128})
        self.assertEqual(set(grid[-7:, -7:].ravel().tolist()), {128})

    def test_grid_of_resized(self):
        """Resized images are of 8 bits, also where they come as floats."""
        np = harness.need("numpy")
        digits = harness.read_idx(harness.DIGITS)[:100].astype(float)
        np.save(self.dir / "digits.npy", digits)
        data = {"path": self.dir / "digits.npy", "resize": [5, 9]}
        _, images, points, said = self.grid(data, 1)
        self.assertTrue(np.array_equal(images, np.floor(np.clip(points, 0, 255) + 0.5)))
        self.assertEqual(said.stderr, "")

    def test_grid_of_floats(self):
        """Images of floats, whose black and white are unknown, use all levels, and say so."""
        np = harness.need("numpy")
        digits = harness.read_idx(harness.DIGITS)[:100, ::4, ::4] / 1e3 - 7
        np.save(self.dir / "digits.npy", digits)
        _, images, points, said = self.grid({"path": self.dir / "digits.npy"}, 5)
        share = (points - points.min()) / (points.max() - points.min())
        self.close_enough(images, 255 * share, 0, "levels", absolute=0.5 + 1e-9)
        self.assertEqual((images.min(), images.max()), (0, 255))
        self.assertIn("float64", said.stderr)

    # --- what goes wrong

    def refused(self, status, *args, says=(), **options):
        """Must fail with the status, say all of `says`, and leave everything as it was."""
        before = harness.tree(self.dir), harness.tree(self.out)
        done = self.gmmsweep("sample", *args, expect=status, **options)
        self.assertEqual(done.stdout, "")
        for text in says:
            self.assertIn(str(text), done.stderr)
        self.assertEqual((harness.tree(self.dir), harness.tree(self.out)), before)

    def test_usage(self):
        """Wrong numbers, seeds and endings: exit 2 with the value and what was expected."""
        for n in ("0", "-1", "many", "1e3", "9223372036854775808", ""):
            self.refused(USAGE, self.out, "-n", n, says=[f"'{n}'", "whole number"])
        for seed in ("-1", "x", "1.5", "18446744073709551616", "", " 1", "0x10"):
            self.refused(USAGE, self.out, f"--seed={seed}", says=[f"'{seed}'", "--seed"])
        for name in ("out.txt", "out", "out.json", ""):
            self.refused(USAGE, self.out, "-o", name, says=[".csv .npy .npz .h5 .png"])
        self.refused(USAGE, self.out, "-o", "out.png", says=["no images", ".npz"])
        self.refused(USAGE, self.out, "-o", self.out / "sweep.h5", says=["is read"])

    def test_too_many(self):
        """Points that memory cannot hold are refused before any is drawn; printed they are as far
        as somebody reads."""
        for n in ("100000000000000", "9223372036854775807"):
            for ending in ("npz", "csv"):
                name = f"out.{ending}"
                self.refused(CONFIG, self.out, "-n", n, "-o", name, says=[n, "MiB", "without -o"])
        process = self.start("sample", self.out, "-n", "9223372036854775807")
        for _ in range(5000):
            self.assertEqual(process.stdout.readline().count(","), 4)
        process.stdout.close()
        self.assertEqual(process.wait(timeout=harness.TIMEOUT_S), -signal.SIGPIPE)

    def test_kmeans(self):
        """k-means has nothing to draw from: exit 4, with what to do."""
        self.refused(DATA, self.out, "--fit", "kmeans-k003-kmeans++-r000", says=["k-means", "em"])

    def test_singular(self):
        """A degenerate fit without a floor may have a covariance that nothing can be drawn from; it
        is told, or the points are finite."""
        np = harness.need("numpy")
        rows = self.write_csv("line.csv", [[i, 2 * i, -i] for i in range(20)])
        out = self.sweep(
            rows, "line", sweep={"covariance": ["full", "diag"], "components": 1}, em={"floor": 0.0}
        )
        for fit in harness.Result(out).names:
            command = ["sample", out, "--fit", fit, "-n", "50"]
            done = subprocess.run([harness.PROGRAM, *command], capture_output=True, text=True)
            if done.returncode == 0:
                table = np.genfromtxt(io.StringIO(done.stdout), delimiter=",", skip_header=1)
                self.assertTrue(np.isfinite(table).all(), fit)
            else:
                self.assertEqual(done.returncode, DATA, done.stderr)
                self.assertIn("not positive definite", done.stderr)

    def test_output_that_fails(self):
        """A folder that is not there, a full disk: exit 5 with path and cause; the older file
        stands. Standard output that takes nothing is told too."""

        for ending in ("csv", "npy", "npz", "h5"):
            path = self.write(f"old.{ending}", "old")
            self.refused(OUTPUT, self.out, "-o", f"none/m.{ending}", says=[f"none/m.{ending}"])
            self.refused(OUTPUT, self.out, "-o", path, says=[path], preexec_fn=harness.file_limit(100))
        with open("/dev/full", "w") as full:
            for n in ("1", "100000"):
                done = self.gmmsweep("sample", self.out, "-n", n, expect=OUTPUT, stdout=full)
                self.assertIn("standard output", done.stderr)


if __name__ == "__main__":
    harness.main()
