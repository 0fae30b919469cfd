"""What goes wrong: the exit status, the place, the cause and what was expected; nothing is made or
lost."""
import contextlib
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

USAGE, CONFIG, DATA, OUTPUT, DEGENERATE = 2, 3, 4, 5, 6
CONFIG_COMMANDS = ("run", "plan", "slurm")


class Errors(harness.Case):
    def refused(self, status, *args, says=(), **options):
        """Runs what must fail with the status, say all of `says` and make nothing new."""
        before = harness.tree(self.dir)
        done = self.gmmsweep(*args, expect=status, **options)
        self.assertEqual(done.stdout, "", "an error's only place is standard error")
        self.assertTrue(done.stderr.startswith("gmmsweep: "), done.stderr)
        for text in says:
            self.assertIn(str(text), done.stderr)
        self.assertEqual(harness.tree(self.dir), before, "nothing may be made or changed")
        return done.stderr

    def iris_config(self, name="sweep.yaml", **sections):
        return self.config(self.sweep_config(harness.IRIS, **sections), name)

    # --- 2: usage

    def test_usage(self):
        """Wrong commands, options and operands: exit 2, naming the word and the help."""
        config = self.iris_config()
        cases = [
            ([], ["command", "--help"]),
            (["fit"], ["'fit'", "unknown command", "--help"]),
            (["run", "--fast", config], ["--fast", "unknown option", "run --help"]),
            (["run", "-x", config], ["-x", "unknown option"]),
            (["plan", "--tsv", config], ["--tsv", "unknown option", "plan --help"]),
            (["run"], ["CONFIG is missing", "usage"]),
            (["show"], ["FILE|DIR is missing"]),
            (["run", config, config], ["unexpected", "usage"]),
            (["params", config], ["unexpected"]),
            (["merge"], ["DIR is missing"]),
            (["merge", "a", "b"], ["'b'", "unexpected"]),
            (["slurm"], ["CONFIG is missing"]),
            (["slurm", config, "-o"], ["-o", "expected DIR"]),
            (["plan", "--shard", "1/2", config], ["--shard", "unknown option"]),
            (["run", config, "--max_time", "1h"], ["--max_time", "unknown option"]),
            (["run", config, "--fresh=1"], ["--fresh", "takes no value"]),
            (["run", config, "--threads"], ["--threads", "expected N"]),
            (["run", config, "--threads", "two"], ["--threads", "'two'", "whole number"]),
            (["run", config, "--threads=0"], ["--threads", "'0'"]),
            (["run", config, "--quiet=1"], ["--quiet", "takes no value"]),
            (["run", config, "--set", "em.tol"], ["em.tol", "KEY=VALUE"]),
        ]
        for args, says in cases:
            self.refused(USAGE, *args, says=says)

    def test_usage_of_show(self):
        """show: an unknown criterion is refused, with those that there are."""
        self.gmmsweep("run", "-q", self.iris_config())
        self.refused(
            USAGE, "show", "out", "--by", "size", says=["--by", "'size'", "bic", "aic", "loglik"]
        )

    # --- 3: config and plan

    def test_missing_config(self):
        """A config that is not there, or is a folder: exit 3, with its path and the cause."""
        for command in CONFIG_COMMANDS:
            self.refused(CONFIG, command, "none.yaml", says=["none.yaml", "No such file"])
            self.refused(CONFIG, command, self.dir, says=[self.dir, "directory"])

    def test_all_mistakes(self):
        """Six mistakes in one file are all told, each with line, column, key and expectation; a
        misspelt key with the one that was meant."""
        text = f"""data:
  path: {harness.IRIS}
  pool: some
sweep:
  n_components: 3
  components: [2, 0]
  covarience: diag
em:
  tol: -1.0e-3
  criterion: mena
output:
  path: out
"""
        config = self.write("wrong.yaml", text)
        expected = [
            ("3:9", "data.pool", "some", "whole number from 1 to 4096"),
            ("5:3", "sweep.n_components", "unknown", "sweep.components"),
            ("6:19", "sweep.components", "0", "from 1"),
            ("7:3", "sweep.covarience", "unknown", "sweep.covariance"),
            ("9:8", "em.tol", "-1.0e-3", "at least 0"),
            ("10:14", "em.criterion", "mena", "mean, relative, absolute"),
        ]
        for command in CONFIG_COMMANDS:
            lines = self.refused(CONFIG, command, config).splitlines()
            self.assertEqual(len(lines), len(expected), lines)
            for line, (place, key, *says) in zip(lines, expected):
                self.assertIn(f"wrong.yaml:{place}: {key}: ", line)
                for text in says:
                    self.assertIn(text, line)

    def test_broken_yaml(self):
        """YAML that is none, tags, aliases and duplicates: exit 3 with the line."""
        good = self.iris_config().read_text()
        cases = {
            "  seed: [1": "9:",
            "  seed: !!int 1": "8:9",
            "  seed: &a 1": "8:9",
            "  seed: *a": "8:9",
            "  seed: 1\n  seed: 2": "9:3",
            "  seed: 0x10": "8:9",
            "  seed: 1_000": "8:9",
            "  seed: .inf": "8:9",
            "\tseed: 1": "8:",
        }
        self.assertEqual(good.splitlines()[7], "  seed: 1", good)
        for i, (line, place) in enumerate(cases.items()):
            config = self.write(f"broken{i}.yaml", good.replace("  seed: 1", line))
            said = self.refused(CONFIG, "run", config)
            self.assertIn(f"broken{i}.yaml:{place}", said, line)

    def test_override_mistakes(self):
        """--set: the mistake is told with the override, and the file's own beside it."""
        config = self.iris_config(em={"tol": -1})
        self.refused(
            CONFIG, "run", config, "--set", "em.max_iter=many", "--set", "em.toll=1",
            says=["em.max_iter=many", "whole number", "em.toll", "em.tol?", ":10:8: em.tol"],
        )  # fmt: skip

    def test_required_keys(self):
        """Keys that must be given are asked for together; components where nothing gives K."""
        config = self.write("bare.yaml", "sweep: {seed: 1}\n")
        self.refused(CONFIG, "run", config, says=["data.path", "output.path", "missing"])
        whole = self.sweep_config(harness.IRIS)
        del whole["sweep"]["components"]
        self.refused(CONFIG, "run", self.config(whole), says=["sweep.components"])

    def test_impossible_sweep(self):
        """A sweep that cannot fit into run.memory is refused by plan and run, with both sizes."""
        data = {"path": harness.DIGITS, "limit": 500}
        memory = {"memory": harness.Plain("20M")}
        config = self.config(self.sweep_config(data, sweep={"components": 5000}, run=memory))
        for command in CONFIG_COMMANDS:
            said = self.refused(CONFIG, command, config, says=["20 MiB", "run.memory"])
            self.assertRegex(said, r"needs \d+ MiB")
        self.gmmsweep("plan", config, "--set", "run.memory=16G")

    def test_impossible_data_keys(self):
        """Columns, classes and pools that the data lack: exit 3, with what there is."""
        cases = [
            ({"columns": ["Petal.Height"]}, ["Petal.Height", "Petal.Width", "data.columns"]),
            ({"columns": [9]}, ["data.columns", "9"]),
            ({"columns": ["Species"], "labels": "Species"}, ["Species", "never a feature"]),
            ({"labels": "Kind"}, ["data.labels", "Kind"]),
            ({"labels": "Species", "classes": ["rose"]}, ["data.classes", "rose", "setosa"]),
            ({"classes": ["setosa"]}, ["data.classes", "data.labels"]),
            ({"pool": 2}, ["data.pool", "2"]),
            ({"resize": 8}, ["data.resize", "[8, 8]", "no images"]),
        ]
        for keys, says in cases:
            config = self.config(self.sweep_config({"path": harness.IRIS, **keys}))
            for command in CONFIG_COMMANDS:
                self.refused(CONFIG, command, config, says=says)
        config = self.config(self.sweep_config({"path": harness.DIGITS, "pool": 3}))
        self.refused(CONFIG, "run", config, says=["data.pool", "3", "28 x 28"])
        config = self.config(
            self.sweep_config({"path": harness.DIGITS, "pool": 2, "resize": [7, 7]})
        )
        self.refused(CONFIG, "run", config, says=[":4:11: data.resize", "data.pool (2)"])

    # --- 4: data and results

    def test_bad_data(self):
        """Data missing, a folder, empty, cut, of another kind: exit 4 with path and cause."""
        images = harness.DIGITS.read_bytes()
        plain = harness.idx(harness.read_idx(harness.DIGITS)[:10])
        big = b"\0\0\x08\x03" + b"\xff" * 12
        cases = {
            "none.csv": (None, ["No such file"]),
            "folder": ("folder", ["directory"]),
            "empty.csv": (b"", ["empty"]),
            "blank.csv": (b"\n\n", ["blank"]),
            "cut.gz": (images[:5000], ["truncated"]),
            "bent.gz": (images[:3000] + b"\0\0\0\0" + images[3004:], ["gzip"]),
            "cut.idx": (plain[:-1], ["truncated"]),
            "promise.idx": (big + plain[16:], ["promises"]),
            "picture.csv": (b"GIF89a" + bytes(50), ["unknown format", "IDX", "CSV", "PNG"]),
            "empty.png": (b"\x89PNG\r\n\x1a\n" + bytes(50), ["bad PNG"]),
            "ragged.csv": (b"a,b\n1,2\n3\n", ["line 3", "1 cell"]),
            "text.csv": (b"a,b\nx,y\nz,w\n", ["text.csv"]),
            "latin1.csv": (b"a,b\n1,2\n3,\xe4\n", ["line 3", "UTF-8"]),
            "hole.csv": (b"a,b\n1,2\n,4\n5,6\n", ["line 3", "'a'", "missing"]),
            "nan.csv": (b"a,b\n1,2\n3,4\n5,nan\n", ["line 4", "'b'", "nan"]),
            "header.csv": (b"a,b\n", ["no rows"]),
        }
        for name, (content, says) in cases.items():
            if content == "folder":
                (self.dir / name).mkdir()
            elif content is not None:
                self.write(name, content)
            config = self.config(self.sweep_config(name), f"{name}.yaml")
            for command in CONFIG_COMMANDS:
                with self.subTest(name, command=command):
                    self.refused(DATA, command, config, says=[name, *says])

    def test_bad_labels_and_weights(self):
        """Label and weight files that do not fit the data: exit 4."""
        short = self.write("short.csv", "1\n2\n3\n")
        negative = self.write("negative.csv", "1\n" * 149 + "-1\n")
        zeros = self.write("zeros.csv", "0\n" * 150)
        cases = [
            ({"labels": short}, ["short.csv", "3 rows", "150"]),
            ({"weights": short}, ["short.csv", "3 rows", "150"]),
            ({"weights": negative}, ["negative.csv", "'-1'", "expected 0 or a number"]),
            ({"weights": zeros}, ["zeros.csv", "all are zero"]),
        ]
        for keys, says in cases:
            config = self.config(self.sweep_config({"path": harness.IRIS, **keys}))
            self.refused(DATA, "run", config, says=says)

    def test_foreign_results(self):
        """show and status of what is no result of ours: exit 4, with the path and what was
        expected."""
        h5py = harness.need("h5py")
        self.gmmsweep("run", "-q", self.iris_config())
        whole = (self.dir / "out" / "sweep.h5").read_bytes()
        with h5py.File(self.dir / "foreign.h5", "w") as f:
            f["fits/fit"] = [1, 2, 3]
        with h5py.File(self.dir / "other.h5", "w") as f:
            f.attrs["format"] = "gmmsweeper"
        (self.dir / "bare").mkdir()
        cases = {
            "none.h5": (None, ["No such file"]),
            "bare": (None, ["sweep.h5"]),
            "foreign.h5": (None, ["gmmsweep"]),
            "other.h5": (None, ["gmmsweep"]),
            "empty.h5": (b"", []),
            "text.h5": (b"rank,fit\n1,2\n", []),
            "cut.h5": (whole[: len(whole) // 2], ["truncated"]),
            "head.h5": (whole[:64], []),
        }
        for name, (content, says) in cases.items():
            if content is not None:
                self.write(name, content)
            for command in ("show", "status"):
                with self.subTest(name, command=command):
                    said = self.refused(DATA, command, name, says=[name, *says])
                    self.assertNotIn("no cause", said)

    def test_damaged_result(self):
        """One wrong bit in a column of /fits is found by its checksum: exit 4, no wrong table."""
        h5py = harness.need("h5py")
        self.gmmsweep("run", "-q", self.iris_config())
        path = self.dir / "out" / "sweep.h5"
        with h5py.File(path) as f:
            at = f["fits/loglik"].id.get_chunk_info(0).byte_offset
        content = bytearray(path.read_bytes())
        content[at + 3] ^= 1
        path.write_bytes(content)
        self.refused(DATA, "show", path, says=[path, "loglik"])

    # --- 5: output

    def test_output_is_a_file(self):
        """A file where the output folder, or a folder above it, should be: exit 5, file intact."""
        self.write("file", "mine")
        config = self.iris_config()
        for output in ("file", "file/below"):
            with self.subTest(output):
                self.refused(OUTPUT, "run", config, "--output", output, says=["file"])

    def test_output_in_proc(self):
        """A folder that the kernel does not let be made: exit 5, with the path and the cause."""
        self.refused(
            OUTPUT, "run", self.iris_config(), "--output", "/proc/gmmsweep",
            says=["/proc/gmmsweep", "cannot make"],
        )  # fmt: skip

    def test_standard_output_full(self):
        """A table that cannot be written out is an error: exit 5."""
        self.gmmsweep("run", "-q", self.iris_config())
        for args in (["show", "out"], ["params"], ["plan", "sweep.yaml"], ["--help"]):
            with self.subTest(args), open("/dev/full", "w") as full:
                done = self.gmmsweep(*args, expect=OUTPUT, stdout=full)
                self.assertIn("standard output", done.stderr)

    @contextlib.contextmanager
    def small_disk(self, options):
        """A tmpfs with the mount options, gone at the end; skips where none can be mounted."""
        disk = self.dir / "disk"
        disk.mkdir(exist_ok=True)
        mount = ["mount", "-t", "tmpfs", "-o", options, "gmmsweep-test", str(disk)]
        done = subprocess.run(mount, capture_output=True, text=True)
        if done.returncode != 0:
            raise unittest.SkipTest(f"cannot mount a tmpfs here: {done.stderr.strip()}")
        try:
            yield disk
        finally:
            subprocess.run(["umount", str(disk)], check=True)

    def test_read_only(self):
        """An output folder on a read-only disk: exit 5, with the path and the cause."""
        with self.small_disk("size=1m,ro") as disk:
            self.refused(
                OUTPUT, "run", self.iris_config(), "--output", disk / "out",
                says=[disk / "out", "Read-only"],
            )  # fmt: skip

    def test_disk_full_at_start(self):
        """No room for a first result: exit 5 with path and cause, no half file that looks like a
        result, and with room the same command goes on."""
        for size in (16, 64, 128):
            with self.subTest(size), self.small_disk(f"size={size}k") as disk:
                out = disk / "out"
                config = self.iris_config(sweep={"components": [2, 3, 4], "restarts": 5})
                done = self.gmmsweep("run", "-q", config, "--output", out, expect=OUTPUT)
                self.assertIn(str(out), done.stderr)
                self.assertIn("No space left", done.stderr)
                self.assertEqual(list(out.glob("sweep*")), [])
                subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
                self.gmmsweep("run", "-q", config, "--output", out)
                result = harness.Result(out)
                self.gmmsweep("run", "-q", config)
                self.assertEqual(result.content, harness.Result(self.dir / "out").content)

    def test_disk_full_later(self):
        """A disk that is full when fits are added: exit 5, the old result intact to the byte, and
        with room the same command goes on without losing a fit."""
        with self.small_disk("size=1m") as disk:
            out = disk / "out"
            config = self.iris_config()
            self.gmmsweep("run", "-q", config, "--output", out)
            before = (out / "sweep.h5").read_bytes()
            content = harness.Result(out).content
            filler = disk / "filler"
            free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize
            filler.write_bytes(bytes(free - 40 * 1024))
            more = ["--output", out, "--set", "sweep.components=[2..12]"]
            for _ in range(2):  # once in the log or the result, once more from there
                done = self.gmmsweep("run", "-q", config, *more, expect=OUTPUT)
                self.assertIn(str(out), done.stderr)
                self.assertIn("No space left", done.stderr)
                self.assertEqual((out / "sweep.h5").read_bytes(), before)
                self.assertEqual(harness.Result(out).content, content)
                self.assertFalse((out / "sweep.h5.tmp").exists())
            filler.unlink()
            self.gmmsweep("run", "-q", config, *more)
            self.gmmsweep("run", "-q", config, "--set", "sweep.components=[2..12]")
            self.assertEqual(
                harness.Result(out).content, harness.Result(self.dir / "out").content
            )

    # --- 6: fail_on

    def test_fail_on_any(self):
        """run.fail_on any: exit 6 if a fit is degenerate, and 0 by default; the result is written
        in both cases, with only finite numbers in it (ten rows, two of them different)."""
        np = harness.need("numpy")
        rows = [[1.0] * 5] * 5 + [[0.0] * 5] * 5
        data = self.write_csv("few.csv", rows)
        for em, n_degenerate in (({"floor": 0.0}, 3), ({}, 3)):
            config = self.config(
                self.sweep_config(data, sweep={"components": 10, "restarts": 3}, em=em)
            )
            out = ["--output", f"out{len(em)}"]
            self.gmmsweep("run", "-q", config, *out)
            done = self.gmmsweep(
                "run", "-q", config, *out, "--set", "run.fail_on=any", expect=DEGENERATE
            )
            self.assertIn(f"{n_degenerate} of 3 fits are degenerate", done.stderr)
            result = harness.Result(self.dir / out[1])
            self.assertEqual(set(result.fits["status"]), {"degenerate"})
            self.assertEqual(set(result.fits["flagged"]), {1})
            self.assertEqual(result.best, {}, "flagged fits are never best")
            for fit in result.names:
                for name, values in {**result.models[fit], **result.trace(fit)}.items():
                    self.assertTrue(np.isfinite(values).all(), f"{fit}: {name}")
        config = self.iris_config(run={"fail_on": "any"})
        self.gmmsweep("run", "-q", config, "--output", "sound")


if __name__ == "__main__":
    harness.main()
