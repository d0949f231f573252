"""The wheel and the sdist: what they carry, and that what they install works."""

import email
import importlib
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import podtimeline

ROOT = Path(__file__).parents[2]
SHIPPED = {"podtimeline/py.typed", "podtimeline/captures/demo.jsonl.gz"}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist of this tree, and the wheel that is built from that sdist; what builds them is installed already."""
    made = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(made), str(ROOT))
    return made


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the locked dependencies of the operator, and with what builds its wheel."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, with_pip=True)
    executable = home / "bin/python"
    for lock in ("requirements.lock", "build.lock"):
        pip(executable, "install", "--require-hashes", "-r", str(ROOT / "deploy" / lock))
    return executable


def pip(python: Path, *words: str) -> None:
    """Let pip do something in an environment."""
    run(str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", *words)


def run(*command: str, cwd: Path | None = None) -> str:
    """What a command prints; it has to succeed."""
    # Not from the tree: what is installed has to stand alone.
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def wheel(dist: Path) -> Path:
    """The one wheel."""
    (found,) = dist.glob("*.whl")
    return found


def sdist(dist: Path) -> Path:
    """The one sdist."""
    (found,) = dist.glob("*.tar.gz")
    return found


def test_the_wheel_is_what_its_metadata_says(dist: Path) -> None:
    """Typed, as its classifier promises; with the capture that ``replay`` plays, the licence, and both commands."""
    with zipfile.ZipFile(wheel(dist)) as archive:
        names = archive.namelist()
        (entry,) = (name for name in names if name.endswith("entry_points.txt"))
        (meta,) = (name for name in names if name.endswith("METADATA"))
        commands = re.findall(r"^(\S+) = (\S+):(\S+)$", archive.read(entry).decode(), re.M)
        metadata = email.message_from_bytes(archive.read(meta))
    assert set(names) >= SHIPPED
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    assert metadata["Version"] == podtimeline.__version__
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name for name, _, _ in commands} == {"podtimeline", "kubectl-podtimeline"}
    for _, module, function in commands:
        assert callable(getattr(importlib.import_module(module), function))


def test_the_wheel_holds_the_package_and_nothing_else(dist: Path) -> None:
    """Every module of the tree, and no test, no tool, no bytecode."""
    source = ROOT / "operator"
    files = (each for each in (source / "podtimeline").rglob("*") if each.is_file() and "__pycache__" not in each.parts)
    with zipfile.ZipFile(wheel(dist)) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert inside == {each.relative_to(source).as_posix() for each in files}


def test_the_sdist_is_what_a_wheel_is_built_from(dist: Path) -> None:
    """Sources, licence and texts for people; not the tests' captures, which are larger than all of it."""
    with tarfile.open(sdist(dist)) as archive:
        tops = {name.split("/")[1] for name in archive.getnames()}
    known = {"operator", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md", "PKG-INFO"}
    # hatchling adds it: it says what to leave out.
    assert tops - {".gitignore"} == known


@pytest.mark.package
@pytest.mark.parametrize("package", [wheel, sdist])
def test_what_is_installed_replays_the_shipped_capture(
    dist: Path, python: Path, tmp_path: Path, package: Callable[[Path], Path]
) -> None:
    """Both kinds install on the locked dependencies alone, and show a pod's waterfall without a cluster."""
    pip(python, "install", "--force-reinstall", "--no-deps", "--no-index", "--no-build-isolation", str(package(dist)))
    pip(python, "check")
    command = str(python.parent / "podtimeline")
    assert podtimeline.__version__ in run(command, "version", cwd=tmp_path)
    shown = run(command, "replay", cwd=tmp_path)
    assert "container start" in shown
    assert re.search(r"^total .* 100 %$", shown, re.M)
