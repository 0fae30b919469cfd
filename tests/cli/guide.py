"""What README.md and results/README.md say is so: every command line and all Python in them is run
as it stands there, and the schema is that of a result file."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

README = harness.ROOT / "README.md"
SCHEMA = harness.ROOT / "results" / "README.md"
JOBS = harness.ROOT / "jobs" / "README.md"
FITS = harness.ROOT / "include" / "fits.def"
AXES = {"fit", "component", "feature", "feature_2", "class", "entry", "session", "row"}
# Words in the table of groups that name something else.
ELSEWHERE = {"limit", "classes", "on_missing", "covariances_", "class"}
MAKE = r"^make ([a-z-]+)"
TARGETS = set(re.findall(r"^([a-z-]+):", (harness.ROOT / "Makefile").read_text(), re.M))
# Command lines that are not for a test: they install, or belong to a cluster.
NOT_RUN = r"make( |$)|module "
# What makes a sweep of the guide small.
SMALLER = {
    "run configs/photo-colours.yaml": {
        "sweep.method": "em", "sweep.components": "3", "sweep.restarts": "1", "em.max_iter": "5",
        "kmeans.max_iter": "5",
    },
}  # fmt: skip


def pieces(path):
    """The code of a page, in its order: (language, text) of fenced blocks, ("sh", line) of each
    indented line."""
    fenced_or_line = r"^```(\w+)\n(.*?)^```$|^    (\S[^\n]*)$"
    found = re.finditer(fenced_or_line, path.read_text(), re.M | re.S)
    return [(m[1], m[2]) if m[1] else ("sh", m[3]) for m in found]


def table(text, head):
    """The cells of the table that begins with the row `head`."""
    lines = text.split(head)[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


class Guide(harness.Case):
    def setUp(self):
        super().setUp()
        shutil.copytree(harness.ROOT / "configs", self.dir / "configs")
        (self.dir / "tests").symlink_to(harness.ROOT / "tests")

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

    def shell(self, line):
        """Runs a line in a shell, with gmmsweep and a stand-in for sbatch on the PATH."""
        for start, keys in SMALLER.items():
            changes = "".join(f" --set {key}={value}" for key, value in keys.items())
            line = line.replace(f"gmmsweep {start}", f"gmmsweep {start}{changes}")
        env = harness.environment(PATH=f"{self.dir / 'bin'}:{os.environ['PATH']}")
        done = subprocess.run(
            ["bash", "-c", line], cwd=self.dir, env=env, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=harness.TIMEOUT_S,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, f"{line}\n{done.stdout}{done.stderr}")

    def tools(self):
        """The folder that lines of the guide find on their PATH."""
        (self.dir / "bin").mkdir()
        (self.dir / "bin" / "gmmsweep").symlink_to(harness.PROGRAM)
        sbatch = self.write("bin/sbatch", "#!/bin/sh\necho 17\n")
        sbatch.chmod(0o755)

    def measurements(self):
        """What the guide calls measurements.csv, and rows of the same kind that come later."""
        rows = [line.split(",") for line in harness.IRIS.read_text().split()[1:]]
        lines = ["length,width,petal_length,petal_width,species"]
        lines += [",".join(row) for row in rows]
        self.write("measurements.csv", "\n".join(lines[::2]) + "\n")
        self.write("new.csv", "\n".join(lines[:1] + lines[1::2]) + "\n")

    # --- README.md

    def test_guide(self):
        """All that the guide gives to be typed works as it stands there, in its order, and writes
        the files that it names."""
        harness.need("xarray")
        self.tools()
        self.measurements()
        run = []
        for language, text in pieces(README):
            if language == "yaml":
                self.write(re.match(r"# (\S+)\n", text)[1], text)
            elif language == "python":
                self.assertGreater(len(self.python(text).splitlines()), 2)
            elif text == "make demo":
                self.small_demo("diag")
            elif re.match(NOT_RUN, text):
                self.assertLessEqual(set(re.findall(MAKE, text)), TARGETS, text)
            else:
                self.shell(text)
                run.append(text)
        self.assertGreater(len(run), 10)
        for line in run:
            for name in re.findall(r"-o (\S+)", line):
                self.assertGreater((self.dir / name).stat().st_size, 0, line)
        self.assertTrue((self.dir / "results/demo/report.html").exists())

    def test_names_in_passing(self):
        """Commands, options, config keys, files and targets of make that the pages name in running
        text are there."""
        commands = [*harness.commands(), "COMMAND"]
        helps = [self.gmmsweep(name, "--help").stdout for name in harness.commands()]
        options = set(re.findall(r"--[a-z-]+", "".join(helps)))
        keys = set(harness.params()) | {key.rpartition(".")[0] for key in harness.params()}
        sections = "|".join({key.split(".")[0] for key in keys if "." in key})
        for page in (README, SCHEMA, JOBS):
            text = re.sub(r"^```.*?^```$|^    .*$", "", page.read_text(), flags=re.M | re.S)
            for span in re.findall(r"`([^`]+)`", text):
                for name in re.findall(r"^gmmsweep (\w+)", span):
                    self.assertIn(name, commands, page)
                if span.startswith("gmmsweep") or page == README:
                    self.assertLessEqual(set(re.findall(r"(?<!\S)--[a-z-]+", span)), options, span)
                self.assertLessEqual(set(re.findall(MAKE, span)), TARGETS, span)
                for key in re.findall(rf"^(?:{sections})\.(?!h5)\w+(?=$|:)", span):
                    self.assertTrue(key in keys, f"{page}: {key}")
                if re.match(r"(src|include|tests|jobs|configs)/[\w./-]+$", span):
                    self.assertTrue((harness.ROOT / span).exists(), span)
            for link in re.findall(r"\]\(([^)#]+)\)", text):
                self.assertTrue((page.parent / link).exists(), link)

    # --- results/README.md

    def test_python_start(self):
        """The start in Python makes of the best fit a model of scikit-learn with its likelihood, of
        any family."""
        for name in ("h5py", "xarray", "sklearn"):
            harness.need(name)
        (code,) = (text for language, text in pieces(SCHEMA) if language == "python")
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
        every = ["--set", "output.responsibilities=all"]
        self.sweep({**data, "heldout": 0.1}, args=every, sweep={"covariance": ["diag", "full"]})
        weighted = self.write_csv("w.csv", [[i, i * i % 7, 1 + i % 2] for i in range(50)], "abw")
        self.sweep({"path": weighted, "weights": "w"}, "weighted")
        one = {"sweep": {"components": 2, "restarts": 1}, "em": {"max_iter": 1}}
        self.sweep(harness.DATA / "china.jpg", "photo", kmeans={"max_iter": 1}, **one)
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
