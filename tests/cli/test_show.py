"""``podtimeline show``, against an operator that is asked directly."""

import json
from typing import Any

import jsonschema
import pytest
import yaml
from tests.cli.conftest import Run
from tests.cli.fakes import FakeOperator, Reply, serving
from tests.render import samples
from tests.support.documents import TIMELINE, received
from tests.support.lives import Life

from podtimeline.render.document import document


def doc(life: Life, **changed: object) -> dict[str, Any]:
    """The document of a life, with some keys changed."""
    return {**received(document(samples.seen(life))), **changed}


QUICK = doc(samples.quick())
POD = str(QUICK["name"])
FLEET = [doc(samples.quick(name=f"checkout-7d9c5b6f4-{number}"), uid=f"uid-{number}") for number in range(5)]


def test_a_pod_is_drawn_as_a_waterfall(run: Run) -> None:
    """What most people type first."""
    with serving(FakeOperator([[QUICK]])) as url:
        result = run("show", POD, "-n", "shop", "--server", url)
    assert result.exit_code == 0, result.stderr
    assert f"shop/{POD}" in result.stdout
    assert "image pull         web" in result.stdout
    assert "It spent 2.70s (45 % of 5.90s) in readiness probe of web" in result.stdout
    assert result.stderr == ""
    assert "\x1b" not in result.stdout
    assert all(len(line) <= 100 for line in result.stdout.splitlines())


@pytest.mark.parametrize("target", ["pod/{}", "pods/{}", "po/{}", "{}"])
def test_a_pod_may_be_named_as_kubectl_names_it(run: Run, target: str) -> None:
    """The kind is optional and has its usual short names."""
    with serving(FakeOperator([[QUICK]])) as url:
        assert run("show", target.format(POD), "-n", "shop", "--server", url).exit_code == 0


def test_json_is_a_list_of_documents_that_follow_the_schema(run: Run) -> None:
    """What scripts read."""
    with serving(FakeOperator([[QUICK]])) as url:
        result = run("show", POD, "-n", "shop", "--server", url, "-o", "json")
    items = json.loads(result.stdout)["items"]
    assert items == [QUICK]
    jsonschema.validate(items[0], TIMELINE)


def test_yaml_holds_the_same_as_json(run: Run) -> None:
    """Times stay text: YAML would make its own out of them."""
    with serving(FakeOperator([[QUICK]])) as url:
        result = run("show", POD, "-n", "shop", "--server", url, "-o", "yaml")
    assert yaml.safe_load(result.stdout) == {"items": [QUICK]}


def test_wide_lists_every_milestone_with_its_bounds_and_source(run: Run) -> None:
    """Where the reader wants to know how sure it is."""
    with serving(FakeOperator([[QUICK]])) as url:
        result = run("show", POD, "-n", "shop", "--server", url, "-o", "wide")
    heading = next(line for line in result.stdout.splitlines() if line.startswith("milestone"))
    assert heading.split()[:6] == ["milestone", "subject", "after", "earliest", "latest", "source"]
    assert result.stdout.count("event_name") == 4


def test_a_workload_shows_its_pods_on_one_axis(run: Run) -> None:
    """One line per pod, over as many pages as there are."""
    operator = FakeOperator([FLEET], page=2)
    with serving(operator) as url:
        result = run("show", "deploy/checkout", "-n", "shop", "--server", url)
    assert result.exit_code == 0, result.stderr
    assert "Deployment shop/checkout: 5 pods" in result.stdout
    assert all(str(each["name"]) in result.stdout for each in FLEET)
    assert [query.get("cursor") for _, query in operator.asked] == [None, "2", "4"]
    assert operator.asked[0][1]["workload_kind"] == "Deployment"


def test_last_limits_the_pods_to_the_newest(run: Run) -> None:
    """A Deployment that is rolled out often has many."""
    with serving(FakeOperator([FLEET])) as url:
        result = run("show", "deploy/checkout", "-n", "shop", "--server", url, "--last", "2", "-o", "json")
    assert [each["uid"] for each in json.loads(result.stdout)["items"]] == ["uid-3", "uid-4"]


