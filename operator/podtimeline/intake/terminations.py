"""What a terminated container's state is worth, and whether the kubelet starts such a container again. Pure."""

from podtimeline.intake.texts import moment
from podtimeline.intake.wire import Container, RestartRule, Terminated

STATUS_UNKNOWN = "ContainerStatusUnknown"
"""The kubelet's reason for a container that it cannot find any more (pkg/kubelet/container/runtime.go)."""
_UNSEEN = frozenset({STATUS_UNKNOWN, "Unknown"})
"""Reasons of an end that nobody saw, with exit codes that no process had: the kubelet's with 137, and containerd's with
255 for a container whose task was gone when containerd came back (internal/cri/server, restart.go)."""


def is_unknown(ended: Terminated) -> bool:
    """Whether a terminated state only says that the container is gone: its exit code and end are those of no process.

    A runtime stamps the end of whatever ended: a state without ``finishedAt`` is the kubelet's, for a container whose
    status it could not get (kubelet_pods.go, convertToAPIContainerStatuses: 137, and 0 for an init container of
    which it knows that the pod went on; status_manager.go, TerminatePod: 137).
    """
    return ended.reason in _UNSEEN or ended.finished_at is None or is_unset(ended.finished_at)


def is_unset(stamp: str | None) -> bool:
    """Whether a stamp stands for no time: a run whose process could not be started (StartError) has startedAt 0."""
    return stamp is not None and moment(stamp) <= 0


def restarts(own: Container | None, pod_policy: str, exit_code: int) -> bool:
    """Whether the kubelet starts a container again that ended with this code.

    Its own rules come first, then its own restartPolicy, then the pod's (KEP-5307; pkg/api/v1/pod/util.go,
    ContainerShouldRestart); RestartAllContainers starts it again, too (KEP-5532).
    """
    if own is not None and any(_matches(rule, exit_code) for rule in own.restart_policy_rules or ()):
        return True
    policy = pod_policy if own is None or not own.restart_policy else own.restart_policy
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def _matches(rule: RestartRule, exit_code: int) -> bool:
    codes = rule.exit_codes
    if codes is None:
        return False
    listed = exit_code in (codes.values or ())
    return listed if codes.operator == "In" else codes.operator == "NotIn" and not listed
