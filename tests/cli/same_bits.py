"""Promise 2: the numbers of a fit do not depend on threads, on other fits, or on their order."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import harness

SMALL_DIGITS = {
    "path": harness.DIGITS,
    "labels": harness.DIGIT_LABELS,
    "limit": 700,
    "pool": 7,
    "scale": 255,
}
INITS = ["kmeans++", "points"]
EM = {"floor": 1e-2, "max_iter": 12}


class SameBits(harness.Case):
    def setUp(self):
        super().setUp()
        self.every = {
            "components": [3, 6],
            "covariance": harness.families(),
            "init": harness.initialisers(),
            "restarts": 2,
        }
        self.n_kinds = len(self.every["covariance"]) * len(self.every["init"])

    def compare_fits(self, one, other):
        """Every fit that both results have is the same to the last bit; returns how many."""
        common = set(one.names) & set(other.names)
        for fit in sorted(common):
            self.assertEqual(harness.fit_bits(one, fit), harness.fit_bits(other, fit), fit)
        return len(common)

    def test_threads(self):
        """content_sha256 is the same for 1, 2, 3 and 7 threads, on data of one lane and of nine."""
        x, _ = harness.blobs(1, n=9000)
        sets = {
            "one-lane": SMALL_DIGITS,
            "nine-lanes": {"path": self.write_csv("nine-lanes.csv", x)},
        }
        for name, data in sets.items():
            content = set()
            for threads in (1, 2, 3, 7):
                out = self.sweep(
                    data, f"{name}-{threads}", ["--threads", threads], sweep=self.every, em=EM
                )
                result = harness.Result(out)
                self.assertEqual(list(result.provenance["threads"]), [str(threads)])
                content.add(result.content)
            self.assertEqual(len(content), 1, name)

    def test_memory(self):
        """A smaller run.memory lets fewer fits go on at once, and changes no bit of any."""
        x, _ = harness.blobs(3, n=600, n_features=24, n_blobs=8)
        data = {"path": self.write_csv("budget.csv", x)}
        sweep = {"components": [60], "covariance": ["full"], "init": "points", "restarts": 8}
        em = {**EM, "max_iter": 2}

        def planned(memory):
            run = {"memory": harness.Plain(memory), "threads": 2}
            config = self.config(self.sweep_config(data, sweep=sweep, em=em, run=run))
            return json.loads(self.gmmsweep("plan", config, "--json").stdout)[0]

        budgets = {planned("16G")["fits_at_once"]: "16G"}
        need = planned("16G")["memory_bytes"]
        for share in (0.98, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7):
            memory = f"{int(share * need / 2**20)}M"
            try:
                budgets.setdefault(planned(memory)["fits_at_once"], memory)
            except AssertionError:  # refused: not even one fit goes
                break
        self.assertGreater(len(budgets), 2, budgets)
        content = set()
        for at_once, memory in budgets.items():
            run = {"memory": harness.Plain(memory), "threads": 2}
            out = self.sweep(data, f"budget-{at_once}", sweep=sweep, em=em, run=run)
            content.add(harness.Result(out).content)
        self.assertEqual(len(content), 1, budgets)

    def test_company(self):
        """A fit that runs alone has the bits that it has among others of all kinds."""
        many = harness.Result(self.sweep(SMALL_DIGITS, "many", sweep=self.every, em=EM))
        self.assertEqual(len(many.names), 4 * self.n_kinds)
        n_common = 0
        for i, covariance in enumerate(self.every["covariance"]):
            for init in {INITS[i % 2], self.every["init"][-1 - i]}:
                alone = {"components": 6, "covariance": covariance, "init": init, "restarts": 1}
                out = self.sweep(SMALL_DIGITS, f"{covariance}-{init}", sweep=alone, em=EM)
                one = harness.Result(out)
                self.assertEqual(len(one.names), 1)
                n_common += self.compare_fits(one, many)
        self.assertGreaterEqual(n_common, len(self.every["covariance"]))

    def test_order(self):
        """The order of the config's lists moves fits in the file and changes none."""
        given = harness.Result(self.sweep(SMALL_DIGITS, "given", sweep=self.every, em=EM))
        turned = {k: v[::-1] if isinstance(v, list) else v for k, v in self.every.items()}
        other = harness.Result(self.sweep(SMALL_DIGITS, "turned", sweep=turned, em=EM))
        self.assertNotEqual(given.names, other.names)
        self.assertEqual(self.compare_fits(given, other), 4 * self.n_kinds)

    def test_one_degenerate_fit(self):
        """A fit that ends degenerate leaves the bits of the others alone (promise 5)."""
        x, _ = harness.blobs(3, n=40, n_features=2)
        data = self.write_csv("few.csv", x)
        em = {"floor": 0.0, "redraws": 1}
        sweep = {"components": [2, 40], "init": "points", "restarts": 2}
        mixed = harness.Result(self.sweep(data, "mixed", sweep=sweep, em=em))
        self.assertIn("degenerate", set(mixed.fits["status"]))
        sound = harness.Result(
            self.sweep(data, "sound", sweep={**sweep, "components": 2}, em=em)
        )
        self.assertNotIn("degenerate", set(sound.fits["status"]))
        self.assertEqual(self.compare_fits(sound, mixed), 2)

    def test_seed(self):
        """Another seed gives other starts: equal bits above are no accident of equal fits."""
        one, other = (
            harness.Result(
                self.sweep(SMALL_DIGITS, f"seed{seed}", sweep={**self.every, "seed": seed}, em=EM)
            )
            for seed in (1, 2)
        )
        self.assertEqual(one.names, other.names)
        for fit in one.names:
            self.assertNotEqual(
                one.models[fit]["means"].tobytes(), other.models[fit]["means"].tobytes(), fit
            )
            self.assertNotEqual(one.row(fit)["id"], other.row(fit)["id"], fit)


if __name__ == "__main__":
    harness.main()
