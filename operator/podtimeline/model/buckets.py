"""The buckets of every histogram: the kubelet's own for pod starts, with finer ones below half a second.

The store keeps counts by these bounds for ever; a change of them needs a way to carry the old counts over.
"""

from bisect import bisect_left

BOUNDS: tuple[float, ...] = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
    # kubelet_pod_start_sli_duration_seconds, pkg/kubelet/metrics/metrics.go
    0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600,
)  # fmt: skip
"""Upper bounds in seconds, inclusive; what is longer falls into a last bucket without bound."""

COUNT = len(BOUNDS) + 1
_NANOSECONDS = tuple(round(bound * 1_000_000_000) for bound in BOUNDS)


def bucket(value: int) -> int:
    """Index of the bucket that a duration in nanoseconds falls into; ``len(BOUNDS)`` is the one without bound."""
    return bisect_left(_NANOSECONDS, value)
