"""From records of the history, and what the tracker knows beyond them, to documents.

Of any thread unless said otherwise; one pod that fails does not fail the others' answer.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import msgspec

from podtimeline.analysis.attribution.scaling import WorkloadHistory
from podtimeline.analysis.findings.peers import MOST, NOBODY, WINDOW, Peers, peers
from podtimeline.analysis.resolved import Outcome, ResolvedTimeline
from podtimeline.analysis.rollout import of_one, revisions, rollout_for
from podtimeline.evaluation import evaluated, evaluated_state
from podtimeline.model.milestones import Phase
from podtimeline.model.timeline import Timeline
from podtimeline.ports import History, Query, Saved
from podtimeline.quarantine import Quarantine
from podtimeline.render.revision import member_document, rollout_document
from podtimeline.render.structs import RolloutDocument
from podtimeline.web.lane import JOB, Worker, in_turns
from podtimeline.web.responses import raw

Live = Callable[[str], Timeline | None]
"""A copy of what the tracker knows of a pod, ``None`` where the history has all of it; of the event loop's thread."""


class OpenPods(Protocol):
    """A look at the pods that start or leave: see ``tracking.survey.Survey``."""

    @property
    def size(self) -> int:
        """How many are to be evaluated."""
        ...

    def turns(self) -> Iterator[int]:
        """Copy them, a few with each step; of the event loop's thread."""
        ...

    def evaluate(self, now: int, part: slice) -> None:
        """Evaluate a part of them; of any thread."""
        ...

    def take(self) -> None:
        """Remember the answers; of the event loop's thread."""
        ...

    def among(self, phase: Phase | None, outcome: Outcome | None) -> frozenset[str]:
        """The uids of those that are of a phase and of an outcome, ``None`` for any."""
        ...


@dataclass(frozen=True, slots=True)
class Latest:
    """One pod as the history has it, and what the tracker knows beyond that."""

    record: Saved
    fresh: Timeline | None = None

    def view(self, quarantine: Quarantine, *, now: int) -> ResolvedTimeline | None:
        """The timeline as of now, ``None`` where the pod was not described; see ``evaluation`` for one that fails."""
        if self.fresh is not None:
            return evaluated(self.fresh, now=now, quarantine=quarantine)
        return evaluated_state(self.record.state, now=now, quarantine=quarantine)


async def known(query: Query, begin: Callable[[], OpenPods], worker: Worker, *, now: int) -> Query:
    """The query, with what the history does not know of pods that start or leave where it asks for that."""
    if query.phase is None and query.outcome is None:
        return query
    look = begin()
    for _ in look.turns():
        await asyncio.sleep(0)
    for first in range(0, look.size, JOB):
        await worker.run(partial(look.evaluate, now, slice(first, first + JOB)))
    look.take()
    return replace(query, among=look.among(query.phase, query.outcome))


async def latest(records: Iterable[Saved], live: Live) -> list[Latest]:
    """The records with what the tracker knows beyond them, copied a few at a time."""
    found: AsyncIterator[Saved] = in_turns(records)
    return [Latest(record, live(record.state.uid)) async for record in found]


def neighbours(
    history: History, seen: ResolvedTimeline, quarantine: Quarantine, *, now: int, namespace: str | None
) -> Peers:
    """Figures of pods of the same node and of others that began about the time; ``namespace`` narrows both.

    Blocks; raises ``StoreError``.
    """
    if seen.node is None or not seen.phases:
        return NOBODY
    since, until = max(seen.phases[0].start - WINDOW, 0), seen.phases[-1].end + WINDOW
    near = (Query(namespace=namespace, node=node, since=since, until=until, limit=MOST) for node in (seen.node, None))
    records = {record.state.uid: record for query in near for record in history.search(query).records}
    found = (Latest(record).view(quarantine, now=now) for record in records.values())
    return peers(seen, [each for each in found if each is not None and each.error is None])


MOST_PODS = 500
"""Pods of a workload that are looked at, the newest first."""


def members(history: History, namespace: str, kind: str, name: str) -> tuple[Saved, ...]:
    """The newest pods of the workload. Blocks; raises ``StoreError``."""
    query = Query(namespace=namespace, workload_kind=kind, workload=name, limit=MOST_PODS)
    return history.search(query).records


def rollout_answer(
    pods: Sequence[ResolvedTimeline | None],
    asked: WorkloadHistory | None,
    *,
    revision: str | None,
    now: int,
    cluster: str | None,
    quarantine: Quarantine,
) -> RolloutDocument[msgspec.Raw] | None:
    """The document of the revision, of the newest one where none is given; ``None`` where there is no such pod.

    ``asked`` is what the workload was asked for, as far as it is known.
    """
    known_pods = [each for each in pods if each is not None]
    of_it = of_one([each for each in known_pods if each.error is None], revision=revision)
    known = revisions(of_it)
    chosen = revision if revision is not None else next(iter(known), None)
    mine = asked is not None and any(each.workload.uid == asked.state.uid for each in of_it)
    latest = asked if mine and chosen == next(iter(known), None) else None
    rollout = None if chosen is None else rollout_for(of_it, latest, revision=chosen, now=now)
    if rollout is None:
        return None
    lost = [each.facts.name for each in known_pods if each.error is not None]
    # One after the other, so that no more than one of them is held as objects.
    members = [raw(member_document(each, quarantine, cluster=cluster)) for each in rollout.members]
    return rollout_document(rollout, members=members, revisions=known, now=now, cluster=cluster, unevaluated=lost)
