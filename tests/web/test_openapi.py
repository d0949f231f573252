"""Every path, fuzzed by the document that the operator serves: no answer is a fault, and each is as described."""

import asyncio
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import schemathesis
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from tests.support.fleets import rolling_lives
from tests.support.saved import StandingClock, checkpoint, saved
from tests.web.worlds import World

from podtimeline.ports import Query, Store
from podtimeline.store.options import StoreOptions
from podtimeline.store.registry import open_store
from podtimeline.web.openapi import openapi
from podtimeline.web.parameters import PODS
from podtimeline.web.routes import ROUTES, OperationId, Port, Route, served
from podtimeline.web.server import make_api_app, make_metrics_app

EXAMPLES = 25
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]


@contextmanager
def loopback(app: web.Application) -> Iterator[str]:
    """The address of an application that runs in a thread with a loop of its own."""
    loop, address = asyncio.new_event_loop(), ""
    runner = web.AppRunner(app, access_log=None)

    async def start() -> str:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        return f"http://{host}:{port}"

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        address = asyncio.run_coroutine_threadsafe(start(), loop).result(20)
        yield address
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def history() -> Iterator[Store]:
    """The real history, with a rollout."""
    store = open_store("sqlite::memory:", StoreOptions(clock=StandingClock()))
    lives = [(life.uid, life.uid.removeprefix("uid-")) for life in rolling_lives()]
    store.commit(checkpoint(*(saved(uid, name=name) for uid, name in lives)))
    yield store
    store.close()


@pytest.fixture(scope="module")
def addresses(history: Store) -> Iterator[dict[Port, str]]:
    """Both servers."""
    world = World()
    world.tracked |= {life.uid: life.timeline() for life in rolling_lives()}
    sources = world.sources(history)
    with loopback(make_api_app(sources)) as api, loopback(make_metrics_app(sources)) as metrics:
        yield {Port.API: api, Port.METRICS: metrics}
    sources.worker.close()


POSITIVE, NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
CASES = [
    (route.port, route.operation, mode)
    for route in ROUTES
    for mode in (POSITIVE, NEGATIVE)
    if mode is POSITIVE or route.within or route.query
]


@pytest.mark.parametrize(("port", "operation", "mode"), CASES, ids=str)
def test_any_request_is_answered_as_the_document_says(
    addresses: dict[Port, str], port: Port, operation: OperationId, mode: schemathesis.GenerationMode
) -> None:
    """What the document allows, and what it does not: other values, other parameters, other methods."""
    url = addresses[port]
    chosen = schemathesis.openapi.from_url(f"{url}/openapi.json").find_operation_by_id(operation.value)

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=chosen.as_strategy(generation_mode=mode))
    def fuzz(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(base_url=url, checks=CHECKS)
        asked.append(case)

    asked: list[schemathesis.Case[Any]] = []
    fuzz()
    assert asked


def test_a_request_line_that_is_too_long_is_refused_as_described(addresses: dict[Port, str]) -> None:
    """It never reaches a handler: the server itself answers, in plain text."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{addresses[Port.API]}/api/v1/workloads?namespace={'a' * 9000}")
    described = openapi(Port.API, review=False)["paths"]
    assert isinstance(described, dict)
    with refused.value as answer:
        assert answer.code == 400
        kinds = described["/api/v1/workloads"]["get"]["responses"]["400"]["content"]
        assert answer.headers.get_content_type() in kinds


def status_of(address: str, target: bytes) -> int:
    """The status of the answer to a raw request target."""
    host, _, port = address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        with connection.makefile("rb") as answer:
            return int(answer.readline().split()[1])


_NASTY = st.sampled_from(
    [b"\x00", b"%00", b"%ed%a0%80", b"\xed\xa0\x80", b"\xff", b"%", b"%zz", b"%2F", b"..", b"{x}", b"'", b"a" * 300,
     b"9" * 400, b"-1", b"1e999", b"2300-01-01T00:00:00Z", b"%E2%80%AE", b"+", b";", b"#", b"\t", b"\\"]
)  # fmt: skip
_NAMES = [parameter.name.encode() for route in ROUTES for parameter in route.query]


@settings(max_examples=8 * EXAMPLES, deadline=None)
@given(
    route=st.sampled_from([route for route in ROUTES if route.port is Port.API]),
    parts=st.lists(_NASTY | st.binary(min_size=1, max_size=8), min_size=4, max_size=4),
    name=st.sampled_from(_NAMES) | st.binary(min_size=1, max_size=8),
)
def test_no_bytes_of_a_request_line_are_a_fault(
    addresses: dict[Port, str], route: Route, parts: list[bytes], name: bytes
) -> None:
    """Also those that no client sends: raw NUL, surrogates, broken escapes, in the path and in the query."""
    path = route.path.encode()
    for parameter, part in zip(route.within, parts, strict=False):
        path = path.replace(b"{%s}" % parameter.name.encode(), part)
    for target in (path, route.path.encode() + b"?" + name + b"=" + parts[-1]):
        if not {b"\r", b"\n", b" "} & {target[at : at + 1] for at in range(len(target))}:
            assert status_of(addresses[Port.API], target) in {200, 400, 404}


def served_document(address: str) -> dict[str, Any]:
    """What a server says of itself."""
    with urllib.request.urlopen(f"{address}/openapi.json") as answer:
        told: dict[str, Any] = json.loads(answer.read())
    return told


def test_the_document_is_valid_openapi(addresses: dict[Port, str]) -> None:
    """By the meta-schemas of OpenAPI 3.1 and JSON Schema, and with a component for every reference."""
    for document in (*map(served_document, addresses.values()), openapi(Port.API, review=True)):
        assert document["openapi"].startswith("3.1.")
        assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_components_have_the_names_of_what_is_served_and_not_those_of_the_code(addresses: dict[Port, str]) -> None:
    """The ``kind`` of each document, and the enumerations by themselves."""
    schemas = served_document(addresses[Port.API])["components"]["schemas"]
    assert {"PodTimeline", "PodTimelineList", "Rollout", "WorkloadList", "FaultList", "Phase"} <= set(schemas)
    assert [schema["title"] for schema in schemas.values()] == list(schemas)
    assert "Document" not in "".join(schemas)


def test_the_document_has_every_path_and_parameter_that_is_served(addresses: dict[Port, str]) -> None:
    """In the order that they are declared in."""
    for port, address in addresses.items():
        document = served_document(address)
        assert set(document["paths"]) == {route.path for route in served(port)}
        for route in served(port):
            told = [(each["in"], each["name"]) for each in document["paths"][route.path]["get"]["parameters"]]
            within, query = (
                [("path", each.name) for each in route.within],
                [("query", each.name) for each in route.query],
            )
            assert told == within + query


def test_a_token_is_asked_for_only_where_it_is_reviewed() -> None:
    """Metrics, probes and the document itself are for everybody."""
    reviewed = openapi(Port.API, review=True)["paths"]
    assert isinstance(reviewed, dict)
    secured = {path for path, item in reviewed.items() if "security" in item["get"]}
    assert secured == {route.path for route in ROUTES if route.reviewed}
    for document in (openapi(Port.API, review=False), openapi(Port.METRICS, review=True)):
        assert "securitySchemes" not in json.dumps(document)


def test_every_field_of_a_search_has_a_parameter() -> None:
    """A filter that nobody can ask for is of no use; ``among`` is what the operator itself knows."""
    assert {each.name for each in PODS} == set(Query.__dataclass_fields__) - {"among"}
