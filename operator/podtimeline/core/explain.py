"""Why it took long, in one sentence, from evidence alone."""

from podtimeline.core.milestones import PHASES, Milestone, Phase
from podtimeline.core.phases import Stretch
from podtimeline.core.timeline import Note
from podtimeline.core.view import Outcome, View

_REASONS: dict[Phase, tuple[str, ...]] = {
    Phase.SCHEDULING: (
        "FailedScheduling",
        "Unschedulable",
        "SchedulingGated",
        "NotTriggerScaleUp",
        "TriggeredScaleUp",
        "Preempted",
    ),
    Phase.SANDBOX: (
        "FailedMount",
        "FailedAttachVolume",
        "FailedMapVolume",
        "FailedCreatePodSandBox",
        "NetworkNotReady",
    ),
    Phase.IMAGE_PULL: (
        "Failed",
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "BackOff",
    ),
    Phase.CONTAINER_CREATE: ("Failed", "CreateContainerConfigError", "CreateContainerError"),
    Phase.CONTAINER_START: (
        "Failed",
        "RunContainerError",
        "CrashLoopBackOff",
        "BackOff",
        "FailedPostStartHook",
    ),
    Phase.INIT_RUN: ("CrashLoopBackOff", "BackOff", "Error"),
    Phase.STARTUP_PROBE: ("Unhealthy", "ProbeWarning", "CrashLoopBackOff", "BackOff"),
    Phase.READINESS_PROBE: ("Unhealthy", "ProbeWarning", "CrashLoopBackOff", "BackOff"),
    Phase.RUN: ("Unhealthy", "CrashLoopBackOff", "BackOff"),
}

_SLACK = 1_000_000_000
"""Nanoseconds by which a stretch may have begun earlier than estimated: what was said then was said of it."""


def duration_text(nanoseconds: int) -> str:
    """A duration for people, three significant digits: ``850ms``, ``4.21s``, ``2m03s``, ``1h02m``."""
    seconds = nanoseconds / 1e9
    if nanoseconds < 10_000_000:
        return f"{nanoseconds / 1e6:.1f}ms"
    if seconds < 1:
        return f"{nanoseconds // 1_000_000}ms"
    if seconds < 60:
        return f"{seconds:.2f}s" if seconds < 10 else f"{seconds:.1f}s"
    whole = nanoseconds // 1_000_000_000
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def bytes_text(size: int) -> str:
    """A size for people in binary units: ``28.6 MiB``."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


_VAGUE = frozenset({"BackOff", "Failed", "Unschedulable"})
"""Reasons whose latest words only repeat that it failed, or that come with better ones: the last resort."""
_CRASHES = frozenset({"BackOff", "CrashLoopBackOff"})
_RUNNING = frozenset(
    {Phase.CONTAINER_START, Phase.INIT_RUN, Phase.STARTUP_PROBE, Phase.READINESS_PROBE, Phase.STATUS_REPORT, Phase.RUN}
)
"""Phases in which a container that backs off has crashed; before it ran, it is the image pull that backs off."""


def note_for(view: View, stretch: Stretch) -> Note | None:
    """The latest telling words said about a phase while it lasted, ``None`` where nobody said anything."""
    wanted = _REASONS.get(stretch.phase, ())
    fitting = [note for note in view.notes if note.reason in wanted and _fits(note, stretch)]
    return max(fitting, key=lambda note: (note.reason not in _VAGUE, note.last, note.reason), default=None)


def _fits(note: Note, stretch: Stretch) -> bool:
    same = not note.subject or not stretch.subject or note.subject == stretch.subject
    return same and note.last >= stretch.start - _SLACK and note.first <= stretch.end


def explain(view: View) -> str:
    """What the start spent most of its time on, what it waits for now, and what the evidence says of why."""
    stretch = view.dominant
    if stretch is None:
        return "Nothing is known yet of when this pod began."
    share = "" if not view.total else f" ({100 * stretch.duration // view.total} % of {duration_text(view.total)})"
    took = duration_text(stretch.duration)
    place = _place(stretch)
    sentence = f"It has been in {place} for {took}{share}" if stretch.open else f"It spent {took}{share} in {place}"
    return _sentence(sentence, _why(view, stretch)) + _now(view, stretch)


def _now(view: View, dominant: Stretch) -> str:
    """Whoever reads of a pod that still starts wants to know what it waits for now, long or not."""
    last = view.phases[-1]
    if not last.open or last is dominant:
        return ""
    return " " + _sentence(f"Now it has been in {_place(last)} for {duration_text(last.duration)}", _why(view, last))


def _place(stretch: Stretch) -> str:
    if stretch.phase is Phase.UNEXPLAINED:
        return "steps that were not observed"
    return PHASES[stretch.phase].title + (f" of {stretch.subject}" if stretch.subject else "")


def _sentence(said: str, why: str) -> str:
    return f"{said}: {why}." if why else f"{said}."


def _why(view: View, stretch: Stretch) -> str:
    return _crash_words(view, stretch) or _note_words(view, stretch) or _own_words(view, stretch)


def _crash_words(view: View, stretch: Stretch) -> str:
    """The exit code of a container that crashed: the kubelet's own words only say that it waits to restart it."""
    if stretch.phase not in _RUNNING:
        return ""
    names = {note.subject for note in view.notes if note.reason in _CRASHES and _fits(note, stretch)}
    crashed = next((each for each in view.restarts if each.container in names), None)
    if crashed is None or crashed.exit_code is None:
        return ""
    times = "once" if crashed.restarts == 1 else f"{crashed.restarts} times"
    reason = f" ({crashed.reason})" if crashed.reason else ""
    killed = next((note for note in view.notes if note.subject == crashed.container and _kills(note, stretch)), None)
    after = "" if killed is None else f", after {_trimmed(killed.text)}"
    return f"{crashed.container} restarted {times}, last with exit code {crashed.exit_code}{reason}{after}"


