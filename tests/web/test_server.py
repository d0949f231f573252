"""The API answers with timelines, and refuses with words that help."""

from collections.abc import AsyncIterator

import jsonschema
import pytest
from tests.support.documents import FAULTS, PAGE, ROLLOUT, WORKLOADS
from tests.support.fleets import NEW, OLD, rolling_lives
from tests.support.lives import at, facts, ordinary
from tests.support.saved import StandingClock, checkpoint, saved
from tests.web.worlds import Client, World, api_of, metrics_of, three_pods
from yarl import URL

from podtimeline.analysis.attribution.refused import Refusal, ended
from podtimeline.analysis.attribution.scaling import Request, Why, WorkloadHistory
from podtimeline.model.pods import Owner
from podtimeline.model.timeline import Timeline
from podtimeline.model.workloads import WorkloadState
from podtimeline.store.options import StoreOptions
from podtimeline.store.registry import open_store


@pytest.fixture
def world() -> World:
    """Three pods in the history."""
    return three_pods()


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    """A client of the API."""
    async with api_of(world) as made:
        yield made


@pytest.fixture
async def pages(world: World) -> AsyncIterator[Client]:
    """A client of metrics and probes."""
    async with metrics_of(world) as made:
        yield made


async def test_pods_are_listed_as_documents(client: Client) -> None:
    """Each item is the versioned document of one timeline."""
    answer = await client.get("/api/v1/pods")
    body = await answer.json()
    assert answer.status == 200
    assert {item["uid"] for item in body["items"]} == {"uid-1", "uid-2", "uid-3"}
    assert {(item["kind"], item["cluster"]) for item in body["items"]} == {("PodTimeline", "test")}


async def test_a_listing_goes_on_where_its_page_ended(client: Client) -> None:
    """The cursor of one page asks for the next; the last page has none."""
    seen: list[str] = []
    cursor = ""
    while True:
        more = {"cursor": cursor} if cursor else {}
        body = await (await client.get("/api/v1/pods", params={"limit": "2"} | more)).json()
        seen += [item["uid"] for item in body["items"]]
        cursor = body["cursor"]
        if cursor is None:
            break
    assert sorted(seen) == ["uid-1", "uid-2", "uid-3"]


async def test_a_pod_is_compared_with_its_neighbours(client: Client) -> None:
    """Its image waited behind a pull of the same node and time: the finding names whose."""
    body = await (await client.get("/api/v1/pods/shop/web-2")).json()
    queued = next(each for each in body["findings"] if each["kind"] == "image_queue")
    assert queued["text"].startswith("waited for registry.test/web:1 of shop/web-1")
    assert "peers" in [each["source"] for each in queued["evidence"]]


async def test_filters_narrow_the_listing(client: Client) -> None:
    """Only what matches every filter is told."""
    hit = await (await client.get("/api/v1/pods?namespace=shop&name=web-2&outcome=ready&since=1h&until=1s")).json()
    miss = await (await client.get("/api/v1/pods?namespace=elsewhere")).json()
    assert [item["uid"] for item in hit["items"]] == ["uid-2"]
    assert miss["items"] == []


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("colour=red", "colour"),
        ("limit=0", "limit"),
        ("limit=many", "limit"),
        ("phase=sleeping", "phase"),
        ("outcome=", "outcome"),
        ("order=fastest", "order"),
        ("since=yesterday", "since"),
        ("until=tomorrow", "until"),
        ("since=2026-11-23T03:00:00", "since"),
        ("since=", "since"),
        ("since=999999999d", "since"),
        ("since=0001-01-01T00:00:00Z", "since"),
        ("since=2300-01-01T00:00:00Z", "since"),
        ("until=2262-04-12T00:00:00Z", "until"),
        ("until=9999-12-31T23:59:59Z", "until"),
        ("since=" + "1" * 70 + "s", "since"),
        ("limit=501", "limit"),
        ("limit=1e2", "limit"),
        ("limit=-1", "limit"),
        ("limit=9223372036854775808", "limit"),
        ("limit=%D9%A1", "limit"),
        ("name=" + "a" * 254, "name"),
        ("workload_kind=" + "a" * 64, "workload_kind"),
        ("workload=Deployment/", "workload"),
        ("workload=a/b/c", "workload"),
        ("cursor=" + "a" * 129, "cursor"),
        ("cursor=%00", "cursor"),
        ("since=15m1h", "since"),
        ("since=%D9%A1m", "since"),
        ("node=", "node"),
        ("namespace=a&namespace=b", "namespace"),
    ],
)
async def test_a_wrong_parameter_is_refused_by_name(client: Client, query: str, named: str) -> None:
    """The refusal names the parameter and what is allowed."""
    answer = await client.get(f"/api/v1/pods?{query}")
    body = await answer.json()
    assert (answer.status, answer.content_type) == (400, "application/problem+json")
    assert body["parameter"] == named
    assert named in body["detail"]


