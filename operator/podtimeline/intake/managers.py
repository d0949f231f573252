"""Who wrote a condition, as the API server recorded it in ``metadata.managedFields``. Pure.

https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

import json

import msgspec


class _Status(msgspec.Struct, frozen=True, gc=False):
    conditions: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict, name="f:conditions")


class _Fields(msgspec.Struct, frozen=True, gc=False):
    status: _Status | None = msgspec.field(default=None, name="f:status")


class _Entry(msgspec.Struct, frozen=True, gc=False):
    manager: str = ""
    time: str = ""
    fields: _Fields | None = msgspec.field(default=None, name="fieldsV1")


_ENTRIES = msgspec.json.Decoder(list[_Entry] | None)
_VALUE = b'"f:status"'


def setter(managed: bytes | msgspec.Raw, condition: str) -> str:
    """The manager that gave the condition its value, of several the latest; empty where nothing names one.

    Managed fields can be absent, and have no schema that a reader may rely on: what is not understood names nobody.
    """
    try:
        entries = _ENTRIES.decode(managed) if managed else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
    key = "k:" + json.dumps({"type": condition}, separators=(",", ":"))
    owners = [
        (each.time, each.manager)
        for each in entries or ()
        if each.fields is not None and each.fields.status is not None and _wrote(each.fields.status, key)
    ]
    return max(owners, default=("", ""))[1]


def _wrote(status: _Status, key: str) -> bool:
    written = status.conditions.get(key)
    return written is not None and _VALUE in bytes(written)
