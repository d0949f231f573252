"""Who controls the controllers."""

from typing import Any

from tests.support.feeds import feed_of
from tests.support.objects import CREATED, raw

from podtimeline.kube.feed import Feed
from podtimeline.model.pods import Owner
from podtimeline.sources.registry import Indexes

DEPLOYMENT = Owner("Deployment", "web", "d-1")
REPLICASET = Owner("ReplicaSet", "web-abc", "rs-1")


def replicaset(name: str = "web-abc", uid: str = "rs-1", owner: Owner | None = DEPLOYMENT) -> dict[str, Any]:
    """A ReplicaSet of a Deployment."""
    references = [{"kind": owner.kind, "name": owner.name, "uid": owner.uid, "controller": True}] if owner else []
    meta = {"name": name, "namespace": "shop", "uid": uid, "creationTimestamp": CREATED, "resourceVersion": "7"}
    return {"metadata": meta | {"ownerReferences": references}}


def listing(known: Indexes, kind: str, *bodies: dict[str, Any]) -> Feed[Any]:
    """A complete listing of one kind."""
    feed = feed_of(kind, known=known)
    feed.begin()
    for body in bodies:
        feed.item(raw(body), arrived=1)
    feed.end("9", arrived=1)
    return feed


def test_a_chain_goes_from_the_owner_to_its_own_controllers() -> None:
    """ReplicaSet to Deployment, Job to CronJob; what has no controller ends the chain."""
    known = Indexes()
    assert known.owners.chain("shop", REPLICASET) == (REPLICASET,)
    listing(known, "replicasets", replicaset(), replicaset("bare", "rs-2", None))
    cron = Owner("CronJob", "nightly", "c-1")
    listing(known, "jobs", replicaset("nightly-1", "j-1", cron))
    assert known.owners.chain("shop", REPLICASET) == (REPLICASET, DEPLOYMENT)
    assert known.owners.chain("shop", Owner("Job", "nightly-1", "j-1"))[1:] == (cron,)
    assert known.owners.chain("shop", Owner("ReplicaSet", "bare", "rs-2"))[1:] == ()
    assert known.owners.chain("shop", Owner("StatefulSet", "db", "s-1"))[1:] == ()
    assert known.owners.chain("till", REPLICASET) == (REPLICASET,)


def test_a_controller_of_the_same_name_is_not_the_same() -> None:
    """The uid decides: a ReplicaSet that was made again is another one."""
    known = Indexes()
    listing(known, "replicasets", replicaset(uid="rs-new"))
    assert known.owners.chain("shop", REPLICASET) == (REPLICASET,)


def test_owners_in_a_circle_end() -> None:
    """Nothing in the API checks owner references."""
    known = Indexes()
    listing(known, "replicasets", replicaset(owner=REPLICASET))
    assert len(known.owners.chain("shop", REPLICASET)) == 5


def test_a_custom_resource_is_not_the_kind_whose_name_it_has() -> None:
    """A Job of Volcano has no CronJob, whatever Job of that name there is."""
    known = Indexes()
    listing(known, "jobs", replicaset("train", "j-1", Owner("CronJob", "nightly", "c-1")))
    assert len(known.owners.chain("shop", Owner("Job", "train"))) == 2
    assert len(known.owners.chain("shop", Owner("Job", "train", group="batch.volcano.sh"))) == 1
