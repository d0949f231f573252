"""What a node's own recorders saw: containerd's events and its log, and the CNI plugin's."""

import json
import re
from collections.abc import Iterable, Mapping

from tests.support.truth import SECOND, Json, PodTruth, Span, nanoseconds

from podtimeline.model.milestones import Milestone, MilestoneKey

_DEEDS = {
    "/containers/create": Milestone.CONTAINER_CREATED,
    "/tasks/start": Milestone.STARTED,
    "/tasks/exit": Milestone.FINISHED,
}


def read_containerd(pods: dict[str, PodTruth], lines: Iterable[str]) -> None:
    """Take the containers' ways from containerd's events, as ``ctr events`` prints them."""
    owners = _owners(pods)
    for line in lines:
        match = re.match(r"(\S+ \S+) \+0000 UTC \S+ (\S+) (\{.*\})$", line)
        if match is None or match[2] not in _DEEDS:
            continue
        said = json.loads(match[3])
        container = said.get("container_id") or said.get("id", "")
        # A probe's command exits, too, in the same container and under an id of its own.
        if container in owners and said.get("id", container) == container:
            pod, name = owners[container]
            moment = _protobuf_time(said["exited_at"]) if "exited_at" in said else nanoseconds(match[1])
            pod.first(_DEEDS[match[2]], Span(moment, moment), subject=name)


def _protobuf_time(stamp: Mapping[str, int]) -> int:
    """Nanoseconds of a google.protobuf.Timestamp, which leaves out what is zero."""
    return stamp.get("seconds", 0) * SECOND + stamp.get("nanos", 0)


def _owners(pods: Mapping[str, PodTruth]) -> dict[str, tuple[PodTruth, str]]:
    """Pod and name of each container by the runtime's id."""
    return {identity: (pod, name) for pod in pods.values() for identity, name in pod.ids.items()}


# Messages are written as protobuf's text, whose spaces may differ from build to build.
_SANDBOX = re.compile(r'RunPodSandbox for name:.*\buid:"([^"]+)".* returns sandbox id')
_STOP = re.compile(r'StopContainer for "([0-9a-f]+)" with timeout')


def read_runtime(pods: dict[str, PodTruth], node: str, entries: list[Json]) -> None:
    """The log of containerd's CRI service: what the kubelet asked for, and when it was answered."""
    owners = _owners(pods)
    for entry in entries:
        text = str(entry.get("msg", ""))
        if (made := _SANDBOX.match(text)) is not None and made[1] in pods:
            pods[made[1]].first(Milestone.SANDBOX_READY, _at(entry))
        elif (stopped := _STOP.match(text)) is not None and stopped[1] in owners:
            pod, name = owners[stopped[1]]
            pod.first(Milestone.KILLING, _at(entry), subject=name)
    _read_pulls(pods, node, entries)


def _at(entry: Json) -> Span:
    moment = nanoseconds(entry["time"])
    return Span(moment, moment)


def read_cni(pods: dict[str, PodTruth], entries: Iterable[Json]) -> None:
    """Take when each network was attached."""
    for entry in entries:
        if entry["command"] == "ADD" and entry.get("ok") and entry["uid"] in pods:
            pods[entry["uid"]].first(Milestone.IP_ASSIGNED, Span(entry["end_ns"], entry["end_ns"]))


def _read_pulls(pods: dict[str, PodTruth], node: str, entries: Iterable[Json]) -> None:
    pulls: list[tuple[str, int, int]] = []
    begun: dict[str, int] = {}
    for entry in entries:
        match = re.match(r'PullImage "([^"]+)"( returns image reference)?', str(entry.get("msg", "")))
        if match is None:
            continue
        moment = nanoseconds(entry["time"])
        if not match[2]:
            begun.setdefault(match[1], moment)
        elif match[1] in begun:
            pulls.append((match[1], begun.pop(match[1]), moment))
    for pod in pods.values():
        if pod.node == node:
            _assign_pulls(pod, pulls)


def _assign_pulls(pod: PodTruth, pulls: list[tuple[str, int, int]]) -> None:
    """A pull belongs to a container if it is the only one of that image between its binding and its creation."""
    bound = pod.marks.get(MilestoneKey(Milestone.SCHEDULED))
    for container, image in pod.images.items():
        made = pod.marks.get(MilestoneKey(Milestone.CONTAINER_CREATED, container))
        if bound is None or made is None or list(pod.images.values()).count(image) > 1:
            continue
        fitting = [
            (start, end) for name, start, end in pulls if name == image and bound.start < start < end < made.start
        ]
        if len(fitting) == 1:
            start, end = fitting[0]
            pod.first(Milestone.PULLED, Span(end, end), subject=container)
            pod.first(Milestone.PULL_STARTED, Span(start, start), subject=container)
