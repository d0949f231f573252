"""Whoever asks a benchmark what it measures gets an answer."""

import pytest

from benches.__main__ import BENCHES, main


@pytest.mark.parametrize("words", [(), *((name,) for name in BENCHES)], ids=str)
def test_every_benchmark_explains_itself(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A percent sign in a text of argparse is a format, and fails only when the help is printed."""
    monkeypatch.setattr("sys.argv", ["hack/bench", *words, "--help"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(" ".join(["usage: hack/bench", *words]))
