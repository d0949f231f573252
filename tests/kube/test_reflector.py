"""List and watch: no failure of the API ends it, nothing is lost, nothing is hammered."""

import asyncio
from collections.abc import Iterable

import pytest
from tests.kube.harness import Scene, scene
from tests.support.fake_api import FakeApi
from tests.support.fault_proxy import Fault, FaultKind, FaultProxy, Target
from tests.support.objects import CREATED_NS, line, pod, ready_pod
from tests.support.recording import KeptVersions, RecordingIntake, SteppingClock

from podtimeline.errors import ClusterError
from podtimeline.kube.connection import Connection
from podtimeline.kube.failures import Backoff, Failure, Restart
from podtimeline.kube.reflector import Pace, Reflector
from podtimeline.model.instants import SECOND, Source
from podtimeline.model.milestones import Mark, Milestone
from podtimeline.model.observations import Described, Flagged, Partial, Witnessed
from podtimeline.ports import Stream
from podtimeline.sources.pods.feed import PodFeed

CREATED = Mark(Milestone.CREATED)
READY = Mark(Milestone.READY)


def three_pods(api: FakeApi, _: FaultProxy) -> None:
    """Three pods that were there before anybody looked."""
    for name in ("web-1", "web-2", "web-3"):
        api.put("pods", pod(name))


def sources(intake: RecordingIntake, uid: str, mark: Mark) -> set[Source]:
    """Where the evidence of a mark came from."""
    return {each.source for each in intake.timelines[uid].evidence.get(mark, ())}


async def follows(at: Scene, name: str) -> None:
    """A pod that is created now is seen, and seen live."""
    at.api.put("pods", pod(name))
    await at.until(lambda: f"uid-{name}" in at.intake.timelines)


async def test_pods_are_listed_in_pages_and_then_watched() -> None:
    """A listing of three pods in pages of two ends with one ``listed``, and the watch goes on from its version."""
    async with scene(prepare=three_pods) as at:
        await at.watching()
        assert [each.uids for each in at.intake.listings] == [{"uid-web-1", "uid-web-2", "uid-web-3"}]
        assert at.proxy.count(Target.LIST, "pods") == at.proxy.count(Target.CONTINUE, "pods") == 1
        await follows(at, "web-4")
        assert at.proxy.methods == {"GET"}
        await at.until(lambda: at.versions.version(Stream.PODS) == str(at.api.version))


async def test_only_what_a_watch_delivers_is_timed_by_its_arrival() -> None:
    """A listed pod is timed by its fields and flagged; a watched one by its arrival."""
    async with scene(prepare=three_pods) as at:
        await at.watching()
        await follows(at, "web-4")
        assert sources(at.intake, "uid-web-1", CREATED) == {Source.FIELD}
        assert sources(at.intake, "uid-web-4", CREATED) == {Source.FIELD, Source.WATCH}
        assert at.intake.of("uid-web-1", Flagged) == [Flagged("uid-web-1", Partial.LISTED)]
        assert at.intake.of("uid-web-4", Flagged) == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.ERROR_EVENT, code=410),
        Fault(FaultKind.ERROR_EVENT, code=410, after=1),
        Fault(FaultKind.STATUS, code=410),
    ],
    ids=["in the stream", "in the stream after an event", "as HTTP status"],
)
async def test_a_410_leads_to_a_listing_that_reconciles_what_vanished(fault: Fault) -> None:
    """Pods that were deleted while nobody could look are missing from the next complete listing."""

    def prepare(api: FakeApi, proxy: FaultProxy) -> None:
        three_pods(api, proxy)
        proxy.add(fault)

    async with scene(prepare=prepare) as at:
        if fault.after:
            await at.until(lambda: at.api.watches == 1)
            at.api.put("pods", pod("web-4"))
        await at.until(lambda: at.restarts(Restart.GONE) == 1)
        await at.watching()
        at.api.delete("pods", "shop", "web-1")
        at.api.compact()
        proxy_fault = at.proxy.add(Fault(FaultKind.STATUS, code=410))
        at.api.end_watches()
        await at.until(lambda: proxy_fault.hits == 1 and len(at.intake.listings) == 3)
        assert "uid-web-1" not in at.intake.listings[-1].uids
        assert "uid-web-2" in at.intake.listings[-1].uids
        assert at.reflector.health.relists == 2


