"""How phases are told apart: a letter and a colour each. A phase of a newer operator gets neither, but is drawn."""

from podtimeline.model.milestones import PHASES, Leg, Phase
from podtimeline.render.screen import Style

_LEGEND: dict[Phase, tuple[str, Style]] = {
    Phase.OWNER_CONTROLLER: ("o", Style.BRIGHT_BLACK),
    Phase.PREDECESSOR: ("p", Style.BRIGHT_MAGENTA),
    Phase.REPLACEMENT: ("r", Style.MAGENTA),
    Phase.POD_CREATION: ("c", Style.BRIGHT_BLUE),
    Phase.SCHEDULING_GATES: ("g", Style.BRIGHT_RED),
    Phase.SCHEDULING: ("S", Style.BLUE),
    Phase.UNSCHEDULABLE: ("N", Style.RED),
    Phase.PREEMPTION: ("M", Style.BRIGHT_RED),
    Phase.NODE_PROVISIONING: ("V", Style.BRIGHT_YELLOW),
    Phase.NODE_START: ("J", Style.YELLOW),
    Phase.VOLUME_PROVISIONING: ("v", Style.BRIGHT_GREEN),
    Phase.SCHEDULING_RETRY: ("Y", Style.BRIGHT_BLUE),
    Phase.KUBELET_ADMISSION: ("A", Style.CYAN),
    Phase.VOLUME_ATTACH: ("a", Style.GREEN),
    Phase.VOLUME_REPORT: ("u", Style.CYAN),
    Phase.VOLUME_MOUNT: ("m", Style.BRIGHT_GREEN),
    Phase.SANDBOX_RETRIES: ("b", Style.RED),
    Phase.SANDBOX: ("B", Style.BRIGHT_CYAN),
    Phase.KUBELET_SYNC: ("K", Style.BRIGHT_BLACK),
    Phase.IMAGE_QUEUE: ("Q", Style.BRIGHT_MAGENTA),
    Phase.IMAGE_BACKOFF: ("F", Style.RED),
    Phase.IMAGE_PULL: ("P", Style.MAGENTA),
    Phase.CONTAINER_CREATE: ("C", Style.BRIGHT_BLUE),
    Phase.CONTAINER_START: ("T", Style.BRIGHT_BLUE),
    Phase.PULL_TO_START: ("Z", Style.BLUE),
    Phase.CRASH_LOOP: ("L", Style.RED),
    Phase.INIT_RUN: ("I", Style.BRIGHT_YELLOW),
    Phase.POST_START: ("H", Style.BRIGHT_YELLOW),
    Phase.STARTUP_PROBE: ("U", Style.BRIGHT_GREEN),
    Phase.READINESS_PROBE: ("R", Style.YELLOW),
    Phase.STATUS_REPORT: ("W", Style.WHITE),
    Phase.READINESS_GATES: ("G", Style.BRIGHT_RED),
    Phase.ENDPOINT: ("E", Style.GREEN),
    Phase.RUN: ("X", Style.GREEN),
    Phase.TERMINATION_PENDING: ("k", Style.CYAN),
    Phase.CONTAINER_STOP: ("s", Style.YELLOW),
    Phase.CLEANUP: ("D", Style.BRIGHT_BLACK),
    Phase.FINALIZERS: ("f", Style.BRIGHT_RED),
    Phase.ENDPOINT_DRAIN: ("e", Style.GREEN),
    Phase.VOLUME_DETACH: ("d", Style.BRIGHT_GREEN),
    Phase.UNEXPLAINED: ("?", Style.RED),
}


_LEGS = {Leg.REQUEST: "request", Leg.STARTUP: "start", Leg.TERMINATION: "termination"}


def leg_text(leg: str) -> str:
    """A leg's name for people."""
    return _LEGS[Leg(leg)] if leg in Leg.__members__.values() else leg


def title(phase: str) -> str:
    """The phase's name for people."""
    known = _known(phase)
    return phase.replace("_", " ") if known is None else PHASES[known].title


def letter(phase: str) -> str:
    """One character that stands for the phase where there are no colours."""
    known = _known(phase)
    return "*" if known is None else _LEGEND[known][0]


def style(phase: str) -> Style:
    """The phase's colour."""
    known = _known(phase)
    return Style.PLAIN if known is None else _LEGEND[known][1]


def _known(phase: str) -> Phase | None:
    return Phase(phase) if phase in Phase.__members__.values() else None
