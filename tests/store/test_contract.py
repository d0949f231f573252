"""What every store promises; the fake that other tests use keeps the same promises."""

from dataclasses import replace
from typing import Any

import pytest
from tests.support.lives import at
from tests.support.saved import SECOND, checkpoint, fresh, increment, saved
from tests.support.workloads import DEPLOYMENT, replicaset

from podtimeline.analysis.attribution.refused import refused
from podtimeline.analysis.attribution.scaling import told
from podtimeline.analysis.resolved import Outcome
from podtimeline.codec import pack
from podtimeline.errors import QueryError, StoreError
from podtimeline.model.buckets import BOUNDS, COUNT, bucket
from podtimeline.model.milestones import Phase
from podtimeline.model.workloads import CreateRefused
from podtimeline.ports import CONTROLLED, Memory, Metric, Order, Query, Store, Stream


def uids(store: Store, **wanted: object) -> list[str]:
    """The uids that a search finds, in its order, through as many pages of two as it takes."""
    found: list[str] = []
    query = Query(limit=2, **wanted)  # type: ignore[arg-type]
    while True:
        page = store.search(query)
        found += [each.state.uid for each in page.records]
        if page.cursor is None:
            return found
        query = replace(query, cursor=page.cursor)


def test_a_new_history_is_empty(store: Store) -> None:
    """Nothing is known: no record, no version, no count, and no moment since when it looks."""
    restored = store.restore()
    assert list(restored.records) == []
    assert (dict(restored.versions), restored.histograms) == ({}, ())
    assert (restored.first_look, restored.last_commit) == (None, None)
    assert store.find("shop", "web-1") is None
    assert store.search(Query()).records == ()


def test_it_counts_its_commits(store: Store) -> None:
    """The numbers that the operator shows of its history."""
    assert store.numbers.commits == 0
    store.commit(checkpoint(saved()))
    store.commit(checkpoint())
    assert (store.numbers.commits, store.numbers.errors) == (2, 0)


def test_what_is_committed_comes_back_to_the_nanosecond(store: Store) -> None:
    """A record comes back as it was given, but for its increments, which have been counted."""
    given = saved("uid-1", increment())
    store.commit(checkpoint(given))
    assert list(store.restore().records) == [replace(given, increments=())]
    assert store.find("shop", "web-1") == replace(given, increments=())


def test_unknown_stays_unknown(store: Store) -> None:
    """What is None is None after a round trip, not 0 and not an empty text."""
    given = saved(node=None, phase=None, created=None, startup=None, total=None)
    store.commit(checkpoint(given))
    assert store.find("shop", "web-1") == given


def test_a_pod_that_starts_is_kept_as_it_was_observed(store: Store) -> None:
    """Its latest state comes back; nobody has evaluated it, and so its outcome and its times are unknown."""
    first = saved(settled=False, changing=True, node=None, outcome=Outcome.STARTING, startup=None, total=None)
    store.commit(checkpoint(first))
    bound = replace(first, node="node-2", updated=first.updated + 1)
    state = replace(bound.state, chain=())
    later = replace(bound, updated=bound.updated + 1, state=state, packed=pack(state, deflate=False))
    store.commit(checkpoint(bound))
    store.commit(checkpoint(later))
    assert list(store.restore().records) == [later]


def test_a_pod_that_leaves_keeps_what_its_start_took(store: Store) -> None:
    """It is evaluated again when it is gone; until then only what was observed changes."""
    store.commit(checkpoint(saved()))
    leaving = saved(changing=True, outcome=Outcome.STARTING, startup=None, total=None, updated=at(20))
    store.commit(checkpoint(leaving, when=20))
    found = store.find("shop", "web-1")
    assert found == replace(saved(), changing=True, updated=at(20))
    store.commit(checkpoint(saved(closed=True), when=30))
    assert store.find("shop", "web-1") == saved(closed=True)