async def test_an_expired_page_begins_the_listing_anew() -> None:
    """HTTP 410 for a continue token: only a complete listing is told as one."""

    def prepare(api: FakeApi, proxy: FaultProxy) -> None:
        three_pods(api, proxy)
        proxy.add(Fault(FaultKind.STATUS, Target.CONTINUE, code=410, times=2))

    async with scene(prepare=prepare) as at:
        await at.watching()
        assert at.restarts(Restart.GONE) == 2
        assert [len(each.uids) for each in at.intake.listings] == [3]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (FaultKind.CUT, Restart.CUT),
        (FaultKind.ABORT, Restart.CUT),
        (FaultKind.CLOSE, Restart.CLOSED),
        (FaultKind.ERROR_EVENT, Restart.SERVER_ERROR),
    ],
)
async def test_a_watch_that_breaks_is_resumed_without_loss_or_listing(kind: FaultKind, reason: Restart) -> None:
    """Cut in the middle of a line, torn down, closed, or ended by an ERROR of another code: resumed where it was."""

    def prepare(api: FakeApi, proxy: FaultProxy) -> None:
        three_pods(api, proxy)
        proxy.add(Fault(kind, code=500, after=1))

    async with scene(prepare=prepare) as at:
        await at.until(lambda: at.api.watches == 1)
        for name in ("web-4", "web-5", "web-6"):
            at.api.put("pods", pod(name))
        await at.until(lambda: len(at.intake.timelines) == 6)
        assert at.restarts(reason) == 1
        assert at.reflector.health.malformed == 0
        assert len(at.intake.listings) == 1
        for name in ("web-4", "web-5", "web-6"):
            assert len(at.intake.of(f"uid-{name}", Described)) == 1


async def test_a_stalled_watch_is_given_up_and_resumed() -> None:
    """Nothing comes, not even a bookmark: after the read timeout the stream is taken up anew."""

    def prepare(api: FakeApi, proxy: FaultProxy) -> None:
        three_pods(api, proxy)
        proxy.add(Fault(FaultKind.STALL))

    async with scene(prepare=prepare, pace=Pace(read_seconds=0.05)) as at:
        await at.until(lambda: at.restarts(Restart.STALLED) >= 1)
        await follows(at, "web-4")
        assert len(at.intake.listings) == 1


async def test_a_quiet_stream_without_bookmarks_is_neither_stalled_nor_listed_again() -> None:
    """As of Events: the server ends each watch before it would count as stalled, and the next one goes on live."""
    async with scene(prepare=three_pods, pace=Pace(read_seconds=2.0)) as at:
        await at.watching()
        read = at.reflector.health.last_progress
        await at.until(lambda: at.restarts(Restart.CLOSED) >= 1)
        await at.watching()
        await follows(at, "web-4")
        health = at.reflector.health
        assert set(health.restarts) == {Restart.CLOSED}
        assert (health.relists, health.failure) == (0, None)
        assert read is not None
        assert health.last_progress is not None
        assert health.last_progress > read
        assert Source.WATCH in sources(at.intake, "uid-web-4", CREATED)


async def busy(at: Scene, pauses: Iterable[float]) -> None:
    """Pods that come after these pauses in seconds."""
    for number, pause in enumerate(pauses):
        at.clock.at += round(pause * SECOND)
        await follows(at, f"busy-{number}")


@pytest.mark.parametrize(
    ("pace", "pauses", "length"),
    [
        (Pace(), (40,), (45, 60)),
        (Pace(), (20, 20, 20), (300, 600)),
        (Pace(), (1,), (45, 60)),
        (Pace(watch_seconds=(20, 40)), (40,), (20, 40)),
    ],
    ids=["quiet", "never silent for long", "too short to tell", "short anyway"],
)
async def test_a_watch_is_as_long_as_the_stream_is_lively(
    pace: Pace, pauses: tuple[float, ...], length: tuple[int, int]
) -> None:
    """A long one falls silent seldom; any other ends before its silence is too long."""
    async with scene(prepare=three_pods, pace=pace) as at:
        await at.watching()
        assert pace.quiet_seconds[0] - 1 <= at.proxy.watch_seconds[-1] <= pace.quiet_seconds[1]
        await busy(at, pauses)
        at.api.end_watches()
        await at.until(lambda: len(at.proxy.watch_seconds) == 2)
        assert length[0] <= at.proxy.watch_seconds[-1] <= length[1]


