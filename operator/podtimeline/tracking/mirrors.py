"""Static pods: what is said under the uid that the kubelet gave them is said of their mirrors in the API.

The kubelet makes up a static pod's uid from its manifest and writes its Events under it; the mirror that it creates
afterwards has a uid of the API server's, and the kubelet's as an annotation (pkg/kubelet/pod/mirror_client.go).
"""

from collections.abc import Sequence
from dataclasses import replace

from podtimeline.core.observations import Observation, Witnessed
from podtimeline.core.pods import PodFacts


class Mirrors:
    """The uids of mirrors by those of the static pods that they stand for; one made anew takes the old one's place."""

    def __init__(self) -> None:
        self._mirrors: dict[str, str] = {}
        self._static: dict[str, str] = {}

    def __len__(self) -> int:
        """How many mirrors are known."""
        return len(self._static)

    def appeared(self, facts: PodFacts) -> None:
        """A pod was described or restored."""
        if facts.mirror:
            self._mirrors[facts.mirror] = facts.uid
            self._static[facts.uid] = facts.mirror

    def of(self, uid: str) -> str | None:
        """The uid of the mirror of a static pod, ``None`` for any other pod."""
        return self._mirrors.get(uid)

    def forget(self, uid: str) -> None:
        """A pod is no longer tracked."""
        static = self._static.pop(uid, None)
        if static is not None and self._mirrors.get(static) == uid:
            del self._mirrors[static]


def said_of(uid: str, observations: Sequence[Observation]) -> list[Observation]:
    """The observations as of the pod of that uid."""
    return [each._replace(uid=uid) if isinstance(each, Witnessed) else replace(each, uid=uid) for each in observations]
