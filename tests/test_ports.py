"""The plain data that crosses packages: what several commits made of the histograms."""

from podtimeline.model.series import Labels
from podtimeline.ports import Counted, Freed, HistogramState, Metric, together

WEB: Labels = ("shop", "Deployment", "web")


def state(count: int) -> HistogramState:
    """A series that has counted so often."""
    return HistogramState(Metric.STARTUP, WEB, (count,), 1.0)


def test_of_several_commits_the_last_word_on_a_series_counts() -> None:
    """One that was freed and came again is there, one that was freed last is not."""
    freed = Freed(Metric.STARTUP, WEB)
    there = together([Counted(series=(state(5),)), Counted(freed=(freed,)), Counted(series=(state(1),))])
    assert (there.freed, there.series) == ((freed,), (state(1),))
    gone = together([Counted(series=(state(5),)), Counted(freed=(freed,))])
    assert (gone.freed, gone.series) == ((freed,), ())
