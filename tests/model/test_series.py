"""Which label sets have a series: shares of namespaces, what makes room for what, and what is freed when."""

from collections import Counter
from dataclasses import dataclass, field

import hypothesis.strategies as st
from hypothesis import given

from podtimeline.model.series import OTHER, Book, Labels, Series, folded

METRIC = "seconds"
KEEP = 100
OPS = st.lists(
    st.tuples(
        st.sampled_from(("start", "start", "start", "end", "wait")), st.integers(0, 3), st.integers(0, 5)
    ),
    max_size=80,
)  # fmt: skip


@dataclass
class Cluster:
    """A book, and what is true of the workloads that it is told of."""

    limit: int
    book: Book = field(init=False)
    now: int = 0
    pods: Counter[Labels] = field(default_factory=Counter)
    had: Counter[Labels] = field(default_factory=Counter)
    shown: Counter[Labels] = field(default_factory=Counter)
    lost: int = 0

    def __post_init__(self) -> None:
        """Nothing has a series yet."""
        self.book = Book(limit=self.limit, keep=KEEP)

    def start(self, workload: Labels) -> tuple[Labels, Series | None]:
        """A pod of a workload starts, and counts once."""
        self.pods[workload] += 1
        self.had[workload] += 1
        placed, gone = self.book.place(
            METRIC, workload, pod=f"{workload}-{self.had[workload]}", lasting=lambda: self.had[workload] > 1
        )
        self.free(() if gone is None else (gone,))
        self.shown[placed] += 1
        self.book.stands(workload, there=True, at=self.now)
        return placed, gone

    def end(self, workload: Labels) -> None:
        """A pod of a workload is gone, if there is one."""
        self.pods[workload] -= self.pods[workload] > 0
        self.book.stands(workload, there=self.pods[workload] > 0, at=self.now)

    def wait(self, moments: int) -> None:
        """Time passes."""
        self.now += moments
        self.free(self.book.expired(self.now))

    def free(self, series: tuple[Series, ...]) -> None:
        """What is freed shows no more."""
        self.lost += sum(self.shown.pop(each.labels) for each in series)

    def of(self, namespace: str) -> int:
        """How many series a namespace has."""
        return sum(1 for each in self.own if each[0] == namespace)

    @property
    def own(self) -> list[Labels]:
        """Every label set that has a series of its own."""
        return [each for each in self.shown if each != folded(each)]

    @property
    def share(self) -> int:
        """What each namespace that has a series is entitled to."""
        return self.limit // max(len({each[0] for each in self.own}), 1)


def workload(namespace: object, name: object) -> Labels:
    """The label set of a workload."""
    return (f"ns-{namespace}", "Runner", f"w-{name}")