@pytest.mark.parametrize("wanted", [{"phase": Phase.IMAGE_PULL}, {"outcome": Outcome.STARTING}])
def test_a_search_is_told_which_of_the_changing_pods_match(store: Store, wanted: dict[str, Any]) -> None:
    """A store does not know how far a pod is that starts or leaves: who asks says which of them are meant."""
    changing = {"changing": True, "settled": False, "outcome": Outcome.STARTING}
    store.commit(checkpoint(*(saved(uid, name=uid, **changing) for uid in ("meant", "other"))))
    store.commit(checkpoint(saved("rests", phase=Phase.IMAGE_PULL, outcome=Outcome.STARTING), saved("ready")))
    page = store.search(Query(**wanted, among=frozenset({"meant", "ready"})))
    assert {each.state.uid for each in page.records} == {"meant", "rests"}
    assert len(store.search(Query(namespace="shop")).records) == 4


def test_the_slowest_are_those_that_start_and_not_those_that_leave(store: Store) -> None:
    """A pod that starts has taken all the time up to now; one that leaves took for its start what it took."""
    store.commit(checkpoint(saved("leaves", created=at(-1000)), saved("ready", total=SECOND * 10)))
    starting = saved("starts", settled=False, changing=True, total=None, created=at(0))
    store.commit(checkpoint(starting, saved("leaves", created=at(-1000), changing=True)))
    page = store.search(Query(order=Order.SLOWEST))
    assert [each.state.uid for each in page.records] == ["starts", "ready", "leaves"]


def test_only_what_is_not_closed_is_restored(store: Store) -> None:
    """Settled pods that still exist come back, closed ones stay in the history only."""
    store.commit(checkpoint(saved("open", settled=False), saved("settled"), saved("gone", closed=True)))
    assert [each.state.uid for each in store.restore().records] == ["open", "settled"]
    assert store.find("shop", "web-1", uid="gone") is not None


def test_records_can_be_read_twice(store: Store) -> None:
    """Iterating what was restored does not use it up."""
    store.commit(checkpoint(saved("a"), saved("b")))
    records = store.restore().records
    assert list(records) == list(records)


def test_a_later_record_replaces_the_earlier_one(store: Store) -> None:
    """There is one record a uid, the latest, in the place of the first."""
    store.commit(checkpoint(saved("a", settled=False), saved("b")))
    store.commit(checkpoint(saved("a", node="node-2")))
    assert [(each.state.uid, each.node) for each in store.restore().records] == [("a", "node-2"), ("b", "node-1")]


def test_stream_versions_and_moments_are_remembered(store: Store) -> None:
    """A later commit moves the versions it names; the first look stays the first."""
    store.commit(checkpoint(when=10, versions={Stream.PODS: "1", Stream.EVENTS: "2"}))
    store.commit(checkpoint(when=20, versions={Stream.PODS: None}))
    restored = store.restore()
    assert dict(restored.versions) == {Stream.PODS: None, Stream.EVENTS: "2"}
    assert (restored.first_look, restored.last_commit) == (at(10), at(20))


def test_what_is_remembered_of_workloads_comes_back_until_it_is_forgotten(store: Store) -> None:
    """A later memory of the same key replaces the earlier one."""
    asked = told(None, replicaset(), arrived=at(1), live=True)
    said = CreateRefused("shop", asked.state.owner or DEPLOYMENT, "e-1", "exceeded quota", at(0), at(1), 3)
    refusal = Memory("shop/Deployment/web", refusal=refused(None, DEPLOYMENT, said))
    store.commit(replace(checkpoint(), memories=(Memory("rs-1", asked), refusal)))
    assert store.restore().memories == (Memory("rs-1", asked), refusal)
    more = told(asked, replicaset(version=101, have=2), arrived=at(2), live=True)
    store.commit(replace(checkpoint(), memories=(Memory("rs-1", more),)))
    assert store.restore().memories == (Memory("rs-1", more), refusal)
    store.commit(replace(checkpoint(), memories=(Memory("rs-1"), Memory("never"))))
    assert store.restore().memories == (refusal,)


