# SPDX-License-Identifier: Apache-2.0
"""`sealroom config`: what is configured."""

from typing import Annotated

from cyclopts import App, Parameter

from sealroom.cli.flags import ConfigFile, loaded
from sealroom.core.config.describe import effective, sample

app = App(name="config", help="Show what is configured, or a documented sample.")


@app.default
def config_print(
    *,
    print_: Annotated[
        bool, Parameter(name="--print", help="The same as `sealroom config show`.", negative="")
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Show what is configured, or a documented sample."""
    if print_:
        config_show(config=config)
    else:
        app.help_print()


@app.command(name="show")
def config_show(*, config: ConfigFile = None) -> None:
    """Print every setting as it stands, and where it came from. Secrets are masked."""
    print(effective(loaded(config, {})), end="")


@app.command(name="sample")
def config_sample() -> None:
    """Print a TOML file with every key, its default, and what it does."""
    print(sample(), end="")
