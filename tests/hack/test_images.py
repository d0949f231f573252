"""The images that are assembled without any container tool."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from clusterkit import images
from clusterkit.errors import ClusterError
from clusterkit.images import File, Image


def _read(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {name: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]


@pytest.fixture
def image() -> Image:
    """Return a small image."""
    files = [File(path="bin/a", data=b"program"), File(path="bin/b", link="a"), File(path="tmp/", mode=0o1777)]
    return Image(reference="test/a:1", layers=(images.layer(files),), command=("/bin/a", "-x"))


def test_an_archive_holds_what_its_manifest_names(image: Image) -> None:
    """The manifest names the configuration and every layer by the digest of its content."""
    files = _read(images.archive(image))
    (manifest,) = json.loads(files["manifest.json"])
    assert manifest["RepoTags"] == ["test/a:1"]
    assert manifest["Config"] == f"{hashlib.sha256(files[manifest['Config']]).hexdigest()}.json"
    digests = json.loads(files[manifest["Config"]])["rootfs"]["diff_ids"]
    assert digests == [f"sha256:{hashlib.sha256(files[path]).hexdigest()}" for path in manifest["Layers"]]


def test_the_same_content_is_the_same_image(image: Image) -> None:
    """No time stamp gets into an archive, so nodes that have it do not unpack it again."""
    assert images.archive(image) == images.archive(image)


def test_an_image_runs_as_an_unprivileged_user(image: Image) -> None:
    """The user is numeric, because runAsNonRoot cannot judge names."""
    settings = json.loads(images.config(image))["config"]
    assert settings["User"] == "65532:65532"
    assert settings["Cmd"] == ["/bin/a", "-x"]


def test_a_layer_keeps_links_modes_and_directories(image: Image) -> None:
    """Programs are executable, applets are links, and the sticky bit of /tmp stays."""
    with tarfile.open(fileobj=io.BytesIO(image.layers[0])) as tar:
        assert tar.getmember("bin/a").mode == 0o755
        assert tar.getmember("bin/b").linkname == "a"
        assert tar.getmember("tmp").isdir()
        assert tar.getmember("tmp").mode == 0o1777


def test_random_layers_differ_and_have_the_size_asked_for() -> None:
    """Each test image can have bytes that no node has seen, so that it is really pulled."""
    one, other = images.random_layer(1), images.random_layer(1)
    assert one != other
    assert 1 << 20 <= len(one) < (1 << 20) + 20480


@pytest.mark.parametrize(("marker", "kind"), [("manifest.json", "docker-archive"), ("./oci-layout", "oci-archive")])
def test_an_archives_format_is_recognised(tmp_path: Path, marker: str, kind: str) -> None:
    """Both formats that builders write are told apart by the file that only they have."""
    path = tmp_path / "archive.tar"
    with tarfile.open(path, "w") as tar:
        tar.addfile(tarfile.TarInfo(marker))
    assert images.kind_of(path) == kind


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    """A file that is no archive, and an archive that is no image, are refused by name."""
    text, other = tmp_path / "a.txt", tmp_path / "b.tar"
    text.write_text("hello")
    with tarfile.open(other, "w") as tar:
        tar.addfile(tarfile.TarInfo("etc/passwd"))
    for path in (text, other):
        with pytest.raises(ClusterError, match=path.name):
            images.kind_of(path)


@pytest.mark.parametrize(("machine", "expected"), [("x86_64", "amd64"), ("aarch64", "arm64"), ("riscv64", "riscv64")])
def test_architectures_have_gos_names(machine: str, expected: str) -> None:
    """Images name processors as Go does."""
    assert images.architecture(machine) == expected
