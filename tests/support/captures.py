"""Makes the captures of ``tests/captures`` out of what ``podtimeline record`` wrote, and plays them.

``python -m tests.support.captures RAW OUT NAMESPACE [POD]`` keeps what is of namespaces whose names begin with
NAMESPACE, and what is of no namespace, up to the deletion of POD.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from tests.support.documents import received

from podtimeline.analysis.findings.peers import peers
from podtimeline.app.capture import CaptureWriter, Line, LineType, read_capture
from podtimeline.app.replaying import replay_views
from podtimeline.render.document import document

FOLDER = Path(__file__).parents[1] / "captures"


@dataclass(frozen=True, slots=True)
class Trimmed:
    """How many lines were kept, of how many."""

    kept: int
    read: int


def trim(raw: Path, out: Path, *, namespace: str, until: str | None = None) -> Trimmed:
    """Keep what belongs to the namespaces of that prefix, all that belongs to none, and all ends of listings.

    ``until`` names the pod whose deletion is the end, where what is left unfinished matters.
    """
    header, lines = read_capture(raw)
    kept = read = 0
    with CaptureWriter(out, header) as writer:
        for line in lines:
            read += 1
            if until is not None and _deleted(line, namespace, until):
                break
            if line.type is LineType.LISTED or _space(line) is None or str(_space(line)).startswith(namespace):
                kept += 1
                said = line.version.encode() if line.type is LineType.LISTED else bytes(line.line)
                writer.tap(line.at, line.stream, line.type, said)
    return Trimmed(kept, read)


def _seen(line: Line) -> Any:
    if line.type is LineType.LISTED:
        return {}
    body = msgspec.json.decode(line.line)
    return body["object"] if line.type is LineType.WATCH else body


def _space(line: Line) -> str | None:
    seen = _seen(line)
    if seen.get("involvedObject", {}).get("kind") == "Node":
        # Events have to be in some namespace, even those about what is in none.
        return None
    found: str | None = seen.get("metadata", {}).get("namespace")
    return found


def _deleted(line: Line, namespace: str, pod: str) -> bool:
    about = _seen(line).get("metadata", {}) if line.stream == "pods" else {}
    mine = about.get("name") == pod and str(about.get("namespace")).startswith(namespace)
    return mine and "deletionTimestamp" in about


def documents(name: str) -> tuple[Any, ...]:
    """The documents of a capture's pods, the earliest first."""
    views = tuple(replay_views(FOLDER / f"{name}.jsonl.gz"))
    return tuple(received(document(each, peers=peers(each, views))) for each in views)


def played(name: str) -> dict[str, Any]:
    """The documents of a capture's pods by their names; of a name that returned, the latest."""
    return {each["name"]: each for each in documents(name)}


def captured(region: str) -> Iterator[str]:
    """The captures of a region, one for each version of Kubernetes."""
    for path in sorted(FOLDER.iterdir()):
        found = re.fullmatch(rf"({region}-\d+\.\d+)\.jsonl\.gz", path.name)
        if found is not None:
            yield found[1]


def main(arguments: Iterable[str]) -> None:
    """Trim one capture."""
    raw, out, namespace, *until = arguments
    done = trim(Path(raw), Path(out), namespace=namespace, until=next(iter(until), None))
    print(f"{out}: {done.kept} of {done.read} lines, {Path(out).stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main(sys.argv[1:])
