"""One node: its own view of /run, /var/lib and /var/log, and containerd, kubelet and kube-proxy inside it.

The node's mounts live in a mount namespace that a holder process keeps. When the last process of the node ends the
kernel drops them all: nothing has to be unmounted, not even after a crash. Inside, every path is the usual one.
"""

import json
import os
import shutil
from pathlib import Path

from clusterkit import network, pki
from clusterkit.cgroups import Tree
from clusterkit.model import Addresses, Files, Kubernetes, NodeFiles
from clusterkit.process import Processes, Program, Record
from clusterkit.run import wait_until, write

PAUSE = "podtimeline.local/pause:1"
_SOCKET = "/run/containerd/containerd.sock"
_SERVER = f"https://{Addresses.CONTROL_PLANE}:{Addresses.API_PORT}"
_PLUGINS = Path("/usr/lib/cni")
_HOLD = """\
set -e
mount --make-rshared /
mount --bind "$2" "$1/run/bin"
mount --bind "$3" "$1/run/runtime"
mount --rbind "$1/run" /run
mount --bind "$1/log" /var/log
# Last: it hides the directory that all the others come from.
mount --bind "$1/lib" /var/lib
# Names outside the cluster fail at once instead of timing out; a link there leads below /run, which is hidden now.
[ -L /etc/resolv.conf ] || mount --bind /run/kubernetes/resolv.conf /etc/resolv.conf
hostname "$4"
touch /run/kubernetes/holding
exec sleep infinity
"""

CONTAINERD = f"""\
version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.erofs", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "{_SOCKET}"
[debug]
  format = "json"
  level = "info"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "{PAUSE}"
[plugins."io.containerd.cri.v1.images".registry]
  config_path = "/run/kubernetes/registries"
[plugins."io.containerd.cri.v1.runtime"]
  # Without CAP_SYS_RESOURCE a lower score is refused, and runc dies of it.
  restrict_oom_score_adj = true
  # A profile would be loaded into the machine's kernel, and stay there.
  disable_apparmor = true
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["/run/kubernetes/cni-bin"]
  conf_dir = "/run/kubernetes/cni"
"""

REGISTRY = f"""\
server = "http://{Addresses.CONTROL_PLANE}:{Addresses.REGISTRY_PORT}"
[host."http://{Addresses.CONTROL_PLANE}:{Addresses.REGISTRY_PORT}"]
  capabilities = ["pull", "resolve"]
"""


def cni_config(node: NodeFiles) -> str:
    """Return the pod network's settings; `bridge` is the recorder that calls Debian's plugin of that name."""
    ranges = [[{"subnet": Addresses.pods(node.index)}]]
    plugin = {
        "type": "bridge",
        "bridge": "pods",
        "isDefaultGateway": True,
        "hairpinMode": True,
        "ipam": {"type": "host-local", "ranges": ranges, "dataDir": "/var/lib/cni/networks"},
        "recordedPlugin": str(_PLUGINS / "bridge"),
        "recordedTo": "/run/truth/cni.jsonl",
    }
    return json.dumps({"cniVersion": "0.4.0", "name": "pods", "plugins": [plugin]}, indent=2) + "\n"


def kubelet_config(node: NodeFiles, *, tree: Tree, release: Kubernetes, readable: bool = False) -> str:
    """Return the kubelet's settings: its defaults, but for what a shared machine forces on it.

    ``readable`` has it speak JSON, for a proxy that reads along.
    """
    settings: dict[str, object] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{_SOCKET}",
        "staticPodPath": "/run/kubernetes/manifests",
        "clusterDNS": [Addresses.DNS],
        "clusterDomain": "cluster.local",
        "resolvConf": "/run/kubernetes/resolv.conf",
        "authentication": {"x509": {"clientCAFile": "/run/kubernetes/pki/ca.crt"}, "anonymous": {"enabled": False}},
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"/run/kubernetes/pki/{node.name}-server.crt",
        "tlsPrivateKeyFile": f"/run/kubernetes/pki/{node.name}-server.key",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{tree.path}/{node.name}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "localStorageCapacityIsolation": False,
        "oomScoreAdj": 0,
        # The disk is the machine's, not the node's: a machine that is nearly full must not evict every pod.
        "evictionHard": {"imagefs.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%"},
        "imageGCHighThresholdPercent": 100,
        "logging": {"verbosity": 2},
    }
    if release is not Kubernetes.V1_34:
        # An image that was both pulled and loaded would otherwise be asked for at a registry that is not there.
        settings["imagePullCredentialsVerificationPolicy"] = "NeverVerify"
    if readable:
        settings["contentType"] = "application/json"
    return json.dumps(settings, indent=2) + "\n"


