"""Static pods: what is said under the uid that the kubelet gave them is said of their mirrors in the API.

The kubelet makes up a static pod's uid from its manifest and writes its Events under it; the mirror that it creates
afterwards has a uid of the API server's, and the kubelet's as an annotation (pkg/kubelet/pod/mirror_client.go).
"""

from collections.abc import Sequence
from dataclasses import replace

from podtimeline.model.observations import Observation, Witnessed
from podtimeline.model.pods import PodFacts
from podtimeline.ports import PodReference


class Mirrors:
    """The uids of mirrors by the static pods that they stand for; one made anew takes the old one's place.

    A mirror has the name and the namespace of its static pod: whoever writes the annotation into a pod of another name
    makes it the mirror of nothing.
    """

    def __init__(self) -> None:
        self._mirrors: dict[PodReference, str] = {}
        self._static: dict[str, PodReference] = {}

    def __len__(self) -> int:
        """How many mirrors are known."""
        return len(self._static)

    def appeared(self, facts: PodFacts) -> None:
        """A pod was described or restored."""
        static = static_pod(facts)
        if static is not None:
            self._mirrors[static] = facts.uid
            self._static[facts.uid] = static

    def of(self, pod: PodReference) -> str | None:
        """The uid of the mirror of a static pod, ``None`` for any other pod."""
        return self._mirrors.get(pod)

    def forget(self, uid: str) -> None:
        """A pod is no longer tracked."""
        static = self._static.pop(uid, None)
        if static is not None and self._mirrors.get(static) == uid:
            del self._mirrors[static]


def static_pod(facts: PodFacts) -> PodReference | None:
    """What the kubelet's Events name a mirror's static pod by; ``None`` for every other pod."""
    return PodReference(facts.mirror, facts.namespace, facts.name) if facts.mirror else None


def said_of(uid: str, observations: Sequence[Observation]) -> list[Observation]:
    """The observations as of the pod of that uid."""
    return [each._replace(uid=uid) if isinstance(each, Witnessed) else replace(each, uid=uid) for each in observations]
