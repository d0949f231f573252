"""What is said of claims and of attachments: facts of no pod in particular, for whichever pods use the volume."""

from dataclasses import dataclass
from typing import NamedTuple

from podtimeline.model.instants import Evidence
from podtimeline.model.milestones import Milestone


class Fact(NamedTuple):
    """Evidence for one milestone of a volume."""

    milestone: Milestone
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """Why something takes long or failed, said at ``at`` (nanoseconds), ``count`` times since ``first``.

    ``first`` is ``None`` for what no Event says: it is not counted.
    """

    reason: str
    text: str
    at: int
    count: int = 1
    first: int | None = None


@dataclass(frozen=True, slots=True)
class ClaimNews:
    """What is new of a PersistentVolumeClaim; ``volume`` is the PersistentVolume it is bound to, as far as is known.

    ``bound`` is a moment by which it was bound, ``None`` where nothing says that it is; ``seen`` is False for what only
    an Event says.
    """

    namespace: str
    name: str
    uid: str
    volume: str = ""
    bound: int | None = None
    facts: tuple[Fact, ...] = ()
    words: tuple[Words, ...] = ()
    seen: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class AttachmentNews:
    """What is new of a VolumeAttachment: of a PersistentVolume and a node, until it is ``gone``.

    ``leaving`` is the second in which its deletion was asked for, in nanoseconds: no pod that is younger has to do with
    it.
    """

    uid: str
    name: str
    volume: str
    node: str
    leaving: int | None = None
    facts: tuple[Fact, ...] = ()
    words: tuple[Words, ...] = ()
    gone: bool = False


@dataclass(frozen=True, slots=True)
class UsageNews:
    """The kubelet of a node needs a volume, or needs it no longer; ``attachment`` is the name of the attachment.

    One uid for each time that it needs it; ``leaving`` as of an attachment, once it does no longer.
    """

    uid: str
    attachment: str
    leaving: int | None = None
    facts: tuple[Fact, ...] = ()

    @property
    def gone(self) -> bool:
        """Whether the kubelet needs it no longer."""
        return self.leaving is not None


StorageNews = ClaimNews | AttachmentNews | UsageNews
