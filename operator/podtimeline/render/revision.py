"""The versioned JSON of one rollout: what the API serves and ``podtimeline rollout`` draws. Plain data only."""

from collections.abc import Callable, Sequence

from podtimeline.analysis.rollout import HeldUp, Level, Link, Member, Rollout
from podtimeline.model.milestones import PHASES
from podtimeline.model.texts import duration_text
from podtimeline.quarantine import Quarantine
from podtimeline.render.document import API_VERSION, Document, contained_document
from podtimeline.render.moments import rfc3339, seconds

ROLLOUT_KIND = "Rollout"


def rollout_document(
    rollout: Rollout,
    *,
    revisions: Sequence[str],
    now: int,
    cluster: str | None = None,
    unevaluated: Sequence[str] = (),
    written: Callable[[Document], object] = lambda member: member,
    quarantine: Quarantine | None = None,
) -> Document:
    """The document of one rollout. ``revisions`` are all known, the newest first.

    ``unevaluated`` are pods of the workload that are left out since their timelines could not be evaluated. ``written``
    is what stands for each member; it can encode one before the next is made. ``quarantine`` gets what one pod makes
    fail.
    """
    end = rollout.complete or rollout.superseded or now
    return {
        "apiVersion": API_VERSION,
        "kind": ROLLOUT_KIND,
        "cluster": cluster,
        "namespace": rollout.namespace,
        "workload": {"kind": rollout.workload.kind, "name": rollout.workload.name},
        "revision": rollout.revision,
        "revisions": list(revisions),
        "started": rfc3339(rollout.started),
        "complete": None if rollout.complete is None else rfc3339(rollout.complete),
        "superseded": None if rollout.superseded is None else rfc3339(rollout.superseded),
        "until": rfc3339(end),
        "durationSeconds": seconds(end - rollout.started),
        "durationNanoseconds": end - rollout.started,
        "desired": rollout.desired,
        "surge": rollout.surge,
        "unavailable": rollout.unavailable,
        "levels": [_level(each) for each in rollout.levels],
        "chain": [_link(each) for each in rollout.chain],
        "held": [_held(each) for each in rollout.held],
        "members": [written(_member(each, cluster, quarantine or Quarantine())) for each in rollout.members],
        "unevaluated": list(unevaluated),
        "explanation": sentence(rollout, now=now),
    }


def sentence(rollout: Rollout, *, now: int) -> str:
    """How long the rollout took, and what held it most; while it goes on, which pods it waits for."""
    if rollout.superseded is not None:
        return f"The next revision took over after {duration_text(rollout.superseded - rollout.started)}."
    if rollout.complete is None:
        waiting = [each.name for each in rollout.members if each.current and each.up is None and each.leaving is None]
        old = [each.name for each in rollout.members if not each.current and each.leaving is None]
        since = f"It has been going on for {duration_text(max(now - rollout.started, 0))}"
        missing = [f"{_few(waiting)} not ready yet"] if waiting else []
        missing += [f"{_few(old)} of older revisions still wanted"] if old else []
        return f"{since}: {'; '.join(missing) or 'pods are missing that were not created yet'}."
    took = rollout.complete - rollout.started
    text = f"It took {duration_text(took)}"
    if not rollout.held:
        return f"{text}."
    top = rollout.held[0]
    where = f" in {_few(top.pods)}" if top.pods and top.phase is not None else ""
    share = f"{100 * top.duration // took} %" if took else ""
    return f"{text}, {duration_text(top.duration)} of it ({share}) in {_title(top)}{where}."


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _title(held: HeldUp) -> str:
    return "the workload's controller" if held.phase is None else PHASES[held.phase].title


def _level(level: Level) -> Document:
    return {
        "at": rfc3339(level.at),
        "wanted": level.wanted,
        "ready": level.up,
        "current": level.current,
        "currentReady": level.current_up,
        "leaving": level.leaving,
    }


def _link(link: Link) -> Document:
    return {
        "kind": link.kind.value,
        "pod": link.pod,
        "start": rfc3339(link.start),
        "end": rfc3339(link.end),
        "durationNanoseconds": link.duration,
    }


def _held(held: HeldUp) -> Document:
    return {
        "phase": None if held.phase is None else held.phase.value,
        "title": _title(held),
        "durationSeconds": seconds(held.duration),
        "durationNanoseconds": held.duration,
        "pods": list(held.pods),
    }


def _member(member: Member, cluster: str | None, quarantine: Quarantine) -> Document:
    moments = {
        "requested": member.requested,
        "created": member.created,
        "up": member.up,
        "leaving": member.leaving,
        "removed": member.removed,
    }
    return {
        "current": member.current,
        "revision": member.revision,
        **{name: None if at is None else rfc3339(at) for name, at in moments.items()},
        "timeline": contained_document(member.view, quarantine, dict, cluster=cluster),
    }
