"""Pods that a pod is compared with, out of the history."""

from podtimeline.analysis.findings.peers import MOST, NOBODY, WINDOW, Peers, peers
from podtimeline.analysis.resolved import ResolvedTimeline
from podtimeline.ports import History, Query
from podtimeline.quarantine import Quarantine
from podtimeline.web.evaluating import Latest


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
