"""Photographs: their pixels are what Pillow decodes, whatever the format and its variant."""
import io
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

SWEEP = {"components": [2], "covariance": "diag", "init": "points", "restarts": 1}
EM = {"max_iter": 1}
HEIGHT, WIDTH = 19, 35  # no multiples of a byte's pixels, a BMP's four bytes, JPEG's blocks


def pixels(height, width, channels, seed):
    """A smooth picture with some noise, so that subsampling and filters have work."""
    np = harness.need("numpy")
    rng = np.random.default_rng(seed)
    i, j, c = np.ogrid[:height, :width, :channels]
    smooth = 128 + 90 * np.sin(i / 5 + c) * np.cos(j / 7 - c)
    return np.clip(smooth + rng.normal(0, 12, (height, width, channels)), 0, 255).astype("u1")


class Pictures(harness.Case):
    def setUp(self):
        super().setUp()
        self.image = harness.need("PIL.Image")
        harness.need("h5py")

    def picture(self, mode, seed=1, size=(HEIGHT, WIDTH)):
        """A Pillow image of the mode."""
        np = harness.need("numpy")
        if mode == "I;16":
            grey = pixels(*size, 1, seed)[:, :, 0].astype("<u2") * 257 - seed
            return self.image.fromarray(grey)
        given = {"1": "L", "P": "RGB"}.get(mode, mode)
        n_channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[given]
        array = pixels(*size, n_channels, seed)
        image = self.image.fromarray(np.squeeze(array), given)
        return image if mode == given else image.convert(mode)

    def decoded(self, content):
        """[H W, channels] as Pillow reads the file, and height and width."""
        np = harness.need("numpy")
        image = self.image.open(io.BytesIO(content))
        if image.mode not in ("L", "RGB", "I;16", "I"):
            image = image.convert("L" if image.mode in ("1", "LA") else "RGB")
        array = np.asarray(image)
        return array.reshape(array.shape[0] * array.shape[1], -1), array.shape[:2]

    def result(self, name, content, data=None):
        path = self.write(name, content)
        data = {"path": path, **(data or {})}
        return harness.Result(self.sweep(data, f"out-{name}", sweep=SWEEP, em=EM))

    def check(self, name, content):
        """The file gives what Pillow's pixels give as NPY; its shape is told."""
        x, shape = self.decoded(content)
        ours = self.result(name, content)
        self.assertEqual(list(ours.data_attrs["shape"]), list(x.shape), name)
        self.assertEqual(ours.attrs["data_sha256"], harness.data_sha256(x.astype(float)), name)
        self.assertEqual(list(ours.data_attrs["picture_shape"]), list(shape), name)
        self.assertNotIn("image_shape", ours.data_attrs)
        return ours

    def saved(self, image, file_format, **options):
        content = io.BytesIO()
        image.save(content, file_format, **options)
        return content.getvalue()

    def test_png(self):
        for mode in ("1", "L", "LA", "I;16", "P", "RGB", "RGBA"):
            for options in ({}, {"compress_level": 0}):
                name = f"{mode.replace(';', '')}-{len(options)}.png"
                ours = self.check(name, self.saved(self.picture(mode), "PNG", **options))
                dtype = "uint16" if mode == "I;16" else "uint8"
                self.assertEqual(ours.data_attrs["dtype"], dtype)
        for bits in (1, 2, 4, 8):
            few = self.picture("RGB").quantize(1 << bits)
            for transparency in ({}, {"transparency": 1}):
                content = self.saved(few, "PNG", bits=bits, **transparency)
                self.check(f"palette-{bits}-{len(transparency)}.png", content)

    def test_jpeg(self):
        for mode in ("L", "RGB"):
            for progressive in (False, True):
                for subsampling in range(3) if mode == "RGB" else (0,):
                    for quality in (5, 75, 100):
                        name = f"{mode}-{progressive:d}-{subsampling}-{quality}.jpg"
                        content = self.saved(
                            self.picture(mode, quality),
                            "JPEG",
                            quality=quality,
                            subsampling=subsampling,
                            progressive=progressive,
                        )
                        self.check(name, content)

    def test_bmp(self):
        for mode in ("1", "L", "P", "RGB", "RGBA"):
            for width in range(WIDTH, WIDTH + 4):
                image = self.picture(mode, size=(HEIGHT, width))
                self.check(f"{mode}-{width}.bmp", self.saved(image, "BMP"))

    def test_same_result(self):
        """A picture, in gzip too, and an array of its pixels: the same fits, to the bit."""
        import gzip

        content = self.saved(self.picture("RGB"), "PNG")
        x, _ = self.decoded(content)
        results = [
            self.result("picture.png", content),
            self.result("picture.png.gz", gzip.compress(content)),
            self.result("pixels.npy", harness.npy(x)),
        ]
        self.assertEqual(len({r.content for r in results}), 1)
        self.assertNotIn("picture_shape", results[2].data_attrs)

    def test_part(self):
        """Steps of `data:` apply: the first rows, some channels, a scale; not blocks of pixels."""
        content = self.saved(self.picture("RGB"), "BMP")
        x, shape = self.decoded(content)
        keys = {"columns": [2, 0], "limit": 100, "scale": 255}
        ours = self.result("part.bmp", content, keys)
        expected = harness.data_sha256(x[:100, [2, 0]] / 255.0)
        self.assertEqual(ours.attrs["data_sha256"], expected)
        self.assertEqual(list(ours.data_attrs["picture_shape"]), list(shape))
        data = {"path": self.dir / "part.bmp", "pool": 2}
        config = self.config(self.sweep_config(data, sweep=SWEEP))
        said = self.gmmsweep("run", config, expect=3).stderr
        self.assertIn("pixels of a picture", said)

    def test_refusals(self):
        """Pictures that have no grey or RGB pixels, or are no pictures that we read."""
        rgb, cmyk = self.picture("RGB"), self.picture("CMYK")
        cases = {
            "print.jpg": (self.saved(cmyk, "JPEG"), "CMYK"),
            "half.jpg": (self.saved(rgb, "JPEG")[:-200], "truncated"),
            "half.png": (self.saved(rgb, "PNG")[:-200], "truncated"),
            "half.bmp": (self.saved(rgb, "BMP")[:-200], "truncated"),
            "picture.gif": (self.saved(rgb, "GIF"), "expected IDX, NPY, NPZ, HDF5, PNG, JPEG, BMP, CSV"),
            "picture.tiff": (self.saved(rgb, "TIFF"), "unknown format"),
            "picture.ppm": (self.saved(rgb, "PPM"), "picture.ppm"),
        }
        for name, (content, says) in cases.items():
            data = self.write(name, content)
            config = self.config(self.sweep_config(data, sweep=SWEEP))
            said = self.gmmsweep("run", config, expect=4).stderr
            self.assertIn(says, said, name)


if __name__ == "__main__":
    harness.main()
