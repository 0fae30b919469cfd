"""The prepared data: its digest, and that one table gives one digest in any form."""
import gzip
import io
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

SWEEP = {"components": [3], "init": ["kmeans++", "points"], "restarts": 1}
EM = {"floor": 1e-2, "max_iter": 5}
N_ROWS = 300


def npz(**arrays):
    content = io.BytesIO()
    harness.need("numpy").savez_compressed(content, **arrays)
    return content.getvalue()


def hdf5(path, arrays, **options):
    """Writes the arrays (name -> values), stored as the options of h5py say."""
    with harness.need("h5py").File(path, "w") as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values, **options)
    return path


class DataForms(harness.Case):
    def result(self, name, **data):
        return harness.Result(self.sweep(data, name, sweep=SWEEP, em=EM))

    def test_digest(self):
        """data_sha256 is SHA-256 of N, D (u64) and the rows (float64), after every step of data."""
        label = harness.read_idx(harness.DIGIT_LABELS)
        some = harness.digits()[(label == 3) | (label == 8)]
        cases = {
            "raw": ({}, harness.digits()[:N_ROWS]),
            "pool2": ({"pool": 2}, harness.digits(pool=2)[:N_ROWS]),
            "pool7": ({"pool": 7, "scale": 255}, harness.digits(pool=7, scale=255.0)[:N_ROWS]),
            "scale": ({"scale": 0.3}, harness.digits(scale=0.3)[:N_ROWS]),
            "classes": (
                {"labels": harness.DIGIT_LABELS, "classes": [8, 3]},
                some[:N_ROWS],
            ),
            "columns": ({"columns": [402, 200, 401]}, harness.digits()[:N_ROWS, [402, 200, 401]]),
        }
        for name, (keys, x) in cases.items():
            out = self.result(name, path=harness.DIGITS, limit=N_ROWS, **keys)
            self.assertEqual(out.attrs["data_sha256"], harness.data_sha256(x), name)
            self.assertEqual(list(out.data_attrs["shape"]), list(x.shape), name)

    def test_digest_of_csv(self):
        """The same of CSV files, with names, a column of text and -0."""
        iris = self.sweep({"path": harness.IRIS}, "iris", sweep=SWEEP)
        self.assertEqual(
            harness.Result(iris).attrs["data_sha256"], harness.data_sha256(harness.iris())
        )
        columns = ["Petal.Width", "Sepal.Length"]
        some = self.sweep({"path": harness.IRIS, "columns": columns}, "some", sweep=SWEEP)
        self.assertEqual(list(harness.Result(some).data["feature"]), columns)
        expected = harness.data_sha256(harness.iris()[:, [3, 0]])
        self.assertEqual(harness.Result(some).attrs["data_sha256"], expected)
        signed = [[-0.0, 1.5], [0.0, 2.5], [3.0, -0.0], [1.0, 0.0]]
        data = self.write_csv("signed.csv", signed)
        self.assertIn("-0.0", data.read_text())
        np = harness.need("numpy")
        self.assertEqual(
            harness.Result(self.sweep(data, "signed")).attrs["data_sha256"],
            harness.data_sha256(np.array(signed)),
        )

    def test_summary(self):
        """/data has each feature's mean, variance and constancy, and each row's source."""
        label = harness.read_idx(harness.DIGIT_LABELS)
        out = self.result(
            "eights",
            path=harness.DIGITS,
            labels=harness.DIGIT_LABELS,
            classes="8",
            limit=90,
            pool=2,
        )
        rows = (label == 8).nonzero()[0][:90]
        x = harness.digits(pool=2)[rows]
        self.assertEqual(out.data["row"].tolist(), rows.tolist())
        self.assertEqual(list(out.data["class"]), ["8"])
        self.close_enough(out.data["mean"], x.mean(0), 1e-13, "mean")
        self.close_enough(out.data["variance"], x.var(0), 1e-12, "variance")
        constant = (x == x[0]).all(0)
        self.assertTrue(constant.any())
        self.assertEqual(out.data["constant"].tolist(), constant.astype(int).tolist())
        self.assertEqual(list(out.data_attrs["image_shape"]), [14, 14])
        self.assertEqual(out.data_attrs["dtype"], "uint8")

    def test_one_digest_in_all_forms(self):
        """IDX, CSV with commas, semicolons or tabs, NPY of bytes and of floats, NPZ, and the same
        in gzip, and HDF5 stored in one piece or packed: one digest, one content."""
        np = harness.need("numpy")
        pixels = harness.read_idx(harness.DIGITS)[:N_ROWS]
        image = harness.idx(pixels)
        lines = [[str(v) for v in row] for row in pixels.reshape(N_ROWS, -1)]
        table = {c: "".join(c.join(row) + "\n" for row in lines).encode() for c in ",;\t"}
        label = harness.read_idx(harness.DIGIT_LABELS)[:N_ROWS]
        labels = [
            self.write("labels.idx", harness.idx(label)),
            self.write("labels.csv", "".join(f"{c}\n" for c in label)),
        ]
        # named against their kind: it is told from the content
        forms = {
            "images.csv": image,
            "images.txt": gzip.compress(image),
            "table.idx": table[","],
            "table.dat": table[";"].replace(b"\n", b"\r\n"),
            "table.tsv": table["\t"],
            "table.gz": gzip.compress(table[","]),
            "bytes.npy": harness.npy(pixels),
            "floats.npy": harness.npy(pixels.reshape(N_ROWS, -1).astype(float)),
            "turned.npy": harness.npy(np.asfortranarray(pixels.reshape(N_ROWS, -1).astype("f4"))),
            "npy.gz": gzip.compress(harness.npy(pixels)),
            "arrays.npz": npz(images=pixels),
        }
        results = [
            self.result(f"out-{name}", path=self.write(name, content), labels=labels[i % 2])
            for i, (name, content) in enumerate(forms.items())
        ]
        packed = {"compression": "gzip", "shuffle": True, "fletcher32": True}
        stored = {
            "images.h5": (pixels, {}),
            "packed.h5": (pixels.reshape(N_ROWS, -1).astype(">f4"), {**packed, "chunks": (64, 99)}),
            "grown.h5": (pixels.astype("i8"), {**packed, "maxshape": (None, 28, 28)}),
        }
        results += [
            self.result(
                f"out-{name}", path=hdf5(self.dir / name, {"a/x": x}, **options), labels=labels[0]
            )
            for name, (x, options) in stored.items()
        ]
        self.assertEqual(
            {r.attrs["data_sha256"] for r in results}, {harness.data_sha256(harness.digits(N_ROWS))}
        )
        self.assertEqual(len({r.content for r in results}), 1)
        self.assertEqual(len({tuple(r.fits["id"]) for r in results}), 1)

    def test_labels_beside_the_data(self):
        """Labels and weights out of the archive that has the data: as out of files of their own,
        and before a file of the same name."""
        np = harness.need("numpy")
        x, label = harness.blobs(7, n=N_ROWS)
        weight = np.arange(N_ROWS) % 3 * 0.5
        archive = self.write("all.npz", npz(X=x, y=label, w=weight, short=label[1:]))
        alone = self.write("x.npy", harness.npy(x))
        y, w = self.write("y.npy", harness.npy(label)), self.write("w.npy", harness.npy(weight))
        self.write("y", harness.npy(label[::-1]))
        keys = {"path": archive, "dataset": "X"}
        ours = self.result("ours", labels="y", weights="w", **keys)
        theirs = self.result("theirs", path=alone, labels=y, weights=w)
        self.assertEqual(ours.content, theirs.content)
        self.assertEqual(list(ours.fits["id"]), list(theirs.fits["id"]))
        self.assertEqual(ours.data["weight"].tolist(), weight.tolist())
        tree = hdf5(self.dir / "all.h5", {"X": x, "y": label, "more/w": weight})
        same = self.result("tree", path=tree, dataset="X", labels="y", weights="more/w")
        self.assertEqual(same.content, theirs.content)
        rooted = self.result("rooted", path=tree, dataset="/X", labels="/y", weights="/more/w")
        self.assertEqual(rooted.content, theirs.content)
        config = self.config(self.sweep_config({"path": tree, "dataset": "X", "labels": "/X"}))
        said = self.gmmsweep("run", config, expect=3).stderr
        self.assertIn("'/X' is the array", said)
        mixed = self.result("mixed", labels="y.npy", weights="w", **keys)
        self.assertEqual(mixed.content, theirs.content)
        cases = [
            (3, {"labels": "Y"}, ["data.labels", "no array 'Y'", f"no file {self.dir}/Y"]),
            (3, {"weights": "X"}, ["data.weights", "'X'", "holds the features"]),
            (4, {"labels": "short"}, ["data.labels: array 'short': has 299 rows, X has 300"]),
            (3, {"dataset": harness.Plain("~"), "labels": "y"}, ["data.dataset", "X, y, w, short"]),
        ]
        for status, wrong, says in cases:
            config = self.config(self.sweep_config({**keys, **wrong}))
            said = self.gmmsweep("run", config, expect=status).stderr
            for text in says:
                self.assertIn(text, said)
        self.assertFalse((self.dir / "out").exists())

    def test_hdf5_by_name(self):
        """Which array of an HDF5 file, and where in it a value is missing."""
        x = harness.iris()
        broken = x.copy()
        broken[17, 2] = float("nan")
        data = hdf5(self.dir / "iris.h5", {"iris": x, "more/broken": broken}, chunks=(16, 4))
        named = self.result("named", path=data, dataset="/iris")
        self.assertEqual(named.attrs["data_sha256"], harness.data_sha256(x))
        wrong = {
            "iris, more/broken": ({}, 3),
            "no array 'more' in": ({"dataset": "more"}, 3),
            "row 17, column 2": ({"dataset": "more/broken"}, 4),
        }
        for part, (keys, status) in wrong.items():
            config = self.config(self.sweep_config({"path": data, **keys}, "wrong"))
            said = self.gmmsweep("run", config, expect=status).stderr
            self.assertIn(part, said)

    def test_netcdf(self):
        """A variable of a netCDF file; its coordinates are not meant."""
        x = harness.iris()
        with harness.need("netCDF4").Dataset(self.dir / "iris.nc", "w") as file:
            file.createDimension("flower", None)
            file.createDimension("feature", 4)
            file.createVariable("flower", "i4", ("flower",))[:] = range(len(x))
            file.createVariable("size", "f8", ("flower", "feature"), zlib=True)[:] = x
        result = self.result("out", path=self.dir / "iris.nc")
        self.assertEqual(result.attrs["data_sha256"], harness.data_sha256(x))

    def test_other_data_other_digest(self):
        """One changed value changes the digest and every fit's id."""
        x = harness.iris()
        one = harness.Result(self.sweep(self.write_csv("one.csv", x), "one", sweep=SWEEP))
        x[149, 3] += 2.0**-50
        other = harness.Result(self.sweep(self.write_csv("other.csv", x), "other", sweep=SWEEP))
        self.assertNotEqual(one.attrs["data_sha256"], other.attrs["data_sha256"])
        self.assertFalse(set(one.fits["id"]) & set(other.fits["id"]))


if __name__ == "__main__":
    harness.main()
