"""Refusals that say what to do, as ``application/problem+json`` (RFC 9457)."""

import json
from collections.abc import Mapping

from aiohttp import web

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
