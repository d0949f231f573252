"""How the image is made, as far as that can be told without building it."""

import hashlib
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from clusterkit.errors import ClusterError, UsageError
from demokit import base
from demokit.image import DOCKERFILE, ROOT, default_base, docker_builds, inputs, key, qualified
from demokit.packages import Package, parse_uris
from demokit.tools import answers, run_told

TEXT = DOCKERFILE.read_text()
LOCK = (ROOT / "deploy/requirements.lock").read_text()


def final_stage() -> str:
    """The part of the Dockerfile that is shipped."""
    return TEXT.rpartition("\nFROM ")[2]


def test_both_stages_stand_on_the_one_base() -> None:
    """Wheels are chosen for the Python they will run on; the base is an argument with a public default."""
    assert re.findall(r"^FROM (\S+)", TEXT, re.M) == ["${BASE}", "${BASE}"]
    assert default_base(TEXT) == "docker.io/library/python:3.13-slim-bookworm"


def test_the_image_runs_as_nobody_in_particular_without_a_shell() -> None:
    """Kubernetes checks runAsNonRoot against a number; signals reach Python because no shell stands before it."""
    stage = final_stage()
    assert "USER 65532:65532" in stage
    assert re.search(r'^ENTRYPOINT \["/opt/podtimeline/bin/python3", "-m", "podtimeline"\]$', stage, re.M)
    assert re.search(r'^CMD \["run"\]$', stage, re.M)


def test_secrets_stay_out_of_the_image() -> None:
    """Settings of pip come as secret mounts and are optional; nothing is copied that could hold them."""
    mounts = re.findall(r"--mount=(\S+)", TEXT)
    assert mounts
    assert all(mount.startswith("type=secret,id=pip") and "required" not in mount for mount in mounts)
    assert not re.search(r"^(ARG|ENV) .*(INDEX|TOKEN|PASSWORD)", TEXT, re.M)


def test_every_installed_package_is_locked_by_hash() -> None:
    """Pip refuses what the locks do not name by content."""
    assert TEXT.count("--require-hashes -r") + TEXT.count("--require-hashes --target /build -r") == 2
    for name in ("requirements.lock", "build.lock"):
        text = (ROOT / "deploy" / name).read_text()
        names = re.findall(r"^([a-z0-9._-]+)==", text, re.M)
        assert names
        assert text.count("--hash=sha256:") >= len(names)
        assert "://" not in text


def test_the_image_carries_what_runs_and_no_client_of_the_terminal() -> None:
    """The kubernetes client doubles the import cost and is only for reading a kubeconfig."""
    locked = set(re.findall(r"^([a-z0-9._-]+)==", LOCK, re.M))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "kubernetes" not in locked
    assert {re.split(r"[<>=\[]", each)[0] for each in project["dependencies"]} <= locked


def test_the_context_is_what_the_dockerfile_copies() -> None:
    """All else is ignored, so that no secret and no cache of a checkout gets into a layer."""
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {word for words in re.findall(r"^COPY (?!--from)(.+) \S+$", TEXT, re.M) for word in words.split()}
    assert copied == allowed
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of all that goes into the image."""
    for path in inputs(ROOT):
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return tmp_path


def test_the_key_follows_every_input_and_nothing_else(copy: Path) -> None:
    """A changed source, lock, base or name is another image; a compiled file or a test is not."""
    before = key(copy, builder="b", tag="t")
    assert before == key(ROOT, builder="b", tag="t")
    (copy / "operator/podtimeline/__pycache__").mkdir()
    (copy / "operator/podtimeline/__pycache__/x.pyc").touch()
    (copy / "notes.txt").touch()
    assert key(copy, builder="b", tag="t") == before
    seen = {before, key(copy, builder="other", tag="t"), key(copy, builder="b", tag="other")}
    for name in ("deploy/build.lock", "operator/podtimeline/__init__.py", "deploy/Dockerfile"):
        with (copy / name).open("a") as file:
            file.write("\n")
        seen.add(key(copy, builder="b", tag="t"))
    (copy / "operator/podtimeline/new.py").touch()
    seen.add(key(copy, builder="b", tag="t"))
    assert len(seen) == 7


@pytest.mark.parametrize(
    ("tag", "full"),
    [
        ("podtimeline:dev", "docker.io/library/podtimeline:dev"),
        ("team/podtimeline:1", "docker.io/team/podtimeline:1"),
        ("registry.example.com/podtimeline:1.0", "registry.example.com/podtimeline:1.0"),
        ("localhost:5000/podtimeline:1", "localhost:5000/podtimeline:1"),
        ("localhost/podtimeline:1", "localhost/podtimeline:1"),
    ],
)
def test_names_are_those_that_a_container_runtime_looks_for(tag: str, full: str) -> None:
    """A pod's `podtimeline:dev` is looked up as docker.io/library/podtimeline:dev: the archive has to say the same."""
    assert qualified(tag) == full


@pytest.mark.parametrize("tag", ["podtimeline", "Podtimeline:dev", "a b:1", "podtimeline:", ":dev"])
def test_names_that_no_runtime_takes_are_refused(tag: str) -> None:
    """The message names the flag and shows a good value."""
    with pytest.raises(UsageError, match=r"--tag .*podtimeline:dev"):
        qualified(tag)


def test_a_dockerfile_without_its_argument_is_told() -> None:
    """Nobody should search for a missing line."""
    with pytest.raises(ClusterError, match="ARG BASE"):
        default_base("FROM scratch\n")


def test_packages_are_read_from_what_apt_prints() -> None:
    """Address, file, size, digest; other lines are talk."""
    printed = """Reading lists
'http://mirror.example.com/pool/z.deb' zlib1g_1%3a1.2_amd64.deb 86684 SHA256:bb
'http://mirror.example.com/pool/d.deb' dash_0.5_amd64.deb 91848 SHA256:aa
"""
    assert parse_uris(printed) == (
        Package(file="dash_0.5_amd64.deb", digest="SHA256:aa"),
        Package(file="zlib1g_1%3a1.2_amd64.deb", digest="SHA256:bb"),
    )


def test_the_key_of_a_base_follows_the_content_of_its_packages() -> None:
    """A package rebuilt under its old name is another base."""
    keys = {base.key([Package(file="a", digest=digest)]) for digest in ("1", "2")}
    assert len(keys) == 2
    assert all(len(each) == len(hashlib.sha256().hexdigest()) // 4 for each in keys)


def test_a_failed_tool_is_told_with_its_last_words() -> None:
    """The last line of a builder only says that it failed; the lines before say why."""
    with pytest.raises(ClusterError, match=r"(?s)bash failed: Error: exit 1.*no such package"):
        run_told(["bash", "-c", "echo no such package; echo 'Error: exit 1' >&2; exit 1"])
    with pytest.raises(ClusterError, match="nothing-like-this not found"):
        run_told(["nothing-like-this"])
    assert run_told(["cat"], stdin="in") == "in"
    assert (answers(["true"]), answers(["false"]), answers(["nothing-like-this"])) == (True, False, False)


@pytest.mark.parametrize(("refused", "builds"), [("", True), ("buildx", False), ("info", False)])
def test_a_docker_without_daemon_or_buildx_leaves_it_to_buildah(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str, *, builds: bool
) -> None:
    """The Dockerfile mounts secrets, which the client's own builder does not know."""
    program = tmp_path / "docker"
    program.write_text(f'#!/bin/sh\n[ "$1" != "{refused}" ]\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert docker_builds() is builds
