"""Rules for what containers do between their start and traffic: runs that end, hooks, probes, gates, endpoints."""

import re
from collections.abc import Iterator

from podtimeline.analysis.findings.case import Case, Found, Proof, Quote, Spell, of_spell, trimmed
from podtimeline.analysis.resolved import Outcome
from podtimeline.model.milestones import PHASES, Leg, Milestone, MilestoneKey, Phase
from podtimeline.model.observations import ALL_RESTARTING, Ran
from podtimeline.model.pods import ContainerKind
from podtimeline.model.texts import duration_text, exit_text, steps_text, times_text

_BACKOFF = ("BackOff", "CrashLoopBackOff")
_OF_IMAGE = re.compile("pulling image")
"""The kubelet has one reason for both of its back-offs (pkg/kubelet/events/event.go)."""
_SHOWN_RUNS = 5


def crash_loop(case: Case, spell: Spell) -> Found | None:
    """The exit code of each run: the kubelet's own words only say that it waits to start it again."""
    backoff = next((each for each in case.words(spell, *_BACKOFF) if not _OF_IMAGE.search(each.text)), None)
    runs = [ran for ran in case.view.runs if ran.container == spell.subject and _until(ran) <= spell.end]
    ended = [ran for ran in runs if ran.over]
    if not ended or not (backoff or spell.phase is Phase.CRASH_LOOP):
        return None
    restarts, killed = max(ran.run for ran in runs), _killer(case, spell)
    again = f"restarted {times_text(restarts)}," if restarts else "ended"
    after = "" if killed is None else f", {_reason_of(killed)}"
    proofs = [_run(ran) for ran in ended[-_SHOWN_RUNS:]]
    proofs += [each.proof for each in (killed, backoff) if each is not None]
    return of_spell(
        spell,
        f"{spell.subject} {again} {_codes(ended, last=restarts > 0)}{after}",
        *proofs,
        advice=_after(ended, killed),
    )


def _until(ran: Ran) -> int:
    """The last known moment of a run, 0 where none is: its stamps are whole seconds."""
    return ran.finished or ran.started or 0


def _codes(ended: list[Ran], *, last: bool) -> str:
    codes = [_code(ran) for ran in ended]
    if len(codes) == 1:
        return f"last with {codes[0]}" if last else f"with {codes[0]}"
    return f"each time with {codes[0]}" if len(set(codes)) == 1 else f"with {', '.join(codes)}"


def _code(ran: Ran) -> str:
    return exit_text(ran.exit_code, ran.reason) or "an unknown exit code"


def _reason_of(killed: Quote) -> str:
    if killed.reason == ALL_RESTARTING:
        return "and a rule restarted all containers of the pod (RestartAllContainers)"
    return f"after {killed.words if killed.reason in _ADVICE else trimmed(killed.text)}"


def _run(ran: Ran) -> Proof:
    length = ""
    if ran.started is not None and ran.finished is not None and ran.finished >= ran.started:
        # Both stamps are whole seconds.
        ran_for = ran.finished - ran.started
        length = f", after about {duration_text(ran_for)}" if ran_for else ", within a second or so"
    return Proof("status", f"run {ran.run} of {ran.container} ended with {_code(ran)}{length}", ran.finished)


def _after(runs: list[Ran], killed: Quote | None) -> str:
    if any(ran.reason == "OOMKilled" for ran in runs):
        return "it ran out of memory: raise resources.limits.memory, or find out what uses the memory"
    if killed is not None:
        probe = "the kubelet killed it because of its probe: add a startupProbe, or raise failureThreshold"
        return _ADVICE.get(killed.reason, probe)
    if any(ran.exit_code == 127 for ran in runs):
        return "exit code 127: the command was not found in the image"
    return ""


_HOOK, _SANDBOX = "FailedPostStartHook", "SandboxChanged"
_ADVICE = {
    _HOOK: "find out why the postStart hook fails: the kubelet kills the container each time",
    ALL_RESTARTING: "restartPolicyRules restart the whole pod on this exit code: find out why the container exits",
    _SANDBOX: "its sandbox died: check the node's runtime, and what kills the pause process",
}


