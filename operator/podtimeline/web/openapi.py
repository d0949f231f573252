"""The OpenAPI 3.1 document of each server, made of the tables that requests are served by."""

from collections.abc import Mapping

from podtimeline import __version__
from podtimeline.render.schema import FAULTS, PAGE, ROLLOUT, SCHEMAS, TIMELINE, WORKLOADS, Schema
from podtimeline.web.parameters import Parameter
from podtimeline.web.routes import Operation, Port, Route, served

_TEXT: Schema = {"type": "string"}
_PROBLEM: Schema = {
    "title": "A refusal (RFC 9457)",
    "type": "object",
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": _TEXT,
        "error": {"type": "string", "description": "The detail again."},
        "parameter": {"type": "string", "description": "The parameter that was refused."},
    },
    "required": ["type", "title", "status", "detail", "error"],
    "additionalProperties": False,
}
_VERDICT: Schema = {
    "title": "The verdict of a probe",
    "type": "object",
    "properties": {"status": {"enum": ["ok", "degraded", "failing"]}, "reasons": {"type": "array", "items": _TEXT}},
    "required": ["status", "reasons"],
    "additionalProperties": False,
}
_COMPONENTS: Mapping[str, Schema] = {**SCHEMAS, "Problem": _PROBLEM, "Verdict": _VERDICT}
_ANSWERS: Mapping[Operation, Schema] = {
    Operation.PODS: PAGE,
    Operation.POD: TIMELINE,
    Operation.WORKLOADS: WORKLOADS,
    Operation.ROLLOUT: ROLLOUT,
    Operation.FAULTS: FAULTS,
    Operation.HEALTH: _VERDICT,
    Operation.READY: _VERDICT,
    Operation.DOCUMENT: {"type": "object", "required": ["openapi", "info", "paths"]},
}
_MADE = {id(schema): name for name, schema in _COMPONENTS.items()}
_PLAIN: Schema = {"text/plain": {"schema": _TEXT}}
_EXPOSITIONS = ("text/plain", "application/openmetrics-text")


def openapi(port: Port, *, review: bool) -> Schema:
    """The document of one server; ``review`` where a bearer token is asked for."""
    components: Schema = {"schemas": {name: _inside(schema) for name, schema in _COMPONENTS.items()}}
    if review and port is Port.API:
        components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"podtimeline: {port.value}",
            "version": __version__,
            "summary": "Follows every pod from its owner's request to the moment traffic can reach it, and back.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {each.path: {"get": _operation(each, review=review)} for each in served(port)},
        "components": components,
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
    found = {200: _answer(route), 500: _refusal("Nothing that the request could be blamed for; the log says where.")}
    found[400] = _refusal(
        "A parameter is unknown or its value is not allowed; in plain text, what is not HTTP or too long.", _PLAIN
    )
    if route.operation in (Operation.HEALTH, Operation.READY):
        found[503] = _json("No, and why.", _VERDICT)
    elif route.reviewed:
        found[503] = _refusal("The history, or the API server for a review, is not available; or too many ask at once.")
    if route.within:
        found[404] = _refusal(f"{route.about.capitalize()} is not in the history, or the path is none.")
    if review and route.reviewed:
        found[401] = _refusal("No bearer token, or one that the API server does not know.")
        found[403] = _refusal("The token's user may not `get pods` in the namespace asked for.")
    return dict(sorted(found.items()))


def _answer(route: Route) -> Schema:
    if route.operation is Operation.METRICS:
        return {"description": route.summary, "content": {kind: {"schema": _TEXT} for kind in _EXPOSITIONS}}
    return _json(route.summary, _ANSWERS[route.operation])


def _refusal(description: str, more: Schema | None = None) -> Schema:
    content: Schema = {"application/problem+json": {"schema": _linked(_PROBLEM)}}
    return {"description": description, "content": content | (more or {})}


def _json(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": _linked(schema)}}}


def _linked(node: object) -> object:
    """The schema, with a reference in place of each part that is a component of its own."""
    name = _MADE.get(id(node))
    return _inside(node) if name is None else {"$ref": f"#/components/schemas/{name}"}


def _inside(node: object) -> object:
    match node:
        case dict():
            return {key: _linked(value) for key, value in node.items() if key != "$schema"}
        case list():
            return [_linked(each) for each in node]
        case _:
            return node
