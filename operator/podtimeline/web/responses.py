"""How answers are written: JSON a part at a time, compressed for clients that ask for it, and refusals.

A refusal says what to do, as ``application/problem+json`` (RFC 9457).
"""

import json
from collections.abc import Mapping

import msgspec
from aiohttp import web

from podtimeline.render.structs import Struct

LARGE = 64 << 10
"""Bytes above which an answer is compressed in a thread, so that the streams are read meanwhile."""
_LONG = 10
_SHOWN = 100


class BadParameter(ValueError):  # noqa: N818 - named for what it says
    """A parameter is unknown or its value is not allowed."""

    def __init__(self, name: str, value: str, allowed: str) -> None:
        super().__init__(f"{shown(name)}={shown(value)} is not allowed: {allowed}")
        self.parameter = name


class RequestRefused(Exception):  # noqa: N818 - named for what it says
    """A request that is answered with a refusal: its status, what it is, and what to do."""

    def __init__(self, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.headers = headers or {}


def shown(text: str) -> str:
    """A text of somebody else's as it may be quoted: escaped as Python does, and cut where it is long."""
    return repr(text[:_SHOWN]) + ("…" if len(text) > _SHOWN else "")


def problem(
    status: int, title: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: object
) -> web.Response:
    """A refusal with its reason; ``error`` repeats it for clients that know no problem documents."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "error": detail} | more
    return web.Response(status=status, text=json.dumps(body), content_type="application/problem+json", headers=headers)


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
