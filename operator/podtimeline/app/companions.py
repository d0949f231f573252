"""Who tells the tracker what other objects mean for a pod, wired to what the low-rate kinds say."""

from podtimeline.intake.lowrate import Listeners
from podtimeline.tracking.companions import Companion
from podtimeline.tracking.nodes import NewNodes
from podtimeline.tracking.volumes import Volumes


def companions(known: Listeners) -> tuple[Companion, ...]:
    """The companions of the live operator and of a replay alike."""
    return NewNodes(known.nodes), Volumes()
