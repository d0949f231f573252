"""What is known of a node."""

from dataclasses import dataclass

from podtimeline.core.instants import Evidence
from podtimeline.core.taints import Taint


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node as of its latest version; ``created_second`` is its ``creationTimestamp`` in nanoseconds (1 s).

    ``ready`` is the evidence for the first time that it was Ready, empty while nothing says that it was.
    """

    name: str
    uid: str
    created_second: int
    created: tuple[Evidence, ...]
    ready: tuple[Evidence, ...] = ()
    cordoned: bool = False
    cordoned_at: int | None = None
    """The arrival of what first showed it cordoned, 0 where it was so before anybody looked."""
    evicting: tuple[str, ...] = ()
    """Its taints of the effect NoExecute, as ``key`` or ``key=value``."""
    taints: tuple[Taint, ...] = ()
    """All its taints, in the order of its spec."""
