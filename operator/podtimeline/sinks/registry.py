"""Every sink, named once: the setting ``sinks`` selects them by their names."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from podtimeline.errors import SettingsError
from podtimeline.ports import Sink
from podtimeline.sinks.jsonlog import JsonLog
from podtimeline.sinks.options import SinkOptions


@dataclass(frozen=True, slots=True)
class SinkKind:
    """A sink: the name that selects it and labels its metrics, how it is made, and what its target is.

    ``target`` is empty where the sink takes none. ``make`` raises ``SettingsError`` for a target that it cannot use.
    """

    name: str
    make: Callable[[SinkOptions], Sink]
    target: str = ""


SINKS: tuple[SinkKind, ...] = (
    SinkKind("log", lambda given: JsonLog(given.stdout, cluster=given.cluster)),
)  # fmt: skip


def open_sinks(chosen: Sequence[str], *, stdout: TextIO, cluster: str) -> tuple[Sink, ...]:
    """The sinks of the setting ``sinks``, each ``NAME`` or ``NAME:TARGET``, in that order. Raises ``SettingsError``."""
    return tuple(
        kind.make(SinkOptions(target=target, stdout=stdout, cluster=cluster)) for kind, target in selected(chosen)
    )


def selected(chosen: Sequence[str]) -> Iterator[tuple[SinkKind, str]]:
    """The rows that the setting ``sinks`` selects, each with its target. Raises ``SettingsError``."""
    known, seen = {each.name: each for each in SINKS}, set[str]()
    for text in chosen:
        name, _, target = text.partition(":")
        if name not in known:
            raise SettingsError(f"sinks: there is no sink {name}; it must be one of {', '.join(known)}")
        if name in seen:
            # A sink's metrics are labelled with its name.
            raise SettingsError(f"sinks: {name} is there twice")
        if bool(target) != bool(known[name].target):
            wanted = f"{name}:{known[name].target}" if known[name].target else f"{name}, without a target"
            raise SettingsError(f"sinks: {text} is not allowed: it must be {wanted}")
        seen.add(name)
        yield known[name], target
