"""The machine that the figures are of. To be imported before numpy: it says how many threads the
peers get, which is as many as this process may use cores."""
import datetime
import os
import pathlib
import platform
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli" / "lib"))
import harness

CORES = len(os.sched_getaffinity(0))
THREADS = {"OMP_NUM_THREADS": str(CORES), "OPENBLAS_NUM_THREADS": str(CORES)}
os.environ.update(THREADS)
os.environ.pop("OMP_WAIT_POLICY", None)  # harness chose it; every program shall have its default

try:
    import h5py
    import numpy as np
except ImportError as error:
    sys.exit(f"bench: {error}; on Debian: apt install python3-numpy python3-h5py")

DGEMM_SIZE = 2000


def dgemm_flops_per_s(n_tries=8):
    """Best rate of numpy's matrix product, with all threads."""
    a = np.random.default_rng(0).standard_normal((DGEMM_SIZE, DGEMM_SIZE))
    best_s = float("inf")
    for _ in range(n_tries):
        began = time.perf_counter()
        a @ a
        best_s = min(best_s, time.perf_counter() - began)
    return 2 * DGEMM_SIZE**3 / best_s


def cpu():
    """Model name of the first processor."""
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def blas():
    """The BLAS library that numpy has loaded."""
    maps = pathlib.Path("/proc/self/maps").read_text().split()
    names = {pathlib.Path(p).resolve().name for p in maps if p.startswith("/") and "blas" in p}
    return " ".join(sorted(names)) or "unknown"


def blas_core():
    """The CPU whose kernels OpenBLAS has taken, as scikit-learn's own library tells it."""
    try:
        import threadpoolctl
    except ImportError:
        return "unknown"
    infos = threadpoolctl.threadpool_info()
    return " ".join(sorted({i.get("architecture", "unknown") for i in infos})) or "unknown"


def sklearn_version():
    """scikit-learn's version, or None where it cannot be imported."""
    try:
        import sklearn.mixture
    except ImportError:
        return None
    return sklearn.__version__


def describe():
    """What is to be known of the machine and the programs: name -> text."""
    ours = subprocess.run([harness.PROGRAM, "--version"], capture_output=True, text=True)
    return {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "host system": platform.platform(),
        "cpu": cpu(),
        "cores": str(CORES),
        "load before": f"{os.getloadavg()[0]:.2f}",
        "gmmsweep": ours.stdout.strip().removeprefix("gmmsweep "),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": blas(),
        "blas kernels": blas_core(),
        "h5py": h5py.__version__,
        "scikit-learn": sklearn_version() or "missing",
    }
