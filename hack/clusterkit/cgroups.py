"""A cluster's own control groups: how its processes are found again, whoever started them, and all of them ended.

A process cannot leave its group by daemonising or by losing its parent, so the group is the one list of a cluster's
processes that is right even when `up` was killed half-way. Existing mounts are only ever used, never changed.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from clusterkit.errors import ClusterError
from clusterkit.run import wait_until

_PREFIX = "podtimeline-"
_NEEDED = frozenset({"cpu", "memory", "pids"})
_CPUSET = ("cpuset.cpus", "cpuset.mems")


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One mounted tree of control groups."""

    mount: Path
    unified: bool
    controllers: frozenset[str]


def parse_mounts(text: str) -> list[Hierarchy]:
    """Return the hierarchies among a machine's mounts, those with controllers first."""
    found: list[Hierarchy] = []
    for line in text.splitlines():
        _, mount, kind, options = line.split()[:4]
        if kind in {"cgroup", "cgroup2"} and mount not in {str(known.mount) for known in found}:
            found.append(_hierarchy(Path(mount), kind=kind, options=options))
    return sorted(found, key=lambda hierarchy: hierarchy.unified)


def _hierarchy(mount: Path, *, kind: str, options: str) -> Hierarchy:
    if kind == "cgroup":
        return Hierarchy(mount=mount, unified=False, controllers=frozenset(options.split(",")))
    listed = mount / "cgroup.controllers"
    return Hierarchy(
        mount=mount, unified=True, controllers=frozenset(listed.read_text().split() if listed.exists() else ())
    )


def hierarchies() -> list[Hierarchy]:
    """Return this machine's hierarchies, or say which kernel feature is missing."""
    found = parse_mounts(Path("/proc/mounts").read_text())
    missing = _NEEDED - frozenset().union(*(hierarchy.controllers for hierarchy in found))
    if missing:
        names = ", ".join(sorted(missing))
        raise ClusterError(f"cgroup controllers not mounted: {names}; mount them below /sys/fs/cgroup")
    return found


@dataclass(frozen=True, slots=True)
class Tree:
    """The groups of one cluster, the same path in every hierarchy."""

    name: str

    @property
    def path(self) -> str:
        """Return the path of the cluster's group below every mount."""
        return _PREFIX + self.name

    def create(self, *children: str) -> None:
        """Make the groups for the cluster's own processes and for each node's pods."""
        for hierarchy in hierarchies():
            _prepare(hierarchy, hierarchy.mount / self.path)
            for child in children:
                _prepare(hierarchy, hierarchy.mount / self.path / child)

    def join(self, child: str) -> None:
        """Put the calling process into a group; its children follow."""
        self._tracked.joinpath(child, "cgroup.procs").write_text(str(os.getpid()))

    @property
    def _tracked(self) -> Path:
        """Return the hierarchy that runc too puts every container into."""
        found = hierarchies()
        chosen = next((one for one in found if "pids" in one.controllers), found[-1])
        return chosen.mount / self.path

    def pids(self) -> set[int]:
        """Return every process of the cluster, pods included."""
        found: set[int] = set()
        for directory in _walk(self._tracked):
            with suppress(FileNotFoundError, ProcessLookupError):
                found.update(int(line) for line in (directory / "cgroup.procs").read_text().split())
        return found - {os.getpid()}

    def kill(self) -> None:
        """End every process of the cluster; again, because some of them start others."""

        def gone() -> bool:
            for pid in self.pids():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not self.pids()

        wait_until(gone, seconds=30, what=f"stopping the processes of cluster {self.name}", interval=0.02)

    def remove(self) -> None:
        """Remove the groups, innermost first."""
        for hierarchy in parse_mounts(Path("/proc/mounts").read_text()):
            for directory in reversed(list(_walk(hierarchy.mount / self.path))):
                wait_until(partial(_removed, directory), seconds=10, what=f"removing {directory}")


def _removed(directory: Path) -> bool:
    """Return whether a group is gone; for a moment after its last process ended the kernel calls it busy."""
    try:
        directory.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _walk(directory: Path) -> Iterator[Path]:
    if not directory.is_dir():
        return
    yield directory
    with suppress(FileNotFoundError):
        for child in sorted(directory.iterdir()):
            if child.is_dir():
                yield from _walk(child)


def _prepare(hierarchy: Hierarchy, directory: Path) -> None:
    """Make a group that processes can join: a v1 cpuset starts empty, a v2 parent must hand its controllers down."""
    directory.mkdir(exist_ok=True)
    if "cpuset" in hierarchy.controllers and not hierarchy.unified:
        for name in _CPUSET:
            if not (directory / name).read_text().strip():
                (directory / name).write_text((directory.parent / name).read_text())
    if hierarchy.unified and hierarchy.controllers:
        wanted = sorted(hierarchy.controllers & (_NEEDED | {"cpuset", "io", "hugetlb"}))
        (directory.parent / "cgroup.subtree_control").write_text(" ".join(f"+{one}" for one in wanted))
