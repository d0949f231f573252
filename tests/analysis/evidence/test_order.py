"""Causality bounds what no stamp bounds."""

import pytest
from tests.support.lives import (
    ANSWER,
    INIT,
    PROXY,
    WEB,
    Life,
    at,
    container_start,
    facts,
    in_second,
    named,
    ordinary,
    watched,
)

from podtimeline.analysis.evidence.order import UNORDERED, predecessors, resolve
from podtimeline.model.instants import Source, just_after
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.observations import Ran
from podtimeline.model.pods import VolumeSpec


def test_an_address_reported_late_is_bounded_by_the_pull_that_followed_it() -> None:
    """The kubelet reports the IP with the running container, but the image was pulled after the sandbox was made."""
    instant = resolve(ordinary().timeline())[MilestoneKey(Milestone.IP_ASSIGNED)]
    assert (instant.earliest, instant.latest, instant.at) == (at(0), at(1), at(1))


def test_the_sandbox_is_there_before_the_first_container_and_its_address_before_that() -> None:
    """The condition is reported with the running container; the network plugin ran while the sandbox was made."""
    life = ordinary().saw(Milestone.SANDBOX_READY, watched(3.4))
    instants = resolve(life.timeline())
    sandbox, address = instants[MilestoneKey(Milestone.SANDBOX_READY)], instants[MilestoneKey(Milestone.IP_ASSIGNED)]
    assert (sandbox.at, sandbox.latest) == (at(1), at(1))
    assert (address.earliest, address.latest) == (at(0), at(1))
    assert address.at == at(0.2) + (at(1) - at(0.2)) * 2 // 3
    assert address.source is Source.ORDER


def test_an_address_that_was_stamped_stays_where_its_stamp_is() -> None:
    """Multus says when it attached an interface."""
    life = ordinary().saw(Milestone.SANDBOX_READY, watched(3.4)).saw(Milestone.IP_ASSIGNED, named(0.7))
    assert resolve(life.timeline())[MilestoneKey(Milestone.IP_ASSIGNED)].at == at(0.7)


def test_a_sandbox_that_was_made_anew_takes_no_bound_from_the_containers() -> None:
    """Its condition turned after they ran: the first address is bounded by them all the same."""
    life = ordinary().saw(Milestone.SANDBOX_READY, in_second(8), watched(8.5))
    assert resolve(life.timeline())[MilestoneKey(Milestone.IP_ASSIGNED)].latest == at(1)


def test_a_write_that_two_tell_of_is_put_before_the_first_by_a_part_of_what_they_differ_by() -> None:
    """The scheduler said it 20 ms before the watch did: on a machine that busy both are late."""
    life = Life().described(facts()).saw(Milestone.CREATED, watched(0.01))
    life.saw(Milestone.SCHEDULED, just_after(Source.EVENT_TIME, at(0.08), observed=at(0.2)), watched(0.1))
    instant = resolve(life.timeline())[MilestoneKey(Milestone.SCHEDULED)]
    assert (instant.at, instant.latest, instant.source) == (at(0.075), at(0.08), Source.EVENT_TIME)


def test_witnesses_that_are_far_apart_tell_of_a_stream_that_stood_still() -> None:
    """The watch came a minute later: 10 ms are taken off, not a quarter of the minute."""
    life = Life().described(facts()).saw(Milestone.CREATED, named(0.5), watched(60))
    assert resolve(life.timeline())[MilestoneKey(Milestone.CREATED)].at == at(0.49)


def test_a_write_is_not_put_before_what_must_come_before_it() -> None:
    """Bound 2 ms after it was created, or in the first instant of the second that its stamp names."""
    life = Life().described(facts()).saw(Milestone.CREATED, in_second(0), named(0.001), watched(0.03))
    life.saw(Milestone.SCHEDULED, watched(0.03), just_after(Source.EVENT_TIME, at(0.002), observed=at(0.2)))
    instants = resolve(life.timeline())
    assert instants[MilestoneKey(Milestone.CREATED)].at == at(0)
    assert instants[MilestoneKey(Milestone.SCHEDULED)].at == at(0)


def test_every_predecessor_stands_before_its_mark() -> None:
    """The order is topological, so one pass each way carries all bounds."""
    order = predecessors(facts(INIT, PROXY, WEB, readiness_gates=("example.org/lb",)))
    seen: set[MilestoneKey] = set()
    for mark, before in order.items():
        assert set(before) <= seen, mark
        seen.add(mark)


def test_every_milestone_of_the_table_has_its_place_in_the_order() -> None:
    """A milestone added to the table without an order would never be bounded."""
    volumes = (VolumeSpec("data", "persistentVolumeClaim", "data-web-0"),)
    order = predecessors(facts(INIT, PROXY, WEB, readiness_gates=("example.org/lb",), volumes=volumes))
    assert {mark.milestone for mark in order} == set(Milestone) - UNORDERED


