"""What controllers and namespaces tell of deletions: words about pods by name, and that they are going themselves."""

from typing import Any

import pytest
from tests.intake.test_workloads import body, read, told
from tests.support.objects import CREATED_NS, line, raw, stamp

from podtimeline.intake.kinds import LowRate
from podtimeline.intake.namespaces import NamespaceFeed, NamespaceIndex
from podtimeline.model.instants import SECOND
from podtimeline.model.pods import Owner
from podtimeline.model.workloads import Dropped

NOW = CREATED_NS + 30 * SECOND


@pytest.mark.parametrize(
    ("kind", "message", "pod"),
    [
        ("ReplicaSet", "Deleted pod: web-abc-x1z", "web-abc-x1z"),
        ("Job", "Deleted pod: nightly-1-x", "nightly-1-x"),
        ("DaemonSet", "(combined from similar events): Deleted pod: agent-x", "agent-x"),
        ("StatefulSet", "delete Pod db-0 in StatefulSet db successful", "db-0"),
        ("StatefulSet", "Delete Pod db-0 in StatefulSet db successful", "db-0"),
    ],
)
def test_a_controller_names_the_pod_that_it_deleted(kind: str, message: str, pod: str) -> None:
    """In the words of every version."""
    news = told("SuccessfulDelete", message, kind=kind)
    assert isinstance(news, Dropped)
    assert (news.maker, news.namespace, news.pod) == (Owner(kind, "web", "uid-web"), "shop", pod)
    assert news.text == message.removeprefix("(combined from similar events): ")
    assert news.at == CREATED_NS + 5


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("SuccessfulDelete", "Deleted job nightly-1"),
        ("SuccessfulDelete", "delete Claim data-db-0 Pod db-0 in StatefulSet db success"),
        ("FailedDelete", "Deleted pod: web-abc-x1z"),
    ],
)
def test_other_words_drop_no_pod(reason: str, message: str) -> None:
    """Jobs and claims are not pods, and a failure deletes nothing."""
    assert told(reason, message, kind="StatefulSet") is None


def test_a_controller_that_is_being_deleted_says_since_when() -> None:
    """With foreground deletion it stays until its pods are gone."""
    state = read(LowRate.REPLICASETS, body(metadata={"deletionTimestamp": stamp(9)}))
    assert state.leaving == CREATED_NS + 9 * SECOND
    assert read(LowRate.REPLICASETS, body()).leaving is None


@pytest.mark.parametrize(
    ("strategy", "by_hand", "partition"),
    [
        (None, False, 0),
        ({"type": "OnDelete"}, True, 0),
        ({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}, False, 2),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}, False, 0),
    ],
)
def test_which_pods_an_update_leaves_alone(strategy: dict[str, Any] | None, *, by_hand: bool, partition: int) -> None:
    """All of them, or those before an ordinal."""
    spec = {"replicas": 3} | ({} if strategy is None else {"updateStrategy": strategy})
    state = read(LowRate.STATEFULSETS, body(spec=spec))
    assert (state.by_hand, state.partition) == (by_hand, partition)


@pytest.mark.parametrize(
    ("kind", "condition", "over"),
    [
        ("Complete", "True", True),
        ("FailureTarget", "True", True),
        ("Failed", "False", False),
        ("Suspended", "True", False),
    ],
)
def test_when_a_job_is_over(kind: str, condition: str, *, over: bool) -> None:
    """From when its controller has decided, before all of its pods have ended."""
    status = {"conditions": [{"type": kind, "status": condition}]}
    assert read(LowRate.JOBS, body(status=status)).over is over
    assert not read(LowRate.DEPLOYMENTS, body(status={"conditions": [{"type": "Complete", "status": "True"}]})).over


def namespace(name: str, *, going: int | None = None) -> dict[str, Any]:
    """A namespace, being deleted since that second after the creation of everything."""
    stamps = {} if going is None else {"deletionTimestamp": stamp(going)}
    return {"kind": "Namespace", "metadata": {"name": name, "resourceVersion": "1"} | stamps, "status": {}}


def test_namespaces_that_are_being_deleted_are_known() -> None:
    """Until a listing no longer shows them, so that pods which went with them can still be told."""
    index = NamespaceIndex()
    feed = NamespaceFeed(index)
    feed.begin()
    for each in (namespace("shop"), namespace("old", going=3)):
        feed.item(raw(each), arrived=NOW)
    feed.end("7", arrived=NOW)
    assert (index.doomed("shop"), index.doomed("old"), index.doomed("none")) == (None, CREATED_NS + 3 * SECOND, None)
    feed.line(line("MODIFIED", namespace("shop", going=5)), arrived=NOW, live=True)
    feed.line(line("DELETED", namespace("shop", going=5)), arrived=NOW, live=True)
    assert index.doomed("shop") == CREATED_NS + 5 * SECOND
    feed.line(line("ADDED", namespace("shop")), arrived=NOW, live=True)
    assert index.doomed("shop") is None
    feed.begin()
    feed.end("9", arrived=NOW)
    assert index.doomed("old") is None
