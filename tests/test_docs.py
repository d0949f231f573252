"""What the documents say is what the code does."""

import json
import operator
import re
import subprocess
from functools import reduce
from pathlib import Path

import pytest
import yaml

from docskit.tables import DOCUMENTS, ROOT, renewed
from podtimeline.analysis.findings.finding import FindingKind
from podtimeline.bounded import Kept
from podtimeline.cli.main import main
from podtimeline.config import SPECS
from podtimeline.model.milestones import Milestone, Phase
from podtimeline.ports import CONTROLLED
from podtimeline.sinks.metrics import METRICS
from podtimeline.web.openapi import openapi
from podtimeline.web.routes import Port

PAGES = [
    Path(name)
    for name in ("README.md", "REFERENCE.md", "SECURITY.md", "charts/podtimeline/README.md", "deploy/demo/README.md")
]
SOURCES = [ROOT, ROOT / "operator", ROOT / "operator/podtimeline"]
_ALL = "".join((ROOT / page).read_text() for page in PAGES)
COMMANDS = {f"hack/{each}" for each in re.findall(r"\bhack/(demo|cluster|image|bench \w+)\b", _ALL)} | {
    f"hack/podtimeline {each}" for each in re.findall(r"`?podtimeline (\w+)", _ALL) if each in main.commands
}


def schemas() -> str:
    """The JSON schemas of everything that the API answers, as text."""
    return json.dumps(openapi(Port.API, review=False)["components"])


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_tables_and_the_waterfall_are_those_of_the_code(document: str) -> None:
    """``hack/docs`` has nothing to renew."""
    assert renewed(document) == (ROOT / document).read_text()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_file_it_points_to_is_there(page: Path) -> None:
    """Links into the tree, commands of the tree, and files named in the text exist."""
    text = (ROOT / page).read_text()
    links = {(ROOT / page).parent / name for name in re.findall(r"\]\(((?!http)[^)#]+)", text)}
    named = {ROOT / name for name in re.findall(r"(?<![\w/])((?:hack/|charts/|deploy/(?=D|demo))[/\w.-]*\w)", text)}
    code = {name for name in re.findall(r"`([\w./-]+(?:\.(?:py|toml|md|yaml)|/))`", text) if name != "__init__.py"}
    missing = [str(each) for each in (*links, *named) if not each.exists()]
    assert missing + [name for name in code if not any((top / name).exists() for top in SOURCES)] == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_name_it_mentions_is_one_of_the_code(page: Path) -> None:
    """Settings, metrics, phases, milestones, findings, fields of documents: none is left from an older version."""
    text = re.sub(r"<!-- (?:BEGIN )?(\w+) -->.*?<!-- (?:/|END )\1 -->", "", (ROOT / page).read_text(), flags=re.S)
    named = set(re.findall(r"`([a-z]+(?:_[a-z0-9]+)+)(?:\{\w+\})?`", text))
    known = {*SPECS, *Phase, *Milestone, *FindingKind, *(row.name for row in METRICS), CONTROLLED}
    assert named - known - set(re.findall(r"\w+", schemas())) == set()


def test_every_store_that_drops_something_is_among_the_limits() -> None:
    """A store that is added says how much it keeps."""
    text = (ROOT / "REFERENCE.md").read_text()
    assert sorted(re.findall(r'podtimeline_dropped_total{store="(\w+)"}', text)) == sorted(Kept)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_value_of_the_chart_that_it_mentions_is_there(page: Path) -> None:
    """Names such as ``persistence.enabled``, alone or with a value."""
    values = yaml.safe_load((ROOT / "charts/podtimeline/values.yaml").read_text())
    tops = "|".join(values)
    for path in re.findall(rf"`((?:{tops})(?:\.\w+)+)(?:=[^`]*)?`", (ROOT / page).read_text()):
        reduce(operator.getitem, path.split("."), values)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_it_names_has_help(command: str) -> None:
    """A command of the pages can be asked for help."""
    words = command.split()
    done = subprocess.run([*words, "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout.lower()


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`?podtimeline (\w+)", _ALL)) & set(main.commands)))
def test_every_flag_it_shows_with_a_command_is_one(command: str) -> None:
    """Examples can be copied."""
    known = {flag for each in main.commands[command].params for flag in each.opts}
    for line in re.findall(rf"podtimeline {command}\b([^`\n|#]*)", _ALL):
        assert set(re.findall(r"(?<= )--?[a-z][\w-]*", line)) <= known


def test_the_changelog_names_the_version() -> None:
    """A version that is not unreleased has its heading."""
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(r"^## \[Unreleased\]", changelog, re.M)
    assert Path(ROOT / "operator/podtimeline/__init__.py").read_text().count("__version__") == 1
