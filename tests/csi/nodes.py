"""The nodes of a cluster on this machine, reached from outside: their files, and mounts in their own namespace."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from clusterkit.errors import ClusterError
from clusterkit.model import Files
from clusterkit.process import Processes

KUBELET = Path("/var/lib/kubelet")
"""The kubelet's root directory, as the node itself sees it."""


@dataclass(frozen=True, slots=True)
class NodePlace:
    """A node that runs, by the process that holds its mount namespace."""

    name: str
    holder: int

    @classmethod
    def parse(cls, text: str) -> "NodePlace":
        """A node from ``NAME=PID``. Raises ``ValueError`` for anything else."""
        name, _, holder = text.partition("=")
        return cls(name, int(holder))

    def outside(self, path: Path) -> Path:
        """The same file, by a path that leads there from outside the node; short enough for a socket."""
        return Path(f"/proc/{self.holder}/root") / path.relative_to("/")

    async def mount(self, source: str, target: str) -> None:
        """Show the directory ``source`` at ``target``, which is made. Raises ``OSError``."""
        # kind's nodes do not see this machine's directories: there the disk is an empty one of the same name.
        await self._run("mkdir", "-p", source, target)
        await self._run("mount", "--bind", source, target)

    async def unmount(self, target: str) -> None:
        """Take a mount and its directory away; neither need be there. Raises ``OSError``."""
        if target in self.mounts():
            await self._run("umount", target)
        if self.outside(Path(target)).exists():
            await self._run("rmdir", target)

    def mounts(self) -> frozenset[str]:
        """Every path of the node that something is mounted on."""
        lines = Path(f"/proc/{self.holder}/mountinfo").read_text().splitlines()
        # A space in a path is written as an octal number, and the kubelet's paths have none.
        return frozenset(line.split()[4] for line in lines)

    async def _run(self, *words: str) -> None:
        entering = ("nsenter", f"--target={self.holder}", "--mount", "--")
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*entering, *words, stdout=pipe, stderr=asyncio.subprocess.STDOUT)
        said, _ = await process.communicate()
        if process.returncode != 0:
            raise OSError(f"{' '.join(words)}: {said.decode(errors='replace').strip()}")


def places(cluster: str) -> tuple[NodePlace, ...]:
    """The nodes of a cluster, in order. Raises ``ClusterError`` where one of them does not run."""
    files = Files.of(cluster)
    running = Processes(files)
    found = []
    for index in sorted(int(each.name) for each in (files.base / "nodes").iterdir()):
        name = files.node(index).name
        holder = running.running(f"{name}-holder")
        if holder is None:
            raise ClusterError(f"{name} of {cluster} is not running")
        found.append(NodePlace(name, holder.pid))
    return tuple(found)
