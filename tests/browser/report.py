"""Reports in a headless Chromium: nothing is said on the console or asked of a network, no width makes
the page scroll sideways, and the table of fits can be sorted and filtered. Needs the program
chromium.

    make check-browser
"""
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "cli" / "lib")]
import chromium
import harness

DESKTOP, PHONE = 1280, 390
OPENS_WITHIN_S = 10  # a page of 10,000 fits, on a machine that is busy with other work
ROWS = "[...document.querySelectorAll('#fits-table tbody tr')]"
SHOWN = f"{ROWS}.filter(row => row.offsetParent !== null)"
COLUMN = "[...document.querySelectorAll('#fits-table thead th')].findIndex(th => th.dataset.name === '%s')"


class Reports(harness.Case):
    def setUp(self):
        super().setUp()
        self.browser = chromium.Browser()
        self.addCleanup(self.browser.close)

    def page(self, data, **sections):
        out = self.sweep(data, **sections)
        self.gmmsweep("report", out)
        return out / "report.html"

    def table_page(self):
        sweep = {"method": ["em", "kmeans"], "components": [1, 2, 10], "restarts": 2,
                 "covariance": harness.families(), "init": ["kmeans++"]}  # fmt: skip
        return self.page({"path": harness.IRIS, "labels": "Species"}, sweep=sweep)

    def opened(self, path, **how):
        """Opens the page; it must say nothing and ask for nothing."""
        self.browser.open(path, **how)
        self.assertEqual(self.browser.said, [])
        asked = [url for url in self.browser.requests if not url.startswith("data:")]
        self.assertEqual(asked, [path.resolve().as_uri()])

    def column(self, name):
        """The texts of a column of the table of fits, of the rows that are shown."""
        place = COLUMN % name
        return self.browser.value(f"{SHOWN}.map(row => row.cells[{place}].textContent)")

    def click(self, name):
        heading = f"document.querySelectorAll('#fits-table thead th')[{COLUMN % name}]"
        self.browser.value(f"{heading}.querySelector('button').click()")
        return self.browser.value(f"{heading}.getAttribute('aria-sort')")

    def test_widths(self):
        """On a desktop and on a phone, light and dark: all of the page stands within its width, and
        every picture has been decoded."""
        digits = {"path": harness.DIGITS, "limit": 200, "pool": 2, "scale": 255}
        images = self.page(digits, output="images", em={"max_iter": 3, "ridge": 0.01})
        for path in (self.table_page(), images):
            colours = set()
            for width in (DESKTOP, PHONE):
                for dark in (False, True):
                    self.opened(path, width=width, dark=dark)
                    wide = self.browser.value("document.documentElement.scrollWidth")
                    self.assertLessEqual(wide, width)
                    look = "getComputedStyle(document.body).backgroundColor"
                    colours.add(self.browser.value(look))
                    decoded = "[...document.images].every(i => i.complete && i.naturalWidth > 0)"
                    self.assertTrue(self.browser.value(decoded))
            self.assertEqual(len(colours), 2)
        self.assertGreater(self.browser.value("document.images.length"), 4)

    def test_sort(self):
        """A click on a heading sorts by numbers or texts, another one the other way round; rows
        without a value come last."""
        self.opened(self.table_page())
        for name in ("bic", "iterations", "k"):
            self.assertEqual(self.click(name), "ascending")
            values = [float(text) for text in self.column(name) if text]
            self.assertEqual(values, sorted(values), name)
            self.assertEqual(self.click(name), "descending")
            values = [float(text) for text in self.column(name) if text]
            self.assertEqual(values, sorted(values, reverse=True), name)
        self.click("bic")
        texts = self.column("bic")
        self.assertEqual(texts[-1], "")
        self.assertEqual(self.column("method")[-1], "kmeans")
        self.click("fit")
        self.assertEqual(self.column("fit"), sorted(self.column("fit")))
        sorted_by = self.browser.value("document.querySelectorAll('[aria-sort]').length")
        self.assertEqual(sorted_by, 1)
        self.assertEqual(self.browser.said, [])

    def test_filter(self):
        """Lists and the box of words leave the rows that fit all of them, and say how many."""
        self.opened(self.table_page())
        n = self.browser.value(f"{ROWS}.length")
        self.assertEqual(len(self.column("fit")), n)

        def set_to(name, value):
            form = "document.getElementById('filter')"
            self.browser.value(
                f"{form}.elements['{name}'].value = '{value}';"
                f"{form}.elements['{name}'].dispatchEvent(new Event('input', {{bubbles: true}}))"
            )

        def said():
            return self.browser.value("document.getElementById('filter-said').textContent")

        set_to("covariance", "full")
        self.assertEqual(set(self.column("covariance")), {"full"})
        set_to("k", "10")
        self.assertEqual(set(self.column("k")), {"10"})
        shown = len(self.column("fit"))
        self.assertEqual(said(), f"{shown} of {n} rows")
        set_to("word", "R001")
        self.assertEqual(len(self.column("fit")), shown // 2)
        set_to("word", "no such")
        self.assertEqual(self.column("fit"), [])
        for name in ("covariance", "k"):
            set_to(name, "all")
        set_to("word", "")
        self.assertEqual(said(), f"{n} of {n} rows")
        self.assertEqual(self.browser.said, [])

    def test_without_script(self):
        """Where no script runs, all is there but what needs it."""
        path = self.table_page()
        self.browser.call("Emulation.setScriptExecutionDisabled", value=True)
        self.opened(path)
        self.assertEqual(len(self.column("fit")), self.browser.value(f"{ROWS}.length"))
        self.assertEqual(self.browser.value("document.querySelectorAll('th button').length"), 0)
        self.assertTrue(self.browser.value("document.getElementById('filter').offsetParent === null"))

    def test_ten_thousand(self):
        """The page of ten thousand fits opens quickly, and prints."""
        sweep = {"components": [2, 3, 4, 5, 6], "restarts": 500, "init": "points",
                 "covariance": harness.families()}  # fmt: skip
        data = {"path": harness.FAITHFUL, "limit": 60}
        path = self.page(data, sweep=sweep, em={"max_iter": 2})
        since = time.monotonic()
        self.opened(path)
        self.assertLess(time.monotonic() - since, OPENS_WITHIN_S)
        pdf = self.browser.call("Page.printToPDF", transferMode="ReturnAsStream")
        self.assertIn("stream", pdf)


if __name__ == "__main__":
    harness.main()
