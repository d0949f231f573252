"""Settings: one frozen model, filled from flags, the environment, a YAML file and defaults, in this order.

The environment variable of a setting is ``PODTIMELINE_`` and its name in capitals. Kubernetes injects variables of the
same prefix into every pod of a namespace that has a Service named ``podtimeline`` or ``podtimeline-…``
(``PODTIMELINE_SERVICE_HOST``, ``PODTIMELINE_PORT_8080_TCP``, see "Discovering services" in the Kubernetes
documentation): those are ignored, while any other unknown name is refused, because a misspelt setting that is silently
left at its default is found weeks later.
"""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from podtimeline.errors import SettingsError

PREFIX = "PODTIMELINE_"
FILE_VARIABLE = PREFIX + "CONFIG"
"""Names the YAML file; the command line reads it, it is not a setting itself."""
_NOT_SETTINGS = frozenset({FILE_VARIABLE, PREFIX + "CACHE", PREFIX + "PYTHON", PREFIX + "TOKEN"})
_SERVICE_LINK = re.compile(
    PREFIX + r"([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)
_NAMESPACE = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
_PORT = r"([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5]|0)"
_ADDRESS = rf"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]*):{_PORT}$"
_YEAR = 365.0
_NUMBERS = (msgspec.inspect.BoolType, msgspec.inspect.IntType, msgspec.inspect.FloatType)


class Access(StrEnum):
    """Who may read the API."""

    OPEN = "open"
    REVIEW = "review"


class LogLevel(StrEnum):
    """Level of the log on stderr."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _says(text: str, allowed: str = "") -> Meta:
    return Meta(description=text, extra={"allowed": allowed} if allowed else None)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set. Durations are seconds unless the name says otherwise, sizes are bytes."""

    namespaces: Annotated[
        tuple[Annotated[str, Meta(pattern=_NAMESPACE)], ...],
        _says(
            "Namespaces to follow; empty means all, which requires cluster-wide rights.",
            "names of namespaces (lower-case letters, digits and -), comma-separated in variables and flags",
        ),
    ] = ()
    cluster_name: Annotated[
        str,
        Meta(max_length=253),
        _says("Name of the cluster, added to the log and to API responses.", "a text of at most 253 characters"),
    ] = ""
    listen: Annotated[
        str,
        Meta(pattern=_ADDRESS),
        _says(
            "Address of the HTTP server for metrics and probes.",
            "ADDRESS:PORT such as 0.0.0.0:8080, [::]:8080 or :8080 (all addresses); port 0 selects a free port",
        ),
    ] = "0.0.0.0:8080"
    api_listen: Annotated[
        str,
        Meta(pattern=_ADDRESS),
        _says(
            "Address of the HTTP server for the API, which serves the timelines of all followed pods.",
            "ADDRESS:PORT as for listen, with a different port",
        ),
    ] = "0.0.0.0:8081"
    access: Annotated[
        Access,
        _says(
            "Who may read the API: everyone who can connect (open), or bearer tokens whose user may"
            " `get pods` in the requested namespace (review). Metrics and probes are always open.",
        ),
    ] = Access.OPEN
    kubeconfig: Annotated[
        str | None, _says("Path of the kubeconfig file; if unset, a pod uses its service account.", "path of a file")
    ] = None
    context: Annotated[str | None, _says("Context of the kubeconfig; if unset, the current context.", "a text")] = None
    api_url: Annotated[
        Annotated[str, Meta(pattern=r"^https?://[^/\s]+(/\S*)?$")] | None,
        _says(
            "URL of the API server, if it differs from the one in the credentials, such as a proxy.",
            "an http:// or https:// URL",
        ),
    ] = None
    history: Annotated[
        str,
        Meta(pattern=r"^[a-z][a-z0-9+.-]*:."),
        _says(
            "Store of the history. A file of sqlite: must be on a local disk or a block volume.",
            "SCHEME:LOCATION such as sqlite:/path/of/a/file, or sqlite::memory: to keep the history in memory only",
        ),
    ] = "sqlite:/var/lib/podtimeline/history.sqlite3"
    allow_network_filesystem: Annotated[
        bool,
        _says(
            "Allow the history on a network file system such as NFS, where locks are unreliable and the file "
            "may be corrupted."
        ),
    ] = False
    retention_days: Annotated[
        float, Meta(gt=0, le=10 * _YEAR), _says("Days to keep the timelines of deleted pods.")
    ] = 14.0
    retention_bytes: Annotated[
        int,
        Meta(ge=1 << 20, le=1 << 44),
        _says("Size of the history above which the oldest timelines are deleted; the counts of histograms are kept."),
    ] = 1 << 30
    commit_interval_seconds: Annotated[
        float, Meta(ge=0.01, le=60), _says("Interval between commits to the history.")
    ] = 1.0
    linger_seconds: Annotated[
        float, Meta(ge=0, le=600), _says("Time to wait for late Events after a start is over, before it is reported.")
    ] = 5.0
    endpoint_deadline_seconds: Annotated[
        float,
        Meta(ge=0, le=86400),
        _says("Time to wait, after a pod is Ready, for its address in the EndpointSlices of its Services."),
    ] = 300.0
    orphan_seconds: Annotated[
        float,
        Meta(ge=1, le=86400),
        _says("Time to keep Events and addresses of a pod that has not been seen yet."),
    ] = 600.0
    series_limit: Annotated[
        int,
        Meta(ge=1, le=1_000_000),
        _says(
            "Maximum number of label sets of a histogram, shared among namespaces; further workloads are counted "
            "under the"
            " label value other."
        ),
    ] = 2000
    series_keep_seconds: Annotated[
        float,
        Meta(ge=60, le=86400),
        _says(
            "Time to keep the series of a workload that is gone; use several times the scrape interval of Prometheus."
        ),
    ] = 900.0
    sink_queue: Annotated[
        int,
        Meta(ge=1, le=10_000_000),
        _says("Number of finished pods that can wait for a sink; more are dropped and counted."),
    ] = 10_000
    sinks: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]*(:.+)?$")], ...],
        _says(
            "Where to export finished pods; log writes one JSON line for each to stdout.",
            "names of sinks such as log, separated by commas in variables and flags; NAME:TARGET for one with a target",
        ),
    ] = ("log",)
    log_level: Annotated[LogLevel, _says("Level of the log on stderr.")] = LogLevel.INFO
    watch_timeout_seconds: Annotated[
        int,
        Meta(ge=1, le=3600),
        _says("Duration of a watch request, randomized by one third up or down to spread reconnects."),
    ] = 450
    stale_after_seconds: Annotated[
        float,
        Meta(ge=10, le=3600),
        _says(
            "Time without data from a stream after which the stream is stale and /readyz fails; it is reconnected after"
            " 5/8 of that time. Quiet streams do not become stale: their watches are renewed earlier."
        ),
    ] = 120.0
    page_size: Annotated[int, Meta(ge=1, le=10_000), _says("Number of objects per page of a list request.")] = 500
    sources: dict[str, str] = {}
    """Where each setting that is not at its default came from; filled by ``load_settings``."""


