"""`gmmsweep slurm`: the scripts are run for real, with stand-ins for sbatch, srun and scontrol."""
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

CONFIG, OUTPUT, PARTIAL = 3, 5, 75
SCRIPTS = ("array.sh", "merge.sh", "submit.sh")
MOST_RESTARTS = 50
ODD_NAME = """it's "a" $HOME `date` 50% %j #1 \\ ü;&"""
MIB = 2**20

# Each appends a line of its arguments to a file of its name; numbers its jobs from 17.
STAND_INS = {
    "sbatch": 'echo "$@" >>"$SPOOL/sbatch"; pwd >>"$SPOOL/folder"\n'
    'n=$(wc -l <"$SPOOL/sbatch"); test -z "$CLUSTER" || n="$n;$CLUSTER"; echo "1$n"\n',
    "srun": 'test -z "$STATUS" || exit "$STATUS"; echo $$ >"$SPOOL/pid"; exec "$@"\n',
    "scontrol": 'echo "$@" >>"$SPOOL/scontrol"\n',
}


class Slurm(harness.Case):
    def setUp(self):
        super().setUp()
        self.spool = self.dir / "spool"
        (self.dir / "bin").mkdir()
        self.spool.mkdir()
        for name, text in STAND_INS.items():
            path = self.dir / "bin" / name
            path.write_text("#!/bin/sh\n" + text)
            path.chmod(0o755)

    def spooled(self, name):
        path = self.spool / name
        return path.read_text().splitlines() if path.exists() else []

    def environment(self, **changes):
        path = f"{self.dir / 'bin'}:{os.environ['PATH']}"
        settings = {"SPOOL": str(self.spool), "STATUS": "", "CLUSTER": "", **changes}
        return harness.environment(PATH=path, **settings)

    def script(self, path, expect=0, **env):
        """Runs a script as Slurm does, in another folder."""
        done = subprocess.run(
            ["bash", path], cwd="/", env=self.environment(**env), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=harness.TIMEOUT_S,
        )  # fmt: skip
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done

    def task(self, folder, i, expect=0, **env):
        """Runs one task of the array."""
        ids = {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": str(i), "SLURM_JOB_ID": str(100 + i)}
        env = {"SLURM_CPUS_PER_TASK": "1", **ids, **env}
        return self.script(folder / "array.sh", expect, **env)

    def small(self, data=harness.IRIS, output="out", **sections):
        sweep = {"components": [2, 3], "covariance": harness.families(), "restarts": 3}
        return self.config(self.sweep_config(data, output, sweep=sweep, **sections))

    def slurm(self, config, *args, **options):
        self.gmmsweep("slurm", config, "-q", *args, **options)
        folder = self.dir / "out" / "slurm"
        if folder.exists():
            for name in SCRIPTS:
                subprocess.run(["bash", "-n", folder / name], check=True)
        return folder

    def options(self, script):
        """The script's #SBATCH options, read as sbatch reads them: name -> value."""
        lines = [line for line in script.read_text().splitlines() if line.startswith("#SBATCH ")]
        words = [shlex.split(line.removeprefix("#SBATCH ")) for line in lines]
        self.assertEqual({len(w) for w in words}, {1}, lines)
        return {name: value for (word,) in words for name, _, value in [word.partition("=")]}

    # --- running them

    def test_submit(self):
        """submit.sh submits both scripts where they lie, the merge for after any end of the array,
        and names the jobs, with a cluster's name behind their numbers or not."""
        folder = self.slurm(self.small())
        for cluster in ("", "north"):
            done = self.script(folder / "submit.sh", CLUSTER=cluster)
            jobs = ["11", "12"] if not cluster else ["13", "14"]
            submitted = self.spooled("sbatch")[-2:]
            self.assertEqual(submitted[0], "--parsable array.sh")
            self.assertEqual(
                submitted[1], f"--parsable --dependency=afterany:{jobs[0]} merge.sh"
            )
            self.assertEqual(done.stdout, f"array {jobs[0]}, merge {jobs[1]}\n")
        self.assertEqual(set(self.spooled("folder")), {str(folder)})
        (self.dir / "bin" / "sbatch").write_text("#!/bin/sh\nexit 1\n")
        done = self.script(folder / "submit.sh", expect=1)
        self.assertEqual(done.stdout, "", "no job is named where none was taken")

    def test_tasks_and_merge(self):
        """The tasks do their shards, merge gathers them, to the bits of a run by hand; the frozen
        config has the same fits, whatever becomes of the one it was made from."""
        config = self.small(slurm={"tasks": 3})
        self.gmmsweep("run", "-q", config, "--output", "whole")
        whole = harness.Result(self.dir / "whole")
        folder = self.slurm(config)
        config.unlink()
        self.assertEqual(self.options(folder / "array.sh")["--array"], "1-3")
        for i in (2, 3, 1):
            self.task(folder, i)
        self.assertFalse((self.dir / "out" / "sweep.h5").exists())
        logs = sorted(path.parent.name for path in (self.dir / "out").glob("shards/*/log"))
        self.assertEqual(logs, ["1-of-3", "2-of-3", "3-of-3"])
        self.script(folder / "merge.sh")
        result = harness.Result(self.dir / "out")
        self.assertEqual(result.content, whole.content)
        self.assertEqual(list(result.fits["id"]), list(whole.fits["id"]))
        self.assertEqual(set(result.provenance["threads"]), {"1"})
        self.assertEqual(
            sorted(result.provenance["slurm_job"])[0].split()[:4], ["job", "101", "task", "1"]
        )
        self.assertEqual(self.spooled("scontrol"), [])

    def test_statuses(self):
        """The task's exit status is the program's. After 75, and only then, the job is requeued,
        but not for ever."""
        folder = self.slurm(self.small())
        for status in (0, 1, 2, 3, 4, 5, 6, 130, 138, 143):
            self.task(folder, 1, status, STATUS=str(status))
        self.assertEqual(self.spooled("scontrol"), [])
        self.task(folder, 1, PARTIAL, STATUS="75")
        self.task(folder, 2, PARTIAL, STATUS="75", SLURM_RESTART_COUNT=str(MOST_RESTARTS - 1))
        self.task(folder, 3, PARTIAL, STATUS="75", SLURM_RESTART_COUNT=str(MOST_RESTARTS))
        self.assertEqual(self.spooled("scontrol"), ["requeue 7_1", "requeue 7_2"])
        self.script(folder / "merge.sh", PARTIAL, STATUS="75")

    def test_signal(self):
        """A task that gets Slurm's signal saves its state, is requeued, and goes on when it is
        started again, on the lock that nobody holds any more."""
        data = {"path": harness.DIGITS, "pool": 4, "scale": 255, "limit": 400}
        sweep = {"components": [3, 4], "covariance": "full", "init": "points", "restarts": 4}
        em = {"max_iter": 130, "tol": 0.0, "floor": 1e-2}
        config = self.config(self.sweep_config(data, sweep=sweep, em=em))
        self.gmmsweep("run", "-q", config, "--output", "whole", "--threads", "1")
        folder = self.slurm(config)
        self.assertEqual(self.options(folder / "array.sh")["--signal"], "USR1@120")
        task = {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "1", "SLURM_CPUS_PER_TASK": "1",
                "SLURM_JOB_ID": "101"}  # fmt: skip
        process = subprocess.Popen(
            ["bash", folder / "array.sh"], env=self.environment(**task), stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.addCleanup(harness.end, process)
        log = self.dir / "out/shards/1-of-1/log"
        finished_bytes = 4 * 8 * 3 * 49 * 49  # of the first four
        self.wait_until(lambda: log.exists() and log.stat().st_size > finished_bytes, process)
        os.kill(int(self.spooled("pid")[0]), signal.SIGUSR1)
        _, said = self.ended(process, PARTIAL)
        self.assertIn("stopped (SIGUSR1)", said)
        self.assertEqual(self.spooled("scontrol"), ["requeue 7_1"])
        self.task(folder, 1, SLURM_RESTART_COUNT="1")
        self.script(folder / "merge.sh")
        self.assertEqual(
            harness.Result(self.dir / "out").content, harness.Result(self.dir / "whole").content
        )

    def test_odd_names(self):
        """Folders, data, config and program whose names mean something to a shell, to sbatch or to
        YAML are only names."""
        odd = self.dir / ODD_NAME
        odd.mkdir()
        program = shutil.copy2(harness.PROGRAM, odd / f"gmm {ODD_NAME}")
        shutil.copy(harness.IRIS, odd / f"{ODD_NAME}.csv")
        config = self.sweep_config(f"{ODD_NAME}.csv", f"out {ODD_NAME}", slurm={"tasks": 2})
        config = self.config(config, f"{ODD_NAME}/{ODD_NAME}.yaml")
        done = subprocess.run(
            [program, "slurm", config, "-o", f"scripts {ODD_NAME}"], cwd=odd,
            env=harness.environment(), capture_output=True, text=True,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        folder = odd / f"scripts {ODD_NAME}"
        self.assertEqual(
            shlex.split(done.stdout.splitlines()[-1]), ["bash", str(folder / "submit.sh")]
        )
        for name in SCRIPTS:
            subprocess.run(["bash", "-n", folder / name], check=True)
        for name in ("array.sh", "merge.sh"):
            self.assertEqual(self.options(folder / name)["--chdir"], str(folder))
        self.script(folder / "submit.sh")
        self.assertEqual(self.spooled("folder"), [str(folder)] * 2)
        for i in (1, 2):
            self.task(folder, i)
        self.script(folder / "merge.sh")
        result = harness.Result(odd / f"out {ODD_NAME}")
        self.assertEqual(result.attrs["status"], "complete")
        self.assertEqual(result.data_attrs["path"], str(odd / f"{ODD_NAME}.csv"))

    # --- what they say

    def test_examples(self):
        """The scripts in jobs/ are what the command in jobs/README.md writes, paths apart."""
        readme = (harness.ROOT / "jobs" / "README.md").read_text()
        command = readme[readme.index("    gmmsweep slurm") : readme.index("writes for somebody")]
        words = shlex.split(command.replace("\\\n", " "))[1:]
        out = self.dir / "results" / "demo"
        self.gmmsweep(*words, "--output", out, cwd=harness.ROOT)
        real = {str(harness.PROGRAM): "build/gmmsweep", str(self.dir): ""}
        for name in SCRIPTS:
            text = (out / "slurm" / name).read_text()
            for path, example in real.items():
                text = text.replace(path, f"/home/me/gmmsweep/{example}".rstrip("/"))
            self.assertEqual(text, (harness.ROOT / "jobs" / name).read_text(), name)

    def test_keys(self):
        """The keys of slurm: stand in the scripts; setup runs before the program, in its shell."""
        keys = {
            "tasks": 4,
            "cpus": 3,
            "mem": harness.Plain("5G"),
            "time": harness.Plain("1d2h30m"),
            "account": 'an "acc" \\ ount',
            "partition": "long",
            "extra": ["--qos=night", "--constraint=avx512"],
            "setup": [f"echo first >{self.spool}/setup", "export STATUS=42"],
        }
        folder = self.slurm(self.small(slurm=keys))
        array = self.options(folder / "array.sh")
        expected = {
            "--array": "1-4",
            "--cpus-per-task": "3",
            "--mem": f"{5 * 1024}M",
            "--time": "1-02:30:00",
            "--account": keys["account"],
            "--partition": "long",
            "--qos": "night",
            "--constraint": "avx512",
            "--ntasks": "1",
        }
        self.assertEqual({name: array[name] for name in expected}, expected)
        merge = self.options(folder / "merge.sh")
        for name in ("--account", "--partition", "--qos"):
            self.assertEqual(merge[name], expected[name])
        self.assertNotIn("--array", merge)
        self.assertEqual(merge["--cpus-per-task"], "1")
        self.task(folder, 1, 42)
        self.assertEqual(self.spooled("setup"), ["first"])
        self.script(folder / "merge.sh", 42)
        plain = self.options(self.slurm(self.small()) / "array.sh")
        for name in ("--account", "--partition"):
            self.assertNotIn(name, plain)
        self.assertEqual((plain["--cpus-per-task"], plain["--time"]), ("16", "0-08:00:00"))

    def test_line_breaks(self):
        """A line break in a value would be run or end an option: exit 3, with the key, and no
        script."""
        for key in ("slurm.account", "slurm.partition", "slurm.setup", "slurm.extra",
                    "output.path"):  # fmt: skip
            for end in ("\n", "\r"):
                value = json.dumps(f"--a=b{end}rm -rf x")
                value = f"[{value}]" if key in ("slurm.setup", "slurm.extra") else value
                done = self.gmmsweep("slurm", self.small(), "--set", f"{key}={value}",
                                     expect=CONFIG)
                self.assertIn(key, done.stderr)
                self.assertIn("line break", done.stderr)
        self.gmmsweep("slurm", self.small(), "-o", "a\nb", expect=CONFIG)
        done = self.gmmsweep("slurm", self.small(), "--set", "slurm.extra=qos", expect=CONFIG)
        self.assertIn("'qos'", done.stderr)
        names = {path.name for path in self.dir.iterdir()}
        self.assertEqual(names, {"bin", "spool", "sweep.yaml"})

    def test_places(self):
        """-o says where the scripts go, --output where the result does; a place that cannot be is
        told with exit 5. Written again they are the same."""
        config = self.small()
        self.gmmsweep("slurm", "-q", config, "-o", "here/below", "--output", "there")
        here = self.dir / "here" / "below"
        self.assertEqual(
            {path.name for path in here.iterdir()}, {*SCRIPTS, "config.yaml"}
        )
        self.assertFalse((self.dir / "there").exists())
        self.assertIn(f"merge '{self.dir / 'there'}'", (here / "merge.sh").read_text())
        for name in SCRIPTS:
            self.assertTrue(os.access(here / name, os.X_OK))
        before = harness.tree(here)
        self.gmmsweep("slurm", "-q", config, "-o", "here/below", "--output", "there")
        self.assertEqual(harness.tree(here), before)
        self.write("file", "")
        for place in ("file", "file/below", "/proc/none", ""):
            done = self.gmmsweep("slurm", config, "-o", place, expect=OUTPUT)
            self.assertIn(place, done.stderr)

    def test_sizes(self):
        """More work, more tasks; never more than there are starts to be shared out; memory is what
        the plan predicts, and some more; slurm.tasks decides where it is set."""
        data = {"path": harness.DIGITS, "limit": 300}
        n_tasks = []
        for restarts in (1, 8, 60):
            sweep = {"components": [20, 30], "covariance": harness.families(),
                     "init": ["points", "kmeans++"], "restarts": restarts}  # fmt: skip
            slurm = {"cpus": 1, "time": 60}
            config = self.config(self.sweep_config(data, sweep=sweep, slurm=slurm))
            folder = self.slurm(config)
            options = self.options(folder / "array.sh")
            n_tasks.append(int(options["--array"].removeprefix("1-")))
            self.assertLessEqual(n_tasks[-1], 2 * 2 * restarts)
            plan = json.loads(self.gmmsweep("plan", config, "--threads", 1, "--json").stdout)[0]
            self.assertGreater(int(options["--mem"][:-1]) * MIB, plan["memory_bytes"])
            self.assertLess(int(options["--mem"][:-1]) * MIB, 2 * plan["memory_bytes"] + 256 * MIB)
        self.assertEqual(n_tasks, sorted(set(n_tasks)))
        # Of work without end, one task a start: four families share it.
        endless = {"path": harness.DIGITS}
        keys = {"components": 100, "covariance": harness.families(), "restarts": 2}
        config = self.config(self.sweep_config(endless, sweep=keys, slurm={"cpus": 1, "time": 60}))
        self.assertEqual(self.options(self.slurm(config) / "array.sh")["--array"], "1-2")
        self.slurm(config, "--set", "slurm.tasks=5")
        self.assertEqual(
            self.options(self.dir / "out/slurm/array.sh")["--array"], "1-5"
        )

    def test_limits(self):
        """run.threads is a task's threads and CPUs where slurm.cpus says nothing else; run.max_time
        stops a task if it is shorter than the task's own limit, which leaves time to save."""
        def limit(**run):
            folder = self.slurm(self.small(run=run))
            text = (folder / "array.sh").read_text()
            cpus = self.options(folder / "array.sh")["--cpus-per-task"]
            return int(re.search(r"--max-time (\d+) ", text).group(1)), cpus

        own, cpus = limit()
        self.assertEqual(cpus, "16")
        self.assertTrue(8 * 3600 - 120 < own < 8 * 3600 - 5, own)
        self.assertEqual(limit(max_time=harness.Plain("10m"))[0], 600)
        self.assertEqual(limit(max_time=0.5)[0], 1)
        self.assertEqual(limit(max_time=harness.Plain("2d"))[0], own)
        self.assertEqual(limit(threads=4)[1], "4")
        folder = self.slurm(self.small(run={"threads": 4}, slurm={"cpus": 2}))
        self.assertEqual(self.options(folder / "array.sh")["--cpus-per-task"], "2")
        folder = self.slurm(self.small(slurm={"time": 60}))
        signal_s = int(self.options(folder / "array.sh")["--signal"].partition("@")[2])
        max_s = int(re.search(r"--max-time (\d+) ", (folder / "array.sh").read_text()).group(1))
        self.assertTrue(0 < 60 - max_s < signal_s < 30, (signal_s, max_s))

    def test_told(self):
        """Without -q the sizes and the command that submits are told; a config or data that run
        would refuse is refused with nothing made."""
        done = self.gmmsweep("slurm", self.small(slurm={"tasks": 3}))
        self.assertIn("24 fits in 3 tasks of 16 CPUs", done.stdout)
        command = shlex.split(done.stdout.splitlines()[-1])
        self.assertEqual(command, ["bash", str(self.dir / "out/slurm/submit.sh")])
        for change, status in (("em.tol=x", 3), ("data.path=none.csv", 4), ("slurm.time=10", 3),
                               ("slurm.mem=1M", 3), ("slurm.tasks=-1", 3)):  # fmt: skip
            self.gmmsweep("slurm", self.small(output="other"), "--set", change, expect=status)
        self.assertFalse((self.dir / "other").exists())


if __name__ == "__main__":
    harness.main()
