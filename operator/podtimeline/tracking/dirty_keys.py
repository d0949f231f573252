"""Which memories changed since they were last committed."""

from collections.abc import Iterable


class DirtyKeys:
    """Keys of memories that the store lacks, in the order in which they changed."""

    def __init__(self) -> None:
        self._owed: dict[str, None] = {}

    def __len__(self) -> int:
        """How many are owed."""
        return len(self._owed)

    def mark(self, key: str) -> None:
        """The memory changed."""
        self._owed[key] = None

    def drain(self) -> tuple[str, ...]:
        """What is owed, handed over; ``failed`` gives it back."""
        owed, self._owed = self._owed, {}
        return tuple(owed)

    def failed(self, keys: Iterable[str]) -> None:
        """The store did not take them."""
        self._owed = dict.fromkeys(keys) | self._owed
