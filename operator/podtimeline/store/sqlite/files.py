"""The history file: its file system, its lock, and the errors of SQLite explained."""

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
"""WAL requires shared memory and reliable locks (sqlite.org/wal.html, "all on the same host")."""


def file_system(path: Path, mounts: str) -> str | None:
    """The file system that holds ``path``, from the text of mountinfo (proc(5)); ``None`` if unknown."""
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
    """Raise ``StoreError`` if the file is, or would be, on a network file system."""
    if mounts is None:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape") if _MOUNTS.exists() else ""
    kind = file_system(path.resolve(), mounts)
    if kind in _NETWORK:
        raise StoreError(
            f"history file {path}: on a network file system ({kind}), where locks are unreliable and the file may be"
            " corrupted; use a block volume or a local disk, or set allow_network_filesystem if no other host writes"
            " the file"
        )


def claim(path: Path) -> IO[bytes]:
    """Lock the history for this process, until the returned file is closed or the process ends.

    Raises ``StoreError`` if another process has locked it, or if the directory is not writable.
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
            f"history file {path}: in use by another podtimeline process; run one per file (replicas: 1, strategy:"
            " Recreate)"
        ) from error
    except OSError as error:
        held.close()
        raise StoreError(f"history file {path}: cannot be locked: {error.strerror}") from error
    return held


def failure(error: sqlite3.Error, path: str) -> StoreError:
    """The error of SQLite with the file, the cause and what to do."""
    name = getattr(error, "sqlite_errorname", None) or ""
    where = f"history file {path}"
    match name.removeprefix("SQLITE_").split("_")[0]:
        case "CORRUPT" | "NOTADB" | "FORMAT":
            said = (
                f"{where}: damaged ({error}); stop podtimeline, copy the file, and try `sqlite3 {path} .recover`, or"
                " move the file away to start a new history, with counters at zero"
            )
        case "FULL":
            said = f"{where}: the disk is full; free space, enlarge the volume, or lower retention_bytes"
        case "BUSY" | "LOCKED":
            said = f"{where}: locked by another program ({error}); close the program"
        case "READONLY" | "CANTOPEN" | "PERM" | "AUTH":
            said = _cannot_write(path, str(error))
        case "IOERR":
            said = f"{where}: disk I/O failed ({error}, {name}); check the volume and the kernel log of the node"
        case _:
            said = f"{where}: {error}{f' ({name})' if name else ''}"
    return StoreError(said)


def _cannot_write(path: object, why: str) -> str:
    return (
        f"history file {path}: cannot be opened for writing ({why}); make the directory writable for user"
        f" {os.getuid()} (fsGroup in the pod's securityContext), and check that the volume is not read-only"
    )


def _unescaped(text: str) -> str:
    return text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
