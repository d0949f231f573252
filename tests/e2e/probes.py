"""What an operator answers second by second, asked past the API server: run inside the cluster's own network."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.clusters import ROOT, own_name

PERIOD = 1.0
_TIMEOUT = 5.0
"""As the chart's probes have it, in seconds."""


@dataclass(frozen=True, slots=True)
class Answers:
    """One look: the moment in seconds, the statuses of the probes and of the metrics (0: none), and the timelines."""

    at: float
    alive: int
    ready: int
    metrics: int
    reasons: tuple[str, ...]
    pods: dict[str, Any]
    """Outcome, partial and startup time in seconds of each pod of the namespace, by name."""


@dataclass(frozen=True, slots=True)
class Probing:
    """Looks at an operator that go on in the background."""

    path: Path

    def answers(self, *, since: float = 0.0) -> list[Answers]:
        """Everything seen so far, or since a moment."""
        # The last line may be half written.
        lines = self.path.read_text().rpartition("\n")[0].splitlines()
        seen = [json.loads(line) for line in lines]
        return [Answers(**each | {"reasons": tuple(each["reasons"])}) for each in seen if each["at"] >= since]


@contextmanager
def probing(probes: str, api: str, space: str, path: Path) -> Iterator[Probing]:
    """Look each second at the operator that listens on these addresses; the lines go to ``path``."""
    name = own_name()
    words = ["hack/cluster", "exec", "--name", name, "--", sys.executable, "-m", "tests.e2e.probes", probes, api, space]
    with path.open("wb") as out:
        process = subprocess.Popen(words, stdout=out, cwd=ROOT)
        try:
            yield Probing(path)
        finally:
            process.terminate()
            process.wait(20)


def _get(url: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:
            status: int = answer.status
            body: bytes = answer.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    except OSError:
        return 0, None
    return status, json.loads(body) if body.startswith(b"{") else None


def _look(probes: str, api: str, space: str) -> dict[str, Any]:
    at = time.time()
    alive, ready = _get(f"http://{probes}/healthz")[0], _get(f"http://{probes}/readyz")
    _, told = _get(f"http://{api}/api/v1/pods?namespace={space}&limit=100")
    items = (told or {"items": []})["items"]
    pods = {each["name"]: [each["outcome"], each["partial"], each["startupSeconds"]] for each in items}
    metrics = _get(f"http://{probes}/metrics")[0]
    reasons = (ready[1] or {"reasons": []})["reasons"]
    return {"at": at, "alive": alive, "ready": ready[0], "metrics": metrics, "reasons": reasons, "pods": pods}


def _main(probes: str, api: str, space: str) -> None:
    while True:
        began = time.monotonic()
        print(json.dumps(_look(probes, api, space)), flush=True)
        time.sleep(max(PERIOD - (time.monotonic() - began), 0.0))


if __name__ == "__main__":
    _main(*sys.argv[1:])
