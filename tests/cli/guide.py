"""What README.md and results/README.md say is so: every command line and all Python in them is run
as it stands there, and the schema is that of a result file."""
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

README = harness.ROOT / "README.md"
SCHEMA = harness.ROOT / "results" / "README.md"
FITS = harness.ROOT / "include" / "fits.def"
AXES = {"fit", "component", "feature", "feature_2", "class", "entry", "session", "row"}
# Words in the table of groups that name something else.
ELSEWHERE = {"labels", "limit", "classes", "on_missing", "covariances_", "class"}


def blocks(path, language):
    """The fenced blocks of that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(), re.M | re.S)


def table(text, head):
    """The cells of the table that begins with the row `head`."""
    lines = text.split(head)[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


class Guide(harness.Case):
    def setUp(self):
        super().setUp()
        for name in ("configs", "tests"):
            (self.dir / name).symlink_to(harness.ROOT / name)

    def small_demo(self, family):
        """results/demo as `make demo` leaves it, but for fewer fits."""
        small = ["sweep.components=2", "sweep.restarts=1", f"sweep.covariance={family}"]
        words = [word for change in small for word in ("--set", change)]
        self.gmmsweep("run", "-q", "configs/demo.yaml", "--output", "results/demo", *words)

    def python(self, code):
        words = [sys.executable, "-W", "error", "-c", code]
        done = subprocess.run(words, cwd=self.dir, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    # --- results/README.md

    def test_python_start(self):
        """The start in Python makes of the best fit a model of scikit-learn with its likelihood, of
        any family."""
        for name in ("h5py", "xarray", "sklearn"):
            harness.need(name)
        (code,) = blocks(SCHEMA, "python")
        self.assertLessEqual(len(code.splitlines()), 15)
        for family in ("diag", "full"):
            self.small_demo(family)
            name, stored, scored, labels = self.python(code).split(maxsplit=3)
            self.assertEqual(name, f"{family}-k002-kmeans++-r000")
            self.close_enough(float(scored), float(stored), 1e-9, family)
            self.assertRegex(labels, r"^\[[01]( [01]){4}\]$")
            (self.dir / "results").rename(self.dir / family)

    def test_columns_of_fits(self):
        """The table of the columns of /fits is fits.def."""
        row = r'^FIT\((\w+), \w+, "([^"]*)", "(.*)"\)$'
        rows = [[f"`{n}`", u, text] for n, u, text in re.findall(row, FITS.read_text(), re.M)]
        self.assertGreater(len(rows), 20)
        self.assertEqual(table(SCHEMA.read_text(), "| column | unit | what |"), rows)

    def test_groups(self):
        """What the table of groups names is in a result file, and all that is in one is named."""
        h5py = harness.need("h5py")
        named = {}
        for group, _, text in table(SCHEMA.read_text(), "| group | over | what |"):
            last = group.split(",")[0].strip("`").split("/")[1] if group else last
            named.setdefault(last, set()).update(re.findall(r"`(\w+)`", text))
        data = {"path": harness.DIGITS, "labels": harness.DIGIT_LABELS, "pool": 4, "limit": 300}
        self.sweep({**data, "heldout": 0.1}, sweep={"covariance": ["diag", "full"]})
        weighted = self.write_csv("w.csv", [[i, i * i % 7, 1 + i % 2] for i in range(50)], "abw")
        self.sweep({"path": weighted, "weights": "w"}, "weighted")
        self.sweep(harness.DATA / "china.jpg", "photo", em={"max_iter": 1}, kmeans={"max_iter": 1})
        there = {}
        for folder in ("out", "weighted", "photo"):
            with h5py.File(self.dir / folder / "sweep.h5") as f:
                there.setdefault("", set()).update(f.attrs)
                for name, group in f.items():
                    mine = there.setdefault(name, set())
                    mine.update(group.attrs)
                    for one in group.values() if name == "models" else [group]:
                        mine.update(one)
        for name, texts in there.items():
            if name in ("fits", "best"):  # the next table's, and criteria
                continue
            with self.subTest(group=name):
                self.assertLessEqual(texts - AXES, named[name])
                self.assertLessEqual(named[name] - AXES - ELSEWHERE, texts)
        self.assertLessEqual(there["best"], set(re.findall(r"`(\w+)`", SCHEMA.read_text())))

    def test_files(self):
        """The files of a sweep's folder are those of the manual page."""
        told = {row[0] for row in table(SCHEMA.read_text(), "| file | what it is |")}
        names = {name for cell in told for name in re.findall(r"`([^`]+)`", cell)}
        page = (harness.ROOT / "include" / "manual.def").read_text()
        rows = set(re.findall(r'^MANUAL\(FILES, "OUTPUT/([^"]+)"', page, re.M))
        self.assertEqual(rows - {"STOP"}, names - {"-1"})


if __name__ == "__main__":
    harness.main()
