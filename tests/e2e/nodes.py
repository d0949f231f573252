"""A node of the cluster under test from inside: what of it needs hack/cluster, and what a node of kind serves, too."""

import json
import os
import re
import secrets
import signal
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.clusters import hack_cluster, kind_cluster, workers

_REGISTERED = "ctr --namespace k8s.io containers ls -q 'labels.\"io.kubernetes.pod.namespace\"=={},{}'"
_IPV6 = "/proc/sys/net/ipv6/conf/{}/disable_ipv6"
_WRAPPER = """\
#!/bin/sh
# In front of the real network plugin: it fails the first two times for one pod, and gives another a second family.
case ";$CNI_ARGS;" in
*";K8S_POD_NAMESPACE=WHERE;"*) ;;
*) exec PLUGIN;;
esac
case "$CNI_COMMAND;;$CNI_ARGS;" in
"ADD;"*";K8S_POD_NAME=flaky-network;"*)
  echo >> /run/kubernetes/adds
  if [ "$(wc -l < /run/kubernetes/adds)" -le 2 ]; then
    echo '{"cniVersion":"0.4.0","code":11,"msg":"no address left in the pool"}'
    exit 1
  fi;;
*";K8S_POD_NAME=dual-stack;"*)
  sed 's#\\(\\[{"subnet":"[0-9.]*/24"}\\]\\)#\\1,[{"subnet":"fd00:10:244:1::/64"}]#' | PLUGIN
  exit;;
esac
exec PLUGIN
"""


class Node:
    """One node, by its number."""

    def __init__(self, index: int) -> None:
        self._index = index

    def run(self, script: str) -> str:
        """Run a shell script as on the node itself, and return what it printed."""
        if kind_cluster() is not None:
            command = ["docker", "exec", workers()[self._index - 1], "sh", "-c", script]
            return subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return hack_cluster("exec", "--node", str(self._index), "--", "sh", "-c", script)

    def file(self, path: str) -> Path:
        """A file of the node below /run, as it is seen from outside."""
        home = Path(hack_cluster("kubeconfig").strip()).parent
        return home / "nodes" / str(self._index) / "run" / path

    def kill(self, space: str, pod: str, *, kind: str = "sandbox") -> None:
        """Kill the pod's pause process, or with another kind its containers."""
        select = f'labels."io.kubernetes.pod.name"=={pod},labels."io.cri-containerd.kind"=={kind}'
        self.run(
            f"for id in $({_REGISTERED.format(space, select)}); do ctr --namespace k8s.io task kill -s 9 $id; done"
        )

    def restart_kubelet(self) -> None:
        """Start the kubelet anew, with its own settings."""
        if kind_cluster() is not None:
            self.run("systemctl restart kubelet")
            return
        hack_cluster("node-server", str(self._index), "off")

    @contextmanager
    def static_pod(self, manifest: str) -> Iterator[None]:
        """Have the kubelet run a pod by itself."""
        directory = "/run/kubernetes/manifests" if kind_cluster() is None else "/etc/kubernetes/manifests"
        path = f"{directory}/{secrets.token_hex(3)}.yaml"
        self.run(f"mkdir -p {directory}; echo {b64encode(manifest.encode()).decode()} | base64 -d > {path}")
        try:
            yield
        finally:
            self.run(f"rm {path}")

    @contextmanager
    def configured(self, **settings: object) -> Iterator[None]:
        """Have the kubelet run with other settings."""
        config = self.file("kubernetes/kubelet.yaml")
        config.write_text(json.dumps(json.loads(config.read_text()) | settings))
        found = re.search(rf"^node-{self._index}-kubelet +running +pid (\d+)$", hack_cluster("status"), re.MULTILINE)
        assert found is not None
        os.kill(int(found[1]), signal.SIGKILL)
        release = re.search(r"kubernetes v(\d+\.\d+)", hack_cluster("version"))
        assert release is not None
        hack_cluster("up", "--kubernetes", release[1])
        try:
            yield
        finally:
            self.restart_kubelet()


@contextmanager
def network_plugin(node: Node, space: str) -> Iterator[None]:
    """Have a plugin in front of the node's own: see what it says of itself."""
    conflist, wrapper = node.file("kubernetes/cni/10-pods.conflist"), node.file("kubernetes/cni-bin/wrapper")
    before = conflist.read_text()
    config = json.loads(before)
    plugin = config["plugins"][0]
    wrapper.write_text(_WRAPPER.replace("WHERE", space).replace("PLUGIN", plugin["recordedPlugin"]))
    wrapper.chmod(0o755)
    plugin["recordedPlugin"] = "/run/kubernetes/cni-bin/wrapper"
    node.run("; ".join(f"echo 0 > {_IPV6.format(each)}" for each in ("all", "default")))
    try:
        conflist.write_text(json.dumps(config))
        yield
    finally:
        conflist.write_text(before)
        wrapper.unlink()
        node.file("kubernetes/adds").unlink(missing_ok=True)
        node.run("; ".join(f"echo 1 > {_IPV6.format(each)}" for each in ("all", "default")))


@contextmanager
def another_boot(node: Node) -> Iterator[None]:
    """Give the node another boot id: the next kubelet that starts finds that it was rebooted."""
    node.run(
        "cat /proc/sys/kernel/random/uuid > /run/boot_id; mount --bind /run/boot_id /proc/sys/kernel/random/boot_id"
    )
    try:
        yield
    finally:
        node.run("umount /proc/sys/kernel/random/boot_id")
