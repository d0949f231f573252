"""Rules for probes: what they said when they failed, and how long nobody looked though the container may have been up.

The kubelet first looks when ``initialDelaySeconds`` have passed since the container's start, then once each
``periodSeconds`` (pkg/kubelet/prober/worker.go, ``doProbe`` and ``run``); each look that fails is an Unhealthy event.
So a success lies within one period after the first moment at which it could have come, and what is known of that
moment is a range: after the last look that failed, or after the start where none is known to have failed.
"""

from podtimeline.analysis.evidence.event_limit import EventType
from podtimeline.analysis.findings.case import Case, Found, Proof, Quote, Spell, of_spell
from podtimeline.model.instants import SECOND
from podtimeline.model.milestones import Milestone, Phase
from podtimeline.model.pods import Probe
from podtimeline.model.texts import duration_text

_FIELDS = {Phase.STARTUP_PROBE: "startupProbe", Phase.READINESS_PROBE: "readinessProbe"}
_WORDS = {Phase.STARTUP_PROBE: "Startup", Phase.READINESS_PROBE: "Readiness"}
_ENDS = {
    Phase.STARTUP_PROBE: Milestone.STARTUP_PROBE_PASSED,
    Phase.READINESS_PROBE: Milestone.CONTAINER_READY,
}


def failing_probe(case: Case, spell: Spell) -> Found | None:
    """What the probe saw, in the kubelet's words."""
    quote = _said(case, spell, "Unhealthy", "ProbeWarning")
    if quote is None:
        return None
    return of_spell(spell, quote.words, quote.proof, *_spec(case, spell), *case.bounds(spell))


def probe_delay(case: Case, spell: Spell) -> Found | None:
    """The kubelet does not look before ``initialDelaySeconds`` are over, and the first look found it up."""
    probe, started = _probe(case, spell), case.moment(_began(case, spell), spell.subject)
    if probe is None or not probe.initial_delay or started is None or _failed(case, spell) is not None:
        return None
    over = started + probe.initial_delay * SECOND
    if over <= spell.start:
        return None
    delay = f"initialDelaySeconds is {probe.initial_delay}"
    if spell.open:
        if spell.end >= over:
            return None
        text = f"{delay}: the kubelet waits another {duration_text(over - spell.end)} before the first probe"
        return of_spell(spell, text, *_spec(case, spell), *case.proof(_began(case, spell), spell.subject))
    if _unheard(case, spell):
        return None
    text = (
        f"{delay}, and no probe is known to have failed: it could have succeeded 0 to "
        f"{duration_text(max(spell.duration - _counting(probe), 0))} earlier"
    )
    return of_spell(spell, text, *_spec(case, spell), *_both(case, spell))


def probe_period(case: Case, spell: Spell) -> Found | None:
    """Between two looks nobody knows whether the container is up: at most one period, less where evidence says so."""
    probe, started = _probe(case, spell), case.moment(_began(case, spell), spell.subject)
    if probe is None or spell.open or probe.period < 2 or started is None:
        return None
    last = _failed(case, spell)
    if last is None and started + probe.initial_delay * SECOND > spell.start:
        return None
    seen = spell.start if last is None else max(last.at, spell.start)
    most = min(spell.end - seen - _counting(probe), probe.period * SECOND)
    if most < SECOND:
        return None
    since = "no probe is known to have failed" if last is None else f"the last probe failed {_ago(spell.end - seen)}"
    if last is not None and _unheard(case, spell):
        since = f"the last probe known to have failed was {_ago(spell.end - seen)}"
    text = f"periodSeconds is {probe.period}, and {since}: it could have succeeded 0 to {duration_text(most)} earlier"
    proofs = () if last is None else (last.proof,)
    return of_spell(spell, text, *_spec(case, spell), *proofs, *_both(case, spell), duration=most)


def probe_threshold(case: Case, spell: Spell) -> Found | None:
    """After the first success the kubelet looks once each period until it has seen as many in a row as are asked for.

    Only a readiness probe may ask for more than one (pkg/kubelet/prober/worker.go, doProbe: resultRun). The kubelet
    also looks at once when it syncs a pod that is not ready (prober_manager.go, UpdatePodStatus): it may take less.
    """
    probe = _probe(case, spell)
    if probe is None or not _counting(probe):
        return None
    more = probe.success_threshold - 1
    took = duration_text(_counting(probe))
    text = (
        f"successThreshold is {probe.success_threshold} and periodSeconds {probe.period}: {more} more "
        f"{'success' if more == 1 else 'successes'} after the first one took up to {took}"
    )
    if spell.open:
        text = f"successThreshold is {probe.success_threshold}: ready up to {took} after the first success"
        return of_spell(spell, text, *_spec(case, spell), *case.proof(_began(case, spell), spell.subject))
    counted = min(_counting(probe), spell.duration)
    return of_spell(spell, text, *_spec(case, spell), *_both(case, spell), duration=counted)


def _counting(probe: Probe) -> int:
    """The time in nanoseconds from a probe's first success to the one that counts, at one look a period."""
    return max(probe.success_threshold - 1, 0) * max(probe.period, 0) * SECOND


def _ago(duration: int) -> str:
    return f"{duration_text(duration)} before" if duration > 0 else "at about the same time"


def _probe(case: Case, spell: Spell) -> Probe | None:
    container = case.view.facts.container(spell.subject)
    if container is None:
        return None
    return container.startup_probe if spell.phase is Phase.STARTUP_PROBE else container.readiness_probe


def _failed(case: Case, spell: Spell) -> Quote | None:
    """The latest look of this probe that is known to have failed before the spell was over."""
    return _said(case, spell, "Unhealthy")


def _said(case: Case, spell: Spell, *reasons: str) -> Quote | None:
    """The latest words of the phase's own probe: the kubelet may report late that one has passed and the next fails."""
    words = case.words(spell, *reasons)
    return next((each for each in words if each.text.startswith(_WORDS[spell.phase])), None)


def _unheard(case: Case, spell: Spell) -> bool:
    """Whether looks can have failed of which there is no Event: the kubelet had no Warning left to write."""
    return any(each.type is EventType.WARNING and each.reached <= spell.end for each in case.view.event_limits)


def _began(case: Case, spell: Spell) -> Milestone:
    """The start of the run that the probe looked at: of several the last one."""
    last = Milestone.LAST_STARTED
    return last if case.moment(last, spell.subject) is not None else Milestone.STARTED


def _spec(case: Case, spell: Spell) -> tuple[Proof, ...]:
    probe = _probe(case, spell)
    if probe is None:
        return ()
    threshold = f", successThreshold {probe.success_threshold}" if probe.success_threshold > 1 else ""
    return (
        Proof(
            "spec",
            f"{_FIELDS[spell.phase]} of {spell.subject}: initialDelaySeconds {probe.initial_delay}, periodSeconds "
            f"{probe.period}, failureThreshold {probe.failure_threshold}{threshold}",
        ),
    )


def _both(case: Case, spell: Spell) -> tuple[Proof, ...]:
    return (
        *case.proof(_began(case, spell), spell.subject),
        *case.proof(_ENDS[spell.phase], spell.subject),
    )
