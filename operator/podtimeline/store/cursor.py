"""The cursor of a search: where a page ended. Every store with numbered rows uses it."""

import base64
from dataclasses import dataclass
from typing import Annotated

import msgspec

from podtimeline.errors import QueryError
from podtimeline.ports import Order

_Int64 = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: the order, the moment of the first page, and the last row's key and id."""

    order: Order
    now: int
    key: int
    row: int

    def text(self) -> str:
        """The cursor as sent to clients: an opaque text, safe in URLs."""
        raw = msgspec.msgpack.encode((self.order, self.now, self.key, self.row))
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str, order: Order) -> "Cursor":
        """Parse a cursor. Raises ``QueryError`` if it is not valid, or belongs to a search in another order."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            found = cls(*msgspec.msgpack.decode(raw, type=tuple[Order, _Int64, _Int64, _Int64]))
        except (ValueError, msgspec.MsgspecError) as error:
            raise QueryError("cursor: not valid for this history; start again without a cursor") from error
        if found.order is not order:
            raise QueryError(f"cursor: belongs to a search with order={found.order}; start again without a cursor")
        return found