def configure(files: Files, node: NodeFiles, *, tools: Path, release: Kubernetes) -> None:
    """Write a node's files."""
    below_run = [node.run / name for name in ("bin", "runtime", "lock")]
    for directory in [*below_run, node.lib, node.log, node.cni_log.parent, node.config / "manifests"]:
        directory.mkdir(parents=True, exist_ok=True)
    node.cni_log.touch()
    write(node.config / "containerd.toml", CONTAINERD)
    write(node.config / "kubelet.yaml", kubelet_config(node, tree=Tree(files.name), release=release))
    write(node.config / "cni" / "10-pods.conflist", cni_config(node))
    write(node.config / "registries" / Addresses.REGISTRY / "hosts.toml", REGISTRY)
    write(node.config / "resolv.conf", f"nameserver {Addresses.DNS}\n")
    for identity, name in ((f"{node.name}-client", "kubelet"), ("proxy", "proxy")):
        text = pki.kubeconfig(files.pki, identity=identity, server=_SERVER, cluster=files.name)
        write(node.config / f"{name}.kubeconfig", text, mode=0o600)
    _copy_keys(files, node)
    _link_plugins(node.config / "cni-bin", tools=tools)


def point_kubelet(files: Files, node: NodeFiles, *, server: str | None, release: Kubernetes) -> None:
    """Write a kubelet's files for a server that stands between it and the API, or for the API itself.

    They count once the kubelet is started anew.
    """
    settings = kubelet_config(node, tree=Tree(files.name), release=release, readable=server is not None)
    write(node.config / "kubelet.yaml", settings)
    text = pki.kubeconfig(files.pki, identity=f"{node.name}-client", server=server or _SERVER, cluster=files.name)
    write(node.config / "kubelet.kubeconfig", text, mode=0o600)


def _copy_keys(files: Files, node: NodeFiles) -> None:
    directory = node.config / "pki"
    directory.mkdir(exist_ok=True)
    for name in ("ca.crt", f"{node.name}-server.crt", f"{node.name}-server.key"):
        shutil.copy(files.pki / name, directory / name)


def _link_plugins(directory: Path, *, tools: Path) -> None:
    directory.mkdir(exist_ok=True)
    for name in ("host-local", "loopback", "portmap"):
        _link(directory / name, _PLUGINS / name)
    shutil.copy(tools / "bridge", directory / "bridge")


def _link(path: Path, target: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def hold(files: Files, node: NodeFiles, *, binaries: Path, runtime: Path, processes: Processes) -> Record:
    """Make the node's mount namespace and return the process that keeps it."""
    name = f"{node.name}-holder"
    running = processes.running(name)
    if running is not None:
        return running
    ready = node.config / "holding"
    ready.unlink(missing_ok=True)
    unshare = ["unshare", "--mount", "--uts", "--propagation", "private", "--"]
    shell = ["sh", "-c", _HOLD, "hold", str(node.base), str(binaries), str(runtime), node.name]
    command = [*network.entering(files, place=node.name), *unshare, *shell]
    record = processes.start(Program(name=name, command=command))
    wait_until(ready.exists, seconds=10, what=f"creating the mount namespace of {node.name}", interval=0.02)
    return record


def entering(files: Files, node: NodeFiles, *, holder: Record) -> list[str]:
    """Return the words that run a command as on the node itself."""
    path = ":".join(["/run/runtime", "/run/bin", os.environ["PATH"]])
    enter = ["nsenter", f"--target={holder.pid}", "--mount", "--uts", f"--net={files.netns(node.name)}", "--"]
    return [*enter, "env", f"PATH={path}"]


def programs(files: Files, node: NodeFiles, *, holder: Record) -> list[Program]:
    """Return what runs on a node, containerd first."""
    kubelet = [
        "--config=/run/kubernetes/kubelet.yaml",
        "--kubeconfig=/run/kubernetes/kubelet.kubeconfig",
        f"--hostname-override={node.name}",
        f"--node-ip={Addresses.node(node.index)}",
    ]
    commands = {
        "containerd": ["containerd", "--config", "/run/kubernetes/containerd.toml"],
        "kubelet": ["/run/bin/kubelet", *kubelet],
        "proxy": ["/run/bin/kube-proxy", *_proxy_flags(node)],
    }
    enter = entering(files, node, holder=holder)
    return [Program(name=f"{node.name}-{name}", command=[*enter, *words]) for name, words in commands.items()]


def _proxy_flags(node: NodeFiles) -> list[str]:
    # nf_conntrack_max belongs to the machine: zero says that it is not to be written.
    untouched = ["max-per-core", "tcp-timeout-established", "tcp-timeout-close-wait"]
    return [
        "--kubeconfig=/run/kubernetes/proxy.kubeconfig",
        f"--hostname-override={node.name}",
        "--proxy-mode=nftables",
        f"--cluster-cidr={Addresses.PODS}",
        "--oom-score-adj=0",
        *(f"--conntrack-{name}=0" for name in untouched),
    ]


def event_reader(files: Files, node: NodeFiles, *, holder: Record) -> Program:
    """Return what writes containerd's events down; each carries containerd's own stamp in nanoseconds."""
    command = [*entering(files, node, holder=holder), "ctr", "--namespace", "k8s.io", "events"]
    return Program(name=f"{node.name}-events", command=command, output=files.events(node.name))


def socket_ready(node: NodeFiles) -> bool:
    """Return whether the node's containerd listens."""
    return (node.run / "containerd" / "containerd.sock").exists()
