"""Who controls the controllers, and which Services select a pod."""

from typing import Any

from tests.support.objects import CREATED, line, raw
from tests.support.recording import RecordingIntake

from podtimeline.intake.feeds import Feed
from podtimeline.intake.kinds import LowRate
from podtimeline.intake.lowrate import Listeners, low_rate_feeds
from podtimeline.intake.owners import OwnerIndex
from podtimeline.model.pods import Owner

DEPLOYMENT = Owner("Deployment", "web", "d-1")
REPLICASET = Owner("ReplicaSet", "web-abc", "rs-1")


def replicaset(name: str = "web-abc", uid: str = "rs-1", owner: Owner | None = DEPLOYMENT) -> dict[str, Any]:
    """A ReplicaSet of a Deployment."""
    references = [{"kind": owner.kind, "name": owner.name, "uid": owner.uid, "controller": True}] if owner else []
    meta = {"name": name, "namespace": "shop", "uid": uid, "creationTimestamp": CREATED, "resourceVersion": "7"}
    return {"metadata": meta | {"ownerReferences": references}}


def service(name: str, selector: dict[str, str] | None, **spec: Any) -> dict[str, Any]:
    """A Service."""
    return {"metadata": {"name": name, "namespace": "shop", "uid": name}, "spec": {"selector": selector} | spec}


def listing(index: OwnerIndex, kind: LowRate, *bodies: dict[str, Any]) -> Feed[Any]:
    """A complete listing of one kind."""
    feed = low_rate_feeds(Listeners(owners=index), RecordingIntake())[kind]
    feed.begin()
    for body in bodies:
        feed.item(raw(body), arrived=1)
    feed.end("9", arrived=1)
    return feed


def test_a_chain_goes_from_the_owner_to_its_own_controllers() -> None:
    """ReplicaSet to Deployment, Job to CronJob; what has no controller ends the chain."""
    index = OwnerIndex()
    assert index.chain("shop", REPLICASET) == (REPLICASET,)
    listing(index, LowRate.REPLICASETS, replicaset(), replicaset("bare", "rs-2", None))
    cron = Owner("CronJob", "nightly", "c-1")
    listing(index, LowRate.JOBS, replicaset("nightly-1", "j-1", cron))
    assert index.chain("shop", REPLICASET) == (REPLICASET, DEPLOYMENT)
    assert index.chain("shop", Owner("Job", "nightly-1", "j-1"))[1:] == (cron,)
    assert index.chain("shop", Owner("ReplicaSet", "bare", "rs-2"))[1:] == ()
    assert index.chain("shop", Owner("StatefulSet", "db", "s-1"))[1:] == ()
    assert index.chain("till", REPLICASET) == (REPLICASET,)


def test_a_controller_of_the_same_name_is_not_the_same() -> None:
    """The uid decides: a ReplicaSet that was made again is another one."""
    index = OwnerIndex()
    listing(index, LowRate.REPLICASETS, replicaset(uid="rs-new"))
    assert index.chain("shop", REPLICASET) == (REPLICASET,)


def test_owners_in_a_circle_end() -> None:
    """Nothing in the API checks owner references."""
    index = OwnerIndex()
    listing(index, LowRate.REPLICASETS, replicaset(owner=REPLICASET))
    assert len(index.chain("shop", REPLICASET)) == 5


def test_services_are_unknown_until_all_were_listed() -> None:
    """``None`` is not the same as none."""
    index = OwnerIndex()
    feed = low_rate_feeds(Listeners(owners=index), RecordingIntake())[LowRate.SERVICES]
    feed.begin()
    feed.item(raw(service("web", {"app": "web"})), arrived=1)
    assert index.services("shop", {"app": "web"}) is None
    feed.end("9", arrived=1)
    assert index.services("shop", {"app": "web", "tier": "x"}) == ("shop/web",)


def test_only_selectors_that_match_select() -> None:
    """All labels of the selector, in the same namespace; ExternalName and selectorless Services never."""
    index = OwnerIndex()
    listing(
        index,
        LowRate.SERVICES,
        service("web", {"app": "web"}),
        service("front", {"app": "web", "tier": "front"}),
        service("elsewhere", {"app": "web"}, type="ExternalName"),
        service("manual", None),
        service("empty", {}),
    )
    assert index.services("shop", {"app": "web"}) == ("shop/web",)
    assert index.services("shop", {"app": "web", "tier": "front"}) == ("shop/front", "shop/web")
    assert index.services("till", {"app": "web"}) == ()


def test_a_listing_replaces_what_was_and_a_watch_changes_it() -> None:
    """What vanished in a gap goes; a selector can be changed and removed."""
    index = OwnerIndex()
    listing(index, LowRate.SERVICES, service("web", {"app": "web"}), service("old", {"app": "web"}))
    feed = listing(index, LowRate.SERVICES, service("web", {"app": "web"}))
    assert index.services("shop", {"app": "web"}) == ("shop/web",)
    feed.line(line("ADDED", service("new", {"app": "web"})), arrived=1, live=True)
    feed.line(line("MODIFIED", service("web", {"app": "other"})), arrived=1, live=True)
    assert index.services("shop", {"app": "web"}) == ("shop/new",)
    feed.line(line("MODIFIED", service("new", None)), arrived=1, live=True)
    feed.line(line("DELETED", service("web", {"app": "other"})), arrived=1, live=True)
    assert index.services("shop", {"app": "other"}) == ()
    assert index.services("shop", {"app": "web"}) == ()


def test_what_is_deleted_while_a_listing_is_read_does_not_come_back() -> None:
    """The listing's page is older than the watch."""
    index = OwnerIndex()
    feed = listing(index, LowRate.SERVICES, service("web", {"app": "web"}))
    feed.begin()
    feed.line(line("DELETED", service("web", {"app": "web"})), arrived=1, live=True)
    feed.line(line("ADDED", service("new", {"app": "web"})), arrived=1, live=True)
    feed.item(raw(service("web", {"app": "web"})), arrived=1)
    feed.end("9", arrived=1)
    assert index.services("shop", {"app": "web"}) == ("shop/new",)


def test_a_custom_resource_is_not_the_kind_whose_name_it_has() -> None:
    """A Job of Volcano has no CronJob, whatever Job of that name there is."""
    index = OwnerIndex()
    listing(index, LowRate.JOBS, replicaset("train", "j-1", Owner("CronJob", "nightly", "c-1")))
    assert len(index.chain("shop", Owner("Job", "train"))) == 2
    assert len(index.chain("shop", Owner("Job", "train", group="batch.volcano.sh"))) == 1


def test_namespaces_are_named_in_which_selectors_changed() -> None:
    """Once; a listing names those that are otherwise than before, and a Service without selector none."""
    index = OwnerIndex()
    feed = listing(index, LowRate.SERVICES, service("web", {"app": "web"}))
    assert index.services_changed() == {"shop"}
    assert index.services_changed() == set()
    listing(index, LowRate.SERVICES, service("web", {"app": "web"}))
    feed.line(line("MODIFIED", service("web", {"app": "web"})), arrived=1, live=True)
    feed.line(line("ADDED", service("manual", None)), arrived=1, live=True)
    assert index.services_changed() == set()
    feed.line(line("MODIFIED", service("web", {"app": "x"})), arrived=1, live=True)
    assert index.services_changed() == {"shop"}
    feed.line(line("DELETED", service("web", {"app": "x"})), arrived=1, live=True)
    assert index.services_changed() == {"shop"}
    listing(index, LowRate.SERVICES)
    assert index.services_changed() == set()
