"""Running other programs: argument lists only, output captured, failures as one line."""

import errno
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from clusterkit.errors import ClusterError

_SHOWN = 600


def run(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None, stdin: bytes | None = None
) -> str:
    """Run a program to its end and return what it printed."""
    try:
        done = subprocess.run(
            list(command), env=env, cwd=cwd, input=stdin, capture_output=True, check=False, start_new_session=True
        )
    except FileNotFoundError as error:
        raise ClusterError(f"{command[0]} not found: install it, or run `hack/cluster up`, which does so") from error
    if done.returncode != 0:
        raise ClusterError(describe_failure(command, done.stderr.decode(errors="replace")))
    return done.stdout.decode(errors="replace")


def describe_failure(command: Sequence[str], talk: str) -> str:
    """Return one line about a failed program, with the advice that its output calls for."""
    lines = [line for line in talk.strip().splitlines() if line.strip()]
    last = lines[-1][-_SHOWN:] if lines else "no output"
    name = Path(command[0]).name
    if "no space left on device" in talk.lower():
        return f"{name}: the disk is full ({last}); free disk space, and try again"
    return f"{name} failed: {last}"


def describe_os_error(error: OSError) -> str:
    """Return one line about a refused system call."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"the disk is full ({error.filename or error.strerror}); free disk space, and try again"
    return f"{error.strerror or error} ({error.filename})" if error.filename else str(error)


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str, interval: float = 0.1) -> None:
    """Wait for a condition that another process brings about; give up with a clear line."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ClusterError(f"timed out after {seconds:.0f} s: {what}; see `hack/cluster logs COMPONENT`")
        time.sleep(interval)


def write(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a file so that it is never seen half-written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.touch(mode=mode)
    temporary.write_text(text)
    temporary.replace(path)
