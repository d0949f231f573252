"""The storage behind the driver: disks that are directories, and a script of how long each step takes and what fails.

A StorageClass writes the script with its parameters, for each step on its own:

    attach.delay: "2"             seconds that the step takes when it succeeds
    attach.failures: "2"          how many of the first attempts fail, at once
    attach.error: no such slot    what they say
"""

import asyncio
import json
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TextIO

import grpc
from tests.csi.rpc import RefusedError

Sleep = Callable[[float], Awaitable[None]]


class Step(StrEnum):
    """What happens to a volume, in order."""

    PROVISION = "provision"
    ATTACH = "attach"
    MOUNT = "mount"
    UNMOUNT = "unmount"
    DETACH = "detach"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Script:
    """How one step goes: ``delay`` in seconds, ``failures`` attempts that fail first, with the text ``error``."""

    delay: float = 0.0
    failures: int = 0
    error: str = "the disk says no"


def script(parameters: Mapping[str, str], step: Step) -> Script:
    """The script that a StorageClass has for a step. Raises ``RefusedError`` for a number that is none."""
    usual = Script()
    try:
        return Script(
            delay=float(parameters.get(f"{step}.delay", usual.delay)),
            failures=int(parameters.get(f"{step}.failures", usual.failures)),
            error=parameters.get(f"{step}.error", usual.error),
        )
    except ValueError as error:
        raise RefusedError(grpc.StatusCode.INVALID_ARGUMENT, f"parameters of {step}: {error}") from error


@dataclass(frozen=True, slots=True)
class Deed:
    """A step that was done, or failed: what really happened when, in nanoseconds of this machine's clock.

    ``claim`` is ``namespace/name``; ``node`` is empty where the step happens on none; ``error`` where it succeeded.
    """

    step: Step
    volume: str
    claim: str
    node: str
    began: int
    ended: int
    error: str = ""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended - self.began) / 1_000_000_000


class Journal:
    """Writes each deed as a line, so that a test knows the truth."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def note(self, deed: Deed) -> None:
        """Write a deed down."""
        self._file.write(json.dumps(asdict(deed)) + "\n")
        self._file.flush()


def read_journal(text: str) -> tuple[Deed, ...]:
    """The deeds that a journal holds."""
    deeds = (json.loads(line) for line in text.splitlines())
    return tuple(Deed(**each | {"step": Step(each["step"])}) for each in deeds)


@dataclass(slots=True)
class Disk:
    """A volume, from the first attempt to make it."""

    name: str
    parameters: Mapping[str, str]
    claim: str = ""
    node: str = ""
    targets: dict[str, str] = field(default_factory=dict)
    """The node of each path that the disk is mounted on."""
    attempts: Counter[Step] = field(default_factory=Counter)


class Storage:
    """All disks. ``root`` holds a directory of each that was made."""

    def __init__(self, root: Path, journal: Journal, *, sleep: Sleep = asyncio.sleep) -> None:
        self._root = root
        self._journal = journal
        self._sleep = sleep
        self._disks: dict[str, Disk] = {}

    def path(self, disk: Disk) -> Path:
        """Where the data of a disk lies."""
        return self._root / disk.name

    def made(self) -> list[Disk]:
        """The disks that were made and not deleted."""
        return [each for each in self._disks.values() if self.path(each).exists()]

    def draft(self, name: str, parameters: Mapping[str, str], claim: str) -> Disk:
        """The disk of that name, made or not."""
        return self._disks.setdefault(name, Disk(name, parameters, claim))

    def find(self, name: str) -> Disk | None:
        """The disk of that name, if it was made."""
        disk = self._disks.get(name)
        return disk if disk is not None and self.path(disk).exists() else None

    def get(self, name: str) -> Disk:
        """The disk of that name. Raises ``RefusedError`` unless it was made."""
        disk = self.find(name)
        if disk is None:
            raise RefusedError(grpc.StatusCode.NOT_FOUND, f"volume {name} does not exist")
        return disk

    def make(self, disk: Disk) -> None:
        """Make the disk; it is empty."""
        self.path(disk).mkdir(parents=True, exist_ok=True)
        # Pods of any user write to it.
        self.path(disk).chmod(0o777)

    def destroy(self, disk: Disk) -> None:
        """Delete the disk and what is on it."""
        shutil.rmtree(self.path(disk), ignore_errors=True)
        self._disks.pop(disk.name, None)

    @asynccontextmanager
    async def performing(self, step: Step, disk: Disk, *, node: str = "") -> AsyncIterator[None]:
        """Take the step as its script says; what is done inside happens at its end, and is noted with it.

        Raises ``RefusedError`` where the script says that this attempt fails.
        """
        began, error = time.time_ns(), ""
        try:
            await self._follow(script(disk.parameters, step), step, disk)
            yield
        except RefusedError as refused:
            error = str(refused)
            raise
        except OSError as refused:
            error = str(refused)
            raise RefusedError(grpc.StatusCode.INTERNAL, error) from refused
        finally:
            self._journal.note(Deed(step, disk.name, disk.claim, node, began, time.time_ns(), error))

    async def _follow(self, text: Script, step: Step, disk: Disk) -> None:
        disk.attempts[step] += 1
        if disk.attempts[step] <= text.failures:
            raise RefusedError(grpc.StatusCode.INTERNAL, text.error)
        await self._sleep(text.delay)
