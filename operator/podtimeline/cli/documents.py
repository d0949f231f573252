"""Documents that came over the wire or out of ``render.document``, read into what the drawings take."""

import re

import msgspec

from podtimeline.analysis.resolved import ResolvedTimeline
from podtimeline.errors import PodtimelineError
from podtimeline.quarantine import Quarantine
from podtimeline.render.document import API_VERSION, contained_document
from podtimeline.render.drawing import PodTimeline

_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")


def read(content: object) -> PodTimeline:
    """A document as drawings take it. Raises ``PodtimelineError`` where it is not one of this version."""
    version = content.get("apiVersion") if isinstance(content, dict) else None
    if version != API_VERSION:
        raise PodtimelineError(
            f"not a {API_VERSION} document (apiVersion is {version!r}): is the operator newer or older?"
        )
    try:
        return msgspec.convert(snake(content), PodTimeline)
    except msgspec.ValidationError as error:
        raise PodtimelineError(f"not a {API_VERSION} document: {error}") from error


def drawable(view: ResolvedTimeline, *, cluster: str | None = None) -> PodTimeline:
    """A view as drawings take it, by way of its document: what is drawn here is what others receive."""
    return contained_document(view, Quarantine(), lambda made: read(msgspec.to_builtins(made)), cluster=cluster)


def snake(content: object) -> object:
    """Plain data with its keys in snake case."""
    match content:
        case dict():
            return {_HUMP.sub(r"_\1", str(key)).lower(): snake(value) for key, value in content.items()}
        case list():
            return [snake(each) for each in content]
        case _:
            return content
