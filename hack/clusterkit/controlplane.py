"""The control plane: which programs run in it, and with which settings."""

import json
import socket
from pathlib import Path

from clusterkit import network, pki
from clusterkit.errors import ClusterError
from clusterkit.model import Addresses, Files
from clusterkit.process import Processes, Program
from clusterkit.run import write

_SERVER = f"https://{Addresses.CONTROL_PLANE}:{Addresses.API_PORT}"
# The defaults (20 and 30) throttle a rollout of 50 pods so much that the cluster measures its own client.
_BUSY_CLIENT = ["--kube-api-qps=300", "--kube-api-burst=600"]
_WRITES = ["create", "update", "patch", "delete", "deletecollection"]
_WHOLE = {
    "": ["pods", "pods/binding", "pods/status", "pods/eviction", "pods/resize", "pods/ephemeralcontainers",
         "persistentvolumeclaims", "persistentvolumeclaims/status", "persistentvolumes", "nodes/status"],
    "apps": ["deployments", "replicasets", "statefulsets", "daemonsets",
             "deployments/scale", "replicasets/scale", "statefulsets/scale"],
    "batch": ["jobs"],
    "discovery.k8s.io": ["endpointslices"],
    "storage.k8s.io": ["volumeattachments", "volumeattachments/status"],
}  # fmt: skip
"""What is written down whole when it is written: pods, and whatever has a part in their way."""


def audit_policy() -> str:
    """Return what the API server notes: all of a write to a pod or to what it depends on, who asked for the rest.

    Both stamps of an entry are in microseconds; the change became visible between them.
    """
    whole = [{"group": group, "resources": resources} for group, resources in _WHOLE.items()]
    quiet = ["/healthz*", "/livez*", "/readyz*", "/openapi*", "/version", "/api", "/api/*", "/apis", "/apis/*"]
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "omitManagedFields": True,
        "rules": [
            {"level": "RequestResponse", "verbs": _WRITES, "resources": whole},
            {"level": "None", "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
            {"level": "None", "nonResourceURLs": quiet},
            {"level": "Metadata"},
        ],
    }
    return json.dumps(policy, indent=2) + "\n"


CORE_FILE = """\
.:53 {
    errors
    health 127.0.0.1:8080
    ready 127.0.0.1:8181
    prometheus 127.0.0.1:9153
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig KUBECONFIG
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 5
    }
    cache 5
}
"""


def registry_config(storage: Path) -> str:
    """Return the registry's settings; plain HTTP, because only the cluster's own network reaches it."""
    settings = {
        "version": "0.1",
        "log": {"level": "info"},
        "storage": {"filesystem": {"rootdirectory": str(storage)}, "delete": {"enabled": True}},
        "http": {"addr": f"{Addresses.CONTROL_PLANE}:{Addresses.REGISTRY_PORT}"},
    }
    return json.dumps(settings, indent=2) + "\n"


def configure(files: Files) -> None:
    """Write the control plane's configuration files."""
    write(files.config / "audit-policy.yaml", audit_policy())
    write(files.config / "registry.yaml", registry_config(files.base / "registry"))
    for identity in ("admin", "controller-manager", "scheduler", "proxy", "coredns"):
        text = pki.kubeconfig(files.pki, identity=identity, server=_SERVER, cluster=files.name)
        write(files.config / f"{identity}.kubeconfig", text, mode=0o600)
    core_file = CORE_FILE.replace("KUBECONFIG", str(files.config / "coredns.kubeconfig"))
    write(files.config / "Corefile", core_file)
    for directory in (files.audit.parent, files.memory, files.base / "registry"):
        directory.mkdir(parents=True, exist_ok=True)


def _program(files: Files, name: str, command: list[str]) -> Program:
    return Program(name=name, command=[*network.entering(files, place=network.CONTROL_PLANE), *command])


def etcd(files: Files, *, binaries: Path) -> Program:
    """Return etcd: alone in its namespace, so plain HTTP on its loopback; a test cluster needs no fsync."""
    client, peer = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
    flags = [f"--data-dir={files.memory}", "--unsafe-no-fsync", f"--listen-client-urls={client}", "--logger=zap"]
    more = [f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}", "--log-level=warn"]
    cluster = [f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}"]
    return _program(files, "etcd", [str(binaries / "etcd"), *flags, *more, *cluster])


