"""verify: sound files are called sound, whatever is changed in one is found and named; and of files
damaged at random every command that reads them ends with a right answer or exit status 4."""
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

DATA = 4
N_DAMAGED = 200
SMALL = {
    "method": ["em", "kmeans", "labelled"],
    "components": [2, 3],
    "covariance": ["diag", "full", "tied"],
    "restarts": 1,
}


class Verify(harness.Case):
    def iris(self, output="out", **sections):
        """A small sweep of iris; the path of its file."""
        data = {"path": harness.IRIS, "labels": "Species", "heldout": 0.1}
        sweep = {**SMALL, **sections.pop("sweep", {})}
        return self.sweep(data, output, sweep=sweep, **sections) / "sweep.h5"

    def found(self, path, *says, data=None):
        """verify calls the file bad, with these words on standard error; what it printed."""
        words = ["--data", data] if data else []
        done = self.gmmsweep("verify", path, *words, expect=DATA)
        for word in says:
            self.assertIn(word, done.stderr)
        self.assertNotIn("sound", done.stdout)
        return done

    def changed(self, change, name="changed.h5"):
        """A copy of out/sweep.h5 that h5py has changed, all its checksums right."""
        h5py = harness.need("h5py")
        path = self.write(name, (self.dir / "out" / "sweep.h5").read_bytes())
        with h5py.File(path, "r+", locking=False) as f:
            change(f)
        return path

    # --- what is sound

    def test_sound(self):
        """Every kind of sweep is sound, and its models score its data as /fits says."""
        np = harness.need("numpy")
        x, _ = harness.blobs(3, n=400)
        rows = np.column_stack([x, np.random.default_rng(2).uniform(0.1, 3, len(x))])
        weighted = self.write_csv("w.csv", rows, ["a", "b", "c", "w"])
        far = self.write_csv("far.csv", x * [1e-150, 1, 1e150] + np.array([0, 1e8, 0]))
        repeated = self.write_csv("repeated.csv", np.round(np.repeat(x[:50], 8, axis=0)))
        sweep = {"covariance": harness.families(), "restarts": 1}
        cases = {
            "weights": ({"path": weighted, "weights": "w", "heldout": 0.2}, {}),
            "columns": ({"path": weighted, "columns": ["c", "a"], "limit": 200}, {}),
            "far": ({"path": far}, {}),
            "repeated": ({"path": repeated}, {}),
            "reference": ({"path": weighted}, {"em": {"kernel": "reference"}}),
            "bare": ({"path": weighted}, {"em": {"floor": 0.0}}),
            "digits": (
                {"path": harness.DIGITS, "labels": harness.DIGIT_LABELS, "classes": [0, 1],
                 "limit": 200, "pool": 4, "scale": 255}, {"em": {"floor": 1e-2}},
            ),
        }  # fmt: skip
        for name, (data, sections) in cases.items():
            with self.subTest(name):
                folder = self.sweep(data, name, sweep=sweep, **sections)
                done = self.gmmsweep("verify", folder, "--data", data["path"], "--threads", 3)
                self.assertRegex(done.stdout, r"verdict +sound\n$")
                models = len(harness.Result(folder).models)
                self.assertRegex(done.stdout, rf"scores +{models} models on \d+ rows, off by")
        self.iris()
        done = self.gmmsweep("verify", "out", "--data", harness.IRIS)
        self.assertIn("k-means have no likelihood", done.stdout)
        self.assertIn("--data", self.gmmsweep("verify", "out").stdout)
        self.assertEqual(self.gmmsweep("verify", "-q", "out").stdout, "")

    def test_drawn_rows(self):
        """Rows of data.synthetic are drawn again; a path is refused."""
        synthetic = (
            "data:\n  synthetic: {samples: 300, means: [[0, 0], [4, 4]],"
            " deviations: [[1, 1], [1, 2]]}\n"
            "sweep: {components: 2, restarts: 1}\noutput: {path: out}\n"
        )
        self.gmmsweep("run", "-q", self.write("sweep.yaml", synthetic))
        done = self.gmmsweep("verify", "out", "--data", "data.synthetic")
        self.assertIn("300 rows", done.stdout)
        self.found("out", "drawn", data=harness.IRIS)

    # --- what is not

    def test_every_checksum(self):
        """One wrong byte in any array of numbers is found, and the array is named."""
        h5py = harness.need("h5py")
        path = self.iris()
        whole = path.read_bytes()
        places = {}

        def note(name, item):
            if isinstance(item, h5py.Dataset) and item.dtype.kind in "fi" and item.ndim > 0:
                places[name] = item.id.get_chunk_info(0).byte_offset

        with h5py.File(path) as f:
            f.visititems(note)
        self.assertGreater(len(places), 60)
        for name, at in places.items():
            with self.subTest(name):
                content = bytearray(whole)
                content[at] ^= 4
                done = self.gmmsweep("verify", self.write("bad.h5", bytes(content)), expect=DATA)
                self.assertIn(f"/{name}", done.stderr)
                self.assertIn("checksum", done.stderr)

    def test_what_was_changed(self):
        """What somebody has changed with HDF5's own means, checksums and all, is found."""
        self.iris()

        def set_text(name, value):
            def change(f):
                f[name][...] = value

            return change

        def set_attr(name, value, where="/"):
            return lambda f: f[where].attrs.__setitem__(name, value)

        def set_number(name, at, value):
            return lambda f: f[name].__setitem__(at, value)

        full = "/models/full-k003"
        cases = [
            (set_number("/fits/bic", 0, 1.0), ["content_sha256"]),
            (set_number(f"{full}/means", (0, 1, 1), 7.5), ["content_sha256"]),
            (set_number("/history/loglik", 0, -1.0), ["content_sha256"]),
            (set_text("/config/resolved", "data: {path: x}\n"), ["/config/resolved"]),
            (set_attr("status", "partial"), ["'partial'", "complete"]),
            (set_attr("planned_fits", 99), ["complete", "partial"]),
            (set_attr("content_sha256", "0" * 64), ["content_sha256"]),
            (set_attr("config_sha256", "0" * 64), ["config_sha256"]),
            (set_attr("bic", "diag-k002-kmeans++-r000", "/best"), ["best", "diag-k002"]),
            (lambda f: f["/best"].attrs.pop("aic"), ["best", "none"]),
            (set_number("/fits/history_count", 0, 3), ["history"]),
            (set_number("/fits/loglik", 0, -5.0), ["history"]),
            (lambda f: f.attrs.pop("content_sha256"), ["content_sha256"]),
            (lambda f: f.__delitem__(f"{full}/means"), [f"{full}/means"]),
            (lambda f: f.__delitem__("/history/elbo"), ["/history/elbo"]),
        ]
        for i, (change, says) in enumerate(cases):
            with self.subTest(says=says, case=i):
                self.found(self.changed(change), *says)
        scored = self.changed(set_number(f"{full}/means", (0, 1, 1), 7.5))
        done = self.found(scored, "content_sha256", "loglik", "full-k003", data=harness.IRIS)
        self.assertEqual(len(re.findall("loglik is", done.stderr)), 1, "the others are right")

    def test_other_data(self):
        """Data that are not the sweep's are told from them by their digest, or are none."""
        x = harness.iris()
        path = self.iris()
        x[17, 2] += 1e-9
        lines = [",".join([*map(repr, row), "setosa"]) for row in x.tolist()]
        header = harness.IRIS.read_text().splitlines()[0]
        other = self.write("other.csv", "\n".join([header, *lines]) + "\n")
        self.found(path, "data_sha256", data=other)
        self.found(path, "nowhere.csv", data="nowhere.csv")
        self.found(path, "README", data=harness.ROOT / "README.md")

    def test_foreign(self):
        """Of a newer format, of another program, or with something else where our arrays should
        be: exit 4 with what was expected, by every command that reads a file."""
        np = harness.need("numpy")
        self.iris()

        def newer(f):
            f.attrs["format_version"] = 2
            f.attrs["software_version"] = "7.8.9"

        def replace(name, value):
            def change(f):
                if name in f:
                    del f[name]
                f[name] = value

            return change

        huge = np.zeros(0)
        cases = [
            (newer, "expected gmmsweep 7.8.9"),
            (lambda f: f.attrs.__setitem__("format", "other"), "not a gmmsweep result"),
            (lambda f: f.attrs.__setitem__("format", 3), "not a gmmsweep result"),
            (lambda f: f.attrs.__setitem__("planned_fits", np.arange(100)), "planned_fits"),
            (lambda f: f.attrs.__setitem__("planned_fits", -1), "planned_fits"),
            (replace("/fits/fit", np.arange(11)), "expected texts"),
            (replace("/fits/bic", np.arange(11)), "expected reals"),
            (replace("/fits/bic", huge), "expected 11"),
            (replace("/fits/k", np.zeros((2, 2, 2), np.int64)), "/fits/k"),
            (lambda f: f.__delitem__("/fits"), "/fits"),
            (lambda f: f.__delitem__("/data"), "/data"),
        ]
        for i, (change, says) in enumerate(cases):
            path = self.changed(change)
            for words in (["show", path], ["verify", path], ["predict", path, harness.IRIS]):
                with self.subTest(says, case=i, command=words[0]):
                    done = self.gmmsweep(*words, expect=DATA)
                    self.assertIn(says, done.stderr)
                    self.assertIn("changed.h5", done.stderr)

        def promise(f):
            del f["/fits/bic"]
            f.create_dataset("/fits/bic", (2**40,), "f8", chunks=(2**20,))

        done = self.gmmsweep("show", self.changed(promise), expect=DATA)
        self.assertIn("more than can be in a file", done.stderr)

    def test_impossible_fits(self):
        """Numbers of components, features and places that no file can have end in a message."""
        self.iris()

        def set_k(value):
            return lambda f: f["/fits/k"].__setitem__(slice(None), value)

        for value in (0, -1, 2**62, 4, 1000003):
            path = self.changed(set_k(value))
            for words in (["verify", path], ["predict", path, harness.IRIS]):
                self.gmmsweep(*words, expect=DATA)
        for name in ("/fits/history_first", "/fits/history_count"):
            for value in (-1, 2**62, 2**63 - 1):
                path = self.changed(lambda f: f[name].__setitem__(0, value))
                self.found(path, "history")

    def test_circle(self):
        """A text whose length leads the HDF5 library round in a circle ends in a message."""
        content = bytearray(self.iris().read_bytes())
        texts, first = content.find(b"GCOL"), 16  # a heap of texts: its header, then each with 16
        length = texts + first + 8
        content[length : length + 8] = (2**64 - 16).to_bytes(8, "little")
        self.found(self.write("bad.h5", bytes(content)), "bad.h5", "does not come back")

    def test_damaged(self):
        """Bytes flipped, overwritten and cut off at random: every command ends with exit status 4 or
        0; of what verify calls sound they say the same as of the whole file."""
        rng = self.seeded()
        whole = self.iris().read_bytes()
        commands = {
            "show": ["show", "bad.h5", "--tsv"],
            "predict": ["predict", "bad.h5", harness.IRIS],
            "verify": ["verify", "bad.h5"],
        }
        self.write("bad.h5", whole)
        right = {name: self.gmmsweep(*words).stdout for name, words in commands.items()}
        used = [i for i in range(len(whole)) if any(whole[i - 4 : i + 4])]
        outcomes = {0: 0, DATA: 0}
        for i in range(N_DAMAGED):
            content, at = bytearray(whole), rng.choice(used)
            kind = rng.randrange(4)
            if kind == 0:
                content[at] ^= 1 << rng.randrange(8)
            elif kind == 1:
                content[at : at + 8] = bytes(rng.choice([0, 255]) for _ in range(8))
            elif kind == 2:
                content[at : at + 40] = rng.randbytes(40)
            else:
                content = content[:at]
            self.write("bad.h5", bytes(content))
            ended = {}
            for name in ("verify", ("show", "predict")[i % 2]):
                words = commands[name]
                done = subprocess.run(
                    [harness.PROGRAM, *map(str, words)],
                    cwd=self.dir, env=harness.environment(), capture_output=True, text=True,
                    timeout=harness.TIMEOUT_S, errors="replace",
                )  # fmt: skip
                self.assertIn(done.returncode, outcomes, f"{i}: {name}: {done.stderr}")
                if done.returncode == DATA:
                    self.assertIn("bad.h5", done.stderr)
                ended[name] = done
                outcomes[done.returncode] += 1
            if ended["verify"].returncode == 0:
                for name, done in ended.items():
                    self.assertEqual(done.stdout, right[name], f"{i}: {name}")
        print(f"{self.id()}: {outcomes}", file=sys.stderr)
        self.assertGreater(min(outcomes.values()), N_DAMAGED // 10)


if __name__ == "__main__":
    harness.main()