def test_a_replicaset_is_found_under_its_deployment(run: Run) -> None:
    """Timelines are kept by their outermost controller; the pods' names tell the ReplicaSet."""
    other = doc(samples.quick(name="checkout-85f6c-a"), uid="uid-other")
    with serving(FakeOperator([[*FLEET, other]])) as url:
        result = run("show", "rs/checkout-7d9c5b6f4", "-n", "shop", "--server", url, "-o", "json")
    assert [each["uid"] for each in json.loads(result.stdout)["items"]] == [f"uid-{number}" for number in range(5)]


def test_a_name_that_was_used_twice_has_a_timeline_for_each_uid(run: Run) -> None:
    """A StatefulSet's pod comes back under its old name."""
    first, second = doc(samples.quick(), uid="uid-a"), doc(samples.quick(), uid="uid-b")
    with serving(FakeOperator([[first, second]])) as url:
        common = ("show", POD, "-n", "shop", "--server", url, "-o", "json")
        latest, chosen, both = (
            json.loads(run(*common, *more).stdout) for more in ([], ["--uid", "uid-a"], ["--last", "2"])
        )
    assert [each["uid"] for each in latest["items"]] == ["uid-b"]
    assert [each["uid"] for each in chosen["items"]] == ["uid-a"]
    assert [each["uid"] for each in both["items"]] == ["uid-a", "uid-b"]


@pytest.mark.parametrize("target", ["nobody", "deploy/nobody", "rs/nobody-1", "job/nobody"])
def test_what_is_not_there_is_told_in_one_line(run: Run, target: str) -> None:
    """Exit code 1, nothing on stdout."""
    with serving(FakeOperator([[QUICK]])) as url:
        result = run("show", target, "-n", "shop", "--server", url)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "no timeline of" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["show"],
        ["show", "house/web"],
        ["show", "deploy/"],
        ["show", "a/b/c"],
        ["show", "web", "-o", "xml"],
        ["show", "web", "--last", "0"],
        ["show", "web", "--follow", "-o", "json"],
        ["show", "web", "--unknown"],
        ["nonsense"],
    ],
)
def test_wrong_usage_exits_2(run: Run, arguments: list[str]) -> None:
    """Told on stderr, before anything is asked."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Error" in result.stderr


def test_an_operator_that_does_not_answer_is_told_in_one_line(run: Run) -> None:
    """The port is closed by then."""
    with serving(FakeOperator([[]])) as url:
        pass
    result = run("show", POD, "--server", url)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"podtimeline: no operator answers at {url}: ")
    assert "Traceback" not in result.stderr


def test_an_address_without_a_scheme_is_refused(run: Run) -> None:
    """Told what an address looks like."""
    result = run("show", POD, "--server", "localhost:8081")
    assert result.exit_code == 1
    assert "not an address such as http://" in result.stderr


class Broken(FakeOperator):
    """Answers the same to everything."""

    def __init__(self, answer: Reply) -> None:
        super().__init__([[]])
        self.answer = answer

    def reply(self, path: str, query: object) -> Reply:
        """The same."""
        return self.answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Reply(500, {"error": "the history is locked"}), "answered 500: the history is locked"),
        (Reply(502, b"<html>bad gateway</html>"), "answered 502: <html>bad gateway</html>"),
        (Reply(200, b"hello"), "not from a podtimeline operator"),
        (Reply(200, {"apiVersion": "podtimeline/v9"}), "not a podtimeline/v1 document"),
        (Reply(200, {"apiVersion": "podtimeline/v1", "uid": 7}), "not a podtimeline/v1 document"),
    ],
)
def test_an_answer_that_makes_no_sense_is_told_in_one_line(run: Run, answer: Reply, said: str) -> None:
    """Something else may listen there, or an operator of another version."""
    with serving(Broken(answer)) as url:
        result = run("show", POD, "--server", url)
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def starting(*lives: Life) -> list[list[dict[str, Any]]]:
    """Looks at a pod that is further each time."""
    return [[received(document(samples.seen(each, now=3 * number + 1)))] for number, each in enumerate(lives)]


def begun(steps: int) -> Life:
    """The first observations of an ordinary pod."""
    whole = samples.quick()
    return Life(told=[*whole.told[:steps], whole.told[-1]])


def test_follow_prints_each_new_milestone_once_and_then_the_waterfall(run: Run) -> None:
    """Stdout is not a terminal here."""
    operator = FakeOperator([[], *starting(begun(3), begun(5), samples.quick())])
    with serving(operator) as url:
        result = run("show", POD, "-n", "shop", "--server", url, "--follow", "--every", "0.01")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == f"waiting for pod shop/{POD}\n"
    lines, _, drawing = result.stdout.partition("\nshop/")
    told = [line.split()[3] for line in lines.splitlines()]
    assert len(told) == len(QUICK["milestones"])
    assert told[0] == "created"
    assert "readiness probe    web" in drawing
    assert len(operator.asked) == 4


def test_follow_ends_although_an_endpoint_never_comes(run: Run) -> None:
    """It follows until the pod is ready; a Service that is broken must not hold it for ever."""
    with serving(FakeOperator([[doc(samples.crowded())]])) as url:
        result = run("show", "checkout-7d9c5b6f4-zzzzz", "-n", "shop", "--server", url, "-f", "--every", "0.01")
    assert result.exit_code == 0
    assert "no endpoint yet in shop/checkout-admin" in result.stdout


@pytest.mark.parametrize("width", ["60", "160"])
def test_the_drawing_is_as_wide_as_the_terminal(run: Run, monkeypatch: pytest.MonkeyPatch, width: str) -> None:
    """COLUMNS wins, as for other programs."""
    monkeypatch.setenv("COLUMNS", width)
    with serving(FakeOperator([[QUICK]])) as url:
        result = run("show", POD, "-n", "shop", "--server", url)
    assert max(len(line) for line in result.stdout.splitlines()) == int(width)


def test_a_dumb_terminal_gets_plain_characters(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Emacs' shell is one."""
    monkeypatch.setenv("TERM", "dumb")
    with serving(FakeOperator([[QUICK]])) as url:
        assert run("show", POD, "-n", "shop", "--server", url).stdout.isascii()