def address(listen: str) -> tuple[str, int]:
    """Host and port of ``listen`` or ``api_listen``; an empty host means all addresses."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


class Row(NamedTuple):
    """One setting as it is shown: name, value, where the value came from, what is allowed, what it is."""

    name: str
    value: str
    source: str
    allowed: str
    description: str


class _Given(NamedTuple):
    """One value as it was given, and where."""

    name: str
    value: object
    source: str


class _SettingSpec(NamedTuple):
    """What the model says of one setting."""

    type: object
    info: msgspec.inspect.Type
    default: object
    description: str
    allowed: str


def load_settings(flags: Mapping[str, object], environ: Mapping[str, str], file: Path | None = None) -> Settings:
    """The settings: a flag wins over the environment, the environment over the file, the file over the default.

    A flag whose value is ``None`` was not given. Raises ``SettingsError`` with one line for each wrong or unknown
    setting: its name, the value, where it came from and what is allowed.
    """
    problems: list[str] = []
    given: dict[str, _Given] = {}
    for each in (*_from_file(file, problems), *_from_environ(environ, problems), *_from_flags(flags, problems)):
        given[each.name] = each
    values: dict[str, object] = {}
    for each in given.values():
        try:
            values[each.name] = _converted(each)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise SettingsError("\n".join(problems))
    sources = {each.name: each.source for each in given.values()}
    return msgspec.structs.replace(Settings(), **values, sources=sources)


def describe(settings: Settings) -> tuple[Row, ...]:
    """Every setting with its value, source, what is allowed and what it is, in the order of the model."""
    return tuple(
        Row(
            name, _shown(getattr(settings, name)), settings.sources.get(name, "default"), spec.allowed, spec.description
        )
        for name, spec in SPECS.items()
    )


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def flag(name: str) -> str:
    """The command-line flag of a setting."""
    return "--" + name.replace("_", "-")


def _from_flags(flags: Mapping[str, object], problems: list[str]) -> Iterator[_Given]:
    for name, value in flags.items():
        if name not in SPECS:
            problems.append(_unknown(flag(name), "flag", [flag(each) for each in SPECS]))
        elif value is not None:
            yield _Given(name, value, f"flag {flag(name)}")


def _from_environ(environ: Mapping[str, str], problems: list[str]) -> Iterator[_Given]:
    known = {variable(name): name for name in SPECS}
    for key, value in environ.items():
        if not key.startswith(PREFIX) or key in _NOT_SETTINGS or _SERVICE_LINK.fullmatch(key):
            continue
        if key in known:
            yield _Given(known[key], value, f"environment variable {key}")
        else:
            problems.append(_unknown(key, "environment variable", list(known)))


def _from_file(file: Path | None, problems: list[str]) -> Iterator[_Given]:
    if file is None:
        return
    for name, value in _read(file).items():
        if name in SPECS:
            yield _Given(name, value, f"file {file}")
        else:
            problems.append(_unknown(str(name), f"setting in file {file}", list(SPECS)))


def _read(file: Path) -> Mapping[object, object]:
    # Every command line has these settings among its options, and nearly none reads a file.
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings file {file}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"settings file {file}: not YAML: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(f"settings file {file}: contains {type(content).__name__}, expected lines of `name: value`")
    return content


def _unknown(name: str, what: str, known: list[str]) -> str:
    near = get_close_matches(name.replace("-", "_") if name in known else name, known, n=1, cutoff=0.0)
    return f"{name}: unknown {what}; the nearest name is {near[0]}"


def _converted(given: _Given) -> object:
    spec = SPECS[given.name]
    try:
        lax = isinstance(given.value, str) and isinstance(spec.info, _NUMBERS)
        return msgspec.convert(_plain(given.value, spec), spec.type, strict=not lax)
    except msgspec.ValidationError as error:
        value = "(empty)" if given.value in ("", None) else _shown(given.value)
        raise ValueError(f"{given.name}: {value} ({given.source}) is not allowed: it must be {spec.allowed}") from error


def _plain(value: object, spec: _SettingSpec) -> object:
    """The value in the shape that the type expects; texts of the environment have one shape for all types."""
    if isinstance(spec.info, msgspec.inspect.VarTupleType) and isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(spec.info, msgspec.inspect.UnionType) and value == "":
        return None  # A chart that has no value for an optional setting renders an empty text.
    if isinstance(value, float) and value.is_integer() and isinstance(spec.info, msgspec.inspect.IntType):
        return int(value)  # Helm writes large whole numbers as 1.073741824e+09.
    if isinstance(spec.info, msgspec.inspect.EnumType) and isinstance(value, str):
        return value.lower()
    return value


def _shown(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "true" if value else "false"
        case tuple() | list():
            return ",".join(_shown(each) for each in value) or "-"
        case float() if value.is_integer():
            return str(int(value))
        case str():
            return str(value) if value else "-"
        case _:
            return str(value)


def _specs() -> dict[str, _SettingSpec]:
    info = msgspec.inspect.type_info(Settings)
    assert isinstance(info, msgspec.inspect.StructType)  # noqa: S101 - what a Struct's type information is
    found: dict[str, _SettingSpec] = {}
    for each in info.fields:
        if each.name == "sources":
            continue
        inner, description, allowed = _unwrap(each.type)
        hint = Settings.__annotations__[each.name]
        found[each.name] = _SettingSpec(hint, inner, each.default, description, allowed or _allowed(inner))
    return found


def _unwrap(info: msgspec.inspect.Type) -> tuple[msgspec.inspect.Type, str, str]:
    description, allowed = "", ""
    while isinstance(info, msgspec.inspect.Metadata):
        description = (info.extra_json_schema or {}).get("description", description)
        allowed = (info.extra or {}).get("allowed", allowed)
        info = info.type
    return info, description, allowed


def _allowed(info: msgspec.inspect.Type) -> str:
    match info:
        case msgspec.inspect.BoolType():
            return "true or false"
        case msgspec.inspect.EnumType():
            return "one of " + ", ".join(str(each) for each in info.cls)
        case msgspec.inspect.IntType():
            return f"a whole number from {info.ge} to {info.le}"
        case msgspec.inspect.FloatType(gt=None):
            return f"a number from {_shown(info.ge)} to {_shown(info.le)}"
        case msgspec.inspect.FloatType():
            return f"a number above {_shown(info.gt)}, at most {_shown(info.le)}"
        case _:
            return "a text"


SPECS: dict[str, _SettingSpec] = _specs()
"""Every setting by name; documentation, the chart's schema and the flags of the command line derive from it."""