def test_each_increment_counts_once_for_ever(store: Store) -> None:
    """Told again, in the same commit or a later one, an increment is not returned and not counted again."""
    first, second = increment(), increment(Metric.IMAGE_PULL, 2, key="web")
    assert fresh(store.commit(checkpoint(saved("uid-1", first, first)))) == (first,)
    assert fresh(store.commit(checkpoint(saved("uid-1", first, second)))) == (second,)
    assert fresh(store.commit(checkpoint(saved("uid-1", first, second, closed=True)))) == ()
    assert fresh(store.commit(checkpoint(saved("uid-2", first)))) == (first,)
    startup, pull = store.restore().histograms
    assert (startup.metric, sum(startup.buckets)) == (Metric.STARTUP, 2)
    assert (pull.metric, sum(pull.buckets)) == (Metric.IMAGE_PULL, 1)
    assert (startup.sum, pull.sum) == pytest.approx((11.8, 2.0))


def test_increments_fall_into_the_buckets_of_their_bounds(store: Store) -> None:
    """A bound is inclusive, and what is longer than all of them is counted without bound."""
    values = [0.0, 0.005, 0.0051, 0.5, 3600, 3600.1]
    pods = [saved(f"uid-{number}", increment(seconds=value)) for number, value in enumerate(values)]
    store.commit(checkpoint(*pods))
    (histogram,) = store.restore().histograms
    assert len(histogram.buckets) == COUNT
    assert {index: count for index, count in enumerate(histogram.buckets) if count} == {
        0: 2,
        1: 1,
        BOUNDS.index(0.5): 1,
        BOUNDS.index(3600): 1,
        len(BOUNDS): 1,
    }
    assert bucket(round(0.3 * SECOND)) == BOUNDS.index(0.5)


def test_series_come_back_in_the_order_of_their_first_appearance(store: Store) -> None:
    """Later increments do not move a series."""
    for number, workload in enumerate(("b", "c", "a", "b")):
        store.commit(checkpoint(saved(f"uid-{number}", increment(workload=workload))))
    assert [each.labels[2] for each in store.restore().histograms] == ["b", "c", "a"]


def test_beyond_the_limit_series_are_counted_together(store: Store) -> None:
    """The fourth workload of a metric with room for three counts as other; the ones before keep their series."""
    increments = [increment(workload=name) for name in ("a", "b", "c", "d", "a", "e")]
    counted = store.commit(checkpoint(*(saved(f"uid-{n}", each) for n, each in enumerate(increments))))
    assert fresh(counted) == tuple(increments)
    assert [(each.labels[2], sum(each.buckets)) for each in store.restore().histograms] == [
        ("a", 2),
        ("b", 1),
        ("c", 1),
        ("other", 2),
    ]
    store.commit(checkpoint(saved("uid-9", increment(workload="f"), increment(Metric.IMAGE_PULL, workload="f"))))
    later = {(each.metric, each.labels[2]): sum(each.buckets) for each in store.restore().histograms}
    assert later[Metric.STARTUP, "other"] == 3
    assert later[Metric.IMAGE_PULL, "f"] == 1


def test_bare_pods_share_one_series(store: Store) -> None:
    """A pod's name is never a label: pods without a controller are counted together, by namespace."""
    pods = [replace(increment(workload=name), workload_kind="Pod") for name in ("debug-1", "debug-2")]
    store.commit(checkpoint(*(saved(f"uid-{n}", each) for n, each in enumerate(pods))))
    (histogram,) = store.restore().histograms
    assert (histogram.labels, sum(histogram.buckets)) == (("shop", "Pod", "bare"), 2)


