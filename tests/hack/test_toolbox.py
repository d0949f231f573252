"""Which programs are taken from PATH and which are built, and how several are made beside each other."""

import threading
from pathlib import Path

import pytest

from clusterkit import build, kind, toolbox
from clusterkit.errors import ClusterError, UsageError
from clusterkit.model import Kubernetes
from clusterkit.together import together

RELEASE = Kubernetes.V1_37


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory of PATH; builds are noted in a file ``built`` beside it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("PODTIMELINE_CACHE", str(tmp_path / "cache"))

    def ensure(target: build.Target) -> Path:
        with (tmp_path / "built").open("a") as noted:
            noted.write(f"{target.name}\n")
        return tmp_path / target.name

    monkeypatch.setattr(build, "ensure", ensure)
    monkeypatch.setattr(build, "go_version", lambda: "go version go1.26.8 linux/amd64")
    return programs


def script(path: Path, line: str = "exit 0") -> None:
    """An executable of one line."""
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def test_what_path_has_is_not_built(path: Path) -> None:
    """On a cluster that is there: kubectl and helm as their owner has them."""
    for name in ("kubectl", "helm"):
        script(path / name)
    box = toolbox.toolbox(("kubectl", "helm"), release=RELEASE, own_first=True)
    assert {each.name: each.readlink() for each in box.iterdir()} == {
        "kubectl": path / "kubectl",
        "helm": path / "helm",
    }
    assert not (path.parent / "built").exists()


def test_kubectl_is_built_alone(path: Path) -> None:
    """All of Kubernetes takes six times as long; and a program on PATH does not serve a cluster of our own."""
    script(path / "kubectl")
    toolbox.toolbox(("kubectl",), release=RELEASE)
    assert (path.parent / "built").read_text().split() == ["kubectl-1.37"]
    assert "k8s.io/kubernetes/cmd/kubectl" in build.compile_command(build.kubectl(RELEASE), directory=path)


def test_kubectl_of_a_kubernetes_that_is_there_is_taken(path: Path) -> None:
    """Nothing is built twice."""
    whole = build.place(build.kubernetes(RELEASE))
    whole.mkdir(parents=True)
    (whole / "ready").touch()
    toolbox.toolbox(("kubectl",), release=RELEASE)
    assert (path.parent / "built").read_text().split() == ["kubernetes-1.37"]


def test_what_is_neither_there_nor_can_be_built_is_named(path: Path) -> None:
    """The message says what to install; a misspelt name is a wrong call."""
    assert not list(path.iterdir())
    with pytest.raises(ClusterError, match="helm is not on PATH: install it, or install Go"):
        toolbox.program("helm", release=RELEASE, own_first=True)
    with pytest.raises(UsageError, match="must be one of helm, kind, kubectl, kwok"):
        toolbox.program("helmet", release=RELEASE)


def test_a_kind_on_path_is_used(path: Path) -> None:
    """It needs no Go then."""
    script(path / "docker")
    script(path / "kind", f"echo $* > {path.parent}/called")
    assert kind.main(["--name", "test", "delete"]) == 0
    assert (path.parent / "called").read_text().startswith("delete cluster --name test")
    assert not (path.parent / "built").exists()


def test_two_run_beside_each_other_and_what_is_left_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Each of the two waits for the other: one after the other they would never end."""
    both = threading.Barrier(2, timeout=20)
    order: list[str] = []
    together({"first": both.wait, "second": both.wait, "third": lambda: order.append("third")})
    assert order == ["third"]
    # What took no time is not worth a line.
    assert capsys.readouterr().err == ""


def test_nothing_more_begins_after_a_failure() -> None:
    """What went wrong is raised once what runs has ended."""
    begun: list[str] = []

    def fail() -> None:
        raise ClusterError("no compiler")

    with pytest.raises(ClusterError, match="no compiler"):
        together({"first": fail, "second": lambda: begun.append("second")}, at_once=1)
    assert begun == []
