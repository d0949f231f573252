"""Settings: where they come from, what wins, and what is refused in which words."""

from pathlib import Path

import pytest

from podtimeline.config import (
    _SERVICE_LINK,
    SPECS,
    LogLevel,
    Settings,
    address,
    describe,
    flag,
    load_settings,
    variable,
)
from podtimeline.errors import SettingsError


def written(directory: Path, text: str) -> Path:
    """A settings file with that text."""
    file = directory / "settings.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def refused(
    *, flags: dict[str, object] | None = None, environ: dict[str, str] | None = None, file: Path | None = None
) -> str:
    """The text that the settings are refused with."""
    with pytest.raises(SettingsError) as caught:
        load_settings(flags or {}, environ or {}, file)
    return str(caught.value)


def test_nothing_given_is_the_defaults() -> None:
    """Without flags, variables and file every setting is at its default."""
    assert load_settings({}, {}) == Settings()
    assert {row.source for row in describe(Settings())} == {"default"}


def test_flag_beats_variable_beats_file(tmp_path: Path) -> None:
    """A flag wins over the environment, the environment over the file, and the source is told."""
    file = written(tmp_path, "page_size: 1\nsink_queue: 1\nseries_limit: 1\n")
    settings = load_settings(
        {"page_size": 3, "context": None}, {"PODTIMELINE_PAGE_SIZE": "2", "PODTIMELINE_SINK_QUEUE": "2"}, file
    )
    assert (settings.page_size, settings.sink_queue, settings.series_limit) == (3, 2, 1)
    sources = {row.name: row.source for row in describe(settings)}
    assert sources["page_size"] == "flag --page-size"
    assert sources["sink_queue"] == "environment variable PODTIMELINE_SINK_QUEUE"
    assert sources["series_limit"] == f"file {file}"
    assert sources["context"] == "default"


def test_texts_of_the_environment_become_values() -> None:
    """Every kind of setting can be given as a text."""
    settings = load_settings(
        {},
        {
            "PODTIMELINE_NAMESPACES": "shop, payments,",
            "PODTIMELINE_SINKS": "",
            "PODTIMELINE_ALLOW_NETWORK_FILESYSTEM": "true",
            "PODTIMELINE_LOG_LEVEL": "WARNING",
            "PODTIMELINE_RETENTION_BYTES": "1.073741824e+09",
            "PODTIMELINE_LINGER_SECONDS": "0.5",
            "PODTIMELINE_CONTEXT": "null",
            "PODTIMELINE_KUBECONFIG": "",
            "PODTIMELINE_LISTEN": "[::1]:0",
        },
    )
    assert settings.namespaces == ("shop", "payments")
    assert settings.sinks == ()
    assert settings.allow_network_filesystem is True
    assert settings.log_level is LogLevel.WARNING
    assert settings.retention_bytes == 1 << 30
    assert settings.linger_seconds == 0.5
    assert settings.context == "null"
    assert settings.kubeconfig is None
    assert address(settings.listen) == ("::1", 0)


def test_a_file_may_hold_lists_and_numbers_as_helm_writes_them(tmp_path: Path) -> None:
    """YAML lists are taken, and a float that is a whole number counts as one."""
    settings = load_settings({}, {}, written(tmp_path, "namespaces: [a, b]\nretention_bytes: 1.073741824e+09\n"))
    assert settings.namespaces == ("a", "b")
    assert settings.retention_bytes == 1 << 30


@pytest.mark.parametrize("text", ["", "# nothing\n"])
def test_an_empty_file_sets_nothing(tmp_path: Path, text: str) -> None:
    """An empty settings file is the defaults."""
    assert load_settings({}, {}, written(tmp_path, text)) == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("page_size", "0"),
        ("page_size", "1.5"),
        ("retention_days", "nan"),
        ("retention_days", "0"),
        ("commit_interval_seconds", "inf"),
        ("allow_network_filesystem", "maybe"),
        ("log_level", "loud"),
        ("listen", "8080"),
        ("listen", "0.0.0.0:65536"),
        ("namespaces", "shop,Bad_Name"),
        ("api_url", "ftp://somewhere"),
        ("history", ""),
        ("history", "/var/lib/history.sqlite3"),
        ("sinks", "log,:stdout"),
        ("series_limit", ""),
    ],
)
def test_a_wrong_value_is_named_with_its_origin_and_what_is_allowed(name: str, value: str) -> None:
    """A refusal says the setting, the value, where it came from and what would do."""
    text = refused(environ={variable(name): value})
    assert text.startswith(f"{name}: {value or '(empty)'} (environment variable {variable(name)}) is not allowed")
    assert SPECS[name].allowed in text


