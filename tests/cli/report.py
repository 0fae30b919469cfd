"""gmmsweep report: one page that stands for itself, and says what the result says."""
import json
import os
import pathlib
import re
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness
from page import Page

USAGE, DATA, OUTPUT, PARTIAL = 2, 4, 5, 75
ALWAYS = ["summary", "outcomes", "time", "fits", "config", "provenance"]
MIB = 2**20
LARGEST = 10 * MIB  # of a page
MOST_FITS = 1000  # listed in its table
# Columns that the table of fits leaves out: places in another group of the file.
PLACES = ("history_first", "history_count")


class Report(harness.Case):
    def report(self, target, *args):
        """The page of the target, checked as every page is."""
        said = self.gmmsweep("report", target, *args)
        path = self.dir / said.stdout.strip()
        self.assertEqual(said.stderr, "")
        page = Page(path)
        self.check_page(page)
        return page

    def check_page(self, page):
        """Nothing is loaded from elsewhere; who hears the page instead of seeing it gets all."""
        ids = [attrs["id"] for _, attrs, _ in page.elements if "id" in attrs]
        self.assertEqual(len(ids), len(set(ids)), "ids are unique")
        for tag, attrs, _ in page.elements:
            for name in ("src", "href", "srcset", "action", "poster"):
                self.assertRegex(attrs.get(name, "#"), r"^(#|data:)", tag)
            for name in attrs.get("aria-labelledby", "").split():
                self.assertIn(name, ids)
            if attrs.get("href", "").startswith("#"):
                self.assertIn(attrs["href"][1:], ids)
            self.assertFalse([name for name in attrs if name.startswith("on")], tag)
        for code in page.all("style") + page.all("script"):
            self.assertNotRegex(code[2], r"https?:|url\(|@import|fetch|XMLHttp")
        self.assertEqual(len(page.all("style")), 1)
        self.assertEqual(len(page.all("script")), 1)
        for image in page.all("img"):
            self.assertTrue(image[1]["alt"])
        for chart in page.all("svg"):
            if chart[1].get("aria-hidden") != "true":
                self.assertEqual(chart[1]["role"], "img")
                self.assertIn("aria-labelledby", chart[1])
        self.assertEqual(len(page.all("caption")), len(page.all("table")))
        for heading in page.all("th"):
            self.assertIn(heading[1]["scope"], ("col", "row"))
        self.assertNotRegex(page.bytes, rb"[^-\w](nan|inf)[^-\w]", "no number is missing")
        self.assertLess(len(page.bytes), LARGEST)

    def sections(self, page):
        return [attrs["id"] for _, attrs, _ in page.all("section")]

    def check_fits(self, page, result):
        """The table of fits has every column of /fits, with its values but for rounding."""
        head, *rows = page.table("Fits")
        columns = [name for name in result.fits if name not in PLACES]
        self.assertEqual(set(head), set(columns))
        self.assertEqual(sorted(row[0] for row in rows), sorted(result.names))
        for row in rows:
            fit = result.row(row[0])
            for name, text in zip(head, row):
                value = fit[name]
                if isinstance(value, str):
                    self.assertEqual(text, value)
                elif value != value or (value == -1 and text == ""):
                    self.assertEqual(text, "", name)
                else:
                    off = abs(float(text) - value)
                    self.assertLessEqual(off, max(0.0051 * (abs(value) >= 10), 6e-4 * abs(value)))

    # --- what it says

    def test_table_data(self):
        """Of a table with classes: sections, figures of the fits, winner, confusion, config."""
        out = self.sweep(
            {"path": harness.IRIS, "labels": "Species", "heldout": 0.1},
            sweep={"components": [1, 2, 3], "method": ["em", "kmeans"], "restarts": 3,
                   "covariance": ["diag", "full"]},
        )  # fmt: skip
        page, result = self.report(out), harness.Result(out)
        pictures = ["criteria", "likelihood", "agreement", "model", "plane", "confusion"]
        self.assertEqual(self.sections(page), ["summary", *pictures, *ALWAYS[1:]])
        self.check_fits(page, result)
        best = result.best["bic"]
        self.assertIn(best, page.section("summary"))
        self.assertIn(best, page.section("model"))
        for name, fit in result.best.items():
            named = {"bic": "BIC", "icl": "ICL", "aic": "AIC"}.get(name, "log-likelihood")
            named = "held-out log-likelihood" if name == "heldout" else named
            rows = {row[0]: row[2] for row in page.table("The best fit by each")}
            self.assertEqual(rows[named], fit)
        head, *rows = page.table("Components (rows)")
        self.assertEqual(head[1:-1], ["setosa", "versicolor", "virginica"])
        counts = [[float(cell or 0) for cell in row[1:-1]] for row in rows]
        self.close_enough(counts, result.models[best]["confusion"], 1e-5, "confusion")
        self.assertIn((self.dir / "out.yaml").read_text().strip(), page.section("config"))
        self.assertIn(result.attrs["content_sha256"], page.section("provenance"))
        self.assertIn(f"{len(result.names)}of {len(result.names)} fits", page.section("summary"))

    def test_components(self):
        """Weights, effective rows, means and deviations of the winner's components."""
        np = harness.need("numpy")
        out = self.sweep(harness.FAITHFUL, sweep={"components": 2, "covariance": "full"})
        page, result = self.report(out), harness.Result(out)
        model = result.models[result.best["bic"]]
        head, *rows = page.table("Components: weight")
        self.assertEqual(head[3:], list(result.data["feature"]))
        n = len(harness.faithful())
        for k, row in enumerate(rows):
            self.close_enough(float(row[1]), model["weights"][k], 0, "weight", 6e-5)
            self.close_enough(float(row[2]), model["weights"][k] * n, 0, "rows", 0.6)
            for d, cell in enumerate(row[3:]):
                mean, deviation = map(float, cell.split("±"))
                self.close_enough(mean, model["means"][k, d], 6e-4, "mean")
                expected = np.sqrt(model["covariances"][k, d, d])
                self.close_enough(deviation, expected, 6e-4, "deviation")
        self.assertEqual(len(page.all("ellipse")), 4)

    def test_one_feature(self):
        """Of a single feature, the density over a histogram: both hold the same area."""
        np = harness.need("numpy")
        x = np.random.default_rng(1).normal(size=400) + 7 * (np.arange(400) % 2)
        self.write("line.npy", harness.npy(x[:, None]))
        page = self.report(self.sweep(self.dir / "line.npy", sweep={"components": 2}))

        def points(kind):
            """[n, 2] of the only path of that class, in pixels."""
            inside = page.inside_section("density")
            (drawn,) = [e[1]["d"] for e in inside if e[1].get("class") == kind]
            return np.array(re.findall(r"[ML]([-\d.]+) ([-\d.]+)", drawn), float)

        def area(outline):
            return np.sum(np.diff(outline[:, 0]) * (outline[1:, 1] + outline[:-1, 1]) / 2)

        band, line = points("band s0"), points("line s1")
        floor = band[: len(band) // 2]  # the band goes there along the floor and back on top
        top = band[len(band) // 2 :][::-1]
        histogram = area(floor) - area(top)
        self.close_enough(area(line * [1, -1] + [0, floor[0, 1]]), histogram, 0.03, "areas")

    def test_images(self):
        """Images: means and deviations of every component as they are in the file; samples."""
        np = harness.need("numpy")
        data = {"path": harness.DIGITS, "limit": 300, "pool": 2, "scale": 255}
        sweep = {"components": [3, 4], "covariance": "diag", "restarts": 1}
        out = self.sweep(data, sweep=sweep, em={"max_iter": 5, "ridge": 0.01})
        page, result = self.report(out), harness.Result(out)
        model = result.models[result.best["bic"]]
        found = page.images("model")
        for what, values in (("Mean", model["means"]),
                             ("Standard deviations", np.sqrt(model["covariances"]))):  # fmt: skip
            low = 0.0 if what != "Mean" else values.min()
            levels = np.round(255 * (values - low) / (values.max() - low)).reshape(-1, 14, 14)
            for k, expected in enumerate(levels):
                (pixels,) = [p for alt, p in found if alt == f"{what} of component {k}"]
                self.assertLessEqual(np.abs(pixels.astype(int) - expected).max(), 1)
        ((_, samples),) = page.images("samples")
        self.gmmsweep("sample", out, "-n", 60, "--seed", 1, "-o", "drawn.npy")
        drawn = np.load(self.dir / "drawn.npy")[13].reshape(14, 14)  # second row, second column
        tile = samples[15 : 15 + 14, 15 : 15 + 14].astype(int)
        self.assertLessEqual(np.abs(tile - np.round(255 * np.clip(drawn, 0, 1))).max(), 1)

    def test_covariance(self):
        """Of one component with full covariance, covariance and correlation as images."""
        np = harness.need("numpy")
        out = self.sweep(harness.IRIS, sweep={"components": 1, "covariance": "full"})
        page = self.report(out)
        (_, covariance), (_, correlation) = page.images("covariance")
        x = harness.iris()
        expected = np.corrcoef(x.T)
        self.assertEqual(covariance.shape, (4, 4, 3))
        for matrix, values in ((covariance, np.cov(x.T)), (correlation, expected)):
            # From white to vermilion above 0, to blue below.
            red, blue = matrix[..., 0].astype(int), matrix[..., 2].astype(int)
            self.assertTrue(np.all((red > blue)[values > 0.05]))
            self.assertTrue(np.all((blue > red)[values < -0.1 * values.max()]))
        self.assertTrue(np.all(np.diag(correlation[..., 2]) == correlation[..., 2].min()))

    def test_photograph(self):
        """Of a photograph, the original and for each K what `compress` makes of it."""
        np = harness.need("numpy")
        rng = np.random.default_rng(1)
        x = rng.integers(0, 256, (3, 3))[rng.integers(0, 3, (24, 36))]
        x = np.clip(x + rng.normal(0, 8, x.shape), 0, 255).astype("u1")
        harness.need("PIL.Image").fromarray(x).save(self.dir / "photo.png")
        sweep = {"method": ["em", "kmeans"], "components": [2, 4], "restarts": 1}
        out = self.sweep(self.dir / "photo.png", sweep={**sweep, "covariance": "diag"})
        page = self.report(out)
        (first, original), *rest = page.images("photograph")
        self.assertTrue(first == "The original" and np.array_equal(original, x))
        self.assertEqual(len(rest), 4)
        text = page.section("photograph")
        for fit in harness.Result(out).names:
            done = self.gmmsweep("compress", out, "photo.png", "--fit", fit, "-o", "small.png",
                                 "--json")  # fmt: skip
            (row,) = json.loads(done.stdout)
            told = re.search(rf"rate ([\d.]+) : 1, PSNR ([\d.]+) dB{re.escape(fit)}", text)
            self.close_enough(float(told[1]), row["rate"], 0, fit, 0.051)
            self.close_enough(float(told[2]), row["psnr_db"], 0, fit, 0.0051)
            small = np.asarray(harness.need("PIL.Image").open(self.dir / "small.png"))
            self.assertTrue(any(np.array_equal(small, pixels) for _, pixels in rest), fit)

    # --- states of a sweep

    def test_same_bytes(self):
        """The same file makes the same bytes, and is not written to."""
        out = self.sweep(harness.FAITHFUL, sweep={"covariance": ["tied", "full"]})
        before = harness.tree(out)
        first = self.report(out).bytes
        second = self.report(out / "sweep.h5", "-o", "again.html").bytes
        named = [page.replace(b"out/sweep.h5", b"out") for page in (first, second)]
        self.assertEqual(*named)
        (out / "report.html").unlink()
        self.assertEqual(harness.tree(out), before)

    def test_unfinished(self):
        """The folder of a sweep of which a part is done: what there is, and how much is not."""
        config = self.config(
            self.sweep_config(
                {"path": harness.IRIS, "labels": "Species"},
                sweep={"components": [1, 2, 3], "covariance": ["diag", "full"]},
            )
        )
        self.gmmsweep("run", "-q", config, "--shard", "1/2")
        page = self.report("out")
        rows = page.table("Fits")[1:]
        self.assertIn(f"Unfinished: {len(rows)} of 10 fits", page.section("summary"))
        self.assertTrue(0 < len(rows) < 10)
        for name in ("likelihood", "model", "plane", "confusion"):
            self.assertIn(name, self.sections(page))
        self.gmmsweep("run", "-q", config)
        page = self.report("out")
        self.assertNotIn("Unfinished", page.section("summary"))
        self.check_fits(page, harness.Result(self.dir / "out"))

    def test_rows_are_gone(self):
        """Without the rows, or with other ones in their place, ellipses stand alone, and why."""
        path = self.dir / "data.csv"
        shutil.copy(harness.FAITHFUL, path)
        out = self.sweep(path)
        self.assertEqual(len(self.dots(self.report(out))), 1)
        path.write_text(path.read_text().replace("3.6", "3.5", 1))
        page = self.report(out)
        self.assertIn("is not what was fitted any more", page.section("plane"))
        self.assertEqual(len(self.dots(page)), 0)
        path.unlink()
        page = self.report(out)
        self.assertIn("cannot be read any more", page.section("plane"))
        self.assertTrue(page.all("ellipse"))
        (out / "sweep.h5").unlink()  # and from the log, which does not tell of the data
        page = self.report(out)
        self.assertIn("cannot be read any more", page.section("plane"))
        self.assertTrue(page.all("ellipse"))

    def dots(self, page):
        return [e for e in page.inside_section("plane") if "dots" in e[1].get("class", "").split()]

    def test_warnings(self):
        """Fits that are flagged or floored are told of; where all are flagged, none is called the
        best."""
        np = harness.need("numpy")
        self.write("wide.npy", harness.npy(np.random.default_rng(1).normal(size=(40, 30))))
        sweep = {"components": 4, "covariance": "full", "restarts": 2}
        page = self.report(self.sweep(self.dir / "wide.npy", sweep=sweep))
        summary = page.section("summary")
        self.assertIn("No fit can be called the best", summary)
        self.assertIn("Flagged: 2 of 2 fits", summary)
        self.assertIn("On the variance floor: eigenvalues of 2 of 2 fits", summary)
        self.assertEqual(page.table("How the fits ended")[-1][1], "2")

    def test_hostile_names(self):
        """Names of features, classes and files, and the config, are texts and never markup."""
        evil = "<script>alert(1)</script>&\"'</title>"
        folder = self.dir / 'a"<b>&'
        folder.mkdir()
        lines = ['"<svg onload=x>","""b"" & c",class']
        for i, (x, y) in enumerate(harness.faithful().tolist()):
            lines.append(f"{x},{y},k{i % 2}<i>&amp;")
        (folder / "d<u>.csv").write_text("\n".join(lines))
        data = {"path": folder / "d<u>.csv", "labels": "class", "columns": [0, 1]}
        config = self.sweep_config(data, output=str(folder / "out"))
        path = self.write("evil.yaml", f"# {evil}\n" + harness.yaml(config))
        self.gmmsweep("run", "-q", path)
        page = self.report(folder / "out")
        self.assertIn(evil, page.section("config"))
        self.assertIn("<svg onload=x>", page.section("model"))
        self.assertIn("k0<i>&amp;", page.section("confusion"))
        for tag in ("i", "u"):
            self.assertEqual(page.all(tag), [])
        name = os.fsdecode(b"no \xff UTF-8")
        (folder / "out").rename(self.dir / name)
        said = self.gmmsweep("report", name, errors="surrogateescape")
        page = Page(self.dir / said.stdout.strip())
        self.assertEqual(page.all("h1")[0][2], "no \ufffd UTF-8")

    def test_ten_thousand(self):
        """Ten thousand fits: a small page, cut where it says so."""
        data = {"path": harness.FAITHFUL, "limit": 60}
        sweep = {"components": [2, 3, 4, 5, 6], "restarts": 500, "init": "points",
                 "covariance": harness.families()}  # fmt: skip
        out = self.sweep(data, sweep=sweep, em={"max_iter": 2})
        page = self.report(out)
        self.assertLess(len(page.bytes), 2 * MIB)
        self.assertEqual(len(page.table("Fits")) - 1, MOST_FITS)
        self.assertIn(f"Only the best {MOST_FITS} of 10000 fits are listed", page.section("fits"))
        self.assertIn("middle 80 %", page.section("likelihood"))
        shown = [row[0] for row in page.table("Fits")[1:]]
        result = harness.Result(out)
        order = sorted(
            (bool(result.row(name)["flagged"]), result.row(name)["bic"]) for name in shown
        )
        least = sorted(zip(map(bool, result.fits["flagged"]), result.fits["bic"]))[:MOST_FITS]
        self.assertEqual(order, least)

    # --- mistakes

    def test_mistakes(self):
        """What is no sweep, what cannot be written, and names of another kind: why, and no file."""
        out = self.sweep(harness.FAITHFUL)
        for target, status in (("nowhere", DATA), (harness.FAITHFUL, DATA), (self.dir, DATA)):
            self.assertIn(str(target), self.gmmsweep("report", target, expect=status).stderr)
        self.assertIn(".html", self.gmmsweep("report", out, "-o", "x.pdf", expect=USAGE).stderr)
        self.gmmsweep("report", expect=USAGE)
        self.gmmsweep("report", out, "--best", "bic", expect=USAGE)
        gone = self.gmmsweep("report", out, "-o", "no/such/x.html", expect=OUTPUT)
        self.assertIn("no/such/x.html", gone.stderr)
        whole = (out / "sweep.h5").read_bytes()
        before = set(self.dir.iterdir())
        for size in (0, 100, len(whole) // 2, len(whole) - 1):
            cut = self.write("cut.h5", whole[:size])
            self.assertIn("cut.h5", self.gmmsweep("report", cut, expect=DATA).stderr)
        cut.unlink()
        self.assertEqual(set(self.dir.iterdir()), before)

    def test_disk_full(self):
        """A page that cannot be written whole leaves the old one as it was."""
        out = self.sweep(harness.FAITHFUL)
        (out / "report.html").write_text("old")

        self.gmmsweep("report", out, expect=OUTPUT, preexec_fn=harness.file_limit(20000))
        self.assertEqual((out / "report.html").read_text(), "old")
        self.assertEqual([p for p in out.iterdir() if p.name.endswith(".tmp")], [])


if __name__ == "__main__":
    harness.main()
