"""Owners of one pod each, beside a workload that lasts: who has a metric series."""

from tests.support.captures import FOLDER

from podtimeline.app.capture import read_capture
from podtimeline.app.replaying import Replay
from podtimeline.codec import PackingCodec
from podtimeline.model.series import OTHER
from podtimeline.ports import Metric
from podtimeline.store.options import StoreOptions
from podtimeline.store.registry import open_store
from podtimeline.tracking.batches import evaluate

RUNS = [f"linux-{number}x7d2" for number in range(8)]


class Clock:
    """Implements ``ports.Clock``."""

    def now(self) -> int:
        """Not asked for."""
        return 0


def test_one_off_owners_do_not_take_the_series_of_a_deployment() -> None:
    """Eight runners and a Deployment that comes last, with room for five: the oldest runner's series makes room."""
    header, lines = read_capture(FOLDER / "cases/one-off-owners.jsonl.gz")
    replay = Replay(started=header.started)
    store = open_store("sqlite::memory:", StoreOptions(clock=Clock(), series_limit=5))
    for line in lines:
        replay.play([line])
        result = evaluate(replay.tracker.drain(line.at), PackingCodec(), replay.tracker.quarantine)
        store.commit(result.checkpoint)
        replay.tracker.committed(result)
    counts = {each.labels: sum(each.buckets) for each in store.restore().histograms if each.metric is Metric.STARTUP}
    assert counts == {
        **{("demo", "EphemeralRunner", name): 1 for name in RUNS[1:5]},
        (OTHER, OTHER, OTHER): 3,
        ("demo", "Deployment", "checkout"): 1,
    }
    store.close()
