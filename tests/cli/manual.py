"""The manual page, the completion of bash and `make install`: they follow from the tables that the
program itself goes by."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

INCLUDE, SRC = harness.ROOT / "include", harness.ROOT / "src"
COMPLETION = SRC / "completion.bash"
ESCAPES = {r"\-": "-", r"\(aq": "'", r"\(ga": "`", r"\(ha": "^", r"\(ti": "~", r"\(dq": '"',
           r"\e": "\\"}  # fmt: skip


def rows(table, macro):
    """The words in front of the first text of each row of a table, and that text."""
    text = (INCLUDE / table).read_text()
    return re.findall(rf'^{macro}\(([^"\n]*?),? *"([^"]*)"', text, re.M)


class Manual(harness.Case):
    def page(self):
        return self.gmmsweep("help", "--man").stdout

    def shown(self):
        """The words of the page without what is said to roff."""
        text = re.sub(r"^\.(?:br|TP|nh|ad l)$", "", self.page(), flags=re.M)
        text = re.sub(r"\\f[BIR]|\\&|^\.S[HS] ", "", text, flags=re.M)
        for roff, plain in ESCAPES.items():
            text = text.replace(roff, plain)
        return " ".join(text.split())

    # --- the page

    def test_lint(self):
        """groff and mandoc, where they are, have nothing to say against the page."""
        for lint in (["groff", "-man", "-ww", "-z"], ["mandoc", "-Tlint", "-W", "warning"]):
            if shutil.which(lint[0]):
                done = subprocess.run(lint, input=self.page(), capture_output=True, text=True)
                self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_page_has_all(self):
        """Every command, option, config key, family, initialiser and exit code is in the page, with
        the words of its table."""
        shown = self.shown()
        meanings = {
            table: re.findall(r'"((?:[^"\\]|\\.)*)"\)$', (INCLUDE / table).read_text(), re.M)
            for table in ("options.def", "params.def", "families.def", "inits.def", "status.def",
                          "manual.def")
        }  # fmt: skip
        for table, texts in meanings.items():
            self.assertGreater(len(texts), 3, table)
            for text in texts:
                self.assertIn(" ".join(text.split()), shown, table)
        for command in harness.commands():
            self.assertIn(f"gmmsweep {command} [options]", shown)
        for key in harness.params():
            self.assertIn(f" {key} ", shown)
        for _, name in rows("manual.def", "MANUAL"):
            self.assertIn(name, shown)
        for place, _ in rows("status.def", "STATUS"):
            self.assertIn(f" {place.split()[-1]} ", shown.split("EXIT STATUS")[1])

    def test_page_has_only_what_is(self):
        """The environment variables of the page are those that the sources read, its signals those
        that they catch."""
        sources = "".join(path.read_text() for path in sorted(SRC.rglob("*.c")))
        read = set(re.findall(r'(?:machine_env|getenv|env_number)\("(\w+)"', sources))
        told = {place.strip(): [] for place, _ in rows("manual.def", "MANUAL")}
        for place, names in rows("manual.def", "MANUAL"):
            told[place] += names.split(", ")
        self.assertEqual(sorted(told["ENVIRONMENT"]), sorted(read))
        caught = re.search(r"signals\[\] = \{(.*?)\}", (SRC / "watch.c").read_text()).group(1)
        self.assertEqual(told["SIGNALS"], caught.split(", "))

    # --- completion

    def complete(self, *words):
        """What bash would offer for the last word, where the others stand before it."""
        script = f"""
            . {COMPLETION}
            COMP_WORDS=("$@")
            COMP_CWORD=$(($# - 1))
            _gmmsweep "$1" "${{@: -1}}" "${{@: -2:1}}"
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        line = ["bash", "--norc", "-c", script, "bash", harness.PROGRAM, *words]
        done = subprocess.run(line, capture_output=True, text=True, cwd=self.dir)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_completion_of_commands(self):
        """The first word is a command, and so is the one behind help."""
        commands = harness.commands()
        self.assertEqual(self.complete(""), commands)
        self.assertEqual(self.complete("help", ""), commands)
        self.assertEqual(self.complete("par"), ["params"])
        self.assertEqual(self.complete("xyz"), [])

    def test_completion_of_options(self):
        """Behind a command come exactly the options that its help lists."""
        for command in harness.commands():
            text = self.gmmsweep(command, "--help").stdout.split("Options:")[1]
            listed = re.findall(r"^ +(?:-., )?(--[\w-]+)", text, re.M)
            self.assertGreaterEqual(len(listed), 4)
            self.assertEqual(self.complete(command, "--"), listed, command)
            self.assertEqual(self.complete(command, "x", "-"), listed, command)
        self.assertEqual(self.complete("run", "--th"), ["--threads"])
        self.assertEqual(self.complete("nosuch", "--"), [])

    def test_completion_of_values(self):
        """Values: one of the choices, a config key; a file elsewhere, which is bash's affair."""
        criteria = ["bic", "aic", "icl", "loglik", "heldout"]
        self.assertEqual(self.complete("show", "x", "--by", ""), criteria)
        self.assertEqual(self.complete("show", "--by", "=", "a"), ["aic"])
        self.assertEqual(self.complete("show", "--by", "="), criteria)
        self.assertEqual(self.complete("show", "--family", "t"), ["tied"])
        keys = [f"{key}=" for key in harness.params()]
        self.assertEqual(self.complete("run", "--set", ""), keys)
        self.assertEqual(self.complete("run", "--set", "em.to"), ["em.tol="])
        for words in (["run", ""], ["run", "--output", ""], ["slurm", "-o", ""], ["run", "-v", "s"]):
            self.assertEqual(self.complete(*words), [], words)

    def test_completion_of_fits(self):
        """--fit is completed by the fits of the result file or folder that stands in the line."""
        self.gmmsweep("run", "-q", self.config(self.sweep_config(harness.IRIS)))
        names = [f"diag-k00{k}-kmeans++-r00{r}" for k in (2, 3) for r in (0, 1)]
        for target in ("out", "out/sweep.h5"):
            offered = self.complete("predict", target, "new.csv", "--fit", "")
            self.assertEqual(sorted(offered), names)
        self.assertEqual(sorted(self.complete("predict", "out", "--fit", "diag-k003")), names[2:])
        self.assertEqual(self.complete("predict", "--fit", ""), [])

    # --- install

    def test_install(self):
        """make install puts everything under PREFIX; what is installed works from there."""
        build = os.path.relpath(pathlib.Path(harness.PROGRAM).parent, harness.ROOT)
        places = [f"BUILD={build}", f"DESTDIR={self.dir}", "PREFIX=/usr"]
        words = ["make", "-C", harness.ROOT, "install", *places]
        done = subprocess.run(words, capture_output=True, text=True, env=harness.environment())
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        share = self.dir / "usr" / "share"
        page = (share / "man" / "man1" / "gmmsweep.1").read_text()
        self.assertEqual(page, self.page())
        installed = (share / "bash-completion" / "completions" / "gmmsweep").read_bytes()
        self.assertEqual(installed, COMPLETION.read_bytes())
        readme = (share / "doc" / "gmmsweep" / "README.md").read_bytes()
        self.assertEqual(readme, (harness.ROOT / "README.md").read_bytes())
        version = subprocess.run([self.dir / "usr/bin/gmmsweep", "--version"], capture_output=True)
        self.assertEqual(version.returncode, 0)


if __name__ == "__main__":
    harness.main()
