"""The wire format of protocol buffers for messages that are declared as frozen dataclasses, field numbers included.

It knows the types that CSI's messages need: strings, integers, enumerations, flags, messages, lists and maps of
strings. Fields of a message that it does not declare are skipped, as the format demands.
"""

import types
import typing
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any, TypeVar

T = TypeVar("T")
M = TypeVar("M", bound="Message")
Raw = int | bytes
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WORD = 1 << 64


class DecodeError(ValueError):
    """Bytes that are not a message of the declared type."""


class Message:
    """The base of all messages: a frozen dataclass whose fields say their number: ``name: Annotated[str, 1] = ""``."""

    __slots__ = ()


class _Shape(typing.NamedTuple):
    """A field as the codec sees it: ``kind`` is what one value of it is; ``dict`` stands for the map."""

    name: str
    kind: type[Any]
    repeated: bool


_SHAPES: dict[type[Message], Mapping[int, _Shape]] = {}


def _shapes(kind: type[Message]) -> Mapping[int, _Shape]:
    if kind not in _SHAPES:
        hints = typing.get_type_hints(kind, include_extras=True)
        _SHAPES[kind] = {hint.__metadata__[0]: _shape(name, hint.__origin__) for name, hint in hints.items()}
    return _SHAPES[kind]


def _shape(name: str, hint: Any) -> _Shape:
    match typing.get_origin(hint):
        case None:
            return _Shape(name, hint, repeated=False)
        case types.UnionType:
            (kind,) = (each for each in typing.get_args(hint) if each is not types.NoneType)
            return _Shape(name, kind, repeated=False)
        case origin if origin is tuple:
            return _Shape(name, typing.get_args(hint)[0], repeated=True)
        case _:
            return _Shape(name, dict, repeated=True)


def encode(message: Message) -> bytes:
    """The bytes of a message."""
    return b"".join(_fields(message))


def _fields(message: Message) -> Iterator[bytes]:
    for number, shape in _shapes(type(message)).items():
        value = getattr(message, shape.name)
        if shape.kind is dict:
            for entry in value.items():
                yield _tagged(number, _entry(*entry))
        elif shape.repeated:
            yield from (_tagged(number, each) for each in value)
        elif value is not None and (isinstance(value, Message) or value):
            yield _tagged(number, value)


def _entry(key: str, value: str) -> bytes:
    return _tagged(1, key) + _tagged(2, value)


def _tagged(number: int, value: Message | str | bytes | int) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3 | _VARINT) + _varint(value % _WORD)
    body = encode(value) if isinstance(value, Message) else value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | _BYTES) + _varint(len(body)) + body


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode(kind: type[M], data: bytes) -> M:
    """The message that the bytes hold. Raises ``DecodeError`` for bytes that hold none of this kind."""
    shapes = _shapes(kind)
    values: dict[str, Any] = {}
    for number, raw in _read(data):
        shape = shapes.get(number)
        if shape is None:
            continue
        if shape.kind is dict:
            values.setdefault(shape.name, {}).update([_pair(_expect(raw, bytes))])
        elif shape.repeated:
            values[shape.name] = (*values.get(shape.name, ()), _value(shape.kind, raw))
        else:
            values[shape.name] = _value(shape.kind, raw)
    return kind(**values)


def _pair(entry: bytes) -> tuple[str, str]:
    found = {number: _expect(raw, bytes).decode() for number, raw in _read(entry)}
    return found.get(1, ""), found.get(2, "")


def _value(kind: type[Any], raw: Raw) -> Any:
    if issubclass(kind, Message):
        return decode(kind, _expect(raw, bytes))
    if kind is str:
        return _expect(raw, bytes).decode()
    number = _expect(raw, int)
    if issubclass(kind, IntEnum) or kind is bool:
        return kind(number)
    return number - _WORD if number >= _WORD >> 1 else number


def _expect(raw: Raw, kind: type[T]) -> T:
    if not isinstance(raw, kind):
        raise DecodeError(f"expected {kind.__name__}, found {type(raw).__name__}")
    return raw


def _read(data: bytes) -> Iterator[tuple[int, Raw]]:
    """Each field's number with its value, in the order of the bytes."""
    position = 0
    while position < len(data):
        tag, position = _read_varint(data, position)
        match tag & 7:
            case 0:
                value, position = _read_varint(data, position)
                yield tag >> 3, value
                continue
            case 2:
                length, position = _read_varint(data, position)
            case 1:
                length = 8
            case 5:
                length = 4
            case other:
                raise DecodeError(f"wire type {other} at byte {position}")
        if position + length > len(data):
            raise DecodeError(f"{length} bytes announced, {len(data) - position} left")
        yield tag >> 3, data[position : position + length]
        position += length


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(data):
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise DecodeError("the bytes end within a number")
