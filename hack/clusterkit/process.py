"""The cluster's long-running programs: started once, recorded with their start time, never mistaken for another."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from clusterkit.cgroups import Tree
from clusterkit.errors import ClusterError
from clusterkit.model import Files
from clusterkit.run import write

_GROUP = "system"


@dataclass(frozen=True, slots=True)
class Record:
    """A process as it was started: a number alone may by now belong to someone else."""

    pid: int
    started: int
    boot: str

    def alive(self) -> bool:
        """Return whether exactly this process still runs."""
        return self.boot == boot_id() and start_time(self.pid) == self.started

    def stop(self) -> None:
        """Ask this process, and no other, to end."""
        if self.alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and in which of the cluster's namespaces."""

    name: str
    command: Sequence[str]
    place: str = "control-plane"
    environment: dict[str, str] = field(default_factory=dict)
    output: Path | None = None
    inherited: tuple[int, ...] = ()


def boot_id() -> str:
    """Return what tells this boot of the machine from the one before."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_time(pid: int) -> int | None:
    """Return when a process started, in ticks since boot; None if there is none, or only its corpse."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the name in parentheses, which may hold anything, spaces and parentheses included.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def record_of(pid: int) -> Record:
    """Return the record of a process that was just started."""
    started = start_time(pid)
    if started is None:
        raise ClusterError(f"process {pid} exited immediately")
    return Record(pid=pid, started=started, boot=boot_id())


class Processes:
    """The programs of one cluster."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._tree = Tree(files.name)

    def recorded(self) -> dict[str, Record]:
        """Return each program's record, whether it still runs or not."""
        found = sorted(self._files.processes.glob("*.json"))
        return {path.stem: Record(**json.loads(path.read_text())) for path in found}

    def running(self, name: str) -> Record | None:
        """Return the record of a program that runs now."""
        record = self.recorded().get(name)
        return record if record is not None and record.alive() else None

    def ensure(self, program: Program) -> Record:
        """Start a program unless it runs already."""
        running = self.running(program.name)
        return running if running is not None else self.start(program)

    def start(self, program: Program) -> Record:
        """Start a program in the cluster's group, so that `down` finds it even if the record is never written."""
        output = program.output or self._files.logs / f"{program.name}.log"
        output.parent.mkdir(parents=True, exist_ok=True)
        talk = self._files.logs / f"{program.name}.log"
        # Joining before the program begins is safe: this process has no threads.
        with output.open("ab") as stdout, talk.open("ab") as stderr:
            # A parent that does not wait: the programs outlive this command.
            process = subprocess.Popen(
                list(program.command),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env={**os.environ, **program.environment},
                pass_fds=program.inherited,
                start_new_session=True,
                preexec_fn=self._joiner(),
                cwd="/",
            )
        process.returncode = 0  # silences "still running" when the object goes
        record = record_of(process.pid)
        write(self._files.processes / f"{program.name}.json", json.dumps(asdict(record)))
        return record

    def _joiner(self) -> Callable[[], None]:
        return lambda: self._tree.join(_GROUP)

    def stop(self, name: str) -> None:
        """Ask one program to end, and forget it."""
        record = self.recorded().get(name)
        if record is not None:
            record.stop()
            (self._files.processes / f"{name}.json").unlink(missing_ok=True)
