# SPDX-License-Identifier: Apache-2.0
"""`sealroom site`: this site's part of the directory, and what is known of others."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from cyclopts import App

from sealroom.cli.flags import AsJson, ConfigFile, StateFolder, loaded, state_flag
from sealroom.cli.kept import with_kept

if TYPE_CHECKING:
    from sealroom.kept import Kept

app = App(
    name="site",
    help="Which site serves which application: what this one tells others, and what it knows of them.",
)


@app.command(name="list")
def site_list(*, json: AsJson = False, state: StateFolder = None, config: ConfigFile = None) -> None:
    """Print the sites of the directory: name, where it answers, number of applications, API keys and accounts."""
    from sealroom.regions.directory import Contents, read

    settings = loaded(config, state_flag(state)).configuration.site
    contents = read(Path(settings.directory)) if settings.directory else Contents()
    for name, told in sorted(contents.sites.items()):
        counted = {
            kind: sum(site == name for site in getattr(contents, kind).values())
            for kind in ("applications", "secret_ids", "accounts")
        }
        if json:
            row = {"site": name, "signalling": told.signalling, "api": told.api, **counted}
            print(msgspec.json.encode(row).decode())
        else:
            here = " (this one)" if name == settings.name else ""
            print(f"{name}{here}", told.signalling, told.api, *counted.values(), sep="\t")


@app.command(name="export")
def site_export(*, state: StateFolder = None, config: ConfigFile = None) -> None:
    """Print this site's part of the directory, for the operator to bring to all sites. It names nobody."""
    from sealroom.regions.directory import Contents, write
    from sealroom.regions.service import endpoints_of, entries

    configuration = loaded(config, state_flag(state)).configuration
    endpoints = endpoints_of(configuration)

    async def work(kept: "Kept") -> Contents:
        return await entries(kept.database, configuration.site.name, endpoints)

    print(write(with_kept(config, state, work)), end="")
