"""Shards: however a sweep is cut and whatever becomes of the processes, merge gives the bits of the
sweep in one piece (promise 2); locks (promise 6); status."""
import json
import pathlib
import shutil
import signal
import socket
import sys
import time
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

USAGE, DATA, OUTPUT, DEGENERATE, PARTIAL = 2, 4, 5, 6, 75
WAIT_S = 60.0  # of merge for missing fits, and before the lock of another host is taken over
MORE_S = 60.0  # for what else it does, on a busy machine

SESSION = b"GMMS\x02\0\0\0"  # begins a log's record of a session
STARTED = b"GMMS\x04\0\0\0"  # begins a log's record of a fit that was begun

# Fits that never end within a test.
ENDLESS = {
    "sweep": {
        "method": "em",
        "components": [20, 21],
        "covariance": "full",
        "init": "points",
        "restarts": 9,
    },
    "em": {"max_iter": 100000, "tol": 0.0},
    "run": {"threads": 1},
}


class Case(harness.Case):
    def small(self, output="out", name="sweep", **sections):
        """A sweep of a blink, of all families and methods; its config file, its folder."""
        data = {"path": harness.IRIS, "labels": "Species"}
        sweep = {
            "method": ["em", "kmeans", "labelled"],
            "components": 3,
            "covariance": harness.families(),
            "init": ["points", "kmeans++", "labels"],
            "restarts": 3,
        }
        sections = {"em": {"max_iter": 30}, **sections}
        config = self.sweep_config(data, output, sweep={**sweep, **sections.pop("sweep", {})},
                                   **sections)
        return self.config(config, f"{name}.yaml"), self.dir / output

    def whole(self):
        config, _ = self.small()
        self.gmmsweep("run", "-q", config, "--output", "whole")
        return harness.Result(self.dir / "whole")

    def shard(self, config, shard, n_shards, *args, **options):
        return self.gmmsweep("run", "-q", config, "--shard", f"{shard}/{n_shards}", *args,
                             **options)

    def status(self, target):
        return json.loads(self.gmmsweep("status", target, "--json").stdout)[0]

    def wait_for_fits(self, process, log):
        """Waits until the process has begun a fit."""
        self.wait_until(lambda: log.exists() and STARTED in log.read_bytes(), process)

    def check_merged(self, folder, whole, *args):
        self.gmmsweep("merge", folder, *args)
        result = harness.Result(folder)
        self.assertEqual(result.attrs["status"], "complete")
        self.assertEqual(result.content, whole.content)
        return result


