"""The keys under which built binaries are kept."""

from dataclasses import replace
from pathlib import Path

import pytest

from clusterkit import build
from clusterkit.errors import ClusterError
from clusterkit.model import Kubernetes

_GO = "go version go1.26.8 linux/amd64"


def _module(directory: Path) -> build.Target:
    directory.mkdir()
    (directory / "go.mod").write_text("module a\n")
    (directory / "main.go").write_text("package main\n")
    return build.Target(name="a", source=directory, names=("a",))


def test_the_same_inputs_have_the_same_key(tmp_path: Path) -> None:
    """A clean clone finds the binaries that another one built: where the tree lies plays no part."""
    assert build.key(_module(tmp_path / "one"), go=_GO) == build.key(_module(tmp_path / "two"), go=_GO)


def test_each_input_changes_the_key(tmp_path: Path) -> None:
    """The compiler, the flags, the version stamps, the names and every file of the module are inputs."""
    target = _module(tmp_path / "one")
    keys = {
        build.key(target, go=_GO),
        build.key(target, go="go version go1.27.0 linux/amd64"),
        build.key(replace(target, flags=()), go=_GO),
        build.key(replace(target, stamps=("main.version=1",)), go=_GO),
        build.key(replace(target, names=("a", "b")), go=_GO),
    }
    (tmp_path / "one" / "go.sum").write_text("more\n")
    keys.add(build.key(target, go=_GO))
    assert len(keys) == 6


def test_the_releases_have_different_keys_and_stamps() -> None:
    """Two releases never share a binary, and each tells its own version."""
    first, second = (build.kubernetes(release) for release in Kubernetes)
    assert build.key(first, go=_GO) != build.key(second, go=_GO)
    assert "gitVersion=v1.37.2" in first.ldflags
    assert "gitVersion=v1.34.4" in second.ldflags


def test_every_module_is_locked() -> None:
    """Each module that imports others comes with the checksums of all of them."""
    for target in (build.COREDNS, *(build.kubernetes(release) for release in Kubernetes)):
        assert target.source is not None
        assert (target.source / "go.sum").stat().st_size > 0


@pytest.mark.parametrize(("text", "expected"), [(_GO, (1, 26)), ("go version go1.27 linux/arm64", (1, 27))])
def test_the_compilers_release_is_read(text: str, expected: tuple[int, int]) -> None:
    """What `go version` prints is understood with and without a patch level."""
    assert build.parse_go_version(text) == expected


def test_a_strange_compiler_is_refused() -> None:
    """A compiler that does not tell its release is refused with the one that is needed."""
    with pytest.raises(ClusterError, match="install Go"):
        build.parse_go_version("gccgo")


def test_the_cache_goes_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The project's own variable wins over the desktop's, and both over the home directory."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert build.cache_root() == tmp_path / "xdg" / "podtimeline"
    monkeypatch.setenv("PODTIMELINE_CACHE", str(tmp_path / "own"))
    assert build.cache_root() == tmp_path / "own"


def test_a_released_program_is_installed_and_a_module_of_the_tree_is_built(tmp_path: Path) -> None:
    """Released programs come by package and version; our modules are built as their lock file says."""
    assert build.compile_command(build.HELM, directory=tmp_path)[:2] == ["go", "install"]
    assert "-mod=readonly" in build.compile_command(build.COREDNS, directory=tmp_path)
