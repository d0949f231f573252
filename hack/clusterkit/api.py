"""The few calls that the tool itself makes to the API server."""

import base64
import http.client
import json
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from clusterkit.errors import ClusterError

_CONFLICT = 409


@dataclass(frozen=True, slots=True)
class Api:
    """A connection's particulars, read from a kubeconfig that this tool wrote."""

    host: str
    port: int
    context: ssl.SSLContext

    @classmethod
    def from_kubeconfig(cls, path: Path) -> "Api":
        """Return the API that a kubeconfig of this tool leads to."""
        document = json.loads(path.read_text())
        cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
        context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        with tempfile.NamedTemporaryFile("wb") as pair:
            pair.write(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
            pair.flush()
            context.load_cert_chain(pair.name)
        url = urlsplit(cluster["server"])
        return cls(host=url.hostname or "127.0.0.1", port=url.port or 443, context=context)

    def call(self, method: str, *, path: str, body: object = None) -> tuple[int, Any]:
        """Return the status and the answer; an answer that is no JSON is returned as text."""
        connection = http.client.HTTPSConnection(self.host, self.port, context=self.context, timeout=10)
        try:
            kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, body=sent, headers={"Content-Type": kind})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        return answer.status, json.loads(text) if text.startswith("{") else text

    def get(self, path: str) -> Any:  # noqa: ANN401 - whatever JSON the API server answers
        """Return an object, or fail."""
        status, answer = self.call("GET", path=path)
        if status != http.client.OK:
            raise ClusterError(f"GET {path}: {status} {answer}")
        return answer

    def create(self, path: str, *, body: dict[str, Any]) -> None:
        """Create an object, unless it is there already."""
        status, answer = self.call("POST", path=path, body=body)
        # A Service with a fixed address is refused as invalid, not as a conflict, when it exists: so we look.
        if status not in {http.client.CREATED, _CONFLICT} and not self._has(path, body=body):
            message = answer.get("message", answer) if isinstance(answer, dict) else answer
            raise ClusterError(f"POST {path}: {status} {message}")

    def _has(self, path: str, *, body: dict[str, Any]) -> bool:
        return self.call("GET", path=f"{path}/{body['metadata']['name']}")[0] == http.client.OK

    def ready(self) -> bool:
        """Return whether the API server answers and has finished its start."""
        try:
            return self.call("GET", path="/readyz")[0] == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
