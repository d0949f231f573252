"""A pod is compared with pods of its node and its time."""

import pytest
from tests.support.lives import Life, at, container_start, facts, watched

from podtimeline.analysis.findings.peers import PeerPull, Peers, peers
from podtimeline.analysis.resolved import ResolvedTimeline, view
from podtimeline.model.instants import SECOND
from podtimeline.model.milestones import Milestone
from podtimeline.model.observations import ImagePulled
from podtimeline.model.pods import VolumeSpec

MIB = 1 << 20


def pod(
    uid: str, *, node: str = "node-1", begin: float = 0, sandbox: float = 1, claims: bool = False
) -> ResolvedTimeline:
    """A pod that is bound at once, gets its sandbox after ``sandbox`` seconds and pulls an image for a second."""
    volumes = (VolumeSpec("data", "persistentVolumeClaim", "data"),) if claims else ()
    life = Life(uid).described(facts(uid=uid, name=uid, volumes=volumes))
    life.saw(Milestone.CREATED, watched(begin)).saw(Milestone.SCHEDULED, watched(begin), detail=node)
    life.saw(Milestone.KUBELET_ADMITTED, watched(begin))
    life.saw(Milestone.IP_ASSIGNED, watched(begin + sandbox))
    container_start(life, "web", begin + sandbox)
    found = view(life.timeline(), now=at(begin + 30))
    assert found is not None
    return found


def test_figures_come_from_the_same_node() -> None:
    """Pulls and sandboxes of another node say nothing of this one, but what this one is compared with."""
    mine = pod("mine")
    found = peers(mine, [mine, pod("a"), pod("b", sandbox=3, claims=True), pod("c", node="node-2")])
    assert [(each.pod, each.duration, each.claims) for each in found.sandboxes] == [
        ("shop/a", SECOND, False),
        ("shop/b", 3 * SECOND, True),
    ]
    assert [each.pod for each in found.elsewhere] == ["shop/c"]
    assert [each.pod for each in found.pulls] == ["shop/a", "shop/b"]
    assert [(each.pod, each.begin) for each in found.starts] == [("shop/a", at(0)), ("shop/b", at(0))]


def test_figures_of_another_time_are_left_out() -> None:
    """A node is busy in the morning and idle at noon."""
    mine = pod("mine", begin=5000)
    assert peers(mine, [pod("before"), pod("after", begin=10_000)]) == Peers()
    assert len(peers(mine, [pod("near", begin=4600)]).pulls) == 1


def test_a_pod_without_a_node_has_no_peers() -> None:
    """Nothing is known of where it will be."""
    waiting = view(Life().described(facts()).saw(Milestone.CREATED, watched(0)).timeline(), now=at(9))
    assert waiting is not None
    assert peers(waiting, [pod("a")]) == Peers()


def pull(seconds: float, mebibytes: int | None, *, end: float = 10, image: str = "") -> PeerPull:
    """A pull that took so long, as it ended; each of an image of its own unless one is given."""
    size = None if mebibytes is None else mebibytes * MIB
    name = image or f"image-{seconds}-{mebibytes}-{end}"
    return PeerPull("shop/a", name, at(end - seconds), at(end), round(seconds * SECOND), size)


def test_the_rate_of_a_node_is_the_middle_one_of_at_least_two_pulls() -> None:
    """One pull may be an exception, and small ones measure round trips."""
    assert Peers(pulls=(pull(1, 100),)).rate() is None
    assert Peers(pulls=(pull(1, 100), pull(1, None), pull(0.1, 0))).rate() is None
    assert Peers(pulls=(pull(1, 100), pull(1, 50), pull(1, 10))).rate() == 50 * MIB


def test_pulls_that_overlap_are_told_longest_first() -> None:
    """Whoever waits wants to know for whom most."""
    short, long, over = pull(2, 1), pull(5, 1), pull(1, 1, end=3)
    assert Peers(pulls=(short, over, long)).during(at(4), at(9)) == (long, short)


def test_a_check_of_a_present_image_is_no_transfer() -> None:
    """What the node had pulled before, what took tenths of a second, and a first one no longer than the checks."""
    first, again = pull(8, 600, end=10, image="a"), pull(1.5, 600, end=20, image="a")
    assert Peers(pulls=(first, again)).transfers() == (first,)
    assert Peers(pulls=(pull(0.3, 800, end=1, image="b"),)).transfers() == ()
    old = tuple(pull(1.5, 800, end=end, image="c") for end in (5, 10, 15))
    assert Peers(pulls=old).transfers() == ()
    assert Peers(pulls=(*old, pull(1, 50), pull(2, 40))).rate() == 20 * MIB


def test_two_pods_that_pull_an_image_at_once_both_wait_for_its_transfer() -> None:
    """None of them was before the other."""
    twins = (pull(8, 600, end=10, image="a"), pull(7, 600, end=10.1, image="a"))
    assert Peers(pulls=twins).transfers() == twins


@pytest.mark.parametrize(("seconds", "rate"), [(0.3, None), (2, 400 * MIB)])
def test_the_throughput_of_a_short_pull_is_unknown(seconds: float, rate: int | None) -> None:
    """A look-up of the tag takes as long."""
    said = ImagePulled("uid", "web", "i", cached=False, at=at(9), pull=round(seconds * SECOND), size=800 * MIB)
    assert said.rate == rate
