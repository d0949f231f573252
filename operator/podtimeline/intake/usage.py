"""Which volumes each kubelet says that it needs: it mounts none before, and none is detached while it does. Pure."""

from collections.abc import Iterator, Sequence
from hashlib import sha256

from podtimeline.model.instants import Evidence, Source, happened, just_after
from podtimeline.model.milestones import Milestone
from podtimeline.model.storage import Fact, UsageNews

_CSI = "kubernetes.io/csi/"


def attachment_name(volume: str, node: str) -> str | None:
    """The VolumeAttachment of a volume by its unique name; ``None`` for one that no CSI driver serves.

    It is named after a hash of handle, driver and node (pkg/volume/csi/csi_attacher.go, getAttachmentName).
    """
    driver, _, handle = volume.removeprefix(_CSI).partition("^")
    if not volume.startswith(_CSI) or not handle:
        return None
    return f"csi-{sha256(f'{handle}{driver}{node}'.encode()).hexdigest()}"


class Usage:
    """Compares each version of a node with the one before."""

    def __init__(self) -> None:
        self._needed: dict[str, dict[str, UsageNews]] = {}
        """By node and volume."""

    def read(self, node: str, volumes: Sequence[str], *, arrived: int, live: bool, first: bool) -> Iterator[UsageNews]:
        """What is new in a version of a node; ``first`` for the first one: what it shows began before."""
        held = self._needed.setdefault(node, {})
        for volume in volumes:
            name = attachment_name(volume, node)
            if name is not None and volume not in held:
                evidence = happened(arrived) if first else _noticed(arrived, live=live)
                held[volume] = UsageNews(f"{name}/{arrived}", name, None, (Fact(Milestone.IN_USE, (evidence,)),))
                yield held[volume]
        needed = frozenset(volumes)
        for volume in [each for each in held if each not in needed]:
            yield _over(held.pop(volume), arrived, live=live)

    def gone(self, node: str, *, arrived: int) -> Iterator[UsageNews]:
        """A node is gone, and with it what it needed."""
        for each in self._needed.pop(node, {}).values():
            yield _over(each, arrived, live=False)


def _over(begun: UsageNews, arrived: int, *, live: bool) -> UsageNews:
    facts = (Fact(Milestone.UNUSED, (_noticed(arrived, live=live),)),)
    return UsageNews(begun.uid, begun.attachment, arrived, facts)


def _noticed(arrived: int, *, live: bool) -> Evidence:
    if live:
        return just_after(Source.WATCH, arrived, observed=arrived)
    return Evidence(Source.LISTED, None, None, arrived, arrived)
