"""Pods as an API server sends them: 6 to 8 KB of JSON with managedFields, six versions from ADDED to Ready.

The shape was taken from pods of a Deployment on a real cluster (v1.34); names, uids and stamps are made up.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

VERSIONS = 6
_IMAGE = "registry.example.com/shop/storefront:2026.11.3"
_HASH = "7c9d5f6b84"


@dataclass(frozen=True, slots=True)
class Numbered:
    """One pod of many: everything that differs between them follows from its number and its second of creation."""

    number: int
    created: int

    @property
    def uid(self) -> str:
        """Its uid."""
        return f"{self.number:08x}-4f1b-4c6a-9d2e-{(self.number * 2654435761) % (1 << 48):012x}"

    @property
    def name(self) -> str:
        """Its name, as a ReplicaSet makes it."""
        return f"storefront-{_HASH}-{_letters(self.number)}"


def lines(pod: Numbered) -> Iterator[bytes]:
    """The watch events of one pod, in order, each ending in a newline."""
    for version, template in enumerate(TEMPLATES):
        yield _filled(template, pod, version)


def objects(pod: Numbered) -> Iterator[bytes]:
    """The versions of one pod as bare objects."""
    for version, template in enumerate(_OBJECTS):
        yield _filled(template, pod, version)


def settled(pod: Numbered) -> bytes:
    """The last version of one pod, ready, as a bare object."""
    return _filled(_OBJECTS[-1], pod, VERSIONS - 1)


def _filled(template: bytes, pod: Numbered, version: int) -> bytes:
    filled = template.replace(b"@UID@", pod.uid.encode()).replace(b"@NAME@", pod.name.encode())
    filled = filled.replace(b"@TOKEN@", _letters(pod.number * 7919).encode())
    filled = filled.replace(b"@RV@", str(1_000_000 + pod.number * 10 + version).encode())
    filled = filled.replace(b"@IP@", f"10.{pod.number >> 16 & 255}.{pod.number >> 8 & 255}.{pod.number & 255}".encode())
    for offset in range(4):
        stamp = datetime.fromtimestamp(pod.created + offset, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        filled = filled.replace(f"@T{offset}@".encode(), stamp.encode())
    return filled


def _letters(number: int) -> str:
    alphabet = "bcdfghjklmnpqrstvwxz2456789"
    text = ""
    for _ in range(5):
        number, digit = divmod(number, len(alphabet))
        text += alphabet[digit]
    return text


def _each(keys: list[str]) -> dict[str, object]:
    return {key: {} for key in keys}


def _fields(paths: dict[str, object]) -> dict[str, object]:
    return {f"f:{key}": _fields(value) if isinstance(value, dict) else {} for key, value in paths.items()}


def _managed(status: bool) -> list[dict[str, object]]:  # noqa: FBT001 - a private helper of a template
    container = {
        f'k:{{"name":"{name}"}}': _each(
            ["f:env", "f:image", "f:imagePullPolicy", "f:livenessProbe", "f:name", "f:ports", "f:readinessProbe",
             "f:resources", "f:securityContext", "f:terminationMessagePath", "f:terminationMessagePolicy",
             "f:volumeMounts"],
        )
        for name in ("storefront",)
    }  # fmt: skip
    spec = _each(
        ["f:dnsPolicy", "f:enableServiceLinks", "f:restartPolicy", "f:schedulerName", "f:securityContext",
         "f:serviceAccount", "f:serviceAccountName", "f:terminationGracePeriodSeconds"],
    )  # fmt: skip
    labels = {"app.kubernetes.io/instance": "", "app.kubernetes.io/name": "", "pod-template-hash": ""}
    owner: dict[str, object] = {'k:{"uid":"2a2f3a1e-6a8e-4f3a-8a77-0c0d1f7f1b11"}': {}}
    made: list[dict[str, object]] = [
        {
            "manager": "kube-controller-manager",
            "operation": "Update",
            "apiVersion": "v1",
            "time": "@T0@",
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:metadata": {
                    "f:generateName": {},
                    "f:annotations": {".": {}, "f:checksum/config": {}, "f:prometheus.io/scrape": {}},
                    "f:labels": {".": {}, **_fields(dict.fromkeys(labels, ""))},
                    "f:ownerReferences": {".": {}, **owner},
                },
                "f:spec": {**spec, "f:containers": container},
            },
        }
    ]
    if status:
        conditions = {
            f'k:{{"type":"{kind}"}}': _each(
                [".", "f:lastProbeTime", "f:lastTransitionTime", "f:observedGeneration", "f:status", "f:type"],
            )
            for kind in ("ContainersReady", "Initialized", "PodReadyToStartContainers", "Ready")
        }
        fields = {"f:conditions": conditions, **_fields(dict.fromkeys(
            ["containerStatuses", "hostIP", "hostIPs", "observedGeneration", "phase", "podIP", "podIPs", "startTime"], ""))}  # fmt: skip # noqa: E501
        made.append(
            {"manager": "kubelet", "operation": "Update", "apiVersion": "v1", "time": "@T2@",
             "fieldsType": "FieldsV1", "fieldsV1": {"f:status": fields}, "subresource": "status"}
        )  # fmt: skip
    return made


def _metadata(status: bool) -> dict[str, object]:  # noqa: FBT001 - as above
    return {
        "name": "@NAME@",
        "generateName": f"storefront-{_HASH}-",
        "namespace": "shop",
        "uid": "@UID@",
        "resourceVersion": "@RV@",
        "generation": 1,
        "creationTimestamp": "@T0@",
        "labels": {
            "app.kubernetes.io/instance": "storefront",
            "app.kubernetes.io/name": "storefront",
            "pod-template-hash": _HASH,
        },
        "annotations": {
            "checksum/config": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "prometheus.io/scrape": "true",
        },
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": f"storefront-{_HASH}",
                "uid": "2a2f3a1e-6a8e-4f3a-8a77-0c0d1f7f1b11",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
        "managedFields": _managed(status),
    }


def _probe(path: str, period: int) -> dict[str, object]:
    return {
        "httpGet": {"path": path, "port": "http", "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": period,
        "successThreshold": 1,
        "failureThreshold": 3,
    }


_NEIGHBOURS = [
    "CATALOG",
    "CART",
    "PAYMENT",
    "SHIPPING",
    "SEARCH",
    "REVIEWS",
    "PROFILE",
    "SESSIONS",
    "PRICES",
    "STOCK",
    "COUPONS",
    "LOYALTY",
    "TAXES",
    "ADVERTS",
    "MEDIA",
    "TRANSLATIONS",
    "RECOMMENDATIONS",
    "AUDIT",
    "FLAGS",
    "FRAUD",
]


def _token() -> dict[str, object]:
    return {
        "defaultMode": 420,
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [
                {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
        ],
    }  # fmt: skip


def _environment() -> list[dict[str, object]]:
    environment: list[dict[str, object]] = [
        {"name": f"STOREFRONT_{name}", "value": f"http://{name.lower()}.shop.svc.cluster.local:8080/api/v1"}
        for name in _NEIGHBOURS
    ]
    environment.append({"name": "NODE", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "spec.nodeName"}}})
    return environment


def _container() -> dict[str, object]:
    return {
        "name": "storefront",
        "image": _IMAGE,
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": _environment(),
        "resources": {"limits": {"memory": "512Mi"}, "requests": {"cpu": "250m", "memory": "512Mi"}},
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/storefront", "readOnly": True},
            {"name": "cache", "mountPath": "/var/cache/storefront"},
            {"name": "kube-api-access-@TOKEN@", "readOnly": True,
             "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
        ],
        "livenessProbe": _probe("/healthz", 10),
        "readinessProbe": _probe("/readyz", 2),
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {
            "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
        },
    }  # fmt: skip


def _spec(node: str | None) -> dict[str, object]:
    spec: dict[str, object] = {
        "volumes": [
            {"name": "config", "configMap": {"name": "storefront", "defaultMode": 420}},
            {"name": "cache", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": "kube-api-access-@TOKEN@", "projected": _token()},
        ],
        "containers": [_container()],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "storefront",
        "serviceAccount": "storefront",
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "schedulerName": "default-scheduler",
        "tolerations": [
            {"key": f"node.kubernetes.io/{each}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            for each in ("not-ready", "unreachable")
        ],
        "priority": 0,
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
    }
    return spec if node is None else {"nodeName": node, **spec}


def _condition(kind: str, since: str, *, true: bool) -> dict[str, object]:
    said: dict[str, object] = {
        "type": kind, "observedGeneration": 1, "status": "True" if true else "False", "lastProbeTime": None,
        "lastTransitionTime": since,
    }  # fmt: skip
    if not true:
        said |= {"reason": "ContainersNotReady", "message": "containers with unready status: [storefront]"}
    return said


def _status(version: int) -> dict[str, object]:
    if version == 0:
        return {"phase": "Pending", "qosClass": "Burstable"}
    bound = _condition("PodScheduled", "@T0@", true=True)
    if version == 1:
        return {"phase": "Pending", "observedGeneration": 1, "conditions": [bound], "qosClass": "Burstable"}
    running, ready = version >= 4, version >= 5
    state: dict[str, object] = (
        {"running": {"startedAt": "@T2@"}} if running else {"waiting": {"reason": "ContainerCreating"}}
    )
    container: dict[str, object] = {
        "name": "storefront", "state": state, "lastState": {}, "ready": ready, "restartCount": 0, "image": _IMAGE,
        "imageID": "registry.example.com/shop/storefront@sha256:" + "4b1d" * 16 if running else "",
        "started": running,
    }  # fmt: skip
    if running:
        container["containerID"] = "containerd://" + "93ce" * 16
    status: dict[str, object] = {
        "phase": "Running" if running else "Pending",
        "observedGeneration": 1,
        "conditions": [
            _condition("PodReadyToStartContainers", "@T1@", true=version >= 3),
            _condition("Initialized", "@T1@", true=True),
            _condition("Ready", "@T3@" if ready else "@T1@", true=ready),
            _condition("ContainersReady", "@T3@" if ready else "@T1@", true=ready),
            bound,
        ],
        "hostIP": "192.0.2.17",
        "hostIPs": [{"ip": "192.0.2.17"}],
        "startTime": "@T1@",
        "containerStatuses": [container],
        "qosClass": "Burstable",
    }
    if version >= 3:
        status |= {"podIP": "@IP@", "podIPs": [{"ip": "@IP@"}]}
    return status


def _object(version: int) -> dict[str, object]:
    spec = _spec(None if version == 0 else "node-17")
    return {
        "kind": "Pod", "apiVersion": "v1", "metadata": _metadata(version >= 2), "spec": spec,
        "status": _status(version),
    }  # fmt: skip


def _bytes(content: dict[str, object]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


_OBJECTS = tuple(_bytes(_object(version)) for version in range(VERSIONS))
TEMPLATES = tuple(
    b'{"type":"%s","object":%s}\n' % (b"MODIFIED" if version else b"ADDED", each)
    for version, each in enumerate(_OBJECTS)
)
