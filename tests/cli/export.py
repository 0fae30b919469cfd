"""gmmsweep export: one model under scikit-learn's names, as NPZ, JSON and HDF5."""
import json
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

USAGE, DATA, OUTPUT = 2, 4, 5
NAMES = ("weights_", "means_", "covariances_", "precisions_cholesky_")
STORY = {"converged_", "n_iter_", "n_features_in_", "feature_names_in_", "fit", "data_scale"}
STORY |= {"data_pool"}
MIXTURE = set(NAMES) | STORY | {"covariance_type", "lower_bound_"}


class Export(harness.Case):
    """One sweep, run once: every family by EM and from labels, and k-means."""

    @classmethod
    def setUpClass(cls):
        cls.case = cls.of_class()
        sweep = {
            "method": ["em", "kmeans", "labelled"],
            "components": [1, 3],
            "covariance": harness.families(),
            "restarts": 1,
        }
        data = {
            "path": harness.IRIS,
            "labels": "Species",
            "columns": ["Petal.Width", 0, 2],
            "scale": 2.5,
        }
        cls.out = cls.case.sweep(data, sweep=sweep, em={"max_iter": 60})
        cls.result = harness.Result(cls.out)

    def export(self, *args, ending="npz"):
        """What the file holds that an export makes: name -> array."""
        path = self.dir / f"model.{ending}"
        self.gmmsweep("export", self.out, "-o", path, *args)
        return self.loaded(path)

    def loaded(self, path):
        np = harness.need("numpy")
        if path.suffix == ".npz":
            with np.load(path) as arrays:  # refuses pickles
                return dict(arrays)
        if path.suffix == ".json":
            given = json.loads(path.read_text())
            return {name: np.array(value) for name, value in given.items()}
        with harness.need("h5py").File(path) as f:
            texts = harness.need("h5py").check_string_dtype
            return {
                name: np.array(d.asstr()[()], dtype=str) if texts(d.dtype) else d[()]
                for name, d in f.items()
                if d.attrs.get("CLASS") != b"DIMENSION_SCALE"
            }

    def features(self):
        """The rows in the units of the model, and the fits' names that have covariances."""
        np = harness.need("numpy")
        table = np.genfromtxt(harness.IRIS, delimiter=",", skip_header=1, usecols=range(4))
        mixtures = [f for f in self.result.names if not f.startswith("kmeans")]
        self.assertEqual(len(mixtures), 12)
        return table[:, [3, 0, 2]] / 2.5, mixtures

    def test_scikit_learn_takes_it(self):
        """Set as attributes of a GaussianMixture, the arrays give every row the log-density that a
        dense formula gives, and as their mean our log-likelihood, for every family, from EM and
        from labels; precisions_cholesky_ is what scikit-learn makes of covariances_."""
        np = harness.need("numpy")
        mixture = harness.need("sklearn.mixture")
        made_by_sklearn = mixture._gaussian_mixture._compute_precision_cholesky
        x, fits = self.features()
        for fit in fits:
            given = self.export("--fit", fit)
            family = str(given["covariance_type"])
            model = mixture.GaussianMixture(len(given["weights_"]), covariance_type=family)
            for name in NAMES:
                setattr(model, name, given[name])
            ours = self.result.row(fit)
            scores = model.score_samples(x)
            expected = self.log_density(x, given)
            self.close_enough(scores, expected, 1e-10, fit, absolute=1e-10)
            self.close_enough(scores.mean(), ours["mean_loglik"], 1e-10, fit)
            self.assertEqual(float(given["lower_bound_"]), ours["mean_loglik"])
            precisions = made_by_sklearn(given["covariances_"], family)
            self.close_enough(
                given["precisions_cholesky_"], precisions, 1e-9, fit, absolute=1e-9
            )
            if given["precisions_cholesky_"].ndim > 1 and family in ("tied", "full"):
                lower = np.tril(given["precisions_cholesky_"], -1)
                self.assertFalse(lower.any(), "not upper triangular")

    def log_density(self, x, given):
        """ln sum_k w_k N(x; m_k, S_k) by inverses and determinants of the covariances as numbers,
        which none of the programs uses."""
        np = harness.need("numpy")
        k, d = given["means_"].shape
        full = {
            "spherical": lambda c: c[:, None, None] * np.eye(d),
            "diag": lambda c: c[:, :, None] * np.eye(d),
            "tied": lambda c: np.tile(c, (k, 1, 1)),
            "full": lambda c: c,
        }[str(given["covariance_type"])](given["covariances_"])
        off = x[:, None, :] - given["means_"]
        square = np.einsum("nki,kij,nkj->nk", off, np.linalg.inv(full), off)
        log_det = np.linalg.slogdet(2 * np.pi * full)[1]
        return np.log((given["weights_"] * np.exp(-(square + log_det) / 2)).sum(1))

    def test_formats_agree(self):
        """The three formats hold the same arrays, bit for bit those of the result."""
        np = harness.need("numpy")
        for fit in self.features()[1]:
            npz, *others = (self.export("--fit", fit, ending=e) for e in ("npz", "json", "h5"))
            self.assertEqual(set(npz), MIXTURE | {"data_columns"})
            for other in others:
                self.assertEqual(set(other), set(npz))
                for name, value in npz.items():
                    self.assertEqual(other[name].shape, value.shape, name)
                    self.assertTrue(np.array_equal(other[name], value), f"{fit}: {name}")
            stored = self.result.models[fit]
            for name in ("weights", "means", "covariances"):
                self.assertTrue(np.array_equal(npz[f"{name}_"], stored[name]), f"{fit}: {name}")

    def test_story(self):
        """Beside the model stands what its user has to know: which fit, which features in which
        units, how it ended."""
        given = self.export("--fit", "full-k003-kmeans++-r000")
        row = self.result.row("full-k003-kmeans++-r000")
        self.assertEqual(str(given["fit"]), "full-k003-kmeans++-r000")
        self.assertEqual(int(given["n_iter_"]), row["iterations"])
        self.assertEqual(int(given["converged_"]), row["status"] == "converged")
        self.assertEqual(int(given["n_features_in_"]), 3)
        names = ["Petal.Width", "Sepal.Length", "Petal.Length"]
        self.assertEqual(list(given["feature_names_in_"]), names)
        self.assertEqual(list(given["data_columns"]), ["Petal.Width", "0", "2"])
        self.assertEqual(float(given["data_scale"]), 2.5)
        self.assertEqual(int(given["data_pool"]), 1)

    def test_image_steps(self):
        """Of images the steps that made the features are told."""
        for keys in ({"pool": 7}, {"resize": [3, 4]}):
            data = {"path": harness.DIGITS, "limit": 50, "scale": 255, **keys}
            out = self.sweep(data, f"out-{'-'.join(keys)}", sweep={"components": 2})
            self.gmmsweep("export", out, "-o", "digits.npz")
            given = self.loaded(self.dir / "digits.npz")
            self.assertEqual(int(given["data_pool"]), keys.get("pool", 1))
            self.assertEqual(list(given.get("data_resize", [])), keys.get("resize", []))
            self.assertNotIn("data_columns", given)

    def test_kmeans(self):
        """A k-means fit has cluster_centers_, as KMeans has, and no covariances."""
        np = harness.need("numpy")
        fit = "kmeans-k003-kmeans++-r000"
        given = self.export("--fit", fit)
        self.assertEqual(set(given), STORY | {"weights_", "cluster_centers_", "data_columns"})
        stored = self.result.models[fit]
        self.assertTrue(np.array_equal(given["cluster_centers_"], stored["means"]))
        self.assertTrue(np.array_equal(given["weights_"], stored["weights"]))

    def test_another_sweep_starts_from_it(self):
        """The NPZ serves as init_file: EM goes on from where the model was."""
        fit = "full-k003-kmeans++-r000"
        self.gmmsweep("export", self.out, "--fit", fit, "-o", "model.npz")
        data = {"path": harness.IRIS, "columns": ["Petal.Width", 0, 2], "scale": 2.5}
        sweep = {"init": "file", "covariance": "full", "components": 3}
        config = self.sweep_config(data, "again", sweep=sweep)
        names = {name: f"{name}_" for name in ("weights", "means", "covariances")}
        text = harness.yaml({**config, "init_arrays": names}) + "init_file: model.npz\n"
        self.gmmsweep("run", "-q", self.write("again.yaml", text))
        again = harness.Result(self.dir / "again")
        start = again.trace("full-k003-file-r000")["loglik"][0]
        self.close_enough(start, self.result.row(fit)["loglik"], 1e-10, "log-likelihood")

    def test_choice(self):
        """Without --fit the best by BIC is taken, with --best the one that show puts first; a line
        on standard error tells which, unless -q; no result is changed."""
        before = harness.tree(self.out)
        for args in ([], ["--best", "aic"], ["--best", "icl"], ["--best", "loglik"]):
            by = args[1] if args else "bic"
            rows = json.loads(self.gmmsweep("show", self.out, "--by", by, "--json").stdout)
            self.assertEqual(str(self.export(*args)["fit"]), rows[0]["fit"], by)
        said = self.gmmsweep("export", self.out / "sweep.h5", "-o", "again.npz")
        best = re.escape(self.result.best["bic"])
        self.assertEqual(said.stdout, "")
        self.assertRegex(said.stderr, rf"^again\.npz: {best}, \d components, 3 features\n$")
        self.assertEqual(self.gmmsweep("export", "-q", self.out, "-o", "again.npz").stderr, "")
        self.assertEqual(harness.tree(self.out), before)

    def test_netcdf_opens_it(self):
        """The HDF5 form opens in xarray with both engines: dimensions, names, units."""
        xarray = harness.need("xarray")
        for family in harness.families():
            self.export("--fit", f"{family}-k003-kmeans++-r000", ending="h5")
            for engine in ("netcdf4", "h5netcdf"):
                harness.need("netCDF4" if engine == "netcdf4" else engine)
                with xarray.open_dataset(self.dir / "model.h5", engine=engine) as given:
                    self.assertEqual(given["means_"].dims, ("component", "feature"))
                    self.assertEqual(list(given["feature"].values)[0], "Petal.Width")
                    for name in NAMES:
                        self.assertIn("long_name", given[name].attrs)
                        self.assertIn("units", given[name].attrs)

    # --- what goes wrong

    def refused(self, status, *args, says=(), **options):
        """Must fail with the status, say all of `says`, and leave everything as it was."""
        before = harness.tree(self.dir), harness.tree(self.out)
        done = self.gmmsweep("export", *args, expect=status, **options)
        self.assertEqual(done.stdout, "")
        for text in says:
            self.assertIn(str(text), done.stderr)
        self.assertEqual((harness.tree(self.dir), harness.tree(self.out)), before)

    def test_usage(self):
        """No -o, another ending, both --fit and --best: exit 2 with what was expected."""
        endings = [".npz .json .h5"]
        self.refused(USAGE, self.out, says=["-o", *endings])
        for name in ("model", "model.csv", "model.npy", "model.npz.gz", "npz", ".npz", "", "a/"):
            self.refused(USAGE, self.out, "-o", name, says=[f"-o: {name}: ", *endings])
        self.refused(USAGE, self.out, "-o", "m.npz", "--fit", "a", "--best", "bic", says=["--fit"])
        self.refused(USAGE, self.out, "-o", "m.npz", "--best", "size", says=["--best", "'size'"])

    def test_bad_input(self):
        """A file that is none of ours, a fit that is not there: exit 4, nothing is made."""
        self.write("text.h5", "no HDF5")
        self.refused(DATA, "text.h5", "-o", "m.npz", says=["text.h5"])
        self.refused(DATA, "none", "-o", "m.npz", says=["none", "No such file"])
        self.refused(DATA, self.out, "-o", "m.npz", "--fit", "full-k003", says=["full-k003"])

    def test_output_that_is_read(self):
        """The result itself is never written over, by whatever name."""
        os.link(self.out / "sweep.h5", self.dir / "link.h5")
        (self.dir / "symbolic.h5").symlink_to(self.out / "sweep.h5")
        for path in (self.out / "sweep.h5", "link.h5", "symbolic.h5"):
            for target in (self.out, self.out / "sweep.h5"):
                self.refused(USAGE, target, "-o", path, says=[path, "is read"])

    def test_output_that_fails(self):
        """A folder that is not there or takes nothing, a full disk: exit 5 with path and cause,
        and an older file stands."""
        locked = self.dir / "locked"
        locked.mkdir(mode=0o500)
        (self.dir / "folder.npz").mkdir()
        (self.dir / "folder.npz" / "inside").touch()

        for ending in ("npz", "json", "h5"):
            path = self.write(f"old.{ending}", "old")
            self.refused(OUTPUT, self.out, "-o", f"none/m.{ending}", says=[f"none/m.{ending}"])
            inside = f"old.{ending}/m.{ending}"
            self.refused(OUTPUT, self.out, "-o", inside, says=[inside, "Not a directory"])
            self.refused(OUTPUT, self.out, "-o", path, says=[path], preexec_fn=harness.file_limit(100))
            if os.geteuid() != 0:
                self.refused(OUTPUT, self.out, "-o", locked / f"m.{ending}", says=["Permission"])
        self.refused(OUTPUT, self.out, "-o", "folder.npz", says=["folder.npz", "directory"])


if __name__ == "__main__":
    harness.main()
