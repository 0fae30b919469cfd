"""output.keep and output.responsibilities: which models the file holds, and what they say of each
row. The fits and their bits are not touched by it, whichever way the file comes about."""
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

DATA = 4
EVERY = {
    "method": ["em", "kmeans", "labelled"],
    "components": [2, 3, 4],
    "covariance": ["diag", "full"],
    "init": ["kmeans++", "points"],
    "restarts": 4,
}


class Keep(harness.Case):
    def run_sweep(self, output, *words, data=None, sweep=None, **keys):
        """A sweep of iris; returns its result and what the run said."""
        data = {"path": harness.IRIS, "labels": "Species", **(data or {})}
        config = self.sweep_config(data, output, sweep={**EVERY, **(sweep or {})})
        config["output"] = {"path": output, **keys}
        done = self.gmmsweep("run", self.config(config, f"{output}.yaml"), *words)
        return harness.Result(self.dir / output), done

    def expected(self, result, most, cell):
        """Names of the `most` best in each cell of fits, as numpy sorts them."""
        cells = {}
        for i, name in enumerate(result.names):
            row = result.row(name)
            value = row["inertia"] if row["method"] == "kmeans" else row["bic"]
            cells.setdefault(cell(row), []).append((row["flagged"], value, i, name))
        return {fit[-1] for fits in cells.values() for fit in sorted(fits)[:most]}

    def check_kept(self, result, whole, kept):
        """The models are those expected, with the bits that they have among all; the rest of the
        file is that of all."""
        self.assertEqual(set(result.models), kept)
        for name in kept:
            self.assertEqual(harness.fit_bits(result, name), harness.fit_bits(whole, name), name)
        for name, values in whole.fits.items():
            if name != "wall_s":
                self.assertEqual(repr(values), repr(result.fits[name]), name)
        self.assertEqual(result.best, whole.best)
        self.assertEqual(result.history["loglik"].tobytes(), whole.history["loglik"].tobytes())

    def test_best(self):
        """best keeps one model of each method, K, family and initialiser, and these alone."""
        whole, _ = self.run_sweep("all")
        self.assertEqual(set(whole.models), set(whole.names))
        result, _ = self.run_sweep("best", keep="best")
        kept = self.expected(
            whole, 1, lambda row: tuple(row[c] for c in ("method", "k", "covariance", "init"))
        )
        self.assertLess(len(kept), len(whole.names))
        self.assertEqual(len(kept), 3 * (2 * 2 + 1) + 2)
        self.check_kept(result, whole, kept)
        self.gmmsweep("verify", "best", "--data", harness.IRIS)

    def test_top(self):
        """top:N keeps the N best by BIC, and of k-means by inertia, the flagged last."""
        whole, _ = self.run_sweep("all", sweep={"components": [2, 3, 40]})
        self.assertTrue(whole.fits["flagged"].any())
        for n in (1, 5, 1000):
            result, _ = self.run_sweep(f"top{n}", sweep={"components": [2, 3, 40]}, keep=f"top:{n}")
            kept = self.expected(whole, n, lambda row: row["method"] == "kmeans")
            self.check_kept(result, whole, kept)
        self.gmmsweep("verify", "top1")
        self.gmmsweep("show", "top1")

    def test_not_kept(self):
        """A model that is not kept: exit 4, and what to do, which helps."""
        whole, _ = self.run_sweep("all")
        result, _ = self.run_sweep("best", keep="best")
        fit = next(name for name in whole.names if name not in result.models)
        done = self.gmmsweep("predict", "best", harness.IRIS, "--fit", fit, expect=DATA)
        self.assertIn(fit, done.stderr)
        self.assertIn("--set output.keep=all", done.stderr)
        again = self.gmmsweep("run", "best.yaml", "--set", "output.keep=all")
        self.assertIn("nothing left to do", again.stderr)
        self.assertEqual(
            self.gmmsweep("predict", "best", harness.IRIS, "--fit", fit).stdout,
            self.gmmsweep("predict", "all", harness.IRIS, "--fit", fit).stdout,
        )
        self.assertEqual(harness.Result(self.dir / "best").content, whole.content)

    def test_shards(self):
        """merge keeps what one run keeps."""
        result, _ = self.run_sweep("one", keep="best", responsibilities="best")
        config = self.sweep_config({"path": harness.IRIS, "labels": "Species"}, "two", sweep=EVERY)
        config["output"].update(keep="best", responsibilities="best")
        path = self.config(config)
        for shard in ("1/2", "2/2"):
            self.gmmsweep("run", "-q", path, "--shard", shard)
        self.gmmsweep("merge", "-q", "two")
        self.assertEqual(harness.Result(self.dir / "two").content, result.content)

    def test_plan(self):
        """The disk that plan tells follows, and is what the run takes at most."""
        told = {}
        for keep in ("all", "best", "top:3"):
            data = {"path": harness.DIGITS, "labels": harness.DIGIT_LABELS, "pool": 2}
            sweep = {"components": [5, 10], "restarts": 6}
            config = self.sweep_config({**data, "limit": 300}, sweep=sweep, em={"floor": 1e-2})
            config["output"] = {"path": keep, "keep": keep}
            path = self.config(config)
            plan = json.loads(self.gmmsweep("plan", path, "--json").stdout)[0]
            self.gmmsweep("run", "-q", path)
            tree = harness.tree(self.dir / keep).values()
            self.assertLessEqual(sum(len(c) for c in tree if c), plan["disk_bytes"], keep)
            told[keep] = plan["disk_bytes"]
        self.assertLess(told["best"], told["all"])
        self.assertLess(told["top:3"], told["all"])

    # --- labels and responsibilities

    def of_rows(self, output):
        """The labels of each fit, and its responsibilities or None, by the file."""
        labels, resp = {}, {}
        with harness.need("h5py").File(self.dir / output / "sweep.h5") as f:
            for group in f["models"].values():
                for i, fit in enumerate(group["fit"].asstr()[()]):
                    labels[fit] = group["labels"][i] if "labels" in group else None
                    resp[fit] = group["responsibilities"][i] if "responsibilities" in group else None
        return labels, resp

    def test_responsibilities(self):
        """all gives what predict says of the sweep's own rows, to the last bit, held out or not;
        k-means has labels alone."""
        np = harness.need("numpy")
        result, _ = self.run_sweep("out", responsibilities="all", data={"heldout": 0.2})
        labels, resp = self.of_rows("out")
        for fit in result.names:
            self.gmmsweep("predict", "-q", "out", harness.IRIS, "--fit", fit, "-o", "p.npz")
            npz = np.load(self.dir / "p.npz")
            self.assertTrue(np.array_equal(labels[fit], npz["label"]), fit)
            if fit.startswith("kmeans"):
                self.assertIsNone(resp[fit])
                continue
            self.assertTrue(np.array_equal(resp[fit], npz["responsibilities"]), fit)
            self.close_enough(resp[fit].sum(1), np.ones(150), 1e-12, fit)
        with harness.need("h5py").File(self.dir / "out" / "sweep.h5") as f:
            set_ = f["models/full-k003/responsibilities"]
            self.assertEqual(set_.chunks, (1, 150, 3))
            self.assertTrue(set_.fletcher32)
            self.assertEqual([d.keys()[0] for d in set_.dims], ["fit", "row", "component"])

    def test_responsibilities_of_best(self):
        """best gives them for the best of each K, family and initialiser; the others have -1 and
        NaN, or with keep: best are not there."""
        np = harness.need("numpy")
        self.run_sweep("all", responsibilities="all")
        self.run_sweep("some", responsibilities="best")
        kept, _ = self.run_sweep("best", responsibilities="best", keep="best")
        every, some, best = (self.of_rows(name) for name in ("all", "some", "best"))
        self.assertEqual(set(best[0]), set(kept.models))
        for fit in some[0]:
            if fit in kept.models:
                for got in (some, best):
                    self.assertEqual(got[0][fit].tolist(), every[0][fit].tolist())
                    self.assertEqual(repr(got[1][fit]), repr(every[1][fit]))
            else:
                self.assertTrue(np.all(some[0][fit] == -1))
                self.assertTrue(some[1][fit] is None or np.all(np.isnan(some[1][fit])))
        for name in ("all", "some", "best"):
            self.gmmsweep("verify", "-q", name, "--data", harness.IRIS)

    def test_responsibilities_on_any_threads(self):
        """One thread and many give the same content, of more rows than one thread takes at once."""
        x, _ = harness.blobs(2, n=3000)
        data = self.write_csv("x.csv", x)
        contents = set()
        for n in (1, 4):
            config = self.sweep_config(data, f"t{n}", sweep={"components": 3, "covariance": "full"})
            config["output"]["responsibilities"] = "all"
            self.gmmsweep("run", "-q", self.config(config), "--threads", n)
            contents.add(harness.Result(self.dir / f"t{n}").content)
        self.assertEqual(len(contents), 1)

    def test_responsibilities_come_later(self):
        """Asked for once the fits are there, nothing is fitted again; and they go again."""
        plain, _ = self.run_sweep("out")
        self.assertEqual(set(map(repr, self.of_rows("out")[0].values())), {"None"})
        again = self.gmmsweep("run", "out.yaml", "--set", "output.responsibilities=all")
        self.assertIn("nothing left to do", again.stderr)
        self.assertNotIn("None", set(map(repr, self.of_rows("out")[0].values())))
        self.gmmsweep("run", "-q", "out.yaml")
        self.assertEqual(harness.Result(self.dir / "out").content, plain.content)

    def test_memory(self):
        """Peak memory is as planned, where the rows stay for their responsibilities."""
        np = harness.need("numpy")
        pairs = np.random.default_rng(3).integers(0, 256, (400000, 3), np.uint8)
        data = self.write("x.idx", harness.idx(pairs))
        short = {"em": {"max_iter": 1, "tol": 0.0}, "kmeans": {"max_iter": 2}}
        config = self.sweep_config(data, sweep={"components": [20], "restarts": 1}, **short)
        config["output"]["responsibilities"] = "all"
        words = [harness.PROGRAM, "run", "-v", self.config(config)]
        done = subprocess.run(
            ["sh", "-c", '"$@"; exit $?', "sh", *words],
            cwd=self.dir, env=harness.environment(), capture_output=True, text=True,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        peak, planned = map(
            int, re.search(r"peak memory (\d+) MiB, planned (\d+) MiB", done.stderr).groups()
        )
        print(f"{self.id()}: peak {peak}, planned {planned} MiB", file=sys.stderr)
        self.assertLessEqual(abs(peak - planned), max(64, 0.1 * peak))

    def test_refused(self):
        """What is no rule: exit 3, with key and what was expected; nothing is made."""
        config = self.config(self.sweep_config(harness.IRIS))
        for value in ("top", "top:0", "top:-1", "top:x", "bestest", "top:99999999999"):
            done = self.gmmsweep("run", config, "--set", f"output.keep={value}", expect=3)
            self.assertRegex(done.stderr, r"output\.keep: .*expected all, best, or top:N")
        self.assertFalse((self.dir / "out").exists())


if __name__ == "__main__":
    harness.main()
