"""Why it took long, in one sentence, from evidence alone."""

from podtimeline.core.milestones import PHASES, Phase
from podtimeline.core.phases import Stretch
from podtimeline.core.timeline import Note
from podtimeline.core.view import Outcome, View

_REASONS: dict[Phase, tuple[str, ...]] = {
    Phase.SCHEDULING: (
        "FailedScheduling",
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


def note_for(view: View, stretch: Stretch) -> Note | None:
    """The latest words said about a phase while it lasted, ``None`` where nobody said anything."""
    wanted = _REASONS.get(stretch.phase, ())
    fitting = [
        note
        for note in view.notes
        if note.reason in wanted
        and (not note.subject or not stretch.subject or note.subject == stretch.subject)
        and note.last >= stretch.start - _SLACK
        and note.first <= stretch.end
    ]
    return max(fitting, key=lambda note: (note.last, note.reason), default=None)


def explain(view: View) -> str:
    """One sentence: what the start spent most of its time on and what the evidence says of why."""
    stretch = view.dominant
    if stretch is None:
        return "Nothing is known yet of when this pod began."
    share = "" if not view.total else f" ({100 * stretch.duration // view.total} % of {duration_text(view.total)})"
    subject = f" of {stretch.subject}" if stretch.subject else ""
    verb = "has been in" if stretch.open else "spent"
    name = PHASES[stretch.phase].title
    if stretch.open:
        sentence = f"It {verb} {name}{subject} for {duration_text(stretch.duration)}{share}"
    else:
        sentence = f"It {verb} {duration_text(stretch.duration)}{share} in {name}{subject}"
    return f"{sentence}: {_why(view, stretch)}."


def _why(view: View, stretch: Stretch) -> str:
    note = note_for(view, stretch)
    if note is not None:
        times = f" ({note.count} times)" if note.count > 1 else ""
        return f"{note.reason}{times}: {note.text.strip().rstrip('.')}"
    if stretch.phase is Phase.IMAGE_PULL:
        return _pull_words(view, stretch)
    if stretch.phase is Phase.ENDPOINT and view.awaited:
        return "no ready address yet in the EndpointSlices of " + ", ".join(view.awaited)
    if stretch.phase is Phase.UNEXPLAINED and view.missing:
        return "not observed: " + ", ".join(_mark_words(view))
    if view.outcome is Outcome.DELETED:
        return f"{PHASES[stretch.phase].summary}; it was deleted before it was ready"
    return PHASES[stretch.phase].summary


def _pull_words(view: View, stretch: Stretch) -> str:
    pull = next((each for each in view.pulls if each.container == stretch.subject), None)
    if pull is None:
        return PHASES[stretch.phase].summary
    if pull.size is None or not pull.pull:
        return f"{pull.image}"
    rate = bytes_text(pull.size * 1_000_000_000 // pull.pull)
    return f"{pull.image}, {bytes_text(pull.size)} at {rate}/s"


def _mark_words(view: View) -> list[str]:
    return [f"{mark.milestone} of {mark.subject}" if mark.subject else str(mark.milestone) for mark in view.missing]
