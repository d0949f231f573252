"""``podtimeline stuck``, against an operator that is asked directly."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.cli.conftest import Run
from tests.cli.fakes import Reply, page, serving
from tests.render.samples import seen, unschedulable
from tests.support.departures import asked, exited, killed
from tests.support.documents import received
from tests.support.lives import Life, at, ordinary, watched

from podtimeline.analysis.attribution.refused import Refusal, ended
from podtimeline.analysis.resolved import view
from podtimeline.model.milestones import Milestone
from podtimeline.model.observations import Leaves
from podtimeline.model.pods import Owner
from podtimeline.render.document import document
from podtimeline.render.lists import workloads_document

WORDS = "exceeded quota: full, requested: pods=1, used: pods=0, limited: pods=0"
QUOTA = Refusal(
    "shop", Owner("Deployment", "web"), Owner("ReplicaSet", "web-abc"), WORDS, at(0), at(60), 12, 12, (("e", 12),)
)
OVER = ended(Refusal("shop", Owner("Job", "old"), Owner("Job", "old"), "gone", at(0), at(1), 1, 1, ()), at(2))


@dataclass
class Stuck:
    """An operator that knows of refused workloads and of pods that are starting."""

    refusals: tuple[Refusal, ...] = (QUOTA, OVER)
    pods: tuple[dict[str, Any], ...] = field(default_factory=lambda: (received(document(seen(unschedulable()))),))
    leaving: tuple[dict[str, Any], ...] = ()
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    def reply(self, path: str, query: Mapping[str, str]) -> Reply:
        """The answer as the operator gives it."""
        self.asked.append((path, query))
        if path == "/api/v1/workloads":
            return Reply(200, received(workloads_document(self.refusals)))
        if "phase" in query:
            return Reply(200, page([each for each in self.leaving if each["phase"] == query["phase"]]))
        return Reply(200, page(self.pods))


def test_refused_workloads_and_pods_that_start_for_long_are_listed(run: Run) -> None:
    """With the words that say why; what is over is not stuck."""
    fake = Stuck()
    with serving(fake) as url:
        result = run("stuck", "--server", url)
    assert result.exit_code == 0, result.stderr
    assert "Deployment shop/web" in result.stdout
    assert "exceeded quota: full" in result.stdout
    assert "unschedulable" in result.stdout
    assert "shop/old" not in result.stdout
    assert fake.asked[1] == ("/api/v1/pods", {"outcome": "starting", "order": "newest", "limit": "200"})


def test_a_namespace_narrows_both_questions(run: Run) -> None:
    """Else all that the operator follows are meant."""
    fake = Stuck()
    with serving(fake) as url:
        run("stuck", "-n", "shop", "--server", url)
    assert {query.get("namespace") for _, query in fake.asked} == {"shop"}
    assert {"phase": "finalizers", "namespace": "shop"}.items() <= fake.asked[-1][1].items()


def test_pods_that_have_just_begun_are_not_stuck(run: Run) -> None:
    """How long that is can be said."""
    view_ = view(ordinary().timeline(), now=at(6))
    assert view_ is not None
    fake = Stuck(refusals=(), pods=(received(document(view_)),))
    with serving(fake) as url:
        assert run("stuck", "--longer", "1m", "--server", url).stdout == "Nothing is stuck.\n"
        assert "shop/web-1" in run("stuck", "--longer", "2s", "--server", url).stdout


def leaving(life: Life, *, now: float) -> dict[str, Any]:
    """The document of a pod that leaves, as of then."""
    told = view(life.timeline(), now=at(now))
    assert told is not None
    assert told.phase is not None
    return received(document(told))


def test_pods_that_are_held_by_finalizers_are_listed(run: Run) -> None:
    """By what holds them."""
    life = exited(killed(asked(ordinary()), 20.5), 21.5).saw(Milestone.RELEASED, watched(24))
    life.told.append(Leaves("uid-1", 10, ("shop.test/ledger",)))
    fake = Stuck(refusals=(), pods=(), leaving=(leaving(life, now=100),))
    with serving(fake) as url:
        told = run("stuck", "--server", url).stdout
    assert "LEAVING" in told
    assert "finalizers" in told
    assert "shop.test/ledger" in told


def test_a_pod_is_late_once_its_grace_is_over(run: Run) -> None:
    """Until then it may take its time."""
    life = killed(asked(ordinary(), grace=60), 20.5)
    for now, expected in ((100, "Nothing is stuck."), (120, "shop/web-1")):
        fake = Stuck(refusals=(), pods=(), leaving=(leaving(life, now=now),))
        with serving(fake) as url:
            assert expected in run("stuck", "--server", url).stdout


def test_json_is_what_the_operator_told(run: Run) -> None:
    """Only what is stuck now."""
    held = leaving(exited(killed(asked(ordinary()), 20.5), 21.5), now=200)
    with serving(Stuck(leaving=(held,))) as url:
        told = json.loads(run("stuck", "--server", url, "-o", "json").stdout)
    assert [each["workload"]["name"] for each in told["workloads"]] == ["web"]
    assert len(told["pods"]) == 1
    assert [each["phase"] for each in told["leaving"]] == ["cleanup"]


@pytest.mark.parametrize("longer", ["", "5", "m", "1.5h", "-3s"])
def test_a_length_that_is_none_is_refused(run: Run, longer: str) -> None:
    """Wrong usage, with an example."""
    result = run("stuck", "--longer", longer, "--server", "http://127.0.0.1:1")
    assert result.exit_code == 2
    assert "90s" in result.stderr


def test_an_operator_of_another_version_is_named(run: Run) -> None:
    """Its answer is not what this command knows."""
    fake = Stuck()
    fake.reply = lambda *_: Reply(200, {"items": [{"namespace": 3}]})  # type: ignore[method-assign]
    with serving(fake) as url:
        result = run("stuck", "--server", url)
    assert result.exit_code == 1
    assert "is the operator newer or older?" in result.stderr