async def test_a_pod_is_found_by_name_or_by_uid(client: Client) -> None:
    """A name can have had several pods: the uid tells them apart."""
    latest = await (await client.get("/api/v1/pods/shop/web-1")).json()
    older = await (await client.get("/api/v1/pods/shop/web-1?uid=uid-1")).json()
    assert (latest["name"], older["uid"]) == ("web-1", "uid-1")


async def test_what_is_not_there_is_said_with_advice(client: Client) -> None:
    """404 says where to look instead."""
    answer = await client.get("/api/v1/pods/shop/nobody")
    body = await answer.json()
    assert answer.status == 404
    assert "retention_days" in body["detail"]
    assert body["error"] == body["detail"]


async def test_an_open_timeline_comes_fresh_from_the_tracker(client: Client, world: World) -> None:
    """The history lags a moment behind; what the tracker knows wins."""
    life = ordinary(facts(uid="uid-2", name="web-2")).noted("Unhealthy", 6, "seen just now", subject="web")
    world.tracked["uid-2"] = life.timeline()
    body = await (await client.get("/api/v1/pods/shop/web-2")).json()
    assert [note["text"] for note in body["notes"]] == ["seen just now"]


async def test_probes_say_why_not(pages: Client, world: World) -> None:
    """Kubernetes shows the body of a failing probe in its event."""
    assert (await pages.get("/healthz")).status == (await pages.get("/readyz")).status == 200
    world.unhealthy.append("task ticks ended")
    answer = await pages.get("/healthz")
    assert (answer.status, (await answer.json())["reasons"]) == (503, ["task ticks ended"])
    assert (await pages.get("/readyz")).status == 200


async def test_what_cannot_be_read_degrades_a_ready_operator(pages: Client, world: World) -> None:
    """The rest is answered: the probe succeeds and says what is missing."""
    assert (await (await pages.get("/readyz")).json()) == {"status": "ok", "reasons": []}
    world.unreadable.append("pods of till cannot be read")
    answer = await pages.get("/readyz")
    assert (answer.status, await answer.json()) == (
        200,
        {"status": "degraded", "reasons": ["pods of till cannot be read"]},
    )
    world.unready.append("stream pods of shop has not been listed yet")
    answer = await pages.get("/readyz")
    assert (answer.status, (await answer.json())["status"]) == (503, "failing")


async def test_metrics_are_rendered_for_who_asks(pages: Client) -> None:
    """Prometheus asks for OpenMetrics and gets it with its type."""
    answer = await pages.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert await answer.text() == "# application/openmetrics-text\n"
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")


async def test_a_history_that_cannot_be_read_is_said_so(client: Client, world: World) -> None:
    """A full disk is not an empty list."""
    world.store.failing = True
    answer = await client.get("/api/v1/pods")
    assert answer.status == 503


async def test_a_cursor_of_somebody_elses_is_refused(client: Client) -> None:
    """A made-up cursor is a wrong query, not a fault of the history."""
    assert (await client.get("/api/v1/pods?cursor=nonsense")).status == 400


async def test_nothing_can_be_written(client: Client) -> None:
    """The API only reads."""
    answer = await client.post("/api/v1/pods")
    assert (answer.status, answer.content_type) == (405, "application/problem+json")
    assert answer.headers["Allow"] == "GET, HEAD"
    assert (await client.head("/api/v1/pods")).status == 200


@pytest.mark.parametrize(
    ("since", "found"),
    [("100s", 3), ("1m40s", 3), ("99s", 0), ("2026-09-21T14:13:20Z", 3), ("2026-09-21T14:13:21Z", 0)],
)
async def test_since_is_a_duration_or_a_moment(client: Client, since: str, found: int) -> None:
    """It compares with the moment of creation: the pods were created at 14:13:20, 100 s ago."""
    body = await (await client.get("/api/v1/pods", params={"since": since})).json()
    assert len(body["items"]) == found