def _kills(note: Note, stretch: Stretch) -> bool:
    """Whether a probe failed that the kubelet restarts a container for (``prober``: liveness and startup)."""
    return note.reason == "Unhealthy" and note.text.startswith(("Liveness", "Startup")) and _fits(note, stretch)


def _note_words(view: View, stretch: Stretch) -> str:
    note = note_for(view, stretch)
    if note is None:
        return ""
    times = f" ({note.count} times)" if note.count > 1 else ""
    text = _trimmed(note.text)
    return f"{note.reason}{times}: {text}" if text else f"{note.reason}{times}"


def _trimmed(text: str) -> str:
    """A text as the middle of a sentence; a probe without output ends in a colon."""
    return text.strip().rstrip(".:").rstrip()


def _own_words(view: View, stretch: Stretch) -> str:
    match stretch.phase:
        case Phase.IMAGE_PULL:
            return _pull_words(view, stretch)
        case Phase.ENDPOINT if view.awaited:
            return "no ready address yet in the EndpointSlices of " + ", ".join(view.awaited)
        case Phase.READINESS_GATES if shut := _shut(view):
            return "not True yet: " + ", ".join(shut)
        case Phase.UNEXPLAINED:
            return ", ".join(_mark_words(view))
        case _ if view.outcome is Outcome.DELETED:
            return f"{PHASES[stretch.phase].summary}; it was deleted before it was ready"
        case _:
            return PHASES[stretch.phase].summary


def _shut(view: View) -> list[str]:
    """The readiness gates that have not opened."""
    opened = {each.mark.subject for each in view.milestones if each.mark.milestone is Milestone.READINESS_GATE}
    return [gate for gate in view.facts.readiness_gates if gate not in opened]


def _pull_words(view: View, stretch: Stretch) -> str:
    pull = next((each for each in view.pulls if each.container == stretch.subject), None)
    if pull is None:
        spec = view.facts.container(stretch.subject)
        return PHASES[stretch.phase].summary if spec is None else spec.image
    if pull.size is None or not pull.pull:
        return f"{pull.image}"
    rate = bytes_text(pull.size * 1_000_000_000 // pull.pull)
    return f"{pull.image}, {bytes_text(pull.size)} at {rate}/s"


def _mark_words(view: View) -> list[str]:
    words = ((mark.milestone.replace("_", " "), mark.subject) for mark in view.missing)
    return [f"{name} of {subject}" if subject else name for name, subject in words]
