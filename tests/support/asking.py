"""What the timelines of the pods of ``tests/e2e/owners.yaml`` have to tell, of the live cluster or of its capture."""

from collections.abc import Callable, Sequence
from typing import Any

from tests.support.sums import assert_whole, in_order, reached
from tests.support.truth import nanoseconds

ROLLOUT, OWNER, CREATED = ("rollout_started", ""), ("owner_created", ""), ("created", "")
NEIGHBOUR, PLACE = ("predecessor_ready", ""), ("predecessor_removed", "")
SECOND = 10**9
MINUTE = 60 * SECOND
REFUSED = {"full": "exceeded quota: full", "barred": "violates PodSecurity"}
"""The Deployments whose pods are refused at first, and the words of that."""
Items = Sequence[Any]


def asked(item: Any) -> str | None:
    """What the pod was made for, in words; ``None`` where nobody asked for it, or nobody knows."""
    found = reached(item).get(ROLLOUT)
    return None if found is None else found["detail"]


def request(item: Any) -> dict[str, int]:
    """The phases of its request leg, in nanoseconds."""
    return {each["phase"]: each["durationNanoseconds"] for each in item["request"]}


def longest(item: Any) -> str:
    """The longest of them."""
    phases = request(item)
    return max(phases, key=lambda phase: phases[phase])


def of(items: Items, name: str, *words: str | None) -> list[Any]:
    """The pods whose name is, or begins with, ``name``, by creation; with ``words`` only those made for that."""
    found = [each for each in items if f"{each['name']}-".startswith(f"{name}-")]
    found = [each for each in found if not words or asked(each) in words]
    return sorted(found, key=lambda item: (item["phases"][0]["start"], item["name"]))


def only(items: Items, name: str, *words: str | None) -> Any:
    """The only one of them."""
    (item,) = of(items, name, *words)
    return item


def revisions(items: Items, name: str) -> list[str]:
    """The requests for pods of a StatefulSet, in their order."""
    return list(dict.fromkeys(word for item in of(items, name) if (word := asked(item)) is not None))


def sums(items: Items) -> None:
    """Whoever asked for a pod, its legs lie end to end, sum, and nothing is skewed."""
    assert len(items) >= 20
    for item in items:
        assert_whole(item)
        assert item["skewNanoseconds"] == 0, item["name"]


def first_rollout(items: Items) -> None:
    """Revision 1 of a Deployment: asked for, its ReplicaSet made, its pods made, all within a moment."""
    found = of(items, "web", "revision 1")
    assert len(found) == 2
    for item in found:
        in_order(item, ROLLOUT, OWNER, CREATED)
        assert 0 <= item["requestedSeconds"] < 10
        assert request(item).keys() <= {"owner_controller", "pod_creation"}


def scale_up(items: Items) -> None:
    """A request of its own: its ReplicaSet is that of the first rollout, which is no part of it."""
    found = of(items, "web", "scaled from 2 to 4")
    assert len(found) == 2
    for item in found:
        assert OWNER not in reached(item)
        assert item["requestedSeconds"] < 10


def second_revision(items: Items) -> None:
    """Asked for once by its number; later pods wait until earlier ones are ready."""
    found = of(items, "web", "revision 2")
    assert len(found) == 4
    for item in found:
        in_order(item, ROLLOUT, OWNER, CREATED)
        assert item["requestedSeconds"] < 60
    assert len({reached(item)[ROLLOUT]["at"] for item in found}) == 1


def replacements(items: Items) -> None:
    """What replaces a killed pod was asked for by nobody: there is no request, and no leg of it."""
    web, db = only(items, "web", None), only(items, "db", None)
    for item in (web, db):
        assert item["request"] == []
        assert item["requestedSeconds"] is None
    in_order(db, PLACE, CREATED)
    assert reached(db)[PLACE]["detail"] == "db-0"


