"""Renders what the code's tables say as Markdown, and puts it between the markers of the documents."""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from docskit.limits import rows as limit_rows
from podtimeline.analysis.findings.rules import RULES
from podtimeline.app.replaying import replay_views
from podtimeline.cli.main import main as command_line
from podtimeline.config import describe, flag, load_settings, variable
from podtimeline.model.milestones import MILESTONES, PHASES
from podtimeline.sinks.metrics import METRICS
from podtimeline.web.routes import ROUTES

ROOT = Path(__file__).parents[2]
ACCURACY = Path(__file__).parents[1] / "benches/accuracy.md"
"""What ``hack/bench accuracy --write`` measured last."""
_SHOWN = "recommendations"
"""The workload of the shipped capture whose waterfall README.md begins with."""


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def milestones() -> str:
    """Every milestone, in causal order."""
    rows = ((f"`{row.milestone}`", row.scope.value, row.summary, row.evidence) for row in MILESTONES.values())
    return table(("Milestone", "Of", "What happened", "Evidence"), rows)


def phases() -> str:
    """Every phase of the critical path."""
    rows = ((f"`{row.phase}`", row.summary, row.advice) for row in PHASES.values())
    return table(("Phase", "The time is spent on", "What to try"), rows)


def findings() -> str:
    """Every finding, in the order that breaks ties."""
    rows = ((f"`{rule.kind}`", rule.summary, rule.needs, rule.advice) for rule in RULES)
    return table(("Finding", "It says", "From", "What to try"), rows)


def metrics() -> str:
    """Every metric that the operator exposes."""
    rows = ((f"`{row.name}`", row.kind.value, ", ".join(row.labels), row.help) for row in METRICS)
    return table(("Metric", "Type", "Labels", "What it says"), rows)


def paths() -> str:
    """Every path that is served, by port."""
    rows = (
        (f"`{route.port.value}`", f"`{route.path}`", route.summary, ", ".join(f"`{each.name}`" for each in route.query))
        for route in ROUTES
    )
    return table(("Port", "Path", "Answer", "Parameters"), rows)


def settings() -> str:
    """Every setting with its default."""
    rows = (
        (f"`{row.name}`", f"`{flag(row.name)}`", f"`{variable(row.name)}`", f"`{row.value}`", row.description)
        for row in describe(load_settings({}, {}, None))
    )
    return table(("Setting", "Flag", "Environment", "Default", "What it does"), rows)


def limits() -> str:
    """What is kept at most."""
    return table(("Kept", "At most", "Shown by, and what is unknown beyond the limit"), limit_rows())


def waterfall() -> str:
    """A real waterfall: the slow pull of the shipped capture. Raises ``RuntimeError`` where it cannot be drawn."""
    pod = next(view.facts.name for view in replay_views(None) if view.workload.name == _SHOWN)
    drawn = CliRunner().invoke(command_line, ["replay", "--pod", pod], env={"COLUMNS": "110"}, catch_exceptions=False)
    if drawn.exit_code != 0 or pod not in drawn.stdout:
        raise RuntimeError(f"podtimeline replay --pod {pod}: {drawn.output}")
    return "```text\n" + drawn.stdout.rstrip() + "\n```"


def accuracy() -> str:
    """What was measured last."""
    return ACCURACY.read_text().rstrip()


def contracts() -> str:
    """Every import contract with its layers, or with what it forbids."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        linter = tomllib.load(file)["tool"]["importlinter"]
    return "\n\n".join(_contract(each) for each in linter["contracts"])


def _contract(contract: Mapping[str, Any]) -> str:
    if contract["type"] == "layers":
        return f"**{contract['name']}** (`{contract['containers'][0]}`):\n\n" + "\n".join(
            ["```text", *contract["layers"], "```"]
        )
    allowed = "".join(f", except `{each}`" for each in contract.get("ignore_imports", ()))
    match contract["type"]:
        case "independence":
            rule = f"{_names(contract['modules'])} must not import each other"
        case "protected":
            rule = f"only {_names(contract['allowed_importers'])} may import {_names(contract['protected_modules'])}"
        case "forbidden":
            rule = f"{_names(contract['source_modules'])} must not import {_names(contract['forbidden_modules'])}"
        case other:
            raise ValueError(f"a contract of type {other}: say here how the documents describe it")
    return f"**{contract['name']}**: {rule}{allowed}."


def _names(modules: Iterable[str]) -> str:
    return ", ".join(f"`{each}`" for each in modules)


DOCUMENTS: Mapping[str, tuple[Callable[[], str], ...]] = {
    "README.md": (waterfall,),
    "REFERENCE.md": (milestones, phases, findings, accuracy, metrics, paths, settings, limits),
    "ARCHITECTURE.md": (contracts,),
}
"""The generated parts of each document; a part's markers carry the name of its function."""


def renewed(document: str) -> str:
    """A document with every generated part made anew; raises ``ValueError`` for a marker that is not there."""
    text = (ROOT / document).read_text()
    for part in DOCUMENTS[document]:
        name = part.__name__
        found = re.search(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", text, flags=re.S)
        if found is None:
            raise ValueError(f"{document} has no part between <!-- {name} --> and <!-- /{name} -->")
        text = f"{text[: found.start()]}{found[1]}\n{part()}\n\n{found[2]}{text[found.end() :]}"
    return text


def main() -> None:
    """Renew the documents in place."""
    for document in DOCUMENTS:
        (ROOT / document).write_text(renewed(document))


if __name__ == "__main__":
    main()
