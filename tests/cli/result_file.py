"""sweep.h5 as others read it: plain HDF5 by h5py, every group by xarray with both engines."""
import csv
import hashlib
import io
import json
import math
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

ENGINES = ("netcdf4", "h5netcdf")
FIT_COLUMNS = """id method k covariance init restart seed status flagged floored iterations loglik
    mean_loglik n_parameters bic aic icl error_rate error_majority ari nmi min_eigenvalue min_count
    max_drop redraws wall_s history_first history_count""".split()
MODEL_AXES = {
    "weights": "fit component",
    "means": "fit component feature",
    "confusion": "fit component class",
}
COVARIANCE_AXES = {
    "spherical": "fit component",
    "diag": "fit component feature",
    "tied": "fit feature feature_2",
    "full": "fit component feature feature_2",
}
DEFLATE_FROM_BYTES = 64 * 1024


class ResultFile(harness.Case):
    """One sweep, run once: labelled rows enough for deflate, two K, every family."""

    @classmethod
    def setUpClass(cls):
        cls.case = cls.of_class()
        rows, label = harness.blobs(5, n=9000)
        rows = [[*row, f"kind-{c}"] for row, c in zip(rows, label)]
        lines = ["first,second,third,kind"] + [",".join(map(str, row)) for row in rows]
        data = cls.case.write("blobs.csv", "\n".join(lines) + "\n")
        cls.out = cls.case.sweep(
            {"path": data, "labels": "kind"},
            sweep={
                "components": [2, 3],
                "covariance": harness.families(),
                "init": ["kmeans++", "points"],
                "restarts": 2,
            },
        )
        cls.file = cls.out / "sweep.h5"

    def open(self, file=None):
        f = harness.need("h5py").File(file or self.file, "r")
        self.addCleanup(f.close)
        return f

    def datasets(self, file=None):
        """(path, dataset) of every dataset; every group is opened on the way."""
        h5py = harness.need("h5py")
        found = []
        self.open(file).visititems(lambda name, d: found.append((name, d)))
        return [(name, d) for name, d in found if isinstance(d, h5py.Dataset)]

    def test_layout(self):
        """The groups, root attributes and columns are those of the specification."""
        f = self.open()
        self.assertEqual(
            set(f), {"config", "provenance", "data", "fits", "history", "models", "best"}
        )
        self.assertEqual(f.attrs["format"], "gmmsweep")
        self.assertEqual(f.attrs["status"], "complete")
        for name in "format_version created software_version git_revision".split():
            self.assertIn(name, f.attrs)
        for name in ("config_sha256", "data_sha256", "content_sha256"):
            self.assertRegex(f.attrs[name], "^[0-9a-f]{64}$")
        self.assertEqual(set(f["config"]), {"given", "resolved", "overrides"})
        self.assertEqual(set(f["fits"]), {"fit", *FIT_COLUMNS})
        self.assertEqual(
            set(f["history"]), {"entry", "fit", "iteration", "loglik", "elbo", "wall_s"}
        )
        groups = {f"{family}-k{k:03d}" for family in harness.families() for k in (2, 3)}
        self.assertEqual(set(f["models"]), groups)
        self.assertEqual(set(f["best"].attrs), {"bic", "aic", "icl", "loglik"})
        data = {"feature", "mean", "variance", "constant", "row", "class", "label"}
        self.assertEqual(set(f["data"]), data)
        self.assertEqual(list(f["data"].attrs["shape"]), [9000, 3])
        self.assertEqual(f["data"].attrs["path"], str(self.case.dir / "blobs.csv"))
        for group_name, group in f["models"].items():
            arrays = {**MODEL_AXES, "covariances": COVARIANCE_AXES[group_name.split("-")[0]]}
            for name, axes in arrays.items():
                scales = [pathlib.Path(d[0].name).name for d in group[name].dims]
                self.assertEqual(" ".join(scales), axes, f"{group_name}/{name}")
            scales = set(" ".join(arrays.values()).split())
            self.assertEqual(set(group), {*arrays, *scales})

    def test_config_kept(self):
        """/config has the file as given, and a resolved one that YAML readers read as floats."""
        pyyaml = harness.need("yaml")
        f = self.open()
        given = f["config/given"].asstr()[()]
        self.assertEqual(given, (self.case.dir / "out.yaml").read_text())
        resolved = f["config/resolved"].asstr()[()]
        self.assertEqual(resolved, (self.out / "config.resolved.yaml").read_text())
        self.assertEqual(f.attrs["config_sha256"], self.text_digest(resolved))
        config = pyyaml.safe_load(resolved)
        self.assertIs(type(config["em"]["tol"]), float)
        self.assertEqual(config["em"]["tol"], 1e-6)
        self.assertEqual(config["sweep"]["components"], [2, 3])
        self.assertEqual(config["data"]["path"], str(self.case.dir / "blobs.csv"))

    @staticmethod
    def text_digest(text):
        content = text.encode()
        return hashlib.sha256(struct.pack("<Q", len(content)) + content).hexdigest()

    def test_resolved_config_runs(self):
        """The resolved config, given back to the program, is the same sweep with nothing to do."""
        done = self.gmmsweep("run", self.out / "config.resolved.yaml")
        self.assertIn("nothing left to do", done.stderr)

    def test_dimension_scales(self):
        """Every axis of every dataset has one dimension scale, in the same group, of its length."""
        is_scale = harness.need("h5py").h5ds.is_scale
        n_axes = 0
        for name, dataset in self.datasets():
            if is_scale(dataset.id):
                self.assertEqual(dataset.ndim, 1, name)
                continue
            for axis, dim in enumerate(dataset.dims):
                self.assertEqual(len(dim), 1, f"{name}, axis {axis}")
                self.assertTrue(is_scale(dim[0].id), f"{name}, axis {axis}")
                self.assertEqual(dim[0].parent, dataset.parent, f"{name}, axis {axis}")
                self.assertEqual(dim[0].shape, (dataset.shape[axis],), f"{name}, axis {axis}")
                n_axes += 1
        self.assertGreater(n_axes, 50)

    def test_checksums(self):
        """fletcher32 on every numeric array; shuffle and deflate above 64 KiB and only there."""
        deflated = set()
        for name, d in self.datasets():
            if d.shape == () or d.dtype.kind == "O":
                continue
            self.assertTrue(d.fletcher32, name)
            large = d.size * d.dtype.itemsize > DEFLATE_FROM_BYTES
            self.assertEqual((d.shuffle, d.compression == "gzip"), (large, large), name)
            if large:
                deflated.add(name)
        self.assertEqual(deflated, {"data/row", "data/label"})

    def test_types(self):
        """float64, int64, int8 flags and variable-length UTF-8: no compound, enum or boolean."""
        h5py = harness.need("h5py")
        kinds = set()
        for name, d in self.datasets():
            string = h5py.check_string_dtype(d.dtype)
            if string is not None:
                self.assertEqual((string.encoding, string.length), ("utf-8", None), name)
                kinds.add("text")
                continue
            self.assertIn(d.dtype.str, ("<f8", "<i8", "|i1"), name)
            self.assertIsNone(h5py.check_enum_dtype(d.dtype), name)
            if d.dtype.str == "|i1":
                self.assertEqual(list(d.attrs["flag_values"]), [0, 1], name)
                self.assertEqual(len(d.attrs["flag_meanings"].split()), 2, name)
            kinds.add(d.dtype.str)
        self.assertEqual(kinds, {"text", "<f8", "<i8", "|i1"})

    def test_names_and_units(self):
        """long_name on every dataset, units on every number; times in s, densities in nats."""
        for name, d in self.datasets():
            self.assertTrue(d.attrs.get("long_name", "").strip(), name)
            if d.dtype.kind != "O":
                self.assertTrue(d.attrs.get("units", "").strip(), name)
        f = self.open()
        for name in ("fits/wall_s", "history/wall_s"):
            self.assertEqual(f[name].attrs["units"], "s")
        for name in ("fits/loglik", "fits/bic", "history/loglik", "history/elbo"):
            self.assertEqual(f[name].attrs["units"], "nats")

    def test_format_bounds(self):
        """Written between HDF5's V18 and V110: superblock 2 or 3, object headers of version 2."""
        h5py = harness.need("h5py")
        f = self.open()
        self.assertIn(f.id.get_create_plist().get_version()[0], (2, 3))
        for name in ["/"] + [name for name, _ in self.datasets()]:
            header = h5py.h5o.get_info(f[name].id).hdr
            self.assertEqual(header.version, 2, name)

    def test_content_digest(self):
        """content_sha256 covers every dataset but times, /provenance and /config; recomputed."""
        digest = hashlib.sha256()

        def add_text(text):
            content = text.encode()
            digest.update(struct.pack("<Q", len(content)) + content)

        covered = 0
        for name, d in sorted(("/" + name, d) for name, d in self.datasets()):
            if name.startswith(("/provenance/", "/config/")) or name.endswith("/wall_s"):
                continue
            text, real, whole, flag = range(4)
            kind = {"f8": real, "i8": whole, "i1": flag}.get(d.dtype.str[1:], text)
            add_text(name)
            digest.update(struct.pack(f"<{2 + d.ndim}Q", kind, d.ndim, *d.shape))
            if kind == text:
                for value in d.asstr()[()].ravel():
                    add_text(value)
            else:
                digest.update((d[()] + 0.0 if kind == real else d[()]).tobytes())  # -0 as +0
            covered += 1
        self.assertEqual(digest.hexdigest(), self.open().attrs["content_sha256"])
        self.assertGreater(covered, 50)

    def test_chunks(self):
        """A chunk of models holds whole fits, and no more than 64 KiB unless one fit is larger."""
        wide = {"path": harness.DIGITS, "limit": 300, "pool": 2}
        sweep = {"components": [2, 3], "covariance": ["full", "diag"]}
        folder = self.sweep(wide, "wide", sweep=sweep, em={"max_iter": 2})
        several = {True: 0, False: 0}
        for file in (self.file, folder / "sweep.h5"):
            for name, d in self.datasets(file):
                if not name.startswith("models/") or d.ndim < 2:
                    continue
                self.assertEqual(d.chunks[1:], d.shape[1:], name)
                chunk_bytes = d.dtype.itemsize * math.prod(d.chunks)
                self.assertTrue(chunk_bytes <= 65536 or d.chunks[0] == 1, name)
                several[d.chunks[0] > 1] += 1
        self.assertTrue(all(several.values()), several)

    def test_consistency(self):
        """History rows, counts, names and /best agree with /fits; weights sum to 1, sorted."""
        result = harness.Result(self.file)
        first = 0
        for i, fit in enumerate(result.names):
            row = result.row(fit)
            self.assertEqual(row["history_first"], first)
            self.assertEqual(row["history_count"], row["iterations"] + 1)
            first += row["history_count"]
            trace = result.trace(fit)
            self.assertEqual(list(trace["iteration"]), list(range(row["iterations"] + 1)))
            span = slice(row["history_first"], first)
            self.assertEqual(set(result.history["fit"][span]), {i})
            self.assertEqual(trace["loglik"][-1], row["loglik"])
            self.assertEqual(trace["elbo"][0], trace["loglik"][0])
            self.assertTrue((trace["wall_s"][1:] >= trace["wall_s"][:-1]).all())
            weights = result.models[fit]["weights"]
            self.assertLessEqual(abs(weights.sum() - 1), 1e-14)
            self.assertTrue((weights[1:] <= weights[:-1]).all())
            name = f"{row['covariance']}-k{row['k']:03d}-{row['init']}-r{row['restart']:03d}"
            self.assertEqual(fit, name)
        self.assertEqual(len(result.history["fit"]), first)
        self.assertEqual(set(result.models), set(result.names))
        for criterion, best in result.best.items():
            values = result.fits[criterion]
            lead = values.max() if criterion == "loglik" else values.min()
            self.assertEqual(result.row(best)[criterion], lead, criterion)

    def groups(self):
        h5py = harness.need("h5py")
        found = ["/"]
        self.open().visititems(
            lambda name, d: found.append(name) if isinstance(d, h5py.Group) else None
        )
        return found

    def test_xarray_engines(self):
        """xarray opens every group with netcdf4 and h5netcdf, and finds the same in both."""
        np, xarray = harness.need("numpy"), harness.need("xarray")
        for module in ("netCDF4", "h5netcdf"):
            harness.need(module)
        f = self.open()
        for group in self.groups():
            seen = []
            for engine in ENGINES:
                with xarray.open_dataset(self.file, group=group, engine=engine) as opened:
                    seen.append(opened.load())
            one, other = seen
            arrays = [k for k, v in f[group].items() if hasattr(v, "shape")]
            self.assertEqual(set(one.variables), set(arrays), group)
            self.assertEqual(set(one.variables), set(other.variables), group)
            self.assertEqual(dict(one.sizes), dict(other.sizes), group)
            self.assertEqual(set(one.coords), set(other.coords), group)
            for name in one.variables:
                a, b = one[name], other[name]
                self.assertEqual((a.dims, a.shape), (b.dims, b.shape), f"{group}/{name}")
                np.testing.assert_array_equal(a.values, b.values, f"{group}/{name}")
                for key in ("long_name", "units"):
                    self.assertEqual(a.attrs.get(key), b.attrs.get(key), f"{group}/{name}")
                plain = f[group][name]
                plain = plain.asstr()[()] if plain.dtype.kind == "O" else plain[()]
                np.testing.assert_array_equal(a.values, plain, f"{group}/{name}")
        self.assertGreater(len(self.groups()), 8)

    def test_select_by_name(self):
        """A model is found by the names of its fit and its features, as xarray's users do it."""
        xarray = harness.need("xarray")
        harness.need("netCDF4")
        best = harness.Result(self.file).best["bic"]
        group = "models/" + "-".join(best.split("-")[:2])
        with xarray.open_dataset(self.file, group=group, engine="netcdf4") as models:
            mean = models.means.sel(fit=best, feature="second")
            self.assertEqual(mean.dims, ("component",))
            expected = harness.Result(self.file).models[best]["means"][:, 1]
            self.assertEqual(list(mean.values), list(expected))

    def shown(self, form):
        text = self.gmmsweep("show", self.file, form).stdout
        if form == "--json":
            return json.loads(text)
        return list(csv.DictReader(io.StringIO(text), delimiter="\t"))

    def test_fits_as_table(self):
        """xarray's to_dataframe() of /fits is the table of `show --json` and of `show --tsv`."""
        xarray = harness.need("xarray")
        harness.need("pandas")
        for engine in ENGINES:
            harness.need({"netcdf4": "netCDF4"}.get(engine, engine))
            with xarray.open_dataset(self.file, group="fits", engine=engine) as fits:
                frame = fits.to_dataframe()
            for form in ("--json", "--tsv"):
                table = {row["fit"]: row for row in self.shown(form)}
                self.assertEqual(set(table), set(frame.index))
                for fit, row in frame.iterrows():
                    self.compare_row(table[fit], row, f"{form} {fit}")

    def compare_row(self, shown, row, what):
        """A row as shown (texts in TSV) against the file's, number by number to the last bit."""
        for column, value in row.items():
            if isinstance(value, str):
                self.assertEqual(shown[column], value, f"{what}: {column}")
            else:
                self.assertNotIn(shown[column], (None, ""), f"{what}: {column}")
                self.assertEqual(float(shown[column]), float(value), f"{what}: {column}")
        extra = set(shown) - set(row.index) - {"rank", "fit"}
        self.assertEqual(extra, {"heldout", "inertia"}, what)
        for column in extra:
            self.assertIn(shown[column], (None, ""), f"{what}: {column}")


if __name__ == "__main__":
    harness.main()