def _killer(case: Case, spell: Spell) -> Quote | None:
    """What a container was restarted for: a probe (liveness or startup), a hook, a rule, a lost sandbox."""
    said = (*case.words(spell, "Unhealthy"), *case.quotes(spell, "Killing"))
    probe = next((each for each in said if _KILLS.search(each.text)), None)
    rest = (_HOOK, ALL_RESTARTING, _SANDBOX)
    return probe or next((quote for reason in rest if (quote := case.quote(spell, reason)) is not None), None)


_KILLS = re.compile(r"^(Liveness|Startup)|failed (liveness|startup) probe")


def init_dominates(case: Case, spells: tuple[Spell, ...]) -> Iterator[Found]:
    """Init containers run one after the other before anything else starts: what each of them cost in all."""
    names = [each.name for each in case.view.facts.containers if each.kind is ContainerKind.INIT]
    mine = [each for each in spells if each.subject in names]
    took = sum(each.duration for each in mine)
    if not mine or 2 * took < case.length(Leg.STARTUP):
        return
    worst = max(mine, key=lambda each: each.duration)
    costs = ", ".join(_cost(name, mine) for name in names if any(each.subject == name for each in mine))
    proofs = tuple(proof for name in names for proof in _whole(case, name))
    if 5 * worst.duration >= 4 * took:
        if worst.phase is Phase.INIT_RUN and proofs:
            yield of_spell(worst, f"no other container starts before it ends: {costs}", *proofs)
        return
    if proofs:
        yield Found(None, "", costs, took, proofs, open=any(each.open for each in mine))


def _cost(name: str, spells: list[Spell]) -> str:
    """What an init container cost in all, and what most of it went to."""
    mine = [each for each in spells if each.subject == name]
    took = sum(each.duration for each in mine)
    parts = (
        f"{PHASES[each.phase].title} {duration_text(each.duration)}" for each in mine if 10 * each.duration >= took
    )
    return f"{name} {duration_text(took)} ({', '.join(parts)})"


def _whole(case: Case, name: str) -> tuple[Proof, ...]:
    return (*case.proof(Milestone.STARTED, name), *case.proof(Milestone.FINISHED, name))


def sequential_starts(case: Case, spells: tuple[Spell, ...]) -> Iterator[Found]:
    """The kubelet starts the main containers one after the other (kuberuntime_manager.go, SyncPod): what that cost."""
    took: dict[str, int] = {}
    for each in spells:
        spec = case.view.facts.container(each.subject)
        if spec is not None and spec.kind is ContainerKind.MAIN:
            took[each.subject] = took.get(each.subject, 0) + each.duration
    whole, count = sum(took.values()), len(took)
    if count < _SEVERAL or 2 * whole < case.length(Leg.STARTUP):
        return
    worst = max(took, key=lambda name: took[name])
    if 2 * took[worst] > whole:
        return
    text = f"{count} containers were started one after the other, {duration_text(whole // count)} each on average"
    if not any(each.phase is Phase.PULL_TO_START for each in spells):
        text += f", {worst} took longest ({duration_text(took[worst])})"
    names = list(took)
    proofs = (*case.proof(Milestone.STARTED, names[0]), *case.proof(Milestone.STARTED, names[-1]))
    yield Found(None, "", text, whole, proofs, open=any(each.open for each in spells))


_SEVERAL = 4


def post_start(case: Case, spell: Spell) -> Found | None:
    """The kubelet waits for the hook before it goes on."""
    spec = case.view.facts.container(spell.subject)
    if spec is None or not spec.post_start:
        return None
    quote = case.quote(spell, "FailedPostStartHook")
    told = f": {quote.words}" if quote is not None else ""
    more = () if quote is None else (quote.proof,)
    text = f"the kubelet waited for the postStart hook of {spell.subject}{told}"
    return of_spell(spell, text, Proof("spec", "lifecycle.postStart is set"), *more, *case.bounds(spell))


def report_lag(case: Case, spell: Spell) -> Found | None:
    """What was done on the node and reached the API later."""
    proofs = [
        Proof("watch", f"{_named(each.mark)} was reported {duration_text(each.lag)} after it happened", each.instant.at)
        for each in case.view.milestones
        if each.mark.milestone in _REPORTED and each.mark.subject in {spell.subject, ""}
        if each.lag is not None and each.instant is not None
    ]
    text = "done on the node, not yet reported" if spell.open else "done on the node, reported late"
    return of_spell(spell, text, *proofs, *case.bounds(spell))


_REPORTED = frozenset({Milestone.STARTED, Milestone.FINISHED, Milestone.CONTAINER_READY, Milestone.READY})