def test_a_wrong_type_in_the_file_is_refused(tmp_path: Path) -> None:
    """A text where a number is needed is refused even when it comes from YAML."""
    file = written(tmp_path, "page_size: [1]\nallow_network_filesystem: 1\nhistory:\n")
    lines = refused(file=file).splitlines()
    assert len(lines) == 3
    assert all(f"(file {file})" in line for line in lines)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """Nobody has to start three times to learn of three mistakes."""
    lines = refused(
        flags={"page_sise": 3},
        environ={"PODTIMELINE_PAGESIZE": "3", "PODTIMELINE_SINK_QUEUE": "-1"},
        file=written(tmp_path, "page-size: 3\n"),
    ).splitlines()
    assert len(lines) == 4


@pytest.mark.parametrize(
    ("given", "nearest"),
    [("PODTIMELINE_PAGESIZE", "PODTIMELINE_PAGE_SIZE"), ("PODTIMELINE_RETENTION", "PODTIMELINE_RETENTION_DAYS")],
)
def test_an_unknown_variable_is_refused_with_the_nearest_name(given: str, nearest: str) -> None:
    """A misspelt variable is not silently ignored."""
    assert refused(environ={given: "1"}) == f"{given}: unknown environment variable; the nearest name is {nearest}"


def test_an_unknown_key_of_the_file_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    """A key in the style of the flags finds its setting's name."""
    assert refused(file=written(tmp_path, "page-size: 3\n")).endswith("the nearest name is page_size")


@pytest.mark.parametrize(
    "name",
    [
        "PODTIMELINE_SERVICE_HOST",
        "PODTIMELINE_SERVICE_PORT",
        "PODTIMELINE_SERVICE_PORT_HTTP",
        "PODTIMELINE_PORT",
        "PODTIMELINE_PORT_8080_TCP",
        "PODTIMELINE_PORT_8080_TCP_PROTO",
        "PODTIMELINE_PORT_8080_TCP_ADDR",
        "PODTIMELINE_METRICS_SERVICE_HOST",
        "PODTIMELINE_METRICS_PORT_9090_UDP_PORT",
        "PODTIMELINE_CONFIG",
        "PODTIMELINEX",
        "HOME",
    ],
)
def test_what_kubernetes_injects_for_services_is_not_a_setting(name: str) -> None:
    """Service links and foreign variables are ignored."""
    assert load_settings({}, {name: "tcp://10.0.0.1:8080"}) == Settings()


def test_no_setting_looks_like_a_service_link() -> None:
    """No setting could ever be swallowed as a service link."""
    assert not [name for name in SPECS if _SERVICE_LINK.fullmatch(variable(name))]


def test_every_setting_is_described() -> None:
    """Each row says what the setting is and what is allowed, and names are unique as flags."""
    rows = describe(Settings())
    assert all(row.description.endswith(".") and row.allowed and row.value for row in rows)
    assert len({flag(row.name) for row in rows}) == len(rows)
    assert {row.name for row in rows} == set(Settings.__struct_fields__) - {"sources"}


def test_every_default_is_allowed() -> None:
    """Each default, written as a text, is accepted by its own rule."""
    shown = {row.name: row.value for row in describe(Settings()) if row.value != "-"}
    settings = load_settings({}, {variable(name): value for name, value in shown.items()})
    assert [row[:2] for row in describe(settings)] == [row[:2] for row in describe(Settings())]


def test_a_file_that_cannot_be_used_is_refused_by_its_name(tmp_path: Path) -> None:
    """A missing, malformed or wrongly shaped file is named in the refusal."""
    assert "cannot be read" in refused(file=tmp_path / "absent.yaml")
    assert "not YAML" in refused(file=written(tmp_path, "a: [1"))
    assert "contains list" in refused(file=written(tmp_path, "- a\n"))


def test_settings_cannot_be_changed() -> None:
    """The model is frozen."""
    with pytest.raises(AttributeError):
        Settings().page_size = 3  # type: ignore[misc]
