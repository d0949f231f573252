"""The versioned JSON of a pod that could not be evaluated: what is known of it, in place of its timeline."""

from podtimeline.render.document import API_VERSION, Document

UNEVALUATED_KIND = "PodTimelineError"
_TEXT = "The timeline could not be evaluated; the operator's log says where."


def unevaluated_document(
    *, uid: str, namespace: str, name: str, workload: tuple[str, str], node: str | None, cluster: str | None
) -> Document:
    """The document of the pod; ``schema.UNEVALUATED`` describes it. ``workload`` is its kind and name."""
    return {
        "apiVersion": API_VERSION,
        "kind": UNEVALUATED_KIND,
        "uid": uid,
        "cluster": cluster,
        "namespace": namespace,
        "name": name,
        "workload": {"kind": workload[0], "name": workload[1]},
        "node": node,
        "error": _TEXT,
    }
