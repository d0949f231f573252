"""Strangers' words: what people see of characters that show nothing."""

import json
import unicodedata

import hypothesis.strategies as st
import yaml
from hypothesis import given

from podtimeline.model.texts import visible, visible_json, visible_yaml

HIDDEN = "\u202e\u2066\u200b\u200d\ufeff\u2060\x00\x1b\x7f\x9b\r\u2028\u2029\ud800\u00ad\U000e0041\u3164\ufe0f"
TEXTS = st.text(st.one_of(st.characters(), st.sampled_from(HIDDEN)))


@given(TEXTS)
def test_nothing_that_is_printed_is_hidden(text: str) -> None:
    """Whatever a stranger writes, each character of what is shown can be seen, and stays where it stands."""
    shown = visible(text)
    assert all(unicodedata.category(char)[0] != "C" for char in shown)
    assert not set(shown) & set(HIDDEN)
    assert visible(shown) == shown


def test_each_kind_is_escaped_by_its_number() -> None:
    """So that two names that look alike can be told apart."""
    assert visible("a\u202egnp.exe") == "a\\u202egnp.exe"
    assert visible("\x1b[2J\x9b\n") == "\\x1b[2J\\x9b\\x0a"
    assert visible("we\u200bb \U000e0041\ud800") == "we\\u200bb \\U000e0041\\ud800"
    assert visible("naïve 名前 ñ 😀 a b") == "naïve 名前 ñ 😀 a b"


@given(TEXTS)
def test_escaped_json_means_what_it_was(text: str) -> None:
    """A parser gets the very text; a reader sees all of it, on the line where it stands."""
    shown = visible_json(json.dumps({text: text}, ensure_ascii=False, indent=1))
    assert json.loads(shown) == {text: text}
    assert visible(shown.replace("\n", "")) == shown.replace("\n", "")
    assert shown.count("\n") == 2


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_escaped_yaml_means_what_it_was(text: str) -> None:
    """As far as it is double-quoted."""
    written = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=1 << 20)
    assert yaml.safe_load(visible_yaml(written)) == text
    assert visible(visible_yaml(written).replace("\n", "")) == visible_yaml(written).replace("\n", "")
