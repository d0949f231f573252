"""Captures: what a cluster's streams said, with arrival times, as gzip-compressed JSON lines.

The first line is the header, then one line for each object of a listing, each line of a watch, and each end of a
complete listing, in the order of arrival.
"""

import gzip
import zlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Self

import msgspec

from podtimeline.errors import CaptureError

FORMAT = 1


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line. ``started`` is in nanoseconds since the epoch."""

    format: int = msgspec.field(name="podtimelineCapture")
    cluster: str = ""
    kubernetes: str = ""
    started: int


class LineType(StrEnum):
    """What a line is."""

    LIST = "LIST"
    """One object of a listing."""
    WATCH = "WATCH"
    """One line of a watch."""
    LISTED = "LISTED"
    """The listing is complete, at ``version``."""


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that a stream said; ``at`` is its arrival in nanoseconds since the epoch.

    ``namespace`` is set where each of several namespaces was read by itself.
    """

    at: int = 0
    stream: str
    namespace: str = ""
    type: LineType
    line: msgspec.Raw = msgspec.Raw()
    version: str = ""


_HEADER = msgspec.json.Decoder(Header)
_LINE = msgspec.json.Decoder(Line)


class CaptureWriter:
    """Writes a capture; use it as a context manager. Raises ``CaptureError`` where the file cannot be written."""

    def __init__(self, path: Path, header: Header) -> None:
        self.lines = 0
        self._path = path
        self._encoder = msgspec.json.Encoder()
        try:
            self._file = gzip.GzipFile(path, "wb", compresslevel=6)
        except OSError as error:
            raise CaptureError(f"{path}: cannot be written: {error}") from error
        self._write(header)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def tap(self, arrived: int, stream: str, kind: str, raw: bytes, *, namespace: str = "") -> None:
        """Write one line, of what ``kube.reflector.Tap`` sees."""
        line = Line(at=arrived, stream=stream, namespace=namespace, type=LineType(kind))
        if kind == LineType.LISTED:
            self._write(msgspec.structs.replace(line, version=raw.decode()))
        elif raw.strip():
            self._write(msgspec.structs.replace(line, line=msgspec.Raw(raw)))

    def _write(self, line: Header | Line) -> None:
        try:
            self._file.write(self._encoder.encode(line) + b"\n")
        except OSError as error:
            raise CaptureError(f"{self._path}: cannot be written: {error}") from error
        self.lines += 1


def read_capture(path: Path) -> tuple[Header, Iterator[Line]]:
    """The header, and the lines as they are read. Raises ``CaptureError``, the iterator too."""
    lines = _lines(path)
    first = next(lines, None)
    if first is None:
        raise CaptureError(f"{path}: the file is empty")
    try:
        header = _HEADER.decode(first[1])
    except msgspec.MsgspecError as error:
        raise CaptureError(f"{path}: not a capture, the first line has no valid header: {error}") from error
    if header.format != FORMAT:
        raise CaptureError(f"{path}: capture format {header.format} is not supported, this version reads {FORMAT}")
    return header, _decoded(path, lines)


def _decoded(path: Path, lines: Iterator[tuple[int, bytes]]) -> Iterator[Line]:
    for number, text in lines:
        try:
            yield _LINE.decode(text)
        except msgspec.MsgspecError as error:
            raise CaptureError(f"{path}: line {number} is malformed: {error}") from error


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with gzip.open(path, "rb") as file:
            for number, text in enumerate(file, start=1):
                if text.strip():
                    yield number, text
    except (OSError, EOFError, zlib.error) as error:
        raise CaptureError(f"{path}: cannot be read as a gzip-compressed capture: {error}") from error
