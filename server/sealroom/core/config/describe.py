# SPDX-License-Identifier: Apache-2.0
"""Writes configuration for people: a documented sample, and the effective values with where each came from."""

import re
import textwrap
from collections.abc import Iterator
from typing import Annotated, get_args, get_origin, get_type_hints

import msgspec

from sealroom.core.config.load import Loaded, sections
from sealroom.core.config.schema import Configuration, secrets

_WIDTH = 100


def sample() -> str:
    """A TOML file with every key, its default and what it does."""
    lines = ["# Sealroom, operator's side. Every key with its default; delete what you do not change."]
    for section in sections():
        settings = getattr(Configuration(), section)
        lines += ["", *_comment(type(settings).__doc__ or ""), f"[{section}]"]
        for key, description in descriptions(type(settings)).items():
            lines += [*_comment(description), f"{key} = {_toml(getattr(settings, key))}"]
    return "\n".join(lines) + "\n"


def effective(loaded: Loaded) -> str:
    """Every setting as it stands, with its origin; passwords masked."""
    lines: list[str] = []
    for section, keys in sections().items():
        settings = getattr(loaded.configuration, section)
        for key in keys:
            shown = f"{section}.{key} = {_shown(settings, key)}"
            lines.append(f"{shown:60}  # {loaded.origins[f'{section}.{key}']}")
    return "\n".join(lines) + "\n"


def changed_settings(configuration: Configuration) -> dict[str, str]:
    """Every setting that is not the default, as TOML; passwords masked."""
    defaults, found = Configuration(), {}
    for section, keys in sections().items():
        settings, usual = getattr(configuration, section), getattr(defaults, section)
        for key in keys:
            if getattr(settings, key) != getattr(usual, key):
                found[f"{section}.{key}"] = _shown(settings, key)
    return found


def descriptions(kind: type[msgspec.Struct]) -> dict[str, str]:
    """What turning each key of a section does."""
    hints = get_type_hints(kind, include_extras=True)
    return {key: " ".join(_descriptions_in(hints[key])) for key in kind.__struct_fields__}


def _descriptions_in(hint: object) -> Iterator[str]:
    if get_origin(hint) is Annotated:
        for extra in get_args(hint)[1:]:
            if isinstance(extra, msgspec.Meta) and extra.description:
                yield extra.description


def _shown(settings: msgspec.Struct, key: str) -> str:
    """A value as TOML, or that there is one."""
    value = getattr(settings, key)
    return _toml("***" if value and key in secrets(type(settings)) else _masked(value))


def _masked(value: object) -> object:
    """Hides the password of a URL: all up to the last `@`, for not everybody writes a `/` or an `@` in it as a URL wants them."""
    return (
        re.sub(r"(://[^/@\s]*?:)\S*@|([?&](?:ssl)?password=)[^&]*", _mask, value)
        if isinstance(value, str)
        else value
    )


def _mask(found: re.Match[str]) -> str:
    return f"{found[1]}***@" if found[1] else f"{found[2]}***"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, _WIDTH, break_on_hyphens=False)]


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, str):
        return msgspec.json.encode(value).decode()
    return str(value)
