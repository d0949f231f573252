"""The objects that a fresh cluster needs before it is like any other: its DNS, and volumes to claim."""

from clusterkit.api import Api
from clusterkit.model import Addresses, NodeFiles

_VOLUMES_PER_NODE = 10
_LABELS = {"k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"}
_PORTS = (("dns", "UDP"), ("dns-tcp", "TCP"))


def dns_service() -> dict[str, object]:
    """Return the Service that every pod's resolv.conf names."""
    ports = [{"name": name, "port": 53, "protocol": protocol} for name, protocol in _PORTS]
    metadata = {"name": "kube-dns", "namespace": "kube-system", "labels": _LABELS}
    return {"metadata": metadata, "spec": {"clusterIP": Addresses.DNS, "ports": ports}}


def dns_slice() -> dict[str, object]:
    """Return its one endpoint: CoreDNS runs beside the control plane, so no selector can find it."""
    labels = {"kubernetes.io/service-name": "kube-dns", "endpointslice.kubernetes.io/managed-by": "podtimeline-cluster"}
    return {
        "metadata": {"name": "kube-dns-control-plane", "namespace": "kube-system", "labels": labels},
        "addressType": "IPv4",
        "ports": [{"name": name, "port": 53, "protocol": protocol} for name, protocol in _PORTS],
        "endpoints": [{"addresses": [Addresses.CONTROL_PLANE], "conditions": {"ready": True}}],
    }


def dns_role() -> dict[str, object]:
    """Return what CoreDNS may read."""
    rules = [
        {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    return {"metadata": {"name": "system:coredns"}, "rules": rules}


def dns_binding() -> dict[str, object]:
    """Return the binding of that role to CoreDNS's certificate."""
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:coredns"}
    user = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "system:coredns"}
    return {"metadata": {"name": "system:coredns"}, "roleRef": role, "subjects": [user]}


def storage_class() -> dict[str, object]:
    """Return the default storage class: static volumes, bound where the pod lands."""
    metadata = {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}
    return {
        "metadata": metadata,
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def volume(node: NodeFiles, *, number: int) -> dict[str, object]:
    """Return one local volume of a node."""
    terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node.name]}]}]
    spec = {
        "capacity": {"storage": "10Gi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "standard",
        "persistentVolumeReclaimPolicy": "Retain",
        "local": {"path": f"/var/lib/volumes/{number}"},
        "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
    }
    return {"metadata": {"name": f"{node.name}-{number}"}, "spec": spec}


def apply(api: Api, *, nodes: list[NodeFiles]) -> None:
    """Create whatever of it is not there yet."""
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    api.create(f"{rbac}/clusterroles", body=dns_role())
    api.create(f"{rbac}/clusterrolebindings", body=dns_binding())
    api.create("/api/v1/namespaces/kube-system/services", body=dns_service())
    api.create("/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices", body=dns_slice())
    api.create("/apis/storage.k8s.io/v1/storageclasses", body=storage_class())
    for node in nodes:
        for number in range(1, _VOLUMES_PER_NODE + 1):
            (node.lib / "volumes" / str(number)).mkdir(parents=True, exist_ok=True)
            api.create("/api/v1/persistentvolumes", body=volume(node, number=number))
