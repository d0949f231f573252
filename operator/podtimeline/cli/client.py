"""Asks the operator's HTTP API for documents, and reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote

import msgspec

from podtimeline.cli.output import JsonObject, tell
from podtimeline.cli.target import BARE, Target
from podtimeline.cli.transport import Response, Transport
from podtimeline.errors import ClusterError, PodtimelineError
from podtimeline.model.milestones import PHASES, Leg
from podtimeline.render.structs import API_VERSION

_PODS = "/api/v1/pods"
_ROLLOUTS = "/api/v1/rollouts"
_WORKLOADS = "/api/v1/workloads"
_PAGE = 200
_GENERATED = 58
"""Characters of a controller's name that are left in front of a generated suffix (apiserver, names/generate.go)."""


class _Page(msgspec.Struct):
    items: list[JsonObject]
    cursor: str | None = None


class _Refusal(msgspec.Struct):
    error: str = ""
    message: str = ""


class NotFound(PodtimelineError):  # noqa: N818 - named for what it says
    """The operator knows no such timeline."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: ``last`` is how many timelines at most, newest first."""

    target: Target
    namespace: str
    uid: str | None
    last: int

    def words(self) -> str:
        """The target for people."""
        uid = f" with uid {self.uid}" if self.uid else ""
        return f"{self.target.kind.lower()} {self.namespace}/{self.target.name}{uid}"


class Operator:
    """The operator, however it is reached."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def find(self, wanted: Wanted) -> list[JsonObject]:
        """The timelines of the target, oldest first. Raises ``NotFound``, or ``ClusterError``."""
        if wanted.target.kind != BARE:
            found = self._rollout(wanted)
        elif wanted.last > 1:
            found = self._search({"namespace": wanted.namespace, "name": wanted.target.name}, wanted.last)
        else:
            found = [self._pod(wanted)]
        if wanted.uid is not None:
            found = [each for each in found if each.get("uid") == wanted.uid]
        if not found:
            raise NotFound(_absent(wanted))
        return found[::-1]

    def rollout(self, target: Target, *, namespace: str, revision: str | None) -> JsonObject:
        """One revision of a workload, the newest if none is given. Raises ``NotFound``, or ``ClusterError``."""
        parts = "/".join(quote(each, safe="") for each in (namespace, target.kind, target.name))
        answer = self._transport.get(f"{_ROLLOUTS}/{parts}", {"revision": revision} if revision else {})
        if answer.status == 404:
            which = f" with revision {revision}" if revision else ""
            raise NotFound(f"no rollout of {target.kind.lower()} {namespace}/{target.name}{which}: {_WHERE}")
        found = _decoded(answer, JsonObject)
        lost = found.get("unevaluated")
        for name in lost if isinstance(lost, list) else ():
            tell(f"podtimeline: pod {namespace}/{name} is left out: {_UNEVALUATED}")
        return found

    def workloads(self, namespace: str | None) -> list[JsonObject]:
        """The workloads whose pods are, or were, refused. Raises ``ClusterError``."""
        answer = self._transport.get(_WORKLOADS, {"namespace": namespace} if namespace else {})
        return _decoded(answer, _Page).items

    def starting(self, namespace: str | None) -> list[JsonObject]:
        """The pods that have not started yet. Raises ``ClusterError``."""
        return self._search({"outcome": "starting"} | ({"namespace": namespace} if namespace else {}), None)

    def leaving(self, namespace: str | None) -> list[JsonObject]:
        """The pods that are to be deleted and are not gone yet. Raises ``ClusterError``."""
        within = {"namespace": namespace} if namespace else {}
        return [each for phase in _WAY_BACK for each in self._search({"phase": phase} | within, None)]

    def _pod(self, wanted: Wanted) -> JsonObject:
        query = {"uid": wanted.uid} if wanted.uid else {}
        answer = self._transport.get(
            f"{_PODS}/{quote(wanted.namespace, safe='')}/{quote(wanted.target.name, safe='')}", query
        )
        if answer.status == 404:
            raise NotFound(_absent(wanted))
        return _decoded(answer, JsonObject)

    def _rollout(self, wanted: Wanted) -> list[JsonObject]:
        kind, name = wanted.target
        found = self._search(_workload(wanted.namespace, kind, name), wanted.last)
        outer = wanted.target.outer
        if found or outer is None:
            return found
        # A timeline's workload is the outermost controller: a ReplicaSet's pods are found under its Deployment.
        begins = f"{name}-"[:_GENERATED]
        within = self._search(_workload(wanted.namespace, outer.kind, outer.name), None)
        return [each for each in within if str(each.get("name", "")).startswith(begins)][: wanted.last]

    def _search(self, query: Mapping[str, str], most: int | None) -> list[JsonObject]:
        found: list[JsonObject] = []
        asked = {**query, "order": "newest", "limit": str(min(most or _PAGE, _PAGE))}
        while True:
            page = _decoded(self._transport.get(_PODS, asked), _Page)
            found += page.items
            if page.cursor is None or (most is not None and len(found) >= most):
                return found[:most]
            asked["cursor"] = page.cursor


_UNEVALUATED = "its timeline could not be evaluated; see the log of the operator"
_WAY_BACK = [phase.value for phase, row in PHASES.items() if row.leg is Leg.TERMINATION and not row.parallel]
_WHERE = "is the namespace right (-n), and does the operator follow it?"


def _absent(wanted: Wanted) -> str:
    return f"no timeline of {wanted.words()}: {_WHERE}"


def _workload(namespace: str, kind: str, name: str) -> dict[str, str]:
    return {"namespace": namespace, "workload_kind": kind, "workload": name}


_T = TypeVar("_T")


def read(content: object, kind: type[_T]) -> _T:
    """Plain data as the struct that it was made of; keys that only a newer operator has are left out.

    Raises ``PodtimelineError`` where it is not of this version.
    """
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise PodtimelineError(f"not a {API_VERSION} document: is the operator newer or older? ({error})") from error


def _decoded(answer: Response, kind: type[_T]) -> _T:
    if answer.status != 200:
        raise ClusterError(f"the operator answered {answer.status}: {_reason(answer.body)}")
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except msgspec.DecodeError as error:
        raise ClusterError(f"the answer is not from a podtimeline operator: {error}") from error


def _reason(body: bytes) -> str:
    try:
        said = msgspec.json.decode(body, type=_Refusal)
    except msgspec.DecodeError:
        return " ".join(body.decode("utf-8", "replace").split())[:200] or "no reason given"
    return said.error or said.message or "no reason given"
