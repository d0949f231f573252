"""Which label sets of a metric have a series of their own, and which are counted under ``other``.

A metric has room for ``limit`` label sets. While there is room everybody gets a series. A full pool makes room in the
order of ``SeriesRank``: first a series whose workload is gone, then one of a workload that has had a single pod (a CI
run, an Argo workflow), last one of a lasting workload. The equal share of a namespace is ``limit // namespaces``, where
those count that have a series. No namespace can crowd out another:

- a namespace loses a series to another one only while it has more than its share, and more than the other one;
- it can always have its share for lasting workloads, and half of it for workloads that have had a single pod.

Within a namespace a lasting workload replaces one that has had a single pod, and everybody one that is gone. The rules
depend on nothing but the order of the calls, so that a book that is loaded again goes on as it would have.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

Labels = tuple[str, ...]
"""Label values: namespace, kind and name of the workload, and the phase where the metric has it."""
REPLACING = frozenset({"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "CronJob", "ReplicationController"})
"""Kinds that make new pods for as long as they are there (https://kubernetes.io/docs/concepts/workloads/controllers);
a Job is over once its pods are, and of other kinds their second pod tells."""
OTHER = "other"
"""The label value of workloads that have no series of their own."""


class SeriesRank(IntEnum):
    """What a series is worth keeping for; the lowest makes room first."""

    GONE = 0
    """Its workload is gone; it is kept until it has been scraped."""
    SINGLE = 1
    """Its workload has had one pod, and is of no kind that replaces its pods."""
    LASTING = 2
    """Its workload has had more than one, or will have."""


@dataclass(slots=True, eq=False)
class Series:
    """One label set that has a series.

    ``pod`` counted first, ``gone`` is since when its workload is gone (nanoseconds), ``turn`` orders what was used.
    """

    metric: str
    labels: Labels
    pod: str = ""
    lasting: bool = False
    gone: int | None = None
    turn: int = 0

    @property
    def key(self) -> tuple[str, Labels]:
        """What tells it from every other series."""
        return self.metric, self.labels

    @property
    def workload(self) -> Labels:
        """Namespace, kind and name of the workload."""
        return self.labels[:3]

    @property
    def standing(self) -> SeriesRank:
        """Its place in the order in which room is made."""
        if self.gone is not None:
            return SeriesRank.GONE
        return SeriesRank.LASTING if self.lasting else SeriesRank.SINGLE


def folded(labels: Labels) -> Labels:
    """The label set that counts for one without a series: of any workload, but of the same phase."""
    return (OTHER, OTHER, OTHER, *labels[3:])


class _Namespace:
    """The series of one namespace by standing, the one that was used longest ago first."""

    def __init__(self) -> None:
        self.size = 0
        self.groups: Mapping[SeriesRank, dict[Labels, Series]] = {each: {} for each in SeriesRank}

    def oldest(self, standing: SeriesRank) -> Series | None:
        return next(iter(self.groups[standing].values()), None)

    def out(self, labels: Labels) -> None:
        for group in self.groups.values():
            group.pop(labels, None)


class Pool:
    """The label sets of one metric, at most ``limit`` of them.

    A full pool is asked for room at every observation of a workload without a series: that costs nothing that grows
    with the namespaces, as long as none of them is so large that it has to give way.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._series: dict[Labels, Series] = {}
        self._namespaces: dict[str, _Namespace] = {}
        self._sizes: Counter[int] = Counter()
        """How many namespaces have so many series."""
        self._largest = 0

    def __len__(self) -> int:
        """How many have a series."""
        return len(self._series)

    def __iter__(self) -> Iterator[Series]:
        """Every series."""
        return iter(self._series.values())

    def get(self, labels: Labels) -> Series | None:
        """The series of a label set, ``None`` where it has none."""
        return self._series.get(labels)

    def put(self, series: Series) -> None:
        """Let a series in, whether there is room or not; or put it behind all others of its standing."""
        namespace = self._namespaces.get(series.labels[0])
        if namespace is None:
            namespace = self._namespaces[series.labels[0]] = _Namespace()
        if series.labels in self._series:
            namespace.out(series.labels)
        else:
            self._resize(namespace, 1)
        self._series[series.labels] = series
        namespace.groups[series.standing][series.labels] = series

    def drop(self, series: Series) -> None:
        """Take a series out."""
        if self._series.pop(series.labels, None) is None:
            return
        namespace = self._namespaces[series.labels[0]]
        namespace.out(series.labels)
        self._resize(namespace, -1)
        if not namespace.size:
            del self._namespaces[series.labels[0]]

    def _resize(self, namespace: _Namespace, by: int) -> None:
        self._sizes[namespace.size] -= 1
        namespace.size += by
        self._sizes[namespace.size] += 1
        if namespace.size > self._largest:
            self._largest = namespace.size
        elif not self._sizes[self._largest]:
            # It was the only one of its size, and is smaller by one now.
            self._largest -= 1

    def room(self, series: Series) -> tuple[bool, Series | None]:
        """Whether a new series may come in, and which one goes for it."""
        if len(self._series) < self._limit:
            return True, None
        gives_way = next((each for each in self._give_way(series) if each is not None), None)
        return gives_way is not None, gives_way

    def surplus(self) -> Iterator[Series]:
        """Take out and return what is beyond the limit: of a pool that was filled under a higher one."""
        while len(self._series) > self._limit:
            gone = next(each for each in map(self._of_largest, SeriesRank) if each is not None)
            self.drop(gone)
            yield gone

    def _give_way(self, new: Series) -> Iterator[Series | None]:
        """Who may give way to a new series, first of all whose loss costs the least."""
        own = self._namespaces.get(new.labels[0])
        have = 0 if own is None else own.size
        share = self._limit // (len(self._namespaces) + (own is None))
        for standing in SeriesRank:
            if standing < SeriesRank.LASTING or new.lasting or have < max(share // 2, 1):
                yield self._of_largest(standing, above=max(have + 1, share))
            if own is not None and (standing is SeriesRank.GONE or (standing is SeriesRank.SINGLE and new.lasting)):
                yield own.oldest(standing)

    def _of_largest(self, standing: SeriesRank, *, above: int = 0) -> Series | None:
        if self._largest <= above:
            return None
        found = max(
            ((each.size, name) for name, each in self._namespaces.items() if each.groups[standing]), default=(0, "")
        )
        return self._namespaces[found[1]].oldest(standing) if found[0] > above else None


class Book:
    """The series of all metrics. What it changed is handed over by ``drain``, to be written in one transaction."""

    def __init__(self, *, limit: int, keep: int) -> None:
        """``keep`` is how long the series of a workload that is gone stay, in nanoseconds."""
        self._limit = limit
        self._keep = keep
        self._pools: dict[str, Pool] = {}
        self._workloads: dict[Labels, dict[tuple[str, Labels], Series]] = {}
        self._gone: dict[tuple[str, Labels], Series] = {}
        self._changed: dict[tuple[str, Labels], Series] = {}
        self._turn = 0

    def load(self, series: Iterable[Series]) -> None:
        """Go on from what was written."""
        for each in sorted(series, key=lambda each: each.turn):
            self._turn = each.turn
            self._put(each)

    def surplus(self) -> tuple[Series, ...]:
        """Take out and return what is beyond the limit, where it is lower than it was."""
        freed = tuple(each for pool in self._pools.values() for each in pool.surplus())
        for each in freed:
            self._forget(each)
        return freed

    def place(
        self, metric: str, labels: Labels, *, pod: str, lasting: Callable[[], bool]
    ) -> tuple[Labels, Series | None]:
        """The label set that counts an observation of a pod, and the series that gave way to it.

        ``lasting`` is asked for a label set without a series: whether its workload has had another pod.
        """
        other = folded(labels)
        if labels == other:
            return other, None
        pool = self._pool(metric)
        series, freed = pool.get(labels), None
        if series is None:
            series = Series(metric, labels, pod, labels[1] in REPLACING or lasting())
            admitted, freed = pool.room(series)
            if not admitted:
                return other, None
        if freed is not None:
            self.free(freed)
        series.lasting = series.lasting or series.pod != pod
        self._used(series, gone=None)
        return labels, freed

    def workloads(self) -> tuple[Labels, ...]:
        """Every workload that has a series."""
        return tuple(self._workloads)

    def has(self, workload: Labels) -> bool:
        """Whether a workload has a series."""
        return workload in self._workloads

    def stands(self, workload: Labels, there: bool, *, at: int) -> None:  # noqa: FBT001 - what is said of it
        """Whether a workload is there at a moment; the series of one that is gone are freed in time."""
        for series in tuple(self._workloads.get(workload, {}).values()):
            if there != (series.gone is None):
                self._used(series, gone=None if there else at)

    def expired(self, at: int) -> tuple[Series, ...]:
        """Take out and return the series whose workloads have been gone for long enough.

        Where the clock was set back nobody knows for how long, and they go at once.
        """
        over = tuple(each for each in self._gone.values() if not at - self._keep < (each.gone or 0) <= at)
        for each in over:
            self.free(each)
        return over

    def free(self, series: Series) -> None:
        """Take out one series."""
        self._pool(series.metric).drop(series)
        self._forget(series)

    def drain(self) -> tuple[Series, ...]:
        """What changed and is still there since the last call."""
        changed, self._changed = tuple(self._changed.values()), {}
        return changed

    def _pool(self, metric: str) -> Pool:
        pool = self._pools.get(metric)
        if pool is None:
            pool = self._pools[metric] = Pool(self._limit)
        return pool

    def _used(self, series: Series, *, gone: int | None) -> None:
        self._turn += 1
        series.turn, series.gone = self._turn, gone
        self._put(series)
        self._changed[series.key] = series

    def _put(self, series: Series) -> None:
        self._pool(series.metric).put(series)
        self._workloads.setdefault(series.workload, {})[series.key] = series
        if series.gone is None:
            self._gone.pop(series.key, None)
        else:
            self._gone[series.key] = series

    def _forget(self, series: Series) -> None:
        self._gone.pop(series.key, None)
        self._changed.pop(series.key, None)
        held = self._workloads[series.workload]
        del held[series.key]
        if not held:
            del self._workloads[series.workload]
