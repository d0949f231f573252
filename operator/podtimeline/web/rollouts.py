"""Rollouts out of the history: the pods of one workload, and what one of its revisions did to them."""

from collections.abc import Sequence

import msgspec

from podtimeline.analysis.attribution.scaling import WorkloadHistory
from podtimeline.analysis.resolved import ResolvedTimeline
from podtimeline.analysis.rollout import of_one, revisions, rollout_for
from podtimeline.ports import History, Query, Saved
from podtimeline.quarantine import Quarantine
from podtimeline.render.revision import member_document, rollout_document
from podtimeline.render.structs import RolloutDocument
from podtimeline.web.responses import raw

MOST_PODS = 500
"""Pods of a workload that are looked at, the newest first."""


def records(history: History, namespace: str, kind: str, name: str) -> tuple[Saved, ...]:
    """The newest pods of the workload. Blocks; raises ``StoreError``."""
    query = Query(namespace=namespace, workload_kind=kind, workload=name, limit=MOST_PODS)
    return history.search(query).records


def answer(
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
