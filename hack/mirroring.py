"""``python -m mirroring FILE…``: prints the tests that mirror these files, one path a line."""

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path, PurePath

ROOT = Path(__file__).parents[1]
SOURCES = PurePath("operator/podtimeline")
ELSEWHERE = {
    "hack/benches": "tests/benches",
    "hack/chartkit": "tests/chart",
    "hack/demokit": "tests/deploy",
    "hack/docskit": "tests/test_docs.py",
    "hack": "tests/hack",
    "charts": "tests/chart",
    "deploy": "tests/deploy",
    "pyproject.toml": "tests/deploy",
    "README.md": "tests/test_docs.py",
    "REFERENCE.md": "tests/test_docs.py",
    "ARCHITECTURE.md": "tests/test_docs.py",
    "CONTRIBUTING.md": "tests/test_docs.py",
    "SECURITY.md": "tests/test_docs.py",
    "CHANGELOG.md": "tests/test_docs.py",
}
"""Where the tests are of what does not lie below the sources; the first that holds a file counts."""
SLOW = ("tests/e2e",)


def mirrored(files: Iterable[str], *, root: Path) -> list[str]:
    """The test files and directories of changed files, each once, none within another."""
    found = {place for file in files for place in _first(_places(PurePath(file)), root)}
    return sorted(str(each) for each in found if not found.intersection(each.parents))


def _places(file: PurePath) -> Iterator[PurePath]:
    """Where the tests of a file may be, the nearest first."""
    if any(file.is_relative_to(slow) for slow in SLOW):
        return
    if file.is_relative_to("tests"):
        # What tests share is tested by those beside it.
        own = file.name.startswith("test_") and file.suffix == ".py"
        yield from [file] if own else file.parents[:-2]
    elif file.is_relative_to(SOURCES):
        yield from _of_source(file.relative_to(SOURCES))
    else:
        yield from (PurePath(place) for prefix, place in ELSEWHERE.items() if file.is_relative_to(prefix))


def _of_source(file: PurePath) -> Iterator[PurePath]:
    """The directory that is named like the package, or for a module on top like the module."""
    tests = PurePath("tests")
    yield tests / file.parent / f"test_{file.stem}.py" if file.parent == PurePath() else tests / file.parent
    yield from (tests / each for each in (*file.parents[:-1], file.with_suffix("")))


def _first(places: Iterable[PurePath], root: Path) -> list[PurePath]:
    return list(islice((place for place in places if _holds_tests(root / place)), 1))


def _holds_tests(place: Path) -> bool:
    return place.is_file() or any(place.rglob("test_*.py"))


if __name__ == "__main__":
    print("\n".join(mirrored(sys.argv[1:], root=ROOT)))