async def test_a_lively_stream_that_falls_silent_is_renewed_without_a_fault() -> None:
    """Nothing comes in a long watch: it is renewed, what came meanwhile is read, and the next one is short."""
    async with scene(prepare=three_pods, pace=Pace(read_seconds=2.0)) as at:
        await at.watching()
        at.proxy.add(Fault(FaultKind.STALL))
        await busy(at, (0.5, 0.5))
        at.api.end_watches()
        await at.until(lambda: at.restarts(Restart.QUIET) == 1)
        assert at.reflector.health.failure is None
        await follows(at, "web-4")
        assert [seconds > 100 for seconds in at.proxy.watch_seconds[:3]] == [False, True, False]
        assert at.restarts(Restart.STALLED) == 0


async def test_an_api_server_that_is_away_is_told_with_its_error_until_it_is_back() -> None:
    """Readiness has the reason in words; it goes with the first watch that opens."""
    async with scene(prepare=three_pods) as at:
        await at.watching()
        outage = at.proxy.add(Fault(FaultKind.STATUS, Target.ANY, code=503, times=None))
        at.api.end_watches()
        await at.until(lambda: (at.reflector.health.failure or Failure(0, 0, "")).attempts > 3)
        failure = at.reflector.health.failure
        assert failure is not None
        assert failure.text.startswith("server_error: the API server answers 503")
        at.proxy.lift(outage)
        await at.watching()
        assert at.reflector.health.failure is None


@pytest.mark.parametrize(
    ("code", "reason", "longest"),
    [(401, Restart.REFUSED, 10), (403, Restart.REFUSED, 60), (404, Restart.SERVER_ERROR, 60),
     (500, Restart.SERVER_ERROR, 10)],
)  # fmt: skip
async def test_an_api_that_fails_for_long_is_asked_with_growing_delays(
    code: int, reason: Restart, longest: int
) -> None:
    """Twenty failures in a row: none ends it, the delays grow, longer where somebody has to grant it; then it lists."""

    def prepare(api: FakeApi, proxy: FaultProxy) -> None:
        three_pods(api, proxy)
        proxy.add(Fault(FaultKind.STATUS, Target.ANY, code=code, times=20))

    async with scene(prepare=prepare) as at:
        await at.watching()
        assert at.restarts(reason) == 20
        assert all(longest / 2 <= nap <= longest for nap in at.naps.asked[-8:])
        assert at.naps.asked[0] <= 0.05
        assert len(at.intake.timelines) == 3


async def test_watches_that_are_closed_at_once_are_no_hot_loop() -> None:
    """A server that ends each watch at once, without news, is asked with growing delays: some dozens an hour."""

    def prepare(api: FakeApi, proxy: FaultProxy) -> None:
        three_pods(api, proxy)
        proxy.add(Fault(FaultKind.CLOSE, times=15))

    async with scene(prepare=prepare) as at:
        await at.until(lambda: at.restarts(Restart.CLOSED) == 15)
        await at.watching()
        assert sum(at.naps.asked) > 35
        assert len(at.intake.listings) == 1


async def test_a_410_after_every_listing_does_not_list_without_pause() -> None:
    """A listing alone is no progress: relisting backs off, too."""

    def prepare(api: FakeApi, proxy: FaultProxy) -> None:
        three_pods(api, proxy)
        proxy.add(Fault(FaultKind.STATUS, code=410, times=10))

    async with scene(prepare=prepare) as at:
        await at.watching()
        assert at.reflector.health.relists == 10
        assert sum(at.naps.asked) > 10


async def test_delays_are_short_again_after_progress() -> None:
    """What was read resets the backoff."""

    def prepare(api: FakeApi, proxy: FaultProxy) -> None:
        three_pods(api, proxy)
        proxy.add(Fault(FaultKind.STATUS, Target.ANY, code=500, times=12))

    async with scene(prepare=prepare) as at:
        await at.watching()
        await follows(at, "web-4")
        at.api.end_watches()
        await at.until(lambda: at.restarts(Restart.CLOSED) == 1)
        assert at.naps.asked[-1] <= 0.05


