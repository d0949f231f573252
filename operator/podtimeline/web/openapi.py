"""The OpenAPI 3.1 document of each server, made of the tables that requests are served by."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from podtimeline import __version__
from podtimeline.render.structs import (
    FaultListDocument,
    MemberDocument,
    PodTimelineDocument,
    PodTimelineListDocument,
    RolloutDocument,
    Struct,
    WorkloadListDocument,
)
from podtimeline.web.parameters import Parameter, Schema
from podtimeline.web.routes import OperationId, Port, Route, served


class Problem(Struct, frozen=True):
    """A refusal (RFC 9457)."""

    type: str
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str
    error: Annotated[str, Meta(description="The detail again.")]
    parameter: Annotated[str, Meta(description="The parameter that was refused.")] | UnsetType = UNSET


class Verdict(Struct, frozen=True):
    """The verdict of a probe."""

    status: Literal["ok", "degraded", "failing"]
    reasons: list[str]


_BODIES: Mapping[OperationId, type[Struct]] = {
    OperationId.PODS: PodTimelineListDocument[PodTimelineDocument],
    OperationId.POD: PodTimelineDocument,
    OperationId.WORKLOADS: WorkloadListDocument,
    OperationId.ROLLOUT: RolloutDocument[MemberDocument],
    OperationId.FAULTS: FaultListDocument,
    OperationId.HEALTH: Verdict,
    OperationId.READY: Verdict,
}
_TEXT: Schema = {"type": "string"}
_DOCUMENT: Schema = {"type": "object", "required": ["openapi", "info", "paths"]}
_PLAIN: Schema = {"text/plain": {"schema": _TEXT}}
_REFERENCE = "#/components/schemas/{name}"
_EXPOSITIONS = ("text/plain", "application/openmetrics-text")


def openapi(port: Port, *, review: bool) -> Schema:
    """The document of one server; ``review`` where a bearer token is asked for."""
    made: Schema = {"schemas": _components((*_BODIES.values(), Problem))}
    if review and port is Port.API:
        made["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"podtimeline: {port.value}",
            "version": __version__,
            "summary": "Follows every pod from its owner's request to the moment traffic can reach it, and back.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {each.path: {"get": _operation(each, review=review)} for each in served(port)},
        "components": made,
    }


def _operation(route: Route, *, review: bool) -> Schema:
    made: Schema = {
        "operationId": route.operation.value,
        "summary": route.summary,
        "parameters": [
            *(_parameter(each, "path") for each in route.within),
            *(_parameter(each, "query") for each in route.query),
        ],
        "responses": {str(status): answer for status, answer in _answers(route, review=review).items()},
    }
    return made | ({"security": [{"bearer": []}]} if review and route.reviewed else {})


def _parameter(parameter: Parameter, place: str) -> Schema:
    return {
        "name": parameter.name,
        "in": place,
        "required": place == "path",
        "description": f"{parameter.description} Allowed: {parameter.allowed}.",
        "schema": parameter.schema,
    }


def _answers(route: Route, *, review: bool) -> dict[int, Schema]:
    found = {200: _answer(route), 500: _refusal("Internal error; see the log of the operator.")}
    found[400] = _refusal(
        "A parameter is unknown or its value is not allowed. As plain text: the request is not HTTP, or too long.",
        _PLAIN,
    )
    if route.operation in (OperationId.HEALTH, OperationId.READY):
        found[503] = _json("No, with the reasons.", _reference(Verdict))
    elif route.reviewed:
        found[503] = _refusal(
            "The history or the API server (for a review) is unavailable, or too many requests are waiting."
        )
    if route.within:
        found[404] = _refusal(f"{route.about.capitalize()} is not in the history, or the path does not exist.")
    if review and route.reviewed:
        found[401] = _refusal("No bearer token, or the API server does not know it.")
        found[403] = _refusal("The token's user may not `get pods` in the requested namespace.")
    return dict(sorted(found.items()))


def _answer(route: Route) -> Schema:
    if route.operation is OperationId.METRICS:
        return {"description": route.summary, "content": {kind: {"schema": _TEXT} for kind in _EXPOSITIONS}}
    body = _BODIES.get(route.operation)
    return _json(route.summary, _DOCUMENT if body is None else _reference(body))


def _refusal(description: str, more: Schema | None = None) -> Schema:
    content: Schema = {"application/problem+json": {"schema": _reference(Problem)}}
    return {"description": description, "content": content | (more or {})}


def _json(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _components(kinds: Iterable[type[Struct]]) -> Schema:
    """The schemas of structs, and of all that they are made of, by their public names."""
    _, found = msgspec.json.schema_components(kinds, ref_template=_REFERENCE)
    names: Schema = {}
    return {_public_name(name): _public(schema, names) for name, schema in found.items()} | names


def _reference(kind: type[Struct]) -> Schema:
    """A reference to the schema of a struct among the components."""
    return {"$ref": _REFERENCE.format(name=_public_name(kind.__name__))}


def _public(schema: object, names: Schema) -> object:
    """The schema with public names; what has a list of names in a place of its own goes to ``names``."""
    match schema:
        case {"enum": _, "title": str(title)}:
            names[title] = schema
            return {"$ref": _REFERENCE.format(name=title)}
        case {"$ref": str(reference)}:
            return {"$ref": _public_name(reference)}
        case {"title": str(title), **more}:
            return {"title": _public_name(title)} | {key: _public(value, names) for key, value in more.items()}
        case dict():
            return {key: _public(value, names) for key, value in schema.items()}
        case list():
            return [_public(each, names) for each in schema]
        case _:
            return schema


def _public_name(name: str) -> str:
    """A name without ``Document``, which tells a struct from what it is made of, and without what a list holds."""
    return name.partition("Document")[0]
