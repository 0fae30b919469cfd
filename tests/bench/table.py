"""The table on stdout and the same figures in results/bench/*.tsv."""
import statistics

from machine import CORES, harness

RESULTS = harness.ROOT / "results" / "bench"

COLUMNS = [  # key in a line, heading, width; texts are left-aligned
    ("data", "data", -30), ("shape", "rows x features", 15), ("k", "K", 3),
    ("family", "family", -9), ("peer", "against", -12), ("theirs_ms", "theirs ms", 9),
    ("ours_ms", "ours ms", 9), ("ratio", "ratio", 7), ("spread", "min..max", 13),
    ("at_least", "asked", 6), ("difference", "traces", 8), ("threads", f"1:{CORES}", 5),
    ("peak", "peak", 5), ("memory", "MiB", 8), ("note", "", -1),
]  # fmt: skip

LEGEND = f"""\
theirs, ours: milliseconds per EM iteration from the same start, medians; ours by {CORES} threads
ratio: theirs over ours, median and range over the rounds; asked: what it is to be on the whole data
traces: largest relative difference of log-likelihoods (of Armadillo, the last one)
1:{CORES}: our time with 1 thread over that with {CORES}; peak: our dense flops over DGEMM's
MiB: our peak memory without the data, over what we want it to stay under
"""


def cell(text, width):
    return f"{text:<{-width}}" if width < 0 else f"{text:>{width}}"


def show(line):
    """Prints a line of the table."""
    cells = (cell(line.get(key, ""), width) for key, _, width in COLUMNS)
    print(" ".join(cells).rstrip(), flush=True)


def show_head(about):
    """Prints what the figures are of, what the columns mean, and their headings."""
    for name, text in about.items():
        print(f"{name}: {text}")
    print(f"\n{LEGEND}")
    show({key: heading for key, heading, _ in COLUMNS})


def number(value, digits=3):
    """A number as people write it, with so many significant digits."""
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"


def ratio_cells(theirs, ours, at_least):
    """The cells on two programs' times, taken in turn."""
    ratios = [a / b for a, b in zip(theirs, ours)]
    return {
        "theirs_ms": number(1e3 * statistics.median(theirs)),
        "ratio": number(statistics.median(ratios)) + "x",
        "spread": f"{number(min(ratios))}..{number(max(ratios))}",
        "at_least": f"{at_least}x" if at_least else "",
    }


def write(name, rows):
    """Writes rows, dictionaries of the same keys, as results/bench/NAME.tsv."""
    if not rows:
        return
    RESULTS.mkdir(parents=True, exist_ok=True)
    keys = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["\t".join(keys)] + ["\t".join(str(row.get(k, "")) for k in keys) for row in rows]
    (RESULTS / f"{name}.tsv").write_text("\n".join(lines) + "\n")
