"""Pods that a pod is compared with, out of the history."""

from podtimeline.core.peers import MOST, NOBODY, WINDOW, Peers, peers
from podtimeline.core.state import load
from podtimeline.core.view import View, view
from podtimeline.ports import History, Query


def neighbours(history: History, seen: View, *, now: int) -> Peers:
    """Figures of pods of the same node and of others that began about the time. Blocks; raises ``StoreError``."""
    if seen.node is None or not seen.phases:
        return NOBODY
    since, until = seen.phases[0].start - WINDOW, seen.phases[-1].end + WINDOW
    near = (Query(node=node, since=since, until=until, limit=MOST) for node in (seen.node, None))
    records = {record.state.uid: record for query in near for record in history.search(query).records}
    views = (view(load(record.state), now=now) for record in records.values())
    return peers(seen, [each for each in views if each is not None])
