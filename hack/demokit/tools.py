"""Running the long tools of a build: quiet when all goes well, with their last words when it does not."""

import subprocess
from collections.abc import Mapping, Sequence

from clusterkit.errors import ClusterError
from clusterkit.run import describe_failure

_LAST = 12


def run_told(command: Sequence[str], *, env: Mapping[str, str] | None = None, stdin: str | None = None) -> str:
    """Run a program and return what it printed; a failure carries its last lines: a builder's last one says nothing."""
    try:
        done = subprocess.run(
            list(command), env=env, input=stdin, capture_output=True, text=True, errors="replace", check=False
        )
    except FileNotFoundError as error:
        raise ClusterError(f"{command[0]} not found: install it") from error
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()][-_LAST:]
        raise ClusterError("\n  ".join([describe_failure(command[:1], done.stderr), *lines]))
    return done.stdout


def answers(command: Sequence[str]) -> bool:
    """Whether a program ends well; what it prints is of no interest."""
    try:
        return subprocess.run(list(command), capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def docker_answers() -> bool:
    """Whether there is a Docker client whose daemon answers."""
    return answers(["docker", "info"])
