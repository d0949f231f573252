"""Whatever arrives, the whole way goes on: decode, tracker, commit, restart from that history, scrape, HTTP, terminal.

Each run has a seed of its own, which is printed; ``FUZZ_SEED`` repeats a run, ``FUZZ_OBJECTS`` says how long it is.
"""

import json
import os
import random
import secrets
import sys
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.support.hostile import mutated, seeds
from tests.support.objects import CREATED_NS, event, pod, ready_pod
from tests.support.whole import Whole

from podtimeline.cli.client import read
from podtimeline.cli.show import pictures
from podtimeline.model.instants import SECOND
from podtimeline.quarantine import Operation
from podtimeline.render.screen import Screen
from podtimeline.render.structs import PodTimelineDocument

SEED = int(os.environ.get("FUZZ_SEED", "0")) or secrets.randbelow(1 << 48)
OBJECTS = int(os.environ.get("FUZZ_OBJECTS", "12000"))
"""Half a minute on a quiet machine."""
STEP = SECOND // 20
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of characters that a terminal obeys or hides."""
LONGEST_PATH = 8000
"""What is longer is no HTTP request; no name that the API server takes is so long."""
GUARDED = tuple(f"guarded-{number}" for number in range(3))
"""Pods of a namespace of their own that nobody attacks."""


def guarded(index: int) -> Iterator[tuple[str, bytes]]:
    """The life of one of the pods that nobody attacks."""
    name, uid = GUARDED[index], f"uid-{GUARDED[index]}"
    owner = [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "kept", "uid": "rs-kept", "controller": True}]
    meta = {"namespace": "till", "uid": uid, "ownerReferences": owner}
    new = pod(name, namespace="till", uid=uid, metadata=meta)
    started = ready_pod(name, metadata=meta, spec={"nodeName": "node-kept"})
    about = {"kind": "Pod", "namespace": "till", "name": name, "uid": uid, "fieldPath": "spec.containers{web}"}
    yield "pods", _dumped(new)
    for number, reason in enumerate(("Pulling", "Pulled", "Created", "Started")):
        told = event(reason, at=CREATED_NS + (number + 1) * SECOND // 8, involvedObject=about)
        told["metadata"] |= {"namespace": "till", "name": f"{name}.{CREATED_NS + (number + 1) * SECOND // 8:016x}"}
        yield "events", _dumped(told)
    yield "pods", _dumped(started)


def _dumped(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


def lives() -> dict[int, tuple[str, bytes]]:
    """What is said of the guarded pods, by the step at which it is said."""
    lines = [line for index in range(len(GUARDED)) for line in guarded(index)]
    return {(number + 1) * (OBJECTS // (len(lines) + 2)): line for number, line in enumerate(lines)}


async def play(path: Path, dice: random.Random | None) -> tuple[Whole, int]:
    """Everything said in order, with a restart half way; ``dice`` makes the hostile objects, ``None`` leaves them out.

    Returns the operator, and how many objects were malformed.
    """
    known, said, malformed = seeds(), lives(), 0
    thread = ThreadPoolExecutor(1)
    whole = Whole(path, thread, now=CREATED_NS)
    for number in range(OBJECTS):
        whole.time += STEP
        if dice is not None:
            stream, body = dice.choice(known)
            kind = dice.choice((b"ADDED", b"MODIFIED", b"MODIFIED", b"DELETED"))
            whole.read(stream, mutated(body, dice), listed=number % 7 == 0, kind=kind)
        if number in said:
            whole.read(*said[number], listed=False, kind=b"MODIFIED")
        if number % 100 == 0:
            await whole.commit()
        if number == OBJECTS // 2:
            malformed += sum(feed.malformed for feed in whole.feeds.values())
            await whole.commit()
            whole.close()
            whole = Whole(path, thread, now=whole.time)
    await whole.commit()
    return whole, malformed + sum(feed.malformed for feed in whole.feeds.values())


async def answers(whole: Whole) -> list[dict[str, Any]]:
    """Every document that the API has; each path answers, and each pod by its name."""
    found: list[dict[str, Any]] = []
    async with whole.served() as (metrics, api):
        for path in ("/metrics", "/healthz", "/readyz", "/openapi.json"):
            assert (await metrics.get(path)).status == 200, path
        for path in ("/api/v1/workloads", "/api/v1/faults", "/openapi.json", "/api/v1/pods?order=slowest&limit=500"):
            assert (await api.get(path)).status == 200, path
        cursor: str | None = ""
        while cursor is not None:
            more = f"&cursor={quote(cursor)}" if cursor else ""
            page = await (await api.get(f"/api/v1/pods?limit=200{more}")).json()
            found += page["items"]
            cursor = page["cursor"]
        for each in found[:200]:
            name = f"{quote(each['namespace'], safe='')}/{quote(each['name'], safe='')}"
            path = f"/api/v1/pods/{name}?uid={quote(each['uid'])}"
            if len(path) > LONGEST_PATH:
                continue
            answer = await api.get(path)
            # What is no name at all cannot be asked for by it: it is refused with what is allowed.
            assert answer.status in {200, 400, 404}, (name, await answer.text())
    return found


def hidden(text: str) -> list[str]:
    """The lines of which a terminal does not show all, or does something else with it."""
    return [line for line in text.split("\n") if any(unicodedata.category(each) in HIDDEN for each in line)]


@pytest.mark.timeout(900)
async def test_whatever_arrives_the_whole_way_goes_on(tmp_path: Path) -> None:
    """Nothing fails; pods that nobody attacks are told just as without the attack, before and after a restart."""
    print(f"FUZZ_SEED={SEED} FUZZ_OBJECTS={OBJECTS}", file=sys.stderr)
    whole, malformed = await play(tmp_path / "attacked", random.Random(SEED))  # noqa: S311 - reproducible, not secret
    calm, _ = await play(tmp_path / "calm", None)
    attacked, expected = await answers(whole), await answers(calm)
    counts = whole.quarantine.counts
    print(f"{malformed} malformed, contained by step: {counts}, pods: {len(attacked)}", file=sys.stderr)
    for fault in whole.quarantine.faults:
        if fault.step is not Operation.DECODE:
            print(f"{fault.step} {fault.count} times at {fault.where}: {fault.error}", file=sys.stderr)
    kept = [each for each in attacked if each["namespace"] == "till"]
    assert sorted(each["name"] for each in kept) == sorted(GUARDED)
    assert sorted(kept, key=lambda each: str(each["name"])) == sorted(expected, key=lambda each: str(each["name"]))
    assert OBJECTS * 0.05 < malformed < OBJECTS * 0.9
    for width in (80, 160):
        drawn = Screen(width).draw(
            pictures([read(each, PodTimelineDocument) for each in attacked], Screen(width), wide=width > 100)
        )
        assert hidden(drawn) == []
    whole.close()
    calm.close()
