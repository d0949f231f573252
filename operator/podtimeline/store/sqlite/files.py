"""The file under the history: where it may lie, who holds it, and what to do when SQLite cannot use it."""

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import IO

from podtimeline.errors import StoreError

MEMORY = ":memory:"
_MOUNTS = Path("/proc/self/mountinfo")
_NETWORK = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2",
        "orangefs", "smb3", "smbfs", "virtiofs",
        "fuse.ceph", "fuse.gcsfuse", "fuse.glusterfs", "fuse.juicefs", "fuse.mount-s3", "fuse.rclone", "fuse.s3fs",
        "fuse.seaweedfs", "fuse.sshfs", "fuse.blobfuse2",
    }
)  # fmt: skip
"""WAL needs memory shared between processes and locks that hold (sqlite.org/wal.html, "all on the same host")."""


def file_system(path: Path, mounts: str) -> str | None:
    """The file system that holds ``path``, from the text of mountinfo (proc(5)); ``None`` where it is silent."""
    best: tuple[int, str] | None = None
    for line in mounts.splitlines():
        front, _, back = line.partition(" - ")
        fields, kinds = front.split(" "), back.split(" ")
        if len(fields) < 5 or not kinds[0]:
            continue
        point = Path(_unescaped(fields[4]))
        # The later of two mounts on one point hides the earlier one.
        if path.is_relative_to(point) and (best is None or len(point.parts) >= best[0]):
            best = (len(point.parts), kinds[0])
    return None if best is None else best[1]


def refuse_network(path: Path, *, mounts: str | None = None) -> None:
    """Raise ``StoreError`` if the file would lie on a network file system."""
    if mounts is None:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape") if _MOUNTS.exists() else ""
    kind = file_system(path.resolve(), mounts)
    if kind in _NETWORK:
        raise StoreError(
            f"history file {path}: lies on a network file system ({kind}), where SQLite's locks may not hold and the"
            " file may break; put it on a block volume or a disk of the node, or set allow_network_filesystem if you"
            " know that only this host ever writes it"
        )


def claim(path: Path) -> IO[bytes]:
    """Hold the history for this process alone, until the returned file is closed or the process ends in any way.

    Raises ``StoreError`` when another process holds it or the directory cannot be written to.
    """
    lock = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = lock.open("ab")
    except OSError as error:
        raise StoreError(_cannot_write(path, error.strerror or str(error))) from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        held.close()
        raise StoreError(
            f"history file {path}: another podtimeline holds it; run one per file (replicas: 1, strategy: Recreate)"
        ) from error
    except OSError as error:
        held.close()
        raise StoreError(f"history file {path}: cannot be locked: {error.strerror}") from error
    return held


def failure(error: sqlite3.Error, path: str) -> StoreError:
    """What SQLite's error means for the person on call: the file, what is wrong, and what to do."""
    name = getattr(error, "sqlite_errorname", None) or ""
    where = f"history file {path}"
    match name.removeprefix("SQLITE_").split("_")[0]:
        case "CORRUPT" | "NOTADB" | "FORMAT":
            said = (
                f"{where}: damaged ({error}); stop podtimeline, keep a copy, try `sqlite3 {path} .recover`, or move the"
                " file away to begin a new history (counters then begin at zero)"
            )
        case "FULL":
            said = f"{where}: the disk is full; free space, enlarge the volume or lower retention_bytes"
        case "BUSY" | "LOCKED":
            said = f"{where}: locked by another program ({error}); close whatever else has it open"
        case "READONLY" | "CANTOPEN" | "PERM" | "AUTH":
            said = _cannot_write(path, str(error))
        case "IOERR":
            said = f"{where}: the disk failed ({error}, {name}); look at the node's kernel log and the volume"
        case _:
            said = f"{where}: {error}{f' ({name})' if name else ''}"
    return StoreError(said)


def _cannot_write(path: object, why: str) -> str:
    return (
        f"history file {path}: cannot be opened for writing ({why}); user {os.getuid()} needs to own the directory and"
        " the volume must not be read-only (fsGroup in the pod's securityContext)"
    )


def _unescaped(text: str) -> str:
    return text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
