"""What the benches measure is what they say they measure."""

import argparse
import asyncio
import json
import time
import urllib.request

from benches import growth, listserver, savedpods, series
from benches.apiserver import interleaved
from benches.loopwatch import LoopWatch, quantile
from benches.podgen import VERSIONS, Numbered, lines
from benches.settings import BEGIN, CREATED, FixedOwners
from benches.slicegen import slice_name, slices
from benches.verdict import verdict
from podtimeline.analysis.resolved import Outcome
from podtimeline.codec import PackingCodec
from podtimeline.model.instants import SECOND
from podtimeline.ports import Metric, Restored
from podtimeline.sources.endpointslices import SliceFeed, SliceIndex
from podtimeline.sources.pods.feed import PodFeed
from podtimeline.tracking.records import Rules, Stage
from podtimeline.tracking.timers import Timers
from podtimeline.tracking.tracker import Tracker


def test_generated_pods_start_like_real_ones() -> None:
    """Six versions of 6 to 8 KB from ADDED to Ready, each telling something new, none malformed."""
    tracker = Tracker(owners=FixedOwners(), codec=PackingCodec(), rules=Rules(), timers=Timers(), now=BEGIN - SECOND)
    feed = PodFeed(tracker)
    pod = Numbered(77, CREATED)
    for version, line in enumerate(lines(pod)):
        assert 5_700 < len(line) < 8_300
        feed.line(line, arrived=BEGIN + version * SECOND // 2, live=True)
        assert len(tracker.drain(BEGIN).snapshots) == 1
    assert (feed.events, feed.malformed) == (VERSIONS, 0)
    seen = tracker.view(pod.uid, now=BEGIN + 10 * SECOND)
    assert seen is not None
    assert seen.outcome is Outcome.READY


def test_the_series_bench_counts_workloads_by_their_own_names() -> None:
    """Two pods of different namespaces and owners, one of which goes."""
    cluster = series.Cluster()
    web, run = ("shop", "StatefulSet", "web"), ("ci", "Runner", "run-1")
    cluster.start(web)
    number = cluster.start(run)
    cluster.wait(15)
    assert set(cluster.own()) == {web, run}
    cluster.end(number)
    for _ in range(2):
        cluster.wait(905)
    assert set(cluster.own()) == {web}


def test_the_stream_interleaves_pods_and_keeps_each_in_order() -> None:
    """As a busy cluster's does."""
    told = [json.loads(line) for line in interleaved(3)]
    versions = [each["object"]["metadata"]["resourceVersion"] for each in told]
    assert len({each["object"]["metadata"]["uid"] for each in told[:3]}) == 3
    assert [each for each in versions if int(each) // 10 == 100_001] == sorted(versions)[VERSIONS : 2 * VERSIONS]


def test_the_last_line_says_whether_the_goal_was_met() -> None:
    """By the ratio where there is one, else by the value."""
    assert json.loads(verdict("intake", 40.0, "us", goal=3.5, ratio=2.0)) == {
        "bench": "intake", "value": 40.0, "unit": "us", "goal": 3.5, "met": True, "ratio": 2.0,
    }  # fmt: skip
    assert json.loads(verdict("memory", 3000, "bytes", goal=2048))["met"] is False


async def test_a_loop_that_is_kept_is_seen_to_be_late() -> None:
    """What keeps it counts as its own doing, and as one thing that it did at once."""
    watch, stop = LoopWatch(), asyncio.Event()
    with watch.timing():
        watching = asyncio.create_task(watch.run(stop))
        await asyncio.sleep(0.005)
        until = time.thread_time() + 0.03
        while time.thread_time() < until:
            continue
        await asyncio.sleep(0.005)
        stop.set()
        await watching
    assert max(watch.busy) >= 30
    assert max(watch.late) >= max(watch.own) >= 28


def test_a_quantile_is_one_of_the_values() -> None:
    """The greatest one is the last."""
    assert [quantile([3.0, 1.0, 2.0], share) for share in (0, 0.5, 0.99, 1)] == [1, 2, 3, 3]
    assert quantile([], 0.5) == 0


def test_growth_is_measured_at_a_hundredth_a_tenth_and_the_whole() -> None:
    """Each size once, none of them nothing."""
    parser = argparse.ArgumentParser()
    growth.add_size(parser, "--pods", default=150_000, of="pods")
    assert growth.sizes(parser.parse_args([])) == (150_000,)
    assert growth.sizes(parser.parse_args(["--growth"])) == (1_500, 15_000, 150_000)
    assert growth.sizes(parser.parse_args(["--growth", "--pods", "10"])) == (1, 10)


def test_a_pod_of_the_restored_history_rests_and_its_listed_slice_is_no_news() -> None:
    """A restart is measured with pods that are settled, as the API server still lists them."""
    pod = listserver.pod(7)
    tracker = Tracker(
        owners=FixedOwners(), codec=PackingCodec(), rules=Rules(), timers=Timers(), now=BEGIN + 60 * SECOND,
        restored=Restored(records=(savedpods.ready(pod, slice_name(0)),)),
    )  # fmt: skip
    feed = SliceFeed(tracker, SliceIndex())
    feed.item(next(slices([pod], each=100)), arrived=BEGIN + 61 * SECOND)
    assert tracker.situation().tracked[Stage.SETTLED] == 1
    assert tracker.drain(BEGIN + 62 * SECOND).snapshots == ()


def test_a_finished_pod_of_the_history_counts_its_start_and_its_end() -> None:
    """Under its own namespace and workload, at the moment that it is given."""
    record = savedpods.finished(3, at=BEGIN)
    assert (record.closed, record.created, record.outcome) == (True, BEGIN, Outcome.READY)
    assert {each.metric for each in record.increments} >= {Metric.STARTUP, Metric.ENDPOINT, Metric.TERMINATION}
    assert {each.labels[:3] for each in record.increments} == {(record.namespace, "Deployment", record.workload)}


def test_the_listing_server_tells_every_object_once_in_pages() -> None:
    """Page after page, by the token of the one before."""
    with listserver.listing(7) as server:
        seen, token = list[str](), ""
        while True:
            with urllib.request.urlopen(f"{server}/api/v1/pods?limit=3&continue={token}") as answer:
                page = json.loads(answer.read())
            seen += [each["metadata"]["uid"] for each in page["items"]]
            token = page["metadata"]["continue"]
            if not token:
                break
    assert seen == [listserver.pod(number).uid for number in range(7)]
