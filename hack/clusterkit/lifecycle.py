"""Bringing a cluster up, and taking it down without leaving anything."""

import fcntl
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from clusterkit import bootstrap, build, controlplane, images, network, node, packages, pki
from clusterkit.api import Api
from clusterkit.cgroups import Tree, hierarchies
from clusterkit.errors import ClusterError
from clusterkit.model import STATE_ROOT, Addresses, Files, Kubernetes, NodeFiles, Spec
from clusterkit.process import Processes, Program, Record
from clusterkit.run import run, wait_until, write
from clusterkit.say import say
from clusterkit.together import together

_DISK_NEEDED = 2 << 30
_ENDING = 10.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster's specification, its files, and on demand the binaries it runs."""

    spec: Spec
    files: Files

    @classmethod
    def of(cls, spec: Spec) -> "Cluster":
        """Return the cluster of that specification, whether it is there or not."""
        return cls(spec=spec, files=Files.of(spec.name))

    def jobs(self) -> dict[str, Callable[[], object]]:
        """Return what has to be there before anything of the cluster itself is made, the longest first."""
        targets = (build.kubernetes(self.spec.kubernetes), build.CONTAINERD, build.COREDNS, build.TOOLS)
        builds = {each.name: partial(build.ensure, each) for each in targets}
        return {**builds, "Debian's packages": packages.ensure}

    @property
    def binaries(self) -> Path:
        """Return the directory of Kubernetes' programs."""
        return build.ensure(build.kubernetes(self.spec.kubernetes))

    @property
    def runtime(self) -> Path:
        """Return the directory of containerd's programs."""
        return build.ensure(build.CONTAINERD)

    @property
    def tools(self) -> Path:
        """Return the directory of our own small programs."""
        return build.ensure(build.TOOLS)

    @property
    def coredns(self) -> Path:
        """Return the directory of the name server."""
        return build.ensure(build.COREDNS)

    @property
    def nodes(self) -> list[NodeFiles]:
        """Return the cluster's nodes."""
        return [self.files.node(index) for index in range(1, self.spec.nodes + 1)]

    @property
    def processes(self) -> Processes:
        """Return the cluster's processes."""
        return Processes(self.files)

    @property
    def tree(self) -> Tree:
        """Return the cluster's control groups."""
        return Tree(self.spec.name)

    def entering(self, place: NodeFiles) -> list[str]:
        """Return the words that run a command as on a node that is up."""
        holder = self.processes.running(f"{place.name}-holder")
        if holder is None:
            raise ClusterError(f"{place.name} is not running: run `hack/cluster up --name {self.spec.name}`")
        return node.entering(self.files, place, holder=holder)


def require_root() -> None:
    """Refuse to start what only root can do."""
    if os.geteuid() != 0:
        raise ClusterError(
            "root is required for network namespaces and mounts: run with sudo, or use hack/kind, which requires Docker"
        )


