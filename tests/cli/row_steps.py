"""Steps of `data:` that make other rows: images in another size as Pillow makes them."""
import io
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

SWEEP = {"components": [2], "init": "points", "restarts": 1}
EM = {"floor": 1e-2, "max_iter": 2}
CONFIG = 3
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


def npy(array):
    content = io.BytesIO()
    harness.need("numpy").save(content, array)
    return content.getvalue()


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
                f"ours{i}", path=self.write("images.npy", npy(images)), resize=list(size)
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
        small = self.write("small.npy", npy(self.pillow(images, (16, 16))))
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
            path = self.write("images.npy", npy(images))
            config = self.config(self.sweep_config({"path": path, "resize": 2}))
            for command in ("plan", "run"):
                said = self.gmmsweep(command, config, expect=CONFIG).stderr
                self.assertIn(f"data.resize: row 3 of {path} has {text}, expected whole", said)
            self.assertFalse((self.dir / "out").exists())
        images[3, 2, 1] = 255
        self.result("float", path=self.write("images.npy", npy(images)), resize=2)


if __name__ == "__main__":
    harness.main()