async def test_an_answer_that_is_no_json_is_retried() -> None:
    """A login page instead of a listing, and as the line of a watch: tried again, counted, nothing lost."""

    def prepare(api: FakeApi, proxy: FaultProxy) -> None:
        three_pods(api, proxy)
        proxy.add(Fault(FaultKind.GARBAGE, Target.LIST))
        proxy.add(Fault(FaultKind.GARBAGE, Target.WATCH))

    async with scene(prepare=prepare) as at:
        await at.watching()
        await follows(at, "web-4")
        assert at.restarts(Restart.MALFORMED) == 1
        assert at.reflector.health.malformed == 1
        assert len(at.intake.timelines) == 4


async def test_a_saved_version_is_resumed_without_a_listing() -> None:
    """A new process goes on where the last one stopped; what happened meanwhile is told, but not as live."""
    versions, intake = KeptVersions({Stream.PODS: "101"}), RecordingIntake()

    def prepare(api: FakeApi, proxy: FaultProxy) -> None:
        three_pods(api, proxy)
        assert api.version == 103

    async with scene(prepare=prepare, versions=versions, intake=intake) as at:
        await at.until(lambda: len(intake.timelines) == 2)
        await at.watching()
        await follows(at, "web-4")
        assert intake.listings == []
        assert set(intake.timelines) == {"uid-web-2", "uid-web-3", "uid-web-4"}
        assert sources(intake, "uid-web-3", CREATED) == {Source.FIELD}
        assert intake.of("uid-web-3", Flagged) == [Flagged("uid-web-3", Partial.GAP)]
        assert sources(intake, "uid-web-4", CREATED) == {Source.FIELD, Source.WATCH}
        assert at.reflector.health.listed


async def test_a_saved_version_that_is_too_old_leads_to_a_listing() -> None:
    """The server has forgotten it: 410, and the pods are listed."""

    def prepare(api: FakeApi, proxy: FaultProxy) -> None:
        three_pods(api, proxy)
        api.compact()

    async with scene(prepare=prepare, versions=KeptVersions({Stream.PODS: "101"})) as at:
        await at.watching()
        assert [len(each.uids) for each in at.intake.listings] == [3]


async def test_after_a_gap_the_backlog_is_old_news_and_what_follows_is_live() -> None:
    """The stream was down for a minute: what happened in it was not delivered when it happened."""
    async with scene(prepare=three_pods) as at:
        await at.watching()
        at.naps.gate = asyncio.Event()
        fault = at.proxy.add(Fault(FaultKind.STATUS, Target.ANY, code=500, times=1))
        at.api.end_watches()
        await at.until(lambda: len(at.naps.asked) == 1)
        at.api.put("pods", ready_pod("web-1"))
        at.clock.at += 60 * SECOND
        at.naps.gate.set()
        await at.until(lambda: fault.hits == 1 and at.intake.timelines["uid-web-1"].has(Milestone.READY))
        await at.watching()
        await follows(at, "web-4")
        assert sources(at.intake, "uid-web-1", READY) == {Source.CONDITION}
        assert Flagged("uid-web-1", Partial.GAP) in at.intake.of("uid-web-1", Flagged)
        assert Source.WATCH in sources(at.intake, "uid-web-4", CREATED)


async def test_a_reconnect_within_a_second_stays_live_and_costs_one_request() -> None:
    """The ordinary end of a watch, every few minutes, is no gap."""
    async with scene(prepare=three_pods) as at:
        await at.watching()
        at.api.end_watches()
        await at.until(lambda: at.restarts(Restart.CLOSED) == 1)
        await at.watching()
        await follows(at, "web-4")
        assert at.proxy.count(Target.LIST, "pods") == 1
        assert Source.WATCH in sources(at.intake, "uid-web-4", CREATED)


async def test_a_bookmark_moves_the_version_on() -> None:
    """A stream without changes does not age."""
    async with scene(prepare=three_pods) as at:
        await at.watching()
        at.api.put("services", {"metadata": {"name": "web", "namespace": "shop"}})
        at.api.bookmark()
        await at.until(lambda: at.versions.version(Stream.PODS) == str(at.api.version))
        assert at.reflector.health.malformed == 0


async def test_a_deleted_pod_is_removed_when_the_watch_says_so() -> None:
    """DELETED is the object's removal, by its arrival."""
    async with scene(prepare=three_pods) as at:
        await at.watching()
        at.api.delete("pods", "shop", "web-2")
        await at.until(lambda: at.intake.timelines["uid-web-2"].has(Milestone.OBJECT_REMOVED))
        assert sources(at.intake, "uid-web-2", Mark(Milestone.OBJECT_REMOVED)) == {Source.WATCH}