def test_the_token_of_the_environment_is_sent_to_the_address_that_is_given(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is sent without it."""
    fake = FakeOperator([[QUICK]])
    with serving(fake) as url:
        for token in (None, "of-a-reader"):
            if token is not None:
                monkeypatch.setenv("PODTIMELINE_TOKEN", token)
            assert run("show", POD, "-n", "shop", "--server", url).exit_code == 0
    assert fake.tokens == [None, "Bearer of-a-reader"]


def test_a_redirect_does_not_get_the_token(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever answers at the address may not pass it on."""
    monkeypatch.setenv("PODTIMELINE_TOKEN", "of-a-reader")
    other = FakeOperator([[QUICK]])
    with serving(other) as elsewhere, serving(Redirect(elsewhere)) as url:
        assert run("show", POD, "-n", "shop", "--server", url).exit_code == 0
    assert other.tokens == [None]


class Redirect:
    """Sends everybody elsewhere."""

    def __init__(self, elsewhere: str) -> None:
        self._elsewhere = elsewhere

    def reply(self, path: str, query: object) -> Reply:
        """See ``Replies``."""
        return Reply(302, b"", {"Location": self._elsewhere + path})


@pytest.mark.parametrize("token", ["two\nlines", "tök"])
def test_what_is_no_token_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    """A line end in a header would be another header."""
    monkeypatch.setenv("PODTIMELINE_TOKEN", token)
    result = run("show", POD, "-n", "shop", "--server", "http://127.0.0.1:1")
    assert result.exit_code == 1
    assert result.stderr.startswith("podtimeline: PODTIMELINE_TOKEN: not a token")