class Shards(Case):
    # --- cuts

    def test_any_cut(self):
        """1 to 5 shards, run in any order, on any number of threads: each fit is fitted once, only
        merge writes sweep.h5 where there are several, and it has the bits of the whole."""
        random = self.seeded(40)
        whole = self.whole()
        for n in range(1, 6):
            config, folder = self.small(f"cut{n}")
            order = random.sample(range(1, n + 1), n)
            for i in order:
                self.shard(config, i, n, "--threads", random.randint(1, 3))
                self.assertEqual((folder / "sweep.h5").exists(), n == 1)
            sizes = [self.status(folder)["finished"], len(whole.names)]
            self.assertEqual(*sizes)
            result = self.check_merged(folder, whole)
            self.assertEqual(len(result.provenance["session"]), n)
            logs = sorted(path.parent.name for path in folder.glob("shards/*/log"))
            self.assertEqual(logs, [f"{i}-of-{n}" for i in range(1, n + 1)])

    def test_at_the_same_time(self):
        """Four shards that run two at a time, one of which is killed and run again."""
        whole = self.whole()
        config, folder = self.small()
        for pair in ((3, 1), (2, 4)):
            processes = [self.start("run", "-q", config, "--shard", f"{i}/4") for i in pair]
            if pair[0] == 2:
                log = folder / "shards/2-of-4/log"
                self.wait_until(lambda: log.exists() and log.stat().st_size > 0)
                processes[0].kill()
                processes.pop(0).wait()
            for process in processes:
                self.ended(process, 0)
        self.shard(config, 2, 4)
        self.check_merged(folder, whole)

    def test_other_cut_half_way(self):
        """N may change between runs: what other shards have finished is not done again, and what
        they had running goes on from their checkpoints."""
        whole = self.whole()
        config, folder = self.small()
        self.shard(config, 2, 3)
        n_before = self.status(folder)["finished"]
        self.assertGreater(n_before, 0)
        for i in (1, 2):
            self.shard(config, i, 2)
        done = self.gmmsweep("run", config)
        self.assertIn("nothing left to do", done.stderr)
        self.check_merged(folder, whole)
        per_log = [self.gmmsweep("status", folder).stdout.count(f"{i}-of-2") for i in (1, 2)]
        self.assertEqual(per_log, [1, 1])

    def test_checkpoint_of_another_cut(self):
        """A fit that one shard had running goes on in a shard of another cut: the fits' times are
        longer than these sessions."""
        sweep = {"components": 3, "covariance": "full", "init": "points", "restarts": 2}
        data = {"path": harness.DIGITS, "pool": 4, "scale": 255, "limit": 400}
        keys = {"em": {"max_iter": 1200, "tol": 0.0, "floor": 1e-2}, "run": {"threads": 1}}
        config = self.config(self.sweep_config(data, sweep=sweep, **keys))
        self.gmmsweep("run", "-q", config, "--output", "whole")
        log = self.dir / "out/shards/1-of-1/log"
        for _ in range(3):
            before = log.stat().st_size if log.exists() else 0
            process = self.start("run", "-q", config)
            self.wait_until(lambda: log.exists() and log.stat().st_size > before, process)
            time.sleep(0.3)
            process.send_signal(signal.SIGUSR1)
            self.ended(process, PARTIAL)
        since = time.monotonic()
        for i in (1, 2):
            self.shard(config, i, 2)
        took = time.monotonic() - since
        self.check_merged(self.dir / "out", harness.Result(self.dir / "whole"))
        result = harness.Result(self.dir / "out")
        self.assertEqual(len(result.provenance["session"]), 5)
        walls = [result.trace(fit)["wall_s"][-1] for fit in result.names]
        self.assertGreater(sum(walls), took)

    def test_checkpoint_that_changes(self):
        """A checkpoint of another shard that is still running may be of other fits by the time that
        ours comes to its fit: then it begins at its start, and nobody else's."""
        data = {"path": harness.DIGITS, "pool": 4, "scale": 255, "limit": 400}
        sweep = {"components": 3, "covariance": "full", "init": "points", "restarts": 8}
        keys = {"em": {"max_iter": 60, "tol": 0.0, "floor": 1e-2}, "run": {"threads": 1}}
        config = self.config(self.sweep_config(data, sweep=sweep, **keys))
        self.gmmsweep("run", "-q", config, "--output", "whole")
        whole = harness.Result(self.dir / "whole")
        # Checkpoints of the first four fits, and of the other four.
        states = []
        for i, moment in enumerate((0, 4 * 8 * 3 * 49 * 49)):
            log = self.dir / f"stopped{i}/shards/1-of-1/log"
            process = self.start("run", "-q", config, "--output", f"stopped{i}", "--set",
                                 "run.checkpoint=0")
            self.wait_until(lambda: log.exists() and log.stat().st_size > moment, process)
            time.sleep(0.15)
            process.terminate()
            self.ended(process, PARTIAL)
            slots = sorted(log.parent.glob("checkpoint-*"), key=lambda path: path.stat().st_mtime)
            states.append(slots[-1].read_bytes())
        other = self.dir / "out/shards/2-of-2/checkpoint-0"
        other.parent.mkdir(parents=True)
        other.write_bytes(states[1])
        process = self.start("run", "-q", config)
        self.wait_for_fits(process, self.dir / "out/shards/1-of-1/log")
        other.write_bytes(states[0])
        self.ended(process, 0)
        result = harness.Result(self.dir / "out")
        for fit in whole.names:
            self.check_same_fit(result, whole, fit)

    def test_more_shards_than_fits(self):
        """Shards that have nothing to do end well, at once, and are not missed."""
        config, folder = self.small(sweep={"method": "em", "covariance": "full", "init": "points"})
        self.gmmsweep("run", "-q", config, "--output", "whole")
        for i in range(5, 0, -1):
            done = self.gmmsweep("run", config, "--shard", f"{i}/5")
            if "nothing left to do" in done.stderr:
                self.assertEqual(done.stdout, "")
                continue
            n = len(done.stderr.splitlines())
            self.assertIn(f"shard {i} of 5: its {n} fits are finished", done.stdout)
        self.check_merged(folder, harness.Result(self.dir / "whole"))

    def test_bad_shards(self):
        """--shard that is none: exit 2, with the value, and nothing is made."""
        config, folder = self.small()
        for shard in ("0/1", "2/1", "1/0", "1", "a", "1/a", "1/2/3", "", "1/", "/2", "-1/2", "+1/2",
                      "1.0/2", " 1/2", "1/2 ", "0x1/2", "1/18446744073709551617"):  # fmt: skip
            with self.subTest(shard):
                said = self.gmmsweep("run", config, "--shard", shard, expect=USAGE).stderr
                self.assertIn(f"'{shard}'", said)
                self.assertIn("I/N", said)
        self.gmmsweep("run", config, "--shard", expect=USAGE)
        said = self.gmmsweep("run", config, "--shard", "1/2", "--replace", expect=USAGE).stderr
        self.assertIn("--replace", said)
        self.assertFalse(folder.exists())

    # --- merge

    def test_mixed_cpus(self):
        """Shards that ran on CPUs of different types: merge warns and names them, and the file says
        how many; the content is the same all the same. Told by a log in which the name is changed."""
        whole = self.whole()
        config, folder = self.small()
        for i in (1, 2):
            self.shard(config, i, 2)
        cpu = whole.provenance["cpu"][0]
        other = "Another CPU".ljust(len(cpu), "!")[: len(cpu)]
        log = folder / "shards/2-of-2/log"
        content = bytearray(log.read_bytes())
        at = content.index(SESSION)
        end = at + 16 + int.from_bytes(content[at + 8 : at + 16], "little")
        record = bytes(content[at:end]).replace(cpu.encode(), other.encode())
        content[at : end + 4] = record + zlib.crc32(record).to_bytes(4, "little")
        log.write_bytes(content)
        said = self.gmmsweep("merge", folder).stderr
        self.assertIn("CPUs of different types", said)
        self.assertIn(f"{cpu}; {other}", said)
        result = harness.Result(folder)
        self.assertEqual(result.content, whole.content)
        self.assertEqual(set(result.provenance["cpu"]), {cpu, other})
        with harness.need("h5py").File(folder / "sweep.h5") as f:
            self.assertEqual(f["provenance"].attrs["cpu_types"], 2)

    def test_merge_twice(self):
        """Merging again, or running in one piece again, changes no content; -q says nothing."""
        whole = self.whole()
        config, folder = self.small()
        for i in (1, 2):
            self.shard(config, i, 2)
        first = self.gmmsweep("merge", folder)
        self.assertIn(f"{len(whole.names)} fits in", first.stdout)
        self.assertIn(f"{folder}/sweep.h5", first.stdout)
        one = harness.Result(folder)
        quiet = self.gmmsweep("merge", "-q", folder)
        self.assertEqual((quiet.stdout, quiet.stderr), ("", ""))
        other = harness.Result(folder)
        self.assertEqual(other.content, one.content)
        self.assertEqual(one.fits["wall_s"].tobytes(), other.fits["wall_s"].tobytes())
        for name, values in one.provenance.items():
            self.assertEqual(values.tolist(), other.provenance[name].tolist(), name)
        self.gmmsweep("run", "-q", config)
        self.assertEqual(harness.Result(folder).content, whole.content)

    def test_merge_of_nothing(self):
        """merge of a folder without a sweep, of a file, of nothing: exit 4, and nothing is made."""
        (self.dir / "bare").mkdir()
        (self.dir / "bare" / "shards").mkdir()
        self.gmmsweep("run", "-q", self.small()[0])
        before = harness.tree(self.dir)
        cases = {"bare": "no sweep", "out/sweep.h5": "a file", "none": "No such file",
                 "out/shards": "no sweep"}  # fmt: skip
        for target, says in cases.items():
            said = self.gmmsweep("merge", target, expect=DATA).stderr
            self.assertIn(target, said)
            self.assertIn(says, said)
        self.gmmsweep("merge", expect=USAGE)
        self.assertEqual(harness.tree(self.dir), before)

    def test_merge_of_changed_data(self):
        """merge where the data are not those that were fitted: exit 4, naming them; the folder is
        as before. With the data back it merges."""
        data = self.write("data.csv", harness.FAITHFUL.read_bytes())
        config = self.config(self.sweep_config(data))
        for i in (1, 2):
            self.shard(config, i, 2)
        before = harness.tree(self.dir / "out")
        lines = data.read_text().splitlines()
        data.write_text("\n".join(lines[:-1] + [lines[1]]) + "\n")
        said = self.gmmsweep("merge", "out", expect=DATA).stderr
        self.assertIn(str(data), said)
        self.assertIn("changed", said)
        data.unlink()
        self.assertIn(str(data), self.gmmsweep("merge", "out", expect=DATA).stderr)
        self.assertEqual(harness.tree(self.dir / "out"), before)
        data.write_bytes(harness.FAITHFUL.read_bytes())
        self.gmmsweep("merge", "out")

    def test_merge_elsewhere(self):
        """The folder may be moved between shards and merge, and the config be gone."""
        whole = self.whole()
        config, folder = self.small()
        for i in (1, 2):
            self.shard(config, i, 2)
        config.unlink()
        folder.rename(self.dir / "moved ü")
        self.check_merged(self.dir / "moved ü", whole)

    def test_merge_beside_a_file_of_the_name(self):
        """A column of labels stays a column for merge, though a file of its name lies about."""
        data = {"path": harness.IRIS, "labels": "Species"}
        self.write("Species", "")
        config = self.config(self.sweep_config(data))
        self.gmmsweep("run", "-q", config, "--shard", "1/1")
        self.gmmsweep("merge", "-q", "out")
        self.assertEqual(len(harness.Result(self.dir / "out").data["class"]), 3)

    def test_merge_of_a_damaged_log(self):
        """merge of shards one of whose logs is damaged: exit 4, with its path, and no sweep.h5."""
        config, folder = self.small()
        for i in (1, 2):
            self.shard(config, i, 2)
        log = folder / "shards/2-of-2/log"
        damaged = bytearray(log.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        log.write_bytes(damaged)
        said = self.gmmsweep("merge", folder, expect=DATA).stderr
        self.assertIn(f"{log}: damaged", said)
        self.assertFalse((folder / "sweep.h5").exists())
        self.assertEqual(log.read_bytes(), damaged)

    def test_merge_fails_on_any(self):
        """run.fail_on any counts where all fits are together: merge exits with 6, the result is
        there."""
        data = self.write_csv("few.csv", [[1.0] * 5] * 5 + [[0.0] * 5] * 5)
        keys = {"sweep": {"components": 10, "restarts": 3}, "run": {"fail_on": "any"}}
        config = self.config(self.sweep_config(data, **keys))
        for i in (1, 2):
            self.shard(config, i, 2)
        said = self.gmmsweep("merge", "out", expect=DEGENERATE).stderr
        self.assertIn("3 of 3 fits are degenerate", said)
        self.assertEqual(harness.Result(self.dir / "out").attrs["status"], "complete")

    def test_merge_while_running(self):
        """merge while a run in one piece holds the folder: exit 5, naming it; the run goes on."""
        config, folder = self.small(name="endless", **ENDLESS)
        process = self.start("run", "-q", config)
        self.wait_for_fits(process, folder / "shards/1-of-1/log")
        said = self.gmmsweep("merge", folder, expect=OUTPUT).stderr
        self.assertIn(f"pid {process.pid} ", said)
        self.assertIn(socket.gethostname(), said)
        self.assertIsNone(process.poll())
        self.assertFalse((folder / "sweep.h5").exists())

    # --- locks

    def test_second_process(self):
        """A second process on the same shard: exit 5 at once, naming pid and host of the first,
        which is unharmed; other shards may run."""
        config, folder = self.small(name="endless", **ENDLESS)
        for shard in ([], ["--shard", "2/3"]):
            process = self.start("run", "-q", config, *shard)
            held = folder / f"shards/{'2-of-3' if shard else '1-of-1'}"
            self.wait_for_fits(process, held / "log")
            before = {p.name: p.read_bytes() for p in held.iterdir()}
            said = self.gmmsweep("run", config, *shard, expect=OUTPUT).stderr
            for text in (held / "lock", f"pid {process.pid} ", socket.gethostname(), "running"):
                self.assertIn(str(text), said)
            self.assertEqual((held / "lock").read_bytes(), before["lock"])
            self.assertIsNone(process.poll())
            process.terminate()
            self.assertIn(process.wait(harness.TIMEOUT_S), (OUTPUT, PARTIAL))
            self.assertFalse((held / "lock").exists())

    def test_all_at_once(self):
        """Of processes that start on one shard at the same moment at most one goes on, also where a
        dead one has left its lock; the log is sound afterwards."""
        config, folder = self.small(name="endless", **ENDLESS)
        for _ in range(3):
            processes = [self.start("run", "-q", config) for _ in range(5)]
            n_refused = 0
            while n_refused < 4:
                n_refused = sum(process.poll() is not None for process in processes)
                time.sleep(0.01)
            left = [process for process in processes if process.poll() is None]
            for process in processes:
                if process not in left:
                    _, said = self.ended(process, OUTPUT)
                    self.assertIn("lock", said)
            self.assertLessEqual(len(left), 1)
            for process in left:
                self.wait_for_fits(process, folder / "shards/1-of-1/log")
                process.kill()
                process.wait()
        self.assertEqual(self.status(folder)["missing"], 18)
        self.gmmsweep("run", "-q", config, "--set", "em.max_iter=1")

    def test_dead_holder(self):
        """The lock of a process that was killed -9 is taken over at once; so is that of an earlier
        start of our own Slurm job on another host."""
        config, folder = self.small(name="endless", **ENDLESS)
        lock = folder / "shards/1-of-1/lock"
        process = self.start("run", "-q", config)
        self.wait_for_fits(process, lock.parent / "log")
        process.kill()
        process.wait()
        left = lock.read_text()
        self.assertIn(f"\npid: {process.pid}\n", left)
        self.assertEqual(self.status(folder)["running"], 0)
        short = ["--set", "em.max_iter=1"]
        self.assertNotIn("taken over", self.gmmsweep("run", config, *short).stderr)
        self.assertFalse(lock.exists())
        lock.write_text(
            left.replace(f"host: {socket.gethostname()}\n", "host: elsewhere\n")
            .replace("slurm_job: \n", "slurm_job: c/17\n")
        )
        env = harness.environment(
            SLURM_CLUSTER_NAME="c", SLURM_JOB_ID="17", SLURM_RESTART_COUNT="1"
        )
        self.assertNotIn("taken over", self.gmmsweep("run", config, *short, env=env).stderr)
        self.assertFalse(lock.exists())

    # --- status

    def test_status(self):
        """status while shards run, after they have been stopped, and of the merged sweep."""
        config, folder = self.small()
        processes = []
        n_fits = len(self.whole().names)
        slow, _ = self.small(name="endless", **ENDLESS)
        for i in (1, 3):
            process = self.start("run", "-q", slow, "--output", "slow", "--shard", f"{i}/3")
            processes.append(process)
        slow = self.dir / "slow"
        for i, process in zip((1, 3), processes):
            self.wait_for_fits(process, slow / f"shards/{i}-of-3/log")
        self.wait_until(lambda: self.status(slow)["running"] >= 4, processes[0])
        row, text = self.status(slow), self.gmmsweep("status", slow).stdout
        self.assertEqual((row["finished"], row["sessions"], row["left_s"]), (0, 2, None))
        self.assertEqual(row["missing"], 18)
        for i, process in zip((1, 3), processes):
            self.assertRegex(text, rf"(?m)^{i}-of-3 .* pid {process.pid} of .* on ")
        for process in processes:
            process.terminate()
            process.communicate()
        row, text = self.status(slow), self.gmmsweep("status", slow).stdout
        self.assertEqual((row["finished"], row["running"]), (0, 0))
        self.assertNotIn("pid", text)
        self.shard(config, 1, 2)
        row = self.status(folder)
        self.assertEqual(row["finished"] + row["missing"], n_fits)
        self.assertGreater(row["missing"], 0)
        self.assertEqual(row["running"], 0)
        self.shard(config, 2, 2)
        self.gmmsweep("merge", folder)
        for target in (folder, folder / "sweep.h5"):
            row = self.status(target)
            self.assertEqual((row["finished"], row["running"], row["missing"]), (n_fits, 0, 0))
            self.assertEqual(row["left_s"], 0)


class Waiting(Case):
    """What takes a minute of waiting, all at the same time."""

    def test_waiting(self):
        """merge looks a minute for missing fits: then exit 75, naming shard and fits, with a
        partial sweep.h5; it takes a shard that ends meanwhile; a signal ends it. A run watches the lock of
        another host as long, refuses if it changes, else takes it over."""
        whole = self.whole()
        config, folder = self.small()
        self.shard(config, 1, 3)
        for i in (1, 2):
            self.shard(config, i, 3, "--output", "late")
        shutil.copytree(folder, self.dir / "stopped")
        lock = "shards/1-of-1/lock"
        text = (
            "gmmsweep lock\nhost: elsewhere\nboot: 1\npid: 1\nstart: 1\nuser: u\nslurm_job: \n"
            "restart: 0\nbeat: 000000000%d\n"
        )
        for name in ("left", "alive"):
            (self.dir / name / lock).parent.mkdir(parents=True)
            (self.dir / name / lock).write_text(text % 1)
        since = time.monotonic()
        merges = {name: self.start("merge", name) for name in ("out", "late", "stopped")}
        runs = {name: self.start("run", "-q", config, "--output", name)
                for name in ("left", "alive")}
        for process in (*merges.values(), *runs.values()):
            process.first = process.stderr.readline()
        n_missing = len(whole.names) - self.status(folder)["finished"]
        self.assertIn(f"{n_missing} of {len(whole.names)} fits are missing", merges["out"].first)
        self.assertIn("elsewhere", runs["left"].first)

        merges["stopped"].terminate()
        _, said = self.ended(merges["stopped"], OUTPUT)
        self.assertIn("SIGTERM", said)
        self.assertFalse((self.dir / "stopped/sweep.h5").exists())

        self.shard(config, 3, 3, "--output", "late")
        (self.dir / "alive" / lock).write_text(text % 2)
        self.ended(merges["late"], 0)
        self.assertEqual(harness.Result(self.dir / "late").content, whole.content)
        _, said = self.ended(runs["alive"], OUTPUT)
        self.assertIn("elsewhere, which is running", said)
        self.assertEqual((self.dir / "alive" / lock).read_text(), text % 2)
        self.assertLess(time.monotonic() - since, WAIT_S)

        _, said = self.ended(merges["out"], PARTIAL)
        self.ended(runs["left"], 0)
        took = time.monotonic() - since
        self.assertGreaterEqual(took, WAIT_S - 1)
        self.assertLess(took, WAIT_S + MORE_S)
        self.assertEqual(harness.Result(self.dir / "left").content, whole.content)
        result = harness.Result(folder)
        self.assertEqual(result.attrs["status"], "partial")
        self.assertEqual(len(result.names), len(whole.names) - n_missing)
        for fit in result.names:
            self.check_same_fit(result, whole, fit)
        missing = [fit for fit in whole.names if fit not in result.names]
        told = [line.split()[-1] for line in said.splitlines() if line.startswith("  missing: ")]
        self.assertEqual(told, missing[: len(told)])
        self.assertTrue(len(told) == len(missing) or f"and {len(missing) - len(told)} more" in said)
        self.assertIn("shard 2 of 3", said)
        self.assertIn("shard 3 of 3", said)
        self.assertNotIn("shard 1 of 3", said)
        self.assertIn("never begun", said)


if __name__ == "__main__":
    harness.main()
