"""Every query of the dashboard returns data from a real Prometheus that scraped the installed operator."""

import json
import math
import re
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.clusters import addresses, eventually, hack_cluster, kubectl, kubectl_json, own_cluster
from tests.e2e.support_chart import Release, installed, operator_image, restricted_namespace
from tests.support.helm import CHART

from clusterkit.build import cache_root
from demokit.prometheus import Prometheus, Target

pytestmark = pytest.mark.e2e
PODS = 2
VARIABLES = {"namespace": ".*", "workload": "web|.*", "window": "15m", "__range": "30m", "__rate_interval": "30s"}
QUERIES: list[tuple[str, dict[str, Any]]] = [
    (panel["title"], target)
    for panel in json.loads((CHART / "dashboards/podtimeline.json").read_text())["panels"]
    for target in panel.get("targets", ())
]

SHOP = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {pods}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 1
      securityContext: {{runAsNonRoot: true, runAsUser: 65532, seccompProfile: {{type: RuntimeDefault}}}}
      containers:
      - name: main
        image: {image}
        # Asks the registry each time, so that there is a pull to be measured.
        imagePullPolicy: Always
        command: [sleep, "3600"]
        resources: {{requests: {{cpu: 1m, memory: 4Mi}}}}
        securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  selector: {{app: web}}
  ports: [{{port: 80, targetPort: 8080}}]
---
# The namespace refuses its pods: they are not restricted.
apiVersion: apps/v1
kind: Deployment
metadata: {{name: refused}}
spec:
  selector: {{matchLabels: {{app: refused}}}}
  template:
    metadata: {{labels: {{app: refused}}}}
    spec: {{containers: [{{name: main, image: {image}}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: stuck}}
spec:
  nodeSelector: {{e2e.example.com/nowhere: "true"}}
  securityContext: {{runAsNonRoot: true, runAsUser: 65532, seccompProfile: {{type: RuntimeDefault}}}}
  containers:
  - name: main
    image: {image}
    securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}
"""


def ask(url: str, path: str, **query: str) -> Any:
    """Ask Prometheus; its refusal of a query fails the test with its words."""
    try:
        with urllib.request.urlopen(f"{url}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=30) as answer:
            return json.load(answer)["data"]
    except urllib.error.HTTPError as error:
        pytest.fail(f"{query}: {error.read().decode()}", pytrace=False)


def substituted(expression: str) -> str:
    """The query as Grafana would send it."""
    return re.sub(r"\$(\w+)", lambda found: VARIABLES[found[1]], expression)


def numbers(url: str, target: dict[str, Any]) -> list[float]:
    """All values that a query of the dashboard returns, asked the way its panel asks."""
    expression = substituted(target["expr"])
    if target["instant"]:
        return [float(each["value"][1]) for each in ask(url, "query", query=expression)["result"]]
    now = time.time()
    span = {"start": str(now - 600), "end": str(now), "step": "5"}
    result = ask(url, "query_range", query=expression, **span)["result"]
    return [float(value) for each in result for _, value in each["values"]]


@pytest.fixture(scope="module")
def pulled_image(tmp_path_factory: pytest.TempPathFactory, busybox: str) -> str:
    """An image that is pulled from a registry."""
    if own_cluster() is None:
        return busybox
    archive = tmp_path_factory.mktemp("pulled") / "image.tar"
    hack_cluster("image", "e2e/dashboard:1", str(archive), "--random-mb", "4")
    return hack_cluster("push", str(archive), "e2e/dashboard:1").strip()


@pytest.fixture(scope="module")
def prometheus(kubeconfig: str, tmp_path_factory: pytest.TempPathFactory, pulled_image: str) -> Iterator[str]:
    """The URL of a Prometheus that has seen starts, ends, and a pod that is stuck."""
    watcher = Prometheus(tmp_path_factory.mktemp("prometheus"))
    kubectl_path = shutil.which("kubectl")
    assert kubectl_path is not None
    with restricted_namespace("e2e-dashboard") as space:
        release = Release(name="watched", namespace=space, image=operator_image())
        # Short watches: the panel of watches begun again has something to show.
        config = {"namespaces": [space], "watch_timeout_seconds": 5, "linger_seconds": 1}
        with installed(release, {"config": config}):
            target = Target(namespace=space, service=release.full_name)
            url = watcher.start(
                target, kubectl=[kubectl_path, f"--kubeconfig={kubeconfig}"], cache=cache_root(), interval=1
            )
            try:
                act(space, image=pulled_image)
                yield url
            finally:
                watcher.stop()


def act(space: str, *, image: str) -> None:
    """Start two pods behind a Service, one that stays stuck and one that is refused, then delete one."""
    kubectl("apply", "-n", space, "-f", "-", text=SHOP.format(pods=PODS, image=image))
    kubectl("rollout", "status", "deployment/web", "-n", space, "--timeout=120s")
    # A pod that goes before its address was in the slice takes no traffic with it.
    eventually(lambda: addresses(space, "web") == PODS, what="both pods have a ready address")
    first = kubectl_json("get", "pods", "-n", space, "-l", "app=web")["items"][0]["metadata"]["name"]
    kubectl("delete", "pod", first, "-n", space, "--wait")
    kubectl("rollout", "status", "deployment/web", "-n", space, "--timeout=120s")


@pytest.mark.parametrize(
    ("panel", "target"), QUERIES, ids=lambda value: value if isinstance(value, str) else value["refId"]
)
def test_every_query_returns_data(prometheus: str, panel: str, target: dict[str, Any]) -> None:
    """Each query is taken by Prometheus and has a number to show."""
    eventually(
        lambda: any(math.isfinite(each) for each in numbers(prometheus, target)),
        seconds=90,
        what=f"{panel}: {substituted(target['expr'])}",
    )


def test_the_first_starts_of_a_workload_are_counted(prometheus: str) -> None:
    """All three starts of a workload nobody knew are on the dashboard, though `increase` alone would see fewer."""
    starts = next(target for panel, target in QUERIES if panel == "Starts")
    expression = substituted(starts["expr"]).replace('workload=~"web|.*"', 'workload="web"')
    eventually(
        lambda: [each["value"][1] for each in ask(prometheus, "query", query=expression)["result"]] == [str(PODS + 1)],
        seconds=60,
        what="three starts",
    )


def test_the_variables_offer_what_was_started(prometheus: str) -> None:
    """The choices of namespace and workload come from the metrics."""
    for name, expected in (("namespace", "e2e-dashboard"), ("workload", "web")):
        match = {"match[]": "podtimeline_phase_duration_seconds_count"}
        assert expected in ask(prometheus, f"label/{name}/values", **match)


def test_the_scrape_is_accepted_as_it_is(prometheus: str) -> None:
    """Prometheus takes every sample, exemplars included."""
    target = ask(prometheus, "targets")["activeTargets"][0]
    assert (target["health"], target["lastError"]) == ("up", "")
