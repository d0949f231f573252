"""What the audit log says of addresses in EndpointSlices."""

from tests.support.truth import Json, Pods, Span

from podtimeline.model.milestones import Milestone


class SliceWrites:
    """Which addresses stand as ready in which slice, write by write."""

    def __init__(self, pods: Pods) -> None:
        self._pods = pods
        self._ready: dict[str, set[str]] = {}

    def read(self, entry: Json, span: Span) -> None:
        """Take one write."""
        reference = entry["objectRef"]
        if reference.get("resource") != "endpointslices":
            return
        if entry["verb"] in {"delete", "deletecollection"}:
            self._gone(reference["namespace"], reference.get("name"), span)
        else:
            self._written(entry["responseObject"], span)

    def _written(self, now: Json, span: Span) -> None:
        meta = now["metadata"]
        service = (meta.get("labels") or {}).get("kubernetes.io/service-name")
        subject = f"{meta['namespace']}/{service}/{meta['name']}"
        stood = self._ready.setdefault(subject, set())
        present: dict[str, Json] = {}
        for endpoint in now.get("endpoints") or ():
            target = endpoint.get("targetRef") or {}
            if target.get("kind") == "Pod":
                present[self._pods.of(target).uid] = endpoint["conditions"]
        for uid, conditions in present.items():
            pod = self._pods[uid]
            if conditions.get("ready") is not False:
                pod.first(Milestone.ENDPOINT_READY, span, subject=subject)
                trigger = (meta.get("annotations") or {}).get("endpoints.kubernetes.io/last-change-trigger-time")
                pod.said(Milestone.ENDPOINT_READY, trigger, subject=subject)
                stood.add(uid)
            elif uid in stood and conditions.get("terminating"):
                pod.first(Milestone.ENDPOINT_TERMINATING, span, subject=subject)
        for uid in stood - present.keys():
            stood.remove(uid)
            self._pods[uid].first(Milestone.ENDPOINT_REMOVED, span, subject=subject)

    def _gone(self, space: str, name: str | None, span: Span) -> None:
        """A slice is deleted, or all of a namespace are: no address stands in it any more."""
        for subject, stood in self._ready.items():
            if subject.startswith(f"{space}/") and name in {None, subject.rpartition("/")[2]}:
                for uid in stood:
                    self._pods[uid].first(Milestone.ENDPOINT_REMOVED, span, subject=subject)
                stood.clear()
