"""Rules for the way back, and for what is beside the critical path: endpoints that stay, clocks, Services."""

from collections.abc import Iterator

from podtimeline.analysis.evidence.critical_path import service_of
from podtimeline.analysis.findings.case import Case, Found, Proof, Spell, of_spell
from podtimeline.analysis.phases.endpoint_drain import Drain
from podtimeline.analysis.resolved import Outcome
from podtimeline.model.instants import SECOND
from podtimeline.model.milestones import Leg, Milestone
from podtimeline.model.texts import duration_text

_LATE = SECOND
"""How long an address may stand as ready after the deletion, or a clock may be off, before it is worth a finding."""


def late_kill(case: Case, spell: Spell) -> Found | None:
    """The kubelet begins to stop a pod when its watch tells it to, and when it has a worker free."""
    if not case.view.runs and case.moment(Milestone.KILLING, spell.subject) is None and not spell.open:
        return None
    text = "the kubelet has not begun to stop it" if spell.open else "the kubelet was late to begin to stop it"
    return of_spell(spell, text, *case.bounds(spell))


def grace_ran_out(case: Case, spell: Spell) -> Found | None:
    """SIGTERM did not end the container: SIGKILL did, when the grace period was over."""
    leaves, killed = case.view.leaves, [stop for stop in case.view.stops if stop.grace_exceeded]
    if leaves is None or not killed:
        return None
    names = ", ".join(stop.container for stop in killed)
    codes = ", ".join(sorted({str(stop.exit_code) for stop in killed}))
    text = f"{names} did not end within its grace period of {leaves.grace} s and was killed (exit code {codes})"
    proofs = (
        Proof("status", f"{stop.container} ended with exit code {stop.exit_code}", stop.ended.at)
        for stop in killed
        if stop.ended is not None
    )
    grace = Proof("field", f"deletionGracePeriodSeconds: {leaves.grace}", case.moment(Milestone.DELETION_REQUESTED))
    return of_spell(spell, text, *proofs, grace, *case.bounds(spell))


def pre_stop(case: Case, spell: Spell) -> Found | None:
    """The hook runs before SIGTERM, within the grace period."""
    hooked = [each.name for each in case.view.facts.containers if each.pre_stop]
    if not hooked:
        return None
    quote = case.quote(spell, "FailedPreStopHook", about=hooked)
    told = f": {quote.words}" if quote is not None else ""
    more = () if quote is None else (quote.proof,)
    names = ", ".join(hooked)
    text = f"the preStop hook of {names} runs before SIGTERM is sent{told}"
    return of_spell(spell, text, Proof("spec", f"lifecycle.preStop of {names} is set"), *more, *case.bounds(spell))


def slow_stop(case: Case, spell: Spell) -> Found | None:
    """It took its time by itself: no hook ran first, and the kubelet did not have to kill it."""
    name, container = spell.subject, case.view.facts.container(spell.subject)
    stop = next((stop for stop in case.view.stops if stop.container == name), None)
    if container is None or container.pre_stop or stop is None or stop.began is None or stop.grace_exceeded:
        return None
    code = f", with exit code {stop.exit_code}" if stop.exit_code is not None else ""
    grace = case.view.leaves.grace if case.view.leaves is not None else None
    within = f" (its grace period is {grace} s)" if grace is not None else ""
    if stop.unknown:
        return None
    how = "has not ended since" if stop.ended is None else "took this long to end after"
    text = f"{name} {how} the kubelet began to stop it{code}{within}"
    return of_spell(spell, text, *case.proof(Milestone.KILLING, name), *case.proof(Milestone.FINISHED, name))


def unknown_end(case: Case, spell: Spell) -> Found | None:
    """The kubelet could not find a container any more: neither its exit code nor its end is one of its process."""
    unknown = [stop for stop in case.view.stops if stop.unknown]
    if not unknown:
        return None
    names = ", ".join(stop.container for stop in unknown)
    reasons = ", ".join(sorted({stop.reason for stop in unknown}))
    text = f"when and how {names} ended is unknown ({reasons})"
    proofs = (Proof("status", f"{stop.container} ended with an unknown exit code ({stop.reason})") for stop in unknown)
    return of_spell(spell, text, *proofs, *case.bounds(spell))


