"""The README's table of values, from the comments that begin with `# --`."""

import json
import operator
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import yaml

BEGIN, END = "<!-- BEGIN values -->", "<!-- END values -->"
_KEY = re.compile(r"^( *)([A-Za-z_][A-Za-z0-9_]*):")
_COMMENT = re.compile(r"^ *# -- (.*)$")


@dataclass(frozen=True, slots=True)
class Value:
    """One value of the chart: its path, its default and what it is for."""

    path: tuple[str, ...]
    default: object
    text: str


def described(values: str) -> Iterator[Value]:
    """Yield each commented value, in the order of the file."""
    loaded = yaml.safe_load(values)
    path: list[tuple[int, str]] = []
    comment: str | None = None
    for line in values.splitlines():
        found = _COMMENT.match(line)
        if found is not None:
            comment = found[1]
            continue
        key = _KEY.match(line)
        if key is None:
            continue
        path = [*(step for step in path if step[0] < len(key[1])), (len(key[1]), key[2])]
        if comment is not None:
            names = tuple(name for _, name in path)
            yield Value(path=names, default=_at(loaded, names), text=comment)
            comment = None


def _at(loaded: Mapping[str, Any], path: tuple[str, ...]) -> object:
    return reduce(operator.getitem, path, loaded)


def undescribed(values: str) -> list[str]:
    """Return the values that no comment covers, neither their own nor one of what they are part of."""
    covered = {value.path for value in described(values)}
    return [".".join(path) for path in _leaves(yaml.safe_load(values), ()) if not _covered(path, covered)]


def _covered(path: tuple[str, ...], covered: set[tuple[str, ...]]) -> bool:
    return any(path[:length] in covered for length in range(1, len(path) + 1))


def _leaves(node: object, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if not isinstance(node, dict) or not node:
        yield path
        return
    for name, child in node.items():
        yield from _leaves(child, (*path, name))


def table(values: str) -> str:
    """Return the table in Markdown."""
    rows = [
        f"| `{'.'.join(value.path)}` | {_shown(value.default)} | {_cell(value.text)} |" for value in described(values)
    ]
    return "\n".join(["| value | default | what it is |", "|---|---|---|", *rows]) + "\n"


def _shown(default: object) -> str:
    return f"`{_cell(json.dumps(default))}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def with_table(readme: str, *, values: str) -> str:
    """Return the README with the table between the markers made anew."""
    before, begin, rest = readme.partition(BEGIN + "\n")
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the chart's README has lost its lines {BEGIN!r} and {END!r}")
    return before + begin + table(values) + end + after
