"""The reflectors of the hot streams, wired for all namespaces or for some."""

from collections.abc import Sequence

import aiohttp

from podtimeline.bounded import Losses
from podtimeline.intake.credentials import Connection
from podtimeline.intake.feeds import EventFeed, NamespacePodFeed, PodFeed, SliceFeed, feed_for
from podtimeline.intake.slices import SliceIndex
from podtimeline.intake.streams import Pace, Reflector, Tap, collection_path
from podtimeline.intake.waiting import Tainted
from podtimeline.ports import Clock, Intake, Stream, Versions
from podtimeline.quarantine import Quarantine

HotFeed = PodFeed | EventFeed | SliceFeed


def reflectors(
    *,
    connection: Connection,
    session: aiohttp.ClientSession,
    intake: Intake,
    versions: Versions | None,
    clock: Clock,
    namespaces: Sequence[str] = (),
    addresses: SliceIndex | None = None,
    nodes: Tainted | None = None,
    pace: Pace | None = None,
    tap: Tap | None = None,
    quarantine: Quarantine | None = None,
    losses: Losses | None = None,
) -> tuple[Reflector, ...]:
    """One reflector per stream, or per stream and namespace; ``addresses`` remembers what slices hold.

    ``nodes`` tells the taints of nodes; ``quarantine`` gets what no feed can read, ``losses`` counts what a feed has no
    room for, each feed its own where they are ``None``.
    Saved versions are of all namespaces: a process that follows some of them lists first, as the choice of namespaces
    may have changed since the version was saved.
    """
    return tuple(
        Reflector(
            connection=connection,
            session=session,
            path=collection_path(stream, namespace),
            feed=_sharing(_feed(stream, intake, namespace, addresses, nodes, losses), quarantine),
            clock=clock,
            versions=versions if namespace is None else None,
            namespace=namespace,
            pace=pace,
            tap=tap,
        )
        for namespace in namespaces or (None,)
        for stream in Stream
    )


def _sharing(feed: HotFeed, quarantine: Quarantine | None) -> HotFeed:
    if quarantine is not None:
        feed.quarantine = quarantine
    return feed


def _feed(
    stream: Stream,
    intake: Intake,
    namespace: str | None,
    addresses: SliceIndex | None,
    nodes: Tainted | None,
    losses: Losses | None,
) -> HotFeed:
    if stream is Stream.PODS and namespace is not None:
        return NamespacePodFeed(intake, nodes, namespace=namespace)
    if stream is Stream.ENDPOINTSLICES:
        return SliceFeed(intake, addresses, namespace=namespace)
    return feed_for(stream, intake, nodes=nodes, losses=losses)
