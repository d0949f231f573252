"""The operator's image: one Dockerfile, built by docker where that can, else by Debian's buildah."""

import fcntl
import hashlib
import os
import re
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from clusterkit.build import cache_root
from clusterkit.errors import ClusterError, UsageError
from clusterkit.run import run
from clusterkit.say import say
from demokit import base
from demokit.packages import ensure as ensure_program
from demokit.tools import answers, docker_answers, run_told

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "deploy/Dockerfile"
DEFAULT_TAG = "podtimeline:dev"
_INPUTS = (".dockerignore", "deploy/Dockerfile", "deploy/requirements.lock", "deploy/build.lock", "pyproject.toml",
           "README.md", "LICENSE")  # fmt: skip
_KEPT = 4
_STORE_LIMIT = 4 << 30
_TAG = re.compile(
    r"[a-z0-9]+([._/-][a-z0-9]+)*(:[0-9]+(/[a-z0-9]+([._-][a-z0-9]+)*)+)?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
)


def inputs(root: Path) -> list[Path]:
    """Return every file that goes into the image, in a fixed order."""
    sources = [path for path in (root / "operator").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return [*(root / name for name in _INPUTS), *sorted(sources)]


def key(root: Path, *, builder: str, tag: str) -> str:
    """Return the key of an image: the content of its inputs, what it is built on, and its name."""
    digest = hashlib.sha256(f"{builder}\0{tag}\0".encode())
    for path in inputs(root):
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def source_key() -> str:
    """Return a tag for the image of this very source, so that a changed one replaces the pods that run."""
    return key(ROOT, builder="", tag="")


def default_base(dockerfile: str) -> str:
    """Return the base image that the Dockerfile names."""
    found = re.search(r"^ARG BASE=(\S+)$", dockerfile, re.MULTILINE)
    if found is None:
        raise ClusterError("deploy/Dockerfile has no line `ARG BASE=…`")
    return found[1]


def qualified(tag: str) -> str:
    """Return the name that a container runtime gives to a short image name."""
    if not _TAG.fullmatch(tag):
        raise UsageError(f"--tag {tag}: must be NAME:TAG, such as {DEFAULT_TAG}")
    first, slash, _ = tag.partition("/")
    if slash and (set(first) & {".", ":"} or first == "localhost"):
        return tag
    return f"docker.io/{tag}" if slash else f"docker.io/library/{tag}"


def build(*, tag: str = DEFAULT_TAG) -> Path:
    """Return the path of an archive with the image, building it if this very source was not built yet."""
    qualified(tag)
    cache = cache_root() / "images"
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / "lock"):
        archive = _with_docker(cache, tag=tag) if docker_builds() else _with_buildah(cache, tag=tag)
        archive.touch()
        _forget(cache)
    return archive


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _forget(cache: Path) -> None:
    """Keep the few newest archives: each change of the source makes one of some 90 MB."""
    for pattern, kept in (("podtimeline-*.tar", _KEPT), ("base-*.tar", 1)):
        newest_first = sorted(cache.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in newest_first[kept:]:
            path.unlink()


def docker_builds() -> bool:
    """Whether a docker daemon answers and has, or can fetch, the base image.

    The Dockerfile mounts secrets, so that the client needs buildx; some packages leave it out.
    """
    if not docker_answers() or not answers(["docker", "buildx", "version"]):
        return False
    name = default_base(DOCKERFILE.read_text())
    return answers(["docker", "image", "inspect", name]) or answers(["docker", "pull", "-q", name])


def revision() -> str:
    """Return the commit of the sources, for the image's label."""
    done = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _arguments(secrets: Path) -> list[str]:
    """Return what both builders are told."""
    words = ["--file", str(DOCKERFILE), "--build-arg", f"REVISION={revision()}"]
    for name in sorted(path.name for path in secrets.iterdir()):
        words += ["--secret", f"id={name},src={secrets / name}"]
    return words


@contextmanager
def pip_secrets() -> Iterator[Path]:
    """Hand this machine's pip settings to the build as secrets: none of them is left in the image."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        certificates = (
            os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
        )
        lines = ["[global]"]
        if certificates and Path(certificates).is_file():
            shutil.copyfile(certificates, directory / "pipca")
            lines.append("cert = /etc/pip-ca.pem")
        lines += [f"{option} = {value}" for option, value in _pip_settings()]
        (directory / "pipconf").write_text("\n".join(lines) + "\n")
        yield directory


def _pip_settings() -> list[tuple[str, str]]:
    """Return where pip fetches from on this machine, as far as it was told."""
    listed = subprocess.run(
        ["python3", "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    wanted = ("index-url", "extra-index-url", "trusted-host", "timeout", "proxy")
    found = dict(re.findall(r"^(?:global|install|:env:)\.([a-z-]+)='(.*)'$", listed, re.MULTILINE))
    return [(option, found[option]) for option in wanted if option in found]


def _with_docker(cache: Path, *, tag: str) -> Path:
    archive = cache / f"podtimeline-{key(ROOT, builder='docker', tag=tag)}.tar"
    if archive.exists():
        return archive
    say(f"building {tag} with docker")
    with pip_secrets() as secrets:
        run_told(
            ["docker", "build", "-q", "-t", tag, *_arguments(secrets), str(ROOT)],
            env={**os.environ, "DOCKER_BUILDKIT": "1"},
        )
    version = run_told(["docker", "run", "--rm", "--read-only", "--network", "none", tag, "version"])
    say(f"tested the image: {version.strip()}")
    return _saved(["docker", "save", "-o", "{}", tag], archive=archive)


def _saved(command: Sequence[str], *, archive: Path) -> Path:
    temporary = archive.with_suffix(".part")
    temporary.unlink(missing_ok=True)
    run([word.replace("{}", str(temporary)) for word in command])
    temporary.replace(archive)
    return archive


def _with_buildah(cache: Path, *, tag: str) -> Path:
    name, root_tar = base.ensure(cache)
    archive = cache / f"podtimeline-{key(ROOT, builder=name, tag=tag)}.tar"
    if archive.exists():
        return archive
    builder = _builder(cache)
    local = f"localhost/podtimeline-base:{name}"
    if not answers([*builder, "inspect", "--type", "image", local]):
        base.import_into(builder, tar=root_tar, reference=local)
    stand_in = f"local base, Python {base.python_version(root_tar)}, in place of {default_base(DOCKERFILE.read_text())}"
    say(f"building {tag} with buildah ({stand_in})")
    with pip_secrets() as secrets:
        words = ["--isolation", "chroot", "--layers", "--pull-never", "--build-arg", f"BASE={local}"]
        run_told([*builder, "bud", "-q", *words, "--tag", qualified(tag), *_arguments(secrets), str(ROOT)])
    say(f"tested the image: {_ask_version(builder, image=qualified(tag))}")
    return _saved([*builder, "push", "-q", qualified(tag), f"docker-archive:{{}}:{qualified(tag)}"], archive=archive)


def _builder(cache: Path) -> list[str]:
    """Return buildah with a store of its own, emptied when it has grown too large."""
    program = ensure_program("buildah", package="buildah")
    store = cache / "buildah"
    command = [program, "--root", str(store / "root"), "--runroot", str(store / "run"), "--storage-driver", "overlay"]
    if store.exists() and int(run(["du", "-sxk", str(store)]).split()[0]) << 10 > _STORE_LIMIT:
        run([*command, "rmi", "--all", "--force"])
    return command


def _ask_version(builder: Sequence[str], *, image: str) -> str:
    """Run the image's program once: an image that cannot even tell its version is not handed out."""
    container = run([*builder, "from", "--pull-never", image]).strip()
    try:
        words = [
            "--isolation",
            "chroot",
            container,
            "--",
            "/opt/podtimeline/bin/python3",
            "-m",
            "podtimeline",
            "version",
        ]
        return run_told([*builder, "run", *words]).strip()
    finally:
        run([*builder, "rm", container])
