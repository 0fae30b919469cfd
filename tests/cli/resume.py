"""Resume: a sweep killed at any moment goes on and ends with the bits of an undisturbed one."""
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

DATA = {"path": harness.DIGITS, "labels": harness.DIGIT_LABELS, "pool": 4, "scale": 255}
EM = {"floor": 1e-2}
LOG = "shards/1-of-1/log"


class Resume(harness.Case):
    def kill_when(self, moment, config):
        """Runs the sweep and kills it -9 once moment() is true; whether it was still running."""
        process = subprocess.Popen(
            [harness.PROGRAM, "run", "-q", str(config)],
            env=harness.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + harness.TIMEOUT_S
        while process.poll() is None and not moment():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.001)
        process.kill()
        _, complaint = process.communicate()
        self.assertIn(process.returncode, (0, -signal.SIGKILL), complaint)
        return process.returncode != 0

    def grown(self, path, n_bytes):
        """A moment for kill_when: the file has grown by n_bytes, or is there and has that many."""
        before = path.stat().st_size if path.exists() else 0
        return lambda: path.exists() and path.stat().st_size >= before + n_bytes

    def finished(self, folder):
        """Finished fits, from the folder's log: name -> (id, wall time)."""
        if not (folder / LOG).exists() or (folder / LOG).stat().st_size == 0:
            return {}
        rows = json.loads(self.gmmsweep("show", folder, "--json").stdout)
        return {row["fit"]: (row["id"], row["wall_s"]) for row in rows}

    def walls(self, result):
        return {
            fit: (fit_id, wall_s)
            for fit, fit_id, wall_s in zip(
                result.names, result.fits["id"], result.fits["wall_s"].tolist()
            )
        }

    def small(self, output="out", sweep=None, em=None, **keys):
        """The config file of a sweep of a blink."""
        data = {"path": harness.IRIS, "labels": "Species"}
        sweep = {"components": [2, 3, 4], "init": "points", "restarts": 3, **(sweep or {})}
        config = self.sweep_config(data, output, sweep=sweep, em=em or {}, **keys)
        return self.config(config, f"{output}.yaml")

    def changed(self, config, folder, expect=0, **changes):
        """Runs the same folder with another config; returns the result before and after."""
        before = harness.Result(folder)
        self.gmmsweep("run", "-q", self.small(folder.name, **changes), expect=expect)
        return before, harness.Result(folder)

    def test_kill_at_any_moment(self):
        """kill -9 at random moments until the sweep is done: no finished fit is lost or computed
        again, and the content is that of an undisturbed run."""
        random = self.seeded(20)
        data = {**DATA, "limit": 1000}
        sweep = {"components": [3, 4, 5], "init": ["points", "kmeans++"], "restarts": 20}
        whole = self.sweep(data, "whole", sweep=sweep, em=EM)
        n_bytes = (whole / LOG).stat().st_size
        config = self.config(self.sweep_config(data, "torn", sweep=sweep, em=EM), "torn.yaml")
        out, known, n_kills = self.dir / "torn", {}, 0
        while self.kill_when(self.grown(out / LOG, random.randrange(n_bytes // 4)), config):
            n_kills += 1
            self.assertLess(n_kills, 60, "the sweep makes no progress")
            now = self.finished(out)
            self.assertEqual({fit: now.get(fit) for fit in known}, known, f"after kill {n_kills}")
            known = now
        result = harness.Result(out)
        print(f"{self.id()}: {n_kills} kills, {len(known)} fits before the last run",
              file=sys.stderr)
        self.assertGreaterEqual(n_kills, 3)
        self.assertGreater(len(known), 0)
        self.assertEqual(result.content, harness.Result(whole).content)
        self.assertEqual(result.attrs["status"], "complete")
        self.assertEqual({fit: self.walls(result)[fit] for fit in known}, known)

    def test_kill_while_writing(self):
        """kill -9 while sweep.h5 is being replaced: at every moment the old or the new one is
        there, whole."""
        random = self.seeded(21)
        config = self.small(sweep={"components": harness.Plain("[2..12]"), "restarts": 10})
        out, temporary = self.dir / "out", self.dir / "out" / "sweep.h5.tmp"
        self.gmmsweep("run", "-q", config)
        content, n_bytes = harness.Result(out).content, (out / "sweep.h5").stat().st_size
        n_torn = 0
        for _ in range(15):
            temporary.unlink(missing_ok=True)
            self.kill_when(self.grown(temporary, random.randrange(n_bytes)), config)
            n_torn += temporary.exists()
            self.assertEqual(harness.Result(out).content, content)
        print(f"{self.id()}: {n_torn} of 15 kills in the middle", file=sys.stderr)
        self.assertGreater(n_torn, 3)
        temporary.write_bytes(b"left by a killed run")
        self.gmmsweep("run", "-q", config)
        self.assertFalse(temporary.exists())
        self.assertEqual(harness.Result(out).content, content)

    def test_torn_log(self):
        """A log cut anywhere, or with a torn record behind it, costs at most the fits cut off."""
        random = self.seeded(22)
        config = self.small("whole")
        self.gmmsweep("run", "-q", config)
        whole = self.dir / "whole"
        log, content = (whole / LOG).read_bytes(), harness.Result(whole).content
        self.assertEqual(len(self.finished(whole)), 9)
        torn = [(f"cut at {n}", log[:n]) for n in random.sample(range(len(log)), 12)]
        torn += [("cut by one byte", log[:-1]), ("empty", b"")]
        torn += [(f"{n} bytes more", log + random.randbytes(n)) for n in (1, 19, 400)]
        torn += [("half a record more", log + log[: len(log) // 3])]
        torn += [("zeros behind", log + bytes(4096))]
        for i, (what, bytes_left) in enumerate(torn):
            folder = self.dir / f"torn{i}"
            shutil.copytree(whole, folder)
            (folder / "sweep.h5").unlink()
            (folder / LOG).write_bytes(bytes_left)
            before = self.finished(folder) if len(bytes_left) > 400 else {}
            self.gmmsweep("run", "-q", config, "--output", folder)
            result = harness.Result(folder)
            self.assertEqual(result.content, content, what)
            self.assertEqual({fit: self.walls(result)[fit] for fit in before}, before, what)

    def test_damaged_record(self):
        """A wrong bit is never taken for a fit: with whole records behind it the log is refused and
        left as it is, in the last record it is a torn tail and that fit is made again."""
        random = self.seeded(23)
        config = self.small()
        out = self.dir / "out"
        self.gmmsweep("run", "-q", config)
        log, content = (out / LOG).read_bytes(), harness.Result(out).content
        last = log.rindex(b"GMMS")
        for at in random.sample(range(last), 8) + random.sample(range(last, len(log)), 4):
            damaged = bytearray(log)
            damaged[at] ^= 1 << random.randrange(8)
            (out / LOG).write_bytes(damaged)
            if at < last:
                done = self.gmmsweep("run", "-q", config, expect=4)
                self.assertIn("damaged at byte", done.stderr)
                self.assertEqual((out / LOG).read_bytes(), damaged, f"byte {at}")
            else:
                self.gmmsweep("run", "-q", config)
            self.assertEqual(harness.Result(out).content, content, f"byte {at}")

    def test_nothing_left(self):
        """Run again: says that nothing is left to do, keeps content, times and log."""
        config = self.small()
        self.gmmsweep("run", "-q", config)
        out = self.dir / "out"
        before, log = harness.Result(out), (out / LOG).read_bytes()
        again = self.gmmsweep("run", config)
        self.assertIn("nothing left to do", again.stderr)
        after = harness.Result(out)
        self.assertEqual(after.content, before.content)
        self.assertEqual(self.walls(after), self.walls(before))
        self.assertEqual((out / LOG).read_bytes(), log)

    def test_lost_result(self):
        """sweep.h5 deleted or damaged is made anew from the log, without computing."""
        config = self.small()
        self.gmmsweep("run", "-q", config)
        out = self.dir / "out"
        before = harness.Result(out)
        for content in (None, b"damaged"):
            (out / "sweep.h5").unlink()
            if content is not None:
                (out / "sweep.h5").write_bytes(content)
            self.assertIn("nothing left to do", self.gmmsweep("run", config).stderr)
            self.assertEqual(harness.Result(out).content, before.content)
            self.assertEqual(self.walls(harness.Result(out)), self.walls(before))

    def test_other_places(self):
        """Threads, memory, fail_on, the data's path and form, the folder's name, the order of the
        lists: none of them makes a finished fit a new one."""
        config = self.small()
        self.gmmsweep("run", "-q", config)
        before = harness.Result(self.dir / "out")
        moved = self.dir / "moved folder"
        (self.dir / "out").rename(moved)
        shutil.copy(harness.IRIS, self.dir / "same.csv")
        again = self.gmmsweep(
            "run", config, "--output", moved, "--threads", 3, "--set", "run.memory=1G",
            "--set", "run.fail_on=any", "--set", "sweep.components=[4, 2, 3]",
            "--set", "data.path=same.csv",
        )  # fmt: skip
        self.assertIn("nothing left to do", again.stderr)
        self.assertEqual(self.walls(harness.Result(moved)), self.walls(before))
        after = harness.Result(moved)
        for fit in before.names:
            self.assertEqual(harness.fit_bits(after, fit), harness.fit_bits(before, fit))

    def test_added_fits(self):
        """A config that only adds fits goes on: old rows keep their times, new ones are computed,
        and the result is that of the larger sweep run at once."""
        config = self.small()
        self.gmmsweep("run", "-q", config)
        larger = {"components": [2, 3, 4, 6], "init": ["points", "kmeans++"], "restarts": 4}
        before, after = self.changed(config, self.dir / "out", sweep=larger)
        self.assertEqual((len(before.names), len(after.names)), (9, 32))
        old = self.walls(before)
        self.assertEqual({fit: self.walls(after)[fit] for fit in old}, old)
        at_once = self.small("at-once", sweep=larger)
        self.gmmsweep("run", "-q", at_once)
        self.assertEqual(after.content, harness.Result(self.dir / "at-once").content)

    def test_dropped_fits_refused(self):
        """A config that would drop finished fits is refused with exit 3; it names the key, the old
        and the new value and the number of fits, and nothing in the folder changes."""
        config = self.small()
        self.gmmsweep("run", "-q", config)
        out = self.dir / "out"
        before = harness.tree(out)
        cases = [
            ("sweep.components=[2, 4]", "components", "[2, 3, 4]", "[2, 4]", 3),
            ("sweep.restarts=2", "restarts", "3", "2", 3),
            ("sweep.init=kmeans++", "init", "points", "kmeans++", 9),
            ("sweep.seed=5", "seed", "1", "5", 9),
            ("em.tol=1e-3", "tol", "1.0e-06", "0.001", 9),
            ("em.floor=1e-3", "floor", "1.0e-06", "0.001", 9),
            ("em.ridge=0.5", "ridge", "0.0", "0.5", 9),
            ("em.mixing=equal", "mixing", "free", "equal", 9),
            ("em.redraws=0", "redraws", "5", "0", 9),
            ("em.criterion=absolute", "criterion", "mean", "absolute", 9),
            ("data.limit=140", "limit", "0", "140", 9),
            ("data.scale=2", "scale", "1.0", "2.0", 9),
            ("data.columns=[0, 1]", "columns", "~", "[0, 1]", 9),
        ]
        for change, key, old, new, n_fits in cases:
            refused = self.gmmsweep("run", config, "--set", change, expect=3)
            lines = [line for line in refused.stderr.splitlines() if f" {key}:" in line]
            self.assertEqual(len(lines), 1, f"{change}\n{refused.stderr}")
            self.assertIn(old, lines[0], change)
            self.assertIn(new, lines[0], change)
            self.assertRegex(refused.stderr, rf"\b{n_fits} finished fits?", change)
            self.assertIn(str(out), refused.stderr)
            self.assertEqual(harness.tree(out), before, change)

    def test_changed_data_refused(self):
        """Other content behind the same path is refused too, and said to be the data."""
        data = self.write("data.csv", harness.IRIS.read_bytes())
        config = self.config(self.sweep_config(data))
        self.gmmsweep("run", "-q", config)
        before = harness.tree(self.dir / "out")
        data.write_bytes(harness.IRIS.read_bytes().replace(b"5.9,3,5.1", b"5.9,3,5.2"))
        refused = self.gmmsweep("run", config, expect=3)
        self.assertIn("the data", refused.stderr)
        self.assertEqual(harness.tree(self.dir / "out"), before)

    def test_larger_max_iter(self):
        """A larger em.max_iter computes only fits that ended at the old one, as if from scratch."""
        config = self.small(em={"max_iter": 12, "tol": 1e-4})
        self.gmmsweep("run", "-q", config)
        before, after = self.changed(
            config, self.dir / "out", em={"max_iter": 400, "tol": 1e-4}
        )
        ended = dict(zip(before.names, before.fits["status"]))
        self.assertEqual(set(ended.values()), {"converged", "max_iter"})
        for fit in before.names:
            kept = self.walls(after)[fit] == self.walls(before)[fit]
            self.assertEqual(kept, ended[fit] == "converged", fit)
            if ended[fit] == "max_iter":
                self.assertGreater(after.row(fit)["iterations"], 12, fit)
                trace = [r.trace(fit)["loglik"][:13].tolist() for r in (before, after)]
                self.assertEqual(*trace, fit)
        self.gmmsweep("run", "-q", self.small("fresh", em={"max_iter": 400, "tol": 1e-4}))
        self.assertEqual(after.content, harness.Result(self.dir / "fresh").content)

    def test_smaller_max_iter(self):
        """A smaller em.max_iter would drop the fits that took longer: refused, nothing changed."""
        config = self.small(em={"max_iter": 400})
        self.gmmsweep("run", "-q", config)
        out = self.dir / "out"
        iterations = harness.Result(out).fits["iterations"]
        before = harness.tree(out)
        refused = self.gmmsweep("run", config, "--set", "em.max_iter=12", expect=3)
        n_longer = int((iterations > 12).sum())
        self.assertGreater(n_longer, 0)
        self.assertIn(f"{n_longer} finished fit", refused.stderr)
        self.assertIn("max_iter: 400", refused.stderr)
        self.assertEqual(harness.tree(out), before)
        most = int(iterations.max())
        done = self.gmmsweep("run", config, "--set", f"em.max_iter={most}")
        self.assertIn("nothing left to do", done.stderr)

    # --- --fresh and --replace

    def test_fresh(self):
        """--fresh: exit 5 where a sweep is, finished or begun, and nothing changes; where none is
        it runs."""
        config = self.small()
        out = self.dir / "out"
        (out / "slurm").mkdir(parents=True)
        self.gmmsweep("run", "-q", config, "--fresh")
        for gone in ("none", "sweep.h5", "shards"):
            if gone == "shards":
                self.gmmsweep("run", "-q", config)
                shutil.rmtree(out / gone)
            elif gone != "none":
                (out / gone).unlink()
            before = harness.tree(out)
            said = self.gmmsweep("run", config, "--fresh", expect=5).stderr
            self.assertIn(str(out), said)
            self.assertIn("--fresh", said)
            self.assertEqual(harness.tree(out), before, f"without {gone}")

    def test_replace(self):
        """--replace: the old result stands in previous-N, fits that both configs have are carried
        over with their times, the others are computed, and the result is that of a new folder."""
        config = self.small()
        self.gmmsweep("run", "-q", config)
        out = self.dir / "out"
        content = [harness.Result(out).content]
        changes = [{"components": [2, 4, 5]}, {"components": [4], "restarts": 4}]
        for n, sweep in enumerate(changes, 1):
            before = harness.Result(out)
            self.small("out", sweep=sweep)
            self.gmmsweep("run", "-q", config, expect=3)
            self.assertFalse((out / f"previous-{n}").exists())
            done = self.gmmsweep("run", config, "--replace")
            after = harness.Result(out)
            kept = set(before.names) & set(after.names)
            self.assertEqual(len(kept), (6, 3)[n - 1])
            for fit in kept:
                self.assertEqual(self.walls(after)[fit], self.walls(before)[fit], fit)
            told = {line.split(":")[0] for line in done.stderr.splitlines() if ": " in line}
            self.assertLessEqual(set(after.names) - kept, told)
            self.assertEqual(told & kept, set())
            self.gmmsweep("run", "-q", self.small(f"new{n}", sweep=sweep))
            self.assertEqual(after.content, harness.Result(self.dir / f"new{n}").content)
            for i, old in enumerate(content, 1):
                previous = out / f"previous-{i}"
                self.assertEqual(harness.Result(previous).content, old)
                rows = json.loads(self.gmmsweep("show", previous, "--json").stdout)
                self.assertEqual({row["fit"] for row in rows}, set(harness.Result(previous).names))
            content.append(after.content)
        self.assertFalse((out / "previous-3").exists())

    def test_replace_nothing(self):
        """--replace where nothing is dropped just goes on, in a new folder too."""
        config = self.small()
        for restarts in (3, 3, 4):
            self.gmmsweep("run", "-q", config, "--replace", "--set", f"sweep.restarts={restarts}")
        self.assertEqual(
            {path.name for path in (self.dir / "out").iterdir()},
            {"config.resolved.yaml", "sweep.h5", "shards"},
        )
        self.assertEqual(len(harness.Result(self.dir / "out").names), 12)

    def test_replace_alone(self):
        """--replace moves nothing that another process is at work on: exit 5, naming it. One that
        was killed is in nobody's way."""
        slow = {"components": [20], "covariance": "full", "restarts": 9}
        keys = {"em": {"max_iter": 100000, "tol": 0.0}, "run": {"threads": 1}}
        config, out = self.small(sweep=slow, **keys), self.dir / "out"
        process = self.start("run", "-q", config, "--shard", "1/2")
        self.wait_until((out / "shards/1-of-2/log").exists, process)
        self.gmmsweep("run", "-q", config, "--set", "em.max_iter=2", "--shard", "2/2")
        self.small()
        said = self.gmmsweep("run", config, "--replace", expect=5).stderr
        self.assertIn(f"pid {process.pid} ", said)
        self.assertFalse((out / "previous-1").exists())
        process.kill()
        process.wait()
        self.gmmsweep("run", "-q", config, "--replace")
        self.assertTrue((out / "previous-1/shards/1-of-2/log").exists())
        self.assertEqual(len(harness.Result(out).names), 9)

    def test_sessions(self):
        """/provenance has one row per session that computed, with its command line."""
        config = self.small()
        self.gmmsweep("run", "-q", config)
        self.gmmsweep("run", "-q", config, "--set", "sweep.restarts=4")
        provenance = harness.Result(self.dir / "out").provenance
        self.assertEqual(len(provenance["session"]), 2)
        self.assertIn("sweep.restarts=4", provenance["command"][1])
        self.assertEqual(len(set(provenance["host"])), 1)
        for name, values in provenance.items():
            if name not in ("slurm_job",):
                self.assertTrue(all(str(v) for v in values), name)


if __name__ == "__main__":
    harness.main()
