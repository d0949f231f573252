"""The versioned document of one rollout: what the API serves and ``podtimeline rollout`` draws."""

from collections.abc import Sequence

from podtimeline.analysis.rollout import HeldUp, Level, Link, Member, Rollout
from podtimeline.model.milestones import PHASES
from podtimeline.model.texts import duration_text
from podtimeline.quarantine import Quarantine
from podtimeline.render.document import contained_document
from podtimeline.render.moments import moment, rfc3339, seconds
from podtimeline.render.structs import (
    API_VERSION,
    ChainLinkDocument,
    HoldDocument,
    Item,
    LevelDocument,
    MemberDocument,
    ObjectNameDocument,
    RolloutDocument,
)


def rollout_document(
    rollout: Rollout,
    *,
    members: Sequence[Item],
    revisions: Sequence[str],
    now: int,
    cluster: str | None = None,
    unevaluated: Sequence[str] = (),
) -> RolloutDocument[Item]:
    """The document of one rollout. ``revisions`` are all known, the newest first.

    ``members`` are those that ``member_document`` makes of the rollout's. ``unevaluated`` are pods of the workload that
    are left out since their timelines could not be evaluated.
    """
    end = rollout.complete or rollout.superseded or now
    return RolloutDocument(
        api_version=API_VERSION,
        kind="Rollout",
        cluster=cluster,
        namespace=rollout.namespace,
        workload=ObjectNameDocument(kind=rollout.workload.kind, name=rollout.workload.name),
        revision=rollout.revision,
        revisions=list(revisions),
        started=rfc3339(rollout.started),
        complete=moment(rollout.complete),
        superseded=moment(rollout.superseded),
        until=rfc3339(end),
        duration_seconds=seconds(end - rollout.started),
        duration_nanoseconds=end - rollout.started,
        desired=rollout.desired,
        surge=rollout.surge,
        unavailable=rollout.unavailable,
        levels=[_level(each) for each in rollout.levels],
        chain=[_link(each) for each in rollout.chain],
        held=[_held(each) for each in rollout.held],
        members=list(members),
        unevaluated=list(unevaluated),
        explanation=sentence(rollout, now=now),
    )


def member_document(member: Member, quarantine: Quarantine, *, cluster: str | None = None) -> MemberDocument:
    """The document of one pod of the rollout; ``quarantine`` gets what makes its timeline fail."""
    return MemberDocument(
        current=member.current,
        revision=member.revision,
        requested=moment(member.requested),
        created=moment(member.created),
        up=moment(member.up),
        leaving=moment(member.leaving),
        removed=moment(member.removed),
        timeline=contained_document(member.view, quarantine, lambda made: made, cluster=cluster),
    )


def sentence(rollout: Rollout, *, now: int) -> str:
    """How long the rollout took, and what held it most; while it goes on, which pods it waits for."""
    if rollout.superseded is not None:
        return f"The next revision replaced it after {duration_text(rollout.superseded - rollout.started)}."
    if rollout.complete is None:
        waiting = [each.name for each in rollout.members if each.current and each.up is None and each.leaving is None]
        old = [each.name for each in rollout.members if not each.current and each.leaving is None]
        since = f"It has been in progress for {duration_text(max(now - rollout.started, 0))}"
        missing = [f"{_few(waiting)} not ready yet"] if waiting else []
        missing += [f"{_few(old)} of older revisions still wanted"] if old else []
        return f"{since}: {'; '.join(missing) or 'some pods have not been created yet'}."
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


def _level(level: Level) -> LevelDocument:
    return LevelDocument(
        at=rfc3339(level.at),
        wanted=level.wanted,
        ready=level.up,
        current=level.current,
        current_ready=level.current_up,
        leaving=level.leaving,
    )


def _link(link: Link) -> ChainLinkDocument:
    return ChainLinkDocument(
        kind=link.kind,
        pod=link.pod,
        start=rfc3339(link.start),
        end=rfc3339(link.end),
        duration_nanoseconds=link.duration,
    )


def _held(held: HeldUp) -> HoldDocument:
    return HoldDocument(
        phase=held.phase,
        title=_title(held),
        duration_seconds=seconds(held.duration),
        duration_nanoseconds=held.duration,
        pods=list(held.pods),
    )
