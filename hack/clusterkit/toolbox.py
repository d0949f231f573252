"""The programs that talk to a cluster: people's own where they may serve, else built here."""

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from clusterkit import build
from clusterkit.errors import ClusterError, UsageError
from clusterkit.model import Kubernetes

NAMES = ("helm", "kind", "kubectl", "kwok")
_RELEASED = {"helm": build.HELM, "kind": build.KIND, "kwok": build.KWOK}


def toolbox(names: Sequence[str], *, release: Kubernetes, own_first: bool = False) -> Path:
    """Return one directory that holds the named programs, for use on PATH.

    ``own_first`` takes what PATH has and builds only what it lacks: for a cluster that is there already.
    """
    programs = {name: program(name, release=release, own_first=own_first) for name in names}
    key = hashlib.sha256("\0".join(f"{name} {path}" for name, path in sorted(programs.items())).encode()).hexdigest()
    box = build.cache_root() / f"toolbox-{key[:16]}"
    box.mkdir(parents=True, exist_ok=True)
    for name, path in programs.items():
        _link(box / name, to=path)
    return box


def program(name: str, *, release: Kubernetes, own_first: bool = False) -> Path:
    """Return the path of one program. Raises `ClusterError` where it is neither on PATH nor can be built."""
    if name not in NAMES:
        raise UsageError(f"tools {name}: must be one of {', '.join(NAMES)}")
    found = shutil.which(name) if own_first else None
    if found is not None:
        return Path(found).absolute()
    if own_first and shutil.which("go") is None:
        raise ClusterError(f"{name} is not on PATH: install it, or install Go to build it")
    return builder(name, release=release)() / name


def builder(name: str, *, release: Kubernetes) -> Callable[[], Path]:
    """Return what builds a program, unless it is there. kubectl is part of a Kubernetes that is there."""
    target = _RELEASED.get(name) or _kubectl(release)
    return lambda: build.ensure(target)


def _kubectl(release: Kubernetes) -> build.Target:
    whole = build.kubernetes(release)
    return whole if build.built(whole) else build.kubectl(release)


def _link(path: Path, *, to: Path) -> None:
    """Point a name at a file without a moment in which it is missing: another command may be about to run it."""
    if path.is_symlink() and path.readlink() == to:
        return
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(to)
    fresh.replace(path)
