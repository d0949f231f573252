"""``podtimeline show`` through an API server's service proxy."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import Result
from tests.cli.conftest import Run
from tests.cli.fakes import TOKEN, FakeCluster, FakeOperator, Reply, serving, status, write_kubeconfig
from tests.cli.test_show import POD, QUICK


@pytest.fixture
def cluster() -> FakeCluster:
    """A cluster with one operator that knows one pod."""
    return FakeCluster(FakeOperator([[QUICK]]))


@contextmanager
def kubeconfig(cluster: FakeCluster, folder: Path, *, token: str = TOKEN) -> Iterator[str]:
    """The path of a kubeconfig of the served cluster."""
    with serving(cluster) as url:
        yield str(write_kubeconfig(folder / "kubeconfig", url, token=token))


def show(run: Run, cluster: FakeCluster, folder: Path, *more: str) -> Result:
    """Show the pod through the cluster."""
    with kubeconfig(cluster, folder) as config:
        return run("show", POD, "--kubeconfig", config, *more)


def test_the_operator_is_found_by_its_label_and_asked_through_the_proxy(
    run: Run, cluster: FakeCluster, tmp_path: Path
) -> None:
    """No port-forward; the namespace is the one of the kubeconfig's context."""
    result = show(run, cluster, tmp_path, "-o", "json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["items"] == [QUICK]
    assert cluster.asked == [
        ("/api/v1/services", {"labelSelector": "app.kubernetes.io/part-of=podtimeline"}),
        (f"/api/v1/namespaces/observability/services/podtimeline:http/proxy/api/v1/pods/shop/{POD}", {}),
    ]


def test_queries_pass_through_the_proxy(run: Run, cluster: FakeCluster, tmp_path: Path) -> None:
    """The uid reaches the operator."""
    assert show(run, cluster, tmp_path, "--uid", "uid-1").exit_code == 0
    assert cluster.operator.asked == [(f"/api/v1/pods/shop/{POD}", {"uid": "uid-1"})]


def test_KUBECONFIG_is_read(  # noqa: N802 - the variable's name
    run: Run, cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by every other tool."""
    with kubeconfig(cluster, tmp_path) as config:
        monkeypatch.setenv("KUBECONFIG", config)
        assert run("show", POD).exit_code == 0


def test_the_operators_namespace_narrows_the_search(run: Run, cluster: FakeCluster, tmp_path: Path) -> None:
    """For those who may not list Services everywhere."""
    assert show(run, cluster, tmp_path, "--operator-namespace", "observability").exit_code == 0
    assert cluster.asked[0][0] == "/api/v1/namespaces/observability/services"


@pytest.mark.parametrize(
    ("services", "more", "said"),
    [
        ([], [], "is podtimeline installed in this cluster?"),
        ([("a", "one", "http"), ("b", "two", "http")], [], "several operators found: a/one, b/two"),
        ([("a", "one", "http")], ["--service", "two"], "no Service named two"),
        ([("a", "one", "http")], ["--operator-namespace", "b"], "in namespace b"),
    ],
)
def test_an_operator_that_cannot_be_chosen_is_told_in_one_line(
    run: Run, tmp_path: Path, services: Sequence[tuple[str, str, str]], more: list[str], said: str
) -> None:
    """None, or too many."""
    result = show(run, FakeCluster(FakeOperator([[QUICK]]), services), tmp_path, *more)
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_headless_twin_for_scraping_is_passed_over(run: Run, tmp_path: Path) -> None:
    """The Service whose port is named http serves the API."""
    services = [("a", "scrape", "metrics"), ("a", "serve", "http")]
    assert show(run, FakeCluster(FakeOperator([[QUICK]]), services), tmp_path).exit_code == 0


@pytest.mark.parametrize("port", ["", "web"])
def test_a_service_with_another_port_is_used_where_it_is_the_only_one(run: Run, tmp_path: Path, port: str) -> None:
    """By its name, or by its number where it has none."""
    assert show(run, FakeCluster(FakeOperator([[QUICK]]), [("a", "one", port)]), tmp_path).exit_code == 0


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (status(403, "services is forbidden"), "requires `get` on `services/proxy`"),
        (status(503, "no endpoints available for service"), "has no ready pod: no endpoints available"),
        (status(404, "services not found"), "refused the request (404): services not found"),
        (Reply(502, b"bad gateway"), "answered 502: bad gateway"),
    ],
)
def test_what_the_api_server_refuses_is_told_with_its_reason(
    run: Run, cluster: FakeCluster, tmp_path: Path, refusal: Reply, said: str
) -> None:
    """The API server's Status is told from the operator's own answers."""
    cluster.refusal = refusal
    result = show(run, cluster, tmp_path)
    assert result.exit_code == 1
    assert said in result.stderr


def test_no_token_is_sent_to_a_service_that_was_found_by_its_label(
    run: Run, cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody who may create a Service could collect tokens; what reaches the API server is the kubeconfig's."""
    monkeypatch.setenv("PODTIMELINE_TOKEN", "of-a-reader")
    assert show(run, cluster, tmp_path).exit_code == 0


def test_an_operator_that_wants_a_token_says_how_to_send_one(run: Run, cluster: FakeCluster, tmp_path: Path) -> None:
    """Its refusal passes through the proxy, and is told from the API server's own."""
    cluster.refusal = Reply(401, {"title": "Unauthorized", "status": 401, "error": "use kubectl port-forward"})
    result = show(run, cluster, tmp_path)
    assert result.exit_code == 1
    assert "the operator answered 401: use kubectl port-forward" in result.stderr


def test_wrong_credentials_are_told(run: Run, cluster: FakeCluster, tmp_path: Path) -> None:
    """Before any Service is looked for in vain."""
    with kubeconfig(cluster, tmp_path, token="wrong") as config:
        result = run("show", POD, "--kubeconfig", config)
    assert result.exit_code == 1
    assert "Unauthorized" in result.stderr


def test_a_pod_the_operator_does_not_know_is_not_found(run: Run, tmp_path: Path) -> None:
    """Through the proxy, too, 404 of the operator is not 404 of the API server."""
    result = show(run, FakeCluster(FakeOperator([[]])), tmp_path)
    assert result.exit_code == 1
    assert f"no timeline of pod shop/{POD}" in result.stderr


def test_a_cluster_that_does_not_answer_is_told(run: Run, cluster: FakeCluster, tmp_path: Path) -> None:
    """The port is closed by then."""
    with kubeconfig(cluster, tmp_path) as config:
        pass
    result = run("show", POD, "--kubeconfig", config)
    assert result.exit_code == 1
    assert "cannot be reached" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("more", [["--kubeconfig", "/nowhere/at/all"], ["--context", "nobody"]])
def test_a_kubeconfig_that_cannot_be_used_is_told(
    run: Run, cluster: FakeCluster, tmp_path: Path, more: list[str]
) -> None:
    """A file that is not there, a context that it does not hold."""
    result = show(run, cluster, tmp_path, *more)
    assert result.exit_code == 1
    assert "set KUBECONFIG, --kubeconfig" in result.stderr
    assert "Traceback" not in result.stderr


def test_without_the_kubernetes_client_it_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client is an extra: the image does not carry it."""
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    result = run("show", POD)
    assert result.exit_code == 1
    assert "pip install 'podtimeline[cli]'" in result.stderr


def test_without_the_kubernetes_client_an_address_still_works(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but --server is needed then."""
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    with serving(FakeOperator([[QUICK]])) as url:
        assert run("show", POD, "-n", "shop", "--server", url).exit_code == 0
