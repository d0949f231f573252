"""Where the API server is and how to be let in: service account, kubeconfig, or a plain URL."""

import os
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from podtimeline.errors import ClusterError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "podtimeline"}
_TCP_OPTIONS = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 30_000}
"""tcp(7): seconds and a number of probes, but milliseconds for what was sent and is not acknowledged."""


def _no_token() -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Connection:
    """An API server and the credentials for it. ``token`` is read anew at every (re)connect: tokens are rotated."""

    server: str
    token: Callable[[], str | None] = _no_token
    ca_path: Path | None = None
    certificate: tuple[Path, Path] | None = None
    insecure: bool = False

    def headers(self) -> dict[str, str]:
        """Headers for one request. Raises ``ClusterError`` where the token cannot be read."""
        token = self.token()
        return {} if token is None else {"Authorization": f"Bearer {token}"}

    def url(self, path: str) -> str:
        """The URL of an API path; the server may lie below a path of its own."""
        return self.server.rstrip("/") + path

    def session(
        self, *, headers: Mapping[str, str] | None = None, middlewares: Sequence[aiohttp.ClientMiddlewareType] = ()
    ) -> aiohttp.ClientSession:
        """A session for all streams; the caller closes it. Raises ``ClusterError`` for unreadable certificates.

        No compression: inside a cluster the CPU is worth more than the bytes. A peer that is gone without a word ends
        its connections within half a minute; one that is frozen goes on acknowledging and is left to the timeouts.
        """
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._ssl(), socket_factory=_kept_alive),
            headers=_HEADERS | dict(headers or {}),
            middlewares=middlewares,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
        )

    def _ssl(self) -> ssl.SSLContext | bool:
        if not self.server.startswith("https:"):
            return True
        try:
            context = ssl.create_default_context(cafile=self.ca_path)
            if self.certificate is not None:
                context.load_cert_chain(*self.certificate)
        except (OSError, ssl.SSLError) as error:
            raise ClusterError(f"cannot load the certificates for {self.server}: {error}") from error
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _kept_alive(address: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _TCP_OPTIONS.items():
            # Not every system has all of them.
            if hasattr(socket, option):
                made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    except OSError:
        made.close()
        raise
    return made


def connect(
    *,
    kubeconfig: str | None = None,
    context: str | None = None,
    api_url: str | None = None,
    environ: Mapping[str, str] | None = None,
    account: Path = SERVICE_ACCOUNT,
) -> Connection:
    """The connection that settings ask for: kubeconfig if named, else the service account, else the default kubeconfig.

    ``api_url`` replaces the server; alone, without a named kubeconfig and outside a cluster, it is used without
    credentials. Raises ``ClusterError``.
    """
    environ = os.environ if environ is None else environ
    if kubeconfig is None and context is None:
        if (account / "token").exists() and "KUBERNETES_SERVICE_HOST" in environ:
            found = in_cluster(environ=environ, account=account)
        elif api_url is not None:
            return Connection(api_url)
        else:
            found = from_kubeconfig(environ.get("KUBECONFIG"), None)
    else:
        found = from_kubeconfig(kubeconfig or environ.get("KUBECONFIG"), context)
    return found if api_url is None else replace(found, server=api_url)


def in_cluster(*, environ: Mapping[str, str], account: Path = SERVICE_ACCOUNT) -> Connection:
    """The connection of the pod's service account. Raises ``ClusterError`` outside a pod."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise ClusterError("not in a cluster: KUBERNETES_SERVICE_HOST is not set; name a kubeconfig")
    name = f"[{host}]" if ":" in host else host
    return Connection(f"https://{name}:{port}", token=_file_token(account / "token"), ca_path=account / "ca.crt")


def _file_token(path: Path) -> Callable[[], str | None]:
    def read() -> str | None:
        try:
            return path.read_text(encoding="utf-8").strip() or None
        except OSError as error:
            raise ClusterError(f"cannot read the service account's token: {error}") from error

    return read


def from_kubeconfig(path: str | None, context: str | None) -> Connection:
    """The connection of a kubeconfig file, by the rules of the Kubernetes client. Raises ``ClusterError``."""
    try:
        # Imported here: it doubles the cost of the import, and the image does not carry it.
        from kubernetes.client import Configuration
        from kubernetes.config import ConfigException, load_kube_config
    except ImportError as error:
        raise ClusterError("reading a kubeconfig needs the extra: pip install 'podtimeline[cli]'") from error
    configuration = Configuration()
    try:
        load_kube_config(path, context, client_configuration=configuration, persist_config=False)
    except (ConfigException, OSError, ValueError) as error:
        raise ClusterError(f"cannot use the kubeconfig {path or '~/.kube/config'}: {error}") from error
    return _from_client(configuration)


def _from_client(configuration: Any) -> Connection:  # noqa: ANN401 - the client has no types
    certificate = None
    if configuration.cert_file and configuration.key_file:
        certificate = (Path(configuration.cert_file), Path(configuration.key_file))

    def token() -> str | None:
        key = configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        return None if key is None else str(key).removeprefix("Bearer ")

    return Connection(
        configuration.host,
        token=token,
        ca_path=Path(configuration.ssl_ca_cert) if configuration.ssl_ca_cert else None,
        certificate=certificate,
        insecure=not configuration.verify_ssl,
    )
