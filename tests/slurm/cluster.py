"""A private Slurm of one node for tests: munged, slurmctld and slurmd on loopback, with all their
files in one folder; no system service is touched. Needs Debian's slurm-wlm and munge.

    with cluster.Cluster(folder) as slurm:
        job = slurm.run("sbatch", "--parsable", script).strip()
        slurm.wait(lambda: slurm.state(job) == "COMPLETED", 60, "the job's end")
"""
import contextlib
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATH = os.environ.get("PATH", os.defpath) + ":/usr/sbin"  # where Debian keeps daemons
OPTIONS = ("SLURM", "SBATCH", "SRUN", "SQUEUE", "SCANCEL")  # variables that act as options
START_S = 60  # for what takes a second on an idle machine
STOP_S = 30  # well above KillWait, after which a job that ignores SIGTERM is killed
POLL_S = 0.2
TAIL_LINES = 30

# cred_expire: seconds until a requeued job starts again (reason BeginTime). Slurm takes 5 or more;
# after a node's failure processes of the first run live for another KillWait, and a second run that
# finds them is held, so it must be well above KillWait.
# config_overrides: the node has the CPUs and the memory named here, whatever the machine has.
# MinJobAge: how long ended jobs stay visible.
CONF = """
ClusterName=local
SlurmctldHost=localhost
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket={folder}/munge.sock,cred_expire=10
KillWait=5
MinJobAge=3600
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
ReturnToService=2
NodeName=localhost CPUs=2 RealMemory=16000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class ClusterError(Exception):
    pass


def missing():
    """The daemons that this machine lacks."""
    return [name for name in ("munged", "slurmctld", "slurmd") if not shutil.which(name, path=PATH)]


def free_ports(n):
    with contextlib.ExitStack() as stack:
        servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
        return [stack.enter_context(server).getsockname()[1] for server in servers]


class Cluster:
    """Runs while the `with` block does. `folder` is there, empty, and its path short and without
    blanks: a socket's path has at most 107 bytes."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.daemons = {}  # name -> Popen, in order of start
        kept = {k: v for k, v in os.environ.items() if not k.startswith(OPTIONS)}
        self.env = {**kept, "PATH": PATH, "SLURM_CONF": f"{self.folder}/slurm.conf"}

    def __enter__(self):
        # SIGTERM, which `timeout` sends, must not skip __exit__.
        self.old_handler = signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        conf = CONF.format(folder=self.folder, user=self.user, ports=free_ports(2))
        (self.folder / "slurm.conf").write_text(conf)
        (self.folder / "state").mkdir()
        (self.folder / "munge.key").touch(0o600)
        (self.folder / "munge.key").write_bytes(os.urandom(1024))
        files = [f"--{kind}-file=munge.{kind}" for kind in ("key", "seed", "pid", "log")]
        # --force: else it runs neither as root nor in a folder that others may write.
        self.spawn("munged", "--foreground", "--force", "--socket=munge.sock", *files)
        self.wait((self.folder / "munge.sock").exists, START_S, "munged's socket")
        self.spawn("slurmctld", "-D")
        self.spawn("slurmd", "-D", "-N", "localhost")
        ask = ("scontrol", "-o", "show", "node")
        self.wait(lambda: " State=IDLE " in self.run(*ask, check=False), START_S, "an idle node")

    def spawn(self, *command):
        with open(self.folder / f"{command[0]}.out", "wb") as out:
            options = {"stdout": out, "stderr": out, "stdin": subprocess.DEVNULL}
            options |= {"env": self.env, "cwd": self.folder, "start_new_session": True}
            self.daemons[command[0]] = subprocess.Popen(command, **options)

    def run(self, *args, check=True, **options):
        """The standard output of a command in this environment. Raises if it fails and `check`."""
        done = subprocess.run(args, env=self.env, capture_output=True, text=True, **options)
        if check and done.returncode:
            raise ClusterError(f"{args} exited {done.returncode}: {done.stderr}")
        return done.stdout

    def wait(self, predicate, timeout_s, what):
        """Waits until `predicate` is true. Raises after `timeout_s`, or when a daemon ended."""
        end = time.monotonic() + timeout_s
        while not predicate():
            if ended := self.ended():
                raise ClusterError(f"{ended} ended before {what}\n{self.diagnosis()}")
            if time.monotonic() > end:
                raise ClusterError(f"{what}: not within {timeout_s} s\n{self.diagnosis()}")
            time.sleep(POLL_S)

    def ended(self):
        """Names of the daemons that ended on their own."""
        return [name for name, daemon in self.daemons.items() if daemon.poll() is not None]

    def states(self, job):
        """Id -> state, as {"7_1": "RUNNING"}, of a job, a task or all of an array, ended or not."""
        lines = self.run("squeue", "-h", "-r", "-t", "all", "-j", job, "-o", "%i %T").splitlines()
        return dict(line.split() for line in lines)

    def state(self, job):
        """The state of a job, as "7", or of an array's task, as "7_1"."""
        return self.states(job)[job]

    def field(self, job, name):
        """A value without blanks, as Restarts, from `scontrol show job` of a job or a task."""
        return re.search(rf"\b{name}=(\S*)", self.run("scontrol", "show", "job", job))[1]

    def diagnosis(self):
        queue = self.run("squeue", "-r", "-t", "all", check=False)
        lines = [f"processes: {self.processes()}", f"squeue:\n{queue}"]
        outs = [self.folder / f"{name}.out" for name in self.ended()]
        for path in [*self.folder.glob("slurm*.log"), *outs]:
            lines.append(f"\n{path.name}:")
            lines += path.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        return "\n".join(lines)

    def processes(self):
        """Pid -> name of the cluster's processes, its jobs' included: SLURM_CONF marks them."""
        mark, found = f"SLURM_CONF={self.env['SLURM_CONF']}".encode(), {}
        for proc in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it ended, or is not ours
                if mark in (proc / "environ").read_bytes().split(b"\0"):
                    found[int(proc.name)] = (proc / "comm").read_text().strip()
        return found

    def stop(self):
        """Ends the jobs, then the daemons. Kills what outlives that, and raises."""
        try:
            if "slurmd" in self.daemons and not self.ended():
                self.run("scancel", "--user", self.user)
                self.wait(lambda: not self.run("squeue", "-h"), STOP_S, "the end of all jobs")
            while self.daemons:
                _, daemon = self.daemons.popitem()
                daemon.terminate()
                daemon.wait(STOP_S)
            self.wait(lambda: not self.processes(), STOP_S, "the end of all processes")
        finally:
            for pid in self.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for daemon in self.daemons.values():
                daemon.wait()
            signal.signal(signal.SIGTERM, self.old_handler)


def main():
    if lacking := missing():
        sys.exit(f"needs slurm-wlm and munge: no {', '.join(lacking)}")
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, Cluster(folder) as slurm:
        job = slurm.run("sbatch", "--parsable", "-o", "/dev/null", "--wrap", "true").strip()
        slurm.wait(lambda: slurm.state(job) == "COMPLETED", START_S, "the job's end")
    if left := slurm.processes():
        sys.exit(f"left behind: {left}")
    print(f"job {job} ran, no process is left")


if __name__ == "__main__":
    main()
