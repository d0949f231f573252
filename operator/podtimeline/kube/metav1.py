"""The structures that all kinds share (metav1): the fields that are read, and no others.

What is not named in a struct is skipped by the parser. A nullable list is ``None`` where Go writes a nil slice as
``null``; every field has the default of its absence. Fields: https://kubernetes.io/docs/reference/kubernetes-api/
"""

from typing import Annotated, Generic, TypeVar

import msgspec

T = TypeVar("T")
Int32 = Annotated[int, msgspec.Meta(ge=-(1 << 31), le=(1 << 31) - 1)]
Int64 = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
Name = Annotated[str, msgspec.Meta(max_length=253)]
"""The API server checks the names of objects, not those in references: what is longer names nothing."""
Uid = Annotated[str, msgspec.Meta(max_length=128)]
Word = Annotated[str, msgspec.Meta(max_length=128)]
"""A kind, a reason or a type; events.k8s.io/v1 allows a reason of 128 characters."""


class Wire(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Base: camelCase on the wire; ``gc=False`` as parsed JSON has no cycles."""


class OwnerReference(Wire, frozen=True):
    """metav1.OwnerReference."""

    kind: str
    name: str
    uid: str = ""
    api_version: str = ""
    controller: bool | None = None


class Metadata(Wire, frozen=True):
    """metav1.ObjectMeta, without labels and annotations."""

    uid: str = ""
    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    creation_timestamp: str | None = None
    owner_references: list[OwnerReference] | None = None


class Condition(Wire, frozen=True):
    """The condition of a Pod, a Node or a workload."""

    type: str
    status: str = ""
    last_transition_time: str | None = None
    reason: str | None = None
    message: str | None = None


class WriteTime(Wire, frozen=True):
    """metav1.ManagedFieldsEntry, of which only the second of the manager's latest change is read."""

    time: str | None = None


class WatchEvent(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """One line of a watch."""

    type: str
    object: T


class ListMetadata(Wire, frozen=True):
    """metav1.ListMeta."""

    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class ListPage(Wire, frozen=True):
    """One page of a listing; the items stay unparsed, so that one that is malformed does not spoil the page."""

    metadata: ListMetadata
    items: list[msgspec.Raw] | None = None


class Status(Wire, frozen=True):
    """metav1.Status, the object of a watch's ERROR."""

    code: Int32 = 0
    reason: str = ""
    message: str = ""


class Head(Wire, frozen=True):
    """The identity of an object of which nothing else can be read."""

    metadata: Metadata
