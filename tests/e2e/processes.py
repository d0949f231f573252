"""The operator as a process beside the cluster, so that a test can kill it at any moment."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tests.e2e.clusters import ROOT, eventually


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class OperatorProcess:
    """``podtimeline run`` outside the cluster, with its history in ``home``."""

    def __init__(self, home: Path, **settings: str) -> None:
        self._home = home
        self._settings = settings
        self.port, self.api_port = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def start(self, *, patience: float = 60) -> "OperatorProcess":
        """Start it and wait until its first complete lists are in, at most for so many seconds."""
        self.starts += 1
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PODTIMELINE_")}
        environment |= {
            "PYTHONPATH": str(ROOT / "operator"),
            "PODTIMELINE_LISTEN": f"127.0.0.1:{self.port}",
            "PODTIMELINE_API_LISTEN": f"127.0.0.1:{self.api_port}",
            "PODTIMELINE_HISTORY": f"sqlite:{self._home}/history.sqlite3",
        }
        environment |= {f"PODTIMELINE_{name.upper()}": value for name, value in self._settings.items()}
        with (
            (self._home / f"{self.starts}.out").open("wb") as out,
            (self._home / f"{self.starts}.err").open("wb") as err,
        ):
            command = [sys.executable, "-m", "podtimeline", "run"]
            self._process = subprocess.Popen(command, env=environment, stdout=out, stderr=err)
        eventually(self.ready, seconds=patience, what="the operator is ready")
        return self

    def ready(self) -> bool:
        """Whether /readyz says yes; an operator that ended fails the test with its last words."""
        assert self._process is not None
        if self._process.poll() is not None:
            words = (self._home / f"{self.starts}.err").read_text()[-2000:]
            raise RuntimeError(f"the operator ended with {self._process.returncode}: {words}")
        return self.status("/readyz") == 200

    @property
    def pid(self) -> int:
        """Its process id, while it runs."""
        assert self._process is not None
        return self._process.pid

    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it as the kernel would when memory runs out: at once, without a word."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(40)

    def status(self, path: str) -> int:
        """The HTTP status of a GET, 0 while nobody answers."""
        try:
            with urllib.request.urlopen(self.url(path), timeout=10) as answer:
                status: int = answer.status
                return status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def url(self, path: str) -> str:
        """Where a path is served: those of the API have a port of their own."""
        return f"http://127.0.0.1:{self.api_port if path.startswith('/api/') else self.port}{path}"

    def get(self, path: str, **query: str) -> str:
        """The body of a GET."""
        url = f"{self.url(path)}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            body: bytes = answer.read()
            return body.decode()

    def pods(self, **query: str) -> list[Any]:
        """All timelines that match, page after page."""
        items: list[Any] = []
        cursor: str | None = None
        while True:
            page = json.loads(self.get("/api/v1/pods", **query, **({"cursor": cursor} if cursor else {})))
            items += page["items"]
            cursor = page.get("cursor")
            if not cursor:
                return items

    def pod(self, namespace: str, name: str) -> Any:
        """The latest timeline of that name, compared with its neighbours."""
        return json.loads(self.get(f"/api/v1/pods/{namespace}/{name}"))

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that carry these labels."""
        total = 0.0
        for line in self.get("/metrics").splitlines():
            match = re.match(rf"{re.escape(name)}(?:\{{(.*)\}})? (\S+)", line)
            if match is not None:
                held = dict(re.findall(r'(\w+)="([^"]*)"', match[1] or ""))
                if labels.items() <= held.items():
                    total += float(match[2])
        return total

    def lines(self) -> list[Any]:
        """Every JSON line that all runs of it wrote to standard output."""
        texts = [(self._home / f"{run}.out").read_text() for run in range(1, self.starts + 1)]
        return [json.loads(line) for text in texts for line in text.splitlines() if line.startswith("{")]