def check_machine() -> None:
    """Say in one line what this machine lacks, before anything is made."""
    require_root()
    hierarchies()
    if "overlay" not in Path("/proc/filesystems").read_text():
        raise ClusterError("the kernel has no overlay file system: load it with `modprobe overlay`")
    STATE_ROOT.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(STATE_ROOT).free < _DISK_NEEDED:
        raise ClusterError(f"{STATE_ROOT}: less than {_DISK_NEEDED >> 30} GiB left; free disk space, try again")


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Let one command at a time change a cluster."""
    STATE_ROOT.mkdir(parents=True, exist_ok=True)
    path = STATE_ROOT / f".{name}.lock"
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Whoever held it may have removed the file: then this is a lock on nothing.
        if path.exists() and os.fstat(descriptor).st_ino == path.stat().st_ino:
            break
        os.close(descriptor)
    try:
        yield
    finally:
        if not Files.of(name).base.exists():
            path.unlink(missing_ok=True)
        os.close(descriptor)


def load_spec(name: str) -> Spec | None:
    """Return what a cluster was made as; None if it is not there, or its making was interrupted."""
    path = Files.of(name).base / "cluster.json"
    if not path.exists():
        return None
    saved = json.loads(path.read_text())
    return Spec(name=name, nodes=saved["nodes"], kubernetes=Kubernetes(saved["kubernetes"]))


def opened(name: str) -> Cluster:
    """Return a cluster that is there, or say how to make it."""
    spec = load_spec(name)
    if spec is None:
        raise ClusterError(f"cluster {name} does not exist: run `hack/cluster up --name {name}`")
    return Cluster.of(spec)


def up(spec: Spec) -> Cluster:
    """Bring a cluster up, or bring it back to what it should be."""
    check_machine()
    cluster = Cluster.of(spec)
    together(cluster.jobs())
    with locked(spec.name):
        existing = load_spec(spec.name)
        if existing is not None and existing != spec:
            shape = f"{existing.nodes} nodes of v{existing.kubernetes.value}"
            advice = f"run `hack/cluster down --name {spec.name}` first"
            raise ClusterError(f"cluster {spec.name} already exists with {shape}: {advice}")
        rebooted = existing is not None and not cluster.tree.pids()
        if existing is None or rebooted:
            _clear(cluster.files)
            _create(cluster)
        _start(cluster)
        _settle(cluster)
    return cluster


def _create(cluster: Cluster) -> None:
    """Make all that is no process. `cluster.json` comes last: without it the rest counts as debris."""
    files = cluster.files
    say(f"creating keys, network and configuration of cluster {files.name}")
    cluster.tree.create("system", *(place.name for place in cluster.nodes))
    pki.create(files, spec=cluster.spec)
    controlplane.configure(files)
    network.create_control_plane(files)
    for place in cluster.nodes:
        network.create_node(files, place)
        node.configure(files, place, tools=cluster.tools, release=cluster.spec.kubernetes)
    network.connect_pods(files, cluster.nodes)
    saved = {"nodes": cluster.spec.nodes, "kubernetes": cluster.spec.kubernetes.value}
    write(files.base / "cluster.json", json.dumps(saved) + "\n")


def _start(cluster: Cluster) -> None:
    files, binaries, processes = cluster.files, cluster.binaries, cluster.processes
    say(f"starting Kubernetes v{cluster.spec.kubernetes.value}")
    processes.ensure(controlplane.etcd(files, binaries=binaries))
    processes.ensure(controlplane.apiserver(files, binaries=binaries))
    _open_port(cluster)
    processes.ensure(controlplane.registry(files))
    for place in cluster.nodes:
        _start_runtime(cluster, place)
    api = Api.from_kubeconfig(files.kubeconfig)
    wait_until(api.ready, seconds=120, what="waiting for the API server")
    say("API server is ready; starting controllers and nodes")
    processes.ensure(controlplane.controller_manager(files, binaries=binaries))
    processes.ensure(controlplane.scheduler(files, binaries=binaries))
    for place in cluster.nodes:
        for program in _node_programs(cluster, place):
            processes.ensure(program)
    bootstrap.apply(api, nodes=cluster.nodes)
    processes.ensure(controlplane.coredns(files, binaries=cluster.coredns))


def _open_port(cluster: Cluster) -> None:
    """Open the port on 127.0.0.1 and write the kubeconfig that names it; the same port again after a restart."""
    files = cluster.files
    wanted = Api.from_kubeconfig(files.kubeconfig).port if files.kubeconfig.exists() else None
    port = controlplane.forward(files, binaries=cluster.tools, processes=cluster.processes, wanted=wanted)
    server = f"https://127.0.0.1:{port}"
    text = pki.kubeconfig(files.pki, identity="admin", server=server, cluster=files.name)
    write(files.kubeconfig, text, mode=0o600)


def _start_runtime(cluster: Cluster, place: NodeFiles) -> None:
    _hold(cluster, place)
    cluster.processes.ensure(_node_programs(cluster, place)[0])


def _node_programs(cluster: Cluster, place: NodeFiles) -> list[Program]:
    return node.programs(cluster.files, place, holder=_hold(cluster, place))


def _hold(cluster: Cluster, place: NodeFiles) -> Record:
    files, processes = cluster.files, cluster.processes
    return node.hold(files, place, binaries=cluster.binaries, runtime=cluster.runtime, processes=processes)


def point_kubelet(cluster: Cluster, place: NodeFiles, *, server: str | None) -> None:
    """Let a node's kubelet talk to another server in JSON, or to the API as ever: start it anew with such files."""
    kubelet = next(each for each in _node_programs(cluster, place) if each.name == f"{place.name}-kubelet")
    with locked(cluster.spec.name):
        node.point_kubelet(cluster.files, place, server=server, release=cluster.spec.kubernetes)
        running = cluster.processes.running(kubelet.name)
        cluster.processes.stop(kubelet.name)
        wait_until(lambda: running is None or not running.alive(), seconds=_ENDING, what=f"stopping {kubelet.name}")
        cluster.processes.start(kubelet)


