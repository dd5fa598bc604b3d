# SPDX-License-Identifier: Apache-2.0
"""Configuration: one TOML file under an overlay of environment variables; strict, documented, and able to say where a value came from."""

from sealroom.core.config.load import Loaded, load
from sealroom.core.config.schema import Configuration

__all__ = ["Configuration", "Loaded", "load"]