def apiserver(files: Files, *, binaries: Path) -> Program:
    """Return the API server, with the authorisation that a production cluster has."""
    key = files.pki
    flags = {
        "advertise-address": Addresses.CONTROL_PLANE,
        "secure-port": str(Addresses.API_PORT),
        "etcd-servers": "http://127.0.0.1:2379",
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "service-cluster-ip-range": Addresses.SERVICES,
        # The control plane has no kube-proxy: calls to webhooks and Services go straight to a pod.
        "enable-aggregator-routing": "true",
        "client-ca-file": str(key / "ca.crt"),
        "tls-cert-file": str(key / "apiserver.crt"),
        "tls-private-key-file": str(key / "apiserver.key"),
        "kubelet-certificate-authority": str(key / "ca.crt"),
        "kubelet-client-certificate": str(key / "apiserver-kubelet.crt"),
        "kubelet-client-key": str(key / "apiserver-kubelet.key"),
        "kubelet-preferred-address-types": "InternalIP",
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "service-account-key-file": str(key / "service-accounts.pub"),
        "service-account-signing-key-file": str(key / "service-accounts.key"),
        "requestheader-client-ca-file": str(key / "front-proxy-ca.crt"),
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-username-headers": "X-Remote-User",
        "proxy-client-cert-file": str(key / "front-proxy.crt"),
        "proxy-client-key-file": str(key / "front-proxy.key"),
        "audit-policy-file": str(files.config / "audit-policy.yaml"),
        "audit-log-path": str(files.audit),
        "audit-log-maxsize": "4096",
        "allow-privileged": "true",
    }
    return _program(files, "kube-apiserver", [str(binaries / "kube-apiserver"), *_flags(flags)])


def controller_manager(files: Files, *, binaries: Path) -> Program:
    """Return the controller manager; alone, so it need not wait to be elected."""
    flags = {
        "kubeconfig": str(files.config / "controller-manager.kubeconfig"),
        "authentication-kubeconfig": str(files.config / "controller-manager.kubeconfig"),
        "authorization-kubeconfig": str(files.config / "controller-manager.kubeconfig"),
        "service-account-private-key-file": str(files.pki / "service-accounts.key"),
        "root-ca-file": str(files.pki / "ca.crt"),
        "cluster-signing-cert-file": str(files.pki / "ca.crt"),
        "cluster-signing-key-file": str(files.pki / "ca.key"),
        "use-service-account-credentials": "true",
        "leader-elect": "false",
        "bind-address": "127.0.0.1",
    }
    command = [str(binaries / "kube-controller-manager"), *_flags(flags), *_BUSY_CLIENT]
    return _program(files, "kube-controller-manager", command)


def scheduler(files: Files, *, binaries: Path) -> Program:
    """Return the scheduler."""
    kubeconfig = str(files.config / "scheduler.kubeconfig")
    flags = {
        "kubeconfig": kubeconfig,
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "leader-elect": "false",
        "bind-address": "127.0.0.1",
    }
    return _program(files, "kube-scheduler", [str(binaries / "kube-scheduler"), *_flags(flags), *_BUSY_CLIENT])


def coredns(files: Files, *, binaries: Path) -> Program:
    """Return the cluster's name server, which the Service kube-dns leads to."""
    return _program(files, "coredns", [str(binaries / "coredns"), "-conf", str(files.config / "Corefile")])


def registry(files: Files) -> Program:
    """Return the image registry that the nodes pull from."""
    return _program(files, "registry", ["docker-registry", "serve", str(files.config / "registry.yaml")])


def _flags(flags: dict[str, str]) -> list[str]:
    return [f"--{name}={value}" for name, value in flags.items()]


def open_listener(wanted: int | None) -> socket.socket:
    """Return a listener on 127.0.0.1: on the port that the kubeconfig already names, else on a free one."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", wanted or 0))
    except OSError as error:
        listener.close()
        raise ClusterError(
            f"port {wanted or 'any'} on 127.0.0.1 is in use: run `hack/cluster down`, then `hack/cluster up`"
        ) from error
    listener.listen(512)
    return listener


def forward(files: Files, *, binaries: Path, processes: Processes, wanted: int | None) -> int:
    """Let a port on 127.0.0.1 lead to the API server; return the port."""
    if processes.running("forward") is not None and wanted is not None:
        return wanted
    with open_listener(wanted) as listener:
        target = f"{listener.fileno()}={Addresses.CONTROL_PLANE}:{Addresses.API_PORT}"
        words = [*network.entering(files, place=network.CONTROL_PLANE), str(binaries / "forward"), target]
        processes.start(Program(name="forward", command=words, inherited=(listener.fileno(),)))
        port: int = listener.getsockname()[1]
        return port
