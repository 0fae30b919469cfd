"""The commands beside run: plan, params, show, status, help; and what run itself prints."""
import csv
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

PARAMS = harness.ROOT / "include" / "params.def"
COMMANDS = ["run", "plan", "params", "status", "merge", "slurm", "show"]
COMMANDS += ["predict", "sample", "compress", "export", "verify", "report"]
MIB = 2**20


class Commands(harness.Case):
    def iris_config(self, **sections):
        data = {"path": harness.IRIS, "labels": "Species"}
        sweep = {"components": [1, 2, 3], "init": ["points", "kmeans++"], "restarts": 5}
        return self.config(self.sweep_config(data, sweep=sweep, **sections))

    def shown(self, *args):
        return json.loads(self.gmmsweep("show", "out", "--json", *args).stdout)

    # --- help and version

    def test_help(self):
        """Every command's help starts with an example, of that command, and lists its options."""
        listed = self.gmmsweep("--help").stdout
        self.assertEqual(self.gmmsweep("-h").stdout, listed)
        self.assertEqual(self.gmmsweep("help").stdout, listed)
        self.assertRegex(listed, r"(?m)^  gmmsweep run \S+$")
        names = re.findall(r"^  (\w+) ", listed.split("Commands:")[1], re.M)
        self.assertLessEqual(set(COMMANDS), set(names))
        for command in names:
            text = self.gmmsweep(command, "--help").stdout
            self.assertEqual(self.gmmsweep(command, "-h").stdout, text)
            head, example, _, usage = text.splitlines()[:4]
            self.assertEqual(head, "Example:")
            self.assertRegex(example, rf"^  gmmsweep {command}\b")
            self.assertRegex(usage, rf"^Usage: gmmsweep {command}\b")
            for option in ("--help", "--version"):
                self.assertIn(option, text)

    def test_options_listed_are_taken(self):
        """Every option that a help lists is taken by its command, every other one is refused."""
        self.gmmsweep("run", "-q", self.iris_config())
        harness.need("PIL.Image").new("RGB", (4, 3)).save(self.dir / "photo.png")
        colours = self.sweep_config(self.dir / "photo.png", "colours", sweep={"components": 1})
        self.gmmsweep("run", "-q", self.config(colours, "colours.yaml"))
        given = {
            "set": "em.tol=1e-6",
            "output": "out",
            "threads": "1",
            "shard": "1/1",
            "max-time": "1h",
            "by": "aic",
            "family": "diag",
            "k": "2",
            "fit": "diag-k001-kmeans++-r000",
            "best": "loglik",
            "points": "3",
            "data": harness.IRIS,
            "seed": "7",
        }
        given_out = {"slurm": "scripts", "compress": "other.png", "report": "page.html"}
        operands = {command: ["sweep.yaml"] for command in ("run", "plan", "slurm")}
        operands |= {command: ["out"] for command in ("show", "status", "merge", "verify", "report")}
        operands |= {"sample": ["out"], "export": ["out"], "params": [], "predict": ["out", harness.IRIS]}
        operands |= {"compress": ["colours", "photo.png"]}
        with_it = {"fresh": ["--output", "new"]}  # that it is refused without
        needed = {"compress": ["-o", "small.png"], "export": ["-o", "model.npz"]}
        every = set()
        for command in COMMANDS:
            text = self.gmmsweep(command, "--help").stdout
            listed = re.findall(r"^ +(?:-\w, +)?--([\w-]+)( \S+)?", text, re.M)
            self.assertGreaterEqual(len(listed), 2)
            every |= {name for name, _ in listed}
            for name, argument in listed:
                value = given_out.get(command, "out.npz") if name == "out" else given.get(name)
                words = [f"--{name}"] + ([value] if argument else with_it.get(name, []))
                words += operands[command] + (needed.get(command, []) if name != "out" else [])
                self.gmmsweep(command, *words)
        for command in COMMANDS:
            text = self.gmmsweep(command, "--help").stdout
            for name in every - set(re.findall(r"--([\w-]+)", text)):
                self.gmmsweep(command, f"--{name}", *operands[command], expect=2)

    def test_closed_files(self):
        """Whoever starts a run may have closed its standard files: no line of it lands in a file of
        the sweep, and the result is sound."""
        config = self.iris_config(run={"checkpoint": 1})
        for closed in ((0,), (2,), (0, 1, 2)):
            def close(closed=closed):
                for number in closed:
                    os.close(number)

            subprocess.run(
                [harness.PROGRAM, "run", config, "--output", "dark"],
                env=harness.environment(), cwd=self.dir, preexec_fn=close, timeout=60,
            )  # fmt: skip
            self.gmmsweep("verify", "dark")
            self.gmmsweep("run", config, "--output", "dark", "--set", "sweep.restarts=6")
            self.gmmsweep("verify", "dark")
            shutil.rmtree(self.dir / "dark")

    def test_numbers_of_options(self):
        """A count that is none, or threads beyond all machines, is a usage error with the range."""
        self.gmmsweep("run", "-q", self.iris_config())
        for args, says in (
            (["sample", "out", "-n", "0"], "-n, --points: '0' is not a whole number from 1"),
            (["show", "out", "--k", "x"], "--k: 'x' is not a whole number from 1"),
            (["verify", "out", "--threads", "4097"], "'4097' is not a whole number from 1 to 4096"),
        ):
            self.assertIn(says, self.gmmsweep(*args, expect=2).stderr)

    def test_show_without_the_criterion(self):
        """Where no fit has what --by ranks by, it is said that the order is none."""
        self.gmmsweep("run", "-q", self.iris_config())
        said = self.gmmsweep("show", "out", "--by", "heldout").stderr
        self.assertIn("none of these fits has heldout", said)
        self.assertNotIn("none of", self.gmmsweep("show", "out").stderr)

    def test_version(self):
        """--version tells version and revision, everywhere the same, and the file has both."""
        said = {self.gmmsweep("--version").stdout}
        said |= {self.gmmsweep(command, "--version").stdout for command in COMMANDS}
        self.assertEqual(len(said), 1)
        match = re.fullmatch(r"gmmsweep (\d+\.\d+\.\d+) \((\S+)\)\n", said.pop())
        self.assertIsNotNone(match)
        self.gmmsweep("run", "-q", self.iris_config())
        attrs = harness.Result(self.dir / "out").attrs
        self.assertEqual((attrs["software_version"], attrs["git_revision"]), match.groups())

    # --- params

    def test_params(self):
        """params --json is valid JSON with every key of params.def, type, default and meaning; so
        is the table for people, and the resolved config names every key."""
        row = r"^PARAM(?:_IN)?\((\w+), (\w+(?:, [a-z]\w+)?), [A-Z]"
        keys = [
            key if section == "top_level" else f"{section}.{key.replace(', ', '.')}"
            for section, key in re.findall(row, PARAMS.read_text(), re.M)
        ]
        self.assertGreater(len(keys), 20)
        rows = json.loads(self.gmmsweep("params", "--json").stdout)
        self.assertEqual([row["key"] for row in rows], keys)
        for row in rows:
            self.assertTrue(row["type"] and row["meaning"], row["key"])
            self.assertIn("default", row)
            if row["lowest"] is not None:
                self.assertLess(row["lowest"], row["highest"], row["key"])
            if "choice" in row["type"]:
                self.assertGreater(len(row["choices"]), 0, row["key"])
        table = self.gmmsweep("params").stdout
        for key in keys:
            self.assertIn(key, table)
        self.gmmsweep("run", "-q", self.iris_config())
        resolved = harness.need("yaml").safe_load(
            (self.dir / "out" / "config.resolved.yaml").read_text()
        )

        def named(name, value):
            if not isinstance(value, dict):
                return [name]
            return [full for key, rest in value.items() for full in named(f"{name}.{key}", rest)]

        found = [full for name, value in resolved.items() for full in named(name, value)]
        self.assertEqual(sorted(found), sorted(keys))

    def test_params_are_true(self):
        """What params says of ranges and choices is what the parser takes and refuses."""
        config = self.iris_config()
        for row in json.loads(self.gmmsweep("params", "--json").stdout):
            key = row["key"]
            bad = []
            if row["type"] in ("integer", "float") and row["lowest"] is not None:
                bad = [row["lowest"] - 1 if row["lowest"] >= 1 or row["lowest"] == 0 else -1.0]
                if row["highest"] < 1e300:
                    bad.append(row["highest"] * 2)
            if row["choices"]:
                bad = ["nonsense"]
                self.gmmsweep("plan", config, "--set", f"{key}={row['choices'][0]}")
            for value in bad:
                text = f"{int(value)}" if row["type"] == "integer" else f"{value}"
                refused = self.gmmsweep("plan", config, "--set", f"{key}={text}", expect=3)
                self.assertIn(key, refused.stderr)

    # --- plan

    def test_plan(self):
        """plan lists the fits that run makes, counts them, and makes no file."""
        config = self.iris_config()
        before = harness.tree(self.dir)
        text = self.gmmsweep("plan", config).stdout
        row = json.loads(self.gmmsweep("plan", config, "--json", "--threads", 1).stdout)[0]
        self.assertEqual(harness.tree(self.dir), before)
        self.gmmsweep("run", "-q", config)
        names = harness.Result(self.dir / "out").names
        self.assertEqual(row["fits"], len(names))
        self.assertEqual(len(names), 22, "K = 1 has one start of each kind")
        self.assertEqual((row["rows"], row["features"], row["threads"]), (150, 4, 1))
        head, *lines = [line.split() for line in text.split("\n\n")[0].splitlines()]
        self.assertEqual(len(lines), 6)
        for line in lines:
            told = dict(zip(head, line))
            start = f"{told['covariance']}-k{int(told['k']):03d}-{told['init']}-r"
            count = sum(name.startswith(start) for name in names)
            self.assertEqual(count, int(told["fits"]), start)
        for word in ("22 fits", "150 rows", "4 features", "memory", "disk", "time"):
            self.assertIn(word, text)

    def test_plan_of_disk(self):
        """The disk that plan tells is at least what the run takes, and not ten times as much."""
        data = {"path": harness.DIGITS, "labels": harness.DIGIT_LABELS, "pool": 2, "limit": 500}
        sweep = {"components": [5, 10], "restarts": 10}
        config = self.config(self.sweep_config(data, sweep=sweep, em={"floor": 0.01}))
        told = json.loads(self.gmmsweep("plan", config, "--json").stdout)[0]["disk_bytes"]
        self.gmmsweep("run", "-q", config)
        taken = sum(len(content) for content in harness.tree(self.dir / "out").values() if content)
        self.assertLessEqual(taken, told)
        self.assertLess(told, 10 * taken)

    def test_memory(self):
        """Peak memory is as planned, within 10 % or 64 MiB (promise 8)."""
        np = harness.need("numpy")
        noise = np.random.default_rng(2).integers(0, 16, (20000, 28, 28), np.uint8)
        images = np.tile(harness.read_idx(harness.DIGITS), (10, 1, 1)) // 16 * 15 + noise
        pairs = np.random.default_rng(3).integers(0, 256, (10**6, 2), np.uint8)
        cases = {
            "few": (harness.IRIS, {"components": [2], "restarts": 1}),
            "images": (self.write("a.idx", harness.idx(images)), {"components": [20]}),
            "rows": (self.write("b.idx", harness.idx(pairs)), {"components": [5], "restarts": 4}),
        }
        for name, (data, sweep) in cases.items():
            short = {"em": {"max_iter": 1, "tol": 0.0}, "kmeans": {"max_iter": 2}}
            config = self.config(self.sweep_config(data, name, sweep=sweep, **short))
            # through a shell, since a program starts with the peak of the one that forked it
            words = [harness.PROGRAM, "run", "-v", config]
            done = subprocess.run(
                ["sh", "-c", '"$@"; exit $?', "sh", *words],
                cwd=self.dir, env=harness.environment(), capture_output=True, text=True,
            )  # fmt: skip
            self.assertEqual(done.returncode, 0, done.stderr)
            match = re.search(r"peak memory (\d+) MiB, planned (\d+) MiB", done.stderr)
            self.assertIsNotNone(match, done.stderr)
            peak, planned = map(int, match.groups())
            print(f"{self.id()}: {name}: peak {peak}, planned {planned} MiB", file=sys.stderr)
            self.assertLessEqual(abs(peak - planned), max(64, 0.1 * peak), name)

    def test_advice_on_blas(self):
        """Where OpenBLAS takes a new CPU for an old one, a run on many features says what helps; the
        file tells which kernels it took."""
        if "avx2" not in pathlib.Path("/proc/cpuinfo").read_text():
            self.skipTest("no CPU to be mistaken about")
        x, _ = harness.blobs(4, n=200, n_features=64)
        data = {"path": self.write_csv("wide.csv", x)}
        for core, told in (("Prescott", True), ("Haswell", False)):
            config = self.config(
                self.sweep_config(data, core, sweep={"components": 2, "covariance": "tied"})
            )
            env = harness.environment(OPENBLAS_CORETYPE=core)
            said = self.gmmsweep("run", config, env=env).stderr
            self.assertEqual("OPENBLAS_CORETYPE=Haswell" in said, told, said)
            libraries = harness.Result(self.dir / core).provenance["libraries"][0]
            self.assertIn(f"OpenBLAS for {core}", libraries)

    def test_memory_is_its_own(self):
        """The peak that run -v tells is its own, whoever started it: not that of this Python with
        200 MiB."""
        ballast = bytearray(200 * MIB)
        ballast[::4096] = b"x" * len(ballast[::4096])
        done = self.gmmsweep("run", "-v", self.iris_config())
        peak = int(re.search(r"peak memory (\d+) MiB", done.stderr).group(1))
        self.assertLess(peak, len(ballast) / MIB / 2)

    # --- run

    def test_run_output(self):
        """run prints a line per fit on standard error, the outcome and the file on standard
        output, no escape codes; -q prints nothing."""
        config = self.iris_config()
        done = self.gmmsweep("run", config)
        names = harness.Result(self.dir / "out").names
        told = [line.split(":")[0] for line in done.stderr.splitlines()]
        self.assertEqual(sorted(told), sorted(names))
        best = harness.Result(self.dir / "out").best["bic"]
        self.assertIn("22 fits in", done.stdout)
        self.assertIn(best, done.stdout)
        self.assertIn(str(self.dir / "out" / "sweep.h5"), done.stdout)
        self.assertNotIn("\033", done.stdout + done.stderr)
        quiet = self.gmmsweep("run", "-q", config, "--output", "quiet")
        self.assertEqual((quiet.stdout, quiet.stderr), ("", ""))

    def test_where_paths_lead(self):
        """Paths in a config are relative to it, on the command line to the working folder; odd
        names are only names."""
        (self.dir / "configs").mkdir()
        (self.dir / "data ü").mkdir()
        (self.dir / "data ü" / "it's.csv").write_bytes(harness.IRIS.read_bytes())
        config = self.config(
            self.sweep_config("../data ü/it's.csv", "../results/a b"), "configs/sweep.yaml"
        )
        self.gmmsweep("run", "-q", "configs/sweep.yaml")
        result = harness.Result(self.dir / "results" / "a b")
        self.assertEqual(result.data_attrs["path"], str(self.dir / "data ü" / "it's.csv"))
        self.gmmsweep("run", "-q", config, "--output", "-it's: #here")
        self.assertEqual(
            harness.Result(self.dir / "-it's: #here").content, result.content
        )
        self.gmmsweep("show", "--", "-it's: #here")

    def test_set(self):
        """--set overrides the file, value read as YAML, the last one counts, and it is kept."""
        config = self.iris_config()
        changes = ["sweep.components=[2..4]", "sweep.init=points", "em.tol=1", "em.tol=1e-3"]
        words = [word for change in changes for word in ("--set", change)]
        self.gmmsweep("run", "-q", config, *words)
        result = harness.Result(self.dir / "out")
        self.assertEqual(sorted(set(result.fits["k"].tolist())), [2, 3, 4])
        self.assertEqual(set(result.fits["init"]), {"points"})
        with harness.need("h5py").File(self.dir / "out" / "sweep.h5") as f:
            self.assertEqual(f["config/overrides"].asstr()[()], "\n".join(changes))
            resolved = harness.need("yaml").safe_load(f["config/resolved"].asstr()[()])
        self.assertEqual(resolved["em"]["tol"], 1e-3)

    # --- show and status

    def test_show_ranks(self):
        """show ranks by BIC, --by by another criterion, the best first; loglik downwards."""
        self.gmmsweep("run", "-q", self.iris_config())
        result = harness.Result(self.dir / "out")
        for by in ("bic", "aic", "icl", "loglik"):
            rows = self.shown("--by", by)
            self.assertEqual([row["rank"] for row in rows], list(range(1, 23)))
            values = [row[by] for row in rows]
            self.assertEqual(values, sorted(values, reverse=by == "loglik"), by)
            self.assertEqual(values[0], result.row(result.best[by])[by])
        self.assertEqual(self.shown(), self.shown("--by", "bic"))

    def test_show_flagged_last(self):
        """Flagged fits stand behind all others whatever their score, and are marked."""
        x, _ = harness.blobs(7, n=60, n_features=2)
        data = self.write_csv("few.csv", x)
        sweep = {"components": [2, 30], "init": "points", "restarts": 3}
        self.sweep(data, sweep=sweep, em={"floor": 1e-6})
        rows = self.shown("--by", "loglik")
        flags = [row["flagged"] for row in rows]
        self.assertEqual(flags, sorted(flags))
        self.assertIn(1, flags)
        flagged = [row["loglik"] for row in rows if row["flagged"]]
        self.assertGreater(max(flagged), rows[0]["loglik"], "the flagged fits would have won")
        table = self.gmmsweep("show", "out").stdout
        marked = [line for line in table.splitlines() if "flagged" in line]
        self.assertEqual(len(marked), sum(flags))

    def test_show_selects(self):
        """--family and --k select fits; more than 20 are told of, and shown by --all."""
        self.gmmsweep("run", "-q", self.iris_config())
        self.assertEqual({row["k"] for row in self.shown("--k", 3)}, {3})
        self.assertEqual(len(self.shown("--k", 3)), 10)
        self.assertEqual(len(self.shown("--family", "diag")), 22)
        self.assertEqual(self.shown("--k", 9), [])
        short, whole = self.gmmsweep("show", "out"), self.gmmsweep("show", "out", "--all")
        self.assertEqual(len(short.stdout.splitlines()), 1 + 20)
        self.assertIn("2 more fits; --all shows them", short.stderr)
        self.assertEqual(len(whole.stdout.splitlines()), 1 + 22)
        self.assertEqual(whole.stderr, "")
        few = self.gmmsweep("show", "out", "--k", 2, "--by", "icl").stdout.splitlines()
        self.assertEqual(len(few), 1 + 10)

    def test_show_forms(self):
        """--json and --tsv have the same rows and columns; the short table is aligned."""
        self.gmmsweep("run", "-q", self.iris_config())
        rows = self.shown()
        text = self.gmmsweep("show", "out", "--tsv").stdout
        tsv = list(csv.DictReader(io.StringIO(text), delimiter="\t"))
        self.assertEqual([list(row) for row in rows], [list(row) for row in tsv])
        for one, other in zip(rows, tsv):
            for column, value in one.items():
                shown = "" if value is None else value
                same = shown == other[column] or float(shown) == float(other[column])
                self.assertTrue(same, f"{one['fit']}: {column}")
        table = self.gmmsweep("show", "out").stdout.splitlines()
        column = table[0].index("status")
        self.assertEqual({line[column:].split()[0] for line in table[1:]}, {"converged"})

    def test_show_folder_and_file(self):
        """The folder and its sweep.h5 show the same table, and so does a copy of the file alone."""
        self.gmmsweep("run", "-q", self.iris_config())
        folder = self.gmmsweep("show", "out", "--tsv").stdout
        self.assertEqual(self.gmmsweep("show", "out/sweep.h5", "--tsv").stdout, folder)
        self.write("copy.h5", (self.dir / "out" / "sweep.h5").read_bytes())
        self.assertEqual(self.gmmsweep("show", "copy.h5", "--tsv").stdout, folder)

    def test_quiet(self):
        """-q leaves the totals of plan and status, and of show the table without notes."""
        config = self.iris_config()
        self.gmmsweep("run", "-q", config)
        (self.dir / "out" / "sweep.h5").unlink()
        log = self.dir / "out/shards/1-of-1/log"
        log.write_bytes(log.read_bytes()[:-10])
        for command, target in (("plan", config), ("status", "out"), ("show", "out")):
            loud = self.gmmsweep(command, target)
            quiet = self.gmmsweep(command, "-q", target)
            self.assertEqual(quiet.stderr, "")
            self.assertIn(quiet.stdout, loud.stdout)
            self.assertLess(len(quiet.stdout + quiet.stderr), len(loud.stdout + loud.stderr))
            self.assertGreater(len(quiet.stdout.splitlines()), 1, command)

    def test_status(self):
        """status counts what is finished, missing, and how the fits ended."""
        em = {"max_iter": 8, "tol": 1e-4}
        self.gmmsweep("run", "-q", self.iris_config(em=em))
        result = harness.Result(self.dir / "out")
        ended = list(result.fits["status"])
        for target in ("out", "out/sweep.h5"):
            row = json.loads(self.gmmsweep("status", target, "--json").stdout)[0]
            self.assertEqual((row["finished"], row["missing"]), (22, 0))
            for status in ("converged", "max_iter", "degenerate"):
                self.assertEqual(row[status], ended.count(status), status)
            self.assertEqual(row["flagged"], int(result.fits["flagged"].sum()))
            self.assertIn("finished", self.gmmsweep("status", target).stdout)
        self.assertGreater(ended.count("max_iter"), 0)

    def test_status_of_unfinished(self):
        """status and show of a sweep whose log was cut tell what is missing."""
        self.gmmsweep("run", "-q", self.iris_config())
        out = self.dir / "out"
        (out / "sweep.h5").unlink()
        log = out / "shards/1-of-1/log"
        log.write_bytes(log.read_bytes()[:-10])
        row = json.loads(self.gmmsweep("status", "out", "--json").stdout)[0]
        self.assertEqual((row["finished"], row["missing"]), (21, 1))
        shown = self.gmmsweep("show", "out")
        self.assertIn("unfinished: 21 of 22 fits", shown.stderr)


if __name__ == "__main__":
    harness.main()