def test_phases_are_counted_under_their_own_label_also_beyond_the_limit(store: Store) -> None:
    """Which workload it was is given up at the limit, which phase it was is not."""
    phases = [Phase.SCHEDULING, Phase.SANDBOX, Phase.IMAGE_PULL, Phase.RUN]
    store.commit(checkpoint(saved("uid-1", *(increment(Metric.PHASE, 1, phase=each) for each in phases))))
    assert [each.labels for each in store.restore().histograms] == [
        ("shop", "Deployment", "web", "scheduling"),
        ("shop", "Deployment", "web", "sandbox"),
        ("shop", "Deployment", "web", "image_pull"),
        ("other", "other", "other", "run"),
    ]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"namespace": "shop"}, ["d", "b", "a"]),
        ({"namespace": "shop", "workload_kind": "Job"}, ["d"]),
        ({"workload": "web"}, ["b", "a"]),
        ({"name": "web-2"}, ["b"]),
        ({"node": "node-2"}, ["c", "b"]),
        ({"phase": Phase.IMAGE_PULL}, ["c"]),
        ({"outcome": Outcome.FAILED}, ["d"]),
        ({"since": at(2)}, ["d", "c"]),
        ({"until": at(2)}, ["c", "b", "a"]),
        ({"since": at(1), "until": at(2)}, ["c", "b"]),
        ({"namespace": "none"}, []),
        ({}, ["d", "c", "b", "a"]),
    ],
)
def test_a_search_finds_what_matches_all_filters(store: Store, wanted: dict[str, object], found: list[str]) -> None:
    """Filters are joined by and; the newest pod comes first."""
    store.commit(
        checkpoint(
            saved("a", created=at(0)),
            saved("b", created=at(1), name="web-2", node="node-2"),
            saved(
                "c", created=at(2), namespace="till", workload="till", node="node-2", phase=Phase.IMAGE_PULL,
                outcome=Outcome.STARTING, settled=False,
            ),
            saved("d", created=at(3), workload_kind="Job", workload="nightly", outcome=Outcome.FAILED),
        )
    )  # fmt: skip
    assert uids(store, **wanted) == found


def test_slowest_first_counts_what_still_goes_on_as_long_as_it_has_lasted(store: Store) -> None:
    """A pod that has been starting for 100 s is slower than one that took 50 s, whatever its last commit said."""
    going = {"phase": Phase.SCHEDULING, "outcome": Outcome.STARTING, "settled": False}
    store.commit(
        checkpoint(
            saved("took-50", total=50 * SECOND),
            saved("for-100", created=at(0), total=1 * SECOND, **going),
            saved("took-150", total=150 * SECOND),
            saved("for-10", created=at(90), total=9 * SECOND, **going),
            saved("unknown", created=None, total=None),
        )
    )
    assert uids(store, order=Order.SLOWEST) == ["took-150", "for-100", "took-50", "for-10", "unknown"]


@pytest.mark.parametrize("order", list(Order))
def test_pages_miss_nothing_and_repeat_nothing_while_pods_come(store: Store, order: Order) -> None:
    """Pods that come between two pages do not move those that were there, ties included."""
    store.commit(checkpoint(*(saved(f"uid-{number}", total=number % 3 * SECOND) for number in range(9))))
    query = Query(limit=4, order=order)
    page = store.search(query)
    seen = [each.state.uid for each in page.records]
    for round_ in range(3):
        store.commit(checkpoint(saved(f"new-{round_}", created=at(50 + round_), total=500 * SECOND)))
        if page.cursor is None:
            break
        page = store.search(replace(query, cursor=page.cursor))
        seen += [each.state.uid for each in page.records]
    assert page.cursor is None
    assert len(seen) == 9
    assert set(seen) == {f"uid-{number}" for number in range(9)}


@pytest.mark.parametrize("cursor", ["nonsense", "", "ä", "AAAA"])
def test_a_cursor_of_somebody_else_is_refused(store: Store, cursor: str) -> None:
    """A cursor that the store did not make is an error of the asker."""
    with pytest.raises(QueryError, match="cursor"):
        store.search(Query(cursor=cursor))


def test_a_cursor_of_another_order_is_refused(store: Store) -> None:
    """A page of the slowest cannot go on as one of the newest."""
    store.commit(checkpoint(saved("a"), saved("b")))
    page = store.search(Query(limit=1, order=Order.SLOWEST))
    assert page.cursor is not None
    with pytest.raises(QueryError, match="start again"):
        store.search(Query(limit=1, order=Order.NEWEST, cursor=page.cursor))


def test_find_takes_the_latest_of_a_name_or_the_one_of_a_uid(store: Store) -> None:
    """A name returns with a new uid when a StatefulSet replaces its pod."""
    store.commit(checkpoint(saved("new", created=at(5)), saved("old", created=at(0), closed=True)))
    latest, older = store.find("shop", "web-1"), store.find("shop", "web-1", uid="old")
    assert (latest and latest.state.uid, older and older.state.uid) == ("new", "old")
    assert store.find("shop", "web-2", uid="old") is None
    assert store.find("till", "web-1") is None


