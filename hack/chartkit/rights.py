"""The chart's roles and the table of rights in its README, from the kinds that the operator observes."""

from collections.abc import Iterator

from podtimeline.kube.lister import Resource
from podtimeline.sources.registry import KINDS

BEGIN, END = "<!-- BEGIN rights -->", "<!-- END rights -->"
VERBS = ("get", "list", "watch")
_RULES = {"rules": True, "clusterRules": False}
"""The named templates of the roles' rules, and whether they are about what is in namespaces."""


def rights() -> tuple[Resource, ...]:
    """Every resource that the operator reads."""
    return tuple(kind.resource for kind in KINDS)


def table() -> str:
    """Return the table in Markdown."""
    rows = [
        f"| `{each.name}` | `{each.group or 'core'}` | {'namespace' if each.namespaced else 'cluster'} |"
        f" {each.without} |"
        for each in rights()
    ]
    head = "| resource | API group | scope | unknown without the right |"
    return "\n".join([head, "|---|---|---|---|", *rows]) + "\n"


def with_rights(readme: str) -> str:
    """Return the README with the table between the markers made anew."""
    before, begin, rest = readme.partition(BEGIN + "\n")
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the chart's README has lost its lines {BEGIN!r} and {END!r}")
    return before + begin + table() + end + after


def with_rules(template: str) -> str:
    """Return ``_helpers.tpl`` with the rules of its roles made anew."""
    for name, namespaced in _RULES.items():
        define = f'{{{{- define "podtimeline.{name}" -}}}}\n'
        before, begin, rest = template.partition(define)
        _, end, after = rest.partition("{{- end }}")
        if not begin or not end:
            raise ValueError(f"the chart's _helpers.tpl has lost its template podtimeline.{name}")
        template = before + begin + "".join(_rules(namespaced=namespaced)) + end + after
    return template


def _rules(*, namespaced: bool) -> Iterator[str]:
    groups: dict[str, list[str]] = {}
    for each in rights():
        if each.namespaced is namespaced:
            groups.setdefault(each.group, []).append(each.name)
    for group, names in groups.items():
        group_text = group or '""'
        yield f"- apiGroups: [{group_text}]\n  resources: [{', '.join(names)}]\n  verbs: [{', '.join(VERBS)}]\n"
