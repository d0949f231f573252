"""Pods that a workload asked for and that were refused: by a quota, by admission, by whatever else."""

from dataclasses import dataclass, replace

from podtimeline.model.pods import Owner
from podtimeline.model.workloads import CreateRefused

MAX_EVENTS = 64
"""Events of one workload whose counts are remembered; a controller names ten and merges the others."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a workload was refused; ``maker`` is whose pods they are, such as the ReplicaSet of a Deployment.

    ``first``, ``last``, ``count`` and ``text`` are of the present or latest spell, which ended at ``ended``, on the
    observer's clock, when a pod came after all or none was wanted any more. ``total`` counts for ever, and each
    occurrence of an Event once: ``events`` has the counts that were seen.
    """

    namespace: str
    workload: Owner
    maker: Owner
    text: str
    first: int
    last: int
    count: int
    total: int
    events: tuple[tuple[str, int], ...]
    ended: int | None = None


def refused(known: Refusal | None, workload: Owner, said: CreateRefused) -> Refusal:
    """What is known after one more Event; one that was counted before changes nothing."""
    events = dict(known.events) if known is not None else {}
    more = max(said.count - events.pop(said.event, 0), 0)
    if known is not None and more == 0:
        return known
    events[said.event] = said.count
    counted = tuple(events.items())[-MAX_EVENTS:]
    if known is None:
        return Refusal(said.namespace, workload, said.maker, said.text, said.first, said.at, more, more, counted)
    total = known.total + more
    if known.ended is not None:
        return replace(
            known, maker=said.maker, text=said.text, first=said.at, last=said.at, count=more, total=total,
            events=counted, ended=None,
        )  # fmt: skip
    latest = said if said.at >= known.last else None
    return replace(
        known,
        maker=said.maker if latest else known.maker,
        text=said.text if latest else known.text,
        first=min(known.first, said.first),
        last=max(known.last, said.at),
        count=known.count + more,
        total=total,
        events=counted,
    )


def forgets(before: Refusal | None, known: Refusal) -> int:
    """Of how many Events that were counted the count is not remembered any more."""
    return 0 if before is None else len(dict(before.events).keys() - dict(known.events).keys())


def ended(known: Refusal, at: int) -> Refusal:
    """The spell is over."""
    return known if known.ended is not None else replace(known, ended=at)
