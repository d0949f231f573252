"""The cluster's own certificate authority, by the openssl command: real TLS and real client identities."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path

from clusterkit.model import Addresses, Files, NodeFiles, Spec
from clusterkit.run import run, write

_DAYS = "3650"


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate's subject: Kubernetes reads the user's name from CN and the groups from O."""

    name: str
    user: str
    groups: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """Return the subject in openssl's notation."""
        return "".join(f"/O={group}" for group in self.groups) + f"/CN={self.user}"

    @property
    def extensions(self) -> str:
        """Return the extensions file's text: servers prove a name, clients only who they are."""
        usage = "serverAuth" if self.hosts else "clientAuth"
        names = ",".join(f"{'IP' if host[0].isdigit() else 'DNS'}:{host}" for host in self.hosts)
        lines = ["basicConstraints=CA:FALSE", "keyUsage=digitalSignature", f"extendedKeyUsage={usage}"]
        return "\n".join(lines + ([f"subjectAltName={names}"] if names else [])) + "\n"


_API_HOSTS = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
    "127.0.0.1",
    Addresses.KUBERNETES,
    Addresses.CONTROL_PLANE,
)

CONTROL_PLANE = (
    Identity(name="apiserver", user="kube-apiserver", hosts=_API_HOSTS),
    Identity(name="apiserver-kubelet", user="kube-apiserver-kubelet-client", groups=("system:masters",)),
    Identity(name="admin", user="kubernetes-admin", groups=("system:masters",)),
    Identity(name="controller-manager", user="system:kube-controller-manager"),
    Identity(name="scheduler", user="system:kube-scheduler"),
    Identity(name="proxy", user="system:kube-proxy"),
    Identity(name="coredns", user="system:coredns"),
)


def node_identities(node: NodeFiles) -> tuple[Identity, Identity]:
    """Return a kubelet's two identities: towards the API server, and towards who calls it."""
    return (
        Identity(name=f"{node.name}-client", user=f"system:node:{node.name}", groups=("system:nodes",)),
        Identity(
            name=f"{node.name}-server",
            user=f"system:node:{node.name}",
            groups=("system:nodes",),
            hosts=(node.name, Addresses.node(node.index), "127.0.0.1"),
        ),
    )


def create(files: Files, *, spec: Spec) -> None:
    """Write every key and certificate of a cluster."""
    files.pki.mkdir(parents=True, exist_ok=True)
    files.pki.chmod(0o700)
    _authority(files.pki, name="ca")
    _authority(files.pki, name="front-proxy-ca")
    private = files.pki / "service-accounts.key"
    _key(private)
    run(["openssl", "pkey", "-in", str(private), "-pubout", "-out", str(private.with_suffix(".pub"))])
    issue(files.pki, Identity(name="front-proxy", user="front-proxy-client"), authority="front-proxy-ca")
    for identity in CONTROL_PLANE:
        issue(files.pki, identity)
    for index in range(1, spec.nodes + 1):
        for identity in node_identities(files.node(index)):
            issue(files.pki, identity)


def _key(path: Path) -> None:
    run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(path)])


def _authority(directory: Path, *, name: str) -> None:
    key = directory / f"{name}.key"
    _key(key)
    subject = ["-subj", f"/CN={name}", "-days", _DAYS, "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    run(["openssl", "req", "-x509", "-new", "-key", str(key), "-out", str(directory / f"{name}.crt"), *subject])


def issue(directory: Path, identity: Identity, *, authority: str = "ca") -> None:
    """Write one key and its certificate."""
    stem = directory / identity.name
    key, extensions = stem.with_name(f"{stem.name}.key"), stem.with_name(f"{stem.name}.ext")
    extensions.write_text(identity.extensions)
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(key)]
    request = run(["openssl", "req", "-new", *new, "-subj", identity.subject])
    issuer = ["-CA", str(directory / f"{authority}.crt"), "-CAkey", str(directory / f"{authority}.key")]
    certificate = run(
        ["openssl", "x509", "-req", *issuer, "-CAcreateserial", "-days", _DAYS, "-extfile", str(extensions)],
        stdin=request.encode(),
    )
    write(stem.with_name(f"{stem.name}.crt"), certificate)
    extensions.unlink()


def kubeconfig(pki: Path, *, identity: str, server: str, cluster: str) -> str:
    """Return a kubeconfig that carries its certificates with it. JSON is YAML, and needs no library."""

    def data(name: str) -> str:
        return base64.b64encode((pki / name).read_bytes()).decode()

    context = f"podtimeline-{cluster}"
    user = {"client-certificate-data": data(f"{identity}.crt"), "client-key-data": data(f"{identity}.key")}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "clusters": [{"name": context, "cluster": {"server": server, "certificate-authority-data": data("ca.crt")}}],
        "users": [{"name": identity, "user": user}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": identity}}],
    }
    return json.dumps(document, indent=2) + "\n"