def _settle(cluster: Cluster) -> None:
    """Wait until a user could begin."""
    pause = images.archive(images.pause(node.PAUSE, tools=cluster.tools))
    for place in cluster.nodes:
        wait_until(lambda: runtime_answers(cluster, place), seconds=60, what=f"waiting for containerd on {place.name}")  # noqa: B023
        import_image(cluster, place, archive=pause)
        cluster.processes.ensure(node.event_reader(cluster.files, place, holder=_hold(cluster, place)))
    api = Api.from_kubeconfig(cluster.files.kubeconfig)
    say("waiting for the nodes and for DNS")
    wait_until(lambda: ready_nodes(api) >= {place.name for place in cluster.nodes}, seconds=120, what="the nodes")
    wait_until(lambda: default_account(api), seconds=60, what="waiting for the default service account")
    for place in cluster.nodes:
        wait_until(lambda: dns_answers(cluster, place), seconds=60, what=f"waiting for DNS on {place.name}")  # noqa: B023
    say(f"cluster is ready: {cluster.spec.nodes} nodes; KUBECONFIG={cluster.files.kubeconfig}")


def runtime_answers(cluster: Cluster, place: NodeFiles) -> bool:
    """Return whether a node's containerd answers."""
    if not node.socket_ready(place):
        return False
    try:
        run([*cluster.entering(place), "ctr", "--connect-timeout", "2s", "version"])
    except ClusterError:
        return False
    return True


def import_image(cluster: Cluster, place: NodeFiles, *, archive: bytes) -> str:
    """Give a node an image; it is sent through a pipe, because the node does not see the machine's paths.

    The transfer service would show progress bars in place of the names that it brought: hence ``--local``.
    """
    command = ["ctr", "--namespace", "k8s.io", "images", "import", "--local", "-"]
    return run([*cluster.entering(place), *command], stdin=archive)


def ready_nodes(api: Api, *, ignoring: str = "") -> set[str]:
    """Return the names of the nodes that are Ready and that no taint, but for one, keeps pods away from."""
    found: set[str] = set()
    for item in api.get("/api/v1/nodes")["items"]:
        conditions = {one["type"]: one["status"] for one in item["status"].get("conditions", [])}
        taints = {one["key"] for one in item["spec"].get("taints", [])} - {ignoring}
        if conditions.get("Ready") == "True" and not taints:
            found.add(item["metadata"]["name"])
    return found


def default_account(api: Api) -> bool:
    """Return whether pods can be created in the default namespace."""
    return api.call("GET", path="/api/v1/namespaces/default/serviceaccounts/default")[0] == 200


def dns_answers(cluster: Cluster, place: NodeFiles) -> bool:
    """Return whether the name server answers at its Service's address, from a node: kube-proxy works then, too."""
    command = [str(cluster.tools / "lookup"), Addresses.DNS, "kubernetes.default.svc.cluster.local"]
    try:
        network.inside(cluster.files, place=place.name, command=command)
    except ClusterError:
        return False
    return True


def down(name: str) -> None:
    """Remove every process, namespace, mount, group and file of a cluster; whatever state it is in."""
    require_root()
    with locked(name):
        _clear(Files.of(name))
    for directory in (STATE_ROOT, STATE_ROOT.parent):
        if directory.is_dir() and not any(directory.iterdir()):
            directory.rmdir()


def _clear(files: Files) -> None:
    tree = Tree(files.name)
    _end_recorded(files)
    tree.kill()
    network.remove(files)
    _unmount(files.base)
    tree.remove()
    for directory in (files.base, files.memory):
        if directory.exists():
            shutil.rmtree(directory)


def _end_recorded(files: Files) -> None:
    """End the recorded processes that are in no group: a machine's restart of its cgroup mounts can lose them."""
    for record in Processes(files).recorded().values():
        if record.alive():
            os.kill(record.pid, signal.SIGKILL)
            wait_until(lambda: not record.alive(), seconds=_ENDING, what=f"stopping process {record.pid}")  # noqa: B023


def _unmount(base: Path) -> None:
    """Unmount what is left below a directory, the innermost first."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for mount in sorted((one for one in mounts if one.startswith(f"{base}/")), reverse=True):
        run(["umount", "--lazy", mount])
