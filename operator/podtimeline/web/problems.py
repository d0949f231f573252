"""Refusals that say what to do, as ``application/problem+json`` (RFC 9457)."""

import json

from aiohttp import web


class BadParameter(ValueError):  # noqa: N818 - named for what it says
    """A query parameter is unknown or its value is not allowed."""

    def __init__(self, name: str, value: str, allowed: str) -> None:
        super().__init__(f"{name}={value!r} is not allowed: {allowed}")
        self.parameter = name


def problem(status: int, title: str, detail: str, **more: object) -> web.Response:
    """A refusal with its reason; ``error`` repeats it for clients that know no problem documents."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "error": detail} | more
    return web.Response(status=status, text=json.dumps(body), content_type="application/problem+json")
