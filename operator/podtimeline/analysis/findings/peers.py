"""What other pods cost on the same node and elsewhere at the time: the figures that make one pod's figures slow."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median_low

from podtimeline.analysis.resolved import ResolvedTimeline
from podtimeline.model.instants import SECOND
from podtimeline.model.milestones import Milestone, Phase
from podtimeline.model.observations import TRANSFER

WINDOW = 600 * SECOND
"""Pods that began within this time of each other are compared."""
MOST = 50
"""Peers of one pod that are looked at."""
_SMALL = 1 << 20
"""Below this many bytes a pull is round trips, not throughput."""
_ROUND_TRIPS = 2
"""A pull that took no longer than so many times a check of the same image was itself little more than one."""


@dataclass(frozen=True, slots=True)
class PeerPull:
    """An image that another pod of the node pulled: durations in nanoseconds, moments since the epoch.

    ``begin`` to ``end`` is from the kubelet's announcement to its having the image; ``pull`` is the pull alone.
    """

    pod: str
    image: str
    begin: int
    end: int
    pull: int
    size: int | None


@dataclass(frozen=True, slots=True)
class PeerSandbox:
    """A sandbox that another pod got: ``duration`` in nanoseconds, without what failed before it."""

    pod: str
    duration: int
    claims: bool


@dataclass(frozen=True, slots=True)
class PeerStart:
    """The start of another pod of the node: moments in nanoseconds since the epoch."""

    pod: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Peers:
    """Figures of other pods that began about the same time: of the same node, and sandboxes of ``elsewhere``."""

    pulls: tuple[PeerPull, ...] = ()
    sandboxes: tuple[PeerSandbox, ...] = ()
    elsewhere: tuple[PeerSandbox, ...] = ()
    starts: tuple[PeerStart, ...] = ()

    def rate(self) -> int | None:
        """The middle throughput of the node's other pulls in bytes a second; ``None`` for fewer than two."""
        rates = [each.size * SECOND // each.pull for each in self.transfers() if each.size and each.size >= _SMALL]
        return median_low(rates) if len(rates) > 1 else None

    def transfers(self) -> tuple[PeerPull, ...]:
        """The pulls that moved an image to the node, as far as is known: a check of one that was there moves nothing.

        For ``imagePullPolicy: Always`` the kubelet asks the runtime to pull an image that the node has. The runtime
        looks up the digest of its tag in the registry and fetches what is missing, which is nothing; the Pulled event
        then has the time of the look-up and the size of the whole image (kubelet images/image_manager.go, puller.go).
        What was pulled before by another pod of the node was such a check, and so was a first pull that took hardly
        longer than the checks after it, or too short to be anything else (``observations.TRANSFER``).
        """
        return tuple(each for each in self.pulls if each.pull >= TRANSFER and not self._checked(each))

    def _checked(self, pull: PeerPull) -> bool:
        same = [each for each in self.pulls if each.image == pull.image]
        again = [each.pull for each in same if each.begin >= pull.end]
        return any(each.end <= pull.begin for each in same) or pull.pull <= _ROUND_TRIPS * max(again, default=0)

    def during(self, begin: int, end: int) -> tuple[PeerPull, ...]:
        """The pulls of the node that were under way at some time between the two moments, longest first."""
        found = [each for each in self.pulls if each.begin < end and each.end > begin]
        return tuple(sorted(found, key=lambda each: (-each.pull, each.pod, each.image)))

    def starting(self, begin: int, end: int) -> tuple[PeerStart, ...]:
        """The pods of the node that were starting for at least half of the time between the two moments."""
        return tuple(each for each in self.starts if 2 * (min(each.end, end) - max(each.begin, begin)) >= end - begin)

    def before(self, image: str, begin: int) -> PeerPull | None:
        """The latest pull of the same image on the node that was over by then."""
        same = (each for each in self.pulls if each.image == image and each.end <= begin)
        return max(same, key=lambda each: (each.end, each.pod), default=None)


NOBODY = Peers()


def unclaimed(sandboxes: Iterable[PeerSandbox]) -> tuple[PeerSandbox, ...]:
    """The sandboxes of pods without claims: what others took went to their mounts as well."""
    return tuple(each for each in sandboxes if not each.claims)


def middle(sandboxes: Iterable[PeerSandbox], *, least: int) -> int | None:
    """The middle duration of at least ``least`` sandboxes of pods without claims, else ``None``."""
    lengths = [each.duration for each in unclaimed(sandboxes)]
    return median_low(lengths) if len(lengths) >= least else None


def peers(view: ResolvedTimeline, others: Iterable[ResolvedTimeline]) -> Peers:
    """The figures of those of the others that can be compared; the pod itself is not its own peer."""
    near = [each for each in others if each.uid != view.uid and _near(view, each)]
    if view.node is None:
        return NOBODY
    same = [each for each in near if each.node == view.node][:MOST]
    away = [each for each in near if each.node not in {None, view.node}][:MOST]
    return Peers(
        pulls=tuple(pull for each in same for pull in _pulls(each)),
        sandboxes=tuple(found for each in same if (found := _sandbox(each)) is not None),
        elsewhere=tuple(found for each in away if (found := _sandbox(each)) is not None),
        starts=tuple(_start(each) for each in same),
    )


def _near(one: ResolvedTimeline, other: ResolvedTimeline) -> bool:
    if not one.phases or not other.phases:
        return False
    return one.phases[0].start - WINDOW <= other.phases[0].start <= one.phases[-1].end + WINDOW


def _pulls(view: ResolvedTimeline) -> Iterable[PeerPull]:
    for pull in view.pulls:
        begin = view.instant(Milestone.PULL_STARTED, pull.container)
        end = view.instant(Milestone.PULLED, pull.container)
        if not pull.cached and pull.pull and begin is not None and end is not None:
            yield PeerPull(_name(view), pull.image, begin.at, end.at, pull.pull, pull.size)


def _start(view: ResolvedTimeline) -> PeerStart:
    """From the node's point of view: once it is bound."""
    bound = view.instant(Milestone.SCHEDULED)
    return PeerStart(_name(view), view.phases[0].start if bound is None else bound.at, view.phases[-1].end)


def _sandbox(view: ResolvedTimeline) -> PeerSandbox | None:
    made = [each for each in view.phases if each.phase is Phase.SANDBOX and not each.open]
    if not made:
        return None
    return PeerSandbox(_name(view), sum(each.duration for each in made), has_claims(view))


def has_claims(view: ResolvedTimeline) -> bool:
    """Whether a volume of the pod is claimed, so that its sandbox has to wait until it is mounted."""
    return any(each.claim is not None for each in view.facts.awaited)


def _name(view: ResolvedTimeline) -> str:
    return f"{view.facts.namespace}/{view.facts.name}"
