"""What is recorded is what is replayed, and what is no capture is refused in one line."""

import gzip
from pathlib import Path

import msgspec
import pytest

from podtimeline.app.capture import FORMAT, CaptureWriter, Header, LineType, read_capture
from podtimeline.errors import CaptureError

HEADER = Header(format=FORMAT, cluster="test", kubernetes="v1.37.2", started=7)


def written(path: Path) -> Path:
    """A capture of one listed pod, the end of the listing, and one line of a watch."""
    with CaptureWriter(path, HEADER) as writer:
        writer.tap(10, "pods", "LIST", b'{"metadata":{"uid":"a"}}')
        writer.tap(11, "pods", "LISTED", b"42")
        writer.tap(12, "pods", "WATCH", b'{"type":"ADDED","object":{"metadata":{"uid":"b"}}}')
        writer.tap(13, "pods", "WATCH", b"")
    return path


def test_lines_come_back_as_they_were_tapped(tmp_path: Path) -> None:
    """Byte for byte, with their arrivals; blank keep-alive lines are not worth keeping."""
    header, lines = read_capture(written(tmp_path / "capture.jsonl.gz"))
    assert header == HEADER
    told = [(each.at, each.stream, each.type, bytes(each.line), each.version) for each in lines]
    assert told == [
        (10, "pods", LineType.LIST, b'{"metadata":{"uid":"a"}}', ""),
        (11, "pods", LineType.LISTED, b"", "42"),
        (12, "pods", LineType.WATCH, b'{"type":"ADDED","object":{"metadata":{"uid":"b"}}}', ""),
    ]


def test_the_format_is_the_documented_one(tmp_path: Path) -> None:
    """Other tools may read it: gzip, JSON lines, the names of the fields."""
    path = written(tmp_path / "capture.jsonl.gz")
    lines = [msgspec.json.decode(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert lines[0] == {"podtimelineCapture": 1, "cluster": "test", "kubernetes": "v1.37.2", "started": 7}
    assert lines[1] == {"at": 10, "stream": "pods", "type": "LIST", "line": {"metadata": {"uid": "a"}}}
    assert lines[2] == {"at": 11, "stream": "pods", "type": "LISTED", "version": "42"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"not gzip at all", "gzip"),
        (gzip.compress(b"hello\n"), "no valid header"),
        (gzip.compress(b'{"podtimelineCapture":9,"started":1}\n'), "format 9"),
        (gzip.compress(b'{"podtimelineCapture":1,"started":1}\n{"at":1}\n'), "line 2 is malformed"),
        (gzip.compress(b'{"podtimelineCapture":1,"started":1}\n')[:-9], "gzip"),
    ],
)
def test_what_is_no_capture_is_refused_by_name_and_reason(tmp_path: Path, content: bytes, says: str) -> None:
    """Empty, foreign, of another version, malformed inside, cut off."""
    path = tmp_path / "odd.gz"
    path.write_bytes(content)
    with pytest.raises(CaptureError, match=says) as caught:
        list(read_capture(path)[1])
    assert "odd.gz" in str(caught.value)


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """Before anything is asked of the cluster."""
    with pytest.raises(CaptureError, match="cannot be written"):
        CaptureWriter(tmp_path / "nowhere" / "capture.gz", HEADER)
