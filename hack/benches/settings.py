"""What the benches have in common: owners that answer at once, and a pod's second of creation."""

from collections.abc import Mapping

from podtimeline.model.instants import SECOND
from podtimeline.model.pods import Owner

CREATED = 1_795_000_000
"""The second, since the epoch, in which the first pod is created."""
BEGIN = CREATED * SECOND


class FixedOwners:
    """Implements ``ports.Owners``: every pod belongs to one Deployment and one Service."""

    _CHAIN = (Owner("ReplicaSet", "storefront-7c9d5f6b84", "rs"), Owner("Deployment", "storefront", "deploy"))

    def chain(self, namespace: str, owner: Owner) -> tuple[Owner, ...]:
        """See ``ports.Owners``."""
        return self._CHAIN

    def services(self, namespace: str, labels: Mapping[str, str]) -> tuple[str, ...] | None:
        """See ``ports.Owners``."""
        return ("shop/storefront",)
