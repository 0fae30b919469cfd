"""gmmsweep compress: each pixel becomes its component's mean; numpy, sklearn and Pillow judge."""
import json
import math
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness
import mixtures

USAGE, DATA, OUTPUT = 2, 4, 5
HEIGHT, WIDTH = 23, 31
SWEEP = {"method": ["em", "kmeans"], "components": [1, 3], "restarts": 1}


def picture(channels, seed=1):
    """[H, W, channels] of three colours with noise."""
    np = harness.need("numpy")
    rng = np.random.default_rng(seed)
    colours = rng.integers(30, 225, (3, channels))
    label = rng.integers(0, 3, (HEIGHT, WIDTH))
    x = colours[label] + rng.normal(0, 9, (HEIGHT, WIDTH, channels))
    return np.clip(x, 0, 255).astype("u1")


class Compress(harness.Case):
    def setUp(self):
        super().setUp()
        self.image = harness.need("PIL.Image")

    def save(self, name, array):
        np = harness.need("numpy")
        self.image.fromarray(np.squeeze(array)).save(self.dir / name)
        return self.dir / name

    def compress(self, out, image, *args):
        """The row that is printed, and the pixels [H W, channels] of the PNG."""
        np = harness.need("numpy")
        command = ["compress", out, image, "-o", "small.png", *args]
        said = self.gmmsweep(*command, "--json")
        with self.image.open(self.dir / "small.png") as small:
            self.assertEqual(small.format, "PNG")
            self.assertIn(small.mode, ("L", "RGB"))
            pixels = np.asarray(small)
        (row,) = json.loads(said.stdout)
        self.assertEqual(list(row), ["fit", "components", "rate", "psnr_db"])
        return row, pixels.reshape(pixels.shape[0] * pixels.shape[1], -1)

    def check(self, out, path, x, scale=1.0):
        """Every fit of the sweep: labels as scikit-learn gives them to the pixels x
        [H W, channels]; the means as levels; rate and PSNR by formula."""
        np = harness.need("numpy")
        result = harness.Result(out)
        features = x / scale
        for fit in result.names:
            row, pixels = self.compress(out, path, "--fit", fit)
            model, k = result.models[fit], len(result.models[fit]["weights"])
            if fit.startswith("kmeans"):
                off = features[:, None] - model["means"]
                label = (off**2).sum(2).argmin(1)
            else:
                known = mixtures.known_mixture(model, result.row(fit)["covariance"])
                label = known.predict(features)
            levels = np.floor(np.clip(model["means"] * scale, 0, 255) + 0.5)
            self.assertTrue(np.array_equal(pixels, levels[label]), fit)
            self.assertEqual((row["fit"], row["components"]), (fit, k))
            n, channels = x.shape
            rate = 32 * channels * n / (n * math.log2(k) + k * channels * 32)
            self.close_enough(row["rate"], rate, 1e-12, fit)
            psnr = 10 * math.log10(255**2 / np.mean((pixels - x.astype(float)) ** 2))
            self.close_enough(row["psnr_db"], psnr, 1e-9, fit)

    def test_colours(self):
        """RGB and grey pictures, all families and k-means, K = 1 too, another picture than the
        sweep's."""
        for channels in (3, 1):
            mode = "RGB" if channels == 3 else "grey"
            own = self.save(f"{mode}.png", picture(channels))
            other = picture(channels, seed=2)
            sweep = {**SWEEP, "covariance": harness.families()}
            out = self.sweep(own, f"out-{mode}", sweep=sweep)
            path = self.save(f"other-{mode}.png", other)
            self.check(out, path, other.reshape(-1, channels))

    def test_scale(self):
        """The sweep's own scale is applied to the picture, and taken back from the means."""
        x = picture(3)
        path = self.save("own.png", x)
        out = self.sweep({"path": path, "scale": 255}, sweep={**SWEEP, "covariance": "full"})
        self.check(out, path, x.reshape(-1, 3), scale=255.0)

    def test_columns(self):
        """The sweep's own channels are taken: one of them makes a grey picture; in another order
        they are the colours that they were."""
        np = harness.need("numpy")
        x = picture(3)
        path = self.save("own.png", x)
        sweep = {**SWEEP, "covariance": "full"}
        red = self.sweep({"path": path, "columns": [0]}, "red", sweep=sweep)
        self.check(red, path, x[:, :, 0].reshape(-1, 1))
        sweep = {"components": 3, "covariance": "diag"}
        plain = self.sweep(path, "plain", sweep=sweep)
        turned = self.sweep({"path": path, "columns": [2, 0, 1]}, "turned", sweep=sweep)
        one, pixels = self.compress(plain, path)
        other, same = self.compress(turned, path)
        self.assertTrue(np.array_equal(pixels, same))
        self.close_enough(one["psnr_db"], other["psnr_db"], 1e-12, "PSNR")

    def test_own_colours(self):
        """A picture of three colours is by three means what it was: PSNR infinite, null in JSON."""
        np = harness.need("numpy")
        colours = np.array([[250, 3, 128], [0, 77, 255], [1, 2, 3]], "u1")
        x = colours[np.random.default_rng(3).integers(0, 3, (HEIGHT, WIDTH))]
        path = self.save("own.png", x)
        out = self.sweep({"path": path, "scale": 3}, sweep={**SWEEP, "method": "kmeans"})
        row, pixels = self.compress(out, path, "--fit", "kmeans-k003-kmeans++-r000")
        self.assertTrue(np.array_equal(pixels, x.reshape(-1, 3)))
        self.assertIsNone(row["psnr_db"])
        said = self.gmmsweep(
            "compress", out, path, "-o", "a.png", "--fit", "kmeans-k003-kmeans++-r000"
        )
        head, line = said.stdout.splitlines()
        self.assertEqual(head.split(), ["fit", "components", "rate", "psnr_db"])
        self.assertEqual(line.split()[-1], "inf")

    def test_table_of_pixels(self):
        """A sweep over the same pixels as a table compresses the picture just the same."""
        np = harness.need("numpy")
        x = picture(3)
        path = self.save("own.png", x)
        np.save(self.dir / "pixels.npy", x.reshape(-1, 3).astype(float))
        out = self.sweep(self.dir / "pixels.npy", sweep={**SWEEP, "covariance": "tied"})
        self.check(out, path, x.reshape(-1, 3))

    def test_16_bits(self):
        """A picture of 16 bits is compressed by a sweep over such, not by one over 8 bits."""
        np = harness.need("numpy")
        grey = picture(1)[:, :, 0].astype("<u2") * 257
        deep = self.save("deep.png", grey)
        flat = self.save("flat.png", picture(1))
        sweep = {"components": 3, "covariance": "diag"}
        of_deep = self.sweep(deep, "deep", sweep=sweep)
        of_flat = self.sweep(flat, "flat", sweep=sweep)
        one, pixels = self.compress(of_deep, deep)
        other, same = self.compress(of_flat, flat)
        self.assertTrue(np.array_equal(pixels, same))
        self.close_enough(one["psnr_db"], other["psnr_db"], 1e-12, "PSNR")
        self.refused(DATA, of_flat, deep, "-o", "a.png", says=[deep, "uint16", "uint8"])
        self.refused(DATA, of_deep, flat, "-o", "a.png", says=[flat, "uint16", "uint8"])

    # --- what goes wrong

    def refused(self, status, *args, says=(), **options):
        """Must fail with the status, say all of `says`, and leave everything as it was."""
        before = harness.tree(self.dir)
        done = self.gmmsweep("compress", *args, expect=status, **options)
        self.assertEqual(done.stdout, "")
        for text in says:
            self.assertIn(str(text), done.stderr)
        self.assertEqual(harness.tree(self.dir), before)

    def test_refusals(self):
        """Pictures of other channels, files that are none or broken, endings, and what is read as
        output: the exit status, the place, the cause, and nothing is made."""
        rgb, grey = self.save("rgb.png", picture(3)), self.save("grey.png", picture(1))
        sweep = {"components": 2, "covariance": "diag"}
        out = self.sweep(rgb, "rgb", sweep=sweep)
        table = self.write_csv("table.csv", [[i, i % 5, i % 7] for i in range(40)])
        digits = {"path": harness.DIGITS, "limit": 100, "pool": 7}
        broken = self.write("broken.png", rgb.read_bytes()[:300])
        o = ["-o", "a.png"]
        self.refused(DATA, out, grey, *o, says=[grey, "1 feature", "3"])
        self.refused(DATA, out, table, *o, says=[table, "no picture", "PNG, JPEG or BMP"])
        self.refused(DATA, out, harness.IRIS, *o, says=["iris.csv", "4 features", "3"])
        self.refused(DATA, out, broken, *o, says=[broken, "PNG"])
        self.refused(DATA, out, "none.png", *o, says=["none.png", "No such file"])
        self.refused(DATA, "none", rgb, *o, says=["none", "No such file"])
        self.refused(DATA, rgb, rgb, *o, says=[rgb])
        pooled = self.sweep(digits, "digits", sweep=sweep)
        self.refused(DATA, pooled, rgb, *o, says=["data.pool"])
        iris = self.sweep(harness.IRIS, "iris", sweep=sweep)
        self.refused(DATA, iris, rgb, *o, says=[rgb, "3 features", "4"])
        two = self.sweep({"path": rgb, "columns": [0, 2]}, "two", sweep=sweep)
        self.refused(DATA, two, rgb, *o, says=[rgb, "2", "expected 1 (grey) or 3"])
        self.refused(USAGE, out, rgb, says=["-o", ".png"])
        self.refused(USAGE, out, says=["IMAGE is missing"])
        for name in ("a.jpg", "a", "a.npz", "", ".png"):
            self.refused(USAGE, out, rgb, "-o", name, says=[f"-o: {name}: ", "expected .png"])
        os.link(rgb, self.dir / "link.png")
        for name in (rgb, "link.png"):
            self.refused(USAGE, out, rgb, "-o", name, says=[name, "is what is read"])

    def test_output_that_fails(self):
        """A folder that is not there, a full disk: exit 5 with path and cause; the older file
        stands."""
        path = self.save("own.png", picture(3))
        out = self.sweep(path, sweep={"components": 3, "covariance": "diag"})
        old = self.write("old.png", "old")

        self.refused(OUTPUT, out, path, "-o", "none/a.png", says=["none/a.png", "No such file"])
        self.refused(OUTPUT, out, path, "-o", old, says=[old], preexec_fn=harness.file_limit(50))


if __name__ == "__main__":
    harness.main()
