"""Runs protoc on the ``.proto`` files of this directory."""

import fcntl
import hashlib
import shutil
import sys
import tempfile
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
_GENERATORS = ("grpcio-tools", "mypy-protobuf", "protobuf")
_OUTPUTS = {"python": "", "grpc_python": "", "mypy": "quiet:", "mypy_grpc": "quiet,only_async:"}
"""protoc's generators with their options."""
_STAMP = HERE / "generated.stamp"


class ProtocError(Exception):
    """protoc refused a file; it has printed why."""


def ensure() -> None:
    """Generate the modules unless they are there and current. Raises ``ProtocError``."""
    sources = sorted(HERE.glob("*.proto"))
    key = _key(sources)
    if _current(key, sources):
        return
    with _STAMP.with_suffix(".lock").open("w") as lock:
        # Tests, their driver's process and mypy may all come first.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _current(key, sources):
            _generate(sources)
            _STAMP.write_text(key)


def _key(sources: list[Path]) -> str:
    parts = [f"{name} {version(name)}".encode() for name in _GENERATORS]
    return hashlib.sha256(
        b"\0".join([*parts, Path(__file__).read_bytes(), *(each.read_bytes() for each in sources)])
    ).hexdigest()


def _current(key: str, sources: list[Path]) -> bool:
    made = (_STAMP, *(each.with_name(f"{each.stem}_pb2.py") for each in sources))
    return all(each.exists() for each in made) and _STAMP.read_text() == key


def _generate(sources: list[Path]) -> None:
    with tempfile.TemporaryDirectory() as name:
        outputs = [f"--{each}_out={options}{name}" for each, options in _OUTPUTS.items()]
        compile_protos([f"-I{ROOT}", *outputs, *(str(each) for each in sources)])
        for made in (Path(name) / HERE.relative_to(ROOT)).iterdir():
            shutil.move(made, HERE / made.name)


def compile_protos(arguments: list[str]) -> None:
    """Run protoc, which knows the plugins of this environment and the well-known types. Raises ``ProtocError``."""
    # It is imported where it is needed only: it loads a compiler.
    from grpc_tools import protoc

    scripts = Path(sys.executable).parent
    plugins = [f"--plugin={scripts / f'protoc-gen-{each}'}" for each in _OUTPUTS if each.startswith("mypy")]
    with as_file(files("grpc_tools") / "_proto") as well_known:
        if protoc.main(["protoc", f"-I{well_known}", *plugins, *arguments]) != 0:
            raise ProtocError(f"protoc {' '.join(arguments)}")