def test_a_sidecar_releases_the_next_container_when_its_startup_probe_passes() -> None:
    """Native sidecars never finish (KEP-753)."""
    order = predecessors(facts(PROXY, WEB))
    assert order[MilestoneKey(Milestone.PULL_STARTED, "web")] == (
        MilestoneKey(Milestone.STARTUP_PROBE_PASSED, "proxy"),
    )


def test_an_init_container_releases_the_next_one_when_it_finishes() -> None:
    """Init containers run one after the other."""
    order = predecessors(facts(INIT, PROXY, WEB))
    assert order[MilestoneKey(Milestone.PULL_STARTED, "proxy")] == (MilestoneKey(Milestone.FINISHED, "migrate"),)


def test_a_static_pod_runs_before_its_mirror_is_created() -> None:
    """The API object of a static pod comes later: the order of creation and start must not be called skew."""
    life = Life().described(facts(mirror="static-1"))
    life.saw(Milestone.CREATED, in_second(9, Source.FIELD), watched(9.1))
    life.saw(Milestone.KUBELET_ADMITTED, in_second(1, Source.FIELD))
    life.saw(Milestone.STARTED, named(3), subject="web")
    instants = resolve(life.timeline())
    assert all(instant.skew == 0 for instant in instants.values())


def test_a_clock_that_is_behind_shows_as_skew() -> None:
    """A start stamped three seconds before the pod existed is kept as it was said, with the contradiction."""
    life = Life().described(facts())
    life.saw(Milestone.CREATED, in_second(10, Source.FIELD), watched(10.2))
    life.saw(Milestone.STARTED, named(7), subject="web")
    instant = resolve(life.timeline())[MilestoneKey(Milestone.STARTED, "web")]
    assert (instant.at, instant.skew) == (at(7), at(10) - at(7))


def test_events_alone_already_have_instants() -> None:
    """An event can come before its pod is seen."""
    life = container_start(Life(), "web", 1.0)
    assert resolve(life.timeline())[MilestoneKey(Milestone.STARTED, "web")].at == at(3.2 - ANSWER)


def test_a_step_of_a_start_is_not_before_the_report_of_the_step_before() -> None:
    """The kubelet says Created before it starts the container: the start lies between the two reports."""
    instants = resolve(container_start(Life().described(facts()), "web", 1.0).timeline())
    started, created = (
        instants[MilestoneKey(Milestone.STARTED, "web")],
        instants[MilestoneKey(Milestone.CONTAINER_CREATED, "web")],
    )
    assert (created.earliest, created.latest) == (at(3.0), at(3.1))
    assert (started.earliest, started.latest) == (at(3.1), at(3.2))


def test_reports_of_a_container_that_restarted_bound_nothing_from_below() -> None:
    """Of several Created events the first may be lost: the second is later than the first start."""
    life = Life().described(facts())
    life.told.append(Ran("uid-1", "web", 1))
    life.saw(Milestone.CONTAINER_CREATED, named(8), subject="web")
    life.saw(Milestone.STARTED, in_second(3, Source.FIELD), subject="web")
    assert resolve(life.timeline())[MilestoneKey(Milestone.STARTED, "web")].skew == 0


@pytest.mark.parametrize(
    ("made", "stamped", "told"),
    [(1.0, 1.08, 1.078), (1.0, 3.0, 2.995), (1.0, 1.0, 1.0), (None, 3.0, 3.0)],
    ids=["a fortieth of the time that it took", "five milliseconds at most", "no time", "since when is unknown"],
)
def test_a_process_starts_somewhat_before_the_runtimes_answer(made: float | None, stamped: float, told: float) -> None:
    """The report is of the answer, which is the later the longer the start took; its stamp stays the bound."""
    life = Life().described(facts())
    if made is not None:
        life.saw(Milestone.CONTAINER_CREATED, named(made), subject="web")
    life.saw(Milestone.STARTED, named(stamped), subject="web")
    instant = resolve(life.timeline())[MilestoneKey(Milestone.STARTED, "web")]
    assert (instant.at, instant.latest) == (at(told), at(stamped))


def test_what_shows_a_start_before_its_report_is_believed_as_it_is() -> None:
    """A watch that was faster than the Event's stamp is the bound, and no answer of the runtime."""
    life = Life().described(facts()).saw(Milestone.CONTAINER_CREATED, named(1), subject="web")
    life.saw(Milestone.STARTED, named(3), watched(2.5), subject="web")
    assert resolve(life.timeline())[MilestoneKey(Milestone.STARTED, "web")].at == at(2.5)
