# SPDX-License-Identifier: Apache-2.0
"""Derives JSON Schemas and TypeScript types from the message structs of `sealroom_wire`.

`python tools/protocol_types.py` writes them; `--check` fails when a file differs from what would be written. Nothing here
is written by hand twice: the structs are the source.
"""

import argparse
import difflib
import enum
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
from msgspec import inspect

from sealroom_wire import PROTOCOL_VERSION, authority, errors, limits, signalling

ROOT = Path(__file__).resolve().parents[1]
SCHEMAS: dict[str, dict[str, Any]] = {
    "signalling": {
        "ClientMessage": signalling.ClientMessage,
        "ServerMessage": signalling.ServerMessage,
    },
    "authority": {
        "DeviceMessage": authority.DeviceMessage,
        "AuthorityMessage": authority.AuthorityMessage,
        "SignedBody": authority.SignedBody,
        "GrantClaims": authority.GrantClaims,
    },
}
HEADER = "// SPDX-License-Identifier: Apache-2.0\n// Derived from sealroom_wire by tools/protocol_types.py; do not edit.\n"


def schema(title: str, roots: dict[str, Any]) -> str:
    """One JSON Schema (2020-12) document whose `$defs` hold every message of a protocol."""
    found, definitions = msgspec.json.schema_components(roots.values(), ref_template="#/$defs/{name}")
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Sealroom {title}",
        "$defs": dict(sorted((definitions | dict(zip(roots, found, strict=True))).items())),
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def typescript() -> str:
    """One TypeScript module with an interface per struct and a union per protocol direction.

    Names that occur in both protocols (`Ping`, `Refused`) are told apart by a namespace each.
    """
    parts = [HEADER, _constants(), *_enums(errors.ErrorCode)]
    for name, roots in SCHEMAS.items():
        body = "\n".join(_module(roots))
        parts.append(f"export declare namespace {name.capitalize()} {{\n{_indent(body)}\n}}\n")
    return "\n".join(parts)


def _constants() -> str:
    names = (
        "MAX_SDP_BYTES",
        "MAX_SLOTS",
        "FIRST_AUDIO_SLOTS",
        "FIRST_VIDEO_SLOTS",
        "SLOT_GROWTH",
        "MAX_SEALED_MEMBERS",
        "MAX_CUSTOM_COMMAND",
        "MAX_CUSTOM_BYTES",
        "MAX_CUSTOM_FRAME_BYTES",
        "MAX_RECORDED_PARTICIPANTS",
        "MAX_KEPT_DATASETS",
        "MAX_KEPT_FIELDS",
        "MAX_KEPT_ROWS",
        "MAX_KEPT_CHARACTERS",
        "MAX_REPORTED_EVENTS",
        "MAX_LOG_ENTRIES",
        "MAX_LOG_BYTES",
        "MIN_SAMPLE_EVERY",
    )
    lines = [f"export const {name} = {getattr(limits, name)};" for name in names]
    lines.append(f"export const PROTOCOL_VERSION = {PROTOCOL_VERSION};")
    lines.append(
        f"export const SIGNATURE_PREFIX = {msgspec.json.encode(authority.SIGNATURE_PREFIX.decode()).decode()};"
    )
    lines.append(f'export const ZERO_HEAD = "{authority.ZERO_HEAD}";')
    return "\n".join(lines) + "\n"


def _enums(*found: type[enum.StrEnum]) -> Iterator[str]:
    for one in found:
        yield f"export type {one.__name__} =\n" + "\n".join(f'  | "{member.value}"' for member in one) + ";\n"


def _module(roots: dict[str, Any]) -> Iterator[str]:
    structs: dict[str, inspect.StructType] = {}
    enums: dict[str, type[enum.StrEnum]] = {}
    for root in roots.values():
        _collect(inspect.type_info(root), structs, enums)
    for name in sorted(enums):
        if enums[name] is not errors.ErrorCode:
            yield f"type {name} = " + " | ".join(f'"{member.value}"' for member in enums[name]) + ";"
    for name in sorted(structs):
        yield _interface(structs[name])
    for name, root in roots.items():
        if isinstance(root, types.UnionType):
            yield f"type {name} = " + " | ".join(part.__name__ for part in get_args(root)) + ";"


def _collect(
    info: inspect.Type, structs: dict[str, inspect.StructType], enums: dict[str, type[enum.StrEnum]]
) -> None:
    match info:
        case inspect.UnionType(types=parts):
            for part in parts:
                _collect(part, structs, enums)
        case inspect.StructType(cls=cls, fields=fields):
            structs[cls.__name__] = info
            for field in fields:
                _collect(field.type, structs, enums)
        case inspect.VarTupleType(item_type=item):
            _collect(item, structs, enums)
        case inspect.EnumType(cls=cls):
            enums[cls.__name__] = cls  # type: ignore[assignment]
        case _:
            pass


def _interface(info: inspect.StructType) -> str:
    lines = [f"interface {info.cls.__name__} {{"]
    if info.tag_field is not None:
        lines.append(f'  {info.tag_field}: "{info.tag}";')
    for field in info.fields:
        optional = "" if field.required else "?"
        lines.append(f"  {field.encode_name}{optional}: {_name(field.type)};")
    return "\n".join([*lines, "}"])


def _name(info: inspect.Type) -> str:
    match info:
        case inspect.UnionType(types=parts):
            return " | ".join(dict.fromkeys(_name(part) for part in parts))
        case inspect.StructType(cls=cls) | inspect.EnumType(cls=cls):
            return cls.__name__
        case inspect.VarTupleType(item_type=item):
            return f"ReadonlyArray<{_name(item)}>"
        case inspect.StrType():
            return "string"
        case inspect.IntType() | inspect.FloatType():
            return "number"
        case inspect.BoolType():
            return "boolean"
        case inspect.NoneType():
            return "null"
    raise TypeError(f"no TypeScript form for {info}")


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" if line else line for line in text.splitlines())


def outputs() -> dict[Path, str]:
    """Every derived file and its text."""
    files = {
        ROOT / "protocol" / f"{name}.schema.json": schema(name, roots) for name, roots in SCHEMAS.items()
    }
    files[ROOT / "web" / "sdk" / "src" / "wire.gen.ts"] = typescript()
    return files


def differences() -> list[str]:
    """A unified diff per file that is not as it would be written; empty when all are."""
    found = []
    for path, text in outputs().items():
        have = path.read_text() if path.exists() else ""
        if have != text:
            name = str(path.relative_to(ROOT))
            lines = difflib.unified_diff(
                have.splitlines(), text.splitlines(), name, f"{name} (derived)", lineterm=""
            )
            found.append("\n".join(lines))
    return found


def main() -> int:
    """Writes the files, or with `--check` only says which differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file differs")
    if parser.parse_args().check:
        for difference in (found := differences()):
            print(difference)
        return 1 if found else 0
    for path, text in outputs().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
