"""From records to documents: in a thread, and one pod that fails does not fail the others' answer."""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

import msgspec

from podtimeline.core.state import load
from podtimeline.core.timeline import Timeline
from podtimeline.core.view import View, view
from podtimeline.errors import StoreError
from podtimeline.ports import Saved
from podtimeline.render.document import Document
from podtimeline.render.unevaluated import unevaluated_document
from podtimeline.web.lane import in_turns

Live = Callable[[str], Timeline | None]
"""A copy of what the tracker knows of a pod, ``None`` where the history has all of it; of the event loop's thread."""
Failed = Callable[[Saved, Exception], None]
"""Told of each pod whose timeline could not be evaluated; of any thread."""


@dataclass(frozen=True, slots=True)
class Latest:
    """One pod as the history has it, and what the tracker knows beyond that."""

    record: Saved
    fresh: Timeline | None

    def view(self, now: int) -> View | None:
        """The timeline as of now, ``None`` where the pod was not described."""
        return view(load(self.record.state) if self.fresh is None else self.fresh, now=now)


async def latest(records: Iterable[Saved], live: Live) -> list[Latest]:
    """The records with what the tracker knows beyond them, copied a few at a time."""
    found: AsyncIterator[Saved] = in_turns(records)
    return [Latest(record, live(record.state.uid)) async for record in found]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One pod as of now: ``view`` is ``None`` where it was not described, and where it is ``lost``."""

    name: str
    view: View | None = None
    lost: bool = False


def evaluated(found: Latest, failed: Failed, *, now: int) -> Evaluated:
    """The pod's view, or that it could not be evaluated."""
    try:
        return Evaluated(found.record.name, found.view(now))
    except Exception as error:  # noqa: BLE001 - whatever one pod holds, the others are told
        failed(found.record, error)
        return Evaluated(found.record.name, lost=True)


def encoded(
    found: Latest, make: Callable[[Latest], Document | None], failed: Failed, *, cluster: str | None
) -> bytes | None:
    """The JSON of what ``make`` makes of a pod, ``None`` for nothing; of a pod that fails, what is known of it."""
    try:
        made = make(found)
        return None if made is None else msgspec.json.encode(made)
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        failed(found.record, error)
        return msgspec.json.encode(_unevaluated(found.record, cluster))


def _unevaluated(record: Saved, cluster: str | None) -> Document:
    return unevaluated_document(
        uid=record.state.uid, namespace=record.namespace, name=record.name, node=record.node, cluster=cluster,
        workload=(record.workload_kind, record.workload),
    )  # fmt: skip