async def test_a_malformed_object_is_counted_and_the_stream_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """In a listing and in a watch; it is logged once, and a listed one is not taken for vanished."""

    def prepare(api: FakeApi, proxy: FaultProxy) -> None:
        three_pods(api, proxy)
        api.put("pods", pod("odd", status={"containerStatuses": 7}))

    async with scene(prepare=prepare) as at:
        await at.watching()
        at.api.put("pods", pod("odder", metadata={"creationTimestamp": "never"}))
        await follows(at, "web-4")
        assert at.reflector.health.malformed == 2
        assert "uid-odd" in at.intake.listings[0].uids
        assert [record.message.split(":")[0] for record in caplog.records if "cannot decode" in record.message] == [
            "pods"
        ] * 2


async def test_a_tap_sees_everything_before_it_is_decoded() -> None:
    """What ``record`` writes: each listed object, the end of the listing, each line with its arrival."""
    seen: list[tuple[int, str, str, bytes]] = []
    async with scene(prepare=three_pods, tap=lambda *each: seen.append(each)) as at:
        await at.watching()
        await follows(at, "web-4")
        assert [each[2] for each in seen] == ["LIST"] * 3 + ["LISTED", "WATCH"]
        assert seen[3][3] == b"103"
        assert b'"ADDED"' in seen[4][3]
        arrivals = [each[0] for each in seen]
        assert arrivals == sorted(arrivals)
        taken = at.intake.of("uid-web-4", Witnessed)[0]
        assert isinstance(taken, Witnessed)
        assert {each.observed for each in taken.evidence} == {arrivals[-1]}


async def test_the_token_is_read_at_every_connect() -> None:
    """A rotated token is used from the next request on; one that cannot be read is no reason to end."""
    tokens = iter(["one", "one", "two"])

    def token() -> str | None:
        try:
            return next(tokens)
        except StopIteration:
            raise ClusterError("cannot read the token") from None

    async with scene(token=token) as at:
        await at.until(lambda: at.api.watches == 1)
        at.api.end_watches()
        await at.until(lambda: at.proxy.count(Target.WATCH, "pods") == 2 and at.api.watches == 1)
        assert at.proxy.authorizations == ["Bearer one", "Bearer one", "Bearer two"]
        at.api.end_watches()
        await at.until(lambda: at.restarts(Restart.REFUSED) > 3)


def test_a_server_that_asks_for_patience_gets_it_within_limits() -> None:
    """Retry-After is a lower bound, but nobody keeps the operator away for an hour."""
    backoff = Backoff(low=0.05, high=10)
    assert backoff.next(at_least=3) == 3
    assert backoff.next(at_least=3600) == 60
    assert backoff.next() <= 0.2


async def test_what_was_read_before_an_error_in_the_same_chunk_is_kept() -> None:
    """The saved version is that of the last line before the ERROR event, which ends the watch only."""

    def prepare(api: FakeApi, proxy: FaultProxy) -> None:
        three_pods(api, proxy)
        api.put("pods", pod("web-4"))
        proxy.add(Fault(FaultKind.ERROR_EVENT, code=500, after=1))

    async with scene(prepare=prepare, versions=KeptVersions({Stream.PODS: "103"})) as at:
        at.naps.gate = asyncio.Event()
        await at.until(lambda: at.restarts(Restart.SERVER_ERROR) == 1)
        assert at.versions.version(Stream.PODS) == "104"
        at.naps.gate.set()
        await at.watching()
        assert len(at.intake.of("uid-web-4", Described)) == 1


async def test_a_read_may_end_anywhere_in_a_line() -> None:
    """However the bytes of a watch are cut into reads, each line is taken once, and an odd one spoils no other."""
    pods = [line("ADDED", pod(f"web-{number}")) for number in range(3)]
    data = b"\n".join([pods[0], pods[1], b"garbage", pods[2], b""])
    connection = Connection("http://nowhere.invalid")
    async with connection.session() as session:
        for cut in range(len(data)):
            feed = PodFeed(intake := RecordingIntake())
            reflector = Reflector(connection=connection, session=session, feed=feed, clock=SteppingClock())
            for read in (data[:cut], data[cut : cut + 5], data[cut + 5 :]):
                reflector._take(read, CREATED_NS)
            assert list(intake.timelines) == ["uid-web-0", "uid-web-1", "uid-web-2"], cut
            assert (feed.events, feed.malformed) == (3, 1), cut
