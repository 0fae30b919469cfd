"""Stopping (promise 4): signals, --max-time and the file STOP save the state, exit in time, and the
same command goes on to the bits of an undisturbed run."""
import errno
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

USAGE, CONFIG, OUTPUT, PARTIAL = 2, 3, 5, 75
SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGXCPU]
WITHIN_S = 5.0  # the promise
SAME_SIGNAL_S = 0.3  # signals farther apart than this are two
DATA = {"path": harness.DIGITS, "labels": harness.DIGIT_LABELS, "pool": 4, "scale": 255}
LOG = "shards/1-of-1/log"

# On one thread the first four of these fits end together, and the other four begin then.
LONG = {
    "data": {**DATA, "limit": 400},
    "sweep": {"components": [3, 4], "covariance": "full", "init": "points", "restarts": 4},
    "em": {"max_iter": 130, "tol": 0.0, "floor": 1e-2},
    "run": {"threads": 1},
}
# Its first iteration takes seconds.
SLOW_START = {
    "data": {"path": harness.DIGITS, "pool": 2, "scale": 255},
    "sweep": {"components": 100, "covariance": "full", "init": "points", "restarts": 2},
    "em": {"max_iter": 3, "tol": 0.0, "floor": 1e-2},
    "run": {"threads": 1},
}


