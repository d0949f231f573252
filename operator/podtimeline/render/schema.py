"""The JSON Schema (draft 2020-12) of the documents, made of their structs: the components of an OpenAPI document."""

from collections.abc import Iterable
from typing import Any

import msgspec

from podtimeline.render.structs import Struct

Schema = dict[str, Any]

_REFERENCE = "#/components/schemas/{name}"


def components(kinds: Iterable[type[Struct]]) -> Schema:
    """The schemas of structs, and of all that they are made of, by their public names."""
    _, found = msgspec.json.schema_components(kinds, ref_template=_REFERENCE)
    names: Schema = {}
    return {_public_name(name): _public(schema, names) for name, schema in found.items()} | names


def reference(kind: type[Struct]) -> Schema:
    """A reference to the schema of a struct among the ``components``."""
    return {"$ref": _REFERENCE.format(name=_public_name(kind.__name__))}


def _public(schema: object, names: Schema) -> object:
    """The schema with public names; what has a list of names in a place of its own goes to ``names``."""
    match schema:
        case {"enum": _, "title": str(title)}:
            names[title] = schema
            return {"$ref": _REFERENCE.format(name=title)}
        case dict():
            return {
                key: _public_name(value)
                if key in {"$ref", "title"} and isinstance(value, str)
                else _public(value, names)
                for key, value in schema.items()
            }
        case list():
            return [_public(each, names) for each in schema]
        case _:
            return schema


def _public_name(name: str) -> str:
    """A name without ``Document``, which tells a struct from what it is made of, and without what a list holds."""
    return name.partition("Document")[0]
