"""A headless Chromium, spoken to by its DevTools protocol over a pipe: no package beside it."""
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--hide-scrollbars", "--no-first-run", "--disable-extensions",
         "--disable-background-networking", "--remote-debugging-pipe"]  # fmt: skip
TIMEOUT_S = 60


def find():
    """The program, or a skip that names it."""
    for name in NAMES:
        if shutil.which(name):
            return shutil.which(name)
    raise unittest.SkipTest("needs the program chromium")


class Browser:
    """One page of a Chromium. Collects what its console says and what it asks of a network."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="gmmsweep-browser-")
        to_read, self.to = os.pipe()
        self.back, back_write = os.pipe()
        # Chromium reads its descriptor 3 and writes to 4. They come from dup2 in a shell, since
        # these numbers may be in use here.
        command = ["sh", "-c", f'exec 3<&{to_read} 4>&{back_write}; exec "$@"', "sh", find()]
        self.process = subprocess.Popen(
            [*command, *FLAGS, f"--user-data-dir={self.folder}", "about:blank"],
            pass_fds=(to_read, back_write),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(to_read)
        os.close(back_write)
        self.rest, self.last, self.session = b"", 0, None
        self.said, self.requests, self.loaded = [], [], False
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.to)
        os.close(self.back)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _message(self):
        deadline = time.monotonic() + TIMEOUT_S
        while b"\0" not in self.rest:
            ready = select.select([self.back], [], [], max(0.0, deadline - time.monotonic()))[0]
            more = os.read(self.back, 1 << 20) if ready else b""
            if not more:
                raise AssertionError(f"chromium says nothing for {TIMEOUT_S} s, or has ended")
            self.rest += more
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def _notice(self, message):
        method, params = message.get("method"), message.get("params", {})
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Runtime.exceptionThrown":
            self.said.append(params["exceptionDetails"])
        elif method == "Runtime.consoleAPICalled":
            self.said.append(params["args"])
        elif method == "Log.entryAdded":
            self.said.append(params["entry"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def call(self, method, **params):
        self.last += 1
        number = self.last
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]
            self._notice(answer)

    def open(self, path, width=1280, height=900, dark=False):
        """Loads the file in a window of this size."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.said, self.requests, self.loaded = [], [], False
        self.call("Page.navigate", url=pathlib.Path(path).resolve().as_uri())
        while not self.loaded:
            self._notice(self._message())

    def value(self, expression):
        """What the expression of JavaScript is in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")
