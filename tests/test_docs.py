"""What the documents say is what the code does."""

import json
import re
import subprocess
import tomllib
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
import yaml

from docskit.tables import DOCUMENTS, ROOT, renewed
from podtimeline.analysis.findings.rules import FindingKind
from podtimeline.bounded import Kept
from podtimeline.cli.main import main
from podtimeline.config import SPECS
from podtimeline.model.milestones import Milestone, Phase
from podtimeline.ports import CONTROLLED
from podtimeline.sinks.metrics import METRICS
from podtimeline.web.openapi import openapi
from podtimeline.web.routes import Port

PAGES = [
    *map(Path, ("README.md", "REFERENCE.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md")),
    *map(Path, ("charts/podtimeline/README.md", "deploy/demo/README.md", "hack/README.md")),
]
"""What people read, apart from the changelog: that speaks of names as they were."""
PACKAGE = ROOT / "operator/podtimeline"
SOURCES = [ROOT, ROOT / "operator", PACKAGE, ROOT / "hack"]
_ALL = "".join((ROOT / page).read_text() for page in PAGES)
VERBS = sorted(set(re.findall(r"(?:[`/]|\$ |kubectl )podtimeline ([a-z][\w-]*)", _ALL)))
"""What is said to ``podtimeline`` in examples and in the text."""
COMMANDS = {f"hack/{each}" for each in re.findall(r"\bhack/(demo|cluster|image|kind [a-z]+|bench [a-z]+)\b", _ALL)}


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


@pytest.mark.parametrize("page", [each for each in PAGES if each.name != "CONTRIBUTING.md"], ids=str)
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
    named = re.findall(rf"`((?:{tops})(?:\.(?!py`)\w+)+)(?:=[^`]*)?`", (ROOT / page).read_text())
    assert [path for path in named if not there(values, path.split("."))] == []


def there(values: Any, path: list[str]) -> bool:
    """Whether a nested mapping has a value at the path."""
    for name in path:
        if not isinstance(values, dict) or name not in values:
            return False
        values = values[name]
    return True


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_of_hack_has_help(command: str) -> None:
    """A command of the pages can be asked for help."""
    words = command.split()
    done = subprocess.run([*words, "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout.lower()


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_of_the_command_line_is_there_with_its_flags(verb: str) -> None:
    """Examples can be copied."""
    assert verb in main.commands
    known = {flag for each in main.commands[verb].params for flag in each.opts}
    for line in re.findall(rf"podtimeline {verb}\b([^`\n|#]*)", _ALL):
        assert set(re.findall(r"(?<= )--?[a-z][\w-]*", line)) <= known


def test_the_front_page_stays_short() -> None:
    """Whoever comes for the first time reads it to the end; what is looked up is elsewhere."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them: lower case, words joined by hyphens."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", page.read_text(), flags=re.S), re.M)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_within_the_documents_finds_its_heading(page: Path) -> None:
    """Of the page itself, or of another one."""
    links = re.findall(r"\]\(((?!http)[^)#]*)#([^)]+)\)", (ROOT / page).read_text())
    lost = [f"{name}#{anchor}" for name, anchor in links if anchor not in anchors(_linked(page, name))]
    assert lost == []


def _linked(page: Path, name: str) -> Path:
    return (ROOT / page).parent / name if name else ROOT / page


@pytest.mark.parametrize("page", [each for each in PAGES if len(each.parts) == 1 and each.name != "README.md"], ids=str)
def test_every_document_is_found_from_the_front_page(page: Path) -> None:
    """Nothing is written that nobody finds."""
    assert f"({page})" in (ROOT / "README.md").read_text()


def test_the_layers_of_the_architecture_are_those_that_the_build_holds() -> None:
    """The table of packages has the order of import-linter's contract, and leaves none out."""
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", (ROOT / "ARCHITECTURE.md").read_text(), re.M)
    described = [{name for _, name in group} for _, group in groupby(rows, key=itemgetter(0))]
    contract = next(each for each in import_contracts() if each["containers"] == ["podtimeline"])
    assert described == [set(re.split(r" [|:] ", layer)) for layer in contract["layers"]]


def import_contracts() -> list[dict[str, Any]]:
    """The contracts of import-linter that are about layers."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return [each for each in linter["contracts"] if each["type"] == "layers"]


def test_every_package_is_in_the_architecture() -> None:
    """With the packages within packages, but for those that a registry beside them names."""
    text = re.sub(r"<!-- contracts -->.*<!-- /contracts -->", "", (ROOT / "ARCHITECTURE.md").read_text(), flags=re.S)
    found = {each.parent for each in PACKAGE.glob("**/__init__.py")} - {PACKAGE}
    packages = {each.name for each in found if not (each.parent / "registry.py").exists()}
    assert {each for each in packages if not re.search(rf"`{each}/?`", text)} == set()


def test_the_changelog_names_the_version() -> None:
    """A version that is not unreleased has its heading."""
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(r"^## \[Unreleased\]", changelog, re.M)
    assert Path(ROOT / "operator/podtimeline/__init__.py").read_text().count("__version__") == 1
