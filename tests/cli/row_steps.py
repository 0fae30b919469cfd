"""Steps of `data:` that make other rows: images in another size as Pillow makes them, rows with
missing values dropped."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

SWEEP = {"components": [2], "init": "points", "restarts": 1}
EM = {"floor": 1e-2, "max_iter": 2}
CONFIG, DATA = 3, 4
N_IMAGES = 40

# Height and width before and after; what is smaller, larger and the same, and both in one.
SHAPES = [
    ((28, 28), (16, 16)),
    ((28, 28), (14, 14)),
    ((28, 28), (27, 27)),
    ((28, 28), (28, 9)),
    ((28, 28), (9, 28)),
    ((28, 28), (64, 50)),
    ((5, 7), (16, 3)),
    ((5, 7), (3, 16)),
    ((1, 90), (1, 7)),
    ((90, 1), (7, 2)),
    ((33, 100), (10, 1)),
    ((3, 2), (31, 29)),
    ((201, 67), (12, 11)),
]


class RowSteps(harness.Case):
    def result(self, name, **data):
        return harness.Result(self.sweep(data, name, sweep=SWEEP, em=EM))

    def images(self, seed, shape):
        """Bytes of all kinds: noise, noise of 0 and 255, smooth, and the brightest and darkest."""
        np = harness.need("numpy")
        rng = np.random.default_rng(seed)
        n = N_IMAGES // 4
        noise = rng.integers(0, 256, (n, *shape))
        extreme = rng.choice([0, 255], (n, *shape))
        ramp = np.add.outer(np.arange(shape[0]), np.arange(shape[1]))
        smooth = (np.arange(1, n + 1)[:, None, None] * ramp) % 256
        flat = np.broadcast_to(rng.choice([0, 254, 255, 1], n)[:, None, None], (n, *shape))
        return np.concatenate([noise, extreme, smooth, flat]).astype(np.uint8)

    def pillow(self, images, size):
        """The images, each brought to (height, width) by Pillow."""
        np, image = harness.need("numpy"), harness.need("PIL.Image")
        return np.stack(
            [
                np.asarray(image.fromarray(i, "L").resize((size[1], size[0]), image.BILINEAR))
                for i in images
            ]
        )

    def test_resize_as_pillow(self):
        """Random images of many shapes have the digest of what Pillow makes of them."""
        for i, (shape, size) in enumerate(SHAPES):
            images = self.images(i, shape)
            theirs = self.pillow(images, size)
            ours = self.result(
                f"ours{i}", path=self.write("images.npy", harness.npy(images)), resize=list(size)
            )
            self.assertEqual(
                ours.attrs["data_sha256"],
                harness.data_sha256(theirs.reshape(len(theirs), -1)),
                f"{shape} to {size}",
            )
            self.assertEqual(list(ours.data_attrs["image_shape"]), list(size))
            self.assertEqual(list(ours.data["feature"])[:2], ["0", "1"][: size[0] * size[1]])

    def test_resized_file(self):
        """The sweep of resized digits is that of a file of them: the digest, the fits, the bits."""
        images = harness.read_idx(harness.DIGITS)[:500]
        small = self.write("small.npy", harness.npy(self.pillow(images, (16, 16))))
        ours = self.result("ours", path=harness.DIGITS, limit=500, resize=16, scale=255)
        theirs = self.result("theirs", path=small, scale=255)
        self.assertEqual(ours.attrs["data_sha256"], theirs.attrs["data_sha256"])
        self.assertEqual(ours.names, theirs.names)
        self.assertEqual(list(ours.fits["id"]), list(theirs.fits["id"]))
        self.assertEqual(ours.content, theirs.content)

    def test_size_matters(self):
        """Each of the two numbers changes the data; one number stands for both."""
        sizes = [14, [14, 15], [15, 14], [14, 14], harness.Plain("~")]
        out = [
            self.result(f"out{i}", path=harness.DIGITS, limit=50, resize=size)
            for i, size in enumerate(sizes)
        ]
        digests = [r.attrs["data_sha256"] for r in out]
        self.assertEqual(digests[0], digests[3])
        self.assertEqual(len(set(digests)), 4)
        self.assertEqual(digests[4], harness.data_sha256(harness.digits(50)))
        shapes = [list(r.data_attrs["image_shape"]) for r in out]
        self.assertEqual(shapes, [[14, 14], [14, 15], [15, 14], [14, 14], [28, 28]])

    def test_resize_of_no_bytes(self):
        """Values beyond 8 bits are refused with the first row that has one; nothing is made."""
        np = harness.need("numpy")
        for value, text in ((0.5, "0.5"), (-1, "-1"), (256, "256"), (1e300, "1e+300")):
            images = np.zeros((5, 4, 4))
            images[3, 2, 1] = value
            path = self.write("images.npy", harness.npy(images))
            config = self.config(self.sweep_config({"path": path, "resize": 2}))
            for command in ("plan", "run"):
                said = self.gmmsweep(command, config, expect=CONFIG).stderr
                self.assertIn(f"data.resize: row 3 of {path} has {text}, expected whole", said)
            self.assertFalse((self.dir / "out").exists())
        images[3, 2, 1] = 255
        self.result("float", path=self.write("images.npy", harness.npy(images)), resize=2)

    def holed(self, name="holed.csv"):
        """iris with weights and holes: the file, and the rows that have none (features, label,
        weight)."""
        np = harness.need("numpy")
        lines = harness.IRIS.read_text().split()
        rows = [line.split(",") + [str(1 + n % 3)] for n, line in enumerate(lines[1:])]
        holes = {3: 0, 20: 3, 60: 4, 77: 5, 110: 2, 149: 4}
        for i, (n, column) in enumerate(holes.items()):
            rows[n][column] = ["", "NA", "?", "nan"][i % 4]
        table = [lines[0] + ",w"] + [",".join(row) for row in rows]
        return self.write(name, "\n".join(table) + "\n"), np.setdiff1d(np.arange(150), list(holes))

    def test_drop(self):
        """Rows with a missing feature, label or weight are dropped and counted; the sweep is that
        of a file without them, but for where its rows come from."""
        holed, kept = self.holed()
        lines = holed.read_text().split("\n")
        whole = self.write("whole.csv", "\n".join([lines[0]] + [lines[1 + n] for n in kept]) + "\n")
        keys = {"labels": "Species", "weights": "w", "heldout": 0.2}
        ours = self.result("ours", path=holed, on_missing="drop", **keys)
        theirs = self.result("theirs", path=whole, **keys)
        self.assertEqual(ours.data["row"].tolist(), kept.tolist())
        for name in ("label", "weight", "heldout", "class"):
            self.assertEqual(ours.data[name].tolist(), theirs.data[name].tolist(), name)
        self.assertEqual(ours.attrs["data_sha256"], theirs.attrs["data_sha256"])
        self.assertEqual(list(ours.fits["id"]), list(theirs.fits["id"]))
        for fit in ours.names:
            self.check_same_fit(ours, theirs, fit)

    def test_drop_only_what_is_used(self):
        """Without labels and weights, and with some columns, fewer rows lack something."""
        holed, _ = self.holed()
        np = harness.need("numpy")
        for i, (keys, lost) in enumerate(
            [({}, [3, 20, 77, 110]), ({"columns": ["Sepal.Length", "Sepal.Width"]}, [3])]
        ):
            out = self.result(f"out{i}", path=holed, on_missing="drop", **keys)
            self.assertEqual(
                out.data["row"].tolist(), np.setdiff1d(np.arange(150), lost).tolist(), keys
            )

    def test_limit_counts_before_the_drop(self):
        """limit and classes choose rows; of these, some are dropped."""
        holed, _ = self.holed()
        keys = {"path": holed, "on_missing": "drop", "labels": "Species"}
        out = self.result("limit", limit=22, **keys)
        self.assertEqual(out.data["row"].tolist(), [n for n in range(22) if n not in (3, 20)])
        out = self.result("classes", classes=["versicolor"], limit=45, **keys)
        # row 60 has no label and so is no versicolor
        expected = [n for n in range(50, 96) if n not in (60, 77)]
        self.assertEqual(out.data["row"].tolist(), expected)

    def test_drop_is_told(self):
        """What is left out is one line on standard error, and none with -q."""
        holed, _ = self.holed()
        config = self.config(
            self.sweep_config({"path": holed, "on_missing": "drop", "labels": "w"})
        )
        for command in ("plan", "run"):
            said = self.gmmsweep(command, config).stderr.splitlines()
            left_out = "columns with text (4 Species); 4 rows with missing values"
            self.assertIn(f"gmmsweep: {holed}: left out: {left_out}", said)
        self.assertEqual(self.gmmsweep("run", "-q", config).stderr, "")
        said = self.gmmsweep("plan", config, "--set", "data.limit=4").stderr
        self.assertIn("; 1 row with missing values\n", said)
        said = self.gmmsweep("plan", config, "--set", "data.limit=3").stderr
        self.assertTrue(said.endswith("left out: columns with text (4 Species)\n"), said)

    def test_row_numbers_are_told(self):
        """A first column as pandas and R write it is a feature, and that is told; no other is."""
        rows = harness.iris()[:50]
        numbered = [[n + 1, *row] for n, row in enumerate(rows)]
        twice = [[n // 2, *row] for n, row in enumerate(rows)]
        names = [f"x{d}" for d in range(4)]
        cases = [
            (numbered, ["", *names], {}, True),
            (numbered, ["", *names], {"limit": 9, "scale": 0.3}, True),
            (numbered, ["", *names], {"columns": [0, 1]}, False),
            (numbered, ["", *names], {"columns": names}, False),
            (numbered, ["n", *names], {}, False),
            (twice, ["", *names], {}, False),
        ]
        for table, header, keys, told in cases:
            path = self.write_csv("table.csv", table, header)
            config = self.config(self.sweep_config({"path": path, **keys}))
            said = self.gmmsweep("plan", config).stderr
            self.assertEqual("column 0 has no name and only numbers the rows" in said, told, keys)

    def test_missing_is_an_error_otherwise(self):
        """By default what is missing is refused; with drop, every other fault still is."""
        holed, _ = self.holed()
        cases = [
            ("a,w\n,1\n2,1\n", {}, "line 2, column 'a'"),
            ("a,w\n1,1\n2,\n", {"weights": "w"}, "line 3, column 'w'"),
            ("a,w\n1,1\n2,\n", {"labels": "w"}, "line 3, column 'w'"),
            ("a,w\n,1\n2,-1\n", {"weights": "w", "on_missing": "drop"}, "'-1', expected 0 or"),
            ("a,w\n,1\n2,inf\n", {"labels": "w", "on_missing": "drop"}, "'inf' is no finite"),
            ("a,w\nNA,1\n2,?\n", {"weights": "w", "on_missing": "drop"}, "all 2 have missing"),
        ]
        for text, keys, says in cases:
            data = {"path": self.write("x.csv", text), **keys}
            config = self.config(self.sweep_config(data))
            for command in ("plan", "run"):
                self.assertIn(says, self.gmmsweep(command, config, expect=DATA).stderr)
        config = self.config(self.sweep_config({"path": holed, "on_missing": "skip"}))
        said = self.gmmsweep("run", config, expect=CONFIG).stderr
        self.assertIn("data.on_missing: unknown (skip), expected one of error, drop", said)
        self.assertFalse((self.dir / "out").exists())

    def test_drop_of_images(self):
        """An image with a value that is no number goes, before pool, resize and scale see it."""
        np = harness.need("numpy")
        images = self.images(5, (4, 6)).astype(float)
        whole = np.delete(images, [0, 7], axis=0)
        images[0, 1, 1], images[7, 3, 5] = np.nan, np.inf
        path = self.write("images.npy", harness.npy(images))
        for i, keys in enumerate([{"pool": 2}, {"resize": [3, 2]}, {"scale": 1e-3}]):
            ours = self.result(f"ours{i}", path=path, on_missing="drop", **keys)
            theirs = self.result(f"theirs{i}", path=self.write("whole.npy", harness.npy(whole)), **keys)
            self.assertEqual(ours.attrs["data_sha256"], theirs.attrs["data_sha256"], keys)


if __name__ == "__main__":
    harness.main()
