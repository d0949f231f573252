"""Rollouts out of the history: the pods of one workload, and what one of its revisions did to them."""

from collections.abc import Callable, Sequence

from podtimeline.core.requests import WorkloadHistory
from podtimeline.core.rollout import of_one, revisions, rollout_for
from podtimeline.core.state import load
from podtimeline.core.view import View, view
from podtimeline.ports import History, Query, Saved
from podtimeline.render.document import Document
from podtimeline.render.revision import rollout_document

MOST_PODS = 500
"""Pods of a workload that are looked at, the newest first."""
Live = Callable[[str], View | None]


def records(history: History, namespace: str, kind: str, name: str) -> tuple[Saved, ...]:
    """The newest pods of the workload. Blocks; raises ``StoreError``."""
    query = Query(namespace=namespace, workload_kind=kind, workload=name, limit=MOST_PODS)
    return history.search(query).records


def answer(
    pairs: Sequence[tuple[Saved, View | None]],
    asked: WorkloadHistory | None,
    *,
    revision: str | None,
    now: int,
    cluster: str | None,
) -> Document | None:
    """The document of the revision, of the newest one where none is given; ``None`` where there is no such pod.

    ``pairs`` are records with the tracker's own, fresher view where it has one. ``asked`` is what the workload was
    asked for, as far as it is known.
    """
    everyone = [seen for record, fresh in pairs if (seen := fresh or view(load(record.state), now=now)) is not None]
    views = of_one(everyone, revision=revision)
    known = revisions(views)
    chosen = revision if revision is not None else next(iter(known), None)
    mine = asked is not None and any(each.workload.uid == asked.state.uid for each in views)
    latest = asked if mine and chosen == next(iter(known), None) else None
    found = None if chosen is None else rollout_for(views, latest, revision=chosen, now=now)
    return None if found is None else rollout_document(found, revisions=known, now=now, cluster=cluster)
