"""``podtimeline rollout``, against an operator that is asked directly."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from tests.cli.conftest import Run
from tests.cli.fakes import Reply, serving
from tests.support.documents import received_rollout
from tests.support.fleets import NEW, rolling_update
from tests.support.lives import at

from podtimeline.analysis.rollout import rollout


def answer() -> Reply:
    """The document of a rolling update."""
    views = rolling_update()
    found = rollout(views, revision=NEW, now=at(600))
    assert found is not None
    return Reply(200, received_rollout(found, views, now=600))


@dataclass
class Rollouts:
    """An operator that knows one rollout."""

    content: Reply = field(default_factory=answer)
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    def reply(self, path: str, query: Mapping[str, str]) -> Reply:
        """The answer as the operator gives it."""
        self.asked.append((path, query))
        return self.content


def test_a_rollout_is_drawn_with_what_held_it(run: Run) -> None:
    """Pods of both revisions on one axis, and the sentence last."""
    fake = Rollouts()
    with serving(fake) as url:
        result = run("rollout", "deploy/web", "-n", "shop", "--server", url)
    assert result.exit_code == 0, result.stderr
    assert "Deployment shop/web, revision 7d9c5b6f4: complete after 14.6s" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("It took 14.6s, 8.40s of it (57 %) in readiness probe")
    assert fake.asked == [("/api/v1/rollouts/shop/Deployment/web", {})]


def test_another_revision_is_asked_for_by_its_hash(run: Run) -> None:
    """The newest is what people mean otherwise."""
    fake = Rollouts()
    with serving(fake) as url:
        assert run("rollout", "sts/db", "-n", "shop", "--revision", "db-1", "--server", url).exit_code == 0
    assert fake.asked == [("/api/v1/rollouts/shop/StatefulSet/db", {"revision": "db-1"})]


def test_json_is_the_operators_document(run: Run) -> None:
    """What scripts read."""
    fake = Rollouts()
    with serving(fake) as url:
        result = run("rollout", "deploy/web", "-n", "shop", "--server", url, "-o", "json")
    assert json.loads(result.stdout) == json.loads(json.dumps(fake.content.content))


def test_a_workload_without_pods_is_an_error_that_helps(run: Run) -> None:
    """Exit code 1, and what to look at."""
    with serving(Rollouts(Reply(404, {"error": "none"}))) as url:
        result = run("rollout", "deploy/none", "-n", "shop", "--server", url)
    assert result.exit_code == 1
    assert "no rollout of deployment shop/none: is the namespace right" in result.stderr


@pytest.mark.parametrize("target", ["web-1", "rs/web-abc"])
def test_only_workloads_roll_out(run: Run, target: str) -> None:
    """A pod has no revisions."""
    result = run("rollout", target, "--server", "http://127.0.0.1:1")
    assert result.exit_code == 2
    assert "deploy/NAME" in result.stderr


def test_an_answer_of_another_make_is_refused(run: Run) -> None:
    """An operator of another version answers something else."""
    with serving(Rollouts(Reply(200, {"apiVersion": "podtimeline/v9"}))) as url:
        result = run("rollout", "deploy/web", "-n", "shop", "--server", url)
    assert result.exit_code == 1
    assert "not a podtimeline/v1 document" in result.stderr
