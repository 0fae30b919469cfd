"""The experiments of configs/: each runs as it stands there, made small, and gives its figures."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

CONFIGS = harness.ROOT / "configs"
FIVE_THOUSAND = harness.DATA / "train5k-images-idx3-ubyte.gz"
THEIR_LABELS = harness.DATA / "train5k-labels-idx1-ubyte.gz"


def resized(limit):
    """The first digits at 16 x 16 by Pillow, grey levels to 0..1, and their labels."""
    np, image = harness.need("numpy"), harness.need("PIL.Image")
    digits = harness.read_idx(FIVE_THOUSAND)[:limit]
    small = [image.fromarray(x).resize((16, 16), image.BILINEAR) for x in digits]
    return np.array([np.asarray(x).ravel() / 255 for x in small]), harness.read_idx(THEIR_LABELS)[:limit]


def clipped(covariance, floor):
    """The covariance with eigenvalues of at least floor."""
    np = harness.need("numpy")
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.maximum(values, floor)) @ vectors.T


class Experiments(harness.Case):
    def run_config(self, name, **small):
        """The result of configs/NAME.yaml with the keys of `small` (section__key) replaced."""
        args = [f"--set={key.replace('__', '.')}={value}" for key, value in small.items()]
        self.gmmsweep("run", "-q", CONFIGS / f"{name}.yaml", "--output", self.dir / name, *args)
        return harness.Result(self.dir / name)

    def best(self, result, column, prefix, largest=True):
        """The best value in the column among the fits whose name begins with prefix."""
        values = [v for v, fit in zip(result.fits[column], result.names) if fit.startswith(prefix)]
        return max(values) if largest else min(values)

    def check_rises(self, result):
        """No log-likelihood falls, as none does without a ridge."""
        np = harness.need("numpy")
        drops = result.fits["max_drop"]
        self.assertLess(np.nanmax(drops), 1e-9 * np.nanmax(np.abs(result.fits["loglik"])))

    def test_every_config_is_here(self):
        """Each file of configs/ has a test of its name."""
        for path in CONFIGS.glob("*.yaml"):
            name = "test_" + path.stem.replace("-", "_")
            self.assertTrue(hasattr(self, name), f"{path.name} has no {name}")

    def test_demo(self):
        """The newcomer's sweep: its families and scores, diagonal covariances ahead."""
        result = self.run_config("demo", data__limit=500, sweep__restarts=1, em__max_iter=10)
        self.assertEqual(set(result.fits["covariance"]), {"spherical", "diag", "tied"})
        self.assertEqual(list(result.data_attrs["image_shape"]), [14, 14])
        diag, tied = (self.best(result, "bic", family, False) for family in ("diag", "tied"))
        self.assertLess(diag, tied)

    def test_em_samples(self):
        """The given start's first log-likelihoods and bound, and ten starts that beat its end."""
        result = self.run_config("em-samples")
        trace = result.trace("full-k003-file-r000")
        self.close_enough(trace["loglik"][0], -2007.3549756468678, 1e-13, "start")
        self.close_enough(trace["elbo"][1], -1213.9734643060185, 1e-12, "bound")
        self.close_enough(trace["loglik"][1], -1187.0769143471423, 1e-12, "one iteration")
        self.assertEqual(len(result.names), 11)
        self.assertLess(abs(self.best(result, "loglik", "full-k003-parameters") + 1064.32), 0.01)
        self.check_rises(result)

    def test_em_samples_to_the_end(self):
        """The maxima that its comment names: from the given start, and the best of a hundred."""
        result = self.run_config(
            "em-samples", em__tol=1e-13, em__max_iter=20000, sweep__restarts=100
        )
        given = result.row("full-k003-file-r000")["loglik"]
        self.close_enough(given, -1128.61861014, 1e-11, "given start")
        best = self.best(result, "loglik", "full-k003-parameters")
        self.close_enough(best, -1063.8112560125928, 1e-11, "best of a hundred")

    def test_mouse(self):
        """EM's label error is far below that of k-means: both figures of the comment."""
        result = self.run_config("mouse")
        kmeans = self.best(result, "error_rate", "kmeans", False)
        em = self.best(result, "error_rate", "diag", False)
        self.assertLess(abs(em - 0.0117), 0.0005)
        self.assertLess(abs(kmeans - 0.132), 0.005)
        self.assertLess(em, kmeans / 10)

    def test_five_blobs(self):
        """The five components are found again, and the likelihood rises on every way there."""
        np = harness.need("numpy")
        result = self.run_config("five-blobs", em__max_iter=60, sweep__restarts=4)
        best = result.names[int(np.argmax(result.fits["loglik"]))]
        self.assertLess(abs(result.row(best)["loglik"] + 20233.84), 0.01)
        truth = [[0, 0], [4, 1], [-3, 4], [-4, -3], [3, -5]]  # by falling weight, as ours are
        self.close_enough(result.models[best]["means"], truth, 0, "means", absolute=0.12)
        self.check_rises(result)

    def test_mnist_digits04(self):
        """Five components for five digits, best of three: the error is that of the comment."""
        result = self.run_config("mnist-digits04")
        self.assertEqual(list(result.data["class"]), list("01234"))
        self.assertEqual(list(result.data_attrs["image_shape"]), [14, 14])
        for family, error in {"spherical": 0.185, "diag": 0.180}.items():
            rows = [result.row(name) for name in result.names if name.startswith(family)]
            self.assertEqual(len(rows), 3)
            winner = max(rows, key=lambda row: row["loglik"])
            self.assertLess(abs(winner["error_rate"] - error), 0.003, family)

    def test_mnist_16x16(self):
        """One result has the likelihood curves of both kinds of start, k-means' ahead at first."""
        np = harness.need("numpy")
        small = {"data__limit": 600, "sweep__restarts": 2, "em__max_iter": 8, "em__tol": 0}
        result = self.run_config("mnist-16x16", **small)
        first = {}
        for init in ("points", "kmeans"):
            traces = [result.trace(f"full-k010-{init}-r00{r}")["loglik"] for r in range(2)]
            self.assertEqual([len(t) for t in traces], [9, 9])
            first[init] = np.mean([t[0] for t in traces])
        self.assertGreater(first["kmeans"], first["points"])
        x, _ = resized(600)
        self.assertEqual(result.attrs["data_sha256"], harness.data_sha256(x))
        self.check_rises(result)

    def test_mnist_16x16_gaussian(self):
        """One Gaussian: the mean, and the unbiased covariance with its eigenvalues clipped."""
        np = harness.need("numpy")
        result = self.run_config("mnist-16x16-gaussian", data__limit=700)
        self.assertEqual(result.names, ["full-k001-points-r000"])
        model = result.models["full-k001-points-r000"]
        x, _ = resized(700)
        self.close_enough(model["means"][0], x.mean(0), 0, "mean", absolute=1e-14)
        expected = clipped(np.cov(x.T, ddof=1), 0.01)
        self.close_enough(model["covariances"][0], expected, 0, "covariance", absolute=1e-12)

    def test_mnist_16x16_labelled(self):
        """One Gaussian for each digit: its share, mean and unbiased covariance, in their order."""
        np = harness.need("numpy")
        result = self.run_config("mnist-16x16-labelled", data__limit=700)
        self.assertEqual(result.names, ["labelled-full"])
        model = result.models["labelled-full"]
        x, label = resized(700)
        for digit in range(10):
            rows = x[label == digit]
            self.close_enough(model["weights"][digit], len(rows) / 700, 1e-14, "weight")
            self.close_enough(model["means"][digit], rows.mean(0), 0, "mean", absolute=1e-14)
            expected = clipped(np.cov(rows.T, ddof=1), 0.01)
            self.close_enough(model["covariances"][digit], expected, 0, "cov", absolute=1e-12)

    def test_photo_colours(self):
        """More colours describe the pixels better, by either method; full covariances best."""
        np, image = harness.need("numpy"), harness.need("PIL.Image")
        small = {"data__limit": 20000, "sweep__components": "[2, 5]", "sweep__restarts": 1}
        result = self.run_config("photo-colours", **small)
        pixels = np.asarray(image.open(harness.DATA / "china.jpg")).reshape(-1, 3)[:20000]
        self.assertEqual(result.attrs["data_sha256"], harness.data_sha256(pixels.astype(float)))
        diag, full = (
            [result.row(f"{family}-k00{k}-kmeans++-r000")["loglik"] for k in (2, 5)]
            for family in ("diag", "full")
        )
        self.assertGreater(diag[1], diag[0])
        self.assertGreater(full[1], full[0])
        self.assertGreater(full[0], diag[0])
        inertia = [result.row(f"kmeans-k00{k}-kmeans++-r000")["inertia"] for k in (2, 5)]
        self.assertLess(inertia[1], inertia[0] / 2)


if __name__ == "__main__":
    harness.main()