@pytest.mark.parametrize("text", ["%00", "%ff", "%ed%a0%80", "%F0%9F%90%A2", "a%27%20OR%201=1"])
async def test_any_text_can_be_asked_for(world: World, text: str) -> None:
    """Whatever the text, it is a value to compare with: nothing is found, and nothing breaks, in SQLite either."""
    history = open_store("sqlite::memory:", StoreOptions(clock=StandingClock()))
    history.commit(checkpoint(saved()))
    async with api_of(world, history) as client:
        for path in (f"pods?node={text}", f"pods?workload={text}/{text}", f"pods/shop/web-1?uid={text}"):
            answer = await client.get(URL(f"/api/v1/{path}", encoded=True))
            assert (answer.status, (await answer.json()).get("items")) in ((200, []), (404, None))
    history.close()


async def test_answers_are_compressed_for_who_asks(client: Client) -> None:
    """A page of timelines and a full exposition are long and repeat themselves."""
    answer = await client.get("/api/v1/pods", headers={"Accept-Encoding": "gzip"})
    plain = await client.get("/api/v1/pods", headers={"Accept-Encoding": "identity"})
    assert (answer.headers["Content-Encoding"], plain.headers.get("Content-Encoding")) == ("gzip", None)
    assert await answer.json() == await plain.json()


async def test_an_unknown_path_says_what_is_served(client: Client) -> None:
    """A typing error is answered with the way."""
    answer = await client.get("/api/v2/pods")
    assert answer.status == 404
    assert "/api/v1/pods" in (await answer.json())["detail"]


async def test_a_rollout_is_that_of_the_newest_revision(client: Client, world: World) -> None:
    """Unless another one is asked for."""
    timelines = {life.uid: life.timeline() for life in rolling_lives()}
    named = [(uid, uid.removeprefix("uid-")) for uid in timelines]
    world.store.commit(checkpoint(*(saved(uid, name=name, workload="fleet") for uid, name in named)))
    world.tracked |= timelines
    newest = await (await client.get("/api/v1/rollouts/shop/Deployment/fleet")).json()
    older = await (await client.get(f"/api/v1/rollouts/shop/Deployment/fleet?revision={OLD}")).json()
    assert (newest["kind"], newest["revision"], newest["revisions"]) == ("Rollout", NEW, [NEW, OLD])
    assert [each["timeline"]["name"] for each in newest["members"] if each["current"]] == ["web-new-a", "web-new-b"]
    assert older["revision"] == OLD
    state = WorkloadState(
        kind="Deployment", namespace="shop", name="fleet", uid="d", version=9, created=at(-600), wanted=5
    )
    made = Request(Why.REVISION, 9, (), 0, 5)
    world.asked["shop", "Deployment", "fleet"] = WorkloadHistory(state, since=0, born=0, birth=(), requests=(made,))
    newest = await (await client.get("/api/v1/rollouts/shop/Deployment/fleet")).json()
    older = await (await client.get(f"/api/v1/rollouts/shop/Deployment/fleet?revision={OLD}")).json()
    assert (newest["complete"], newest["desired"], older["desired"]) == (None, 5, 2)


@pytest.mark.parametrize("path", ["/api/v1/rollouts/shop/Deployment/none", "/api/v1/rollouts/shop/Job/web?revision=x"])
async def test_a_rollout_without_pods_is_not_found(client: Client, path: str) -> None:
    """The words say what was looked for."""
    answer = await client.get(path)
    assert answer.status == 404
    assert "no pod of it is in the history" in (await answer.json())["detail"]


def refusal(namespace: str, name: str, last: int) -> Refusal:
    """A Deployment whose ReplicaSet is refused its pods."""
    maker = Owner("ReplicaSet", f"{name}-abc")
    return Refusal(namespace, Owner("Deployment", name), maker, "exceeded quota", at(0), at(last), 3, 7, (("e", 7),))


async def test_workloads_whose_pods_are_refused_come_before_those_that_were(client: Client, world: World) -> None:
    """The latest first, with words, counts and moments; one namespace can be asked for."""
    world.refusals += [ended(refusal("shop", "over", 90), at(95)), refusal("shop", "web", 5), refusal("till", "api", 9)]
    body = await (await client.get("/api/v1/workloads")).json()
    jsonschema.validate(body, WORKLOADS)
    told = [(each["workload"]["name"], each["refused"]["now"], each["refused"]["count"]) for each in body["items"]]
    assert told == [("api", True, 3), ("web", True, 3), ("over", False, 3)]
    narrowed = await (await client.get("/api/v1/workloads?namespace=till")).json()
    assert [each["namespace"] for each in narrowed["items"]] == ["till"]


async def test_workloads_take_no_other_parameter(client: Client) -> None:
    """A wrong one is named."""
    answer = await client.get("/api/v1/workloads?name=web")
    assert answer.status == 400


