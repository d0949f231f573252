"""Where the API server is and how to be let in."""

import json
import socket
import sys
from pathlib import Path

import pytest
from tests.support.fake_api import FakeApi

from podtimeline.errors import ClusterError
from podtimeline.kube.connection import Connection, connect, from_kubeconfig, in_cluster

INSIDE = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"}


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """A service account's directory."""
    directory = tmp_path / "serviceaccount"
    directory.mkdir()
    (directory / "token").write_text("first\n")
    (directory / "ca.crt").write_text("no certificate")
    return directory


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    """A kubeconfig with two contexts."""
    contexts = [{"name": name, "context": {"cluster": name, "user": "me"}} for name in ("one", "two")]
    clusters = [{"name": name, "cluster": {"server": f"http://{name}.test"}} for name in ("one", "two")]
    users = [{"name": "me", "user": {"token": "secret"}}]
    body = {"apiVersion": "v1", "kind": "Config", "current-context": "one"}
    path = tmp_path / "config"
    path.write_text(json.dumps(body | {"contexts": contexts, "clusters": clusters, "users": users}))
    return path


def test_the_service_account_is_used_in_a_cluster_and_its_token_read_anew(account: Path) -> None:
    """Tokens are rotated in the file."""
    found = connect(environ=INSIDE, account=account)
    assert found.server == "https://10.0.0.1:6443"
    assert found.headers() == {"Authorization": "Bearer first"}
    (account / "token").write_text("second")
    assert found.headers() == {"Authorization": "Bearer second"}
    (account / "token").unlink()
    with pytest.raises(ClusterError, match="token"):
        found.headers()


def test_an_ipv6_service_address_is_bracketed(account: Path) -> None:
    """As a URL needs it."""
    assert in_cluster(environ={"KUBERNETES_SERVICE_HOST": "fd00::1"}, account=account).server == "https://[fd00::1]:443"
    with pytest.raises(ClusterError, match="not in a cluster"):
        in_cluster(environ={}, account=account)


def test_a_kubeconfig_is_read_by_context(kubeconfig: Path) -> None:
    """The current one, or the one that is named."""
    found = connect(kubeconfig=str(kubeconfig), environ={})
    assert (found.server, found.headers()) == ("http://one.test", {"Authorization": "Bearer secret"})
    assert connect(kubeconfig=str(kubeconfig), context="two", environ={}).server == "http://two.test"
    assert connect(environ={"KUBECONFIG": str(kubeconfig)}).url("/api") == "http://one.test/api"
    with pytest.raises(ClusterError, match="kubeconfig"):
        connect(kubeconfig=str(kubeconfig), context="three", environ={})
    with pytest.raises(ClusterError, match="kubeconfig"):
        connect(kubeconfig=str(kubeconfig.with_name("absent")), environ={})


def test_a_url_replaces_the_server_and_alone_needs_no_credentials(kubeconfig: Path, account: Path) -> None:
    """A proxy between the operator and the API server."""
    behind = connect(kubeconfig=str(kubeconfig), api_url="http://127.0.0.1:1/", environ={})
    assert behind.url("/api/v1/pods") == "http://127.0.0.1:1/api/v1/pods"
    assert behind.headers() == {"Authorization": "Bearer secret"}
    assert connect(api_url="http://127.0.0.1:1", environ=INSIDE, account=account).headers() != {}
    alone = connect(api_url="http://127.0.0.1:1", environ={"KUBECONFIG": str(kubeconfig)}, account=Path("/absent"))
    assert alone.headers() == {}


def test_without_the_client_a_kubeconfig_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """The image does not carry it."""
    monkeypatch.setitem(sys.modules, "kubernetes.config", None)
    with pytest.raises(ClusterError, match=r"podtimeline\[cli\]"):
        from_kubeconfig(None, None)


async def test_unreadable_certificates_are_an_error_with_a_name(account: Path) -> None:
    """Not a stack trace out of ssl."""
    with pytest.raises(ClusterError, match=r"certificates for https://10\.0\.0\.1"):
        connect(environ=INSIDE, account=account).session()


async def test_connections_notice_a_peer_that_is_gone() -> None:
    """Keep-alive is on, and what is not acknowledged for half a minute ends the connection (tcp(7))."""
    async with (
        FakeApi() as api,
        Connection(api.url).session() as session,
        session.get(f"{api.url}/api/v1/pods?watch=1") as answer,
    ):
        assert answer.connection is not None
        assert answer.connection.transport is not None
        peer = answer.connection.transport.get_extra_info("socket")
        assert peer.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 15
        assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
