"""Data files that are damaged, lie or fit nothing, in every format: a clear error within a second,
in memory that the file's real content bounds; never a crash, a hang or wrong values."""
import collections
import gzip
import io
import multiprocessing
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness
import samples

CONFIG, DATA = 3, 4
SWEEP = {"components": 1, "covariance": "diag", "init": "points", "restarts": 1}
SANITIZED = b"__asan_init" in pathlib.Path(harness.PROGRAM).read_bytes()
CPU_S = 20.0 if SANITIZED else 1.0
# Memory beyond what the program takes for a good file: so much, and this times the file's size.
SPARE_KIB, PER_BYTE = 64 * 1024, 20
N_PROCESSES = 2

# Of each format so many are tried: cuts (all where the file is that small), wrong bytes and fields.
N_CUTS, N_FLIPS, N_FIELDS = 40, 30, 30
EXTREMES = [0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**40,
            2**63 - 1, 2**63, 2**64 - 1]  # fmt: skip
MIB = 1 << 20

Run = collections.namedtuple("Run", "status said cpu_s peak_kib made")


def measured(folder, *args, program=harness.PROGRAM, **options):
    """Runs the program in the folder and measures it; one that hangs is killed."""
    env = harness.environment(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [program, *map(str, args)], cwd=folder, env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=said, **options,
        )  # fmt: skip
        alarm = threading.Timer(harness.TIMEOUT_S, process.kill)
        alarm.start()
        _, status, used = os.wait4(process.pid, 0)
        alarm.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode(errors="backslashreplace")
    made = (pathlib.Path(folder) / "out").exists()
    cpu_s = used.ru_utime + used.ru_stime
    return Run(process.returncode, text, cpu_s, used.ru_maxrss, made)


def attempt(job):
    """In a process of the pool: what `plan` makes of the content."""
    what, content = job
    with tempfile.TemporaryDirectory(prefix="gmmsweep-cli-") as folder:
        path = pathlib.Path(folder)
        (path / "damaged").write_bytes(content)
        (path / "sweep.yaml").write_text(plain_config("damaged"))
        return what, content, measured(folder, "plan", "sweep.yaml")


def plain_config(path, keys=(), **sections):
    data = {"path": path, **dict(keys)}
    return harness.yaml({"data": data, "sweep": SWEEP, **sections, "output": {"path": "out"}})


