# SPDX-License-Identifier: Apache-2.0
"""Flags that many commands have, and how they become a configuration."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from sealroom.core.config import Loaded, load
from sealroom.core.config.load import Value

ConfigFile = Annotated[
    Path | None, Parameter(name="--config", help="TOML file; `sealroom config sample` writes one.")
]
StateFolder = Annotated[Path | None, Parameter(name="--state", help="Folder of the database and keys.")]
AsJson = Annotated[bool, Parameter(name="--json", help="One JSON object a line.", negative="")]

Revision = Annotated[
    int | None,
    Parameter(
        help="Change only what still has this revision, as `show` prints it; without it, whatever it has."
    ),
]


def loaded(config: Path | None, flags: dict[tuple[str, str], Value]) -> Loaded:
    """The configuration of this process."""
    return load(config, os.environ, flags)


def state_flag(state: Path | None) -> dict[tuple[str, str], Value]:
    """The setting that `--state` stands for."""
    return {} if state is None else {("state", "directory"): str(state)}