@given(st.integers(1, 9), OPS)
def test_nothing_is_lost_and_the_limit_holds(limit: int, operations: list[tuple[str, int, int]]) -> None:
    """Each pod counts once, in its own series or in ``other``; a lasting one is lost only beyond a share."""
    cluster = Cluster(limit)
    for what, namespace, name in operations:
        one, before = workload(namespace, name), dict(cluster.shown)
        match what:
            case "start":
                had = {each[0]: cluster.of(each[0]) for each in cluster.own}
                placed, gone = cluster.start(one)
                assert placed in {one, folded(one)}
                if placed != one:
                    assert len(before) >= limit
                if gone is not None and gone.labels[0] != one[0]:
                    assert had[gone.labels[0]] > max(limit // len({*had, one[0]}), had.get(one[0], 0) + 1)
                elif gone is not None:
                    assert gone.gone is not None or (not gone.lasting and cluster.had[one] > 1)
            case "end":
                cluster.end(one)
            case _:
                cluster.wait(KEEP // 3)
        assert len(cluster.own) <= limit
        assert sum(cluster.shown.values()) + cluster.lost == sum(cluster.had.values())


@given(OPS)
def test_room_is_made_by_the_largest_namespace_alone(operations: list[tuple[str, int, int]]) -> None:
    """Of series that lie equal, those of another namespace go only where none has more of them."""
    cluster = Cluster(4)
    for what, namespace, name in operations:
        one = workload(namespace, name)
        if what == "start":
            had = Counter(each[0] for each in cluster.own)
            _, gone = cluster.start(one)
            if gone is not None and gone.gone is None and gone.labels[0] != one[0]:
                assert had[gone.labels[0]] == max(had.values())
        elif what == "end":
            cluster.end(one)
        else:
            cluster.wait(KEEP // 3)


@given(st.integers(1, 12), OPS)
def test_a_refused_workload_is_of_a_namespace_that_has_its_share(
    limit: int, operations: list[tuple[str, int, int]]
) -> None:
    """A lasting workload is refused only beyond the equal share of its namespace, any other beyond half of it."""
    cluster = Cluster(limit)
    for what, namespace, name in operations:
        one = workload(namespace, name)
        if what == "start":
            have, others = cluster.of(one[0]), {each[0] for each in cluster.own} | {one[0]}
            placed, _ = cluster.start(one)
            if placed != one:
                share = limit // len(others)
                assert have >= (share if cluster.had[one] > 1 else share // 2)
        elif what == "end":
            cluster.end(one)
        else:
            cluster.wait(KEEP // 3)


@given(OPS, st.integers(0, 80))
def test_a_book_that_is_loaded_again_goes_on_as_it_would_have(operations: list[tuple[str, int, int]], cut: int) -> None:
    """After a restart the same workloads have series, and the same ones make room."""
    cluster, written = Cluster(4), dict[Labels, Series]()
    for number, (what, namespace, name) in enumerate(operations):
        if number == cut:
            again = Book(limit=4, keep=KEEP)
            again.load(Series(METRIC, *each) for each in map(_row, written.values()))
            cluster.book = again
        one = workload(namespace, name)
        if what == "start":
            cluster.start(one)
        elif what == "end":
            cluster.end(one)
        else:
            cluster.wait(KEEP // 3)
        written |= {each.labels: each for each in cluster.book.drain()}
        written = {labels: each for labels, each in written.items() if labels in cluster.shown}
    plain = Cluster(4)
    for what, namespace, name in operations:
        if what == "wait":
            plain.wait(KEEP // 3)
        else:
            (plain.start if what == "start" else plain.end)(workload(namespace, name))
    assert cluster.shown == plain.shown


def _row(series: Series) -> tuple[Labels, str, bool, int | None, int]:
    return series.labels, series.pod, series.lasting, series.gone, series.turn


def test_a_flood_of_one_namespace_leaves_the_others_theirs() -> None:
    """However many controllers somebody invents, and with however many pods each."""
    cluster = Cluster(2000)
    lasting = [workload(namespace, name) for namespace in range(19) for name in range(5)]
    for each in lasting:
        cluster.start(each)
    for name in range(2100):
        for _ in range(2):
            cluster.start(workload("attacker", name))
    assert set(lasting) <= set(cluster.own)
    late = [workload("late", name) for name in range(cluster.share)]
    placed = [cluster.start(each)[0] for each in late]
    assert placed.count((OTHER, OTHER, OTHER)) == len(late) - 2000 // 21 // 2
    assert [cluster.start(each)[0] for each in late[:95]] == late[:95]
    late = late[:95]
    assert set(lasting) | set(late) <= set(cluster.own)


def test_one_pod_owners_do_not_push_lasting_workloads_out() -> None:
    """10,000 runs, 500 of them at a time, beside 50 workloads of the same namespace and 50 of another."""
    cluster = Cluster(600)
    here = [workload("ci", f"deployment-{name}") for name in range(50)]
    there = [workload("shop", name) for name in range(50)]
    runs = [workload("ci", name) for name in range(10_000)]
    for number, run in enumerate(runs):
        cluster.start(run)
        if number >= 500:
            cluster.end(runs[number - 500])
        cluster.wait(1)
        if number % 100 == 0:
            for each in (*here, *there):
                cluster.start(each)
            assert number <= 100 or {*here, *there} <= set(cluster.own)
    assert cluster.shown[OTHER, OTHER, OTHER] <= 50


def test_what_returns_before_it_is_freed_goes_on_and_afterwards_begins_anew() -> None:
    """A workload without pods keeps its series for a while."""
    cluster, web = Cluster(10), workload("shop", "web")
    cluster.start(web)
    cluster.end(web)
    cluster.wait(KEEP - 1)
    cluster.start(web)
    assert cluster.shown[web] == 2
    cluster.end(web)
    cluster.wait(KEEP)
    assert cluster.shown[web] == 0
    cluster.start(web)
    assert cluster.shown[web] == 1


def test_a_clock_that_was_set_back_keeps_nothing_for_ever() -> None:
    """What is gone since a moment that has not come is freed at once."""
    cluster = Cluster(10)
    cluster.wait(1_000_000)
    cluster.start(workload("shop", "web"))
    cluster.end(workload("shop", "web"))
    cluster.wait(-500_000)
    assert cluster.own == []


def test_a_limit_that_was_lowered_takes_from_those_that_have_most() -> None:
    """What is gone first, then those of single pods."""
    book = Book(limit=3, keep=KEEP)
    book.load(
        [
            Series(METRIC, workload("a", 1), lasting=True, turn=1),
            Series(METRIC, workload("a", 2), turn=2),
            Series(METRIC, workload("a", 3), lasting=True, turn=3),
            Series(METRIC, workload("b", 1), gone=5, turn=4),
            Series(METRIC, workload("c", 1), turn=5),
        ]
    )
    assert [each.labels for each in book.surplus()] == [workload("b", 1), workload("a", 2)]
    assert book.surplus() == ()
    assert book.workloads() == (workload("a", 1), workload("a", 3), workload("c", 1))


def test_a_deployment_lasts_from_its_first_pod_on() -> None:
    """So it replaces a run of its namespace that has had one pod, and no run replaces it."""
    cluster, deployment = Cluster(2), ("ns-ci", "Deployment", "web")
    for name in range(3):
        cluster.start(workload("ci", name))
    assert cluster.start(deployment)[0] == deployment
    for name in range(3, 6):
        cluster.start(workload("ci", name))
    assert set(cluster.own) == {deployment, workload("ci", 1)}
