"""The README's table of rights, from the kinds that the operator reads; a test compares it to the roles."""

from collections.abc import Iterator
from dataclasses import dataclass

from podtimeline.intake.kinds import KINDS
from podtimeline.intake.streams import collection_path
from podtimeline.ports import Stream

BEGIN, END = "<!-- BEGIN rights -->", "<!-- END rights -->"
VERBS = ("get", "list", "watch")
_HOT = {
    Stream.PODS: "everything",
    Stream.EVENTS: "why a pod waits, and the exact moments that only Events tell",
    Stream.ENDPOINTSLICES: "when traffic could reach a pod",
}


@dataclass(frozen=True, slots=True)
class Right:
    """One resource that the operator reads."""

    group: str
    resource: str
    namespaced: bool
    without: str


def rights() -> Iterator[Right]:
    """Yield every resource that the operator reads, with what is unknown without it."""
    for stream, without in _HOT.items():
        # /api/v1/pods or /apis/GROUP/VERSION/pods
        _, root, *group, _, resource = collection_path(stream, None).split("/")
        yield Right(group[0] if root == "apis" else "", resource, namespaced=True, without=without)
    for row in KINDS.values():
        yield Right(row.group, row.kind.value, row.namespaced, row.without)


def table() -> str:
    """Return the table in Markdown."""
    rows = [
        f"| `{each.resource}` | `{each.group or 'core'}` | {'namespace' if each.namespaced else 'cluster'} |"
        f" {each.without} |"
        for each in rights()
    ]
    head = "| resource | API group | scope | unknown without the right |"
    return "\n".join([head, "|---|---|---|---|", *rows]) + "\n"


def with_rights(readme: str) -> str:
    """Return the README with the table between the markers made anew."""
    before, begin, rest = readme.partition(BEGIN + "\n")
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the chart's README has lost its lines {BEGIN!r} and {END!r}")
    return before + begin + table() + end + after