def _named(mark: MilestoneKey) -> str:
    return mark.milestone.replace("_", " ") + (f" of {mark.subject}" if mark.subject else "")


def readiness_gate(case: Case, spell: Spell) -> Found | None:
    """The conditions that somebody else has to set, and who did."""
    gates = case.view.facts.readiness_gates
    if not gates:
        return None
    shut = [gate for gate in gates if case.reached(Milestone.READINESS_GATE, gate) is None]
    proofs = [proof for gate in gates for proof in case.proof(Milestone.READINESS_GATE, gate)]
    text = f"not True yet: {', '.join(shut)}" if shut else f"the last one to become True was {_last_gate(case, gates)}"
    spec = Proof("spec", f"readinessGates: {', '.join(gates)}")
    return of_spell(spell, text, spec, *proofs, *case.bounds(spell)[:1])


def _last_gate(case: Case, gates: tuple[str, ...]) -> str:
    last = max(gates, key=lambda gate: case.moment(Milestone.READINESS_GATE, gate) or 0)
    reached = case.reached(Milestone.READINESS_GATE, last)
    return last + (f", set by {reached.detail}" if reached is not None and reached.detail else "")


def endpoint_awaited(case: Case, spell: Spell) -> Found | None:
    """Ready, and a Service that selects it does not send it traffic."""
    ready = case.proof(Milestone.READY)
    if case.view.awaited:
        names = ", ".join(case.view.awaited)
        proof = Proof("EndpointSlices", f"those of {names} hold no ready address of the pod")
        return of_spell(spell, f"no ready address yet in the EndpointSlices of {names}", *ready, proof)
    reached = case.reached(Milestone.ENDPOINT_READY, spell.subject)
    if reached is None:
        return None
    text = f"EndpointSlice {spell.subject.rpartition('/')[2]} was written late after the pod became Ready"
    return of_spell(spell, text, *ready, *case.proof(Milestone.ENDPOINT_READY, spell.subject))


def failed(case: Case, spells: tuple[Spell, ...]) -> Iterator[Found]:
    """How a pod that failed ended."""
    ended, last = case.view.ended, spells[-1] if spells else None
    if ended is None or ended.rejected or last is None or case.view.outcome is not Outcome.FAILED:
        return
    proofs = [Proof("status", ended.words)] if ended.words else []
    proofs += [_run(ran) for ran in case.view.runs if ran.over and ran.exit_code != 0][-_SHOWN_RUNS:]
    text = ended.words or (proofs[-1].text if proofs else "the reason is unknown")
    proofs = proofs or [Proof("status", "phase Failed, without a reason"), *case.proof(Milestone.TERMINAL_PHASE)]
    yield of_spell(last, f"it failed: {text}", *proofs, advice="" if _has_logs(case) else _NO_LOGS)


def rejected(case: Case, spells: tuple[Spell, ...]) -> Iterator[Found]:
    """The kubelet of its node did not admit it: whatever came before, that is why it does not run."""
    ended, last = case.view.ended, spells[-1] if spells else None
    if ended is None or not ended.rejected or last is None or case.view.outcome is not Outcome.FAILED:
        return
    quote = case.said(ended.reason)
    proofs = [Proof("status", ended.words), *([] if quote is None else [quote.proof])]
    advice = _READMITTED if _has_logs(case) else ""
    proofs += case.proof(Milestone.TERMINAL_PHASE)
    yield of_spell(last, f"rejected by the kubelet: {ended.words}", *proofs, advice=advice)


def _has_logs(case: Case) -> bool:
    """Whether a container of the pod is known to have run."""
    return any(each.mark.milestone is Milestone.STARTED for each in case.view.milestones)


_NO_LOGS = "none of its containers ran, so there are no logs: check its status.reason and its Events"
_READMITTED = "a restarted kubelet admits running pods again: check what has changed on the node"


def unexplained(case: Case, spell: Spell) -> Found | None:
    """The milestones that were passed without being observed."""
    missing = steps_text(case.view.missing)
    if not missing:
        return None
    return of_spell(spell, missing, Proof("timeline", f"not observed: {missing}"), *case.bounds(spell))


def long_phase(case: Case, spell: Spell) -> Found | None:
    """A phase of which nothing more is known than where it lies."""
    row = PHASES[spell.phase]
    return of_spell(spell, row.summary, *case.bounds(spell), advice=row.advice)