class Stop(harness.Case):
    wholes = {}

    def long(self, output="out", base=LONG, **sections):
        """A sweep of long fits: its config file, its folder."""
        sections = {name: {**base[name], **sections.get(name, {})} for name in base}
        config = self.sweep_config(sections.pop("data"), output, **sections)
        return self.config(config, f"{output}.yaml"), self.dir / output

    def whole(self):
        """The result of the long sweep, undisturbed; computed once."""
        if not self.wholes:
            config, folder = self.long("whole")
            self.gmmsweep("run", "-q", config)
            self.wholes["long"] = harness.Result(folder)
        return self.wholes["long"]

    def size(self, folder):
        log = folder / LOG
        return log.stat().st_size if log.exists() else 0

    def begun(self, process, folder):
        """Waits until the session of the process stands in the log."""
        before = self.size(folder)
        self.wait_until(lambda: self.size(folder) > before, process)

    def between(self, process, folder):
        """Waits until some fits are finished and others run: their models make the log grow."""
        finished_bytes = 4 * 8 * 3 * 49 * 49
        self.wait_until(lambda: self.size(folder) > finished_bytes, process)

    def check_partial(self, folder):
        """sweep.h5 is partial, and what it has is as in the undisturbed run; returns it."""
        result, whole = harness.Result(folder), self.whole()
        self.assertEqual(result.attrs["status"], "partial")
        self.assertGreater(len(result.names), 0)
        self.assertLess(len(result.names), len(whole.names))
        for fit in result.names:
            self.check_same_fit(result, whole, fit)
        return result

    def check_whole(self, folder):
        result = harness.Result(folder)
        self.assertEqual(result.attrs["status"], "complete")
        self.assertEqual(result.content, self.whole().content)
        self.assertEqual(
            [path.name for path in (folder / LOG).parent.iterdir()], ["log"],
            "lock and checkpoints have gone",
        )  # fmt: skip
        return result

    # --- signals

    def test_signals(self):
        """Each signal: exit 75 within 5 s and its name told; finished fits stand in a partial
        sweep.h5; the same command keeps them and ends as if undisturbed."""
        for number in SIGNALS:
            with self.subTest(number.name):
                config, folder = self.long(number.name)
                process = self.start("run", config)
                self.between(process, folder)
                process.send_signal(number)
                out, said = self.ended(process, PARTIAL, WITHIN_S)
                self.assertEqual(out, "")
                last = said.splitlines()[-1]
                self.assertIn(f"stopped ({number.name}) with 4 of 8 fits left", last)
                self.assertIn("the same command goes on", last)
                stopped = self.check_partial(folder)
                again = self.gmmsweep("run", config)
                self.assertEqual(again.stderr.count("log-likelihood"), 4, again.stderr)
                result = self.check_whole(folder)
                for fit in stopped.names:
                    walls = [r.row(fit)["wall_s"] for r in (stopped, result)]
                    self.assertEqual(*walls, fit)

    def sessions_until_done(self, config, folder):
        """Runs the sweep in sessions that are stopped a moment after they have begun; returns how
        long each took."""
        sessions = []
        while True:
            since, before = time.monotonic(), self.size(folder)
            process = self.start("run", "-q", config)
            self.wait_until(lambda: self.size(folder) > before or process.poll() is not None)
            time.sleep(0.25)
            process.terminate()
            _, said = process.communicate(timeout=harness.TIMEOUT_S)
            sessions.append(time.monotonic() - since)
            if process.returncode == 0:
                return sessions
            self.assertIn(process.returncode, (PARTIAL, OUTPUT), said)
            self.assertLess(len(sessions), 100, "the sweep makes no progress")

    def test_longer_than_any_session(self):
        """Fits that take longer than a session get finished: each goes on from its checkpoint, and
        its times count all its sessions, not just the last."""
        sessions, max_iter = [], 200
        while len(sessions) < 4:  # else this machine is too fast for so few iterations
            max_iter *= 2
            config, folder = self.long(f"out{max_iter}", sweep={"components": 3},
                                       em={"max_iter": max_iter})
            sessions = self.sessions_until_done(config, folder)
        print(f"{self.id()}: {len(sessions)} sessions, {max_iter} iterations", file=sys.stderr)
        self.gmmsweep("run", "-q", config, "--output", "at-once")
        result = harness.Result(folder)
        self.assertEqual(result.content, harness.Result(self.dir / "at-once").content)
        for fit in result.names:
            walls = result.trace(fit)["wall_s"]
            self.assertEqual(walls.tolist(), sorted(walls.tolist()))
            self.assertGreater(walls[-1], sessions[-1], fit)
            self.assertGreaterEqual(result.row(fit)["wall_s"], walls[-1])

    def test_again_and_again(self):
        """Stopped by any signal or killed -9, ever again until it is finished: all families,
        initialisers and methods, redraws and held-out rows end with the undisturbed bits."""
        random = self.seeded(30)
        data = {**DATA, "pool": 7, "limit": 400, "heldout": 0.2}
        sweep = {
            "method": ["em", "kmeans", "labelled"],
            "components": 10,  # what the labels give
            "covariance": harness.families(),
            "init": [*harness.initialisers(), "labels"],
            "restarts": 8,
        }
        sections = {"em": {"floor": 0.0, "max_iter": 60, "tol": 1e-9, "redraws": 2}}
        for name in ("whole", "torn"):
            self.config(self.sweep_config(data, name, sweep=sweep, **sections), f"{name}.yaml")
        self.gmmsweep("run", "-q", "whole.yaml")
        whole, folder = harness.Result(self.dir / "whole"), self.dir / "torn"
        self.assertIn("degenerate", set(whole.fits["status"]))
        self.assertGreater(whole.fits["redraws"].max(), 0)
        n_stops = 0
        while True:
            process = self.start("run", "-q", "torn.yaml", "--set", "run.checkpoint=0")
            before = self.size(folder)
            self.wait_until(lambda: self.size(folder) > before or process.poll() is not None)
            time.sleep(random.uniform(0.0, 0.2))
            number = random.choice([*SIGNALS, signal.SIGKILL])
            process.send_signal(number)
            _, said = process.communicate(timeout=harness.TIMEOUT_S)
            if process.returncode == 0:
                break
            # OUTPUT: before anything was saved; -number: before signals were handled.
            self.assertIn(process.returncode, (PARTIAL, OUTPUT, -number), said)
            n_stops += 1
            self.assertLess(n_stops, 200, "the sweep makes no progress")
        print(f"{self.id()}: {n_stops} stops", file=sys.stderr)
        self.assertGreaterEqual(n_stops, 3)
        result = harness.Result(folder)
        self.assertEqual(result.attrs["status"], "complete")
        self.assertEqual(result.content, whole.content)

    def test_before_anything_is_saved(self):
        """A signal in the first iteration, which is long: exit 5 within 5 s, and no result."""
        config, folder = self.long(base=SLOW_START)
        process = self.start("run", config)
        self.begun(process, folder)
        process.terminate()
        _, said = self.ended(process, OUTPUT, WITHIN_S)
        self.assertIn("stopped (SIGTERM) with 2 of 2 fits left", said)
        self.assertIn("nothing was saved", said)
        status = json.loads(self.gmmsweep("status", folder, "--json").stdout)[0]
        self.assertEqual((status["finished"], status["running"], status["missing"]), (0, 0, 2))

    def test_during_start(self):
        """A signal while the program waits for a lock: exit 5 within 5 s; the lock stands."""
        config, folder = self.long()
        lock = folder / "shards/1-of-1/lock"
        lock.parent.mkdir(parents=True)
        lock.write_bytes(b"")  # nobody knows whose
        process = self.start("run", config)
        self.assertIn("taken over unless it changes", process.stderr.readline())
        process.send_signal(signal.SIGINT)
        _, said = self.ended(process, OUTPUT, WITHIN_S)
        self.assertIn(str(lock), said)
        self.assertIn("stopped", said)
        self.assertEqual(lock.read_bytes(), b"")

    def stuck(self, folder, config):
        """A run that hangs: a finished fit cannot be told, since nobody reads standard error."""
        ours, theirs = os.pipe()
        self.addCleanup(os.close, ours)
        os.set_blocking(theirs, False)
        try:
            while True:
                os.write(theirs, b" ")
        except BlockingIOError as error:
            self.assertEqual(error.errno, errno.EAGAIN)
        os.set_blocking(theirs, True)
        process = subprocess.Popen(
            [harness.PROGRAM, "run", str(config)], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=theirs, env=harness.environment(),
        )  # fmt: skip
        self.addCleanup(process.kill)
        os.close(theirs)
        self.wait_until(lambda: self.size(folder) > 8 * 3 * 49 * 49, process)
        return process

    def test_second_signal(self):
        """A second signal ends a process that hangs at once: exit 128+n."""
        for number in (signal.SIGTERM, signal.SIGUSR1):
            config, folder = self.long(number.name)
            process = self.stuck(folder, config)
            process.terminate()
            time.sleep(SAME_SIGNAL_S)
            self.assertIsNone(process.poll())
            process.send_signal(number)
            self.assertEqual(process.wait(WITHIN_S), 128 + number)

    def test_stuck(self):
        """A process that hangs ends 5 s after the first signal all the same; what was saved stands,
        and its lock is taken over."""
        config, folder = self.long()
        process = self.stuck(folder, config)
        process.terminate()
        self.assertEqual(process.wait(WITHIN_S), PARTIAL)
        self.gmmsweep("run", "-q", config)
        self.check_whole(folder)

    def test_timeout(self):
        """`timeout` signals the process and its group, which is one signal, not two."""
        config, folder = self.long()
        before = ["timeout", "--preserve-status", "-s", "TERM", "600"]
        process = self.start("run", config, before=before)
        self.between(process, folder)
        process.send_signal(signal.SIGALRM)  # its time is up
        _, said = self.ended(process, PARTIAL, WITHIN_S)
        self.assertIn("stopped (SIGTERM)", said)
        self.check_partial(folder)
        self.gmmsweep("run", "-q", config)
        self.check_whole(folder)

    # --- time

    def test_max_time(self):
        """--max-time and run.max_time: exit 75 in time; sessions too short for all the fits get
        there in the end."""
        for words, keys in ((["--max-time", "2s"], {}), ([], {"max_time": 2})):
            config, folder = self.long(f"out{len(words)}", run=keys)
            n_sessions = 0
            while True:
                since = time.monotonic()
                process = self.start("run", config, *words)
                _, said = process.communicate(timeout=harness.TIMEOUT_S)
                self.assertLess(time.monotonic() - since, 2 + WITHIN_S)
                if process.returncode == 0:
                    break
                self.assertIn(process.returncode, (PARTIAL, OUTPUT), said)
                self.assertRegex(said, r"stopped \((the time is up|no time for another fit)\)")
                n_sessions += 1
                self.assertLess(n_sessions, 60, "the sweep makes no progress")
            self.check_whole(folder)

    def test_no_time_for_anything(self):
        """A time too short for any fit: exit 5, said so, and the same command with more time goes
        on."""
        config, folder = self.long()
        for limit in ("0.001", "0.5s", "1"):
            said = self.gmmsweep("run", config, "--max-time", limit, expect=OUTPUT).stderr
            self.assertRegex(said, r"stopped \((the time is up|no time for another fit)\)")
            self.assertIn("with 8 of 8 fits left", said)
            self.assertIn("nothing was saved", said)
        self.gmmsweep("run", "-q", config, "--max-time", "1h")
        self.check_whole(folder)

    def test_no_time_for_another_fit(self):
        """No fit is begun that the time left is too short for: each that the log says was begun is
        finished, the others are left, and the message says why."""
        sweep = {"components": harness.Plain("[2..30]"), "covariance": harness.families()}
        config = self.sweep_config(harness.IRIS, sweep={**sweep, "restarts": 60},
                                   run={"threads": 1})
        config = self.config(config)
        said = self.gmmsweep("run", config, "--max-time", "2s", expect=PARTIAL).stderr
        self.assertIn("stopped (no time for another fit)", said)
        status = json.loads(self.gmmsweep("status", "out", "--json").stdout)[0]
        result = harness.Result(self.dir / "out")
        self.assertEqual(result.attrs["status"], "partial")
        self.assertEqual(status["finished"], len(result.names))
        self.assertIn(f" with {status['missing']} of 6960 fits left", said.splitlines()[-1])
        self.assertFalse((self.dir / "out/shards/1-of-1/checkpoint-0").exists())

    def test_bad_times(self):
        """Times that are none are refused, and nothing is made."""
        config, folder = self.long()
        for limit in ("-5", "soon", "1 h", "7h50", "5x", "nan", "inf", "1e12", "[1]", "h"):
            with self.subTest(limit):
                status = CONFIG if limit == "1e12" else USAGE  # a time, but out of range
                done = self.gmmsweep("run", config, "--max-time", limit, expect=status)
                self.assertIn(limit, done.stderr)
                self.assertIn("7h50m", done.stderr)
                key = f"run.max_time={limit}"
                again = self.gmmsweep("run", config, "--set", key, expect=CONFIG)
                self.assertIn("run.max_time: ", again.stderr)
        for limit in ("", "~", "null", "# 1h"):
            done = self.gmmsweep("run", config, "--max-time", limit, expect=USAGE)
            self.assertIn(f"--max-time: '{limit}'", done.stderr)
        self.gmmsweep("run", config, "--max-time", expect=USAGE)
        self.assertFalse(folder.exists())

    # --- the file STOP

    def test_stop_file(self):
        """The file STOP: found at the start, exit 5 and nothing is done, however small the sweep;
        made during the run, exit 75; named both times; without it the run goes on."""
        config, folder = self.long()
        stop = folder / "STOP"
        folder.mkdir()
        stop.touch()
        small = self.config(self.sweep_config(harness.FAITHFUL), "small.yaml")
        for each in (config, small):
            said = self.gmmsweep("run", each, expect=OUTPUT).stderr
            self.assertIn(str(stop), said)
            self.assertEqual(list(folder.iterdir()), [stop])
        stop.unlink()
        process = self.start("run", config)
        self.between(process, folder)
        stop.touch()
        _, said = self.ended(process, PARTIAL, WITHIN_S)
        self.assertIn(f"stopped (the file {stop}) with", said)
        self.check_partial(folder)
        self.assertTrue(stop.exists(), "it is the user's")
        self.gmmsweep("run", config, expect=OUTPUT)
        stop.unlink()
        self.gmmsweep("run", "-q", config)
        self.check_whole(folder)

    # --- checkpoints

    def test_checkpoints(self):
        """Checkpoints come while fits run; one damaged or cut costs time and changes no bit."""
        random = self.seeded(31)
        config, folder = self.long(run={"checkpoint": 0}, sweep={"components": 3})
        self.gmmsweep("run", "-q", config, "--output", "whole")
        content = harness.Result(self.dir / "whole").content
        slots = [folder / f"shards/1-of-1/checkpoint-{i}" for i in (0, 1)]
        process = self.start("run", "-q", config)
        least = 4 * 8 * 3 * 49 * 49  # bytes of four fits' covariances
        self.wait_until(
            lambda: all(slot.exists() and slot.stat().st_size > least for slot in slots), process
        )
        process.kill()
        process.wait()
        sound = [slot.read_bytes() for slot in slots]
        for what in ("cut", "bent", "one bent"):
            for slot, state in zip(slots, sound):
                spoilt, at = bytearray(state), random.randrange(least)
                if what == "cut" or at >= len(spoilt):  # the kill may have torn one
                    spoilt = spoilt[:at]
                elif what == "bent" or slot == slots[1]:
                    spoilt[at] ^= 1
                slot.write_bytes(spoilt)
            shutil.copytree(folder, self.dir / what)
            self.gmmsweep("run", "-q", config, "--output", what)
            self.assertEqual(harness.Result(self.dir / what).content, content, what)

    def test_no_checkpoint_is_a_warning(self):
        """A checkpoint that cannot be written is told with its path and stops nothing."""
        config, folder = self.long(run={"checkpoint": 0})
        for i in (0, 1):
            (folder / f"shards/1-of-1/checkpoint-{i}").mkdir(parents=True)
        done = self.gmmsweep("run", config)
        told = [line for line in done.stderr.splitlines() if "warning" in line]
        self.assertGreater(len(told), 0)
        self.assertIn(str(folder / "shards/1-of-1/checkpoint-"), told[0])
        self.assertIn("no checkpoint", told[0])
        result = harness.Result(folder)
        self.assertEqual(result.content, self.whole().content)


if __name__ == "__main__":
    harness.main()
