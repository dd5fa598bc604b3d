# SPDX-License-Identifier: Apache-2.0
"""Reads configuration: defaults, below a TOML file, below the environment, below command-line flags.

A key that does not exist is an error that names the nearest one. Environment variables are `SEALROOM_SECTION__KEY`, with `_FILE` behind
it the name of a file that holds the value; lists are written with commas.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args, get_origin, get_type_hints

import msgspec

from sealroom.core.config.schema import Configuration, secrets
from sealroom.core.errors import ConfigurationError

PREFIX = "SEALROOM_"
DEFAULT = "default"
_FILE = "_FILE"

Value: TypeAlias = str | int | float | bool | tuple[str, ...]
Flags: TypeAlias = Mapping[tuple[str, str], Value]
"""Settings given on the command line, by section and key."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration, and for each setting (`section.key`) where its value came from."""

    configuration: Configuration
    origins: dict[str, str]


def load(path: Path | None, environment: Mapping[str, str], flags: Flags | None = None) -> Loaded:
    """Loads and checks.

    Raises:
        ConfigurationError: a file that cannot be read, an unknown key, or a value that does not fit.
    """
    origins = {f"{section}.{key}": DEFAULT for section, keys in sections().items() for key in keys}
    merged: dict[str, dict[str, object]] = {section: {} for section in sections()}
    if path is not None:
        document = _read(path)
        for section, key, value in _settings_of_file(document, path):
            merged[section][key] = value
            origins[f"{section}.{key}"] = str(path)
    for section, key, variable in _settings_of_environment(environment):
        merged[section][key] = _from_text(
            section, key, _content(variable, environment[variable], section, key)
        )
        origins[f"{section}.{key}"] = variable
    for (section, key), value in (flags or {}).items():
        merged[section][key] = value
        origins[f"{section}.{key}"] = "command line"
    return Loaded(_convert(merged, origins), origins)


def sections() -> dict[str, tuple[str, ...]]:
    """Names of all sections with the names of their keys."""
    defaults = Configuration()
    return {field: getattr(defaults, field).__struct_fields__ for field in Configuration.__struct_fields__}


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(
            "configuration_unreadable", f"{path} cannot be read.", "Check its name and its permissions."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "configuration_not_toml",
            f"{path} is not TOML: {error}.",
            "Compare with `sealroom config sample`.",
        ) from error


def _settings_of_file(document: dict[str, object], path: Path) -> list[tuple[str, str, object]]:
    found: list[tuple[str, str, object]] = []
    for section, keys in document.items():
        if section == "applications":
            raise ConfigurationError(
                "configuration_applications_moved",
                f"Applications do not stand in {path} any more, but in the database.",
                "Take [[applications]] out, and make them with `sealroom app create`, which takes number and key along.",
            )
        _must_exist(section, tuple(sections()), f"section in {path}")
        if not isinstance(keys, dict):
            raise ConfigurationError(
                "configuration_not_a_section",
                f"`{section}` in {path} is not a section.",
                f"Write [{section}].",
            )
        for key, value in keys.items():
            _must_exist(key, sections()[section], f"key in [{section}] of {path}")
            found.append((section, key, value))
    return found


def _settings_of_environment(environment: Mapping[str, str]) -> list[tuple[str, str, str]]:
    known = {
        f"{PREFIX}{section}__{key}".upper(): (section, key)
        for section, keys in sections().items()
        for key in keys
    }
    # A secret may lie in a file that another program puts there.
    known |= {f"{variable}{_FILE}": place for variable, place in known.items()}
    # One underscore too few must not leave a setting out in silence.
    slips = {variable.replace("__", "_") for variable in known}
    found: list[tuple[str, str, str]] = []
    for variable, value in environment.items():
        # Kubernetes tells every container of a service `sealroom-media` with SEALROOM_MEDIA_PORT=tcp://10.0.0.1:443.
        of_cluster = variable.endswith("_PORT") and value.startswith(("tcp://", "udp://", "sctp://"))
        if variable.startswith(PREFIX) and ("__" in variable or (variable in slips and not of_cluster)):
            _must_exist(variable, tuple(known), "environment variable")
            if f"{variable}{_FILE}" in environment:
                raise ConfigurationError(
                    "configuration_set_twice",
                    f"{variable} and {variable}{_FILE} are both set.",
                    "Unset one of them.",
                )
            found.append((*known[variable], variable))
    return found


def _content(variable: str, text: str, section: str, key: str) -> str:
    """What a variable says, or the file that it names. Raises ConfigurationError for a file that cannot be read."""
    if variable == f"{PREFIX}{section}__{key}".upper():
        return text
    try:
        return Path(text).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "configuration_secret_unreadable",
            f"The file that {variable} names cannot be read.",
            "Check its name and permissions.",
        ) from error


def _must_exist(name: str, known: tuple[str, ...], what: str) -> None:
    if name in known:
        return
    nearest = difflib.get_close_matches(name, known, 1, 0.0)
    raise ConfigurationError(
        "configuration_key_unknown", f"There is no {what} called `{name}`.", f"Did you mean `{nearest[0]}`?"
    )


def _from_text(section: str, key: str, text: str) -> object:
    """A list where the default is one, else the text itself; numbers and switches are read when the whole is checked."""
    if isinstance(getattr(getattr(Configuration(), section), key), tuple):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _convert(merged: dict[str, dict[str, object]], origins: dict[str, str]) -> Configuration:
    found: dict[str, object] = {}
    for section, values in merged.items():
        kind = type(getattr(Configuration(), section))
        try:
            # Not strict, so that numbers and switches may come from the environment as text.
            found[section] = msgspec.convert(values, kind, strict=False)
        except msgspec.ValidationError as error:
            of = {key: origins[f"{section}.{key}"] for key in values}
            # Without the first error, which may have the value in it.
            raise _misfit(section, kind, of, str(error)) from None
    return Configuration(**found)  # type: ignore[arg-type]


def _misfit(
    section: str, kind: type[msgspec.Struct], origins: Mapping[str, str], said: str
) -> ConfigurationError:
    """What is said of a section that does not fit. **No value that is secret, or that a file held whose name may be a slip, is in it.**"""
    told, _, place = said.partition(" - at `$.")
    key = re.split(r"\W", place)[0]
    if key not in origins:
        hidden, where = True, f"[{section}]"
        places = sorted(set(origins.values()) - {DEFAULT})
    else:
        hidden = key in secrets(kind) or origins[key].endswith(_FILE)
        where, places = f"[{section}] {key}", [origins[key]]
    if hidden and not told.startswith("Expected "):
        told = "it is none of what it can be"
    if allowed := _allowed(get_type_hints(kind).get(key)):
        told += f"; it takes {', '.join(allowed)}"
    return ConfigurationError(
        "configuration_value_invalid",
        f"{where} does not fit: {told}.",
        f"Look into {' and '.join(places)}; `sealroom config sample` documents every key.",
    )


def _allowed(hint: object) -> list[str]:
    """The words that a setting can be, where these are few."""
    return [str(word) for word in get_args(hint)] if get_origin(hint) is Literal else []