def broken_timeline(name: str) -> Timeline:
    """One that no evaluation survives."""
    timeline = ordinary(facts(uid=f"uid-{name}", name=name)).timeline()
    timeline.uid = f"uid-{name}"
    timeline.notes["", ""] = None  # type: ignore[assignment]
    return timeline


async def test_a_pod_that_cannot_be_evaluated_is_told_so_among_the_others(client: Client, world: World) -> None:
    """The page has all pods; this one is what is known of it, with an error."""
    world.tracked["uid-2"] = broken_timeline("web-2")
    body = await (await client.get("/api/v1/pods")).json()
    jsonschema.validate(body, PAGE)
    assert sorted((item["name"], item["error"] is not None) for item in body["items"]) == [
        ("web-1", False), ("web-1", False), ("web-2", True),
    ]  # fmt: skip
    alone = await (await client.get("/api/v1/pods/shop/web-2")).json()
    assert (alone["name"], alone["outcome"]) == ("web-2", "unknown")


async def test_what_failed_is_listed_with_a_sample(client: Client, world: World) -> None:
    """So that it can be reported: the step, the place in the code, what it was found in, how often."""
    world.tracked["uid-2"] = broken_timeline("web-2")
    for _ in range(2):
        await client.get("/api/v1/pods")
    body = await (await client.get("/api/v1/faults")).json()
    jsonschema.validate(body, FAULTS)
    (fault,) = body["items"]
    assert (fault["step"], fault["count"]) == ("evaluate", 2)
    assert "shop/web-2" in fault["subject"]
    assert fault["where"].startswith("podtimeline.analysis.")
    assert "uid-web-2" in fault["sample"]


async def test_a_rollout_names_the_pods_that_could_not_be_evaluated(client: Client, world: World) -> None:
    """The others are drawn."""
    timelines = {life.uid: life.timeline() for life in rolling_lives()}
    named = [(uid, uid.removeprefix("uid-")) for uid in timelines]
    world.store.commit(checkpoint(*(saved(uid, name=name, workload="fleet") for uid, name in named)))
    world.tracked |= timelines | {"uid-web-new-b": broken_timeline("web-new-b")}
    body = await (await client.get("/api/v1/rollouts/shop/Deployment/fleet")).json()
    jsonschema.validate(body, ROLLOUT)
    assert body["unevaluated"] == ["web-new-b"]
    assert [each["timeline"]["name"] for each in body["members"] if each["current"]] == ["web-new-a"]


async def test_a_fault_of_a_handler_is_counted_and_tells_nothing_of_the_inside(
    pages: Client, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The traceback is in the log, of the first only."""
    world.broken = True
    answers = [await pages.get("/metrics") for _ in range(3)]
    assert {(each.status, each.content_type) for each in answers} == {(500, "application/problem+json")}
    assert "secret" not in await answers[0].text()
    assert world.numbers.requests == {("/metrics", 500): 3}
    assert [bool(record.exc_info) for record in caplog.records] == [True]


async def test_each_port_serves_its_own_paths(client: Client, pages: Client) -> None:
    """A NetworkPolicy that opens the one keeps the other closed."""
    assert [(await client.get(path)).status for path in ("/metrics", "/healthz", "/readyz")] == [404] * 3
    assert [(await pages.get(path)).status for path in ("/api/v1/pods", "/api/v1/workloads")] == [404] * 2


async def test_requests_are_counted_by_route(client: Client, world: World) -> None:
    """Not by path: whoever asks must not be able to make series."""
    for path in ("/api/v1/pods/shop/web-1", "/api/v1/pods/shop/web-2", "/api/v1/pods/shop/nobody", "/x", "/y"):
        await client.get(path)
    pod = "/api/v1/pods/{namespace}/{name}"
    assert world.numbers.requests == {(pod, 200): 2, (pod, 404): 1, ("other", 404): 2}


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/pods/shop/" + "a" * 254,
        "/api/v1/pods/" + "a" * 300 + "/web-1",
        "/api/v1/rollouts/shop/" + "K" * 64 + "/web",
    ],
)
async def test_a_part_of_the_path_that_no_object_can_have_is_refused(client: Client, path: str) -> None:
    """The refusal quotes its beginning."""
    answer = await client.get(path)
    body = await answer.json()
    assert answer.status == 400
    assert body["parameter"] in {"name", "namespace", "kind"}
    assert len(body["detail"]) < 250


async def test_a_refusal_shows_what_it_quotes(client: Client) -> None:
    """Right-to-left overrides and line ends are escaped; the rest of the text stands in its order."""
    answer = await client.get(URL("/api/v1/pods?%E2%80%AE%0A=1", encoded=True))
    assert "'\\u202e\\n'" in (await answer.json())["detail"]