def finalizers(case: Case, spell: Spell) -> Found | None:
    """Controllers that have to let go of the object."""
    leaves = case.view.leaves
    if leaves is None or not leaves.finalizers:
        return None
    names = ", ".join(leaves.finalizers)
    text = f"{'still held' if spell.open else 'held'} by {names}"
    return of_spell(spell, text, Proof("field", f"metadata.finalizers: {names}"), *case.proof(Milestone.RELEASED))


def traffic_lost(case: Case, _: tuple[Spell, ...]) -> Iterator[Found]:
    """An address that stood as ready after the container behind it had exited."""
    for drain in case.view.drains:
        if drain.lost:
            confirmed = "sent" if drain.confirmed else "may have sent"
            after = f"for {duration_text(drain.lost)} after {drain.exited} had exited"
            text = f"{service_of(drain.subject)} {confirmed} traffic to it {after}"
            yield _drained(case, drain, text, drain.lost, *case.proof(Milestone.FINISHED, drain.exited))


def stale_endpoint(case: Case, _: tuple[Spell, ...]) -> Iterator[Found]:
    """An address that stood as ready long after the deletion was asked for."""
    for drain in case.view.drains:
        if drain.lag >= _LATE:
            held = f"held its address as ready for {duration_text(drain.lag)}"
            text = f"{service_of(drain.subject)} {held} after the deletion request"
            yield _drained(case, drain, text, drain.lag)


def _drained(case: Case, drain: Drain, text: str, took: int, *more: Proof) -> Found:
    name = drain.subject.rpartition("/")[2]
    out = "still holds the address as ready" if drain.out is None else "no longer held the address as ready"
    slice_ = Proof("EndpointSlice", f"{name} {out}", None if drain.out is None else drain.out.at)
    proofs = (*case.proof(Milestone.DELETION_REQUESTED), *more, slice_)
    return Found(None, drain.subject, text, took, proofs, parallel=True, open=drain.out is None)


def no_service(case: Case, _: tuple[Spell, ...]) -> Iterator[Found]:
    """A pod that tells by a readiness probe that it takes traffic, and that no Service selects."""
    facts = case.view.facts
    probed = [each.name for each in facts.containers if each.readiness_probe is not None]
    if case.view.outcome is not Outcome.READY or case.view.services != () or facts.run_to_completion or not probed:
        return
    # Whoever fills a slice, as the controller of a Service without selector does: where it holds the address traffic
    # comes.
    held = any(each.mark.milestone is Milestone.ENDPOINT_READY for each in case.view.milestones)
    if held or case.spells(Leg.TERMINATION):
        return
    labels = ", ".join(f"{key}={value}" for key, value in facts.labels) or "none"
    proofs = (
        Proof("Services", f"no Service in namespace {facts.namespace} selects it"),
        Proof("field", f"metadata.labels: {labels}"),
        Proof("spec", f"readinessProbe of {', '.join(probed)}"),
    )
    yield Found(
        None, "", "no Service selects it, although a readiness probe gates its traffic", 0, proofs, parallel=True
    )


def clock_skew(case: Case, _: tuple[Spell, ...]) -> Iterator[Found]:
    """A node's clock that is off, or stamps that contradict each other."""
    clock = case.view.clock
    if clock is not None:
        # The offset is between the two for sure: what is nearest to 0 is by how much it is off at least.
        least = max(clock.low, -clock.high, 0)
        way = "ahead of" if clock.low > 0 else "behind"
        near, far = sorted((abs(clock.low), abs(clock.high)))
        text = f"the clock of {case.view.node} is {duration_text(near)} to {duration_text(far)} {way} the operator's"
        proof = Proof("watch", "its timestamps compared with their arrival and with what caused them", clock.at)
        yield Found(None, case.view.node or "", text, least, (proof,), parallel=True)
    elif case.view.skew >= _LATE:
        worst = max(case.view.milestones, key=lambda each: 0 if each.instant is None else each.instant.skew)
        text = f"timestamps contradict each other by {duration_text(case.view.skew)}"
        proofs = case.proof(worst.mark.milestone, worst.mark.subject)
        yield Found(None, "", text, case.view.skew, proofs, parallel=True)
