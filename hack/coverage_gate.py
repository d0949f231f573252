"""``python -m coverage_gate``: how much of the code the last test run reached; fails where that is too little.

``coverage report --fail-under`` has one threshold for the sum of statements and branches. This gate holds both apart,
and each pure package by itself.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LEAST = 95.0
"""Percent of the statements, and of the branches, of each gated package."""
GATED = ("model", "analysis")
SOURCE = "operator/podtimeline"


@dataclass(frozen=True, slots=True)
class Reached:
    """What the tests reached of some files: counts of statements and of branches."""

    name: str
    statements: int = 0
    covered_statements: int = 0
    branches: int = 0
    covered_branches: int = 0

    @property
    def percents(self) -> tuple[float, float]:
        """Of the statements, and of the branches; there may be none of them."""
        return (
            _percent(self.covered_statements, self.statements),
            _percent(self.covered_branches, self.branches),
        )

    def __str__(self) -> str:
        statements, branches = self.percents
        return (
            f"{self.name}: {statements:.1f} % of {self.statements} statements, "
            f"{branches:.1f} % of {self.branches} branches"
        )


def _percent(covered: int, count: int) -> float:
    return 100.0 * covered / count if count else 100.0


def reached(files: Mapping[str, Any], name: str, *, below: str) -> Reached:
    """The sum over the files below a directory, as ``coverage json`` tells of them."""
    summaries = [file["summary"] for path, file in files.items() if path.startswith(f"{below}/")]
    keys = ("num_statements", "covered_lines", "num_branches", "covered_branches")
    return Reached(name, *(sum(each[key] for each in summaries) for key in keys))


def gated(files: Mapping[str, Any]) -> Iterator[Reached]:
    """The gated packages that there are."""
    sums = (reached(files, name, below=f"{SOURCE}/{name}") for name in GATED)
    return (each for each in sums if each.statements)


def verdict(files: Mapping[str, Any]) -> Iterator[str]:
    """A line for each fault: a package of which too little was reached, or no gated package at all."""
    found = list(gated(files))
    if not found:
        yield f"none of {', '.join(GATED)} was measured"
    for each in found:
        if min(each.percents) < LEAST:
            yield f"{each} (at least {LEAST:.0f} % of each): coverage report -m --include='{SOURCE}/{each.name}/*'"


def main() -> int:
    """Print the figures; 1 if a gate is closed."""
    told = subprocess.run(["coverage", "json", "-q", "-o", "-"], stdout=subprocess.PIPE, check=True)
    files: Mapping[str, Any] = json.loads(told.stdout)["files"]
    for each in (*gated(files), reached(files, "all of podtimeline", below=SOURCE)):
        print(each)
    faults = list(verdict(files))
    for fault in faults:
        print(f"too little is covered: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
