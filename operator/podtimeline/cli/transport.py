"""How the operator is asked: directly, or through the API server's service proxy. Only GET requests."""

import importlib
import os
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any, NamedTuple, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import Request, urlopen

import msgspec

from podtimeline.cli.options import TOKEN_VARIABLE
from podtimeline.errors import ClusterError

SELECTOR = "app.kubernetes.io/part-of=podtimeline"
TIMEOUT = 30.0
"""Seconds that an answer may take."""
_PORTS = ("http", "")
Query = Mapping[str, str]


class Response(NamedTuple):
    """What came back, whatever its status."""

    status: int
    body: bytes


class Transport(Protocol):
    """Carries a GET request to the operator."""

    def get(self, path: str, query: Query) -> Response:
        """The answer for a path of the operator's HTTP API. Raises ``ClusterError`` where none came."""
        ...


def reach(server: str | None, where: "Where") -> Transport:
    """The way to the operator: the address that was given, or else the service proxy.

    Only the former is sent the token of the environment. The API server takes it off what it passes on, and a Service
    that is found by its label may be anybody's; for the same reason no token of the kubeconfig is ever sent.
    """
    if server:
        return Direct(server, token=os.environ.get(TOKEN_VARIABLE) or None)
    return Proxied(where)


class Direct:
    """An operator that can be reached at a URL. ``token`` is sent to it, and not to where it redirects to."""

    def __init__(self, url: str, *, token: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ClusterError(f"--server {url}: not an address such as http://127.0.0.1:8081")
        if token is not None and (not token.isascii() or not token.isprintable()):
            raise ClusterError(f"{TOKEN_VARIABLE}: not a token; is it a file name, or does it contain a line break?")
        self._url = url.rstrip("/")
        self._token = token

    def get(self, path: str, query: Query) -> Response:
        """The answer for a path of the operator's HTTP API."""
        url = self._url + path + (f"?{urlencode(query)}" if query else "")
        request = Request(url, headers={"Accept": "application/json"})  # noqa: S310 - the scheme was checked
        if self._token is not None:
            request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        try:
            with urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310 - as above
                return Response(response.status, response.read())
        except HTTPError as error:
            with error:
                return Response(error.code, error.read())
        except (URLError, HTTPException, OSError) as error:
            reason = error.reason if isinstance(error, URLError) else error
            raise ClusterError(f"no operator answers at {self._url}: {reason}") from error


class Where(NamedTuple):
    """Which cluster, and which Service of it is the operator's; ``None`` is left to be found."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None
    service: str | None = None


class Proxied:
    """An operator behind the service proxy of a cluster's API server, with the credentials of a kubeconfig."""

    def __init__(self, where: Where) -> None:
        self._api = _connect(where)
        self._where = where
        self._base: str | None = None

    def get(self, path: str, query: Query) -> Response:
        """The answer for a path of the operator's HTTP API."""
        if self._base is None:
            self._base = self._find()
        answer = self._request(self._base + path, query)
        said = _status_text(answer.body)
        if said is None:
            return answer
        raise ClusterError(f"{_refusal(answer.status)}: {said}")

    def _find(self) -> str:
        scope = f"/namespaces/{quote(self._where.namespace)}" if self._where.namespace else ""
        answer = self._request(f"/api/v1{scope}/services", {"labelSelector": SELECTOR})
        said = _status_text(answer.body)
        if said is not None:
            hint = "" if self._where.namespace else "; name its namespace with --operator-namespace"
            raise ClusterError(f"cannot find the operator's Service: {said}{hint}")
        try:
            found = msgspec.json.decode(answer.body, type=_Services).items
        except msgspec.DecodeError as error:
            raise ClusterError(f"the API server did not answer with a list of Services: {error}") from error
        return _proxy_path(_choose(found, self._where))

    def _request(self, path: str, query: Query) -> Response:
        configuration = self._api.configuration
        auth = configuration.auth_settings().values()
        headers = {each["key"]: each["value"] for each in auth if each["in"] == "header" and each["value"]}
        errors = importlib.import_module("urllib3.exceptions")
        try:
            response = self._api.rest_client.pool_manager.request(
                "GET",
                configuration.host + path,
                fields=dict(query),
                headers={"Accept": "application/json", **headers},
                timeout=TIMEOUT,
                retries=1,
            )
        except errors.HTTPError as error:
            reason = getattr(error, "reason", None) or error
            raise ClusterError(f"the API server {configuration.host} cannot be reached: {reason}") from error
        return Response(response.status, response.data)


class _Port(msgspec.Struct):
    port: int
    name: str = ""


class _ServiceSpec(msgspec.Struct):
    ports: list[_Port] = []


class _Meta(msgspec.Struct):
    namespace: str
    name: str


class _Service(msgspec.Struct):
    metadata: _Meta
    spec: _ServiceSpec


class _Services(msgspec.Struct):
    items: list[_Service] = []


class _ApiStatus(msgspec.Struct):
    """The API server's own way to say no; the operator's answers have another ``kind``."""

    kind: str = ""
    message: str = ""
    reason: str = ""


def current_namespace(where: Where) -> str:
    """The namespace of the kubeconfig's context, ``default`` where it names none."""
    kubernetes = _kubernetes()
    try:
        contexts, current = kubernetes.config.list_kube_config_contexts(_file(where))
    except (kubernetes.config.ConfigException, OSError):
        return "default"  # Inside a pod there is no kubeconfig; a broken one is told by the connection itself.
    chosen = next((each for each in contexts if each["name"] == where.context), current)
    return str(chosen["context"].get("namespace") or "default")


def _kubernetes() -> Any:  # noqa: ANN401 - the client carries no types
    try:
        return importlib.import_module("kubernetes")
    except ImportError as error:
        raise ClusterError(
            "reading a kubeconfig needs the kubernetes client: pip install 'podtimeline[cli]'"
            " (or set the operator's address with --server)"
        ) from error


def _connect(where: Where) -> Any:  # noqa: ANN401 - the client carries no types
    kubernetes = _kubernetes()
    try:
        return kubernetes.config.new_client_from_config(config_file=_file(where), context=where.context)
    except (kubernetes.config.ConfigException, OSError) as error:
        if _file(where) is None and where.context is None:
            inside = _inside(kubernetes)
            if inside is not None:
                return inside
        raise ClusterError(f"no cluster found: {error}; set KUBECONFIG, --kubeconfig or --server") from error


def _file(where: Where) -> str | None:
    # The client reads KUBECONFIG once, when it is imported, and takes an empty one for a file name.
    return where.kubeconfig or os.environ.get("KUBECONFIG") or None


def _inside(kubernetes: Any) -> Any:  # noqa: ANN401 - the client carries no types
    try:
        kubernetes.config.load_incluster_config()
    except kubernetes.config.ConfigException:
        return None
    return kubernetes.client.ApiClient()


def _choose(found: list[_Service], where: Where) -> _Service:
    named = [each for each in found if where.service in (None, each.metadata.name) and each.spec.ports]
    # A headless twin for scraping has the same labels: the one that names its port `http` serves the API.
    serving = [each for each in named if any(port.name == "http" for port in each.spec.ports)] or named
    if len(serving) == 1:
        return serving[0]
    place = f"namespace {where.namespace}" if where.namespace else "any namespace"
    if not serving:
        wanted = f" named {where.service}" if where.service else ""
        raise ClusterError(
            f"no Service{wanted} with the label {SELECTOR} in {place}: is podtimeline installed in this cluster?"
        )
    listed = ", ".join(f"{each.metadata.namespace}/{each.metadata.name}" for each in serving)
    raise ClusterError(f"several operators found: {listed}; select one with --operator-namespace and --service")


def _proxy_path(service: _Service) -> str:
    ports = sorted(service.spec.ports, key=lambda port: _PORTS.index(port.name) if port.name in _PORTS else len(_PORTS))
    port = ports[0].name or str(ports[0].port)
    meta = service.metadata
    return f"/api/v1/namespaces/{quote(meta.namespace)}/services/{quote(meta.name)}:{quote(port)}/proxy"


def _status_text(body: bytes) -> str | None:
    try:
        status = msgspec.json.decode(body, type=_ApiStatus)
    except msgspec.DecodeError:
        return None
    return (status.message or status.reason or "no reason given") if status.kind == "Status" else None


def _refusal(status: int) -> str:
    match status:
        case 401:
            return "the API server does not know these credentials"
        case 403:
            return "not allowed to reach the operator (requires `get` on `services/proxy`)"
        case 503:
            return "the operator's Service has no ready pod"
        case _:
            return f"the API server refused the request ({status})"
