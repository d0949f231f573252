"""How answers are written: JSON a part at a time, compressed for clients that ask for it."""

import msgspec
from aiohttp import web

from podtimeline.render.structs import Struct

LARGE = 64 << 10
"""Bytes above which an answer is compressed in a thread, so that the streams are read meanwhile."""
_LONG = 10


def encode(made: Struct) -> bytes:
    """The JSON of a document; each part of a long list by itself, since an encoder keeps all other threads waiting."""
    names = zip(made.__struct_encode_fields__, made.__struct_fields__, strict=True)
    return msgspec.json.encode({key: _parts(getattr(made, name)) for key, name in names})


def raw(made: Struct) -> msgspec.Raw:
    """A part of a document, encoded already."""
    return msgspec.Raw(msgspec.json.encode(made))


def _parts(value: object) -> object:
    if not isinstance(value, list) or len(value) < _LONG:
        return value
    return [each if isinstance(each, msgspec.Raw) else msgspec.Raw(msgspec.json.encode(each)) for each in value]


def json_response(body: bytes, *, status: int = 200) -> web.Response:
    """An answer of encoded JSON."""
    answer = web.Response(
        status=status, body=body, content_type="application/json", charset="utf-8", zlib_executor_size=LARGE
    )
    return compressed(answer)


def compressed(answer: web.Response) -> web.Response:
    """Compress for clients that ask for it."""
    answer.enable_compression()
    return answer