def ordered_start(items: Items) -> None:
    """The second pod of a StatefulSet waits for the first one to be ready: four seconds by its probe."""
    zero, one = of(items, "db", revisions(items, "db")[0])
    in_order(zero, ROLLOUT, OWNER, CREATED)
    in_order(one, ROLLOUT, OWNER, NEIGHBOUR, CREATED)
    assert reached(one)[NEIGHBOUR]["detail"] == "db-0"
    assert NEIGHBOUR not in reached(zero)
    assert longest(one) == "predecessor"
    assert request(one)["predecessor"] >= 4 * SECOND
    assert "db-0" in one["explanation"], one["explanation"]


def update_downwards(items: Items) -> None:
    """The last pod is replaced first; the one before it waits for it, then for its own end of three seconds."""
    one, zero = of(items, "db", revisions(items, "db")[1])
    assert (one["name"], zero["name"]) == ("db-1", "db-0")
    in_order(one, ROLLOUT, PLACE, CREATED)
    assert longest(one) == "replacement"
    in_order(zero, ROLLOUT, NEIGHBOUR, PLACE, CREATED)
    assert reached(zero)[NEIGHBOUR]["detail"] == "db-1"
    assert longest(zero) == "predecessor"
    assert request(zero)["replacement"] >= 2 * SECOND
    assert "db-1" in zero["explanation"], zero["explanation"]


def daemons(items: Items) -> None:
    """One on each node by revision; an update waits on each node for the pod that is there."""
    first, second = of(items, "agent", "revision 1"), of(items, "agent", "revision 2")
    assert len(first) == len(second) > 0
    assert {item["node"] for item in first} == {item["node"] for item in second}
    for item in first:
        in_order(item, ROLLOUT, OWNER, CREATED)
    for item in second:
        in_order(item, ROLLOUT, PLACE, CREATED)
        assert reached(item)[PLACE]["detail"] in {each["name"] for each in first if each["node"] == item["node"]}
        assert longest(item) == "replacement"


def job(items: Items) -> None:
    """It is its own workload, and its creation the request."""
    item = only(items, "report")
    assert item["workload"] == {"kind": "Job", "name": "report"}
    assert asked(item) == "created"
    in_order(item, ROLLOUT, OWNER, CREATED)


def cronjob(items: Items) -> None:
    """It asks by its schedule, to the second that this named, whenever its Job was made."""
    found = of(items, "tick")
    assert found
    for item in found:
        assert item["workload"] == {"kind": "CronJob", "name": "tick"}
        assert asked(item) == "schedule * * * * *"
        in_order(item, ROLLOUT, OWNER, CREATED)
        said = reached(item)[ROLLOUT]
        assert nanoseconds(said["at"]) % MINUTE == 0
        assert said["earliest"] == said["latest"] == said["at"]


def bare_pod(items: Items) -> None:
    """Its own creation is the request: nothing waited for it to be made."""
    item = only(items, "bare", "bare pod")
    assert reached(item)[ROLLOUT]["at"] == reached(item)[CREATED]["at"]
    assert item["requestedNanoseconds"] == 0


def custom_owner(items: Items) -> None:
    """The workload is what the controller reference names; nothing is guessed of a kind that is not read."""
    item = only(items, "of-a-widget", None)
    assert item["workload"] == {"kind": "Widget", "name": "gear"}
    assert OWNER not in reached(item)
    assert item["requestedSeconds"] is None


def refusals(items: Items) -> None:
    """The pods that come after all tell of the refusals: their request leg holds the wait and says why."""
    for name, words in REFUSED.items():
        found = of(items, name, "revision 1")
        assert len(found) == 2
        for item in found:
            note = next(each for each in item["notes"] if each["reason"] == "FailedCreate")
            assert words in note["text"]
            assert note["count"] > 1
            in_order(item, ROLLOUT, OWNER, CREATED)
            assert longest(item) == "pod_creation"
            assert request(item)["pod_creation"] >= 10 * SECOND
            assert words in item["explanation"], item["explanation"]


CHECKS: dict[str, Callable[[Items], None]] = {
    check.__name__: check
    for check in (
        sums, first_rollout, scale_up, second_revision, replacements, ordered_start, update_downwards, daemons, job,
        cronjob, bare_pod, custom_owner, refusals,
    )
}  # fmt: skip