def damaged(rng, content):
    """(kind of damage, what was done, content) for one good content."""
    size = len(content)
    cuts = range(size)
    if size > N_CUTS:
        ends = [*range(8), *range(size - 8, size)]
        cuts = sorted({*ends, *rng.sample(cuts, N_CUTS - len(ends))})
    for cut in cuts:
        yield "cut", f"cut to {cut} of {size} bytes", content[:cut]
    for more in (b"\0", b"\n", b"\xff", b"1", bytes(4096), rng.randbytes(16)):
        yield "more", f"{len(more)} more bytes, first {more[:1]}", content + more
    yield "more", "twice", content + content
    yield "more", "with its first half again", content + content[: size // 2]
    for _ in range(N_FLIPS):
        at, bits = rng.randrange(size), rng.randrange(1, 256)
        bent = content[:at] + bytes([content[at] ^ bits]) + content[at + 1 :]
        yield "bent", f"byte {at} xor {bits:#x}", bent
    for _ in range(N_FIELDS):
        width, order = rng.choice((4, 8)), rng.choice(("little", "big"))
        value = rng.choice(EXTREMES) % 256**width
        at = rng.randrange(min(size, rng.choice((64, size))))  # headers come first
        bent = content[:at] + value.to_bytes(width, order) + content[at + width :]
        yield "bent", f"{value:#x} ({width} bytes, {order}) at {at}", bent


def judged(form, kind):
    """What of damaged content may be accepted: "any", "same" (values as in the sample), "none"."""
    if kind == "cut":
        return "any" if form.text and not form.checked else "none"
    if kind == "more":
        return "any" if form.text else "none" if form.exact else "same"
    return "same" if form.checked else "any"


class BadData(harness.Case):
    def check_run(self, run, name, size, statuses, what):
        """What every run must keep to: status, one line with the file's name, time, memory."""
        told = f"{what}: {run}"
        self.assertIn(run.status, statuses, told)
        self.assertFalse(run.made, told)
        self.assertLessEqual(run.cpu_s, CPU_S, told)
        if not SANITIZED:
            most = self.usual_kib() + SPARE_KIB + PER_BYTE * size // 1024
            self.assertLessEqual(run.peak_kib, most, told)
        if run.status != 0:
            self.assertEqual(run.said.count("\n"), 1, told)
            self.assertTrue(run.said.startswith("gmmsweep: "), told)
            self.assertIn(name, run.said, told)
            self.assertNotRegex(run.said[:-1], r"[\x00-\x1f\x7f]", told)

    def usual_kib(self):
        if not hasattr(BadData, "usual"):
            [(_, _, run)] = POOL.map(attempt, [("sample", b"a,b\n1,2\n3,4\n")])
            self.assertEqual(run.status, 0, run)
            BadData.usual = run.peak_kib
        return BadData.usual

    def refused(self, name, content=None, says=(), keys=(), args=(), status=DATA):
        """`plan` of data at `name`, made of content if given, ends so and says all of `says`."""
        if content is not None:
            self.write(name, content)
        self.write("sweep.yaml", plain_config(name, keys))
        path = self.dir / name
        size = path.stat().st_size if path.is_file() else 0
        [run] = POOL.starmap(measured, [(self.dir, "plan", "sweep.yaml", *args)])
        self.check_run(run, pathlib.Path(name).name, size, (status,), name)
        for text in says:
            self.assertIn(str(text), run.said, name)
        return run.said

    def values(self, content):
        """The digest of what a file holds, by a run of it."""
        path = self.write("accepted", content)
        config = self.write("accepted.yaml", plain_config(path))
        self.gmmsweep("run", "-q", config, "--set", "em.max_iter=1")
        digest = harness.Result(self.dir / "out").attrs["data_sha256"]
        shutil.rmtree(self.dir / "out")
        return digest

    def readable(self):
        """The formats whose samples the program takes."""
        forms = samples.formats()
        runs = POOL.map(attempt, [(form.name, form.sample()) for form in forms])
        for form, (_, _, run) in zip(forms, runs):
            with self.subTest(form.name):
                self.check_run(run, "damaged", 0, (0,), form.name)
        return [form for form, (_, _, run) in zip(forms, runs) if run.status == 0]

    def test_damaged(self):
        """Files cut, lengthened and with wrong bytes: each refused well, or still a good file."""
        rng = self.seeded()
        self.usual_kib()
        readable = {form.name for form in self.readable()}
        for form in samples.formats():
            tries = list(damaged(rng, form.sample()))
            if form.library:
                tries = [t for t in tries if t[0] != "bent"]
            jobs = [((kind, what), content) for kind, what, content in tries]
            truth, n_accepted = None, 0
            for (kind, what), content, run in POOL.imap(attempt, jobs, chunksize=8):
                with self.subTest(form.name, damage=what):
                    self.check_run(run, "damaged", len(content), (0, CONFIG, DATA), what)
                    may = judged(form, kind)
                    if run.status != 0 or may == "any" or content == form.sample():
                        continue
                    self.assertEqual(may, "same", f"accepted: {run}")
                    truth = truth or self.values(form.sample())
                    self.assertEqual(self.values(content), truth, "accepted with other values")
                    n_accepted += 1
            if form.name in readable and form.checked:
                print(f"{form.name}: {len(jobs)} tried, {n_accepted} harmless", file=sys.stderr)

    def test_first_bad_value(self):
        """NaN, infinities and, in text, missing cells: the first one's place and how many."""
        forms = [form for form in self.readable() if form.holds_nan]
        self.assertGreater(len(forms), 10)
        for form in forms:
            for value in ("nan", "inf", "-inf"):
                x = samples.table()
                x[2, 1] = x[4, 0] = x[4, 1] = float(value)
                place = "line 4, column 'b'" if form.named else "row 2, column 1"
                with self.subTest(form.name, value=value):
                    self.refused("bad", form.make(x), [place, f"'{value}'", "3 such values"])
        for hole in ("", "NA", "?", '""', " "):
            with self.subTest(hole=hole):
                said = self.refused("hole.csv", f"a,b\n1,2\n3,{hole}\n{hole},4\n")
                self.assertIn("line 3, column 'b': '", said)
                self.assertIn("missing", said)
                self.assertIn("2 such values", said)

    def test_no_regular_file(self):
        """Nothing there, a link to nothing, a folder, a FIFO, devices: the path and what it is."""
        (self.dir / "folder").mkdir()
        os.mkfifo(self.dir / "fifo")
        (self.dir / "dangling").symlink_to("nowhere")
        self.refused("none.csv", says=["none.csv", "No such file"])
        self.refused("dangling", says=["No such file"])
        self.refused("folder", says=["a directory", "expected a regular file"])
        self.refused("fifo", says=["a FIFO", "expected a regular file"])
        self.refused("/dev/zero", says=["a device", "expected a regular file"])
        self.refused("/dev/null", says=["a device", "expected a regular file"])

    def test_unreadable(self):
        """A file that may not be read: its path and the cause."""
        secret = self.write("secret.csv", "a,b\n1,2\n3,4\n")
        self.write("sweep.yaml", plain_config("secret.csv"))
        secret.chmod(0)
        program, who = harness.PROGRAM, {}
        if os.geteuid() == 0:  # whom no mode stops
            program, who = shutil.copy(program, self.dir / "gmmsweep"), {"user": 65534}
            self.dir.chmod(0o755)
        run = measured(self.dir, "plan", "sweep.yaml", program=program, **who)
        self.check_run(run, "secret.csv", 0, (DATA,), "unreadable")
        self.assertIn("Permission denied", run.said)

    def test_nothing_inside(self):
        """Empty in one way or another: told as such."""
        numpy = harness.need("numpy")
        empty_zip, no_array = io.BytesIO(), io.BytesIO()
        zipfile.ZipFile(empty_zip, "w").close()
        with zipfile.ZipFile(no_array, "w") as archive:
            archive.writestr("readme.txt", "no arrays here")
        self.refused("empty", b"", ["is empty"])
        self.refused("empty.gz", gzip.compress(b""), ["is empty"])
        self.refused("blank.csv", b" \n\r\n \n", ["only blank lines"])
        self.refused("header.csv", b"a,b\n", ["header", "no rows"])
        self.refused("empty.npz", empty_zip.getvalue(), ["without arrays", ".npy"])
        self.refused("text.npz", no_array.getvalue(), ["without arrays", ".npy"])
        self.refused("rows.npy", samples.npy("<f8", numpy.ones((0, 3))), ["dimension 0 is 0"])
        self.refused("columns.npy", samples.npy("<f8", numpy.ones((3, 0))), ["dimension 1 is 0"])
        self.refused("one.npy", samples.npy("<f8", numpy.array(1.0)), ["single value", "rows"])
        self.refused("none.idx", b"\0\0\x08\0", ["dimensions", "expected"])
        self.refused("zero.idx", b"\0\0\x08\2" + bytes(8), ["dimension 0 is 0"])

    def test_lies(self):
        """Headers that promise what is not there, up to the absurd: promise and truth."""
        numpy = harness.need("numpy")
        x = numpy.ones((2, 3))
        head = samples.npy("<f8", x)
        huge = head.replace(b"(2, 3), }" + b" " * 12, b"(1099511627776, 3), }")
        beyond = head.replace(b"(2, 3), }" + b" " * 19, b"(18446744073709551616, 3), }")
        self.assertEqual({len(head)}, {len(huge), len(beyond)})
        promised = 128 + 8 * 3 * 2**40
        self.refused("huge.npy", huge, ["promises", promised, len(head)])
        self.refused("beyond.npy", beyond, ["18446744073709551616"])
        self.refused("minus.npy", head.replace(b"(2, 3)", b"(-2,3)"), ["'-'", "expected"])
        dims = struct.pack(">2I", 2**32 - 1, 2**32 - 1)
        self.refused("huge.idx", b"\0\0\x08\2" + dims + bytes(88), ["promises", "100"])
        self.refused("many.idx", b"\0\0\x08\xff" + b"\1" * 1020, ["promises", "1024"])
        self.refused("cut.npy", head[:-1], ["truncated", len(head), len(head) - 1])
        self.refused("long.npy", head + b"\0", ["too long", len(head)])
        npz = samples.npz("savez", x)
        size = npz.index(b"PK\1\2") + 24  # uncompressed, in the directory
        lie = npz[:size] + struct.pack("<I", 2**31) + npz[size + 4 :]
        self.refused("lie.npz", lie, ["array 'x'", "promises", 2**31])

    def test_no_numbers(self):
        """Arrays of what is no number, and several arrays: the type or the names."""
        numpy = harness.need("numpy")
        cases = [
            (numpy.array([{}], object), ["Python objects", "expected"]),
            (numpy.array(["x", "y"]), ["'<U1'", "texts", "expected"]),
            (numpy.ones(3, complex), ["'<c16'", "complex", "expected"]),
            (numpy.zeros(3, [("p", "f8"), ("q", "f8")]), ["fields", "expected numbers"]),
            (numpy.zeros(3, "M8[s]"), ["expected"]),
        ]
        for array, says in cases:
            file, archive = io.BytesIO(), io.BytesIO()
            numpy.save(file, array, allow_pickle=True)
            numpy.savez(archive, some=array)
            self.refused("array.npy", file.getvalue(), says)
            self.refused("array.npz", archive.getvalue(), ["array 'some'", *says])
        two = io.BytesIO()
        numpy.savez(two, one=numpy.ones(3), two=numpy.ones(3))
        says = ["one, two", "data.dataset"]
        self.refused("two.npz", two.getvalue(), says, status=CONFIG)

    def test_bad_tables(self):
        """Ragged lines, quotes, bytes that are no text: the line, and what was expected of it."""
        cases = {
            b"a,b\n1,2\n3\n": ["line 3 has 1 cell", "first line has 2"],
            b"a,b\n1,2\n3,4,5\n": ["line 3 has 3 cells", "first line has 2"],
            b"a,b\n1,2\n\n3,4\n": ["line 3 has 1 cell", "first line has 2"],
            b"a,b\r1,2\r3\r": ["line 3 has 1 cell"],
            b"a,b\n1,5,2,5\n": ["line 2 has 4 cells", "first line has 2"],
            b'a,b\n1,2\n3,"4\n5,6\n': ["line 3", "quote is not closed"],
            b'a,b\n1,2\n3,"4"5\n': ["line 3", "text follows"],
            b"a,b\n1,2\n3,\0\n": ["byte 0 at offset 10", "UTF-8"],
            "a,b\n1,2\n".encode("utf-16"): ["starts with ff fe 61 00", "UTF-8"],
            "a,b\n1,2\n".encode("utf-16-be"): ["byte 0 at offset 0", "UTF-8"],
            "a,b\n1,2\n3,é\n".encode("latin-1"): ["line 3", "0xe9", "offset 10", "UTF-8"],
            b"," * MIB: [f"line 1 has more than the {MIB} cells"],
            b"x" * MIB: ["has a header and no rows"],
            b"a;b\n1,5;2,5\n": ["line 2, column 'a'", "'1,5' is no number (expected a decimal point)"],
            b'a,b\n"1,5","2,5"\n': ["line 2, column 'a'", "'1,5' is no number (expected a decimal point)"],
            b"1 2\n3 4\n": ["'3 4' is no number (expected commas"],
            b"a;b\nx,y;z\n": ["'x,y' is no number, nor"],
            b"a,b\n1,2\n1e999,3\n": ["line 3, column 'a'", "'1e999'", "not finite"],
            b"1,2\n3,\n": ["line 2, column 1 (from 0)", "missing"],
            b"a,\n1,\n2,\n": ["line 2, column 1 (from 0)", "missing", "2 such values"],
            b'"a\nb",c\n1,1\n,2\n': [r"line 4, column 'a\x0ab'", "missing"],
            b'a\n"x\ty"\n': [r"'x\x09y' is no number"],
        }
        for content, says in cases.items():
            with self.subTest(content[:40]):
                self.refused("bad.csv", content, says)

    def test_bad_columns(self):
        """Columns that hold text or are not there: line, column and cell, or what there is."""
        mixed = b"a,b\n1,2\n3,4\n0x10,x\n"
        self.refused("mixed.csv", mixed, ["line 4, column 'b'", "'x'"], {"columns": ["b"]})
        self.refused("mixed.csv", mixed, ["line 4, column 'a'", "'0x10'"], {"columns": [0]})
        for column, says in (("c", ["'c'", "a, b"]), (2, ["2", "0 to 1"])):
            said = ["data.columns", *says]
            self.refused("mixed.csv", mixed, said, {"columns": [column]}, status=CONFIG)
        array = samples.npy("<f8", samples.table())
        keys = {"columns": [4]}
        self.refused("x.npy", array, ["data.columns", "4", "0 to 3"], keys, status=CONFIG)

    def test_bad_labels(self):
        """Label files that do not fit: both counts, or the columns; a bad label's place."""
        numpy = harness.need("numpy")
        labels = {
            "four.csv": (b"kind\n1\n2\n3\n4\n", ["data.labels", "4 rows", "has 6"]),
            "seven.idx": (harness.idx(numpy.ones(7, "u1")), ["7 rows", "has 6"]),
            "wide.csv": (b"p,q\n" + b"1,2\n" * 6, ["2 columns", "data.labels", "one"]),
            "wide.npy": (samples.npy("u1", numpy.ones((6, 2))), ["2 columns", "one"]),
            "hole.csv": (b"kind\n1\n2\n?\n1\n1\n2\n", ["line 4", "'?'", "missing"]),
            "nan.npy": (samples.npy("f8", [0, 1, numpy.nan, 0, 1, 1]), ["row 2", "nan"]),
            "none.csv": (None, ["No such file"]),
            "cut.gz": (gzip.compress(b"kind\n1\n2\n")[:-3], ["truncated"]),
        }
        data = self.write("x.npy", samples.npy("<f8", samples.table()))
        for name, (content, says) in labels.items():
            if content is not None:
                self.write(name, content)
            self.write("sweep.yaml", plain_config(data, {"labels": name}))
            [run] = POOL.starmap(measured, [(self.dir, "plan", "sweep.yaml")])
            with self.subTest(name):
                self.check_run(run, name, 0, (DATA,), name)
                for text in says:
                    self.assertIn(text, run.said)

    def bomb(self, name, head, piece):
        """A gzip file, in many members, of the head and a GiB of the piece, which is a MiB."""
        parts = gzip.compress(head), gzip.compress(piece)
        return self.write(name, parts[0] + 1024 * parts[1])

    def test_bombs(self):
        """A GiB in a few MiB: stopped by the header's promise, an unknown kind or run.memory."""
        limit = ("--set", "run.memory=40M")
        self.bomb("zeros.gz", b"", bytes(MIB))
        self.refused("zeros.gz", says=["unknown format"])
        self.bomb("short.gz", b"\0\0\x08\1\0\0\0\4", bytes(MIB))
        self.refused("short.gz", says=["too long", "promises 12 bytes"])
        self.bomb("long.gz", b"\0\0\x08\1\x40\0\0\0", bytes(MIB))
        self.refused("long.gz", says=["bytes allowed"], args=limit, status=CONFIG)
        self.bomb("table.gz", b"", b"0,0\n" * (MIB // 4))
        self.refused("table.gz", says=["bytes allowed"], args=limit, status=CONFIG)
        for shape, status, args in ((4, DATA, ()), (2**30, CONFIG, limit)):
            head = samples.npy("u1", [])
            head = head.replace(b"(0,), }" + b" " * 9, f"({shape},), }}".encode().ljust(16))
            with zipfile.ZipFile(self.dir / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
                with archive.open("x.npy", "w") as out:
                    out.write(head)
                    for _ in range(1024):
                        out.write(bytes(MIB))
            self.refused("bomb.npz", says=["array 'x'"], args=args, status=status)


if __name__ == "__main__":
    # Forked before the judges are imported: a process counts its parent's memory as its own peak.
    with multiprocessing.get_context("fork").Pool(N_PROCESSES) as POOL:
        harness.main()
