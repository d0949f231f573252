"""How the tracker packs pods that rest: as the store packs its rows."""

from podtimeline.model.state import State
from podtimeline.store.codec import pack, unpack


class PackingCodec:
    """Implements ``tracking.records.Codec``."""

    def pack(self, state: State) -> bytes:
        """The state as bytes."""
        return pack(state)

    def unpack(self, blob: bytes) -> State:
        """The state that ``pack`` was given."""
        return unpack(blob)