def test_a_closed_store_says_so(store: Store) -> None:
    """Nothing is read or written after the end, and closing twice is harmless."""
    store.close()
    store.close()
    for call in (store.restore, lambda: store.search(Query()), lambda: store.commit(checkpoint())):
        with pytest.raises(StoreError, match="closed"):
            call()


def held(store: Store) -> dict[str, int]:
    """How often each workload has counted, as a scrape shows it."""
    return {each.labels[2]: sum(each.buckets) for each in store.restore().histograms}


def test_the_series_of_a_workload_is_freed_once_its_last_pod_is_gone_for_a_while(store: Store) -> None:
    """After the time that it takes to be scraped; the pods of others and what was counted are as before."""
    store.commit(checkpoint(saved("a", increment()), saved("b", increment()), saved("c", increment(workload="api"))))
    store.commit(checkpoint(saved("a", closed=True), when=20))
    store.commit(checkpoint(saved("b", closed=True), when=30))
    assert store.commit(checkpoint(when=929)).freed == ()
    (freed,) = store.commit(checkpoint(when=930)).freed
    assert (freed.labels, freed.displaced) == (("shop", "Deployment", "web"), False)
    assert held(store) == {"api": 1}


def test_a_workload_that_returns_in_time_keeps_its_series_and_later_begins_anew(store: Store) -> None:
    """Nothing is counted twice: not even a pod that is told again after its series was freed."""
    store.commit(checkpoint(saved("a", increment(), closed=True), when=10))
    store.commit(checkpoint(saved("b", increment(), closed=True), when=900))
    store.commit(checkpoint(when=1700))
    assert held(store) == {"web": 2}
    store.commit(checkpoint(when=1800))
    assert held(store) == {}
    assert fresh(store.commit(checkpoint(saved("a", increment(), closed=True), when=1801))) == ()
    changed = store.commit(checkpoint(saved("c", increment()), when=1802)).series
    assert [(each.labels[2], sum(each.buckets)) for each in changed] == [("web", 1)]
    assert held(store) == {"web": 1}


def test_a_flood_of_one_namespace_leaves_room_for_the_others(store: Store) -> None:
    """A commit says which series made room; what they counted goes with them."""
    flood = [saved(f"x-{n}", increment(workload=f"x-{n}", namespace="attacker")) for n in range(5)]
    store.commit(checkpoint(*flood))
    assert held(store) == {"x-0": 1, "x-1": 1, "x-2": 1, "other": 2}
    counted = store.commit(checkpoint(saved("a", increment())))
    assert [(each.labels, each.displaced) for each in counted.freed] == [(("attacker", "Deployment", "x-0"), True)]
    assert held(store) == {"x-1": 1, "x-2": 1, "other": 2, "web": 1}
    (placed,) = store.commit(checkpoint(saved("y", increment(workload="x-9", namespace="attacker")))).increments
    assert placed.overflowed


def test_what_is_gone_makes_room_before_it_has_been_kept_for_long(store: Store) -> None:
    """One-off owners do not push lasting workloads into ``other``."""
    for number in range(6):
        run = saved(f"run-{number}", increment(workload=f"run-{number}"), closed=True)
        store.commit(checkpoint(run, when=12 + number))
    store.commit(checkpoint(saved("a", increment()), when=20))
    assert held(store) == {"run-4": 1, "run-5": 1, "web": 1}


def test_pods_without_and_with_a_pod_as_controller_keep_their_own_series(store: Store) -> None:
    """Neither kind keeps the other's series; a driver's executors are told from bare pods."""
    bare = replace(increment(workload="debug"), workload_kind="Pod")
    executor = replace(increment(workload=CONTROLLED), workload_kind="Pod")
    store.commit(
        checkpoint(
            saved("d", bare, name="debug"), saved("e", executor, workload="driver", name="exec-1"),
        )
    )  # fmt: skip
    store.commit(
        checkpoint(saved("d", closed=True, name="debug", workload_kind="Pod", workload="debug"), when=20)
    )  # fmt: skip
    assert [each.labels[2] for each in store.commit(checkpoint(when=920)).freed] == ["bare"]
    assert held(store) == {CONTROLLED: 1}
