"""What is read of a request before it is answered."""

from aiohttp import web

from podtimeline.web.parameters import read
from podtimeline.web.responses import BadParameter
from podtimeline.web.routes import Port, Route, served


def route_of(request: web.Request) -> Route | None:
    """The row of the table that the request was routed by, ``None`` where there is none."""
    resource = request.match_info.route.resource
    path = None if resource is None else resource.canonical
    return next((each for port in Port for each in served(port) if each.path == path), None)


def given(request: web.Request) -> dict[str, str]:
    """The texts in the path and the query. Raises ``BadParameter``."""
    route = route_of(request)
    within, query = (route.within, route.query) if route is not None else ((), ())
    path, texts = dict(request.match_info), once(request)
    read(path, within, now=0)
    read(texts, query, now=0)
    return path | texts


def once(request: web.Request) -> dict[str, str]:
    """The query's parameters. Raises ``BadParameter`` for one that is given twice."""
    for name in request.query:
        if len(request.query.getall(name)) > 1:
            raise BadParameter(name, ",".join(request.query.getall(name)), "it can be given once")
    return dict(request.query)
