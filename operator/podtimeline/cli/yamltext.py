"""YAML in which nothing is hidden: what has to be escaped is quoted, as YAML knows escapes in double quotes only."""

import yaml

from podtimeline.model.texts import visible


def written(content: object) -> str:
    """The content as YAML."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


class _Dumper(yaml.SafeDumper):
    """Quotes what has to be escaped."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if visible(text) == text else '"')


_Dumper.add_representer(str, _text)
