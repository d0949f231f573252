"""A real Prometheus that scrapes the operator through the API server, on any cluster that a kubeconfig names."""

import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from clusterkit.errors import ClusterError
from clusterkit.process import Record, record_of
from clusterkit.run import wait_until, write
from clusterkit.say import say
from demokit.packages import closure, unpack

_USUAL_PORT = 9090
_NOBODY = "65534:65534"


@dataclass(frozen=True, slots=True)
class Target:
    """The operator's Service."""

    namespace: str
    service: str

    @property
    def path(self) -> str:
        """Return where the API server's proxy serves its metrics."""
        return f"/api/v1/namespaces/{self.namespace}/services/{self.service}:metrics/proxy/metrics"


def configuration(target: Target, *, proxy: str, interval: float) -> str:
    """Return prometheus.yml, as JSON, which is YAML."""
    job = {
        "job_name": "podtimeline",
        # The label namespace is the followed pod's, not the operator's.
        "honor_labels": True,
        "metrics_path": target.path,
        "static_configs": [{"targets": [proxy]}],
    }
    timing = {"scrape_interval": f"{interval:g}s", "scrape_timeout": f"{interval:g}s"}
    return json.dumps(
        {"global": {**timing, "evaluation_interval": timing["scrape_interval"]}, "scrape_configs": [job]}, indent=2
    )


def programs(cache: Path) -> Path:
    """Return a root with Debian's Prometheus and its pages: unpacked, so that no service of it is ever installed."""
    packages = closure(["prometheus"])
    name = sha256("".join(f"{package.file} {package.digest}\0" for package in packages).encode()).hexdigest()[:16]
    root = cache / f"prometheus-{name}"
    if not (root / "ready").exists():
        say("downloading Prometheus from Debian")
        shutil.rmtree(root, ignore_errors=True)
        unpack(["prometheus"], root=root, scratch=root / "packages")
        shutil.rmtree(root / "packages")
        (root / "ready").touch()
    return root


def free_port(wanted: int = 0) -> int:
    """Return the wanted port of 127.0.0.1, or another one when it is taken."""
    with socket.socket() as probe:
        # A port that was closed a moment ago is free; one that somebody listens on is not, with this option too.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Prometheus:
    """One running Prometheus, and the proxy it scrapes through; both outlive the command that started them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def start(self, target: Target, *, kubectl: Sequence[str], cache: Path, interval: float = 5) -> str:
        """Start both and return the URL of Prometheus, which has scraped once by then; what ran before is stopped.

        ``kubectl`` is the program with the flags that name the cluster.
        """
        self.stop()
        self._directory.mkdir(parents=True, exist_ok=True)
        proxy = self._start_proxy(target, kubectl=kubectl)
        port = free_port(_USUAL_PORT)
        settings = configuration(target, proxy=f"127.0.0.1:{proxy}", interval=interval)
        self._spawn("prometheus", self._command(settings, port=port, cache=cache))
        url = f"http://127.0.0.1:{port}"
        self._wait("prometheus", lambda: _scraped(url))
        return url

    def _start_proxy(self, target: Target, *, kubectl: Sequence[str]) -> int:
        """Start kubectl's proxy: it brings the credentials, whatever their kind, and lets one path through."""
        path = f"^{re.escape(target.path)}$"
        words = [
            "--port=0",
            "--address=127.0.0.1",
            f"--accept-paths={path}",
            "--reject-methods=^(POST|PUT|PATCH|DELETE)$",
        ]
        log = self._spawn("proxy", [*kubectl, "proxy", *words])
        self._wait("proxy", lambda: _served(log) is not None)
        return _served(log) or 0

    def _command(self, settings: str, *, port: int, cache: Path) -> list[str]:
        installed = shutil.which("prometheus")
        root = None if installed else programs(cache)
        # Debian's build looks for its pages below /usr: as root it gets them by a root of its own.
        caged = root is not None and os.geteuid() == 0
        own = sha256(str(self._directory).encode()).hexdigest()[:8]
        where = root / f"run-{own}" if root is not None and caged else self._directory
        shutil.rmtree(where / "data", ignore_errors=True)
        (where / "data").mkdir(parents=True)
        write(self._directory / "where", str(where / "data"))
        write(where / "prometheus.yml", settings)
        seen = Path(f"/run-{own}") if caged else where
        words = [f"--config.file={seen}/prometheus.yml", f"--storage.tsdb.path={seen}/data",
                 f"--web.listen-address=127.0.0.1:{port}", "--enable-feature=exemplar-storage",
                 "--storage.tsdb.retention.time=1d", "--log.level=warn"]  # fmt: skip
        if root is None:
            return [installed or "prometheus", *words]
        if not caged:
            return [str(root / "usr/bin/prometheus"), *words]
        os.chown(where / "data", *(int(number) for number in _NOBODY.split(":")))
        return ["chroot", f"--userspec={_NOBODY}", str(root), "/usr/bin/prometheus", *words]

    def _spawn(self, name: str, command: Sequence[str]) -> Path:
        log = self._directory / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                list(command), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd="/"
            )
        record = record_of(process.pid)
        process.returncode = 0  # it is meant to outlive this command: no warning that it still runs
        write(self._directory / f"{name}.json", json.dumps(asdict(record)))
        return log

    def _wait(self, name: str, condition: Callable[[], bool]) -> None:
        try:
            wait_until(lambda: condition() or not self._alive(name), seconds=30, what=f"starting {name}")
        finally:
            if not self._alive(name):
                last = (self._directory / f"{name}.log").read_text().strip().splitlines()[-1:]
                raise ClusterError(f"{name} exited: {''.join(last) or 'no output'}")

    def _records(self) -> Mapping[str, Record]:
        found = (self._directory / f"{name}.json" for name in ("prometheus", "proxy"))
        return {path.stem: Record(**json.loads(path.read_text())) for path in found if path.exists()}

    def _alive(self, name: str) -> bool:
        record = self._records().get(name)
        return record is not None and record.alive()

    def stop(self) -> None:
        """Stop what this directory's records name, and remove what it has collected."""
        for name, record in self._records().items():
            record.stop()
            wait_until(lambda record=record: not record.alive(), seconds=20, what=f"stopping {name}")  # type: ignore[misc]
            (self._directory / f"{name}.json").unlink()
        where = self._directory / "where"
        if where.exists():
            shutil.rmtree(where.read_text(), ignore_errors=True)
            where.unlink()


def _served(log: Path) -> int | None:
    found = re.search(r"127\.0\.0\.1:(\d+)", log.read_text())
    return int(found[1]) if found else None


def _scraped(url: str) -> bool:
    """Whether a first scrape went well: a Prometheus that cannot reach the operator is of no use to anybody."""
    try:
        with urlopen(f"{url}/api/v1/query?query=up", timeout=5) as answer:
            found = json.load(answer)["data"]["result"]
    except (URLError, OSError):
        return False
    return any(each["value"][1] == "1" for each in found)
