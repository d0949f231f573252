"""The driver as a test uses it: a process of its own, ready when the context is entered, without a trace afterwards."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.csi.driver import END_SECONDS, START_SECONDS

ROOT = Path(__file__).parents[2]
NAME = "csi.podtimeline.test"


@dataclass(frozen=True, slots=True)
class CsiDriver:
    """A driver that serves on every node of a cluster. Its StorageClasses say how each step goes: see ``storage``.

    ``journal`` is the file of its deeds, which ``read_journal`` reads.
    """

    journal: Path


@contextmanager
def csi_driver(home: Path, *, where: Sequence[str]) -> Iterator[CsiDriver]:
    """Run the driver on the nodes that ``where`` names, as words of its command line.

    Pods that use it are to be deleted before the context ends.

    Raises ``AssertionError`` with the driver's words where it does not start, or where something of it is left.
    """
    journal, log = home / "deeds.jsonl", home / "csi.log"
    paths = os.pathsep.join(str(ROOT / each) for each in ("operator", "hack", "."))
    command = [sys.executable, "-m", "tests.csi", *where, "--journal", str(journal)]
    with log.open("ab") as talk:
        environment = os.environ | {"PYTHONPATH": paths}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=talk)
    assert process.stdout is not None
    with process.stdout as said:
        # It gives up by itself, so the line or the end of the stream comes.
        ready = said.readline() == b"ready\n"
        try:
            assert ready, log.read_text()
            yield CsiDriver(journal)
        finally:
            code = _stop(process)
    assert code == 0, log.read_text()[-4000:]


def _stop(process: "subprocess.Popen[bytes]") -> int:
    process.terminate()
    try:
        return process.wait(START_SECONDS + END_SECONDS + 15)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(10)
