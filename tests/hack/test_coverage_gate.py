"""The gate closes where a pure package is reached too little, and where none was measured."""

from collections.abc import Mapping
from typing import Any

from coverage_gate import reached, verdict


def file(*, statements: tuple[int, int] = (100, 100), branches: tuple[int, int] = (100, 100)) -> Mapping[str, Any]:
    """A file as ``coverage json`` tells of it: of so many, so many covered."""
    keys = ("num_statements", "covered_lines", "num_branches", "covered_branches")
    return {"summary": dict(zip(keys, (*statements, *branches), strict=True))}


def path(name: str) -> str:
    """A path of the sources."""
    return f"operator/podtimeline/{name}"


def test_branches_count_apart_from_statements() -> None:
    """Nine branches of ten are too few, however many statements were reached."""
    good, bad = path("model/pods.py"), path("analysis/phases/split.py")
    (fault,) = verdict({good: file(branches=(100, 95)), bad: file(statements=(10_000, 10_000), branches=(100, 94))})
    assert fault.startswith("analysis: 100.0 % of 10000 statements, 94.0 % of 100 branches")


def test_statements_count_apart_from_branches() -> None:
    """Straight code that no test runs has no branch."""
    (fault,) = verdict({path("model/pods.py"): file(statements=(100, 94), branches=(0, 0))})
    assert fault.startswith("model: 94.0 %")


def test_only_the_pure_packages_are_gated() -> None:
    """What is reached of the others is told, not held to the figure."""
    files = {path("model/a.py"): file(), path("web/pages.py"): file(statements=(100, 1))}
    assert list(verdict(files)) == []
    assert reached(files, "all", below="operator/podtimeline").percents == (50.5, 100.0)


def test_a_name_that_only_begins_alike_is_not_that_package() -> None:
    """``model_helpers`` is not ``model``."""
    files = {path("model/a.py"): file(), path("model_helpers/b.py"): file(statements=(100, 0))}
    assert list(verdict(files)) == []


def test_a_gate_that_guards_nothing_is_closed() -> None:
    """A package that was renamed is to be gated under its new name."""
    (fault,) = verdict({path("web/pages.py"): file()})
    assert "none of model, analysis" in fault
