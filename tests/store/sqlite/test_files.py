"""Where the history may lie."""

from pathlib import Path

import pytest
from tests.support.saved import StandingClock

from podtimeline.errors import StoreError
from podtimeline.store.options import StoreOptions
from podtimeline.store.sqlite.files import file_system, refuse_network
from podtimeline.store.sqlite.store import SqliteStore

MOUNTS = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:45 / /mnt/share rw shared:9 - nfs4 server:/export rw,vers=4.2
31 30 8:2 / /mnt/share/disk rw - xfs /dev/sdb1 rw
32 22 0:46 / /mnt/with\040space rw - fuse.sshfs host:/ rw
33 22 8:3 / /var/lib/podtimeline rw - ext4 /dev/sdc1 rw
34 22 0:47 / /var/lib/podtimeline rw - ceph mon:/ rw
35 22 0:48 / /work rw - virtiofs work rw
broken line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/other/h", "ext4"),
        ("/mnt/share/h", "nfs4"),
        ("/mnt/shared/h", "ext4"),
        ("/mnt/share/disk/h", "xfs"),
        ("/mnt/with space/h", "fuse.sshfs"),
        ("/var/lib/podtimeline/h", "ceph"),
    ],
)
def test_the_deepest_and_latest_mount_holds_the_file(path: str, kind: str) -> None:
    """Mount points are compared by whole names, and a later mount hides an earlier one."""
    assert file_system(Path(path), MOUNTS) == kind


def test_where_nothing_is_known_nothing_is_guessed() -> None:
    """Without a list of mounts there is no file system to name, and none is refused."""
    assert file_system(Path("/x"), "") is None
    refuse_network(Path("/x"), mounts="")


def test_a_network_file_system_is_refused_with_the_way_out() -> None:
    """The refusal names the type and the setting that allows it."""
    with pytest.raises(StoreError, match=r"\(nfs4\).*allow_network_filesystem"):
        refuse_network(Path("/mnt/share/h"), mounts=MOUNTS)


def test_a_disk_is_not_refused() -> None:
    """A block device below a network mount is a block device."""
    disk = Path("/mnt/share/disk/h")
    assert file_system(disk, MOUNTS) == "xfs"
    refuse_network(disk, mounts=MOUNTS)


def test_a_network_file_system_can_be_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who allows it gets it; who does not is refused before a file is made."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text("22 1 0:1 / / rw - nfs4 server:/ rw\n", encoding="utf-8")
    monkeypatch.setattr("podtimeline.store.sqlite.files._MOUNTS", mounts)
    path = tmp_path / "lib" / "history.sqlite3"
    with pytest.raises(StoreError, match="network file system"):
        SqliteStore(path, StoreOptions(clock=StandingClock()))
    assert not path.parent.exists()
    SqliteStore(path, StoreOptions(clock=StandingClock(), allow_network_filesystem=True)).close()
    assert path.exists()
