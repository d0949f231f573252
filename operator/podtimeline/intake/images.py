"""What the kubelet's Events say of images: how long a pull took, and whether a failure is one of an image. Pure.

The texts are made by pkg/kubelet/images/image_manager.go; they are the same in Kubernetes 1.34 and 1.37.
"""

import re

from podtimeline.intake.texts import go_duration
from podtimeline.model.observations import ImagePulled
from podtimeline.model.texts import whole

_QUOTED = re.compile(r'image "([^"]*)"')
_TOOK = re.compile(r'" in ([^\s()]+)(?: \(([^\s()]+) including waiting\))?')
_SIZE = re.compile(r"size: ([0-9]+) bytes")
WITHOUT_IMAGE = frozenset(
    {
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
"""Reasons of a container that waits for its image (pkg/kubelet/images/types.go, k8s.io/cri-api errors)."""
_ATTEMPTS = frozenset({"ErrImageNeverPull", "InspectFailed"})
"""Reasons of Events, beside the ``Failed`` of a pull, that the kubelet gives whenever it fails to get an image."""
_NO_PULL = "Failed to pull image "
_ERROR = "Error: "


_OF_IMAGES = frozenset({"Pulling", "Pulled", "Failed", "BackOff", "InspectFailed", "ErrImageNeverPull"})
"""Reasons that the kubelet's image manager records under."""


def image_of(reason: str, message: str) -> str:
    """The image that an Event of the image manager is about, empty for other Events.

    For an image volume the kubelet hands the pod itself to its image manager, so that the Event names no container:
    its text alone says which image (pkg/kubelet/kuberuntime/kuberuntime_manager.go, getImageVolumes).
    """
    quoted = _QUOTED.search(message) if reason in _OF_IMAGES else None
    return "" if quoted is None or len(quoted[1]) > _LONGEST else quoted[1]


_LONGEST = 1024
"""More characters than a reference can have: a host, 255 of a repository, 128 of a tag, and a digest."""


def is_failed_attempt(reason: str, message: str) -> bool:
    """Whether a container's Event reports an attempt to get its image that failed.

    ``Failed`` is the reason for pulls, creations and starts alike: the first words tell them apart. Behind them, and
    behind what client-go puts before a text that it has combined, stand the runtime's own words.
    """
    return reason in _ATTEMPTS or (reason == "Failed" and _NO_PULL in message)


def repeats_status(reason: str, message: str) -> bool:
    """Whether a container's Event says no more than the reason for which its status says that it waits.

    After each attempt that failed the kubelet records ``Error: ErrImagePull`` once more, under ``Failed``
    (pkg/kubelet/kuberuntime/kuberuntime_container.go, startContainer).
    """
    return reason == "Failed" and message.rpartition(_ERROR)[2] in WITHOUT_IMAGE


def pulled(uid: str, container: str, message: str, *, at: int) -> ImagePulled | None:
    """What a Pulled message says; ``None`` where it is of another kind."""
    quoted = _QUOTED.search(message)
    cached, took = "already present" in message, _TOOK.search(message)
    if quoted is None or (took is None and not cached):
        return None
    size = _SIZE.search(message)
    pull, waiting = (None, None) if took is None or cached else (took[1], took[2])
    return ImagePulled(
        uid,
        container,
        quoted[1],
        cached=cached,
        at=at,
        pull=None if pull is None else go_duration(pull),
        waiting=None if waiting is None else go_duration(waiting),
        size=whole(size[1]) if size is not None and not cached else None,
    )
